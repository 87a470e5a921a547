// What a workload is. To add one: write workload_<name>.c with one constant struct workload, and
// put it into the table of workload.c.
//
// A workload plans its roles: groups of connections that do the same. The run (run.h) asks a role's
// `make` for a request whenever one of its connections may send, and hands each reply to `take`.
// All of it happens on one thread; a callback does little and never waits.
#ifndef ACKD_BENCH_LOAD_WORKLOAD_H
#define ACKD_BENCH_LOAD_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>

struct run;

struct workload {
    const char *name;
    const char *brief;
    const char *unit;                    // what is counted: requests, jobs
    void (*plan)(struct run *run);       // adds roles and series
    void (*prepare)(struct run *run);    // brings the server into the state to start from
    bool (*is_drained)(struct run *run); // has all work come back? NULL: nothing to wait for
    void (*verify)(struct run *run);     // reports what is wrong with run_fault; NULL: nothing
    double probe_rate;                   // PINGs a second unless --probe-rate says otherwise
};

// Walks the table; NULL behind the last.
const struct workload *workload_at(size_t i);

// Finds a workload; ends the program with the list of names if there is none.
const struct workload *workload_find(const char *name);

#endif
