// Looking at what is pending and at who works on it: XPENDING, XINFO GROUPS, XINFO CONSUMERS.
#include <stdlib.h>

#include "proto/base/num.h"
#include "server/commands/groups.h"
#include "server/commands/groups_idle.h"
#include "server/commands/handlers.h"

// ---- XPENDING

static void answer_consumers(struct call *call, const struct group *group) {
    const size_t count = group_consumer_count(group);
    size_t busy = 0;
    for (size_t i = 0; i < count; i++) {
        busy += consumer_pending_count(group_consumer_at(group, i)) > 0;
    }
    reply_array(&call->reply, busy);
    for (size_t i = 0; i < count; i++) {
        const struct consumer *consumer = group_consumer_at(group, i);
        const size_t pending = consumer_pending_count(consumer);
        if (pending == 0) continue;
        reply_array(&call->reply, 2);
        reply_bulk(&call->reply, consumer_name(consumer));
        reply_bulk_int(&call->reply, (int64_t)pending);
    }
}

static void answer_summary(struct call *call, const struct group *group) {
    struct pending_cursor cursor = group_seek(group, STREAM_ID_MIN);
    struct pending first;
    struct pending last;
    reply_array(&call->reply, 4);
    reply_int(&call->reply, (int64_t)group_pending_count(group));
    if (!pending_next(&cursor, &first) || !group_last_pending(group, &last)) {
        reply_null(&call->reply);
        reply_null(&call->reply);
        reply_null_array(&call->reply);
        return;
    }
    streams_answer_id(call, first.id);
    streams_answer_id(call, last.id);
    answer_consumers(call, group);
}

struct pending_query {
    int64_t min_idle_ms; // 0: all
    struct stream_id start;
    struct stream_id end;
    uint64_t count;
    bool has_consumer;
    struct slice consumer;
};

// [IDLE min-idle-time] start end count [consumer]
static bool read_query(struct call *call, struct pending_query *out) {
    size_t at = 3;
    int64_t count;
    *out = (struct pending_query){0};
    if (call_arg_is(call, at, "idle")) {
        if (!call_arg_i64(call, at + 1, &out->min_idle_ms)) return false;
        if (call->argc < 8) {
            call_syntax_error(call);
            return false;
        }
        at += 2;
    }
    if (!call_arg_i64(call, at + 2, &count)) return false;
    out->count = count < 0 ? 0 : (uint64_t)count;
    if (!streams_arg_lower(call, at, &out->start)) return false;
    if (!streams_arg_upper(call, at + 1, &out->end)) return false;
    out->has_consumer = at + 3 < call->argc;
    if (out->has_consumer) out->consumer = call->argv[at + 3];
    return true;
}

static bool query_wants(const struct pending_query *query, const struct pending *pending,
                        const struct consumer *consumer, int64_t now_ms) {
    if (consumer != NULL && pending->consumer != consumer) return false;
    if (query->min_idle_ms <= 0 || pending->consumer == NULL) return true;
    return groups_idle_ms(pending, now_ms) >= query->min_idle_ms;
}

static void collect_by_id(const struct call *call, const struct pending_query *query,
                          struct pending_cursor cursor, const struct consumer *consumer,
                          struct id_list *found) {
    struct pending pending;
    while (id_list_count(found) < query->count && pending_next(&cursor, &pending)) {
        if (stream_id_compare(pending.id, query->end) > 0) return;
        if (query_wants(query, &pending, consumer, call->now_ms)) id_list_add(found, pending.id);
    }
}

// The ids of what is idle for long enough lie together by time, but the answer is by id.
static void collect_idle(const struct call *call, const struct pending_query *query,
                         const struct group *group, struct id_list *found) {
    struct id_list idle = {0};
    idle_collect(group, idle_since(call->now_ms, query->min_idle_ms), query->start, query->count,
                 &idle);
    for (size_t i = 0; i < id_list_count(&idle); i++) {
        const struct stream_id id = id_list_items(&idle)[i];
        if (stream_id_compare(id, query->end) > 0) break;
        id_list_add(found, id);
    }
    buf_deinit(&idle.items);
}

static void answer_pending(struct call *call, const struct group *group, struct stream_id id) {
    struct pending pending;
    if (!group_find(group, id, &pending)) return; // it was there a moment ago
    reply_array(&call->reply, 4);
    streams_answer_id(call, id);
    reply_bulk(&call->reply,
               pending.consumer == NULL ? SLICE_EMPTY : consumer_name(pending.consumer));
    reply_int(&call->reply, groups_idle_ms(&pending, call->now_ms));
    reply_int(&call->reply, pending.deliveries);
}

