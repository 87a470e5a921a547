#include "tests/sim/images/image_disk.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

struct disk_vfs {
    struct vfs base;
    struct disk *disk;
};

struct disk_handle {
    struct vfs_file base;
    uint32_t inode;
    unsigned flags;
};

static const char zeros[PAGE_BYTES];

const char *disk_page_or_zeros(const char *page) {
    return page == NULL ? zeros : page;
}

void disk_init(struct disk *disk, struct pages *pages) {
    memset(disk, 0, sizeof *disk);
    disk->pages = pages;
    disk->capacity_bytes = UINT64_MAX;
}

static struct disk *disk_of(struct vfs *vfs) {
    return ((struct disk_vfs *)(void *)vfs)->disk;
}

static struct disk_handle *handle_of(struct vfs_file *file) {
    return (struct disk_handle *)(void *)file;
}

static struct disk_inode *inode_of(struct vfs_file *file) {
    return &disk_of(file->vfs)->state.inodes[handle_of(file)->inode];
}

// The power may fail before this call.
static void enter(struct disk *disk, const char *call) {
    if (disk->before != NULL) disk->before(disk->context);
    disk->call = call;
}

// ---- names

const struct disk_name *disk_names_find(const struct disk_names *names, const char *text) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].text, text) == 0) return &names->items[i];
    return NULL;
}

static void names_remove(struct disk_names *names, const char *text) {
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].text, text) != 0) continue;
        names->items[i] = names->items[--names->count];
        return;
    }
}

static void names_add(struct disk_names *names, const char *text, uint32_t inode) {
    names_remove(names, text);
    must(names->count < DISK_NAMES_MAX);
    struct disk_name *name = &names->items[names->count++];
    snprintf(name->text, sizeof name->text, "%s", text);
    name->inode = inode;
}

void disk_names_apply(struct disk_names *names, const struct disk_change *change) {
    switch (change->kind) {
    case DISK_ADD:
        names_add(names, change->to, change->inode);
        break;
    case DISK_REMOVE:
        names_remove(names, change->from);
        break;
    case DISK_RENAME: {
        const struct disk_name *name = disk_names_find(names, change->from);
        must(name != NULL);
        uint32_t inode = name->inode;
        names_remove(names, change->from);
        names_add(names, change->to, inode);
        break;
    }
    }
}

static void change_name(struct disk *disk, enum disk_change_kind kind, const char *from,
                        const char *to, uint32_t inode) {
    must(strlen(from) < DISK_NAME_MAX && strlen(to) < DISK_NAME_MAX);
    struct disk_change change = {.kind = kind, .inode = inode};
    memcpy(change.from, from, strlen(from) + 1);
    memcpy(change.to, to, strlen(to) + 1);
    disk_names_apply(&disk->state.cached, &change);
    if (!disk->is_recorded) return;
    must(disk->state.change_count < DISK_CHANGES_MAX);
    disk->state.changes[disk->state.change_count++] = change;
}

// ---- files

static void write_page(struct disk *disk, struct disk_inode *inode, size_t page, size_t at,
                       const char *from, size_t len) {
    bool is_whole = len == PAGE_BYTES;
    if (is_whole && memcmp(from, zeros, len) == 0) {
        inode->cached[page] = NULL;
    } else {
        char *made = pages_take(disk->pages);
        if (!is_whole) memcpy(made, disk_page_or_zeros(inode->cached[page]), PAGE_BYTES);
        memcpy(made + at, from, len);
        inode->cached[page] = made;
    }
    for (size_t sector = at / DISK_SECTOR; sector * DISK_SECTOR < at + len; sector++)
        inode->dirty[page] |= (uint8_t)(1u << sector);
}

static void file_write(struct disk *disk, struct disk_inode *inode, const char *from, size_t len,
                       size_t offset) {
    must(offset + len <= DISK_FILE_BYTES);
    for (size_t done = 0; done < len;) {
        size_t at = (offset + done) % PAGE_BYTES;
        size_t step = num_min(PAGE_BYTES - at, len - done);
        write_page(disk, inode, (offset + done) / PAGE_BYTES, at, from + done, step);
        done += step;
    }
    inode->cached_size = (uint32_t)num_max(inode->cached_size, offset + len);
}

// What the disk has of a page once its dirty sectors are written. Clean ones may differ from the
// cache: a failed sync called them clean.
static const char *settled_page(struct disk *disk, const struct disk_inode *inode, size_t page) {
    const char *cached = disk_page_or_zeros(inode->cached[page]);
    const char *durable = disk_page_or_zeros(inode->durable[page]);
    char *made = NULL;
    for (size_t sector = 0; sector < DISK_PAGE_SECTORS; sector++) {
        size_t at = sector * DISK_SECTOR;
        if (inode->dirty[page] & 1u << sector) continue;
        if (cached == durable || memcmp(cached + at, durable + at, DISK_SECTOR) == 0) continue;
        if (made == NULL) {
            made = pages_take(disk->pages);
            memcpy(made, cached, PAGE_BYTES);
        }
        memcpy(made + at, durable + at, DISK_SECTOR);
    }
    return made == NULL ? inode->cached[page] : made;
}

