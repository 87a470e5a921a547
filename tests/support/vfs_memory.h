// A disk in memory that behaves as badly as a disk may, and fails on demand. The disk outlives the
// processes (each a vfs) that use it, and power cuts.
//
// Always true: what was synced is there after a cut; what was not is, per 512-byte sector, old,
// new, garbage, or torn inside. A name that was made, changed or removed since the last sync_dir
// may or may not be so after a cut, but names change in the order in which they were changed.
// Everything that happens follows from the seed and the calls. Not for several threads.
#ifndef ACKD_TESTS_SUPPORT_VFS_MEMORY_H
#define ACKD_TESTS_SUPPORT_VFS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/vfs/vfs.h"

enum { MEMORY_SECTOR = 512, MEMORY_FAULTS_MAX = 8 };

struct memory_disk;

struct memory_disk *memory_disk_new(uint64_t seed, uint64_t capacity_bytes);
void memory_disk_free(struct memory_disk *disk); // after all its vfs were freed
// As it is now, what is not durable included; without faults; none is open.
struct memory_disk *memory_disk_dup(const struct memory_disk *disk);

// A process that uses the disk. Freeing it is the end of the process: what it wrote stays in the
// page cache, its lock is gone.
struct vfs *memory_disk_open(struct memory_disk *disk);

// ---- power

// Power fails now. Open files may still be closed and the vfs freed, nothing else.
void memory_disk_cut(struct memory_disk *disk);
// After that many more calls the machine stands still: each call fails and does nothing, until
// memory_disk_cut.
void memory_disk_die_after(struct memory_disk *disk, uint64_t calls);
bool memory_disk_is_dead(const struct memory_disk *disk);   // a call has failed for that reason
uint64_t memory_disk_calls(const struct memory_disk *disk); // made so far

// ---- faults

enum memory_op {
    MEMORY_OPEN = 1 << 0,
    MEMORY_READ = 1 << 1,
    MEMORY_WRITE = 1 << 2,
    MEMORY_SYNC = 1 << 3,
    MEMORY_NAMES = 1 << 4, // rename, remove, list
    MEMORY_SYNC_DIR = 1 << 5,
};

enum memory_failure {
    MEMORY_FAIL_IO,
    MEMORY_FAIL_NO_SPACE,
    MEMORY_FAIL_SHORT, // reads and writes do only a part, and say so
    MEMORY_FAIL_LOST, // a sync fails and the pages are clean from then on: the cache shows what the
                      // disk will never have
    MEMORY_FAIL_GARBAGE, // reads give a bit that is not so, once
};

// After `after` calls of these kinds, the next `times` of them fail.
struct memory_fault {
    unsigned ops; // of enum memory_op
    uint64_t after;
    uint64_t times;
    enum memory_failure failure;
};

void memory_disk_fail(struct memory_disk *disk, const struct memory_fault *fault);
void memory_disk_heal(struct memory_disk *disk);    // forgets all faults, death included
void memory_disk_forgive(struct memory_disk *disk); // forgets all faults but death
void memory_disk_resize(struct memory_disk *disk, uint64_t capacity_bytes);

// What of the files is in the page cache, for those who only read what is (vfs_read_cached).
enum memory_cached {
    MEMORY_CACHED_ALL,
    MEMORY_CACHED_SOME, // drawn at each call: all, nothing, or the beginning
    MEMORY_CACHED_NONE,
};
void memory_disk_set_cached(struct memory_disk *disk, enum memory_cached cached);

// ---- damage that the disk does by itself

bool memory_disk_has(const struct memory_disk *disk, const char *name);
size_t memory_disk_size(const struct memory_disk *disk, const char *name); // 0: no such file
void memory_disk_flip(struct memory_disk *disk, const char *name, size_t offset, unsigned bit);
void memory_disk_put(struct memory_disk *disk, const char *name, const void *bytes, size_t len,
                     size_t offset);
void memory_disk_lose(struct memory_disk *disk, const char *name);
void memory_disk_shorten(struct memory_disk *disk, const char *name, size_t size);
// Whether the bytes are there after any cut: the name is durable, no sector of them is dirty, and
// the cache shows what the disk has.
bool memory_disk_is_durable(const struct memory_disk *disk, const char *name, size_t offset,
                            size_t len);
// Syncs of a file that had failed to be synced for the same process before: a caller that tries
// again believes what is no longer so.
uint64_t memory_disk_syncs_again(const struct memory_disk *disk);
// The bytes as a reader sees them; lends.
const char *memory_disk_bytes(const struct memory_disk *disk, const char *name);

#endif
