// Buckets are taken whole, by name: of a database's bucket the keys, of a hash's bucket the fields.
// What they hold is looked up one by one, so that the walk can stop in front of any of them.
#include "storage/walk.h"

#include "proto/base/num.h"

// One step.
struct looking {
    struct walk *walk;
    const struct keyspace *keyspace;
    const struct walk_filter *filter;
    struct payloads *into;
    size_t left;    // references that may still be looked at
    bool is_full;   // there is no room for the next one
    bool has_begun; // a group of the key
    struct slice key;
    enum value_type type;
};

static void count_look(struct looking *looking) {
    if (looking->left > 0) looking->left--;
}

static bool is_wanted(const struct looking *looking, const struct blob *blob) {
    return blob_kind(blob) == BLOB_REF && looking->filter->wants(looking->filter->context, blob);
}

// False: there is no room.
static bool look(struct looking *looking, const struct blob *blob,
                 const struct payload_place *place) {
    count_look(looking);
    if (!is_wanted(looking, blob)) return true;
    if (!payloads_have_room(looking->into, blob)) {
        looking->is_full = true;
        return false;
    }
    if (!looking->has_begun)
        payloads_begin_key(looking->into, looking->walk->db, looking->type, looking->key);
    looking->has_begun = true;
    payloads_add(looking->into, blob, place);
    return true;
}

// ---- names

static void note_name(struct buf *names, struct slice name) {
    char len[sizeof(uint32_t)];
    store_u32le(len, (uint32_t)name.len);
    buf_append(names, len, sizeof len);
    buf_append_slice(names, name);
}

static struct slice name_at(const struct buf *names, size_t at) {
    const char *head = names->data + at;
    return slice_of(head + sizeof(uint32_t), load_u32le(head));
}

static size_t behind_name(size_t at, struct slice name) {
    return at + sizeof(uint32_t) + name.len;
}

// ---- values; each returns true when it is through

static bool walk_string(struct looking *looking, const struct blob *string) {
    const struct payload_place place = {0};
    return look(looking, string, &place);
}

static bool walk_list(struct looking *looking, const struct list *list) {
    struct walk *walk = looking->walk;
    const int64_t origin = list_origin(list);
    if (!walk->is_begun) walk->end_at = origin + (int64_t)list_len(list);
    if (!walk->is_begun || walk->at < origin) walk->at = origin;
    const uint64_t index = (uint64_t)(walk->at - origin);
    if (index >= list_len(list)) return true;
    struct list_cursor cursor = list_cursor_at(list, (size_t)index);
    struct blob blob;
    while (walk->at < walk->end_at && list_cursor_next(&cursor, &blob)) {
        if (looking->left == 0) return false;
        const struct payload_place place = {.at = walk->at};
        if (!look(looking, &blob, &place)) return false;
        walk->at++;
    }
    return true;
}

static void note_field(void *context, struct slice field, const struct blob *value) {
    struct looking *looking = context;
    count_look(looking);
    if (is_wanted(looking, value)) note_name(&looking->walk->fields, field);
}

static void take_hash_bucket(struct looking *looking, const struct hash_type *hash) {
    struct walk *walk = looking->walk;
    buf_reset(&walk->fields);
    walk->field_at = 0;
    count_look(looking); // an empty bucket costs something, too
    walk->hash_cursor = hash_scan(hash, walk->hash_cursor, note_field, looking);
    walk->is_hash_scanned = walk->hash_cursor == 0;
}

// The field may have gone by now. False: there is no room.
static bool take_field(struct looking *looking, const struct hash_type *hash) {
    struct walk *walk = looking->walk;
    const struct payload_place place = {.field = name_at(&walk->fields, walk->field_at)};
    struct blob blob;
    if (hash_find(hash, place.field, &blob) && !look(looking, &blob, &place)) return false;
    walk->field_at = behind_name(walk->field_at, place.field);
    return true;
}

