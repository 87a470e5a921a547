// A snapshot of the log's sealed, durable segments, to be read by another thread while the log goes
// on: what a fold and a scrub read. Those that it reads never change; that none of them is given to
// new data meanwhile is the store's business (slots of segments that no checkpoint covers are given
// back only when one is done). Ghosts (log.h) are among the segments before those.
//
// Always true: the segment behind the last one has a durable header, so each of a span's segments
// is known to its last byte: damage in it is an error, never an end.
#ifndef ACKD_STORAGE_LOG_SPAN_H
#define ACKD_STORAGE_LOG_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/log/log.h"

struct log_span;

// Owner's thread. The segments that hold what lies at or behind `from_lsn` (0: everything). NULL:
// no whole one does.
struct log_span *log_span_begin(const struct log *log, uint64_t from_lsn);
void log_span_end(struct log_span *span); // any thread; NULL is fine; the log is open still

size_t log_span_count(const struct log_span *span);
uint64_t log_span_bytes(const struct log_span *span); // about what reading it reads

// Reads and verifies segment `index` and hands over the frames that end in it, from those on that
// begin at from_lsn. Any thread, one at a time. 0 begins a pass, the others follow in order. Errors
// as log_recover, and the visitor's.
enum err log_span_read(struct log_span *span, size_t index, const struct log_visitor *visitor,
                       struct fault *fault);

// After a whole pass: behind the last frame that was handed over. Where replay has to begin for
// what follows: a frame may be open at the end of the last segment.
uint64_t log_span_lsn(const struct log_span *span);
uint64_t log_span_end_lsn(const struct log_span *span); // where its last segment ends
uint64_t log_span_frames(const struct log_span *span);  // handed over in this pass

// As log_locate and log_lsn_at, for every segment the log had before the end of the span, those
// before from_lsn as well.
bool log_span_locate(const struct log_span *span, uint64_t lsn, uint32_t *slot, uint32_t *offset);
uint64_t log_span_lsn_at(const struct log_span *span, uint32_t slot, uint32_t offset);

// Segment i, counted from the oldest the log had, if it ends at or before `lsn`, which the span
// covers; false: there is no such. They are the first ones.
bool log_span_covered(const struct log_span *span, size_t i, uint64_t lsn, uint64_t *sequence,
                      uint32_t *slot);

#endif
