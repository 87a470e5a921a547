// A salvage of a directory made from the input: a good store, with some of everything and a
// checkpoint, is laid out, then the input says what is done to its files, and which checksums are
// made right again afterwards, so that nonsense behind valid checksums is met too. It ends in a new
// store, which opens and is whole, or in a sentence; the damaged directory is never changed.
//
// The input is a list of orders of 8 bytes: what, file, u16 block or offset, u32 value.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/fold.h"
#include "storage/log/batch.h"
#include "storage/log/record.h"
#include "storage/log/segment.h"
#include "storage/salvage/salvage.h"
#include "storage/state/state_file.h"
#include "storage/store.h"
#include "storage/txn.h"
#include "tests/fuzz/target.h"
#include "tests/support/vfs_memory.h"

enum {
    SEGMENT = LOG_SEGMENT_BYTES_MIN,
    BLOCKS = SEGMENT / LOG_ALIGN,
    DISK_BYTES = 64 * SEGMENT,
    SLOTS = 8,
    ORDER_BYTES = 8,
    ORDERS_MAX = 32,
    ROUNDS = 60,
    VALUE_BYTES = 900,
    NOW_MS = 1000000,
};

// ---- a good store

static struct store_options options_of(uint64_t seed) {
    return (struct store_options){.log = {.segment_bytes = SEGMENT, .slots_ahead = 1, .seed = seed},
                                  .fold = {.block_bytes = 4096},
                                  .databases = 16,
                                  .seed = 3};
}

static void settle(struct store *store) {
    struct log *log = store_log(store);
    for (struct log_slots *job; (job = log_slots_begin(log, NOW_MS)) != NULL;)
        log_slots_end(log, job, log_slots_run(job));
    for (struct log_flush *job; (job = log_flush_begin(log)) != NULL;)
        log_flush_end(log, job, log_flush_run(job));
}

static void change(struct store *store, uint64_t round) {
    char bytes[VALUE_BYTES];
    memset(bytes, 'a' + (int)(round % 26), sizeof bytes);
    const struct slice value = slice_of(bytes, sizeof bytes);
    const struct slice pair[] = {SLICE("field"), value};
    const struct txn_entry entry = {.id = {round + 1, 0}, .strings = pair, .count = 2};
    const struct txn_group group = {.key = SLICE("stream"), .group = SLICE("group")};
    struct txn *txn = txn_begin(store, NOW_MS);
    txn_list_push(txn, 0, SLICE("list"), LIST_TAIL, &value, 1);
    txn_hash_set(txn, 0, SLICE("hash"), pair, 1);
    txn_stream_add(txn, 0, SLICE("stream"), &entry);
    if (round == 0) {
        txn_group_create(txn, &group, STREAM_ID_MIN, 0);
        txn_consumer_create(txn, &group, SLICE("one"));
    }
    const struct txn_delivery delivery = {.consumer = SLICE("one"), .first = entry.id, .count = 1};
    txn_group_deliver(txn, &group, &delivery);
    if (round % 3 == 0) txn_group_ack(txn, &group, &entry.id, 1);
    if (round % 4 == 3) txn_list_pop(txn, 0, SLICE("list"), LIST_HEAD, 2);
    if (round % 5 == 4) txn_stream_trim(txn, 0, SLICE("stream"), 2);
    if (round % 7 == 0) txn_string_set(txn, 1, SLICE("string"), value, false);
    if (round % 7 == 1) txn_string_append(txn, 1, SLICE("string"), value, SLICE("more"));
    txn_commit(txn);
    settle(store);
}

static struct memory_disk *build(void) {
    struct memory_disk *disk = memory_disk_new(1, DISK_BYTES);
    struct vfs *vfs = memory_disk_open(disk);
    const struct store_options options = options_of(5);
    struct store_recovery recovery;
    struct store *store = NULL;
    must(store_open(&store, vfs, &options, &recovery, NULL) == ERR_NONE);
    settle(store);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        change(store, round);
        if (round != ROUNDS / 2) continue;
        struct fold *fold = store_fold_begin(store, NOW_MS);
        bool is_done = fold == NULL;
        while (!is_done)
            must(fold_step(fold, &is_done, NULL) == ERR_NONE);
        must(fold != NULL);
        store_fold_end(store, fold, ERR_NONE, NULL, NOW_MS);
    }
    struct log_flush *seal = log_seal_begin(store_log(store));
    if (seal != NULL) log_flush_end(store_log(store), seal, log_flush_run(seal));
    store_close(store);
    vfs_free(vfs);
    return disk;
}

