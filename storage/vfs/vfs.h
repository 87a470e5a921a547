// The door to the disk: the only way the product makes file system calls. A vfs is one directory;
// names are relative to it and have no slash. The product's is vfs_posix.c; tests and the simulator
// have one in memory that keeps unsynced writes apart and fails on demand.
//
// Calls may be made from any thread as long as one file is used by one thread at a time (reads may
// run beside one writer).
#ifndef ACKD_STORAGE_VFS_VFS_H
#define ACKD_STORAGE_VFS_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

enum { VFS_NAME_MAX = 63 };

enum vfs_flags {
    VFS_READ = 1 << 0,
    VFS_WRITE = 1 << 1,
    VFS_CREATE =
        1 << 2, // exclusive: ERR_EXISTS when there is one; the name is durable only after sync_dir
    VFS_DSYNC = 1 << 3,  // each write is durable when it returns (O_DSYNC)
    VFS_DIRECT = 1 << 4, // reads bypass the page cache where the system can (used by recovery);
                         // silently without effect elsewhere
};

struct vfs_file {
    struct vfs *vfs; // implementations embed this as their first member
};

struct vfs_space {
    uint64_t total_bytes;
    uint64_t free_bytes; // for us, not for root
};

// The raw operations. Short reads and writes are legal (`done` says how much); callers use the
// wrappers below.
struct vfs_ops {
    enum err (*open)(struct vfs *vfs, const char *name, unsigned flags, struct vfs_file **out);
    void (*close)(struct vfs_file *file);
    enum err (*read_at)(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                        size_t *done);
    enum err (*write_at)(struct vfs_file *file, const void *from, size_t len, uint64_t offset,
                         size_t *done);
    // Only what is in the page cache, at once. NULL: there is no telling what is.
    enum err (*read_cached)(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                            size_t *done);
    // NULL: no cache to read into.
    void (*read_ahead)(struct vfs_file *file, uint64_t offset, uint64_t len);
    void (*write_direct)(struct vfs_file *file, bool is_direct); // NULL: no cache to bypass
    enum err (*sync)(struct vfs_file *file);                     // fdatasync
    enum err (*size)(struct vfs_file *file, uint64_t *out);
    enum err (*truncate)(struct vfs_file *file, uint64_t size);
    enum err (*rename)(struct vfs *vfs, const char *from, const char *to);
    enum err (*remove)(struct vfs *vfs, const char *name);
    // Calls `visit` with each file name, in no particular order.
    enum err (*list)(struct vfs *vfs, void (*visit)(void *context, const char *name),
                     void *context);
    enum err (*sync_dir)(struct vfs *vfs);
    // Exclusive until the vfs is closed, which may lock what it has locked. ERR_LOCKED: another
    // has.
    enum err (*lock)(struct vfs *vfs, const char *name);
    enum err (*space)(struct vfs *vfs, struct vfs_space *out);
    void (*free)(struct vfs *vfs);
};

struct vfs {
    const struct vfs_ops *ops;
    char where[256]; // the directory, for messages
};

enum err vfs_open(struct vfs *vfs, const char *name, unsigned flags, struct vfs_file **out);
void vfs_close(struct vfs_file *file); // NULL is fine
// Reads exactly len bytes; ERR_IO when the file ends before. Repeats short reads.
enum err vfs_read_at(struct vfs_file *file, void *into, size_t len, uint64_t offset);
// Reads up to len bytes, fewer only at the end of the file.
enum err vfs_read_some(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                       size_t *done);
// Reads what the page cache has of the range, from its beginning on, without waiting for the disk.
// *done may be less than len anywhere in the file. ERR_AGAIN: nothing of it is there, or the system
// cannot tell. Not for a file that is being written past the cache (vfs_write_direct).
enum err vfs_read_cached(struct vfs_file *file, void *into, size_t len, uint64_t offset,
                         size_t *done);
// Asks for a range that will be read soon to be brought into the page cache, and does not wait for
// it. A wish: an error of the disk will be met by whoever reads.
void vfs_read_ahead(struct vfs_file *file, uint64_t offset, uint64_t len);
// Writes all; repeats short writes. After an error nothing is known about the range.
enum err vfs_write_at(struct vfs_file *file, const void *from, size_t len, uint64_t offset);
// From now on writes to the file bypass the page cache where the system can: nothing is copied, and
// a sync finds nothing left to write. Neither more nor less durable than before. It ends with
// `is_direct` false, or with the first read or write that the system cannot do that way (not
// aligned to 4096 bytes); to be ended before other threads read the file.
void vfs_write_direct(struct vfs_file *file, bool is_direct);
enum err vfs_sync(struct vfs_file *file);
enum err vfs_size(struct vfs_file *file, uint64_t *out);
enum err vfs_truncate(struct vfs_file *file, uint64_t size);
enum err vfs_rename(struct vfs *vfs, const char *from, const char *to);
enum err vfs_remove(struct vfs *vfs, const char *name);
enum err vfs_list(struct vfs *vfs, void (*visit)(void *context, const char *name), void *context);
enum err vfs_sync_dir(struct vfs *vfs);
enum err vfs_lock(struct vfs *vfs, const char *name);
enum err vfs_space(struct vfs *vfs, struct vfs_space *out);
void vfs_free(struct vfs *vfs); // closes; NULL is fine

// The real file system. Creates the directory (0700) when `create` and it is missing.
enum err vfs_posix_open(struct vfs **out, const char *directory, bool create, struct fault *fault);

#endif
