// The machine: a process over a disk, its log thread, and what ends it.
//
// Happy path: a life begins with an empty disk; the process starts, serves, is stopped or killed or
// loses its power, and starts again, until the disk holds so much that starting takes long.
// Failure modes: the machine dies in the middle of a call of the disk (memory_disk_die_after): from
// then on nothing it does counts, until it is started again. A start may die in the same way.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "server/commands/table.h"
#include "tests/sim/world/state.h"

enum {
    SEGMENT_BYTES = LOG_SEGMENT_BYTES_MIN,
    DISK_BYTES = 64 << 20,
    START_CALLS = 120, // of the disk, within which a start may die
    RETRY_US = 1100 * 1000,
    FOLD_BLOCK_BYTES = 4096,
};

struct store_options machine_store_options(struct world *world) {
    return (struct store_options){
        .log = {.segment_bytes = SEGMENT_BYTES,
                .tail_bytes = world->tail_bytes,
                .reserve_bytes = WORLD_RESERVE_BYTES,
                .slots_ahead = world->slots_ahead,
                .sync_method = world->sync_method,
                .seed = world->options->seed ^ ++world->salt << 20,
                .clock = &world->clock,
                .trace = &world->trace},
        .fold = {.slices = world->slices, .block_bytes = FOLD_BLOCK_BYTES},
        .databases = WORLD_DATABASES,
        .trash_min = world->trash_min,
        .walk_looks = world->walk_looks,
        .cold_read_cache_bytes = world->cold_read_cache_bytes,
        .seed = world->options->seed,
        .trace = &world->trace,
    };
}

bool machine_is_dead(const struct world *world) {
    return memory_disk_is_dead(world->disk);
}

// ---- the process

static void host_usage(void *context, struct host_usage *out) {
    const struct world *world = context;
    *out = (struct host_usage){.uptime_s = world->monotonic_us / 1000000,
                               .allocator = "world",
                               .os = "world",
                               .executable = "/sim",
                               .pid = 1};
    memset(out->run_id, 'a', sizeof out->run_id - 1);
}

static void host_shutdown(void *context) {
    struct world *world = context;
    world->is_stopping = true;
}

static enum err host_option_changed(void *context, const struct option *option,
                                    struct fault *fault) {
    (void)context;
    // How much memory this process has is not told by the seed.
    if (slice_is(slice_str(option_name(option)), "maxmemory"))
        return fault_set(fault, ERR_INVALID, "not in a simulated world");
    return ERR_NONE;
}

static enum err host_config_read(void *context, struct buf *out, struct fault *fault) {
    (void)context;
    (void)fault;
    buf_append_str(out, "# a world\n");
    return ERR_NONE;
}

static enum err host_config_write(void *context, struct slice text, struct fault *fault) {
    (void)context;
    (void)text;
    (void)fault;
    return ERR_NONE;
}

static void start_engine(struct world *world) {
    options_init(&world->config);
    const struct engine_options options = {
        .store = world->store,
        .options = &world->config,
        .commands = commands_table(),
        .host = {.context = world,
                 .usage = host_usage,
                 .shutdown = host_shutdown,
                 .option_changed = host_option_changed,
                 .config_read = host_config_read,
                 .config_write = host_config_write},
        .trace = &world->trace,
        .witness = &world->witness,
        .seed = world->options->seed ^ world->salt,
        .snapshot_min = world->snapshot_min,
        .look_bytes = world->snapshot_min < 1000 ? 64 * world->snapshot_min : 0,
        .trash_steps = world->trash_steps,
        .look_steps = world->snapshot_min < 1000 ? world->snapshot_min : 0,
        .wall_us = world->wall_us,
        .monotonic_us = world->monotonic_us,
    };
    world->engine = engine_new(&options);
    clean_begin(world);
    scrub_begin(world);
}

// The process is no more; what it had written is where it was.
static void end_process(struct world *world) {
    for (size_t i = 0; i < WORLD_PEERS; i++)
        peer_forget(world, &world->peers[i]);
    engine_free(world->engine);
    world->engine = NULL;
    fold_forget(world);
    clean_forget(world);
    scrub_forget(world);
    struct log *log = world->store == NULL ? NULL : store_log(world->store);
    struct world_job *flusher = &world->flusher;
    if (flusher->flush != NULL)
        log_flush_end(log, flusher->flush, flusher->has_run ? flusher->err : ERR_IO);
    struct world_job *maker = &world->maker;
    if (maker->slots != NULL)
        log_slots_end(log, maker->slots, maker->has_run ? maker->err : ERR_IO);
    for (size_t i = 0; i < READINGS_MAX; i++) {
        struct store_reading *reading = world->readers[i].reading;
        if (reading != NULL) store_reading_end(world->store, reading); // nobody waits for it
        world->readers[i] = (struct world_job){0};
    }
    *flusher = (struct world_job){0};
    *maker = (struct world_job){0};
    world->had_spare = log != NULL && log_stats(log).slots_ready > 0;
    store_close(world->store);
    world->store = NULL;
    if (memory_disk_syncs_again(world->disk) > 0)
        world_broke(world, 10, "a file was synced again after its sync had failed");
    vfs_free(world->vfs);
    world->vfs = NULL;
    options_deinit(&world->config);
    world->config = (struct options){0};
    world->is_broken = false;
    world->is_stopping = false;
    world->reads_fail = false;
    world->calls_fail = false;
    world->is_growth_refused = false;
}

