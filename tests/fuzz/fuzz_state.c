// A checkpoint's file that may hold anything: records that no encoder wrote, and bytes changed
// after it was made, with or without right checksums. It is found, verified and loaded, or refused
// with a sentence; what is loaded has the counts and the digest that the header names, and is a
// keyspace that can be checked and freed. A file that nobody changed loads exactly when a keyspace
// takes the same records.
//
// Input: u8 flags (1: checksums are made right again), u8 number of patches, u8 rows of the kept
// table; patches of u16 offset, u8 value (offset 0x8000 and up: in the blocks, else in the first
// header); then records of u8 type, u16 length of the meta, u8 length of the payload area in units
// of 8 bytes, meta, payload. What is missing at the end is cut.
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"
#include "storage/state/state_load.h"
#include "storage/state/state_writer.h"
#include "tests/fuzz/target.h"
#include "tests/support/vfs_memory.h"

enum {
    FLAG_REPAIR = 1,
    HEAD_BYTES = 3,
    PATCH_BYTES = 3,
    RECORD_BYTES = 4,
    PATCHES_MAX = 16,
    RECORDS_MAX = 100,
    WRITES_MAX = 2, // a STRING_WRITE may rightly ask for 64 MiB of zeros
    DISK_BYTES = 8 << 20,
    SALT = 77,
    HEADER_COUNTED = 168, // bytes of the header that have a meaning
};

static uint64_t lsn_at(void *context, uint32_t slot, uint32_t offset) {
    (void)context;
    return (uint64_t)slot << 26 | offset;
}

static bool locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    (void)context;
    if (lsn >> 26 > 100) return false;
    *slot = (uint32_t)(lsn >> 26);
    *offset = (uint32_t)(lsn & ((1 << 26) - 1));
    return true;
}

static const struct blob_space space = {.lsn_at = lsn_at, .locate = locate};

struct input {
    struct slice left;
    unsigned flags;
    unsigned patches;
    unsigned rows;
    const char *patch;
};

static const struct format format = {
    .version = FORMAT_VERSION, .uuid = "state", .segment_bytes = LOG_SEGMENT_BYTES_MIN};

static uint64_t count_keys(const struct keyspace *keyspace) {
    uint64_t keys = 0;
    for (unsigned db = 0; db < keyspace_databases(keyspace); db++)
        keys += keyspace_count(keyspace, db);
    return keys;
}

// Writes the records into the file and applies them to `keyspace`; false: it did not take them all.
static bool write_records(struct input *input, struct state_writer *writer,
                          struct keyspace *keyspace) {
    bool is_taken = true;
    int writes = 0;
    for (int i = 0; i < RECORDS_MAX && input->left.len >= RECORD_BYTES; i++) {
        const char *at = input->left.data;
        const size_t left = input->left.len - RECORD_BYTES;
        const size_t meta_len = num_min(load_u16le(at + 1), left);
        const size_t payload_len = num_min((size_t)(uint8_t)at[3] * 8, (left - meta_len) / 8 * 8);
        const struct slice meta = slice_of(at + RECORD_BYTES, meta_len);
        const struct slice payload = slice_of(at + RECORD_BYTES + meta_len, payload_len);
        input->left =
            slice_sub(input->left, RECORD_BYTES + meta_len + payload_len, input->left.len);
        if ((uint8_t)at[0] == EFFECT_STRING_WRITE && ++writes > WRITES_MAX) continue;
        must(state_writer_put(writer, (uint8_t)at[0], meta, &payload, 1, NULL) == ERR_NONE);
        const struct effect_record record = {
            .type = (uint8_t)at[0], .meta = meta, .payload = payload, .is_checkpoint = true};
        struct effect_outcome outcome;
        if (is_taken) is_taken = effect_apply(keyspace, &record, &outcome, NULL) == ERR_NONE;
    }
    return is_taken;
}

static void repair(char *file, size_t size) {
    store_u64le(file, hash_bytes(slice_of(file + 8, STATE_ALIGN - 8), 0));
    uint64_t number = 0;
    for (size_t at = STATE_BODY_AT; at < size; number++) {
        uint32_t bytes = 0;
        if (!state_block_peek(file + at, size - at, &bytes)) return;
        const size_t padded = state_padded(bytes);
        const uint64_t seed = load_u64le(file + 80) + load_u64le(file + at + 16);
        store_u64le(file + at, hash_bytes(slice_of(file + at + 8, padded - 8), seed));
        at += padded;
    }
}

