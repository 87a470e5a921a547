// When the store folds, and what becomes of it.
#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/fold.h"
#include "storage/scrub_state.h"
#include "storage/store_state.h"

enum {
    RETRY_FIRST_MS = 1000, // after a failure; twice as long after each further one
    RETRY_MAX_MS = 60 * 1000,
    // A guess at the memory of a loaded checkpoint: references are 9 bytes there and 14 in a list,
    // 34 and 22 in a stream, pending entries 32 and 45; keys cost something on their own.
    MEMORY_PER_BYTE = 2,
    MEMORY_PER_KEY = 128,
    GROWTH_PER_EFFECT = 64, // an effect's meta is what it may add to memory, and a little more
};

// A fold is worth it for so much log at least, if that is not more than FOLD_LIVE_SHARE-th of what
// is alive: the fewer the folds the less they cost; the more log the longer a start after a kill.
#define FOLD_BYTES_MAX ((uint64_t)256 << 20)
enum { FOLD_LIVE_SHARE = 4 };

#define MEMORY_DEFAULT ((uint64_t)256 << 20)

static uint64_t foldable_bytes(const struct store *store) {
    const uint64_t sealed_lsn = log_sealed_lsn(store->log);
    const uint64_t from_lsn = store->checkpoint.header.lsn;
    const uint64_t begin_lsn = num_max(from_lsn, log_segment_bytes(store->log));
    return sealed_lsn > begin_lsn ? sealed_lsn - begin_lsn : 0;
}

// Segments without live bytes that begin before `end_lsn`.
static uint64_t count_empty(const struct store *store, uint64_t end_lsn) {
    uint64_t count = 0;
    for (size_t i = log_segment_count(store->log); i-- > 0;) {
        const struct log_segment_use segment = log_segment_at(store->log, i);
        if (segment.sequence * log_segment_bytes(store->log) >= end_lsn) continue;
        count += keyspace_live_bytes(store->keyspace, segment.slot) == 0;
    }
    return count;
}

// Whether there is a whole segment, however short, that the checkpoint does not cover.
static bool has_foldable(const struct store *store) {
    const struct log *log = store->log;
    for (size_t i = log_segment_count(log); i-- > 0;) {
        const struct log_segment_use use = log_segment_at(log, i);
        if (use.sequence * log_segment_bytes(log) < log_sealed_lsn(log))
            return use.end_lsn > store->checkpoint.header.lsn;
    }
    return false;
}

// So much log makes a fold worth it. It writes about as much as the last one did, for log that need
// not be replayed and segments that can be given back.
static uint64_t due_bytes(const struct store *store) {
    const uint64_t share = keyspace_live_bytes_total(store->keyspace) / FOLD_LIVE_SHARE;
    const uint64_t least = num_max(log_segment_bytes(store->log), num_min(share, FOLD_BYTES_MAX));
    return num_max(least, store->checkpoint.header.body_bytes);
}

bool store_fold_is_late(const struct store *store) {
    const struct store_folds *folds = &store->folds;
    const uint64_t due = due_bytes(store);
    if (folds->running == NULL) return foldable_bytes(store) >= due + due / 2;
    return log_sealed_lsn(store->log) - folds->begun_lsn >= due / 2;
}

bool store_wants_fold(struct store *store, int64_t now_ms) {
    const struct store_folds *folds = &store->folds;
    if (folds->running != NULL || now_ms < folds->retry_ms || log_is_broken(store->log))
        return false;
    if (log_sealed_lsn(store->log) <= folds->vain_lsn) return false;
    if (scrub_wants_fold(store->scrub) && has_foldable(store)) return true;
    // For any when there is no other room.
    return foldable_bytes(store) >= (log_stats(store->log).is_full ? 1 : due_bytes(store));
}

static uint64_t count_keys(const struct store *store) {
    uint64_t keys = 0;
    for (unsigned db = 0; db < keyspace_databases(store->keyspace); db++)
        keys += keyspace_count(store->keyspace, db);
    return keys;
}

// Each slice reads the log anew: a key cannot be divided, so there are no more slices than keys.
static unsigned slices_for(const struct store *store) {
    const struct store_fold_options *options = &store->folds.options;
    if (options->slices != 0) return (unsigned)num_min(options->slices, FOLD_SLICES_MAX);
    const struct state_header *header = &store->checkpoint.header;
    const uint64_t estimate = MEMORY_PER_BYTE * header->body_bytes + MEMORY_PER_KEY * header->keys +
                              store->folds.growth_bytes;
    const uint64_t bound = options->memory_bytes != 0 ? options->memory_bytes : MEMORY_DEFAULT;
    const uint64_t slices = num_min(estimate / bound + 1, num_max(count_keys(store), 1));
    return (unsigned)num_min(slices, FOLD_SLICES_MAX);
}

// Another one for each try, also after a restart: the end of the log has moved or the seed is new.
static uint64_t draw_salt(struct store *store) {
    const uint64_t numbers[] = {store->folds.seed, ++store->folds.tries, log_end_lsn(store->log)};
    return hash_bytes(slice_of(numbers, sizeof numbers), 0);
}

