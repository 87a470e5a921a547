// INFO's sections about what is on disk: Persistence with Redis' names, Durability with our own.
#include "server/commands/info.h"
#include "server/engine/saving.h"
#include "storage/cleaner.h"
#include "storage/scrub.h"

enum { PERCENT_MAX = 100, MS_PER_S = 1000, US_PER_MS = 1000, US_PER_S = 1000 * 1000 };

// As Redis: only while something is being loaded.
static void loading_fields(struct info *info, const struct engine_loading *loading) {
    const int64_t took_s = (info->call->now_ms - loading->began_ms) / 1000;
    const uint64_t left = loading->total_bytes - loading->loaded_bytes;
    int64_t eta_s = 1; // unknown
    if (loading->loaded_bytes > 0)
        eta_s = (int64_t)((double)took_s * info_ratio(left, loading->loaded_bytes));
    info_field_i64(info, "loading_start_time", loading->began_ms / 1000);
    info_field_u64(info, "loading_total_bytes", loading->total_bytes);
    info_field_u64(info, "loading_rdb_used_mem", 0);
    info_field_u64(info, "loading_loaded_bytes", loading->loaded_bytes);
    info_field_double(info, "loading_loaded_perc", 2,
                      PERCENT_MAX * info_ratio(loading->loaded_bytes, loading->total_bytes));
    info_field_i64(info, "loading_eta_seconds", eta_s);
}

static const char *status_of(const struct saving *saving, enum saving_kind kind) {
    return saving->accounts[kind].last_err == ERR_NONE ? "ok" : "err";
}

// Seconds the active one has taken so far; -1: none of that kind is.
static int64_t current_s(const struct info *info, enum saving_kind kind) {
    const struct saving *saving = engine_saving(info->call->engine);
    if (!saving_is_active(saving, kind)) return -1;
    return (engine_monotonic_us(info->call->engine) - saving->began_us) / US_PER_S;
}

static void save_fields(struct info *info, const struct store *store) {
    const struct saving *saving = engine_saving(info->call->engine);
    const struct saving_account *saves = &saving->accounts[SAVING_SAVE];
    const uint64_t effects = store == NULL ? 0 : store_stats(store).effects;
    info_field_u64(info, "rdb_changes_since_last_save", effects - saving->last_effects);
    info_field_u64(info, "rdb_bgsave_in_progress", saving_is_active(saving, SAVING_SAVE));
    info_field_i64(info, "rdb_last_save_time", saving->last_ms / MS_PER_S);
    info_field_str(info, "rdb_last_bgsave_status", status_of(saving, SAVING_SAVE));
    info_field_i64(info, "rdb_last_bgsave_time_sec", saves->last_took_s);
    info_field_i64(info, "rdb_current_bgsave_time_sec", current_s(info, SAVING_SAVE));
    info_field_u64(info, "rdb_saves", saves->done);
}

static void rewrite_fields(struct info *info) {
    const struct saving *saving = engine_saving(info->call->engine);
    const struct saving_account *rewrites = &saving->accounts[SAVING_REWRITE];
    info_field_u64(info, "aof_enabled", 1);
    info_field_u64(info, "aof_rewrite_in_progress", saving_is_active(saving, SAVING_REWRITE));
    info_field_u64(info, "aof_rewrite_scheduled", rewrites->is_scheduled);
    info_field_i64(info, "aof_last_rewrite_time_sec", rewrites->last_took_s);
    info_field_i64(info, "aof_current_rewrite_time_sec", current_s(info, SAVING_REWRITE));
    info_field_str(info, "aof_last_bgrewrite_status", status_of(saving, SAVING_REWRITE));
    info_field_u64(info, "aof_rewrites", rewrites->done);
    info_field_u64(info, "aof_rewrites_consecutive_failures", rewrites->failures_in_row);
}

