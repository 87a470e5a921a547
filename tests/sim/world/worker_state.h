// The inside of a worker: what those on lists (worker.c) and those on a stream (crew.c) share.
#ifndef ACKD_TESTS_SIM_WORLD_WORKER_STATE_H
#define ACKD_TESTS_SIM_WORLD_WORKER_STATE_H

#include "tests/sim/world/state.h"

enum { JOB_BYTES_MAX = 400, KEY_MAX = 32, ENTRY_ID_MAX = 48 };

// What is asked for; the reply decides what comes next.
enum stage {
    STAGE_ENTER, // has just connected
    STAGE_SELECT,
    STAGE_GROUP, // makes the group, if nobody has
    STAGE_SWEEP, // gives back (of a group: looks at) what a former life of this worker had claimed
    STAGE_IDLE,
    STAGE_PUSH,
    STAGE_CLAIM,
    STAGE_ACK,
    STAGE_GIVE_BACK,
};

struct worker {
    char key[KEY_MAX]; // its processing list; its name as a consumer
    enum stage stage;
    size_t job; // PUSH, ACK
    unsigned char number;
    struct buf heard;
    // Of those who read from a group.
    bool reads_group;
    size_t pushed;            // the job it pushes or pushed last
    bool pushes_again;        // it was cut off while it did
    bool has_said;            // the push was said before
    int64_t pushed_ms;        // when it was said first
    char entry[ENTRY_ID_MAX]; // the id of the entry it works on
};

size_t job_new(struct jobs *jobs);
struct slice job_text(size_t job, char into[JOB_BYTES_MAX]);
size_t job_parse(const struct jobs *jobs, struct slice text); // SIZE_MAX: these bytes are no job
const char *job_state_name(enum job_state state);
size_t jobs_alive(const struct jobs *jobs);

void worker_say(struct peer *peer, enum stage stage, const struct slice *argv, size_t argc);
// Errors that may come at any time, after which the worker looks anew at what it holds.
bool worker_is_excused(const struct world *world, struct slice reply);
_Noreturn void worker_refuse(struct world *world, const struct peer *peer, struct slice reply);

// ---- crew.c

void crew_next(struct world *world, struct peer *peer); // when it is idle
void crew_hears(struct world *world, struct peer *peer, struct slice reply);
// Counts the jobs of the stream: those not read yet and those in flight. False: cannot be read.
bool crew_count_jobs(struct world *world);

#endif
