// Clients that make jobs, claim them and acknowledge them, as README's worker pattern has it, and
// the account of every job: what the workers were told is held against what the lists hold
// (promise 9). It knows nothing of the ledger or the model; it only hears replies.
//
// Always true: a job is queued, claimed or gone, as far as somebody was told; what is not yet told
// may be either way.
#ifndef ACKD_TESTS_SIM_WORLD_WORKER_H
#define ACKD_TESTS_SIM_WORLD_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/slice.h"

enum { JOBS_DATABASE = 15 };

struct world;
struct peer;

enum job_state {
    JOB_PUSHING,  // its push was said: there or not
    JOB_THERE,    // somebody was told
    JOB_REMOVING, // its removal was said: there or not
    JOB_GONE,     // somebody was told; it never comes back
    JOB_REFUSED,  // its push was refused; it is not there
};

struct jobs {
    unsigned char *states; // enum job_state, by number
    unsigned char *owners; // of those being removed: which worker said so
    unsigned char *found;  // scratch of the count
    size_t count;
    size_t cap;
};

void jobs_begin(struct jobs *jobs);
void jobs_deinit(struct jobs *jobs);
void jobs_check(struct world *world); // counts every job in every list

struct worker;

struct worker *worker_new(size_t number);
void worker_free(struct worker *worker); // NULL is fine
void worker_connected(struct worker *worker);
void worker_cut_off(struct jobs *jobs, struct worker *worker);
void worker_next(struct world *world, struct peer *peer); // says something if it waits for nothing
// A piece of its reply has arrived; the last one?
void worker_hears(struct world *world, struct peer *peer, struct slice piece, bool is_last);

#endif
