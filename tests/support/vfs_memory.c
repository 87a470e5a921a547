#include "tests/support/vfs_memory.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"

struct memory_file {
    unsigned refs;  // names and open files
    char *cached;   // what readers see
    char *durable;  // what a cut leaves of it
    bool *is_dirty; // per sector: written since, may or may not be on the disk
    size_t cap;     // bytes of both; a multiple of MEMORY_SECTOR
    size_t cached_size;
    size_t durable_size;
    uint64_t sync_failed_for; // process; 0: none, or it was truncated since
};

struct memory_name {
    char text[VFS_NAME_MAX + 1];
    struct memory_file *file;
};

struct memory_names {
    struct memory_name *items;
    size_t count;
    size_t cap;
};

enum change_kind { CHANGE_ADD, CHANGE_REMOVE, CHANGE_RENAME };

// A change of names that is not durable yet.
struct memory_change {
    enum change_kind kind;
    char from[VFS_NAME_MAX + 1];
    char to[VFS_NAME_MAX + 1];
    struct memory_file *file; // ADD: counted
};

struct memory_disk {
    struct rng rng;
    uint64_t capacity;
    struct memory_names cached;
    struct memory_names durable;
    struct memory_change *changes;
    size_t change_count;
    size_t change_cap;
    const struct vfs *locked_by;
    unsigned open_count;
    uint64_t calls;
    uint64_t dies_at; // UINT64_MAX: it does not
    uint64_t syncs_again;
    uint64_t processes; // begun so far
    enum memory_cached is_cached;
    struct memory_fault faults[MEMORY_FAULTS_MAX];
    size_t fault_count;
};

struct memory_vfs {
    struct vfs base;
    struct memory_disk *disk;
    uint64_t process; // which of the disk's, from 1
};

struct memory_handle {
    struct vfs_file base;
    struct memory_file *file;
    unsigned flags;
};

static struct memory_disk *disk_of(struct vfs *vfs) {
    return ((struct memory_vfs *)(void *)vfs)->disk;
}

static struct memory_handle *handle_of(struct vfs_file *file) {
    return (struct memory_handle *)(void *)file;
}

// ---- files

static void file_unref(struct memory_file *file) {
    if (--file->refs > 0) return;
    mem_free(file->cached);
    mem_free(file->durable);
    mem_free(file->is_dirty);
    mem_free(file);
}

static void file_grow(struct memory_file *file, size_t size) {
    if (size <= file->cap) return;
    size_t cap = num_align_up(num_max(size, file->cap * 2), MEMORY_SECTOR);
    file->cached = mem_realloc(file->cached, cap);
    file->durable = mem_realloc(file->durable, cap);
    file->is_dirty = mem_realloc(file->is_dirty, cap / MEMORY_SECTOR * sizeof *file->is_dirty);
    memset(file->cached + file->cap, 0, cap - file->cap);
    memset(file->durable + file->cap, 0, cap - file->cap);
    for (size_t i = file->cap / MEMORY_SECTOR; i < cap / MEMORY_SECTOR; i++)
        file->is_dirty[i] = false;
    file->cap = cap;
}

static void file_write(struct memory_file *file, const void *from, size_t len, size_t offset) {
    if (len == 0) return;
    file_grow(file, offset + len);
    memcpy(file->cached + offset, from, len);
    size_t last = (offset + len - 1) / MEMORY_SECTOR;
    for (size_t i = offset / MEMORY_SECTOR; i <= last; i++)
        file->is_dirty[i] = true;
    file->cached_size = num_max(file->cached_size, offset + len);
}

static void file_sync(struct memory_file *file) {
    for (size_t i = 0; i < file->cap / MEMORY_SECTOR; i++) {
        if (!file->is_dirty[i]) continue;
        size_t at = i * MEMORY_SECTOR;
        memcpy(file->durable + at, file->cached + at, MEMORY_SECTOR);
        file->is_dirty[i] = false;
    }
    file->durable_size = file->cached_size;
}

static void file_truncate(struct memory_file *file, size_t size) {
    file_grow(file, size);
    if (size < file->cached_size) {
        memset(file->cached + size, 0, file->cached_size - size);
        for (size_t i = size / MEMORY_SECTOR; i * MEMORY_SECTOR < file->cached_size; i++)
            file->is_dirty[i] = true;
    }
    file->cached_size = size;
}

// ---- names

static struct memory_name *names_find(const struct memory_names *names, const char *text) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].text, text) == 0) return &names->items[i];
    return NULL;
}

