// Clients that misbehave over time: that do not read, that vanish or are killed while they wait for
// a key or for the disk, and many of them. Others are served all the while, and memory is bounded.
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    MIB = 1 << 20,
    MEMORY_SLACK = 48 * MIB, // allocators and sanitizers keep some
    VALUE_BYTES = 512 * 1024,
    CROWD = 1000,
    ROUNDS = 8,
};

static int setup(void **state) {
    static struct server server;
    server_init(&server);
    server_start(&server, NULL);
    *state = &server;
    return 0;
}

// Whatever was done to it, the server is there, stops cleanly and leaves a sound directory.
static int teardown(void **state) {
    struct server *server = *state;
    int code = server_stop(server);
    if (code == 0) code = server_check(server);
    server_deinit(server);
    return code;
}

static void slow_disk(struct peer *peer) {
    assert_reply(peer, "CONFIG SET log-sync-delay-us 100000", "+OK");
}

static void fast_disk(struct peer *peer) {
    assert_reply(peer, "CONFIG SET log-sync-delay-us 0", "+OK");
}

static void set_large_value(struct peer *peer) {
    char *value = malloc(VALUE_BYTES);
    assert_non_null(value);
    memset(value, 'v', VALUE_BYTES);
    struct slice args[] = {SLICE_INIT("SET"), SLICE_INIT("large"), {value, VALUE_BYTES}};
    peer_send_args(peer, args, 3);
    assert_next(peer, "+OK");
    free(value);
}

// Waits until the server has the client of this id waiting for a key.
static void until_blocked(struct peer *watcher, int64_t id) {
    while (strstr(peer_askf(watcher, "CLIENT LIST ID %lld", (long long)id), "flags=b") == NULL)
        nap();
}

// Sends the same request again and again without reading, until nothing more is taken.
static void stuff(struct peer *peer, struct slice request, size_t bytes_max) {
    size_t at = 0; // inside the request
    int stalls = 0;
    for (size_t sent = 0; sent < bytes_max && stalls < 100;) {
        size_t more = peer_send_some(peer, slice_sub(request, at, request.len));
        at = (at + more) % request.len;
        sent += more;
        stalls = more > 0 ? 0 : stalls + 1;
        if (more == 0) nap();
    }
}

// ---- not reading (CVE-2025-21605, CVE-2025-48367)

static void who_does_not_read_is_not_answered_for_ever(void **state) {
    struct server *server = *state;
    struct peer deaf;
    struct peer other;
    peer_open(&deaf, server);
    peer_open(&other, server);
    set_large_value(&other);
    uint64_t before = server_resident(server);
    // A megabyte of requests that ask for 25 GB.
    stuff(&deaf, SLICE("GET large\r\nGET large\r\nGET large\r\n"), MIB / 2);
    for (int i = 0; i < 50; i++) {
        assert_reply(&other, "LPUSH served x", ":1");
        assert_reply(&other, "LPOP served", "x");
    }
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    peer_close(&deaf);
    assert_reply(&other, "PING", "+PONG");
    peer_close(&other);
}

static void who_does_not_read_behind_a_fence_is_bounded_too(void **state) {
    struct server *server = *state;
    struct peer deaf;
    struct peer other;
    peer_open(&deaf, server);
    peer_open(&other, server);
    set_large_value(&other);
    slow_disk(&other);
    uint64_t before = server_resident(server);
    stuff(&deaf, SLICE("SET small x\r\nGET large\r\nINCR n\r\nGET large\r\n"), MIB / 2);
    for (int i = 0; i < 20; i++)
        assert_reply(&other, "PING", "+PONG");
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    fast_disk(&other);
    peer_close(&deaf);
    peer_close(&other);
}

static void a_late_reader_gets_everything_in_order(void **state) {
    enum { REPLIES = 200 };
    struct server *server = *state;
    struct peer late;
    peer_open(&late, server);
    set_large_value(&late);
    for (int i = 0; i < REPLIES; i++)
        peer_sendf(&late, "GETRANGE large 0 %d", 50000 + i);
    for (int i = 0; i < REPLIES; i++)
        assert_int_equal(strlen(peer_read(&late)), 50001 + i);
    peer_close(&late);
}

