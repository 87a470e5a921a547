#include "storage/vfs/vfs.h"

#include "proto/base/must.h"
#include "proto/base/mutant.h"

enum err vfs_open(struct vfs *vfs, const char *name, unsigned flags, struct vfs_file **out) {
    must(strlen(name) <= VFS_NAME_MAX);
    *out = NULL;
    return vfs->ops->open(vfs, name, flags, out);
}

void vfs_close(struct vfs_file *file) {
    if (file != NULL) file->vfs->ops->close(file);
}

enum err vfs_read_some(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                       size_t *done) {
    char *to = into;
    size_t total = 0;
    enum err err = ERR_NONE;
    while (total < len) {
        size_t step = 0;
        err = file->vfs->ops->read_at(file, to + total, len - total, offset + total, &step);
        if (err != ERR_NONE || step == 0) break;
        must(step <= len - total);
        total += step;
    }
    *done = total;
    return err;
}

enum err vfs_read_at(struct vfs_file *file, void *into, size_t len, uint64_t offset) {
    size_t done = 0;
    enum err err = vfs_read_some(file, into, len, offset, &done);
    if (err != ERR_NONE) return err;
    return done == len ? ERR_NONE : ERR_IO;
}

void vfs_read_ahead(struct vfs_file *file, uint64_t offset, uint64_t len) {
    if (file->vfs->ops->read_ahead != NULL) file->vfs->ops->read_ahead(file, offset, len);
}

enum err vfs_write_at(struct vfs_file *file, const void *from, size_t len, uint64_t offset) {
    const char *bytes = from;
    size_t total = 0;
    while (total < len) {
        size_t step = 0;
        enum err err =
            file->vfs->ops->write_at(file, bytes + total, len - total, offset + total, &step);
        if (err != ERR_NONE) return err;
        // A write that takes nothing and reports nothing would be repeated for ever.
        if (step == 0) return ERR_IO;
        must(step <= len - total);
        total += step;
        if (MUTANT(SHORT_WRITE_BELIEVED)) break;
    }
    return ERR_NONE;
}

enum err vfs_read_cached(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                         size_t *done) {
    *done = 0;
    if (file->vfs->ops->read_cached == NULL) return ERR_AGAIN;
    const enum err err = file->vfs->ops->read_cached(file, into, len, offset, done);
    must(*done <= len);
    return err;
}

void vfs_write_direct(struct vfs_file *file, bool is_direct) {
    if (file->vfs->ops->write_direct != NULL) file->vfs->ops->write_direct(file, is_direct);
}

enum err vfs_sync(struct vfs_file *file) {
    return file->vfs->ops->sync(file);
}

enum err vfs_size(struct vfs_file *file, uint64_t *out) {
    return file->vfs->ops->size(file, out);
}

enum err vfs_truncate(struct vfs_file *file, uint64_t size) {
    return file->vfs->ops->truncate(file, size);
}

enum err vfs_rename(struct vfs *vfs, const char *from, const char *to) {
    must(strlen(to) <= VFS_NAME_MAX);
    return vfs->ops->rename(vfs, from, to);
}

enum err vfs_remove(struct vfs *vfs, const char *name) {
    return vfs->ops->remove(vfs, name);
}

enum err vfs_list(struct vfs *vfs, void (*visit)(void *context, const char *name), void *context) {
    return vfs->ops->list(vfs, visit, context);
}

enum err vfs_sync_dir(struct vfs *vfs) {
    return vfs->ops->sync_dir(vfs);
}

enum err vfs_lock(struct vfs *vfs, const char *name) {
    return vfs->ops->lock(vfs, name);
}

enum err vfs_space(struct vfs *vfs, struct vfs_space *out) {
    return vfs->ops->space(vfs, out);
}

void vfs_free(struct vfs *vfs) {
    if (vfs != NULL) vfs->ops->free(vfs);
}
