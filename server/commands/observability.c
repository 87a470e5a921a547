// SLOWLOG and LATENCY: what took long.
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/engine/call.h"

enum { SLOWLOG_GET_DEFAULT = 10 };

// ---- SLOWLOG

static void reply_slow_entry(struct reply *reply, const struct slowlog_entry *entry) {
    reply_array(reply, 6);
    reply_int(reply, (int64_t)entry->id);
    reply_int(reply, entry->time_s);
    reply_int(reply, entry->took_us);
    reply_array(reply, entry->argc);
    for (size_t i = 0; i < entry->argc; i++) {
        reply_bulk(reply, entry->argv[i]);
    }
    reply_bulk_str(reply, entry->address);
    reply_bulk_str(reply, entry->client_name);
}

enum call_result cmd_slowlog_get(struct call *call) {
    struct slowlog *log = engine_slowlog(call->engine);
    int64_t count = SLOWLOG_GET_DEFAULT;
    if (call->argc > 3) {
        help_wrong_subcommand(call);
        return CALL_DONE;
    }
    if (call->argc == 3 &&
        !call_arg_range_i64(call, 2, -1, INT64_MAX,
                            "ERR count should be greater than or equal to -1", &count)) {
        return CALL_DONE;
    }
    const size_t shown = count == -1 ? log->len : num_min((size_t)count, log->len);
    reply_array(&call->reply, shown);
    struct link *at = log->entries.next;
    for (size_t i = 0; i < shown; i++, at = at->next) {
        reply_slow_entry(&call->reply, link_entry(at, struct slowlog_entry, link));
    }
    return CALL_DONE;
}

enum call_result cmd_slowlog_len(struct call *call) {
    reply_int(&call->reply, (int64_t)engine_slowlog(call->engine)->len);
    return CALL_DONE;
}

enum call_result cmd_slowlog_reset(struct call *call) {
    slowlog_reset(engine_slowlog(call->engine));
    reply_ok(&call->reply);
    return CALL_DONE;
}

// ---- LATENCY

static unsigned sample_count(const struct latency_event *event) {
    unsigned count = 0;
    for (unsigned i = 0; i < LATENCY_HISTORY_MAX; i++) {
        if (event->samples[i].time_s != 0) count++;
    }
    return count;
}

// The i-th oldest slot of the ring; slots that hold no sample have time 0.
static const struct latency_sample *sample_at(const struct latency_event *event, unsigned i) {
    return &event->samples[(event->next + i) % LATENCY_HISTORY_MAX];
}

enum call_result cmd_latency_history(struct call *call) {
    const struct latency_event *event = latency_find(engine_latency(call->engine), call->argv[2]);
    reply_array(&call->reply, event == NULL ? 0 : sample_count(event));
    for (unsigned i = 0; event != NULL && i < LATENCY_HISTORY_MAX; i++) {
        const struct latency_sample *sample = sample_at(event, i);
        if (sample->time_s == 0) continue;
        reply_array(&call->reply, 2);
        reply_int(&call->reply, sample->time_s);
        reply_int(&call->reply, sample->ms);
    }
    return CALL_DONE;
}

enum call_result cmd_latency_latest(struct call *call) {
    const struct latency *latency = engine_latency(call->engine);
    reply_array(&call->reply, latency->count);
    for (unsigned i = 0; i < latency->count; i++) {
        const struct latency_event *event = &latency->events[i];
        const struct latency_sample *last = sample_at(event, LATENCY_HISTORY_MAX - 1);
        reply_array(&call->reply, 4);
        reply_bulk_str(&call->reply, event->name);
        reply_int(&call->reply, last->time_s);
        reply_int(&call->reply, last->ms);
        reply_int(&call->reply, event->max_ms);
    }
    return CALL_DONE;
}

