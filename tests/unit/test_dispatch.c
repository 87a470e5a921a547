// What is answered before, instead of and after a handler, and in which order it is checked. The
// texts were compared with redis-server 7.0.15.
#include "tests/unit/engine_world.h"

static void an_unknown_command_is_quoted_with_its_arguments(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "foo", "-ERR unknown command 'foo', with args beginning with: \r\n");
    assert_answer(world, peer, "FoO a b",
                  "-ERR unknown command 'FoO', with args beginning with: 'a' 'b' \r\n");
    assert_answer(world, peer, "\"\" a",
                  "-ERR unknown command '', with args beginning with: 'a' \r\n");
    assert_answer(world, peer, "\"f\\r\\nx\" \"a\\r\\nb\" \"c\\x00d\"",
                  "-ERR unknown command 'f  x', with args beginning with: 'a  b' 'c' \r\n");
}

static void append_many(struct buf *buf, char byte, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(buf, byte);
    }
}

// Sends an unknown command with one argument of `len` bytes and "yy" "z" behind.
static void check_cut(struct world *world, size_t len, size_t shown, const char *rest) {
    struct peer *peer = world_connect(world);
    struct buf line = {0};
    buf_append_str(&line, "foo ");
    append_many(&line, 'x', len);
    buf_append_str(&line, " yy z\r\n");
    peer_send(peer, buf_slice(&line));
    world_settle(world);
    buf_reset(&line);
    buf_append_str(&line, "-ERR unknown command 'foo', with args beginning with: '");
    append_many(&line, 'x', shown);
    buf_append_str(&line, rest);
    assert_slice(buf_slice(&peer->seen), buf_slice(&line));
    buf_deinit(&line);
}

static void what_is_quoted_is_cut_at_128_bytes(void **state) {
    struct world *world = *state;
    check_cut(world, 300, 128, "' \r\n");
    check_cut(world, 128, 128, "' \r\n");
    check_cut(world, 125, 125, "' \r\n");
    check_cut(world, 124, 124, "' 'y' \r\n");
    check_cut(world, 123, 123, "' 'yy' \r\n");
    check_cut(world, 119, 119, "' 'yy' 'z' \r\n");
}

static void names_are_found_in_any_case(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "PiNg", "+PONG\r\n");
    assert_answer(world, peer, "CLIENT RePly ON", "+OK\r\n");
    assert_null(engine_find_command(world->engine, SLICE("pin")));
    assert_null(engine_find_command(world->engine, SLICE("pingg")));
    assert_null(engine_find_command(
        world->engine, SLICE("a name that is much longer than any command could ever be")));
    const struct command_table table = engine_commands(world->engine);
    for (size_t i = 0; i < table.len; i++) {
        assert_ptr_equal(engine_find_command(world->engine, slice_str(table.rows[i].name)),
                         &table.rows[i]);
    }
}

static void an_unknown_subcommand_points_to_help(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "client Xyz", "-ERR unknown subcommand 'Xyz'. Try CLIENT HELP.\r\n");
}

static void a_wrong_number_of_arguments_names_the_command(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    assert_answer(world, peer, "get a b", "-ERR wrong number of arguments for 'get' command\r\n");
    assert_answer(world, peer, "CLIENT", "-ERR wrong number of arguments for 'client' command\r\n");
    assert_answer(world, peer, "CLIENT KILL",
                  "-ERR wrong number of arguments for 'client|kill' command\r\n");
}

static void unknown_and_arity_come_before_authentication(void **state) {
    struct world *world = *state;
    mem_free(world->options.requirepass);
    world->options.requirepass = mem_dup("secret", 7);
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "FOO", "-ERR unknown command 'FOO', with args beginning with: \r\n");
    assert_answer(world, peer, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    assert_answer(world, peer, "CLIENT XX", "-ERR unknown subcommand 'XX'. Try CLIENT HELP.\r\n");
    assert_answer(world, peer, "GET a", "-NOAUTH Authentication required.\r\n");
    assert_answer(world, peer, "PING", "-NOAUTH Authentication required.\r\n");
    assert_answer(world, peer, "AUTH secret", "+OK\r\n");
    assert_answer(world, peer, "GET a", "$-1\r\n");
}

