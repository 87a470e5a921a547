// Bytes that are no proper requests. The server's memory follows what has arrived, never what is
// announced; a broken request closes its own connection and no other.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    MIB = 1 << 20,
    MEMORY_SLACK = 48 * MIB, // allocators and sanitizers keep some
    LIARS = 100,
};

static int start_with(void **state, const char *const *options) {
    static struct server server;
    server_init(&server);
    server_start(&server, options);
    *state = &server;
    return 0;
}

static int start(void **state) {
    return start_with(state, NULL);
}

static int start_with_password(void **state) {
    return start_with(state, SERVER_OPTIONS("--requirepass", "secret"));
}

// Whatever was done to it, the server is there, and stops cleanly.
static int end(void **state) {
    struct server *server = *state;
    bool is_served = peer_is_served(server);
    int code = server_stop(server);
    server_deinit(server);
    return is_served ? code : -1;
}

// ---- before AUTH (CVE-2021-32675)

static void headers_before_auth_cost_no_memory(void **state) {
    static const char *const lies[] = {
        "*2147483647\r\n",      "*11\r\n",          "*1048576\r\n$1\r\n",
        "*2\r\n$536870912\r\n", "*2\r\n$16385\r\n", "*10\r\n$3\r\nGET\r\n$1073741824\r\n",
    };
    struct server *server = *state;
    struct peer liars[LIARS];
    uint64_t before = server_resident(server);
    for (int i = 0; i < LIARS; i++) {
        peer_open(&liars[i], server);
        peer_send_raw(&liars[i], slice_str(lies[(size_t)i % (sizeof lies / sizeof lies[0])]));
    }
    for (int i = 0; i < LIARS; i++) {
        assert_next_begins(&liars[i], "-ERR Protocol error: ");
        assert_next(&liars[i], "(closed)");
        peer_close(&liars[i]);
    }
    assert_true(server_resident(server) < before + MEMORY_SLACK);
}

static void a_small_request_before_auth_is_only_refused(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    assert_reply(&peer, "MSET a 1 b 2 c 3 d 4", "-NOAUTH Authentication required.");
    char *argument = calloc(1, 16 * 1024);
    assert_non_null(argument);
    memset(argument, 'x', 16 * 1024);
    struct slice args[] = {SLICE_INIT("SET"), SLICE_INIT("a"), {argument, 16 * 1024}};
    peer_send_args(&peer, args, 3);
    assert_next(&peer, "-NOAUTH Authentication required.");
    free(argument);
    assert_reply(&peer, "AUTH secret", "+OK");
    assert_reply(&peer, "MSET a 1 b 2 c 3 d 4 e 5 f 6", "+OK");
    peer_close(&peer);
}

// Errors that nobody reads, from somebody who may do nothing (CVE-2025-21605).
static void a_flood_of_errors_before_auth_is_bounded(void **state) {
    struct server *server = *state;
    struct peer flooder;
    struct peer other;
    peer_open(&flooder, server);
    peer_open(&other, server);
    uint64_t before = server_resident(server);
    struct buf flood = {0};
    for (int i = 0; i < 1000; i++)
        buf_append_str(&flood, "GET key\r\n");
    // Never read. The server stops reading as well, or closes: then nothing more goes out.
    size_t stalls = 0;
    for (size_t sent = 0; sent < 64 * MIB && stalls < 200;) {
        size_t more = peer_send_some(&flooder, buf_slice(&flood));
        sent += more;
        stalls = more > 0 ? 0 : stalls + 1;
        if (more == 0) nap();
    }
    buf_deinit(&flood);
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    assert_reply(&other, "AUTH secret", "+OK");
    assert_reply(&other, "PING", "+PONG");
    peer_close(&flooder);
    peer_close(&other);
}

// ---- lengths (CVE-2021-21309, CVE-2021-41099, CVE-2023-41056)

struct lie {
    const char *bytes;
    const char *answer;
};

