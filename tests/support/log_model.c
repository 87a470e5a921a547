#include "tests/support/log_model.h"

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/batch.h"
#include "storage/log/record.h"
#include "storage/log/segment.h"

enum {
    RECORD_TYPE = 7,
    SEGMENT_BYTES = LOG_SEGMENT_BYTES_MIN,
    // Meta of a record.
    AT_ID = 0,
    AT_INDEX = 8,
    AT_COUNT = 12,
    AT_LEN = 16,
    AT_REF_LEN = 20,
    AT_REF_ID = 24, // 0: refers to nothing
    AT_REF_LSN = 32,
    AT_KILLS = 40, // id of a frame; 0: none
    META_BYTES = 48,
    RECORDS_MAX = LOG_MODEL_RECORDS_MAX,
};

static void trace_sink(void *context, enum trace_level level, const char *event, const char *text) {
    struct log_model *model = context;
    (void)level;
    (void)text;
    size_t len = strlen(event);
    if (model->events_len + len + 2 > sizeof model->events) return;
    memcpy(model->events + model->events_len, event, len);
    model->events_len += len;
    model->events[model->events_len++] = ' ';
    model->events[model->events_len] = '\0';
}

bool log_model_saw(const struct log_model *model, const char *event) {
    return strstr(model->events, event) != NULL;
}

void log_model_init(struct log_model *model, uint64_t seed, uint64_t capacity_bytes) {
    *model = (struct log_model){.next_id = 1, .live_percent = 20};
    model->disk = memory_disk_new(seed, capacity_bytes);
    rng_init(&model->rng, seed + 1);
    model->trace = (struct trace){.level = TRACE_DEBUG, .sink = trace_sink};
    model->options = (struct log_options){
        .segment_bytes = SEGMENT_BYTES,
        .tail_bytes = SEGMENT_BYTES,
        .slots_ahead = 1,
    };
}

void log_model_deinit(struct log_model *model) {
    log_model_stop(model);
    memory_disk_free(model->disk);
    mem_free(model->frames);
    *model = (struct log_model){0};
}

static void make_payload(uint64_t id, uint32_t index, char *into, size_t len) {
    struct rng rng;
    rng_init(&rng, id * RECORDS_MAX + index);
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t word = rng_next(&rng);
        memcpy(into + at, &word, num_min(sizeof word, len - at));
    }
}

static void push_frame(struct log_model *model, uint64_t id) {
    if (model->count == model->cap) {
        model->cap = model->cap == 0 ? 64 : model->cap * 2;
        model->frames = mem_realloc(model->frames, model->cap * sizeof *model->frames);
    }
    model->frames[model->count++] = (struct log_model_frame){.id = id, .is_live = true};
}

// NULL: there is none; no frame has id 0.
static struct log_model_frame *frame_of(const struct log_model *model, uint64_t id) {
    for (size_t i = 0; i < model->count; i++)
        if (model->frames[i].id == id) return &model->frames[i];
    return NULL;
}

// ---- recovering

// ERR_IO: the machine died meanwhile.
static enum err check_payload(const struct log_model *model, const struct log_model_frame *frame) {
    uint32_t slot = 0;
    uint32_t offset = 0;
    must(log_locate(model->log, frame->payload_lsn, &slot, &offset));
    if (log_is_ghost(model->log, slot)) return ERR_NONE; // killed by what is replayed later
    must(log_lsn_at(model->log, slot, offset) == frame->payload_lsn);
    const size_t len = frame->payload_len;
    char *expected = mem_alloc(len);
    char *bytes = mem_alloc(len);
    make_payload(frame->id, 0, expected, len);
    const uint32_t hash = hash_payload(slice_of(expected, len));
    const struct slice resident = log_resident(model->log, slot, offset, len);
    must(resident.data == NULL || memcmp(resident.data, expected, len) == 0);
    const enum err err = log_read(model->log, slot, offset, len, hash, bytes);
    must(err == ERR_IO || (err == ERR_NONE && memcmp(bytes, expected, len) == 0));
    mem_free(expected);
    mem_free(bytes);
    return err;
}

void log_model_read_all(const struct log_model *model) {
    for (size_t i = 0; i < model->acked; i++)
        if (model->frames[i].is_live) (void)check_payload(model, &model->frames[i]);
}

