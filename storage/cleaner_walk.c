// Looks for references into the victims.
//
// A bucket of a database is taken whole: the strings in it at once, keys of other types are noted
// by name and walked one after the other. When the read is full in the middle of a bucket, the
// bucket is taken again later: what was moved meanwhile is no longer looked for, so this ends.
#include "proto/base/num.h"
#include "storage/cleaner_state.h"

// One step.
struct looking {
    struct cleaner *cleaner;
    struct cleaner_read *read;
    size_t left;    // references that may still be looked at
    bool is_full;   // the read is
    bool has_begun; // the read knows the key
    struct slice key;
    enum value_type type;
};

// False: the read is full.
static bool look(struct looking *looking, const struct blob *blob,
                 const struct cleaner_place *place, struct slice field) {
    const struct cleaner *cleaner = looking->cleaner;
    if (looking->left > 0) looking->left--;
    if (blob_kind(blob) != BLOB_REF) return true;
    const uint32_t slot = blob_slot(blob);
    if (slot >= cleaner->slot_cap || !cleaner->is_victim[slot]) return true;
    if (!cleaner_read_has_room(looking->read, blob)) {
        looking->is_full = true;
        return false;
    }
    if (!looking->has_begun) {
        cleaner_read_begin_key(looking->read, cleaner->walk.db, looking->type, looking->key);
        looking->has_begun = true;
    }
    cleaner_read_add(looking->read, blob, place, field);
    return true;
}

static void begin_key(struct looking *looking, const struct entry *entry) {
    looking->key = entry_key(entry);
    looking->type = (enum value_type)entry->type;
    looking->has_begun = false;
}

// ---- values; each returns true when it is through

static bool walk_list(struct looking *looking, const struct list *list) {
    struct cleaner_walk *walk = &looking->cleaner->walk;
    const int64_t origin = list_origin(list);
    if (!walk->is_begun || walk->at < origin) walk->at = origin;
    const uint64_t index = (uint64_t)(walk->at - origin);
    if (index >= list_len(list)) return true;
    struct list_cursor cursor = list_cursor_at(list, (size_t)index);
    struct blob blob;
    while (looking->left > 0 && list_cursor_next(&cursor, &blob)) {
        const struct cleaner_place place = {.at = walk->at};
        if (!look(looking, &blob, &place, SLICE_EMPTY)) return false;
        walk->at++;
    }
    return cursor.index == list_len(list);
}

static void look_at_field(void *context, struct slice field, const struct blob *value) {
    struct looking *looking = context;
    const struct cleaner_place place = {0};
    if (!looking->is_full) look(looking, value, &place, field);
}

static bool walk_hash(struct looking *looking, const struct hash_type *hash) {
    struct cleaner_walk *walk = &looking->cleaner->walk;
    if (hash_is_small(hash)) return true; // its values are too short to lie in the log
    if (!walk->is_begun) walk->hash_cursor = 0;
    do {
        const uint64_t next = hash_scan(hash, walk->hash_cursor, look_at_field, looking);
        if (looking->is_full) return false;
        if (looking->left > 0) looking->left--; // an empty bucket costs something, too
        walk->hash_cursor = next;
    } while (walk->hash_cursor != 0 && looking->left > 0);
    return walk->hash_cursor == 0;
}

static bool walk_stream(struct looking *looking, const struct stream *stream) {
    struct cleaner_walk *walk = &looking->cleaner->walk;
    if (!walk->is_begun) walk->id = STREAM_ID_MIN;
    struct stream_cursor cursor = stream_seek(stream, walk->id);
    struct stream_entry entry;
    while (looking->left > 0) {
        if (!stream_next(&cursor, &entry)) return true;
        const struct cleaner_place place = {.id = entry.id};
        walk->id = entry.id;
        if (!look(looking, &entry.payload, &place, SLICE_EMPTY)) return false;
        if (!stream_id_increment(&walk->id)) return true;
    }
    return false;
}

// The key may have gone, or hold something else by now: what is there counts.
static bool walk_value(struct looking *looking, const struct entry *entry) {
    begin_key(looking, entry);
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        return true; // it was another type when its bucket was taken: the next walk finds it
    case TYPE_LIST:
        return walk_list(looking, entry->value.list);
    case TYPE_HASH:
        return walk_hash(looking, entry->value.hash);
    case TYPE_STREAM:
        return walk_stream(looking, entry->value.stream);
    }
    return true;
}

// ---- databases

static void look_at_key(void *context, const struct entry *entry) {
    struct looking *looking = context;
    struct cleaner_walk *walk = &looking->cleaner->walk;
    if (looking->is_full) return;
    if (entry->type == TYPE_STRING) {
        begin_key(looking, entry);
        const struct cleaner_place place = {0};
        look(looking, &entry->value.string, &place, SLICE_EMPTY);
        return;
    }
    if (looking->left > 0) looking->left--;
    char len[sizeof(uint32_t)];
    store_u32le(len, entry->key_len);
    buf_append(&walk->names, len, sizeof len);
    buf_append_slice(&walk->names, entry_key(entry));
}

static void take_bucket(struct looking *looking) {
    struct cleaner_walk *walk = &looking->cleaner->walk;
    const struct keyspace *keyspace = looking->cleaner->store->keyspace;
    buf_reset(&walk->names);
    walk->name_at = 0;
    const uint64_t next = keyspace_scan(keyspace, walk->db, walk->cursor, look_at_key, looking);
    if (looking->is_full) {
        buf_reset(&walk->names);
        return;
    }
    if (looking->left > 0) looking->left--;
    walk->cursor = next;
    walk->is_scanned = next == 0;
}

// Walks the key whose name is next; false when there is none.
static bool take_name(struct looking *looking) {
    struct cleaner_walk *walk = &looking->cleaner->walk;
    if (walk->name_at == walk->names.len) return false;
    const char *at = walk->names.data + walk->name_at;
    const struct slice key = slice_of(at + sizeof(uint32_t), load_u32le(at));
    const struct entry *entry = keyspace_find_raw(looking->cleaner->store->keyspace, walk->db, key);
    const bool is_through = entry == NULL || walk_value(looking, entry);
    walk->is_begun = !is_through;
    if (is_through) walk->name_at += sizeof(uint32_t) + key.len;
    return true;
}

// To the first database from walk->db on that has keys.
static void find_database(struct cleaner_walk *walk, const struct keyspace *keyspace) {
    while (walk->db < keyspace_databases(keyspace) && keyspace_count(keyspace, walk->db) == 0)
        walk->db++;
    walk->is_over = walk->db == keyspace_databases(keyspace);
}

void cleaner_walk_begin(struct cleaner *cleaner) {
    struct cleaner_walk *walk = &cleaner->walk;
    buf_reset(&walk->names);
    *walk = (struct cleaner_walk){.names = walk->names};
    find_database(walk, cleaner->store->keyspace);
}

void cleaner_walk_deinit(struct cleaner_walk *walk) {
    buf_deinit(&walk->names);
}

bool cleaner_walk_step(struct cleaner *cleaner) {
    struct cleaner_walk *walk = &cleaner->walk;
    struct looking looking = {.cleaner = cleaner, .read = cleaner->read, .left = CLEANER_LOOKS};
    while (looking.left > 0 && !looking.is_full && !walk->is_over) {
        if (take_name(&looking)) continue;
        if (walk->is_scanned) {
            walk->is_scanned = false;
            walk->db++;
            find_database(walk, cleaner->store->keyspace);
            continue;
        }
        take_bucket(&looking);
    }
    return !looking.is_full && !walk->is_over;
}
