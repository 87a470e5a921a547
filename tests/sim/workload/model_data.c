// The arrays.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/model_stream.h"

enum { ARRAY_MIN = 8 };

// ---- texts

struct model_text *model_text_new(struct slice s) {
    struct model_text *text = mem_alloc(sizeof *text + s.len);
    text->refs = 1;
    text->len = s.len;
    if (s.len > 0) memcpy(text->data, s.data, s.len);
    return text;
}

struct model_text *model_text_ref(struct model_text *text) {
    if (text != NULL) text->refs++;
    return text;
}

void model_text_unref(struct model_text *text) {
    if (text == NULL || --text->refs > 0) return;
    mem_free(text);
}

void model_texts_insert(struct model_texts *texts, size_t index, struct model_text *text) {
    must(index <= texts->count);
    if (texts->count == texts->cap) {
        texts->cap = texts->cap == 0 ? ARRAY_MIN : texts->cap * 2;
        texts->items = mem_realloc(texts->items, texts->cap * sizeof(struct model_text *));
    }
    memmove(texts->items + index + 1, texts->items + index,
            (texts->count - index) * sizeof(struct model_text *));
    texts->items[index] = text;
    texts->count++;
}

struct model_text *model_texts_take(struct model_texts *texts, size_t index) {
    must(index < texts->count);
    struct model_text *text = texts->items[index];
    texts->count--;
    memmove(texts->items + index, texts->items + index + 1,
            (texts->count - index) * sizeof(struct model_text *));
    return text;
}

void model_texts_remove(struct model_texts *texts, size_t index) {
    model_text_unref(model_texts_take(texts, index));
}

void model_texts_replace(struct model_texts *texts, size_t index, struct model_text *text) {
    must(index < texts->count);
    model_text_unref(texts->items[index]);
    texts->items[index] = text;
}

void model_texts_clear(struct model_texts *texts) {
    for (size_t i = 0; i < texts->count; i++) {
        model_text_unref(texts->items[i]);
    }
    mem_free(texts->items);
    *texts = (struct model_texts){0};
}

void model_texts_dup(struct model_texts *to, const struct model_texts *from) {
    *to = (struct model_texts){.count = from->count, .cap = from->count};
    if (from->count == 0) return;
    to->items = mem_dup(from->items, from->count * sizeof(struct model_text *));
    for (size_t i = 0; i < from->count; i++) {
        model_text_ref(to->items[i]);
    }
}

// ---- keys

bool model_key_is_alive(const struct model_key *key, int64_t now_ms) {
    return key->expire_ms == 0 || key->expire_ms > now_ms;
}

static struct model_key *find_also_dead(struct model_db *db, struct slice name) {
    for (size_t i = 0; i < db->count; i++) {
        if (slice_equal(model_text_slice(db->keys[i].name), name)) return &db->keys[i];
    }
    return NULL;
}

struct model_key *model_key_find(struct model *model, unsigned db, struct slice name,
                                 int64_t now_ms) {
    struct model_key *key = find_also_dead(&model->dbs[db], name);
    return key != NULL && model_key_is_alive(key, now_ms) ? key : NULL;
}

static void key_clear(struct model_key *key) {
    model_text_unref(key->name);
    model_texts_clear(&key->items);
    model_stream_free(key->stream);
}

static void key_drop(struct model_db *db, struct model_key *key) {
    key_clear(key);
    *key = db->keys[--db->count];
}

struct model_key *model_key_make(struct model *model, unsigned db_number, struct slice name,
                                 enum model_type type) {
    struct model_db *db = &model->dbs[db_number];
    struct model_text *owned = model_text_new(name); // the name may be that of the key that goes
    struct model_key *old = find_also_dead(db, name);
    if (old != NULL) {
        model_wait_news(model, db_number, name, MODEL_LOST);
        key_drop(db, old);
    }
    if (db->count == db->cap) {
        db->cap = db->cap == 0 ? ARRAY_MIN : db->cap * 2;
        db->keys = mem_realloc(db->keys, db->cap * sizeof(struct model_key));
    }
    struct model_key *key = &db->keys[db->count++];
    *key = (struct model_key){.name = owned, .type = type};
    return key;
}

// One that is dead already stays: the engine may keep it, too, and counts it (DBSIZE).
bool model_key_delete(struct model *model, unsigned db, struct slice name, int64_t now_ms) {
    struct model_key *key = model_key_find(model, db, name, now_ms);
    if (key == NULL) return false;
    model_wait_news(model, db, name, MODEL_LOST);
    key_drop(&model->dbs[db], key);
    return true;
}

void model_db_clear(struct model_db *db) {
    for (size_t i = 0; i < db->count; i++) {
        key_clear(&db->keys[i]);
    }
    mem_free(db->keys);
    *db = (struct model_db){0};
}
