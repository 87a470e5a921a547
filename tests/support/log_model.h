// A log over a disk in memory, and beside it a naive model of what the log must hold: a list of
// frames. Each frame's records can be made again from its id, and some refer to the payload of an
// earlier one, as blobs do. Breaches of the promises end the process (must): what was acknowledged
// is there, in order, whole, and nothing is there that was not written; whatever a checkpoint keeps
// can be read.
#ifndef ACKD_TESTS_SUPPORT_LOG_MODEL_H
#define ACKD_TESTS_SUPPORT_LOG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/rng.h"
#include "storage/log/log.h"
#include "tests/support/vfs_memory.h"

enum { LOG_MODEL_RECORDS_MAX = 8, LOG_MODEL_KEPT_MAX = 256 };

struct log_model_frame {
    uint64_t id;
    uint64_t fence_lsn;   // behind its last record
    uint64_t payload_lsn; // of its first record
    uint32_t payload_len;
    bool is_live;                         // its payload may still be referred to
    uint64_t killed_by;                   // id of the frame that ended it; 0: none did
    bool was_killed;                      // before the last start, which may find that again
    uint64_t refs[LOG_MODEL_RECORDS_MAX]; // ids of frames that its records refer to; 0: none
};

// What the model believes to be a durable checkpoint. The log does not care what it holds; here it
// is the list of frames itself.
struct log_model_checkpoint {
    uint64_t lsn;  // 0: there is none
    size_t frames; // that lie before it
    struct log_kept kept[LOG_MODEL_KEPT_MAX];
    size_t kept_count;
};

struct log_model {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct log *log;
    struct log_options options;
    struct log_recovery recovery; // of the last start
    struct fault fault;           // of the last start
    struct rng rng;
    struct trace trace;
    char events[4096]; // names of the traced events of this start, a space behind each
    size_t events_len;
    int64_t now_ms;
    uint64_t next_id;
    struct log_model_checkpoint checkpoint;
    unsigned live_percent;          // of frames that a checkpoint leaves alive
    unsigned kill_percent;          // of records that end the life of an earlier frame
    uint64_t kills_in;              // only of those in the segment of that sequence; 0: of all
    bool expects_loss;              // a start is to be refused when a segment is missing
    bool draws_newest;              // checkpoints are made at the last possible place
    struct log_model_frame *frames; // in the log, as far as the writer knows
    size_t count;
    size_t cap;
    size_t acked; // of these, the first so many are known to be durable
    size_t seen;  // while recovering: frames handed over
    uint32_t seen_records;
};

void log_model_init(struct log_model *model, uint64_t seed, uint64_t capacity_bytes);
void log_model_deinit(struct log_model *model);

// Starts a process: opens and recovers. When that succeeds, every acknowledged frame was there, and
// the log was a prefix of what was written; all of it counts as acknowledged from now on.
enum err log_model_start(struct log_model *model);
void log_model_stop(struct log_model *model); // the process ends as it is; not started is fine

// Appends a frame of random records of up to `bytes` in all. False: no room or broken.
bool log_model_append(struct log_model *model, size_t bytes);
bool log_model_flush(struct log_model *model); // everything; false: the log broke
bool log_model_seal(struct log_model *model);  // if the log wants it; false: the log broke
void log_model_make_slots(struct log_model *model);

// Whether a live frame's payload is in that segment.
bool log_model_is_in_use(const struct log_model *model, uint64_t sequence);
// Tells the log of segments that no live frame's payload is in.
void log_model_note_empty(struct log_model *model);

// Makes a checkpoint at the end of a segment drawn at random, as a fold would: whole segments
// behind which another one is durable; some of the frames before it stay alive. False: there is
// none to make. `is_told`: the log is told of it, and may recycle; otherwise only the next start
// knows.
bool log_model_checkpoint(struct log_model *model, bool is_told);
// Asserts that the payloads of all live frames can be read.
void log_model_read_all(const struct log_model *model);
// Whether an event of that name was traced since the last start began.
bool log_model_saw(const struct log_model *model, const char *event);

#endif
