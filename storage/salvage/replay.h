// The keyspace as it comes back from what was found: records are applied as recovery would, and,
// where something before them is lost, as fit.h says.
#ifndef ACKD_STORAGE_SALVAGE_REPLAY_H
#define ACKD_STORAGE_SALVAGE_REPLAY_H

#include "storage/log/log.h"
#include "storage/salvage/fit.h"
#include "storage/salvage/source.h"
#include "storage/salvage/states.h"

enum { REPLAY_SUSPECTS_MAX = 1024 };

// A key of which a checkpoint may have lost a part.
struct replay_key {
    unsigned db;
    struct buf name;
};

struct replay {
    struct source *source;
    struct keyspace *keyspace;
    struct certainty certainty;
    struct fit fit;
    // While the keys are read that only the older checkpoint has: the one that is read.
    bool is_merging;
    bool takes_key;
    // Of the record that was read last. All records of a key stand together, so a part that is lost
    // was this key's, the next one's, or that of keys of which nothing is left.
    bool has_key;
    bool is_behind_damage;
    struct replay_key at;
    struct replay_key *suspects; // the first REPLAY_SUSPECTS_MAX
    size_t suspect_count;
};

void replay_init(struct replay *replay, struct source *source, uint64_t seed);
void replay_deinit(struct replay *replay);

// Applies what was found, from the beginning to the end. Figures of the log go to `out`.
struct walk_figures;
void replay_run(struct replay *replay, const struct states *states, struct walk_figures *out);

#endif
