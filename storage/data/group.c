#include "storage/data/group.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/group_state.h"

// What by_time is ordered by.
struct time_key {
    bool is_delivered; // nacked ones come first
    int64_t order;
    struct stream_id id;
};

// ---- order

static uint32_t handle_of(const void *element) {
    uint32_t handle;
    memcpy(&handle, element, sizeof handle);
    return handle;
}

static struct pending_record record_of(const struct group *group, const void *element) {
    return pending_pool_get(&group->pool, handle_of(element));
}

static struct stream_id id_of(const struct group *group, const void *element) {
    return pending_pool_id(&group->pool, handle_of(element));
}

static int compare_ids(const void *context, const void *element, const void *key) {
    const struct stream_id *id = key;
    return stream_id_compare(id_of(context, element), *id);
}

static struct time_key time_key(const struct pending_record *record) {
    return (struct time_key){
        .is_delivered = record->consumer != GROUP_NOBODY, .order = record->order, .id = record->id};
}

static int compare_times(const void *context, const void *element, const void *key) {
    const struct pending_record record = record_of(context, element);
    const struct time_key a = time_key(&record);
    const struct time_key *b = key;
    if (a.is_delivered != b->is_delivered) return a.is_delivered ? 1 : -1;
    if (a.order != b->order) return a.order < b->order ? -1 : 1;
    return stream_id_compare(a.id, b->id);
}

static struct consumer *consumer_of(const void *element) {
    return tree_pointer(element);
}

static int compare_names(const void *context, const void *element, const void *key) {
    (void)context;
    const struct slice *name = key;
    return slice_compare(consumer_name(consumer_of(element)), *name);
}

static struct tree handles_by(int (*compare)(const void *, const void *, const void *)) {
    return (struct tree){.compare = compare, .element_bytes = sizeof(uint32_t)};
}

// ---- life

struct group *group_new(struct slice name) {
    struct group *group = mem_alloc(sizeof *group + name.len);
    *group = (struct group){
        .entries_read = GROUP_ENTRIES_UNKNOWN,
        .by_id = handles_by(compare_ids),
        .by_time = handles_by(compare_times),
        .consumers = {.compare = compare_names, .element_bytes = sizeof(struct consumer *)},
        .name_len = (uint32_t)name.len};
    if (name.len > 0) memcpy(group->name, name.data, name.len);
    return group;
}

size_t group_drain(struct group *group, size_t steps) {
    group_drop_runs(group);
    for (; group->index_cap > 0 && steps > 0; steps--) {
        struct consumer *consumer = group->by_index[group->index_cap - 1];
        if (consumer != NULL) steps = tree_drain(&consumer->by_id, steps);
        if (steps == 0) return 0;
        mem_free(consumer);
        group->index_cap--;
    }
    steps = tree_drain(&group->consumers, steps);
    steps = tree_drain(&group->by_id, steps);
    steps = tree_drain(&group->by_time, steps);
    return pending_pool_drain(&group->pool, steps);
}

void group_free(struct group *group) {
    if (group == NULL) return;
    group_drain(group, SIZE_MAX);
    mem_free(group->by_index);
    mem_free(group);
}

size_t group_weight(const struct group *group) {
    return 1 + group->index_cap + group_pending_count(group);
}

size_t group_memory(const struct group *group) {
    size_t bytes = mem_usable(group) + pending_pool_memory(&group->pool) +
                   tree_memory(&group->by_id) + tree_memory(&group->by_time) +
                   tree_memory(&group->consumers);
    if (group->runs != NULL) bytes += mem_usable(group->runs);
    if (group->by_index == NULL) return bytes;
    bytes += mem_usable(group->by_index);
    for (uint32_t i = 0; i < group->index_cap; i++) {
        const struct consumer *consumer = group->by_index[i];
        if (consumer != NULL) bytes += mem_usable(consumer) + tree_memory(&consumer->by_id);
    }
    return bytes;
}

// ---- reading

struct slice group_name(const struct group *group) {
    return slice_of(group->name, group->name_len);
}

struct stream_id group_last_id(const struct group *group) {
    return group->last_id;
}

