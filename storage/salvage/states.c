#include "storage/salvage/states.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/log/record.h"
#include "storage/salvage/walk.h"

// ---- which

// The header is valid, this store's, and contradicts at most the size of its file.
static bool is_cut_short(const struct source *source, const struct state_header *header) {
    return memcmp(header->uuid, source->format.uuid, FORMAT_UUID_BYTES) == 0 &&
           header->segment_bytes == source->format.segment_bytes && header->generation > 0 &&
           header->lsn >= header->segment_bytes && header->kept_at % STATE_ALIGN == 0;
}

static void find_one(struct states *states, struct source *source, enum state_name name) {
    struct state_checkpoint found = {.name = name};
    struct fault fault = {0};
    const enum err err = state_header_read(source->vfs, name, &source->format, &found.header,
                                           &found.damaged_copies, &fault);
    const bool is_cut = err == ERR_CORRUPT && is_cut_short(source, &found.header);
    if (err != ERR_NONE && !is_cut) {
        struct vfs_file *file = NULL;
        if (vfs_open(source->vfs, state_file_name(name), VFS_READ, &file) != ERR_NONE) return;
        vfs_close(file);
        report_say(source->report, "note: the checkpoint %s is not used: %s", state_file_name(name),
                   err == ERR_NOT_FOUND ? "it was not finished, or both its headers are damaged"
                                        : fault.text);
        return;
    }
    found.exists = true;
    const bool is_newer =
        !states->found[0].exists || found.header.generation > states->found[0].header.generation;
    if (is_newer) {
        states->found[1] = states->found[0];
        states->is_cut[1] = states->is_cut[0];
    }
    states->found[is_newer ? 0 : 1] = found;
    states->is_cut[is_newer ? 0 : 1] = is_cut;
}

static bool verify(struct states *states, struct source *source, int i) {
    struct state_checkpoint *checkpoint = &states->found[i];
    struct fault fault = {0};
    if (!checkpoint->exists) return false;
    if (states->is_cut[i]) {
        report_say(source->report, "damage: the checkpoint %s was cut",
                   state_file_name(checkpoint->name));
        return false;
    }
    if (state_verify(source->vfs, checkpoint, &fault) == ERR_NONE) return true;
    report_say(source->report, "damage: %s", fault.text);
    return false;
}

void states_find(struct states *states, struct source *source) {
    *states = (struct states){.begin = -1, .also = -1};
    find_one(states, source, STATE_A);
    find_one(states, source, STATE_B);
    for (int i = 0; i < STATE_FILES; i++)
        states->is_whole[i] = verify(states, source, i);
    if (!states->found[0].exists) return;
    states->begin = 0;
    if (states->is_whole[0] || !states->found[1].exists) return;
    if (states->is_whole[1] && source_reaches(source, states->found[1].header.lsn)) {
        states->begin = 1;
        return;
    }
    states->also = 1;
}

void states_deinit(struct states *states) {
    state_checkpoint_deinit(&states->found[0]);
    state_checkpoint_deinit(&states->found[1]);
}

// ---- reading

struct reading {
    struct source *source;
    const struct state_checkpoint *checkpoint;
    const struct states_visitor *visitor;
    struct vfs_file *file;
    uint64_t at;
    uint64_t end;
    uint64_t number; // at least, of the next block
    uint64_t records;
    bool is_damaged;
    char *block;
    size_t block_cap;
};

static void take_record(void *context, const struct record *record, size_t offset) {
    struct reading *reading = context;
    (void)offset;
    reading->records++;
    const struct effect_record effect = {.type = record->type,
                                         .meta = record->meta,
                                         .payload = record->payload,
                                         .is_checkpoint = true};
    reading->visitor->record(reading->visitor->context, &effect);
}

