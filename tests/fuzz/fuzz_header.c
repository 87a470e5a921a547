// Any bytes are the files and headers that say whose a directory is, or are refused with a
// sentence: `ackd.format`, a segment's header block, the name of a slot. With a right checksum,
// too, which a fuzzer cannot guess; what is taken is what the encoder would have written.
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/segment.h"
#include "tests/fuzz/target.h"
#include "tests/support/vfs_memory.h"

enum {
    COPY_BYTES = 512, // of a segment's header
    SECOND_COPY = 2048,
    CHECKSUM_BYTES = 8,
};

static void repair(char *bytes, size_t len) {
    store_u64le(bytes, hash_bytes(slice_of(bytes + CHECKSUM_BYTES, len - CHECKSUM_BYTES), 0));
}

// ---- ackd.format

static void check_format(const char *bytes) {
    struct fault fault = {0};
    struct format format;
    const enum err err = format_decode(bytes, &format, "fuzz", &fault);
    must(err == ERR_NONE || err == ERR_CORRUPT || err == ERR_FORMAT);
    must((err == ERR_NONE) == (fault.text[0] == '\0'));
    if (err != ERR_NONE) return;
    must(format.version == FORMAT_VERSION && format.features.incompatible == 0);
    must(format.segment_bytes >= LOG_SEGMENT_BYTES_MIN);
    must(format.segment_bytes <= LOG_SEGMENT_BYTES_DEFAULT);
    char again[FORMAT_BYTES];
    struct format back;
    format_encode(again, &format);
    must(format_decode(again, &back, "fuzz", &fault) == ERR_NONE);
    must(back.segment_bytes == format.segment_bytes && back.created_ms == format.created_ms);
    must(memcmp(back.uuid, format.uuid, FORMAT_UUID_BYTES) == 0);
}

static void try_format(struct slice input) {
    char bytes[FORMAT_BYTES] = {0};
    if (input.len > 0) memcpy(bytes, input.data, num_min(input.len, sizeof bytes));
    check_format(bytes);
    memcpy(bytes + CHECKSUM_BYTES, "ackdfmt", 8);
    repair(bytes, sizeof bytes);
    check_format(bytes);
}

// The same as a file, of any length, in a directory where a log is to be opened.
static void try_directory(struct slice input) {
    char *bytes = mem_zalloc(num_max(input.len, FORMAT_BYTES));
    if (input.len > 0) memcpy(bytes, input.data, input.len);
    if (input.len >= FORMAT_BYTES) {
        memcpy(bytes + CHECKSUM_BYTES, "ackdfmt", 8);
        repair(bytes, FORMAT_BYTES);
    }
    struct memory_disk *disk = memory_disk_new(1, 0); // no room: nothing can be made
    memory_disk_resize(disk, 1 << 20);
    memory_disk_put(disk, FORMAT_NAME, bytes, num_max(input.len, 1), 0);
    struct vfs *vfs = memory_disk_open(disk);
    struct log *log = NULL;
    struct log_options options = {.segment_bytes = LOG_SEGMENT_BYTES_MIN, .slots_ahead = 1};
    struct fault fault = {0};
    const enum err err = log_open(&log, vfs, &options, &fault);
    must((err == ERR_NONE) == (fault.text[0] == '\0'));
    must(err == ERR_NONE || log == NULL);
    if (err == ERR_NONE) must(log_segment_bytes(log) == load_u64le(bytes + 40));
    log_close(log);
    vfs_free(vfs);
    memory_disk_free(disk);
    mem_free(bytes);
}

// ---- a segment's header

static void check_segment(const char *block) {
    struct segment_header header;
    bool has_damaged_copy = false;
    if (!segment_decode(block, &header, &has_damaged_copy)) return;
    char again[LOG_ALIGN];
    struct segment_header back;
    segment_encode(again, &header);
    must(segment_decode(again, &back, &has_damaged_copy) && !has_damaged_copy);
    must(back.version == header.version && back.segment_bytes == header.segment_bytes);
    must(back.sequence == header.sequence && back.base_lsn == header.base_lsn);
    must(back.prev_sequence == header.prev_sequence && back.prev_end_lsn == header.prev_end_lsn);
    must(back.prev_checksum == header.prev_checksum && back.salt == header.salt);
    must(back.epoch == header.epoch && back.wall_ms == header.wall_ms);
}

static void try_segment(struct slice input) {
    char *block = mem_zalloc(LOG_ALIGN); // on the heap: a step beyond is seen
    if (input.len > 0) memcpy(block, input.data, num_min(input.len, LOG_ALIGN));
    check_segment(block);
    memcpy(block + CHECKSUM_BYTES, "ackdseg", 8);
    repair(block, COPY_BYTES);
    struct segment_header header;
    bool has_damaged_copy = false;
    must(segment_decode(block, &header, &has_damaged_copy));
    check_segment(block);
    // The second copy alone.
    memcpy(block + SECOND_COPY, block, COPY_BYTES);
    block[0] ^= 1;
    must(segment_decode(block, &header, &has_damaged_copy) && has_damaged_copy);
    mem_free(block);
}

// ---- a slot's name

static void try_name(struct slice input) {
    char name[VFS_NAME_MAX + 1];
    char canonical[SEGMENT_NAME_BYTES];
    uint32_t slot = 0;
    slice_to_cstr(input, name, sizeof name);
    if (segment_parse_name(name, &slot)) {
        must(slot < LOG_SLOTS_MAX && strcmp(segment_name(canonical, slot), name) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > LOG_ALIGN) return 0;
    const struct slice input = slice_of(data, size);
    try_name(input);
    try_format(input);
    try_segment(input);
    try_directory(input);
    return 0;
}
