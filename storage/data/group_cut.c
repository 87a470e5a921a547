// Removing a consumer with all that is pending at it.
//
// Few entries of many are removed one by one. Otherwise what stays is written anew, from one end to
// the other: that costs some steps of a row for each entry that stays, where removing one costs a
// search in three trees and the moving of records; and nothing at all when none stays.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/data/group_state.h"

enum {
    CUT_MIN = 2,    // fewer entries are removed one by one,
    CUT_SHARE = 16, // and those that are less than such a part of all
};

static uint32_t handle_of(const void *element) {
    uint32_t handle;
    memcpy(&handle, element, sizeof handle);
    return handle;
}

static void remove_each(struct group *group, const struct consumer *consumer) {
    const void *element;
    while ((element = tree_last(&consumer->by_id)) != NULL)
        must(group_remove(group, pending_pool_id(&group->pool, handle_of(element))));
}

// ---- what stays is written anew

// An empty tree of the same order.
static struct tree same_order(const struct tree *tree) {
    return (struct tree){.compare = tree->compare, .element_bytes = tree->element_bytes};
}

struct kept {
    struct pending_record records[GROUP_ROW_MAX];
    uint32_t old_handles[GROUP_ROW_MAX];
    size_t count;
};

// Into new places; the old ones are told where.
static void keep_row(struct pending_pool *old, struct pending_pool *fresh, struct tree *by_id,
                     struct kept *row) {
    uint32_t handles[GROUP_ROW_MAX];
    pending_pool_take_row(fresh, row->records, row->count, handles);
    tree_append_row(by_id, handles, row->count);
    for (size_t i = 0; i < row->count; i++)
        pending_pool_forward(old, row->old_handles[i], handles[i]);
    row->count = 0;
}

// Copies all records but the consumer's, by id.
static void copy_records(struct group *group, struct pending_pool *fresh, struct tree *by_id,
                         uint32_t gone) {
    struct kept row = {.count = 0};
    struct tree_cursor cursor = tree_at(&group->by_id, 0);
    const void *element;
    for (; (element = tree_get(&group->by_id, &cursor)) != NULL; tree_step(&cursor)) {
        const uint32_t handle = handle_of(element);
        const struct pending_record record = pending_pool_get(&group->pool, handle);
        if (record.consumer == gone) continue;
        row.records[row.count] = record;
        row.old_handles[row.count++] = handle;
        if (row.count == GROUP_ROW_MAX) keep_row(&group->pool, fresh, by_id, &row);
    }
    keep_row(&group->pool, fresh, by_id, &row);
}

// The tree's records but those of `gone`, at their new places and in the old order.
static struct tree copy_tree(const struct group *group, const struct tree *tree, uint32_t gone) {
    struct tree fresh = same_order(tree);
    uint32_t handles[GROUP_ROW_MAX];
    size_t count = 0;
    struct tree_cursor cursor = tree_at(tree, 0);
    const void *element;
    for (; (element = tree_get(tree, &cursor)) != NULL; tree_step(&cursor)) {
        const uint32_t handle = handle_of(element);
        if (pending_pool_consumer(&group->pool, handle) == gone) continue;
        handles[count++] = pending_pool_forwarded(&group->pool, handle);
        if (count < GROUP_ROW_MAX) continue;
        tree_append_row(&fresh, handles, count);
        count = 0;
    }
    tree_append_row(&fresh, handles, count);
    return fresh;
}

// The group has what is left; `husk` gets its old pool and trees, to be freed.
static void move_out(struct group *group, struct group *husk, uint32_t gone) {
    struct pending_pool pool = {0};
    struct tree by_id = same_order(&group->by_id);
    struct tree by_time = same_order(&group->by_time);
    const struct consumer *consumer = group->by_index[gone];
    if (tree_count(&consumer->by_id) < tree_count(&group->by_id)) {
        copy_records(group, &pool, &by_id, gone);
        by_time = copy_tree(group, &group->by_time, gone);
        for (uint32_t i = 0; i < group->index_cap; i++) {
            struct consumer *other = group->by_index[i];
            if (other == NULL || i == gone) continue;
            const struct tree fresh = copy_tree(group, &other->by_id, gone);
            tree_deinit(&other->by_id);
            other->by_id = fresh;
        }
    }
    husk->pool = group->pool;
    husk->by_id = group->by_id;
    husk->by_time = group->by_time;
    group->pool = pool;
    group->by_id = by_id;
    group->by_time = by_time;
}

// ---- the door

struct group *group_remove_consumer(struct group *group, struct consumer *consumer) {
    group_list_all(group);
    const size_t count = tree_count(&consumer->by_id);
    const struct slice name = consumer_name(consumer);
    struct group *husk = NULL;
    if (count < CUT_MIN || count < tree_count(&group->by_id) / CUT_SHARE) {
        remove_each(group, consumer);
    } else {
        husk = group_new(SLICE_EMPTY);
        move_out(group, husk, consumer->index);
    }
    must(tree_remove(&group->consumers, NULL, &name, NULL));
    group->by_index[consumer->index] = NULL;
    if (husk == NULL) {
        mem_free(consumer);
        return NULL;
    }
    husk->by_index = mem_alloc(sizeof(struct consumer *));
    husk->by_index[0] = consumer;
    husk->index_cap = 1;
    return husk;
}
