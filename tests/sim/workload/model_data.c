// The arrays.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/model_state.h"

enum { ARRAY_MIN = 8 };

// ---- texts

struct text *text_new(struct slice s) {
    struct text *text = mem_alloc(sizeof *text + s.len);
    text->refs = 1;
    text->len = s.len;
    if (s.len > 0) memcpy(text->data, s.data, s.len);
    return text;
}

struct text *text_ref(struct text *text) {
    if (text != NULL) text->refs++;
    return text;
}

void text_unref(struct text *text) {
    if (text == NULL || --text->refs > 0) return;
    mem_free(text);
}

void texts_insert(struct texts *texts, size_t index, struct text *text) {
    must(index <= texts->count);
    if (texts->count == texts->cap) {
        texts->cap = texts->cap == 0 ? ARRAY_MIN : texts->cap * 2;
        texts->items = mem_realloc(texts->items, texts->cap * sizeof(struct text *));
    }
    memmove(texts->items + index + 1, texts->items + index,
            (texts->count - index) * sizeof(struct text *));
    texts->items[index] = text;
    texts->count++;
}

struct text *texts_take(struct texts *texts, size_t index) {
    must(index < texts->count);
    struct text *text = texts->items[index];
    texts->count--;
    memmove(texts->items + index, texts->items + index + 1,
            (texts->count - index) * sizeof(struct text *));
    return text;
}

void texts_remove(struct texts *texts, size_t index) {
    text_unref(texts_take(texts, index));
}

void texts_replace(struct texts *texts, size_t index, struct text *text) {
    must(index < texts->count);
    text_unref(texts->items[index]);
    texts->items[index] = text;
}

void texts_clear(struct texts *texts) {
    for (size_t i = 0; i < texts->count; i++) {
        text_unref(texts->items[i]);
    }
    mem_free(texts->items);
    *texts = (struct texts){0};
}

void texts_dup(struct texts *to, const struct texts *from) {
    *to = (struct texts){.count = from->count, .cap = from->count};
    if (from->count == 0) return;
    to->items = mem_dup(from->items, from->count * sizeof(struct text *));
    for (size_t i = 0; i < from->count; i++) {
        text_ref(to->items[i]);
    }
}

// ---- keys

bool key_is_alive(const struct model_key *key, int64_t now_ms) {
    return key->expire_ms == 0 || key->expire_ms > now_ms;
}

static struct model_key *find_also_dead(struct model_db *db, struct slice name) {
    for (size_t i = 0; i < db->count; i++) {
        if (slice_equal(text_slice(db->keys[i].name), name)) return &db->keys[i];
    }
    return NULL;
}

struct model_key *key_find(struct model *model, unsigned db, struct slice name, int64_t now_ms) {
    struct model_key *key = find_also_dead(&model->dbs[db], name);
    return key != NULL && key_is_alive(key, now_ms) ? key : NULL;
}

static void key_clear(struct model_key *key) {
    text_unref(key->name);
    texts_clear(&key->items);
}

static void key_drop(struct model_db *db, struct model_key *key) {
    key_clear(key);
    *key = db->keys[--db->count];
}

struct model_key *key_make(struct model *model, unsigned db_number, struct slice name,
                           enum model_type type) {
    struct model_db *db = &model->dbs[db_number];
    struct text *owned = text_new(name); // the name may be that of the key that goes
    struct model_key *old = find_also_dead(db, name);
    if (old != NULL) key_drop(db, old);
    if (db->count == db->cap) {
        db->cap = db->cap == 0 ? ARRAY_MIN : db->cap * 2;
        db->keys = mem_realloc(db->keys, db->cap * sizeof(struct model_key));
    }
    struct model_key *key = &db->keys[db->count++];
    *key = (struct model_key){.name = owned, .type = type};
    return key;
}

bool key_delete(struct model *model, unsigned db, struct slice name, int64_t now_ms) {
    struct model_key *key = find_also_dead(&model->dbs[db], name);
    if (key == NULL) return false;
    const bool was_alive = key_is_alive(key, now_ms);
    key_drop(&model->dbs[db], key);
    return was_alive;
}

void db_clear(struct model_db *db) {
    for (size_t i = 0; i < db->count; i++) {
        key_clear(&db->keys[i]);
    }
    mem_free(db->keys);
    *db = (struct model_db){0};
}
