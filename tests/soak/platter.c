#define _GNU_SOURCE // O_DIRECTORY, renameat

#include "tests/soak/platter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

#define HIDDEN_PREFIX ".unsynced-"

static bool is_hidden(const char *name) {
    return strncmp(name, HIDDEN_PREFIX, sizeof HIDDEN_PREFIX - 1) == 0;
}

static void set_name(char *out, const char *name) {
    size_t len = strlen(name);
    must(len <= PLATTER_NAME_MAX);
    memcpy(out, name, len + 1);
}

// ---- present names

static struct entry *find_entry(const struct platter *platter, const char *name) {
    for (size_t i = 0; i < platter->entries_len; i++) {
        if (strcmp(platter->entries[i].name, name) == 0) return &platter->entries[i];
    }
    return NULL;
}

struct inode *platter_find(const struct platter *platter, const char *name) {
    const struct entry *entry = find_entry(platter, name);
    return entry == NULL ? NULL : entry->inode;
}

static void free_when_unused(struct inode *inode) {
    if (inode->is_linked || inode->opens > 0) return;
    image_deinit(&inode->image);
    mem_free(inode);
}

bool platter_is_dead(const struct platter *platter, const struct inode *inode) {
    return platter->is_off || inode->born != platter->cuts;
}

void platter_close(struct inode *inode) {
    must(inode->opens > 0);
    inode->opens--;
    free_when_unused(inode);
}

static void add_entry(struct platter *platter, const char *name, struct inode *inode) {
    platter->entries =
        mem_realloc(platter->entries, (platter->entries_len + 1) * sizeof *platter->entries);
    struct entry *entry = &platter->entries[platter->entries_len++];
    set_name(entry->name, name);
    entry->inode = inode;
    inode->is_linked = true;
}

static void drop_entry(struct platter *platter, struct entry *entry) {
    struct inode *inode = entry->inode;
    *entry = platter->entries[--platter->entries_len];
    inode->is_linked = false;
    free_when_unused(inode);
}

static int add_inode(struct platter *platter, const char *name, int fd, struct inode **out) {
    struct inode *inode = mem_zalloc(sizeof *inode);
    inode->born = platter->cuts;
    int rc = image_init(&inode->image, fd);
    if (rc < 0) {
        mem_free(inode);
        return rc;
    }
    add_entry(platter, name, inode);
    if (out != NULL) *out = inode;
    return 0;
}

// ---- changes of names

static void add_change(struct platter *platter, enum change_kind kind, const char *from,
                       const char *to) {
    platter->changes =
        mem_realloc(platter->changes, (platter->changes_len + 1) * sizeof *platter->changes);
    struct change *change = &platter->changes[platter->changes_len++];
    *change = (struct change){.kind = kind};
    set_name(change->from, from);
    set_name(change->to, to);
}

int platter_create(struct platter *platter, const char *name, struct inode **out) {
    if (platter->is_off) return -EIO;
    if (strlen(name) > PLATTER_NAME_MAX) return -ENAMETOOLONG;
    if (find_entry(platter, name) != NULL) return -EEXIST;
    char hidden[PLATTER_NAME_MAX + 1];
    snprintf(hidden, sizeof hidden, HIDDEN_PREFIX "%" PRIu64, platter->next_hidden++);
    int fd = openat(platter->fd, hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int rc = add_inode(platter, name, fd, out);
    if (rc == 0) add_change(platter, CHANGE_CREATE, hidden, name);
    return rc;
}

int platter_remove(struct platter *platter, const char *name) {
    if (platter->is_off) return -EIO;
    struct entry *entry = find_entry(platter, name);
    if (entry == NULL) return -ENOENT;
    add_change(platter, CHANGE_REMOVE, name, ""); // first: the name may be the entry's own
    drop_entry(platter, entry);
    return 0;
}

int platter_rename(struct platter *platter, const char *from, const char *to) {
    if (platter->is_off) return -EIO;
    if (strlen(to) > PLATTER_NAME_MAX) return -ENAMETOOLONG;
    struct entry *entry = find_entry(platter, from);
    if (entry == NULL) return -ENOENT;
    if (strcmp(from, to) == 0) return 0;
    struct entry *other = find_entry(platter, to);
    if (other != NULL) {
        drop_entry(platter, other);
        entry = find_entry(platter, from); // the last one has moved
    }
    set_name(entry->name, to);
    add_change(platter, CHANGE_RENAME, from, to);
    return 0;
}

static int make_real(const struct platter *platter, const struct change *change) {
    int rc = -1;
    switch (change->kind) {
    case CHANGE_CREATE:
    case CHANGE_RENAME:
        rc = renameat(platter->fd, change->from, platter->fd, change->to);
        break;
    case CHANGE_REMOVE:
        rc = unlinkat(platter->fd, change->from, 0);
        break;
    }
    return rc == 0 ? 0 : -errno;
}

// The first `count` changes become real, the others are forgotten.
static int settle_names(struct platter *platter, size_t count) {
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = make_real(platter, &platter->changes[i]);
    platter->changes_len = 0;
    return rc;
}

int platter_sync_names(struct platter *platter) {
    return platter->is_off ? -EIO : settle_names(platter, platter->changes_len);
}

// ---- power

static int load(struct platter *platter) {
    DIR *directory = fdopendir(openat(platter->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory == NULL) return -errno;
    int rc = 0;
    for (const struct dirent *each; rc == 0 && (each = readdir(directory)) != NULL;) {
        if (strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0) continue;
        if (is_hidden(each->d_name)) { // its name never was durable
            unlinkat(platter->fd, each->d_name, 0);
            continue;
        }
        int fd = openat(platter->fd, each->d_name, O_RDWR | O_CLOEXEC);
        rc = fd < 0 ? -errno : add_inode(platter, each->d_name, fd, NULL);
    }
    closedir(directory);
    return rc;
}

static void forget_entries(struct platter *platter) {
    while (platter->entries_len > 0)
        drop_entry(platter, &platter->entries[platter->entries_len - 1]);
}

int platter_init(struct platter *platter, const char *path) {
    *platter = (struct platter){0};
    platter->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return platter->fd < 0 ? -errno : load(platter);
}

void platter_deinit(struct platter *platter) {
    forget_entries(platter);
    mem_free(platter->entries);
    mem_free(platter->changes);
    close(platter->fd);
    *platter = (struct platter){.fd = -1};
}

int platter_cut(struct platter *platter, struct rng *rng) {
    if (platter->is_off) return 0;
    int rc = 0;
    for (size_t i = 0; i < platter->entries_len && rc == 0; i++)
        rc = image_cut(&platter->entries[i].inode->image, rng, &platter->counts);
    size_t all = platter->changes_len;
    size_t kept = rng == NULL ? 0 : (size_t)rng_below(rng, all + 1);
    int names_rc = settle_names(platter, kept);
    forget_entries(platter);
    platter->is_off = true;
    platter->cuts++;
    platter->names_undone += all - kept;
    return rc < 0 ? rc : names_rc;
}

int platter_power_on(struct platter *platter) {
    if (!platter->is_off) return 0;
    platter->is_off = false;
    return load(platter);
}
