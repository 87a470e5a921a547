#include "storage/data/hash.h"

#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/hash_state.h"

enum { SMALL_CAP_MIN = 4, MEMORY_SAMPLE = 64 };

static struct slice entry_name(const struct dict_entry *entry) {
    const struct field *field = (const void *)((const char *)entry - offsetof(struct field, link));
    return field_name(field);
}

struct hash_type *hash_new(uint64_t seed) {
    struct hash_type *hash = mem_zalloc(sizeof *hash);
    hash->seed = seed;
    return hash;
}

struct release {
    void (*release)(void *context, struct blob *blob);
    void *context;
};

static void free_field(void *context, struct dict_entry *entry) {
    const struct release *release = context;
    struct field *field = field_of(entry);
    release->release(release->context, &field->value);
    mem_free(field);
}

size_t hash_drain(struct hash_type *hash, size_t steps,
                  void (*release)(void *context, struct blob *blob), void *context) {
    struct release call = {.release = release, .context = context};
    steps = hash_snapshots_finish(hash, steps);
    if (steps == 0) return 0;
    for (; steps > 0 && hash->len > 0; steps--)
        free_field(&call, &hash->fields[--hash->len]->link);
    return dict_drain(&hash->dict, steps, free_field, &call);
}

void hash_free(struct hash_type *hash, void (*release)(void *context, struct blob *blob),
               void *context) {
    if (hash == NULL) return;
    hash_drain(hash, SIZE_MAX, release, context);
    mem_free(hash->fields);
    mem_free(hash->hashes);
    mem_free(hash);
}

// ---- reading

size_t hash_len(const struct hash_type *hash) {
    return hash->is_large ? dict_count(&hash->dict) : hash->len;
}

bool hash_is_small(const struct hash_type *hash) {
    return !hash->is_large;
}

// Its place in a small hash; len when absent.
static size_t small_find(const struct hash_type *hash, struct slice name) {
    const uint32_t wanted = (uint32_t)hash_bytes(name, hash->seed);
    size_t i = 0;
    while (i < hash->len &&
           (hash->hashes[i] != wanted || !slice_equal(field_name(hash->fields[i]), name)))
        i++;
    return i;
}

static struct field *find(const struct hash_type *hash, struct slice name) {
    if (hash->is_large) {
        struct dict_entry *entry = dict_find(&hash->dict, name);
        return entry == NULL ? NULL : field_of(entry);
    }
    const size_t i = small_find(hash, name);
    return i == hash->len ? NULL : hash->fields[i];
}

bool hash_find(const struct hash_type *hash, struct slice field, struct blob *out) {
    const struct field *found = find(hash, field);
    if (found == NULL) return false;
    *out = found->value;
    return true;
}

void hash_fetch(const struct hash_type *hash, struct slice field, enum dict_part part) {
    if (hash->is_large) dict_fetch(&hash->dict, field, part);
}

static void visit_small(const struct hash_type *hash,
                        void (*visit)(void *context, struct slice field, const struct blob *value),
                        void *context) {
    for (size_t i = 0; i < hash->len; i++) {
        visit(context, field_name(hash->fields[i]), &hash->fields[i]->value);
    }
}

void hash_each(const struct hash_type *hash,
               void (*visit)(void *context, struct slice field, const struct blob *value),
               void *context) {
    visit_small(hash, visit, context);
    struct dict_walk walk;
    dict_walk_begin(&walk, &hash->dict);
    struct dict_entry *entry;
    while ((entry = dict_walk_next(&walk)) != NULL) {
        visit(context, entry_name(entry), &field_of(entry)->value);
    }
}

struct scan_visit {
    void (*visit)(void *context, struct slice field, const struct blob *value);
    void *context;
};

static void scan_field(void *context, struct dict_entry *entry) {
    const struct scan_visit *scan = context;
    scan->visit(scan->context, entry_name(entry), &field_of(entry)->value);
}

uint64_t hash_scan(const struct hash_type *hash, uint64_t cursor,
                   void (*visit)(void *context, struct slice field, const struct blob *value),
                   void *context) {
    if (!hash->is_large) {
        visit_small(hash, visit, context);
        return 0;
    }
    struct scan_visit scan = {.visit = visit, .context = context};
    return dict_scan(&hash->dict, cursor, scan_field, &scan);
}

bool hash_random(const struct hash_type *hash, struct rng *rng, struct slice *field,
                 struct blob *value) {
    if (hash_len(hash) == 0) return false;
    must(hash->is_large || hash->fields != NULL);
    const struct field *drawn = hash->is_large ? field_of(dict_random(&hash->dict, rng))
                                               : hash->fields[rng_below(rng, hash->len)];
    *field = field_name(drawn);
    *value = drawn->value;
    return true;
}

