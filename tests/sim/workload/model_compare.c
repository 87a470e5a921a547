// The model and the real databases, element by element.
#include "tests/sim/workload/model_compare.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/workload/model_stream.h"

enum { NAME_MAX_SHOWN = 60 };

static void quote(struct slice s, char *out, size_t cap) {
    struct buf text = {0};
    buf_append_quoted(&text, slice_sub(s, 0, s.len < NAME_MAX_SHOWN ? s.len : NAME_MAX_SHOWN));
    slice_to_cstr(buf_slice(&text), out, cap);
    buf_deinit(&text);
}

enum err model_differ(struct model_comparison *comparison, const char *what) {
    char name[4 * NAME_MAX_SHOWN + 8];
    quote(model_text_slice(comparison->key->name), name, sizeof name);
    comparison->err = fault_set(comparison->fault, ERR_INVALID, "database %u, key %s: %s",
                                comparison->db, name, what);
    return comparison->err;
}

static enum err compare_blob(struct model_comparison *comparison, const struct blob *blob,
                             const struct model_text *text, const char *where) {
    char what[700];
    char real[4 * NAME_MAX_SHOWN + 8];
    char modelled[4 * NAME_MAX_SHOWN + 8];
    struct slice bytes;
    const enum err err = store_bytes(comparison->store, blob, &comparison->scratch, &bytes);
    if (err != ERR_NONE) {
        snprintf(what, sizeof what, "%s cannot be read (%s)", where, err_name(err));
        return model_differ(comparison, what);
    }
    if (slice_equal(bytes, model_text_slice(text))) return ERR_NONE;
    quote(bytes, real, sizeof real);
    quote(model_text_slice(text), modelled, sizeof modelled);
    snprintf(what, sizeof what, "%s is %s (%zu bytes), the model has %s (%zu bytes)", where, real,
             bytes.len, modelled, text->len);
    return model_differ(comparison, what);
}

enum err model_compare_count(struct model_comparison *comparison, const char *of, uint64_t real,
                             uint64_t modelled) {
    char what[200];
    if (real == modelled) return ERR_NONE;
    snprintf(what, sizeof what, "%" PRIu64 " %s, the model has %" PRIu64, real, of, modelled);
    return model_differ(comparison, what);
}

static enum err compare_list(struct model_comparison *comparison, const struct list *list) {
    const struct model_texts *items = &comparison->key->items;
    enum err err = model_compare_count(comparison, "elements", list_len(list), items->count);
    struct list_cursor cursor = list_cursor_at(list, 0);
    for (size_t i = 0; i < items->count && err == ERR_NONE; i++) {
        char where[40];
        struct blob blob;
        snprintf(where, sizeof where, "element %zu", i);
        if (!list_cursor_next(&cursor, &blob))
            return model_differ(comparison, "ends before its length");
        err = compare_blob(comparison, &blob, items->items[i], where);
    }
    return err;
}

// Fields have names of their own, so that equal numbers and each of the model's found means equal.
static enum err compare_hash(struct model_comparison *comparison, const struct hash_type *hash) {
    const struct model_texts *items = &comparison->key->items;
    enum err err = model_compare_count(comparison, "fields", hash_len(hash), items->count / 2);
    for (size_t i = 0; i < items->count && err == ERR_NONE; i += 2) {
        char name[4 * NAME_MAX_SHOWN + 8];
        char where[4 * NAME_MAX_SHOWN + 20];
        struct blob blob;
        quote(model_text_slice(items->items[i]), name, sizeof name);
        snprintf(where, sizeof where, "field %s", name);
        if (!hash_find(hash, model_text_slice(items->items[i]), &blob)) {
            snprintf(where, sizeof where, "lacks field %s", name);
            return model_differ(comparison, where);
        }
        err = compare_blob(comparison, &blob, items->items[i + 1], where);
    }
    return err;
}

static enum err compare_entry(struct model_comparison *comparison, const struct entry *entry) {
    const struct model_key *key = comparison->key;
    if (entry->expire_ms != key->expire_ms) {
        char what[100];
        snprintf(what, sizeof what, "expires at %" PRId64 ", in the model at %" PRId64,
                 entry->expire_ms, key->expire_ms);
        return model_differ(comparison, what);
    }
    switch (key->type) {
    case MODEL_STRING:
        if (entry->type != TYPE_STRING) return model_differ(comparison, "is no string");
        return compare_blob(comparison, &entry->value.string, key->items.items[0], "the string");
    case MODEL_LIST:
        if (entry->type != TYPE_LIST) return model_differ(comparison, "is no list");
        return compare_list(comparison, entry->value.list);
    case MODEL_HASH:
        if (entry->type != TYPE_HASH) return model_differ(comparison, "is no hash");
        return compare_hash(comparison, entry->value.hash);
    case MODEL_STREAM:
        if (entry->type != TYPE_STREAM) return model_differ(comparison, "is no stream");
        return model_compare_stream(comparison, entry->value.stream);
    }
    return model_differ(comparison, "is of no type");
}

// ---- keys

static bool model_has(const struct model_comparison *comparison, struct slice name) {
    const struct model_db *db = &comparison->model->dbs[comparison->db];
    for (size_t i = 0; i < db->count; i++) {
        if (slice_equal(model_text_slice(db->keys[i].name), name)) {
            return model_key_is_alive(&db->keys[i], comparison->now_ms);
        }
    }
    return false;
}

// A key that is there and should not be.
static void visit(void *context, const struct entry *entry) {
    struct model_comparison *comparison = context;
    const bool is_alive = entry->expire_ms == 0 || entry->expire_ms > comparison->now_ms;
    if (!is_alive || comparison->err != ERR_NONE) return;
    if (model_has(comparison, entry_key(entry))) return;
    char name[4 * NAME_MAX_SHOWN + 8];
    quote(entry_key(entry), name, sizeof name);
    comparison->err = fault_set(comparison->fault, ERR_INVALID,
                                "database %u, key %s (%s): the model has no such key",
                                comparison->db, name, entry_type_name(entry));
}

static enum err compare_db(struct model_comparison *comparison) {
    const struct model_db *db = &comparison->model->dbs[comparison->db];
    for (size_t i = 0; i < db->count; i++) {
        comparison->key = &db->keys[i];
        if (!model_key_is_alive(comparison->key, comparison->now_ms)) continue;
        const struct entry *entry =
            keyspace_find(comparison->keyspace, comparison->db,
                          model_text_slice(comparison->key->name), comparison->now_ms);
        if (entry == NULL) return model_differ(comparison, "is not there");
        const enum err err = compare_entry(comparison, entry);
        if (err != ERR_NONE) return err;
    }
    keyspace_each(comparison->keyspace, comparison->db, visit, comparison);
    return comparison->err;
}

enum err model_equals_keyspace(const struct model *model, const struct keyspace *keyspace,
                               struct store *store, int64_t now_ms, struct fault *fault) {
    struct model_comparison comparison = {
        .model = model, .keyspace = keyspace, .store = store, .now_ms = now_ms, .fault = fault};
    enum err err = ERR_NONE;
    for (unsigned db = 0; db < model->options.databases && err == ERR_NONE; db++) {
        comparison.db = db;
        err = compare_db(&comparison);
    }
    buf_deinit(&comparison.scratch);
    return err;
}