static void say_damage(void *context, size_t offset) {
    struct reading *reading = context;
    const uint64_t at = reading->at + offset;
    reading->is_damaged = true;
    reading->source->report->losses.holes++;
    report_say(reading->source->report,
               "lost: what the checkpoint %s holds at offset %llu; keys may be missing or lack a "
               "part",
               state_file_name(reading->checkpoint->name), (unsigned long long)at);
    reading->visitor->damage(reading->visitor->context);
}

// The bytes of the file from `at` on; what cannot be read becomes zeros.
static void fetch(struct reading *reading, size_t bytes) {
    if (bytes > reading->block_cap) {
        reading->block = mem_realloc(reading->block, bytes);
        reading->block_cap = bytes;
    }
    for (size_t at = 0; at < bytes; at += STATE_ALIGN) {
        const size_t piece = num_min(bytes - at, STATE_ALIGN);
        size_t done = 0;
        if (vfs_read_some(reading->file, reading->block + at, piece, reading->at + at, &done) !=
            ERR_NONE)
            done = 0;
        memset(reading->block + at + done, 0, piece - done);
    }
}

// Takes in the block at `at`; false: there is none.
static bool read_block(struct reading *reading, bool is_searched) {
    enum { AT_NUMBER = 16 };
    const uint64_t salt = reading->checkpoint->header.salt;
    uint32_t bytes = 0;
    fetch(reading, STATE_ALIGN);
    if (!state_block_peek(reading->block, reading->end - reading->at, &bytes)) return false;
    const size_t padded = state_padded(bytes);
    fetch(reading, padded);
    const uint64_t number = load_u64le(reading->block + AT_NUMBER);
    struct state_block block;
    const bool is_valid = number >= reading->number &&
                          state_block_decode(reading->block, salt, number, &block) &&
                          block.kind == STATE_RECORDS;
    if (!is_valid && is_searched) return false;
    // Damaged: its records one by one.
    (void)walk_records(reading->block, STATE_BLOCK_HEADER_BYTES, bytes, reading, take_record,
                       say_damage);
    reading->number = is_valid ? number + 1 : reading->number + 1;
    reading->at += padded;
    return true;
}

// Whether a block, whole or not, or the end stands at `at`. Behind a block that is not valid, whose
// length may be wrong.
static bool is_at_block(struct reading *reading) {
    uint32_t bytes = 0;
    if (reading->at >= reading->end) return reading->at == reading->end;
    fetch(reading, STATE_ALIGN);
    return state_block_peek(reading->block, reading->end - reading->at, &bytes);
}

void states_read(struct source *source, const struct state_checkpoint *checkpoint,
                 const struct states_visitor *visitor) {
    struct reading reading = {.source = source,
                              .checkpoint = checkpoint,
                              .visitor = visitor,
                              .at = STATE_BODY_AT,
                              .end = checkpoint->header.kept_at};
    const char *name = state_file_name(checkpoint->name);
    uint64_t size = 0;
    if (vfs_open(source->vfs, name, VFS_READ, &reading.file) != ERR_NONE) reading.end = 0;
    if (reading.end > 0 && vfs_size(reading.file, &size) != ERR_NONE) reading.end = 0;
    // Of a file that was cut, one block more than there is: it is told of as lost.
    const uint64_t most = num_align_up((size_t)size, STATE_ALIGN) + STATE_ALIGN;
    if (reading.end > most) reading.end = most;
    bool is_searched = false;
    while (reading.at + STATE_ALIGN <= reading.end) {
        const uint64_t began_at = reading.at;
        const bool is_read = read_block(&reading, is_searched);
        if (is_read && is_at_block(&reading)) {
            is_searched = false;
            continue;
        }
        if (!is_searched) say_damage(&reading, 0);
        is_searched = true;
        reading.at = began_at + STATE_ALIGN;
    }
    if (!reading.is_damaged && reading.records != checkpoint->header.records)
        say_damage(&reading, 0);
    vfs_close(reading.file);
    mem_free(reading.block);
}
