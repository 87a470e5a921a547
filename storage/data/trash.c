#include "storage/data/trash.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/data/keyspace_state.h"

enum {
    // Keys of a database that are freed before their values' elements are counted.
    KEYS_AT_ONCE = 16,
    LISTED_PER_STEP = 4, // entries of a group: they are cheaper than what is freed
};

enum trash_kind { TRASH_VALUE, TRASH_KEYS, TRASH_GROUP };

struct trash_item {
    struct link link;
    enum trash_kind kind;
    enum value_type type; // of a value
    union entry_value value;
    struct dict keys;
    struct group *group;
};

void trash_init(struct trash *trash) {
    *trash = (struct trash){0};
    link_init(&trash->items);
    link_init(&trash->unlisted);
}

bool trash_is_empty(const struct trash *trash) {
    return link_is_empty(&trash->items) && link_is_empty(&trash->unlisted);
}

bool trash_wants(const struct trash *trash, size_t elements) {
    return trash->min > 0 && elements >= trash->min;
}

// ---- putting in

// A stream's groups are looked at only until it is clear that there is much to free.
static size_t stream_weight(const struct trash *trash, const struct stream *stream) {
    const struct idmp *idmp = stream_idmp_state(stream);
    size_t weight = stream_len(stream) + (idmp == NULL ? 0 : idmp_ids(idmp) + idmp_producers(idmp));
    for (size_t i = 0; i < stream_group_count(stream) && weight < trash->min; i++) {
        const struct group *group = stream_group_at(stream, i);
        weight += group_weight(group);
    }
    return weight;
}

size_t trash_weight(const struct trash *trash, enum value_type type,
                    const union entry_value *value) {
    switch (type) {
    case TYPE_STRING:
        return 0;
    case TYPE_LIST:
        return list_len(value->list);
    case TYPE_HASH:
        return hash_len(value->hash);
    case TYPE_STREAM:
        return stream_weight(trash, value->stream);
    }
    must_not_reach();
}

void trash_put_value(struct trash *trash, enum value_type type, union entry_value value) {
    struct trash_item *item = mem_zalloc(sizeof *item);
    item->type = type;
    item->value = value;
    link_push_back(&trash->items, &item->link);
    trash->pending++;
}

void trash_put_keys(struct trash *trash, struct dict *keys) {
    struct trash_item *item = mem_zalloc(sizeof *item);
    item->kind = TRASH_KEYS;
    item->keys = *keys;
    *keys = (struct dict){0};
    link_push_back(&trash->items, &item->link);
    trash->pending += dict_count(&item->keys);
}

void trash_put_group(struct trash *trash, struct group *group) {
    struct trash_item *item = mem_zalloc(sizeof *item);
    item->kind = TRASH_GROUP;
    item->group = group;
    link_push_back(&trash->items, &item->link);
}

// ---- sweeping

static void release(void *context, struct blob *blob) {
    if (MUTANT(TRASH_BYTES_KEPT))
        blob_release(blob);
    else
        keyspace_leave(context, blob);
}

static struct entry *entry_of(struct dict_entry *link) {
    return link_entry(link, struct entry, link);
}

struct key_sweep {
    struct keyspace *keyspace;
    size_t elements; // of values that were freed with their keys
};

static void free_key(void *context, struct dict_entry *link) {
    struct key_sweep *sweep = context;
    struct trash *trash = &sweep->keyspace->trash;
    struct entry *entry = entry_of(link);
    const size_t weight = trash_weight(trash, (enum value_type)entry->type, &entry->value);
    trash->pending--;
    if (!trash_wants(trash, weight)) { // else it goes on as an item of its own
        trash->freed++;
        sweep->elements += weight;
    }
    keyspace_clear(sweep->keyspace, entry);
    mem_free(entry);
}

static size_t drain_keys(struct keyspace *keyspace, struct dict *keys, size_t steps) {
    while (steps > 0) {
        struct key_sweep sweep = {.keyspace = keyspace};
        const size_t begun = num_min(steps, KEYS_AT_ONCE);
        const size_t left = dict_drain(keys, begun, free_key, &sweep);
        const size_t spent = begun - left + sweep.elements;
        steps -= num_min(steps, spent);
        if (left > 0) return num_max(steps, 1); // it is empty
    }
    return 0;
}

