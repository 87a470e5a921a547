// The command line of the load generator: one table row per option feeds parsing and --help.
#ifndef ACKD_BENCH_LOAD_OPTIONS_H
#define ACKD_BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/conn.h"

enum {
    CONNECTIONS_MAX = 10000,
    PIPELINE_MAX = 4096,
    COUNT_MAX = 1000000000,
    BATCH_MAX = 100,
};

struct options {
    const char *workload;
    const char *host;
    const char *port;
    const char *unix_path; // NULL: TCP
    const char *label;     // goes into the report
    const char *prefix;    // of every key
    const char *position;  // of the element that LREM removes: first, middle, last
    uint64_t connections;
    uint64_t workers;
    uint64_t pipeline;
    uint64_t size_bytes;
    uint64_t list_len;
    uint64_t batch;       // entries a worker reads at a time
    uint64_t pending_len; // entries that are pending before XAUTOCLAIM
    uint64_t min_idle_ms; // for XAUTOCLAIM
    uint64_t live_len;    // jobs that a churn keeps alive
    uint64_t old_every;   // churn-old: one in so many stays
    uint64_t run;         // in the jobs; 0: another one for each run
    uint64_t backlog;
    uint64_t count;        // 0: measure for `seconds`
    uint64_t warmup_count; // with `count`
    double rate;           // arrivals a second; 0: closed loop
    double probe_rate;     // PINGs a second on a connection of their own; 0: none
    double seconds;
    double warmup_seconds; // with `seconds`
    double patience_s;     // without progress, before the run is given up
    bool deletes;          // XDEL what was acknowledged
    bool keep;             // leave the queue as it is at the end
    bool json;
};

// Reads the command line. Ends the program after --help, or when the line is wrong.
struct options options_read(int argc, char **argv);

struct address options_address(const struct options *options);

#endif
