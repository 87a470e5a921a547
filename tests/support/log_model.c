#include "tests/support/log_model.h"

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

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
    META_BYTES = 40,
    RECORDS_MAX = 8,
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
    *model = (struct log_model){.next_id = 1};
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
    model->frames[model->count++] = (struct log_model_frame){.id = id};
}

// ---- recovering

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

    uint32_t slot = 0;
    uint32_t offset = 0;
    must(log_locate(model->log, lsn, &slot, &offset));
    must(log_lsn_at(model->log, slot, offset) == lsn);
    char *expected = mem_alloc(len);
    char *bytes = mem_alloc(len);
    make_payload(id, 0, expected, len);
    uint32_t hash = hash_payload(slice_of(expected, len));
    enum err err = log_read(model->log, slot, offset, len, hash, bytes);
    must(err == ERR_IO || (err == ERR_NONE && memcmp(bytes, expected, len) == 0));
    mem_free(expected);
    mem_free(bytes);
    return err;
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
    if (index == 0) {
        frame->payload_lsn = log_lsn_at(model->log, record->slot, record->payload_offset);
        must(frame->payload_len == len);
    }
    enum err err = check_reference(model, meta);
    if (err != ERR_NONE) return fault_set(&model->fault, err, "the visitor could not read");
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

enum err log_model_start(struct log_model *model) {
    must(model->log == NULL && model->vfs == NULL);
    model->events_len = 0;
    model->events[0] = '\0';
    model->fault = (struct fault){0};
    model->trace.context = model;
    model->options.trace = &model->trace;
    model->options.seed = rng_next(&model->rng);
    model->vfs = memory_disk_open(model->disk);
    struct log_visitor visitor = {model, visit, relocate};
    model->seen = 0;
    model->seen_records = 0;
    enum err err = log_open(&model->log, model->vfs, &model->options, &model->fault);
    if (err == ERR_NONE) err = log_adopt(model->log, NULL, &model->fault);
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

// Sometimes a reference to an earlier frame's first payload, or to that of this one.
static void put_reference(struct log_model *model, char *meta) {
    if (rng_below(&model->rng, 2) == 0) return;
    size_t back = (size_t)rng_below(&model->rng, num_min(model->count, 4));
    const struct log_model_frame *target = &model->frames[model->count - 1 - back];
    if (target->payload_lsn == 0) return; // its own first record is only being made
    store_u64le(meta + AT_REF_ID, target->id);
    store_u64le(meta + AT_REF_LSN, target->payload_lsn);
    store_u32le(meta + AT_REF_LEN, target->payload_len);
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
        put_reference(model, meta);
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