int64_t group_entries_read(const struct group *group) {
    return group->entries_read;
}

size_t group_pending_count(const struct group *group) {
    return tree_count(&group->by_id) + group->unlisted;
}

size_t group_nacked_count(const struct group *group) {
    return group->nacked;
}

size_t group_idle_count(const struct group *group, int64_t at_ms) {
    if (at_ms == INT64_MAX) return group_pending_count(group);
    group_list_all(group);
    const struct time_key behind = {.is_delivered = true, .order = at_ms + 1};
    return tree_rank(&group->by_time, group, &behind);
}

static void show(const struct group *group, const void *element, struct pending *out) {
    const struct pending_record record = record_of(group, element);
    const bool is_nacked = record.consumer == GROUP_NOBODY;
    *out = (struct pending){.id = record.id,
                            .consumer = is_nacked ? NULL : group->by_index[record.consumer],
                            .delivered_ms = is_nacked ? 0 : record.order,
                            .deliveries =
                                record.deliveries == UINT32_MAX ? INT64_MAX : record.deliveries};
}

bool group_find(const struct group *group, struct stream_id id, struct pending *out) {
    group_list_until(group, id);
    const void *element = tree_find(&group->by_id, group, &id);
    if (element == NULL) return false;
    if (out != NULL) show(group, element, out);
    return true;
}

size_t group_consumer_count(const struct group *group) {
    return tree_count(&group->consumers);
}

const struct consumer *group_consumer_at(const struct group *group, size_t rank) {
    const struct tree_cursor cursor = tree_at(&group->consumers, rank);
    return consumer_of(tree_get(&group->consumers, &cursor));
}

struct consumer *group_consumer_for_change(const struct group *group, struct slice name) {
    const void *element = tree_find(&group->consumers, NULL, &name);
    return element == NULL ? NULL : consumer_of(element);
}

const struct consumer *group_consumer(const struct group *group, struct slice name) {
    return group_consumer_for_change(group, name);
}

struct slice consumer_name(const struct consumer *consumer) {
    return slice_of(consumer->name, consumer->name_len);
}

size_t consumer_pending_count(const struct consumer *consumer) {
    return tree_count(&consumer->by_id) + consumer->unlisted;
}

int64_t consumer_seen_ms(const struct consumer *consumer) {
    return consumer->seen_ms;
}

int64_t consumer_active_ms(const struct consumer *consumer) {
    return consumer->active_ms;
}

// ---- walking

struct pending_cursor group_seek(const struct group *group, struct stream_id id) {
    group_list_all(group);
    return (struct pending_cursor){
        .group = group, .tree = &group->by_id, .at = tree_seek(&group->by_id, group, &id)};
}

struct pending_cursor consumer_seek(const struct consumer *consumer, struct stream_id id) {
    group_list_all(consumer->group);
    return (struct pending_cursor){.group = consumer->group,
                                   .tree = &consumer->by_id,
                                   .at = tree_seek(&consumer->by_id, consumer->group, &id)};
}

struct pending_cursor group_by_time(const struct group *group) {
    group_list_all(group);
    return (struct pending_cursor){
        .group = group, .tree = &group->by_time, .at = tree_at(&group->by_time, 0)};
}

bool pending_next(struct pending_cursor *cursor, struct pending *out) {
    const void *element = tree_get(cursor->tree, &cursor->at);
    if (element == NULL) return false;
    show(cursor->group, element, out);
    tree_step(&cursor->at);
    return true;
}

bool group_last_pending(const struct group *group, struct pending *out) {
    group_list_all(group);
    const void *element = tree_last(&group->by_id);
    if (element == NULL) return false;
    show(group, element, out);
    return true;
}

// ---- changing

void group_set_id(struct group *group, struct stream_id last_id, int64_t entries_read) {
    group->last_id = last_id;
    group->entries_read = entries_read;
}

