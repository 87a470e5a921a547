// From references to bytes, and from there to the end of the log.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/cleaner_state.h"
#include "storage/data/effect_meta.h"

enum {
    PAYLOAD_ALIGN = 8,
    NEED_PER_ITEM = 64,    // place, tag, length, hash, padding
    NEED_PER_RECORD = 128, // beside the key
    // In a list an element may have come this much further than its place says: so many changes
    // in the middle of the list while the read was out. Beyond, it is left to the next walk.
    SHIFT_MAX = 64,
};

// ---- collecting

struct cleaner_read *cleaner_read_new(const struct log *log) {
    struct cleaner_read *read = mem_alloc(sizeof *read);
    read->log = log;
    read->item_count = 0;
    read->group_count = 0;
    read->names = (struct buf){0};
    read->byte_count = 0;
    read->bytes = NULL;
    return read;
}

void cleaner_read_free(struct cleaner_read *read) {
    if (read == NULL) return;
    buf_deinit(&read->names);
    mem_free(read->bytes);
    mem_free(read);
}

static size_t padded_len(const struct blob *blob) {
    return num_align_up(blob_len(blob), PAYLOAD_ALIGN);
}

bool cleaner_read_has_room(const struct cleaner_read *read, const struct blob *blob) {
    if (read->item_count == 0) return true;
    return read->item_count < CLEANER_READ_ITEMS &&
           read->byte_count + padded_len(blob) <= CLEANER_READ_BYTES;
}

static size_t add_name(struct cleaner_read *read, struct slice name) {
    const size_t at = read->names.len;
    buf_append_slice(&read->names, name);
    return at;
}

void cleaner_read_begin_key(struct cleaner_read *read, unsigned db, enum value_type type,
                            struct slice key) {
    must(read->group_count < CLEANER_READ_ITEMS);
    read->groups[read->group_count++] = (struct cleaner_group){.db = db,
                                                               .type = type,
                                                               .key_at = add_name(read, key),
                                                               .key_len = key.len,
                                                               .first = read->item_count};
}

void cleaner_read_add(struct cleaner_read *read, const struct blob *blob,
                      const struct cleaner_place *place, struct slice field) {
    must(read->item_count < CLEANER_READ_ITEMS && read->group_count > 0);
    struct cleaner_item *item = &read->items[read->item_count++];
    *item = (struct cleaner_item){.blob = *blob, .place = *place, .bytes_at = read->byte_count};
    item->place.field_at = add_name(read, field);
    item->place.field_len = field.len;
    read->byte_count += padded_len(blob);
    read->groups[read->group_count - 1].count++;
}

// ---- reading

void cleaner_read_run(struct cleaner_read *read) {
    read->bytes = mem_alloc(read->byte_count);
    for (size_t i = 0; i < read->item_count; i++) {
        struct cleaner_item *item = &read->items[i];
        const struct blob *blob = &item->blob;
        item->err = log_read(read->log, blob_slot(blob), blob_offset(blob), blob_len(blob),
                             blob->hash, read->bytes + item->bytes_at);
    }
}

// ---- writing again

static struct slice name_at(const struct cleaner_read *read, size_t at, size_t len) {
    return slice_of(read->names.data + at, len);
}

// What one transaction writes, key by key.
struct moving {
    struct cleaner *cleaner;
    struct txn *txn;
    const struct cleaner_group *group;
    const struct entry *entry;
    struct txn_relocation relocation;
    struct slice values[CLEANER_READ_ITEMS];
    struct slice fields[CLEANER_READ_ITEMS];
    uint32_t indexes[CLEANER_READ_ITEMS];
    struct stream_id ids[CLEANER_READ_ITEMS];
};

static bool is_same_reference(const struct blob *a, const struct blob *b) {
    return blob_kind(a) == BLOB_REF && a->word == b->word && a->tail == b->tail &&
           a->hash == b->hash;
}

// Where in the list the element stands now. Places only get greater by what happens in the middle.
static bool find_in_list(const struct list *list, const struct cleaner_item *item,
                         uint32_t *index) {
    const int64_t first = item->place.at - list_origin(list);
    if (first < 0 || (uint64_t)first >= list_len(list)) return false;
    struct list_cursor cursor = list_cursor_at(list, (size_t)first);
    struct blob blob;
    for (size_t shift = 0; shift <= SHIFT_MAX && list_cursor_next(&cursor, &blob); shift++) {
        *index = (uint32_t)first + (uint32_t)shift;
        if (is_same_reference(&blob, &item->blob) || MUTANT(RELOCATION_UNCHECKED)) return true;
    }
    return false;
}

// Whether the item still is where it was; then its place becomes the next of the relocation.
static bool find_place(struct moving *moving, const struct cleaner_item *item) {
    const struct entry *entry = moving->entry;
    const size_t next = moving->relocation.count;
    struct blob blob = {0};
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        blob = entry->value.string;
        break;
    case TYPE_LIST:
        return find_in_list(entry->value.list, item, &moving->indexes[next]);
    case TYPE_HASH:
        moving->fields[next] =
            name_at(moving->cleaner->read, item->place.field_at, item->place.field_len);
        if (!hash_find(entry->value.hash, moving->fields[next], &blob)) return false;
        break;
    case TYPE_STREAM:
        moving->ids[next] = item->place.id;
        if (!stream_find(entry->value.stream, item->place.id, &blob)) return false;
        break;
    }
    return is_same_reference(&blob, &item->blob);
}

