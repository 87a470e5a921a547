// Changes of streams. What handlers name twice or what is not there is sorted out here, so that an
// effect only says what happened.
#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/store_state.h"
#include "storage/txn.h"

enum { ENTRY_OVERHEAD = 256 }; // of an entry's record beyond key and payload

bool txn_stream_fits(const struct txn *txn, struct slice key, const struct slice *strings,
                     size_t count) {
    const size_t room = log_record_max(txn->store->log) - key.len - ENTRY_OVERHEAD;
    const size_t bytes = stream_payload_size(strings, count);
    return bytes <= room && bytes <= BLOB_LEN_MAX;
}

static const struct stream *find_stream(const struct txn *txn, unsigned db, struct slice key) {
    const struct entry *entry = keyspace_find_raw(txn->store->keyspace, db, key);
    if (entry == NULL) return NULL;
    must(entry->type == TYPE_STREAM);
    return entry->value.stream;
}

const struct stream *txn_stream(const struct txn *txn, unsigned db, struct slice key) {
    const struct stream *stream = find_stream(txn, db, key);
    must(stream != NULL);
    return stream;
}

void txn_stream_create(struct txn *txn, unsigned db, struct slice key) {
    txn_key_expired(txn, db, key);
    if (find_stream(txn, db, key) != NULL) return;
    const struct effect effect = {.type = EFFECT_STREAM_SET_IDS, .db = db, .key = key};
    txn_effect(txn, &effect);
}

void txn_stream_add(struct txn *txn, unsigned db, struct slice key, const struct txn_entry *entry) {
    struct store *store = txn->store;
    txn_key_expired(txn, db, key);
    txn_reserve_scratch(store, 1);
    buf_reset(&store->entry);
    stream_payload_append(&store->entry, entry->strings, entry->count);
    const struct stream_node node =
        stream_next_node(find_stream(txn, db, key), entry->id, entry->strings, entry->count);
    const struct effect_value value = {.bytes = buf_slice(&store->entry)};
    const struct effect effect = {.type = EFFECT_STREAM_ADD,
                                  .db = db,
                                  .key = key,
                                  .count = 1,
                                  .values = &value,
                                  .ids = &entry->id,
                                  .nodes = &node};
    txn_effect(txn, &effect);
}

void txn_stream_trim(struct txn *txn, unsigned db, struct slice key, size_t count) {
    if (count == 0) return;
    const struct stream *stream = txn_stream(txn, db, key);
    must(count <= stream_len(stream));
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry last = {0};
    stream_skip(&cursor, count - 1);
    stream_next(&cursor, &last);
    const struct effect effect = {
        .type = EFFECT_STREAM_TRIM, .db = db, .key = key, .count = (uint32_t)count, .id = last.id};
    txn_effect(txn, &effect);
}

// ---- ids that a command names

static int compare_for_sort(const void *a, const void *b) {
    return stream_id_compare(*(const struct stream_id *)a, *(const struct stream_id *)b);
}

size_t txn_ids_kept(const struct stream_id *ids, size_t count, struct stream_id *out,
                    bool (*is_there)(const void *context, struct stream_id id),
                    const void *context) {
    size_t kept = 0;
    bool ascends = true;
    for (size_t i = 0; i < count; i++) {
        if (!is_there(context, ids[i])) continue;
        if (kept > 0 && stream_id_compare(out[kept - 1], ids[i]) >= 0) ascends = false;
        out[kept++] = ids[i];
    }
    if (ascends) return kept;
    qsort(out, kept, sizeof *out, compare_for_sort);
    size_t distinct = 1;
    for (size_t i = 1; i < kept; i++) {
        if (!stream_id_equal(out[i], out[distinct - 1])) out[distinct++] = out[i];
    }
    return distinct;
}

static bool has_entry(const void *stream, struct stream_id id) {
    return stream_find(stream, id, NULL);
}

size_t txn_stream_delete(struct txn *txn, unsigned db, struct slice key,
                         const struct stream_id *ids, size_t count, bool is_trim) {
    const struct stream *stream = txn_stream(txn, db, key);
    struct stream_id one;
    struct stream_id *there = count <= 1 ? &one : mem_alloc_array(count, sizeof *there);
    const size_t kept = txn_ids_kept(ids, count, there, has_entry, stream);
    if (kept > 0) {
        struct stream_id max_deleted = stream_max_deleted_id(stream);
        if (!is_trim && stream_id_compare(there[kept - 1], max_deleted) > 0) {
            max_deleted = there[kept - 1];
        }
        const struct effect effect = {.type = EFFECT_STREAM_DELETE,
                                      .db = db,
                                      .key = key,
                                      .count = (uint32_t)kept,
                                      .ids = there,
                                      .id = max_deleted};
        txn_effect_split(txn, &effect);
    }
    if (there != &one) mem_free(there);
    return kept;
}

void txn_stream_forget(struct txn *txn, unsigned db, struct slice key, const struct stream_id *ids,
                       size_t count) {
    const struct stream *stream = txn_stream(txn, db, key);
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        const struct txn_group group = {
            .db = db, .key = key, .group = group_name(stream_group_at(stream, i))};
        txn_group_ack(txn, &group, ids, count);
    }
}

void txn_stream_set_ids(struct txn *txn, unsigned db, struct slice key, struct stream_id last,
                        struct stream_id max_deleted, uint64_t entries_added) {
    const struct effect effect = {.type = EFFECT_STREAM_SET_IDS,
                                  .db = db,
                                  .key = key,
                                  .id = last,
                                  .max_deleted = max_deleted,
                                  .total = entries_added,
                                  .offset = stream_ids(txn_stream(txn, db, key)).node_added};
    txn_effect(txn, &effect);
}

// ---- idempotent producers

void txn_stream_config(struct txn *txn, unsigned db, struct slice key, uint32_t duration_s,
                       uint32_t max_size) {
    const struct effect effect = {.type = EFFECT_STREAM_CONFIG,
                                  .db = db,
                                  .key = key,
                                  .offset = duration_s,
                                  .count = max_size,
                                  .total = stream_idmp(txn_stream(txn, db, key)).ids_added};
    txn_effect(txn, &effect);
}

// Two of those that have been quiet longest, so that producers that never come back go away as fast
// as others come.
static void sweep_producers(struct txn *txn, unsigned db, struct slice key) {
    for (int i = 0; i < 2; i++) {
        const struct idmp *idmp = stream_idmp_state(txn_stream(txn, db, key));
        struct effect effect = {.type = EFFECT_STREAM_IDMP_DROP, .db = db, .key = key};
        if (idmp == NULL || !idmp_idlest(idmp, txn->now_ms, &effect.group, &effect.offset)) return;
        if (effect.offset < idmp_producer_ids(idmp, effect.group)) return;
        txn_effect(txn, &effect);
    }
}

void txn_stream_idmp(struct txn *txn, unsigned db, struct slice key, const struct txn_idmp *idmp) {
    sweep_producers(txn, db, key);
    const struct idmp *state = stream_idmp_state(txn_stream(txn, db, key));
    uint32_t surplus = 0;
    if (state != NULL) surplus = idmp_surplus(state, idmp->producer, idmp->id, txn->now_ms);
    const struct effect effect = {.type = EFFECT_STREAM_IDMP,
                                  .db = db,
                                  .key = key,
                                  .group = idmp->producer,
                                  .consumer = idmp->id,
                                  .id = idmp->entry,
                                  .offset = surplus};
    txn_effect(txn, &effect);
}
