// An immutable string value: held inline (up to 9 bytes), on the heap, or as a reference to payload
// bytes in the log. 14 bytes when packed, which is what a list of ten million jobs costs per job.
//
// Always true: equal blobs have equal len and hash whatever their kind, with one exception: strings
// that were edited in place (blob_append, blob_write) carry no hash, because hashing ten megabytes
// for each appended byte would make APPEND quadratic; blob_hash computes it when somebody asks.
// Elements of lists and fields of hashes are never edited, so their `hash` is always right. A HEAP
// blob owns its block; a REF is counted in the keyspace's live bytes of its slot.
#ifndef ACKD_STORAGE_DATA_BLOB_H
#define ACKD_STORAGE_DATA_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/must.h"
#include "proto/base/slice.h"

enum {
    BLOB_INLINE_MAX = 9,
    BLOB_MEMORY_MAX = 64, // longer payloads live in the log and are referenced
    BLOB_PACKED_BYTES = 14,
    BLOB_LEN_MAX = (1 << 26) - 1,    // 64 MiB - 1: 26 bits
    BLOB_SLOT_MAX = (1 << 20) - 1,   // 20 bits
    BLOB_OFFSET_MAX = (1 << 26) - 8, // 23 bits of units of 8 bytes
    BLOB_TAIL_SPARE = 1 << 7,        // bit of `tail` that no kind uses: whoever packs may mark it
    BLOB_KIND_BITS = 2,
    BLOB_REF_LEN_LOW_BITS = 21,
    BLOB_REF_OFFSET_BITS = 23,
};

enum blob_kind { BLOB_NONE, BLOB_INLINE, BLOB_HEAP, BLOB_REF };

// The order of the members makes the high byte of `tail` and the eight bytes of `word` neighbours:
// nine bytes in a row for BLOB_INLINE.
struct blob {
    uint32_t hash; // hash_payload of the bytes; 0 when edited in place
    uint16_t zero; // keeps `tail` beside `word`
    uint16_t tail; // kind 2 bits; REF: len high 5 bits; HEAP: 1 bit "edited"; INLINE: len 4 bits,
                   // byte 0 in the high byte
    uint64_t word; // REF: slot 20 bits, offset / 8 23 bits, len low 21 bits. HEAP: pointer. INLINE:
                   // bytes 1..8
};

// Where references lead: given to the data layer by the store; the data layer does not know that a
// disk exists.
struct blob_space {
    void *context;
    uint64_t (*lsn_at)(void *context, uint32_t slot, uint32_t offset);
    bool (*locate)(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset);
    // Where one lsn of a row of so many lies, there lie all: in its slot, in turn, the first at
    // offset 0; a power of two, at most BLOB_OFFSET_MAX + 8. 0: each must be located.
    uint64_t span_bytes;
};

static inline enum blob_kind tail_kind(uint16_t tail) {
    return (enum blob_kind)(tail & ((1 << BLOB_KIND_BITS) - 1));
}

static inline enum blob_kind blob_kind(const struct blob *blob) {
    return tail_kind(blob->tail);
}

size_t blob_held_len(const struct blob *blob); // INLINE, HEAP; NONE: 0

// Here, as is blob_slot, because whoever goes through a long list asks each element.
static inline size_t blob_len(const struct blob *blob) {
    if (blob_kind(blob) != BLOB_REF) return blob_held_len(blob);
    return (size_t)(blob->word & ((1 << BLOB_REF_LEN_LOW_BITS) - 1)) |
           (size_t)(blob->tail >> BLOB_KIND_BITS) << BLOB_REF_LEN_LOW_BITS;
}

uint32_t blob_hash(const struct blob *blob);         // right for edited strings too
void blob_pack(const struct blob *blob, void *into); // BLOB_PACKED_BYTES
struct blob blob_unpack(const void *from);

struct blob blob_of_bytes(struct slice s); // INLINE or HEAP, owned by the caller
// len <= BLOB_LEN_MAX, slot <= BLOB_SLOT_MAX, offset <= BLOB_OFFSET_MAX and a multiple of 8.
static inline struct blob blob_of_ref(uint32_t slot, uint32_t offset, size_t len, uint32_t hash) {
    must(slot <= BLOB_SLOT_MAX && offset <= BLOB_OFFSET_MAX && offset % 8 == 0);
    must(len <= BLOB_LEN_MAX);
    const uint64_t len_low = len & ((1 << BLOB_REF_LEN_LOW_BITS) - 1);
    const size_t len_high = len >> BLOB_REF_LEN_LOW_BITS;
    return (struct blob){
        .word = (uint64_t)slot << (BLOB_REF_OFFSET_BITS + BLOB_REF_LEN_LOW_BITS) |
                (uint64_t)(offset / 8) << BLOB_REF_LEN_LOW_BITS | len_low,
        .hash = hash,
        .tail = (uint16_t)(len_high << BLOB_KIND_BITS | BLOB_REF),
    };
}

// Frees a HEAP block; becomes NONE. Live bytes are the keyspace's business.
void blob_release(struct blob *blob);

// Edits in place: `blob` is INLINE or HEAP (or NONE: empty), the result is at most BLOB_LEN_MAX
// long. Growth is amortised. `s` must not lie in the blob.
void blob_append(struct blob *blob, struct slice s);
void blob_write(struct blob *blob, size_t offset, struct slice s); // a gap is filled with zeros

// The bytes of an INLINE or HEAP blob; lends from *blob (INLINE) or the heap block. Must not be a
// REF.
struct slice blob_bytes(const struct blob *blob);
static inline uint32_t blob_slot(const struct blob *blob) { // REF only
    must(blob_kind(blob) == BLOB_REF);
    return (uint32_t)(blob->word >> (BLOB_REF_OFFSET_BITS + BLOB_REF_LEN_LOW_BITS));
}
uint32_t blob_offset(const struct blob *blob); // REF only
size_t blob_memory(const struct blob *blob);   // heap bytes beyond the struct

#endif
