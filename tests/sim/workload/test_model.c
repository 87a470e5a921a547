// The model and the real engine hear the same commands: every reply, every wake-up, and in the end
// every element must be equal. Then the store is opened again, and must be equal still.
//
//     ACKD_SEED=n build/debug/test_model       one seed again
#include <stdlib.h>

#include "server/commands/table.h"
#include "tests/sim/workload/model.h"
#include "tests/sim/workload/workload.h"
#include "tests/unit/engine_world.h"

enum {
    STEPS = 12000,
    COMPARE_EVERY = 500,
    HISTORY = 24,
    PAUSE_MAX_MS = 60, // longer than policy.c pauses
    CAPACITY = 512 << 20,
};

// ---- the process around the engine

static void host_usage_of(void *context, struct host_usage *out) {
    (void)context;
    *out = (struct host_usage){.allocator = "libc", .os = "none", .executable = "/none"};
}

static enum err host_option(void *context, const struct option *option, struct fault *fault) {
    (void)context;
    (void)option;
    (void)fault;
    return ERR_NONE;
}

static enum err host_read(void *context, struct buf *out, struct fault *fault) {
    (void)context;
    (void)out;
    return fault_set(fault, ERR_NOT_FOUND, "there is no file");
}

static const struct engine_host host = {
    .usage = host_usage_of, .option_changed = host_option, .config_read = host_read};

// ---- a run

struct run {
    struct world *world;
    struct model *model;
    const struct keyspace *keyspace; // the world's, for the model's view
    struct workload *workload;
    struct rng rng;
    uint64_t seed;
    size_t peers;
    size_t step;
    size_t executed;
    size_t waits;
    size_t wakes;
    size_t largest; // items at once
    struct buf history[HISTORY];
    struct buf expected;                 // of the one that was executed
    struct buf awaited[WORLD_PEERS_MAX]; // of those that were woken
};

static void run_fail(struct run *run, size_t peer, const char *what) {
    print_error("seed %llu, step %zu, client %zu: %s\n", (unsigned long long)run->seed, run->step,
                peer, what);
    for (size_t i = HISTORY; i-- > 0;) {
        if (run->executed <= i) continue;
        const struct buf *line = &run->history[(run->executed - 1 - i) % HISTORY];
        print_error("  %.*s\n", (int)line->len, line->data);
    }
    fail_msg("ACKD_SEED=%llu shows it again", (unsigned long long)run->seed);
}

static void remember(struct run *run, size_t peer, const struct workload_command *command) {
    struct buf *line = &run->history[run->executed++ % HISTORY];
    buf_reset(line);
    buf_printf(line, "%lld ms, client %zu:", (long long)run->world->now_ms, peer);
    for (size_t i = 0; i < command->argc; i++) {
        const size_t len = num_min(command->argv[i].len, 60);
        buf_append_byte(line, ' ');
        buf_append_quoted(line, slice_sub(command->argv[i], 0, len));
    }
}

static uint64_t id_of(const struct run *run, size_t peer) {
    return run->world->peers[peer].client->id;
}

static size_t peer_of(struct run *run, uint64_t id) {
    for (size_t i = 0; i < run->peers; i++) {
        const struct client *client = run->world->peers[i].client;
        if (client != NULL && client->id == id) return i;
    }
    run_fail(run, 0, "the model wakes a client that is not there");
    return 0;
}

// What the model woke is to be heard, and nothing else.
static void expect_wakes(struct run *run) {
    struct buf reply = {0};
    uint64_t id;
    while (model_woken(run->model, &id, &reply)) {
        buf_append_slice(&run->awaited[peer_of(run, id)], buf_slice(&reply));
        run->wakes++;
    }
    buf_deinit(&reply);
}

static void check_peer(struct run *run, size_t i, enum model_verdict verdict,
                       struct slice expected) {
    struct buf *seen = &run->world->peers[i].seen;
    struct buf why = {0};
    if (!model_accept(verdict, expected, buf_slice(seen), &why)) {
        buf_append_byte(&why, '\0');
        run_fail(run, i, why.data);
    }
    buf_reset(seen);
    buf_deinit(&why);
}

// Answered by the engine alone: it has noticed that a key has expired.
static void expect_lost(struct run *run, size_t peer) {
    const struct client *client = run->world->peers[peer].client;
    if (client == NULL || run->world->peers[peer].seen.len == 0) return;
    if (run->awaited[peer].len > 0) return;
    (void)model_lost(run->model, client->id, run->world->now_ms, &run->awaited[peer]);
}