// ---- starting

void machine_fill_disk(struct world *world) {
    struct vfs_space space = {0};
    must(vfs_space(world->vfs, &space) == ERR_NONE);
    const uint64_t used = space.total_bytes - space.free_bytes;
    memory_disk_resize(world->disk, used + rng_below(&world->rng, 2 * SEGMENT_BYTES));
    world->is_full = true;
    world->starts_while_full = 0;
    story_tell(world->story, "the disk is full");
}

void machine_make_room(struct world *world) {
    memory_disk_resize(world->disk, DISK_BYTES);
    world->is_full = false;
    world->is_growth_refused = false;
    story_tell(world->story, "there is room on the disk again");
}

// Something may happen to this start. Returns whether an error of the disk may come of it.
static bool arm_start(struct world *world) {
    memory_disk_heal(world->disk);
    if (!world_has(world, WORLD_NESTED) || !world_chance(world, 3)) return false;
    struct memory_fault fault = {.after = rng_below(&world->rng, START_CALLS / 4), .times = 1};
    switch (rng_below(&world->rng, 6)) {
    case 0:
        fault.ops = MEMORY_READ;
        fault.failure = MEMORY_FAIL_IO;
        break;
    case 1:
        fault.ops = MEMORY_SYNC;
        fault.after /= 4;
        fault.failure = MEMORY_FAIL_LOST;
        break;
    case 2:
        fault.ops = MEMORY_READ | MEMORY_WRITE;
        fault.times = 3;
        fault.failure = MEMORY_FAIL_SHORT;
        break;
    default:
        memory_disk_die_after(world->disk, rng_below(&world->rng, START_CALLS));
        return true;
    }
    memory_disk_fail(world->disk, &fault);
    return true;
}

static enum err try_start(struct world *world, struct store_recovery *recovery,
                          struct fault *fault) {
    world->vfs = memory_disk_open(world->disk);
    const struct store_options options = machine_store_options(world);
    enum err err = store_open(&world->store, world->vfs, &options, recovery, fault);
    if (err == ERR_NONE && !machine_is_dead(world)) return ERR_NONE;
    store_close(world->store);
    world->store = NULL;
    if (memory_disk_syncs_again(world->disk) > 0)
        world_broke(world, 10, "a start synced a file again after its sync had failed");
    vfs_free(world->vfs);
    world->vfs = NULL;
    return err == ERR_NONE ? ERR_IO : err;
}

// Whether a start that was refused may be.
static bool may_be_refused(struct world *world, enum err err, bool is_armed) {
    if (err == ERR_IO) return is_armed;
    if (err != ERR_NO_SPACE || !world->is_full) return false;
    // One slot is kept for one start; the next ones need room. A disk that is full before the first
    // spare slot is made has none.
    return world->starts_while_full > 1 || !world->had_spare;
}

static void start(struct world *world) {
    struct store_recovery recovery;
    for (unsigned depth = 0;; depth++) {
        const bool is_armed = depth < WORLD_NESTED_MAX && arm_start(world);
        if (depth >= WORLD_NESTED_MAX) memory_disk_heal(world->disk);
        world->starts_while_full++;
        struct fault fault = {0};
        const enum err err = try_start(world, &recovery, &fault);
        if (err == ERR_NONE) break;
        if (!may_be_refused(world, err, is_armed))
            world_broke(world, 2, "an undamaged directory is refused (%s): %s", err_name(err),
                        fault.text);
        story_tell(world->story, "the start ends: %s", err_name(err));
        world->figures->crashes++;
        world->figures->nested++;
        if (err == ERR_NO_SPACE) machine_make_room(world);
        if (machine_is_dead(world) ? world_has(world, WORLD_POWER) : world_chance(world, 2))
            memory_disk_cut(world->disk);
    }
    memory_disk_heal(world->disk);
    story_tell(world->story, "starts with %llu frames%s%s", (unsigned long long)recovery.frames,
               recovery.log.was_sealed ? ", sealed" : "",
               recovery.log.torn_lsn != 0 ? ", torn" : "");
    forks_check_found(world, world->store, recovery.frames, "a start");
    world->recovered = recovery.frames;
    ledger_restart(&world->ledger, (size_t)recovery.frames,
                   log_durable_lsn(store_log(world->store)));
    start_engine(world);
    if (world->has_jobs) jobs_check(world);
    mirror_rebuild(world);
}

