// Recovery over a directory made from the input: a good log is laid out, then the input says what
// is done to its files, and which checksums are made right again afterwards, so that nonsense
// behind a valid checksum is met too. Recovery may refuse; it may not crash, hang, hand over a
// record that is not all there, or be unable to start again where it started once.
//
// A first order of kind 255 asks for a log whose slots came round, with a checkpoint, two kept
// segments and former lives under the newest ones.
//
// The input is a list of orders of 8 bytes: what, slot, u16 block or offset, u32 value.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/batch.h"
#include "storage/log/log.h"
#include "storage/log/record.h"
#include "storage/log/scan.h"
#include "storage/log/segment.h"
#include "tests/fuzz/target.h"
#include "tests/support/vfs_memory.h"

enum {
    SEGMENT = LOG_SEGMENT_BYTES_MIN,
    BLOCKS = SEGMENT / LOG_ALIGN,
    SLOTS = 5, // that are damaged
    SLOTS_CYCLED = 8,
    FRAMES = 9, // over several segments
    ORDER_BYTES = 8,
    ORDERS_MAX = 32,
    CYCLED = 255, // kind of order
    CYCLES = 4,   // segments written before each checkpoint
};

// NULL: there is none.
static const struct log_checkpoint *checkpoint_of(const struct log_checkpoint *checkpoint) {
    return checkpoint->lsn == 0 ? NULL : checkpoint;
}

// Reads every byte, and makes one number of all records in their order.
static enum err visit(void *context, const struct log_record *record) {
    uint64_t *digest = context;
    *digest = hash_bytes(record->meta, *digest + record->type);
    *digest = hash_bytes(record->payload, *digest + record->is_last);
    must(record->payload_offset + record->payload.len <= SEGMENT);
    return ERR_NONE;
}

// NOLINTNEXTLINE(readability-function-size): the signature is log_visitor's
static void relocate(void *context, uint8_t type, char *meta, size_t meta_len, uint64_t from_lsn,
                     uint64_t to_lsn, uint64_t delta) {
    (void)context;
    (void)type;
    must(from_lsn < to_lsn && delta > 0);
    if (meta_len >= 8) store_u64le(meta, load_u64le(meta) + delta);
}

// NOLINTNEXTLINE(readability-function-size): one of its kind
static enum err start(struct memory_disk *disk, const struct log_checkpoint *checkpoint,
                      struct vfs **vfs, struct log **log, uint64_t *digest) {
    struct log_options options = {
        .segment_bytes = SEGMENT, .slots_ahead = 1, .seed = memory_disk_calls(disk)};
    *digest = 0;
    struct log_visitor visitor = {.context = digest, .visit = visit, .relocate = relocate};
    struct log_recovery recovery;
    struct fault fault = {0};
    *log = NULL;
    *vfs = memory_disk_open(disk);
    enum err err = log_open(log, *vfs, &options, &fault);
    if (err == ERR_NONE) err = log_adopt(*log, checkpoint_of(checkpoint), &fault);
    if (err == ERR_NONE) err = log_recover(*log, &visitor, &recovery, &fault);
    must(err == ERR_NONE || fault.text[0] != '\0');
    return err;
}

static void stop(struct vfs *vfs, struct log *log) {
    log_close(log);
    vfs_free(vfs);
}

static void flush(struct log *log) {
    for (struct log_flush *job; (job = log_flush_begin(log)) != NULL;)
        log_flush_end(log, job, log_flush_run(job));
}

static void append(struct log *log, size_t len) {
    static const char bytes[SEGMENT];
    struct slice piece = slice_of(bytes, len);
    struct log_slots *job = log_slots_begin(log, INT64_MAX / 2);
    if (job != NULL) log_slots_end(log, job, log_slots_run(job));
    if (log_prepare(log, len + 16, 1, false) != LOG_READY) return;
    log_append(log, 1, SLICE("meta meta"), &piece, 1);
    log_commit(log);
}

