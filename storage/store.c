#include "storage/store.h"

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/cleaner.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/scrub.h"
#include "storage/store_state.h"
#include "storage/walk.h"

static uint64_t space_lsn_at(void *context, uint32_t slot, uint32_t offset) {
    const struct store *store = context;
    return log_lsn_at(store->log, slot, offset);
}

static bool space_locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    const struct store *store = context;
    return log_locate(store->log, lsn, slot, offset);
}

struct replay {
    struct store *store;
    struct fault *fault;
};

static enum err replay_record(void *context, const struct log_record *record) {
    struct replay *replay = context;
    const struct effect_record effect = {.type = record->type,
                                         .meta = record->meta,
                                         .payload = record->payload,
                                         .slot = record->slot,
                                         .payload_offset = record->payload_offset};
    if (MUTANT(EXPIRY_NOT_REPLAYED) && record->type == EFFECT_KEY_EXPIRE) return ERR_NONE;
    if (MUTANT(HASH_REMOVE_NOT_REPLAYED) && record->type == EFFECT_HASH_REMOVE) return ERR_NONE;
    if (MUTANT(ACK_NOT_REPLAYED) && record->type == EFFECT_GROUP_ACK) return ERR_NONE;
    if (MUTANT(DELIVERY_NOT_REPLAYED) && record->type == EFFECT_GROUP_READ) return ERR_NONE;
    if (MUTANT(NACK_NOT_REPLAYED) && record->type == EFFECT_GROUP_NACK) return ERR_NONE;
    if (MUTANT(RELOCATION_NOT_REPLAYED) && record->type == EFFECT_RELOCATE) return ERR_NONE;
    if (MUTANT(SENT_ID_NOT_REPLAYED) && record->type == EFFECT_STREAM_IDMP) return ERR_NONE;
    struct effect_outcome outcome;
    struct fault cause = {0};
    const enum err err = effect_apply(replay->store->keyspace, &effect, &outcome, &cause);
    store_note_growth(replay->store, record->meta.len, &outcome);
    if (err == ERR_NONE) return ERR_NONE;
    const uint64_t lsn = log_lsn_at(replay->store->log, record->slot, record->payload_offset);
    return fault_set(replay->fault, err,
                     "the record before log position %llu has a valid checksum but does not fit "
                     "the state before it "
                     "(%s). Keep the directory as it is, run `ackd-check` on it and report this as "
                     "a bug of ackd.",
                     (unsigned long long)lsn, cause.text);
}

static bool replay_is_empty(void *context, uint32_t slot) {
    const struct replay *replay = context;
    return keyspace_live_bytes(replay->store->keyspace, slot) == 0;
}

static void count_key(void *context, const struct entry *entry) {
    (void)entry;
    uint64_t *keys = context;
    *keys += 1;
}

static uint64_t store_key_count(const struct store *store) {
    uint64_t keys = 0;
    for (unsigned db = 0; db < keyspace_databases(store->keyspace); db++) {
        if (keyspace_count(store->keyspace, db) > 0)
            keyspace_each(store->keyspace, db, count_key, &keys);
    }
    return keys;
}

// ---- opening

// Opens the log and makes a keyspace for it; what an earlier attempt has loaded is gone.
static enum err open_log(struct store *store, const struct store_options *options,
                         struct fault *fault) {
    const enum err err = log_open(&store->log, store->vfs, &options->log, fault);
    if (err != ERR_NONE) return err;
    store->space = (struct blob_space){.context = store,
                                       .lsn_at = space_lsn_at,
                                       .locate = space_locate,
                                       .span_bytes = log_segment_bytes(store->log)};
    if (store->keyspace != NULL && MUTANT(HALF_LOADED_STATE_KEPT)) return ERR_NONE;
    keyspace_free(store->keyspace);
    // Every database the format can name exists: a log written with more databases than are
    // configured today must still be readable. Which of them a client may SELECT is the engine's
    // business.
    store->keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &store->space, options->seed);
    return ERR_NONE;
}

// Puts the checkpoint in place of what the store has, and begins with it. ERR_CORRUPT: it, or the
// log behind it, is damaged.
static enum err begin_with(struct store *store, struct state_checkpoint *checkpoint,
                           struct progress *progress, struct fault *fault) {
    state_checkpoint_deinit(&store->checkpoint);
    store->checkpoint = *checkpoint;
    *checkpoint = (struct state_checkpoint){0};
    enum err err = state_read_kept(store->vfs, &store->checkpoint, fault);
    if (err != ERR_NONE) return err;
    const struct log_checkpoint adopted = state_log_checkpoint(&store->checkpoint);
    err = log_adopt(store->log, &adopted, fault);
    if (err != ERR_NONE) return err;
    return state_load(store->vfs, &store->checkpoint, store->keyspace, progress, fault);
}

