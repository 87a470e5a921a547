// What a group has read and has still to read, by the rules of Redis: it counts entries only as
// long as nothing was deleted where it would have to look.
#include "tests/sim/workload/model_stream.h"

enum { UNKNOWN = -1 };

static struct model_id first_id(const struct model_stream *stream) {
    return stream->count == 0 ? MODEL_ID_MIN : stream->entries[0].id;
}

static bool is_zero(struct model_id id) {
    return model_id_compare(id, MODEL_ID_MIN) == 0;
}

// Whether something was deleted behind `id` (or there) that is not simply the stream's beginning.
static bool has_tombstones(const struct model_stream *stream, struct model_id id) {
    if (stream->count == 0 || is_zero(stream->max_deleted)) return false;
    if (model_id_compare(stream->max_deleted, first_id(stream)) < 0) return false;
    return model_id_compare(stream->max_deleted, id) >= 0;
}

// How many entries were added up to `id`.
static int64_t distance(const struct model_stream *stream, struct model_id id) {
    const int64_t added = (int64_t)stream->added;
    const int to_last = model_id_compare(id, stream->last_id);
    if (added == 0) return 0;
    if (stream->count == 0 && to_last <= 0) return added;
    if (!is_zero(id) && model_id_compare(id, stream->max_deleted) < 0) return UNKNOWN;
    if (to_last >= 0) return to_last == 0 ? added : UNKNOWN;
    const int to_first = model_id_compare(id, first_id(stream));
    const bool is_whole =
        is_zero(stream->max_deleted) || model_id_compare(stream->max_deleted, first_id(stream)) < 0;
    if (!is_whole || to_first > 0) return UNKNOWN;
    return added - (int64_t)stream->count + (to_first == 0);
}

int64_t model_lag(const struct model_stream *stream, const struct model_group *group) {
    if (stream->added == 0) return 0;
    int64_t read = group->entries_read;
    if (read == UNKNOWN || has_tombstones(stream, group->last_id))
        read = distance(stream, group->last_id);
    return read == UNKNOWN ? UNKNOWN : (int64_t)stream->added - read;
}

void model_read_on(const struct model_stream *stream, struct model_group *group,
                   struct model_id id) {
    if (model_id_compare(id, group->last_id) <= 0) return;
    if (group->entries_read != UNKNOWN && model_id_compare(group->last_id, first_id(stream)) >= 0 &&
        !has_tombstones(stream, group->last_id)) {
        if (group->entries_read < (int64_t)stream->added) group->entries_read++;
    } else if (stream->added > 0) {
        group->entries_read = distance(stream, id);
    }
    group->last_id = id;
}
