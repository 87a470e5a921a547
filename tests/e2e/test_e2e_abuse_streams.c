// Streams and consumer groups at the edges of what can be asked: each test is a row of the table of
// bad input (a fault that some server had). What commands answer otherwise is in tests/compat.
#include <stdio.h>
#include <stdlib.h>

#include "tests/e2e/abuse.h"

enum {
    ENTRIES = 24,
};

static void fill(struct peer *peer) {
    assert_reply(peer, "FLUSHALL", "+OK");
    for (int i = 1; i <= ENTRIES; i++) {
        peer_askf(peer, "XADD s %d-1 f v", i);
    }
    assert_reply(peer, "XGROUP CREATE s g 0", "+OK");
    peer_ask(peer, "XREADGROUP GROUP g c COUNT 20 STREAMS s >");
}

// ---- counts, offsets, ids at their extremes (CVE-2022-35951, 2022-35977, 2023-22458, 2023-25155)

// '@' and '#' are replaced by numbers.
static const char *const counting[] = {
    "XADD s MAXLEN @ * f v",
    "XADD s MAXLEN ~ @ LIMIT # * f v",
    "XADD s MINID = @ * f v",
    "XADD s @ f v",
    "XADD s @-# f v",
    "XTRIM s MAXLEN @",
    "XTRIM s MAXLEN ~ 1 LIMIT @",
    "XTRIM s MINID @-#",
    "XDEL s @ #",
    "XDELEX s IDS @ 1-1",
    "XACKDEL s g IDS @ 1-1",
    "XACK s g @-#",
    "XNACK s g FAIL IDS @ 1-1",
    "XNACK s g SILENT IDS 1 2-1 RETRYCOUNT @",
    "XNACK s g FATAL IDS 1 @-# FORCE",
    "XRANGE s @ # COUNT @",
    "XREVRANGE s # @ COUNT #",
    "XREAD COUNT @ STREAMS s 0",
    "XREAD MAXCOUNT @ STREAMS s 0",
    "XREAD MAXSIZE @ STREAMS s #",
    "XREAD BLOCK @ STREAMS s 0",
    "XREADGROUP GROUP g c COUNT @ STREAMS s >",
    "XREADGROUP GROUP g c COUNT @ STREAMS s #",
    "XREADGROUP GROUP g c COUNT @ MAXCOUNT # STREAMS s >",
    "XREADGROUP GROUP g c MAXSIZE @ STREAMS s 0",
    "XREADGROUP GROUP g c CLAIM @ STREAMS s >",
    "XCLAIM s g c @ 1-1",
    "XCLAIM s g c 0 1-1 IDLE @",
    "XCLAIM s g c 0 1-1 TIME @",
    "XCLAIM s g c 0 1-1 RETRYCOUNT @",
    "XCLAIM s g c 0 @-# FORCE LASTID #",
    "XAUTOCLAIM s g c @ 0",
    "XAUTOCLAIM s g c 0 @-#",
    "XAUTOCLAIM s g c 0 0 COUNT @",
    "XPENDING s g - + @",
    "XPENDING s g IDLE @ - + #",
    "XPENDING s g @ # 10",
    "XSETID s @-#",
    "XSETID s 99-1 ENTRIESADDED @ MAXDELETEDID #",
    "XGROUP CREATE s g2 @ ENTRIESREAD #",
    "XGROUP SETID s g @ ENTRIESREAD #",
    "XINFO STREAM s FULL COUNT @",
    "XCFGSET s IDMP-DURATION @",
    "XCFGSET s IDMP-MAXSIZE @",
};

static void numbers_at_their_extremes_are_answered(void **state) {
    struct server *server = *state;
    struct peer peer;
    peer_open(&peer, server);
    fill(&peer);
    const uint64_t before = server_resident(server);
    for (size_t i = 0; i < sizeof counting / sizeof counting[0]; i++) {
        const bool has_two = strchr(counting[i], '#') != NULL;
        for (size_t k = 0; k < (has_two ? INTEGERS * INTEGERS : INTEGERS); k++) {
            if (k % INTEGERS == 0) fill(&peer);
            try_with(&peer, counting[i], integers[k % INTEGERS], integers[k / INTEGERS]);
            must_be_in_step(&peer, counting[i], integers[k % INTEGERS]);
        }
    }
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    peer_close(&peer);
}

