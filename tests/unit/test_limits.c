// What the process and its disk have room for.
#include "tests/unit/engine_world.h"

enum { LOW = 8 << 20 };

struct heard {
    unsigned low;
    unsigned enough;
};

static void hear(void *context, enum trace_level level, const char *event, const char *text) {
    struct heard *heard = context;
    if (strcmp(event, "disk.low") == 0) {
        assert_int_equal(level, TRACE_WARNING);
        assert_non_null(strstr(text, "disk-low"));
        heard->low++;
    }
    heard->enough += strcmp(event, "disk.enough") == 0;
}

static void note(struct world *world, uint64_t free_bytes) {
    const struct vfs_space space = {.total_bytes = 100 << 20, .free_bytes = free_bytes};
    engine_note_disk(world->engine, &space);
}

static void a_low_disk_is_told_once_until_there_is_clearly_more(void **state) {
    struct world *world = *state;
    struct heard heard = {0};
    world->trace = (struct trace){.context = &heard, .level = TRACE_NOTICE, .sink = hear};
    world->options.disk_low_bytes = LOW;
    const uint64_t ready =
        log_stats(store_log(world->store)).slots_ready * log_segment_bytes(store_log(world->store));
    assert_true(ready > 0);
    assert_false(engine_disk(world->engine).is_low);
    note(world, LOW - ready); // slots that are ready are room, too
    assert_false(engine_disk(world->engine).is_low);
    assert_int_equal(engine_disk(world->engine).free_bytes, LOW);
    assert_int_equal(engine_disk(world->engine).total_bytes, 100 << 20);
    note(world, LOW - ready - 1);
    assert_true(engine_disk(world->engine).is_low);
    note(world, LOW - ready - 2);
    note(world, LOW - ready); // a little more is not enough
    note(world, LOW - ready + LOW / 8 - 1);
    assert_true(engine_disk(world->engine).is_low);
    assert_int_equal(heard.low, 1);
    assert_int_equal(heard.enough, 0);
    note(world, LOW - ready + LOW / 8);
    assert_false(engine_disk(world->engine).is_low);
    assert_int_equal(heard.enough, 1);
    note(world, 0);
    assert_int_equal(heard.low, 2);
    world->options.disk_low_bytes = 0; // no warning
    note(world, 0);
    assert_false(engine_disk(world->engine).is_low);
    assert_int_equal(heard.low, 2);
}

static void what_max_disk_leaves_may_be_low(void **state) {
    struct world *world = *state;
    struct heard heard = {0};
    world->trace = (struct trace){.context = &heard, .level = TRACE_NOTICE, .sink = hear};
    const struct log_stats log = log_stats(store_log(world->store));
    const uint64_t ready = log.slots_ready * log_segment_bytes(store_log(world->store));
    world->options.disk_low_bytes = 64 << 20;
    world->options.max_disk = 10 * log.disk_bytes;
    note(world, 90 << 20);
    assert_int_equal(engine_disk(world->engine).free_bytes, 9 * log.disk_bytes + ready);
    assert_false(engine_disk(world->engine).is_low); // an eighth of max-disk is the bound
    note(world, (64 << 20) - ready - 1);             // the volume has its own
    assert_true(engine_disk(world->engine).is_low);
    note(world, 90 << 20);
    assert_false(engine_disk(world->engine).is_low);
    // The bound of max-disk holds with the volume empty, too.
    world->options.max_disk = 8 * (9 * log.disk_bytes + ready);
    world->options.disk_low_bytes = world->options.max_disk;
    note(world, INT64_MAX);
    assert_true(engine_disk(world->engine).free_bytes > world->options.max_disk / 2);
    assert_false(engine_disk(world->engine).is_low);
    assert_int_equal(heard.low, 1);
}

static void settle_log(struct log *log) {
    struct log_flush *flush = NULL;
    while ((flush = log_flush_begin(log)) != NULL)
        log_flush_end(log, flush, log_flush_run(flush));
    struct log_slots *job = NULL;
    while ((job = log_slots_begin(log, 0)) != NULL)
        log_slots_end(log, job, log_slots_run(job));
}

