// Turns, fences, fairness, pressure, pauses, ends: the engine as its owner sees it.
#include "tests/unit/engine_world.h"

// ---- fences

static void no_byte_that_reveals_an_effect_leaves_before_it_is_durable(void **state) {
    struct world *world = *state;
    struct peer *writer = world_connect(world);
    peer_type(writer, "SET a 1");
    static const char *const lines[] = {
        "SET b 1",   "RPUSH l 1", "GET a",      "LLEN l", "INFO",          "BLPOP l 0", "DEL b",
        "RPUSH a 1", "GET nil",   "RENAME a c", "LLEN c", "BLPOP a 0.001", "BLPOP l x"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct peer *peer = world_connect(world);
        peer_type(peer, lines[i]);
    }
    world_set_time(world, world->now_ms + 1);
    world_turn(world);
    for (size_t i = 0; i < world->peer_count; i++) {
        assert_seen(&world->peers[i], "");
    }
    world_flush(world);
    world_turn(world);
    for (size_t i = 0; i < world->peer_count; i++) {
        assert_true(world->peers[i].seen.len > 0);
    }
}

static void what_tells_nothing_of_data_is_answered_at_once(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct peer *writer = world_connect(world);
    peer_type(writer, "SET a 1");
    peer_type(peer, "PING\r\nSELECT 0\r\nROLE\r\nFOO\r\nGET");
    world_turn(world);
    assert_seen(peer, "+PONG\r\n+OK\r\n+PONG\r\n"
                      "-ERR unknown command 'FOO', with args beginning with: \r\n"
                      "-ERR wrong number of arguments for 'get' command\r\n");
    assert_seen(writer, "");
}

static void replies_of_one_client_keep_their_order(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer, "PING\r\nSET a 1\r\nPING\r\nGET a");
    world_turn(world);
    assert_seen(peer, "+PONG\r\n");
    world_flush(world);
    world_turn(world);
    assert_seen(peer, "+OK\r\n+PONG\r\n$1\r\n1\r\n");
}

static void a_read_of_durable_data_is_answered_at_once(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "SET a 1", "+OK\r\n");
    peer_type(peer, "GET a");
    world_turn(world);
    assert_seen(peer, "$1\r\n1\r\n");
}

static void each_flush_opens_what_it_covers(void **state) {
    struct world *world = *state;
    struct log *log = store_log(world->store);
    struct peer *peer = world_connect(world);
    struct peer *other = world_connect(world);
    peer_type(peer, "RPUSH a 1");
    peer_type(other, "PING\r\nRPUSH a 2");
    struct log_flush *flush = log_flush_begin(log);
    peer_type(peer, "RPUSH a 3"); // lands in the next batch
    log_flush_end(log, flush, log_flush_run(flush));
    world_durable(world);
    world_turn(world);
    assert_seen(peer, ":1\r\n");
    assert_seen(other, "+PONG\r\n:2\r\n");
    world_flush(world);
    world_turn(world);
    assert_seen(peer, ":3\r\n");
}

static void nothing_fenced_leaves_after_a_failed_sync(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer, "PING\r\nSET a 1");
    memory_disk_fail(world->disk, &(struct memory_fault){.ops = MEMORY_SYNC | MEMORY_WRITE,
                                                         .times = 100,
                                                         .failure = MEMORY_FAIL_IO});
    world_settle(world);
    peer_type(peer, "PING");
    world_settle(world);
    assert_seen(peer, "+PONG\r\n");
}

// ---- bytes in