// A free place in by_index.
static uint32_t take_index(struct group *group) {
    const uint32_t used = (uint32_t)group_consumer_count(group);
    if (used == group->index_cap) {
        const uint32_t cap = (uint32_t)num_max(4, (size_t)group->index_cap * 2);
        group->by_index = mem_realloc(group->by_index, cap * sizeof(struct consumer *));
        for (uint32_t i = group->index_cap; i < cap; i++) {
            group->by_index[i] = NULL;
        }
        group->index_cap = cap;
    }
    // As many are used as there are consumers: usually the first places are.
    uint32_t index = used;
    while (group->by_index[index] != NULL)
        index = index + 1 == group->index_cap ? 0 : index + 1;
    return index;
}

struct consumer *group_add_consumer(struct group *group, struct slice name) {
    struct consumer *consumer = mem_alloc(sizeof *consumer + name.len);
    *consumer = (struct consumer){.group = group,
                                  .by_id = handles_by(compare_ids),
                                  .active_ms = CONSUMER_NEVER_ACTIVE,
                                  .index = take_index(group),
                                  .name_len = (uint32_t)name.len};
    if (name.len > 0) memcpy(consumer->name, name.data, name.len);
    must(tree_insert(&group->consumers, NULL, &name, &consumer));
    group->by_index[consumer->index] = consumer;
    return consumer;
}

void consumer_set_times(struct consumer *consumer, int64_t seen_ms, int64_t active_ms) {
    consumer->seen_ms = seen_ms;
    consumer->active_ms = active_ms;
}

static uint32_t counted(int64_t deliveries) {
    if (deliveries == INT64_MAX) return UINT32_MAX;
    if (deliveries < 0) return 0;
    return deliveries >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)deliveries;
}

// In and out of the two indexes that depend on more than the id.
static void hang_up(struct group *group, uint32_t handle, const struct pending_record *record) {
    const struct time_key key = time_key(record);
    must(tree_insert(&group->by_time, group, &key, &handle));
    if (record->consumer == GROUP_NOBODY) {
        group->nacked++;
        return;
    }
    struct tree *tree = &group->by_index[record->consumer]->by_id;
    must(tree_insert(tree, group, &record->id, &handle));
}

static void take_down(struct group *group, const struct pending_record *record) {
    const struct time_key key = time_key(record);
    must(tree_remove(&group->by_time, group, &key, NULL));
    if (record->consumer == GROUP_NOBODY) {
        group->nacked--;
        return;
    }
    must(tree_remove(&group->by_index[record->consumer]->by_id, group, &record->id, NULL));
}

// The record has been copied to another handle: the indexes learn of it.
static void rehang(struct group *group, uint32_t handle) {
    const struct pending_record record = pending_pool_get(&group->pool, handle);
    const struct time_key key = time_key(&record);
    tree_replace(&group->by_id, group, &record.id, &handle);
    tree_replace(&group->by_time, group, &key, &handle);
    if (record.consumer == GROUP_NOBODY) return;
    tree_replace(&group->by_index[record.consumer]->by_id, group, &record.id, &handle);
}

static void give(struct group *group, uint32_t handle) {
    uint32_t from;
    uint32_t to;
    pending_pool_give(&group->pool, handle);
    for (int i = 0; i < PENDING_MOVES_MAX; i++) {
        if (!pending_pool_move(&group->pool, handle, &from, &to)) return;
        rehang(group, to);
        pending_pool_give(&group->pool, from);
    }
}

static struct pending_record record_from(struct group *group, const struct consumer *consumer,
                                         const struct pending *pending) {
    return (struct pending_record){.id = pending->id,
                                   .order = consumer == NULL ? group->nack_next++
                                                             : pending->delivered_ms,
                                   .consumer = consumer == NULL ? GROUP_NOBODY : consumer->index,
                                   .deliveries = counted(pending->deliveries)};
}