static void answer_query(struct call *call, const struct group *group,
                         const struct pending_query *query) {
    const struct consumer *consumer =
        query->has_consumer ? group_consumer(group, query->consumer) : NULL;
    struct id_list found = {0};
    if (query->has_consumer) {
        if (consumer != NULL)
            collect_by_id(call, query, consumer_seek(consumer, query->start), consumer, &found);
    } else if (query->min_idle_ms > 0 &&
               idle_is_rare(group, idle_since(call->now_ms, query->min_idle_ms), query->count)) {
        collect_idle(call, query, group, &found);
    } else {
        collect_by_id(call, query, group_seek(group, query->start), NULL, &found);
    }
    reply_array(&call->reply, id_list_count(&found));
    for (size_t i = 0; i < id_list_count(&found); i++) {
        answer_pending(call, group, id_list_items(&found)[i]);
    }
    buf_deinit(&found.items);
}

enum call_result cmd_xpending(struct call *call) {
    const bool is_summary = call->argc == 3;
    struct pending_query query;
    struct group_place place;
    if (!is_summary && (call->argc < 6 || call->argc > 9)) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    if (!is_summary && !read_query(call, &query)) return CALL_DONE;
    if (!groups_need(call, call->argv[1], call->argv[2], &place)) return CALL_DONE;
    if (is_summary) {
        answer_summary(call, place.group);
    } else {
        answer_query(call, place.group, &query);
    }
    return CALL_DONE;
}

// ---- XINFO GROUPS, XINFO CONSUMERS

static bool need_key(struct call *call, const struct group_place *place) {
    if (place->stream != NULL) return true;
    reply_error(&call->reply, "ERR no such key");
    return false;
}

static void reply_known(struct call *call, const char *name, int64_t value) {
    reply_bulk_str(&call->reply, name);
    if (value < 0) {
        reply_null(&call->reply);
    } else {
        reply_int(&call->reply, value);
    }
}

static void reply_number(struct call *call, const char *name, int64_t value) {
    reply_bulk_str(&call->reply, name);
    reply_int(&call->reply, value);
}

enum call_result cmd_xinfo_groups(struct call *call) {
    struct group_place place;
    if (!groups_find(call, call->argv[2], SLICE_EMPTY, &place)) return CALL_DONE;
    if (!need_key(call, &place)) return CALL_DONE;
    const size_t count = stream_group_count(place.stream);
    reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        const struct group *group = stream_group_at(place.stream, i);
        reply_map(&call->reply, 6);
        reply_bulk_str(&call->reply, "name");
        reply_bulk(&call->reply, group_name(group));
        reply_number(call, "consumers", (int64_t)group_consumer_count(group));
        reply_number(call, "pending", (int64_t)group_pending_count(group));
        reply_bulk_str(&call->reply, "last-delivered-id");
        streams_answer_id(call, group_last_id(group));
        reply_known(call, "entries-read", group_entries_read(group));
        reply_known(call, "lag", stream_lag(place.stream, group));
    }
    return CALL_DONE;
}

static int64_t since(int64_t at_ms, int64_t now_ms) {
    return at_ms < now_ms ? now_ms - at_ms : 0;
}

enum call_result cmd_xinfo_consumers(struct call *call) {
    struct group_place place;
    if (!groups_find(call, call->argv[2], call->argv[3], &place)) return CALL_DONE;
    if (!need_key(call, &place)) return CALL_DONE;
    if (place.group == NULL) {
        groups_no_such_group(call, &place);
        return CALL_DONE;
    }
    const size_t count = group_consumer_count(place.group);
    reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        const struct consumer *consumer = group_consumer_at(place.group, i);
        const int64_t active_ms = consumer_active_ms(consumer);
        reply_map(&call->reply, 4);
        reply_bulk_str(&call->reply, "name");
        reply_bulk(&call->reply, consumer_name(consumer));
        reply_number(call, "pending", (int64_t)consumer_pending_count(consumer));
        reply_number(call, "idle", since(consumer_seen_ms(consumer), call->now_ms));
        reply_number(call, "inactive",
                     active_ms == CONSUMER_NEVER_ACTIVE ? -1 : since(active_ms, call->now_ms));
    }
    return CALL_DONE;
}