static void patch(const struct input *input, struct memory_disk *disk) {
    const size_t size = memory_disk_size(disk, "state-A");
    char *file = mem_dup(memory_disk_bytes(disk, "state-A"), size);
    for (unsigned i = 0; i < input->patches; i++) {
        const size_t where = load_u16le(input->patch + (size_t)i * PATCH_BYTES);
        const bool is_block = where >= 0x8000 && size > STATE_BODY_AT;
        const size_t at = is_block ? STATE_BODY_AT + (where - 0x8000) % (size - STATE_BODY_AT)
                                   : where % HEADER_COUNTED;
        file[at] = (char)(file[at] ^ input->patch[(size_t)i * PATCH_BYTES + 2]);
    }
    if (input->flags & FLAG_REPAIR) repair(file, size);
    memory_disk_put(disk, "state-A", file, size, 0);
    mem_free(file);
}

static void check_loaded(struct vfs *vfs, bool is_whole, bool is_taken, uint64_t digest) {
    struct state_checkpoint found[STATE_FILES];
    struct fault fault = {0};
    struct keyspace *keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &space, 2);
    enum err err = state_find(vfs, &format, found, &fault);
    if (err == ERR_NONE && found[0].exists) {
        err = state_verify(vfs, &found[0], &fault);
        if (err == ERR_NONE) err = state_load(vfs, &found[0], keyspace, NULL, &fault);
        if (err == ERR_NONE) {
            must(keyspace_digest(keyspace) == found[0].header.digest);
            must(count_keys(keyspace) == found[0].header.keys);
            must(state_confirm(vfs, &found[0], &fault) == ERR_NONE);
        }
        if (is_whole) must((err == ERR_NONE) == is_taken);
        if (is_whole && is_taken) must(keyspace_digest(keyspace) == digest);
    } else {
        must(!is_whole);
    }
    must(err == ERR_NONE || err == ERR_CORRUPT || err == ERR_FORMAT || err == ERR_IO);
    must((err == ERR_NONE) == (fault.text[0] == '\0'));
    keyspace_check(keyspace);
    keyspace_free(keyspace);
    state_checkpoint_deinit(&found[0]);
    state_checkpoint_deinit(&found[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD_BYTES) return 0;
    struct input input = {.left = slice_of(data, size), .flags = data[0], .rows = data[2] % 32};
    input.left = slice_sub(input.left, HEAD_BYTES, size);
    input.patch = input.left.data;
    input.patches = (unsigned)num_min(data[1] % PATCHES_MAX, input.left.len / PATCH_BYTES);
    input.left = slice_sub(input.left, (size_t)input.patches * PATCH_BYTES, input.left.len);

    struct memory_disk *disk = memory_disk_new(1, DISK_BYTES);
    struct vfs *vfs = memory_disk_open(disk);
    struct keyspace *keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &space, 1);
    struct state_writer *writer = NULL;
    const struct state_writer_options options = {
        .name = STATE_A, .salt = SALT, .block_bytes = STATE_ALIGN};
    must(state_writer_open(&writer, vfs, &options, NULL) == ERR_NONE);
    const bool is_taken = write_records(&input, writer, keyspace);
    struct state_header header = {.version = FORMAT_VERSION,
                                  .segment_bytes = format.segment_bytes,
                                  .generation = 1,
                                  .lsn = 100 * format.segment_bytes,
                                  .digest = keyspace_digest(keyspace),
                                  .keys = count_keys(keyspace)};
    memcpy(header.uuid, format.uuid, sizeof header.uuid);
    struct log_kept kept[32];
    for (unsigned i = 0; i < input.rows; i++)
        kept[i] = (struct log_kept){.sequence = 2 * i + 1, .live_bytes = 8};
    must(state_writer_finish(writer, &header, kept, input.rows, NULL) == ERR_NONE);
    state_writer_close(writer);
    patch(&input, disk);
    check_loaded(vfs, input.patches == 0, is_taken, header.digest);
    keyspace_free(keyspace);
    vfs_free(vfs);
    memory_disk_free(disk);
    return 0;
}
