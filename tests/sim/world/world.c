// What happens next, drawn from the seed.
#include "tests/sim/world/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/commands/table.h"
#include "tests/sim/workload/model.h"
#include "tests/sim/world/state.h"

enum {
    START_WALL_US_IN_S = 1700000000,
    PIPELINE_MAX = 12,
    OUT_MAX = 256 * 1024, // said and not arrived: the client says no more
};

const char *const world_fault_names[WORLD_FAULTS] = {
    "power", "kill",  "sync",  "write", "read",  "full",  "short",    "nested", "rot",
    "leave", "stall", "model", "jobs",  "forks", "folds", "cleaning", "scrub",
};

void world_broke(struct world *world, unsigned promise, const char *format, ...) {
    struct story *story = world->story;
    story->promise = promise;
    va_list args;
    va_start(args, format);
    vsnprintf(story->verdict, sizeof story->verdict, format, args);
    va_end(args);
    fflush(stdout);
    _exit(WORLD_EXIT_BROKEN);
}

// ---- time

int64_t world_now_ms(const struct world *world) {
    return world->wall_us / 1000;
}

void world_pass_time(struct world *world, int64_t us) {
    world->wall_us += us;
    world->monotonic_us += us;
    engine_set_time(world->engine, world->wall_us, world->monotonic_us);
}

static int64_t wall_us(void *context) {
    return ((const struct world *)context)->wall_us;
}

static int64_t monotonic_us(void *context) {
    return ((const struct world *)context)->monotonic_us;
}

// What the server says is part of the story.
static void hear_server(void *context, enum trace_level level, const char *event,
                        const char *text) {
    (void)level;
    (void)text;
    struct world *world = context;
    story_tell(world->story, "server: %s", event);
}

// ---- clients

// What would take the jobs away without anybody having been told.
static bool spoils_jobs(const struct workload_command *command) {
    const struct slice name = command->argv[0];
    if (slice_is(name, "flushall")) return true;
    if (!slice_is(name, "select") && !slice_is(name, "swapdb") && !slice_is(name, "copy") &&
        !slice_is(name, "move"))
        return false;
    for (size_t i = 1; i < command->argc; i++)
        if (slice_is(command->argv[i], "15")) return true;
    return false;
}

static void say_something(struct world *world, struct peer *peer) {
    if (peer->worker != NULL) {
        worker_next(world, peer);
        return;
    }
    if (peer->out.len > OUT_MAX) return;
    if (world->is_growth_refused && world_chance(world, 6)) {
        plot_rivalry_on(world, peer);
        return;
    }
    uint64_t commands = world_chance(world, 4) ? 1 + rng_below(&world->rng, PIPELINE_MAX) : 1;
    for (; commands > 0; commands--) {
        struct workload_command command;
        workload_next(world->workload, world_now_ms(world), &command);
        if (world->has_jobs && spoils_jobs(&command)) continue;
        peer_say(peer, command.argv, command.argc);
    }
}

static void act_client(struct world *world) {
    if (world_chance(world, 40)) plot_kill(world);
    if (world_chance(world, 60)) plot_held_values(world);
    if (world_chance(world, 80)) plot_held_entries(world);
    struct peer *peer = &world->peers[rng_below(&world->rng, WORLD_PEERS)];
    if (peer->client == NULL) {
        peer_connect(world, peer);
        return;
    }
    if (peer->out_at == peer->out.len || world_chance(world, 8)) say_something(world, peer);
    const uint64_t most = world_chance(world, 4) ? 1 + rng_below(&world->rng, 64) : UINT32_MAX;
    peer_send(world, peer, (size_t)most);
}

static void act_leave(struct world *world) {
    struct peer *peer = &world->peers[rng_below(&world->rng, WORLD_PEERS)];
    if (world_has(world, WORLD_LEAVE)) peer_leave(world, peer);
}

static void act_stall(struct world *world) {
    struct peer *peer = &world->peers[rng_below(&world->rng, WORLD_PEERS)];
    if (!world_has(world, WORLD_STALL) || peer->client == NULL) return;
    peer->reading = peer->reading == READING_NOTHING ? READING_ALL : READING_NOTHING;
}

// ---- time and turns