static void names_remove(struct memory_names *names, const char *text) {
    struct memory_name *name = names_find(names, text);
    if (name == NULL) return;
    file_unref(name->file);
    *name = names->items[--names->count];
}

static void names_add(struct memory_names *names, const char *text, struct memory_file *file) {
    names_remove(names, text);
    if (names->count == names->cap) {
        names->cap = names->cap == 0 ? 16 : names->cap * 2;
        names->items = mem_realloc(names->items, names->cap * sizeof *names->items);
    }
    struct memory_name *name = &names->items[names->count++];
    snprintf(name->text, sizeof name->text, "%s", text);
    name->file = file;
    file->refs++;
}

static void names_apply(struct memory_names *names, const struct memory_change *change) {
    switch (change->kind) {
    case CHANGE_ADD:
        names_add(names, change->to, change->file);
        break;
    case CHANGE_REMOVE:
        names_remove(names, change->from);
        break;
    case CHANGE_RENAME: {
        const struct memory_name *name = names_find(names, change->from);
        must(name != NULL);
        struct memory_file *file = name->file;
        names_add(names, change->to, file);
        names_remove(names, change->from);
        break;
    }
    }
}

static void names_clear(struct memory_names *names) {
    for (size_t i = 0; i < names->count; i++)
        file_unref(names->items[i].file);
    names->count = 0;
}

static void change_name(struct memory_disk *disk, enum change_kind kind, const char *from,
                        const char *to, struct memory_file *file) {
    if (disk->change_count == disk->change_cap) {
        disk->change_cap = disk->change_cap == 0 ? 16 : disk->change_cap * 2;
        disk->changes = mem_realloc(disk->changes, disk->change_cap * sizeof *disk->changes);
    }
    struct memory_change *change = &disk->changes[disk->change_count++];
    *change = (struct memory_change){.kind = kind, .file = file};
    snprintf(change->from, sizeof change->from, "%s", from);
    snprintf(change->to, sizeof change->to, "%s", to);
    if (file != NULL) file->refs++;
    names_apply(&disk->cached, change);
}

// The first `count` changes become durable, the others never happened (or will be forgotten).
static void settle_names(struct memory_disk *disk, size_t count) {
    for (size_t i = 0; i < disk->change_count; i++) {
        if (i < count) names_apply(&disk->durable, &disk->changes[i]);
    }
    for (size_t i = 0; i < disk->change_count; i++)
        if (disk->changes[i].file != NULL) file_unref(disk->changes[i].file);
    disk->change_count = 0;
}

static uint64_t used_bytes(const struct memory_disk *disk) {
    uint64_t used = 0;
    for (size_t i = 0; i < disk->cached.count; i++)
        used += disk->cached.items[i].file->cached_size;
    return used;
}

// ---- what may go wrong at each call

struct outcome {
    enum err err;
    bool is_short;
    bool is_lost;
    bool is_garbage;
};

static struct outcome enter(struct memory_disk *disk, enum memory_op op) {
    struct outcome outcome = {.err = ERR_NONE};
    disk->calls++;
    if (disk->calls > disk->dies_at) return (struct outcome){.err = ERR_IO};
    for (size_t i = 0; i < disk->fault_count; i++) {
        struct memory_fault *fault = &disk->faults[i];
        if ((fault->ops & (unsigned)op) == 0 || fault->times == 0) continue;
        if (fault->after > 0) {
            fault->after--;
            continue;
        }
        fault->times--;
        switch (fault->failure) {
        case MEMORY_FAIL_IO:
            outcome.err = ERR_IO;
            break;
        case MEMORY_FAIL_NO_SPACE:
            outcome.err = ERR_NO_SPACE;
            break;
        case MEMORY_FAIL_SHORT:
            outcome.is_short = true;
            break;
        case MEMORY_FAIL_LOST:
            outcome.err = ERR_IO;
            outcome.is_lost = true;
            break;
        case MEMORY_FAIL_GARBAGE:
            outcome.is_garbage = true;
            break;
        }
    }
    return outcome;
}

// ---- the calls

