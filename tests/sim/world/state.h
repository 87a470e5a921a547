// The inside of a world, shared by the files of this room and nobody else.
//
//   world.c    draws what happens next          machine.c  process, disk, log thread, crashes
//   peer.c     clients and the wires to them    witness.c  what the engine executed
//   quiet.c    what must be so at quiet moments  forks.c    crashes and rot beside the run
//   worker.c   jobs and the account of them     mirror.c   the naive model of all of it
//   crew.c     jobs of a consumer group
//   folds.c    checkpoints, made meanwhile       cleaning.c  the cleaner, likewise
//   scrubbing.c  the scrub, likewise, and on copies that rot
//   plots.c    rows of commands that chance alone would hardly draw
#ifndef ACKD_TESTS_SIM_WORLD_STATE_H
#define ACKD_TESTS_SIM_WORLD_STATE_H

#include "proto/base/rng.h"
#include "server/engine/call.h"
#include "server/engine/engine.h"
#include "server/options/options.h"
#include "storage/reading.h"
#include "storage/store.h"
#include "tests/sim/workload/workload.h"
#include "tests/sim/world/ledger.h"
#include "tests/sim/world/mirror.h"
#include "tests/sim/world/worker.h"
#include "tests/sim/world/world.h"
#include "tests/support/vfs_memory.h"

enum {
    WORLD_PEERS = 36,
    WORLD_WORKERS = 10, // of them, in a world with jobs
    WORLD_DATABASES = 16,
    WORLD_RESERVE_BYTES = LOG_SEGMENT_BYTES_MIN,
    WORLD_SLOTS = 28,     // a disk with more segment files is left for a new one: starts read all
    WORLD_NESTED_MAX = 3, // crashes of one recovery
    WORLD_SETTLE_MAX = 20000, // turns until everything must have come to rest
};

// One reply on its way.
struct peer_mark {
    size_t bytes;    // not delivered yet
    uint64_t frames; // what it may tell of
    bool is_begun;
};

enum peer_reading { READING_ALL, READING_SOME, READING_NOTHING };

// What a blocked client asked for; owns a copy.
struct peer_wait {
    const struct command *command; // NULL: is not blocked
    unsigned db;
    size_t argc;
    struct slice *argv;
    struct buf bytes;
    int64_t since_ms;
    uint64_t order; // who began to wait first
};

// A client with its side of the wire.
struct peer {
    struct client *client; // NULL: not connected
    struct buf out;        // said, not all of it has arrived
    size_t out_at;
    size_t said; // complete commands put on the wire ...
    size_t seen; // ... and of those the engine has dealt with
    bool is_paused;
    enum peer_reading reading;
    struct buf owed;   // written by the engine, not delivered yet
    struct buf excuse; // an error that comes in the place of a value, as far as it has come
    struct peer_mark *marks;
    size_t mark_first;
    size_t mark_count;
    size_t mark_cap;
    struct peer_wait wait;
    struct worker *worker; // NULL: says what the workload draws
};

// A job of the log thread, of the one that makes slots, or of those that read.
struct world_job {
    struct log_flush *flush;
    struct log_slots *slots;
    struct store_reading *reading;
    bool has_run;
    enum err err;
};

struct world {
    const struct world_options *options;
    struct story *story;
    struct world_figures *figures;
    struct rng rng;
    int64_t wall_us;
    int64_t monotonic_us;
    struct clock clock;
    struct trace trace;

    // The machine.
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
    struct options config;
    struct engine *engine; // NULL: not running
    struct engine_witness witness;
    struct world_job flusher;
    struct world_job maker;
    struct fold *fold;             // that is being made; NULL: none
    bool fold_may_fail;            // what it has read so far may be wrong
    unsigned slices;               // of each fold
    struct cleaner_read *cleaning; // a read that is out; NULL: none
    bool cleaning_has_run;
    struct world_job readers[READINGS_MAX];
    struct scrub_read *scrubbing; // likewise
    bool scrubbing_has_run;
    bool scrub_may_fail; // what it has read in this pass may be wrong
    uint64_t salt;       // two starts must not have the same seed
    enum log_sync_method sync_method;
    unsigned slots_ahead;
    size_t tail_bytes;
    size_t cold_read_cache_bytes;
    size_t trash_min;    // elements of a value that is freed in steps
    size_t walk_looks;   // of cleaner and scrub in one step
    size_t trash_steps;  // elements of such values that go in a turn
    size_t snapshot_min; // elements or entries that a reply shares
    uint64_t recovered;  // frames this process found
    bool is_stopping;    // SHUTDOWN was asked for
    bool is_broken;      // the log is: some steps more, then the process ends
    unsigned broken_steps;
    bool is_full;           // the disk is kept small
    bool is_growth_refused; // and somebody was told
    unsigned starts_while_full;
    bool had_spare;  // when the last process ended, a slot was ready
    bool reads_fail; // a read may have failed or lied
    bool calls_fail; // a fault is armed, or was

