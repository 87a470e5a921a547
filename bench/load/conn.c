#define _POSIX_C_SOURCE 200809L

#include "bench/load/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/load/fail.h"

enum {
    OUT_BYTES_FIRST = 16 << 10,
    RECEIVE_BYTES = 64 << 10,
    ASK_PATIENCE_MS = 60 * 1000, // a server that syncs slowly may take its time over a big command
};

struct text text_of(const char *string) {
    return (struct text){.bytes = string, .len = strlen(string)};
}

static int connect_unix(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(name.sun_path))
        fail(EXIT_USAGE, "--unix %s is longer than a socket path may be", path);
    memcpy(name.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0)
        fail_errno("cannot connect to %s", path);
    return fd;
}

static int connect_tcp(const struct address *address) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(address->host, address->port, &hints, &found);
    if (problem != 0)
        fail(EXIT_SERVER, "cannot resolve %s: %s", address->host, gai_strerror(problem));

    int fd = -1;
    for (const struct addrinfo *it = found; it != NULL; it = it->ai_next) {
        fd = socket(it->ai_family, it->ai_socktype, it->ai_protocol);
        if (fd >= 0 && connect(fd, it->ai_addr, it->ai_addrlen) == 0) break;
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    if (fd < 0) fail_errno("cannot connect to %s:%s", address->host, address->port);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void conn_open(struct conn *conn, const struct address *address, size_t depth) {
    *conn = (struct conn){.out_size = OUT_BYTES_FIRST, .ops_size = depth};
    conn->fd = address->unix_path != NULL ? connect_unix(address->unix_path) : connect_tcp(address);
    // Connecting itself may block: nothing is measured yet, and a full backlog sorts itself out.
    fcntl(conn->fd, F_SETFL, O_NONBLOCK);
    conn->reader = reply_reader_new(&conn->reply);
    conn->out = memory_new(conn->out_size, 1);
    conn->ops = memory_new(conn->ops_size, sizeof(*conn->ops));
}

void conn_close(struct conn *conn) {
    if (conn->reader != NULL) {
        close(conn->fd);
        redisReaderFree(conn->reader);
    }
    free(conn->out);
    free(conn->ops);
    free(conn->state);
    *conn = (struct conn){.fd = -1};
}

static void append(struct conn *conn, const char *bytes, size_t len) {
    memcpy(conn->out + conn->out_len, bytes, len);
    conn->out_len += len;
}

// Appends `*5\r\n` and the like.
static void append_head(struct conn *conn, char mark, size_t number) {
    char digits[24];
    size_t at = sizeof(digits);
    digits[--at] = '\n';
    digits[--at] = '\r';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    digits[--at] = mark;
    append(conn, digits + at, sizeof(digits) - at);
}

void conn_command(struct conn *conn, const struct text *arguments, size_t count) {
    const size_t overhead = 26; // a head of at most 24 bytes and a line end, per argument
    size_t needed = conn->out_len + overhead;
    for (size_t i = 0; i < count; i++)
        needed += arguments[i].len + overhead;
    if (needed > conn->out_size) {
        while (conn->out_size < needed)
            conn->out_size *= 2;
        conn->out = memory_resize(conn->out, conn->out_size);
    }

    append_head(conn, '*', count);
    for (size_t i = 0; i < count; i++) {
        append_head(conn, '$', arguments[i].len);
        append(conn, arguments[i].bytes, arguments[i].len);
        append(conn, "\r\n", 2);
    }
}

void conn_push_op(struct conn *conn, struct op op) {
    check(conn->in_flight < conn->ops_size);
    conn->ops[(conn->ops_first + conn->in_flight) % conn->ops_size] = op;
    conn->in_flight++;
}

struct op conn_take_op(struct conn *conn) {
    if (conn->in_flight == 0) fail(EXIT_SERVER, "the server sent a reply that nobody asked for");
    struct op op = conn->ops[conn->ops_first];
    conn->ops_first = (conn->ops_first + 1) % conn->ops_size;
    conn->in_flight--;
    return op;
}

bool conn_flush(struct conn *conn) {
    while (conn->out_sent < conn->out_len) {
        ssize_t sent = send(conn->fd, conn->out + conn->out_sent, conn->out_len - conn->out_sent,
                            MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) return false;
        if (sent < 0) fail_errno("cannot send");
        conn->out_sent += (size_t)sent;
    }
    conn->out_sent = conn->out_len = 0;
    return true;
}

bool conn_receive(struct conn *conn) {
    char bytes[RECEIVE_BYTES];
    ssize_t got;
    do {
        got = recv(conn->fd, bytes, sizeof(bytes), 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) return false;
    if (got < 0) fail_errno("cannot receive");
    if (got == 0) fail(EXIT_SERVER, "the server closed a connection");
    if (redisReaderFeed(conn->reader, bytes, (size_t)got) != REDIS_OK)
        fail(EXIT_SERVER, "cannot keep a reply: %s", conn->reader->errstr);
    return true;
}

bool conn_next_reply(struct conn *conn) {
    // A reply that came in parts keeps the items it already has: only a new one starts empty.
    if (conn->reader->ridx == -1) reply_reset(&conn->reply);
    void *root = NULL;
    if (redisReaderGetReply(conn->reader, &root) != REDIS_OK)
        fail(EXIT_SERVER, "the server broke the protocol: %s", conn->reader->errstr);
    return root != NULL;
}

void conn_await(struct conn *conn, size_t replies) {
    check(conn->in_flight == 0);
    bool is_sent = conn_flush(conn);
    while (replies > 0) {
        if (conn_next_reply(conn)) {
            if (conn->reply.items[0].type == REPLY_ERROR)
                fail(EXIT_SERVER, "a command was refused: %s", conn->reply.error);
            replies--;
            continue;
        }
        struct pollfd poll_fd = {.fd = conn->fd,
                                 .events = (short)(is_sent ? POLLIN : POLLIN | POLLOUT)};
        if (poll(&poll_fd, 1, ASK_PATIENCE_MS) == 0)
            fail(EXIT_SERVER, "no answer within %d s", ASK_PATIENCE_MS / 1000);
        if (!is_sent) is_sent = conn_flush(conn);
        if ((poll_fd.revents & ~POLLOUT) != 0) conn_receive(conn);
    }
}

void conn_ask(struct conn *conn, const struct text *arguments, size_t count) {
    conn_command(conn, arguments, count);
    conn_await(conn, 1);
}
