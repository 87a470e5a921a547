// The process: how it starts, serves, stops, and says what is wrong.
#define _GNU_SOURCE // struct ifaddrs with flags

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum { CODE_CLEAN = 0, CODE_USAGE = 64, CODE_CANNOT_CREATE = 73 };

static void the_reliable_queue_runs_and_outlives_a_restart(void **state) {
    struct server *server = *state;
    struct peer peer;
    server_start(server, NULL);
    peer_open(&peer, server);
    assert_reply(&peer, "PING", "+PONG");
    assert_reply(&peer, "LPUSH jobs:queue job-1 job-2", ":2");
    assert_reply(&peer, "BLMOVE jobs:queue jobs:processing RIGHT LEFT 5", "job-1");
    assert_reply(&peer, "HSET jobs:claims job-1 1795459200.5", ":1");
    assert_reply(&peer, "LREM jobs:processing 1 job-1", ":1");
    assert_reply(&peer, "HDEL jobs:claims job-1", ":1");
    assert_reply(&peer, "BLMOVE jobs:queue jobs:processing RIGHT LEFT 5", "job-2");
    assert_reply(&peer, "SET key value PX 86400000", "+OK");
    peer_close(&peer);

    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
    server_start(server, NULL);
    peer_open(&peer, server);
    assert_reply(&peer, "LRANGE jobs:queue 0 -1", "[]");
    assert_reply(&peer, "LRANGE jobs:processing 0 -1", "[job-2]");
    assert_reply(&peer, "EXISTS jobs:claims", ":0");
    assert_reply(&peer, "GET key", "value");
    assert_in_range(peer_ask_number(&peer, "PTTL key"), 1, 86400000);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
}

static void a_killed_server_is_not_sealed_and_starts_again(void **state) {
    struct server *server = *state;
    struct peer peer;
    // A seal follows 20 ms after a write; a slow disk makes sure that the kill comes first.
    server_start(server, SERVER_OPTIONS("--log-sync-delay-us", "100000"));
    peer_open(&peer, server);
    assert_reply(&peer, "RPUSH list a b c", ":3");
    server_kill(server);
    peer_close(&peer);
    assert_int_equal(server_check(server), 1);
    server_start(server, NULL);
    assert_true(server_said(server, "the last stop was not clean"));
    peer_open(&peer, server);
    assert_reply(&peer, "LRANGE list 0 -1", "[a b c]");
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}

static void clients_that_wait_are_closed_by_a_clean_stop(void **state) {
    struct server *server = *state;
    struct peer waiter;
    struct peer writer;
    server_start(server, NULL);
    peer_open(&waiter, server);
    peer_open(&writer, server);
    peer_send(&waiter, "BLPOP nothing 0");
    assert_reply(&writer, "SET a b", "+OK");
    peer_send(&writer, "SHUTDOWN");
    assert_int_equal(server_wait(server), CODE_CLEAN);
    assert_next(&waiter, "(closed)");
    assert_next(&writer, "(closed)");
    assert_int_equal(server_check(server), 0);
    assert_int_equal(access(server->socket, F_OK), -1);
    peer_close(&waiter);
    peer_close(&writer);
}

