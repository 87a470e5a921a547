// Waiting as a reader of a consumer group: who is tried, for which news, at what time.
#include "storage/data/group.h"
#include "storage/data/stream.h"
#include "tests/unit/engine_world.h"

static size_t tries; // of the command below, over one test: how often a waiter is woken in vain

// XADD key seq
static enum call_result world_xadd(struct call *call) {
    int64_t seq = 0;
    if (!call_arg_i64(call, 2, &seq)) return CALL_DONE;
    const struct slice strings[] = {SLICE("f"), SLICE("v")};
    const struct txn_entry entry = {.id = {1, (uint64_t)seq}, .strings = strings, .count = 2};
    txn_stream_add(call->txn, call->db, call->argv[1], &entry);
    reply_ok(&call->reply);
    return CALL_DONE;
}

static struct txn_group group_of(const struct call *call) {
    return (struct txn_group){.db = call->db, .key = call->argv[1], .group = call->argv[2]};
}

// GROUP key group: makes it and its stream.
static enum call_result group_make(struct call *call) {
    const struct txn_group at = group_of(call);
    txn_stream_create(call->txn, call->db, call->argv[1]);
    txn_group_create(call->txn, &at, STREAM_ID_MIN, 0);
    reply_ok(&call->reply);
    return CALL_DONE;
}

static enum call_result group_drop(struct call *call) {
    const struct txn_group at = group_of(call);
    txn_group_destroy(call->txn, &at);
    reply_ok(&call->reply);
    return CALL_DONE;
}

// BACK key group seq: gives an entry back.
static enum call_result group_back(struct call *call) {
    int64_t seq = 0;
    if (!call_arg_i64(call, 3, &seq)) return CALL_DONE;
    const struct txn_group at = group_of(call);
    const struct effect_pending pending = {.id = {1, (uint64_t)seq}, .deliveries = 1};
    txn_group_nack(call->txn, &at, &pending, 1);
    reply_ok(&call->reply);
    return CALL_DONE;
}

static bool take_idle(struct call *call, const struct group *group, int64_t min_idle_ms,
                      int64_t *alarm_ms) {
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    *alarm_ms = 0;
    if (!pending_next(&cursor, &pending)) return false;
    *alarm_ms = pending.delivered_ms + min_idle_ms;
    if (*alarm_ms > call->now_ms) return false;
    const struct txn_group at = group_of(call);
    const struct effect_pending taken = {.id = pending.id, .delivered_ms = call->now_ms};
    txn_group_claim(call->txn, &at, SLICE("me"), &taken, 1);
    reply_int(&call->reply, (int64_t)pending.id.seq);
    return true;
}

static bool take_new(struct call *call, const struct stream *stream, const struct group *group) {
    struct stream_id from = group_last_id(group);
    struct stream_entry entry;
    if (!stream_id_increment(&from)) return false;
    struct stream_cursor cursor = stream_seek(stream, from);
    if (!stream_next(&cursor, &entry)) return false;
    const struct txn_group at = group_of(call);
    const struct txn_delivery delivery = {.consumer = SLICE("me"), .first = entry.id, .count = 1};
    reply_int(&call->reply, (int64_t)entry.id.seq);
    txn_group_deliver(call->txn, &at, &delivery);
    return true;
}

// TAKE key group min-idle-time deadline-in-ms: one entry; -1: only new ones.
static enum call_result group_take(struct call *call) {
    int64_t min_idle_ms = 0;
    int64_t wait_ms = 0;
    int64_t alarm_ms = 0;
    tries++;
    if (!call_arg_i64(call, 3, &min_idle_ms) || !call_arg_i64(call, 4, &wait_ms)) return CALL_DONE;
    const struct entry *entry = call_lookup(call, call->argv[1]);
    const struct group *group = entry == NULL || entry->type != TYPE_STREAM
                                    ? NULL
                                    : stream_group(entry->value.stream, call->argv[2]);
    if (group == NULL) {
        reply_error(&call->reply, "NOGROUP gone");
        return CALL_DONE;
    }
    if (min_idle_ms >= 0 && take_idle(call, group, min_idle_ms, &alarm_ms)) return CALL_DONE;
    if (take_new(call, entry->value.stream, group)) return CALL_DONE;
    const struct call_waiting waiting = {
        .keys = call->argv + 1,
        .key_count = 1,
        .value_type = TYPE_STREAM,
        .deadline_ms = wait_ms == 0 ? 0 : call->now_ms + wait_ms,
        .answer = WAIT_ANSWER_NULL_ARRAY,
        .minds_loss = true,
        .claims = min_idle_ms >= 0,
        .alarm_ms = alarm_ms,
        .cohort_arg = 2,
    };
    return call_wait_for(call, &waiting);
}

