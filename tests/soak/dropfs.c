// dropfs: a file system that forgets, for tests of databases.
//
//     dropfs PLATTER MOUNTPOINT
//
// Happy path: one flat directory of files. Files are written in memory and reach the platter (a
// real directory) by fsync, fdatasync or a write with O_DSYNC or O_SYNC; names (create, rename,
// remove) reach it by fsync of the directory, and not with the file. Nothing is cached by the
// kernel.
//
// Failure mode, and the point: writing `cut` into the control file `.dropfs` is a power cut. All
// that did not reach the platter is gone, handles are dead, everything answers EIO, until `on` is
// written. `cut N` lets each unsynced sector be old, new, torn or garbage instead, and the names be
// changed up to some point, as the random seed N says. Reading the control file tells what
// happened.
//
// Syncs may take their time (`delay N`: up to N microseconds, before anything is durable), so that
// a cut comes in the middle of one as it does on a real disk. Meanwhile others are served: several
// threads, one lock over everything but the waiting. Exit code 3: the system has no FUSE for us.
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE      // what fuse.h wants

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/must.h"
#include "tests/soak/platter.h"

enum {
    CODE_FAILED = 1,
    CODE_USAGE = 2,
    CODE_NO_FUSE = 3,
    CONTROL_WORDS_MAX = 63,
    REPORT_BYTES_MAX = 256,
    MODE_DIRECTORY = S_IFDIR | 0700,
    MODE_FILE = S_IFREG | 0600,
};

static const char control_path[] = "/" PLATTER_CONTROL;

struct disk {
    pthread_mutex_t lock;
    struct platter platter;
    struct rng rng;
    uint64_t delay_us;
};

// Everything happens between enter and leave; leave hands its argument through.
static struct platter *enter(void) {
    struct disk *disk = fuse_get_context()->private_data;
    must(pthread_mutex_lock(&disk->lock) == 0);
    return &disk->platter;
}

static int leave(int rc) {
    struct disk *disk = fuse_get_context()->private_data;
    must(pthread_mutex_unlock(&disk->lock) == 0);
    return rc;
}

// The time a sync takes before it has any effect. Not between enter and leave.
static void take_time(void) {
    struct disk *disk = fuse_get_context()->private_data;
    enter();
    uint64_t us = disk->delay_us == 0 ? 0 : rng_below(&disk->rng, disk->delay_us + 1);
    leave(0);
    struct timespec left = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000) * 1000};
    if (us > 0) nanosleep(&left, NULL);
}

static bool is_root(const char *path) {
    return path != NULL && strcmp(path, "/") == 0;
}

static bool is_control(const char *path) {
    return path != NULL && strcmp(path, control_path) == 0;
}

// Paths may be missing where there is a handle. Only the control file's handle has no inode.
static struct inode *inode_of(const struct fuse_file_info *info) {
    return info == NULL ? NULL : (struct inode *)(uintptr_t)info->fh;
}

// ---- names

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *info) {
    *status = (struct stat){.st_uid = getuid(), .st_gid = getgid(), .st_blksize = 4096};
    const struct inode *inode = inode_of(info);
    if (inode == NULL && is_root(path)) {
        status->st_mode = MODE_DIRECTORY;
        status->st_nlink = 2;
        return 0;
    }
    status->st_mode = MODE_FILE;
    status->st_nlink = 1;
    if (inode == NULL && (path == NULL || is_control(path))) return 0;
    struct platter *platter = enter();
    if (platter->is_off) return leave(-EIO);
    if (inode == NULL) inode = platter_find(platter, path + 1);
    if (inode == NULL) return leave(-ENOENT);
    if (platter_is_dead(platter, inode)) return leave(-EIO);
    status->st_size = (off_t)inode->image.size;
    status->st_blocks = (blkcnt_t)((inode->image.size + 511) / 512);
    return leave(0);
}