void group_put(struct group *group, struct consumer *consumer, const struct pending *pending) {
    group_list_until(group, pending->id);
    const struct pending_record changed = record_from(group, consumer, pending);
    const void *element = tree_find(&group->by_id, group, &pending->id);
    if (element == NULL) {
        const uint32_t handle = pending_pool_take(&group->pool, &changed);
        must(tree_insert(&group->by_id, group, &changed.id, &handle));
        hang_up(group, handle, &changed);
        return;
    }
    const uint32_t handle = handle_of(element);
    const struct pending_record before = pending_pool_get(&group->pool, handle);
    take_down(group, &before);
    if (pending_pool_set(&group->pool, handle, &changed)) {
        hang_up(group, handle, &changed);
        return;
    }
    const uint32_t other = pending_pool_take(&group->pool, &changed); // of the other width
    tree_replace(&group->by_id, group, &changed.id, &other);
    hang_up(group, other, &changed);
    give(group, handle);
}

bool group_comes_last(const struct group *group, struct stream_id id, int64_t delivered_ms) {
    const void *last = tree_last(&group->by_id);
    if (last == NULL) return true;
    const struct time_key key = {.is_delivered = true, .order = delivered_ms, .id = id};
    return compare_ids(group, last, &id) < 0 &&
           compare_times(group, tree_last(&group->by_time), &key) < 0;
}

void group_put_row(struct group *group, struct consumer *consumer, const struct stream_id *ids,
                   size_t count, int64_t delivered_ms) {
    struct pending_record records[GROUP_ROW_MAX];
    uint32_t handles[GROUP_ROW_MAX];
    must(count <= GROUP_ROW_MAX);
    if (count == 0) return;
    const bool is_behind = group_comes_last(group, ids[0], delivered_ms);
    for (size_t i = 0; i < count; i++) {
        const struct pending pending = {
            .id = ids[i], .delivered_ms = delivered_ms, .deliveries = 1};
        if (is_behind) {
            records[i] = record_from(group, consumer, &pending);
        } else {
            group_put(group, consumer, &pending);
        }
    }
    if (!is_behind) return;
    pending_pool_take_row(&group->pool, records, count, handles);
    tree_append_row(&group->by_id, handles, count);
    tree_append_row(&group->by_time, handles, count);
    tree_append_row(&consumer->by_id, handles, count);
}

bool group_remove(struct group *group, struct stream_id id) {
    uint32_t handle;
    group_list_until(group, id);
    if (!tree_remove(&group->by_id, group, &id, &handle)) return false;
    const struct pending_record record = pending_pool_get(&group->pool, handle);
    take_down(group, &record);
    give(group, handle);
    return true;
}

// ---- checking

static bool ids_ascend(const void *context, const void *a, const void *b) {
    const struct stream_id id = id_of(context, b);
    return compare_ids(context, a, &id) < 0;
}

static bool times_ascend(const void *context, const void *a, const void *b) {
    const struct pending_record record = record_of(context, b);
    const struct time_key key = time_key(&record);
    return compare_times(context, a, &key) < 0;
}

static bool names_ascend(const void *context, const void *a, const void *b) {
    const struct slice name = consumer_name(consumer_of(b));
    return compare_names(context, a, &name) < 0;
}

void group_check(const struct group *group) {
    tree_check(&group->by_id, ids_ascend, group);
    tree_check(&group->by_time, times_ascend, group);
    tree_check(&group->consumers, names_ascend, group);
    must(pending_pool_check(&group->pool) == tree_count(&group->by_id));
    must(tree_count(&group->by_time) == tree_count(&group->by_id));
    group_check_runs(group);
    size_t owned = 0;
    size_t consumers = 0;
    for (uint32_t i = 0; i < group->index_cap; i++) {
        const struct consumer *consumer = group->by_index[i];
        if (consumer == NULL) continue;
        must(consumer->index == i && consumer->group == group);
        must(group_consumer(group, consumer_name(consumer)) == consumer);
        tree_check(&consumer->by_id, ids_ascend, group);
        struct tree_cursor cursor = tree_at(&consumer->by_id, 0);
        const void *element;
        for (; (element = tree_get(&consumer->by_id, &cursor)) != NULL; tree_step(&cursor))
            must(record_of(group, element).consumer == i);
        owned += tree_count(&consumer->by_id);
        consumers++;
    }
    must(consumers == group_consumer_count(group));
    must(owned + group->nacked == tree_count(&group->by_id));
}
