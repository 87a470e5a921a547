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

void idle_collect(const struct group *group, int64_t since_ms, struct id_list *out) {
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    while (pending_next(&cursor, &pending)) {
        if (pending.consumer != NULL && pending.delivered_ms > since_ms) break;
        id_list_add(out, pending.id);
    }
    const size_t count = id_list_count(out);
    if (count > 1) qsort(id_list_items(out), count, sizeof(struct stream_id), compare_ids);
}
