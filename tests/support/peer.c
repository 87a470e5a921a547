#define _GNU_SOURCE

#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/resp/reader.h"
#include "tests/support/unit.h"

enum { READ_CHUNK = 64 * 1024, SHOWN_FAILURE_MAX = 300, NAPS_MAX = 60000 };

// ---- life

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, (void *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static void init(struct peer *peer, int fd) {
    *peer = (struct peer){.fd = fd, .reader = reader_new()};
}

void peer_open(struct peer *peer, const struct server *server) {
    int fd = connect_unix(server->socket);
    if (fd < 0) fail_msg("%s: %s", server->socket, strerror(errno));
    init(peer, fd);
}

void peer_open_soon(struct peer *peer, const struct server *server) {
    int fd = -1;
    for (int i = 0; i < NAPS_MAX && fd < 0; i++) {
        fd = connect_unix(server->socket);
        if (fd < 0) nap();
    }
    if (fd < 0) fail_msg("%s: %s", server->socket, strerror(errno));
    init(peer, fd);
}

void peer_open_tcp(struct peer *peer, const char *address, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (void *)&to, sizeof to) != 0) fail_msg("%s: %s", address, strerror(errno));
    init(peer, fd);
}

void peer_close(struct peer *peer) {
    if (peer->reader == NULL) return;
    reader_free(peer->reader);
    buf_deinit(&peer->shown);
    close(peer->fd);
    *peer = (struct peer){0};
}

// The last line of what comes until `lines` of them are there; false: nothing more comes.
static bool receive_lines(int fd, unsigned lines, char *into, size_t room) {
    size_t len = 0;
    unsigned seen = 0;
    while (seen < lines && len + 1 < room) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, SERVER_WAIT_MS) != 1 || recv(fd, into + len, 1, 0) != 1) return false;
        if (into[len] == '\n' && ++seen < lines)
            len = 0;
        else
            len++;
    }
    into[len] = '\0';
    return seen == lines;
}

bool peer_is_served(const struct server *server) {
    int fd = connect_unix(server->socket);
    if (fd < 0) return false;
    char request[128];
    int len = server->password == NULL
                  ? snprintf(request, sizeof request, "PING\r\n")
                  : snprintf(request, sizeof request, "AUTH \"%s\"\r\nPING\r\n", server->password);
    char reply[128];
    bool is_served = send(fd, request, (size_t)len, MSG_NOSIGNAL) == len &&
                     receive_lines(fd, server->password == NULL ? 1 : 2, reply, sizeof reply);
    close(fd);
    // A server that is full or protected refuses: that is an answer as well. -LOADING is none yet.
    return is_served && strncmp(reply, "-LOADING", 8) != 0;
}

// ---- sending

void peer_send_raw(struct peer *peer, struct slice bytes) {
    while (bytes.len > 0) {
        ssize_t sent = send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return; // closed by the server: the reply will say so
        bytes = slice_sub(bytes, (size_t)sent, bytes.len);
    }
}

size_t peer_send_some(struct peer *peer, struct slice bytes) {
    ssize_t sent = send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : (size_t)sent;
}

static void append_arg(struct buf *request, struct slice arg) {
    buf_printf(request, "$%zu\r\n", arg.len);
    buf_append_slice(request, arg);
    buf_append_str(request, "\r\n");
}

void peer_send_args(struct peer *peer, const struct slice *args, size_t count) {
    struct buf request = {0};
    buf_printf(&request, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        append_arg(&request, args[i]);
    peer_send_raw(peer, buf_slice(&request));
    buf_deinit(&request);
}

void peer_send(struct peer *peer, const char *words) {
    struct buf request = {0};
    size_t count = 1;
    for (const char *at = words; *at != '\0'; at++)
        count += *at == ' ';
    buf_printf(&request, "*%zu\r\n", count);
    for (;;) {
        size_t len = strcspn(words, " ");
        append_arg(&request, slice_of(words, len));
        if (words[len] == '\0') break;
        words += len + 1;
    }
    peer_send_raw(peer, buf_slice(&request));
    buf_deinit(&request);
}

static void send_formatted(struct peer *peer, const char *format, va_list args) {
    struct buf words = {0};
    buf_vprintf(&words, format, args);
    buf_append_byte(&words, '\0');
    peer_send(peer, words.data);
    buf_deinit(&words);
}

void peer_sendf(struct peer *peer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    send_formatted(peer, format, args);
    va_end(args);
}

// ---- showing

static void show_bulk(struct buf *out, struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            buf_append_quoted(out, text);
            return;
        }
    }
    buf_append_slice(out, text);
}

static void show(struct buf *out, const struct value *value);

static void show_items(struct buf *out, const struct value *value, const char *brackets) {
    buf_append_byte(out, brackets[0]);
    for (size_t i = 0; i < value->len; i++) {
        bool is_pair_end = value->type == VALUE_MAP && i % 2 == 1;
        if (i > 0) buf_append_byte(out, is_pair_end ? '=' : ' ');
        show(out, &value->items[i]);
    }
    buf_append_byte(out, brackets[1]);
}

