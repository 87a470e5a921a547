// Lives of a server on one disk, recorded: the real engine with the real table of commands, the
// real store and log, clients whose commands are typed here, a log thread that runs when told. A
// life ends by a clean stop, a kill or a power cut, and the next begins with the real recovery.
//
// What is recorded is a *moment* before each call that changes the disk: the disk as it is then,
// and what it may hold, given everything that clients were told until then. A moment is what a
// power cut at that call leaves its images from.
//
// Once something is wrong (a start is refused or finds another state than it may, a client is told
// an error) `wrong` says so and every further step does nothing.
#ifndef ACKD_TESTS_SIM_IMAGES_LIFE_H
#define ACKD_TESTS_SIM_IMAGES_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/trace.h"
#include "server/engine/engine.h"
#include "tests/sim/images/cut.h"
#include "tests/sim/images/history.h"
#include "tests/sim/images/image_disk.h"

enum {
    LIFE_CLIENTS = 2,
    LIFE_PENDING_MAX = 64, // commands of one client that wait for their reply
    LIFE_START_MS = 1000000,
};

struct moment {
    struct disk_state state;
    struct bounds bounds;
    uint64_t capacity_bytes;
    const char *call;     // what came before it
    uint64_t first_image; // its images are numbered from here; set by moments_number
    uint64_t images;
};

struct life_client {
    struct client *client; // NULL: not connected
    struct buf seen;
    const struct history_node
        *pending[LIFE_PENDING_MAX]; // what each reply to come will tell of; NULL: nothing
    size_t pending_count;
};

struct life {
    struct disk disk;
    struct pages pages;
    struct history history;
    struct bounds bounds;
    struct moment *moments;
    size_t moment_count;
    size_t moment_cap;
    struct buf wrong;
    enum verdict wrong_kind;
    uint64_t reserve_bytes;
    bool may_refuse;           // replies that are errors are expected
    const struct trace *trace; // may be NULL

    // of the present life
    struct vfs *vfs;
    struct store *store; // NULL: no server runs
    struct options options;
    struct engine *engine;
    struct life_client clients[LIFE_CLIENTS];
    struct log_flush *flying;
    struct fold *fold; // that is being made; NULL: none
    uint64_t frames;   // committed in this life, as last counted
    int64_t now_ms;
    unsigned starts;
    uint64_t values; // unique ones made so far
};

// The first life begins on this disk (NULL: an empty one). `bounds` of that disk; with NULL the
// store has never held anything.
void life_init(struct life *life, const struct disk_state *state, const struct bounds *bounds);
void life_deinit(struct life *life);

// ---- beginning and end

void life_start(struct life *life);
void life_stop(struct life *life); // cleanly: flushed and sealed
void life_kill(struct life *life); // the machine goes on: the page cache stays
// Slots are made, and the process is killed in the middle of it: files are written, not synced.
void life_kill_while_making_slots(struct life *life);
enum life_cut {
    LIFE_CUT_OLD,  // nothing that was not synced is there
    LIFE_CUT_NEW,  // all of it
    LIFE_CUT_SOME, // any image of the moment
};
void life_cut(struct life *life, enum life_cut how, uint64_t seed);

// ---- what clients do

// A command of client `who`: words between blanks; @n stands for n bytes that never came before.
void life_do(struct life *life, unsigned who, const char *words);
// The next commands take no effect on their own: time passes, the engine ticks.
void life_pass(struct life *life, int64_t ms);

// Nobody waits any more; otherwise that is wrong.
void life_expect_served(struct life *life);

// ---- what the server does

void life_flush_begin(struct life *life); // seals what is open and hands it out
void life_flush_run(struct life *life);   // write and sync; then the flush ends, replies leave
void life_flush(struct life *life);       // everything
void life_seal(struct life *life);
void life_make_slots(struct life *life);
// Slots are made between the write and the sync of the next flush.
void life_make_slots_meanwhile(struct life *life);

// Makes a checkpoint, or goes on with the one that is being made until it is done. `may_fail`: what
// was planted in the disk may hit it.
void life_fold(struct life *life, bool may_fail);
void life_fold_step(struct life *life, bool may_fail); // a step of it

// Moves everything out of all segments but the newest, as far as it can be moved; the next
// checkpoint gives them back. Between its steps what was moved is flushed, or nothing is.
void life_clean(struct life *life, bool flushes_between);

// Notes what was committed since the last look: `what`. More than one transaction is wrong, unless
// keys may have expired or waiters been served.
void life_look(struct life *life, const char *what, bool may_expire);

// The power could fail now: what the last call left. After the last step.
void life_note(struct life *life);

bool life_is_up(const struct life *life); // a server runs and nothing is wrong

#endif
