#include "storage/data/keyspace.h"

#include <string.h>

#include "proto/base/link.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/data/keyspace_state.h"

enum {
    TTL_SAMPLE = 64,
    LIVE_SLOTS_MIN = 64,
    PAYLOAD_ALIGN = 8, // payloads lie padded in the log
};

static struct entry *entry_of(struct dict_entry *link) {
    return link == NULL ? NULL : link_entry(link, struct entry, link);
}

static struct slice key_of_link(const struct dict_entry *link) {
    const struct entry *entry = (const void *)((const char *)link - offsetof(struct entry, link));
    return slice_of(entry->key, entry->key_len);
}

// ---- life

struct keyspace *keyspace_new(unsigned databases, const struct blob_space *space, uint64_t seed) {
    must(databases > 0 && databases <= KEYSPACE_DATABASES_MAX);
    struct keyspace *keyspace = mem_zalloc(sizeof *keyspace);
    keyspace->databases = mem_alloc_array(databases, sizeof *keyspace->databases);
    keyspace->count = databases;
    keyspace->space = *space;
    keyspace->seed = seed;
    trash_init(&keyspace->trash);
    for (unsigned db = 0; db < databases; db++) {
        dict_init(&keyspace->databases[db].keys, key_of_link, seed);
    }
    return keyspace;
}

void keyspace_free(struct keyspace *keyspace) {
    if (keyspace == NULL) return;
    keyspace_defer(keyspace, 0);
    for (unsigned db = 0; db < keyspace->used; db++) // the others hold nothing
        keyspace_flush(keyspace, db);
    keyspace_sweep(keyspace, SIZE_MAX);
    mem_free(keyspace->databases);
    mem_free(keyspace->live);
    mem_free(keyspace->emptied);
    mem_free(keyspace->is_emptied);
    mem_free(keyspace);
}

unsigned keyspace_databases(const struct keyspace *keyspace) {
    return keyspace->count;
}

// ---- reading

static struct database *database(const struct keyspace *keyspace, unsigned db) {
    must(db < keyspace->count);
    return &keyspace->databases[db];
}

struct entry *keyspace_entry(const struct keyspace *keyspace, unsigned db, struct slice key) {
    return entry_of(dict_find(&database(keyspace, db)->keys, key));
}

const struct entry *keyspace_find_raw(const struct keyspace *keyspace, unsigned db,
                                      struct slice key) {
    return keyspace_entry(keyspace, db, key);
}

void keyspace_fetch(const struct keyspace *keyspace, unsigned db, struct slice key,
                    enum dict_part part) {
    dict_fetch(&database(keyspace, db)->keys, key, part);
}

const struct entry *keyspace_find(const struct keyspace *keyspace, unsigned db, struct slice key,
                                  int64_t now_ms) {
    const struct entry *entry = keyspace_entry(keyspace, db, key);
    if (entry == NULL) return NULL;
    return entry->expire_ms != 0 && entry->expire_ms <= now_ms ? NULL : entry;
}

struct slice entry_key(const struct entry *entry) {
    return slice_of(entry->key, entry->key_len);
}

const char *entry_type_name(const struct entry *entry) {
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        return "string";
    case TYPE_LIST:
        return "list";
    case TYPE_HASH:
        return "hash";
    case TYPE_STREAM:
        return "stream";
    }
    must_not_reach();
}

size_t keyspace_count(const struct keyspace *keyspace, unsigned db) {
    return dict_count(&database(keyspace, db)->keys);
}

size_t keyspace_count_expiring(const struct keyspace *keyspace, unsigned db) {
    return database(keyspace, db)->expiry.len;
}

int64_t keyspace_mean_ttl_ms(const struct keyspace *keyspace, unsigned db, int64_t now_ms) {
    const struct expiry *expiry = &database(keyspace, db)->expiry;
    if (expiry->len == 0) return 0;
    const size_t samples = num_min(expiry->len, TTL_SAMPLE);
    int64_t mean = 0;
    for (size_t i = 0; i < samples; i++) {
        const int64_t at_ms = expiry->heap[i * expiry->len / samples]->expire_ms;
        if (at_ms > now_ms) mean += (at_ms - now_ms) / (int64_t)samples;
    }
    return mean;
}

struct entry_visit {
    void (*visit)(void *context, const struct entry *entry);
    void *context;
};