static bool walk_hash(struct looking *looking, const struct hash_type *hash) {
    struct walk *walk = looking->walk;
    if (hash_is_small(hash)) return true; // its values are too short to lie in the log
    if (!walk->is_begun) {
        buf_reset(&walk->fields);
        walk->field_at = 0;
        walk->hash_cursor = 0;
        walk->is_hash_scanned = false;
    }
    for (;;) {
        while (walk->field_at < walk->fields.len)
            if (!take_field(looking, hash)) return false;
        if (walk->is_hash_scanned) return true;
        if (looking->left == 0) return false;
        take_hash_bucket(looking, hash);
    }
}

static bool walk_stream(struct looking *looking, const struct stream *stream) {
    struct walk *walk = looking->walk;
    if (!walk->is_begun) {
        walk->id = STREAM_ID_MIN;
        walk->last_id = stream_last_id(stream);
    }
    struct stream_cursor cursor = stream_seek(stream, walk->id);
    struct stream_entry entry;
    while (looking->left > 0) {
        if (!stream_next(&cursor, &entry)) return true;
        if (stream_id_compare(entry.id, walk->last_id) > 0) return true;
        const struct payload_place place = {.id = entry.id};
        walk->id = entry.id;
        if (!look(looking, &entry.payload, &place)) return false;
        if (!stream_id_increment(&walk->id)) return true;
    }
    return false;
}

// The key may have gone, or hold something else by now: what is there counts.
static bool walk_value(struct looking *looking, const struct entry *entry) {
    looking->key = entry_key(entry);
    looking->type = (enum value_type)entry->type;
    looking->has_begun = false;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        return walk_string(looking, &entry->value.string);
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

static void note_key(void *context, const struct entry *entry) {
    struct looking *looking = context;
    count_look(looking);
    if (entry->type == TYPE_STRING && !is_wanted(looking, &entry->value.string)) return;
    note_name(&looking->walk->names, entry_key(entry));
}

static void take_bucket(struct looking *looking) {
    struct walk *walk = looking->walk;
    buf_reset(&walk->names);
    walk->name_at = 0;
    count_look(looking);
    walk->cursor = keyspace_scan(looking->keyspace, walk->db, walk->cursor, note_key, looking);
    walk->is_scanned = walk->cursor == 0;
}

// Walks the key whose name is next; false when there is none.
static bool take_name(struct looking *looking) {
    struct walk *walk = looking->walk;
    if (walk->name_at == walk->names.len) return false;
    const struct slice key = name_at(&walk->names, walk->name_at);
    const struct entry *entry = keyspace_find_raw(looking->keyspace, walk->db, key);
    const bool is_through = entry == NULL || walk_value(looking, entry);
    walk->is_begun = !is_through;
    if (is_through) walk->name_at = behind_name(walk->name_at, key);
    return true;
}

// To the first database from walk->db on that has keys.
static void find_database(struct walk *walk, const struct keyspace *keyspace) {
    while (walk->db < keyspace_databases(keyspace) && keyspace_count(keyspace, walk->db) == 0)
        walk->db++;
    walk->is_over = walk->db == keyspace_databases(keyspace);
}

void walk_begin(struct walk *walk, const struct keyspace *keyspace, size_t looks) {
    buf_reset(&walk->names);
    buf_reset(&walk->fields);
    *walk = (struct walk){.looks = looks, .names = walk->names, .fields = walk->fields};
    find_database(walk, keyspace);
}

void walk_deinit(struct walk *walk) {
    buf_deinit(&walk->names);
    buf_deinit(&walk->fields);
}

bool walk_step(struct walk *walk, const struct keyspace *keyspace, const struct walk_filter *filter,
               struct payloads *into) {
    struct looking looking = {
        .walk = walk, .keyspace = keyspace, .filter = filter, .into = into, .left = walk->looks};
    while (looking.left > 0 && !looking.is_full && !walk->is_over) {
        if (take_name(&looking)) continue;
        if (walk->is_scanned) {
            walk->is_scanned = false;
            walk->db++;
            find_database(walk, keyspace);
            continue;
        }
        take_bucket(&looking);
    }
    return !looking.is_full && !walk->is_over;
}