static void act_time(struct world *world) {
    const int64_t next_ms = engine_next_deadline_ms(world->engine);
    int64_t us = 0;
    switch (rng_below(&world->rng, 8)) {
    case 0: // to the moment at which somebody is to be told
        if (next_ms == INT64_MAX || next_ms <= world_now_ms(world)) break;
        us = (int64_t)num_min((size_t)(next_ms - world_now_ms(world)), 1000) * 1000;
        break;
    case 1:
        us = (int64_t)rng_below(&world->rng, 200000);
        break;
    default:
        us = (int64_t)rng_below(&world->rng, 3000);
        break;
    }
    world_pass_time(world, us);
    machine_run(world);
}

static void act_tick(struct world *world) {
    engine_tick(world->engine);
    machine_run(world);
}

// ---- faults

static void act_full(struct world *world) {
    if (!world_has(world, WORLD_FULL)) return;
    if (!world->is_full) {
        plot_rivalry(world);
        machine_fill_disk(world);
        if (world_chance(world, 2)) plot_full_disk(world);
        world->figures->faults++;
    } else {
        machine_make_room(world);
    }
}

static const char *fault_name(enum world_fault kind) {
    size_t bit = 0;
    while ((unsigned)kind >> (bit + 1) != 0)
        bit++;
    return world_fault_names[bit];
}

static void arm(struct world *world, enum world_fault kind, const struct memory_fault *fault) {
    if (!world_has(world, kind)) return;
    memory_disk_forgive(world->disk); // no more than one at a time
    memory_disk_fail(world->disk, fault);
    if (kind == WORLD_READ) world->reads_fail = true;
    world->calls_fail = true;
    world->figures->faults++;
    story_tell(world->story, "armed: '%s' after %llu calls, %llu times", fault_name(kind),
               (unsigned long long)fault->after, (unsigned long long)fault->times);
}

static void act_fault(struct world *world) {
    struct memory_fault fault = {.after = rng_below(&world->rng, 4), .times = 1};
    switch (rng_below(&world->rng, 6)) {
    case 0:
        fault.ops = MEMORY_SYNC;
        fault.failure = MEMORY_FAIL_LOST;
        arm(world, WORLD_SYNC, &fault);
        return;
    case 1:
        fault.ops = MEMORY_WRITE | MEMORY_SYNC | MEMORY_SYNC_DIR | MEMORY_OPEN;
        fault.failure = world_chance(world, 4) ? MEMORY_FAIL_NO_SPACE : MEMORY_FAIL_IO;
        arm(world, WORLD_WRITE, &fault);
        return;
    case 2:
    case 3:
        fault.ops = MEMORY_READ;
        fault.times = 1 + rng_below(&world->rng, 4);
        fault.failure = world_chance(world, 2) ? MEMORY_FAIL_IO : MEMORY_FAIL_GARBAGE;
        arm(world, WORLD_READ, &fault);
        return;
    default:
        fault.ops = MEMORY_READ | MEMORY_WRITE;
        fault.times = 1 + rng_below(&world->rng, 8);
        fault.failure = MEMORY_FAIL_SHORT;
        arm(world, WORLD_SHORT, &fault);
        return;
    }
}

static void act_crash(struct world *world) {
    const bool may_cut = world_has(world, WORLD_POWER);
    const bool may_kill = world_has(world, WORLD_KILL);
    switch (rng_below(&world->rng, 8)) {
    case 0:
    case 1:
        if (may_cut) machine_power_cut(world);
        return;
    case 2:
        if (may_kill) machine_kill(world);
        return;
    case 3:
        machine_stop(world);
        return;
    default: // in the middle of what comes
        if (!may_cut) return;
        memory_disk_die_after(world->disk, rng_below(&world->rng, 12));
        story_tell(world->story, "the machine will die soon");
        return;
    }
}

static void act_quiet(struct world *world) {
    memory_disk_forgive(world->disk);
    world->calls_fail = false;
    if (world->is_full && world_chance(world, 2)) act_full(world);
    if (!machine_settle(world)) return;
    memory_disk_heal(world->disk); // the checks read
    world->reads_fail = false;
    quiet_check(world);
}

// ---- a step

enum { WEIGHTS = 1540 };

struct act {
    unsigned weight;
    void (*act)(struct world *world);
};

