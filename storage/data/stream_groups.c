// What hangs on a stream beside its entries: consumer groups, what they have read and have yet to
// read (Redis' rules), idempotent producers.
#include "proto/base/must.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/data/stream_state.h"

static struct group *group_of(const void *element) {
    return tree_pointer(element);
}

// ---- groups

size_t stream_group_count(const struct stream *stream) {
    return tree_count(&stream->groups);
}

const struct group *stream_group_at(const struct stream *stream, size_t rank) {
    const struct tree_cursor cursor = tree_at(&stream->groups, rank);
    return group_of(tree_get(&stream->groups, &cursor));
}

struct group *stream_group_for_change(const struct stream *stream, struct slice name) {
    const void *element = tree_find(&stream->groups, NULL, &name);
    return element == NULL ? NULL : group_of(element);
}

const struct group *stream_group(const struct stream *stream, struct slice name) {
    return stream_group_for_change(stream, name);
}

struct group *stream_add_group(struct stream *stream, struct slice name) {
    struct group *group = group_new(name);
    must(tree_insert(&stream->groups, NULL, &name, &group));
    return group;
}

void stream_take_group(struct stream *stream, struct group *group) {
    const struct slice name = group_name(group);
    must(tree_remove(&stream->groups, NULL, &name, NULL));
}

void stream_list_until(const struct stream *stream, struct stream_id id) {
    for (size_t i = 0; i < stream_group_count(stream); i++)
        group_list_until(stream_group_at(stream, i), id);
}

void stream_drop_runs(const struct stream *stream) {
    struct tree_cursor cursor = tree_at(&stream->groups, 0);
    const void *element;
    for (; (element = tree_get(&stream->groups, &cursor)) != NULL; tree_step(&cursor))
        group_drop_runs(group_of(element));
}

bool stream_is_referenced(const struct stream *stream, struct stream_id id) {
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        const struct group *group = stream_group_at(stream, i);
        if (stream_id_compare(group_last_id(group), id) < 0) return true;
        if (group_find(group, id, NULL)) return true;
    }
    return false;
}

// ---- counting what was read

// Whether an entry from `id` on may have been deleted: then counting on from there goes wrong.
static bool has_holes_from(const struct stream *stream, struct stream_id id) {
    if (stream->len == 0 || stream_id_is_zero(stream->max_deleted_id)) return false;
    if (stream_id_compare(stream_first_id(stream), stream->max_deleted_id) > 0) return false;
    return stream_id_compare(id, stream->max_deleted_id) <= 0;
}

int64_t stream_entries_until(const struct stream *stream, struct stream_id id) {
    const int64_t added = (int64_t)stream->entries_added;
    if (added == 0) return 0;
    const int to_last = stream_id_compare(id, stream->last_id);
    if (stream->len == 0 && to_last <= 0) return added;
    if (!stream_id_is_zero(id) && stream_id_compare(id, stream->max_deleted_id) < 0) {
        return GROUP_ENTRIES_UNKNOWN;
    }
    if (to_last == 0) return added;
    if (to_last > 0) return GROUP_ENTRIES_UNKNOWN;
    const struct stream_id first = stream_first_id(stream);
    if (!stream_id_is_zero(stream->max_deleted_id) &&
        stream_id_compare(stream->max_deleted_id, first) >= 0) {
        return GROUP_ENTRIES_UNKNOWN;
    }
    const int to_first = stream_id_compare(id, first);
    const int64_t before_first = added - (int64_t)stream->len;
    if (to_first > 0) return GROUP_ENTRIES_UNKNOWN;
    return to_first == 0 ? before_first + 1 : before_first;
}

void stream_read_on(const struct stream *stream, struct stream_id *last_id, int64_t *entries_read,
                    struct stream_id id) {
    if (stream_id_compare(id, *last_id) <= 0) return;
    if (*entries_read != GROUP_ENTRIES_UNKNOWN &&
        stream_id_compare(*last_id, stream_first_id(stream)) >= 0 &&
        !has_holes_from(stream, *last_id)) {
        // Where a client said that a group has read more than it has, it ends at what was added.
        if ((uint64_t)*entries_read < stream->entries_added) *entries_read += 1;
    } else if (stream->entries_added > 0) {
        *entries_read = stream_entries_until(stream, id);
    }
    *last_id = id;
}

// As stream_read_on of each, without looking at each. Once the count is known at an entry it goes
// on by one from each to the next, since nothing behind that entry was deleted. Where it is not,
// only the last entry of the stream can make it known again.
void stream_read_run(const struct stream *stream, struct stream_id *last_id, int64_t *entries_read,
                     const struct stream_run *run) {
    stream_read_on(stream, last_id, entries_read, run->first);
    if (run->count == 1) return;
    if (*entries_read == GROUP_ENTRIES_UNKNOWN || has_holes_from(stream, *last_id)) {
        stream_read_on(stream, last_id, entries_read, run->last);
        return;
    }
    const int64_t added = (int64_t)stream->entries_added;
    const int64_t more = (int64_t)run->count - 1;
    if (*entries_read < added)
        *entries_read = added - *entries_read < more ? added : *entries_read + more;
    *last_id = run->last;
}

int64_t stream_lag(const struct stream *stream, const struct group *group) {
    const int64_t added = (int64_t)stream->entries_added;
    if (added == 0) return 0;
    int64_t read = group_entries_read(group);
    if (read == GROUP_ENTRIES_UNKNOWN || has_holes_from(stream, group_last_id(group))) {
        read = stream_entries_until(stream, group_last_id(group));
    }
    return read == GROUP_ENTRIES_UNKNOWN ? GROUP_ENTRIES_UNKNOWN : added - read;
}

// ---- idempotent producers

struct idmp *stream_idmp_state(const struct stream *stream) {
    return stream->idmp;
}

struct idmp *stream_idmp_for_change(struct stream *stream) {
    if (stream->idmp == NULL) stream->idmp = idmp_new();
    return stream->idmp;
}

struct stream_idmp stream_idmp(const struct stream *stream) {
    const struct idmp *idmp = stream->idmp;
    if (idmp == NULL) {
        return (struct stream_idmp){.duration_s = STREAM_IDMP_DURATION_S,
                                    .max_size = STREAM_IDMP_MAXSIZE};
    }
    return (struct stream_idmp){.duration_s = idmp_duration_s(idmp),
                                .max_size = idmp_max_size(idmp),
                                .producers = idmp_producers(idmp),
                                .ids = idmp_ids(idmp),
                                .ids_added = idmp_ids_added(idmp),
                                .ids_duplicates = idmp_duplicates(idmp)};
}

bool stream_idmp_find(const struct stream *stream, struct slice producer, struct slice id,
                      int64_t now_ms, struct stream_id *out) {
    return stream->idmp != NULL && idmp_find(stream->idmp, producer, id, now_ms, out);
}
