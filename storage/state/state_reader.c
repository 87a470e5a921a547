#include "storage/state/state_reader.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/log/record.h"

enum {
    WINDOW_BYTES = 2 << 20, // read at once, more if a block has more
    AHEAD_BYTES = 8 << 20,  // asked for beyond that
};

struct state_reader {
    struct vfs_file *file;
    const char *name;
    struct state_header header;
    uint64_t at; // offset of the next block of records
    uint64_t number;
    uint64_t records;
    // What was read of the file and not used yet.
    char *window;
    size_t window_cap;
    size_t window_len;
    uint64_t window_at;
    bool reads_ahead;
    uint64_t asked_to; // up to here the disk was asked for
};

static enum err damaged(const struct state_reader *reader, uint64_t offset, struct fault *fault) {
    return fault_set(
        fault, ERR_CORRUPT,
        "the checkpoint %s is damaged at offset %llu; nothing was changed; run "
        "`ackd-check` on the directory and restore a backup of it, or save what can be saved "
        "with `ackd-check --salvage`",
        reader->name, (unsigned long long)offset);
}

static enum err unreadable(const struct state_reader *reader, enum err err, struct fault *fault) {
    return fault_set(fault, err, "cannot read the checkpoint %s (%s); check the disk", reader->name,
                     err_name(err));
}

enum err state_reader_open(struct state_reader **out, struct vfs *vfs, enum state_name name,
                           const struct state_header *header, struct fault *fault) {
    struct state_reader *reader = mem_zalloc(sizeof *reader);
    reader->name = state_file_name(name);
    reader->header = *header;
    reader->at = STATE_BODY_AT;
    *out = NULL;
    const enum err err = vfs_open(vfs, reader->name, VFS_READ, &reader->file);
    if (err != ERR_NONE) {
        (void)unreadable(reader, err, fault);
        mem_free(reader);
        return err;
    }
    *out = reader;
    return ERR_NONE;
}

void state_reader_read_ahead(struct state_reader *reader) {
    reader->reads_ahead = true;
}

void state_reader_close(struct state_reader *reader) {
    if (reader == NULL) return;
    vfs_close(reader->file);
    mem_free(reader->window);
    mem_free(reader);
}

// ---- blocks

static void read_ahead(struct state_reader *reader, uint64_t from, uint64_t body_end) {
    if (from < reader->asked_to) from = reader->asked_to;
    const uint64_t wanted = reader->window_at + reader->window_len + AHEAD_BYTES;
    const uint64_t to = wanted < body_end ? wanted : body_end;
    if (from >= to) return;
    vfs_read_ahead(reader->file, from, to - from);
    reader->asked_to = to;
}

// Makes `need` bytes from `offset` on, all of which lie in the body, stand in the window.
static enum err fetch(struct state_reader *reader, uint64_t offset, size_t need,
                      struct fault *fault) {
    const uint64_t end = reader->window_at + reader->window_len;
    if (offset >= reader->window_at && offset + need <= end) return ERR_NONE;
    const bool overlaps = offset >= reader->window_at && offset < end;
    const size_t kept = overlaps ? (size_t)(end - offset) : 0;
    if (kept > 0) memmove(reader->window, reader->window + (offset - reader->window_at), kept);
    reader->window_at = offset;
    reader->window_len = kept;
    const size_t cap = num_max(need, WINDOW_BYTES);
    if (cap > reader->window_cap) {
        reader->window = mem_realloc(reader->window, cap);
        reader->window_cap = cap;
    }
    const uint64_t body_end = STATE_BODY_AT + reader->header.body_bytes;
    const uint64_t left = body_end - offset - kept;
    const size_t more = left < cap - kept ? (size_t)left : cap - kept;
    const enum err err = vfs_read_at(reader->file, reader->window + kept, more, offset + kept);
    if (err != ERR_NONE) return unreadable(reader, err, fault);
    reader->window_len += more;
    if (reader->reads_ahead) read_ahead(reader, offset + kept + more, body_end);
    return ERR_NONE;
}

struct found_block {
    struct state_block header;
    const char *at; // its bytes, in the window
};

