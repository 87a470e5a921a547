// Growth and shrinking spread over later changes: a second table is made at once, the entries move
// over a few buckets at each insert and remove. Lookups look into both tables meanwhile.
//
// The scan cursor counts with its bits reversed (the highest bit of the mask changes first). A
// table of twice the size splits bucket b into b and b + size, a table of half the size joins them;
// with reversed counting all buckets that split from, or join into, what was visited lie behind the
// cursor, whatever the table's size is at the next call. While two tables exist, one step visits a
// bucket of the smaller and all its expansions in the larger one.
#include "storage/data/dict.h"

#include "proto/base/fetch.h"
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    BUCKETS_MIN = 4,
    SPARSE = 8,        // fewer than one entry per this many buckets: shrink
    MOVE_VISITS = 16,  // old buckets looked at by one change
    MOVE_FULL = 4,     // of these at most so many with entries
    BITS_MAX = 31,     // of the number of buckets: the hash has 32
    RANDOM_DRAWS = 16, // entries of neighbouring buckets of which dict_random takes one
    AHEAD = 8,         // buckets whose first entries are on their way while one is looked at
};

// Entries lie anywhere in memory: a walk that asks for each when it comes to it waits for each.
static void fetch_ahead(const struct dict_table *table, size_t bucket) {
    if (bucket + AHEAD < table->bucket_count) fetch_line(table->buckets[bucket + AHEAD]);
}