static void an_unauthenticated_client_may_announce_little(void **state) {
    struct world *world = *state;
    mem_free(world->options.requirepass);
    world->options.requirepass = mem_dup("secret", 7);
    struct peer *peer = world_connect(world);
    peer_type(peer, "*11");
    world_settle(world);
    assert_seen(peer, "-ERR Protocol error: unauthenticated multibulk length\r\n");
    assert_null(peer->client);
}

static void growth_is_refused_when_memory_is_full_and_removal_is_not(void **state) {
    if (mem_used() == 0) skip(); // a sanitizer's allocator does not count
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    world->options.maxmemory = 1;
    assert_answer(world, peer, "RPUSH a 2",
                  "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_answer(world, peer, "SET a", "-ERR wrong number of arguments for 'set' command\r\n");
    assert_answer(world, peer, "LLEN a", ":1\r\n");
    assert_answer(world, peer, "BLPOP a 0", "$1\r\n1\r\n");
    assert_int_equal(engine_stats(world->engine)->refused_memory, 1);
    world->options.maxmemory = 0;
    assert_answer(world, peer, "RPUSH a 2", ":1\r\n");
}

static void a_key_that_is_too_long_is_refused(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    const size_t len = KEYSPACE_KEY_MAX + 1;
    struct buf request = {0};
    buf_printf(&request, "*2\r\n$3\r\nGET\r\n$%zu\r\n", len);
    append_many(&request, 'k', len);
    buf_append_str(&request, "\r\n");
    peer_send(peer, buf_slice(&request));
    world_settle(world);
    assert_seen(peer, "-ERR key is longer than 1048576 bytes, the most ackd takes\r\n");
    // One byte less is fine, and so is a long value.
    buf_reset(&request);
    buf_printf(&request, "*2\r\n$3\r\nGET\r\n$%zu\r\n", len - 1);
    append_many(&request, 'k', len - 1);
    buf_append_str(&request, "\r\n");
    peer_send(peer, buf_slice(&request));
    world_settle(world);
    assert_seen(peer, "$-1\r\n");
    buf_deinit(&request);
}

static void wrongtype_comes_from_the_lookup(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "SET s 1", "+OK\r\n");
    assert_answer(world, peer, "RPUSH s 1",
                  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

static void timeouts_are_read_as_redis_reads_them(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "BLPOP a x", "-ERR timeout is not a float or out of range\r\n");
    assert_answer(world, peer, "BLPOP a -1", "-ERR timeout is negative\r\n");
    assert_answer(world, peer, "BLPOP a inf", "-ERR timeout is out of range\r\n");
    assert_answer(world, peer, "BLPOP a 1e300", "-ERR timeout is out of range\r\n");
    assert_answer(world, peer, "BLPOP a 9223372036854775807", "-ERR timeout is out of range\r\n");
    assert_answer(world, peer, "BLPOP a nan", "-ERR timeout is not a float or out of range\r\n");
    peer_type(peer, "BLPOP a 0.0001");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 1);
}

// ---- CLIENT REPLY

static void client_reply_off_and_skip_drop_replies(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "CLIENT REPLY SKIP\r\nPING\r\nPING", "+PONG\r\n");
    assert_answer(world, peer, "CLIENT REPLY SKIP\r\nFOO\r\nPING", "+PONG\r\n");
    assert_answer(world, peer, "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING",
                  "+PONG\r\n");
    assert_answer(world, peer, "CLIENT REPLY OFF\r\nPING\r\nFOO\r\nRPUSH a 1", "");
    assert_answer(world, peer, "CLIENT REPLY ON\r\nLLEN a", "+OK\r\n:1\r\n");
}

static void a_skipped_reply_of_a_blocked_command_stays_skipped(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "CLIENT REPLY SKIP\r\nBLPOP a 0\r\nPING");
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    assert_seen(waiting, "+PONG\r\n");
}

// ---- room in the log

// Fills the disk until the log refuses; returns how many pushes it took.
static int fill_disk(struct world *world, struct peer *peer) {
    struct buf line = {0};
    buf_append_str(&line, "RPUSH fill ");
    append_many(&line, 'x', 4000);
    buf_append_str(&line, "\r\n");
    int pushes = 0;
    while (pushes < 20000) {
        peer_send(peer, buf_slice(&line));
        world_settle(world);
        world_make_slots(world);
        world_settle(world);
        if (peer->seen.data[0] == '-') break;
        buf_reset(&peer->seen);
        pushes++;
    }
    buf_deinit(&line);
    return pushes;
}