struct fold *store_fold_begin(struct store *store, int64_t now_ms) {
    struct store_folds *folds = &store->folds;
    if (folds->running != NULL || log_is_broken(store->log)) return NULL;
    struct log_span *span = log_span_begin(store->log, store->checkpoint.header.lsn);
    if (span == NULL) return NULL;
    const struct fold_task task = {.vfs = store->vfs,
                                   .format = log_format(store->log),
                                   .base = &store->checkpoint,
                                   .span = span,
                                   .slices = slices_for(store),
                                   .block_bytes = folds->options.block_bytes,
                                   .seed = folds->seed,
                                   .salt = draw_salt(store),
                                   .wall_ms = now_ms};
    folds->running = fold_new(&task);
    log_expect_slots(store->log, (uint32_t)count_empty(store, log_sealed_lsn(store->log)));
    scrub_note_fold(store->scrub);
    folds->begun_ms = now_ms;
    folds->begun_lsn = log_sealed_lsn(store->log);
    folds->begun_growth_bytes = folds->growth_bytes;
    return folds->running;
}

static void note_failure(struct store *store, enum err err, const struct fault *fault,
                         int64_t now_ms) {
    struct store_folds *folds = &store->folds;
    const unsigned doublings = folds->failures_in_row < 6 ? folds->failures_in_row : 6;
    const int64_t pause_ms = (int64_t)RETRY_FIRST_MS << doublings;
    folds->retry_ms = now_ms + (pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
    folds->failures++;
    folds->failures_in_row++;
    if (folds->last_err != err)
        trace_event(store->trace, TRACE_WARNING, "store.fold_failed",
                    "No checkpoint could be made: %s. The data is safe, but the log keeps growing; "
                    "it is tried again.",
                    fault != NULL && fault->text[0] != '\0' ? fault->text : err_name(err));
}

void store_note_checkpoint_bytes(struct store *store) {
    if (!store->checkpoint.exists) return;
    // The other file is about as large, or will be.
    log_set_other_bytes(store->log, 2 * (store->checkpoint.header.body_bytes + STATE_BODY_AT));
}

static void install(struct store *store, struct fold *fold) {
    struct store_folds *folds = &store->folds;
    state_checkpoint_deinit(&store->checkpoint);
    store->checkpoint = fold_take(fold);
    folds->growth_bytes -= folds->begun_growth_bytes;
    folds->installed++;
    const struct log_checkpoint checkpoint = state_log_checkpoint(&store->checkpoint);
    log_checkpoint_done(store->log, &checkpoint);
    scrub_note_checkpoint(store->scrub);
    store_note_checkpoint_bytes(store);
    const struct state_header *header = &store->checkpoint.header;
    trace_event(store->trace, TRACE_NOTICE, "store.folded",
                "Checkpoint %llu is made in %s: %llu keys, %llu bytes, up to log position %llu, "
                "in %lld ms.",
                (unsigned long long)header->generation, state_file_name(store->checkpoint.name),
                (unsigned long long)header->keys, (unsigned long long)header->body_bytes,
                (unsigned long long)header->lsn, (long long)folds->last_took_ms);
}

void store_fold_end(struct store *store, struct fold *fold, enum err err, const struct fault *fault,
                    int64_t now_ms) {
    struct store_folds *folds = &store->folds;
    must(folds->running == fold);
    folds->running = NULL;
    log_expect_slots(store->log, 0);
    folds->last_took_ms = now_ms - folds->begun_ms;
    folds->last_figures = fold_figures(fold);
    if (err != ERR_NONE) {
        note_failure(store, err, fault, now_ms);
    } else {
        folds->failures_in_row = 0;
        folds->retry_ms = INT64_MIN;
        if (fold_has_made(fold))
            install(store, fold);
        else
            folds->vain_lsn = folds->begun_lsn;
    }
    folds->last_err = err;
    fold_free(fold);
}

void store_note_growth(struct store *store, size_t meta_len, const struct effect_outcome *outcome) {
    store->folds.growth_bytes += meta_len + GROWTH_PER_EFFECT + outcome->held_bytes;
}

struct store_checkpoint_stats store_checkpoint_stats(const struct store *store) {
    const struct state_header *header = &store->checkpoint.header;
    const struct store_folds *folds = &store->folds;
    return (struct store_checkpoint_stats){
        .exists = store->checkpoint.exists,
        .generation = header->generation,
        .lsn = header->lsn,
        .frames = header->frames,
        .digest = header->digest,
        .keys = header->keys,
        .records = header->records,
        .bytes = store->checkpoint.exists ? header->body_bytes + STATE_BODY_AT : 0,
        .made_ms = header->wall_ms,
        .foldable_bytes = foldable_bytes(store),
        .is_folding = folds->running != NULL,
        .folds = folds->installed,
        .failures = folds->failures,
        .last_err = folds->last_err,
        .last_took_ms = folds->last_took_ms,
        .last_slices = folds->last_figures.slices,
        .last_bytes_read = folds->last_figures.bytes_read,
        .last_bytes_written = folds->last_figures.bytes_written,
    };
}
