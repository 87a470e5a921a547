// Format of a segment's header block (FORMAT.md, section 4). The block has 4096 bytes and holds the
// same 512 bytes twice, at 0 and at 2048; the rest is zero and not looked at. One copy suffices.
//
//  offset size  field
//    0     8    checksum: XXH3-64, seed 0, over bytes [8, 512) of the copy
//    8     8    magic "ackdseg" and NUL
//   16     4    format version: 1
//   20     4    zero
//   24    24    features: incompatible, read-only compatible, compatible
//   48    16    uuid of the store
//   64     8    segment_bytes
//   72     8    sequence
//   80     8    base lsn = sequence * segment_bytes
//   88     8    salt
//   96     8    sequence of the previous segment, 0: none
//  104     8    prev_end_lsn
//  112     8    checksum of the last batch before prev_end_lsn
//  120     8    epoch
//  128     8    wall time, milliseconds since 1970
//  136     4    slots_min
//  140   372    zero
#include "storage/log/segment.h"

#include <stdio.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/log.h"

enum {
    COPY_BYTES = 512,
    COPY_DISTANCE = 2048,
    AT_CHECKSUM = 0,
    AT_MAGIC = 8,
    AT_VERSION = 16,
    AT_INCOMPATIBLE = 24,
    AT_READ_ONLY = 32,
    AT_COMPATIBLE = 40,
    AT_UUID = 48,
    AT_SEGMENT = 64,
    AT_SEQUENCE = 72,
    AT_BASE = 80,
    AT_SALT = 88,
    AT_PREV_SEQUENCE = 96,
    AT_PREV_END = 104,
    AT_PREV_CHECKSUM = 112,
    AT_EPOCH = 120,
    AT_WALL = 128,
    AT_SLOTS_MIN = 136,
    ZERO_PIECE_BYTES = 1 << 20,
    // Zeros are synced in steps, so that the flush of a commit that comes meanwhile does not find
    // the device busy with 64 MiB of them.
    ZERO_SYNC_BYTES = 4 << 20,
};

static const char magic[8] = "ackdseg";

static uint64_t checksum_of(const char *copy) {
    return hash_bytes(slice_of(copy + AT_MAGIC, COPY_BYTES - AT_MAGIC), 0);
}

void segment_encode(char *block, const struct segment_header *header) {
    memset(block, 0, LOG_ALIGN);
    memcpy(block + AT_MAGIC, magic, sizeof magic);
    store_u32le(block + AT_VERSION, header->version);
    store_u64le(block + AT_INCOMPATIBLE, header->features.incompatible);
    store_u64le(block + AT_READ_ONLY, header->features.read_only_compatible);
    store_u64le(block + AT_COMPATIBLE, header->features.compatible);
    memcpy(block + AT_UUID, header->uuid, FORMAT_UUID_BYTES);
    store_u64le(block + AT_SEGMENT, header->segment_bytes);
    store_u64le(block + AT_SEQUENCE, header->sequence);
    store_u64le(block + AT_BASE, header->base_lsn);
    store_u64le(block + AT_SALT, header->salt);
    store_u64le(block + AT_PREV_SEQUENCE, header->prev_sequence);
    store_u64le(block + AT_PREV_END, header->prev_end_lsn);
    store_u64le(block + AT_PREV_CHECKSUM, header->prev_checksum);
    store_u64le(block + AT_EPOCH, header->epoch);
    store_u64le(block + AT_WALL, (uint64_t)header->wall_ms);
    store_u32le(block + AT_SLOTS_MIN, header->slots_min);
    store_u64le(block + AT_CHECKSUM, checksum_of(block));
    memcpy(block + COPY_DISTANCE, block, COPY_BYTES);
}

static bool copy_is_valid(const char *copy) {
    return memcmp(copy + AT_MAGIC, magic, sizeof magic) == 0 &&
           load_u64le(copy + AT_CHECKSUM) == checksum_of(copy);
}

