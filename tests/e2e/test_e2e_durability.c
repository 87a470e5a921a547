// Nothing is said before it is on disk: seen from outside, by the system calls of the process, by
// what other clients are told meanwhile, and by a sync that fails.
#define _GNU_SOURCE // memmem's neighbours

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    PUSHES = 40,
    CODE_IO = 74,
    CODE_CLEAN = 0,
    THREADS_MAX = 32,
    LINE_SHOWN_MAX = 200,
};

#define SLOW_DISK SERVER_OPTIONS("--log-sync-delay-us", "500000")

// ---- the order of system calls

// What the trace says of the push that is on its way, and of syncs that began and did not end yet.
struct witness {
    int marker; // of the push: its payload is "marker-<n>-"
    bool is_received;
    bool is_written; // its bytes, into a segment
    bool is_synced;  // after that
    int checked;
    long syncing[THREADS_MAX]; // threads inside fdatasync of a segment that covers it
};

static bool says_marker(const char *line, int marker) {
    char text[32];
    snprintf(text, sizeof text, "marker-%d-", marker);
    return strstr(line, text) != NULL;
}

static long *slot_of(struct witness *witness, long thread) {
    for (int i = 0; i < THREADS_MAX; i++) {
        if (witness->syncing[i] == thread) return &witness->syncing[i];
    }
    return NULL;
}

static void look_at_sync(struct witness *witness, long thread, const char *line) {
    if (strstr(line, "fdatasync(") != NULL && strstr(line, "/seg-") != NULL) {
        // One that began before the bytes were written does not count.
        if (!witness->is_written) return;
        if (strstr(line, "unfinished") != NULL) {
            long *free_slot = slot_of(witness, 0);
            assert_non_null(free_slot);
            *free_slot = thread;
        } else if (strstr(line, "= 0") != NULL) {
            witness->is_synced = true;
        }
    } else if (strstr(line, "fdatasync resumed") != NULL) {
        long *slot = slot_of(witness, thread);
        if (slot == NULL) return;
        *slot = 0;
        if (strstr(line, "= 0") != NULL) witness->is_synced = true;
    }
}

static void look_at(struct witness *witness, const char *line) {
    long thread = strtol(line, NULL, 10);
    bool is_mine = says_marker(line, witness->marker);
    if (strstr(line, "recvfrom") != NULL && is_mine) {
        witness->is_received = true;
    } else if (strstr(line, "pwrite64(") != NULL && strstr(line, "/seg-") != NULL && is_mine) {
        assert_true(witness->is_received);
        witness->is_written = true;
    } else if (strstr(line, "sendto(") != NULL && witness->is_received) {
        if (!witness->is_synced) {
            fail_msg("a reply left before the sync: %.*s", LINE_SHOWN_MAX, line);
        }
        witness->checked++;
        *witness = (struct witness){.marker = witness->marker + 1, .checked = witness->checked};
    }
    look_at_sync(witness, thread, line);
}

