// Checkpoints as clients see them: BGSAVE and BGREWRITEAOF ask for one, LASTSAVE and INFO tell of
// them. Here both are the same thing, a fold of the log in the background; the two names, and what
// excludes what, are Redis'. The engine only keeps the account: who runs folds asks saving_wanted
// and reports.
//
// Always true: at most one fold runs or is wanted at once; the others are scheduled.
#ifndef ACKD_SERVER_ENGINE_SAVING_H
#define ACKD_SERVER_ENGINE_SAVING_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

// What it is called. Those that nobody asked for are rewrites, as Redis' own are.
enum saving_kind { SAVING_REWRITE, SAVING_SAVE, SAVING_KINDS };

struct saving_account { // of one kind
    bool is_scheduled;  // behind the one that is active
    uint64_t done;
    uint64_t failures_in_row;
    enum err last_err;
    int64_t last_took_s; // -1: none was made yet
};

struct saving {
    bool is_active; // wanted, or running
    bool is_running;
    enum saving_kind kind; // of the active one
    int64_t began_us;      // monotonic; of the active one
    struct saving_account accounts[SAVING_KINDS];
    int64_t last_ms;       // wall clock: the last checkpoint, at first the start
    uint64_t last_effects; // of the store, when the last checkpoint was begun
    uint64_t begun_effects;
};

// Asks for one. False: one is active already.
bool saving_ask(struct saving *saving, enum saving_kind kind, int64_t monotonic_us);
void saving_schedule(struct saving *saving, enum saving_kind kind);

// Whether a client has asked for one that does not run yet.
bool saving_wanted(const struct saving *saving);
// One begins to run, wanted or not. `effects`: of the store, so far.
void saving_began(struct saving *saving, uint64_t effects, int64_t monotonic_us);
// It has ended. What was scheduled is wanted now. `wall_ms`, `monotonic_us`: now.
void saving_ended(struct saving *saving, enum err err, int64_t wall_ms, int64_t monotonic_us);

static inline bool saving_is_active(const struct saving *saving, enum saving_kind kind) {
    return saving->is_active && saving->kind == kind;
}

#endif
