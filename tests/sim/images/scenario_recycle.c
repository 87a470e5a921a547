// Slots that come round: segments begin in the slots of those that a checkpoint covers, unwiped. A
// key stays all the time, so that no checkpoint is of an empty store.
#include "tests/sim/images/scenario.h"

static void flushed(struct life *life, const char *words) {
    life_do(life, 0, words);
    life_flush(life);
}

static void begin(struct life *life) {
    life_start(life);
    life_make_slots(life);
}

// Jobs of more than half a segment come and go: each takes a segment.
static void cycle(struct life *life, unsigned jobs, unsigned fold_each) {
    for (unsigned i = 1; i <= jobs; i++) {
        life_make_slots(life);
        flushed(life, "RPUSH jobs @34000");
        flushed(life, "LPOP jobs");
        if (i % fold_each == 0) life_fold(life, false);
    }
}

void scenario_recycled(struct life *life) {
    begin(life);
    flushed(life, "SET standing @90");
    cycle(life, 9, 3);
    flushed(life, "RPUSH jobs @100");
}

void scenario_recycled_kept(struct life *life) {
    begin(life);
    flushed(life, "SET standing @90");
    flushed(life, "RPUSH delayed @300 @90");
    cycle(life, 4, 4);
    flushed(life, "LMOVE delayed delayed RIGHT LEFT");
    cycle(life, 4, 2);
    flushed(life, "DEL delayed");
    cycle(life, 4, 2);
    flushed(life, "RPUSH jobs @100");
}

void scenario_recycled_killed(struct life *life) {
    begin(life);
    flushed(life, "SET standing @90");
    cycle(life, 5, 3);
    life_kill(life);
    begin(life);
    cycle(life, 2, 2);
    life_seal(life);
    life_cut(life, LIFE_CUT_OLD, 1);
    begin(life);
    flushed(life, "RPUSH jobs @34000 @300");
    life_fold(life, false);
    life_seal(life);
    flushed(life, "RPUSH jobs @34000");
    life_stop(life);
    begin(life);
    flushed(life, "LPOP jobs 2");
}

// The segment behind a seal begins in a slot with a former life; the write is cut, the log goes on
// behind the seal and begins it again.
void scenario_recycled_seal(struct life *life) {
    begin(life);
    flushed(life, "SET standing @90");
    cycle(life, 4, 2);
    life_make_slots(life);
    flushed(life, "RPUSH jobs @34000");
    life_seal(life);
    life_do(life, 0, "RPUSH jobs @34000");
    life_flush_begin(life);
    life_flush_run(life);
    life_cut(life, LIFE_CUT_SOME, 3);
    begin(life);
    life_seal(life);
    flushed(life, "RPUSH jobs @33000");
    life_seal(life);
    life_cut(life, LIFE_CUT_SOME, 4);
    begin(life);
    flushed(life, "RPUSH jobs @34000");
}
