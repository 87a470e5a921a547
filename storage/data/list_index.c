#include "storage/data/list_index.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum { BITS_MIN = 9, LOAD_NUM = 5, LOAD_DEN = 8 }; // at most 5/8 full

struct index_entry {
    struct chunk *chunk; // NULL: free
    uint32_t hash;
    uint32_t count;
};

// The table has more slots than 2^bits homes, so that runs do not wrap round. No entry stands
// further than LIST_INDEX_RUN_MAX from its home, so the last slot is always free.
struct list_index {
    struct index_entry *entries;
    size_t used;
    size_t cleared; // entries
    unsigned bits;
    struct chunk *ahead;
};

// Payload hashes are evenly spread, but their top bits alone may be chosen by a client as well as
// any others; the multiplication only keeps short tables from showing patterns of short values.
static size_t home_of(uint32_t hash, unsigned bits) {
    return hash * UINT32_C(2654435769) >> (32 - bits);
}

static size_t slot_count(unsigned bits) {
    return ((size_t)1 << bits) + LIST_INDEX_RUN_MAX + 1;
}

struct list_index *list_index_new(size_t expected) {
    struct list_index *index = mem_zalloc(sizeof *index);
    index->bits = BITS_MIN;
    while (((size_t)1 << index->bits) * LOAD_NUM < expected * LOAD_DEN)
        index->bits++;
    index->entries = mem_alloc(slot_count(index->bits) * sizeof *index->entries);
    return index;
}

bool list_index_is_clear(const struct list_index *index) {
    return index->cleared == slot_count(index->bits);
}

bool list_index_clear(struct list_index *index, size_t entries) {
    const size_t some = num_min(entries, slot_count(index->bits) - index->cleared);
    memset(index->entries + index->cleared, 0, some * sizeof *index->entries);
    index->cleared += some;
    return list_index_is_clear(index);
}

void list_index_free(struct list_index *index) {
    if (index == NULL) return;
    mem_free(index->entries);
    mem_free(index);
}

// The entry of the pair, or the free place behind the run. NULL: the run is too long.
static struct index_entry *find(const struct list_index *index, uint32_t hash,
                                const struct chunk *chunk) {
    struct index_entry *entry = &index->entries[home_of(hash, index->bits)];
    for (int i = 0; i <= LIST_INDEX_RUN_MAX; i++, entry++) {
        if (entry->chunk == NULL) return entry;
        if (entry->chunk == chunk && entry->hash == hash) return entry;
    }
    return NULL;
}

// Twice the slots. Entries stand in the order of their homes, more or less, so both tables are
// passed from front to back.
static bool grow(struct list_index *index) {
    const size_t old_slots = slot_count(index->bits);
    const unsigned bits = index->bits + 1;
    struct index_entry *entries = mem_alloc_array(slot_count(bits), sizeof *entries);
    for (size_t i = 0; i < old_slots; i++) {
        const struct index_entry *entry = &index->entries[i];
        if (entry->chunk == NULL) continue;
        const size_t home = home_of(entry->hash, bits);
        size_t at = home;
        while (entries[at].chunk != NULL)
            at++;
        if (at - home > LIST_INDEX_RUN_MAX) {
            mem_free(entries);
            return false;
        }
        entries[at] = *entry;
    }
    mem_free(index->entries);
    index->entries = entries;
    index->bits = bits;
    index->cleared = slot_count(bits);
    return true;
}

static bool is_full(const struct list_index *index) {
    return (index->used + 1) * LOAD_DEN > ((size_t)1 << index->bits) * LOAD_NUM;
}

enum list_index_room list_index_add(struct list_index *index, uint32_t hash, struct chunk *chunk) {
    struct index_entry *entry = find(index, hash, chunk);
    if (entry == NULL) return LIST_INDEX_REFUSED;
    if (entry->chunk != NULL) {
        entry->count++;
        return LIST_INDEX_ADDED;
    }
    if (is_full(index)) {
        if ((size_t)1 << index->bits >= LIST_INDEX_GROWN_MAX) return LIST_INDEX_FULL;
        if (!grow(index)) return LIST_INDEX_REFUSED;
        entry = find(index, hash, chunk);
        if (entry == NULL) return LIST_INDEX_REFUSED;
    }
    *entry = (struct index_entry){.chunk = chunk, .hash = hash, .count = 1};
    index->used++;
    return LIST_INDEX_ADDED;
}

void list_index_remove(struct list_index *index, uint32_t hash, const struct chunk *chunk) {
    struct index_entry *entry = find(index, hash, chunk);
    must(entry != NULL && entry->chunk != NULL);
    if (--entry->count > 0) return;
    index->used--;
    // Those behind move up as long as that does not put them in front of their homes.
    size_t hole = (size_t)(entry - index->entries);
    for (size_t i = hole + 1; index->entries[i].chunk != NULL; i++) {
        if (i > hole + LIST_INDEX_RUN_MAX) break; // nobody stands so far from home
        if (home_of(index->entries[i].hash, index->bits) > hole) continue;
        index->entries[hole] = index->entries[i];
        hole = i;
    }
    index->entries[hole] = (struct index_entry){0};
}

struct chunk *list_index_next(const struct list_index *index, uint32_t hash, size_t *step) {
    const struct index_entry *home = &index->entries[home_of(hash, index->bits)];
    while (*step <= LIST_INDEX_RUN_MAX && home[*step].chunk != NULL) {
        const struct index_entry *entry = &home[(*step)++];
        if (entry->hash == hash) return entry->chunk;
    }
    return NULL;
}

size_t list_index_count(const struct list_index *index, uint32_t hash, const struct chunk *chunk) {
    const struct index_entry *entry = find(index, hash, chunk);
    return entry == NULL || entry->chunk == NULL ? 0 : entry->count;
}

struct chunk *list_index_ahead(const struct list_index *index) {
    return index->ahead;
}

void list_index_set_ahead(struct list_index *index, struct chunk *chunk) {
    index->ahead = chunk;
}

size_t list_index_memory(const struct list_index *index) {
    return sizeof *index + slot_count(index->bits) * sizeof *index->entries;
}

size_t list_index_total(const struct list_index *index) {
    size_t total = 0;
    for (size_t i = 0; i < slot_count(index->bits); i++)
        total += index->entries[i].count;
    return total;
}
