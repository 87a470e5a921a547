// Happy path, key by key: dump_entry gives the effects that make the key; the references in them
// are replaced by the bytes they lead to, as many at a time as fit into a chunk; each chunk is a
// transaction. The key then leaves the source's index.
//
// Failure modes: a payload is damaged or gone: its element is left out, and told of. The disk is
// full or fails: the copy ends.
#include "storage/salvage/copy.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/dump.h"
#include "storage/txn.h"

enum {
    UNFLUSHED_MAX = 8 << 20, // bytes appended before they are synced
    ELEMENT_BYTES = 64,      // beside its bytes, at most: place, tag, padding
    ROOM_MIN = 1024,         // of a record, for what is not a name
};

struct bucket_place {
    const struct entry *entry;
};

struct copy {
    const struct copy_task *task;
    struct copy_figures *out;
    struct report *report;
    struct fault *fault;
    enum err err;
    struct blob_space space;
    struct dump *dump;

    unsigned db;
    struct slice key; // of the entry being copied
    uint8_t type;
    uint64_t element; // of a list: the index of the next one
    uint64_t saved;   // elements of the key
    bool begins_node; // the entry that did was left out

    // One chunk.
    struct buf bytes;
    struct effect_value *values;
    struct slice *fields;
    struct stream_id *ids;
    struct stream_node *nodes;

    struct bucket_place *bucket; // of the source's table of keys
    size_t bucket_len;
    size_t bucket_cap;
    struct buf meta;
};

// ---- room and syncing

static bool fail(struct copy *copy, enum err err, const char *what) {
    copy->err = fault_set(copy->fault, err, "%s failed (%s); free space or check the disk", what,
                          err_name(err));
    return false;
}

static bool flush(struct copy *copy) {
    struct log *log = store_log(copy->task->to);
    struct log_flush *job = NULL;
    while ((job = log_flush_begin(log)) != NULL) {
        const enum err err = log_flush_run(job);
        log_flush_end(log, job, err);
        if (err != ERR_NONE) return fail(copy, err, "writing what was saved");
    }
    return true;
}

static bool make_slots(struct copy *copy) {
    struct log *log = store_log(copy->task->to);
    struct log_slots *job = NULL;
    while ((job = log_slots_begin(log, copy->task->now_ms)) != NULL) {
        const enum err err = log_slots_run(job);
        log_slots_end(log, job, err);
        if (err != ERR_NONE) return fail(copy, err, "making a segment file");
    }
    return true;
}

// Waits until a transaction of so many bytes has room.
static bool prepare(struct copy *copy, size_t bytes, size_t records) {
    struct log *log = store_log(copy->task->to);
    if (log_unflushed_bytes(log) >= UNFLUSHED_MAX && !flush(copy)) return false;
    for (;;) {
        switch (log_prepare(log, bytes, records, false)) {
        case LOG_READY:
            return true;
        case LOG_WAIT:
            if (!make_slots(copy)) return false;
            break;
        case LOG_NO_SPACE:
            return fail(copy, ERR_NO_SPACE, "writing what was saved");
        case LOG_BROKEN:
            return fail(copy, ERR_IO, "writing what was saved");
        }
    }
}

static size_t room_of(const struct copy *copy, const struct effect *effect) {
    enum { OVERHEAD = 256 };
    const size_t names = effect->key.len + effect->group.len + effect->consumer.len + OVERHEAD;
    const size_t most = log_record_max(store_log(copy->task->to));
    return most > names ? most - names : 0;
}

static void put(struct copy *copy, const struct effect *effect) {
    // Names that came together by renaming a key, in segments that are small: tests have them.
    if (room_of(copy, effect) < ROOM_MIN) {
        char key[REPORT_QUOTED_MAX];
        copy->report->losses.payloads++;
        report_say(copy->report, "lost: database %u, key %s: its names are too long for a segment",
                   copy->db, report_quote(key, copy->key));
        return;
    }
    const size_t bytes = effect_size_max(effect);
    const size_t half = num_max(room_of(copy, effect) / 2, 1);
    const size_t records = 2 + bytes / half;
    const size_t names = effect->key.len + effect->group.len + effect->consumer.len;
    if (!prepare(copy, bytes + records * names, records)) return;
    struct txn *txn = txn_begin(copy->task->to, copy->task->now_ms);
    txn_put(txn, effect);
    txn_commit(txn);
}

// ---- what is left out