// False: no such frame is alive.
static bool kill(const struct log_model *model, uint64_t id, uint64_t by) {
    for (size_t i = 0; i < model->count; i++) {
        struct log_model_frame *frame = &model->frames[i];
        if (frame->id != id || !frame->is_live) continue;
        frame->is_live = false;
        frame->killed_by = by;
        return true;
    }
    return false;
}

// Those that were killed behind the checkpoint are alive until that is replayed.
static void revive(const struct log_model *model) {
    for (size_t i = 0; i < model->count; i++) {
        struct log_model_frame *frame = &model->frames[i];
        const struct log_model_frame *killer = frame_of(model, frame->killed_by);
        if (killer == NULL || (size_t)(killer - model->frames) < model->checkpoint.frames) continue;
        frame->is_live = true;
        frame->killed_by = 0;
        frame->was_killed = true;
    }
}

bool log_model_is_in_use(const struct log_model *model, uint64_t sequence) {
    for (size_t i = 0; i < model->count; i++)
        if (model->frames[i].is_live && model->frames[i].payload_lsn / SEGMENT_BYTES == sequence)
            return true;
    return false;
}

// Only the frames of the last batch are not seen yet.
static bool is_empty(void *context, uint32_t slot) {
    const struct log_model *model = context;
    for (size_t i = 0; i < log_segment_count(model->log); i++) {
        const struct log_segment_use use = log_segment_at(model->log, i);
        if (use.slot != slot) continue;
        const bool is_in_use = log_model_is_in_use(model, use.sequence);
        must(!is_in_use || !log_is_ghost(model->log, slot) || model->expects_loss);
        return !is_in_use;
    }
    must_not_reach();
}

void log_model_note_empty(struct log_model *model) {
    for (size_t i = log_segment_count(model->log); i-- > 0;) {
        const struct log_segment_use use = log_segment_at(model->log, i);
        if (!log_model_is_in_use(model, use.sequence)) log_note_empty(model->log, use.slot);
    }
    log_recycle(model->log);
}

// The reference names the place at which its target was handed over just now, and the bytes are
// there. ERR_IO: the machine died meanwhile.
static enum err check_reference(const struct log_model *model, const char *meta) {
    uint64_t id = load_u64le(meta + AT_REF_ID);
    if (id == 0) return ERR_NONE;
    uint64_t lsn = load_u64le(meta + AT_REF_LSN);
    size_t len = load_u32le(meta + AT_REF_LEN);
    const struct log_model_frame *target = NULL;
    for (size_t i = 0; i <= model->seen && i < model->count; i++)
        if (model->frames[i].id == id) target = &model->frames[i];
    must(target != NULL && target->payload_lsn == lsn && target->payload_len == len);

    // Another segment may lie there already.
    return target->was_killed ? ERR_NONE : check_payload(model, target);
}

static enum err visit(void *context, const struct log_record *record) {
    struct log_model *model = context;
    const char *meta = record->meta.data;
    must(record->type == RECORD_TYPE && record->meta.len == META_BYTES);
    must(model->seen < model->count); // nothing is there that was not written
    struct log_model_frame *frame = &model->frames[model->seen];
    must(load_u64le(meta + AT_ID) == frame->id);
    uint32_t index = load_u32le(meta + AT_INDEX);
    uint32_t count = load_u32le(meta + AT_COUNT);
    must(index == model->seen_records && record->is_last == (index + 1 == count));

    size_t len = load_u32le(meta + AT_LEN);
    char *expected = mem_alloc(len);
    make_payload(frame->id, index, expected, len);
    must(record->payload.len == num_align_up(len, 8));
    must(memcmp(record->payload.data, expected, len) == 0);
    mem_free(expected);
    const uint64_t lsn = log_lsn_at(model->log, record->slot, record->payload_offset);
    if (index == 0) {
        frame->payload_lsn = lsn;
        must(frame->payload_len == len);
    }
    frame->fence_lsn = lsn + record->payload.len;
    enum err err = check_reference(model, meta);
    if (err != ERR_NONE) return fault_set(&model->fault, err, "the visitor could not read");
    must(load_u64le(meta + AT_KILLS) == 0 || kill(model, load_u64le(meta + AT_KILLS), frame->id));
    model->seen_records++;
    if (record->is_last) {
        model->seen++;
        model->seen_records = 0;
    }
    return ERR_NONE;
}

