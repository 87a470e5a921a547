// Happy path, for each slice of keys: load what the last checkpoint has of it, read the segments of
// the span in order, write what is there now. After the last slice the kept table and the headers.
//
// Failure modes: a read finds damage, a write fails, the disk is full: the fold ends, its file is
// removed, the last checkpoint stands as it was. A crash: the file has no valid header and does not
// count. A fold that is wrong without noticing would be found by the digest at the next start.
#include "storage/fold.h"

#include <stdatomic.h>

#include "proto/base/buf.h"
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/dump.h"
#include "storage/data/effect_queue.h"
#include "storage/state/state_reader.h"
#include "storage/state/state_writer.h"

enum {
    STEP_BYTES = 1 << 20,   // written in one step, about
    STEP_BUCKETS = 1 << 16, // of the table of keys walked in one step, at most
    KNOWN_PLACES = 256,     // segments whose slots are known without a search
};

#define SLICE_SEED UINT64_C(0x666f6c642d736c69) // which keys are in which slice

enum fold_phase { FOLD_LOAD, FOLD_READ, FOLD_WRITE, FOLD_FINISH, FOLD_DONE };

struct known_place {
    uint64_t sequence; // 0: none
    uint32_t slot;
};

struct fold {
    struct fold_task task;
    struct blob_space space;
    struct known_place known[KNOWN_PLACES]; // by sequence
    enum fold_phase phase;
    atomic_bool is_cancelled;

    // of the present slice
    unsigned slice;
    struct keyspace *keyspace;
    struct effect_queue queue;   // empty between steps
    struct state_reader *reader; // of the last checkpoint
    size_t segment;              // to be read next
    unsigned db;                 // to be written next ...
    uint64_t cursor;             // ... from here on

    struct state_writer *writer;  // NULL before the first slice is to be written
    uint64_t paced_bytes;         // written when the step began, or paused
    void (*pause)(void *context); // NULL: a long step is not interrupted
    void *pause_context;
    struct dump *dump;
    struct buf meta;
    struct slice payloads[DUMP_ELEMENTS_MAX + 1];
    enum err write_err;
    struct fault *fault; // of the present step

    // sums over slices
    uint64_t digest;
    uint64_t keys;
    uint64_t *live; // by place in the span, oldest segment first
    size_t live_count;
    struct fold_figures figures;
    struct state_checkpoint made;
};

static uint64_t space_lsn_at(void *context, uint32_t slot, uint32_t offset) {
    const struct fold *fold = context;
    return log_span_lsn_at(fold->task.span, slot, offset);
}

static bool space_locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    struct fold *fold = context;
    const uint64_t segment_bytes = fold->task.format->segment_bytes;
    const uint64_t sequence = lsn / segment_bytes;
    struct known_place *known = &fold->known[sequence % KNOWN_PLACES];
    if (known->sequence != sequence || sequence == 0) {
        if (!log_span_locate(fold->task.span, lsn, slot, offset)) return false;
        *known = (struct known_place){.sequence = sequence, .slot = *slot};
    }
    *slot = known->slot;
    *offset = (uint32_t)(lsn % segment_bytes);
    return true;
}

// ---- life

static void put_effect(void *context, const struct effect *effect);

struct fold *fold_new(const struct fold_task *task) {
    must(task->slices >= 1 && task->slices <= FOLD_SLICES_MAX);
    struct fold *fold = mem_zalloc(sizeof *fold);
    fold->task = *task;
    fold->figures.slices = task->slices;
    fold->space = (struct blob_space){.context = fold,
                                      .lsn_at = space_lsn_at,
                                      .locate = space_locate,
                                      .span_bytes = task->format->segment_bytes};
    const struct dump_sink sink = {.context = fold, .effect = put_effect, .is_checkpoint = true};
    fold->dump = dump_new(&sink);
    return fold;
}