size_t hash_memory(const struct hash_type *hash) {
    size_t bytes = mem_usable(hash) + dict_memory(&hash->dict);
    if (hash->fields != NULL) bytes += mem_usable(hash->fields) + mem_usable(hash->hashes);
    size_t sampled = 0;
    size_t sampled_bytes = 0;
    must(hash->is_large || hash->len == 0 || hash->fields != NULL);
    for (; !hash->is_large && sampled < hash->len; sampled++) {
        const struct field *field = hash->fields[sampled];
        sampled_bytes += mem_usable(field) + blob_memory(&field->value);
    }
    struct dict_walk walk;
    dict_walk_begin(&walk, &hash->dict);
    struct dict_entry *entry;
    while (sampled < MEMORY_SAMPLE && (entry = dict_walk_next(&walk)) != NULL) {
        const struct field *field = field_of(entry);
        sampled_bytes += mem_usable(field) + blob_memory(&field->value);
        sampled++;
    }
    return sampled == 0 ? bytes : bytes + sampled_bytes * hash_len(hash) / sampled;
}

// ---- changing

static struct field *field_new(struct slice name, struct blob value) {
    must(name.len <= HASH_FIELD_MAX);
    struct field *field = mem_alloc(sizeof *field + name.len);
    field->link = (struct dict_entry){0};
    field->name_len = (uint32_t)name.len;
    field->value = value;
    if (name.len > 0) memcpy(field->name, name.data, name.len);
    return field;
}

static void make_large(struct hash_type *hash) {
    dict_init(&hash->dict, entry_name, hash->seed);
    for (size_t i = 0; i < hash->len; i++)
        dict_insert(&hash->dict, &hash->fields[i]->link);
    mem_free(hash->fields);
    mem_free(hash->hashes);
    hash->fields = NULL;
    hash->hashes = NULL;
    hash->len = 0;
    hash->is_large = true;
}

static void small_append(struct hash_type *hash, struct field *field) {
    if (hash->len == hash->cap) {
        hash->cap = num_max(SMALL_CAP_MIN, 2 * hash->cap);
        hash->fields = mem_realloc(hash->fields, hash->cap * sizeof(struct field *));
        hash->hashes = mem_realloc(hash->hashes, hash->cap * sizeof *hash->hashes);
    }
    hash->hashes[hash->len] = (uint32_t)hash_bytes(field_name(field), hash->seed);
    hash->fields[hash->len++] = field;
}

bool hash_set(struct hash_type *hash, struct slice field, struct blob value, struct blob *old) {
    struct field *found = find(hash, field);
    const bool fits_small = field.len <= HASH_SMALL_BYTES_MAX &&
                            blob_len(&value) <= HASH_SMALL_BYTES_MAX &&
                            (found != NULL || hash->len < HASH_SMALL_FIELDS_MAX);
    if (!hash->is_large && !fits_small) make_large(hash);
    hash_snapshots_save(hash, field);
    if (found != NULL) {
        *old = found->value;
        found->value = value;
        return false;
    }
    found = field_new(field, value);
    if (hash->is_large)
        dict_insert(&hash->dict, &found->link);
    else
        small_append(hash, found);
    *old = (struct blob){0};
    return true;
}

static struct field *take_out(struct hash_type *hash, struct slice name) {
    if (hash->is_large) {
        hash_snapshots_save(hash, name);
        struct dict_entry *entry = dict_remove(&hash->dict, name);
        return entry == NULL ? NULL : field_of(entry);
    }
    const size_t i = small_find(hash, name);
    if (i == hash->len) return NULL;
    struct field *field = hash->fields[i];
    const size_t behind = hash->len - i - 1;
    memmove(hash->fields + i, hash->fields + i + 1, behind * sizeof(struct field *));
    memmove(hash->hashes + i, hash->hashes + i + 1, behind * sizeof *hash->hashes);
    hash->len--;
    return field;
}

bool hash_remove(struct hash_type *hash, struct slice field, struct blob *old) {
    struct field *found = take_out(hash, field);
    if (found == NULL) return false;
    *old = found->value;
    mem_free(found);
    return true;
}

void hash_check(const struct hash_type *hash) {
    must(hash->is_large ? hash->fields == NULL && hash->len == 0 : dict_count(&hash->dict) == 0);
    must(hash->len <= HASH_SMALL_FIELDS_MAX && hash->len <= hash->cap);
    for (size_t i = 0; i < hash->len; i++) {
        const struct field *field = hash->fields[i];
        must(field->name_len <= HASH_SMALL_BYTES_MAX);
        must(blob_len(&field->value) <= HASH_SMALL_BYTES_MAX);
        must(hash->hashes[i] == (uint32_t)hash_bytes(field_name(field), hash->seed));
        must(small_find(hash, field_name(field)) == i); // no field twice
    }
    dict_check(&hash->dict);
}
