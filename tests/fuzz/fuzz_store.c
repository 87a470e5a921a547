// A directory whose every checksum is right and whose effects are not: what a bug that wrote
// nonsense, or a file made by hand, would look like. The store opens or refuses with a sentence,
// and it opens exactly when a keyspace that was given the same records took them all. What opened
// is the same state, serves no byte from the disk that its hash does not vouch for, goes on, and is
// there again after the next start.
//
// Input: orders of 12 bytes: u8 effect, u8 database and key, u8 flags, u8 count, u16 a, u16 b, u8
// patch, u8 value, u16 where. A patch damages the meta or the payload before checksums are made.
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/store.h"
#include "storage/txn.h"
#include "tests/fuzz/target.h"
#include "tests/support/vfs_memory.h"

enum {
    ORDER_BYTES = 12,
    ORDERS_MAX = 64,
    SEGMENT = LOG_SEGMENT_BYTES_MIN,
    VALUES_MAX = 300, // enough for a list to get an index
    LONG_MAX = 2000,  // bytes of a value
    REFS_MAX = 16,
    WRITES_MAX = 2, // a STRING_WRITE may rightly ask for 64 MiB of zeros
    DATABASES = 4,
    COPY_MAX = 4096, // heap bytes of a value that is copied at the end
    NOW_MS = 1000000,
    FLAG_END = 1 << 0,   // of a list; of a STRING_SET: keeps expiry
    FLAG_LONG = 1 << 1,  // values are long
    FLAG_HEAP = 1 << 2,  // and to be kept in memory
    FLAG_REF = 1 << 3,   // or were written before
    FLAG_OPEN = 1 << 4,  // the frame goes on
    FLAG_FLUSH = 1 << 5, // a batch ends here
    FLAG_SEAL = 1 << 6,
};

struct writer {
    struct log *log;
    struct keyspace *keyspace; // has taken what was written so far
    struct blob_space space;
    struct blob refs[REFS_MAX];
    size_t ref_count;
    int writes;
    bool is_refused; // the last record does not fit
    bool is_patched; // some record is not what an encoder would have written
};

static uint64_t lsn_at(void *context, uint32_t slot, uint32_t offset) {
    const struct writer *writer = context;
    return log_lsn_at(writer->log, slot, offset);
}

static bool locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    const struct writer *writer = context;
    return log_locate(writer->log, lsn, slot, offset);
}

// ---- one effect

struct content {
    struct effect_value values[VALUES_MAX];
    struct slice fields[VALUES_MAX];
    uint32_t indexes[VALUES_MAX];
    char names[VALUES_MAX][4];
    char bytes[LONG_MAX + VALUES_MAX];
    struct stream_id ids[VALUES_MAX];
    struct stream_node nodes[VALUES_MAX];
    struct effect_pending pending[VALUES_MAX];
};

static void make_values(const struct writer *writer, struct content *content, const uint8_t *order,
                        size_t count) {
    const uint8_t flags = order[2];
    const size_t number = load_u16le(order + 4);
    const bool is_long = (flags & FLAG_LONG) != 0;
    const size_t len = is_long ? (size_t)BLOB_MEMORY_MAX + 1 + number % LONG_MAX : number % 16;
    for (size_t i = 0; i < sizeof content->bytes; i++)
        content->bytes[i] = (char)(i * 7 + order[3]);
    for (size_t i = 0; i < count; i++) {
        content->values[i] = (struct effect_value){
            .bytes = slice_of(content->bytes + i, num_min(len, LONG_MAX)),
            .on_heap = (flags & FLAG_HEAP) != 0,
        };
        if ((flags & FLAG_REF) != 0 && writer->ref_count > 0)
            content->values[i].blob = &writer->refs[(i + order[4]) % writer->ref_count];
        store_u32le(content->names[i], (uint32_t)(i + order[6]));
        content->fields[i] = slice_of(content->names[i], 1 + i % 4);
        content->indexes[i] = (uint32_t)(order[4] + i * (1 + order[6] % 4));
    }
}