// NOLINTNEXTLINE(readability-function-size): the signature is log_visitor's
static void relocate(void *context, uint8_t type, char *meta, size_t meta_len, uint64_t from_lsn,
                     uint64_t to_lsn, uint64_t delta) {
    (void)context;
    must(type == RECORD_TYPE && meta_len == META_BYTES);
    uint64_t lsn = load_u64le(meta + AT_REF_LSN);
    if (lsn >= from_lsn && lsn < to_lsn) store_u64le(meta + AT_REF_LSN, lsn + delta);
}

static struct log_checkpoint as_log_checkpoint(const struct log_model *model) {
    return (struct log_checkpoint){.lsn = model->checkpoint.lsn,
                                   .kept = model->checkpoint.kept,
                                   .kept_count = model->checkpoint.kept_count};
}

enum err log_model_start(struct log_model *model) {
    must(model->log == NULL && model->vfs == NULL);
    model->events_len = 0;
    model->events[0] = '\0';
    model->fault = (struct fault){0};
    model->trace.context = model;
    model->options.trace = &model->trace;
    model->options.seed = rng_next(&model->rng);
    model->vfs = memory_disk_open(model->disk);
    struct log_visitor visitor = {model, visit, is_empty, relocate};
    revive(model);
    model->seen = model->checkpoint.frames;
    model->seen_records = 0;
    const struct log_checkpoint checkpoint = as_log_checkpoint(model);
    enum err err = log_open(&model->log, model->vfs, &model->options, &model->fault);
    if (err == ERR_NONE)
        err = log_adopt(model->log, checkpoint.lsn == 0 ? NULL : &checkpoint, &model->fault);
    if (err == ERR_NONE) err = log_recover(model->log, &visitor, &model->recovery, &model->fault);
    if (err != ERR_NONE) {
        must(model->fault.err == err && model->fault.text[0] != '\0');
        log_model_stop(model);
        return err;
    }
    must(model->seen_records == 0);
    must(model->seen >= model->acked); // nothing acknowledged is lost
    must(log_end_lsn(model->log) == log_durable_lsn(model->log));
    must(!log_wants_seal(model->log));
    model->count = model->seen;
    model->acked = model->seen;
    log_model_read_all(model);
    return ERR_NONE;
}

void log_model_stop(struct log_model *model) {
    log_close(model->log);
    vfs_free(model->vfs);
    model->log = NULL;
    model->vfs = NULL;
}

// ---- writing

void log_model_make_slots(struct log_model *model) {
    model->now_ms += 2000;
    for (;;) {
        struct log_slots *job = log_slots_begin(model->log, model->now_ms);
        if (job == NULL) return;
        log_slots_end(model->log, job, log_slots_run(job));
    }
}

static bool prepare(struct log_model *model, size_t bytes, size_t records) {
    enum log_room room = log_prepare(model->log, bytes, records, false);
    if (room == LOG_WAIT) {
        log_model_make_slots(model);
        room = log_prepare(model->log, bytes, records, false);
    }
    return room == LOG_READY;
}

// Sometimes a reference to the first payload of an earlier frame that is alive (mostly a late one),
// or to that of this one.
static void put_reference(struct log_model *model, char *meta, uint64_t *ref) {
    if (rng_below(&model->rng, 2) == 0) return;
    size_t reach = rng_below(&model->rng, 4) == 0 ? model->count : 4;
    size_t back = (size_t)rng_below(&model->rng, num_min(model->count, reach));
    const struct log_model_frame *target = &model->frames[model->count - 1 - back];
    if (target->payload_lsn == 0) return; // its own first record is only being made
    if (!target->is_live) return;
    *ref = target->id;
    store_u64le(meta + AT_REF_ID, target->id);
    store_u64le(meta + AT_REF_LSN, target->payload_lsn);
    store_u32le(meta + AT_REF_LEN, target->payload_len);
}

static bool may_kill(const struct log_model *model, const struct log_model_frame *frame) {
    if (!frame->is_live) return false;
    return model->kills_in == 0 || frame->payload_lsn / SEGMENT_BYTES == model->kills_in;
}

