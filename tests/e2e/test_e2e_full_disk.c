// A file system that is full: what adds is refused, what takes away goes on, and room heals. Needs
// root (a small tmpfs in a mount namespace of this test's own).
#define _GNU_SOURCE // unshare

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum { CODE_CLEAN = 0, ITEM_BYTES = 2000, PUSHES_MAX = 20000, DRAINED = 20 };

// The reserve for removals is at most a quarter of a segment: here 64 removals, each synced alone.
#define SMALL_SEGMENTS SERVER_OPTIONS("--log-segment-size", "1mb", "--log-reserve-size", "256kb")

static bool may_mount; // settled once, by the group's setup

static int group_setup(void **state) {
    (void)state;
    may_mount =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return 0;
}

static int setup(void **state) {
    static struct server server;
    server_init(&server);
    *state = &server;
    if (!may_mount) return 0;
    if (mkdir(server.data, 0700) != 0) return -1;
    may_mount = mount("tmpfs", server.data, "tmpfs", 0, "size=8m,mode=0700") == 0;
    return 0;
}

static int teardown(void **state) {
    struct server *server = *state;
    server_kill(server);
    umount2(server->data, MNT_DETACH);
    server_deinit(server);
    return 0;
}

static void skip_without_mounts(void) {
    if (may_mount) return;
    print_message("skipped: mounting a small file system is not permitted here\n");
    skip();
}

static void make_room(const struct server *server) {
    assert_int_equal(mount("tmpfs", server->data, "tmpfs", MS_REMOUNT, "size=32m,mode=0700"), 0);
}

static const char *push(struct peer *peer) {
    static char item[ITEM_BYTES];
    memset(item, 'x', sizeof item);
    struct slice args[] = {SLICE_INIT("RPUSH"), SLICE_INIT("queue"), {item, sizeof item}};
    peer_send_args(peer, args, 3);
    return peer_read(peer);
}

// Pushes until the server says that the disk is full; returns how many items there are.
static int64_t fill_up(struct peer *peer, const char *refusal) {
    for (int i = 0; i < PUSHES_MAX; i++) {
        const char *reply = push(peer);
        if (reply[0] == ':') continue;
        assert_int_equal(strncmp(reply, refusal, strlen(refusal)), 0);
        return peer_ask_number(peer, "LLEN queue");
    }
    fail_msg("the disk never was full");
    return 0;
}

static int64_t prepare_and_fill_up(struct peer *peer) {
    assert_reply(peer, "SET counter 1", "+OK");
    assert_reply(peer, "HSET claims job-1 1 job-2 2", ":2");
    assert_reply(peer, "RPUSH processing job-1 job-2 job-3 job-4", ":4");
    return fill_up(peer, "-NOSPACE disk is full");
}

static void takes_away(struct peer *peer, int64_t count) {
    assert_reply_begins(peer, "SET key value", "-NOSPACE ");
    assert_reply_begins(peer, "INCR counter", "-NOSPACE ");
    assert_reply_begins(peer, "HSET claims job-3 3", "-NOSPACE ");
    assert_reply(peer, "GET counter", "1");
    assert_reply(peer, "LRANGE processing 0 -1", "[job-1 job-2 job-3 job-4]");
    assert_reply(peer, "LREM processing 1 job-1", ":1");
    assert_reply(peer, "HDEL claims job-1", ":1");
    assert_reply(peer, "LTRIM processing 0 1", "+OK");
    assert_reply(peer, "DEL counter", ":1");
    assert_reply_begins(peer, "RPOP queue", "xxx");
    assert_reply_begins(peer, "BLPOP queue 0", "[queue xxx");
    assert_reply_begins(peer, "LMPOP 1 queue LEFT COUNT 2", "[queue [xxx");
    count -= 4;
    for (int i = 0; i < DRAINED; i++)
        assert_reply_begins(peer, "LPOP queue", "xxx");
    assert_int_equal(peer_ask_number(peer, "LLEN queue"), count - DRAINED);
    assert_reply(peer, "LRANGE processing 0 -1", "[job-2 job-3]");
    assert_reply_begins(peer, "SET key value", "-NOSPACE ");
    assert_non_null(strstr(peer_ask(peer, "INFO durability"), "log_status:full"));
}

