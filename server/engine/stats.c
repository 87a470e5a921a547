#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

enum { US_PER_S = 1000 * 1000, US_PER_MS = 1000 };

// ---- errors

void stats_count_error(struct stats *stats, struct slice reply) {
    stats->error_replies++;
    size_t end = 1;
    while (end < reply.len && reply.data[end] != ' ' && reply.data[end] != '\r') {
        end++;
    }
    const struct slice code = slice_sub(reply, 1, num_min(end, STATS_ERROR_NAME_MAX));
    for (unsigned i = 0; i < stats->error_count; i++) {
        if (!slice_equal(slice_str(stats->errors[i].name), code)) continue;
        stats->errors[i].count++;
        return;
    }
    if (stats->error_count == STATS_ERRORS_MAX) return;
    struct error_stats *error = &stats->errors[stats->error_count++];
    slice_to_cstr(code, error->name, sizeof error->name);
    error->count = 1;
}

// ---- commands

int64_t stats_clock_us(const struct engine *engine) {
    return engine->clock == NULL ? 0 : clock_monotonic_us(engine->clock);
}

static void note_slow(struct engine *engine, const struct call *call, int64_t took_us) {
    struct slice shown[SLOWLOG_ARGS_MAX];
    for (size_t i = 0; i < num_min(call->argc, SLOWLOG_ARGS_MAX); i++) {
        const bool is_secret = (call->secrets & (UINT32_C(1) << i)) != 0;
        shown[i] = is_secret ? SLICE("(redacted)") : call->argv[i];
    }
    const struct slowlog_entry entry = {
        .time_s = engine->wall_us / US_PER_S,
        .took_us = took_us,
        .address = call->client->origin.address,
        .client_name = call->client->name,
    };
    slowlog_add(&engine->slowlog, &entry, shown, call->argc,
                (size_t)engine->options->slowlog_max_len);
}

static void note_latency(struct engine *engine, const struct call *call, int64_t took_us) {
    const bool is_fast = (call->command->traits & COMMAND_FAST) != 0;
    latency_add(&engine->latency, is_fast ? "fast-command" : "command", engine->wall_us / US_PER_S,
                (uint32_t)(took_us / US_PER_MS));
}

void stats_book(struct engine *engine, struct command_slot *slot, const struct call *call,
                int64_t took_us, bool has_failed) {
    const struct options *options = engine->options;
    struct command_stats *stats = &slot->stats;
    stats->calls++;
    stats->usec += (uint64_t)took_us;
    if (has_failed) stats->failed++;
    if (stats->latency == NULL) stats->latency = mem_zalloc(sizeof *stats->latency);
    histogram_add(stats->latency, (uint64_t)took_us);
    engine->stats.commands_processed++;
    call->client->commands++;
    const bool is_slow =
        options->slowlog_log_slower_than_us >= 0 && took_us >= options->slowlog_log_slower_than_us;
    if (is_slow && (call->command->traits & COMMAND_SKIP_SLOWLOG) == 0) {
        note_slow(engine, call, took_us);
    }
    const int64_t threshold_ms = options->latency_monitor_threshold_ms;
    if (threshold_ms > 0 && took_us / US_PER_MS >= threshold_ms)
        note_latency(engine, call, took_us);
}

static void command_stats_reset(struct command_stats *stats) {
    mem_free(stats->latency);
    *stats = (struct command_stats){0};
}

void engine_reset_stats(struct engine *engine) {
    struct command_index *index = &engine->index;
    for (size_t i = 0; i < index->slot_count; i++) {
        command_stats_reset(&index->slots[i].stats);
        for (size_t j = 0; j < index->slots[i].command->subtable_len; j++) {
            command_stats_reset(&index->slots[i].subslots[j].stats);
        }
    }
    engine->stats = (struct stats){0};
    engine->sampler = (struct stats_sampler){0};
    limits_sample_memory(engine); // the peak begins anew
}

// ---- rates

static double per_second(uint64_t now, uint64_t before, int64_t us) {
    return (double)(now - before) * US_PER_S / (double)us;
}

static double mean(const double *samples) {
    double sum = 0;
    for (unsigned i = 0; i < STATS_SAMPLES; i++) {
        sum += samples[i];
    }
    return sum / STATS_SAMPLES;
}

void stats_sample(struct engine *engine) {
    struct stats *stats = &engine->stats;
    struct stats_sampler *sampler = &engine->sampler;
    const int64_t us = engine->monotonic_us - sampler->last_us;
    if (us <= 0) return;
    if (sampler->last_us != 0) {
        const unsigned at = sampler->next;
        sampler->commands_per_s[at] =
            per_second(stats->commands_processed, sampler->last_commands, us);
        sampler->input_per_s[at] = per_second(stats->net_input_bytes, sampler->last_input, us);
        sampler->output_per_s[at] = per_second(stats->net_output_bytes, sampler->last_output, us);
        sampler->next = (at + 1) % STATS_SAMPLES;
        stats->ops_per_sec = (uint64_t)mean(sampler->commands_per_s);
        stats->input_kbps = mean(sampler->input_per_s) / 1024;
        stats->output_kbps = mean(sampler->output_per_s) / 1024;
    }
    sampler->last_us = engine->monotonic_us;
    sampler->last_commands = stats->commands_processed;
    sampler->last_input = stats->net_input_bytes;
    sampler->last_output = stats->net_output_bytes;
}