static void look_through(const char *path) {
    struct witness witness = {0};
    char *trace = file_read(path, NULL);
    char *rest = NULL;
    for (char *line = strtok_r(trace, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        look_at(&witness, line);
    free(trace);
    assert_int_equal(witness.checked, PUSHES);
}

static bool may_trace(void) {
    return system("strace -o /dev/null true 2>/dev/null") == 0; // NOLINT(cert-env33-c)
}

static void the_sync_comes_before_the_reply(void **state) {
    struct server *server = *state;
    if (!may_trace()) {
        print_message("skipped: strace is missing or ptrace is not permitted here\n");
        skip();
    }
    char trace[SERVER_PATH_MAX];
    snprintf(trace, sizeof trace, "%.64s/trace", server->room);
    // -D: the tracer is the child, so that the process we started is the server itself.
    const char *const strace[] = {
        "strace", "-D",    "-f", "-y",
        "-s",     "16384", "-e", "trace=recvfrom,pwrite64,fdatasync,sendto",
        "-o",     trace,   NULL};
    server_start_how(server, &(struct server_how){.tracer = strace});
    struct peer peer;
    peer_open(&peer, server);
    for (int i = 0; i < PUSHES; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, ":%d", i + 1);
        peer_sendf(&peer, "LPUSH queue marker-%d-", i);
        assert_next(&peer, expected);
    }
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    // The tracer has written all when it has told of the end.
    while (file_find(trace, "+++ exited with 0 +++", 21) < 0)
        nap();
    look_through(trace);
}

// ---- what others are told meanwhile. The order of events is asserted, never a time: a reply is
// not there yet although something that was asked for later has been answered.

static void replies_wait_for_the_disk_and_others_do_not(void **state) {
    struct server *server = *state;
    struct peer writer;
    struct peer other;
    server_start(server, SLOW_DISK);
    peer_open(&writer, server);
    peer_open(&other, server);
    peer_send(&writer, "LPUSH queue job");
    assert_reply(&other, "PING", "+PONG");
    assert_false(peer_has_reply(&writer));
    for (int i = 0; i < 10; i++)
        assert_reply(&other, "ECHO meanwhile", "meanwhile");
    assert_false(peer_has_reply(&writer));
    assert_next(&writer, ":1");
    peer_close(&writer);
    peer_close(&other);
}

enum { READS = 7, ROUNDS_MAX = 5 };
static const char *const reads[READS][2] = {
    {"LRANGE queue 0 -1", "[job]"},
    {"LLEN queue", ":1"},
    {"EXISTS queue", ":1"},
    {"TYPE queue", "+list"},
    {"LPOS queue job", ":0"},
    {"DBSIZE", ":1"},
    {"GET queue", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
};

struct crowd {
    struct peer writer;
    struct peer quick;
    struct peer readers[READS];
};

// Whether no reader had an answer when a PING sent after their requests was answered. A machine
// that stalls for longer than a sync takes makes one round say nothing, so there are several.
static bool readers_wait(struct crowd *crowd) {
    bool is_waiting = true;
    peer_send(&crowd->writer, "RPUSH queue job");
    assert_reply(&crowd->quick, "PING", "+PONG"); // the push was received before
    for (int i = 0; i < READS; i++)
        peer_send(&crowd->readers[i], reads[i][0]);
    assert_reply(&crowd->quick, "PING", "+PONG");
    for (int i = 0; i < READS; i++)
        is_waiting = is_waiting && !peer_has_reply(&crowd->readers[i]);
    for (int i = 0; i < READS; i++)
        assert_next(&crowd->readers[i], reads[i][1]);
    assert_next(&crowd->writer, ":1");
    assert_reply(&crowd->quick, "DEL queue", ":1");
    return is_waiting;
}

static void reads_of_what_is_not_durable_wait_too(void **state) {
    struct server *server = *state;
    struct crowd crowd;
    server_start(server, SLOW_DISK);
    peer_open(&crowd.writer, server);
    peer_open(&crowd.quick, server);
    for (int i = 0; i < READS; i++)
        peer_open(&crowd.readers[i], server);
    int rounds = 0;
    while (!readers_wait(&crowd))
        assert_true(++rounds < ROUNDS_MAX);
    for (int i = 0; i < READS; i++)
        peer_close(&crowd.readers[i]);
    peer_close(&crowd.quick);
    peer_close(&crowd.writer);
}

static void a_woken_waiter_is_told_when_it_is_durable(void **state) {
    struct server *server = *state;
    struct peer waiter;
    struct peer writer;
    struct peer quick;
    server_start(server, SLOW_DISK);
    peer_open(&waiter, server);
    peer_open(&writer, server);
    peer_open(&quick, server);
    peer_send(&waiter, "BLMOVE queue processing RIGHT LEFT 0");
    assert_reply(&quick, "PING", "+PONG");
    peer_send(&writer, "LPUSH queue job");
    for (int i = 0; i < 10; i++)
        assert_reply(&quick, "PING", "+PONG");
    assert_false(peer_has_reply(&writer));
    assert_false(peer_has_reply(&waiter));
    // The move has been executed with the push: both are lost together or durable together.
    server_kill(server);
    assert_next(&writer, "(closed)");
    assert_next(&waiter, "(closed)");
    peer_close(&waiter);
    peer_close(&writer);
    peer_close(&quick);
    server_start(server, NULL);
    peer_open(&quick, server);
    const char *kept = peer_ask(&quick, "LRANGE processing 0 -1");
    assert_true(strcmp(kept, "[job]") == 0 || strcmp(kept, "[]") == 0);
    assert_reply_begins(&quick, "LRANGE queue 0 -1", "[");
    peer_close(&quick);
}

static void replies_keep_their_order_behind_a_fence(void **state) {
    struct server *server = *state;
    struct peer peer;
    struct peer quick;
    server_start(server, SLOW_DISK);
    peer_open(&peer, server);
    peer_open(&quick, server);
    peer_send_raw(&peer, SLICE("ECHO a\r\nSET k 1\r\nECHO b\r\nINCR k\r\nNONSENSE\r\nECHO c\r\n"));
    assert_next(&peer, "a");
    assert_reply(&quick, "PING", "+PONG");
    assert_false(peer_has_reply(&peer)); // b must not overtake
    assert_next(&peer, "+OK");
    assert_next(&peer, "b");
    assert_next(&peer, ":2");
    assert_next_begins(&peer, "-ERR unknown command");
    assert_next(&peer, "c");
    peer_close(&peer);
    peer_close(&quick);
}

// ---- a sync that fails

#ifdef ACKD_FAILSYNC
static void a_failed_sync_is_the_end_and_a_start_recovers(void **state) {
    struct server *server = *state;
    char armed[SERVER_PATH_MAX];
    char environment[2 * SERVER_PATH_MAX];
    snprintf(armed, sizeof armed, "%.64s/armed", server->room);
    snprintf(environment, sizeof environment, "FAILSYNC=%s", armed);
    const char *const preload[] = {"env", "LD_PRELOAD=" ACKD_FAILSYNC, NULL};
    server_start_how(server, &(struct server_how){.tracer = preload, .environment = environment});
    struct peer writer;
    struct peer reader;
    struct peer waiter;
    peer_open(&writer, server);
    peer_open(&reader, server);
    peer_open(&waiter, server);
    assert_reply(&writer, "RPUSH queue acknowledged", ":1");
    peer_send(&waiter, "BLPOP other 0");
    assert_reply(&reader, "PING", "+PONG");
    // Nobody else syncs once the slots ahead are made: one, and one for recovery.
    while (strstr(peer_ask(&reader, "INFO durability"), "log_slots_ready:2\\r") == NULL)
        usleep(1000);

    FILE *file = fopen(armed, "we");
    assert_non_null(file);
    fclose(file);
    peer_send(&writer, "RPUSH queue unanswered");
    assert_next(&writer, "(closed)");
    assert_next(&reader, "(closed)");
    assert_next(&waiter, "(closed)");
    assert_int_equal(server_wait(server), CODE_IO);
    assert_true(server_said(server, "cannot be written or synced"));
    assert_int_equal(access(armed, F_OK), -1);
    peer_close(&writer);
    peer_close(&reader);
    peer_close(&waiter);

    server_start(server, NULL);
    peer_open(&reader, server);
    assert_reply_begins(&reader, "LRANGE queue 0 -1", "[acknowledged");
    int64_t kept = peer_ask_number(&reader, "LLEN queue"); // the unanswered one may be there
    assert_in_range(kept, 1, 2);
    assert_int_equal(peer_ask_number(&reader, "RPUSH queue again"), kept + 1);
    peer_close(&reader);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}
#else
static void a_failed_sync_is_the_end_and_a_start_recovers(void **state) {
    (void)state;
    print_message("skipped: no library is preloaded under a sanitizer\n");
    skip();
}
#endif

#define each(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(the_sync_comes_before_the_reply),
        each(replies_wait_for_the_disk_and_others_do_not),
        each(reads_of_what_is_not_durable_wait_too),
        each(a_woken_waiter_is_told_when_it_is_durable),
        each(replies_keep_their_order_behind_a_fence),
        each(a_failed_sync_is_the_end_and_a_start_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