// clang-format off
static const struct command group_table[] = {
    {.name = "back", .handler = group_back, .arity = 4, .traits = W_WRITES, .group = GROUP_STREAM, .keys = W_KEY},
    {.name = "del", .handler = world_del, .arity = 2, .traits = W_WRITES, .group = GROUP_GENERIC, .keys = W_KEY},
    {.name = "drop", .handler = group_drop, .arity = 3, .traits = W_WRITES, .group = GROUP_STREAM, .keys = W_KEY},
    {.name = "group", .handler = group_make, .arity = 3, .traits = W_GROWS, .group = GROUP_STREAM, .keys = W_KEY},
    {.name = "set", .handler = world_set, .arity = 3, .traits = W_GROWS, .group = GROUP_STRING, .keys = W_KEY},
    {.name = "take", .handler = group_take, .arity = 5, .traits = W_WRITES | COMMAND_WAITS, .group = GROUP_STREAM, .keys = W_KEY},
    {.name = "xadd", .handler = world_xadd, .arity = 3, .traits = W_GROWS, .group = GROUP_STREAM, .keys = W_KEY},
};
// clang-format on

static int setup(void **state) {
    static const struct engine_host host = {0};
    static const size_t rows = sizeof group_table / sizeof group_table[0];
    struct world *world =
        world_open_with(64 << 20, (struct command_table){group_table, rows}, &host);
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "GROUP s g\r\nGROUP s h", "+OK\r\n+OK\r\n");
    tries = 0;
    *state = world;
    return 0;
}

#define group_test(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

static void one_entry_wakes_one_reader_and_tries_one_more(void **state) {
    struct world *world = *state;
    struct peer *waiting[10];
    for (size_t i = 0; i < 10; i++) {
        waiting[i] = world_connect(world);
        peer_type(waiting[i], "TAKE s g -1 0");
    }
    tries = 0;
    assert_answer(world, &world->peers[0], "XADD s 1", "+OK\r\n");
    assert_seen(waiting[0], ":1\r\n");
    assert_int_equal(tries, 2); // the first is served, the second finds nothing, so do all others
    assert_answer(world, &world->peers[0], "XADD s 2\r\nXADD s 3", "+OK\r\n+OK\r\n");
    assert_seen(waiting[1], ":2\r\n");
    assert_seen(waiting[2], ":3\r\n");
    assert_seen(waiting[3], "");
}

static void each_group_gets_the_entry(void **state) {
    struct world *world = *state;
    struct peer *first = world_connect(world);
    struct peer *second = world_connect(world);
    struct peer *other = world_connect(world);
    peer_type(first, "TAKE s g -1 0");
    peer_type(second, "TAKE s g -1 0");
    peer_type(other, "TAKE s h -1 0");
    assert_answer(world, &world->peers[0], "XADD s 1", "+OK\r\n");
    assert_seen(first, ":1\r\n");
    assert_seen(second, "");
    assert_seen(other, ":1\r\n");
}

static void the_loss_of_the_group_or_the_key_is_told(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *other = world_connect(world);
    peer_type(waiting, "TAKE s g -1 0");
    peer_type(other, "TAKE s h -1 0");
    assert_answer(world, &world->peers[0], "DROP s g", "+OK\r\n");
    assert_seen(waiting, "-NOGROUP gone\r\n");
    assert_seen(other, "");
    assert_answer(world, &world->peers[0], "DEL s", ":1\r\n");
    assert_seen(other, "-NOGROUP gone\r\n");
    assert_answer(world, &world->peers[0], "GROUP s g", "+OK\r\n");
    peer_type(waiting, "TAKE s g -1 0");
    assert_answer(world, &world->peers[0], "SET s 1", "+OK\r\n");
    assert_seen(waiting, "-NOGROUP gone\r\n");
    assert_int_equal(engine_blocked_count(world->engine), 0);
}

static void what_becomes_claimable_is_served_at_that_time(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    assert_answer(world, &world->peers[0], "XADD s 1\r\nTAKE s g -1 0", "+OK\r\n:1\r\n");
    peer_type(waiting, "TAKE s g 50 0");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 50);
    world_set_time(world, WORLD_START_MS + 49);
    world_settle(world);
    assert_seen(waiting, "");
    world_set_time(world, WORLD_START_MS + 50);
    world_settle(world);
    assert_seen(waiting, ":1\r\n");
    assert_int_equal(engine_next_deadline_ms(world->engine), INT64_MAX);
}

