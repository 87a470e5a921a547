// HRANDFIELD: fields drawn at random, each once (count) or with repetition (negative count).
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"
#include "server/commands/hashes.h"

enum {
    REPEATED_DRAWS_MAX = 1 << 20, // a reply may not grow without the hash growing
    FEW_DRAWS = 32,               // so few of a large hash are drawn one by one
    LARGE_FACTOR = 4,             // large: at least this many times what is drawn
};

struct draw {
    struct slice field;
    struct blob value;
};

struct draws {
    struct call *call;
    bool with_values;
    size_t count;
    struct draw *items;
};

// RESP3 answers pairs as arrays of two, RESP2 as a flat array.
static void answer_draw(const struct draws *draws, const struct draw *draw) {
    struct reply *reply = &draws->call->reply;
    if (draws->with_values && reply->version == RESP3) reply_array(reply, 2);
    reply_bulk(reply, draw->field);
    if (draws->with_values) call_reply_blob(draws->call, &draw->value);
}

static void answer_header(const struct draws *draws, size_t count) {
    struct reply *reply = &draws->call->reply;
    reply_array(reply, draws->with_values && reply->version == RESP2 ? 2 * count : count);
}

static void answer_items(const struct draws *draws) {
    answer_header(draws, draws->count);
    for (size_t i = 0; i < draws->count; i++) {
        answer_draw(draws, &draws->items[i]);
    }
}

static struct draw draw_one(struct call *call, const struct hash_type *hash) {
    struct draw draw;
    hash_random(hash, engine_rng(call->engine), &draw.field, &draw.value); // never empty
    return draw;
}

static void answer_repeated(const struct draws *draws, const struct hash_type *hash,
                            uint64_t count) {
    if (count > REPEATED_DRAWS_MAX) {
        reply_errorf(&draws->call->reply,
                     "ERR value is out of range: at most %d fields are drawn in one call",
                     REPEATED_DRAWS_MAX);
        return;
    }
    answer_header(draws, count);
    for (uint64_t i = 0; i < count; i++) {
        const struct draw draw = draw_one(draws->call, hash);
        answer_draw(draws, &draw);
    }
}

// ---- each once

static void collect(void *context, struct slice field, const struct blob *value) {
    struct draws *draws = context;
    draws->items[draws->count++] = (struct draw){field, *value};
}

// Brings a random choice of `count` to the front of all the fields.
static void shuffle(struct draws *draws, size_t count) {
    struct rng *rng = engine_rng(draws->call->engine);
    for (size_t i = 0; i < count; i++) {
        const size_t other = i + rng_below(rng, draws->count - i);
        const struct draw chosen = draws->items[other];
        draws->items[other] = draws->items[i];
        draws->items[i] = chosen;
    }
    draws->count = count;
}

static bool is_drawn(const struct draws *draws, struct slice field) {
    for (size_t i = 0; i < draws->count; i++) {
        if (slice_equal(draws->items[i].field, field)) return true;
    }
    return false;
}

static void draw_few(struct draws *draws, const struct hash_type *hash, size_t count) {
    while (draws->count < count) {
        const struct draw draw = draw_one(draws->call, hash);
        if (!is_drawn(draws, draw.field)) draws->items[draws->count++] = draw;
    }
}

static void answer_distinct(struct draws *draws, const struct hash_type *hash, size_t count) {
    const size_t len = hash_len(hash);
    const bool is_nested = draws->with_values && draws->call->reply.version == RESP3;
    if (count == len && !is_nested && call_wants_snapshot(draws->call, len)) {
        answer_header(draws, len);
        call_share_hash(draws->call, hash, draws->with_values ? HASH_PAIRS : HASH_FIELDS);
        return;
    }
    const bool is_few = count <= FEW_DRAWS && len / LARGE_FACTOR >= count;
    draws->items = mem_alloc_array(is_few ? count : len, sizeof *draws->items);
    if (is_few) {
        draw_few(draws, hash, count);
    } else {
        hash_each(hash, collect, draws);
        if (count < len) shuffle(draws, count);
    }
    answer_items(draws);
    mem_free(draws->items);
}

static bool read_counted(struct call *call, int64_t *count, bool *with_values) {
    *with_values = call->argc > 3;
    if (!args_negatable(call, 2, count)) return false;
    if (call->argc > 4 || (*with_values && !call_arg_is(call, 3, "withvalues"))) {
        call_syntax_error(call);
        return false;
    }
    if (*with_values && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2)) {
        reply_error(&call->reply, "ERR value is out of range");
        return false;
    }
    return true;
}

enum call_result cmd_hrandfield(struct call *call) {
    const struct hash_type *hash;
    struct draws draws = {.call = call};
    int64_t count = 0;
    if (call->argc > 2 && !read_counted(call, &count, &draws.with_values)) return CALL_DONE;
    if (!hashes_find(call, &hash)) return CALL_DONE;
    if (call->argc == 2 && hash == NULL) {
        reply_null(&call->reply);
    } else if (call->argc == 2) {
        reply_bulk(&call->reply, draw_one(call, hash).field);
    } else if (hash == NULL || count == 0) {
        reply_array(&call->reply, 0);
    } else if (count < 0) {
        answer_repeated(&draws, hash, (uint64_t)-count);
    } else {
        answer_distinct(&draws, hash, num_min((size_t)count, hash_len(hash)));
    }
    return CALL_DONE;
}
