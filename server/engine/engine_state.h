// The inside of an engine, shared by the files of this folder and nobody else.
#ifndef ACKD_SERVER_ENGINE_ENGINE_STATE_H
#define ACKD_SERVER_ENGINE_ENGINE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/link.h"
#include "proto/base/rng.h"
#include "server/engine/call.h"
#include "server/engine/client.h"
#include "server/engine/engine.h"
#include "storage/data/dict.h"

enum {
    ENGINE_READ_BYTES = 16 * 1024, // room offered to one read of a socket
    ENGINE_WAKES_PER_TURN = 256,   // ready keys served before the clients have their turn again
    ENGINE_MEMORY_SAMPLE_BYTES = 1 << 20, // written since the last look at the memory in use
    ENGINE_MEMORY_RECHECK_US = 1000,      // when full: look again at most this often
    ENGINE_SNAPSHOT_MIN = 4096,           // elements or entries that a reply shares, not lists
    ENGINE_LOOK_BYTES = 512 << 10,        // compared or measured by one command in one go
    // Elements that all commands together look at in a turn, when they go in pieces, and the share
    // that each has at least.
    ENGINE_LOOK_STEPS = 256 << 10,
    ENGINE_LOOK_SHARES = 16,
    // Elements of large values that are gone which a turn frees (about 0.3 ms), and which a command
    // frees that would be refused for want of memory otherwise.
    ENGINE_TRASH_PER_TURN = 1024,
    ENGINE_TRASH_WHEN_FULL = 8192,
    ENGINE_SWEEP_MS = 1000,     // idle clients are looked at this often
    ENGINE_TRIM_IDLE_MS = 2000, // a client quiet for so long gives its buffers back
    // Segments that the log has given up and replies in outboxes hold (for moments cleaner and
    // scrub do, too): a client that has taken nothing for so long is cut off; when there are more,
    // or the log has no room, the one of them that has taken nothing for longest, at each sweep.
    ENGINE_HOLD_STALL_MS = 10000,
    ENGINE_HELD_SLOTS_MAX = 16,
};

// A row of the table with what the engine keeps beside it.
struct command_slot {
    const struct command *command;
    struct command_slot *subslots;        // subtable_len of them
    char full_name[2 * COMMAND_NAME_MAX]; // "client|kill"
    struct command_stats stats;
};

// The command table and its index: open addressing over lower-case names.
struct command_index {
    struct command_slot *slots; // one per row
    size_t slot_count;
    struct command_slot **buckets;
    size_t bucket_mask;
};

// A blocked command. It owns a copy of its arguments, in the same block of memory.
struct waiter {
    struct client *client;
    struct command_slot *slot;
    unsigned db;
    enum value_type value_type; // what its keys must hold to be worth a retry
    enum wait_answer answer;
    int64_t deadline_ms; // 0: for ever
    int64_t alarm_ms;    // tried again then; 0: none
    int64_t due_ms;      // the earlier of the two; 0: not in engine->deadlines
    size_t heap_at;      // place in engine->deadlines
    bool minds_loss;     // see struct call_waiting
    bool claims;
    struct slice cohort; // the group it reads for, of argv; empty: none
    uint64_t arrival;    // smaller: waits longer
    size_t argc;
    struct slice *argv;
    size_t argument_bytes;
    size_t link_count;
    struct wait_link *links; // one per key
};

struct stats_sampler {
    int64_t last_us; // monotonic; 0: no sample yet
    uint64_t last_commands;
    uint64_t last_input;
    uint64_t last_output;
    double commands_per_s[STATS_SAMPLES];
    double input_per_s[STATS_SAMPLES];
    double output_per_s[STATS_SAMPLES];
    unsigned next;
};

// Waiters with a deadline or an alarm, the earliest on top of a binary heap.
struct wait_heap {
    struct waiter **items;
    size_t count;
    size_t cap;
};

struct engine {
    struct store *store; // NULL while it is being loaded
    struct log *log;     // the store's
    struct engine_loading loading;
    struct options *options;
    struct command_table table;
    struct command_index index;
    struct engine_host host;
    const struct trace *trace;
    const struct clock *clock;
    const struct engine_witness *witness;
    struct rng rng;
    int64_t wall_us;
    int64_t monotonic_us;
    int64_t reader_us; // when a reply was last ended that waits for no sync, if has_reader
    bool has_reader;
    int64_t command_began_us; // of `clock`: the end of one command is the start of the next
    int64_t sweep_at_ms;

    struct link clients; // heads struct client.all, oldest first
    size_t client_count;
    uint64_t next_client_id;
    struct link states[CLIENT_STATES]; // heads struct client.pending
    struct link sendable;
    struct link resumed;
    struct link fenced;

    struct dict *waits; // one per database: key -> struct wait_queue
    unsigned database_count;
    size_t blocked_count;
    uint64_t arrivals;   // waiters so far
    struct link ready;   // queues whose key may serve now
    struct link stalled; // queues whose waiters could be served but for room in the log
    struct wait_heap deadlines;

    int64_t pause_until_ms; // 0: no pause
    bool pause_writes_only;
    bool has_expired_left; // the last round of active expiry ended with its budget

    struct engine_disk disk;
    uint64_t background_bytes; // memory of work in the background
    uint64_t memory_used;      // as last sampled; without what does not count
    uint64_t memory_unsampled_bytes;
    int64_t memory_sampled_us;

