#include "storage/payloads.h"

#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"

enum {
    PAYLOAD_ALIGN = 8,
    // In a list an element may have come this much further than its place says: so many changes
    // in the middle of the list while the read was out. Beyond, it is left to the next walk.
    SHIFT_MAX = 64,
};

void payloads_init(struct payloads *payloads, struct log *log) {
    payloads->log = log;
    payloads->is_let_go = false;
    payloads->item_count = 0;
    payloads->group_count = 0;
    payloads->names = (struct buf){0};
    payloads->byte_count = 0;
}

void payloads_let_go(struct payloads *payloads) {
    for (size_t i = 0; !payloads->is_let_go && i < payloads->item_count; i++)
        log_unpin(payloads->log, blob_slot(&payloads->items[i].blob));
    payloads->is_let_go = true;
}

void payloads_deinit(struct payloads *payloads) {
    payloads_let_go(payloads);
    buf_deinit(&payloads->names);
}

static uint64_t lsn_of(const struct payloads *payloads, const struct blob *blob) {
    return log_lsn_at(payloads->log, blob_slot(blob), blob_offset(blob));
}

// ---- collecting

size_t payload_padded_len(const struct blob *blob) {
    return num_align_up(blob_len(blob), PAYLOAD_ALIGN);
}

bool payloads_have_room(const struct payloads *payloads, const struct blob *blob) {
    if (payloads->item_count == 0) return true;
    return payloads->item_count < PAYLOADS_MAX &&
           payloads->byte_count + payload_padded_len(blob) <= PAYLOADS_BYTES;
}

static size_t add_name(struct payloads *payloads, struct slice name) {
    const size_t at = payloads->names.len;
    buf_append_slice(&payloads->names, name);
    return at;
}

void payloads_begin_key(struct payloads *payloads, unsigned db, enum value_type type,
                        struct slice key) {
    must(payloads->group_count < PAYLOADS_MAX);
    payloads->groups[payloads->group_count++] =
        (struct payload_group){.db = db,
                               .type = type,
                               .key_at = add_name(payloads, key),
                               .key_len = key.len,
                               .first = payloads->item_count};
}

void payloads_add(struct payloads *payloads, const struct blob *blob,
                  const struct payload_place *place) {
    must(payloads->item_count < PAYLOADS_MAX && payloads->group_count > 0);
    must(blob_kind(blob) == BLOB_REF);
    log_pin(payloads->log, blob_slot(blob));
    payloads->items[payloads->item_count++] =
        (struct payload_item){.blob = *blob,
                              .lsn = lsn_of(payloads, blob),
                              .at = place->at,
                              .id = place->id,
                              .field_at = add_name(payloads, place->field),
                              .field_len = place->field.len,
                              .bytes_at = payloads->byte_count};
    payloads->byte_count += payload_padded_len(blob);
    payloads->groups[payloads->group_count - 1].count++;
}

// ---- finding again

struct slice payloads_key(const struct payloads *payloads, const struct payload_group *group) {
    return slice_of(payloads->names.data + group->key_at, group->key_len);
}

struct slice payloads_field(const struct payloads *payloads, const struct payload_item *item) {
    return slice_of(payloads->names.data + item->field_at, item->field_len);
}

const struct entry *payloads_entry(const struct payloads *payloads,
                                   const struct payload_group *group,
                                   const struct keyspace *keyspace) {
    const struct entry *entry =
        keyspace_find_raw(keyspace, group->db, payloads_key(payloads, group));
    return entry != NULL && entry->type == group->type ? entry : NULL;
}

static bool is_same_reference(const struct payloads *payloads, const struct payload_item *item,
                              const struct blob *blob) {
    const struct blob *was = &item->blob;
    return blob_kind(blob) == BLOB_REF && blob->word == was->word && blob->tail == was->tail &&
           blob->hash == was->hash && lsn_of(payloads, blob) == item->lsn;
}

// Places only get greater by what happens in the middle.
static bool find_in_list(const struct payloads *payloads, const struct list *list,
                         const struct payload_item *item, uint32_t *index) {
    const int64_t first = item->at - list_origin(list);
    if (first < 0 || (uint64_t)first >= list_len(list)) return false;
    struct list_cursor cursor = list_cursor_at(list, (size_t)first);
    struct blob blob;
    for (size_t shift = 0; shift <= SHIFT_MAX && list_cursor_next(&cursor, &blob); shift++) {
        *index = (uint32_t)first + (uint32_t)shift;
        if (is_same_reference(payloads, item, &blob) || MUTANT(RELOCATION_UNCHECKED)) return true;
    }
    return false;
}

bool payloads_find(const struct payloads *payloads, const struct payload_item *item,
                   const struct entry *entry, uint32_t *index) {
    struct blob blob = {0};
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        blob = entry->value.string;
        break;
    case TYPE_LIST:
        return find_in_list(payloads, entry->value.list, item, index);
    case TYPE_HASH:
        if (!hash_find(entry->value.hash, payloads_field(payloads, item), &blob)) return false;
        break;
    case TYPE_STREAM:
        if (!stream_find(entry->value.stream, item->id, &blob)) return false;
        break;
    }
    return is_same_reference(payloads, item, &blob);
}
