// Keys whatever they hold, and whole databases.
#include <string.h>

#include "proto/base/num.h"
#include "tests/sim/workload/model_stream.h"

static struct model_key *find(struct model_call *call, size_t index) {
    return model_key_find(call->model, call->db, call->argv[index], call->now_ms);
}

// ---- counting and deleting

void model_del(struct model_call *call) {
    int64_t deleted = 0;
    for (size_t i = 1; i < call->argc; i++) {
        deleted += model_key_delete(call->model, call->db, call->argv[i], call->now_ms);
    }
    reply_int(&call->reply, deleted);
}

void model_exists(struct model_call *call) {
    int64_t present = 0;
    for (size_t i = 1; i < call->argc; i++) {
        present += find(call, i) != NULL;
    }
    reply_int(&call->reply, present);
}

void model_touch(struct model_call *call) {
    model_exists(call);
}

static const char *type_name(enum model_type type) {
    switch (type) {
    case MODEL_STRING:
        return "string";
    case MODEL_LIST:
        return "list";
    case MODEL_HASH:
        return "hash";
    case MODEL_STREAM:
        return "stream";
    }
    return "none";
}

void model_type(struct model_call *call) {
    const struct model_key *key = find(call, 1);
    reply_status(&call->reply, key == NULL ? "none" : type_name(key->type));
}

// Expired keys count until they are found and removed, which may be at any time.
void model_dbsize(struct model_call *call) {
    const struct model_db *db = &call->model->dbs[call->db];
    int64_t alive = 0;
    for (size_t i = 0; i < db->count; i++) {
        alive += model_key_is_alive(&db->keys[i], call->now_ms);
    }
    model_expect(call, EXPECT_BETWEEN, alive, (int64_t)db->count, NULL, false);
}

// ---- whole databases

static bool may_flush(struct model_call *call) {
    if (call->argc == 1) return true;
    if (call->argc == 2 && (model_is(call, 1, "async") || model_is(call, 1, "sync"))) return true;
    model_syntax(call);
    return false;
}

void model_flushdb(struct model_call *call) {
    if (!may_flush(call)) return;
    model_wait_flushed(call->model, call->db);
    model_db_clear(&call->model->dbs[call->db]);
    reply_ok(&call->reply);
}

void model_flushall(struct model_call *call) {
    if (!may_flush(call)) return;
    for (unsigned db = 0; db < call->model->options.databases; db++) {
        model_wait_flushed(call->model, db);
        model_db_clear(&call->model->dbs[db]);
    }
    reply_ok(&call->reply);
}

static bool is_int32(struct model_call *call, size_t index, const char *error) {
    int64_t value;
    if (num_parse_i64(call->argv[index], &value) && value >= INT32_MIN && value <= INT32_MAX) {
        return true;
    }
    model_fail(call, error);
    return false;
}

void model_swapdb(struct model_call *call) {
    unsigned one;
    unsigned other;
    if (!is_int32(call, 1, "ERR invalid first DB index") ||
        !is_int32(call, 2, "ERR invalid second DB index") || !model_db_number(call, 1, &one) ||
        !model_db_number(call, 2, &other))
        return;
    struct model_db *dbs = call->model->dbs;
    const struct model_db kept = dbs[one];
    dbs[one] = dbs[other];
    dbs[other] = kept;
    reply_ok(&call->reply);
    if (one != other) model_wait_signal_all(call->model, one, other);
}

// ---- other names, other databases

// What a copy knows of the times of consumers is durable; how often ids were repeated is not
// copied.
static struct model_stream *copy_stream(const struct model_stream *from) {
    if (from == NULL) return NULL;
    struct model_stream *stream = model_stream_dup(from);
    stream->duplicates = 0;
    for (size_t i = 0; i < stream->group_count; i++) {
        for (size_t k = 0; k < stream->groups[i].consumer_count; k++) {
            stream->groups[i].consumers[k].kept_ms = stream->groups[i].consumers[k].seen_ms;
        }
    }
    return stream;
}

// Puts what a key holds under another name as well.
static void put(struct model_call *call, const struct model_key *from, unsigned db,
                struct slice name) {
    struct model_texts items;
    model_texts_dup(&items, &from->items);
    const enum model_type type = from->type;
    const int64_t expire_ms = from->expire_ms;
    struct model_stream *stream = copy_stream(from->stream);
    struct model_key *to = model_key_make(call->model, db, name, type); // `from` may move
    to->items = items;
    to->stream = stream;
    to->expire_ms = expire_ms;
    model_wait_signal(call->model, db, name);
}

// 1: renamed, 0: it was not free, -1: answered that there is nothing.
static int rename_key(struct model_call *call, bool only_if_free) {
    const struct model_key *key = find(call, 1);
    if (key == NULL) {
        model_fail(call, "ERR no such key");
        return -1;
    }
    if (only_if_free && find(call, 2) != NULL) return 0;
    if (slice_equal(call->argv[1], call->argv[2])) return 1;
    put(call, key, call->db, call->argv[2]);
    model_key_delete(call->model, call->db, call->argv[1], call->now_ms);
    return 1;
}

void model_rename(struct model_call *call) {
    if (rename_key(call, false) == 1) reply_ok(&call->reply);
}

