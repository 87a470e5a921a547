// Random scripts: several lives, each with commands over few keys, flushes that overlap them,
// slots, seals, failing disks, and one of all the ways to end.
#include <stdio.h>

#include "proto/base/rng.h"
#include "tests/sim/images/scenario.h"

enum { LIVES_MAX = 4, STEPS_MAX = 14, LINE_MAX = 160, START_SLOTS_ODDS = 4 };

static const char *const keys[] = {"a", "b", "c", "d"};

static const char *any_key(struct rng *rng) {
    return keys[rng_below(rng, sizeof keys / sizeof keys[0])];
}

static unsigned any_size(struct rng *rng) {
    switch (rng_below(rng, 12)) {
    case 0:
        return 1 + (unsigned)rng_below(rng, 56000);
    case 1:
    case 2:
        return 1 + (unsigned)rng_below(rng, 6000);
    case 3:
    case 4:
        return 500 + (unsigned)rng_below(rng, 40);
    default:
        return 1 + (unsigned)rng_below(rng, 300);
    }
}

// Keys hold lists, strings or hashes by their names, so that most commands find what they need.
static void any_command(struct life *life, struct rng *rng) {
    char line[LINE_MAX];
    const char *one = any_key(rng);
    const char *two = any_key(rng);
    const char *end = rng_below(rng, 2) == 0 ? "LEFT" : "RIGHT";
    unsigned size = any_size(rng);
    switch (rng_below(rng, 24)) {
    case 0:
    case 1:
    case 2:
        snprintf(line, sizeof line, "RPUSH l:%s @%u", one, size);
        break;
    case 3:
        snprintf(line, sizeof line, "LPUSH l:%s @%u x @%u", one, size, any_size(rng) / 8 + 1);
        break;
    case 4:
        snprintf(line, sizeof line, "SET s:%s @%u", one, size);
        break;
    case 5:
        snprintf(line, sizeof line, "SET s:%s @%u PX %u", one, size, 1 + size % 90);
        break;
    case 6:
        snprintf(line, sizeof line, "HSET h:%s f @%u g @9", one, size);
        break;
    case 7:
        snprintf(line, sizeof line, "HDEL h:%s f", one);
        break;
    case 8:
    case 9:
    case 10:
        snprintf(line, sizeof line, "LMOVE l:%s l:%s LEFT %s", one, two, end);
        break;
    case 11:
        snprintf(line, sizeof line, "LPOP l:%s", one);
        break;
    case 12:
        snprintf(line, sizeof line, "RPOP l:%s 2", one);
        break;
    case 13:
        snprintf(line, sizeof line, "LREM l:%s 1 x", one);
        break;
    case 14:
        snprintf(line, sizeof line, "COPY l:%s l:%s REPLACE", one, one == two ? "other" : two);
        break;
    case 15:
        snprintf(line, sizeof line, "COPY s:%s s:%s REPLACE", one, one == two ? "other" : two);
        break;
    case 16:
        snprintf(line, sizeof line, "DEL l:%s s:%s", one, two);
        break;
    case 17:
        snprintf(line, sizeof line, "APPEND s:%s @%u", one, 1 + size % 200);
        break;
    case 18:
        snprintf(line, sizeof line, "PEXPIRE l:%s %u", one, 10 + size % 100);
        break;
    case 19:
        snprintf(line, sizeof line, "INCR n:%s", one);
        break;
    case 20:
        snprintf(line, sizeof line, "GETDEL s:%s", one);
        break;
    case 21:
        snprintf(line, sizeof line, "RENAMENX s:%s s:%s2", one, two);
        break;
    case 22:
        snprintf(line, sizeof line, rng_below(rng, 3) == 0 ? "SWAPDB 0 1" : "LLEN l:a");
        break;
    default:
        snprintf(line, sizeof line, rng_below(rng, 4) == 0 ? "FLUSHDB" : "GET s:a");
        break;
    }
    life_do(life, (unsigned)rng_below(rng, LIFE_CLIENTS), line);
}

static void any_step(struct life *life, struct rng *rng) {
    switch (rng_below(rng, 12)) {
    case 11:
        if (rng_below(rng, 3) == 0) life_clean(life, rng_below(rng, 2) == 0);
        break;
    case 10:
        if (rng_below(rng, 3) == 0) life_fold(life, false);
        life_fold_step(life, false);
        break;
    case 0:
        life_flush_begin(life);
        break;
    case 1:
        life_flush_run(life);
        break;
    case 2:
    case 3:
        life_flush_run(life);
        life_flush(life);
        break;
    case 4:
        if (rng_below(rng, 2) == 0) life_make_slots_meanwhile(life);
        life_flush_run(life);
        life_seal(life);
        break;
    case 5:
        if (rng_below(rng, 2) == 0) life_make_slots(life);
        if (rng_below(rng, 4) == 0) life_pass(life, (int64_t)rng_below(rng, 80));
        break;
    default:
        any_command(life, rng);
        break;
    }
}

static void any_end(struct life *life, struct rng *rng) {
    switch (rng_below(rng, 8)) {
    case 0:
        life_flush_run(life);
        life_stop(life);
        break;
    case 1:
        life_kill(life);
        break;
    case 2:
        if (life_is_up(life)) life->disk.lost_syncs = 1;
        life_flush_run(life);
        life_flush(life);
        life_kill(life);
        break;
    case 3:
        if (life_is_up(life)) life->disk.failed_writes = 1;
        life_flush_run(life);
        life_flush(life);
        life_cut(life, LIFE_CUT_SOME, rng_next(rng));
        break;
    default:
        if (life_is_up(life)) life->disk.failed_syncs = 1;
        life_flush_run(life);
        life_flush(life);
        life_cut(life, LIFE_CUT_SOME, rng_next(rng));
        break;
    }
    life->disk.lost_syncs = 0;
    life->disk.failed_syncs = 0;
    life->disk.failed_writes = 0;
}

void scenario_run_random(struct life *life, uint64_t seed) {
    struct rng rng;
    rng_init(&rng, seed);
    life->may_refuse = true; // a random command may be nonsense
    unsigned lives = 1 + (unsigned)rng_below(&rng, LIVES_MAX);
    for (unsigned i = 0; i < lives; i++) {
        life_start(life);
        if (rng_below(&rng, START_SLOTS_ODDS) != 0) life_make_slots(life);
        unsigned steps = 1 + (unsigned)rng_below(&rng, STEPS_MAX);
        for (unsigned step = 0; step < steps; step++)
            any_step(life, &rng);
        if (i + 1 < lives) any_end(life, &rng);
    }
    life_flush_run(life);
    life_flush(life);
}