// Where the segment before the newest one ends: a checkpoint may be of there.
static uint64_t end_before(const struct log *log, const struct memory_disk *disk) {
    const uint64_t newest = log_durable_lsn(log) / SEGMENT * SEGMENT;
    uint32_t slot = 0;
    uint32_t offset = 0;
    char name[SEGMENT_NAME_BYTES];
    struct segment_header header;
    bool has_damaged_copy = false;
    must(log_locate(log, newest, &slot, &offset));
    must(segment_decode(memory_disk_bytes(disk, segment_name(name, slot)), &header,
                        &has_damaged_copy));
    return header.prev_end_lsn;
}

// The first checkpoint keeps the first segment, the second that and one more.
static void cycle(struct log *log, struct memory_disk *disk, struct log_checkpoint *checkpoint,
                  struct log_kept *kept) {
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < CYCLES; i++) {
            append(log, 40000);
            flush(log);
        }
        checkpoint->lsn = end_before(log, disk);
        kept[round].sequence = 1 + round * CYCLES;
        checkpoint->kept = kept;
        checkpoint->kept_count = round + 1;
        log_checkpoint_done(log, checkpoint);
    }
}

static void build(struct memory_disk *disk, bool is_cycled, struct log_checkpoint *checkpoint,
                  struct log_kept *kept) {
    struct vfs *vfs = NULL;
    struct log *log = NULL;
    uint64_t digest = 0;
    must(start(disk, checkpoint, &vfs, &log, &digest) == ERR_NONE);
    if (is_cycled) cycle(log, disk, checkpoint, kept);
    for (size_t i = 0; i < FRAMES; i++) {
        append(log, 100 + i * 5000);
        append(log, 10);
        if (i % 2 == 0) flush(log);
    }
    flush(log);
    stop(vfs, log);
}

// Makes the batch at `at` valid again, whatever its header says now, if it can be.
static void repair_batch(char *segment, size_t at) {
    struct batch_header header = batch_get(segment + at);
    if (header.bytes < BATCH_HEADER_BYTES || batch_padded(header.bytes) > SEGMENT - at) return;
    header.lsn -= header.lsn % LOG_ALIGN;
    header.durable_lsn = header.durable_lsn > header.lsn ? header.lsn : header.durable_lsn;
    header.flags &= BATCH_FLAGS_KNOWN;
    batch_encode(segment + at, &header);
}

static void repair_header(char *segment) {
    struct segment_header header;
    bool has_damaged_copy = false;
    if (segment_decode(segment, &header, &has_damaged_copy)) segment_encode(segment, &header);
}

// Changes one 8-byte field of a header and makes the checksum right again.
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

static void obey(struct memory_disk *disk, uint32_t slots, const uint8_t *order) {
    if (order[0] == CYCLED) return;
    char name[SEGMENT_NAME_BYTES];
    uint32_t slot = order[1] % slots;
    segment_name(name, slot);
    size_t offset = load_u16le(order + 2);
    uint32_t value = load_u32le(order + 4);
    if (memory_disk_size(disk, name) < SEGMENT) return;
    char *segment = mem_dup(memory_disk_bytes(disk, name), SEGMENT);
    size_t block = offset % BLOCKS * LOG_ALIGN;
    switch (order[0] % 8) {
    case 0: // write
        store_u32le(segment + num_min(offset, SEGMENT - 4), value);
        break;
    case 1: // write into a batch's header and repair it
        store_u32le(segment + block + offset / BLOCKS % BATCH_HEADER_BYTES / 4 * 4, value);
        repair_batch(segment, block);
        break;
    case 2: // write into a record and repair it and its batch
        block = num_max(block, LOG_ALIGN);
        store_u32le(segment + block + BATCH_HEADER_BYTES + offset / BLOCKS % 32 / 4 * 4, value);
        if (load_u32le(segment + block + BATCH_HEADER_BYTES + 8) < LOG_ALIGN / 2)
            record_finish(segment + block + BATCH_HEADER_BYTES, (uint8_t)(value % 4));
        repair_batch(segment, block);
        break;
    case 3:
        change_header(segment, (uint32_t)offset, value);
        break;
    case 4: // zeros
        memset(segment + block, 0, num_min(value % SEGMENT, SEGMENT - block));
        break;
    case 5: // another block
        memmove(segment + block, segment + (size_t)LOG_ALIGN * (value % BLOCKS), LOG_ALIGN);
        repair_header(segment);
        break;
    case 6:
        memory_disk_shorten(disk, name, num_min(value, SEGMENT));
        break;
    default:
        memory_disk_lose(disk, name);
        break;
    }
    if (order[0] % 8 < 6) memory_disk_put(disk, name, segment, SEGMENT, 0);
    mem_free(segment);
}

