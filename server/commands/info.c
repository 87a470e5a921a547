// INFO: what clients, libraries and exporters read (CLIENTS.md), section by section. Fields of
// Redis keep its names and meanings; what ackd does not have reads as idle (no replicas, no forks).
// The section Durability is ackd's own.
#include "server/commands/info.h"

#include "proto/base/num.h"
#include "server/commands/compatible.h"
#include "server/commands/handlers.h"
#include "server/engine/call.h"
#include "storage/cleaner.h"

enum {
    PERCENT_MAX = 100,
    SECONDS_PER_DAY = 86400,
    LRU_CLOCK_MASK = (1 << 24) - 1,
    REPLICA_BACKLOG_BYTES = 1 << 20, // Redis' default; there are no replicas
};

void info_field_u64(struct info *info, const char *name, uint64_t value) {
    buf_printf(info->out, "%s:%llu\r\n", name, (unsigned long long)value);
}

void info_field_i64(struct info *info, const char *name, int64_t value) {
    buf_printf(info->out, "%s:%lld\r\n", name, (long long)value);
}

void info_field_str(struct info *info, const char *name, const char *value) {
    buf_printf(info->out, "%s:%s\r\n", name, value);
}

void info_field_double(struct info *info, const char *name, int decimals, double value) {
    buf_printf(info->out, "%s:%.*f\r\n", name, decimals, value);
}

void info_field_bytes(struct info *info, const char *name, uint64_t bytes) {
    char human[32];
    num_format_human(human, sizeof human, bytes);
    buf_printf(info->out, "%s:%llu\r\n%s_human:%s\r\n", name, (unsigned long long)bytes, name,
               human);
}

// Fields that Redis has and ackd never moves from zero, so that exporters find them.
void info_fields_zero(struct info *info, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        info_field_u64(info, names[i], 0);
    }
}

static void section_server(struct info *info) {
    const struct options *options = engine_options_of(info->call->engine);
    info_field_str(info, "redis_version", COMPATIBLE_REDIS_VERSION);
    info_field_str(info, "server_name", "ackd");
    info_field_str(info, "ackd_version", ACKD_VERSION);
    info_field_str(info, "redis_git_sha1", "00000000");
    info_field_str(info, "redis_git_dirty", "0");
    info_field_str(info, "redis_build_id", "0");
    info_field_str(info, "redis_mode", "standalone");
    info_field_str(info, "os", info->usage.os);
    info_field_u64(info, "arch_bits", sizeof(void *) * 8);
    info_field_str(info, "monotonic_clock", "POSIX clock_gettime");
    info_field_str(info, "multiplexing_api", "epoll");
    info_field_str(info, "atomicvar_api", "c11-builtin");
    info_field_str(info, "gcc_version", __VERSION__);
    info_field_i64(info, "process_id", info->usage.pid);
    info_field_str(info, "process_supervised", "no");
    info_field_str(info, "run_id", info->usage.run_id);
    info_field_i64(info, "tcp_port", options->port);
    info_field_i64(info, "server_time_usec", engine_wall_us(info->call->engine));
    info_field_i64(info, "uptime_in_seconds", info->usage.uptime_s);
    info_field_i64(info, "uptime_in_days", info->usage.uptime_s / SECONDS_PER_DAY);
    info_field_i64(info, "hz", options->hz);
    info_field_i64(info, "configured_hz", options->hz);
    info_field_i64(info, "lru_clock", (info->call->now_ms / 1000) & LRU_CLOCK_MASK);
    info_field_str(info, "executable", info->usage.executable);
    info_field_str(info, "config_file", options->config_file);
    info_field_u64(info, "io_threads_active", 0);
}

static void section_clients(struct info *info) {
    struct engine *engine = info->call->engine;
    size_t input_max = 0;
    size_t output_max = 0;
    struct link *head = engine_clients(engine);
    for (struct link *at = head->next; at != head; at = at->next) {
        const struct client *client = link_entry(at, struct client, all);
        input_max = num_max(input_max, request_memory(&client->request));
        output_max = num_max(output_max, outbox_pending(&client->outbox));
    }
    info_field_u64(info, "connected_clients", engine_client_count(engine));
    info_field_u64(info, "cluster_connections", 0);
    info_field_i64(info, "maxclients", engine_options_of(engine)->maxclients);
    info_field_u64(info, "client_recent_max_input_buffer", input_max);
    info_field_u64(info, "client_recent_max_output_buffer", output_max);
    info_field_u64(info, "blocked_clients", engine_blocked_count(engine));
    info_field_u64(info, "tracking_clients", 0);
    info_field_u64(info, "clients_in_timeout_table", engine_blocked_count(engine));
    info_field_u64(info, "total_blocking_keys", engine_blocking_keys(engine));
    info_field_u64(info, "total_blocking_keys_on_nokey", 0);
}

