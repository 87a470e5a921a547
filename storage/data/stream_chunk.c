#include "storage/data/stream_chunk.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum { BEGINS_NODE = BLOB_TAIL_SPARE };

// Each fills an allocator's size class.
static const uint16_t caps[] = {4, 12, 27, 56, 114, STREAM_CHUNK_CAP};
enum { CAPS = sizeof caps / sizeof caps[0] };

_Static_assert(sizeof(struct stream_chunk) == 40, "what the caps are counted with");

// The columns may be written to by whoever may write to the chunk: its const says who only looks.
static uint32_t *ms_of(const struct stream_chunk *chunk) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
    return (uint32_t *)(uintptr_t)(chunk->words + chunk->cap);
}

static uint32_t *seqs_of(const struct stream_chunk *chunk) {
    return ms_of(chunk) + chunk->cap;
}

static uint32_t *hashes_of(const struct stream_chunk *chunk) {
    return seqs_of(chunk) + chunk->cap;
}

static uint16_t *tails_of(const struct stream_chunk *chunk) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as above
    return (uint16_t *)(uintptr_t)(hashes_of(chunk) + chunk->cap);
}

static struct stream_chunk *chunk_of_cap(size_t cap, uint64_t base_ms, uint32_t seq_high) {
    struct stream_chunk *chunk = mem_alloc(sizeof *chunk + cap * STREAM_CHUNK_ENTRY_BYTES);
    *chunk = (struct stream_chunk){.base_ms = base_ms, .seq_high = seq_high, .cap = (uint16_t)cap};
    return chunk;
}

size_t stream_chunk_cap_for(size_t count) {
    size_t i = 0;
    while (i < CAPS - 1 && caps[i] < count)
        i++;
    return caps[i];
}

struct stream_chunk *stream_chunk_new(struct stream_id first, size_t count) {
    return chunk_of_cap(stream_chunk_cap_for(count), first.ms, (uint32_t)(first.seq >> 32));
}

bool stream_chunk_takes(const struct stream_chunk *chunk, struct stream_id id) {
    return id.ms - chunk->base_ms <= UINT32_MAX && id.seq >> 32 == chunk->seq_high;
}

struct stream_id stream_chunk_id(const struct stream_chunk *chunk, size_t at) {
    const size_t place = chunk->start + at;
    return (struct stream_id){.ms = chunk->base_ms + ms_of(chunk)[place],
                              .seq = (uint64_t)chunk->seq_high << 32 | seqs_of(chunk)[place]};
}

struct stream_entry stream_chunk_get(const struct stream_chunk *chunk, size_t at) {
    const size_t place = chunk->start + at;
    const unsigned tail = tails_of(chunk)[place];
    return (struct stream_entry){.id = stream_chunk_id(chunk, at),
                                 .payload = {.word = chunk->words[place],
                                             .hash = hashes_of(chunk)[place],
                                             .tail = (uint16_t)(tail & ~(unsigned)BEGINS_NODE)},
                                 .begins_node = (tail & BEGINS_NODE) != 0};
}

void stream_chunk_push(struct stream_chunk *chunk, const struct stream_entry *entry) {
    const size_t place = (size_t)chunk->start + chunk->count;
    must(place < chunk->cap && stream_chunk_takes(chunk, entry->id));
    must((entry->payload.tail & BEGINS_NODE) == 0);
    chunk->words[place] = entry->payload.word;
    ms_of(chunk)[place] = (uint32_t)(entry->id.ms - chunk->base_ms);
    seqs_of(chunk)[place] = (uint32_t)entry->id.seq;
    hashes_of(chunk)[place] = entry->payload.hash;
    tails_of(chunk)[place] =
        (uint16_t)(entry->payload.tail | (entry->begins_node ? (unsigned)BEGINS_NODE : 0));
    chunk->count++;
}

struct blob stream_chunk_replace(struct stream_chunk *chunk, size_t at,
                                 const struct blob *payload) {
    must(at < chunk->count && (payload->tail & BEGINS_NODE) == 0);
    const struct blob old = stream_chunk_get(chunk, at).payload;
    const size_t place = chunk->start + at;
    uint16_t *tail = &tails_of(chunk)[place];
    chunk->words[place] = payload->word;
    hashes_of(chunk)[place] = payload->hash;
    *tail = (uint16_t)((*tail & (unsigned)BEGINS_NODE) | payload->tail);
    return old;
}

