#include "storage/data/hash_snapshot.h"

#include <stdbool.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/hash_state.h"

struct row {
    struct row *next; // in the order of the snapshot
    struct blob value;
    uint32_t name_len;
    char name[];
};

// A bucket as it was before it changed, by its place.
struct saved {
    struct dict_entry link;
    struct dict_place place;
    struct row *first;
};

// What is left: the copied rows, and then those of the hash from `at` on.
struct hash_snapshot {
    struct hash_type *hash; // NULL: it reads the hash no more
    struct hash_snapshot *next;
    enum hash_rows rows;
    size_t left;
    struct row *copied;
    struct row **copied_end;
    struct dict_place at; // a bucket that has rows left
    size_t taken;         // rows of that bucket
    struct dict saved;    // buckets from there on that have changed
    size_t bytes;         // of rows and saved buckets
};

// ---- rows

static size_t row_bytes(const struct row *row) {
    return mem_usable(row) + blob_memory(&row->value);
}

static struct row *row_new(struct hash_snapshot *snapshot, const struct field *field) {
    const size_t len = (snapshot->rows & HASH_FIELDS) != 0 ? field->name_len : 0;
    struct row *row = mem_alloc(sizeof *row + len);
    *row = (struct row){.value = blob_of_bytes(SLICE_EMPTY), .name_len = (uint32_t)len};
    if (len > 0) memcpy(row->name, field->name, len);
    if ((snapshot->rows & HASH_VALUES) != 0) {
        row->value = field->value;
        if (blob_kind(&field->value) == BLOB_HEAP)
            row->value = blob_of_bytes(blob_bytes(&field->value));
    }
    snapshot->bytes += row_bytes(row);
    return row;
}

static void row_free(struct hash_snapshot *snapshot, struct row *row) {
    snapshot->bytes -= row_bytes(row);
    if (blob_kind(&row->value) == BLOB_HEAP) blob_release(&row->value);
    mem_free(row);
}

// ---- saved buckets

static struct saved *saved_of(struct dict_entry *entry) {
    return entry == NULL ? NULL : link_entry(entry, struct saved, link);
}

static struct slice place_bytes(const struct dict_place *place) {
    return slice_of(place, sizeof *place);
}

static struct slice saved_key(const struct dict_entry *entry) {
    const struct saved *saved = (const void *)((const char *)entry - offsetof(struct saved, link));
    return place_bytes(&saved->place);
}

static struct saved *saved_at(const struct hash_snapshot *snapshot,
                              const struct dict_place *place) {
    if (dict_count(&snapshot->saved) == 0) return NULL;
    return saved_of(dict_find(&snapshot->saved, place_bytes(place)));
}

static void free_saved(void *context, struct dict_entry *entry) {
    struct hash_snapshot *snapshot = context;
    struct saved *saved = saved_of(entry);
    struct row *next;
    for (struct row *row = saved->first; row != NULL; row = next) {
        next = row->next;
        row_free(snapshot, row);
    }
    snapshot->bytes -= mem_usable(saved);
    mem_free(saved);
}

static bool is_behind(const struct dict_place *at, const struct dict_place *place) {
    return at->table != place->table ? at->table > place->table : at->bucket > place->bucket;
}

static void save(struct hash_snapshot *snapshot, const struct dict_place *place) {
    if (is_behind(&snapshot->at, place)) return; // it is through with that one
    if (saved_at(snapshot, place) != NULL) return;
    struct saved *saved = mem_zalloc(sizeof *saved);
    saved->place = *place;
    struct row **end = &saved->first;
    struct dict_entry *entry = dict_bucket(&snapshot->hash->dict, *place);
    for (; entry != NULL; entry = entry->next) {
        *end = row_new(snapshot, field_of(entry));
        end = &(*end)->next;
    }
    snapshot->bytes += mem_usable(saved);
    dict_insert(&snapshot->saved, &saved->link);
}