static void act_flush_begin(struct world *world) {
    (void)machine_flush_begin(world);
}
static void act_flush_run(struct world *world) {
    (void)machine_flush_run(world);
}
static void act_flush_end(struct world *world) {
    (void)machine_flush_end(world);
}
static void act_slots(struct world *world) {
    if (machine_slots_end(world) || machine_slots_run(world)) return;
    (void)machine_slots_begin(world);
}
static void act_fold(struct world *world) {
    fold_go_on(world);
}
static void act_clean(struct world *world) {
    clean_go_on(world);
}
// Readings of cold values: two may be under way, and end in any order.
static void act_read(struct world *world) {
    const size_t reader = (size_t)rng_below(&world->rng, READINGS_MAX);
    if (machine_read_end(world, reader) || machine_read_run(world, reader)) return;
    (void)machine_read_begin(world);
}
static void act_scrub(struct world *world) {
    scrub_go_on(world);
}
static void act_seal(struct world *world) {
    (void)machine_seal(world);
}
static void act_run(struct world *world) {
    machine_run(world);
}
static void act_carry(struct world *world) {
    peers_carry(world, false);
}
static void act_fork(struct world *world) {
    if (world_has(world, WORLD_FORKS) && !machine_is_dead(world)) forks_cut(world);
}

static const struct act acts[] = {
    {660, act_client}, {60, act_flush_begin}, {60, act_flush_run}, {60, act_flush_end},
    {60, act_slots},   {110, act_carry},      {90, act_run},       {60, act_time},
    {10, act_tick},    {5, act_seal},         {4, act_leave},      {4, act_stall},
    {4, act_fault},    {1, act_full},         {4, act_crash},      {5, act_quiet},
    {1, act_fork},     {120, act_fold},       {60, act_clean},     {60, act_scrub},
    {100, act_read},
};

static bool has_grown_old(const struct world *world) {
    return log_stats(store_log(world->store)).slots > WORLD_SLOTS;
}

// What a step may have led to.
static void look_around(struct world *world) {
    if (machine_is_dead(world)) {
        if (world_has(world, WORLD_KILL) && world_chance(world, 3)) {
            machine_kill(world);
        } else {
            machine_power_cut(world);
        }
    } else if (world->is_stopping) {
        machine_stop(world);
    } else if (world->is_broken && world->broken_steps-- == 0) {
        if (world_has(world, WORLD_POWER) && world_chance(world, 3)) {
            machine_power_cut(world);
        } else {
            machine_kill(world);
        }
    }
    if (!has_grown_old(world)) return;
    machine_end(world);
    machine_new_life(world);
}

static void step(struct world *world) {
    uint64_t drawn = rng_below(&world->rng, WEIGHTS);
    const size_t count = sizeof acts / sizeof acts[0];
    for (size_t i = 0; i < count; i++) {
        if (drawn < acts[i].weight) {
            acts[i].act(world);
            break;
        }
        drawn -= acts[i].weight;
    }
    look_around(world);
}

// ---- life

static void world_init(struct world *world, const struct world_options *options,
                       struct story *story, struct world_figures *figures) {
    world->options = options;
    world->story = story;
    world->figures = figures;
    rng_init(&world->rng, options->seed);
    world->wall_us = (int64_t)START_WALL_US_IN_S * 1000000;
    world->clock = (struct clock){world, wall_us, monotonic_us};
    world->trace = (struct trace){world, TRACE_NOTICE, hear_server};
    world->witness = (struct engine_witness){world, witness_read, witness_see};
    const struct workload_options workload = {
        .table = commands_table(),
        .seed = options->seed,
        .groups = MODEL_GROUPS,
        .clients_max = 2 * WORLD_PEERS,
        .segment_bytes = LOG_SEGMENT_BYTES_MIN,
    };
    world->workload = workload_new(&workload);
    world->mirror = mirror_new();
}

static void world_deinit(struct world *world) {
    machine_end(world);
    for (size_t i = 0; i < WORLD_PEERS; i++)
        peer_deinit(&world->peers[i]);
    workload_free(world->workload);
    mirror_free(world->mirror);
    jobs_deinit(&world->jobs);
    ledger_deinit(&world->ledger);
    buf_deinit(&world->scratch);
}

void world_run(const struct world_options *options, struct story *story,
               struct world_figures *figures) {
    struct world *world = mem_zalloc(sizeof *world);
    story_begin(story, options->seed);
    world_init(world, options, story, figures);
    machine_new_life(world);
    for (story->step = 1; story->step <= options->steps; story->step++)
        step(world);
    figures->steps += options->steps;
    world_deinit(world);
    mem_free(world);
}
