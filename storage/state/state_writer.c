// Happy path: blocks are collected in memory and written behind each other; every few MiB a sync,
// so that a commit that comes meanwhile does not find the device busy with all of them; at last the
// headers, when everything they speak of is durable.
//
// Failure modes: any error ends the file; it is removed. The next try makes a new file rather than
// write this one again: after a failed sync the kernel may call pages of it clean that never
// reached the disk. A crash leaves a file without a valid header, or the old one of that name, or
// none: none of them is the newest checkpoint.
#include "storage/state/state_writer.h"

#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/record.h"

enum {
    SYNC_BYTES = 4 << 20,
    KEPT_ROWS = 4096, // per block
    // What a record takes beyond its elements: its header, key, names, fields of fixed size.
    ROOM_RESERVED = 256,
    ROOM_MIN = 1024,
};

struct state_writer {
    struct vfs *vfs;
    struct vfs_file *file;
    enum state_name name;
    uint64_t salt;
    size_t block_bytes;
    struct buf block; // header's room and content
    uint32_t block_count;
    uint64_t number; // of the block that is collected
    uint64_t offset; // where it will lie
    uint64_t unsynced_bytes;
    uint64_t records;
    enum err err;
};

static enum err fail(struct state_writer *writer, enum err err, struct fault *fault) {
    writer->err = err;
    return fault_set(fault, err,
                     "writing the checkpoint %s in %s failed (%s); the one before is whole: check "
                     "the disk or make room",
                     state_file_name(writer->name), writer->vfs->where, err_name(err));
}

static void begin_block(struct state_writer *writer) {
    buf_reset(&writer->block);
    buf_shrink(&writer->block, 2 * writer->block_bytes); // after a record of many MiB
    memset(buf_reserve(&writer->block, STATE_BLOCK_HEADER_BYTES), 0, STATE_BLOCK_HEADER_BYTES);
    buf_commit(&writer->block, STATE_BLOCK_HEADER_BYTES);
    writer->block_count = 0;
}

static enum err create(struct state_writer *writer) {
    const char *name = state_file_name(writer->name);
    const enum err err = vfs_remove(writer->vfs, name);
    if (err != ERR_NONE && err != ERR_NOT_FOUND) return err;
    return vfs_open(writer->vfs, name, VFS_READ | VFS_WRITE | VFS_CREATE, &writer->file);
}

enum err state_writer_open(struct state_writer **out, struct vfs *vfs,
                           const struct state_writer_options *options, struct fault *fault) {
    struct state_writer *writer = mem_zalloc(sizeof *writer);
    writer->vfs = vfs;
    writer->name = options->name;
    writer->salt = options->salt;
    writer->block_bytes =
        options->block_bytes == 0 ? STATE_BLOCK_BYTES_DEFAULT : options->block_bytes;
    writer->offset = STATE_BODY_AT;
    *out = NULL;
    const enum err err = create(writer);
    if (err != ERR_NONE) {
        (void)fail(writer, err, fault);
        mem_free(writer);
        return err;
    }
    begin_block(writer);
    *out = writer;
    return ERR_NONE;
}

void state_writer_close(struct state_writer *writer) {
    if (writer == NULL) return;
    vfs_close(writer->file);
    buf_deinit(&writer->block);
    mem_free(writer);
}

void state_writer_remove(struct state_writer *writer) {
    vfs_close(writer->file);
    writer->file = NULL;
    // The name comes back if power fails before the directory is synced; it does not count then.
    (void)vfs_remove(writer->vfs, state_file_name(writer->name));
}

uint64_t state_writer_bytes(const struct state_writer *writer) {
    return writer->offset + writer->block.len;
}

size_t state_writer_room(const struct state_writer *writer) {
    return num_max(writer->block_bytes, ROOM_MIN + ROOM_RESERVED) - ROOM_RESERVED;
}

// ---- blocks

static enum err sync_now(struct state_writer *writer) {
    writer->unsynced_bytes = 0;
    return MUTANT(STATE_BODY_NOT_SYNCED) ? ERR_NONE : vfs_sync(writer->file);
}

