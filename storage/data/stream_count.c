// How many entries a range has; what a trim takes, by Redis' rules; and stream_check.
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/data/stream_state.h"

// ---- ranges

struct stream_cursor stream_range_begin(const struct stream *stream,
                                        const struct stream_range *range) {
    return range->is_backward ? stream_seek_behind(stream, range->to)
                              : stream_seek(stream, range->from);
}

// Entries from one place to another, which is not before it; `max` at most.
static size_t count_forward(struct stream_cursor from, const struct stream_cursor *to, size_t max) {
    size_t count = 0;
    for (; from.chunk != to->chunk && count < max; from.at = 0) {
        count += from.chunk->count - from.at;
        from.chunk = from.chunk->next;
    }
    if (from.chunk == to->chunk) count += to->at - from.at;
    return num_min(count, max);
}

static size_t count_backward(struct stream_cursor from, const struct stream_cursor *to,
                             size_t max) {
    size_t count = 0;
    while (from.chunk != to->chunk && count < max) {
        count += from.at;
        from.chunk = from.chunk == NULL ? from.stream->tail : from.chunk->prev;
        from.at = from.chunk->count;
    }
    if (from.chunk == to->chunk) count += from.at - to->at;
    return num_min(count, max);
}

size_t stream_range_count(const struct stream *stream, const struct stream_range *range) {
    const size_t max = range->max < stream->len ? (size_t)range->max : stream->len;
    if (max == 0 || stream_id_compare(range->from, range->to) > 0) return 0;
    const struct stream_cursor low = stream_seek(stream, range->from);
    const struct stream_cursor high = stream_seek_behind(stream, range->to);
    if (low.chunk == stream->head && low.at == 0 && high.chunk == NULL) return max; // all of it
    return range->is_backward ? count_backward(high, &low, max) : count_forward(low, &high, max);
}

// ---- trimming

// Walks to the end of the node that begins at the cursor: how many entries, and the last id.
static size_t take_node(struct stream_cursor *cursor, struct stream_id *last) {
    size_t entries = 0;
    struct stream_entry entry;
    struct stream_cursor ahead = *cursor;
    while (stream_next(&ahead, &entry) && (entries == 0 || !entry.begins_node)) {
        entries++;
        *last = entry.id;
        *cursor = ahead;
    }
    return entries;
}

static size_t trim_exactly(const struct stream *stream, const struct stream_trim *trim) {
    if (!trim->by_id) {
        return stream->len > trim->max_len ? stream->len - (size_t)trim->max_len : 0;
    }
    struct stream_range range = {.to = trim->min_id, .max = UINT64_MAX};
    return stream_id_decrement(&range.to) ? stream_range_count(stream, &range) : 0;
}

size_t stream_trim_count(const struct stream *stream, const struct stream_trim *trim) {
    if (!trim->is_approximate) return trim_exactly(stream, trim);
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    size_t gone = 0;
    while (gone < stream->len) {
        if (!trim->by_id && stream->len - gone <= trim->max_len) break;
        struct stream_id last = STREAM_ID_MIN;
        const size_t entries = take_node(&cursor, &last);
        if (trim->limit > 0 && gone + entries > trim->limit) break;
        const bool goes = trim->by_id ? stream_id_compare(last, trim->min_id) < 0
                                      : stream->len - gone - entries >= trim->max_len;
        if (!goes) break;
        gone += entries;
    }
    return gone;
}

// ---- checking

void stream_check(const struct stream *stream) {
    size_t len = 0;
    size_t nodes = 0;
    size_t chunks = 0;
    size_t slots = 0;
    bool has_packing = stream->packing == NULL;
    struct stream_id before = STREAM_ID_MIN;
    const struct stream_chunk *last = NULL;
    for (const struct stream_chunk *chunk = stream->head; chunk != NULL; chunk = chunk->next) {
        must(chunk->count > 0 && chunk->start + chunk->count <= chunk->cap);
        must(chunk->prev == last);
        for (size_t i = 0; i < chunk->count; i++) {
            const struct stream_entry entry = stream_chunk_get(chunk, i);
            must(stream_id_compare(before, entry.id) < 0);
            must(len > 0 || entry.begins_node);
            before = entry.id;
            nodes += entry.begins_node;
            len++;
        }
        const struct stream_id last_id = stream_chunk_id(chunk, chunk->count - 1u);
        must(tree_find(&stream->chunks, NULL, &last_id) != NULL);
        last = chunk;
        slots += chunk->cap;
        has_packing = has_packing || chunk == stream->packing;
        chunks++;
    }
    must(stream->tail == last && len == stream->len && nodes == stream->nodes);
    must(chunks == tree_count(&stream->chunks) && slots == stream->slots && has_packing);
    must(stream_id_compare(before, stream->last_id) <= 0);
    must(len > 0 || stream->node_added == 0);
    tree_check(&stream->chunks, NULL, NULL);
    tree_check(&stream->groups, NULL, NULL);
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        const struct group *group = stream_group_at(stream, i);
        must(stream_group(stream, group_name(group)) == group);
        group_check(group);
    }
    if (stream->idmp != NULL) idmp_check(stream->idmp);
}
