// XINFO STREAM: a stream from outside, and (FULL) with its groups, consumers and pending entries.
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/streams.h"
#include "storage/data/group.h"

enum { FULL_COUNT = 10 }; // entries shown of each kind, unless told

// ---- shared by both forms

static void field_int(struct call *call, const char *name, int64_t value) {
    reply_bulk_str(&call->reply, name);
    reply_int(&call->reply, value);
}

static void field_id(struct call *call, const char *name, struct stream_id id) {
    reply_bulk_str(&call->reply, name);
    streams_answer_id(call, id);
}

// A count that may be lost: then it is null.
static void field_count(struct call *call, const char *name, int64_t value) {
    reply_bulk_str(&call->reply, name);
    if (value < 0) {
        reply_null(&call->reply);
    } else {
        reply_int(&call->reply, value);
    }
}

enum { COMMON_FIELDS = 13 };

static void answer_common(struct call *call, const struct stream *stream) {
    const struct stream_idmp idmp = stream_idmp(stream);
    const int64_t nodes = (int64_t)stream_node_count(stream);
    field_int(call, "length", (int64_t)stream_len(stream));
    field_int(call, "radix-tree-keys", nodes);
    field_int(call, "radix-tree-nodes", nodes + 1); // there is no such tree: about what it would be
    field_id(call, "last-generated-id", stream_last_id(stream));
    field_id(call, "max-deleted-entry-id", stream_max_deleted_id(stream));
    field_int(call, "entries-added", (int64_t)stream_entries_added(stream));
    field_id(call, "recorded-first-entry-id", stream_first_id(stream));
    field_int(call, "idmp-duration", idmp.duration_s);
    field_int(call, "idmp-maxsize", idmp.max_size);
    field_int(call, "pids-tracked", (int64_t)idmp.producers);
    field_int(call, "iids-tracked", (int64_t)idmp.ids);
    field_int(call, "iids-added", (int64_t)idmp.ids_added);
    field_int(call, "iids-duplicates", (int64_t)idmp.ids_duplicates);
}

// ---- in short

static void field_entry(struct call *call, const char *name, bool is_there,
                        const struct stream_entry *entry) {
    reply_bulk_str(&call->reply, name);
    if (is_there) {
        streams_answer_entry(call, entry);
    } else {
        reply_null(&call->reply);
    }
}

static void answer_short(struct call *call, const struct stream *stream) {
    struct stream_cursor first = stream_seek(stream, STREAM_ID_MIN);
    struct stream_cursor last = stream_seek_behind(stream, STREAM_ID_MAX);
    struct stream_entry entry;
    reply_map(&call->reply, COMMON_FIELDS + 3);
    answer_common(call, stream);
    field_int(call, "groups", (int64_t)stream_group_count(stream));
    bool is_there = stream_next(&first, &entry);
    field_entry(call, "first-entry", is_there, &entry);
    is_there = stream_prev(&last, &entry);
    field_entry(call, "last-entry", is_there, &entry);
}

// ---- in full

static void answer_entries(struct call *call, const struct stream *stream, size_t count) {
    const struct stream_range range = {.to = STREAM_ID_MAX, .max = count};
    reply_bulk_str(&call->reply, "entries");
    streams_answer_range(call, stream, &range);
}

static void answer_group_pending(struct call *call, const struct group *group, size_t count) {
    struct pending_cursor cursor = group_seek(group, STREAM_ID_MIN);
    struct pending pending;
    reply_bulk_str(&call->reply, "pending");
    reply_array(&call->reply, num_min(count, group_pending_count(group)));
    for (size_t i = 0; i < count && pending_next(&cursor, &pending); i++) {
        reply_array(&call->reply, 4);
        streams_answer_id(call, pending.id);
        reply_bulk(&call->reply,
                   pending.consumer == NULL ? SLICE_EMPTY : consumer_name(pending.consumer));
        reply_int(&call->reply, pending.delivered_ms);
        reply_int(&call->reply, pending.deliveries);
    }
}

static void answer_consumer(struct call *call, const struct consumer *consumer, size_t count) {
    struct pending_cursor cursor = consumer_seek(consumer, STREAM_ID_MIN);
    struct pending pending;
    reply_map(&call->reply, 5);
    reply_bulk_str(&call->reply, "name");
    reply_bulk(&call->reply, consumer_name(consumer));
    field_int(call, "seen-time", consumer_seen_ms(consumer));
    field_int(call, "active-time", consumer_active_ms(consumer));
    field_int(call, "pel-count", (int64_t)consumer_pending_count(consumer));
    reply_bulk_str(&call->reply, "pending");
    reply_array(&call->reply, num_min(count, consumer_pending_count(consumer)));
    for (size_t i = 0; i < count && pending_next(&cursor, &pending); i++) {
        reply_array(&call->reply, 3);
        streams_answer_id(call, pending.id);
        reply_int(&call->reply, pending.delivered_ms);
        reply_int(&call->reply, pending.deliveries);
    }
}

static void answer_group(struct call *call, const struct stream *stream, const struct group *group,
                         size_t count) {
    reply_map(&call->reply, 8);
    reply_bulk_str(&call->reply, "name");
    reply_bulk(&call->reply, group_name(group));
    field_id(call, "last-delivered-id", group_last_id(group));
    field_count(call, "entries-read", group_entries_read(group));
    field_count(call, "lag", stream_lag(stream, group));
    field_int(call, "pel-count", (int64_t)group_pending_count(group));
    field_int(call, "nacked-count", (int64_t)group_nacked_count(group));
    answer_group_pending(call, group, count);
    const size_t consumers = group_consumer_count(group);
    reply_bulk_str(&call->reply, "consumers");
    reply_array(&call->reply, consumers);
    for (size_t i = 0; i < consumers; i++) {
        answer_consumer(call, group_consumer_at(group, i), count);
    }
}

static void answer_full(struct call *call, const struct stream *stream, size_t count) {
    const size_t groups = stream_group_count(stream);
    reply_map(&call->reply, COMMON_FIELDS + 2);
    answer_common(call, stream);
    answer_entries(call, stream, count);
    reply_bulk_str(&call->reply, "groups");
    reply_array(&call->reply, groups);
    for (size_t i = 0; i < groups; i++) {
        answer_group(call, stream, stream_group_at(stream, i), count);
    }
}

// FULL [COUNT count], of which count 0 means all.
static bool read_full(struct call *call, size_t *count) {
    const bool has_count = call->argc == 6 && call_arg_is(call, 4, "count");
    int64_t value = FULL_COUNT;
    if (!call_arg_is(call, 3, "full") || !(call->argc == 4 || has_count)) {
        help_wrong_subcommand(call);
        return false;
    }
    if (has_count && !call_arg_i64(call, 5, &value)) return false;
    if (value < 0) value = FULL_COUNT;
    *count = value == 0 ? SIZE_MAX : (size_t)value;
    return true;
}

enum call_result cmd_xinfo_stream(struct call *call) {
    const struct stream *stream;
    size_t count;
    if (!streams_find(call, call->argv[2], &stream)) return CALL_DONE;
    if (stream == NULL) {
        reply_error(&call->reply, "ERR no such key");
    } else if (call->argc == 3) {
        answer_short(call, stream);
    } else if (read_full(call, &count)) {
        answer_full(call, stream, count);
    }
    return CALL_DONE;
}