static void an_output_limit_closes_who_is_over_it(void **state) {
    struct server *server = *state;
    struct peer deaf;
    struct peer other;
    peer_open(&deaf, server);
    peer_open(&other, server);
    struct slice args[] = {SLICE_INIT("CONFIG"), SLICE_INIT("SET"),
                           SLICE_INIT("client-output-buffer-limit"),
                           SLICE_INIT("normal 300000 0 0")};
    set_large_value(&other);
    peer_send_args(&other, args, 4);
    assert_next(&other, "+OK");
    peer_send(&deaf, "GET large");
    assert_next(&deaf, "(closed)");
    assert_reply(&other, "PING", "+PONG");
    peer_close(&deaf);
    peer_close(&other);
}

// ---- ended at each step of waiting (CVE-2026-23479)

enum ending { VANISHES, IS_KILLED, IS_UNBLOCKED, TIMES_OUT, ENDINGS };

struct scene {
    struct peer waiter;
    struct peer writer;
    struct peer watcher;
    int64_t id;
};

static void begin_to_wait(struct scene *scene, const struct server *server, const char *words) {
    peer_open(&scene->waiter, server);
    scene->id = peer_ask_number(&scene->waiter, "CLIENT ID");
    peer_send(&scene->waiter, words);
    if (strstr(words, " 0.05") == NULL) until_blocked(&scene->watcher, scene->id);
}

static void end_it(struct scene *scene, enum ending ending) {
    switch (ending) {
    case VANISHES:
        peer_close(&scene->waiter);
        break;
    case IS_KILLED:
        peer_askf(&scene->watcher, "CLIENT KILL ID %lld", (long long)scene->id);
        break;
    case IS_UNBLOCKED:
        peer_askf(&scene->watcher, "CLIENT UNBLOCK %lld", (long long)scene->id);
        break;
    case TIMES_OUT:
    case ENDINGS:
        break;
    }
}

static const char *wait_words(enum ending ending) {
    return ending == TIMES_OUT ? "BLMOVE queue processing RIGHT LEFT 0.05"
                               : "BLMOVE queue processing RIGHT LEFT 0";
}

// The job is in exactly one of the two lists, whatever became of the one who waited for it.
static void has_one_job(struct peer *peer) {
    int64_t queued = peer_ask_number(peer, "LLEN queue");
    int64_t taken = peer_ask_number(peer, "LLEN processing");
    assert_int_equal(queued + taken, 1);
    assert_reply_begins(peer, "DEL queue processing", ":1");
}

static void waiters_may_end_before_a_push(void **state) {
    struct scene scene;
    peer_open(&scene.writer, *state);
    peer_open(&scene.watcher, *state);
    for (int i = 0; i < ROUNDS * ENDINGS; i++) {
        enum ending ending = (enum ending)(i % ENDINGS);
        begin_to_wait(&scene, *state, wait_words(ending));
        end_it(&scene, ending);
        assert_reply(&scene.writer, "LPUSH queue job", ":1");
        has_one_job(&scene.writer);
        peer_close(&scene.waiter);
    }
    peer_close(&scene.writer);
    peer_close(&scene.watcher);
}

// The push has woken the waiter, and its reply waits for the disk, when it ends.
static void waiters_may_end_while_their_reply_waits_for_the_disk(void **state) {
    struct scene scene;
    peer_open(&scene.writer, *state);
    peer_open(&scene.watcher, *state);
    slow_disk(&scene.watcher);
    for (int i = 0; i < 2 * ENDINGS; i++) {
        enum ending ending = (enum ending)(i % ENDINGS);
        begin_to_wait(&scene, *state, wait_words(ending));
        peer_send(&scene.writer, "LPUSH queue job");
        assert_reply(&scene.watcher, "PING", "+PONG"); // it is executed
        end_it(&scene, ending);
        assert_next(&scene.writer, ":1");
        has_one_job(&scene.writer);
        peer_close(&scene.waiter);
    }
    fast_disk(&scene.watcher);
    peer_close(&scene.writer);
    peer_close(&scene.watcher);
}