// Mostly an old one.
static uint64_t draw_victim(struct log_model *model, uint64_t by) {
    if (rng_below(&model->rng, 100) >= model->kill_percent) return 0;
    size_t alive = 0;
    for (size_t i = 0; i + 1 < model->count; i++)
        alive += may_kill(model, &model->frames[i]);
    if (alive == 0) return 0;
    const size_t reach = rng_below(&model->rng, 4) == 0 ? alive : num_min(alive, 4);
    size_t nth = (size_t)rng_below(&model->rng, reach);
    for (size_t i = 0;; i++) {
        if (!may_kill(model, &model->frames[i]) || nth-- > 0) continue;
        must(kill(model, model->frames[i].id, by));
        return model->frames[i].id;
    }
}

bool log_model_append(struct log_model *model, size_t bytes) {
    uint32_t records = 1 + (uint32_t)rng_below(&model->rng, RECORDS_MAX);
    size_t each = num_min(bytes / records, log_record_max(model->log) - META_BYTES - 8);
    size_t sum = records * (META_BYTES + num_align_up(each + 1, 8));
    if (!prepare(model, sum, records)) return false;

    push_frame(model, model->next_id++);
    struct log_model_frame *frame = &model->frames[model->count - 1];
    char *payload = mem_alloc(each + 1);
    for (uint32_t i = 0; i < records; i++) {
        char meta[META_BYTES] = {0};
        size_t len = 1 + (size_t)rng_below(&model->rng, each + 1);
        make_payload(frame->id, i, payload, len);
        store_u64le(meta + AT_ID, frame->id);
        store_u32le(meta + AT_INDEX, i);
        store_u32le(meta + AT_COUNT, records);
        store_u32le(meta + AT_LEN, (uint32_t)len);
        put_reference(model, meta, &frame->refs[i]);
        store_u64le(meta + AT_KILLS, draw_victim(model, frame->id));
        struct slice piece = slice_of(payload, len);
        struct log_record record =
            log_append(model->log, RECORD_TYPE, slice_of(meta, META_BYTES), &piece, 1);
        must(memcmp(record.payload.data, payload, len) == 0);
        must(log_flush_begin(model->log) == NULL); // a frame is open
        struct slice resident = log_resident(model->log, record.slot, record.payload_offset, len);
        must(resident.data == record.payload.data);
        if (i > 0) continue;
        frame->payload_lsn = log_lsn_at(model->log, record.slot, record.payload_offset);
        frame->payload_len = (uint32_t)len;
    }
    mem_free(payload);
    frame->fence_lsn = log_commit(model->log);
    must(frame->fence_lsn == log_end_lsn(model->log));
    must(log_durable_lsn(model->log) < frame->fence_lsn);
    return true;
}

static bool finish_flush(struct log_model *model, struct log_flush *flush) {
    log_flush_end(model->log, flush, log_flush_run(flush));
    uint64_t durable_lsn = log_durable_lsn(model->log);
    must(durable_lsn <= log_end_lsn(model->log));
    while (model->acked < model->count && model->frames[model->acked].fence_lsn <= durable_lsn)
        model->acked++;
    return !log_is_broken(model->log);
}

bool log_model_flush(struct log_model *model) {
    for (;;) {
        struct log_flush *flush = log_flush_begin(model->log);
        if (flush == NULL) break;
        if (!finish_flush(model, flush)) return false;
    }
    must(log_is_broken(model->log) || log_unflushed_bytes(model->log) == 0);
    must(log_is_broken(model->log) || model->acked == model->count);
    return !log_is_broken(model->log);
}

bool log_model_seal(struct log_model *model) {
    struct log_flush *flush = log_seal_begin(model->log);
    return flush == NULL || finish_flush(model, flush);
}

// ---- checkpoints

// Whether a frame is open where the segment begins. It may be one that a crash left without an end
// and the model does not know any more.
static bool is_frame_open(const char *segment) {
    const struct batch_header batch = batch_get(segment + LOG_ALIGN);
    if (batch.bytes == BATCH_HEADER_BYTES) return false; // a seal
    return (record_get(segment + LOG_ALIGN + BATCH_HEADER_BYTES).flags & RECORD_BEGIN) == 0;
}