void info_persistence(struct info *info) {
    static const char *const idle[] = {
        "async_loading",
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
        "current_save_keys_processed",
        "current_save_keys_total",
        "rdb_last_cow_size",
        "rdb_last_load_keys_expired",
        "rdb_last_load_keys_loaded",
        "aof_last_cow_size",
        "aof_pending_rewrite",
        "aof_delayed_fsync",
        "module_fork_in_progress",
        "module_fork_last_cow_size",
    };
    const struct store *store = engine_store(info->call->engine);
    const struct engine_loading *loading = engine_loading(info->call->engine);
    struct log_stats log = {0};
    struct store_checkpoint_stats checkpoint = {0};
    uint64_t log_bytes = 0;
    if (store != NULL) {
        log = log_stats(store_log(store));
        log_bytes = log.segments * log_segment_bytes(store_log(store));
        checkpoint = store_checkpoint_stats(store);
    }
    info_field_u64(info, "loading", loading != NULL);
    info_field_double(info, "current_fork_perc", 2, 0.0);
    save_fields(info, store);
    rewrite_fields(info);
    info_field_str(info, "aof_last_write_status", log.is_broken || log.is_full ? "err" : "ok");
    info_field_u64(info, "aof_current_size", log_bytes + checkpoint.bytes);
    info_field_u64(info, "aof_base_size", checkpoint.bytes);
    info_field_u64(info, "aof_buffer_length", log.open_bytes);
    info_field_u64(info, "aof_pending_bio_fsync", log.flying_bytes > 0 ? 1 : 0);
    const struct engine_disk disk = engine_disk(info->call->engine);
    info_field_u64(info, "log_disk_used",
                   store == NULL ? 0 : log.slots * log_segment_bytes(store_log(store)));
    info_field_u64(info, "log_disk_free", disk.free_bytes);
    info_field_u64(info, "log_disk_total", disk.total_bytes);
    info_field_u64(info, "log_disk_low", disk.is_low);
    info_fields_zero(info, idle, sizeof idle / sizeof *idle);
    if (loading != NULL) loading_fields(info, loading);
}

static void cleaner_fields(struct info *info, const struct store *store) {
    const struct cleaner_stats stats = cleaner_stats(store_cleaner(store));
    info_field_u64(info, "log_garbage_bytes", stats.garbage_bytes);
    info_field_u64(info, "log_segments_waiting", stats.waiting_segments);
    info_field_u64(info, "cleaner_running", stats.is_running);
    info_field_u64(info, "cleaner_victims", stats.victims);
    info_field_u64(info, "cleaner_walks", stats.walks);
    info_field_u64(info, "cleaner_cleaned_segments", stats.cleaned_segments);
    info_field_u64(info, "cleaner_stuck_segments", stats.stuck_segments);
    info_field_u64(info, "cleaner_relocated_values", stats.relocated_values);
    info_field_u64(info, "cleaner_relocated_bytes", stats.relocated_bytes);
    info_field_u64(info, "cleaner_missed_values", stats.missed_values);
    info_field_u64(info, "cleaner_damaged_values", stats.damaged_values);
}

static void scrub_fields(struct info *info, const struct store *store) {
    const struct scrub_stats stats = scrub_stats(store_scrub(store));
    const int64_t ago_us = engine_monotonic_us(info->call->engine) - stats.last_ended_us;
    info_field_u64(info, "scrub_enabled", stats.is_enabled);
    info_field_u64(info, "scrub_running", stats.is_running);
    info_field_u64(info, "scrub_passes", stats.passes);
    info_field_i64(info, "scrub_last_pass_time",
                   stats.passes == 0 ? 0 : (info->call->now_ms - ago_us / US_PER_MS) / MS_PER_S);
    info_field_i64(info, "scrub_last_pass_msec", stats.last_took_us / US_PER_MS);
    info_field_u64(info, "scrub_values", stats.values);
    info_field_u64(info, "scrub_bytes", stats.bytes);
    info_field_u64(info, "scrub_damaged_values", stats.damaged_values);
    info_field_u64(info, "scrub_damaged_files", stats.damaged_files);
}

