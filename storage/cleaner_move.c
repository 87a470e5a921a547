// From references to bytes, and from there to the end of the log.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/cleaner_state.h"
#include "storage/data/effect_meta.h"

enum {
    NEED_PER_ITEM = 64,    // place, tag, length, hash, padding
    NEED_PER_RECORD = 128, // beside the key
};

struct cleaner_read *cleaner_read_new(struct log *log) {
    struct cleaner_read *read = mem_alloc(sizeof *read);
    payloads_init(&read->payloads, log);
    read->bytes = NULL;
    return read;
}

void cleaner_read_free(struct cleaner_read *read) {
    if (read == NULL) return;
    payloads_deinit(&read->payloads);
    mem_free(read->bytes);
    mem_free(read);
}

// ---- reading

void cleaner_read_run(struct cleaner_read *read) {
    struct payloads *payloads = &read->payloads;
    read->bytes = mem_alloc(payloads->byte_count);
    for (size_t i = 0; i < payloads->item_count; i++) {
        struct payload_item *item = &payloads->items[i];
        const struct blob *blob = &item->blob;
        item->err = log_read(payloads->log, blob_slot(blob), blob_offset(blob), blob_len(blob),
                             blob->hash, read->bytes + item->bytes_at);
    }
}

// ---- writing again

// What one transaction writes, key by key.
struct moving {
    struct cleaner *cleaner;
    struct txn *txn;
    const struct payload_group *group;
    const struct entry *entry;
    struct txn_relocation relocation;
    struct slice values[PAYLOADS_MAX];
    struct slice fields[PAYLOADS_MAX];
    uint32_t indexes[PAYLOADS_MAX];
    struct stream_id ids[PAYLOADS_MAX];
};

// Whether the item still is where it was; then its place becomes the next of the relocation.
static bool find_place(struct moving *moving, const struct payload_item *item) {
    const struct payloads *payloads = &moving->cleaner->read->payloads;
    const size_t next = moving->relocation.count;
    if (!payloads_find(payloads, item, moving->entry, &moving->indexes[next])) return false;
    moving->fields[next] = payloads_field(payloads, item);
    moving->ids[next] = item->id;
    return true;
}

static void say_damaged(struct cleaner *cleaner, const struct payload_group *group,
                        const struct payload_item *item) {
    struct buf key = {0};
    buf_append_quoted(&key, payloads_key(&cleaner->read->payloads, group));
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
static bool is_movable(struct cleaner *cleaner, const struct payload_group *group,
                       const struct payload_item *item) {
    const uint32_t slot = blob_slot(&item->blob);
    if (item->err != ERR_NONE) {
        cleaner->stats.damaged_values++;
        if (item->err == ERR_CORRUPT) cleaner->store->stats.corrupt_reads++;
        if (cleaner->is_victim[slot]) say_damaged(cleaner, group, item);
        cleaner_leave(cleaner, slot);
        return false;
    }
    if (txn_relocation_fits(cleaner->store, group->key_len, item->field_len, blob_len(&item->blob)))
        return true;
    cleaner_leave(cleaner, slot);
    return false;
}

// The index is larger than the cache, and what is to be moved stands anywhere in it: the waits for
// memory run side by side.
static void fetch_keys(const struct cleaner *cleaner, enum dict_part part) {
    const struct payloads *payloads = &cleaner->read->payloads;
    for (size_t i = 0; i < payloads->group_count; i++) {
        const struct payload_group *group = &payloads->groups[i];
        keyspace_fetch(cleaner->store->keyspace, group->db, payloads_key(payloads, group), part);
    }
}

static void fetch_fields(const struct moving *moving, enum dict_part part) {
    const struct payloads *payloads = &moving->cleaner->read->payloads;
    const struct payload_group *group = moving->group;
    if (moving->entry == NULL || group->type != TYPE_HASH) return;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct slice field = payloads_field(payloads, &payloads->items[i]);
        hash_fetch(moving->entry->value.hash, field, part);
    }
}

static void write_group(struct moving *moving) {
    struct cleaner *cleaner = moving->cleaner;
    const struct payloads *payloads = &cleaner->read->payloads;
    const struct payload_group *group = moving->group;
    struct txn_relocation *relocation = &moving->relocation;
    *relocation = (struct txn_relocation){.db = group->db,
                                          .key = payloads_key(payloads, group),
                                          .type = group->type,
                                          .values = moving->values};
    moving->entry = payloads_entry(payloads, group, cleaner->store->keyspace);
    fetch_fields(moving, DICT_BUCKET);
    fetch_fields(moving, DICT_ENTRY);
    size_t bytes = 0;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct payload_item *item = &payloads->items[i];
        if (moving->entry == NULL || !find_place(moving, item)) {
            cleaner->stats.missed_values++;
        } else if (is_movable(cleaner, group, item)) {
            moving->values[relocation->count++] =
                slice_of(cleaner->read->bytes + item->bytes_at, blob_len(&item->blob));
            bytes += payload_padded_len(&item->blob);
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
static size_t need_bytes(const struct payloads *payloads, size_t records) {
    size_t longest = 0;
    for (size_t i = 0; i < payloads->group_count; i++)
        longest = num_max(longest, payloads->groups[i].key_len);
    return payloads->byte_count + payloads->names.len + payloads->item_count * NEED_PER_ITEM +
           records * (longest + NEED_PER_RECORD);
}

static size_t need_records(const struct payloads *payloads, size_t record_max) {
    const size_t bytes =
        payloads->byte_count + payloads->names.len + payloads->item_count * NEED_PER_ITEM;
    return payloads->group_count + 2 * (bytes / (record_max / 2 + 1)) + 1;
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
    const struct payloads *payloads = &cleaner->read->payloads;
    const size_t records = need_records(payloads, log_record_max(log));
    const size_t bytes = need_bytes(payloads, records);
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
    fetch_keys(cleaner, DICT_BUCKET);
    fetch_keys(cleaner, DICT_ENTRY);
    for (size_t i = 0; i < read->payloads.group_count; i++) {
        moving->group = &read->payloads.groups[i];
        write_group(moving);
    }
    txn_commit(moving->txn);
    mem_free(moving);
    cleaner_read_free(read);
    cleaner->read = NULL;
    return true;
}