static int read_directory(const char *path, void *out, fuse_fill_dir_t fill, off_t offset,
                          struct fuse_file_info *info, enum fuse_readdir_flags flags) {
    (void)path;
    (void)offset;
    (void)info;
    (void)flags;
    const struct platter *platter = enter();
    if (platter->is_off) return leave(-EIO);
    fill(out, ".", NULL, 0, 0);
    fill(out, "..", NULL, 0, 0);
    for (size_t i = 0; i < platter->entries_len; i++)
        fill(out, platter->entries[i].name, NULL, 0, 0);
    return leave(0);
}

static int create_file(const char *path, mode_t mode, struct fuse_file_info *info) {
    (void)mode; // all files are the server's own
    struct inode *inode = NULL;
    int rc = platter_create(enter(), path + 1, &inode);
    if (rc == 0) {
        inode->opens++;
        info->fh = (uintptr_t)inode;
    }
    return leave(rc);
}

static int remove_file(const char *path) {
    return is_control(path) ? -EPERM : leave(platter_remove(enter(), path + 1));
}

static int rename_file(const char *from, const char *to, unsigned flags) {
    if (flags != 0 || is_control(from) || is_control(to)) return -EINVAL;
    return leave(platter_rename(enter(), from + 1, to + 1));
}

static int sync_directory(const char *path, int is_data_only, struct fuse_file_info *info) {
    (void)path;
    (void)is_data_only;
    (void)info;
    take_time();
    return leave(platter_sync_names(enter()));
}

// ---- the control file

static int report(char *into, size_t len, off_t offset) {
    char text[REPORT_BYTES_MAX];
    const struct platter *platter = enter();
    const struct cut_counts *counts = &platter->counts;
    int all = snprintf(text, sizeof text,
                       "power cuts %" PRIu64 ", unsynced sectors dropped %" PRIu64 ", kept %" PRIu64
                       ", torn %" PRIu64 ", garbage %" PRIu64 ", names undone %" PRIu64 "\n",
                       platter->cuts, counts->dropped, counts->kept, counts->torn, counts->garbage,
                       platter->names_undone);
    leave(0);
    if (offset >= all) return 0;
    size_t rest = (size_t)(all - (int)offset);
    memcpy(into, text + offset, rest < len ? rest : len);
    return (int)(rest < len ? rest : len);
}

static int cut(struct platter *platter, uint64_t seed) {
    struct rng rng;
    rng_init(&rng, seed);
    return platter_cut(platter, seed == 0 ? NULL : &rng);
}

static int obey(const char *from, size_t len) {
    struct disk *disk = fuse_get_context()->private_data;
    char words[CONTROL_WORDS_MAX + 1] = {0};
    if (len > CONTROL_WORDS_MAX) return -EINVAL;
    memcpy(words, from, len);
    struct platter *platter = enter();
    int rc = 0;
    if (strncmp(words, "on", 2) == 0) {
        rc = platter_power_on(platter);
    } else if (strncmp(words, "cut", 3) == 0) {
        rc = cut(platter, strtoull(words + 3, NULL, 10));
    } else if (strncmp(words, "delay ", 6) == 0) {
        disk->delay_us = strtoull(words + 6, NULL, 10);
    } else {
        rc = -EINVAL;
    }
    return leave(rc < 0 ? rc : (int)len);
}

// ---- bytes

static int open_file(const char *path, struct fuse_file_info *info) {
    if (is_control(path)) return 0;
    struct platter *platter = enter();
    if (platter->is_off) return leave(-EIO);
    struct inode *inode = platter_find(platter, path + 1);
    if (inode == NULL) return leave(-ENOENT);
    if (info->flags & O_TRUNC) image_truncate(&inode->image, 0);
    inode->opens++;
    info->fh = (uintptr_t)inode;
    return leave(0);
}

static int release_file(const char *path, struct fuse_file_info *info) {
    (void)path;
    enter();
    if (inode_of(info) != NULL) platter_close(inode_of(info));
    return leave(0);
}

