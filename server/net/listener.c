#define _GNU_SOURCE // accept4

#include "server/net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/must.h"
#include "server/net/conn.h"
#include "server/net/server_state.h"

enum {
    ACCEPTS_PER_TURN = 256,
    HOST_MAX = 256,
    PORT_TEXT_MAX = 8,
};

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct listener *listener = poll->data;
    if (status < 0) return;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            conn_open(listener->server, fd, listener->is_unix);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        // Out of descriptors or memory: the connection stays in the kernel's queue, and polling
        // would report it again at once.
        trace_event(listener->server->trace, TRACE_WARNING, "net.accept_failed",
                    "A connection cannot be accepted: %s. Raise the limit of open files or lower "
                    "maxclients.",
                    uv_strerror(-errno));
        listener->is_resting = true;
        uv_poll_stop(&listener->poll);
        return;
    }
}

void listeners_wake(struct server *server) {
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (!listener->is_resting) continue;
        listener->is_resting = false;
        uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    }
}

static void add(struct server *server, int fd, bool is_unix) {
    must(server->listener_count < LISTENERS_MAX);
    struct listener *listener = &server->listeners[server->listener_count++];
    *listener = (struct listener){.server = server, .fd = fd, .is_unix = is_unix};
    listener->poll.data = listener;
    must(uv_poll_init(&server->loop, &listener->poll, fd) == 0);
    must(uv_poll_start(&listener->poll, UV_READABLE, on_readable) == 0);
}

// ---- TCP

// Returns the socket, or -1 with errno.
static int listen_on(const struct addrinfo *address, int backlog) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // "*" and "::*" are two listeners; the second must not take the first one's port.
    if (address->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, backlog) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool is_missing(int error) { // what a leading '-' forgives: the machine has no such address
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT ||
           error == EPFNOSUPPORT || error == ENOPROTOOPT;
}

static enum err listen_tcp(struct server *server, const char *word, struct fault *fault) {
    bool may_be_missing = word[0] == '-';
    const char *name = may_be_missing ? word + 1 : word;
    const char *host = name;
    if (strcmp(name, "*") == 0) host = "0.0.0.0";
    if (strcmp(name, "::*") == 0) host = "::";
    char port[PORT_TEXT_MAX];
    snprintf(port, sizeof port, "%d", (int)server->options->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, port, &hints, &found);
    if (status != 0) {
        if (may_be_missing) return ERR_NONE;
        return fault_set(fault, ERR_INVALID, "cannot listen on '%s': %s; check the option bind",
                         name, gai_strerror(status));
    }
    enum err err = ERR_NONE;
    for (struct addrinfo *at = found; at != NULL && err == ERR_NONE; at = at->ai_next) {
        if (server->listener_count + 1 >= LISTENERS_MAX) break; // one is kept for the unix socket
        int fd = listen_on(at, (int)server->options->tcp_backlog);
        if (fd >= 0) {
            add(server, fd, false);
        } else if (!may_be_missing || !is_missing(errno)) {
            err = fault_set(fault, ERR_INVALID,
                            "cannot listen on '%s' port %s: %s; is another server running, or the "
                            "option bind or port wrong?",
                            name, port, uv_strerror(-errno));
        }
    }
    freeaddrinfo(found);
    return err;
}

static enum err listen_all_tcp(struct server *server, struct fault *fault) {
    const char *at = server->options->bind;
    for (;;) {
        at += strspn(at, " ");
        size_t len = strcspn(at, " ");
        if (len == 0) return ERR_NONE;
        char word[HOST_MAX];
        slice_to_cstr(slice_of(at, len), word, sizeof word);
        enum err err = listen_tcp(server, word, fault);
        if (err != ERR_NONE) return err;
        at += len;
    }
}

// ---- unix socket

// A socket of an earlier run is in the way; anything else at this path is not ours to remove.
static enum err remove_stale(const char *path, struct fault *fault) {
    struct stat status;
    if (lstat(path, &status) != 0) return ERR_NONE;
    if (!S_ISSOCK(status.st_mode)) {
        return fault_set(fault, ERR_INVALID,
                         "unixsocket %s exists and is not a socket; remove it or choose another "
                         "path",
                         path);
    }
    unlink(path);
    return ERR_NONE;
}

static enum err listen_unix(struct server *server, struct fault *fault) {
    const char *path = server->options->unixsocket;
    enum err err = remove_stale(path, fault);
    if (err != ERR_NONE) return err;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    must(strlen(path) < sizeof address.sun_path); // the table bounds it
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        // The socket is born with its final mode: between bind and a chmod anybody could connect
        // (CVE-2023-45145). No other thread makes files yet, so the umask may be changed for a
        // moment.
        mode_t mode = (mode_t)server->options->unixsocketperm;
        mode_t old = umask(mode == 0 ? 0 : ~mode & 0777);
        if (mode == 0) umask(old);
        const void *to = &address;
        int status = bind(fd, to, sizeof address);
        umask(old);
        if (status == 0 && listen(fd, (int)server->options->tcp_backlog) == 0) {
            add(server, fd, true);
            return ERR_NONE;
        }
    }
    err = fault_set(fault, ERR_INVALID, "cannot listen on the unix socket %s: %s", path,
                    uv_strerror(-errno));
    if (fd >= 0) close(fd);
    return err;
}

// ---- all

enum err listeners_open(struct server *server, struct fault *fault) {
    enum err err = ERR_NONE;
    if (server->options->port != 0) err = listen_all_tcp(server, fault);
    if (err == ERR_NONE && server->options->unixsocket[0] != '\0') {
        err = listen_unix(server, fault);
    }
    if (err == ERR_NONE && server->listener_count == 0) {
        err = fault_set(fault, ERR_INVALID,
                        "there is nothing to listen on: set port and bind, or unixsocket");
    }
    return err;
}

static void close_fd(uv_handle_t *handle) {
    struct listener *listener = handle->data;
    close(listener->fd);
}

void listeners_close(struct server *server) {
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (uv_is_closing((uv_handle_t *)(void *)&listener->poll)) continue;
        uv_close((uv_handle_t *)(void *)&listener->poll, close_fd);
        if (listener->is_unix) unlink(server->options->unixsocket);
    }
}
