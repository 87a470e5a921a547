// Happy path: readable -> recv into engine_input -> engine_feed; at the end of the turn conn_send
// -> send from outbox_sendable -> engine_sent.
// Failure modes: the peer does not read: the rest stays in the outbox (whose limits the engine
// watches) and we poll for writability. The peer has shut down its side: what it asked for is still
// answered, unless it waits for a key, then it would take a job nobody reads. The engine wants no
// more for now (FEED_PAUSED): we stop polling for reading.
#define _GNU_SOURCE // SOL_TCP options

#include "server/net/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/net/server_state.h"

enum {
    SEND_PER_TURN_MAX = 256 << 10, // then the others have their turn
    SEND_CHARGE_MIN = 64 << 10,    // what a call counts for, at least: few bytes may cost much
    KEEPALIVE_PROBES = 3,
};

struct conn {
    struct link all;
    struct link leaving; // linked: the peer sends no more; closed once all is answered
    uv_poll_t poll;
    struct server *server;
    struct client *client; // NULL: being closed
    int fd;
    int events;      // polled for
    bool wants_read; // not paused by the engine, not at the end of input
    bool is_clogged; // the socket takes no more for now
};

struct conn *conn_of_all(struct link *link) {
    return link_entry(link, struct conn, all);
}

struct conn *conn_of_leaving(struct link *link) {
    return link_entry(link, struct conn, leaving);
}

// ---- closing

static void free_conn(uv_handle_t *handle) {
    struct conn *conn = handle->data;
    close(conn->fd); // not earlier: the loop must not meet a new socket of this number
    mem_free(conn);
}

void conn_close(struct conn *conn) {
    if (conn->client == NULL) return;
    trace_event(conn->server->trace, TRACE_VERBOSE, "net.closed", "Closed %s",
                conn->client->origin.address);
    engine_disconnect(conn->client);
    conn->client = NULL;
    link_remove(&conn->all);
    link_remove(&conn->leaving);
    uv_close((uv_handle_t *)(void *)&conn->poll, free_conn);
}

void conn_close_if_left(struct conn *conn) {
    const struct client *client = conn->client;
    bool has_work = link_is_linked(&client->pending) && client->waiter == NULL;
    bool is_answered = outbox_is_drained(&client->outbox) && !has_work;
    if (client->waiter != NULL || is_answered) conn_close(conn);
}

// ---- polling

static void on_poll(uv_poll_t *poll, int status, int events);

static void poll_for_what_is_needed(struct conn *conn) {
    int events = 0;
    if (conn->wants_read) events |= UV_READABLE;
    if (conn->is_clogged) events |= UV_WRITABLE;
    if (events == conn->events) return;
    conn->events = events;
    if (events == 0) {
        uv_poll_stop(&conn->poll);
    } else {
        must(uv_poll_start(&conn->poll, events, on_poll) == 0);
    }
}

void conn_resume(struct conn *conn) {
    if (link_is_linked(&conn->leaving) || conn->server->is_stopping) return;
    conn->wants_read = true;
    poll_for_what_is_needed(conn);
}

void conn_stop_reading(struct conn *conn) {
    conn->wants_read = false;
    poll_for_what_is_needed(conn);
}

// ---- writing

// Sends the prefix that may leave, as far as the socket takes it. False: the connection is broken.
static bool send_sendable(struct conn *conn) {
    struct client *client = conn->client;
    for (size_t budget = SEND_PER_TURN_MAX; budget > 0;) {
        struct slice bytes = outbox_sendable(&client->outbox);
        if (bytes.len == 0) return true;
        size_t want = num_min(bytes.len, budget);
        ssize_t sent = send(conn->fd, bytes.data, want, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) break;
        if (sent < 0) return false;
        engine_sent(client, (size_t)sent);
        budget -= num_min(budget, num_max((size_t)sent, SEND_CHARGE_MIN));
    }
    conn->is_clogged = outbox_sendable(&client->outbox).len > 0;
    return true;
}

void conn_send(struct conn *conn) {
    struct client *client = conn->client;
    if (client == NULL) return;
    if (client->closes_now) {
        conn_close(conn);
        return;
    }
    if (conn->is_clogged) return; // the socket says when it takes more
    if (!send_sendable(conn) || client->closes_now || client_is_finished(client)) {
        conn_close(conn);
        return;
    }
    poll_for_what_is_needed(conn);
}

// ---- reading