// Few groups and ids, so that effects meet what others left.
static void make_stream_effect(struct content *content, const uint8_t *order,
                               struct effect *effect) {
    static const char *const names[] = {"g", "h", ""};
    effect->group = slice_str(names[order[2] / 8 % 3]);
    effect->consumer = slice_str(names[order[2] / 32 % 3]);
    for (size_t i = 0; i < effect->count; i++) {
        content->ids[i] = (struct stream_id){order[4], order[5] % 16 + i};
        content->nodes[i] = (struct stream_node){.is_begun = i == 0, .bytes = order[7]};
        content->pending[i] = (struct effect_pending){content->ids[i], order[6], order[7]};
    }
    effect->id = content->ids[effect->count - 1];
    effect->first = content->ids[0];
    effect->total = order[6];
    effect->entries_read = order[7] % 16 - 1;
    effect->offset = order[6] % 4;
    if (effect->type != EFFECT_STREAM_ADD) effect->values = NULL;
    effect->nodes = content->nodes;
    effect->ids = content->ids;
    effect->pending = content->pending;
}

static struct effect make_effect(const struct writer *writer, struct content *content,
                                 const uint8_t *order) {
    static const uint8_t types[] = {
        EFFECT_KEY_DELETE,    EFFECT_KEY_EXPIRE,       EFFECT_DB_FLUSH,        EFFECT_DB_SWAP,
        EFFECT_STRING_SET,    EFFECT_STRING_SET,       EFFECT_LIST_PUSH,       EFFECT_LIST_PUSH,
        EFFECT_STRING_APPEND, EFFECT_STRING_WRITE,     EFFECT_LIST_POP,        EFFECT_LIST_SET,
        EFFECT_LIST_INSERT,   EFFECT_LIST_REMOVE,      EFFECT_LIST_TRIM,       EFFECT_HASH_SET,
        EFFECT_HASH_SET,      EFFECT_HASH_REMOVE,      EFFECT_STREAM_ADD,      EFFECT_STREAM_ADD,
        EFFECT_STREAM_TRIM,   EFFECT_STREAM_DELETE,    EFFECT_STREAM_SET_IDS,  EFFECT_STREAM_CONFIG,
        EFFECT_STREAM_IDMP,   EFFECT_STREAM_IDMP_DROP, EFFECT_GROUP_CREATE,    EFFECT_GROUP_DESTROY,
        EFFECT_GROUP_SET_ID,  EFFECT_CONSUMER_CREATE,  EFFECT_CONSUMER_DELETE, EFFECT_GROUP_DELIVER,
        EFFECT_GROUP_DELIVER, EFFECT_GROUP_ACK,        EFFECT_GROUP_CLAIM,     EFFECT_GROUP_NACK,
        EFFECT_RELOCATE,      EFFECT_GROUP_READ,
    };
    static const char *const keys[] = {"a", "b", "c", "", "a key of some length", "\xff"};
    const size_t count = (size_t)1 + order[3] % VALUES_MAX;
    make_values(writer, content, order, count);
    struct effect effect = {
        .type = (enum effect_type)types[order[0] % sizeof types],
        .db = order[1] / 64,
        .key = slice_str(keys[order[1] % (sizeof keys / sizeof keys[0])]),
        .at_ms = load_u16le(order + 4) % 4 == 0 ? 0 : NOW_MS + load_u16le(order + 4),
        .other_db = order[3] % DATABASES,
        .reason = order[2] & 1,
        .keeps_expiry = (order[2] & FLAG_END) != 0,
        .end = (order[2] & FLAG_END) != 0 ? LIST_TAIL : LIST_HEAD,
        .offset = load_u16le(order + 6),
        .count = (uint32_t)count,
        .values = content->values,
    };
    const bool is_of_hash = effect.type == EFFECT_HASH_SET || effect.type == EFFECT_HASH_REMOVE;
    const bool has_no_values = effect.type == EFFECT_HASH_REMOVE ||
                               effect.type == EFFECT_LIST_REMOVE ||
                               effect.type == EFFECT_LIST_POP || effect.type == EFFECT_LIST_TRIM;
    if (is_of_hash) effect.fields = content->fields;
    if (effect.type == EFFECT_LIST_REMOVE) effect.indexes = content->indexes;
    if (has_no_values) effect.values = NULL;
    if (effect.type == EFFECT_DB_FLUSH || effect.type == EFFECT_DB_SWAP) effect.key = SLICE_EMPTY;
    if (effect.type == EFFECT_DB_FLUSH && order[1] % 8 == 0) effect.db = EFFECT_ALL_DATABASES;
    if (effect.type >= EFFECT_STREAM_ADD) make_stream_effect(content, order, &effect);
    if (effect.type == EFFECT_RELOCATE) {
        effect.value_type = (enum value_type)(TYPE_STRING + order[7] % TYPE_STREAM);
        if (effect.value_type == TYPE_STRING) effect.count = 1;
        if (effect.value_type == TYPE_LIST) effect.indexes = content->indexes;
        if (effect.value_type == TYPE_HASH) effect.fields = content->fields;
        if (effect.value_type == TYPE_STREAM) effect.ids = content->ids;
        for (size_t i = 0; i < count; i++)
            content->ids[i] = (struct stream_id){order[4], order[5] % 16 + i};
    }
    return effect;
}