static void lengths_at_the_edges_close_the_connection(void **state) {
    static const char multibulk[] = "-ERR Protocol error: invalid multibulk length";
    static const char bulk[] = "-ERR Protocol error: invalid bulk length";
    static const struct lie lies[] = {
        {"*2147483648\r\n", multibulk},
        {"*4294967295\r\n", multibulk},
        {"*4294967297\r\n", multibulk},
        {"*9223372036854775807\r\n", multibulk},
        {"*9223372036854775808\r\n", multibulk},
        {"*18446744073709551617\r\n", multibulk},
        {"*01\r\n", multibulk},
        {"*+1\r\n", multibulk},
        {"* 1\r\n", multibulk},
        {"*1 \r\n", multibulk},
        {"*\r\n", multibulk},
        {"*1\r\n$-1\r\n", bulk},
        {"*1\r\n$-2147483649\r\n", bulk},
        {"*1\r\n$2147483647\r\n", bulk},
        {"*1\r\n$2147483648\r\n", bulk},
        {"*1\r\n$4294967295\r\n", bulk},
        {"*1\r\n$4294967297\r\n", bulk},
        {"*1\r\n$9223372036854775807\r\n", bulk},
        {"*1\r\n$18446744073709551616\r\n", bulk},
        {"*1\r\n$04\r\nPING\r\n", bulk},
        {"*1\r\n$+4\r\nPING\r\n", bulk},
        {"*1\r\n$ 4\r\nPING\r\n", bulk},
        {"*1\r\n$\r\n", bulk},
        {"*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'"},
        {"*1\r\n:4\r\n", "-ERR Protocol error: expected '$', got ':'"},
        {"SET a \"b\r\n", "-ERR Protocol error: unbalanced quotes in request"},
    };
    struct server *server = *state;
    uint64_t before = server_resident(server);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct peer peer;
        peer_open(&peer, server);
        peer_send_raw(&peer, SLICE("PING\r\n"));
        peer_send_raw(&peer, slice_str(lies[i].bytes));
        assert_next(&peer, "+PONG"); // what came before is answered
        assert_next(&peer, lies[i].answer);
        assert_next(&peer, "(closed)");
        peer_close(&peer);
    }
    assert_true(server_resident(server) < before + MEMORY_SLACK);
}

static void empty_requests_are_skipped(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    peer_send_raw(&peer, SLICE("*0\r\n*-1\r\n\r\n\n   \r\n*-9223372036854775808\r\nPING\n"));
    assert_next(&peer, "+PONG");
    peer_close(&peer);
}

static void announced_bytes_are_not_set_aside(void **state) {
    struct server *server = *state;
    struct peer liars[LIARS];
    uint64_t before = server_resident(server);
    for (int i = 0; i < LIARS; i++) {
        peer_open(&liars[i], server);
        // Allowed, after all nobody has to authenticate here; but nothing of it ever comes.
        peer_send_raw(&liars[i], i % 2 == 0 ? SLICE("*2\r\n$4\r\nECHO\r\n$33554432\r\nx")
                                            : SLICE("*1000000\r\n$4\r\nMGET\r\n"));
    }
    struct peer other;
    peer_open(&other, server);
    assert_reply(&other, "PING", "+PONG");
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    for (int i = 0; i < LIARS; i++) {
        assert_false(peer_has_reply(&liars[i]));
        peer_close(&liars[i]);
    }
    peer_close(&other);
}

// ---- other protocols

static void http_is_turned_away(void **state) {
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nFLUSHALL\r\n",
        "Host: example.com\r\nFLUSHALL\r\n",
        "host: example.com\r\nFLUSHALL\r\n",
        "GET / HTTP/1.1\r\nHost: example.com\r\n\r\nFLUSHALL\r\n",
    };
    struct peer watcher;
    peer_open(&watcher, *state);
    assert_reply(&watcher, "SET kept 1", "+OK");
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct peer peer;
        peer_open(&peer, *state);
        peer_send_raw(&peer, slice_str(requests[i]));
        for (int replies = 0; strcmp(peer_read(&peer), "(closed)") != 0; replies++)
            assert_true(replies < 3);
        peer_close(&peer);
    }
    assert_reply(&watcher, "GET kept", "1");
    peer_close(&watcher);
}

// ---- names that come back (CVE-2025-67733)