void fold_free(struct fold *fold) {
    if (fold == NULL) return;
    keyspace_free(fold->keyspace);
    state_reader_close(fold->reader);
    state_writer_close(fold->writer);
    state_checkpoint_deinit(&fold->made);
    log_span_end(fold->task.span);
    dump_free(fold->dump);
    buf_deinit(&fold->meta);
    mem_free(fold->live);
    mem_free(fold);
}

void fold_cancel(struct fold *fold) {
    atomic_store_explicit(&fold->is_cancelled, true, memory_order_relaxed);
}

static bool is_cancelled(const struct fold *fold) {
    return atomic_load_explicit(&fold->is_cancelled, memory_order_relaxed);
}

struct fold_figures fold_figures(const struct fold *fold) {
    struct fold_figures figures = fold->figures;
    if (fold->writer != NULL) figures.bytes_written = state_writer_bytes(fold->writer);
    return figures;
}

void fold_set_pause(struct fold *fold, void (*pause)(void *context), void *context) {
    fold->pause = pause;
    fold->pause_context = context;
}

bool fold_has_made(const struct fold *fold) {
    return fold->made.exists;
}

struct state_checkpoint fold_take(struct fold *fold) {
    const struct state_checkpoint made = fold->made;
    fold->made = (struct state_checkpoint){0};
    return made;
}

// ---- which effects

static bool is_in_slice(const struct fold *fold, struct slice key) {
    if (fold->task.slices == 1) return true;
    return hash_bytes(key, SLICE_SEED) % fold->task.slices == fold->slice;
}

// Whether the effect is about a key of the slice, or about a whole database. What cannot be read is
// left to effect_apply, which refuses it.
static bool concerns(const struct fold *fold, const struct effect_record *record) {
    if (MUTANT(FOLD_DROPS_EFFECT) && record->type == EFFECT_KEY_DELETE) return false;
    if (fold->task.slices == 1) return true;
    if (record->type == EFFECT_DB_FLUSH || record->type == EFFECT_DB_SWAP) return true;
    enum { AT_LEN = 2, AT_KEY = 6 };
    if (record->meta.len < AT_KEY) return true;
    const size_t len = load_u32le(record->meta.data + AT_LEN);
    if (len > record->meta.len - AT_KEY) return true;
    return is_in_slice(fold, slice_of(record->meta.data + AT_KEY, len));
}

static enum err apply(struct fold *fold, const struct effect_record *record, struct fault *fault) {
    if (!concerns(fold, record) || is_cancelled(fold)) return ERR_NONE;
    return effect_queue_put(&fold->queue, fold->keyspace, record, fault);
}

// Before the records' bytes go.
static enum err apply_queued(struct fold *fold, enum err err) {
    if (err == ERR_NONE) return effect_queue_drain(&fold->queue, fold->keyspace, fold->fault);
    effect_queue_reset(&fold->queue);
    return err;
}

// ---- loading

static enum err load_record(void *context, const struct effect_record *record,
                            struct fault *fault) {
    return apply(context, record, fault);
}

static enum err step_load(struct fold *fold) {
    const struct state_checkpoint *base = fold->task.base;
    if (fold->keyspace == NULL) {
        fold->keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &fold->space, fold->task.seed);
        fold->segment = 0;
        fold->phase = FOLD_READ;
        if (!base->exists) return ERR_NONE;
        fold->phase = FOLD_LOAD;
        fold->figures.bytes_read += base->header.body_bytes;
        return state_reader_open(&fold->reader, fold->task.vfs, base->name, &base->header,
                                 fold->fault);
    }
    const struct state_visitor visitor = {.context = fold, .visit = load_record};
    bool is_done = false;
    enum err err = state_reader_next(fold->reader, &visitor, &is_done, fold->fault);
    err = apply_queued(fold, err);
    if (err != ERR_NONE || !is_done) return err;
    state_reader_close(fold->reader);
    fold->reader = NULL;
    fold->phase = FOLD_READ;
    return ERR_NONE;
}