void hash_snapshots_save(struct hash_type *hash, struct slice field) {
    if (hash->snapshots == NULL || MUTANT(HASH_BUCKET_NOT_COPIED)) return;
    const struct dict_place place = dict_place_of(&hash->dict, field);
    for (struct hash_snapshot *snapshot = hash->snapshots; snapshot != NULL;
         snapshot = snapshot->next)
        save(snapshot, &place);
}

// ---- walking the rows that are left

struct rows_walk {
    const struct hash_snapshot *snapshot;
    const struct row *row;    // the next one, or NULL:
    struct dict_entry *entry; // the next one, or NULL:
    struct dict_place at;     // the next bucket ...
    bool has_bucket;          // ... if there is one
};

static void walk_begin(struct rows_walk *walk, const struct hash_snapshot *snapshot) {
    *walk = (struct rows_walk){.snapshot = snapshot,
                               .row = snapshot->copied,
                               .at = snapshot->at,
                               .has_bucket = snapshot->hash != NULL};
}

static void open_bucket(struct rows_walk *walk) {
    const struct hash_snapshot *snapshot = walk->snapshot;
    const struct dict *dict = &snapshot->hash->dict;
    const struct saved *saved = saved_at(snapshot, &walk->at);
    const bool is_first = !is_behind(&walk->at, &snapshot->at);
    if (saved != NULL)
        walk->row = saved->first;
    else
        walk->entry = dict_bucket(dict, walk->at);
    for (size_t i = 0; is_first && i < snapshot->taken; i++) {
        if (saved != NULL)
            walk->row = walk->row->next;
        else
            walk->entry = walk->entry->next;
    }
    walk->has_bucket = dict_next_place(dict, &walk->at);
}

// Lends the next row; false: there is none.
static bool walk_next(struct rows_walk *walk, struct slice *name, struct blob *value) {
    while (walk->row == NULL && walk->entry == NULL) {
        if (!walk->has_bucket) return false;
        open_bucket(walk);
    }
    if (walk->row != NULL) {
        *name = slice_of(walk->row->name, walk->row->name_len);
        *value = walk->row->value;
        walk->row = walk->row->next;
        return true;
    }
    const enum hash_rows rows = walk->snapshot->rows;
    const struct field *field = field_of(walk->entry);
    *name = (rows & HASH_FIELDS) != 0 ? field_name(field) : SLICE_EMPTY;
    *value = (rows & HASH_VALUES) != 0 ? field->value : blob_of_bytes(SLICE_EMPTY);
    walk->entry = walk->entry->next;
    return true;
}

// ---- stepping on

static void detach(struct hash_snapshot *snapshot) {
    struct hash_type *hash = snapshot->hash;
    if (hash == NULL) return;
    struct hash_snapshot **at = &hash->snapshots;
    while (*at != snapshot)
        at = &(*at)->next;
    *at = snapshot->next;
    snapshot->hash = NULL;
    snapshot->next = NULL;
    if (hash->snapshots == NULL) dict_hold(&hash->dict, false);
}

static size_t bucket_rows(const struct hash_snapshot *snapshot) {
    const struct saved *saved = saved_at(snapshot, &snapshot->at);
    size_t count = 0;
    if (saved != NULL) {
        for (const struct row *row = saved->first; row != NULL; row = row->next)
            count++;
        return count;
    }
    const struct dict_entry *entry = dict_bucket(&snapshot->hash->dict, snapshot->at);
    for (; entry != NULL; entry = entry->next)
        count++;
    return count;
}

// On to the first bucket that has rows left.
static void pass_buckets(struct hash_snapshot *snapshot) {
    while (snapshot->hash != NULL && bucket_rows(snapshot) == snapshot->taken) {
        struct dict_entry *saved = NULL;
        if (dict_count(&snapshot->saved) > 0)
            saved = dict_remove(&snapshot->saved, place_bytes(&snapshot->at));
        if (saved != NULL) free_saved(snapshot, saved);
        snapshot->taken = 0;
        if (!dict_next_place(&snapshot->hash->dict, &snapshot->at)) detach(snapshot);
    }
}

