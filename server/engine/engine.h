// The core: bytes and time come in, bytes and batches go out. Knows no sockets, no clock, no disk,
// no single command (it is given the table).
//
// The way of one command: engine_feed -> request_next -> dispatch -> handler -> txn_* -> txn_commit
// -> outbox_fence -> waiters of ready keys. The way out: log_flush_* (driven by the owner) ->
// engine_durable -> engine_next_sendable -> outbox_sendable/sent.
#ifndef ACKD_SERVER_ENGINE_ENGINE_H
#define ACKD_SERVER_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/clock.h"
#include "proto/base/link.h"
#include "proto/base/rng.h"
#include "proto/base/trace.h"
#include "server/engine/client.h"
#include "server/engine/command.h"
#include "server/engine/saving.h"
#include "server/engine/slowlog.h"
#include "server/engine/stats.h"
#include "server/options/options.h"
#include "storage/store.h"

enum {
    ENGINE_COMMANDS_PER_TURN =
        128, // one client executes at most this many before the next one's turn
    ENGINE_UNFLUSHED_MAX = 64 << 20, // open + flying log bytes beyond which no client is read
    ENGINE_EXPIRES_PER_TICK = 200,   // active expiry, per engine_tick
};

// What the engine asks of the process around it. Simulators and tests give their own.
struct host_usage {
    int64_t uptime_s;
    double cpu_sys_s, cpu_user_s, cpu_sys_children_s, cpu_user_children_s;
    uint64_t memory_used, memory_resident, memory_total; // bytes; total of the machine
    const char *allocator;
    const char *os;         // "Linux 6.1.0 x86_64"
    const char *executable; // absolute path
    char run_id[41];
    int64_t pid;
};

struct engine_host {
    void *context;
    void (*usage)(void *context, struct host_usage *out);
    void (*shutdown)(void *context); // stop cleanly: seal, then exit 0
    // Applies a changed option (log level, listeners, ...). ERR_INVALID with a fault refuses it.
    enum err (*option_changed)(void *context, const struct option *option, struct fault *fault);
    // Replaces the configuration file atomically. Reads the old text first through `read`.
    enum err (*config_read)(void *context, struct buf *out, struct fault *fault);
    enum err (*config_write)(void *context, struct slice text, struct fault *fault);
};

struct call;

// What became of a command, for a witness.
enum engine_seen {
    ENGINE_SEEN_DONE,     // executed, the reply is written
    ENGINE_SEEN_REFUSED,  // not executed; the reply says why. Without arguments: a protocol error
    ENGINE_SEEN_WAITS,    // nothing is answered yet
    ENGINE_SEEN_SERVED,   // a waiter: executed
    ENGINE_SEEN_UNSERVED, // a waiter: timed out or unblocked
    ENGINE_SEEN_EXPIRED,  // no command: a key's time had come (`call` is NULL)
};

// Watches everything that is executed, in the order of execution: called when the transaction is
// committed and before the reply gets its fence. For the simulator, which checks each reply against
// a model; it must not change anything.
struct engine_witness {
    void *context;
    // The bytes of a payload that comes into the reply later.
    void (*read)(void *context, const struct blob *blob, char *into);
    void (*see)(void *context, enum engine_seen what, const struct call *call, struct slice reply);
};

struct engine_options {
    struct store *store;     // not owned; NULL: it is still being loaded, see engine_loaded
    struct options *options; // not owned; CONFIG SET changes it
    struct command_table commands;
    struct engine_host host;
    const struct trace *trace;            // may be NULL
    const struct clock *clock;            // times single commands; NULL: every command takes 0 us
    const struct engine_witness *witness; // NULL but in tests
    uint64_t seed;
    size_t snapshot_min; // elements or entries that a reply shares; 0: the usual
    size_t look_bytes;   // that a command looks at in one go (cold.c); 0: the usual
    size_t look_steps;   // elements that commands look at in a turn; 0: the usual
    size_t trash_steps;  // elements of large values freed in a turn; 0: the usual
    int64_t wall_us;     // now
    int64_t monotonic_us;
};

struct engine;

struct engine *engine_new(const struct engine_options *options);
void engine_free(struct engine *engine); // clients must be gone

// ---- loading: an engine without a store answers -LOADING to what needs one

// How far the store's opening has come, as INFO tells it.
struct engine_loading {
    int64_t began_ms; // wall clock
    uint64_t total_bytes;
    uint64_t loaded_bytes;
};
void engine_set_loading(struct engine *engine, const struct engine_loading *loading);
// NULL when nothing is being loaded any more. Until then there is no store: engine_store is NULL.
const struct engine_loading *engine_loading(const struct engine *engine);
// The store is open: from now on everything is served.
void engine_loaded(struct engine *engine, struct store *store);

// ---- time: the owner says what time it is before it calls anything else in a turn
void engine_set_time(struct engine *engine, int64_t wall_us, int64_t monotonic_us);
int64_t engine_now_ms(const struct engine *engine);  // wall
int64_t engine_wall_us(const struct engine *engine); // as last set
// Since a reply last left that waited for no sync; INT64_MAX: never.
int64_t engine_since_reader_us(const struct engine *engine);

