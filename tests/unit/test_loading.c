// An engine without a store: what needs data is refused, everything else is served, and nothing
// stumbles over what is not there yet.
#include "server/commands/table.h"
#include "tests/unit/engine_world.h"

static const char loading[] = "-LOADING Redis is loading the dataset in memory\r\n";

static void no_shutdown(void *context) {
    (void)context;
}

static void no_usage(void *context, struct host_usage *out) {
    (void)context;
    *out = (struct host_usage){.allocator = "", .os = "", .executable = ""};
}

static enum err no_change(void *context, const struct option *option, struct fault *fault) {
    (void)context;
    (void)option;
    (void)fault;
    return ERR_NONE;
}

static enum err no_file(void *context, struct buf *out, struct fault *fault) {
    (void)context;
    (void)out;
    return fault_set(fault, ERR_NOT_FOUND, "there is no file");
}

static enum err no_writing(void *context, struct slice text, struct fault *fault) {
    (void)context;
    (void)text;
    return fault_set(fault, ERR_NOT_FOUND, "there is no file");
}

// The world's engine is replaced by one that has no store, over the real table.
static int setup(void **state) {
    static const struct engine_host host = {.usage = no_usage,
                                            .shutdown = no_shutdown,
                                            .option_changed = no_change,
                                            .config_read = no_file,
                                            .config_write = no_writing};
    struct world *world = world_open_with(64 << 20, commands_table(), &host);
    engine_free(world->engine);
    const struct engine_options options = {
        .options = &world->options,
        .commands = commands_table(),
        .host = host,
        .clock = &world->clock,
        .seed = 7,
        .wall_us = world->now_ms * 1000,
        .monotonic_us = world->now_ms * 1000,
    };
    world->engine = engine_new(&options);
    *state = world;
    return 0;
}

// "get x" or "client list x": as many arguments as the row needs.
static void ask_row(struct world *world, const struct command *container,
                    const struct command *row) {
    struct peer *peer = world_connect(world);
    struct buf line = {0};
    if (container != NULL) {
        buf_append_str(&line, container->name);
        buf_append_byte(&line, ' ');
    }
    buf_append_str(&line, row->name);
    const int words = row->arity < 0 ? -row->arity : row->arity;
    for (int i = container != NULL ? 2 : 1; i < words; i++)
        buf_append_str(&line, " 1");
    buf_append_str(&line, "\r\n");
    peer_send(peer, buf_slice(&line));
    world_settle(world);
    const bool is_refused = slice_equal(buf_slice(&peer->seen), slice_str(loading));
    const bool is_served = (row->traits & COMMAND_WHILE_LOADING) != 0;
    if (is_refused == is_served) fail_msg("%s", row->name);
    buf_deinit(&line);
    if (peer->client != NULL) peer_close(peer); // QUIT and its kin have done so
    buf_deinit(&peer->seen);
    world->peer_count--; // the next row's
}

static void every_row_is_served_or_refused_as_its_flag_says(void **state) {
    struct world *world = *state;
    const struct command_table table = commands_table();
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        if (row->handler != NULL) ask_row(world, NULL, row);
        for (size_t sub = 0; sub < row->subtable_len; sub++)
            ask_row(world, row, &row->subtable[sub]);
    }
}

static void what_came_while_loading_goes_on_behind_it(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "GET key", loading);
    assert_answer(world, peer, "SELECT 3", "+OK\r\n");
    const struct engine_loading progress = {
        .began_ms = world->now_ms, .total_bytes = 400, .loaded_bytes = 100};
    engine_set_loading(world->engine, &progress);
    engine_tick(world->engine);
    assert_non_null(engine_loading(world->engine));
    engine_loaded(world->engine, world->store);
    assert_null(engine_loading(world->engine));
    assert_answer(world, peer, "SET key value", "+OK\r\n");
    assert_answer(world, peer, "GET key", "$5\r\nvalue\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_is_served_or_refused_as_its_flag_says, setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_came_while_loading_goes_on_behind_it, setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