static void a_pipeline_may_be_split_at_each_byte(void **state) {
    struct world *world = *state;
    static const char bytes[] = "*3\r\n$5\r\nRPUSH\r\n$1\r\na\r\n$3\r\nx\ny\r\n"
                                "PING\r\n*0\r\n"
                                "*2\r\n$6\r\nLRANGE\r\n$1\r\na\r\n"
                                "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n";
    const struct slice all = SLICE(bytes);
    struct peer *peer = world_connect(world);
    for (size_t cut = 0; cut <= all.len; cut++) {
        peer_send(peer, slice_sub(all, 0, cut));
        world_turn(world);
        peer_send(peer, slice_sub(all, cut, all.len));
        world_settle(world);
        assert_seen(peer, ":1\r\n+PONG\r\n*1\r\n$3\r\nx\ny\r\n:1\r\n");
        world_make_slots(world);
    }
    for (size_t i = 0; i < all.len; i++) {
        peer_send(peer, slice_sub(all, i, i + 1));
    }
    world_settle(world);
    assert_seen(peer, ":1\r\n+PONG\r\n*1\r\n$3\r\nx\ny\r\n:1\r\n");
}

static void a_protocol_error_is_told_and_closes(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer, "SET a 1\r\n*1\r\n$x\r\nPING");
    assert_int_equal(peer->fed, FEED_CLOSE);
    world_turn(world);
    assert_non_null(peer->client); // the write before it is still to be answered
    assert_seen(peer, "");
    world_settle(world);
    assert_seen(peer, "+OK\r\n-ERR Protocol error: invalid bulk length\r\n");
    assert_null(peer->client);
}

static void a_protocol_error_closes_also_who_wants_no_replies(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer, "CLIENT REPLY OFF\r\n*1\r\n$x");
    world_settle(world);
    assert_null(peer->client);
}

