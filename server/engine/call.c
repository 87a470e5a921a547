#include "server/engine/call.h"

#include <math.h>
#include <string.h>

#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

enum {
    CALL_COPY_BYTES = 256 << 10,
    BLOBS_AT_ONCE = 290, // a chunk of a list
};

// ---- lookups

const struct entry *call_lookup(struct call *call, struct slice key) {
    struct engine *engine = call->engine;
    const struct entry *entry =
        keyspace_find(store_keyspace(engine->store), call->db, key, call->now_ms);
    // As in Redis, hits and misses are those of reading commands; of one that is executed in pieces
    // the first counts.
    if ((call->command->traits & COMMAND_WRITES) == 0 && call->client->cold == NULL) {
        if (entry == NULL) {
            engine->stats.keyspace_misses++;
        } else {
            engine->stats.keyspace_hits++;
        }
    }
    if (entry != NULL && !call->client->no_touch) store_touch(engine->store, entry, call->now_ms);
    return entry;
}

bool call_lookup_type(struct call *call, struct slice key, enum value_type type,
                      const struct entry **out) {
    *out = call_lookup(call, key);
    if (*out == NULL || (*out)->type == type) return true;
    call_wrong_type(call);
    return false;
}

const struct entry *call_peek(struct call *call, unsigned db, struct slice key) {
    return keyspace_find(store_keyspace(call->engine->store), db, key, call->now_ms);
}

// ---- answering

