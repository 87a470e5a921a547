// An immutable string value: held inline (up to 9 bytes), on the heap, or as a reference to payload
// bytes in the log. 14 bytes when packed, which is what a list of ten million jobs costs per job.
//
// Always true: equal blobs of equal kind have equal len and hash; a HEAP blob owns its block; a REF
// is counted in the keyspace's live bytes of its slot.
#ifndef ACKD_STORAGE_DATA_BLOB_H
#define ACKD_STORAGE_DATA_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

enum {
    BLOB_INLINE_MAX = 9,
    BLOB_MEMORY_MAX = 64, // longer payloads live in the log and are referenced
    BLOB_PACKED_BYTES = 14,
    BLOB_LEN_MAX = (1 << 26) - 1, // 64 MiB - 1: 26 bits
};

enum blob_kind { BLOB_NONE, BLOB_INLINE, BLOB_HEAP, BLOB_REF };

struct blob {
    uint64_t word; // REF: slot 20 bits, offset / 8 23 bits, len low 21 bits. HEAP: pointer. INLINE:
                   // bytes 0..7
    uint32_t hash; // hash_payload of the bytes, whatever the kind
    uint16_t tail; // kind 2 bits; REF: len high 5 bits; INLINE: len 4 bits, byte 8
};

// Where references lead: given to the data layer by the store; the data layer does not know that a
// disk exists.
struct blob_space {
    void *context;
    uint64_t (*lsn_at)(void *context, uint32_t slot, uint32_t offset);
    bool (*locate)(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset);
};

enum blob_kind blob_kind(const struct blob *blob);
size_t blob_len(const struct blob *blob);
void blob_pack(const struct blob *blob, void *into); // BLOB_PACKED_BYTES
struct blob blob_unpack(const void *from);

struct blob blob_of_bytes(struct slice s); // INLINE or HEAP, owned by the caller
struct blob blob_of_ref(uint32_t slot, uint32_t offset, size_t len, uint32_t hash);
void blob_release(
    struct blob *blob); // frees a HEAP block; becomes NONE. Live bytes are the keyspace's business

// The bytes of an INLINE or HEAP blob; lends from *blob (INLINE) or the heap block. Must not be a
// REF.
struct slice blob_bytes(const struct blob *blob);
uint32_t blob_slot(const struct blob *blob);   // REF only
uint32_t blob_offset(const struct blob *blob); // REF only
size_t blob_memory(const struct blob *blob);   // heap bytes beyond the struct

#endif