static enum err memory_open(struct vfs *vfs, const char *name, unsigned flags,
                            struct vfs_file **out) {
    struct memory_disk *disk = disk_of(vfs);
    struct outcome outcome = enter(disk, MEMORY_OPEN);
    if (outcome.err != ERR_NONE) return outcome.err;
    const struct memory_name *found = names_find(&disk->cached, name);
    struct memory_file *file = found == NULL ? NULL : found->file;
    if ((flags & VFS_CREATE) == 0 && file == NULL) return ERR_NOT_FOUND;
    if (flags & VFS_CREATE) {
        if (file != NULL) return ERR_EXISTS;
        file = mem_zalloc(sizeof *file);
        change_name(disk, CHANGE_ADD, "", name, file);
    }
    struct memory_handle *handle = mem_zalloc(sizeof *handle);
    handle->base.vfs = vfs;
    handle->file = file;
    handle->flags = flags;
    file->refs++;
    *out = &handle->base;
    return ERR_NONE;
}

static void memory_close(struct vfs_file *base) {
    struct memory_handle *handle = handle_of(base);
    file_unref(handle->file);
    mem_free(handle);
}

static enum err memory_read_at(struct vfs_file *base, void *into, size_t len, uint64_t offset,
                               size_t *done) {
    const struct memory_handle *handle = handle_of(base);
    const struct memory_file *file = handle->file;
    struct memory_disk *disk = disk_of(base->vfs);
    struct outcome outcome = enter(disk, MEMORY_READ);
    if (outcome.err != ERR_NONE) return outcome.err;
    size_t left = offset < file->cached_size ? file->cached_size - (size_t)offset : 0;
    *done = num_min(len, left);
    if (outcome.is_short && *done > 1) *done = 1 + (size_t)rng_below(&disk->rng, *done - 1);
    if (*done == 0) return ERR_NONE;
    char *bytes = into;
    memcpy(bytes, file->cached + offset, *done);
    if (outcome.is_garbage) {
        const uint64_t bit = rng_below(&disk->rng, *done * 8);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (char)(1U << bit % 8));
    }
    if ((handle->flags & VFS_DIRECT) == 0) return ERR_NONE;
    // Past the cache: the kernel first writes what is dirty, so only clean pages can differ.
    for (size_t i = 0; i < *done; i++) {
        size_t at = (size_t)offset + i;
        if (!file->is_dirty[at / MEMORY_SECTOR]) bytes[i] = file->durable[at];
    }
    return ERR_NONE;
}

static enum err memory_read_cached(struct vfs_file *base, void *into, size_t len, uint64_t offset,
                                   size_t *done) {
    struct memory_disk *disk = disk_of(base->vfs);
    if (disk->is_cached == MEMORY_CACHED_NONE) return ERR_AGAIN;
    if (disk->is_cached == MEMORY_CACHED_SOME) {
        const uint64_t fate = rng_below(&disk->rng, 4);
        if (fate < 2) return ERR_AGAIN;
        if (fate == 2) len = (size_t)rng_below(&disk->rng, len) + 1;
    }
    return memory_read_at(base, into, len, offset, done);
}

static enum err sync_now(struct vfs_file *base) {
    struct memory_file *file = handle_of(base)->file;
    struct memory_disk *disk = disk_of(base->vfs);
    const uint64_t process = ((struct memory_vfs *)(void *)base->vfs)->process;
    if (file->sync_failed_for == process) disk->syncs_again++;
    struct outcome outcome = enter(disk, MEMORY_SYNC);
    if (outcome.is_lost) {
        for (size_t i = 0; i < file->cap / MEMORY_SECTOR; i++)
            file->is_dirty[i] = false;
    }
    if (outcome.err == ERR_NONE) file_sync(file);
    file->sync_failed_for = outcome.err == ERR_NONE ? 0 : process;
    return outcome.err;
}

static enum err memory_write_at(struct vfs_file *base, const void *from, size_t len,
                                uint64_t offset, size_t *done) {
    struct memory_handle *handle = handle_of(base);
    struct memory_disk *disk = disk_of(base->vfs);
    must(handle->flags & VFS_WRITE);
    struct outcome outcome = enter(disk, MEMORY_WRITE);
    if (outcome.err != ERR_NONE) {
        // A failed write may have done any part of its work.
        if (disk->calls <= disk->dies_at)
            file_write(handle->file, from, (size_t)rng_below(&disk->rng, len + 1), (size_t)offset);
        return outcome.err;
    }
    if (outcome.is_short && len > 1) len = 1 + (size_t)rng_below(&disk->rng, len - 1);
    size_t end = (size_t)offset + len;
    size_t size = handle->file->cached_size;
    if (end > size && used_bytes(disk) + (end - size) > disk->capacity) return ERR_NO_SPACE;
    file_write(handle->file, from, len, (size_t)offset);
    if (handle->flags & VFS_DSYNC) {
        const enum err err = sync_now(base);
        if (err != ERR_NONE) return err;
    }
    *done = len;
    return ERR_NONE;
}

