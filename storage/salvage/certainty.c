#include "storage/salvage/certainty.h"

#include "proto/base/hash.h"
#include "proto/base/mem.h"

enum { MARKS_MIN = 1024 };
#define SPOILED UINT32_MAX

void certainty_init(struct certainty *certainty) {
    *certainty = (struct certainty){0};
    for (unsigned i = 0; i < KEYSPACE_DATABASES_MAX; i++)
        certainty->names[i] = (uint16_t)i;
}

void certainty_deinit(struct certainty *certainty) {
    mem_free(certainty->marks);
    *certainty = (struct certainty){0};
}

void certainty_note_hole(struct certainty *certainty) {
    if (certainty->holes < SPOILED - 2) certainty->holes++;
}

static uint64_t hash_of(const struct certainty *certainty, unsigned db, struct slice key) {
    const uint64_t hash = hash_bytes(key, (uint64_t)certainty->names[db] + 1);
    return hash == 0 ? 1 : hash;
}

// Where the key's mark is, or would be. There is a free place.
static struct certainty_mark *find(const struct certainty *certainty, uint64_t key) {
    size_t at = (size_t)key & (certainty->cap - 1);
    while (certainty->marks[at].key != 0 && certainty->marks[at].key != key)
        at = (at + 1) & (certainty->cap - 1);
    return &certainty->marks[at];
}

static void grow(struct certainty *certainty) {
    const struct certainty old = *certainty;
    certainty->cap = old.cap == 0 ? MARKS_MIN : old.cap * 2;
    certainty->marks = mem_zalloc(certainty->cap * sizeof *certainty->marks);
    for (size_t i = 0; i < old.cap; i++) {
        if (old.marks[i].key != 0) *find(certainty, old.marks[i].key) = old.marks[i];
    }
    mem_free(old.marks);
}

static void put(struct certainty *certainty, uint64_t key, uint32_t holes) {
    if (certainty->count * 4 >= certainty->cap * 3) grow(certainty);
    struct certainty_mark *mark = find(certainty, key);
    if (mark->key == 0) certainty->count++;
    *mark = (struct certainty_mark){key, holes};
}

bool certainty_has(const struct certainty *certainty, unsigned db, struct slice key) {
    const bool is_known =
        certainty->holes == 0 || certainty->flushed[certainty->names[db]] == certainty->holes + 1;
    if (certainty->count == 0) return is_known;
    const struct certainty_mark *mark = find(certainty, hash_of(certainty, db, key));
    if (mark->key == 0) return is_known;
    return mark->holes != SPOILED && (is_known || mark->holes == certainty->holes);
}

void certainty_give(struct certainty *certainty, unsigned db, struct slice key) {
    if (certainty->holes == 0 && certainty->count == 0) return;
    put(certainty, hash_of(certainty, db, key), certainty->holes);
}

void certainty_spoil(struct certainty *certainty, unsigned db, struct slice key) {
    put(certainty, hash_of(certainty, db, key), SPOILED);
}

void certainty_flush(struct certainty *certainty, unsigned db) {
    const uint16_t name = certainty->names[db];
    certainty->flushed[name] = certainty->holes + 1;
    // Marks of spoiled keys stay: such a key that is made again is treated with more care than it
    // needs, until it is overwritten.
}

void certainty_swap(struct certainty *certainty, unsigned a, unsigned b) {
    const uint16_t kept = certainty->names[a];
    certainty->names[a] = certainty->names[b];
    certainty->names[b] = kept;
}