// Until there are so many segment files.
static void fill(struct store *store, uint64_t slots) {
    static char bytes[LOG_SEGMENT_BYTES_MIN / 2];
    struct log *log = store_log(store);
    while (log_stats(log).slots < slots) {
        struct txn *txn = txn_begin(store, 0);
        txn_string_set(txn, 0, SLICE("s"), slice_of(bytes, sizeof bytes), false);
        txn_commit(txn);
        settle_log(log);
    }
}

static void max_disk_is_nearly_used_up(void **state) {
    struct world *world = *state;
    struct heard heard = {0};
    world->trace = (struct trace){.context = &heard, .level = TRACE_NOTICE, .sink = hear};
    world->options.disk_low_bytes = 64 << 20;
    const struct log_stats before = log_stats(store_log(world->store));
    fill(world->store, 16 * before.slots);
    const struct log_stats log = log_stats(store_log(world->store));
    assert_true(log.slots_ready <= before.slots);
    world->options.max_disk = log.disk_bytes;
    note(world, 90 << 20);
    assert_true(engine_disk(world->engine).is_low);
    world->options.max_disk = 2 * log.disk_bytes;
    note(world, 90 << 20);
    assert_false(engine_disk(world->engine).is_low);
    assert_int_equal(heard.low, 1);
    assert_int_equal(heard.enough, 1);
}

static void the_tail_of_the_log_does_not_count_against_maxmemory(void **state) {
    struct world *world = *state;
    const struct log *log = store_log(world->store);
    const uint64_t uncounted = engine_memory_uncounted(world->engine);
    assert_true(uncounted >= log_segment_bytes(log));
    assert_int_equal(uncounted % log_segment_bytes(log), 0);
    if (mem_used() <= uncounted) skip(); // a sanitizer's allocator does not count
    struct peer *peer = world_connect(world);
    // More than all that counts, less than all there is.
    world->options.maxmemory = mem_used() - uncounted / 2;
    engine_tick(world->engine);
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    world->options.maxmemory = (mem_used() - uncounted) / 2;
    engine_tick(world->engine);
    assert_answer(world, peer, "RPUSH a 2",
                  "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_answer(world, peer, "BLPOP a 0", "$1\r\n1\r\n");
}

// What a client has given up may still lie in memory: that is no reason to refuse what it adds.
static void what_was_deleted_does_not_count_against_maxmemory(void **state) {
    enum { ELEMENTS = 60000, AT_ONCE = 100, BYTES = 60 };
    static const char bytes[BYTES];
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    if (mem_used() <= engine_memory_uncounted(world->engine)) skip(); // as above
    struct slice values[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++)
        values[i] = slice_of(bytes, BYTES);
    for (size_t i = 0; i < ELEMENTS; i += AT_ONCE) {
        struct txn *txn = txn_begin(world->store, 0);
        txn_list_push(txn, 0, SLICE("h"), LIST_TAIL, values, AT_ONCE);
        txn_commit(txn);
        settle_log(store_log(world->store));
    }
    const struct entry *entry = keyspace_find(store_keyspace(world->store), 0, SLICE("h"), 0);
    const size_t memory = entry_memory(entry);
    assert_true(memory > (size_t)ELEMENTS * BYTES && mem_used() > memory);
    // With the list it is too much, without it there is room.
    world->options.maxmemory = mem_used() - engine_memory_uncounted(world->engine) - memory / 2;
    engine_tick(world->engine);
    assert_answer(world, peer, "LLEN h", ":60000\r\n");
    assert_answer(world, peer, "RPUSH a 1",
                  "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    // In one go: the second is executed before a turn has swept anything.
    peer_send(peer, SLICE("DEL h\r\nRPUSH a 1\r\n"));
    assert_true(store_has_trash(world->store));
    assert_true(engine_has_work(world->engine));
    world_settle(world);
    assert_false(store_has_trash(world->store));
    assert_seen(peer, ":1\r\n:1\r\n");
    assert_answer(world, peer, "RPUSH a 2", ":2\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_max_disk_leaves_may_be_low, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(max_disk_is_nearly_used_up, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_low_disk_is_told_once_until_there_is_clearly_more,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_tail_of_the_log_does_not_count_against_maxmemory,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_was_deleted_does_not_count_against_maxmemory,
                                        world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