static enum err memory_sync(struct vfs_file *base) {
    return sync_now(base);
}

static enum err memory_size(struct vfs_file *base, uint64_t *out) {
    struct outcome outcome = enter(disk_of(base->vfs), MEMORY_READ);
    *out = handle_of(base)->file->cached_size;
    return outcome.err;
}

static enum err memory_truncate(struct vfs_file *base, uint64_t size) {
    struct outcome outcome = enter(disk_of(base->vfs), MEMORY_WRITE);
    if (outcome.err != ERR_NONE) return outcome.err;
    struct memory_file *file = handle_of(base)->file;
    file_truncate(file, (size_t)size);
    file->sync_failed_for = 0; // whoever begins anew may sync anew
    return ERR_NONE;
}

static enum err memory_rename(struct vfs *vfs, const char *from, const char *to) {
    struct memory_disk *disk = disk_of(vfs);
    struct outcome outcome = enter(disk, MEMORY_NAMES);
    if (outcome.err != ERR_NONE) return outcome.err;
    if (names_find(&disk->cached, from) == NULL) return ERR_NOT_FOUND;
    change_name(disk, CHANGE_RENAME, from, to, NULL);
    return ERR_NONE;
}

static enum err memory_remove(struct vfs *vfs, const char *name) {
    struct memory_disk *disk = disk_of(vfs);
    struct outcome outcome = enter(disk, MEMORY_NAMES);
    if (outcome.err != ERR_NONE) return outcome.err;
    if (names_find(&disk->cached, name) == NULL) return ERR_NOT_FOUND;
    change_name(disk, CHANGE_REMOVE, name, "", NULL);
    return ERR_NONE;
}

static enum err memory_list(struct vfs *vfs, void (*visit)(void *context, const char *name),
                            void *context) {
    const struct memory_disk *disk = disk_of(vfs);
    struct outcome outcome = enter(disk_of(vfs), MEMORY_NAMES);
    if (outcome.err != ERR_NONE) return outcome.err;
    for (size_t i = 0; i < disk->cached.count; i++)
        visit(context, disk->cached.items[i].text);
    return ERR_NONE;
}

static enum err memory_sync_dir(struct vfs *vfs) {
    struct memory_disk *disk = disk_of(vfs);
    struct outcome outcome = enter(disk, MEMORY_SYNC_DIR);
    if (outcome.err == ERR_NONE) settle_names(disk, disk->change_count);
    return outcome.err;
}

static enum err memory_lock(struct vfs *vfs, const char *name) {
    struct memory_disk *disk = disk_of(vfs);
    if (disk->locked_by != NULL && disk->locked_by != vfs) return ERR_LOCKED;
    if (names_find(&disk->cached, name) == NULL)
        change_name(disk, CHANGE_ADD, "", name, mem_zalloc(sizeof(struct memory_file)));
    disk->locked_by = vfs;
    return ERR_NONE;
}

static enum err memory_space(struct vfs *vfs, struct vfs_space *out) {
    const struct memory_disk *disk = disk_of(vfs);
    uint64_t used = used_bytes(disk);
    out->total_bytes = disk->capacity;
    out->free_bytes = used < disk->capacity ? disk->capacity - used : 0;
    return ERR_NONE;
}

static void memory_free(struct vfs *vfs) {
    struct memory_disk *disk = disk_of(vfs);
    if (disk->locked_by == vfs) disk->locked_by = NULL;
    disk->open_count--;
    mem_free(vfs);
}

static const struct vfs_ops memory_ops = {
    .open = memory_open,
    .close = memory_close,
    .read_at = memory_read_at,
    .read_cached = memory_read_cached,
    .write_at = memory_write_at,
    .sync = memory_sync,
    .size = memory_size,
    .truncate = memory_truncate,
    .rename = memory_rename,
    .remove = memory_remove,
    .list = memory_list,
    .sync_dir = memory_sync_dir,
    .lock = memory_lock,
    .space = memory_space,
    .free = memory_free,
};

// ---- the disk

struct memory_disk *memory_disk_new(uint64_t seed, uint64_t capacity_bytes) {
    struct memory_disk *disk = mem_zalloc(sizeof *disk);
    rng_init(&disk->rng, seed);
    disk->capacity = capacity_bytes;
    disk->dies_at = UINT64_MAX;
    return disk;
}