// Copies entries [at, at + count) of one to a place of another, or of the same.
static void copy_row(struct stream_chunk *to, size_t place, const struct stream_chunk *from,
                     size_t at, size_t count) {
    const size_t source = from->start + at;
    memmove(to->words + place, from->words + source, count * sizeof(uint64_t));
    memmove(ms_of(to) + place, ms_of(from) + source, count * sizeof(uint32_t));
    memmove(seqs_of(to) + place, seqs_of(from) + source, count * sizeof(uint32_t));
    memmove(hashes_of(to) + place, hashes_of(from) + source, count * sizeof(uint32_t));
    memmove(tails_of(to) + place, tails_of(from) + source, count * sizeof(uint16_t));
}

static void slide(struct stream_chunk *chunk) {
    copy_row(chunk, 0, chunk, 0, chunk->count);
    chunk->start = 0;
}

void stream_chunk_remove(struct stream_chunk *chunk, size_t at) {
    must(at < chunk->count);
    chunk->count--;
    if (at == 0) {
        chunk->start++;
    } else {
        copy_row(chunk, chunk->start + at, chunk, at + 1, chunk->count - at);
    }
}

// How many of the next one's first entries this chunk's ids can express.
static size_t takes_how_many(const struct stream_chunk *chunk, const struct stream_chunk *next,
                             size_t count) {
    while (count > 0 && !stream_chunk_takes(chunk, stream_chunk_id(next, count - 1)))
        count--;
    return count;
}

size_t stream_chunk_pull(struct stream_chunk *chunk, struct stream_chunk *next, size_t count) {
    count = num_min(count, num_min((size_t)chunk->cap - chunk->count, next->count));
    count = takes_how_many(chunk, next, count);
    if (count == 0) return 0;
    if (chunk->start + chunk->count + count > chunk->cap) slide(chunk);
    const size_t place = (size_t)chunk->start + chunk->count;
    copy_row(chunk, place, next, 0, count);
    const uint32_t later_ms = (uint32_t)(next->base_ms - chunk->base_ms);
    for (size_t i = 0; i < count; i++) {
        ms_of(chunk)[place + i] += later_ms;
    }
    chunk->count = (uint16_t)(chunk->count + count);
    next->start = (uint16_t)(next->start + count);
    next->count = (uint16_t)(next->count - count);
    return count;
}

void stream_chunk_mark(struct stream_chunk *chunk, size_t at) {
    uint16_t *tail = &tails_of(chunk)[chunk->start + at];
    *tail = (uint16_t)(*tail | (unsigned)BEGINS_NODE);
}

size_t stream_chunk_find(const struct stream_chunk *chunk, struct stream_id id) {
    size_t low = 0;
    size_t high = chunk->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (stream_id_compare(stream_chunk_id(chunk, middle), id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct stream_chunk *stream_chunk_copy(const struct stream_chunk *chunk) {
    const size_t cap = stream_chunk_cap_for(chunk->count);
    struct stream_chunk *fresh = chunk_of_cap(cap, chunk->base_ms, chunk->seq_high);
    copy_row(fresh, 0, chunk, 0, chunk->count);
    fresh->count = chunk->count;
    return fresh;
}

bool stream_chunk_make_room(struct stream_chunk *chunk) {
    if (chunk->start + chunk->count < chunk->cap) return true;
    // Sliding is worth it only when it makes room for many.
    if (chunk->count > chunk->cap / 2) return false;
    slide(chunk);
    return true;
}

size_t stream_chunk_better_cap(const struct stream_chunk *chunk) {
    size_t i = 0;
    while (caps[i] < chunk->cap)
        i++;
    if (i > 0 && chunk->count <= caps[i - 1] / 4 * 3) return caps[i - 1];
    if (i < CAPS - 1 && chunk->count == chunk->cap) return caps[i + 1];
    return chunk->cap;
}

struct stream_chunk *stream_chunk_resize(struct stream_chunk *chunk, size_t cap) {
    must(cap >= chunk->count);
    struct stream_chunk *fresh = chunk_of_cap(cap, chunk->base_ms, chunk->seq_high);
    copy_row(fresh, 0, chunk, 0, chunk->count);
    fresh->count = chunk->count;
    fresh->prev = chunk->prev;
    fresh->next = chunk->next;
    if (fresh->prev != NULL) fresh->prev->next = fresh;
    if (fresh->next != NULL) fresh->next->prev = fresh;
    mem_free(chunk);
    return fresh;
}
