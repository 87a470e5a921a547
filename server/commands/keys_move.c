// Keys that get another name or another database. Payloads go by reference; still each element
// costs some bytes of log, so that room is asked for before anything changes.
#include "server/commands/args.h"
#include "server/commands/handlers.h"
#include "storage/data/group.h"

enum {
    ELEMENT_BYTES = BLOB_MEMORY_MAX + 32, // of log per element at most: its bytes or a reference
    ELEMENTS_PER_RECORD = 64,             // fewer than the store puts into one
};

// Groups, consumers (twice: made, and what is pending) and idempotent ids take records of their
// own.
static size_t stream_copy_records(const struct stream *stream) {
    size_t records = stream_idmp(stream).ids + 2 * stream_group_count(stream);
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        const struct group *group = stream_group_at(stream, i);
        records += 2 * group_consumer_count(group);
        records += group_pending_count(group) / ELEMENTS_PER_RECORD;
    }
    return records;
}

// Asks for the room a copy of the entry takes.
static bool prepare_copy(struct call *call, const struct entry *entry) {
    size_t elements = 1;
    size_t bytes = 0;
    size_t records = 4;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        if (blob_kind(&entry->value.string) != BLOB_REF) bytes = blob_len(&entry->value.string);
        break;
    case TYPE_LIST:
        elements = list_len(entry->value.list);
        break;
    case TYPE_HASH:
        elements = hash_len(entry->value.hash);
        bytes = hash_memory(entry->value.hash); // the fields are among it
        break;
    case TYPE_STREAM:
        elements = stream_len(entry->value.stream);
        bytes = stream_memory(entry->value.stream); // pending entries and names are among it
        records += stream_copy_records(entry->value.stream);
        break;
    }
    return call_prepare(call, bytes + elements * ELEMENT_BYTES,
                        records + elements / ELEMENTS_PER_RECORD);
}

static enum call_result rename_key(struct call *call, bool only_if_free, bool *renamed) {
    const struct slice from = call->argv[1];
    const struct slice to = call->argv[2];
    *renamed = false;
    const struct entry *entry = call_lookup(call, from);
    if (entry == NULL) {
        reply_error(&call->reply, "ERR no such key");
        return CALL_DONE;
    }
    if (only_if_free && call_peek(call, call->db, to) != NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    *renamed = true;
    if (slice_equal(from, to)) return CALL_DONE;
    if (!prepare_copy(call, entry)) return CALL_RETRY;
    txn_key_move(call->txn, call->db, from, call->db, to);
    return CALL_DONE;
}

enum call_result cmd_rename(struct call *call) {
    bool renamed;
    const enum call_result result = rename_key(call, false, &renamed);
    if (result == CALL_DONE && renamed) reply_ok(&call->reply);
    return result;
}

enum call_result cmd_renamenx(struct call *call) {
    bool renamed;
    const enum call_result result = rename_key(call, true, &renamed);
    if (result == CALL_DONE && renamed) reply_int(&call->reply, 1);
    return result;
}

static bool refuse_same(struct call *call) {
    reply_error(&call->reply, "ERR source and destination objects are the same");
    return false;
}

static bool read_copy_options(struct call *call, unsigned *db, bool *replaces) {
    *db = call->db;
    *replaces = false;
    for (size_t i = 3; i < call->argc; i++) {
        if (call_arg_is(call, i, "replace")) {
            *replaces = true;
        } else if (call_arg_is(call, i, "db") && i + 1 < call->argc) {
            if (!args_db(call, ++i, db)) return false;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    if (*db == call->db && slice_equal(call->argv[1], call->argv[2])) return refuse_same(call);
    return true;
}

enum call_result cmd_copy(struct call *call) {
    const struct slice from = call->argv[1];
    const struct slice to = call->argv[2];
    unsigned db;
    bool replaces;
    if (!read_copy_options(call, &db, &replaces)) return CALL_DONE;
    const struct entry *entry = call_lookup(call, from);
    if (entry == NULL || (!replaces && call_peek(call, db, to) != NULL)) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    if (!prepare_copy(call, entry)) return CALL_RETRY;
    txn_key_copy(call->txn, call->db, from, db, to);
    reply_int(&call->reply, 1);
    return CALL_DONE;
}

enum call_result cmd_move(struct call *call) {
    const struct slice key = call->argv[1];
    unsigned db;
    if (!args_db(call, 2, &db)) return CALL_DONE;
    if (db == call->db) {
        refuse_same(call);
        return CALL_DONE;
    }
    const struct entry *entry = call_lookup(call, key);
    if (entry == NULL || call_peek(call, db, key) != NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    if (!prepare_copy(call, entry)) return CALL_RETRY;
    txn_key_move(call->txn, call->db, key, db, key);
    reply_int(&call->reply, 1);
    return CALL_DONE;
}