// ---- reading

static enum err read_record(void *context, const struct log_record *record) {
    struct fold *fold = context;
    const struct effect_record effect = {.type = record->type,
                                         .meta = record->meta,
                                         .payload = record->payload,
                                         .slot = record->slot,
                                         .payload_offset = record->payload_offset};
    const enum err err = apply(fold, &effect, fold->fault);
    return record->is_placed ? err : apply_queued(fold, err);
}

static enum err step_read(struct fold *fold) {
    struct log_span *span = fold->task.span;
    const struct log_visitor visitor = {.context = fold, .visit = read_record};
    enum err err = log_span_read(span, fold->segment, &visitor, fold->fault);
    err = apply_queued(fold, err);
    fold->figures.segments_read++;
    fold->figures.bytes_read += log_span_bytes(span) / log_span_count(span);
    if (err != ERR_NONE || ++fold->segment < log_span_count(span)) return err;

    struct state_header *header = &fold->made.header;
    header->lsn = log_span_lsn(span);
    header->frames = fold->task.base->header.frames + log_span_frames(span);
    // One frame, open all the time, may be all that there is.
    if (header->lsn <= fold->task.base->header.lsn) {
        fold->phase = FOLD_DONE;
        return ERR_NONE;
    }
    if (MUTANT(FOLD_LSN_TOO_FAR)) header->lsn = log_span_end_lsn(span);
    fold->phase = FOLD_WRITE;
    fold->db = 0;
    fold->cursor = 0;
    return ERR_NONE;
}

// ---- writing

static void put_record(struct fold *fold, const struct effect *effect) {
    size_t count = 0;
    effect_encode(effect, &fold->space, &fold->meta, fold->payloads, &count);
    fold->write_err = state_writer_put(fold->writer, (uint8_t)effect->type, buf_slice(&fold->meta),
                                       fold->payloads, count, fold->fault);
    const uint64_t written = state_writer_bytes(fold->writer);
    if (written - fold->paced_bytes < STEP_BYTES || fold->pause == NULL) return;
    fold->pause(fold->pause_context);
    fold->paced_bytes = written;
}

static void put_effect(void *context, const struct effect *effect) {
    struct fold *fold = context;
    struct effect left = *effect;
    const size_t room = state_writer_room(fold->writer);
    do {
        if (fold->write_err != ERR_NONE || is_cancelled(fold)) return;
        struct effect part = left;
        if (effect_has_elements(effect)) {
            part.count = (uint32_t)effect_share(&left, room, DUMP_ELEMENTS_MAX);
            effect_skip(&left, part.count);
        } else {
            left.count = 0;
        }
        put_record(fold, &part);
    } while (left.count > 0);
}

static void put_entry(void *context, const struct entry *entry) {
    struct fold *fold = context;
    fold->keys++;
    fold->digest += entry_digest(entry, fold->db);
    dump_entry(fold->dump, entry, fold->db, entry_key(entry));
}

static enum err open_writer(struct fold *fold) {
    const struct state_checkpoint *base = fold->task.base;
    fold->made.name = base->exists ? state_other(base->name) : STATE_A;
    if (MUTANT(STATE_OVER_NEWEST) && base->exists) fold->made.name = base->name;
    const struct state_writer_options options = {
        .name = fold->made.name, .salt = fold->task.salt, .block_bytes = fold->task.block_bytes};
    return state_writer_open(&fold->writer, fold->task.vfs, &options, fold->fault);
}

// What the slice's state refers to, by segment.
static void add_live(struct fold *fold) {
    uint64_t sequence;
    uint32_t slot;
    size_t covered = 0;
    while (log_span_covered(fold->task.span, covered, fold->made.header.lsn, &sequence, &slot))
        covered++;
    if (fold->live == NULL) {
        fold->live = mem_alloc_array(covered, sizeof *fold->live);
        fold->live_count = covered;
    }
    for (size_t i = 0; i < covered; i++) {
        must(log_span_covered(fold->task.span, i, fold->made.header.lsn, &sequence, &slot));
        fold->live[i] += keyspace_live_bytes(fold->keyspace, slot);
    }
}