static void sighup_opens_the_log_file_again(void **state) {
    struct server *server = *state;
    char path[SERVER_PATH_MAX];
    char moved[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%.64s/ackd.log", server->room);
    snprintf(moved, sizeof moved, "%.64s/ackd.log.1", server->room);
    server_start(server, SERVER_OPTIONS("--logfile", path));
    assert_true(file_find(path, "Ready to accept", 15) >= 0);
    assert_int_equal(rename(path, moved), 0);
    server_signal(server, SIGHUP);
    while (file_find(path, "opened again", 12) < 0)
        nap();
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_true(file_find(path, "Stopped", 7) >= 0);
    assert_true(file_find(moved, "Stopped", 7) < 0);
}

static void the_unix_socket_is_born_with_its_mode(void **state) {
    struct server *server = *state;
    char trace[SERVER_PATH_MAX];
    snprintf(trace, sizeof trace, "%.64s/trace", server->room);
    server_start(server, SERVER_OPTIONS("--unixsocketperm", "700"));
    struct stat status;
    assert_int_equal(stat(server->socket, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(server_stop(server), CODE_CLEAN);

    // Between bind and a later chmod anybody could connect (CVE-2023-45145): no chmod is made.
    const char *const strace[] = {"strace", "-D",  "-f", "-e", "trace=chmod,fchmod,fchmodat",
                                  "-o",     trace, NULL};
    struct server_how how = {.tracer = strace,
                             .options = SERVER_OPTIONS("--unixsocketperm", "770")};
    server_start_how(server, &how);
    assert_int_equal(stat(server->socket, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0770);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_true(file_find(trace, "chmod", 5) < 0);
}

static void a_stale_socket_is_replaced_and_a_file_is_not(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    server_kill(server);
    assert_int_equal(access(server->socket, F_OK), 0);
    server_start(server, NULL);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    FILE *file = fopen(server->socket, "we");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(server_run(server, &(struct server_how){0}), CODE_USAGE);
    assert_true(server_said(server, "exists and is not a socket"));
    assert_int_equal(access(server->socket, F_OK), 0);
}

// An address of this machine that is not loopback. False: it has none.
static bool outside_address(char *out, socklen_t cap) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return false;
    bool is_found = false;
    for (struct ifaddrs *at = all; at != NULL && !is_found; at = at->ifa_next) {
        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET) continue;
        if ((at->ifa_flags & IFF_LOOPBACK) != 0 || (at->ifa_flags & IFF_UP) == 0) continue;
        const struct sockaddr_in *in = (const void *)at->ifa_addr;
        is_found = inet_ntop(AF_INET, &in->sin_addr, out, cap) != NULL;
    }
    freeifaddrs(all);
    return is_found;
}

static void protected_mode_refuses_other_machines(void **state) {
    struct server *server = *state;
    char address[INET_ADDRSTRLEN];
    if (!outside_address(address, sizeof address)) {
        print_message("skipped: this machine has only loopback\n");
        skip();
    }
    struct server_how how = {.with_tcp = true, .options = SERVER_OPTIONS("--bind", "*")};
    server_start_how(server, &how);
    struct peer local;
    struct peer outside;
    peer_open_tcp(&local, "127.0.0.1", server->port);
    assert_reply(&local, "PING", "+PONG");
    peer_open_tcp(&outside, address, server->port);
    assert_next_begins(&outside, "-DENIED ");
    assert_next(&outside, "(closed)");
    peer_close(&outside);

    assert_reply(&local, "CONFIG SET requirepass secret", "+OK");
    peer_open_tcp(&outside, address, server->port);
    assert_reply_begins(&outside, "PING", "-NOAUTH ");
    assert_reply(&outside, "AUTH secret", "+OK");
    assert_reply(&outside, "PING", "+PONG");
    peer_close(&outside);
    peer_close(&local);
}

static void a_password_is_asked_for(void **state) {
    struct server *server = *state;
    server_start(server, SERVER_OPTIONS("--requirepass", "a secret"));
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "GET key", "-NOAUTH Authentication required.");
    assert_reply_begins(&peer, "AUTH wrong", "-WRONGPASS ");
    assert_reply(&peer, "GET key", "-NOAUTH Authentication required.");
    struct slice auth[] = {SLICE_INIT("AUTH"), SLICE_INIT("default"), SLICE_INIT("a secret")};
    peer_send_args(&peer, auth, 3);
    assert_next(&peer, "+OK");
    assert_reply(&peer, "GET key", "nil");
    assert_reply(&peer, "RESET", "+RESET");
    assert_reply(&peer, "GET key", "-NOAUTH Authentication required.");
    peer_close(&peer);
}

static void a_client_too_many_is_told_so(void **state) {
    struct server *server = *state;
    server_start(server, SERVER_OPTIONS("--maxclients", "3"));
    struct peer peers[4];
    for (int i = 0; i < 3; i++) {
        peer_open(&peers[i], server);
        assert_reply(&peers[i], "PING", "+PONG");
    }
    peer_open(&peers[3], server);
    assert_next(&peers[3], "-ERR max number of clients reached");
    assert_next(&peers[3], "(closed)");
    peer_close(&peers[3]);
    assert_reply(&peers[0], "QUIT", "+OK");
    assert_next(&peers[0], "(closed)");
    peer_close(&peers[0]);
    peer_open(&peers[0], server);
    assert_reply(&peers[0], "PING", "+PONG");
    for (int i = 0; i < 3; i++)
        peer_close(&peers[i]);
}

static void an_unknown_option_names_the_nearest(void **state) {
    struct server *server = *state;
    struct server_how how = {.options = SERVER_OPTIONS("--maxclient", "3")};
    assert_int_equal(server_run(server, &how), CODE_USAGE);
    assert_true(server_said(server, "unknown option 'maxclient'; did you mean 'maxclients'?"));
    how.options = SERVER_OPTIONS("--port", "70000");
    assert_int_equal(server_run(server, &how), CODE_USAGE);
    assert_true(server_said(server, "'port'"));
}

static void two_servers_cannot_share_a_directory(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "SET a b", "+OK");
    struct server_how how = {.is_elsewhere = true};
    assert_int_equal(server_run(server, &how), CODE_CANNOT_CREATE);
    assert_true(server_said(server, server->data));
    assert_true(server_said(server, "another"));
    assert_reply(&peer, "SET c d", "+OK");
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}