void memory_disk_free(struct memory_disk *disk) {
    if (disk == NULL) return;
    must(disk->open_count == 0);
    settle_names(disk, 0);
    names_clear(&disk->cached);
    names_clear(&disk->durable);
    mem_free(disk->cached.items);
    mem_free(disk->durable.items);
    mem_free(disk->changes);
    mem_free(disk);
}

static struct memory_file *file_dup(const struct memory_file *file) {
    struct memory_file *dup = mem_zalloc(sizeof *dup);
    file_grow(dup, file->cap);
    if (file->cap > 0) {
        memcpy(dup->cached, file->cached, file->cap);
        memcpy(dup->durable, file->durable, file->cap);
        memcpy(dup->is_dirty, file->is_dirty, file->cap / MEMORY_SECTOR * sizeof *file->is_dirty);
    }
    dup->cached_size = file->cached_size;
    dup->durable_size = file->durable_size;
    return dup;
}

// The names as they are durable, then the changes in their order: that gives the cached ones, too.
struct memory_disk *memory_disk_dup(const struct memory_disk *disk) {
    struct memory_disk *dup = mem_zalloc(sizeof *dup);
    dup->rng = disk->rng;
    dup->capacity = disk->capacity;
    dup->dies_at = UINT64_MAX;
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct memory_name *name = &disk->durable.items[i];
        struct memory_file *file = file_dup(name->file);
        names_add(&dup->durable, name->text, file);
        names_add(&dup->cached, name->text, file);
    }
    for (size_t i = 0; i < disk->change_count; i++) {
        const struct memory_change *change = &disk->changes[i];
        struct memory_file *file = change->file == NULL ? NULL : file_dup(change->file);
        change_name(dup, change->kind, change->from, change->to, file);
    }
    return dup;
}

struct vfs *memory_disk_open(struct memory_disk *disk) {
    struct memory_vfs *vfs = mem_zalloc(sizeof *vfs);
    vfs->base.ops = &memory_ops;
    snprintf(vfs->base.where, sizeof vfs->base.where, "memory");
    vfs->disk = disk;
    disk->open_count++;
    vfs->process = ++disk->processes;
    return &vfs->base;
}

// ---- power

enum cut_mood { CUT_MIXED, CUT_KEEPS, CUT_DROPS, CUT_TEARS, CUT_MOODS };

static void cut_sector(struct memory_disk *disk, struct memory_file *file, size_t at,
                       enum cut_mood mood) {
    uint64_t fate = rng_below(&disk->rng, 8);
    if (mood == CUT_KEEPS) fate = 0;
    if (mood == CUT_DROPS) fate = 7;
    if (fate < 3) { // new
        memcpy(file->durable + at, file->cached + at, MEMORY_SECTOR);
    } else if (fate == 3) { // garbage
        for (size_t i = 0; i < MEMORY_SECTOR; i += sizeof(uint64_t))
            store_u64le(file->durable + at + i, rng_next(&disk->rng));
    } else if (fate == 4) { // torn inside
        memcpy(file->durable + at, file->cached + at, (size_t)rng_below(&disk->rng, MEMORY_SECTOR));
    } // else old
}

static void cut_file(struct memory_disk *disk, struct memory_file *file, enum cut_mood mood) {
    // Some cuts end the write at one place: all before is there, nothing behind.
    size_t sectors = file->cap / MEMORY_SECTOR;
    size_t dirty = 0;
    for (size_t i = 0; i < sectors; i++)
        dirty += file->is_dirty[i] ? 1 : 0;
    size_t kept = (size_t)rng_below(&disk->rng, dirty + 1);
    for (size_t i = 0; i < sectors; i++) {
        if (!file->is_dirty[i]) continue;
        enum cut_mood own = mood;
        if (mood == CUT_TEARS) {
            own = kept > 0 ? CUT_KEEPS : CUT_DROPS;
            if (kept > 0) kept--;
        }
        cut_sector(disk, file, i * MEMORY_SECTOR, own);
        file->is_dirty[i] = false;
    }
    if (file->cached_size != file->durable_size) {
        size_t low = num_min(file->cached_size, file->durable_size);
        size_t high = num_max(file->cached_size, file->durable_size);
        size_t steps = (high - low) / MEMORY_SECTOR;
        file->durable_size = num_min(high, low + rng_below(&disk->rng, steps + 2) * MEMORY_SECTOR);
    }
    if (file->durable_size < file->cap)
        memset(file->durable + file->durable_size, 0, file->cap - file->durable_size);
    if (file->cap > 0) memcpy(file->cached, file->durable, file->cap);
    file->cached_size = file->durable_size;
}

