// The real file system: the only file of ackd that makes file calls, and the only one under
// storage/ that sees errno. Interrupted calls are repeated here, nothing else is: a failed sync in
// particular goes up at once, because a second one would report success for pages the kernel has
// already given up on.
#define _GNU_SOURCE // O_DIRECT, preadv2, strerrordesc_np

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/vfs/vfs.h"

enum {
    DIRECTORY_MODE = 0700,
    FILE_MODE = 0600,
    PATH_BYTES_MAX = 4096,
    AHEAD_PIECE_BYTES = 128 << 10, // of a longer wish Linux grants the beginning only
};

struct posix_vfs {
    struct vfs base;
    int directory_fd;
    int lock_fd; // -1: not locked
};

struct posix_file {
    struct vfs_file base;
    int fd;
};

static struct posix_vfs *posix_vfs(struct vfs *vfs) {
    return (struct posix_vfs *)(void *)vfs;
}

static int posix_fd(struct vfs_file *file) {
    return ((struct posix_file *)(void *)file)->fd;
}

static enum err err_of_errno(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_NO_SPACE;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EWOULDBLOCK:
        return ERR_LOCKED;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

static enum err posix_open(struct vfs *vfs, const char *name, unsigned flags,
                           struct vfs_file **out) {
    int mode = (flags & VFS_WRITE) ? O_RDWR : O_RDONLY;
    if (flags & VFS_CREATE) mode |= O_CREAT | O_EXCL;
    if (flags & VFS_DSYNC) mode |= O_DSYNC;
    int direct = (flags & VFS_DIRECT) ? O_DIRECT : 0;
    int fd = -1;
    do {
        fd = openat(posix_vfs(vfs)->directory_fd, name, mode | direct | O_CLOEXEC, FILE_MODE);
        if (fd < 0 && errno == EINVAL && direct != 0) {
            direct = 0; // tmpfs and others cannot; the flag is a wish
            errno = EINTR;
        }
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return err_of_errno(errno);

    struct posix_file *file = mem_zalloc(sizeof *file);
    file->base.vfs = vfs;
    file->fd = fd;
    *out = &file->base;
    return ERR_NONE;
}

static void posix_close(struct vfs_file *file) {
    close(posix_fd(file)); // everything that matters was synced; Linux closes even on EINTR
    mem_free(file);
}

// Takes O_DIRECT off a descriptor whose file system accepted the flag but refuses this call.
static bool drop_direct(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_DIRECT) == 0) return false;
    return fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

static enum err posix_read_at(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                              size_t *done) {
    ssize_t got = -1;
    bool again = true;
    while (again) {
        got = pread(posix_fd(file), into, len, (off_t)offset);
        again = got < 0 && (errno == EINTR || (errno == EINVAL && drop_direct(posix_fd(file))));
    }
    if (got < 0) return err_of_errno(errno);
    *done = (size_t)got;
    return ERR_NONE;
}

static enum err posix_write_at(struct vfs_file *file, const void *from, size_t len, uint64_t offset,
                               size_t *done) {
    ssize_t put = -1;
    bool again = true;
    while (again) {
        put = pwrite(posix_fd(file), from, len, (off_t)offset);
        again = put < 0 && (errno == EINTR || (errno == EINVAL && drop_direct(posix_fd(file))));
    }
    if (put < 0) return err_of_errno(errno);
    *done = (size_t)put;
    return ERR_NONE;
}

// Whatever the kernel says against it (not cached, a file system that cannot tell, O_DIRECT still
// on) means: not at once. An error of the disk will be met again by whoever reads and waits.
static enum err posix_read_cached(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                                  size_t *done) {
    struct iovec piece = {.iov_base = into, .iov_len = len};
    ssize_t got = preadv2(posix_fd(file), &piece, 1, (off_t)offset, RWF_NOWAIT);
    if (got <= 0) return ERR_AGAIN;
    *done = (size_t)got;
    return ERR_NONE;
}

static void posix_read_ahead(struct vfs_file *file, uint64_t offset, uint64_t len) {
    for (uint64_t at = offset; at < offset + len; at += AHEAD_PIECE_BYTES)
        (void)posix_fadvise(posix_fd(file), (off_t)at, AHEAD_PIECE_BYTES, POSIX_FADV_WILLNEED);
}

static void posix_write_direct(struct vfs_file *file, bool is_direct) {
    int flags = fcntl(posix_fd(file), F_GETFL);
    if (flags < 0) return;
    int wanted = is_direct ? flags | O_DIRECT : flags & ~O_DIRECT;
    if (wanted != flags) (void)fcntl(posix_fd(file), F_SETFL, wanted); // a wish
}

static enum err posix_sync(struct vfs_file *file) {
    int rc = -1;
    do
        rc = fdatasync(posix_fd(file));
    while (rc < 0 && errno == EINTR);
    return rc == 0 ? ERR_NONE : err_of_errno(errno);
}

static enum err posix_size(struct vfs_file *file, uint64_t *out) {
    struct stat status;
    if (fstat(posix_fd(file), &status) != 0) return err_of_errno(errno);
    *out = (uint64_t)status.st_size;
    return ERR_NONE;
}

static enum err posix_truncate(struct vfs_file *file, uint64_t size) {
    int rc = -1;
    do
        rc = ftruncate(posix_fd(file), (off_t)size);
    while (rc < 0 && errno == EINTR);
    return rc == 0 ? ERR_NONE : err_of_errno(errno);
}

static enum err posix_rename(struct vfs *vfs, const char *from, const char *to) {
    int fd = posix_vfs(vfs)->directory_fd;
    return renameat(fd, from, fd, to) == 0 ? ERR_NONE : err_of_errno(errno);
}

static enum err posix_remove(struct vfs *vfs, const char *name) {
    return unlinkat(posix_vfs(vfs)->directory_fd, name, 0) == 0 ? ERR_NONE : err_of_errno(errno);
}

static enum err posix_list(struct vfs *vfs, void (*visit)(void *context, const char *name),
                           void *context) {
    int fd = openat(posix_vfs(vfs)->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_of_errno(errno);
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        enum err err = err_of_errno(errno);
        close(fd);
        return err;
    }
    for (;;) {
        errno = 0; // readdir tells an error from the end by errno alone
        const struct dirent *each = readdir(directory); // NOLINT(concurrency-mt-unsafe): own stream
        if (each == NULL) break;
        bool is_dots = strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0;
        if (!is_dots && strlen(each->d_name) <= VFS_NAME_MAX) visit(context, each->d_name);
    }
    enum err err = errno == 0 ? ERR_NONE : err_of_errno(errno);
    closedir(directory);
    return err;
}

static enum err posix_sync_dir(struct vfs *vfs) {
    int rc = -1;
    do
        rc = fsync(posix_vfs(vfs)->directory_fd);
    while (rc < 0 && errno == EINTR);
    return rc == 0 ? ERR_NONE : err_of_errno(errno);
}

static enum err posix_lock(struct vfs *vfs, const char *name) {
    struct posix_vfs *posix = posix_vfs(vfs);
    if (posix->lock_fd >= 0) return ERR_NONE;
    int fd = -1;
    do
        fd = openat(posix->directory_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return err_of_errno(errno);
    // flock belongs to the open file, so it also keeps out a second store in this process, and the
    // kernel lets go of it however the process ends.
    int rc = -1;
    do
        rc = flock(fd, LOCK_EX | LOCK_NB);
    while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        enum err err = err_of_errno(errno);
        close(fd);
        return err;
    }
    posix->lock_fd = fd;
    return ERR_NONE;
}

static enum err posix_space(struct vfs *vfs, struct vfs_space *out) {
    struct statvfs status;
    if (fstatvfs(posix_vfs(vfs)->directory_fd, &status) != 0) return err_of_errno(errno);
    out->total_bytes = (uint64_t)status.f_blocks * status.f_frsize;
    out->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return ERR_NONE;
}

static void posix_free(struct vfs *vfs) {
    struct posix_vfs *posix = posix_vfs(vfs);
    if (posix->lock_fd >= 0) close(posix->lock_fd);
    close(posix->directory_fd);
    mem_free(posix);
}

static const struct vfs_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .read_at = posix_read_at,
    .write_at = posix_write_at,
    .read_cached = posix_read_cached,
    .read_ahead = posix_read_ahead,
    .write_direct = posix_write_direct,
    .sync = posix_sync,
    .size = posix_size,
    .truncate = posix_truncate,
    .rename = posix_rename,
    .remove = posix_remove,
    .list = posix_list,
    .sync_dir = posix_sync_dir,
    .lock = posix_lock,
    .space = posix_space,
    .free = posix_free,
};