static void file_sync(struct disk *disk, struct disk_inode *inode) {
    if (!disk->is_recorded) return;
    for (size_t page = 0; page < DISK_FILE_PAGES; page++) {
        if (inode->dirty[page] == 0) continue;
        inode->durable[page] = settled_page(disk, inode, page);
        inode->dirty[page] = 0;
    }
    inode->durable_size = inode->cached_size;
}

static void file_truncate(struct disk *disk, struct disk_inode *inode, size_t size) {
    must(size <= DISK_FILE_BYTES);
    if (size < inode->cached_size) {
        size_t page = size / PAGE_BYTES;
        size_t rest = size % PAGE_BYTES;
        if (rest > 0) write_page(disk, inode, page++, rest, zeros, PAGE_BYTES - rest);
        for (; page < DISK_FILE_PAGES; page++)
            if (inode->cached[page] != NULL) write_page(disk, inode, page, 0, zeros, PAGE_BYTES);
    }
    inode->cached_size = (uint32_t)size;
}

static uint64_t used_bytes(const struct disk_state *state) {
    uint64_t used = 0;
    for (size_t i = 0; i < state->cached.count; i++)
        used += state->inodes[state->cached.items[i].inode].cached_size;
    return used;
}

// ---- the calls

static enum err call_open(struct vfs *vfs, const char *name, unsigned flags,
                          struct vfs_file **out) {
    struct disk *disk = disk_of(vfs);
    const struct disk_name *found = disk_names_find(&disk->state.cached, name);
    if ((flags & VFS_CREATE) == 0 && found == NULL) return ERR_NOT_FOUND;
    if ((flags & VFS_CREATE) != 0 && found != NULL) return ERR_EXISTS;
    uint32_t inode = found == NULL ? (uint32_t)disk->state.inode_count : found->inode;
    if (found == NULL) {
        enter(disk, "create");
        must(disk->state.inode_count < DISK_INODES_MAX);
        memset(&disk->state.inodes[disk->state.inode_count++], 0, sizeof disk->state.inodes[0]);
        change_name(disk, DISK_ADD, "", name, inode);
    }
    struct disk_handle *handle = mem_zalloc(sizeof *handle);
    *handle = (struct disk_handle){.base.vfs = vfs, .inode = inode, .flags = flags};
    *out = &handle->base;
    return ERR_NONE;
}

static void call_close(struct vfs_file *file) {
    mem_free(handle_of(file));
}

static enum err call_read_at(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                             size_t *done) {
    const struct disk_inode *inode = inode_of(file);
    size_t left = offset < inode->cached_size ? inode->cached_size - (size_t)offset : 0;
    *done = num_min(len, left);
    char *to = into;
    for (size_t at = 0; at < *done;) {
        size_t in_page = (size_t)(offset + at) % PAGE_BYTES;
        size_t step = num_min(PAGE_BYTES - in_page, *done - at);
        const char *page = inode->cached[(offset + at) / PAGE_BYTES];
        if (page == NULL)
            memset(to + at, 0, step);
        else
            memcpy(to + at, page + in_page, step);
        at += step;
    }
    return ERR_NONE;
}

static enum err call_sync(struct vfs_file *file) {
    struct disk *disk = disk_of(file->vfs);
    struct disk_inode *inode = inode_of(file);
    if (disk->before_sync != NULL) {
        void (*hook)(void *context) = disk->before_sync;
        disk->before_sync = NULL;
        hook(disk->sync_context);
    }
    enter(disk, "sync");
    if (disk->lost_syncs > 0) {
        disk->lost_syncs--;
        memset(inode->dirty, 0, sizeof inode->dirty);
        return ERR_IO;
    }
    if (disk->failed_syncs > 0) {
        disk->failed_syncs--;
        return ERR_IO;
    }
    file_sync(disk, inode);
    return ERR_NONE;
}

static enum err call_write_at(struct vfs_file *file, const void *from, size_t len, uint64_t offset,
                              size_t *done) {
    struct disk *disk = disk_of(file->vfs);
    struct disk_inode *inode = inode_of(file);
    must(handle_of(file)->flags & VFS_WRITE);
    enter(disk, "write");
    if (disk->failed_writes > 0) {
        disk->failed_writes--;
        file_write(disk, inode, from, len / 2, (size_t)offset);
        return ERR_IO;
    }
    uint64_t end = offset + len;
    if (end > inode->cached_size &&
        used_bytes(&disk->state) + (end - inode->cached_size) > disk->capacity_bytes)
        return ERR_NO_SPACE;
    file_write(disk, inode, from, len, (size_t)offset);
    *done = len;
    return (handle_of(file)->flags & VFS_DSYNC) != 0 ? call_sync(file) : ERR_NONE;
}

