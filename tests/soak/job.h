// A job as bytes: `job:` and its number, then filler that follows from the number. So whoever holds
// a payload can tell whether it is whole, also after a disk has had it. Short ones (64 bytes and
// less) and long ones, as the store keeps them differently.
#ifndef ACKD_TESTS_SOAK_JOB_H
#define ACKD_TESTS_SOAK_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/slice.h"

enum { JOB_BYTES_MAX = 64 * 1024, JOB_NAME_BYTES = 20 };

// Writes the job's payload into `out` (JOB_BYTES_MAX) and lends it.
struct slice job_payload(uint64_t job, char *out);
// The job whose payload this is, every byte compared. False: it is none, or damaged.
bool job_of(struct slice payload, uint64_t *job);
// `job:` and 16 digits: the first JOB_NAME_BYTES of each payload, and its field in a hash.
struct slice job_name(struct slice payload);
bool job_of_name(struct slice name, uint64_t *job);

#endif