double info_ratio(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static uint64_t clients_memory(struct engine *engine) {
    uint64_t bytes = 0;
    struct link *head = engine_clients(engine);
    for (struct link *at = head->next; at != head; at = at->next) {
        const struct client *client = link_entry(at, struct client, all);
        bytes += sizeof *client + request_memory(&client->request) + outbox_memory(&client->outbox);
    }
    return bytes;
}

static void section_memory(struct info *info) {
    static const char *const idle[] = {
        "used_memory_vm_eval",   "used_memory_scripts_eval",      "number_of_cached_scripts",
        "number_of_functions",   "number_of_libraries",           "used_memory_vm_functions",
        "used_memory_functions", "mem_replication_backlog",       "mem_clients_slaves",
        "mem_cluster_links",     "mem_total_replication_buffers", "active_defrag_running",
    };
    struct stats *stats = engine_stats(info->call->engine);
    const struct options *options = engine_options_of(info->call->engine);
    const uint64_t used = info->usage.memory_used;
    const uint64_t resident = info->usage.memory_resident;
    if (used > stats->memory_peak) stats->memory_peak = used;
    info_field_bytes(info, "used_memory", used);
    info_field_bytes(info, "used_memory_rss", resident);
    info_field_bytes(info, "used_memory_peak", stats->memory_peak);
    buf_printf(info->out, "used_memory_peak_perc:%.2f%%\r\n",
               PERCENT_MAX * info_ratio(used, stats->memory_peak));
    info_field_u64(info, "used_memory_overhead", 0);
    info_field_u64(info, "used_memory_startup", 0);
    info_field_u64(info, "used_memory_dataset", used);
    buf_printf(info->out, "used_memory_dataset_perc:%.2f%%\r\n", (double)PERCENT_MAX);
    info_field_u64(info, "allocator_allocated", used);
    info_field_u64(info, "allocator_active", used);
    info_field_u64(info, "allocator_resident", resident);
    info_field_bytes(info, "total_system_memory", info->usage.memory_total);
    info_field_bytes(info, "used_memory_lua", 0);
    info_field_bytes(info, "used_memory_vm_total", 0);
    info_field_bytes(info, "used_memory_scripts", 0);
    info_field_bytes(info, "maxmemory", options->maxmemory);
    info_field_str(info, "maxmemory_policy", options->maxmemory_policy);
    info_field_double(info, "allocator_frag_ratio", 2, 1.0);
    info_field_u64(info, "allocator_frag_bytes", 0);
    info_field_double(info, "allocator_rss_ratio", 2, info_ratio(resident, used));
    info_field_i64(info, "allocator_rss_bytes", (int64_t)resident - (int64_t)used);
    info_field_double(info, "rss_overhead_ratio", 2, 1.0);
    info_field_u64(info, "rss_overhead_bytes", 0);
    info_field_double(info, "mem_fragmentation_ratio", 2, info_ratio(resident, used));
    info_field_i64(info, "mem_fragmentation_bytes", (int64_t)resident - (int64_t)used);
    info_field_u64(info, "mem_clients_normal", clients_memory(info->call->engine));
    const struct store *store = engine_store(info->call->engine);
    info_field_u64(info, "mem_aof_buffer",
                   store == NULL ? 0 : log_unflushed_bytes(store_log(store)));
    info_field_u64(info, "mem_not_counted_for_evict",
                   store == NULL ? 0 : engine_memory_uncounted(info->call->engine));
    info_field_str(info, "mem_allocator", info->usage.allocator);
    const struct keyspace *keyspace = store == NULL ? NULL : store_keyspace(store);
    info_field_u64(info, "lazyfree_pending_objects",
                   keyspace == NULL ? 0 : keyspace_trash_pending(keyspace));
    info_field_u64(info, "lazyfreed_objects",
                   keyspace == NULL ? 0 : keyspace_trash_freed(keyspace));
    info_fields_zero(info, idle, sizeof idle / sizeof *idle);
}

static void section_stats(struct info *info) {
    static const char *const idle[] = {
        "total_net_repl_input_bytes",
        "total_net_repl_output_bytes",
        "instantaneous_input_repl_kbps",
        "instantaneous_output_repl_kbps",
        "sync_full",
        "sync_partial_ok",
        "sync_partial_err",
        "expired_stale_perc",
        "expired_time_cap_reached_count",
        "expire_cycle_cpu_milliseconds",
        "evicted_keys",
        "evicted_clients",
        "total_eviction_exceeded_time",
        "current_eviction_exceeded_time",
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies",
        "dump_payload_sanitizations",
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "reply_buffer_shrinks",
        "reply_buffer_expands",
    };
    const struct stats *stats = engine_stats(info->call->engine);
    info_field_u64(info, "total_connections_received", stats->connections_received);
    info_field_u64(info, "total_commands_processed", stats->commands_processed);
    info_field_u64(info, "instantaneous_ops_per_sec", stats->ops_per_sec);
    info_field_u64(info, "total_net_input_bytes", stats->net_input_bytes);
    info_field_u64(info, "total_net_output_bytes", stats->net_output_bytes);
    info_field_double(info, "instantaneous_input_kbps", 2, stats->input_kbps);
    info_field_double(info, "instantaneous_output_kbps", 2, stats->output_kbps);
    info_field_u64(info, "rejected_connections", stats->connections_rejected);
    info_field_u64(info, "expired_keys", stats->expired_keys);
    info_field_u64(info, "keyspace_hits", stats->keyspace_hits);
    info_field_u64(info, "keyspace_misses", stats->keyspace_misses);
    info_field_u64(info, "total_error_replies", stats->error_replies);
    info_field_u64(info, "total_reads_processed", stats->reads_processed);
    info_field_u64(info, "total_writes_processed", stats->writes_processed);
    info_field_u64(info, "client_query_buffer_limit_disconnections",
                   stats->query_limit_disconnections);
    info_field_u64(info, "client_output_buffer_limit_disconnections",
                   stats->output_limit_disconnections);
    info_field_u64(info, "ackd_held_space_disconnections", stats->held_space_disconnections);
    info_fields_zero(info, idle, sizeof idle / sizeof *idle);
}

static void section_replication(struct info *info) {
    info_field_str(info, "role", "master");
    info_field_u64(info, "connected_slaves", 0);
    info_field_str(info, "master_failover_state", "no-failover");
    info_field_str(info, "master_replid", info->usage.run_id);
    info_field_str(info, "master_replid2", "0000000000000000000000000000000000000000");
    info_field_u64(info, "master_repl_offset", 0);
    info_field_i64(info, "second_repl_offset", -1);
    info_field_u64(info, "repl_backlog_active", 0);
    info_field_u64(info, "repl_backlog_size", REPLICA_BACKLOG_BYTES);
    info_field_u64(info, "repl_backlog_first_byte_offset", 0);
    info_field_u64(info, "repl_backlog_histlen", 0);
}

static void section_cpu(struct info *info) {
    info_field_double(info, "used_cpu_sys", 6, info->usage.cpu_sys_s);
    info_field_double(info, "used_cpu_user", 6, info->usage.cpu_user_s);
    info_field_double(info, "used_cpu_sys_children", 6, info->usage.cpu_sys_children_s);
    info_field_double(info, "used_cpu_user_children", 6, info->usage.cpu_user_children_s);
}

static void section_modules(struct info *info) {
    (void)info; // there are none: the heading stands alone, as in Redis
}

typedef void command_line(struct info *info, const char *name, const struct command_stats *stats);

static void command_line_if_called(struct info *info, command_line *line,
                                   const struct command *command) {
    struct engine *engine = info->call->engine;
    const struct command_stats *stats = engine_command_stats(engine, command);
    if (stats->calls + stats->rejected == 0) return;
    line(info, engine_command_name(engine, command), stats);
}

// Calls `line` for each command and subcommand that has been called.
static void each_command(struct info *info, command_line *line) {
    const struct command_table table = engine_commands(info->call->engine);
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        command_line_if_called(info, line, row);
        for (size_t sub = 0; sub < row->subtable_len; sub++) {
            command_line_if_called(info, line, &row->subtable[sub]);
        }
    }
}

