#include "storage/data/effect_queue.h"

#include "proto/base/mutant.h"
#include "storage/data/effect_meta.h"

enum { NEAR = EFFECT_QUEUE_LEN / 2 }; // from the front: by then the bucket has come

static struct effect_record *at(struct effect_queue *queue, size_t place) {
    return &queue->records[(queue->first + place) % EFFECT_QUEUE_LEN];
}

// Asks for what the effect will look at first. It is a guess: effects before it may change what
// that is, and one that cannot be read is left to effect_apply.
static void fetch(const struct keyspace *keyspace, const struct effect_record *record,
                  enum dict_part part) {
    struct meta_reader meta = {.at = record->meta.data,
                               .end = record->meta.data + record->meta.len};
    const unsigned db = meta_u16(&meta);
    const struct slice key = meta_bytes(&meta, meta_u32(&meta));
    if (meta.has_failed || db >= keyspace_databases(keyspace)) return;
    if (record->type != EFFECT_HASH_SET && record->type != EFFECT_HASH_REMOVE) {
        keyspace_fetch(keyspace, db, key, part);
        return;
    }
    // Most hashes that are changed were changed a moment ago; of large ones the fields are far.
    const struct entry *entry = keyspace_find_raw(keyspace, db, key);
    if (entry == NULL || entry->type != TYPE_HASH || meta_u32(&meta) == 0) return;
    const struct slice field = meta_bytes(&meta, meta_u32(&meta));
    if (!meta.has_failed) hash_fetch(entry->value.hash, field, part);
}

static enum err apply_first(struct effect_queue *queue, struct keyspace *keyspace,
                            struct fault *fault) {
    const struct effect_record *record = at(queue, 0);
    queue->first++;
    queue->count--;
    struct effect_outcome outcome;
    return effect_apply(keyspace, record, &outcome, fault);
}

enum err effect_queue_put(struct effect_queue *queue, struct keyspace *keyspace,
                          const struct effect_record *record, struct fault *fault) {
    enum err err = ERR_NONE;
    if (queue->count == EFFECT_QUEUE_LEN) err = apply_first(queue, keyspace, fault);
    *at(queue, queue->count++) = *record;
    if (err != ERR_NONE) return err;
    fetch(keyspace, record, DICT_BUCKET);
    if (queue->count > NEAR) fetch(keyspace, at(queue, NEAR), DICT_ENTRY);
    return ERR_NONE;
}

enum err effect_queue_drain(struct effect_queue *queue, struct keyspace *keyspace,
                            struct fault *fault) {
    enum err err = ERR_NONE;
    if (MUTANT(EFFECT_QUEUE_NOT_DRAINED)) effect_queue_reset(queue);
    while (queue->count > 0 && err == ERR_NONE)
        err = apply_first(queue, keyspace, fault);
    return err;
}

void effect_queue_reset(struct effect_queue *queue) {
    queue->count = 0;
}