static void lose(struct copy *copy, const struct effect *effect, size_t i, const char *why) {
    struct source *source = copy->task->source;
    const struct blob *blob = effect->values[i].blob;
    char key[REPORT_QUOTED_MAX];
    char field[REPORT_QUOTED_MAX];
    char place[REPORT_QUOTED_MAX + 64] = "";
    char where[128] = "";
    report_quote(key, copy->key);
    if (copy->type == TYPE_LIST)
        snprintf(place, sizeof place, ", element %llu", (unsigned long long)copy->element);
    if (copy->type == TYPE_HASH)
        snprintf(place, sizeof place, ", field %s", report_quote(field, effect->fields[i]));
    if (copy->type == TYPE_STREAM)
        snprintf(place, sizeof place, ", entry %llu-%llu", (unsigned long long)effect->ids[i].ms,
                 (unsigned long long)effect->ids[i].seq);
    if (blob_kind(blob) == BLOB_REF) {
        const uint64_t lsn = source_lsn_at(source, blob_slot(blob), blob_offset(blob));
        char name[SEGMENT_NAME_BYTES];
        if (blob_slot(blob) < source->slots_end)
            snprintf(where, sizeof where, " at offset %u of %s (log position %llu)",
                     blob_offset(blob), segment_name(name, blob_slot(blob)),
                     (unsigned long long)lsn);
        else
            snprintf(where, sizeof where, " at log position %llu", (unsigned long long)lsn);
    }
    copy->report->losses.payloads++;
    report_say(copy->report, "lost: database %u, %s %s%s: its %zu bytes%s %s", copy->db,
               copy->type == TYPE_STRING ? "string"
               : copy->type == TYPE_LIST ? "list"
               : copy->type == TYPE_HASH ? "hash"
                                         : "stream",
               key, place, blob_len(blob), where, why);
}

// ---- chunks

// The effect of one chunk, its arrays empty.
static struct effect begin_chunk(struct copy *copy, const struct effect *effect) {
    struct effect chunk = *effect;
    chunk.count = 0;
    chunk.values = copy->values;
    if (effect->fields != NULL) chunk.fields = copy->fields;
    if (effect->ids != NULL) chunk.ids = copy->ids;
    if (effect->nodes != NULL) chunk.nodes = copy->nodes;
    buf_reset(&copy->bytes);
    return chunk;
}

static size_t element_bytes(const struct effect *effect, size_t i) {
    const size_t field = effect->fields != NULL ? effect->fields[i].len : 0;
    return blob_len(effect->values[i].blob) + field + ELEMENT_BYTES;
}

// How many elements from `from` on make a chunk.
static size_t chunk_len(const struct effect *effect, size_t from, size_t count) {
    size_t bytes = 0;
    size_t len = 0;
    while (from + len < count) {
        bytes += element_bytes(effect, from + len);
        if (bytes > COPY_CHUNK_BYTES && len > 0) break;
        len++;
    }
    return len;
}

static void take_element(struct copy *copy, const struct effect *effect, size_t i,
                         struct effect *chunk) {
    const struct blob *blob = effect->values[i].blob;
    struct effect_value value = {.blob = blob};
    enum err err = ERR_NONE;
    if (blob_kind(blob) == BLOB_REF) {
        const size_t len = blob_len(blob);
        char *into = buf_reserve(&copy->bytes, len); // does not move: room was reserved for all
        value = (struct effect_value){.bytes = slice_of(into, len)};
        err = source_payload(copy->task->source, blob, into);
        buf_commit(&copy->bytes, len);
    }
    const bool fits = element_bytes(effect, i) <= room_of(copy, effect);
    if (err != ERR_NONE || !fits) {
        lose(copy, effect, i,
             err == ERR_NOT_FOUND ? "are gone: the segment is missing"
             : err != ERR_NONE    ? "are damaged"
                                  : "are too long for a segment together with the key");
        if (effect->nodes != NULL && effect->nodes[i].is_begun) copy->begins_node = true;
        copy->element++;
        return;
    }
    const size_t at = chunk->count++;
    copy->values[at] = value;
    if (effect->fields != NULL) copy->fields[at] = effect->fields[i];
    if (effect->ids != NULL) copy->ids[at] = effect->ids[i];
    if (effect->nodes != NULL) {
        copy->nodes[at] = effect->nodes[i];
        if (copy->begins_node) copy->nodes[at].is_begun = true;
        copy->begins_node = false;
    }
    copy->element++;
    copy->saved++;
    copy->out->elements++;
    copy->out->bytes += blob_len(blob);
}

static void put_values(struct copy *copy, const struct effect *effect) {
    for (size_t done = 0; done < effect->count && copy->err == ERR_NONE;) {
        const size_t len = chunk_len(effect, done, effect->count);
        struct effect chunk = begin_chunk(copy, effect);
        size_t bytes = 0;
        for (size_t i = 0; i < len; i++)
            bytes += blob_len(effect->values[done + i].blob);
        buf_reserve(&copy->bytes, bytes);
        for (size_t i = 0; i < len; i++)
            take_element(copy, effect, done + i, &chunk);
        if (chunk.count > 0) put(copy, &chunk);
        done += len;
    }
    buf_shrink(&copy->bytes, COPY_CHUNK_BYTES);
}

