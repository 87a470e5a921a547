// The real tool on a real directory: a start is refused and says what to do, that is done to the
// letter, and the server starts from what came of it.
#define _GNU_SOURCE

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/base/hash.h"
#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    CODE_CLEAN = 0,
    CODE_CORRUPT = 65,
    SAVED = 0,
    LOST = 1,
    NOT_WRITTEN = 2,
    UNREADABLE = 3,
    ITEMS = 300,
    ITEM_BYTES = 1000,
    KEPT_ITEM = 150, // the one that gets damaged
};

#define ONE_SEGMENT    SERVER_OPTIONS("--log-segment-size", "4mb")
#define SMALL_SEGMENTS SERVER_OPTIONS("--log-segment-size", "64kb", "--log-tail-size", "64kb")

struct site {
    struct server server;
    char damaged[SERVER_PATH_MAX];
    char salvaged[SERVER_PATH_MAX];
};

static int setup(void **state) {
    static struct site site;
    server_init(&site.server);
    snprintf(site.damaged, sizeof site.damaged, "%s", site.server.data);
    snprintf(site.salvaged, sizeof site.salvaged, "%.64s-salvaged", site.server.data);
    *state = &site;
    return 0;
}

static int teardown(void **state) {
    struct site *site = *state;
    server_deinit(&site->server);
    return 0;
}

static void item_of(char out[ITEM_BYTES + 1], int number) {
    memset(out, 'a' + number % 26, ITEM_BYTES);
    char head[16];
    snprintf(head, sizeof head, "item-%06d-", number);
    memcpy(out, head, 12);
    out[ITEM_BYTES] = '\0';
}

static void fill(struct peer *peer) {
    char item[ITEM_BYTES + 1];
    for (int i = 0; i < ITEMS; i++) {
        item_of(item, i);
        struct slice args[] = {SLICE_INIT("RPUSH"), SLICE_INIT("queue"), {item, ITEM_BYTES}};
        peer_send_args(peer, args, 3);
        for (int k = 0; i % 50 == 49 && k < 50; k++) // several batches
            assert_next_begins(peer, ":");
    }
    for (int i = 0; i < 40; i++)
        peer_askf(peer, "LPOP queue");
    for (int i = 0; i < 20; i++)
        peer_askf(peer, "HSET hash f%d %d", i, i * i);
    peer_ask(peer, "SET counter 17");
    peer_ask(peer, "SET later x EX 100000");
    for (int i = 1; i <= 10; i++)
        peer_askf(peer, "XADD stream %d-0 n %d", i, i);
    peer_ask(peer, "XGROUP CREATE stream workers 0");
    peer_ask(peer, "XREADGROUP GROUP workers one COUNT 6 STREAMS stream >");
    assert_reply(peer, "XACK stream workers 1-0 2-0", ":2");
    peer_ask(peer, "SELECT 3");
    peer_ask(peer, "SET elsewhere y");
    peer_ask(peer, "SELECT 0");
}

static void check_all_but_the_queue(struct peer *peer) {
    assert_reply(peer, "HLEN hash", ":20");
    assert_reply(peer, "HGET hash f7", "49");
    assert_reply(peer, "GET counter", "17");
    assert_true(peer_ask_number(peer, "TTL later") > 99000);
    assert_reply(peer, "XLEN stream", ":10");
    assert_reply_begins(peer, "XPENDING stream workers", "[:4 3-0 6-0");
    assert_reply_begins(peer, "XREADGROUP GROUP workers two COUNT 1 STREAMS stream >",
                        "[[stream [[7-0");
    assert_reply(peer, "SELECT 3", "+OK");
    assert_reply(peer, "GET elsewhere", "y");
    assert_reply(peer, "SELECT 0", "+OK");
}

static void check_queue(struct peer *peer, int missing) {
    char item[ITEM_BYTES + 1];
    int at = 0;
    for (int i = 40; i < ITEMS; i++) {
        if (i == missing) continue;
        char words[32];
        item_of(item, i);
        snprintf(words, sizeof words, "LINDEX queue %d", at++);
        assert_reply(peer, words, item);
    }
    assert_int_equal(peer_ask_number(peer, "LLEN queue"), at);
}