static void the_writer_may_end_while_its_reply_waits_for_the_disk(void **state) {
    struct scene scene;
    peer_open(&scene.watcher, *state);
    slow_disk(&scene.watcher);
    for (int i = 0; i < 4; i++) {
        begin_to_wait(&scene, *state, wait_words(VANISHES));
        peer_open(&scene.writer, *state);
        int64_t id = peer_ask_number(&scene.writer, "CLIENT ID");
        peer_send(&scene.writer, "LPUSH queue job");
        assert_reply(&scene.watcher, "PING", "+PONG");
        if (i % 2 == 0) {
            peer_askf(&scene.watcher, "CLIENT KILL ID %lld", (long long)id);
        }
        peer_close(&scene.writer);
        assert_next(&scene.waiter, "job");
        has_one_job(&scene.watcher);
        peer_close(&scene.waiter);
    }
    fast_disk(&scene.watcher);
    peer_close(&scene.watcher);
}

static void who_kills_itself_is_answered_first(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    int64_t id = peer_ask_number(&peer, "CLIENT ID");
    peer_sendf(&peer, "CLIENT KILL ID %lld SKIPME no", (long long)id);
    assert_next(&peer, ":1");
    assert_next(&peer, "(closed)");
    peer_close(&peer);
}

static void an_idle_client_is_closed_and_a_waiting_one_is_not(void **state) {
    struct peer idle;
    struct peer waiter;
    struct peer writer;
    peer_open(&idle, *state);
    peer_open(&waiter, *state);
    peer_open(&writer, *state);
    assert_reply(&idle, "PING", "+PONG");
    peer_send(&waiter, "BLPOP queue 0");
    assert_reply(&writer, "CONFIG SET timeout 1", "+OK");
    while (!peer_has_reply(&idle))
        assert_reply(&writer, "PING", "+PONG");
    assert_next(&idle, "(closed)");
    assert_reply(&writer, "RPUSH queue job", ":1");
    assert_next(&waiter, "[queue job]");
    peer_close(&idle);
    peer_close(&waiter);
    peer_close(&writer);
}

// ---- many

static void a_thousand_clients_are_served(void **state) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < CROWD + 100) {
        print_message("skipped: only %llu open files are allowed\n",
                      (unsigned long long)limit.rlim_max);
        skip();
    }
    struct server *server = *state;
    struct peer *peers = calloc(CROWD, sizeof *peers);
    assert_non_null(peers);
    for (int i = 0; i < CROWD; i++)
        peer_open(&peers[i], server);
    for (int i = 0; i < CROWD; i++)
        peer_send(&peers[i], i % 2 == 0 ? "BLMOVE queue processing RIGHT LEFT 0" : "PING");
    for (int i = 1; i < CROWD; i += 2)
        assert_next(&peers[i], "+PONG");
    for (int i = 1; i < CROWD; i += 2)
        peer_sendf(&peers[i], "LPUSH queue job-%d", i);
    for (int i = 0; i < CROWD; i += 2)
        assert_next_begins(&peers[i], "job-");
    for (int i = 1; i < CROWD; i += 2)
        assert_next_begins(&peers[i], ":");
    assert_reply(&peers[1], "LLEN processing", ":500");
    assert_reply(&peers[1], "LLEN queue", ":0");
    for (int i = 0; i < CROWD; i++)
        peer_close(&peers[i]);
    free(peers);
}

#define each(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(who_does_not_read_is_not_answered_for_ever),
        each(who_does_not_read_behind_a_fence_is_bounded_too),
        each(a_late_reader_gets_everything_in_order),
        each(an_output_limit_closes_who_is_over_it),
        each(waiters_may_end_before_a_push),
        each(waiters_may_end_while_their_reply_waits_for_the_disk),
        each(the_writer_may_end_while_its_reply_waits_for_the_disk),
        each(who_kills_itself_is_answered_first),
        each(an_idle_client_is_closed_and_a_waiting_one_is_not),
        each(a_thousand_clients_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
