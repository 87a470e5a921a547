// Streams by their ends and by ranges of ids, and what the other stream files share.
#include "server/commands/streams.h"

#include <string.h>

#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "storage/data/stream_snapshot.h"

// ---- shared

bool streams_find(struct call *call, struct slice key, const struct stream **out) {
    const struct entry *entry;
    *out = NULL;
    if (call->is_retry) {
        entry = call_lookup(call, key);
        if (entry != NULL && entry->type != TYPE_STREAM) return true;
    } else if (!call_lookup_type(call, key, TYPE_STREAM, &entry)) {
        return false;
    }
    if (entry != NULL) *out = entry->value.stream;
    return true;
}

size_t streams_format_id(char *out, struct stream_id id) {
    size_t len = num_format_u64(out, id.ms);
    out[len++] = '-';
    return len + num_format_u64(out + len, id.seq);
}

void streams_answer_id(struct call *call, struct stream_id id) {
    char text[STREAMS_ID_TEXT_MAX];
    reply_bulk(&call->reply, slice_of(text, streams_format_id(text, id)));
}

// ---- entries

static void write_fields(struct reply *reply, struct slice payload, enum err err,
                         const void *extra) {
    (void)extra;
    struct stream_fields fields;
    struct slice string;
    if (err != ERR_NONE) {
        reply_unreadable(reply, err);
        return;
    }
    if (!stream_fields_begin(&fields, payload)) {
        reply_unreadable(reply, ERR_CORRUPT);
        return;
    }
    reply_array(reply, fields.count);
    while (stream_fields_next(&fields, &string)) {
        reply_bulk(reply, string);
    }
}

static void write_id_and_fields(struct reply *reply, struct stream_id id, struct slice payload,
                                enum err err) {
    char text[STREAMS_ID_TEXT_MAX];
    reply_bulk(reply, slice_of(text, streams_format_id(text, id)));
    write_fields(reply, payload, err, NULL);
}

static void write_entry_of(struct reply *reply, struct stream_id id, struct slice payload,
                           enum err err) {
    reply_array(reply, 2);
    write_id_and_fields(reply, id, payload, err);
}

// With how long it has been idle, and how often it was delivered: XREADGROUP with CLAIM.
static void write_undelivered_of(struct reply *reply, struct stream_id id, struct slice payload,
                                 enum err err) {
    reply_array(reply, 4);
    write_id_and_fields(reply, id, payload, err);
    reply_int(reply, 0);
    reply_int(reply, 0);
}

static void write_entry(struct reply *reply, struct slice payload, enum err err,
                        const void *extra) {
    struct stream_id id;
    memcpy(&id, extra, sizeof id);
    write_entry_of(reply, id, payload, err);
}

static void write_undelivered(struct reply *reply, struct slice payload, enum err err,
                              const void *extra) {
    struct stream_id id;
    memcpy(&id, extra, sizeof id);
    write_undelivered_of(reply, id, payload, err);
}

static const struct outbox_form fields_form = {.write = write_fields};
static const struct outbox_form entry_form = {.extra_bytes = sizeof(struct stream_id),
                                              .write = write_entry};
static const struct outbox_form undelivered_form = {.extra_bytes = sizeof(struct stream_id),
                                                    .write = write_undelivered};
_Static_assert(sizeof(struct stream_id) <= OUTBOX_EXTRA_MAX, "an id goes with its payload");

void streams_answer_fields(struct call *call, const struct blob *payload) {
    call_reply_payload(call, &fields_form, payload, NULL);
}

void streams_answer_entry(struct call *call, const struct stream_entry *entry) {
    call_reply_payload(call, &entry_form, &entry->payload, &entry->id);
}

// ---- many entries: shared with the stream, and listed when they leave

static size_t entries_read(const void *snapshot, size_t skip, struct blob *out, size_t max) {
    return stream_snapshot_read(snapshot, skip, out, max);
}

static void entries_write(const void *snapshot, size_t skip, struct reply *reply,
                          struct slice payload, enum err err) {
    write_entry_of(reply, stream_snapshot_id(snapshot, skip), payload, err);
}

static void undelivered_write(const void *snapshot, size_t skip, struct reply *reply,
                              struct slice payload, enum err err) {
    write_undelivered_of(reply, stream_snapshot_id(snapshot, skip), payload, err);
}

static void entries_take(void *snapshot) {
    stream_snapshot_take(snapshot);
}

static size_t entries_memory(const void *snapshot) {
    return stream_snapshot_memory(snapshot);
}

static void entries_free(void *snapshot) {
    stream_snapshot_free(snapshot);
}

