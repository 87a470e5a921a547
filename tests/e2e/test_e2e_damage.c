// Bytes on disk that are not what was written: what was acknowledged is never skipped and never
// served wrong; what was torn before anybody was told is put aside.
#define _GNU_SOURCE

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/hash.h"
#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    CODE_CLEAN = 0,
    CODE_CORRUPT = 65,
    CHECK_TORN = 1,
    CHECK_ROTTEN = 2,
    BLOCK = 4096,
    ITEMS = 300,
    ITEM_BYTES = 1000, // lies in the log, not in memory
    TORN_BYTES = 40 * 1000,
};

static void path_of(const struct server *server, const char *name, char out[SERVER_PATH_MAX]) {
    snprintf(out, SERVER_PATH_MAX, "%.48s/%.24s", server->data, name);
}

// "item-000007-" and a filling that differs from item to item.
static void make_item(char *out, size_t len, int number) {
    int head = snprintf(out, len, "item-%06d-", number);
    memset(out + head, 'a' + number % 26, len - (size_t)head);
}

static void push_item(struct peer *peer, int number, size_t len) {
    char *item = malloc(len);
    assert_non_null(item);
    make_item(item, len, number);
    struct slice args[] = {SLICE_INIT("RPUSH"), SLICE_INIT("queue"), {item, len}};
    peer_send_args(peer, args, 3);
    free(item);
}

// The file in which the item lies and the offset there. Fails when there is none.
static int64_t find_item(const struct server *server, int number, char path[SERVER_PATH_MAX]) {
    char head[16];
    snprintf(head, sizeof head, "item-%06d-", number);
    for (int slot = 0; slot < 64; slot++) {
        char name[16];
        snprintf(name, sizeof name, "seg-%06d", slot);
        path_of(server, name, path);
        int64_t offset = file_find(path, head, strlen(head));
        if (offset >= 0) return offset;
    }
    return -1;
}

// Names, sizes and contents of all files of the directory, as one number.
static uint64_t digest_of(const struct server *server) {
    uint64_t digest = 0;
    DIR *directory = opendir(server->data);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        char path[SERVER_PATH_MAX];
        path_of(server, entry->d_name, path);
        size_t len = 0;
        char *bytes = file_read(path, &len);
        digest += hash_bytes(slice_of(bytes, len), hash_bytes(slice_str(entry->d_name), len));
        free(bytes);
    }
    closedir(directory);
    return digest;
}

static int count_torn_files(const struct server *server) {
    int count = 0;
    DIR *directory = opendir(server->data);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strncmp(entry->d_name, "torn-", 5) == 0;
    closedir(directory);
    return count;
}

static void fill(struct server *server) {
    struct peer peer;
    peer_open(&peer, server);
    for (int i = 0; i < ITEMS; i++) {
        push_item(&peer, i, ITEM_BYTES);
        if (i % 10 == 9) { // several batches
            for (int k = 0; k < 10; k++)
                assert_next_begins(&peer, ":");
        }
    }
    peer_close(&peer);
}

static void refuses(struct server *server, const char *path, int64_t offset) {
    file_flip(path, offset);
    uint64_t before = digest_of(server);
    assert_int_equal(server_check(server), CHECK_ROTTEN);
    assert_int_equal(server_run(server, &(struct server_how){0}), CODE_CORRUPT);
    assert_true(digest_of(server) == before);
    assert_true(server_said(server, strrchr(path, '/') + 1)); // the file ...
    assert_true(server_said(server, "offset"));               // ... and the place
    file_flip(path, offset);                                  // as it was
}

static void a_flipped_bit_in_acknowledged_data_refuses_the_start(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    fill(server);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);

    char path[SERVER_PATH_MAX];
    static const int victims[] = {0, 5, ITEMS / 2, ITEMS - 1};
    for (size_t i = 0; i < sizeof victims / sizeof victims[0]; i++) {
        int64_t offset = find_item(server, victims[i], path);
        assert_true(offset > 0);
        refuses(server, path, offset + 100);           // the payload
        refuses(server, path, offset / BLOCK * BLOCK); // a checksum, or a payload again
        refuses(server, path, offset - 3);             // what says whose payload it is
    }
    server_start(server, NULL);
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "LLEN queue", ":300");
    peer_close(&peer);
}

static void a_lost_file_refuses_the_start(void **state) {
    struct server *server = *state;
    server_start(server, SERVER_OPTIONS("--log-segment-size", "64kb"));
    fill(server);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    char path[SERVER_PATH_MAX];
    char aside[SERVER_PATH_MAX];
    assert_true(find_item(server, 0, path) > 0);
    snprintf(aside, sizeof aside, "%.64s/aside", server->room);
    assert_int_equal(rename(path, aside), 0);
    uint64_t before = digest_of(server);
    assert_int_equal(server_run(server, &(struct server_how){0}), CODE_CORRUPT);
    assert_true(digest_of(server) == before);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(truncate(path, BLOCK), 0);
    assert_int_equal(server_run(server, &(struct server_how){0}), CODE_CORRUPT);
}

