// The process around the engine: sockets, timers, signals, the log thread and the order of a turn.
// Everything hangs on one struct server; there is one loop and it never waits for the disk.
#ifndef ACKD_SERVER_NET_SERVER_H
#define ACKD_SERVER_NET_SERVER_H

#include "proto/base/err.h"
#include "proto/base/progress.h"
#include "server/engine/engine.h"
#include "server/net/exit_code.h"
#include "server/net/logfile.h"
#include "server/options/options.h"
#include "storage/store.h"

struct server;

// Makes the loop and takes the signals, so that a stop is heard from the first moment on. `options`
// and `logfile` are not owned.
enum err server_open(struct server **out, struct options *options, struct logfile *logfile,
                     struct fault *fault);

// What the engine asks of the process; valid until server_close.
struct engine_host server_host(struct server *server);

// Where the store comes from. It stays its source's, who closes it after server_close.
struct server_source {
    void *context;
    // On a thread of its own, while clients are told -LOADING. Errors as store_open's.
    enum err (*open)(void *context, struct progress *progress, struct fault *fault);
    struct store *(*store)(void *context); // what was opened
};

// Opens the ports and begins to load. `engine` is not owned and has no store yet. ERR_INVALID when
// an address cannot be listened on.
enum err server_listen(struct server *server, struct engine *engine,
                       const struct server_source *source, struct fault *fault);

// Serves until a signal, SHUTDOWN or a failing disk; all clients are gone when it returns. After
// EXIT_CODE_CLEAN the log is sealed. When the store could not be opened, `fault` says why.
enum exit_code server_run(struct server *server, struct fault *fault);

void server_close(struct server *server); // NULL is fine

#endif