bool segment_decode(const char *block, struct segment_header *out, bool *has_damaged_copy) {
    bool first = copy_is_valid(block);
    bool second = copy_is_valid(block + COPY_DISTANCE);
    if (MUTANT(SECOND_HEADER_IGNORED)) second = false;
    *has_damaged_copy = first != second;
    if (!first && !second) return false;
    const char *copy = first ? block : block + COPY_DISTANCE;
    // Both may be valid and differ: the write that was to make the slot another segment's was cut.
    const bool is_newer =
        first && second && !MUTANT(FIRST_HEADER_COPY_WINS) &&
        load_u64le(block + COPY_DISTANCE + AT_SEQUENCE) > load_u64le(block + AT_SEQUENCE);
    if (is_newer) copy = block + COPY_DISTANCE;
    *out = (struct segment_header){
        .version = load_u32le(copy + AT_VERSION),
        .features = {load_u64le(copy + AT_INCOMPATIBLE), load_u64le(copy + AT_READ_ONLY),
                     load_u64le(copy + AT_COMPATIBLE)},
        .segment_bytes = load_u64le(copy + AT_SEGMENT),
        .sequence = load_u64le(copy + AT_SEQUENCE),
        .base_lsn = load_u64le(copy + AT_BASE),
        .salt = load_u64le(copy + AT_SALT),
        .prev_sequence = load_u64le(copy + AT_PREV_SEQUENCE),
        .prev_end_lsn = load_u64le(copy + AT_PREV_END),
        .prev_checksum = load_u64le(copy + AT_PREV_CHECKSUM),
        .epoch = load_u64le(copy + AT_EPOCH),
        .wall_ms = (int64_t)load_u64le(copy + AT_WALL),
        .slots_min = load_u32le(copy + AT_SLOTS_MIN),
    };
    memcpy(out->uuid, copy + AT_UUID, FORMAT_UUID_BYTES);
    return true;
}

const char *segment_name(char out[SEGMENT_NAME_BYTES], uint32_t slot) {
    snprintf(out, SEGMENT_NAME_BYTES, "seg-%06u", slot);
    return out;
}

bool segment_parse_name(const char *name, uint32_t *slot) {
    if (strncmp(name, "seg-", 4) != 0 || strlen(name) >= SEGMENT_NAME_BYTES) return false;
    uint64_t number = 0;
    for (const char *digit = name + 4; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9') return false;
        number = number * 10 + (uint64_t)(*digit - '0');
    }
    if (number >= LOG_SLOTS_MAX) return false;
    // Only the one spelling we write: "seg-1" beside "seg-000001" would be two files of one slot.
    char canonical[SEGMENT_NAME_BYTES];
    if (strcmp(name, segment_name(canonical, (uint32_t)number)) != 0) return false;
    *slot = (uint32_t)number;
    return true;
}

static enum err write_zeros(struct vfs_file *file, size_t segment_bytes) {
    size_t piece = num_min(ZERO_PIECE_BYTES, segment_bytes);
    char *zeros = mem_zalloc(piece);
    enum err err = ERR_NONE;
    for (size_t at = 0; at < segment_bytes && err == ERR_NONE; at += piece) {
        err = vfs_write_at(file, zeros, piece, at);
        bool is_step = (at + piece) % ZERO_SYNC_BYTES == 0 || at + piece == segment_bytes;
        if (err == ERR_NONE && is_step && !MUTANT(ZEROS_NOT_SYNCED)) err = vfs_sync(file);
    }
    mem_free(zeros);
    return err;
}

enum err segment_create(struct vfs *vfs, uint32_t slot, size_t segment_bytes, unsigned flags,
                        struct vfs_file **out) {
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, slot);
    struct vfs_file *file = NULL;
    // Not opened with `flags` at once: with O_DSYNC each piece of zeros would wait for the device.
    enum err err = vfs_open(vfs, name, VFS_READ | VFS_WRITE | VFS_CREATE, &file);
    if (err != ERR_NONE) return err;
    err = write_zeros(file, segment_bytes);
    vfs_close(file);
    if (err == ERR_NONE && !MUTANT(SLOT_NAME_NOT_SYNCED)) err = vfs_sync_dir(vfs);
    if (err == ERR_NONE) err = vfs_open(vfs, name, flags, out);
    // What cannot be removed now is found unfinished by the next start and made again.
    if (err != ERR_NONE) (void)vfs_remove(vfs, name);
    return err;
}

enum err segment_finish(struct vfs *vfs, struct vfs_file *file, size_t segment_bytes) {
    enum err err = vfs_truncate(file, segment_bytes);
    if (err == ERR_NONE) err = write_zeros(file, segment_bytes);
    if (err == ERR_NONE) err = vfs_sync_dir(vfs);
    return err;
}
