// One run of one workload: its connections, its clock and its account.
//
// Happy path: run_open connects and prepares; run_loop warms up, measures, and drains (sources
// stop, work on its way comes back); run_verify checks the account; report_print tells.
//
// How time is measured. A request is *due* at the moment a client wanted to send it: in a closed
// loop the moment it was made, in an open loop the moment the rate says, even when the connection
// was still busy then. A latency is the time from due to the reply, so a server that stalls pays
// for every request that had to wait for it (no coordinated omission). What is due within the
// measured window is recorded, also if its reply came later; units per second count the replies
// that came within the window.
//
// A closed loop with a pipeline sends a batch, waits for all of its replies and sends the next.
//
// Failure modes: a lost connection ends the program; error replies are counted and make the exit
// code 1; SIGTERM ends the window early; a run without progress for --patience seconds is given up
// and the missing jobs are lost.
#ifndef ACKD_BENCH_LOAD_RUN_H
#define ACKD_BENCH_LOAD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/conn.h"
#include "bench/load/histogram.h"
#include "bench/load/job.h"
#include "bench/load/ledger.h"
#include "bench/load/options.h"
#include "bench/load/workload.h"

enum {
    RUN_ROLES_MAX = 4,
    RUN_SERIES_MAX = 8,
    RUN_KEY_BYTES = 256,
};

// Connections that do the same. The first fields are set by the workload, the rest by the run.
struct role {
    const char *name;
    size_t connections;
    size_t depth;       // requests on their way per connection
    size_t state_bytes; // zeroed memory per connection, in conn->state
    double rate;        // arrivals a second over all its connections; 0: closed loop
    bool is_source;     // the run is not over while its requests are on their way

    // Appends one command to `conn` (conn_command) and describes it in `op`, whose due time is set.
    // False: nothing to send now; asked again after replies came.
    bool (*make)(struct run *run, struct conn *conn, struct op *op);
    // Takes the reply to `op` from conn->reply. Errors were counted already.
    void (*take)(struct run *run, struct conn *conn, const struct op *op);

    struct conn *conns;
    struct conn **idle; // ring of those whose `make` said false
    size_t idle_first;
    size_t idle_len;
    uint64_t arrivals; // open loop: how many were handed to the connections, in turn
};

struct series {
    const char *name;
    struct histogram histogram;
};

enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_DRAIN };

struct run {
    const struct options *options;
    const struct workload *workload;
    struct conn admin; // for preparing and verifying, never used while measuring
    struct job_maker maker;
    struct ledger ledger;
    char *payload;   // scratch, one job
    uint64_t *slots; // of a workload that has some (memory_new in `prepare`); the run frees it
    char queue[RUN_KEY_BYTES];
    char processing[RUN_KEY_BYTES];
    struct role roles[RUN_ROLES_MAX];
    size_t roles_len;
    struct series *series; // RUN_SERIES_MAX, in the order in which the workload added them
    size_t series_len;

    enum phase phase;
    int epoll_fd;
    uint64_t now_ns;
    uint64_t begin_ns;
    uint64_t measure_ns; // the measured window
    uint64_t end_ns;
    uint64_t progress_ns; // when the last unit was done
    uint64_t created;
    uint64_t units; // done, in all phases
    uint64_t units_measured;
    uint64_t units_refused; // will never be done: the server answered an error
    uint64_t behind;        // arrivals that were due and not sent when the window closed
    uint64_t errors;
    uint64_t faults;
    bool is_stalled;
    char error[REPLY_ERROR_BYTES]; // the first one
};

void run_open(struct run *run, const struct options *options, const struct workload *workload);
void run_loop(struct run *run);
void run_verify(struct run *run);
void run_close(struct run *run);

// Is anything wrong with what the server did?
bool run_is_faulty(const struct run *run);

// ---- for workloads

// In `plan`: add a role, or a series of latencies; series are numbered from 0 as they are added.
void run_add_role(struct run *run, struct role role);
void run_add_series(struct run *run, const char *name);

// In `prepare` and `verify`: asks the server and returns the number it answers (0 for nil and
// text).
long long run_ask(struct run *run, const struct text *arguments, size_t count);

// In `make` of a source: true as long as more is wanted; call run_create then for each unit made.
bool run_may_create(const struct run *run);
uint64_t run_create(struct run *run); // its number

// The same for the producers of a cycle. In a closed loop they are faster than workers, who have
// more than one command to a job: they wait when --backlog jobs are not done, so that the figure is
// that of a steady state and not of a queue that grows for the whole run.
bool run_may_produce(const struct run *run, const struct role *role);

// In `take`: a unit was done, or never will be.
void run_unit(struct run *run);
void run_unit_refused(struct run *run);

// In `take`: records the time since `due_ns` if that lies in the measured window.
void run_record(struct run *run, size_t series, uint64_t due_ns);

// In `verify`: notes what the ledger says is wrong. All jobs must have come back.
void run_verify_ledger(struct run *run);

// Notes something that is wrong, for the exit code, and prints it.
void run_fault(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