static void a_request_larger_than_the_query_limit_closes(void **state) {
    struct world *world = *state;
    world->options.client_query_buffer_limit = 100000;
    struct peer *peer = world_connect(world);
    peer_type(peer, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$200000");
    assert_int_equal(peer->fed, FEED_CLOSE);
    world_settle(world);
    assert_null(peer->client);
    assert_int_equal(engine_stats(world->engine)->query_limit_disconnections, 1);
}

static void a_blocked_client_may_not_pile_up_requests_for_ever(void **state) {
    struct world *world = *state;
    world->options.client_query_buffer_limit = 100000;
    struct peer *peer = world_connect(world);
    peer_type(peer, "BLPOP a 0");
    for (int i = 0; i < 100000 && peer->client != NULL && peer->fed == FEED_OK; i++) {
        peer_type(peer, "PING");
    }
    assert_int_equal(peer->fed, FEED_CLOSE);
    world_settle(world);
    assert_null(peer->client);
    assert_int_equal(engine_blocked_count(world->engine), 0);
}

// ---- fairness and pressure

static void type_many(struct peer *peer, const char *line, int times) {
    struct buf lines = {0};
    for (int i = 0; i < times; i++) {
        buf_append_str(&lines, line);
        buf_append_str(&lines, "\r\n");
    }
    peer_send(peer, buf_slice(&lines));
    buf_deinit(&lines);
}

static void one_client_executes_a_bounded_number_of_commands_a_turn(void **state) {
    struct world *world = *state;
    struct peer *greedy = world_connect(world);
    struct peer *modest = world_connect(world);
    type_many(greedy, "PING", 1000);
    assert_int_equal(greedy->fed, FEED_PAUSED);
    assert_int_equal(greedy->client->commands, ENGINE_COMMANDS_PER_TURN);
    peer_type(modest, "PING");
    world_carry(world);
    assert_seen(modest, "+PONG\r\n");
    assert_true(engine_has_work(world->engine));
    engine_run(world->engine);
    assert_int_equal(greedy->client->commands, 2 * ENGINE_COMMANDS_PER_TURN);
    assert_null(engine_next_resumed(world->engine));
    while (engine_has_work(world->engine)) {
        engine_run(world->engine);
    }
    assert_int_equal(greedy->client->commands, 1000);
    assert_ptr_equal(engine_next_resumed(world->engine), greedy->client);
    assert_null(engine_next_resumed(world->engine));
    world_settle(world);
    assert_int_equal(greedy->seen.len, 7 * 1000);
}

static void a_client_that_does_not_read_executes_nothing_further(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    // Short elements: they are copied into the reply.
    enum { PUSHES = 200, REPLY_BYTES = 6 + PUSHES * (5 + 60 + 2) };
    type_many(peer, "RPUSH l 012345678901234567890123456789012345678901234567890123456789", PUSHES);
    world_settle(world);
    buf_reset(&peer->seen);
    type_many(peer, "LRANGE l", 500);
    while (engine_has_work(world->engine)) {
        engine_run(world->engine);
    }
    assert_int_equal(peer->client->state, CLIENT_STUFFED);
    assert_true(outbox_pending(&peer->client->outbox) < OUTBOX_PAUSE_BYTES + REPLY_BYTES + 1);
    assert_null(engine_next_resumed(world->engine));
    engine_sent(peer->client, 10000); // a little is not enough
    assert_int_equal(peer->client->state, CLIENT_STUFFED);
    world_settle(world);
    assert_int_equal(peer->seen.len + 10000, 500 * REPLY_BYTES);
    assert_int_equal(peer->client->state, CLIENT_IDLE);
}

static void a_client_without_a_password_is_bounded_too(void **state) {
    struct world *world = *state;
    mem_free(world->options.requirepass);
    world->options.requirepass = mem_dup("secret", 7);
    struct peer *peer = world_connect(world);
    for (int i = 0; i < 100 && peer->client->state != CLIENT_STUFFED; i++) {
        type_many(peer, "PING", 2000);
        while (engine_has_work(world->engine)) {
            engine_run(world->engine);
        }
        while (engine_next_resumed(world->engine) != NULL) {
        }
    }
    assert_int_equal(peer->client->state, CLIENT_STUFFED);
    assert_true(outbox_memory(&peer->client->outbox) < 4 << 20);
}

static void the_output_limit_closes(void **state) {
    struct world *world = *state;
    world->options.output_limits[OUTPUT_NORMAL] = (struct output_limit){.hard_bytes = 1000};
    struct peer *peer = world_connect(world);
    type_many(peer, "PING", 120);
    assert_int_equal(peer->fed, FEED_OK);
    type_many(peer, "PING", 120);
    assert_int_equal(peer->fed, FEED_CLOSE);
    world_carry(world);
    assert_null(peer->client);
    assert_int_equal(engine_stats(world->engine)->output_limit_disconnections, 1);
}

static void the_soft_output_limit_closes_after_its_time(void **state) {
    struct world *world = *state;
    world->options.output_limits[OUTPUT_NORMAL] =
        (struct output_limit){.soft_bytes = 100, .soft_seconds = 2};
    struct peer *peer = world_connect(world);
    struct peer *reading = world_connect(world);
    type_many(peer, "PING", 50);
    type_many(reading, "PING", 50);
    assert_ptr_equal(engine_next_sendable(world->engine), peer->client); // and the socket is full
    world_carry(world);
    for (int ms = 1000; ms <= 3000; ms += 1000) {
        assert_false(peer->client->closes_now);
        world_set_time(world, WORLD_START_MS + ms);
        engine_tick(world->engine);
    }
    assert_true(peer->client->closes_now);
    assert_false(reading->client->closes_now);
    world_carry(world);
    assert_null(peer->client);
}

static void a_soft_output_limit_may_be_as_long_as_a_number_can_say(void **state) {
    struct world *world = *state;
    world->options.output_limits[OUTPUT_NORMAL] =
        (struct output_limit){.soft_bytes = 100, .soft_seconds = INT64_MAX};
    struct peer *peer = world_connect(world);
    type_many(peer, "PING", 50);
    assert_ptr_equal(engine_next_sendable(world->engine), peer->client); // and the socket is full
    for (int ms = 1000; ms <= 3000; ms += 1000) {
        world_set_time(world, WORLD_START_MS + ms);
        engine_tick(world->engine);
    }
    assert_false(peer->client->closes_now);
}

// ---- CLIENT PAUSE

static void a_write_pause_holds_writes_and_lets_reads_pass(void **state) {
    struct world *world = *state;
    struct peer *admin = world_connect(world);
    struct peer *first = world_connect(world);
    struct peer *second = world_connect(world);
    assert_answer(world, admin, "CLIENT PAUSE 500 WRITE", "+OK\r\n");
    peer_type(first, "RPUSH a 1\r\nLLEN a");
    peer_type(second, "RPUSH a 2\r\nLLEN a");
    assert_int_equal(first->fed, FEED_PAUSED);
    assert_answer(world, admin, "LLEN a", ":0\r\n");
    assert_answer(world, admin, "FOO",
                  "-ERR unknown command 'FOO', with args beginning with: \r\n");
    assert_seen(first, "");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 500);
    world_set_time(world, WORLD_START_MS + 499);
    assert_false(engine_has_work(world->engine));
    world_set_time(world, WORLD_START_MS + 500);
    world_settle(world);
    assert_seen(first, ":1\r\n:1\r\n");
    assert_seen(second, ":2\r\n:2\r\n");
    assert_int_equal(engine_next_deadline_ms(world->engine), INT64_MAX);
}