static void table_insert(struct dict_table *table, struct dict_entry *entry) {
    struct dict_entry **bucket = &table->buckets[entry->hash & (table->bucket_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
    table->used++;
}

void dict_init(struct dict *dict, struct slice (*key_of)(const struct dict_entry *),
               uint64_t seed) {
    *dict = (struct dict){.key_of = key_of, .seed = seed};
}

// The buckets in front of `moving` are empty, as while entries move over; the new table's turn
// comes when it is the only one.
size_t dict_drain(struct dict *dict, size_t steps,
                  void (*free_entry)(void *context, struct dict_entry *entry), void *context) {
    struct dict_table *old = &dict->tables[1];
    for (; steps > 0; steps--) {
        if (dict->moving == old->bucket_count) {
            mem_free(old->buckets);
            *old = dict->tables[0];
            dict->tables[0] = (struct dict_table){0};
            dict->moving = 0;
            if (old->bucket_count == 0) return steps;
        }
        struct dict_entry **bucket = &old->buckets[dict->moving];
        struct dict_entry *entry = *bucket;
        if (entry == NULL) {
            fetch_ahead(old, dict->moving++);
            continue;
        }
        *bucket = entry->next;
        old->used--;
        free_entry(context, entry);
    }
    return 0;
}

void dict_deinit(struct dict *dict, void (*free_entry)(void *context, struct dict_entry *entry),
                 void *context) {
    if (free_entry != NULL) dict_drain(dict, SIZE_MAX, free_entry, context);
    mem_free(dict->tables[0].buckets);
    mem_free(dict->tables[1].buckets);
    *dict = (struct dict){0};
}

size_t dict_count(const struct dict *dict) {
    return dict->tables[0].used + dict->tables[1].used;
}

// ---- moving from the old table to the new one

static bool is_moving(const struct dict *dict) {
    return dict->tables[1].bucket_count > 0;
}

static void move_some(struct dict *dict) {
    if (!is_moving(dict) || dict->is_held) return;
    struct dict_table *old = &dict->tables[1];
    int full = 0;
    for (int visits = 0; visits < MOVE_VISITS && full < MOVE_FULL; visits++) {
        if (dict->moving == old->bucket_count) break;
        struct dict_entry *entry = old->buckets[dict->moving];
        fetch_ahead(old, dict->moving);
        old->buckets[dict->moving++] = NULL;
        if (entry != NULL) full++;
        while (entry != NULL) {
            struct dict_entry *next = entry->next;
            table_insert(&dict->tables[0], entry);
            old->used--;
            entry = next;
        }
    }
    if (dict->moving < old->bucket_count) return;
    must(old->used == 0);
    mem_free(old->buckets);
    *old = (struct dict_table){0};
    dict->moving = 0;
}

static void begin_move(struct dict *dict, size_t bucket_count) {
    dict->tables[1] = dict->tables[0];
    dict->tables[0] = (struct dict_table){
        .buckets = mem_alloc_array(bucket_count, sizeof(struct dict_entry *)),
        .bucket_count = bucket_count,
    };
    dict->moving = 0;
}

static void adapt_size(struct dict *dict) {
    if (is_moving(dict) || dict->is_held) return;
    const size_t count = dict->tables[0].bucket_count;
    const size_t used = dict->tables[0].used;
    if (used >= count && count < (size_t)1 << BITS_MAX) {
        size_t larger = num_max(2 * count, BUCKETS_MIN);
        while (larger <= used && larger < (size_t)1 << BITS_MAX) // it was held for long
            larger *= 2;
        begin_move(dict, larger);
    } else if (count > BUCKETS_MIN && used < count / SPARSE) {
        size_t smaller = BUCKETS_MIN;
        while (smaller < 2 * used)
            smaller *= 2;
        begin_move(dict, smaller);
    }
}

// ---- finding and changing

static struct dict_entry **find_in(const struct dict *dict, const struct dict_table *table,
                                   struct slice key, uint32_t hash) {
    struct dict_entry **at = &table->buckets[hash & (table->bucket_count - 1)];
    for (; *at != NULL; at = &(*at)->next) {
        if ((*at)->hash == hash && slice_equal(dict->key_of(*at), key)) return at;
    }
    return NULL;
}

// Where the pointer to the entry of that key stands, and in which table.
static struct dict_entry **find_place(const struct dict *dict, struct slice key, int *table) {
    if (dict_count(dict) == 0) return NULL;
    const uint32_t hash = (uint32_t)hash_bytes(key, dict->seed);
    for (*table = 0; *table < 2; ++*table) {
        if (dict->tables[*table].used == 0) continue;
        struct dict_entry **at = find_in(dict, &dict->tables[*table], key, hash);
        if (at != NULL) return at;
    }
    return NULL;
}

struct dict_entry *dict_find(const struct dict *dict, struct slice key) {
    int table;
    struct dict_entry **at = find_place(dict, key, &table);
    return at == NULL ? NULL : *at;
}

void dict_fetch(const struct dict *dict, struct slice key, enum dict_part part) {
    if (dict_count(dict) == 0) return;
    const uint32_t hash = (uint32_t)hash_bytes(key, dict->seed);
    for (int i = 0; i < 2; i++) {
        const struct dict_table *table = &dict->tables[i];
        if (table->bucket_count == 0) continue;
        struct dict_entry **bucket = &table->buckets[hash & (table->bucket_count - 1)];
        if (part == DICT_BUCKET)
            fetch_line(bucket);
        else
            fetch_line(*bucket);
    }
}

void dict_insert(struct dict *dict, struct dict_entry *entry) {
    move_some(dict);
    adapt_size(dict);
    entry->hash = (uint32_t)hash_bytes(dict->key_of(entry), dict->seed);
    table_insert(&dict->tables[0], entry);
}

struct dict_entry *dict_remove(struct dict *dict, struct slice key) {
    int table;
    struct dict_entry **at = find_place(dict, key, &table);
    if (at == NULL) return NULL;
    struct dict_entry *entry = *at;
    *at = entry->next;
    entry->next = NULL;
    dict->tables[table].used--;
    move_some(dict);
    adapt_size(dict);
    return entry;
}

// ---- buckets

void dict_hold(struct dict *dict, bool is_held) {
    dict->is_held = is_held;
}

struct dict_place dict_place_of(const struct dict *dict, struct slice key) {
    const uint32_t hash = (uint32_t)hash_bytes(key, dict->seed);
    struct dict_place place = {.table = 0};
    const struct dict_table *old = &dict->tables[1];
    if (old->used > 0 && find_in(dict, old, key, hash) != NULL) place.table = 1;
    must(dict->tables[place.table].bucket_count > 0);
    place.bucket = hash & (dict->tables[place.table].bucket_count - 1);
    return place;
}

struct dict_entry *dict_bucket(const struct dict *dict, struct dict_place place) {
    must(place.table < 2 && place.bucket < dict->tables[place.table].bucket_count);
    return dict->tables[place.table].buckets[place.bucket];
}

bool dict_next_place(const struct dict *dict, struct dict_place *place) {
    if (++place->bucket < dict->tables[place->table].bucket_count) return true;
    if (place->table == 1 || dict->moving == dict->tables[1].bucket_count) return false;
    *place = (struct dict_place){.table = 1, .bucket = dict->moving};
    return true;
}

// ---- scanning

static uint64_t reverse_bits(uint64_t bits) {
    bits = (bits & 0x5555555555555555u) << 1 | (bits >> 1 & 0x5555555555555555u);
    bits = (bits & 0x3333333333333333u) << 2 | (bits >> 2 & 0x3333333333333333u);
    bits = (bits & 0x0F0F0F0F0F0F0F0Fu) << 4 | (bits >> 4 & 0x0F0F0F0F0F0F0F0Fu);
    return __builtin_bswap64(bits);
}

// The next cursor for a table of that mask. Setting the bits outside the mask lets the carry of the
// reversed increment pass straight into the mask.
static uint64_t next_cursor(uint64_t cursor, uint64_t mask) {
    return reverse_bits(reverse_bits(cursor | ~mask) + 1);
}

// The bucket that comes `steps` after that of the cursor; behind the last one the first come again.
static size_t later_bucket(uint64_t cursor, uint64_t mask, uint64_t steps) {
    const int unused = __builtin_clzll(mask); // low bits of the reversed cursor
    return reverse_bits(reverse_bits(cursor & mask) + (steps << unused));
}

// As fetch_ahead, but the buckets of a scan do not lie side by side either.
static void fetch_scanned(const struct dict_table *table, uint64_t cursor) {
    const uint64_t mask = table->bucket_count - 1;
    fetch_line(&table->buckets[later_bucket(cursor, mask, 2 * (uint64_t)AHEAD)]);
    fetch_line(table->buckets[later_bucket(cursor, mask, AHEAD)]);
}

static void visit_bucket(const struct dict_table *table, uint64_t cursor,
                         void (*visit)(void *context, struct dict_entry *entry), void *context) {
    struct dict_entry *entry = table->buckets[cursor & (table->bucket_count - 1)];
    while (entry != NULL) {
        struct dict_entry *next = entry->next;
        visit(context, entry);
        entry = next;
    }
}

uint64_t dict_scan(const struct dict *dict, uint64_t cursor,
                   void (*visit)(void *context, struct dict_entry *entry), void *context) {
    const struct dict_table *small = &dict->tables[0];
    const struct dict_table *large = &dict->tables[1];
    if (dict_count(dict) == 0) return 0;
    if (!is_moving(dict)) {
        fetch_scanned(small, cursor);
        visit_bucket(small, cursor, visit, context);
        return next_cursor(cursor, small->bucket_count - 1);
    }
    if (small->bucket_count > large->bucket_count) {
        small = &dict->tables[1];
        large = &dict->tables[0];
    }
    const uint64_t small_mask = small->bucket_count - 1;
    const uint64_t large_mask = large->bucket_count - 1;
    visit_bucket(small, cursor, visit, context);
    do {
        visit_bucket(large, cursor, visit, context);
        cursor = next_cursor(cursor, large_mask);
    } while ((cursor & (small_mask ^ large_mask)) != 0);
    return cursor;
}

// ---- the rest

// The nth bucket of those that may hold entries: first the new table, then the unmoved part of the
// old one.
static struct dict_entry *nth_bucket(const struct dict *dict, size_t nth) {
    const size_t count = dict->tables[0].bucket_count;
    return nth < count ? dict->tables[0].buckets[nth]
                       : dict->tables[1].buckets[dict->moving + (nth - count)];
}

struct dict_entry *dict_random(const struct dict *dict, struct rng *rng) {
    if (dict_count(dict) == 0) return NULL;
    const size_t buckets =
        dict->tables[0].bucket_count + dict->tables[1].bucket_count - dict->moving;
    // One of the entries of a row of buckets that begins at a random place: an entry in a long
    // chain is about as likely as one that is alone in its bucket.
    const size_t wanted = num_min(RANDOM_DRAWS, dict_count(dict));
    struct dict_entry *chosen = NULL;
    size_t bucket = (size_t)rng_below(rng, buckets);
    for (size_t seen = 0; seen < wanted; bucket = bucket + 1 == buckets ? 0 : bucket + 1) {
        struct dict_entry *entry = nth_bucket(dict, bucket);
        for (; entry != NULL; entry = entry->next) {
            seen++;
            if (rng_below(rng, seen) == 0) chosen = entry;
        }
    }
    return chosen;
}

size_t dict_memory(const struct dict *dict) {
    size_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        if (dict->tables[i].buckets != NULL) bytes += mem_usable(dict->tables[i].buckets);
    }
    return bytes;
}

void dict_walk_begin(struct dict_walk *walk, const struct dict *dict) {
    *walk = (struct dict_walk){.dict = dict};
}

struct dict_entry *dict_walk_next(struct dict_walk *walk) {
    while (walk->next == NULL) {
        const struct dict_table *table = &walk->dict->tables[walk->table];
        if (walk->bucket < table->bucket_count) {
            fetch_ahead(table, walk->bucket);
            walk->next = table->buckets[walk->bucket++];
        } else if (walk->table == 0) {
            walk->table = 1;
            walk->bucket = 0;
        } else {
            return NULL;
        }
    }
    // Read before it is handed out: the visitor may free the entry.
    struct dict_entry *entry = walk->next;
    walk->next = entry->next;
    return entry;
}

void dict_check(const struct dict *dict) {
    for (int i = 0; i < 2; i++) {
        const struct dict_table *table = &dict->tables[i];
        size_t used = 0;
        must((table->bucket_count & (table->bucket_count - 1)) == 0);
        for (size_t b = 0; b < table->bucket_count; b++) {
            if (i == 1 && b < dict->moving) must(table->buckets[b] == NULL);
            for (struct dict_entry *entry = table->buckets[b]; entry != NULL; entry = entry->next) {
                must((entry->hash & (table->bucket_count - 1)) == b);
                must(entry->hash == (uint32_t)hash_bytes(dict->key_of(entry), dict->seed));
                used++;
            }
        }
        must(used == table->used);
    }
}