    struct ledger ledger;
    struct peer peers[WORLD_PEERS];
    uint64_t waits_begun;
    struct workload *workload;
    struct jobs jobs;
    bool has_jobs;
    struct mirror *mirror;
    struct buf scratch;
};

static inline bool world_has(const struct world *world, enum world_fault fault) {
    return (world->options->without & (unsigned)fault) == 0;
}

// True once in so many times.
static inline bool world_chance(struct world *world, uint64_t times) {
    return rng_below(&world->rng, times) == 0;
}

// A promise of PROOF.md is broken: says so in the story and ends the process.
_Noreturn void world_broke(struct world *world, unsigned promise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int64_t world_now_ms(const struct world *world);
void world_pass_time(struct world *world, int64_t us);

// ---- machine.c

void machine_new_life(struct world *world); // a new disk, and a first start on it
void machine_end(struct world *world);      // everything goes, the disk too
void machine_power_cut(struct world *world);
void machine_kill(struct world *world);
void machine_stop(struct world *world); // as SHUTDOWN: flush, seal, close; then start again
void machine_fill_disk(struct world *world);
void machine_make_room(struct world *world);
bool machine_is_dead(const struct world *world);
struct store_options machine_store_options(struct world *world);

// Steps of the log thread and of the maker of slots; false: there is nothing to do.
bool machine_flush_begin(struct world *world);
bool machine_flush_run(struct world *world);
bool machine_flush_end(struct world *world);
bool machine_slots_begin(struct world *world);
bool machine_slots_run(struct world *world);
bool machine_slots_end(struct world *world);
bool machine_seal(struct world *world);
// Steps of one of those that read.
bool machine_read_begin(struct world *world);
bool machine_read_run(struct world *world, size_t reader);
bool machine_read_end(struct world *world, size_t reader);
void machine_run(struct world *world); // a turn of the engine
// All is executed, flushed and delivered. False: the machine has died or the log is broken.
bool machine_settle(struct world *world);

// ---- folds.c

// Begins a fold, makes a step of the one that runs, or ends it.
void fold_go_on(struct world *world);
void fold_forget(struct world *world); // the process ends

// ---- cleaning.c

void clean_begin(struct world *world); // the process has started
// Makes a step of the cleaner, or of its read.
void clean_go_on(struct world *world);
void clean_forget(struct world *world); // the process ends

// ---- scrubbing.c

void scrub_begin(struct world *world); // the process has started
// Makes a step of the scrub, or of its read.
void scrub_go_on(struct world *world);
void scrub_forget(struct world *world); // the process ends
// Flips a bit in some value that is alive; false: there is none.
bool scrub_rot_value(struct world *world, const struct store *store, struct memory_disk *disk);
// A pass over a store at rest must find exactly the values that are damaged. Returns whether it
// tells of anything else.
bool scrub_check_copy(struct world *world, const struct store *store,
                      const struct memory_disk *disk);

// ---- peer.c

void peer_connect(struct world *world, struct peer *peer);
void peer_leave(struct world *world, struct peer *peer);  // the client goes
void peer_forget(struct world *world, struct peer *peer); // what was between it and the server
void peer_deinit(struct peer *peer);
void peer_say(struct peer *peer, const struct slice *argv, size_t argc);
// A part of what was said arrives.
void peer_send(struct world *world, struct peer *peer, size_t most);
void peer_write(struct peer *peer, struct slice reply, uint64_t frames);
// Delivers what may leave, as far as they read; closes who is finished.
void peers_carry(struct world *world, bool all);
void peer_wait_begin(struct world *world, struct peer *peer, const struct call *call);
void peer_wait_end(struct peer *peer);

// ---- plots.c

void plot_rivalry(struct world *world);                       // before the disk gets full
void plot_rivalry_on(struct world *world, struct peer *peer); // when it is
void plot_full_disk(struct world *world);
void plot_kill(struct world *world);
void plot_held_values(struct world *world);
void plot_held_entries(struct world *world);

// ---- witness.c

void witness_see(void *context, enum engine_seen what, const struct call *call, struct slice reply);
// Frames that were committed are known from now on.
void witness_note_commits(struct world *world);
void witness_read(void *context, const struct blob *blob, char *into);
// Whether no cut can take the first so many frames any more: the disk is asked, not the log.
bool witness_is_safe(struct world *world, uint64_t frames);

// ---- quiet.c

void quiet_check(struct world *world); // after machine_settle

// ---- forks.c

// A copy of the disk loses its power now and is started: it must know all that was told.
void forks_cut(struct world *world);
// A copy of a disk at rest is damaged: its start is refused, or it knows all.
void forks_rot(struct world *world);
// A copy of a disk at rest is started and damaged: the scrub tells of it, or the next start is as
// good.
void forks_scrub(struct world *world);
// What a start found, of the run itself or of a copy.
void forks_check_found(struct world *world, const struct store *store, uint64_t frames,
                       const char *who);

#endif
