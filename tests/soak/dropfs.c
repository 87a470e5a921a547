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
// One thread. Exit code 3: the system has no FUSE for us.
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE      // what fuse.h wants

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/base/mem.h"
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

static struct platter *platter(void) {
    return fuse_get_context()->private_data;
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
    if (platter()->is_off) return -EIO;
    if (inode == NULL) inode = platter_find(platter(), path + 1);
    if (inode == NULL) return -ENOENT;
    if (platter_is_dead(platter(), inode)) return -EIO;
    status->st_size = (off_t)inode->image.size;
    status->st_blocks = (blkcnt_t)((inode->image.size + 511) / 512);
    return 0;
}

static int read_directory(const char *path, void *out, fuse_fill_dir_t fill, off_t offset,
                          struct fuse_file_info *info, enum fuse_readdir_flags flags) {
    (void)path;
    (void)offset;
    (void)info;
    (void)flags;
    if (platter()->is_off) return -EIO;
    fill(out, ".", NULL, 0, 0);
    fill(out, "..", NULL, 0, 0);
    for (size_t i = 0; i < platter()->entries_len; i++)
        fill(out, platter()->entries[i].name, NULL, 0, 0);
    return 0;
}

static int create_file(const char *path, mode_t mode, struct fuse_file_info *info) {
    (void)mode; // all files are the server's own
    struct inode *inode = NULL;
    int rc = platter_create(platter(), path + 1, &inode);
    if (rc < 0) return rc;
    inode->opens++;
    info->fh = (uintptr_t)inode;
    return 0;
}

static int remove_file(const char *path) {
    return is_control(path) ? -EPERM : platter_remove(platter(), path + 1);
}

static int rename_file(const char *from, const char *to, unsigned flags) {
    if (flags != 0 || is_control(from) || is_control(to)) return -EINVAL;
    return platter_rename(platter(), from + 1, to + 1);
}

static int sync_directory(const char *path, int is_data_only, struct fuse_file_info *info) {
    (void)path;
    (void)is_data_only;
    (void)info;
    return platter_sync_names(platter());
}

// ---- bytes

static int open_file(const char *path, struct fuse_file_info *info) {
    if (is_control(path)) return 0;
    if (platter()->is_off) return -EIO;
    struct inode *inode = platter_find(platter(), path + 1);
    if (inode == NULL) return -ENOENT;
    if (info->flags & O_TRUNC) image_truncate(&inode->image, 0);
    inode->opens++;
    info->fh = (uintptr_t)inode;
    return 0;
}

static int release_file(const char *path, struct fuse_file_info *info) {
    (void)path;
    if (inode_of(info) != NULL) platter_close(inode_of(info));
    return 0;
}

static int report(char *into, size_t len, off_t offset) {
    char text[REPORT_BYTES_MAX];
    const struct platter *p = platter();
    int all = snprintf(text, sizeof text,
                       "power cuts %" PRIu64 ", unsynced sectors dropped %" PRIu64 ", kept %" PRIu64
                       ", torn %" PRIu64 ", garbage %" PRIu64 ", names undone %" PRIu64 "\n",
                       p->cuts, p->counts.dropped, p->counts.kept, p->counts.torn,
                       p->counts.garbage, p->names_undone);
    if (offset >= all) return 0;
    size_t rest = (size_t)(all - (int)offset);
    memcpy(into, text + offset, rest < len ? rest : len);
    return (int)(rest < len ? rest : len);
}

static int read_file(const char *path, char *into, size_t len, off_t offset,
                     struct fuse_file_info *info) {
    (void)path;
    const struct inode *inode = inode_of(info);
    if (inode == NULL) return report(into, len, offset);
    if (platter_is_dead(platter(), inode)) return -EIO;
    return (int)image_read(&inode->image, into, len, (uint64_t)offset);
}

static int obey(const char *from, size_t len) {
    char words[CONTROL_WORDS_MAX + 1] = {0};
    if (len > CONTROL_WORDS_MAX) return -EINVAL;
    memcpy(words, from, len);
    int rc = -EINVAL;
    if (strncmp(words, "on", 2) == 0) {
        rc = platter_power_on(platter());
    } else if (strncmp(words, "cut", 3) == 0) {
        struct rng rng;
        uint64_t seed = strtoull(words + 3, NULL, 10);
        rng_init(&rng, seed);
        rc = platter_cut(platter(), seed == 0 ? NULL : &rng);
    }
    return rc < 0 ? rc : (int)len;
}

static int write_file(const char *path, const char *from, size_t len, off_t offset,
                      struct fuse_file_info *info) {
    (void)path;
    struct inode *inode = inode_of(info);
    if (inode == NULL) return obey(from, len);
    if (platter_is_dead(platter(), inode)) return -EIO;
    int rc = image_write(&inode->image, from, len, (uint64_t)offset);
    if (rc == 0 && (info->flags & (O_DSYNC | O_SYNC)) != 0) rc = image_sync(&inode->image);
    return rc < 0 ? rc : (int)len;
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *info) {
    struct inode *inode = inode_of(info);
    if (inode == NULL && (path == NULL || is_control(path))) return 0;
    if (inode == NULL) inode = platter_find(platter(), path + 1);
    if (inode == NULL) return -ENOENT;
    if (platter_is_dead(platter(), inode)) return -EIO;
    image_truncate(&inode->image, (uint64_t)size);
    return 0;
}

static int sync_file(const char *path, int is_data_only, struct fuse_file_info *info) {
    (void)path;
    (void)is_data_only; // the size is needed to read the data
    struct inode *inode = inode_of(info);
    if (inode == NULL) return 0;
    return platter_is_dead(platter(), inode) ? -EIO : image_sync(&inode->image);
}

static int get_space(const char *path, struct statvfs *status) {
    (void)path;
    return fstatvfs(platter()->fd, status) == 0 ? 0 : -errno;
}

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->direct_io = 1; // what the platter forgot, nobody may remember
    config->attr_timeout = 0;
    config->entry_timeout = 0;
    config->negative_timeout = 0;
    config->hard_remove = 1;
    config->nullpath_ok = 1;
    return platter();
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

static int serve(struct platter *from, const char *mountpoint) {
    char name[] = "dropfs";
    char *words[] = {name, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, words);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, from);
    if (fuse == NULL) return CODE_FAILED;
    if (access("/dev/fuse", R_OK | W_OK) != 0 || fuse_mount(fuse, mountpoint) != 0) {
        fprintf(stderr, "dropfs: no /dev/fuse, or mounting on %s is refused\n", mountpoint);
        fuse_destroy(fuse);
        return CODE_NO_FUSE;
    }
    struct fuse_session *session = fuse_get_session(fuse);
    int code = fuse_set_signal_handlers(session) == 0 && fuse_loop(fuse) >= 0 ? 0 : CODE_FAILED;
    fuse_remove_signal_handlers(session);
    fuse_unmount(fuse);
    fuse_destroy(fuse);
    return code;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: dropfs PLATTER MOUNTPOINT\n");
        return CODE_USAGE;
    }
    struct platter from;
    int rc = platter_init(&from, argv[1]);
    if (rc < 0) {
        fprintf(stderr, "dropfs: %s: %s\n", argv[1], strerror(-rc));
        return CODE_FAILED;
    }
    int code = serve(&from, argv[2]);
    platter_deinit(&from);
    return code;
}
