// Hashes: fields set, read and deleted.
#include "server/commands/hashes.h"

#include <stdlib.h>

#include "proto/base/mem.h"
#include "server/commands/handlers.h"

// ---- shared

bool hashes_find(struct call *call, const struct hash_type **out) {
    const struct entry *entry;
    *out = NULL;
    if (!call_lookup_type(call, call->argv[1], TYPE_HASH, &entry)) return false;
    if (entry != NULL) *out = entry->value.hash;
    return true;
}

bool hashes_fields_fit(struct call *call, size_t first, size_t step) {
    for (size_t i = first; i < call->argc; i += step) {
        if (call->argv[i].len <= HASH_FIELD_MAX) continue;
        reply_errorf(&call->reply,
                     "ERR the name of a hash field may have at most %d bytes: put long data into "
                     "the value",
                     HASH_FIELD_MAX);
        return false;
    }
    return true;
}

bool hashes_value(const struct hash_type *hash, struct slice field, struct blob *out) {
    return hash != NULL && hash_find(hash, field, out);
}

// ---- setting

// Sets the pairs from argv[2] on; *added: how many fields are new. False after an error.
static bool set_pairs(struct call *call, size_t *added) {
    const struct hash_type *hash;
    if (call->argc % 2 != 0) {
        call_wrong_arity(call);
        return false;
    }
    if (!hashes_find(call, &hash) || !hashes_fields_fit(call, 2, 2)) return false;
    const size_t before = hash == NULL ? 0 : hash_len(hash);
    txn_hash_set(call->txn, call->db, call->argv[1], call->argv + 2, (call->argc - 2) / 2);
    // A field named twice is new once: the hash knows how many have joined.
    *added = hash_len(call_peek(call, call->db, call->argv[1])->value.hash) - before;
    return true;
}

enum call_result cmd_hset(struct call *call) {
    size_t added;
    if (set_pairs(call, &added)) reply_int(&call->reply, (int64_t)added);
    return CALL_DONE;
}

enum call_result cmd_hmset(struct call *call) {
    size_t added;
    if (set_pairs(call, &added)) reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_hsetnx(struct call *call) {
    const struct hash_type *hash;
    struct blob value;
    if (!hashes_find(call, &hash) || !hashes_fields_fit(call, 2, 2)) return CALL_DONE;
    const bool is_new = !hashes_value(hash, call->argv[2], &value);
    if (is_new) txn_hash_set(call->txn, call->db, call->argv[1], call->argv + 2, 1);
    reply_int(&call->reply, is_new);
    return CALL_DONE;
}

// ---- deleting

static int compare_fields(const void *a, const void *b) {
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

// The fields from argv[2] on that the hash has, each once, into `out`. Sorted, because a client may
// name a million fields and repeat any of them.
static size_t present_fields(const struct call *call, const struct hash_type *hash,
                             struct slice *out) {
    struct blob value;
    size_t present = 0;
    for (size_t i = 2; i < call->argc; i++) {
        if (hash_find(hash, call->argv[i], &value)) out[present++] = call->argv[i];
    }
    qsort(out, present, sizeof *out, compare_fields);
    size_t unique = 0;
    for (size_t i = 0; i < present; i++) {
        if (unique == 0 || !slice_equal(out[unique - 1], out[i])) out[unique++] = out[i];
    }
    return unique;
}

enum call_result cmd_hdel(struct call *call) {
    const struct hash_type *hash;
    if (!hashes_find(call, &hash)) return CALL_DONE;
    size_t count = 0;
    if (hash != NULL) {
        struct slice *fields = mem_alloc_array(call->argc - 2, sizeof *fields);
        count = present_fields(call, hash, fields);
        if (count > 0) txn_hash_remove(call->txn, call->db, call->argv[1], fields, count);
        mem_free(fields);
    }
    reply_int(&call->reply, (int64_t)count);
    return CALL_DONE;
}

// ---- reading one field

static void answer_field(struct call *call, const struct hash_type *hash, struct slice field) {
    struct blob value;
    if (hashes_value(hash, field, &value)) {
        call_reply_blob(call, &value);
    } else {
        reply_null(&call->reply);
    }
}

enum call_result cmd_hget(struct call *call) {
    const struct hash_type *hash;
    if (hashes_find(call, &hash)) answer_field(call, hash, call->argv[2]);
    return CALL_DONE;
}

enum call_result cmd_hmget(struct call *call) {
    const struct hash_type *hash;
    if (!hashes_find(call, &hash)) return CALL_DONE;
    reply_array(&call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        answer_field(call, hash, call->argv[i]);
    }
    return CALL_DONE;
}

enum call_result cmd_hexists(struct call *call) {
    const struct hash_type *hash;
    struct blob value;
    if (hashes_find(call, &hash))
        reply_int(&call->reply, hashes_value(hash, call->argv[2], &value));
    return CALL_DONE;
}

enum call_result cmd_hstrlen(struct call *call) {
    const struct hash_type *hash;
    struct blob value;
    if (!hashes_find(call, &hash)) return CALL_DONE;
    const bool has_field = hashes_value(hash, call->argv[2], &value);
    reply_int(&call->reply, has_field ? (int64_t)blob_len(&value) : 0);
    return CALL_DONE;
}

enum call_result cmd_hlen(struct call *call) {
    const struct hash_type *hash;
    if (hashes_find(call, &hash))
        reply_int(&call->reply, hash == NULL ? 0 : (int64_t)hash_len(hash));
    return CALL_DONE;
}

// ---- reading all of it

static void answer_name(void *context, struct slice field, const struct blob *value) {
    struct call *call = context;
    (void)value;
    reply_bulk(&call->reply, field);
}

static void answer_value(void *context, struct slice field, const struct blob *value) {
    (void)field;
    call_reply_blob(context, value);
}

static void answer_pair(void *context, struct slice field, const struct blob *value) {
    answer_name(context, field, value);
    answer_value(context, field, value);
}

static void answer_rows(struct call *call, const struct hash_type *hash, enum hash_rows rows) {
    if (hash == NULL) return;
    if (call_wants_snapshot(call, hash_len(hash)))
        call_share_hash(call, hash, rows);
    else
        hash_each(hash,
                  rows == HASH_PAIRS    ? answer_pair
                  : rows == HASH_FIELDS ? answer_name
                                        : answer_value,
                  call);
}

enum call_result cmd_hgetall(struct call *call) {
    const struct hash_type *hash;
    if (!hashes_find(call, &hash)) return CALL_DONE;
    reply_map(&call->reply, hash == NULL ? 0 : hash_len(hash));
    answer_rows(call, hash, HASH_PAIRS);
    return CALL_DONE;
}

static enum call_result answer_each(struct call *call, enum hash_rows rows) {
    const struct hash_type *hash;
    if (!hashes_find(call, &hash)) return CALL_DONE;
    reply_array(&call->reply, hash == NULL ? 0 : hash_len(hash));
    answer_rows(call, hash, rows);
    return CALL_DONE;
}

enum call_result cmd_hkeys(struct call *call) {
    return answer_each(call, HASH_FIELDS);
}

enum call_result cmd_hvals(struct call *call) {
    return answer_each(call, HASH_VALUES);
}
