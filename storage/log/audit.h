// Verifies one durable segment again while the log goes on, piece by piece, with memory for one
// batch: what a scrub does. It reads what the next start would read of it: the header, and all
// batches unless the newest checkpoint covers them.
//
// Reads are made on a file handle of its own, past the page cache where the file system can: what
// the disk has is asked for, not what memory remembers of it. What does not verify is read once
// more before it is called damaged. At the first damaged batch the audit ends: where the next one
// begins is not known.
#ifndef ACKD_STORAGE_LOG_AUDIT_H
#define ACKD_STORAGE_LOG_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/log/log.h"

enum { LOG_AUDIT_WINDOW = 256 << 10 }; // read at once, more if a batch is longer

enum log_audit_damage {
    LOG_AUDIT_WHOLE,
    LOG_AUDIT_HEADER, // no copy is valid: nothing else of the segment can be verified
    LOG_AUDIT_BATCH,
};

struct log_audit_result {
    uint64_t sequence;
    uint32_t slot;
    bool has_damaged_copy; // of the header; the other one is valid
    enum log_audit_damage damage;
    size_t offset; // of it, in the slot's file
    enum err err;  // ERR_CORRUPT; or what reading it failed with
};

struct log_audit;

// Owner's thread: of the log's durable segments the first whose sequence is at least
// `from_sequence`; pins its slot. NULL: there is none.
struct log_audit *log_audit_begin(struct log *log, uint64_t from_sequence);
// Any thread, one at a time: goes on for about `bytes`. Returns how many were read; `is_done`: no
// further step.
size_t log_audit_step(struct log_audit *audit, size_t bytes, bool *is_done);
struct log_audit_result log_audit_result(const struct log_audit *audit);
// Owner's thread; NULL is fine. Unpins and frees.
void log_audit_end(struct log *log, struct log_audit *audit);

#endif