static void a_full_disk_can_be_drained_and_room_heals_it(void **state) {
    skip_without_mounts();
    struct server *server = *state;
    struct peer peer;
    server_start(server, SMALL_SEGMENTS);
    peer_open(&peer, server);
    int64_t count = prepare_and_fill_up(&peer);
    assert_true(count > DRAINED + 4);
    takes_away(&peer, count);

    make_room(server); // without a restart
    while (push(&peer)[0] != ':')
        nap();
    assert_reply(&peer, "SET key value", "+OK");
    for (int i = 0; i < DRAINED; i++)
        assert_int_equal(push(&peer)[0], ':');
    assert_int_equal(peer_ask_number(&peer, "LLEN queue"), count - 4 + 1);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}

static void what_max_disk_refuses_it_takes_when_raised(void **state) {
    struct server *server = *state;
    struct peer peer;
    // Five segments and, whenever they come, two small checkpoints.
    server_start(server, SERVER_OPTIONS("--log-segment-size", "1mb", "--max-disk", "5632kb"));
    peer_open(&peer, server);
    assert_reply(&peer, "CONFIG GET max-disk", "[max-disk 5767168]");
    const int64_t count = fill_up(&peer, "-NOSPACE max-disk is reached");
    assert_non_null(strstr(peer_ask(&peer, "INFO durability"), "log_slots:5\\r"));
    assert_reply_begins(&peer, "LPOP queue", "xxx");
    assert_reply_begins(&peer, "SET key value", "-NOSPACE max-disk ");
    assert_reply(&peer, "CONFIG SET max-disk 7mb", "+OK");
    while (push(&peer)[0] != ':')
        nap();
    assert_int_equal(peer_ask_number(&peer, "LLEN queue"), count);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
}

static void a_full_server_starts_again_and_can_be_drained(void **state) {
    skip_without_mounts();
    struct server *server = *state;
    struct peer peer;
    server_start(server, SMALL_SEGMENTS);
    peer_open(&peer, server);
    int64_t count = prepare_and_fill_up(&peer);
    assert_reply_begins(&peer, "LPOP queue", "xxx");
    peer_close(&peer);
    // Each start after a kill writes the last batch again, into a segment of its own.
    for (int i = 0; i < 3; i++) {
        server_kill(server);
        server_start(server, SMALL_SEGMENTS);
    }
    peer_open(&peer, server);
    assert_int_equal(peer_ask_number(&peer, "LLEN queue"), count - 1);
    count = fill_up(&peer, "-NOSPACE disk is full"); // a start may have gained a little room
    takes_away(&peer, count);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);

    server_start(server, SMALL_SEGMENTS);
    make_room(server);
    peer_open(&peer, server);
    while (push(&peer)[0] != ':')
        nap();
    peer_close(&peer);
}

static void a_waiting_move_is_refused_and_loses_nothing(void **state) {
    skip_without_mounts();
    struct server *server = *state;
    struct peer peer;
    server_start(server, SMALL_SEGMENTS);
    peer_open(&peer, server);
    int64_t count = prepare_and_fill_up(&peer);
    // A move adds to a list. It is refused or done whole; either way no job disappears.
    const char *reply = peer_ask(&peer, "BLMOVE queue taken RIGHT LEFT 0.01");
    assert_true(strncmp(reply, "-NOSPACE ", 9) == 0 || strncmp(reply, "xxx", 3) == 0);
    int64_t left = peer_ask_number(&peer, "LLEN queue");
    int64_t taken = peer_ask_number(&peer, "LLEN taken");
    assert_int_equal(left + taken, count);
    peer_close(&peer);
}

#define each(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(a_full_disk_can_be_drained_and_room_heals_it),
        each(a_full_server_starts_again_and_can_be_drained),
        each(what_max_disk_refuses_it_takes_when_raised),
        each(a_waiting_move_is_refused_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