static void visit_entry(void *context, struct dict_entry *link) {
    const struct entry_visit *call = context;
    call->visit(call->context, entry_of(link));
}

uint64_t keyspace_scan(const struct keyspace *keyspace, unsigned db, uint64_t cursor,
                       void (*visit)(void *context, const struct entry *entry), void *context) {
    struct entry_visit call = {.visit = visit, .context = context};
    return dict_scan(&database(keyspace, db)->keys, cursor, visit_entry, &call);
}

void keyspace_each(const struct keyspace *keyspace, unsigned db,
                   void (*visit)(void *context, const struct entry *entry), void *context) {
    struct dict_walk walk;
    dict_walk_begin(&walk, &database(keyspace, db)->keys);
    struct dict_entry *link;
    while ((link = dict_walk_next(&walk)) != NULL)
        visit(context, entry_of(link));
}

const struct entry *keyspace_random(const struct keyspace *keyspace, unsigned db, struct rng *rng) {
    return entry_of(dict_random(&database(keyspace, db)->keys, rng));
}

const struct entry *keyspace_next_expiring(const struct keyspace *keyspace, unsigned *db) {
    const struct entry *first = NULL;
    for (unsigned i = 0; i < keyspace->used; i++) {
        const struct entry *entry = expiry_first(&keyspace->databases[i].expiry);
        if (entry == NULL || (first != NULL && first->expire_ms <= entry->expire_ms)) continue;
        first = entry;
        *db = i;
    }
    return first;
}

static size_t value_memory(const struct entry *entry) {
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        return blob_memory(&entry->value.string);
    case TYPE_LIST:
        return list_memory(entry->value.list);
    case TYPE_HASH:
        return hash_memory(entry->value.hash);
    case TYPE_STREAM:
        return stream_memory(entry->value.stream);
    }
    must_not_reach();
}

size_t entry_memory(const struct entry *entry) {
    return mem_usable(entry) + value_memory(entry);
}

uint64_t keyspace_live_bytes(const struct keyspace *keyspace, uint32_t slot) {
    return slot < keyspace->live_cap ? keyspace->live[slot] : 0;
}

uint64_t keyspace_live_bytes_total(const struct keyspace *keyspace) {
    return keyspace->live_total;
}

void keyspace_touch(struct keyspace *keyspace, const struct entry *entry, int64_t now_ms) {
    (void)keyspace; // who may change it may change its entries
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the entry is const to commands only.
    struct entry *changed = (struct entry *)(uintptr_t)entry;
    changed->accessed_s = (uint32_t)(now_ms / 1000);
}

// ---- live bytes

static void grow_live(struct keyspace *keyspace, uint32_t slot) {
    size_t cap = num_max(LIVE_SLOTS_MIN, keyspace->live_cap);
    while (cap <= slot)
        cap *= 2;
    keyspace->live = mem_realloc(keyspace->live, cap * sizeof *keyspace->live);
    memset(keyspace->live + keyspace->live_cap, 0,
           (cap - keyspace->live_cap) * sizeof *keyspace->live);
    keyspace->emptied = mem_realloc(keyspace->emptied, cap * sizeof *keyspace->emptied);
    keyspace->is_emptied = mem_realloc(keyspace->is_emptied, cap);
    memset(keyspace->is_emptied + keyspace->live_cap, 0, cap - keyspace->live_cap);
    keyspace->live_cap = cap;
}

static void add_live(struct keyspace *keyspace, uint32_t slot, uint64_t bytes) {
    if (bytes == 0) return;
    if (slot >= keyspace->live_cap) grow_live(keyspace, slot);
    keyspace->live[slot] += bytes;
    keyspace->live_total += bytes;
}

static void note_emptied(struct keyspace *keyspace, uint32_t slot) {
    if (keyspace->is_emptied[slot] != 0) return;
    keyspace->is_emptied[slot] = 1;
    keyspace->emptied[keyspace->emptied_count++] = slot;
}

static void take_live(struct keyspace *keyspace, uint32_t slot, uint64_t bytes) {
    if (bytes == 0) return;
    must(slot < keyspace->live_cap && keyspace->live[slot] >= bytes);
    keyspace->live[slot] -= bytes;
    keyspace->live_total -= bytes;
    if (keyspace->live[slot] == 0) note_emptied(keyspace, slot);
}