// ---- one record

// Damages what was encoded. Payloads are cut or doubled, never pointed elsewhere.
static uint8_t patch(struct writer *writer, const uint8_t *order, uint8_t type, struct buf *meta,
                     size_t *payload_count) {
    const uint8_t value = order[9];
    const size_t at = load_u16le(order + 10);
    if (order[8] % 8 == 0) return type;
    writer->is_patched = true;
    switch (order[8] % 8) {
    case 1:
    case 2:
        if (meta->len > 0) meta->data[at % meta->len] = (char)value;
        return type;
    case 3:
        if (meta->len >= 4) store_u32le(meta->data + at % (meta->len - 3), value * 0x01010101u);
        return type;
    case 4:
        meta->len = at % (meta->len + 1);
        return type;
    case 5:
        for (size_t i = 0; i < at % 16; i++)
            buf_append_byte(meta, (char)value);
        return type;
    case 6:
        if (*payload_count > 0) *payload_count -= 1;
        return type;
    default:
        return value;
    }
}

static void remember_ref(struct writer *writer, const struct log_record *record,
                         const struct effect *effect) {
    if (record->payload.len == 0 || effect->values == NULL) return;
    const struct slice bytes = effect->values[0].bytes;
    if (effect->values[0].blob != NULL || bytes.len <= BLOB_MEMORY_MAX) return;
    if (writer->ref_count == REFS_MAX || record->payload.len < bytes.len) return;
    writer->refs[writer->ref_count++] =
        blob_of_ref(record->slot, record->payload_offset, bytes.len, hash_payload(bytes));
}

static void write_one(struct writer *writer, const uint8_t *order) {
    struct content *content = mem_alloc(sizeof *content);
    struct slice *payloads = mem_alloc_array(VALUES_MAX + 1, sizeof *payloads);
    const struct effect effect = make_effect(writer, content, order);
    struct buf meta = {0};
    size_t payload_count = 0;
    effect_encode(&effect, &writer->space, &meta, payloads, &payload_count);
    const uint8_t type = patch(writer, order, (uint8_t)effect.type, &meta, &payload_count);
    size_t bytes = num_align_up(meta.len, 8);
    for (size_t i = 0; i < payload_count; i++)
        bytes += num_align_up(payloads[i].len, 8);
    const bool may_write = type != EFFECT_STRING_WRITE || ++writer->writes <= WRITES_MAX;
    const bool fits = bytes <= log_record_max(writer->log);
    if (may_write && fits && log_prepare(writer->log, bytes, 1, false) == LOG_READY) {
        const struct log_record record =
            log_append(writer->log, type, buf_slice(&meta), payloads, payload_count);
        const struct effect_record taken = {.type = type,
                                            .meta = record.meta,
                                            .payload = record.payload,
                                            .slot = record.slot,
                                            .payload_offset = record.payload_offset};
        struct effect_outcome outcome;
        struct fault fault = {0};
        const enum err err = effect_apply(writer->keyspace, &taken, &outcome, &fault);
        must(err == ERR_NONE || (err == ERR_CORRUPT && fault.text[0] != '\0'));
        writer->is_refused = err != ERR_NONE;
        if (!writer->is_refused) remember_ref(writer, &record, &effect);
    }
    buf_deinit(&meta);
    mem_free(payloads);
    mem_free(content);
}