// The newest checkpoint could not be loaded (ERR_CORRUPT, as `fault` says). If its file is damaged
// and the one before it is not, begins with that one, in a log and keyspace that know nothing of
// the newest; else it stays at ERR_CORRUPT.
static enum err begin_with_older(struct store *store, struct state_checkpoint *older,
                                 const struct store_options *options, struct fault *fault) {
    struct fault damage = {0};
    if (state_verify(store->vfs, &store->checkpoint, &damage) != ERR_CORRUPT) return ERR_CORRUPT;
    (void)fault_set(fault, ERR_CORRUPT, "%s", damage.text);
    if (state_verify(store->vfs, older, NULL) != ERR_NONE) return ERR_CORRUPT;
    log_close(store->log);
    store->log = NULL;
    struct fault cause = {0};
    enum err err = open_log(store, options, &cause);
    if (err == ERR_NONE) err = begin_with(store, older, options->log.progress, &cause);
    if (err == ERR_CORRUPT) return err;
    if (err != ERR_NONE) return fault_set(fault, err, "%s", cause.text);
    trace_event(store->trace, TRACE_WARNING, "store.checkpoint_passed_over",
                "The newest checkpoint is damaged; the one before it and the log behind that "
                "give the same state. Check the disk. (%s)",
                damage.text);
    return ERR_NONE;
}

// A checkpoint is verified while it is loaded: a start reads it once. Only when that fails the one
// before it is looked at.
static enum err adopt_checkpoint(struct store *store, const struct store_options *options,
                                 struct fault *fault) {
    struct state_checkpoint found[STATE_FILES];
    enum err err = state_find(store->vfs, log_format(store->log), found, fault);
    if (err != ERR_NONE) return err;
    if (!found[0].exists) return log_adopt(store->log, NULL, fault);
    err = begin_with(store, &found[0], options->log.progress, fault);
    if (err == ERR_CORRUPT && found[1].exists)
        err = begin_with_older(store, &found[1], options, fault);
    state_checkpoint_deinit(&found[1]);
    if (err != ERR_NONE) return err;
    return state_confirm(store->vfs, &store->checkpoint, fault);
}

static enum err recover(struct store *store, const struct store_options *options,
                        struct store_recovery *recovery, struct fault *fault) {
    struct replay replay = {.store = store, .fault = fault};
    const struct log_visitor visitor = {
        .context = &replay,
        .visit = replay_record,
        .is_empty = replay_is_empty,
        .relocate = effect_relocate,
    };
    enum err err = adopt_checkpoint(store, options, fault);
    if (err == ERR_NONE) err = log_recover(store->log, &visitor, &recovery->log, fault);
    if (err != ERR_NONE) return err;
    store_note_checkpoint_bytes(store);
    recovery->generation = store->checkpoint.header.generation;
    recovery->frames = store->checkpoint.header.frames + recovery->log.frames;
    return ERR_NONE;
}

enum err store_open(struct store **out, struct vfs *vfs, const struct store_options *options,
                    struct store_recovery *recovery, struct fault *fault) {
    struct store *store = mem_zalloc(sizeof *store);
    store->vfs = vfs;
    store->trace = options->trace;
    store->folds.options = options->fold;
    store->folds.seed = options->log.seed;
    store->walk_looks = options->walk_looks == 0 ? WALK_LOOKS : options->walk_looks;
    store->folds.retry_ms = INT64_MIN;
    reads_init(&store->reads, options->cold_read_cache_bytes);
    must(options->databases <= KEYSPACE_DATABASES_MAX);

    *recovery = (struct store_recovery){0};
    enum err err = open_log(store, options, fault);
    if (err == ERR_NONE) err = recover(store, options, recovery, fault);
    if (err != ERR_NONE) {
        store_close(store);
        return err;
    }
    recovery->keys = store_key_count(store);
    store_note_empty(store);
    keyspace_defer(store->keyspace, options->trash_min == 0 ? STORE_TRASH_MIN : options->trash_min);
    store->cleaner = cleaner_new(store, store->trace);
    store->scrub = scrub_new(store, store->trace);
    *out = store;
    return ERR_NONE;
}

void store_close(struct store *store) {
    if (store == NULL) return;
    must(!store->txn.is_open && store->folds.running == NULL);
    scrub_free(store->scrub);
    cleaner_free(store->cleaner);
    state_checkpoint_deinit(&store->checkpoint);
    reads_deinit(&store->reads);
    keyspace_free(store->keyspace);
    log_close(store->log);
    buf_deinit(&store->meta);
    buf_deinit(&store->entry);
    mem_free(store->payloads);
    mem_free(store->values);
    mem_free(store->fields);
    mem_free(store);
}

const struct keyspace *store_keyspace(const struct store *store) {
    return store->keyspace;
}