// Books the references among them: all of a row into one slot at once.
static void book_refs(struct keyspace *keyspace, const struct blob *blobs, size_t count,
                      void (*book)(struct keyspace *keyspace, uint32_t slot, uint64_t bytes)) {
    uint32_t slot = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (blob_kind(&blobs[i]) != BLOB_REF) continue;
        if (blob_slot(&blobs[i]) != slot) {
            book(keyspace, slot, bytes);
            slot = blob_slot(&blobs[i]);
            bytes = 0;
        }
        bytes += num_align_up(blob_len(&blobs[i]), PAYLOAD_ALIGN);
    }
    book(keyspace, slot, bytes);
}

void keyspace_enter(struct keyspace *keyspace, const struct blob *blobs, size_t count) {
    book_refs(keyspace, blobs, count, add_live);
}

void keyspace_leave_refs(struct keyspace *keyspace, const struct blob *blobs, size_t count) {
    book_refs(keyspace, blobs, count, take_live);
}

bool keyspace_take_emptied(struct keyspace *keyspace, uint32_t *slot) {
    if (keyspace->emptied_count == 0) return false;
    *slot = keyspace->emptied[--keyspace->emptied_count];
    keyspace->is_emptied[*slot] = 0;
    return true;
}

void keyspace_leave(struct keyspace *keyspace, struct blob *blob) {
    if (blob_kind(blob) == BLOB_REF)
        take_live(keyspace, blob_slot(blob), num_align_up(blob_len(blob), PAYLOAD_ALIGN));
    blob_release(blob);
}

static void leave(void *context, struct blob *blob) {
    keyspace_leave(context, blob);
}

// ---- changing

struct entry *keyspace_create(struct keyspace *keyspace, unsigned db, struct slice key) {
    must(key.len <= KEYSPACE_KEY_MAX);
    struct database *target = database(keyspace, db);
    if (db >= keyspace->used) keyspace->used = db + 1;
    struct entry *entry = mem_alloc(sizeof *entry + key.len);
    *entry = (struct entry){
        .type = TYPE_STRING, .key_len = (uint32_t)key.len, .expire_position = SIZE_MAX};
    if (key.len > 0) memcpy(entry->key, key.data, key.len);
    dict_insert(&target->keys, &entry->link);
    return entry;
}

void keyspace_free_value(struct keyspace *keyspace, enum value_type type, union entry_value value) {
    switch (type) {
    case TYPE_STRING:
        keyspace_leave(keyspace, &value.string);
        return;
    case TYPE_LIST:
        list_free(value.list, leave, keyspace);
        return;
    case TYPE_HASH:
        hash_free(value.hash, leave, keyspace);
        return;
    case TYPE_STREAM:
        stream_free(value.stream, leave, keyspace);
        return;
    }
    must_not_reach();
}

void keyspace_discard(struct keyspace *keyspace, enum value_type type, union entry_value value) {
    struct trash *trash = &keyspace->trash;
    if (type == TYPE_STREAM) stream_drop_runs(value.stream);
    if (trash_wants(trash, trash_weight(trash, type, &value)))
        trash_put_value(trash, type, value);
    else
        keyspace_free_value(keyspace, type, value);
}

void keyspace_discard_group(struct keyspace *keyspace, struct group *group) {
    struct trash *trash = &keyspace->trash;
    if (group == NULL) return;
    // Of what is taken from its stream it does not hear any more.
    if (!MUTANT(DESTROYED_STILL_LISTED)) group_drop_runs(group);
    if (trash_wants(trash, group_weight(group)))
        trash_put_group(trash, group);
    else
        group_free(group);
}

void keyspace_clear(struct keyspace *keyspace, struct entry *entry) {
    keyspace_discard(keyspace, (enum value_type)entry->type, entry->value);
    entry->type = TYPE_STRING;
    entry->value.string = (struct blob){0};
}

void keyspace_remove(struct keyspace *keyspace, unsigned db, struct entry *entry) {
    struct database *target = database(keyspace, db);
    expiry_set(&target->expiry, entry, 0);
    must(dict_remove(&target->keys, entry_key(entry)) == &entry->link);
    keyspace_clear(keyspace, entry);
    mem_free(entry);
}

void keyspace_expire(struct keyspace *keyspace, unsigned db, struct entry *entry, int64_t at_ms) {
    expiry_set(&database(keyspace, db)->expiry, entry, at_ms);
}