static void put_effect(void *context, const struct effect *effect) {
    struct copy *copy = context;
    if (copy->err != ERR_NONE) return;
    if (effect->values != NULL) {
        put_values(copy, effect);
        return;
    }
    struct effect fitting = *effect;
    // Nothing of the value could be saved: then there is no key, and no node to go on with.
    if (effect->type == EFFECT_KEY_EXPIRE && copy->saved == 0 && copy->type != TYPE_STREAM) return;
    if (effect->type == EFFECT_STREAM_SET_IDS && copy->saved == 0) fitting.offset = 0;
    put(copy, &fitting);
}

// ---- keys

static void collect(void *context, const struct entry *entry) {
    struct copy *copy = context;
    if (copy->bucket_len == copy->bucket_cap) {
        copy->bucket_cap = copy->bucket_cap == 0 ? 16 : copy->bucket_cap * 2;
        copy->bucket = mem_realloc(copy->bucket, copy->bucket_cap * sizeof *copy->bucket);
    }
    copy->bucket[copy->bucket_len++] = (struct bucket_place){entry};
}

static void drop_key(struct copy *copy) {
    size_t count = 0;
    struct slice none[1];
    const struct effect effect = {.type = EFFECT_KEY_DELETE, .db = copy->db, .key = copy->key};
    effect_encode(&effect, &copy->space, &copy->meta, none, &count);
    const struct effect_record record = {.type = EFFECT_KEY_DELETE, .meta = buf_slice(&copy->meta)};
    struct effect_outcome outcome;
    must(effect_apply(copy->task->from, &record, &outcome, NULL) == ERR_NONE);
}

static void copy_key(struct copy *copy, const struct entry *entry) {
    copy->key = entry_key(entry);
    copy->type = entry->type;
    copy->element = 0;
    copy->saved = 0;
    copy->begins_node = false;
    dump_entry(copy->dump, entry, copy->db, copy->key);
    if (copy->err != ERR_NONE) return;
    if (copy->saved > 0 || copy->type == TYPE_STREAM)
        copy->out->keys++;
    else
        copy->report->losses.keys_dropped++;
    drop_key(copy);
}

static void copy_database(struct copy *copy) {
    uint64_t cursor = 0;
    do {
        copy->bucket_len = 0;
        cursor = keyspace_scan(copy->task->from, copy->db, cursor, collect, copy);
        for (size_t i = 0; i < copy->bucket_len && copy->err == ERR_NONE; i++)
            copy_key(copy, copy->bucket[i].entry);
    } while (cursor != 0 && copy->err == ERR_NONE);
}

static void seal(struct copy *copy) {
    struct log *log = store_log(copy->task->to);
    if (!flush(copy) || !log_wants_seal(log)) return;
    struct log_flush *job = log_seal_begin(log);
    if (job == NULL) return;
    const enum err err = log_flush_run(job);
    log_flush_end(log, job, err);
    if (err != ERR_NONE) (void)fail(copy, err, "sealing what was saved");
}

enum err copy_run(const struct copy_task *task, struct copy_figures *out, struct fault *fault) {
    *out = (struct copy_figures){0};
    struct copy copy = {.task = task,
                        .out = out,
                        .report = task->source->report,
                        .fault = fault,
                        .space = source_space(task->source)};
    const struct dump_sink sink = {.context = &copy, .effect = put_effect};
    copy.dump = dump_new(&sink);
    copy.values = mem_alloc_array(DUMP_ELEMENTS_MAX, sizeof *copy.values);
    copy.fields = mem_alloc_array(DUMP_ELEMENTS_MAX, sizeof *copy.fields);
    copy.ids = mem_alloc_array(DUMP_ELEMENTS_MAX, sizeof *copy.ids);
    copy.nodes = mem_alloc_array(DUMP_ELEMENTS_MAX, sizeof *copy.nodes);
    for (; copy.db < keyspace_databases(task->from) && copy.err == ERR_NONE; copy.db++)
        if (keyspace_count(task->from, copy.db) > 0) copy_database(&copy);
    if (copy.err == ERR_NONE) seal(&copy);
    dump_free(copy.dump);
    buf_deinit(&copy.bytes);
    buf_deinit(&copy.meta);
    mem_free(copy.values);
    mem_free(copy.fields);
    mem_free(copy.ids);
    mem_free(copy.nodes);
    mem_free(copy.bucket);
    return copy.err;
}