static void check_wakes(struct run *run) {
    for (size_t i = 0; i < run->peers; i++) {
        expect_lost(run, i);
        check_peer(run, i, MODEL_EXACT, buf_slice(&run->awaited[i]));
        buf_reset(&run->awaited[i]);
    }
}

// ---- time

static void pass_time(struct run *run, int64_t ms) {
    world_set_time(run->world, run->world->now_ms + ms);
    model_time(run->model, run->world->now_ms);
    expect_wakes(run);
    if (rng_below(&run->rng, 10) == 0) engine_tick(run->world->engine);
    world_settle(run->world);
}

static void maybe_pass_time(struct run *run) {
    const uint64_t kind = rng_below(&run->rng, 100);
    if (kind >= 40) return;
    pass_time(run, (int64_t)rng_below(&run->rng, kind == 0 ? 5000 : 20));
    check_wakes(run);
}

// ---- one command

static void send(struct run *run, size_t peer, const struct workload_command *command) {
    struct buf bytes = {0};
    buf_printf(&bytes, "*%zu\r\n", command->argc);
    for (size_t i = 0; i < command->argc; i++) {
        buf_printf(&bytes, "$%zu\r\n", command->argv[i].len);
        buf_append_slice(&bytes, command->argv[i]);
        buf_append_str(&bytes, "\r\n");
    }
    peer_send(&run->world->peers[peer], buf_slice(&bytes));
    buf_deinit(&bytes);
}

// By the sum of its three longest arguments a command may not fit a record: the model does not know
// that rule, so that such are not said.
static bool is_too_long(const struct run *run, const struct workload_command *command) {
    size_t longest[4] = {0};
    for (size_t i = 0; i < command->argc; i++) {
        longest[3] = command->argv[i].len;
        for (size_t k = 3; k > 0 && longest[k] > longest[k - 1]; k--) {
            const size_t shorter = longest[k - 1];
            longest[k - 1] = longest[k];
            longest[k] = shorter;
        }
    }
    const size_t slack = 4096;
    return longest[0] + longest[1] + longest[2] + slack >
           log_record_max(store_log(run->world->store));
}

// A client that is held back by CLIENT PAUSE executes when that is over.
static void wait_for_turn(struct run *run, const struct client *client) {
    while (client->has_request) {
        world_make_slots(run->world);
        world_flush(run->world);
        if (client->has_request) pass_time(run, PAUSE_MAX_MS);
    }
}

static void connect_again(struct run *run) {
    for (size_t i = 0; i < run->peers; i++) {
        struct peer *peer = &run->world->peers[i];
        if (peer->client != NULL) continue;
        const size_t count = run->world->peer_count;
        run->world->peer_count = i;
        world_connect(run->world);
        run->world->peer_count = count;
    }
}

// Whoever was closed by the command is gone from the model, too.
static void disconnect_closed(struct run *run, const uint64_t *ids) {
    for (size_t i = 0; i < run->peers; i++) {
        if (run->world->peers[i].client != NULL) continue;
        model_disconnect(run->model, ids[i]);
        buf_reset(&run->world->peers[i].seen);
    }
    connect_again(run);
}

static void execute(struct run *run, size_t peer) {
    struct workload_command command;
    uint64_t ids[WORLD_PEERS_MAX];
    for (size_t i = 0; i < run->peers; i++) {
        ids[i] = id_of(run, i);
    }
    do {
        workload_next(run->workload, run->world->now_ms, &command);
    } while (is_too_long(run, &command));
    remember(run, peer, &command);
    send(run, peer, &command);
    if (run->world->peers[peer].client->has_request) {
        wait_for_turn(run, run->world->peers[peer].client);
    }
    const enum model_verdict verdict = model_execute(
        run->model, ids[peer], command.argv, command.argc, run->world->now_ms, &run->expected);
    expect_wakes(run);
    world_settle(run->world);
    if (verdict == MODEL_WAITS) {
        run->waits++;
    } else {
        check_peer(run, peer, verdict, buf_slice(&run->expected));
    }
    check_wakes(run);
    disconnect_closed(run, ids);
    world_make_slots(run->world);
}

