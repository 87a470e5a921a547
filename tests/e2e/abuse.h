// What the tests of bad arguments share: a server that has to survive them, numbers at the edges of
// their types, and templates that take them.
#ifndef ACKD_TESTS_E2E_ABUSE_H
#define ACKD_TESTS_E2E_ABUSE_H

#include "proto/base/buf.h"
#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    MIB = 1 << 20,
    MEMORY_SLACK = 64 * MIB, // allocators and sanitizers keep some
    REPLY_SHOWN_MAX = 120,
};

static const char *const integers[] = {
    "-9223372036854775809",
    "-9223372036854775808",
    "-9223372036854775807",
    "-4294967297",
    "-2147483649",
    "-2147483648",
    "-1",
    "0",
    "1",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "4611686018427387904",
    "9223372036854775806",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
};
enum { INTEGERS = sizeof integers / sizeof integers[0] };

static inline int setup(void **state) {
    static struct server server;
    server_init(&server);
    server_start(&server, NULL);
    *state = &server;
    return 0;
}

// Whatever was asked, the server is there, stops cleanly, and what it wrote can be read again.
static inline int teardown(void **state) {
    struct server *server = *state;
    int code = server_stop(server);
    if (code == 0) code = server_check(server);
    if (code == 0) {
        server_start(server, NULL);
        code = server_stop(server);
    }
    server_deinit(server);
    return code;
}

// One argument or part of one, with '@' as `value` and '#' as `other`.
static inline void fill_in(struct buf *out, struct slice word, const char *value,
                           const char *other) {
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '@') {
            buf_append_str(out, value);
        } else if (word.data[i] == '#') {
            buf_append_str(out, other);
        } else {
            buf_append_byte(out, word.data[i]);
        }
    }
}

// Sends the template, whose arguments stand between blanks, filled in, and reads its one reply.
// A value may be empty.
static inline const char *try_with(struct peer *peer, const char *template, const char *value,
                                   const char *other) {
    enum { ARGS_MAX = 16 };
    struct buf bytes = {0};
    size_t ends[ARGS_MAX];
    size_t count = 0;
    for (const char *at = template; *at != '\0'; at += *at == ' ') {
        const size_t len = strcspn(at, " ");
        assert_true(count < ARGS_MAX);
        fill_in(&bytes, slice_of(at, len), value, other);
        ends[count++] = bytes.len;
        at += len;
    }
    struct slice args[ARGS_MAX];
    for (size_t i = 0; i < count; i++) {
        const size_t from = i == 0 ? 0 : ends[i - 1];
        args[i] = slice_sub(buf_slice(&bytes), from, ends[i]);
    }
    peer_send_args(peer, args, count);
    buf_deinit(&bytes);
    return peer_read(peer);
}

static inline void must_be_in_step(struct peer *peer, const char *template, const char *value) {
    if (strcmp(peer_ask(peer, "ECHO in-step"), "in-step") == 0) return;
    fail_msg("after %s with %s the connection is out of step or gone: %.*s", template, value,
             REPLY_SHOWN_MAX, peer->shown.data);
}

#endif
