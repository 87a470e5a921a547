// The inside of a scrub, for the files scrub*.c and store*.c and nobody else.
#ifndef ACKD_STORAGE_SCRUB_STATE_H
#define ACKD_STORAGE_SCRUB_STATE_H

#include "storage/log/audit.h"
#include "storage/payloads.h"
#include "storage/scrub.h"
#include "storage/state/state_reader.h"
#include "storage/store_state.h"
#include "storage/walk.h"

enum scrub_stage { SCRUB_RESTS, SCRUB_CHECKPOINT, SCRUB_LOG, SCRUB_VALUES };

// The newest checkpoint's file, while it is read.
struct scrub_checkpoint {
    struct vfs *vfs;
    const struct format *format;
    enum state_name name;
    struct state_header header; // as the store knows it, whatever the file says
    struct state_reader *reader;
    // What was found:
    unsigned damaged_copies; // of the header
    bool is_kept_damaged;
    enum err records_err;
    uint64_t records_offset;
};

struct scrub_read {
    enum scrub_stage stage;              // what is read
    uint64_t bytes;                      // set by run
    bool is_done;                        // likewise: with this file
    struct scrub_checkpoint *checkpoint; // lent; CHECKPOINT
    struct log_audit *audit;             // lent; LOG
    struct vfs *vfs;                     // VALUES, as what follows
    struct payloads payloads;
};

enum scrub_kind { SCRUB_OF_VALUE, SCRUB_OF_CHECKPOINT, SCRUB_OF_SEGMENT };

struct scrub_damage {
    uint64_t identity; // of the item, its place included
    uint64_t pass;     // that has found it last
    enum scrub_kind kind;
};

struct scrub {
    struct store *store;
    const struct trace *trace;
    uint64_t rate_bytes; // a second
    enum scrub_stage stage;
    bool is_out;            // a read
    int64_t due_us;         // of the next step
    int64_t now_us;         // of the last one
    int64_t ready_us;       // from which the next read may begin: the rate
    int64_t begun_us;       // of the pass
    uint64_t pass;          // number of the one that runs or was the last
    uint64_t sequence;      // of the next segment to be audited
    uint64_t last_sequence; // of those of this pass
    unsigned tries;         // at checkpoints that were replaced while they were read

    struct scrub_checkpoint checkpoint; // being read, if it has a reader or `is_reading`
    bool is_reading;
    struct log_audit *audit; // NULL: none is
    struct walk walk;
    struct scrub_read *read; // being collected

    struct scrub_damage damages[SCRUB_DAMAGE_MAX];
    size_t damage_count;
    uint64_t overflow;        // damaged items of this pass that had no place there
    uint64_t overflow_before; // of the one before
    uint64_t mendable_of;     // generation whose damage a new checkpoint mends; 0: none
    struct scrub_stats stats;
};

// ---- scrub_read.c

void scrub_read_values(struct scrub_read *read);
void scrub_read_checkpoint(struct scrub_read *read);

// ---- scrub_damage.c: remembers, and tells of what is new

void scrub_found_value(struct scrub *scrub, const struct payloads *payloads,
                       const struct payload_group *group, const struct payload_item *item,
                       uint32_t index);
void scrub_found_checkpoint(struct scrub *scrub);
void scrub_found_segment(struct scrub *scrub, const struct log_audit_result *result);
// The pass is over: what it has not found again is forgotten.
void scrub_forget_mended(struct scrub *scrub);

// ---- for store_fold.c

// Whether a new checkpoint would mend what was found, and none was tried since.
bool scrub_wants_fold(const struct scrub *scrub);
void scrub_note_fold(struct scrub *scrub);       // one begins
void scrub_note_checkpoint(struct scrub *scrub); // there is a new checkpoint

#endif