static void a_full_pause_holds_everything_until_it_ends(void **state) {
    struct world *world = *state;
    struct peer *admin = world_connect(world);
    struct peer *peer = world_connect(world);
    assert_answer(world, admin, "CLIENT PAUSE 500 ALL", "+OK\r\n");
    peer_type(peer, "PING");
    world_settle(world);
    assert_seen(peer, "");
    engine_unpause(world->engine);
    world_settle(world);
    assert_seen(peer, "+PONG\r\n");
}

static void overlapping_pauses_keep_the_longer_end_and_the_stricter_kind(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    engine_pause(world->engine, WORLD_START_MS + 600, true);
    engine_pause(world->engine, WORLD_START_MS + 200, false);
    peer_type(peer, "PING");
    world_set_time(world, WORLD_START_MS + 599);
    world_settle(world);
    assert_seen(peer, "");
    world_set_time(world, WORLD_START_MS + 600);
    world_settle(world);
    assert_seen(peer, "+PONG\r\n");
    engine_pause(world->engine, WORLD_START_MS + 700, true);
    assert_answer(world, peer, "PING", "+PONG\r\n"); // the next pause begins anew
}

static void a_postponed_client_may_vanish_or_be_killed(void **state) {
    struct world *world = *state;
    struct peer *admin = world_connect(world);
    struct peer *gone = world_connect(world);
    struct peer *killed = world_connect(world);
    engine_pause(world->engine, WORLD_START_MS + 500, true);
    peer_type(gone, "SET a 1");
    peer_type(killed, "SET a 2");
    peer_close(gone);
    engine_kill(world->engine, killed->client, admin->client);
    world_carry(world);
    assert_null(killed->client);
    assert_false(engine_unblock(world->engine, admin->client, false));
    world_set_time(world, WORLD_START_MS + 500);
    assert_answer(world, admin, "GET a", "$-1\r\n");
}

// ---- expiry

static void keys_expire_by_themselves(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    for (int i = 0; i < 3 * ENGINE_EXPIRES_PER_TICK; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET k%d v\r\nPEXPIREAT k%d %d", i, i, WORLD_START_MS + 100);
        peer_type(peer, line);
    }
    peer_type(peer, "SET kept v\r\nSET later v\r\nPEXPIREAT later 9999999");
    world_settle(world);
    const struct keyspace *keyspace = store_keyspace(world->store);
    engine_tick(world->engine);
    assert_int_equal(keyspace_count(keyspace, 0), 3 * ENGINE_EXPIRES_PER_TICK + 2);
    world_set_time(world, WORLD_START_MS + 100);
    engine_pause(world->engine, WORLD_START_MS + 200, true);
    engine_tick(world->engine);
    assert_int_equal(keyspace_count(keyspace, 0), 3 * ENGINE_EXPIRES_PER_TICK + 2);
    world_set_time(world, WORLD_START_MS + 200);
    engine_tick(world->engine);
    assert_int_equal(keyspace_count(keyspace, 0), 2 * ENGINE_EXPIRES_PER_TICK + 2);
    assert_true(engine_has_work(world->engine)); // the rest follows turn by turn
    world_turn(world);
    assert_int_equal(keyspace_count(keyspace, 0), 2);
    assert_int_equal(engine_stats(world->engine)->expired_keys, 3 * ENGINE_EXPIRES_PER_TICK);
}