void memory_disk_cut(struct memory_disk *disk) {
    settle_names(disk, (size_t)rng_below(&disk->rng, disk->change_count + 1));
    names_clear(&disk->cached);
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct memory_name *name = &disk->durable.items[i];
        names_add(&disk->cached, name->text, name->file);
        cut_file(disk, name->file, (enum cut_mood)rng_below(&disk->rng, CUT_MOODS));
    }
    disk->locked_by = NULL;
    disk->dies_at = UINT64_MAX;
    disk->fault_count = 0;
}

void memory_disk_die_after(struct memory_disk *disk, uint64_t calls) {
    disk->dies_at = disk->calls + calls;
}

bool memory_disk_is_dead(const struct memory_disk *disk) {
    return disk->calls > disk->dies_at;
}

uint64_t memory_disk_calls(const struct memory_disk *disk) {
    return disk->calls;
}

// ---- faults and damage

void memory_disk_fail(struct memory_disk *disk, const struct memory_fault *fault) {
    must(disk->fault_count < MEMORY_FAULTS_MAX);
    disk->faults[disk->fault_count++] = *fault;
}

void memory_disk_heal(struct memory_disk *disk) {
    disk->fault_count = 0;
    disk->dies_at = UINT64_MAX;
}

void memory_disk_forgive(struct memory_disk *disk) {
    disk->fault_count = 0;
}

void memory_disk_set_cached(struct memory_disk *disk, enum memory_cached cached) {
    disk->is_cached = cached;
}

void memory_disk_resize(struct memory_disk *disk, uint64_t capacity_bytes) {
    disk->capacity = capacity_bytes;
}

bool memory_disk_has(const struct memory_disk *disk, const char *name) {
    return names_find(&disk->cached, name) != NULL;
}

static struct memory_file *get_file(const struct memory_disk *disk, const char *name) {
    const struct memory_name *found = names_find(&disk->cached, name);
    must(found != NULL);
    return found->file;
}

size_t memory_disk_size(const struct memory_disk *disk, const char *name) {
    return memory_disk_has(disk, name) ? get_file(disk, name)->cached_size : 0;
}

const char *memory_disk_bytes(const struct memory_disk *disk, const char *name) {
    return get_file(disk, name)->cached;
}

bool memory_disk_is_durable(const struct memory_disk *disk, const char *name, size_t offset,
                            size_t len) {
    const struct memory_name *kept = names_find(&disk->durable, name);
    const struct memory_name *seen = names_find(&disk->cached, name);
    if (kept == NULL || seen == NULL || kept->file != seen->file) return false;
    const struct memory_file *file = kept->file;
    if (offset + len > file->durable_size) return false;
    for (size_t i = offset / MEMORY_SECTOR; i * MEMORY_SECTOR < offset + len; i++) {
        if (file->is_dirty[i]) return false;
    }
    return memcmp(file->cached + offset, file->durable + offset, len) == 0;
}

uint64_t memory_disk_syncs_again(const struct memory_disk *disk) {
    return disk->syncs_again;
}

void memory_disk_put(struct memory_disk *disk, const char *name, const void *bytes, size_t len,
                     size_t offset) {
    if (!memory_disk_has(disk, name)) {
        change_name(disk, CHANGE_ADD, "", name, mem_zalloc(sizeof(struct memory_file)));
        settle_names(disk, disk->change_count);
    }
    struct memory_file *file = get_file(disk, name);
    file_write(file, bytes, len, offset);
    file_sync(file);
}

void memory_disk_flip(struct memory_disk *disk, const char *name, size_t offset, unsigned bit) {
    struct memory_file *file = get_file(disk, name);
    must(offset < file->cached_size);
    char mask = (char)(1U << bit);
    file->cached[offset] = (char)(file->cached[offset] ^ mask);
    file->durable[offset] = (char)(file->durable[offset] ^ mask);
}

void memory_disk_lose(struct memory_disk *disk, const char *name) {
    change_name(disk, CHANGE_REMOVE, name, "", NULL);
    settle_names(disk, disk->change_count);
}

void memory_disk_shorten(struct memory_disk *disk, const char *name, size_t size) {
    struct memory_file *file = get_file(disk, name);
    must(size <= file->cached_size);
    file_truncate(file, size);
    file_sync(file);
}