// The reader bounds the depth.
static void show(struct buf *out, const struct value *value) {
    static const char *const marks[] = {
        [VALUE_STATUS] = "+",     [VALUE_ERROR] = "-",      [VALUE_BULK] = "",
        [VALUE_SET] = "~",        [VALUE_PUSH] = ">",       [VALUE_DOUBLE] = ",",
        [VALUE_BOOL] = "#",       [VALUE_BIG_NUMBER] = "(", [VALUE_VERBATIM] = "=",
        [VALUE_BLOB_ERROR] = "!", [VALUE_INT] = ":",        [VALUE_NULL] = "nil",
        [VALUE_ARRAY] = "",       [VALUE_MAP] = "",
    };
    buf_append_str(out, marks[value->type]);
    switch (value->type) {
    case VALUE_STATUS:
    case VALUE_ERROR:
    case VALUE_BULK:
    case VALUE_DOUBLE:
    case VALUE_BIG_NUMBER:
    case VALUE_VERBATIM:
    case VALUE_BLOB_ERROR:
        show_bulk(out, value->text);
        break;
    case VALUE_INT:
        buf_append_i64(out, value->integer);
        break;
    case VALUE_BOOL:
        buf_append_byte(out, value->integer ? 't' : 'f');
        break;
    case VALUE_NULL:
        break;
    case VALUE_ARRAY:
    case VALUE_SET:
    case VALUE_PUSH:
        show_items(out, value, "[]");
        break;
    case VALUE_MAP:
        show_items(out, value, "{}");
        break;
    }
}

// ---- reading

static void set_shown(struct peer *peer, const struct value *value) {
    buf_reset(&peer->shown);
    if (value == NULL) {
        buf_append_str(&peer->shown, "(closed)");
    } else {
        show(&peer->shown, value);
    }
    buf_append_byte(&peer->shown, '\0');
    peer->is_shown_next = true;
}

// Takes what has come, waiting for it up to `wait_ms`. False: nothing new.
static bool receive(struct peer *peer, int wait_ms) {
    struct pollfd wait = {.fd = peer->fd, .events = POLLIN};
    if (poll(&wait, 1, wait_ms) <= 0) return false;
    char bytes[READ_CHUNK];
    ssize_t len = recv(peer->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (len <= 0) {
        peer->is_closed = true;
    } else {
        reader_feed(peer->reader, slice_of(bytes, (size_t)len));
    }
    return true;
}

static bool read_ahead(struct peer *peer, int wait_ms) {
    while (!peer->is_shown_next) {
        const struct value *value = NULL;
        enum reader_status status = reader_next(peer->reader, &value);
        if (status == READER_BAD) fail_msg("the server sent what is no reply");
        if (status == READER_READY) {
            set_shown(peer, value);
        } else if (peer->is_closed) {
            set_shown(peer, NULL);
        } else if (!receive(peer, wait_ms)) {
            return false;
        }
    }
    return true;
}

bool peer_has_reply(struct peer *peer) {
    return read_ahead(peer, 0);
}

const char *peer_read(struct peer *peer) {
    if (!read_ahead(peer, SERVER_WAIT_MS)) fail_msg("no reply came");
    peer->is_shown_next = false;
    return peer->shown.data;
}

const char *peer_ask(struct peer *peer, const char *words) {
    peer_send(peer, words);
    return peer_read(peer);
}

const char *peer_askf(struct peer *peer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    send_formatted(peer, format, args);
    va_end(args);
    return peer_read(peer);
}

int64_t peer_ask_number(struct peer *peer, const char *words) {
    const char *reply = peer_ask(peer, words);
    if (reply[0] != ':') fail_msg("%s: %s is no number", words, reply);
    return strtoll(reply + 1, NULL, 10);
}

int64_t peer_info_number(struct peer *peer, const char *field) {
    char name[64];
    snprintf(name, sizeof name, "\\n%s:", field);
    const char *at = strstr(peer_ask(peer, "INFO everything"), name);
    if (at == NULL) fail_msg("INFO has no %s", field);
    return strtoll(at + strlen(name), NULL, 10);
}

void peer_await_info(struct peer *peer, const char *field, int64_t at_least) {
    for (int i = 0; i < NAPS_MAX; i++) {
        if (peer_info_number(peer, field) >= at_least) return;
        nap();
    }
    fail_msg("%s does not come", field);
}

void peer_check(struct peer *peer, const char *words, const char *expected, bool is_whole,
                const char *file, int line) {
    const char *reply = words == NULL ? peer_read(peer) : peer_ask(peer, words);
    bool is_right =
        is_whole ? strcmp(reply, expected) == 0 : strncmp(reply, expected, strlen(expected)) == 0;
    if (is_right) return;
    print_error("%.*s\n  is answered: %.*s\n  instead of:  %.*s\n", SHOWN_FAILURE_MAX,
                words == NULL ? "(the next reply)" : words, SHOWN_FAILURE_MAX, reply,
                SHOWN_FAILURE_MAX, expected);
    _fail(file, line);
}
