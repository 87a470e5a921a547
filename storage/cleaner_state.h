// The inside of a cleaner, for the files cleaner*.c and nobody else.
#ifndef ACKD_STORAGE_CLEANER_STATE_H
#define ACKD_STORAGE_CLEANER_STATE_H

#include "storage/cleaner.h"
#include "storage/cleaner_choice.h"
#include "storage/payloads.h"
#include "storage/store_state.h"
#include "storage/walk.h"

struct cleaner_read {
    struct payloads payloads;
    char *bytes; // set by run
};

enum cleaner_stage {
    CLEANER_RESTS,  // until the next look at all segments
    CLEANER_WALKS,  // collects
    CLEANER_READS,  // a read is out
    CLEANER_WRITES, // it is back
};

struct cleaner {
    struct store *store;
    const struct trace *trace;
    uint64_t rate_bytes; // a second
    enum cleaner_stage stage;
    int64_t due_us;        // of the next step
    int64_t ready_us;      // from which the next payload may be moved: the rate
    int64_t survey_us;     // of the next look at all segments
    uint64_t excess_bytes; // beyond the bound, at the last one

    struct choice_segment victims[CHOICE_VICTIMS_MAX];
    size_t victim_count;
    uint8_t *is_victim; // by slot
    size_t slot_cap;
    uint64_t stuck[CLEANER_STUCK_MAX]; // sequences; a ring
    size_t stuck_count;                // ever

    struct walk walk;
    uint64_t walk_relocated;   // values, in this walk
    unsigned vain_walks;       // in a row
    struct cleaner_read *read; // being collected, or to be written
    uint64_t reserve_spent;    // of the removals' reserve, since the last checkpoint
    uint64_t reserve_lsn;      // of that checkpoint
    struct cleaner_stats stats;
};

// ---- cleaner_move.c

struct cleaner_read *cleaner_read_new(struct log *log);
void cleaner_read_free(struct cleaner_read *read);
// Writes again what was read and still is where it was. False: the log has no room now.
bool cleaner_write(struct cleaner *cleaner);

// ---- cleaner.c

// The segment in that slot is left alone from now on.
void cleaner_leave(struct cleaner *cleaner, uint32_t slot);

#endif