enum call_result cmd_latency_reset(struct call *call) {
    struct latency *latency = engine_latency(call->engine);
    int64_t reset = 0;
    if (call->argc == 2) reset = latency_reset(latency, SLICE_EMPTY);
    for (size_t i = 2; i < call->argc; i++) {
        if (call->argv[i].len > 0) reset += latency_reset(latency, call->argv[i]);
    }
    reply_int(&call->reply, reset);
    return CALL_DONE;
}

// ---- LATENCY HISTOGRAM: per command, cumulative counts at powers of two microseconds

static size_t bucket_edges(const struct histogram *histogram, struct reply *reply, bool writes) {
    size_t edges = 0;
    uint64_t before = 0;
    for (unsigned power = 0; power < 63 && before < histogram->total; power++) {
        const uint64_t edge = UINT64_C(1) << power;
        const uint64_t below = histogram_count_below(histogram, edge);
        if (below == before) continue;
        before = below;
        edges++;
        if (!writes) continue;
        reply_int(reply, (int64_t)edge);
        reply_int(reply, (int64_t)below);
    }
    return edges;
}

static void reply_command_histogram(struct call *call, const struct command *command,
                                    const struct command_stats *stats) {
    reply_bulk_str(&call->reply, engine_command_name(call->engine, command));
    reply_map(&call->reply, 2);
    reply_bulk_str(&call->reply, "calls");
    reply_int(&call->reply, (int64_t)stats->latency->total);
    reply_bulk_str(&call->reply, "histogram_usec");
    reply_map(&call->reply, bucket_edges(stats->latency, &call->reply, false));
    bucket_edges(stats->latency, &call->reply, true);
}

// Whether the command was called and asked for, itself or with all of its container.
static bool histogram_wanted(const struct call *call, const struct command *command,
                             const struct command *container) {
    if (engine_command_stats(call->engine, command)->latency == NULL) return false;
    if (call->argc == 2) return true;
    const char *name = engine_command_name(call->engine, command);
    for (size_t i = 2; i < call->argc; i++) {
        if (slice_is(call->argv[i], name)) return true;
        if (container != NULL && slice_is(call->argv[i], container->name)) return true;
    }
    return false;
}

// Answers the command's histogram if it is wanted and `writes` is set; returns how many are wanted.
static size_t histogram_one(struct call *call, const struct command *command,
                            const struct command *container, bool writes) {
    if (!histogram_wanted(call, command, container)) return 0;
    if (writes) {
        reply_command_histogram(call, command, engine_command_stats(call->engine, command));
    }
    return 1;
}

static size_t histograms(struct call *call, bool writes) {
    const struct command_table table = engine_commands(call->engine);
    size_t wanted = 0;
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        wanted += histogram_one(call, row, NULL, writes);
        for (size_t sub = 0; sub < row->subtable_len; sub++) {
            wanted += histogram_one(call, &row->subtable[sub], row, writes);
        }
    }
    return wanted;
}

enum call_result cmd_latency_histogram(struct call *call) {
    reply_map(&call->reply, histograms(call, false));
    histograms(call, true);
    return CALL_DONE;
}

enum call_result cmd_latency_doctor(struct call *call) {
    const struct latency *latency = engine_latency(call->engine);
    struct buf text = {0};
    if (engine_options_of(call->engine)->latency_monitor_threshold_ms == 0) {
        buf_append_str(&text, "Latency monitoring is off. Switch it on with "
                              "CONFIG SET latency-monitor-threshold <milliseconds>.\n");
    } else if (latency->count == 0) {
        buf_append_str(&text, "Nothing has been slower than the threshold since the start or the "
                              "last LATENCY RESET.\n");
    }
    for (unsigned i = 0; i < latency->count; i++) {
        const struct latency_event *event = &latency->events[i];
        buf_printf(&text, "%s: %u samples, slowest %u ms.\n", event->name, sample_count(event),
                   event->max_ms);
    }
    reply_verbatim(&call->reply, "txt", buf_slice(&text));
    buf_deinit(&text);
    return CALL_DONE;
}