static void end_slice(struct fold *fold) {
    add_live(fold);
    keyspace_free(fold->keyspace);
    fold->keyspace = NULL;
    fold->slice++;
    if (MUTANT(FOLD_LOSES_SLICE) && fold->slice > 0 && fold->slice + 1 == fold->task.slices)
        fold->slice++;
    fold->phase = fold->slice >= fold->task.slices ? FOLD_FINISH : FOLD_LOAD;
}

static enum err step_write(struct fold *fold) {
    const enum err err = fold->writer == NULL ? open_writer(fold) : ERR_NONE;
    if (err != ERR_NONE) return err;
    const uint64_t from = state_writer_bytes(fold->writer);
    fold->paced_bytes = from;
    for (unsigned buckets = 0; buckets < STEP_BUCKETS; buckets++) {
        fold->cursor = keyspace_scan(fold->keyspace, fold->db, fold->cursor, put_entry, fold);
        if (fold->write_err != ERR_NONE) return fold->write_err;
        if (fold->cursor == 0) fold->db++;
        if (fold->db == keyspace_databases(fold->keyspace)) {
            end_slice(fold);
            return ERR_NONE;
        }
        if (state_writer_bytes(fold->writer) - from >= STEP_BYTES) return ERR_NONE;
    }
    return ERR_NONE;
}

// ---- the end

// The segments before lsn that the state refers to.
static size_t make_kept(struct fold *fold) {
    fold->made.kept = mem_alloc_array(fold->live_count, sizeof *fold->made.kept);
    size_t count = 0;
    for (size_t i = 0; i < fold->live_count; i++) {
        uint64_t sequence;
        uint32_t slot;
        if (fold->live[i] == 0) continue;
        must(log_span_covered(fold->task.span, i, fold->made.header.lsn, &sequence, &slot));
        fold->made.kept[count++] =
            (struct log_kept){.sequence = sequence, .live_bytes = fold->live[i]};
    }
    if (MUTANT(FOLD_KEEPS_TOO_LITTLE) && count > 0) count--;
    return count;
}

static enum err step_finish(struct fold *fold) {
    struct state_header *header = &fold->made.header;
    const struct format *format = fold->task.format;
    header->version = FORMAT_VERSION;
    memcpy(header->uuid, format->uuid, sizeof header->uuid);
    header->segment_bytes = format->segment_bytes;
    header->generation = fold->task.base->header.generation + 1;
    header->digest = fold->digest;
    header->keys = fold->keys;
    header->wall_ms = fold->task.wall_ms;
    const size_t kept_count = make_kept(fold);
    const enum err err =
        state_writer_finish(fold->writer, header, fold->made.kept, kept_count, fold->fault);
    fold->made.exists = err == ERR_NONE;
    fold->phase = FOLD_DONE;
    return err;
}

static enum err step(struct fold *fold) {
    switch (fold->phase) {
    case FOLD_LOAD:
        return step_load(fold);
    case FOLD_READ:
        return step_read(fold);
    case FOLD_WRITE:
        return step_write(fold);
    case FOLD_FINISH:
        return step_finish(fold);
    case FOLD_DONE:
        return ERR_NONE;
    }
    must_not_reach();
}

enum err fold_step(struct fold *fold, bool *is_done, struct fault *fault) {
    fold->fault = fault;
    const enum err err = is_cancelled(fold) ? ERR_NONE : step(fold);
    *is_done = err != ERR_NONE || fold->phase == FOLD_DONE || is_cancelled(fold);
    const bool is_in_vain = *is_done && !fold->made.exists && fold->writer != NULL;
    if (is_in_vain) state_writer_remove(fold->writer);
    fold->fault = NULL;
    return err;
}