static void a_delivery_sets_the_alarm_of_who_had_none(void **state) {
    struct world *world = *state;
    struct peer *reader = world_connect(world);
    struct peer *waiting = world_connect(world);
    peer_type(reader, "TAKE s g -1 0");
    peer_type(waiting, "TAKE s g 50 0");
    assert_int_equal(engine_next_deadline_ms(world->engine), INT64_MAX);
    world_set_time(world, WORLD_START_MS + 10);
    assert_answer(world, &world->peers[0], "XADD s 1", "+OK\r\n");
    assert_seen(reader, ":1\r\n");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 60);
    world_set_time(world, WORLD_START_MS + 60);
    world_settle(world);
    assert_seen(waiting, ":1\r\n");
}

static void a_deadline_before_the_alarm_is_kept(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    assert_answer(world, &world->peers[0], "XADD s 1\r\nTAKE s g -1 0", "+OK\r\n:1\r\n");
    peer_type(waiting, "TAKE s g 50 20");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 20);
    world_set_time(world, WORLD_START_MS + 20);
    world_settle(world);
    assert_seen(waiting, "*-1\r\n");
}

static void an_alarm_at_the_deadline_comes_first(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    assert_answer(world, &world->peers[0], "XADD s 1\r\nTAKE s g -1 0", "+OK\r\n:1\r\n");
    peer_type(waiting, "TAKE s g 50 50");
    world_set_time(world, WORLD_START_MS + 50);
    world_settle(world);
    assert_seen(waiting, ":1\r\n");
}

static void what_is_given_back_wakes_who_claims(void **state) {
    struct world *world = *state;
    struct peer *reader = world_connect(world);
    struct peer *claiming = world_connect(world);
    assert_answer(world, &world->peers[0], "XADD s 1\r\nTAKE s g -1 0", "+OK\r\n:1\r\n");
    peer_type(reader, "TAKE s g -1 0");
    peer_type(claiming, "TAKE s g 100000 0");
    assert_answer(world, &world->peers[0], "BACK s g 1", "+OK\r\n");
    assert_seen(claiming, ":1\r\n");
    assert_seen(reader, "");
}

static void a_client_may_vanish_with_its_alarm_set(void **state) {
    struct world *world = *state;
    struct peer *gone = world_connect(world);
    struct peer *next = world_connect(world);
    assert_answer(world, &world->peers[0], "XADD s 1\r\nTAKE s g -1 0", "+OK\r\n:1\r\n");
    peer_type(gone, "TAKE s g 50 0");
    peer_type(next, "TAKE s g 50 0");
    peer_close(gone);
    world_set_time(world, WORLD_START_MS + 50);
    world_settle(world);
    assert_seen(next, ":1\r\n");
    assert_int_equal(engine_blocked_count(world->engine), 0);
}

static void of_equal_alarms_who_waits_longest_is_served(void **state) {
    struct world *world = *state;
    struct peer *waiting[4];
    assert_answer(world, &world->peers[0], "XADD s 1\r\nTAKE s g -1 0", "+OK\r\n:1\r\n");
    assert_answer(world, &world->peers[0], "XADD s 2\r\nTAKE s g -1 0", "+OK\r\n:2\r\n");
    for (size_t i = 0; i < 4; i++) {
        waiting[i] = world_connect(world);
        peer_type(waiting[i], "TAKE s g 50 0");
    }
    world_set_time(world, WORLD_START_MS + 50);
    world_settle(world);
    assert_seen(waiting[0], ":1\r\n");
    assert_seen(waiting[1], ":2\r\n");
    assert_seen(waiting[2], "");
    assert_seen(waiting[3], "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        group_test(one_entry_wakes_one_reader_and_tries_one_more),
        group_test(each_group_gets_the_entry),
        group_test(the_loss_of_the_group_or_the_key_is_told),
        group_test(what_becomes_claimable_is_served_at_that_time),
        group_test(a_delivery_sets_the_alarm_of_who_had_none),
        group_test(a_deadline_before_the_alarm_is_kept),
        group_test(an_alarm_at_the_deadline_comes_first),
        group_test(what_is_given_back_wakes_who_claims),
        group_test(a_client_may_vanish_with_its_alarm_set),
        group_test(of_equal_alarms_who_waits_longest_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