// The start of a segment whose header is durable: where the one before it ends. Drawn from those
// behind the last checkpoint; 0: there is none.
static uint64_t draw_end(struct log_model *model, bool *is_open) {
    uint64_t drawn = 0;
    uint64_t count = 0;
    char name[SEGMENT_NAME_BYTES];
    for (uint32_t i = 0; memory_disk_has(model->disk, segment_name(name, i)); i++) {
        struct segment_header header;
        bool has_damaged_copy = false;
        uint32_t slot = 0;
        uint32_t offset = 0;
        if (memory_disk_size(model->disk, name) < LOG_ALIGN) continue;
        if (!segment_decode(memory_disk_bytes(model->disk, name), &header, &has_damaged_copy))
            continue;
        if (!log_locate(model->log, header.base_lsn, &slot, &offset) || slot != i) continue;
        if (header.base_lsn + LOG_ALIGN >= log_durable_lsn(model->log)) continue;
        if (header.prev_end_lsn <= model->checkpoint.lsn) continue;
        const bool is_drawn = model->draws_newest ? header.prev_end_lsn > drawn
                                                  : rng_below(&model->rng, ++count) == 0;
        if (!is_drawn) continue;
        drawn = header.prev_end_lsn;
        *is_open = is_frame_open(memory_disk_bytes(model->disk, name));
    }
    return drawn;
}

static uint64_t begin_of(const struct log_model_frame *frame) {
    return frame->payload_lsn - META_BYTES - LOG_RECORD_HEADER_BYTES;
}

// Lets most frames before the checkpoint die, but for those that later ones refer to: a reference
// is copied from a value that lives.
static void let_die(struct log_model *model, size_t frames) {
    bool *is_needed = mem_zalloc(model->count + 1);
    for (size_t i = frames; i < model->count; i++)
        for (size_t j = 0; j < RECORDS_MAX; j++) {
            const struct log_model_frame *target = frame_of(model, model->frames[i].refs[j]);
            if (target != NULL) is_needed[target - model->frames] = true;
        }
    for (size_t i = 0; i < frames; i++)
        if (!is_needed[i] && rng_below(&model->rng, 100) >= model->live_percent)
            model->frames[i].is_live = false;
    mem_free(is_needed);
}

static void keep_segments(const struct log_model *model, struct log_model_checkpoint *made) {
    made->kept_count = 0;
    for (size_t i = 0; i < made->frames; i++) {
        const struct log_model_frame *frame = &model->frames[i];
        const uint64_t sequence = frame->payload_lsn / SEGMENT_BYTES;
        const struct log_model_frame *killer = frame_of(model, frame->killed_by);
        const bool dies_later = killer != NULL && (size_t)(killer - model->frames) >= made->frames;
        if (!frame->is_live && !dies_later) continue;
        struct log_kept *last = made->kept_count == 0 ? NULL : &made->kept[made->kept_count - 1];
        if (last != NULL && last->sequence == sequence) {
            last->live_bytes += frame->payload_len;
            continue;
        }
        must(made->kept_count < LOG_MODEL_KEPT_MAX);
        made->kept[made->kept_count++] = (struct log_kept){sequence, frame->payload_len};
    }
}

bool log_model_checkpoint(struct log_model *model, bool is_told) {
    bool is_open = false;
    const uint64_t end = draw_end(model, &is_open);
    if (end == 0) return false;
    size_t frames = model->checkpoint.frames;
    while (frames < model->count && begin_of(&model->frames[frames]) < end)
        frames++;
    uint64_t lsn = end;
    const struct log_model_frame *last = frames == 0 ? NULL : &model->frames[frames - 1];
    if (last != NULL && last->fence_lsn > end) { // it goes on behind the end
        lsn = begin_of(last);
        frames--;
    }
    if (lsn == end && is_open) return false; // where it began is not known
    if (lsn <= model->checkpoint.lsn) return false;
    let_die(model, frames);
    model->checkpoint.lsn = lsn;
    model->checkpoint.frames = frames;
    keep_segments(model, &model->checkpoint);
    const struct log_checkpoint checkpoint = as_log_checkpoint(model);
    if (is_told) log_checkpoint_done(model->log, &checkpoint);
    return true;
}
