// A disk of copy-on-write pages behind the real vfs door. Its whole state is a plain value
// (`struct disk_state`): copying it is a snapshot, and pages are shared and never changed, so that
// a million crash images of one state cost little more than the recoveries they are given to.
//
// Always true, as on a real disk: what was synced stays; of what was not, each 512-byte sector is
// kept apart (`dirty`); a name that was made, changed or removed is durable only after sync_dir,
// and names change in the order in which they were changed. A failed sync may leave pages clean
// that the disk does not have.
//
// A disk that is not `recorded` keeps no account of what is durable: it is the page cache of a
// machine whose power will not fail, which is all that judging an image takes.
#ifndef ACKD_TESTS_SIM_IMAGES_IMAGE_DISK_H
#define ACKD_TESTS_SIM_IMAGES_IMAGE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/vfs/vfs.h"
#include "tests/sim/images/pages.h"

enum {
    DISK_SECTOR = 512,
    DISK_PAGE_SECTORS = PAGE_BYTES / DISK_SECTOR,
    DISK_FILE_PAGES = 16, // no file is longer than the smallest segment
    DISK_FILE_BYTES = DISK_FILE_PAGES * PAGE_BYTES,
    DISK_FILE_SECTORS = DISK_FILE_PAGES * DISK_PAGE_SECTORS,
    DISK_INODES_MAX = 48,
    DISK_NAMES_MAX = 40,
    DISK_CHANGES_MAX = 12,
    DISK_NAME_MAX = 36,
};

// A page that is NULL is all zeros.
struct disk_inode {
    const char *cached[DISK_FILE_PAGES];
    const char *durable[DISK_FILE_PAGES];
    uint8_t dirty[DISK_FILE_PAGES]; // a bit per sector: written since the last sync
    uint32_t cached_size;
    uint32_t durable_size;
};

struct disk_name {
    char text[DISK_NAME_MAX];
    uint32_t inode;
};

struct disk_names {
    struct disk_name items[DISK_NAMES_MAX];
    size_t count;
};

enum disk_change_kind { DISK_ADD, DISK_REMOVE, DISK_RENAME };

struct disk_change {
    enum disk_change_kind kind;
    char from[DISK_NAME_MAX];
    char to[DISK_NAME_MAX];
    uint32_t inode;
};

struct disk_state {
    struct disk_inode inodes[DISK_INODES_MAX];
    size_t inode_count;
    struct disk_names cached;
    struct disk_names durable;
    struct disk_change changes[DISK_CHANGES_MAX]; // from durable to cached, in order
    size_t change_count;
};

struct disk {
    struct disk_state state;
    struct pages *pages; // not owned; where new pages come from
    bool is_recorded;
    const struct vfs *locked_by; // NULL: nobody
    uint64_t capacity_bytes;     // of all files together
    unsigned lost_syncs;         // so many syncs will fail with the pages clean afterwards
    unsigned failed_syncs;       // so many will fail and do nothing
    unsigned failed_writes;      // so many writes will fail
    const char *call;            // the last one that changed something, for people
    void *context;
    void (*before)(void *context); // before each call that changes something; may be NULL
    void *sync_context;
    void (*before_sync)(void *context); // once, between a write and its sync; may be NULL
};

// An empty state.
void disk_init(struct disk *disk, struct pages *pages);

// A process that uses the disk. Freeing it ends the process: the page cache stays.
struct vfs *disk_open(struct disk *disk);

// ---- for those who cut and look

const char *disk_page_or_zeros(const char *page); // never NULL
void disk_names_apply(struct disk_names *names, const struct disk_change *change);
const struct disk_name *disk_names_find(const struct disk_names *names, const char *text);
// What is cached becomes durable, all of it.
void disk_settle(struct disk_state *state);
// Writes all files that have a name into a directory of the real file system, which is made.
enum err disk_save(const struct disk_state *state, const char *directory);

#endif