// ---- the directory

static enum err visit_nothing(void *context, const struct log_record *record) {
    (void)context;
    (void)record;
    return ERR_NONE;
}

static const struct log_options log_options = {
    .segment_bytes = SEGMENT, .tail_bytes = SEGMENT, .slots_ahead = 2, .seed = 5};

static void flush(struct log *log) {
    for (struct log_flush *job; (job = log_flush_begin(log)) != NULL;)
        log_flush_end(log, job, log_flush_run(job));
}

static void seal(struct log *log) {
    struct log_flush *job = log_wants_seal(log) ? log_seal_begin(log) : NULL;
    if (job != NULL) log_flush_end(log, job, log_flush_run(job));
}

static void make_slots(struct log *log) {
    for (struct log_slots *job; (job = log_slots_begin(log, NOW_MS)) != NULL;)
        log_slots_end(log, job, log_slots_run(job));
}

static void write_all(struct writer *writer, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size / ORDER_BYTES && i < ORDERS_MAX && !writer->is_refused; i++) {
        const uint8_t *order = data + i * ORDER_BYTES;
        make_slots(writer->log);
        write_one(writer, order);
        if ((order[2] & FLAG_OPEN) != 0 && !writer->is_refused) continue;
        log_commit(writer->log);
        if ((order[2] & FLAG_FLUSH) != 0) flush(writer->log);
        if ((order[2] & FLAG_SEAL) != 0) seal(writer->log);
    }
    log_commit(writer->log);
    flush(writer->log);
    // An unproven last batch moves, and with it the references into it. One that was patched may
    // lead beside the batch, where nothing is after the move: then the verdicts may differ.
    if (writer->is_patched) seal(writer->log);
}

static struct writer write_directory(struct memory_disk *disk, const uint8_t *data, size_t size,
                                     uint64_t *digest) {
    const struct log_visitor visitor = {.visit = visit_nothing};
    struct writer writer = {.space = {.lsn_at = lsn_at, .locate = locate}};
    struct log_recovery recovery;
    struct fault fault = {0};
    struct vfs *vfs = memory_disk_open(disk);
    must(log_open(&writer.log, vfs, &log_options, &fault) == ERR_NONE);
    must(log_adopt(writer.log, NULL, &fault) == ERR_NONE);
    must(log_recover(writer.log, &visitor, &recovery, &fault) == ERR_NONE);
    writer.space.context = &writer;
    writer.keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &writer.space, 1);
    write_all(&writer, data, size);
    if (!writer.is_refused) keyspace_check(writer.keyspace);
    *digest = keyspace_digest(writer.keyspace);
    keyspace_free(writer.keyspace);
    log_close(writer.log);
    vfs_free(vfs);
    return writer;
}

// ---- the store over it

struct reading {
    struct store *store;
    bool is_whole; // every byte must be there
    struct buf scratch;
};