// ---- lives

static void empty_disk(struct world *world) {
    world->disk = memory_disk_new(rng_next(&world->rng), DISK_BYTES);
    ledger_begin(&world->ledger, 0);
    world->is_full = false;
    world->slices = 1 + (unsigned)rng_below(&world->rng, 3);
    world->slots_ahead = 2 + (unsigned)rng_below(&world->rng, 3);
    static const size_t tails[] = {0, SEGMENT_BYTES, 4 * (size_t)SEGMENT_BYTES};
    world->tail_bytes = tails[rng_below(&world->rng, 3)];
    world->cold_read_cache_bytes = world_chance(world, 3) ? 0 : 2 * (size_t)SEGMENT_BYTES;
    // Rows of references are for lists that are not shared.
    world->snapshot_min = world_chance(world, 3) ? 1 + (size_t)rng_below(&world->rng, 8) : 1000;
    struct rng ahead = world->rng; // a copy: old seeds lead through the same lives as ever
    // 0: the usual
    world->trash_min = (size_t)rng_below(&ahead, 16);
    world->walk_looks = (size_t)rng_below(&ahead, 24);
    world->trash_steps = (size_t)rng_below(&ahead, 6);
    memory_disk_set_cached(world->disk, (enum memory_cached)rng_below(&world->rng, 3));
    world->sync_method = world_chance(world, 4) ? LOG_SYNC_DSYNC : LOG_SYNC_FDATASYNC;
    world->has_jobs = world_has(world, WORLD_JOBS) && !world_chance(world, 3);
    for (size_t i = 0; i < WORLD_PEERS; i++) {
        struct peer *peer = &world->peers[i];
        worker_free(peer->worker);
        peer->worker = world->has_jobs && i < WORLD_WORKERS ? worker_new(i) : NULL;
    }
    jobs_begin(&world->jobs);
}

void machine_new_life(struct world *world) {
    empty_disk(world);
    world->figures->lives++;
    story_tell(world->story, "a new disk, %s", world->has_jobs ? "with jobs" : "without jobs");
    start(world);
}

void machine_end(struct world *world) {
    if (world->vfs != NULL) end_process(world);
    memory_disk_free(world->disk);
    world->disk = NULL;
}

void machine_power_cut(struct world *world) {
    story_tell(world->story, "power fails");
    world->figures->crashes++;
    end_process(world);
    memory_disk_cut(world->disk);
    start(world);
}

void machine_kill(struct world *world) {
    story_tell(world->story, "the process is killed");
    world->figures->crashes++;
    end_process(world);
    start(world);
}

void machine_stop(struct world *world) {
    story_tell(world->story, "a clean stop");
    struct log *log = store_log(world->store);
    machine_flush_run(world);
    if (!machine_flush_end(world) || !world->is_broken) {
        while (machine_flush_begin(world) && machine_flush_run(world))
            (void)machine_flush_end(world);
        if (machine_seal(world) && machine_flush_run(world)) (void)machine_flush_end(world);
    }
    if (log_is_broken(log)) story_tell(world->story, "the stop was not clean: the log is broken");
    const bool is_dead = machine_is_dead(world);
    end_process(world);
    if (is_dead) memory_disk_cut(world->disk);
    start(world);
}

// ---- the log thread

bool machine_flush_begin(struct world *world) {
    if (world->flusher.flush != NULL) return false;
    world->flusher.flush = log_flush_begin(store_log(world->store));
    if (world->flusher.flush == NULL) return false;
    story_tell(world->story, "flush begins: %llu bytes",
               (unsigned long long)log_flush_bytes(world->flusher.flush));
    return true;
}

bool machine_seal(struct world *world) {
    if (world->flusher.flush != NULL) return false;
    world->flusher.flush = log_seal_begin(store_log(world->store));
    if (world->flusher.flush == NULL) return false;
    story_tell(world->story, "seal begins");
    return true;
}

bool machine_flush_run(struct world *world) {
    struct world_job *job = &world->flusher;
    if (job->flush == NULL || job->has_run) return false;
    job->err = log_flush_run(job->flush);
    job->has_run = true;
    story_tell(world->story, "flush runs: %s", err_name(job->err));
    return true;
}

