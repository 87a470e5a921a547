// A listening socket. Accepts in bounded rounds, hands each socket on, and takes a rest when the
// process has no descriptors left instead of spinning.
#ifndef ACKD_SERVER_NET_LISTENER_H
#define ACKD_SERVER_NET_LISTENER_H

#include <stdbool.h>
#include <uv.h>

#include "proto/base/err.h"
#include "server/options/options.h"

struct server;

// Every address, and the unix socket. A host name counts once per address it resolves to.
enum { LISTENERS_MAX = 2 * OPTIONS_BIND_MAX + 1 };

struct listener {
    uv_poll_t poll;
    struct server *server;
    int fd;
    bool is_unix;
    bool is_resting;
};

// Opens all that the options name. ERR_INVALID names the address and says why.
enum err listeners_open(struct server *server, struct fault *fault);
void listeners_close(struct server *server); // removes the unix socket's name
void listeners_wake(struct server *server);  // try again after a rest

#endif