void call_wrong_type(struct call *call) {
    reply_error(&call->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

void call_syntax_error(struct call *call) {
    reply_error(&call->reply, "ERR syntax error");
}

void call_wrong_arity(struct call *call) {
    reply_errorf(&call->reply, "ERR wrong number of arguments for '%s' command", call->full_name);
}

void reply_unreadable(struct reply *reply, enum err err) {
    reply_error(
        reply,
        err == ERR_CORRUPT
            ? "ERR CORRUPT the stored value is damaged on disk and is not served; the server's log "
              "names the place, ackd-check on the data directory tells what else is hurt"
            : "ERR IO the stored value cannot be read from disk now; the server's log names the "
              "place, check the disk");
}

void call_write_bulk(struct reply *reply, struct slice bytes, enum err err) {
    if (err == ERR_NONE) {
        reply_bulk(reply, bytes);
    } else {
        reply_unreadable(reply, err);
    }
}

static void write_bulk(struct reply *reply, struct slice bytes, enum err err, const void *extra) {
    (void)extra;
    call_write_bulk(reply, bytes, err);
}

static const struct outbox_form bulk_form = {.write = write_bulk};

// Whether a payload goes into the reply by reference: it is not in memory, or so much waits to be
// sent that copies would only wait with it.
static bool comes_later(const struct call *call, const struct blob *blob, struct slice bytes) {
    if (blob_kind(blob) != BLOB_REF) return false;
    return bytes.data == NULL || outbox_pending(&call->client->outbox) > CALL_COPY_BYTES;
}

void call_reply_payload(struct call *call, const struct outbox_form *form, const struct blob *blob,
                        const void *extra) {
    struct store *store = call->engine->store;
    const struct slice bytes = store_resident(store, blob);
    if (comes_later(call, blob, bytes)) {
        outbox_add(&call->client->outbox, form, blob, extra);
    } else {
        form->write(&call->reply, slice_of(bytes.data, blob_len(blob)), ERR_NONE, extra);
    }
}

void call_reply_blob(struct call *call, const struct blob *blob) {
    call_reply_payload(call, &bulk_form, blob, NULL);
}

static size_t refs_at(const struct blob *blobs, size_t count) {
    size_t refs = 0;
    while (refs < count && blob_kind(&blobs[refs]) == BLOB_REF)
        refs++;
    return refs;
}

void call_reply_blobs(struct call *call, const struct blob *blobs, size_t count) {
    struct outbox *outbox = &call->client->outbox;
    while (count > 0) {
        size_t done = 1;
        const size_t refs = refs_at(blobs, count);
        if (refs > 0 && outbox_pending(outbox) > CALL_COPY_BYTES) {
            outbox_add_row(outbox, &bulk_form, blobs, refs);
            done = refs;
        } else {
            call_reply_blob(call, blobs);
        }
        blobs += done;
        count -= done;
    }
}

static void reply_backward(struct call *call, const struct list *list, size_t from, size_t count) {
    struct list_cursor cursor = list_cursor_at(list, from + count);
    struct blob blob;
    for (size_t i = 0; i < count && list_cursor_prev(&cursor, &blob); i++)
        call_reply_blob(call, &blob);
}

void call_reply_list(struct call *call, const struct list *list, size_t from, size_t count,
                     bool backward) {
    if (call_wants_snapshot(call, count)) {
        call_share_list(call, list, from, count, backward);
        return;
    }
    if (backward) {
        reply_backward(call, list, from, count);
        return;
    }
    struct list_cursor cursor = list_cursor_at(list, from);
    struct blob blobs[BLOBS_AT_ONCE];
    while (count > 0) {
        const size_t some = list_cursor_read(&cursor, blobs, num_min(count, BLOBS_AT_ONCE));
        if (some == 0) return;
        call_reply_blobs(call, blobs, some);
        count -= some;
    }
}

void call_replace_head(struct call *call, size_t old_len, struct slice head) {
    struct outbox *outbox = &call->client->outbox;
    must(head.len <= old_len);
    outbox_take_out(outbox, 0, old_len - head.len);
    memcpy(outbox->bytes.data + outbox->settled, head.data, head.len);
}

// ---- arguments

bool call_arg_i64(struct call *call, size_t index, int64_t *out) {
    return call_arg_range_i64(call, index, INT64_MIN, INT64_MAX,
                              "ERR value is not an integer or out of range", out);
}

bool call_arg_range_i64(struct call *call, size_t index, int64_t min, int64_t max,
                        const char *error, int64_t *out) {
    int64_t value = 0;
    if (index < call->argc && num_parse_i64(call->argv[index], &value) && value >= min &&
        value <= max) {
        *out = value;
        return true;
    }
    reply_error(&call->reply, error);
    return false;
}

bool call_arg_is(const struct call *call, size_t index, const char *word) {
    return index < call->argc && slice_is(call->argv[index], word);
}

bool call_arg_timeout(struct call *call, size_t index, int64_t *deadline_ms) {
    long double seconds = 0;
    if (index >= call->argc || !num_parse_long_double(call->argv[index], &seconds)) {
        reply_error(&call->reply, "ERR timeout is not a float or out of range");
        return false;
    }
    const long double ms = ceill(seconds * 1000);
    if (ms < 0) {
        reply_error(&call->reply, "ERR timeout is negative");
        return false;
    }
    // A long double holds every int64 exactly, so the comparison is, too.
    if (ms > (long double)(INT64_MAX - call->now_ms)) {
        reply_error(&call->reply, "ERR timeout is out of range");
        return false;
    }
    *deadline_ms = ms > 0 ? call->now_ms + (int64_t)ms : 0;
    return true;
}

// ---- room in the log

static size_t argument_bytes(const struct call *call) {
    size_t bytes = 0;
    for (size_t i = 0; i < call->argc; i++) {
        bytes += call->argv[i].len;
    }
    return bytes;
}

bool call_prepare(struct call *call, size_t bytes, size_t records) {
    struct log_need need = limits_need(call, argument_bytes(call));
    need.bytes += bytes;
    need.records += records;
    switch (limits_room(call->engine, &need)) {
    case ROOM_READY:
        return true;
    case ROOM_WAIT:
        return false;
    case ROOM_REFUSED:
        if (call->is_retry) return false; // a waiter goes on waiting
        call->engine->stats.refused_no_space++;
        reply_error(&call->reply, limits_no_space_text(call->engine));
        call->is_answered = true;
        return false;
    case ROOM_BROKEN:
        call->is_broken = true;
        return false;
    }
    return false;
}

void call_hide(struct call *call, size_t index) {
    if (index < SLOWLOG_ARGS_MAX) call->secrets |= UINT32_C(1) << index;
}