static int read_file(const char *path, char *into, size_t len, off_t offset,
                     struct fuse_file_info *info) {
    (void)path;
    const struct inode *inode = inode_of(info);
    if (inode == NULL) return report(into, len, offset);
    if (platter_is_dead(enter(), inode)) return leave(-EIO);
    return leave((int)image_read(&inode->image, into, len, (uint64_t)offset));
}

static int sync_inode(struct inode *inode) {
    take_time();
    return leave(platter_is_dead(enter(), inode) ? -EIO : image_sync(&inode->image));
}

static int write_file(const char *path, const char *from, size_t len, off_t offset,
                      struct fuse_file_info *info) {
    (void)path;
    struct inode *inode = inode_of(info);
    if (inode == NULL) return obey(from, len);
    if (platter_is_dead(enter(), inode)) return leave(-EIO);
    int rc = leave(image_write(&inode->image, from, len, (uint64_t)offset));
    if (rc == 0 && (info->flags & (O_DSYNC | O_SYNC)) != 0) rc = sync_inode(inode);
    return rc < 0 ? rc : (int)len;
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *info) {
    struct inode *inode = inode_of(info);
    if (inode == NULL && (path == NULL || is_control(path))) return 0;
    struct platter *platter = enter();
    if (inode == NULL) inode = platter_find(platter, path + 1);
    if (inode == NULL) return leave(-ENOENT);
    if (platter_is_dead(platter, inode)) return leave(-EIO);
    image_truncate(&inode->image, (uint64_t)size);
    return leave(0);
}

static int sync_file(const char *path, int is_data_only, struct fuse_file_info *info) {
    (void)path;
    (void)is_data_only; // the size is needed to read the data
    return inode_of(info) == NULL ? 0 : sync_inode(inode_of(info));
}

static int get_space(const char *path, struct statvfs *status) {
    (void)path;
    return leave(fstatvfs(enter()->fd, status) == 0 ? 0 : -errno);
}

// ---- the process

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->direct_io = 1; // what the platter forgot, nobody may remember
    config->attr_timeout = 0;
    config->entry_timeout = 0;
    config->negative_timeout = 0;
    config->hard_remove = 1;
    config->nullpath_ok = 1;
    return fuse_get_context()->private_data;
}

static const struct fuse_operations operations = {
    .init = begin,
    .getattr = get_attributes,
    .readdir = read_directory,
    .fsyncdir = sync_directory,
    .create = create_file,
    .unlink = remove_file,
    .rename = rename_file,
    .open = open_file,
    .release = release_file,
    .read = read_file,
    .write = write_file,
    .truncate = truncate_file,
    .fsync = sync_file,
    .statfs = get_space,
};

static int serve(struct disk *disk, const char *mountpoint) {
    char name[] = "dropfs";
    char *words[] = {name, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, words);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, disk);
    if (fuse == NULL) return CODE_FAILED;
    if (access("/dev/fuse", R_OK | W_OK) != 0 || fuse_mount(fuse, mountpoint) != 0) {
        fprintf(stderr, "dropfs: no /dev/fuse, or mounting on %s is refused\n", mountpoint);
        fuse_destroy(fuse);
        return CODE_NO_FUSE;
    }
    struct fuse_session *session = fuse_get_session(fuse);
    bool is_good = fuse_set_signal_handlers(session) == 0 && fuse_loop_mt(fuse, 0) >= 0;
    fuse_remove_signal_handlers(session);
    fuse_unmount(fuse);
    fuse_destroy(fuse);
    return is_good ? 0 : CODE_FAILED;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: dropfs PLATTER MOUNTPOINT\n");
        return CODE_USAGE;
    }
    struct disk disk = {.lock = PTHREAD_MUTEX_INITIALIZER};
    rng_init(&disk.rng, 0);
    int rc = platter_init(&disk.platter, argv[1]);
    if (rc < 0) {
        fprintf(stderr, "dropfs: %s: %s\n", argv[1], strerror(-rc));
        return CODE_FAILED;
    }
    int code = serve(&disk, argv[2]);
    platter_deinit(&disk.platter);
    return code;
}