struct cleaner *store_cleaner(const struct store *store) {
    return store->cleaner;
}

struct scrub *store_scrub(const struct store *store) {
    return store->scrub;
}

struct log *store_log(const struct store *store) {
    return store->log;
}

// Segments get empty when a value goes, and when they stop to be the newest one.
void store_note_empty(struct store *store) {
    must(!store->txn.is_open);
    struct log *log = store->log;
    const size_t newest = log_segment_count(log) - 1;
    const uint64_t newest_sequence = log_segment_at(log, newest).sequence;
    bool has_new = newest_sequence != store->looked_sequence;
    for (size_t i = newest; has_new && i-- > 0;) {
        const struct log_segment_use use = log_segment_at(log, i);
        if (use.sequence < store->looked_sequence) break;
        if (keyspace_live_bytes(store->keyspace, use.slot) == 0) log_note_empty(log, use.slot);
    }
    store->looked_sequence = newest_sequence;
    uint32_t slot;
    while (keyspace_take_emptied(store->keyspace, &slot)) {
        if (keyspace_live_bytes(store->keyspace, slot) > 0) continue;
        log_note_empty(log, slot);
        has_new = true;
    }
    if (has_new) log_recycle(log);
}

void store_observe(struct store *store,
                   void (*observer)(void *context, const struct effect_outcome *outcome),
                   void *context) {
    store->observer = observer;
    store->observer_context = context;
}

bool store_has_trash(const struct store *store) {
    return keyspace_has_trash(store->keyspace);
}

void store_sweep(struct store *store, size_t steps) {
    if (!MUTANT(TRASH_NEVER_SWEPT)) keyspace_sweep(store->keyspace, steps);
}

void store_touch(struct store *store, const struct entry *entry, int64_t now_ms) {
    keyspace_touch(store->keyspace, entry, now_ms);
}

void store_note_seen(struct store *store, const struct consumer *consumer, int64_t now_ms) {
    (void)store; // who may change it may change its consumers
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the consumer is const to commands only.
    struct consumer *changed = (struct consumer *)(uintptr_t)consumer;
    consumer_set_times(changed, now_ms, consumer_active_ms(consumer));
}

void store_note_duplicate(struct store *store, const struct stream *stream) {
    (void)store;
    struct idmp *idmp = stream_idmp_state(stream);
    if (idmp != NULL) idmp_note_duplicate(idmp);
}

struct slice store_resident(const struct store *store, const struct blob *blob) {
    if (blob_kind(blob) != BLOB_REF) return blob_bytes(blob);
    return log_resident(store->log, blob_slot(blob), blob_offset(blob), blob_len(blob));
}

void store_tell_unreadable(struct store *store, const struct blob *blob, enum err err) {
    if (err == ERR_CORRUPT) store->stats.corrupt_reads++;
    trace_event(
        store->trace, TRACE_WARNING, "store.read_failed",
        "A value of %zu bytes at offset %u of seg-%06u cannot be read (%s). It is reported to "
        "the client and not served. Check the disk, then run ackd-check on the data directory.",
        blob_len(blob), blob_offset(blob), blob_slot(blob), err_name(err));
}

enum err store_read(struct store *store, const struct blob *blob, char *into) {
    must(blob_kind(blob) == BLOB_REF);
    const enum err err =
        log_read(store->log, blob_slot(blob), blob_offset(blob), blob_len(blob), blob->hash, into);
    store->stats.disk_reads++;
    store->stats.disk_read_bytes += blob_len(blob);
    if (err != ERR_NONE) store_tell_unreadable(store, blob, err);
    return err;
}

enum err store_bytes(struct store *store, const struct blob *blob, struct buf *scratch,
                     struct slice *out) {
    *out = store_resident(store, blob);
    if (out->data != NULL || blob_len(blob) == 0) return ERR_NONE;
    buf_reset(scratch);
    char *into = buf_reserve(scratch, blob_len(blob));
    const enum err err = store_read(store, blob, into);
    if (err != ERR_NONE) return err;
    buf_commit(scratch, blob_len(blob));
    *out = buf_slice(scratch);
    return ERR_NONE;
}

enum err store_blob_equals(struct store *store, const struct blob *blob, struct slice s,
                           uint32_t hash, struct buf *scratch, bool *out) {
    *out = false;
    if (blob_len(blob) != s.len || blob->hash != hash) return ERR_NONE;
    if (MUTANT(EQUAL_HASH_IS_EQUAL)) {
        *out = true;
        return ERR_NONE;
    }
    struct slice bytes;
    const enum err err = store_bytes(store, blob, scratch, &bytes);
    if (err == ERR_NONE) *out = slice_equal(bytes, s);
    return err;
}

struct store_stats store_stats(const struct store *store) {
    return store->stats;
}
