// Where a list has elements of a given hash and length: through the index, or by a scan over the
// hashes of each chunk.
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/list_state.h"

enum {
    INDEX_CANDIDATES_MAX = 64, // a hash in more chunks than this is found sooner by a scan
    STEPS_PER_CANDIDATE = CHUNK_FULL_CAP, // a chunk that the index names is scanned
};

// [range[0], range[1]) is the part of the list that is looked at.

static bool find_in_chunk(const struct chunk *chunk, const struct list_look *look,
                          size_t chunk_begin, const size_t range[2], size_t *index) {
    const size_t chunk_end = chunk_begin + chunk->node.count;
    if (range[1] <= chunk_begin || range[0] >= chunk_end) return false;
    const struct chunk_search part = {
        .hash = look->hash,
        .backward = look->backward,
        .len = look->len,
        .from = num_max(range[0], chunk_begin) - chunk_begin,
        .to = num_min(range[1], chunk_end) - chunk_begin,
    };
    const size_t at = chunk_find(chunk, &part);
    if (at == part.to) return false;
    *index = chunk_begin + at;
    return true;
}

// Finds through the index. False: the hash is in too many chunks, scan instead. *index stays as it
// is when there is none.
static bool find_indexed(const struct list *list, const struct list_look *look,
                         const size_t range[2], size_t *steps, size_t *index) {
    size_t open[2] = {range[0], range[1]}; // where something better may still be
    size_t step = 0;
    int candidates = 0;
    const struct chunk *chunk;
    while ((chunk = list_index_next(list->index, look->hash, &step)) != NULL) {
        if (++candidates > INDEX_CANDIDATES_MAX) return false;
        *steps -= num_min(*steps, STEPS_PER_CANDIDATE);
        if (!find_in_chunk(chunk, look, deque_rank(chunk), open, index)) continue;
        if (look->backward)
            open[0] = *index + 1;
        else
            open[1] = *index;
    }
    return true;
}

static void find_scanning(const struct list *list, const struct list_look *look,
                          const size_t range[2], size_t *index) {
    size_t at;
    const struct chunk *chunk =
        deque_locate(&list->deque, look->backward ? range[1] - 1 : range[0], &at);
    size_t begin = (look->backward ? range[1] - 1 : range[0]) - at;
    while (chunk != NULL && begin < range[1] && begin + chunk->node.count > range[0]) {
        if (find_in_chunk(chunk, look, begin, range, index)) return;
        if (look->backward) {
            chunk = chunk->prev;
            begin -= chunk == NULL ? 0 : chunk->node.count;
        } else {
            begin += chunk->node.count;
            chunk = chunk->next;
        }
    }
}

// All of one chunk, from the one at `first` on.
static size_t collect(const struct list *list, const struct list_look *look, const size_t range[2],
                      size_t first, struct list_match *out, size_t max) {
    size_t at;
    const struct chunk *chunk = deque_locate(&list->deque, first, &at);
    const size_t begin = first - at;
    struct chunk_search rest = {
        .hash = look->hash,
        .backward = look->backward,
        .len = look->len,
        .from = range[0] > begin ? range[0] - begin : 0,
        .to = num_min(range[1] - begin, chunk->node.count),
    };
    size_t count = 0;
    for (;;) {
        out[count++] = (struct list_match){.index = begin + at, .blob = chunk_get(chunk, at)};
        if (count == max) return count;
        if (look->backward)
            rest.to = at;
        else
            rest.from = at + 1;
        if (rest.from >= rest.to) return count;
        at = chunk_find(chunk, &rest);
        if (at == rest.to) return count;
    }
}

// The part that is still to be looked at; false: there is none.
static bool range_ahead(const struct list_look *look, size_t range[2]) {
    range[0] = look->backward ? look->end : look->at;
    range[1] = look->backward ? look->at : look->end;
    return range[0] < range[1];
}

// Scans at most *steps elements, and moves on over them unless one was found.
static bool scan(const struct list *list, struct list_look *look, size_t range[2], size_t *steps,
                 size_t *index) {
    if (range[1] - range[0] > *steps && look->backward) range[0] = range[1] - *steps;
    if (range[1] - range[0] > *steps) range[1] = range[0] + *steps;
    *index = SIZE_MAX;
    find_scanning(list, look, range, index);
    const bool is_found = *index != SIZE_MAX;
    if (!is_found) look->at = look->backward ? range[0] : range[1];
    size_t scanned = range[1] - range[0];
    if (is_found) scanned = look->backward ? range[1] - *index : *index + 1 - range[0];
    *steps -= scanned;
    return is_found;
}

size_t list_look(const struct list *list, struct list_look *look, size_t *steps,
                 struct list_match *out, size_t max) {
    size_t range[2];
    size_t found = SIZE_MAX;
    if (max == 0 || *steps == 0 || !range_ahead(look, range)) return 0;
    must(range[1] <= list->deque.len);
    look->scans = look->scans || !list_is_indexed(list);
    if (!look->scans && !find_indexed(list, look, range, steps, &found)) look->scans = true;
    if (look->scans && (*steps == 0 || !scan(list, look, range, steps, &found))) return 0;
    if (found == SIZE_MAX) {
        look->at = look->end;
        return 0;
    }
    const size_t count = collect(list, look, range, found, out, max);
    const size_t last = out[count - 1].index;
    look->at = look->backward ? last : last + 1;
    return count;
}

// ---- all at once

// The part of the list that is looked at; false: nothing.
static bool range_of(const struct list *list, const struct list_search *search, size_t from,
                     size_t range[2]) {
    const size_t len = list->deque.len;
    if (len == 0 || (from >= len && !search->backward)) return false;
    if (from >= len) from = len - 1;
    range[0] = from;
    range[1] = from + num_min(search->scanned_max, len - from);
    if (search->backward) {
        range[0] = from + 1 - num_min(search->scanned_max, from + 1);
        range[1] = from + 1;
    }
    return range[0] < range[1];
}

size_t list_find_many(const struct list *list, const struct list_search *search, size_t from,
                      struct list_match *out, size_t max) {
    size_t range[2];
    if (!range_of(list, search, from, range)) return 0;
    struct list_look look = {.len = search->len,
                             .hash = search->hash,
                             .backward = search->backward,
                             .at = range[search->backward ? 1 : 0],
                             .end = range[search->backward ? 0 : 1]};
    size_t steps = SIZE_MAX;
    return list_look(list, &look, &steps, out, max);
}

bool list_find(const struct list *list, const struct list_search *search, size_t from,
               size_t *index, struct blob *out) {
    struct list_match match;
    if (list_find_many(list, search, from, &match, 1) == 0) return false;
    *index = match.index;
    *out = match.blob;
    return true;
}