static void checkpoint_fields(struct info *info, const struct store *store) {
    const struct store_checkpoint_stats stats = store_checkpoint_stats(store);
    info_field_u64(info, "checkpoint_generation", stats.generation);
    info_field_u64(info, "checkpoint_position", stats.lsn);
    info_field_u64(info, "checkpoint_keys", stats.keys);
    info_field_u64(info, "checkpoint_bytes", stats.bytes);
    info_field_i64(info, "checkpoint_time", stats.made_ms / MS_PER_S);
    info_field_u64(info, "checkpoint_in_progress", stats.is_folding);
    info_field_u64(info, "checkpoint_foldable_bytes", stats.foldable_bytes);
    info_field_u64(info, "checkpoint_folds", stats.folds);
    info_field_u64(info, "checkpoint_failures", stats.failures);
    info_field_str(info, "checkpoint_last_status", err_name(stats.last_err));
    info_field_i64(info, "checkpoint_last_msec", stats.last_took_ms);
    info_field_u64(info, "checkpoint_last_slices", stats.last_slices);
    info_field_u64(info, "checkpoint_last_bytes_read", stats.last_bytes_read);
    info_field_u64(info, "checkpoint_last_bytes_written", stats.last_bytes_written);
}

void info_durability(struct info *info) {
    const struct store *store = engine_store(info->call->engine);
    if (store == NULL) return; // loading
    const struct log *log = store_log(store);
    const struct log_stats stats = log_stats(log);
    const struct store_stats reads = store_stats(store);
    info_field_u64(info, "log_position", stats.end_lsn);
    info_field_u64(info, "log_durable_position", stats.durable_lsn);
    info_field_u64(info, "log_open_bytes", stats.open_bytes);
    info_field_u64(info, "log_flying_bytes", stats.flying_bytes);
    info_field_str(info, "log_status", stats.is_broken ? "broken" : stats.is_full ? "full" : "ok");
    info_field_str(info, "log_sync_method", engine_options_of(info->call->engine)->sync_method);
    info_field_u64(info, "log_sync_p50_usec", histogram_percentile(stats.sync_us, 50));
    info_field_u64(info, "log_sync_p99_usec", histogram_percentile(stats.sync_us, 99));
    info_field_u64(info, "log_sync_p999_usec", histogram_percentile(stats.sync_us, 99.9));
    info_field_u64(info, "log_sync_max_usec", stats.sync_us->max);
    info_field_u64(info, "log_batches", stats.batches);
    info_field_u64(info, "log_batch_bytes", stats.batch_bytes);
    info_field_double(info, "log_frames_per_batch", 2, info_ratio(stats.frames, stats.batches));
    info_field_u64(info, "log_frames", stats.frames);
    info_field_u64(info, "log_records", stats.records);
    info_field_u64(info, "log_seals", stats.seals);
    info_field_u64(info, "log_segments", stats.segments);
    info_field_u64(info, "log_segment_bytes", log_segment_bytes(log));
    info_field_u64(info, "log_slots", stats.slots);
    info_field_u64(info, "log_slots_ready", stats.slots_ready);
    info_field_u64(info, "log_slots_made", stats.slots_made);
    info_field_u64(info, "log_slots_removed", stats.slots_removed);
    info_field_u64(info, "log_slot_failures", stats.slot_failures);
    info_field_u64(info, "log_segments_recycled", stats.segments_recycled);
    info_field_u64(info, "log_disk_bytes", stats.disk_bytes);
    info_field_bytes(info, "max_disk", engine_options_of(info->call->engine)->max_disk);
    info_field_u64(info, "log_live_bytes", keyspace_live_bytes_total(store_keyspace(store)));
    info_field_u64(info, "disk_reads", reads.disk_reads);
    info_field_u64(info, "corrupt_reads", reads.corrupt_reads);
    info_field_u64(info, "refused_no_space", engine_stats(info->call->engine)->refused_no_space);
    info_field_u64(info, "refused_memory", engine_stats(info->call->engine)->refused_memory);
    checkpoint_fields(info, store);
    cleaner_fields(info, store);
    scrub_fields(info, store);
}