// ---- XAUTOCLAIM over deleted entries, COUNT 1 to N (CVE-2022-31144)

// One sweep from the beginning to the end, in steps of `count`: every pending entry is seen once.
static void sweep(struct peer *peer, int count) {
    char cursor[64] = "0-0";
    int steps = 0;
    do {
        const char *reply =
            peer_askf(peer, "XAUTOCLAIM s g other 0 %s COUNT %d JUSTID", cursor, count);
        assert_true(sscanf(reply, "[%63[0-9-]", cursor) == 1);
        assert_true(++steps <= ENTRIES / count + 1);
    } while (strcmp(cursor, "0-0") != 0);
}

static void deleted_entries_are_swept_whatever_the_count(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    for (int count = 1; count <= ENTRIES; count++) {
        fill(&peer);
        peer_ask(&peer, "XREADGROUP GROUP g c STREAMS s >");
        for (int i = 1; i <= ENTRIES; i += 2) {
            peer_askf(&peer, "XDEL s %d-1", i);
        }
        sweep(&peer, count);
        char expected[64];
        snprintf(expected, sizeof expected, "[:%d 2-1 %d-1 [[other %d]]]", ENTRIES / 2, ENTRIES,
                 ENTRIES / 2);
        assert_reply(&peer, "XPENDING s g", expected);
        // All of them deleted, also in one step.
        assert_reply(&peer, "XTRIM s MAXLEN 0", ":12");
        sweep(&peer, count);
        assert_reply(&peer, "XPENDING s g", "[:0 nil nil nil]");
    }
    peer_close(&peer);
}

// ---- numbers of keys and ids that lie (CVE-2023-36824)

static void numbers_of_keys_that_lie_are_refused(void **state) {
    static const char *const lies[] = {
        "XREADGROUP GROUP g c STREAMS",
        "XREADGROUP GROUP g c STREAMS s",
        "XREADGROUP GROUP g c STREAMS s s >",
        "XREADGROUP GROUP g c COUNT 2147483648 STREAMS s",
        "XREADGROUP GROUP g STREAMS s >",
        "XREADGROUP STREAMS GROUP g c s >",
        "XREAD STREAMS s",
        "XREAD STREAMS s t u 0",
        "XREAD COUNT STREAMS s 0",
        "COMMAND GETKEYS XREADGROUP GROUP g c STREAMS",
        "COMMAND GETKEYS XREAD STREAMS s",
        "XDELEX s IDS 0 1-1",
        "XDELEX s IDS -1 1-1",
        "XDELEX s IDS 2 1-1",
        "XDELEX s IDS 2147483648 1-1",
        "XDELEX s IDS 9223372036854775807 1-1",
        "XACKDEL s g IDS 0 1-1",
        "XACKDEL s g IDS -1 1-1",
        "XACKDEL s g IDS 4294967297 1-1",
        "XNACK s g FAIL IDS 0 1-1",
        "XNACK s g FAIL IDS 2 1-1",
        "XNACK s g FAIL IDS 9223372036854775807 1-1",
    };
    struct peer peer;
    peer_open(&peer, *state);
    fill(&peer);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        assert_reply_begins(&peer, lies[i], "-ERR ");
    }
    assert_reply(&peer, "XLEN s", ":24");
    peer_close(&peer);
}

// ---- the same key twice (CVE-2023-28425)