static void resp3_has_its_types(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "HSET hash field value", ":1");
    assert_reply(&peer, "HGETALL hash", "[field value]");
    assert_reply_begins(&peer, "HELLO 3", "{server=");
    assert_reply(&peer, "HGETALL hash", "{field=value}");
    assert_reply(&peer, "GET nothing", "nil");
    assert_reply(&peer, "LPOP nothing", "nil");
    assert_reply(&peer, "INCRBYFLOAT number 1.5", "1.5");
    assert_reply(&peer, "HRANDFIELD hash 1 WITHVALUES", "[[field value]]");
    assert_reply_begins(&peer, "INFO server", "=");
    assert_reply_begins(&peer, "CONFIG GET maxclients", "{maxclients=");
    assert_reply_begins(&peer, "HELLO 2", "[server ");
    assert_reply(&peer, "HGETALL hash", "[field value]");
    peer_close(&peer);
}

// Every other word of a flat array, from the nth on, as an array.
static void every_other(const char *array, size_t nth, struct buf *out) {
    buf_reset(out);
    size_t words = 0;
    for (const char *at = array + 1; *at != '\0'; words++) {
        const size_t len = strcspn(at, " ]");
        if (words % 2 == nth) {
            buf_append_byte(out, out->len == 0 ? '[' : ' ');
            buf_append(out, at, len);
        }
        at += len + 1;
    }
    buf_append_str(out, "]");
    buf_append_byte(out, 0);
}

static void a_long_reply_tells_of_a_hash_as_it_was(void **state) {
    enum { FIELDS = 10000 };
    struct server *server = *state;
    server_start(server, NULL);
    struct peer peer;
    struct peer slow;
    peer_open(&peer, server);
    peer_open(&slow, server);
    for (int i = 0; i < FIELDS; i++)
        peer_sendf(&peer, "HSET h f%d %0100d", i, i);
    for (int i = 0; i < FIELDS; i++)
        assert_next(&peer, ":1");
    struct buf pairs = {0};
    struct buf half = {0};
    buf_append_str(&pairs, peer_ask(&peer, "HGETALL h"));
    buf_append_byte(&pairs, 0);
    assert_true(pairs.len > FIELDS * 100);
    every_other(pairs.data, 0, &half);
    assert_string_equal(peer_ask(&peer, "HKEYS h"), half.data);
    every_other(pairs.data, 1, &half);
    assert_string_equal(peer_ask(&peer, "HVALS h"), half.data);
    // More than a socket takes is left to tell when the hash changes, and when it goes.
    for (int i = 0; i < 3; i++)
        peer_send(&slow, "HGETALL h");
    for (int i = 0; i < FIELDS; i += 10)
        assert_reply(&peer, "HLEN h", ":10000");
    assert_reply(&peer, "HSET h f1 changed", ":0");
    assert_string_equal(peer_read(&slow), pairs.data);
    peer_read(&slow); // they were asked for before or after the change
    peer_read(&slow);
    peer_send(&slow, "HGETALL h");
    assert_reply(&peer, "HDEL h f2", ":1");
    assert_reply(&peer, "DEL h", ":1");
    assert_reply(&peer, "HSET h one 1", ":1");
    assert_true(strlen(peer_read(&slow)) > FIELDS * 100);
    assert_reply(&slow, "HGETALL h", "[one 1]");
    assert_int_equal(peer_info_number(&peer, "lazyfree_pending_objects"), 0);
    buf_deinit(&pairs);
    buf_deinit(&half);
    peer_close(&slow);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}

static void expired_keys_stay_away_after_a_restart(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "SET short-lived x PX 1", "+OK");
    while (strcmp(peer_ask(&peer, "EXISTS short-lived"), ":0") != 0)
        nap();
    assert_reply(&peer, "SET long-lived x EX 1000", "+OK");
    peer_close(&peer);
    server_kill(server);
    server_start(server, NULL);
    peer_open(&peer, server);
    assert_reply(&peer, "GET short-lived", "nil");
    while (strcmp(peer_ask(&peer, "DBSIZE"), ":1") != 0)
        nap();
    peer_close(&peer);
}

#define each(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(the_reliable_queue_runs_and_outlives_a_restart),
        each(a_killed_server_is_not_sealed_and_starts_again),
        each(clients_that_wait_are_closed_by_a_clean_stop),
        each(sighup_opens_the_log_file_again),
        each(the_unix_socket_is_born_with_its_mode),
        each(a_stale_socket_is_replaced_and_a_file_is_not),
        each(protected_mode_refuses_other_machines),
        each(a_password_is_asked_for),
        each(a_client_too_many_is_told_so),
        each(an_unknown_option_names_the_nearest),
        each(two_servers_cannot_share_a_directory),
        each(a_long_reply_tells_of_a_hash_as_it_was),
        each(resp3_has_its_types),
        each(expired_keys_stay_away_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