static void free_entry(void *context, struct dict_entry *link) {
    struct entry *entry = entry_of(link);
    keyspace_clear(context, entry);
    mem_free(entry);
}

void keyspace_flush(struct keyspace *keyspace, unsigned db) {
    struct database *target = database(keyspace, db);
    expiry_deinit(&target->expiry);
    if (trash_wants(&keyspace->trash, dict_count(&target->keys)))
        trash_put_keys(&keyspace->trash, &target->keys);
    else
        dict_deinit(&target->keys, free_entry, keyspace);
    dict_init(&target->keys, key_of_link, keyspace->seed);
}

void keyspace_swap(struct keyspace *keyspace, unsigned a, unsigned b) {
    struct database *first = database(keyspace, a);
    struct database *second = database(keyspace, b);
    const struct database kept = *first;
    *first = *second;
    *second = kept;
    const unsigned used = (a > b ? a : b) + 1;
    if (used > keyspace->used) keyspace->used = used;
}

// ---- trash

void keyspace_defer(struct keyspace *keyspace, size_t min) {
    keyspace->trash.min = min;
}

bool keyspace_has_trash(const struct keyspace *keyspace) {
    return !trash_is_empty(&keyspace->trash);
}

uint64_t keyspace_trash_pending(const struct keyspace *keyspace) {
    return keyspace->trash.pending;
}

uint64_t keyspace_trash_freed(const struct keyspace *keyspace) {
    return keyspace->trash.freed;
}

size_t keyspace_sweep(struct keyspace *keyspace, size_t steps) {
    return trash_sweep(keyspace, steps);
}

// ---- checking

struct check {
    uint64_t *live; // counted anew
    uint64_t total;
    size_t expiring;
};

static void check_blob(void *context, const struct blob *blob) {
    struct check *check = context;
    must(blob_kind(blob) != BLOB_NONE);
    if (blob_kind(blob) != BLOB_REF) return;
    const uint64_t bytes = num_align_up(blob_len(blob), PAYLOAD_ALIGN);
    check->live[blob_slot(blob)] += bytes;
    check->total += bytes;
}

static void check_field(void *context, struct slice field, const struct blob *value) {
    must(field.len <= HASH_FIELD_MAX);
    check_blob(context, value);
}

static void check_list(struct check *check, const struct list *list) {
    must(list_len(list) > 0);
    list_check(list);
    struct list_cursor cursor = list_cursor_at(list, 0);
    struct blob blob;
    while (list_cursor_next(&cursor, &blob))
        check_blob(check, &blob);
}

static void check_stream(struct check *check, const struct stream *stream) {
    stream_check(stream);
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry entry;
    while (stream_next(&cursor, &entry))
        check_blob(check, &entry.payload);
}

static void check_entry(void *context, const struct entry *entry) {
    struct check *check = context;
    must((entry->expire_ms != 0) == (entry->expire_position != SIZE_MAX));
    check->expiring += entry->expire_ms != 0;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        check_blob(check, &entry->value.string);
        return;
    case TYPE_LIST:
        check_list(check, entry->value.list);
        return;
    case TYPE_HASH:
        must(hash_len(entry->value.hash) > 0);
        hash_check(entry->value.hash);
        hash_each(entry->value.hash, check_field, check);
        return;
    case TYPE_STREAM:
        check_stream(check, entry->value.stream);
        return;
    }
    must_not_reach();
}

void keyspace_check(const struct keyspace *keyspace) {
    struct check check = {.live = mem_alloc_array(keyspace->live_cap, sizeof *check.live)};
    for (unsigned db = 0; db < keyspace->count; db++) {
        const struct database *checked = &keyspace->databases[db];
        must(db < keyspace->used || dict_count(&checked->keys) == 0);
        dict_check(&checked->keys);
        expiry_check(&checked->expiry);
        check.expiring = 0;
        keyspace_each(keyspace, db, check_entry, &check);
        must(check.expiring == checked->expiry.len);
    }
    trash_each(&keyspace->trash, check_blob, &check);
    must(check.total == keyspace->live_total);
    for (size_t slot = 0; slot < keyspace->live_cap; slot++) {
        must(check.live[slot] == keyspace->live[slot]);
    }
    mem_free(check.live);
}
