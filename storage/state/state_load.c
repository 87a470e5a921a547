#include "storage/state/state_load.h"

#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "storage/data/effect.h"
#include "storage/state/state_reader.h"

void state_checkpoint_deinit(struct state_checkpoint *checkpoint) {
    mem_free(checkpoint->kept);
    *checkpoint = (struct state_checkpoint){0};
}

// ---- finding

enum err state_find(struct vfs *vfs, const struct format *format,
                    struct state_checkpoint out[STATE_FILES], struct fault *fault) {
    out[0] = (struct state_checkpoint){0};
    out[1] = (struct state_checkpoint){0};
    for (unsigned i = 0; i < STATE_FILES; i++) {
        struct state_checkpoint found = {.name = (enum state_name)i};
        const enum err err =
            state_header_read(vfs, found.name, format, &found.header, &found.damaged_copies, fault);
        if (err == ERR_NOT_FOUND) continue;
        if (err != ERR_NONE) return err;
        found.exists = true;
        const bool is_newer = !out[0].exists || found.header.generation > out[0].header.generation;
        if (is_newer) out[1] = out[0];
        out[is_newer ? 0 : 1] = found;
    }
    if (!out[1].exists || out[0].header.generation != out[1].header.generation) return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT,
                     "%s and %s claim to be the same checkpoint; nothing was changed; restore a "
                     "backup of the directory",
                     state_file_name(STATE_A), state_file_name(STATE_B));
}

static enum err read_kept(struct state_reader *reader, struct state_checkpoint *checkpoint,
                          struct fault *fault) {
    const size_t rows = (size_t)checkpoint->header.kept_count;
    mem_free(checkpoint->kept);
    checkpoint->kept = mem_alloc_array(rows, sizeof *checkpoint->kept);
    return state_reader_kept(reader, checkpoint->kept, fault);
}

enum err state_read_kept(struct vfs *vfs, struct state_checkpoint *checkpoint,
                         struct fault *fault) {
    struct state_reader *reader = NULL;
    enum err err = state_reader_open(&reader, vfs, checkpoint->name, &checkpoint->header, fault);
    if (err == ERR_NONE) err = read_kept(reader, checkpoint, fault);
    state_reader_close(reader);
    return err;
}

enum err state_verify(struct vfs *vfs, struct state_checkpoint *checkpoint, struct fault *fault) {
    struct state_reader *reader = NULL;
    enum err err = state_reader_open(&reader, vfs, checkpoint->name, &checkpoint->header, fault);
    if (err != ERR_NONE) return err;
    state_reader_read_ahead(reader);
    err = read_kept(reader, checkpoint, fault);
    bool is_done = false;
    while (err == ERR_NONE && !is_done)
        err = state_reader_next(reader, NULL, &is_done, fault);
    state_reader_close(reader);
    return err;
}

struct log_checkpoint state_log_checkpoint(const struct state_checkpoint *checkpoint) {
    return (struct log_checkpoint){.lsn = checkpoint->header.lsn,
                                   .kept = checkpoint->kept,
                                   .kept_count = (size_t)checkpoint->header.kept_count};
}

// ---- loading

struct load {
    struct keyspace *keyspace;
    const char *name;
};

static enum err apply(void *context, const struct effect_record *record, struct fault *fault) {
    const struct load *load = context;
    struct effect_outcome outcome;
    struct fault cause = {0};
    const enum err err = effect_apply(load->keyspace, record, &outcome, &cause);
    if (err == ERR_NONE) return ERR_NONE;
    return fault_set(fault, err, "the checkpoint %s cannot be loaded: %s", load->name, cause.text);
}

static uint64_t key_count(const struct keyspace *keyspace) {
    uint64_t keys = 0;
    for (unsigned db = 0; db < keyspace_databases(keyspace); db++)
        keys += keyspace_count(keyspace, db);
    return keys;
}

enum err state_load(struct vfs *vfs, const struct state_checkpoint *checkpoint,
                    struct keyspace *keyspace, struct progress *progress, struct fault *fault) {
    struct state_reader *reader = NULL;
    const struct state_header *header = &checkpoint->header;
    const char *name = state_file_name(checkpoint->name);
    enum err err = state_reader_open(&reader, vfs, checkpoint->name, header, fault);
    if (err != ERR_NONE) return err;
    state_reader_read_ahead(reader);
    struct load load = {.keyspace = keyspace, .name = name};
    const struct state_visitor visitor = {.context = &load, .visit = apply};
    bool is_done = false;
    progress_expect(progress, header->body_bytes);
    for (uint64_t behind = 0; err == ERR_NONE && !is_done;) {
        err = state_reader_next(reader, &visitor, &is_done, fault);
        const bool is_over = is_done || err != ERR_NONE;
        const uint64_t at =
            is_over ? header->body_bytes : state_reader_offset(reader) - STATE_BODY_AT;
        progress_add(progress, at - behind);
        behind = at;
        if (!is_over && progress_is_unwanted(progress))
            err = fault_set(fault, ERR_STOPPED, "asked to stop while loading %s", name);
    }
    state_reader_close(reader);
    if (err != ERR_NONE) return err;
    if (key_count(keyspace) == header->keys && keyspace_digest(keyspace) == header->digest)
        return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT,
                     "the checkpoint %s has valid checksums but does not hold the state it was "
                     "made of (%llu of %llu keys). Keep the directory as it is and report this as "
                     "a bug of ackd.",
                     name, (unsigned long long)key_count(keyspace),
                     (unsigned long long)header->keys);
}

// ---- what was found, on disk

enum err state_confirm(struct vfs *vfs, const struct state_checkpoint *checkpoint,
                       struct fault *fault) {
    if (MUTANT(STATE_NOT_CONFIRMED)) return ERR_NONE;
    const char *name = state_file_name(checkpoint->name);
    struct vfs_file *file = NULL;
    char headers[STATE_BODY_AT] = {0};
    size_t done = 0; // of an empty state a crash may have left one header only
    enum err err = vfs_open(vfs, name, VFS_READ | VFS_WRITE, &file);
    if (err == ERR_NONE) err = vfs_read_some(file, headers, sizeof headers, 0, &done);
    if (err == ERR_NONE) {
        // If one of them is damaged, that one; else the first.
        char good[STATE_ALIGN];
        state_header_encode(good, &checkpoint->header);
        const bool first_is_good = memcmp(headers, good, STATE_ALIGN) == 0;
        const bool is_second = first_is_good && checkpoint->damaged_copies > 0;
        err = vfs_write_at(file, good, sizeof good, is_second ? STATE_ALIGN : 0);
    }
    if (err == ERR_NONE) err = vfs_sync(file);
    if (err == ERR_NONE) err = vfs_sync_dir(vfs);
    vfs_close(file);
    if (err == ERR_NONE) return ERR_NONE;
    return fault_set(fault, err, "cannot write %s in %s (%s); check permissions, room and the disk",
                     name, vfs->where, err_name(err));
}