// Writes the block that was collected, if there is anything in it, and begins the next one.
static enum err write_block(struct state_writer *writer, enum state_block_kind kind) {
    if (writer->block_count == 0) return ERR_NONE;
    struct buf *block = &writer->block;
    const size_t bytes = block->len;
    const size_t padding = state_padded(bytes) - bytes;
    must(bytes <= STATE_BLOCK_BYTES_MAX);
    memset(buf_reserve(block, padding), 0, padding);
    buf_commit(block, padding);
    const struct state_block header = {.bytes = (uint32_t)bytes,
                                       .count = writer->block_count,
                                       .number = writer->number,
                                       .kind = kind};
    state_block_encode(block->data, &header, writer->salt);
    enum err err = vfs_write_at(writer->file, block->data, block->len, writer->offset);
    writer->number++;
    writer->offset += block->len;
    writer->unsynced_bytes += block->len;
    if (err == ERR_NONE && writer->unsynced_bytes >= SYNC_BYTES) err = sync_now(writer);
    begin_block(writer);
    return err;
}

enum err state_writer_put(struct state_writer *writer, uint8_t type, struct slice meta,
                          const struct slice *payloads, size_t count, struct fault *fault) {
    if (writer->err != ERR_NONE) return fail(writer, writer->err, fault);
    const size_t bytes = record_bytes(meta.len, payloads, count);
    char *at = buf_reserve(&writer->block, bytes);
    record_write(at, type, meta, payloads, count);
    record_finish(at, 0);
    buf_commit(&writer->block, bytes);
    writer->block_count++;
    writer->records++;
    if (writer->block.len < writer->block_bytes) return ERR_NONE;
    const enum err err = write_block(writer, STATE_RECORDS);
    return err == ERR_NONE ? ERR_NONE : fail(writer, err, fault);
}

// ---- the end

static enum err write_kept(struct state_writer *writer, const struct log_kept *kept, size_t count) {
    enum err err = ERR_NONE;
    for (size_t i = 0; i < count && err == ERR_NONE; i++) {
        char *row = buf_reserve(&writer->block, STATE_KEPT_BYTES);
        store_u64le(row, kept[i].sequence);
        store_u64le(row + sizeof(uint64_t), kept[i].live_bytes);
        buf_commit(&writer->block, STATE_KEPT_BYTES);
        writer->block_count++;
        if (writer->block_count == KEPT_ROWS) err = write_block(writer, STATE_KEPT);
    }
    return err == ERR_NONE ? write_block(writer, STATE_KEPT) : err;
}

static enum err write_headers(struct state_writer *writer, const struct state_header *header) {
    char headers[STATE_BODY_AT];
    state_header_encode(headers, header);
    memcpy(headers + STATE_ALIGN, headers, STATE_ALIGN);
    enum err err = vfs_write_at(writer->file, headers, sizeof headers, 0);
    if (err == ERR_NONE) err = vfs_sync(writer->file);
    if (err == ERR_NONE) err = vfs_sync_dir(writer->vfs);
    return err;
}

enum err state_writer_finish(struct state_writer *writer, struct state_header *header,
                             const struct log_kept *kept, size_t kept_count, struct fault *fault) {
    if (writer->err != ERR_NONE) return fail(writer, writer->err, fault);
    enum err err = write_block(writer, STATE_RECORDS);
    header->salt = writer->salt;
    header->records = writer->records;
    header->record_blocks = writer->number;
    header->kept_at = writer->offset;
    header->kept_count = kept_count;
    if (err == ERR_NONE) err = write_kept(writer, kept, kept_count);
    header->body_bytes = writer->offset - STATE_BODY_AT;
    if (err == ERR_NONE && !MUTANT(STATE_HEADER_FIRST)) err = sync_now(writer);
    if (err == ERR_NONE) err = write_headers(writer, header);
    return err == ERR_NONE ? ERR_NONE : fail(writer, err, fault);
}