static void add_copied(struct hash_snapshot *snapshot, struct row *row) {
    *snapshot->copied_end = row;
    snapshot->copied_end = &row->next;
}

// Copies what is left of the next bucket; says how many rows.
static size_t copy_bucket(struct hash_snapshot *snapshot) {
    const struct dict_place place = snapshot->at;
    size_t count = 0;
    save(snapshot, &place);
    struct saved *saved = saved_at(snapshot, &place);
    struct row *row = saved->first;
    for (; snapshot->taken > 0; snapshot->taken--) {
        struct row *next = row->next;
        row_free(snapshot, row);
        row = next;
    }
    saved->first = NULL;
    for (struct row *next; row != NULL; row = next, count++) {
        next = row->next;
        add_copied(snapshot, row);
    }
    pass_buckets(snapshot);
    return count;
}

size_t hash_snapshots_finish(struct hash_type *hash, size_t steps) {
    while (steps > 0 && hash->snapshots != NULL)
        steps -= num_min(steps, 1 + copy_bucket(hash->snapshots));
    return steps;
}

// ---- life

struct hash_snapshot *hash_snapshot_new(const struct hash_type *hash, enum hash_rows rows) {
    struct hash_snapshot *snapshot = mem_zalloc(sizeof *snapshot);
    must(hash_len(hash) > 0);
    snapshot->rows = rows;
    snapshot->left = hash_len(hash);
    snapshot->copied_end = &snapshot->copied;
    dict_init(&snapshot->saved, saved_key, hash->seed);
    for (size_t i = 0; i < hash->len; i++) // all of a small one
        add_copied(snapshot, row_new(snapshot, hash->fields[i]));
    if (!hash->is_large) return snapshot;
    // Who reads a hash is no part of what it is.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
    struct hash_type *shared = (struct hash_type *)(uintptr_t)hash;
    snapshot->hash = shared;
    snapshot->next = shared->snapshots;
    shared->snapshots = snapshot;
    dict_hold(&shared->dict, true);
    pass_buckets(snapshot);
    return snapshot;
}

void hash_snapshot_free(struct hash_snapshot *snapshot) {
    if (snapshot == NULL) return;
    detach(snapshot);
    struct row *next;
    for (struct row *row = snapshot->copied; row != NULL; row = next) {
        next = row->next;
        row_free(snapshot, row);
    }
    dict_deinit(&snapshot->saved, free_saved, snapshot);
    must(snapshot->bytes == 0);
    mem_free(snapshot);
}

// ---- reading

size_t hash_snapshot_left(const struct hash_snapshot *snapshot) {
    return snapshot->left;
}

size_t hash_snapshot_read(const struct hash_snapshot *snapshot, size_t skip, struct blob *out,
                          size_t max) {
    struct rows_walk walk;
    struct slice name;
    struct blob value;
    size_t count = 0;
    walk_begin(&walk, snapshot);
    while (count < max && walk_next(&walk, &name, &value)) {
        if (skip > 0)
            skip--;
        else
            out[count++] = value;
    }
    return count;
}

struct slice hash_snapshot_field(const struct hash_snapshot *snapshot, size_t skip) {
    struct rows_walk walk;
    struct slice name = SLICE_EMPTY;
    struct blob value;
    walk_begin(&walk, snapshot);
    for (size_t i = 0; i <= skip; i++)
        must(walk_next(&walk, &name, &value));
    return name;
}

void hash_snapshot_take(struct hash_snapshot *snapshot) {
    must(snapshot->left > 0);
    snapshot->left--;
    struct row *row = snapshot->copied;
    if (row != NULL) {
        snapshot->copied = row->next;
        if (row->next == NULL) snapshot->copied_end = &snapshot->copied;
        row_free(snapshot, row);
        return;
    }
    must(snapshot->hash != NULL);
    snapshot->taken++;
    pass_buckets(snapshot);
}

size_t hash_snapshot_memory(const struct hash_snapshot *snapshot) {
    return snapshot->bytes + dict_memory(&snapshot->saved);
}