static void a_full_disk_refuses_growth_and_takes_removals(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH q a b c", ":3\r\n");
    memory_disk_resize(world->disk, 2 << 20);
    const int pushes = fill_disk(world, peer);
    assert_true(pushes > 100 && pushes < 600);
    assert_true(
        slice_matches_glob(buf_slice(&peer->seen), SLICE("-NOSPACE disk is full: *"), false));
    buf_reset(&peer->seen);
    assert_answer(world, peer, "BLPOP q 0", "$1\r\na\r\n");
    assert_answer(world, peer, "DEL fill", ":1\r\n");
    assert_int_equal(engine_stats(world->engine)->refused_no_space, 1);
    // Space heals without a restart.
    memory_disk_resize(world->disk, 64 << 20);
    world_set_time(world, world->now_ms + 2000);
    world_make_slots(world);
    assert_answer(world, peer, "RPUSH q d", ":3\r\n");
}

static void at_max_disk_growth_is_refused_by_that_name(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH q a b c", ":3\r\n");
    log_set_disk_max(store_log(world->store), 2 << 20);
    const int pushes = fill_disk(world, peer);
    assert_true(pushes > 100 && pushes < 600);
    assert_true(slice_matches_glob(buf_slice(&peer->seen), SLICE("-NOSPACE max-disk is reached: *"),
                                   false));
    buf_reset(&peer->seen);
    assert_answer(world, peer, "BLPOP q 0", "$1\r\na\r\n");
    assert_answer(world, peer, "DEL fill", ":1\r\n");
    log_set_disk_max(store_log(world->store), 0);
    world_make_slots(world);
    assert_answer(world, peer, "RPUSH q d", ":3\r\n");
}

static void a_command_that_needs_slots_waits_for_them_and_runs_once(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct peer *other = world_connect(world);
    peer_type(peer, "RPUSH a 1\r\nHUGE a 1000000\r\nRPUSH a 2\r\nLLEN a");
    assert_int_equal(peer->fed, FEED_PAUSED);
    world_flush(world);
    world_turn(world);
    assert_seen(peer, ":1\r\n");
    assert_true(peer->client->has_request);
    assert_int_equal(peer->client->state, CLIENT_STARVED);
    assert_answer(world, other, "LLEN a", ":1\r\n"); // others go on
    world_make_slots(world);
    world_settle(world);
    assert_seen(peer, "+OK\r\n:2\r\n:2\r\n");
    assert_int_equal(peer->client->state, CLIENT_IDLE);
    assert_false(peer->client->is_paused_input);
}

static void a_client_may_go_while_its_request_waits_for_room(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer, "HUGE a 1000000");
    assert_int_equal(peer->client->state, CLIENT_STARVED);
    peer_close(peer);
    world_make_slots(world);
    world_settle(world);
}

static void call_prepare_answers_when_the_disk_is_full(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    memory_disk_resize(world->disk, 1 << 20);
    peer_type(peer, "HUGE a 2000000");
    for (int i = 0; i < 3; i++) {
        world_settle(world);
        world_set_time(world, world->now_ms + 2000);
        world_make_slots(world);
    }
    world_settle(world);
    assert_true(
        slice_matches_glob(buf_slice(&peer->seen), SLICE("-NOSPACE disk is full: *"), false));
}

static void a_broken_log_closes_who_wants_to_write(void **state) {
    struct world *world = *state;
    struct peer *writer = world_connect(world);
    struct peer *late = world_connect(world);
    peer_type(writer, "RPUSH a 1");
    memory_disk_fail(world->disk, &(struct memory_fault){.ops = MEMORY_SYNC | MEMORY_WRITE,
                                                         .times = 1000,
                                                         .failure = MEMORY_FAIL_IO});
    world_settle(world);
    assert_seen(writer, "");
    peer_type(late, "RPUSH a 2");
    assert_int_equal(late->fed, FEED_CLOSE);
    world_settle(world);
    assert_null(late->client);
    assert_seen(late, "");
    assert_seen(writer, "");
}