// Makes the name of a new directory durable: without it a power cut may take the directory with
// all that was synced inside.
static enum err sync_parent(const char *directory) {
    char parent[PATH_BYTES_MAX];
    int len = snprintf(parent, sizeof parent, "%s/..", directory);
    if (len < 0 || (size_t)len >= sizeof parent) return ERR_INVALID;
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_of_errno(errno);
    enum err err = fsync(fd) == 0 ? ERR_NONE : err_of_errno(errno);
    close(fd);
    return err;
}

enum err vfs_posix_open(struct vfs **out, const char *directory, bool create, struct fault *fault) {
    *out = NULL;
    bool is_new = create && mkdir(directory, DIRECTORY_MODE) == 0;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int number = errno;
        return fault_set(fault, err_of_errno(number),
                         "cannot open the data directory %s: %s; create it or choose another with "
                         "--dir",
                         directory, strerrordesc_np(number));
    }
    if (is_new) {
        enum err err = sync_parent(directory);
        if (err != ERR_NONE) {
            close(fd);
            return fault_set(fault, err,
                             "cannot make the new data directory %s durable: syncing its parent "
                             "failed; check the disk",
                             directory);
        }
    }
    struct posix_vfs *posix = mem_zalloc(sizeof *posix);
    posix->base.ops = &posix_ops;
    posix->directory_fd = fd;
    posix->lock_fd = -1;
    snprintf(posix->base.where, sizeof posix->base.where, "%s", directory);
    *out = &posix->base;
    return ERR_NONE;
}