// ---- coming and going

static void too_many_clients_are_refused(void **state) {
    struct world *world = *state;
    world->options.maxclients = 2;
    world_connect(world);
    struct peer *second = world_connect(world);
    const struct client_origin origin = {.fd = -1, .is_loopback = true};
    struct slice refusal;
    assert_null(engine_connect(world->engine, &origin, NULL, &refusal));
    assert_text(refusal, "-ERR max number of clients reached\r\n");
    assert_int_equal(engine_stats(world->engine)->connections_rejected, 1);
    peer_close(second);
    world_connect(world);
    assert_int_equal(engine_stats(world->engine)->connections_received, 3);
}

static void protected_mode_refuses_strangers_and_says_what_to_do(void **state) {
    struct world *world = *state;
    const struct client_origin stranger = {.fd = -1};
    struct slice refusal;
    assert_null(engine_connect(world->engine, &stranger, NULL, &refusal));
    assert_true(slice_matches_glob(
        refusal, SLICE("-DENIED ackd is running in protected mode*requirepass*\r\n"), false));
    const struct client_origin local = {.fd = -1, .is_unix = true};
    struct client *client = engine_connect(world->engine, &local, NULL, &refusal);
    assert_non_null(client);
    engine_disconnect(client);
    world->options.protected_mode = false;
    client = engine_connect(world->engine, &stranger, NULL, &refusal);
    assert_non_null(client);
    engine_disconnect(client);
}

static void quit_answers_what_came_before_and_closes(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    peer_type(peer, "SET a 1\r\nQUIT\r\nSET a 2");
    assert_int_equal(peer->fed, FEED_CLOSE);
    world_settle(world);
    assert_seen(peer, "+OK\r\n+OK\r\n");
    assert_null(peer->client);
    struct peer *next = world_connect(world);
    assert_answer(world, next, "GET a", "$1\r\n1\r\n");
}

static void a_client_that_kills_itself_is_told_so(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "CLIENT KILL 1\r\nPING", ":1\r\n");
    assert_null(peer->client);
}

static void a_runnable_client_may_be_killed_by_another(void **state) {
    struct world *world = *state;
    struct peer *victim = world_connect(world);
    struct peer *killer = world_connect(world);
    struct peer *last = world_connect(world);
    type_many(victim, "PING", 1000);
    type_many(killer, "PING", 200);
    type_many(last, "PING", 200);
    peer_close(killer);
    killer = world_connect(world);
    peer_type(killer, "CLIENT KILL 1");
    world_settle(world);
    assert_null(victim->client);
    assert_int_equal(last->seen.len, 7 * 200);
    assert_seen(killer, ":1\r\n");
}

static void silent_clients_are_closed_after_the_timeout(void **state) {
    struct world *world = *state;
    world->options.timeout_s = 10;
    struct peer *silent = world_connect(world);
    struct peer *waiting = world_connect(world);
    struct peer *busy = world_connect(world);
    peer_type(waiting, "BLPOP a 0");
    for (int s = 1; s <= 12; s++) {
        world_set_time(world, WORLD_START_MS + s * 1000);
        peer_type(busy, "PING");
        engine_tick(world->engine);
        world_settle(world);
    }
    assert_null(silent->client);
    assert_non_null(waiting->client); // a blocked client is not idle
    assert_non_null(busy->client);
}

