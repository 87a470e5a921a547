// Looking through keys and fields: SCAN, HSCAN, KEYS, RANDOMKEY. What is found is collected first,
// because a reply says how much it holds before it says what.
#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"

enum {
    SCAN_ROUNDS_PER_ITEM = 10, // steps without a find before a call gives up, per COUNT
    SCAN_LOOK_MAX = 8192,      // looked at in a call, whatever COUNT hints: others wait meanwhile
    RANDOM_TRIES = 100,        // draws that may hit expired keys before all keys are looked at
};

struct found { // lent until the next change
    struct slice name;
    struct blob value; // of a field
};

struct look {
    const struct args_scan *scan;
    int64_t now_ms;
    uint64_t visited;
    struct buf found; // of struct found
};

static size_t found_count(const struct look *look) {
    return look->found.len / sizeof(struct found);
}

static struct found found_at(const struct look *look, size_t i) {
    struct found found;
    memcpy(&found, look->found.data + i * sizeof found, sizeof found);
    return found;
}

static bool is_live(const struct entry *entry, int64_t now_ms) {
    return entry->expire_ms == 0 || entry->expire_ms > now_ms;
}

static void visit_key(void *context, const struct entry *entry) {
    struct look *look = context;
    const struct args_scan *scan = look->scan;
    const struct found found = {.name = entry_key(entry)};
    look->visited++;
    if (!is_live(entry, look->now_ms)) return;
    if (scan->has_type && !slice_is(scan->type, entry_type_name(entry))) return;
    if (args_scan_wants(scan, found.name)) buf_append(&look->found, &found, sizeof found);
}

static void visit_field(void *context, struct slice field, const struct blob *value) {
    struct look *look = context;
    const struct found found = {.name = field, .value = *value};
    look->visited++;
    if (args_scan_wants(look->scan, field)) buf_append(&look->found, &found, sizeof found);
}

// Whether a SCAN call goes on: it has not seen enough yet, and has not walked too far for it.
static bool goes_on(const struct look *look, uint64_t *rounds) {
    const uint64_t count = look->scan->count < SCAN_LOOK_MAX ? look->scan->count : SCAN_LOOK_MAX;
    return look->visited < count && ++*rounds < count * SCAN_ROUNDS_PER_ITEM;
}

static void answer_cursor(struct call *call, uint64_t cursor) {
    char text[NUM_I64_TEXT_MAX];
    const size_t len = num_format_u64(text, cursor);
    reply_array(&call->reply, 2);
    reply_bulk(&call->reply, slice_of(text, len));
}

static void answer_names(struct call *call, const struct look *look) {
    reply_array(&call->reply, found_count(look));
    for (size_t i = 0; i < found_count(look); i++) {
        reply_bulk(&call->reply, found_at(look, i).name);
    }
}

enum call_result cmd_scan(struct call *call) {
    const struct keyspace *keyspace = store_keyspace(engine_store(call->engine));
    struct args_scan scan = {0};
    if (!args_cursor(call, 1, &scan.cursor)) return CALL_DONE;
    if (!args_scan_options(call, 2, ARGS_SCAN_KEYS, &scan)) return CALL_DONE;

    struct look look = {.scan = &scan, .now_ms = call->now_ms};
    uint64_t rounds = 0;
    do {
        scan.cursor = keyspace_scan(keyspace, call->db, scan.cursor, visit_key, &look);
    } while (scan.cursor != 0 && goes_on(&look, &rounds));
    answer_cursor(call, scan.cursor);
    answer_names(call, &look);
    buf_deinit(&look.found);
    return CALL_DONE;
}

static void answer_fields(struct call *call, const struct look *look) {
    if (look->scan->no_values) {
        answer_names(call, look);
        return;
    }
    reply_array(&call->reply, 2 * found_count(look));
    for (size_t i = 0; i < found_count(look); i++) {
        const struct found found = found_at(look, i);
        reply_bulk(&call->reply, found.name);
        call_reply_blob(call, &found.value);
    }
}

enum call_result cmd_hscan(struct call *call) {
    struct args_scan scan = {0};
    const struct entry *entry;
    if (!args_cursor(call, 2, &scan.cursor)) return CALL_DONE;
    if (!call_lookup_type(call, call->argv[1], TYPE_HASH, &entry)) return CALL_DONE;
    struct look look = {.scan = &scan, .now_ms = call->now_ms};
    if (entry == NULL) {
        answer_cursor(call, 0);
        answer_names(call, &look);
        return CALL_DONE;
    }
    if (!args_scan_options(call, 3, ARGS_SCAN_HASH, &scan)) return CALL_DONE;

    uint64_t rounds = 0;
    do {
        scan.cursor = hash_scan(entry->value.hash, scan.cursor, visit_field, &look);
    } while (scan.cursor != 0 && goes_on(&look, &rounds));
    answer_cursor(call, scan.cursor);
    answer_fields(call, &look);
    buf_deinit(&look.found);
    return CALL_DONE;
}

enum call_result cmd_keys(struct call *call) {
    const struct keyspace *keyspace = store_keyspace(engine_store(call->engine));
    const struct args_scan scan = {.pattern = call->argv[1], .has_pattern = true};
    struct look look = {.scan = &scan, .now_ms = call->now_ms};
    keyspace_each(keyspace, call->db, visit_key, &look);
    answer_names(call, &look);
    buf_deinit(&look.found);
    return CALL_DONE;
}

// Some live key, for a database of mostly expired ones.
static bool find_live(const struct keyspace *keyspace, unsigned db, int64_t now_ms,
                      struct slice *out) {
    const struct args_scan all = {0};
    struct look look = {.scan = &all, .now_ms = now_ms};
    uint64_t cursor = 0;
    do {
        cursor = keyspace_scan(keyspace, db, cursor, visit_key, &look);
    } while (cursor != 0 && found_count(&look) == 0);
    const bool is_found = found_count(&look) > 0;
    if (is_found) *out = found_at(&look, 0).name;
    buf_deinit(&look.found);
    return is_found;
}

enum call_result cmd_randomkey(struct call *call) {
    const struct keyspace *keyspace = store_keyspace(engine_store(call->engine));
    struct slice name;
    bool is_found = false;
    for (int i = 0; i < RANDOM_TRIES && !is_found; i++) {
        const struct entry *entry = keyspace_random(keyspace, call->db, engine_rng(call->engine));
        if (entry == NULL) break;
        is_found = is_live(entry, call->now_ms);
        if (is_found) name = entry_key(entry);
    }
    if (is_found || find_live(keyspace, call->db, call->now_ms, &name)) {
        reply_bulk(&call->reply, name);
    } else {
        reply_null(&call->reply);
    }
    return CALL_DONE;
}