static enum err call_size(struct vfs_file *file, uint64_t *out) {
    *out = inode_of(file)->cached_size;
    return ERR_NONE;
}

static enum err call_truncate(struct vfs_file *file, uint64_t size) {
    struct disk *disk = disk_of(file->vfs);
    enter(disk, "truncate");
    file_truncate(disk, inode_of(file), (size_t)size);
    return ERR_NONE;
}

static enum err call_rename(struct vfs *vfs, const char *from, const char *to) {
    struct disk *disk = disk_of(vfs);
    if (disk_names_find(&disk->state.cached, from) == NULL) return ERR_NOT_FOUND;
    enter(disk, "rename");
    change_name(disk, DISK_RENAME, from, to, 0);
    return ERR_NONE;
}

static enum err call_remove(struct vfs *vfs, const char *name) {
    struct disk *disk = disk_of(vfs);
    if (disk_names_find(&disk->state.cached, name) == NULL) return ERR_NOT_FOUND;
    enter(disk, "remove");
    change_name(disk, DISK_REMOVE, name, "", 0);
    return ERR_NONE;
}

static enum err call_list(struct vfs *vfs, void (*visit)(void *context, const char *name),
                          void *context) {
    const struct disk_names *names = &disk_of(vfs)->state.cached;
    for (size_t i = 0; i < names->count; i++)
        visit(context, names->items[i].text);
    return ERR_NONE;
}

static enum err call_sync_dir(struct vfs *vfs) {
    struct disk *disk = disk_of(vfs);
    enter(disk, "sync_dir");
    disk->state.durable = disk->state.cached;
    disk->state.change_count = 0;
    return ERR_NONE;
}

static enum err call_lock(struct vfs *vfs, const char *name) {
    // The lock file is not kept: it is empty, and nothing depends on its being there.
    (void)name;
    struct disk *disk = disk_of(vfs);
    if (disk->locked_by != NULL && disk->locked_by != vfs) return ERR_LOCKED;
    disk->locked_by = vfs;
    return ERR_NONE;
}

static enum err call_space(struct vfs *vfs, struct vfs_space *out) {
    const struct disk *disk = disk_of(vfs);
    uint64_t used = used_bytes(&disk->state);
    out->total_bytes = disk->capacity_bytes;
    out->free_bytes = disk->capacity_bytes > used ? disk->capacity_bytes - used : 0;
    return ERR_NONE;
}

static void call_free(struct vfs *vfs) {
    struct disk *disk = disk_of(vfs);
    if (disk->locked_by == vfs) disk->locked_by = NULL;
    mem_free(vfs);
}

static const struct vfs_ops disk_ops = {
    .open = call_open,
    .close = call_close,
    .read_at = call_read_at,
    .read_cached = call_read_at, // all of it is in memory
    .write_at = call_write_at,
    .sync = call_sync,
    .size = call_size,
    .truncate = call_truncate,
    .rename = call_rename,
    .remove = call_remove,
    .list = call_list,
    .sync_dir = call_sync_dir,
    .lock = call_lock,
    .space = call_space,
    .free = call_free,
};

struct vfs *disk_open(struct disk *disk) {
    struct disk_vfs *vfs = mem_zalloc(sizeof *vfs);
    vfs->base.ops = &disk_ops;
    snprintf(vfs->base.where, sizeof vfs->base.where, "image");
    vfs->disk = disk;
    return &vfs->base;
}

void disk_settle(struct disk_state *state) {
    for (size_t i = 0; i < state->inode_count; i++) {
        struct disk_inode *inode = &state->inodes[i];
        memcpy(inode->durable, inode->cached, sizeof inode->durable);
        memset(inode->dirty, 0, sizeof inode->dirty);
        inode->durable_size = inode->cached_size;
    }
    state->durable = state->cached;
    state->change_count = 0;
}

// ---- saving

static enum err save_file(struct vfs *vfs, const char *name, const struct disk_inode *inode) {
    struct vfs_file *file = NULL;
    (void)vfs_remove(vfs, name);
    enum err err = vfs_open(vfs, name, VFS_WRITE | VFS_CREATE, &file);
    for (size_t at = 0; at < inode->cached_size && err == ERR_NONE; at += PAGE_BYTES)
        err = vfs_write_at(file, disk_page_or_zeros(inode->cached[at / PAGE_BYTES]),
                           num_min(PAGE_BYTES, inode->cached_size - at), at);
    vfs_close(file);
    return err;
}

enum err disk_save(const struct disk_state *state, const char *directory) {
    struct vfs *vfs = NULL;
    struct fault fault = {0};
    enum err err = vfs_posix_open(&vfs, directory, true, &fault);
    for (size_t i = 0; i < state->cached.count && err == ERR_NONE; i++) {
        const struct disk_name *name = &state->cached.items[i];
        err = save_file(vfs, name->text, &state->inodes[name->inode]);
    }
    vfs_free(vfs);
    return err;
}
