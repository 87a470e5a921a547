// What the workloads on streams share: the commands, and the replies to XREADGROUP. One stream
// (run->queue), one consumer group, entries with one field that holds a job.
#ifndef ACKD_BENCH_LOAD_STREAM_H
#define ACKD_BENCH_LOAD_STREAM_H

#include <stddef.h>

#include "bench/load/run.h"

#define STREAM_GROUP "workers"

// An entry that came to a worker.
struct stream_delivery {
    char entry[REPLY_TEXT_BYTES]; // its id
    enum job_fault fault;
    struct job job; // with JOB_GOOD
};

// ---- outside any measurement
void stream_clear(struct run *run);
void stream_create_group(struct run *run); // which has read nothing; makes the stream
long long stream_len(struct run *run);     // XLEN
long long stream_pending(struct run *run); // XPENDING: how many

// ---- in `make`: appends the command to `conn`
void stream_add(struct run *run, struct conn *conn, struct job job);
// As the consumer that belongs to this connection: up to `count` new entries, waiting up to five
// seconds for the first.
void stream_read(struct run *run, struct conn *conn, size_t count);

// ---- in `take`: the entries in a reply to stream_read, at most BATCH_MAX; 0 after nothing came
size_t stream_deliveries(const struct reply *reply, struct stream_delivery *out);

#endif