static void end_of_input(struct conn *conn) {
    conn->wants_read = false;
    poll_for_what_is_needed(conn);
    if (!link_is_linked(&conn->leaving)) link_push_back(&conn->server->leaving, &conn->leaving);
}

static void read_once(struct conn *conn) {
    // Between two reads a woken client's next request may have been held back. It lies parsed in
    // the input buffer, which must not move: no more until the engine hands the client out as
    // resumed.
    if (conn->client->state != CLIENT_IDLE) {
        conn->client->is_paused_input = true;
        conn_stop_reading(conn);
        return;
    }
    size_t room = 0;
    char *into = engine_input(conn->client, &room);
    must(room > 0);
    ssize_t len = recv(conn->fd, into, room, MSG_DONTWAIT);
    if (len < 0) {
        if (errno != EAGAIN && errno != EINTR) conn_close(conn);
        return;
    }
    if (len == 0) {
        end_of_input(conn);
        return;
    }
    server_set_time(conn->server);
    switch (engine_feed(conn->client, (size_t)len)) {
    case FEED_OK:
        break;
    case FEED_PAUSED:
    case FEED_CLOSE:
        conn_stop_reading(conn);
        break;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct conn *conn = poll->data;
    if (conn->client == NULL) return;
    if (status < 0) {
        conn_close(conn);
        return;
    }
    if (events & UV_WRITABLE) {
        conn->is_clogged = false;
        conn_send(conn);
        if (conn->client == NULL) return;
    }
    if ((events & UV_READABLE) && conn->wants_read) read_once(conn);
}

// ---- opening

static void format_address(const struct sockaddr_storage *address, char *out, size_t cap) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(out, cap, "[%s]:%u", host, (unsigned)ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): getsockname or accept filled it
        snprintf(out, cap, "%s:%u", host, (unsigned)ntohs(in->sin_port));
    }
}

static bool is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    }
    const struct sockaddr_in *in = (const void *)address;
    return (ntohl(in->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

static void read_origin(struct client_origin *origin, const struct server *server, int fd,
                        bool is_unix) {
    *origin = (struct client_origin){.fd = fd, .is_unix = is_unix, .is_loopback = is_unix};
    if (is_unix) {
        const char *path = server->options->unixsocket;
        snprintf(origin->address, sizeof origin->address, "%s:0", path);
        snprintf(origin->local_address, sizeof origin->local_address, "%s:0", path);
        return;
    }
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (getpeername(fd, (void *)&address, &len) == 0) {
        format_address(&address, origin->address, sizeof origin->address);
        origin->is_loopback = is_loopback(&address);
    }
    len = sizeof address;
    if (getsockname(fd, (void *)&address, &len) == 0) {
        format_address(&address, origin->local_address, sizeof origin->local_address);
    }
}

// Replies are written whole: waiting for more bytes to fill a packet only delays them. Probes find
// peers that went away without a word.
static void set_tcp_options(int fd, int keepalive_s) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (keepalive_s == 0) return;
    int interval_s = keepalive_s / KEEPALIVE_PROBES > 0 ? keepalive_s / KEEPALIVE_PROBES : 1;
    int probes = KEEPALIVE_PROBES;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof keepalive_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void conn_open(struct server *server, int fd, bool is_unix) {
    struct client_origin origin;
    read_origin(&origin, server, fd, is_unix);
    struct conn *conn = mem_zalloc(sizeof *conn);
    struct slice refusal = SLICE_EMPTY;
    server_set_time(server);
    struct client *client = engine_connect(server->engine, &origin, conn, &refusal);
    if (client == NULL) {
        trace_event(server->trace, TRACE_VERBOSE, "net.refused", "Refused %s", origin.address);
        ssize_t sent = send(fd, refusal.data, refusal.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent; // a fresh socket has room; if not, being closed says enough
        close(fd);
        mem_free(conn);
        return;
    }
    trace_event(server->trace, TRACE_VERBOSE, "net.accepted", "Accepted %s", origin.address);
    if (!is_unix) set_tcp_options(fd, (int)server->options->tcp_keepalive_s);
    conn->server = server;
    conn->client = client;
    conn->fd = fd;
    conn->wants_read = true;
    conn->poll.data = conn;
    link_init(&conn->leaving);
    link_push_back(&server->conns, &conn->all);
    must(uv_poll_init(&server->loop, &conn->poll, fd) == 0);
    poll_for_what_is_needed(conn);
}
