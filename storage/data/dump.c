#include "storage/data/dump.h"

#include "proto/base/mem.h"
#include "storage/data/dump_state.h"

struct dump *dump_new(const struct dump_sink *sink) {
    // Not zeroed: an entry of few elements touches few pages of it.
    struct dump *dump = mem_alloc(sizeof *dump);
    dump->sink = *sink;
    return dump;
}

void dump_free(struct dump *dump) {
    mem_free(dump);
}

struct effect dump_effect(const struct dump *dump, enum effect_type type) {
    return (struct effect){
        .type = type, .db = dump->db, .key = dump->key, .writes_near = dump->sink.is_checkpoint};
}

void dump_give(struct dump *dump, const struct effect *effect) {
    dump->sink.effect(dump->sink.context, effect);
}

void dump_put_value(struct dump *dump, size_t at, const struct blob *blob) {
    dump->blobs[at] = *blob;
    dump->values[at] =
        (struct effect_value){.blob = &dump->blobs[at], .on_heap = dump->sink.is_checkpoint};
}

// ---- by type

static void dump_string(struct dump *dump, const struct blob *string) {
    struct effect effect = dump_effect(dump, EFFECT_STRING_SET);
    dump_put_value(dump, 0, string);
    effect.count = 1;
    effect.values = dump->values;
    dump_give(dump, &effect);
}

static void dump_list(struct dump *dump, const struct list *list) {
    struct list_cursor cursor = list_cursor_at(list, 0);
    struct blob blob;
    bool more = true;
    while (more) {
        struct effect effect = dump_effect(dump, EFFECT_LIST_PUSH);
        effect.end = LIST_TAIL;
        effect.values = dump->values;
        while (effect.count < DUMP_ELEMENTS_MAX && (more = list_cursor_next(&cursor, &blob)))
            dump_put_value(dump, effect.count++, &blob);
        if (effect.count > 0) dump_give(dump, &effect);
    }
}

struct hash_dump {
    struct dump *dump;
    struct effect effect;
};

static void flush_pairs(struct hash_dump *pairs) {
    if (pairs->effect.count > 0) dump_give(pairs->dump, &pairs->effect);
    pairs->effect.count = 0;
}

static void put_pair(void *context, struct slice field, const struct blob *value) {
    struct hash_dump *pairs = context;
    const size_t at = pairs->effect.count++;
    pairs->dump->fields[at] = field;
    dump_put_value(pairs->dump, at, value);
    if (pairs->effect.count == DUMP_ELEMENTS_MAX) flush_pairs(pairs);
}

static void dump_hash(struct dump *dump, const struct hash_type *hash) {
    struct hash_dump pairs = {.dump = dump, .effect = dump_effect(dump, EFFECT_HASH_SET)};
    pairs.effect.values = dump->values;
    pairs.effect.fields = dump->fields;
    hash_each(hash, put_pair, &pairs);
    flush_pairs(&pairs);
}

// ---- the door

void dump_entry(struct dump *dump, const struct entry *entry, unsigned db, struct slice key) {
    dump->db = db;
    dump->key = key;
    const int64_t expire_ms = entry->expire_ms;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        dump_string(dump, &entry->value.string);
        break;
    case TYPE_LIST:
        dump_list(dump, entry->value.list);
        break;
    case TYPE_HASH:
        dump_hash(dump, entry->value.hash);
        break;
    case TYPE_STREAM:
        dump_stream(dump, entry->value.stream);
        break;
    }
    if (expire_ms == 0) return;
    struct effect expire = dump_effect(dump, EFFECT_KEY_EXPIRE);
    expire.at_ms = expire_ms;
    dump_give(dump, &expire);
}