void model_renamenx(struct model_call *call) {
    const int renamed = rename_key(call, true);
    if (renamed >= 0) reply_int(&call->reply, renamed);
}

void model_copy(struct model_call *call) {
    unsigned db = call->db;
    bool replaces = false;
    for (size_t i = 3; i < call->argc; i++) {
        if (model_is(call, i, "replace")) {
            replaces = true;
        } else if (model_is(call, i, "db") && i + 1 < call->argc) {
            if (!model_db_number(call, ++i, &db)) return;
        } else {
            model_syntax(call);
            return;
        }
    }
    if (db == call->db && slice_equal(call->argv[1], call->argv[2])) {
        model_fail(call, "ERR source and destination objects are the same");
        return;
    }
    const struct model_key *key = find(call, 1);
    const bool is_free = model_key_find(call->model, db, call->argv[2], call->now_ms) == NULL;
    const bool is_copied = key != NULL && (replaces || is_free);
    if (is_copied) put(call, key, db, call->argv[2]);
    reply_int(&call->reply, is_copied);
}

void model_move(struct model_call *call) {
    unsigned db;
    if (!model_db_number(call, 2, &db)) return;
    if (db == call->db) {
        model_fail(call, "ERR source and destination objects are the same");
        return;
    }
    const struct model_key *key = find(call, 1);
    const bool is_free = model_key_find(call->model, db, call->argv[1], call->now_ms) == NULL;
    const bool is_moved = key != NULL && is_free;
    if (is_moved) {
        put(call, key, db, call->argv[1]);
        model_key_delete(call->model, call->db, call->argv[1], call->now_ms);
    }
    reply_int(&call->reply, is_moved);
}

// ---- looking through

// Names that are alive and match, of one type or of any.
static void collect(struct model_call *call, struct slice pattern, struct slice type,
                    struct model_texts *out) {
    const struct model_db *db = &call->model->dbs[call->db];
    for (size_t i = 0; i < db->count; i++) {
        const struct model_key *key = &db->keys[i];
        if (!model_key_is_alive(key, call->now_ms)) continue;
        if (type.data != NULL && !slice_is(type, type_name(key->type))) continue;
        if (!slice_matches_glob(model_text_slice(key->name), pattern, false)) continue;
        model_texts_insert(out, out->count, model_text_ref(key->name));
    }
}

void model_keys(struct model_call *call) {
    struct model_texts names = {0};
    collect(call, call->argv[1], SLICE_EMPTY, &names);
    model_expect(call, EXPECT_SET, 0, 0, &names, false);
    model_texts_clear(&names);
}

void model_randomkey(struct model_call *call) {
    struct model_texts names = {0};
    collect(call, SLICE("*"), SLICE_EMPTY, &names);
    if (names.count == 0) {
        reply_null(&call->reply);
    } else {
        model_expect(call, EXPECT_ONE_OF, 0, 0, &names, false);
    }
    model_texts_clear(&names);
}

// As C reads unsigned numbers: with a sign, or nothing at all.
bool model_scan_cursor(struct model_call *call, size_t index, struct model_scan *out) {
    struct slice s = call->argv[index];
    *out = (struct model_scan){.pattern = SLICE("*")};
    const bool is_signed = s.len > 1 && (s.data[0] == '-' || s.data[0] == '+');
    if (is_signed) s = slice_sub(s, 1, s.len);
    uint64_t value = 0;
    bool is_valid = true;
    for (size_t i = 0; i < s.len && is_valid; i++) {
        const uint64_t digit = (uint64_t)(unsigned char)s.data[i] - '0'; // huge when it is none
        is_valid = digit <= 9 && value <= (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (!is_valid) model_fail(call, "ERR invalid cursor");
    out->is_from_start = value == 0;
    return is_valid;
}

bool model_scan_options(struct model_call *call, size_t index, bool of_keys,
                        struct model_scan *out) {
    for (size_t i = index; i < call->argc; i++) {
        const bool has_value = i + 1 < call->argc;
        int64_t count;
        if (has_value && model_is(call, i, "count")) {
            if (!model_int(call, ++i, &count)) return false;
            if (count >= 1) continue;
        } else if (has_value && model_is(call, i, "match")) {
            out->pattern = call->argv[++i];
            continue;
        } else if (has_value && of_keys && model_is(call, i, "type")) {
            out->type = call->argv[++i];
            if (out->type.data == NULL) out->type = SLICE("");
            continue;
        } else if (!of_keys && model_is(call, i, "novalues")) {
            out->no_values = true;
            continue;
        }
        model_syntax(call);
        return false;
    }
    return true;
}

void model_scan(struct model_call *call) {
    struct model_scan scan;
    if (!model_scan_cursor(call, 1, &scan) || !model_scan_options(call, 2, true, &scan)) return;
    struct model_texts names = {0};
    collect(call, scan.pattern, scan.type, &names);
    model_expect(call, EXPECT_SCAN, scan.is_from_start, 0, &names, false);
    model_texts_clear(&names);
}

// OBJECT, MEMORY USAGE: the model knows no encodings and no sizes, only whether there is something.
void model_object(struct model_call *call) {
    if (find(call, 2) == NULL) {
        reply_null(&call->reply);
    } else {
        call->verdict = MODEL_UNKNOWN;
    }
}
