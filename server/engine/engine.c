#include "server/engine/engine.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "server/engine/engine_state.h"

static void observe(void *context, const struct effect_outcome *outcome) {
    struct engine *engine = context;
    if (outcome->type == EFFECT_KEY_DELETE && outcome->reason == DELETE_EXPIRED) {
        engine->stats.expired_keys++;
    }
    wait_observe(engine, outcome);
}

struct engine *engine_new(const struct engine_options *options) {
    struct engine *engine = mem_zalloc(sizeof *engine);
    engine->options = options->options;
    engine->table = options->commands;
    engine->host = options->host;
    engine->trace = options->trace;
    engine->clock = options->clock;
    engine->witness = options->witness;
    engine->wall_us = options->wall_us;
    engine->snapshot_min = options->snapshot_min > 0 ? options->snapshot_min : ENGINE_SNAPSHOT_MIN;
    engine->look_bytes = options->look_bytes > 0 ? options->look_bytes : ENGINE_LOOK_BYTES;
    engine->look_steps = options->look_steps > 0 ? options->look_steps : ENGINE_LOOK_STEPS;
    engine->steps_left = engine->look_steps;
    engine->trash_steps = options->trash_steps > 0 ? options->trash_steps : ENGINE_TRASH_PER_TURN;
    engine->monotonic_us = options->monotonic_us;
    engine->next_client_id = 1;
    rng_init(&engine->rng, options->seed);
    commands_init(&engine->index, &engine->table);
    link_init(&engine->clients);
    link_init(&engine->sendable);
    link_init(&engine->resumed);
    link_init(&engine->fenced);
    for (unsigned state = 0; state < CLIENT_STATES; state++) {
        link_init(&engine->states[state]);
    }
    wait_init(engine, (unsigned)options->options->databases, options->seed);
    slowlog_init(&engine->slowlog);
    engine->saving.last_ms = engine_now_ms(engine);
    for (unsigned kind = 0; kind < SAVING_KINDS; kind++)
        engine->saving.accounts[kind].last_took_s = -1;
    limits_sample_memory(engine);
    if (options->store != NULL) engine_loaded(engine, options->store);
    return engine;
}

void engine_free(struct engine *engine) {
    if (engine == NULL) return;
    must(link_is_empty(&engine->clients));
    if (engine->store != NULL) store_observe(engine->store, NULL, NULL);
    wait_deinit(engine);
    commands_deinit(&engine->index);
    slowlog_deinit(&engine->slowlog);
    buf_deinit(&engine->scratch);
    mem_free(engine);
}

// ---- loading

void engine_set_loading(struct engine *engine, const struct engine_loading *loading) {
    engine->loading = *loading;
}

const struct engine_loading *engine_loading(const struct engine *engine) {
    return engine->store == NULL ? &engine->loading : NULL;
}

void engine_loaded(struct engine *engine, struct store *store) {
    must(engine->store == NULL);
    engine->store = store;
    engine->log = store_log(store);
    store_observe(store, observe, engine);
}

uint64_t engine_end_lsn(const struct engine *engine) {
    return engine->log == NULL ? 0 : log_end_lsn(engine->log);
}

uint64_t engine_durable_lsn(const struct engine *engine) {
    return engine->log == NULL ? 0 : log_durable_lsn(engine->log);
}

// ---- time

void engine_set_time(struct engine *engine, int64_t wall_us, int64_t monotonic_us) {
    must(monotonic_us >= engine->monotonic_us);
    engine->wall_us = wall_us;
    engine->monotonic_us = monotonic_us;
}

int64_t engine_now_ms(const struct engine *engine) {
    return engine->wall_us / 1000;
}

int64_t engine_wall_us(const struct engine *engine) {
    return engine->wall_us;
}

int64_t engine_since_reader_us(const struct engine *engine) {
    return engine->has_reader ? engine->monotonic_us - engine->reader_us : INT64_MAX;
}

int64_t engine_monotonic_us(const struct engine *engine) {
    return engine->monotonic_us;
}

// ---- what handlers reach

struct store *engine_store(const struct engine *engine) {
    return engine->store;
}

struct options *engine_options_of(const struct engine *engine) {
    return engine->options;
}

const struct engine_host *engine_host(const struct engine *engine) {
    return &engine->host;
}

struct stats *engine_stats(struct engine *engine) {
    return &engine->stats;
}

struct slowlog *engine_slowlog(struct engine *engine) {
    return &engine->slowlog;
}

struct latency *engine_latency(struct engine *engine) {
    return &engine->latency;
}

struct saving *engine_saving(struct engine *engine) {
    return &engine->saving;
}

struct rng *engine_rng(struct engine *engine) {
    return &engine->rng;
}

const struct trace *engine_trace(const struct engine *engine) {
    return engine->trace;
}