    struct stats stats;
    struct stats_sampler sampler;
    struct slowlog slowlog;
    struct latency latency;
    struct saving saving;
    struct buf scratch; // call_bytes, expiry
    size_t snapshot_min;
    size_t look_bytes;
    size_t look_steps;
    size_t trash_steps;
    size_t steps_left; // of them, in this turn
};

// ---- engine.c

uint64_t engine_end_lsn(const struct engine *engine);     // 0 while loading
uint64_t engine_durable_lsn(const struct engine *engine); // likewise

// ---- client.c

// Moves the client to the list of that state.
void client_enter(struct client *client, enum client_state state);
// Its outbox or its end has news for the net layer.
void client_publish(struct client *client);
// It may have requests to execute that were already read.
void client_wake(struct client *client);
bool client_is_closing(const struct client *client);
void client_close_now(struct client *client);
struct reply client_reply(struct client *client);
// Ends the reply just written: fences it by `lsn` (0: unfenced) or drops it (CLIENT REPLY).
void client_end_reply(struct client *client, uint64_t lsn);
void limits_check_held(struct engine *engine); // disk that unread replies keep from the log
void clients_sweep(struct engine *engine);     // idle ones, soft output limits, unused memory

// ---- pour.c

// Turns payloads at the front of the outbox into bytes, or sees to it that they are read.
void client_pour(struct client *client);
void client_hold_slot(void *context, uint32_t slot); // for its outbox, as the next
void client_release_slot(void *context, uint32_t slot);

// ---- share.c

// Adds a source over elements [from, from + count) of the list to the reply; count > 0.
void call_share_list(struct call *call, const struct list *list, size_t from, size_t count,
                     bool backward);

// ---- cold.c

// The command the client holds (or waits with) has asked for bytes: it is suspended.
void cold_suspend(struct client *client);
void cold_forget_bytes(struct client *client); // it is held for another reason
void cold_end(struct client *client);          // it is executed, or never will be

// ---- turn.c

// Executes the client's requests until there are no more, it has had its share, or one is held.
void client_run(struct client *client);

// ---- commands.c

void commands_init(struct command_index *index, const struct command_table *table);
void commands_deinit(struct command_index *index);
struct command_slot *commands_find(const struct command_index *index, struct slice name);
struct command_slot *commands_find_sub(struct command_slot *container, struct slice name);
struct command_slot *commands_slot_of(const struct command_index *index,
                                      const struct command *command);

// ---- dispatch.c

// The call as it is before its command is known.
struct call call_begin(struct client *client, const struct slice *argv, size_t argc);

// Tells the witness, if there is one, what became of the call. Its reply, if any, is written and
// not yet ended.
void call_seen(const struct call *call, enum engine_seen what);

enum dispatch_result {
    DISPATCH_DONE, // answered, or now waiting for a key
    DISPATCH_HELD, // not executed: the client has entered another state
};

// Executes the request the client holds.
enum dispatch_result dispatch_request(struct client *client);

enum retry_result {
    RETRY_GONE,    // answered, or its client was closed: the waiter is freed
    RETRY_WAITS,   // the key cannot serve it
    RETRY_STALLED, // the key could, the log has no room
};

enum retry_result dispatch_retry(struct waiter *waiter);

// ---- limits.c

enum limit_room {
    ROOM_READY,
    ROOM_WAIT,
    ROOM_REFUSED, // disk full
    ROOM_BROKEN,
};

struct log_need {
    size_t bytes;
    size_t records;
    bool is_removal;
};

bool limits_key_too_long(const struct call *call);
bool limits_arguments_too_long(const struct call *call, size_t argument_bytes); // for one record
// What the log needs for a command that writes what its arguments say and no more.
struct log_need limits_need(const struct call *call, size_t argument_bytes);
enum limit_room limits_room(struct engine *engine, const struct log_need *need);
bool limits_memory_is_full(struct engine *engine);
void limits_grew(struct engine *engine, size_t bytes);
// What is left of large values that are gone; none while loading.
bool has_trash(const struct engine *engine);
void sweep_trash(struct engine *engine, size_t steps);
void limits_sample_memory(struct engine *engine);
// Closes the client if its outbox is beyond client-output-buffer-limit.
void limits_check_output(struct client *client);
// Closes the client if it has sent more than client-query-buffer-limit that was not executed.
void limits_check_input(struct client *client);
const char *limits_no_space_text(const struct engine *engine); // of the refusal just made

// ---- expire.c

void expire_run(struct engine *engine); // a bounded round of active expiry

// ---- stats.c

void stats_count_error(struct stats *stats, struct slice reply); // "-CODE ..."
void stats_sample(struct engine *engine);
int64_t stats_clock_us(const struct engine *engine); // 0 without a clock
// Books a finished execution: counters, histogram, slow log, latency events.
void stats_book(struct engine *engine, struct command_slot *slot, const struct call *call,
                int64_t took_us, bool has_failed);

// ---- wait.c

void wait_init(struct engine *engine, unsigned databases, uint64_t seed);
void wait_deinit(struct engine *engine);
void wait_observe(struct engine *engine, const struct effect_outcome *outcome);
// Serves waiters of ready keys, a bounded number of keys.
void wait_serve(struct engine *engine);
// Room may have been made: stalled keys are ready again.
void wait_unstall(struct engine *engine);
void wait_time_out(struct engine *engine);
void wait_cancel(struct client *client);                    // without an answer: the client goes
int64_t wait_next_deadline_ms(const struct engine *engine); // INT64_MAX: none
// The command has written its reply into the client's outbox: frees the waiter, fences the reply by
// `lsn`, and lets the client go on.
void waiter_finish(struct waiter *waiter, uint64_t lsn);

#endif