static void what_comes_back_in_an_error_stays_on_its_line(void **state) {
    static const struct slice names[] = {
        SLICE_INIT("a\r\n+OK\r\n"), SLICE_INIT("a\nb"),     SLICE_INIT("a\rb"),
        SLICE_INIT("a\0b"),         SLICE_INIT("\r\n$5\r"), SLICE_INIT("\n"),
    };
    struct peer peer;
    peer_open(&peer, *state);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice command[] = {names[i], names[i], names[i]};
        struct slice sub[] = {SLICE_INIT("CLIENT"), names[i], names[i]};
        struct slice option[] = {SLICE_INIT("CONFIG"), SLICE_INIT("SET"), names[i], names[i]};
        struct slice library[] = {SLICE_INIT("CLIENT"), SLICE_INIT("SETINFO"), names[i], names[i]};
        struct slice set[] = {SLICE_INIT("SET"), SLICE_INIT("k"), SLICE_INIT("v"), names[i]};
        struct slice hello[] = {SLICE_INIT("HELLO"), SLICE_INIT("3"), names[i]};
        peer_send_args(&peer, command, 3);
        peer_send_args(&peer, sub, 3);
        peer_send_args(&peer, option, 4);
        peer_send_args(&peer, library, 4);
        peer_send_args(&peer, set, 4);
        peer_send_args(&peer, hello, 3);
        for (int k = 0; k < 6; k++)
            assert_next_begins(&peer, "-");
        assert_reply(&peer, "ECHO in-step", "in-step");
    }
    peer_close(&peer);
}

// ---- slow and half-open peers

static void bytes_may_come_one_by_one(void **state) {
    struct peer slow;
    struct peer other;
    peer_open(&slow, *state);
    peer_open(&other, *state);
    static const char request[] =
        "*3\r\n$5\r\nLPUSH\r\n$4\r\nslow\r\n$10\r\n0123\r\n6789\r\nLLEN slow\r\n";
    for (size_t i = 0; i + 1 < sizeof request; i++) {
        peer_send_raw(&slow, slice_of(request + i, 1));
        if (i % 8 == 0) assert_reply(&other, "PING", "+PONG");
    }
    assert_next(&slow, ":1");
    assert_next(&slow, ":1");
    assert_reply(&other, "LPOP slow", "\"0123\\r\\n6789\"");
    peer_close(&slow);
    peer_close(&other);
}

static void a_peer_that_shut_its_side_gets_its_answers(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    peer_send_raw(&peer, SLICE("SET half open\r\nGET half\r\nPING\r\nGET hal"));
    assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
    assert_next(&peer, "+OK");
    assert_next(&peer, "open");
    assert_next(&peer, "+PONG");
    assert_next(&peer, "(closed)");
    peer_close(&peer);
}

static void a_peer_that_shut_its_side_takes_no_job(void **state) {
    struct peer peer;
    struct peer writer;
    peer_open(&peer, *state);
    peer_open(&writer, *state);
    peer_send(&peer, "BLPOP half-open 0");
    assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
    assert_next(&peer, "(closed)");
    assert_reply(&writer, "RPUSH half-open job", ":1");
    assert_reply(&writer, "LLEN half-open", ":1");
    peer_close(&peer);
    peer_close(&writer);
}

static void a_reset_in_the_middle_of_a_request_is_its_own_affair(void **state) {
    struct server *server = *state;
    struct server_how how = {.with_tcp = true};
    assert_int_equal(server_stop(server), 0);
    server_start_how(server, &how);
    struct linger at_once = {.l_onoff = 1};
    for (int i = 0; i < 50; i++) {
        struct peer peer;
        peer_open_tcp(&peer, "127.0.0.1", server->port);
        peer_send_raw(&peer, i % 2 == 0 ? SLICE("*2\r\n$3\r\nGET\r\n$100\r\nhalf")
                                        : SLICE("SET a b\r\nBLPOP reset 0\r\n"));
        setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        peer_close(&peer); // RST
    }
    struct peer peer;
    peer_open_tcp(&peer, "127.0.0.1", server->port);
    while (strstr(peer_ask(&peer, "INFO clients"), "connected_clients:1\\r") == NULL)
        nap();
    assert_reply(&peer, "RPUSH reset x", ":1");
    assert_reply(&peer, "LLEN reset", ":1");
    peer_close(&peer);
}

#define locked(name)      cmocka_unit_test_setup_teardown(name, start_with_password, end)
#define open_to_all(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        locked(headers_before_auth_cost_no_memory),
        locked(a_small_request_before_auth_is_only_refused),
        locked(a_flood_of_errors_before_auth_is_bounded),
        open_to_all(lengths_at_the_edges_close_the_connection),
        open_to_all(empty_requests_are_skipped),
        open_to_all(announced_bytes_are_not_set_aside),
        open_to_all(http_is_turned_away),
        open_to_all(what_comes_back_in_an_error_stays_on_its_line),
        open_to_all(bytes_may_come_one_by_one),
        open_to_all(a_peer_that_shut_its_side_gets_its_answers),
        open_to_all(a_peer_that_shut_its_side_takes_no_job),
        open_to_all(a_reset_in_the_middle_of_a_request_is_its_own_affair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