#define ENTRIES_KIND(write_one)                                                                    \
    {                                                                                              \
        .read = entries_read, .write = (write_one), .take = entries_take,                          \
        .memory = entries_memory, .free = entries_free                                             \
    }
static const struct call_snapshot_kind entry_kinds[] = {
    [STREAMS_PLAIN] = ENTRIES_KIND(entries_write),
    [STREAMS_NEVER_DELIVERED] = ENTRIES_KIND(undelivered_write),
};

void streams_answer_entries(struct call *call, const struct stream *stream,
                            const struct stream_range *range, enum streams_entry_form form) {
    static const struct outbox_form *const forms[] = {
        [STREAMS_PLAIN] = &entry_form,
        [STREAMS_NEVER_DELIVERED] = &undelivered_form,
    };
    const size_t count = stream_range_count(stream, range);
    if (count > 0 && call_wants_snapshot(call, count)) {
        struct stream_snapshot *snapshot = stream_snapshot_new(stream, range, count);
        call_reply_snapshot(call, &entry_kinds[form], snapshot, count);
        return;
    }
    struct stream_cursor cursor = stream_range_begin(stream, range);
    struct stream_entry entry;
    for (size_t i = 0; i < count; i++) {
        must(range->is_backward ? stream_prev(&cursor, &entry) : stream_next(&cursor, &entry));
        call_reply_payload(call, forms[form], &entry.payload, &entry.id);
    }
}

void streams_answer_range(struct call *call, const struct stream *stream,
                          const struct stream_range *range) {
    reply_array(&call->reply, stream_range_count(stream, range));
    streams_answer_entries(call, stream, range, STREAMS_PLAIN);
}

// ---- how long an entry is in a reply

// Written aside: nothing else knows how long it gets.
static uint64_t fields_bytes(struct slice payload, struct slice against) {
    (void)against;
    struct buf text = {0};
    struct reply reply = {.out = &text, .version = RESP2};
    write_fields(&reply, payload, ERR_NONE, NULL);
    const size_t bytes = text.len;
    buf_deinit(&text);
    return bytes;
}

static size_t id_bytes(struct stream_id id) {
    char text[STREAMS_ID_TEXT_MAX];
    char digits[NUM_I64_TEXT_MAX];
    const size_t len = streams_format_id(text, id);
    return strlen("$") + num_format_u64(digits, len) + strlen("\r\n") + len + strlen("\r\n");
}

size_t streams_entry_bytes(struct call *call, const struct stream_entry *entry) {
    uint64_t fields;
    // Not known yet, or never: no more than it is, so that all that will be needed is asked for.
    if (call_fact(call, &entry->payload, fields_bytes, SLICE_EMPTY, &fields) != ERR_NONE)
        fields = blob_len(&entry->payload);
    return strlen("*2\r\n") + id_bytes(entry->id) + (size_t)fields;
}

// ---- XLEN, XRANGE, XREVRANGE

enum call_result cmd_xlen(struct call *call) {
    const struct stream *stream;
    if (!streams_find(call, call->argv[1], &stream)) return CALL_DONE;
    reply_int(&call->reply, stream == NULL ? 0 : (int64_t)stream_len(stream));
    return CALL_DONE;
}

static bool read_range_count(struct call *call, uint64_t *out) {
    int64_t count = -1;
    *out = UINT64_MAX;
    for (size_t i = 4; i < call->argc; i += 2) {
        if (!call_arg_is(call, i, "count") || i + 1 == call->argc) {
            call_syntax_error(call);
            return false;
        }
        if (!call_arg_i64(call, i + 1, &count)) return false;
        *out = count < 0 ? 0 : (uint64_t)count;
    }
    return true;
}

static enum call_result range_of(struct call *call, bool is_backward) {
    struct stream_range range = {.is_backward = is_backward};
    const struct stream *stream;
    if (!streams_arg_lower(call, is_backward ? 3 : 2, &range.from)) return CALL_DONE;
    if (!streams_arg_upper(call, is_backward ? 2 : 3, &range.to)) return CALL_DONE;
    if (!read_range_count(call, &range.max)) return CALL_DONE;
    if (!streams_find(call, call->argv[1], &stream)) return CALL_DONE;
    if (stream == NULL) {
        reply_array(&call->reply, 0);
    } else if (range.max == 0) {
        reply_null_array(&call->reply);
    } else {
        streams_answer_range(call, stream, &range);
    }
    return CALL_DONE;
}

enum call_result cmd_xrange(struct call *call) {
    return range_of(call, false);
}

enum call_result cmd_xrevrange(struct call *call) {
    return range_of(call, true);
}
