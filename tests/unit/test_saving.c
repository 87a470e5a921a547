// BGSAVE and BGREWRITEAOF: what is asked for, what excludes what, and what is told. Nobody folds in
// this world, so what was asked for stays active until the test says that it ended. The texts are
// those of redis-server 7.0.15.
#include "server/commands/table.h"
#include "tests/unit/engine_world.h"

static int setup(void **state) {
    static const struct engine_host host = {0};
    *state = world_open_with(64 << 20, commands_table(), &host);
    return 0;
}

static void end(struct world *world, enum err err) {
    saving_ended(engine_saving(world->engine), err, world->now_ms, world->now_ms * 1000);
}

static void a_save_excludes_a_save(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct saving *saving = engine_saving(world->engine);
    assert_false(saving_wanted(saving));
    assert_answer(world, peer, "BGSAVE", "+Background saving started\r\n");
    assert_true(saving_wanted(saving));
    assert_answer(world, peer, "BGSAVE", "-ERR Background save already in progress\r\n");
    assert_answer(world, peer, "BGSAVE SCHEDULE", "-ERR Background save already in progress\r\n");
    assert_answer(world, peer, "SAVE", "-ERR Background save already in progress\r\n");
    saving_began(saving, 5, world->now_ms * 1000);
    assert_false(saving_wanted(saving));
    assert_answer(world, peer, "BGSAVE", "-ERR Background save already in progress\r\n");
    end(world, ERR_NONE);
    assert_int_equal(saving->last_effects, 5);
    assert_answer(world, peer, "SAVE", "+OK\r\n");
    assert_true(saving_wanted(saving));
}

static void the_other_kind_is_scheduled(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct saving *saving = engine_saving(world->engine);
    assert_answer(world, peer, "BGREWRITEAOF",
                  "+Background append only file rewriting started\r\n");
    assert_answer(world, peer, "BGREWRITEAOF",
                  "-ERR Background append only file rewriting already in progress\r\n");
    assert_answer(world, peer, "BGSAVE",
                  "-ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE "
                  "SCHEDULE in order to schedule a BGSAVE whenever possible.\r\n");
    assert_answer(world, peer, "BGSAVE SCHEDULE", "+Background saving scheduled\r\n");
    end(world, ERR_NONE);
    assert_true(saving_is_active(saving, SAVING_SAVE));
    assert_answer(world, peer, "BGREWRITEAOF",
                  "+Background append only file rewriting scheduled\r\n");
    end(world, ERR_NONE);
    assert_true(saving_is_active(saving, SAVING_REWRITE));
    end(world, ERR_NONE);
    assert_false(saving->is_active);
}

static void what_failed_and_what_was_done_is_told(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct saving *saving = engine_saving(world->engine);
    // One that nobody asked for is a rewrite.
    saving_began(saving, 0, world->now_ms * 1000);
    assert_true(saving_is_active(saving, SAVING_REWRITE));
    end(world, ERR_NO_SPACE);
    assert_int_equal(saving->accounts[SAVING_REWRITE].failures_in_row, 1);
    assert_int_equal(saving->accounts[SAVING_REWRITE].last_err, ERR_NO_SPACE);
    assert_int_equal(saving->accounts[SAVING_SAVE].last_took_s, -1);
    const int64_t before_ms = saving->last_ms;
    world_set_time(world, world->now_ms + 5000);
    assert_answer(world, peer, "BGREWRITEAOF",
                  "+Background append only file rewriting started\r\n");
    world_set_time(world, world->now_ms + 3000);
    end(world, ERR_NONE);
    assert_int_equal(saving->accounts[SAVING_REWRITE].failures_in_row, 0);
    assert_int_equal(saving->accounts[SAVING_REWRITE].last_took_s, 3);
    assert_int_equal(saving->last_ms, before_ms + 8000);
    assert_int_equal(saving->accounts[SAVING_REWRITE].done, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_save_excludes_a_save, setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_other_kind_is_scheduled, setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_failed_and_what_was_done_is_told, setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
