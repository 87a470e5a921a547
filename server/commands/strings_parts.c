// Parts of strings: lengths, ranges, and edits in place. A string that lies in the log comes into
// memory when it is first edited, which writes it to the log once more: room for that is asked for
// before anything changes.
#include "server/commands/args.h"
#include "server/commands/handlers.h"

enum call_result cmd_strlen(struct call *call) {
    const struct entry *entry;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    reply_int(&call->reply, entry == NULL ? 0 : (int64_t)blob_len(&entry->value.string));
    return CALL_DONE;
}

// ---- ranges

// As args_span, but an end before the beginning is the first byte: GETRANGE k 0 -100 answers it.
static struct args_span byte_span(int64_t start, int64_t end, size_t len) {
    if (start < 0 && end < 0 && start > end) return (struct args_span){0, 0};
    if (end < 0 && end < -(int64_t)len) end = -(int64_t)len;
    return args_span(start, end, len);
}

enum call_result cmd_getrange(struct call *call) {
    const struct entry *entry;
    int64_t start;
    int64_t end;
    if (!call_arg_i64(call, 2, &start) || !call_arg_i64(call, 3, &end)) return CALL_DONE;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    const size_t len = entry == NULL ? 0 : blob_len(&entry->value.string);
    const struct args_span span = byte_span(start, end, len);
    struct slice bytes = SLICE_EMPTY;
    if (span.count > 0) {
        if (!call_bytes(call, &entry->value.string, &bytes)) return CALL_DONE;
        bytes = slice_sub(bytes, span.from, span.from + span.count);
    }
    reply_bulk(&call->reply, bytes);
    return CALL_DONE;
}

// ---- edits

// The bytes that an edit must write again, empty when the string is in memory already, and the
// room for them and `more`. False: *result is what the handler returns.
static bool prepare_edit(struct call *call, const struct entry *entry, size_t more,
                         struct slice *old, enum call_result *result) {
    *old = SLICE_EMPTY;
    *result = CALL_DONE;
    if (entry == NULL || blob_kind(&entry->value.string) != BLOB_REF) return true;
    if (!call_prepare(call, blob_len(&entry->value.string) + more, 2)) {
        *result = CALL_RETRY;
        return false;
    }
    return call_bytes(call, &entry->value.string, old);
}

enum call_result cmd_append(struct call *call) {
    const struct slice key = call->argv[1];
    const struct slice bytes = call->argv[2];
    const struct entry *entry;
    struct slice old;
    enum call_result result;
    if (!call_lookup_type(call, key, TYPE_STRING, &entry)) return CALL_DONE;
    const size_t len = (entry == NULL ? 0 : blob_len(&entry->value.string)) + bytes.len;
    if (!args_string_fits(call, len)) return CALL_DONE;
    if (!prepare_edit(call, entry, bytes.len, &old, &result)) return result;

    if (entry == NULL) {
        txn_string_set(call->txn, call->db, key, bytes, false);
    } else if (bytes.len > 0) {
        txn_string_append(call->txn, call->db, key, old, bytes);
    }
    reply_int(&call->reply, (int64_t)len);
    return CALL_DONE;
}

enum call_result cmd_setrange(struct call *call) {
    const struct slice key = call->argv[1];
    const struct slice bytes = call->argv[3];
    const struct entry *entry;
    struct slice old;
    enum call_result result;
    int64_t offset;
    if (!call_arg_i64(call, 2, &offset)) return CALL_DONE;
    if (offset < 0) {
        reply_error(&call->reply, "ERR offset is out of range");
        return CALL_DONE;
    }
    if (!call_lookup_type(call, key, TYPE_STRING, &entry)) return CALL_DONE;
    const size_t len = entry == NULL ? 0 : blob_len(&entry->value.string);
    if (bytes.len == 0) { // pads nothing, makes nothing
        reply_int(&call->reply, (int64_t)len);
        return CALL_DONE;
    }
    const size_t end = (size_t)offset + bytes.len; // unsigned: both are far below 2^63
    if (!args_string_fits(call, end)) return CALL_DONE;
    if (!prepare_edit(call, entry, bytes.len, &old, &result)) return result;

    txn_string_write(call->txn, call->db, key, old, (uint32_t)offset, bytes);
    reply_int(&call->reply, (int64_t)(end > len ? end : len));
    return CALL_DONE;
}