static void a_payload_that_rots_while_serving_is_refused_alone(void **state) {
    struct server *server = *state;
    const char *const small[] = {"--log-segment-size", "64kb", "--log-tail-size", "0", NULL};
    server_start(server, small);
    fill(server);
    char path[SERVER_PATH_MAX];
    int64_t offset = find_item(server, 3, path);
    assert_true(offset > 0);
    file_flip(path, offset + 500);

    struct peer peer;
    peer_open(&peer, server);
    char expected[ITEM_BYTES + 1] = {0};
    assert_reply_begins(&peer, "LINDEX queue 3", "-ERR CORRUPT ");
    make_item(expected, ITEM_BYTES, 2);
    assert_reply(&peer, "LINDEX queue 2", expected);
    make_item(expected, ITEM_BYTES, 4);
    assert_reply(&peer, "LINDEX queue 4", expected);
    assert_reply(&peer, "LLEN queue", ":300");
    assert_reply_begins(&peer, "LRANGE queue 0 2", "[item-000000-");
    assert_non_null(strstr(peer_ask(&peer, "LRANGE queue 2 4"), "ERR CORRUPT"));
    assert_non_null(strstr(peer_ask(&peer, "INFO durability"), "corrupt_reads:2"));
    assert_true(server_said(server, strrchr(path, '/') + 1));
    // It can still be thrown away, and everything else goes on.
    assert_reply(&peer, "LTRIM queue 10 -1", "+OK");
    make_item(expected, ITEM_BYTES, 10);
    assert_reply(&peer, "LPOP queue", expected);
    assert_reply(&peer, "RPUSH queue more", ":290");
    peer_close(&peer);
}

// Lets the server write a batch that nobody is told of, and kills it. Returns where it lies.
static int64_t leave_an_unanswered_batch(struct server *server, char path[SERVER_PATH_MAX]) {
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "CONFIG SET log-sync-delay-us 5000000", "+OK");
    push_item(&peer, ITEMS, TORN_BYTES);
    int64_t offset = -1;
    while ((offset = find_item(server, ITEMS, path)) < 0)
        nap();
    server_kill(server);
    assert_next(&peer, "(closed)");
    peer_close(&peer);
    return offset;
}

static void a_torn_tail_is_put_aside_and_all_else_is_there(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    fill(server);
    char path[SERVER_PATH_MAX];
    int64_t offset = leave_an_unanswered_batch(server, path);
    // The last blocks of the batch never reached the disk.
    char zeros[2 * BLOCK] = {0};
    file_write_at(path, (offset + TORN_BYTES) / BLOCK * BLOCK - BLOCK, zeros, sizeof zeros);
    assert_int_equal(server_check(server), CHECK_TORN);

    server_start(server, NULL);
    assert_int_equal(count_torn_files(server), 1);
    assert_true(server_said(server, "torn"));
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "LLEN queue", ":300");
    assert_reply(&peer, "RPUSH queue more", ":301");
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
    server_start(server, NULL);
    assert_int_equal(count_torn_files(server), 1);
    peer_open(&peer, server);
    assert_reply(&peer, "LINDEX queue -1", "more");
    peer_close(&peer);
}

static void a_whole_last_batch_is_kept_although_nobody_was_told(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    fill(server);
    char path[SERVER_PATH_MAX];
    leave_an_unanswered_batch(server, path);
    server_start(server, NULL);
    assert_int_equal(count_torn_files(server), 0);
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "LLEN queue", ":301");
    peer_close(&peer);
    // Written again at another place: that place has to last, too.
    server_kill(server);
    server_start(server, NULL);
    peer_open(&peer, server);
    assert_reply(&peer, "LLEN queue", ":301");
    assert_reply_begins(&peer, "LINDEX queue -1", "item-000300-");
    peer_close(&peer);
}

// It is what a former segment of the slot leaves.
static void garbage_behind_the_end_makes_no_difference(void **state) {
    struct server *server = *state;
    server_start(server, NULL);
    fill(server);
    char path[SERVER_PATH_MAX];
    int64_t offset = leave_an_unanswered_batch(server, path);
    char garbage[3 * BLOCK];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 31 + i / 7);
    file_write_at(path, (offset + TORN_BYTES) / BLOCK * BLOCK + BLOCK, garbage, sizeof garbage);
    server_start(server, NULL);
    assert_int_equal(count_torn_files(server), 0);
    struct peer peer;
    peer_open(&peer, server);
    assert_reply(&peer, "LLEN queue", ":301");
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}

#define each(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(a_flipped_bit_in_acknowledged_data_refuses_the_start),
        each(a_lost_file_refuses_the_start),
        each(a_payload_that_rots_while_serving_is_refused_alone),
        each(a_torn_tail_is_put_aside_and_all_else_is_there),
        each(a_whole_last_batch_is_kept_although_nobody_was_told),
        each(garbage_behind_the_end_makes_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