// Says how many steps are left: 0 unless nothing is left of the item.
static size_t drain(struct keyspace *keyspace, struct trash_item *item, size_t steps) {
    if (item->kind == TRASH_KEYS) return drain_keys(keyspace, &item->keys, steps);
    if (item->kind == TRASH_GROUP) return group_drain(item->group, steps);
    switch (item->type) {
    case TYPE_STRING:
        release(keyspace, &item->value.string);
        return steps;
    case TYPE_LIST:
        return list_drain(item->value.list, steps, release, keyspace);
    case TYPE_HASH:
        return hash_drain(item->value.hash, steps, release, keyspace);
    case TYPE_STREAM:
        return stream_drain(item->value.stream, steps, release, keyspace);
    }
    must_not_reach();
}

static void free_drained(struct keyspace *keyspace, struct trash_item *item) {
    struct trash *trash = &keyspace->trash;
    if (!MUTANT(TRASH_SWEPT_TWICE)) link_remove(&item->link);
    if (item->kind == TRASH_GROUP) group_free(item->group);
    if (item->kind == TRASH_VALUE) {
        trash->pending--;
        trash->freed++;
        keyspace_free_value(keyspace, item->type, item->value);
    }
    mem_free(item);
}

// Says how many steps are left.
static size_t list_some(const struct trash *trash, size_t steps) {
    while (steps > 0 && !link_is_empty(&trash->unlisted)) {
        const size_t entries = steps < SIZE_MAX / LISTED_PER_STEP ? steps * LISTED_PER_STEP : steps;
        const size_t left = group_list(group_of_unlisted(link_first(&trash->unlisted)), entries);
        steps -= num_min(steps, 1 + (entries - left) / LISTED_PER_STEP);
    }
    return steps;
}

size_t trash_sweep(struct keyspace *keyspace, size_t steps) {
    const struct trash *trash = &keyspace->trash;
    steps = list_some(trash, steps);
    while (!link_is_empty(&trash->items)) {
        struct trash_item *item = link_entry(link_first(&trash->items), struct trash_item, link);
        if (steps > 0) steps = drain(keyspace, item, steps);
        if (steps == 0) return 0;
        free_drained(keyspace, item);
        steps--;
    }
    return steps;
}

// ---- looking

struct blob_visit {
    void (*visit)(void *context, const struct blob *blob);
    void *context;
};

static void visit_field(void *context, struct slice field, const struct blob *value) {
    const struct blob_visit *call = context;
    (void)field;
    call->visit(call->context, value);
}

static void each_of_value(enum value_type type, const union entry_value *value,
                          struct blob_visit *call) {
    switch (type) {
    case TYPE_STRING:
        call->visit(call->context, &value->string);
        return;
    case TYPE_LIST: {
        struct list_cursor cursor = list_cursor_at(value->list, 0);
        struct blob blob;
        while (list_cursor_next(&cursor, &blob))
            call->visit(call->context, &blob);
        return;
    }
    case TYPE_HASH:
        hash_each(value->hash, visit_field, call);
        return;
    case TYPE_STREAM:
        stream_each_payload(value->stream, call->visit, call->context);
        return;
    }
    must_not_reach();
}

void trash_each(const struct trash *trash, void (*visit)(void *context, const struct blob *blob),
                void *context) {
    struct blob_visit call = {.visit = visit, .context = context};
    for (const struct link *node = trash->items.next; node != &trash->items; node = node->next) {
        const struct trash_item *item =
            (const void *)((const char *)node - offsetof(struct trash_item, link));
        if (item->kind == TRASH_VALUE) each_of_value(item->type, &item->value, &call);
        if (item->kind != TRASH_KEYS) continue;
        struct dict_walk walk;
        dict_walk_begin(&walk, &item->keys);
        struct dict_entry *link;
        while ((link = dict_walk_next(&walk)) != NULL) {
            const struct entry *entry = entry_of(link);
            each_of_value((enum value_type)entry->type, &entry->value, &call);
        }
    }
}
