// A piece of a stream: up to 184 entries in five arrays (payload words, ms, seq, hashes, tails),
// 22 bytes each. Ids are held as differences: 32 bits of ms from the chunk's base, 32 bits of seq
// whose upper half the chunk's entries share. Entries lie in a row that may begin anywhere in the
// arrays, so that taking the first one moves nothing.
//
// Always true: start + count <= cap; ids ascend; a chunk in a stream is not empty.
#ifndef ACKD_STORAGE_DATA_STREAM_CHUNK_H
#define ACKD_STORAGE_DATA_STREAM_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/blob.h"
#include "storage/data/stream.h"

struct stream_chunk {
    struct stream_chunk *prev;
    struct stream_chunk *next;
    uint64_t base_ms;
    uint32_t seq_high;
    uint16_t start;
    uint16_t count;
    uint16_t cap;
    uint64_t words[]; // cap words, then cap ms, cap seqs, cap hashes, cap tails
};

enum {
    STREAM_CHUNK_ENTRY_BYTES = BLOB_PACKED_BYTES + 8,
    STREAM_CHUNK_CAP = (4096 - 40) / STREAM_CHUNK_ENTRY_BYTES, // 184
};

// An empty chunk for entries from `first` on, of the smallest size that holds `count`.
struct stream_chunk *stream_chunk_new(struct stream_id first, size_t count);
// Whether an entry with that id can stand in the chunk, behind the others.
bool stream_chunk_takes(const struct stream_chunk *chunk, struct stream_id id);
struct stream_id stream_chunk_id(const struct stream_chunk *chunk, size_t at);
struct stream_entry stream_chunk_get(const struct stream_chunk *chunk, size_t at);
void stream_chunk_push(struct stream_chunk *chunk, const struct stream_entry *entry); // has room
// The entry keeps its id and its node; gives the old payload.
struct blob stream_chunk_replace(struct stream_chunk *chunk, size_t at, const struct blob *payload);
void stream_chunk_remove(struct stream_chunk *chunk, size_t at);
void stream_chunk_mark(struct stream_chunk *chunk, size_t at); // the entry begins a node
// The first entry whose id is >= `id`; count when none is.
size_t stream_chunk_find(const struct stream_chunk *chunk, struct stream_id id);

// Takes up to `count` entries from the beginning of the chunk behind it, as many as it has room for
// and can hold; says how many. The next one may be empty afterwards.
size_t stream_chunk_pull(struct stream_chunk *chunk, struct stream_chunk *next, size_t count);

// The same entries, in a chunk of the smallest size, without neighbours. HEAP payloads are those of
// the original still: whoever keeps the copy longer replaces them.
struct stream_chunk *stream_chunk_copy(const struct stream_chunk *chunk);

// Room for one more at the end, without another chunk: slides or says no.
bool stream_chunk_make_room(struct stream_chunk *chunk);
// The smallest size that holds so many.
size_t stream_chunk_cap_for(size_t count);
// The size the chunk should have: greater when it is full, smaller when little is left in it.
size_t stream_chunk_better_cap(const struct stream_chunk *chunk);
// The same entries in a chunk of that size; the old one is freed. Neighbours are told.
struct stream_chunk *stream_chunk_resize(struct stream_chunk *chunk, size_t cap);

#endif
