// Slots that come round: segments begin in the slots of those that a checkpoint covers, unwiped. A
// key stays all the time, so that no checkpoint is of an empty store.
#include "proto/base/must.h"
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

// Jobs that a checkpoint refers to, each in a segment of its own.
static void queue_jobs(struct life *life, unsigned jobs) {
    flushed(life, "SET standing @40"); // no reference
    for (unsigned i = 0; i < jobs; i++) {
        life_make_slots(life);
        flushed(life, "RPUSH jobs @34000");
    }
    life_fold(life, false);
}

// The segment of the oldest job becomes empty, its slot is ready with the batch behind that, and
// the next job's segment begins there.
static void take_slot_of_oldest(struct life *life) {
    flushed(life, "LPOP jobs");
    flushed(life, "RPUSH small @90");
    life_make_slots(life);
    flushed(life, "RPUSH jobs @34000");
}

void scenario_emptied(struct life *life) {
    begin(life);
    queue_jobs(life, 5);
    // Nothing proves the removal yet: this segment must not begin there.
    flushed(life, "LPOP jobs");
    life_make_slots(life);
    flushed(life, "RPUSH jobs @34000");
    take_slot_of_oldest(life);
    life_seal(life);
    take_slot_of_oldest(life);
    flushed(life, "LPOP small");
    take_slot_of_oldest(life);
    life_fold(life, false);
    take_slot_of_oldest(life);
    life_fold(life, false);
    flushed(life, "LPOP jobs 2");
    must(log_stats(store_log(life->store)).segments_recycled >= 4);
}

void scenario_emptied_killed(struct life *life) {
    begin(life);
    queue_jobs(life, 5);
    take_slot_of_oldest(life);
    life_kill(life);
    begin(life);
    take_slot_of_oldest(life);
    life_cut(life, LIFE_CUT_SOME, 5);
    begin(life);
    flushed(life, "LPOP jobs");
    life_do(life, 0, "RPUSH small @90");
    life_flush_begin(life);
    life_flush_run(life);
    life_do(life, 1, "RPUSH jobs @34000");
    life_flush_begin(life);
    life_flush_run(life);
    life_cut(life, LIFE_CUT_OLD, 2);
    begin(life);
    take_slot_of_oldest(life);
    life_fold(life, false);
    life_seal(life);
    life_stop(life);
    begin(life);
    flushed(life, "LPOP jobs");
}

// Old jobs in segments that are garbage otherwise; the cleaner moves them, a checkpoint gives the
// segments back, others begin there.
void scenario_cleaned(struct life *life) {
    begin(life);
    flushed(life, "RPUSH delayed @300 @90");
    flushed(life, "HSET h a @200 b @90");
    cycle(life, 2, 9);
    flushed(life, "XADD x 1-1 f @80");
    flushed(life, "SET standing @90");
    cycle(life, 1, 9);
    life_clean(life, true);
    life_seal(life);
    cycle(life, 2, 2);
    cycle(life, 3, 2);
    flushed(life, "LPOP delayed 2");
    flushed(life, "HDEL h a");
}

// The same values are moved twice, popped before what was moved is durable, and the process is
// killed and the power cut in between.
void scenario_cleaned_killed(struct life *life) {
    begin(life);
    flushed(life, "RPUSH delayed @300 @90 @70");
    flushed(life, "SET standing @90");
    cycle(life, 2, 9);
    life_clean(life, false);
    life_do(life, 0, "LPOP delayed");
    life_flush(life);
    life_kill(life);
    begin(life);
    cycle(life, 1, 1);
    life_clean(life, true);
    cycle(life, 1, 1);
    life_clean(life, false);
    life_do(life, 0, "LMOVE delayed other LEFT RIGHT");
    life_do(life, 1, "APPEND standing @90");
    life_flush(life);
    life_cut(life, LIFE_CUT_SOME, 5);
    begin(life);
    cycle(life, 2, 1);
    flushed(life, "RPUSH jobs @100");
}

// Cleaning and folding in turns of single steps; a fold covers half of what a transaction moved.
void scenario_cleaned_meanwhile(struct life *life) {
    begin(life);
    flushed(life, "RPUSH delayed @300 @90 @1000");
    cycle(life, 2, 9);
    for (int i = 0; i < 4; i++) {
        life_clean(life, i % 2 == 0);
        for (int step = 0; step < 3; step++)
            life_fold_step(life, false);
        cycle(life, 1, 9);
        flushed(life, "LMOVE delayed delayed LEFT RIGHT");
    }
    life_fold(life, false);
    cycle(life, 1, 1);
}
