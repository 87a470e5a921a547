// Payloads that can be recognised: a job's bytes name the run that made it, its number and the time
// at which it was due, and the rest follows from these. So a worker can tell, from the bytes alone,
// whether this is a job of this run, which one, whether a byte of it changed, and how long it was
// on its way.
//
// Layout, all text: 8 hex digits run, 16 hex digits id, 16 hex digits due time in ns, filler.
#ifndef ACKD_BENCH_LOAD_JOB_H
#define ACKD_BENCH_LOAD_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOB_HEAD_BYTES = 8 + 16 + 16,
    JOB_BYTES_MAX = 16 << 20,
    JOB_SHIFTS = 61, // the filler begins at one of so many places, so that neighbours differ
};

struct job {
    uint64_t id; // dense, from 0
    uint64_t due_ns;
};

struct job_maker {
    uint32_t run;
    size_t job_bytes; // of every job, JOB_HEAD_BYTES to JOB_BYTES_MAX
    char *filler;     // job_bytes + JOB_SHIFTS letters
};

enum job_fault { JOB_GOOD, JOB_FOREIGN, JOB_DAMAGED };

void job_maker_init(struct job_maker *maker, uint32_t run, size_t job_bytes);
void job_maker_deinit(struct job_maker *maker);

// Writes the job's `maker->job_bytes` bytes to `to`.
void job_write(const struct job_maker *maker, struct job job, char *to);

// Reads a job back. JOB_FOREIGN: not of this run; JOB_DAMAGED: of this run, but not the bytes that
// were written. Only JOB_GOOD fills `job`.
enum job_fault job_read(const struct job_maker *maker, const char *bytes, size_t len,
                        struct job *job);

#endif