bool machine_flush_end(struct world *world) {
    struct world_job *job = &world->flusher;
    if (job->flush == NULL || !job->has_run) return false;
    struct log *log = store_log(world->store);
    log_flush_end(log, job->flush, job->err);
    *job = (struct world_job){0};
    if (log_is_broken(log)) {
        // The product ends now. Here it goes on for some steps, to see that nothing leaves.
        world->is_broken = true;
        world->broken_steps = (unsigned)rng_below(&world->rng, 20);
        return true;
    }
    if (world_chance(world, 2)) (void)machine_flush_begin(world);
    engine_durable(world->engine, log_durable_lsn(log));
    return true;
}

bool machine_slots_begin(struct world *world) {
    if (world->maker.slots != NULL) return false;
    world->maker.slots = log_slots_begin(store_log(world->store), world_now_ms(world));
    return world->maker.slots != NULL;
}

bool machine_slots_run(struct world *world) {
    struct world_job *job = &world->maker;
    if (job->slots == NULL || job->has_run) return false;
    job->err = log_slots_run(job->slots);
    job->has_run = true;
    story_tell(world->story, "slot is made: %s", err_name(job->err));
    return true;
}

bool machine_slots_end(struct world *world) {
    struct world_job *job = &world->maker;
    if (job->slots == NULL || !job->has_run) return false;
    struct log *log = store_log(world->store);
    log_slots_end(log, job->slots, job->err);
    *job = (struct world_job){0};
    engine_durable(world->engine, log_durable_lsn(log));
    return true;
}

// ---- those that read

bool machine_read_begin(struct world *world) {
    for (size_t i = 0; i < READINGS_MAX; i++) {
        struct world_job *job = &world->readers[i];
        if (job->reading != NULL) continue;
        job->reading = store_reading_begin(world->store);
        if (job->reading == NULL) return false;
        world->figures->readings++;
        story_tell(world->story, "reading %zu begins", i);
        return true;
    }
    return false;
}

bool machine_read_run(struct world *world, size_t reader) {
    struct world_job *job = &world->readers[reader];
    if (job->reading == NULL || job->has_run) return false;
    store_reading_run(job->reading);
    job->has_run = true;
    story_tell(world->story, "reading %zu runs", reader);
    return true;
}

bool machine_read_end(struct world *world, size_t reader) {
    struct world_job *job = &world->readers[reader];
    if (job->reading == NULL || !job->has_run) return false;
    struct store_reading *reading = job->reading;
    *job = (struct world_job){0};
    story_tell(world->story, "reading %zu ends", reader);
    engine_read(world->engine, reading);
    mirror_after(world);
    return true;
}

static bool read_all(struct world *world) {
    bool has_moved = false;
    while (machine_read_begin(world))
        has_moved = true;
    for (size_t i = 0; i < READINGS_MAX; i++) {
        has_moved = machine_read_run(world, i) || has_moved;
        has_moved = machine_read_end(world, i) || has_moved;
    }
    return has_moved;
}

// ---- turns

void machine_run(struct world *world) {
    mirror_turn(world);
    engine_run(world->engine);
    mirror_after(world);
    for (;;) {
        struct client *client = engine_next_resumed(world->engine);
        if (client == NULL) return;
        struct peer *peer = client->conn;
        peer->is_paused = false;
    }
}

static bool is_at_rest(const struct world *world) {
    bool has_jobs = world->flusher.flush != NULL || world->maker.slots != NULL;
    for (size_t i = 0; i < READINGS_MAX; i++)
        has_jobs = has_jobs || world->readers[i].reading != NULL;
    return !has_jobs && log_unflushed_bytes(store_log(world->store)) == 0 &&
           !engine_has_work(world->engine);
}

bool machine_settle(struct world *world) {
    const struct log *log = store_log(world->store);
    bool has_waited = false;
    for (unsigned turn = 0; turn < WORLD_SETTLE_MAX; turn++) {
        bool has_moved = machine_flush_begin(world) || machine_slots_begin(world);
        has_moved = machine_flush_run(world) || has_moved;
        has_moved = machine_slots_run(world) || has_moved;
        has_moved = machine_flush_end(world) || has_moved;
        has_moved = machine_slots_end(world) || has_moved;
        has_moved = read_all(world) || has_moved;
        if (machine_is_dead(world) || world->is_broken || world->is_stopping) return false;
        engine_tick(world->engine); // nothing that has expired is left
        machine_run(world);
        peers_carry(world, true);
        if (machine_is_dead(world) || world->is_stopping) return false;
        engine_unpause(world->engine); // whom a pause held back is runnable now
        has_moved = machine_read_begin(world) || has_moved; // a command in pieces may ask only now
        if (has_moved || !is_at_rest(world)) continue;
        if (!log_stats(log).is_full || has_waited) return true;
        // Slots that could not be made are tried again after a second.
        world_pass_time(world, RETRY_US);
        has_waited = true;
    }
    world_broke(world, 7, "the engine does not come to rest");
}