// What ackd-check does: it changes nothing, and finds no fault with what recovery takes.
static enum err look(struct memory_disk *disk, const struct log_checkpoint *checkpoint) {
    struct fault fault = {0};
    struct format format;
    struct scan scan = {0};
    struct scan_segment segment = {0};
    struct scan_end end = {0};
    struct vfs *vfs = memory_disk_open(disk);
    enum err err = format_load(vfs, &format, &fault);
    if (err == ERR_NONE) err = scan_open(&scan, vfs, &format, VFS_READ, &fault);
    char *image = mem_alloc(SEGMENT);
    char *scratch = mem_alloc(SEGMENT);
    if (err == ERR_NONE) err = scan_adopt(&scan, checkpoint_of(checkpoint), &fault);
    for (size_t i = 0; i < scan.chain_count && err == ERR_NONE; i++)
        err = scan_segment(&scan, i, image, &segment, &fault);
    const struct scan_segment *last = scan.chain_count > 0 ? &segment : NULL;
    if (err == ERR_NONE) err = scan_end(&scan, image, last, scratch, &end, &fault);
    must((err == ERR_NONE) == (fault.text[0] == '\0'));
    mem_free(image);
    mem_free(scratch);
    scan_close(&scan);
    vfs_free(vfs);
    return err;
}

// A start that goes on, and the next one: they find the same frames, and the second the new one.
static void start_twice(struct memory_disk *disk, const struct log_checkpoint *checkpoint) {
    struct vfs *vfs = NULL;
    struct log *log = NULL;
    uint64_t digest = 0;
    uint64_t digest_again = 0;
    const enum err looked = look(disk, checkpoint);
    const bool has_started = start(disk, checkpoint, &vfs, &log, &digest) == ERR_NONE;
    must(!has_started || looked == ERR_NONE);
    stop(vfs, log);
    if (!has_started) return;
    must(start(disk, checkpoint, &vfs, &log, &digest_again) == ERR_NONE);
    must(digest_again == digest);
    const uint64_t end_lsn = log_end_lsn(log);
    append(log, 5000);
    flush(log);
    const bool has_appended = log_end_lsn(log) > end_lsn;
    stop(vfs, log);
    must(look(disk, checkpoint) == ERR_NONE);
    must(start(disk, checkpoint, &vfs, &log, &digest_again) == ERR_NONE);
    must((digest_again != digest) == has_appended);
    stop(vfs, log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct memory_disk *disk = memory_disk_new(1, (uint64_t)16 * SEGMENT);
    struct log_checkpoint checkpoint = {0};
    struct log_kept kept[2] = {0};
    const bool is_cycled = size > 0 && data[0] == CYCLED;
    build(disk, is_cycled, &checkpoint, kept);
    for (size_t i = 0; i + ORDER_BYTES <= size && i < (size_t)ORDERS_MAX * ORDER_BYTES;
         i += ORDER_BYTES)
        obey(disk, is_cycled ? SLOTS_CYCLED : SLOTS, data + i);
    start_twice(disk, &checkpoint);
    memory_disk_free(disk);
    return 0;
}