// ---- clients
// NULL when refused; then *refusal is the complete reply to send before closing (maxclients,
// protected mode).
struct client *engine_connect(struct engine *engine, const struct client_origin *origin, void *conn,
                              struct slice *refusal);
// The socket is gone. Frees the client: also in the middle of waiting.
void engine_disconnect(struct client *client);

// Where the net layer reads into, and how much at most. Not while the input is paused.
char *engine_input(struct client *client, size_t *room);

enum feed {
    FEED_OK,     // go on reading
    FEED_PAUSED, // stop reading this socket until engine_next_resumed hands it out
    FEED_CLOSE, // read no more; close when the outbox is drained (or at once if client->closes_now)
};
// `len` bytes were read into engine_input's place: executes what is complete, at most
// ENGINE_COMMANDS_PER_TURN.
enum feed engine_feed(struct client *client, size_t len);

// ---- a turn of the loop
// Runs clients that have complete requests left over (fairly), serves waiters whose deadline has
// passed, expires keys. Call once per turn of the loop.
void engine_run(struct engine *engine);
bool engine_has_work(const struct engine *engine); // engine_run would do something at once
int64_t engine_next_deadline_ms(
    const struct engine *engine); // wall ms of the next timer (blocked client, pause, expiry, idle
                                  // timeout); INT64_MAX: none
void engine_tick(struct engine *engine); // every 100 ms: samples, idle clients, active expiry

// Memory that work in the background holds now; it does not count against maxmemory, since refusing
// writes would not make it smaller.
void engine_note_background(struct engine *engine, uint64_t bytes);
// What the volume of the log has room for, asked about once a second: warns when it gets low.
void engine_note_disk(struct engine *engine, const struct vfs_space *space);
struct engine_disk {
    bool is_low;
    uint64_t free_bytes; // of the volume as far as max-disk allows, and of slots that are ready
    uint64_t total_bytes;
};
struct engine_disk engine_disk(const struct engine *engine);

// The log became durable up to lsn (after log_flush_end), or slots became ready: outboxes open,
// paused commands are tried again.
void engine_durable(struct engine *engine, uint64_t lsn);

// A reading (storage/reading.h, which the owner has begun and run) is over: replies whose payloads
// have come go on, commands that needed bytes are executed again.
struct store_reading;
void engine_read(struct engine *engine, struct store_reading *reading);

struct client *engine_next_sendable(
    struct engine
        *engine); // takes it off the list; NULL: none. Bytes may leave, or it is to be closed
struct client *
engine_next_resumed(struct engine *engine); // takes it off; its socket may be read again
// The net layer has sent that many bytes of outbox_sendable. Call even when 0 to have it put back
// on the list when more becomes sendable.
void engine_sent(struct client *client, size_t len);
bool client_is_finished(const struct client *client); // nothing more will come: close the socket
                                                      // and call engine_disconnect

// ---- for handlers of connection and server commands

// Whether a value that grows in place would no longer fit a record of the log together with its
// key.
bool limits_value_too_long(const struct engine *engine, size_t key_len, size_t value_len);
struct store *engine_store(const struct engine *engine);
struct options *engine_options_of(const struct engine *engine);
const struct engine_host *engine_host(const struct engine *engine);
struct stats *engine_stats(struct engine *engine);
void engine_reset_stats(struct engine *engine); // CONFIG RESETSTAT: counters, per-command, errors
struct slowlog *engine_slowlog(struct engine *engine);
struct latency *engine_latency(struct engine *engine);
struct saving *engine_saving(struct engine *engine);
// Memory that does not count against maxmemory: what the log needs to write and to keep its tail,
// and what a checkpoint being made does.
uint64_t engine_memory_uncounted(const struct engine *engine);
struct rng *engine_rng(struct engine *engine);
const struct trace *engine_trace(const struct engine *engine);
struct command_table engine_commands(const struct engine *engine);
const struct command *engine_find_command(const struct engine *engine,
                                          struct slice name); // top level
const struct command *command_find_sub(const struct command *container, struct slice name);
const char *engine_command_name(const struct engine *engine,
                                const struct command *command); // in full: "client|kill"
struct command_stats *engine_command_stats(struct engine *engine, const struct command *command);
struct link *engine_clients(struct engine *engine); // heads struct client.all, oldest first
size_t engine_client_count(const struct engine *engine);
size_t engine_blocked_count(const struct engine *engine);
size_t engine_blocking_keys(const struct engine *engine); // keys that somebody waits for
struct client *engine_find_client(struct engine *engine, uint64_t id);
// Closes a client (CLIENT KILL). The calling client itself is closed after its reply.
void engine_kill(struct engine *engine, struct client *client, struct client *by);
// CLIENT UNBLOCK: answers as if timed out, or with -UNBLOCKED. False when it was not blocked.
bool engine_unblock(struct engine *engine, struct client *client, bool with_error);
// CLIENT PAUSE / UNPAUSE.
void engine_pause(struct engine *engine, int64_t until_ms, bool writes_only);
void engine_unpause(struct engine *engine);
void client_reset(struct client *client); // RESET: db 0, RESP2, no name, not authenticated when a
                                          // password is set ...
int64_t engine_monotonic_us(const struct engine *engine);

#endif
