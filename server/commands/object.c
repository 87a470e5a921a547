// How keys are held: OBJECT, MEMORY, and the dump format that is not there yet. Looking here does
// not count as a use of the key.
#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"

// ---- OBJECT ENCODING answers what Redis 7.2 would say of the same value, from its sizes.

enum {
    EMBEDDED_STRING_MAX = 44,      // "embstr" up to here
    LISTPACK_BYTES_MAX = 8 * 1024, // list-max-listpack-size -2
    LISTPACK_FRAME_BYTES = 7,
};

static bool is_integer(const struct blob *blob, int64_t *out) {
    return blob_len(blob) < NUM_I64_TEXT_MAX && num_parse_i64(blob_bytes(blob), out);
}

static const char *string_encoding(const struct blob *string) {
    int64_t unused;
    if (is_integer(string, &unused)) return "int";
    return blob_len(string) <= EMBEDDED_STRING_MAX ? "embstr" : "raw";
}

static size_t integer_bytes(int64_t value) {
    if (value >= 0 && value < 1 << 7) return 1;
    if (value >= -(1 << 12) && value < 1 << 12) return 2;
    if (value >= INT16_MIN && value <= INT16_MAX) return 3;
    if (value >= -(1 << 23) && value < 1 << 23) return 4;
    return value >= INT32_MIN && value <= INT32_MAX ? 5 : 9;
}

// What an element takes in Redis' packed form: a header, its bytes, and its length once more.
static size_t listpack_bytes(const struct blob *blob) {
    const size_t len = blob_len(blob);
    int64_t value;
    size_t bytes;
    if (is_integer(blob, &value)) {
        bytes = integer_bytes(value);
    } else {
        bytes = len + (len < 64 ? 1 : len < 4096 ? 2 : 5);
    }
    return bytes + (bytes < 128 ? 1 : 2);
}

// Ends early: each element takes two bytes or more.
static const char *list_encoding(const struct list *list) {
    struct list_cursor cursor = list_cursor_at(list, 0);
    struct blob blob;
    size_t bytes = LISTPACK_FRAME_BYTES;
    while (bytes <= LISTPACK_BYTES_MAX && list_cursor_next(&cursor, &blob)) {
        bytes += listpack_bytes(&blob);
    }
    return bytes <= LISTPACK_BYTES_MAX ? "listpack" : "quicklist";
}

static const char *entry_encoding(const struct entry *entry) {
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        return string_encoding(&entry->value.string);
    case TYPE_LIST:
        return list_encoding(entry->value.list);
    case TYPE_HASH:
        return hash_is_small(entry->value.hash) ? "listpack" : "hashtable";
    case TYPE_STREAM:
        return "stream";
    }
    return "unknown";
}

// ---- handlers

// The key that is looked into; answers null when it is not there.
static const struct entry *find_object(struct call *call) {
    const struct entry *entry = call_peek(call, call->db, call->argv[2]);
    if (entry == NULL) reply_null(&call->reply);
    return entry;
}

enum call_result cmd_object_encoding(struct call *call) {
    const struct entry *entry = find_object(call);
    if (entry != NULL) reply_bulk_str(&call->reply, entry_encoding(entry));
    return CALL_DONE;
}

enum call_result cmd_object_refcount(struct call *call) {
    if (find_object(call) != NULL) reply_int(&call->reply, 1);
    return CALL_DONE;
}

enum call_result cmd_object_idletime(struct call *call) {
    const struct entry *entry = find_object(call);
    if (entry == NULL) return CALL_DONE;
    // Seconds wrap after 136 years; 0: not used since the start of the server.
    const uint32_t now_s = (uint32_t)(call->now_ms / 1000);
    reply_int(&call->reply, entry->accessed_s == 0 ? 0 : now_s - entry->accessed_s);
    return CALL_DONE;
}

enum call_result cmd_object_freq(struct call *call) {
    if (find_object(call) == NULL) return CALL_DONE;
    reply_error(&call->reply,
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                "Please note that when switching between policies at runtime LRU and LFU data will "
                "take some time to adjust.");
    return CALL_DONE;
}

// SAMPLES is read and has no effect: every element is counted.
enum call_result cmd_memory_usage(struct call *call) {
    for (size_t i = 3; i < call->argc; i += 2) {
        int64_t samples = -1;
        if (call_arg_is(call, i, "samples") && i + 1 < call->argc &&
            !call_arg_i64(call, i + 1, &samples))
            return CALL_DONE;
        if (samples >= 0) continue;
        call_syntax_error(call);
        return CALL_DONE;
    }
    const struct entry *entry = find_object(call);
    if (entry != NULL) reply_int(&call->reply, (int64_t)entry_memory(entry));
    return CALL_DONE;
}

enum call_result cmd_dump(struct call *call) {
    reply_error(&call->reply, "ERR DUMP is not supported yet: read the key with the commands of "
                              "its type, or COPY it within this server");
    return CALL_DONE;
}

enum call_result cmd_restore(struct call *call) {
    reply_error(&call->reply, "ERR RESTORE is not supported yet: write the key with the commands "
                              "of its type, or COPY it within this server");
    return CALL_DONE;
}