static void quiet_clients_give_their_memory_back(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    type_many(peer, "PING", 500);
    world_settle(world);
    assert_true(request_memory(&peer->client->request) > 0);
    world_set_time(world, WORLD_START_MS + 5000);
    engine_tick(world->engine);
    assert_int_equal(request_memory(&peer->client->request), 0);
    assert_int_equal(outbox_memory(&peer->client->outbox), 0);
    peer->seen.len = 0;
    assert_answer(world, peer, "PING", "+PONG\r\n");
}

static void reset_makes_a_client_as_new(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct client *client = peer->client;
    client->db = 3;
    client->resp = RESP3;
    client->name = mem_dup("worker", 7);
    client->no_touch = true;
    client->reply_mode = CLIENT_REPLY_OFF;
    mem_free(world->options.requirepass);
    world->options.requirepass = mem_dup("secret", 7);
    client_reset(client);
    assert_int_equal(client->db, 0);
    assert_int_equal(client->resp, RESP2);
    assert_null(client->name);
    assert_false(client->no_touch);
    assert_false(client->is_authenticated);
    assert_int_equal(client->reply_mode, CLIENT_REPLY_ON);
}

static void rates_are_means_of_recent_samples(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    for (int i = 1; i <= STATS_SAMPLES + 1; i++) {
        type_many(peer, "PING", 10);
        world_settle(world);
        world_set_time(world, WORLD_START_MS + i * 100);
        engine_tick(world->engine);
    }
    const struct stats *stats = engine_stats(world->engine);
    assert_int_equal(stats->ops_per_sec, 100);
    assert_true(stats->input_kbps > 0.58 && stats->input_kbps < 0.59);   // 600 B/s
    assert_true(stats->output_kbps > 0.68 && stats->output_kbps < 0.69); // 700 B/s
    assert_int_equal(stats->net_output_bytes, 7 * 10 * (STATS_SAMPLES + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        engine_test(no_byte_that_reveals_an_effect_leaves_before_it_is_durable),
        engine_test(what_tells_nothing_of_data_is_answered_at_once),
        engine_test(replies_of_one_client_keep_their_order),
        engine_test(a_read_of_durable_data_is_answered_at_once),
        engine_test(each_flush_opens_what_it_covers),
        engine_test(nothing_fenced_leaves_after_a_failed_sync),
        engine_test(a_pipeline_may_be_split_at_each_byte),
        engine_test(a_protocol_error_is_told_and_closes),
        engine_test(a_protocol_error_closes_also_who_wants_no_replies),
        engine_test(a_request_larger_than_the_query_limit_closes),
        engine_test(a_blocked_client_may_not_pile_up_requests_for_ever),
        engine_test(one_client_executes_a_bounded_number_of_commands_a_turn),
        engine_test(a_client_that_does_not_read_executes_nothing_further),
        engine_test(a_client_without_a_password_is_bounded_too),
        engine_test(the_output_limit_closes),
        engine_test(the_soft_output_limit_closes_after_its_time),
        engine_test(a_soft_output_limit_may_be_as_long_as_a_number_can_say),
        engine_test(a_write_pause_holds_writes_and_lets_reads_pass),
        engine_test(a_full_pause_holds_everything_until_it_ends),
        engine_test(overlapping_pauses_keep_the_longer_end_and_the_stricter_kind),
        engine_test(a_postponed_client_may_vanish_or_be_killed),
        engine_test(keys_expire_by_themselves),
        engine_test(too_many_clients_are_refused),
        engine_test(protected_mode_refuses_strangers_and_says_what_to_do),
        engine_test(quit_answers_what_came_before_and_closes),
        engine_test(a_client_that_kills_itself_is_told_so),
        engine_test(a_runnable_client_may_be_killed_by_another),
        engine_test(silent_clients_are_closed_after_the_timeout),
        engine_test(quiet_clients_give_their_memory_back),
        engine_test(reset_makes_a_client_as_new),
        engine_test(rates_are_means_of_recent_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