static void read_blob(struct reading *reading, const struct blob *blob) {
    if (blob_kind(blob) != BLOB_REF) return;
    struct slice bytes;
    const enum err err = store_bytes(reading->store, blob, &reading->scratch, &bytes);
    must(err == ERR_NONE || err == ERR_CORRUPT || err == ERR_IO);
    must(err == ERR_NONE || !reading->is_whole);
    if (err != ERR_NONE || blob_len(blob) == 0) return;
    // Bytes in memory are vouched for by the checksum of their batch; the writer's hash is not
    // asked again, so a patched one only shows when they come from the disk.
    const bool is_resident = store_resident(reading->store, blob).data != NULL;
    const bool is_right = hash_payload(bytes) == blob->hash;
    must(is_right || (is_resident && !reading->is_whole));
}

static void read_field(void *context, struct slice field, const struct blob *value) {
    (void)field;
    read_blob(context, value);
}

static void read_entry(void *context, const struct entry *entry) {
    if (entry->type == TYPE_STRING) {
        read_blob(context, &entry->value.string);
    } else if (entry->type == TYPE_HASH) {
        hash_each(entry->value.hash, read_field, context);
    } else if (entry->type == TYPE_STREAM) {
        struct stream_cursor cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
        struct stream_entry at;
        while (stream_next(&cursor, &at))
            read_blob(context, &at.payload);
    } else {
        struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
        struct blob blob;
        while (list_cursor_next(&cursor, &blob))
            read_blob(context, &blob);
    }
}

static void read_everything(struct store *store, bool is_whole) {
    struct reading reading = {.store = store, .is_whole = is_whole};
    for (unsigned db = 0; db < DATABASES; db++)
        keyspace_each(store_keyspace(store), db, read_entry, &reading);
    buf_deinit(&reading.scratch);
}

// One change of each kind that takes over what lies there.
static void go_on(struct store *store) {
    struct log *log = store_log(store);
    make_slots(log);
    if (log_prepare(log, (size_t)4 * COPY_MAX, 64, false) != LOG_READY) return;
    struct rng rng;
    rng_init(&rng, 1);
    struct txn *txn = txn_begin(store, 0);
    txn_string_set(txn, 3, SLICE("new"), SLICE("value"), false);
    const struct entry *entry = keyspace_random(store_keyspace(store), 0, &rng);
    if (entry != NULL && entry_memory(entry) < COPY_MAX) {
        struct buf key = {0};
        buf_append_slice(&key, entry_key(entry));
        txn_key_copy(txn, 0, buf_slice(&key), 3, SLICE("copy"));
        txn_key_delete(txn, 0, buf_slice(&key));
        buf_deinit(&key);
    }
    txn_db_swap(txn, 0, 3);
    txn_commit(txn);
    flush(log);
}

static enum err start(struct memory_disk *disk, struct vfs **vfs, struct store **store) {
    struct store_options options = {.log = log_options, .databases = DATABASES, .seed = 3};
    options.log.seed = memory_disk_calls(disk);
    struct store_recovery recovery;
    struct fault fault = {0};
    *store = NULL;
    *vfs = memory_disk_open(disk);
    const enum err err = store_open(store, *vfs, &options, &recovery, &fault);
    must((err == ERR_NONE) == (fault.text[0] == '\0'));
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct memory_disk *disk = memory_disk_new(1, 4 << 20);
    uint64_t digest = 0;
    const struct writer writer = write_directory(disk, data, size, &digest);
    struct vfs *vfs = NULL;
    struct store *store = NULL;
    const enum err err = start(disk, &vfs, &store);
    must(err == (writer.is_refused ? ERR_CORRUPT : ERR_NONE));
    if (err == ERR_NONE) {
        must(keyspace_digest(store_keyspace(store)) == digest);
        keyspace_check(store_keyspace(store));
        read_everything(store, !writer.is_patched);
        go_on(store);
        digest = keyspace_digest(store_keyspace(store));
        store_close(store);
        vfs_free(vfs);
        must(start(disk, &vfs, &store) == ERR_NONE);
        must(keyspace_digest(store_keyspace(store)) == digest);
        read_everything(store, !writer.is_patched);
        store_close(store);
    }
    vfs_free(vfs);
    memory_disk_free(disk);
    return 0;
}