static void the_same_stream_twice_is_read_twice_and_delivered_once(void **state) {
    struct peer peer;
    struct peer waiter;
    peer_open(&peer, *state);
    peer_open(&waiter, *state);
    assert_reply(&peer, "XADD s 1-1 f v", "1-1");
    assert_reply(&peer, "XREAD STREAMS s s 0 0", "[[s [[1-1 [f v]]]] [s [[1-1 [f v]]]]]");
    assert_reply(&peer, "XGROUP CREATE s g 0", "+OK");
    assert_reply(&peer, "XREADGROUP GROUP g c STREAMS s s > >", "[[s [[1-1 [f v]]]]]");
    assert_reply(&peer, "XREADGROUP GROUP g c STREAMS s s 0 0",
                 "[[s [[1-1 [f v]]]] [s [[1-1 [f v]]]]]");
    assert_reply(&peer, "XREAD BLOCK 1 STREAMS s s $ $", "nil");
    // Who waits twice for one stream is served once.
    peer_send(&waiter, "XREADGROUP GROUP g w BLOCK 0 STREAMS s s > >");
    while (strstr(peer_ask(&peer, "INFO clients"), "blocked_clients:1\\r") == NULL)
        nap();
    assert_reply(&peer, "XADD s 2-1 f v", "2-1");
    assert_next(&waiter, "[[s [[2-1 [f v]]]]]");
    assert_reply(&peer, "XADD s 3-1 f v", "3-1");
    assert_reply(&waiter, "XLEN s", ":3");
    peer_close(&waiter);
    peer_close(&peer);
}

// ---- one entry wakes one waiting consumer, the longest waiting first

static void one_entry_wakes_who_waits_longest_and_nobody_else(void **state) {
    enum { WAITING = 4 };
    struct peer peer;
    struct peer waiting[WAITING];
    char expected[64];
    peer_open(&peer, *state);
    assert_reply(&peer, "XGROUP CREATE s g $ MKSTREAM", "+OK");
    for (int i = 0; i < WAITING; i++) {
        char line[80];
        char blocked[40];
        peer_open(&waiting[i], *state);
        snprintf(line, sizeof line, "XREADGROUP GROUP g c%d BLOCK 0 STREAMS s >", i);
        snprintf(blocked, sizeof blocked, "blocked_clients:%d\\r", i + 1);
        peer_send(&waiting[i], line);
        while (strstr(peer_ask(&peer, "INFO clients"), blocked) == NULL)
            nap();
    }
    for (int i = 0; i < WAITING; i++) {
        peer_askf(&peer, "XADD s %d-1 f v", i + 1);
        snprintf(expected, sizeof expected, "[[s [[%d-1 [f v]]]]]", i + 1);
        assert_next(&waiting[i], expected);
        snprintf(expected, sizeof expected, "blocked_clients:%d\\r", WAITING - i - 1);
        assert_true(strstr(peer_ask(&peer, "INFO clients"), expected) != NULL);
        peer_close(&waiting[i]);
    }
    peer_close(&peer);
}

// ---- MAXLEN ~ ... ACKED really deletes what is acknowledged (a known fault of Redis 8.2)

static void a_loose_trim_with_acked_deletes_what_is_acknowledged(void **state) {
    enum { MANY = 1000 };
    struct peer peer;
    peer_open(&peer, *state);
    for (int i = 1; i <= MANY; i++) {
        peer_askf(&peer, "XADD s %d-1 f v", i);
    }
    assert_reply(&peer, "XGROUP CREATE s g 0", "+OK");
    peer_ask(&peer, "XREADGROUP GROUP g c COUNT 600 STREAMS s >");
    assert_reply(&peer, "XTRIM s MAXLEN ~ 100 ACKED", ":0"); // all is pending or unread
    for (int i = 1; i <= 300; i++) {
        peer_askf(&peer, "XACK s g %d-1", i);
    }
    peer_ask(&peer, "XADD s MAXLEN ~ 100 ACKED 5000-1 f v");
    assert_reply(&peer, "XLEN s", ":701"); // three nodes of a hundred
    assert_reply(&peer, "XRANGE s - + COUNT 1", "[[301-1 [f v]]]");
    assert_reply_begins(&peer, "XPENDING s g - + 1 c", "[[301-1 c ");
    peer_close(&peer);
}

#define each(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(numbers_at_their_extremes_are_answered),
        each(deleted_entries_are_swept_whatever_the_count),
        each(numbers_of_keys_that_lie_are_refused),
        each(the_same_stream_twice_is_read_twice_and_delivered_once),
        each(one_entry_wakes_who_waits_longest_and_nobody_else),
        each(a_loose_trim_with_acked_deletes_what_is_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