static void commandstats_line(struct info *info, const char *name,
                              const struct command_stats *stats) {
    buf_printf(info->out,
               "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_"
               "calls=%llu\r\n",
               name, (unsigned long long)stats->calls, (unsigned long long)stats->usec,
               info_ratio(stats->usec, stats->calls), (unsigned long long)stats->rejected,
               (unsigned long long)stats->failed);
}

static void section_commandstats(struct info *info) {
    each_command(info, commandstats_line);
}

static void section_errorstats(struct info *info) {
    const struct stats *stats = engine_stats(info->call->engine);
    for (unsigned i = 0; i < stats->error_count; i++) {
        buf_printf(info->out, "errorstat_%s:count=%llu\r\n", stats->errors[i].name,
                   (unsigned long long)stats->errors[i].count);
    }
}

static void latencystats_line(struct info *info, const char *name,
                              const struct command_stats *stats) {
    if (stats->latency == NULL) return;
    buf_printf(info->out,
               "latency_percentiles_usec_%s:p50=%llu.000,p99=%llu.000,p99.9=%llu.000\r\n", name,
               (unsigned long long)histogram_percentile(stats->latency, 50),
               (unsigned long long)histogram_percentile(stats->latency, 99),
               (unsigned long long)histogram_percentile(stats->latency, 99.9));
}

