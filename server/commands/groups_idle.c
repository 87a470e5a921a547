#include "server/commands/groups_idle.h"

#include <stdlib.h>

#include "proto/base/num.h"

int64_t idle_since(int64_t now_ms, int64_t min_idle_ms) {
    return min_idle_ms >= now_ms ? 0 : now_ms - min_idle_ms;
}

bool idle_is_rare(const struct group *group, int64_t since_ms, uint64_t wanted) {
    const uint64_t idle = group_idle_count(group, since_ms);
    const uint64_t all = group_pending_count(group);
    if (idle == 0) return true;
    return idle <= wanted / idle * all + wanted % idle * all / idle && idle < all;
}

static int compare_ids(const void *a, const void *b) {
    return stream_id_compare(*(const struct stream_id *)a, *(const struct stream_id *)b);
}

// Moves the id at `at` down to where no id below it is greater: the greatest is the first.
static void sift_down(struct stream_id *ids, size_t count, size_t at) {
    const struct stream_id id = ids[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= count) break;
        if (child + 1 < count && stream_id_compare(ids[child], ids[child + 1]) < 0) child++;
        if (stream_id_compare(id, ids[child]) >= 0) break;
        ids[at] = ids[child];
        at = child;
    }
    ids[at] = id;
}

// The id takes the place of the greatest, if it is less. Most of many are not, so that what is not
// wanted costs one comparison and not its share of sorting everything.
static void replace_greatest(struct stream_id *ids, size_t count, struct stream_id id) {
    if (stream_id_compare(id, ids[0]) >= 0) return;
    ids[0] = id;
    sift_down(ids, count, 0);
}

void idle_collect(const struct group *group, int64_t since_ms, struct stream_id start,
                  uint64_t wanted, struct id_list *out) {
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    while (wanted > 0 && pending_next(&cursor, &pending)) {
        if (pending.consumer != NULL && pending.delivered_ms > since_ms) break;
        if (stream_id_compare(pending.id, start) < 0) continue;
        if (id_list_count(out) == wanted) {
            replace_greatest(id_list_items(out), wanted, pending.id);
            continue;
        }
        id_list_add(out, pending.id);
        if (id_list_count(out) < wanted) continue;
        for (size_t at = wanted / 2; at-- > 0;) {
            sift_down(id_list_items(out), wanted, at);
        }
    }
    const size_t count = id_list_count(out);
    if (count > 1) qsort(id_list_items(out), count, sizeof(struct stream_id), compare_ids);
}