static void say_damaged(struct cleaner *cleaner, const struct cleaner_group *group,
                        const struct cleaner_item *item) {
    struct buf key = {0};
    buf_append_quoted(&key, name_at(cleaner->read, group->key_at, group->key_len));
    buf_append_byte(&key, '\0');
    trace_event(cleaner->trace, TRACE_WARNING, "cleaner.damaged",
                "A value of %zu bytes of the key %.200s in database %u, at offset %u of "
                "seg-%06u, cannot be read (%s). Its segment is not cleaned. Check the disk, then "
                "run ackd-check on the data directory.",
                blob_len(&item->blob), key.data, group->db, blob_offset(&item->blob),
                blob_slot(&item->blob), err_name(item->err));
    buf_deinit(&key);
}

// Whether the item can be written again at all.
static bool is_movable(struct cleaner *cleaner, const struct cleaner_group *group,
                       const struct cleaner_item *item) {
    const uint32_t slot = blob_slot(&item->blob);
    if (item->err != ERR_NONE) {
        cleaner->stats.damaged_values++;
        if (item->err == ERR_CORRUPT) cleaner->store->stats.corrupt_reads++;
        if (cleaner->is_victim[slot]) say_damaged(cleaner, group, item);
        cleaner_leave(cleaner, slot);
        return false;
    }
    if (txn_relocation_fits(cleaner->store, group->key_len, item->place.field_len,
                            blob_len(&item->blob)))
        return true;
    cleaner_leave(cleaner, slot);
    return false;
}

static void write_group(struct moving *moving) {
    struct cleaner *cleaner = moving->cleaner;
    const struct cleaner_read *read = cleaner->read;
    const struct cleaner_group *group = moving->group;
    struct txn_relocation *relocation = &moving->relocation;
    *relocation = (struct txn_relocation){.db = group->db,
                                          .key = name_at(read, group->key_at, group->key_len),
                                          .type = group->type,
                                          .values = moving->values};
    moving->entry = keyspace_find_raw(cleaner->store->keyspace, group->db, relocation->key);
    const bool is_there = moving->entry != NULL && moving->entry->type == group->type;
    size_t bytes = 0;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct cleaner_item *item = &read->items[i];
        if (!is_there || !find_place(moving, item)) {
            cleaner->stats.missed_values++;
        } else if (is_movable(cleaner, group, item)) {
            moving->values[relocation->count++] =
                slice_of(read->bytes + item->bytes_at, blob_len(&item->blob));
            bytes += padded_len(&item->blob);
        }
    }
    if (relocation->count == 0) return;
    if (group->type == TYPE_LIST) relocation->indexes = moving->indexes;
    if (group->type == TYPE_HASH) relocation->fields = moving->fields;
    if (group->type == TYPE_STREAM) relocation->ids = moving->ids;
    txn_relocate(moving->txn, relocation);
    cleaner->walk_relocated += relocation->count;
    cleaner->stats.relocated_values += relocation->count;
    cleaner->stats.relocated_bytes += bytes;
}

// Room for the worst: every item is written, each in a record of its own if it is long.
static size_t need_bytes(const struct cleaner_read *read, size_t records) {
    size_t longest = 0;
    for (size_t i = 0; i < read->group_count; i++)
        longest = num_max(longest, read->groups[i].key_len);
    return read->byte_count + read->names.len + read->item_count * NEED_PER_ITEM +
           records * (longest + NEED_PER_RECORD);
}

static size_t need_records(const struct cleaner_read *read, size_t record_max) {
    const size_t bytes = read->byte_count + read->names.len + read->item_count * NEED_PER_ITEM;
    return read->group_count + 2 * (bytes / (record_max / 2 + 1)) + 1;
}

// When growth has no room any more, a little of what is reserved for removals may be used: a few
// bytes moved make a whole segment free.
static bool may_use_reserve(struct cleaner *cleaner, size_t bytes) {
    const uint64_t checkpoint_lsn = log_checkpoint_lsn(cleaner->store->log);
    if (checkpoint_lsn != cleaner->reserve_lsn) cleaner->reserve_spent = 0;
    cleaner->reserve_lsn = checkpoint_lsn;
    return cleaner->reserve_spent + bytes <=
           log_reserve_bytes(cleaner->store->log) / CLEANER_RESERVE_SHARE;
}

static bool has_room(struct cleaner *cleaner) {
    struct log *log = cleaner->store->log;
    const struct cleaner_read *read = cleaner->read;
    const size_t records = need_records(read, log_record_max(log));
    const size_t bytes = need_bytes(read, records);
    if (log_prepare(log, bytes, records, false) == LOG_READY) return true;
    if (!log_stats(log).is_full || !may_use_reserve(cleaner, bytes)) return false;
    if (log_prepare(log, bytes, records, true) != LOG_READY) return false;
    cleaner->reserve_spent += bytes;
    return true;
}

bool cleaner_write(struct cleaner *cleaner) {
    if (!has_room(cleaner)) return false;
    struct cleaner_read *read = cleaner->read;
    struct moving *moving = mem_alloc(sizeof *moving);
    moving->cleaner = cleaner;
    moving->txn = txn_begin(cleaner->store, 0); // nothing expires by our looking
    for (size_t i = 0; i < read->group_count; i++) {
        moving->group = &read->groups[i];
        write_group(moving);
    }
    txn_commit(moving->txn);
    mem_free(moving);
    cleaner_read_free(read);
    cleaner->read = NULL;
    return true;
}