// ---- counting

static void commands_and_errors_are_counted_where_redis_counts_them(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer,
              "GET a\r\nGET\r\nSET a b\r\nRPUSH a 1\r\nFOO\r\nCLIENT KILL\r\nCLIENT REPLY ON");
    world_settle(world);
    struct engine *engine = world->engine;
    const struct command *get = engine_find_command(engine, SLICE("get"));
    assert_int_equal(engine_command_stats(engine, get)->calls, 1);
    assert_int_equal(engine_command_stats(engine, get)->rejected, 1);
    assert_int_equal(engine_command_stats(engine, get)->failed, 0);
    assert_int_equal(engine_command_stats(engine, get)->usec, 10);
    assert_int_equal(engine_command_stats(engine, get)->latency->total, 1);
    const struct command *rpush = engine_find_command(engine, SLICE("rpush"));
    assert_int_equal(engine_command_stats(engine, rpush)->failed, 1);
    const struct command *client = engine_find_command(engine, SLICE("client"));
    const struct command *kill = command_find_sub(client, SLICE("KILL"));
    assert_int_equal(engine_command_stats(engine, kill)->rejected, 1);
    assert_int_equal(engine_command_stats(engine, client)->calls, 0);
    const struct stats *stats = engine_stats(engine);
    assert_int_equal(stats->commands_processed, 4);
    assert_int_equal(stats->error_replies, 4);
    assert_int_equal(stats->error_count, 2);
    assert_string_equal(stats->errors[0].name, "ERR");
    assert_int_equal(stats->errors[0].count, 3);
    assert_string_equal(stats->errors[1].name, "WRONGTYPE");
    assert_int_equal(stats->keyspace_misses, 1);
    engine_reset_stats(engine);
    assert_int_equal(engine_command_stats(engine, get)->calls, 0);
    assert_int_equal(stats->error_count, 0);
}

static void slow_commands_go_into_the_slow_log(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    world->options.slowlog_log_slower_than_us = 11;
    peer_type(peer, "PING");
    assert_int_equal(engine_slowlog(world->engine)->len, 0);
    world->options.slowlog_log_slower_than_us = 10;
    peer_type(peer, "SET a b");
    assert_int_equal(engine_slowlog(world->engine)->len, 1);
    world->options.slowlog_log_slower_than_us = -1;
    peer_type(peer, "SET a b");
    assert_int_equal(engine_slowlog(world->engine)->len, 1);
    const struct slowlog_entry *entry =
        link_entry(engine_slowlog(world->engine)->entries.next, struct slowlog_entry, link);
    assert_int_equal(entry->took_us, 10);
    assert_text(entry->argv[0], "SET");
    assert_int_equal(entry->time_s, WORLD_START_MS / 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        engine_test(an_unknown_command_is_quoted_with_its_arguments),
        engine_test(what_is_quoted_is_cut_at_128_bytes),
        engine_test(names_are_found_in_any_case),
        engine_test(an_unknown_subcommand_points_to_help),
        engine_test(a_wrong_number_of_arguments_names_the_command),
        engine_test(unknown_and_arity_come_before_authentication),
        engine_test(an_unauthenticated_client_may_announce_little),
        engine_test(growth_is_refused_when_memory_is_full_and_removal_is_not),
        engine_test(a_key_that_is_too_long_is_refused),
        engine_test(wrongtype_comes_from_the_lookup),
        engine_test(timeouts_are_read_as_redis_reads_them),
        engine_test(client_reply_off_and_skip_drop_replies),
        engine_test(a_skipped_reply_of_a_blocked_command_stays_skipped),
        engine_test(a_full_disk_refuses_growth_and_takes_removals),
        engine_test(at_max_disk_growth_is_refused_by_that_name),
        engine_test(a_command_that_needs_slots_waits_for_them_and_runs_once),
        engine_test(a_client_may_go_while_its_request_waits_for_room),
        engine_test(call_prepare_answers_when_the_disk_is_full),
        engine_test(a_broken_log_closes_who_wants_to_write),
        engine_test(commands_and_errors_are_counted_where_redis_counts_them),
        engine_test(slow_commands_go_into_the_slow_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