// Names, sizes, contents and times of all files, as one number.
static uint64_t digest_of(const char *path) {
    uint64_t digest = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[SERVER_PATH_MAX + 32];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%.24s", path, entry->d_name);
        struct stat status;
        assert_int_equal(stat(name, &status), 0);
        size_t len = 0;
        char *bytes = file_read(name, &len);
        const uint64_t seed = (uint64_t)status.st_mtim.tv_nsec ^ (uint64_t)status.st_mtim.tv_sec;
        digest += hash_bytes(slice_of(bytes, len), hash_bytes(slice_str(entry->d_name), seed));
        free(bytes);
    }
    closedir(directory);
    return digest;
}

static void damage(const struct site *site) {
    for (int slot = 0; slot < 64; slot++) {
        char path[SERVER_PATH_MAX + 32];
        char head[16];
        snprintf(path, sizeof path, "%s/seg-%06d", site->damaged, slot);
        snprintf(head, sizeof head, "item-%06d-", KEPT_ITEM);
        const int64_t offset = file_find(path, head, strlen(head));
        if (offset < 0) continue;
        file_flip(path, offset + 500);
        return;
    }
    fail_msg("the item is nowhere");
}

static void start_from(struct site *site, const char *directory, const char *const *options) {
    snprintf(site->server.data, sizeof site->server.data, "%s", directory);
    server_start(&site->server, options);
}

static void prepare(struct site *site, const char *const *options) {
    struct peer peer;
    server_start(&site->server, options);
    peer_open(&peer, &site->server);
    fill(&peer);
    peer_close(&peer);
    assert_int_equal(server_stop(&site->server), CODE_CLEAN);
}

static void all_but_the_damaged_value_is_served_again(void **state) {
    struct site *site = *state;
    struct server *server = &site->server;
    char command[4 * SERVER_PATH_MAX];
    prepare(site, ONE_SEGMENT); // no checkpoint: a start reads all of it
    damage(site);
    const uint64_t before = digest_of(site->damaged);
    assert_int_equal(server_run(server, &(struct server_how){0}), CODE_CORRUPT);
    snprintf(command, sizeof command, "To see what is damaged: %s %s\n", ACKD_CHECK_PROGRAM,
             site->damaged);
    assert_true(server_said(server, command));
    snprintf(command, sizeof command, "To save what can be saved: %s --salvage %s %s\n",
             ACKD_CHECK_PROGRAM, site->salvaged, site->damaged);
    assert_true(server_said(server, command));

    assert_int_equal(server_salvage(server, site->salvaged), LOST);
    assert_true(
        server_said(server, "lost: database 0, list \"queue\", element 110: its 1000 bytes"));
    assert_true(server_said(server, "  1 values whose bytes are damaged or gone"));
    assert_true(digest_of(site->damaged) == before);
    assert_int_equal(server_salvage(server, site->salvaged), NOT_WRITTEN); // it is not empty now

    struct peer peer;
    start_from(site, site->salvaged, ONE_SEGMENT);
    peer_open(&peer, server);
    check_queue(&peer, KEPT_ITEM);
    check_all_but_the_queue(&peer);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), 0);
}

static void an_undamaged_directory_is_copied(void **state) {
    struct site *site = *state;
    struct server *server = &site->server;
    prepare(site, SMALL_SEGMENTS);
    assert_int_equal(server_salvage(server, site->salvaged), SAVED);
    assert_true(server_said(server, "NOTHING LOST"));
    struct peer peer;
    start_from(site, site->salvaged, SMALL_SEGMENTS);
    peer_open(&peer, server);
    check_queue(&peer, -1);
    check_all_but_the_queue(&peer);
    peer_close(&peer);
}

static void what_is_no_data_directory_is_told(void **state) {
    struct site *site = *state;
    char nowhere[SERVER_PATH_MAX];
    snprintf(nowhere, sizeof nowhere, "%.64s/no/such", site->server.room);
    snprintf(site->server.data, sizeof site->server.data, "%s", nowhere);
    assert_int_equal(server_salvage(&site->server, site->salvaged), UNREADABLE);
    snprintf(site->server.data, sizeof site->server.data, "%s", site->damaged);
    prepare(site, ONE_SEGMENT);
    assert_int_equal(server_salvage(&site->server, nowhere), NOT_WRITTEN); // its parent is missing
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_but_the_damaged_value_is_served_again, setup, teardown),
        cmocka_unit_test_setup_teardown(an_undamaged_directory_is_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_data_directory_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
