// The inside of struct server, shared by the files of this folder and nobody else.
#ifndef ACKD_SERVER_NET_SERVER_STATE_H
#define ACKD_SERVER_NET_SERVER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "proto/base/clock.h"
#include "proto/base/link.h"
#include "proto/base/trace.h"
#include "server/net/committer.h"
#include "server/net/disk_watch.h"
#include "server/net/flusher.h"
#include "server/net/folder.h"
#include "server/net/listener.h"
#include "server/net/loader.h"
#include "server/net/reader.h"
#include "server/net/server.h"
#include "server/net/slot_maker.h"
#include "server/net/stepper.h"

enum { SERVER_SIGNALS = 3, RUN_ID_DIGITS = 40, EXECUTABLE_MAX = 4096, OS_MAX = 192 };

struct server {
    uv_loop_t loop;
    struct options *options;
    struct logfile *logfile;
    const struct trace *trace;
    struct engine *engine; // NULL until server_listen
    struct store *store;   // NULL while it is being loaded
    struct log *log;       // the store's
    struct clock clock;
    int64_t started_us; // monotonic
    char run_id[RUN_ID_DIGITS + 1];
    char os[OS_MAX];
    char executable[EXECUTABLE_MAX];

    struct link conns;   // heads struct conn.all
    struct link leaving; // heads struct conn.leaving: the peer has said all it will say
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;

    struct server_source source;
    struct loader *loader; // NULL: nothing is being loaded
    int64_t loading_began_ms;
    int64_t loading_say_us; // monotonic: when to tell the operator how far it is
    struct fault fault;     // why nothing could be loaded

    struct flusher *flusher; // NULL while loading
    struct committer committer;
    struct slot_maker slot_maker;
    struct folder folder;
    struct stepper cleaner;
    struct stepper scrub;
    struct disk_watch disk_watch;
    struct reader reader;

    uv_check_t check;     // after the sockets of a turn were read
    uv_idle_t idle;       // runs while the engine has work: the loop must not wait for sockets then
    uv_timer_t tick;      // 100 ms
    uv_timer_t deadline;  // of the engine's next timer
    uv_timer_t seal;      // the log has been quiet
    uv_timer_t last_call; // a failed disk may hold up the pool for ever; we do not wait for it
    uv_signal_t signals[SERVER_SIGNALS];
    int64_t deadline_ms; // what `deadline` is set to; INT64_MAX: not running

    bool is_stopping;
    bool is_failed; // the log is broken
    bool is_over;   // all handles are being closed
    enum exit_code exit_code;
};

// Tells the engine what time it is.
void server_set_time(struct server *server);

// Stops cleanly: no new clients, no new requests, everything flushed, the log sealed.
void server_stop(struct server *server, const char *because);

// The store is there: starts the log thread, and everything is served.
enum err server_serve(struct server *server, struct store *store, struct fault *fault);

// Gives store and log what the options say now.
void server_steer_store(struct server *server);

// ---- loading.c

enum err loading_start(struct server *server, const struct server_source *source,
                       struct fault *fault);
void loading_tick(struct server *server); // tells engine and operator how far it is

// ---- background.c: once there is a log

void background_init(struct server *server);
void background_step(struct server *server);  // in each turn, before the flush
void background_start(struct server *server); // in each turn, behind it
void background_read(struct server *server);  // behind what was sent, which may want more
void background_tick(struct server *server);  // also without a log
bool background_is_busy(const struct server *server);

// ---- turn.c

// Everything that follows from what was read, in the order the head of turn.c explains.
void server_turn(struct server *server);
void server_turn_init(struct server *server);
// The store is there: from now on turns flush, seal and make slots.
enum err server_start_flusher(struct server *server, struct fault *fault);

// ---- host.c

void host_init(struct server *server); // who and where we are

// Makes sure that `clients` sockets may be open besides our own files, raising the process's limit
// as far as allowed. Returns how many may be.
int64_t host_allow_clients(int64_t clients);

#endif