// Reads and verifies block `number` at `offset`; `end` is where the last one of its kind must end.
static enum err read_block(struct state_reader *reader, uint64_t offset, uint64_t end,
                           uint64_t number, struct found_block *out, struct fault *fault) {
    if (end - offset < STATE_ALIGN) return damaged(reader, offset, fault);
    enum err err = fetch(reader, offset, STATE_ALIGN, fault);
    if (err != ERR_NONE) return err;
    uint32_t bytes = 0;
    if (!state_block_peek(reader->window + (offset - reader->window_at), end - offset, &bytes))
        return damaged(reader, offset, fault);
    err = fetch(reader, offset, state_padded(bytes), fault);
    if (err != ERR_NONE) return err;
    out->at = reader->window + (offset - reader->window_at);
    if (!state_block_decode(out->at, reader->header.salt, number, &out->header))
        return damaged(reader, offset, fault);
    return ERR_NONE;
}

enum err state_reader_kept(struct state_reader *reader, struct log_kept *out, struct fault *fault) {
    const uint64_t end = STATE_BODY_AT + reader->header.body_bytes;
    uint64_t offset = reader->header.kept_at;
    uint64_t number = reader->header.record_blocks;
    uint64_t done = 0;
    const uint64_t last = (reader->header.lsn - 1) / reader->header.segment_bytes;
    while (offset < end) {
        struct found_block found = {0};
        const enum err err = read_block(reader, offset, end, number++, &found, fault);
        if (err != ERR_NONE) return err;
        const struct state_block block = found.header;
        const uint64_t rows = block.count;
        if (block.kind != STATE_KEPT || rows > reader->header.kept_count - done ||
            block.bytes != STATE_BLOCK_HEADER_BYTES + rows * STATE_KEPT_BYTES)
            return damaged(reader, offset, fault);
        for (uint64_t i = 0; i < rows; i++, done++) {
            const char *row = found.at + STATE_BLOCK_HEADER_BYTES + i * STATE_KEPT_BYTES;
            out[done] = (struct log_kept){load_u64le(row), load_u64le(row + sizeof(uint64_t))};
            const uint64_t before = done > 0 ? out[done - 1].sequence : 0;
            if (out[done].sequence <= before || out[done].sequence > last)
                return damaged(reader, offset, fault);
        }
        offset += state_padded(block.bytes);
    }
    return done == reader->header.kept_count ? ERR_NONE : damaged(reader, offset, fault);
}

// ---- records

static enum err visit_records(struct state_reader *reader, const struct state_block *block,
                              const char *at, const struct state_visitor *visitor,
                              struct fault *fault) {
    size_t position = STATE_BLOCK_HEADER_BYTES;
    uint32_t count = 0;
    for (; position < block->bytes; count++) {
        struct record record;
        if (!record_read(at + position, block->bytes - position, &record))
            return damaged(reader, reader->at + position, fault);
        const struct effect_record effect = {.type = record.type,
                                             .meta = record.meta,
                                             .payload = record.payload,
                                             .is_checkpoint = true};
        const enum err err =
            visitor == NULL ? ERR_NONE : visitor->visit(visitor->context, &effect, fault);
        if (err != ERR_NONE) return err;
        position += record.bytes;
    }
    reader->records += count;
    return count == block->count ? ERR_NONE : damaged(reader, reader->at, fault);
}

enum err state_reader_next(struct state_reader *reader, const struct state_visitor *visitor,
                           bool *is_done, struct fault *fault) {
    const uint64_t end = reader->header.kept_at;
    if (reader->number < reader->header.record_blocks) {
        struct found_block found = {0};
        enum err err = read_block(reader, reader->at, end, reader->number, &found, fault);
        if (err != ERR_NONE) return err;
        if (found.header.kind != STATE_RECORDS) return damaged(reader, reader->at, fault);
        err = visit_records(reader, &found.header, found.at, visitor, fault);
        if (err != ERR_NONE) return err;
        reader->at += state_padded(found.header.bytes);
        reader->number++;
    }
    *is_done = reader->number == reader->header.record_blocks;
    const bool is_whole = reader->at == end && reader->records == reader->header.records;
    if (*is_done && !is_whole) return damaged(reader, reader->at, fault);
    return ERR_NONE;
}

uint64_t state_reader_offset(const struct state_reader *reader) {
    return reader->at;
}

void state_reader_again(struct state_reader *reader) {
    reader->window_len = 0;
}