// ---- damage

static void repair_batch(char *segment, size_t at) {
    struct batch_header header = batch_get(segment + at);
    if (header.bytes < BATCH_HEADER_BYTES || batch_padded(header.bytes) > SEGMENT - at) return;
    header.lsn -= header.lsn % LOG_ALIGN;
    header.durable_lsn = header.durable_lsn > header.lsn ? header.lsn : header.durable_lsn;
    header.flags &= BATCH_FLAGS_KNOWN;
    batch_encode(segment + at, &header);
}

// Writes into the nth record of the batch, and makes it and the batch valid again.
static void change_record(char *segment, size_t block, size_t nth, uint32_t value) {
    struct batch_header header = batch_get(segment + block);
    size_t at = block + BATCH_HEADER_BYTES;
    const size_t end = block + header.bytes;
    if (header.bytes < BATCH_HEADER_BYTES || end > SEGMENT) return;
    struct record record;
    for (; nth >= 64 && at < end && record_read(segment + at, end - at, &record); nth -= 64)
        at += record.bytes;
    if (at >= end || !record_read(segment + at, end - at, &record)) return;
    const size_t place = nth / 4 * 4;
    if (place < 8)
        segment[at + 12] = (char)value; // the type
    else if (place + 8 < record.meta.len)
        store_u32le(segment + at + 8 + place, value);
    record_finish(segment + at, record.flags);
    repair_batch(segment, block);
}

static void change_header(char *segment, uint32_t field, uint32_t value) {
    struct segment_header header;
    bool has_damaged_copy = false;
    if (!segment_decode(segment, &header, &has_damaged_copy)) return;
    uint64_t *fields[] = {&header.sequence,      &header.base_lsn,     &header.salt,
                          &header.prev_sequence, &header.prev_end_lsn, &header.prev_checksum,
                          &header.epoch,         &header.segment_bytes};
    *fields[field % 8] = field & 8 ? value : *fields[field % 8] + value;
    segment_encode(segment, &header);
}

static void damage_state(struct memory_disk *disk, size_t offset, uint32_t value, unsigned how) {
    const char *name = "state-A";
    const size_t size = memory_disk_size(disk, name);
    if (size <= STATE_BODY_AT) return;
    char *file = mem_dup(memory_disk_bytes(disk, name), size);
    const size_t at = how == 0 ? offset % 168 : STATE_BODY_AT + offset % (size - STATE_BODY_AT);
    file[at] = (char)(file[at] ^ (char)value);
    if (value & 0x100) store_u64le(file, hash_bytes(slice_of(file + 8, STATE_ALIGN - 8), 0));
    const size_t block = at / STATE_ALIGN * STATE_ALIGN;
    uint32_t bytes = 0;
    if (how == 1 && (value & 0x200) && state_block_peek(file + block, size - block, &bytes)) {
        const uint64_t seed = load_u64le(file + 80) + load_u64le(file + block + 16);
        const struct slice body = slice_of(file + block + 8, state_padded(bytes) - 8);
        store_u64le(file + block, hash_bytes(body, seed));
    }
    memory_disk_put(disk, name, file, size, 0);
    mem_free(file);
}

static void damage_file(struct memory_disk *disk, unsigned what, const char *name, uint32_t value) {
    if (!memory_disk_has(disk, name)) return;
    if (what == 0)
        memory_disk_shorten(disk, name,
                            num_min(value % (SEGMENT + 1), memory_disk_size(disk, name)));
    else
        memory_disk_lose(disk, name);
}

