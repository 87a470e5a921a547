// The disk of dropfs: files (image.h), and the names of one flat directory, which have a durable
// and a present state of their own.
//
// A new file lies on the platter under a hidden name until its own is synced, so that synced bytes
// do not make a name durable. Changes of names are kept in order and made real by
// platter_sync_names. At a cut some first ones of them survive, or none: a journalling file system
// does the same.
#ifndef ACKD_TESTS_SOAK_PLATTER_H
#define ACKD_TESTS_SOAK_PLATTER_H

#include "tests/soak/image.h"

#define PLATTER_CONTROL ".dropfs"

enum { PLATTER_NAME_MAX = 255 };

struct inode {
    struct image image;
    unsigned opens;
    bool is_linked; // it has a name at present
    uint64_t born;  // how many cuts there were before it was loaded or created
};

struct entry {
    char name[PLATTER_NAME_MAX + 1];
    struct inode *inode;
};

enum change_kind { CHANGE_CREATE, CHANGE_RENAME, CHANGE_REMOVE };

struct change {
    enum change_kind kind;
    char from[PLATTER_NAME_MAX + 1]; // CREATE: the hidden name
    char to[PLATTER_NAME_MAX + 1];
};

struct platter {
    int fd; // of the real directory
    bool is_off;
    struct entry *entries; // present names
    size_t entries_len;
    struct change *changes; // of names, not yet synced, oldest first
    size_t changes_len;
    uint64_t next_hidden;
    uint64_t cuts;
    uint64_t names_undone;
    struct cut_counts counts;
};

// All functions: 0 or -errno; -EIO while the power is off.
int platter_init(struct platter *platter, const char *path); // the power is on
void platter_deinit(struct platter *platter);

struct inode *platter_find(const struct platter *platter, const char *name); // NULL: there is none
int platter_create(struct platter *platter, const char *name, struct inode **out);
int platter_remove(struct platter *platter, const char *name);
int platter_rename(struct platter *platter, const char *from, const char *to);
int platter_sync_names(struct platter *platter);
// Whether the file is of before a cut, or the power is off: its handles only wait to be closed.
bool platter_is_dead(const struct platter *platter, const struct inode *inode);
// One open less; an inode without name and opens is freed.
void platter_close(struct inode *inode);

int platter_cut(struct platter *platter, struct rng *rng); // see image_cut
int platter_power_on(struct platter *platter);             // fine when it is on

#endif