static void compare(struct run *run) {
    struct fault fault = {0};
    const struct keyspace *keyspace = store_keyspace(run->world->store);
    if (model_equals_keyspace(run->model, keyspace, run->world->store, run->world->now_ms,
                              &fault) != ERR_NONE) {
        run_fail(run, 0, fault.text);
    }
    run->largest = num_max(run->largest, model_count(run->model, run->world->now_ms));
}

// A worker dies while it waits: nothing may be given to it any more.
static void kill_waiting(struct run *run, size_t peer) {
    model_disconnect(run->model, id_of(run, peer));
    peer_close(&run->world->peers[peer]);
    connect_again(run);
}

static void step(struct run *run) {
    maybe_pass_time(run);
    const size_t peer = rng_below(&run->rng, run->peers);
    if (model_is_waiting(run->model, id_of(run, peer))) {
        if (rng_below(&run->rng, 50) == 0) kill_waiting(run, peer);
        return;
    }
    execute(run, peer);
    if (run->step % COMPARE_EVERY == 0) compare(run);
}

// ---- life

static void run_begin(struct run *run, uint64_t seed, size_t peers) {
    *run = (struct run){.seed = seed, .peers = peers};
    run->world = world_open_with(CAPACITY, commands_table(), &host);
    rng_init(&run->rng, seed);
    for (size_t i = 0; i < peers; i++) {
        world_connect(run->world);
    }
    const struct workload_options options = {
        .table = commands_table(),
        .seed = seed,
        .groups = MODEL_GROUPS,
        .clients_max = (unsigned)peers,
        .segment_bytes = LOG_SEGMENT_BYTES_MIN,
    };
    run->workload = workload_new(&options);
    const struct model_options model_options = {
        .databases = 16,
        .string_bytes_max = log_record_max(store_log(run->world->store)) - 512,
        .view = model_view_of(&run->keyspace)};
    run->keyspace = store_keyspace(run->world->store);
    run->model = model_new(&model_options);
}

// What a restart finds, with the same judge.
static void reopen(struct run *run) {
    struct world *world = run->world;
    for (size_t i = 0; i < run->peers; i++) {
        peer_close(&world->peers[i]);
    }
    engine_free(world->engine);
    world->engine = NULL;
    world_flush_quietly(world);
    store_close(world->store);
    const struct store_options options = {.log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN,
                                                  .tail_bytes = 4 * LOG_SEGMENT_BYTES_MIN,
                                                  .reserve_bytes = LOG_SEGMENT_BYTES_MIN,
                                                  .slots_ahead = 4,
                                                  .seed = 8},
                                          .databases = 16,
                                          .seed = 8};
    struct store_recovery recovery;
    struct fault fault = {0};
    assert_ok(store_open(&world->store, world->vfs, &options, &recovery, &fault), &fault);
    run->keyspace = store_keyspace(world->store);
    model_restart(run->model);
    compare(run);
}

static void run_end(struct run *run) {
    struct world *world = run->world;
    model_free(run->model);
    workload_free(run->workload);
    for (size_t i = 0; i < HISTORY; i++) {
        buf_deinit(&run->history[i]);
    }
    for (size_t i = 0; i < WORLD_PEERS_MAX; i++) {
        buf_deinit(&run->awaited[i]);
        buf_deinit(&world->peers[i].seen);
    }
    buf_deinit(&run->expected);
    store_close(world->store);
    vfs_free(world->vfs);
    memory_disk_free(world->disk);
    options_deinit(&world->options);
    mem_free(world);
}

static void run_seed(uint64_t seed, size_t peers) {
    struct run run;
    run_begin(&run, seed, peers);
    for (run.step = 0; run.step < STEPS; run.step++) {
        step(&run);
    }
    compare(&run);
    if (peers > 1) assert_true(run.waits > STEPS / 200 && run.wakes > STEPS / 200);
    assert_true(run.largest > 100);
    reopen(&run);
    run_end(&run);
}

static void run_seeds(size_t peers, uint64_t first, uint64_t count) {
    const char *asked = getenv("ACKD_SEED");
    int64_t seed = 0;
    if (asked != NULL && num_parse_i64(slice_str(asked), &seed)) {
        run_seed((uint64_t)seed, peers);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        run_seed(first + i, peers);
    }
}

static void one_client_hears_what_the_model_says(void **state) {
    (void)state;
    run_seeds(1, 1, 2);
}

static void many_clients_hear_what_the_model_says(void **state) {
    (void)state;
    run_seeds(8, 100, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_hears_what_the_model_says),
        cmocka_unit_test(many_clients_hear_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