static void section_latencystats(struct info *info) {
    each_command(info, latencystats_line);
}

static void section_cluster(struct info *info) {
    info_field_u64(info, "cluster_enabled", 0);
}

static void section_keyspace(struct info *info) {
    const struct store *store = engine_store(info->call->engine);
    if (store == NULL) return; // loading
    const struct keyspace *keyspace = store_keyspace(store);
    for (unsigned db = 0; db < keyspace_databases(keyspace); db++) {
        if (keyspace_count(keyspace, db) == 0) continue;
        buf_printf(info->out, "db%u:keys=%zu,expires=%zu,avg_ttl=%lld\r\n", db,
                   keyspace_count(keyspace, db), keyspace_count_expiring(keyspace, db),
                   (long long)keyspace_mean_ttl_ms(keyspace, db, info->call->now_ms));
    }
}

enum section_when { SECTION_DEFAULT, SECTION_ALL, SECTION_EVERYTHING };

struct section {
    const char *name;
    const char *heading;
    enum section_when when; // the widest request that leaves it out is the one before
    void (*write)(struct info *info);
};

static const struct section sections[] = {
    {"server", "Server", SECTION_DEFAULT, section_server},
    {"clients", "Clients", SECTION_DEFAULT, section_clients},
    {"memory", "Memory", SECTION_DEFAULT, section_memory},
    {"persistence", "Persistence", SECTION_DEFAULT, info_persistence},
    {"durability", "Durability", SECTION_DEFAULT, info_durability},
    {"stats", "Stats", SECTION_DEFAULT, section_stats},
    {"replication", "Replication", SECTION_DEFAULT, section_replication},
    {"cpu", "CPU", SECTION_DEFAULT, section_cpu},
    {"modules", "Modules", SECTION_DEFAULT, section_modules},
    {"commandstats", "Commandstats", SECTION_ALL, section_commandstats},
    {"errorstats", "Errorstats", SECTION_DEFAULT, section_errorstats},
    {"latencystats", "Latencystats", SECTION_ALL, section_latencystats},
    {"cluster", "Cluster", SECTION_DEFAULT, section_cluster},
    {"keyspace", "Keyspace", SECTION_DEFAULT, section_keyspace},
};

static bool is_requested(const struct call *call, const struct section *section) {
    if (call->argc == 1) return section->when == SECTION_DEFAULT;
    for (size_t i = 1; i < call->argc; i++) {
        if (call_arg_is(call, i, section->name)) return true;
        if (call_arg_is(call, i, "default") && section->when == SECTION_DEFAULT) return true;
        if (call_arg_is(call, i, "all") || call_arg_is(call, i, "everything")) return true;
    }
    return false;
}

enum call_result cmd_info(struct call *call) {
    struct buf text = {0};
    struct info info = {.call = call, .out = &text};
    const struct engine_host *host = engine_host(call->engine);
    host->usage(host->context, &info.usage);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!is_requested(call, &sections[i])) continue;
        if (text.len > 0) buf_append_str(&text, "\r\n");
        buf_printf(&text, "# %s\r\n", sections[i].heading);
        sections[i].write(&info);
    }
    reply_verbatim(&call->reply, "txt", buf_slice(&text));
    buf_deinit(&text);
    return CALL_DONE;
}
