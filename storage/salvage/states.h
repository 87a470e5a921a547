// The checkpoint that a salvage begins with, and the reading of one that is damaged.
//
// Which one: the newest that is whole; the one before it, if that is whole and the log has
// everything since; else what can be read of the newest, and of the one before it the keys that
// are missing then; else none.
#ifndef ACKD_STORAGE_SALVAGE_STATES_H
#define ACKD_STORAGE_SALVAGE_STATES_H

#include "storage/data/effect.h"
#include "storage/salvage/source.h"
#include "storage/state/state_load.h"

struct states {
    struct state_checkpoint found[STATE_FILES]; // the newer one first
    bool is_whole[STATE_FILES];
    bool is_cut[STATE_FILES]; // the file is shorter than its header says
    int begin;                // the one to begin with; -1: none
    int also;                 // whose keys are taken where they are missing; -1: none
};

void states_find(struct states *states, struct source *source);
void states_deinit(struct states *states);

struct states_visitor {
    void *context;
    void (*record)(void *context, const struct effect_record *record);
    void (*damage)(void *context); // records are lost
};

// Reads all records of a checkpoint that are valid. Those that hold damaged payloads are handed
// over all the same.
void states_read(struct source *source, const struct state_checkpoint *checkpoint,
                 const struct states_visitor *visitor);

#endif