static void obey(struct memory_disk *disk, const uint8_t *order) {
    static const char *const others[] = {"state-A", "ackd.format", "LOCK"};
    char name[SEGMENT_NAME_BYTES];
    const size_t offset = load_u16le(order + 2);
    const uint32_t value = load_u32le(order + 4);
    const size_t block = offset % BLOCKS * LOG_ALIGN;
    segment_name(name, order[1] % SLOTS);
    if (order[0] % 12 >= 10) {
        const bool is_other = order[1] & 0x80;
        damage_file(disk, order[0] % 2, is_other ? others[order[1] % 3] : name, value);
        return;
    }
    if (order[0] % 12 >= 8) {
        damage_state(disk, offset, value, order[0] % 2);
        return;
    }
    if (memory_disk_size(disk, name) < SEGMENT) return;
    char *segment = mem_dup(memory_disk_bytes(disk, name), SEGMENT);
    switch (order[0] % 12) {
    case 0:
        store_u32le(segment + num_min(offset, SEGMENT - 4), value);
        break;
    case 1:
        store_u32le(segment + block + offset / BLOCKS % BATCH_HEADER_BYTES / 4 * 4, value);
        repair_batch(segment, num_max(block, LOG_ALIGN));
        break;
    case 2:
    case 3:
        change_record(segment, num_max(block, LOG_ALIGN), offset / BLOCKS, value);
        break;
    case 4:
        change_header(segment, (uint32_t)offset, value);
        break;
    case 5:
        memset(segment + block, 0, num_min(value % SEGMENT, SEGMENT - block));
        break;
    case 6:
        memmove(segment + block, segment + (size_t)LOG_ALIGN * (value % BLOCKS), LOG_ALIGN);
        break;
    default:
        segment[offset % SEGMENT] ^= (char)value;
        break;
    }
    memory_disk_put(disk, name, segment, SEGMENT, 0);
    mem_free(segment);
}

// ---- the salvage

static void add_file(void *context, const char *name) {
    (void)name;
    *(uint64_t *)context += 1;
}

static uint64_t digest_of(struct memory_disk *disk, struct vfs *vfs) {
    uint64_t digest = 0;
    static const char *const others[] = {"state-A", "state-B", "ackd.format", "LOCK"};
    must(vfs_list(vfs, add_file, &digest) == ERR_NONE);
    for (uint32_t i = 0; i < SLOTS + 4 + 4; i++) {
        char slot[SEGMENT_NAME_BYTES];
        const char *name = i < 4 ? others[i] : segment_name(slot, i - 4);
        if (!memory_disk_has(disk, name)) continue;
        const size_t size = memory_disk_size(disk, name);
        digest += hash_bytes(slice_of(memory_disk_bytes(disk, name), size), i + size);
    }
    return digest;
}

static void count_line(void *context, const char *text) {
    must(text[0] != '\0');
    *(uint64_t *)context += 1;
}

static void check_saved(struct memory_disk *disk, const struct salvage_result *result) {
    struct vfs *vfs = memory_disk_open(disk);
    const struct store_options options = options_of(6);
    struct store_recovery recovery;
    struct store *store = NULL;
    must(store_open(&store, vfs, &options, &recovery, NULL) == ERR_NONE);
    must(recovery.keys == result->saved.keys);
    keyspace_check(store_keyspace(store));
    store_close(store);
    vfs_free(vfs);
}

static void salvage(struct memory_disk *damaged) {
    struct memory_disk *saved = memory_disk_new(2, (uint64_t)4 * DISK_BYTES);
    struct vfs *from = memory_disk_open(damaged);
    struct vfs *to = memory_disk_open(saved);
    uint64_t lines = 0;
    const struct salvage_options options = {
        .from = from, .to = to, .context = &lines, .line = count_line, .now_ms = NOW_MS, .seed = 9};
    struct salvage_result result;
    struct fault fault = {0};
    const uint64_t before = digest_of(damaged, from);
    const enum err err = salvage_run(&options, &result, &fault);
    must(digest_of(damaged, from) == before);
    must((err == ERR_NONE) == (fault.text[0] == '\0'));
    must(err == ERR_NONE || err == ERR_NOT_FOUND || err == ERR_FORMAT || err == ERR_NO_SPACE);
    vfs_free(from);
    vfs_free(to);
    if (err == ERR_NONE) check_saved(saved, &result);
    memory_disk_free(saved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct memory_disk *good;
    if (good == NULL) good = build();
    struct memory_disk *disk = memory_disk_dup(good);
    for (size_t i = 0; i + ORDER_BYTES <= size && i < (size_t)ORDERS_MAX * ORDER_BYTES;
         i += ORDER_BYTES)
        obey(disk, data + i);
    salvage(disk);
    memory_disk_free(disk);
    return 0;
}
