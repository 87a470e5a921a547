#include "storage/data/blob.h"

#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    INLINE_LEN_MASK = 15,
    HEAP_EDITED = 1 << BLOB_KIND_BITS,
    INLINE_AT = 7, // where the nine bytes begin inside struct blob
    DOUBLING_MAX = 1 << 20,
};

_Static_assert(sizeof(void *) == sizeof(uint64_t), "a pointer fits the word exactly");
_Static_assert(sizeof(struct blob) == 16, "two registers");
_Static_assert(offsetof(struct blob, tail) == INLINE_AT - 1, "inline bytes begin in tail");
_Static_assert(offsetof(struct blob, word) == INLINE_AT + 1, "and go on in word");

struct heap_block {
    uint32_t len;
    uint32_t cap;
    char bytes[];
};

static struct heap_block *heap_block(const struct blob *blob) {
    struct heap_block *block;
    memcpy(&block, &blob->word, sizeof blob->word);
    return block;
}

static bool is_edited(const struct blob *blob) {
    return blob_kind(blob) == BLOB_HEAP && (blob->tail & HEAP_EDITED) != 0;
}

size_t blob_held_len(const struct blob *blob) {
    switch (blob_kind(blob)) {
    case BLOB_NONE:
        return 0;
    case BLOB_INLINE:
        return (blob->tail >> BLOB_KIND_BITS) & INLINE_LEN_MASK;
    case BLOB_HEAP:
        return heap_block(blob)->len;
    case BLOB_REF:
        break;
    }
    must_not_reach();
}

uint32_t blob_hash(const struct blob *blob) {
    return is_edited(blob) ? hash_payload(blob_bytes(blob)) : blob->hash;
}

void blob_pack(const struct blob *blob, void *into) {
    char *at = into;
    store_u64le(at, blob->word);
    store_u32le(at + 8, blob->hash);
    store_u16le(at + 12, blob->tail);
}

struct blob blob_unpack(const void *from) {
    const char *at = from;
    return (struct blob){
        .word = load_u64le(at), .hash = load_u32le(at + 8), .tail = load_u16le(at + 12)};
}

static struct blob blob_inline(struct slice s) {
    struct blob blob = {0};
    if (s.len > 0) memcpy((char *)&blob + INLINE_AT, s.data, s.len);
    blob.tail = (uint16_t)((blob.tail & 0xFF00u) | (unsigned)s.len << BLOB_KIND_BITS | BLOB_INLINE);
    blob.hash = hash_payload(s);
    return blob;
}

static struct blob blob_heap(struct slice s, size_t cap) {
    must(s.len <= cap && cap <= BLOB_LEN_MAX);
    struct heap_block *block = mem_alloc(sizeof *block + cap);
    block->len = (uint32_t)s.len;
    block->cap = (uint32_t)cap;
    if (s.len > 0) memcpy(block->bytes, s.data, s.len);
    return (struct blob){.word = (uint64_t)(uintptr_t)block, .tail = BLOB_HEAP};
}

struct blob blob_of_bytes(struct slice s) {
    if (s.len <= BLOB_INLINE_MAX) return blob_inline(s);
    struct blob blob = blob_heap(s, s.len);
    blob.hash = hash_payload(s);
    return blob;
}

void blob_release(struct blob *blob) {
    if (blob_kind(blob) == BLOB_HEAP) mem_free(heap_block(blob));
    *blob = (struct blob){0};
}

// ---- editing

// Room for `need` bytes and some more, so that a row of appends copies each byte a constant number
// of times: twice as much while small, a quarter more when large.
static size_t grown_cap(size_t need) {
    const size_t more = need < DOUBLING_MAX ? need : need / 4;
    return num_min(need + more, BLOB_LEN_MAX);
}

// Makes the blob HEAP with room for `need` bytes, marked as edited.
static struct heap_block *make_editable(struct blob *blob, size_t need) {
    must(need <= BLOB_LEN_MAX && blob_kind(blob) != BLOB_REF);
    if (blob_kind(blob) != BLOB_HEAP) {
        *blob = blob_heap(blob_bytes(blob), grown_cap(need));
    } else if (need > heap_block(blob)->cap) {
        const size_t cap = grown_cap(need);
        struct heap_block *moved = mem_realloc(heap_block(blob), sizeof *moved + cap);
        moved->cap = (uint32_t)cap;
        blob->word = (uint64_t)(uintptr_t)moved;
    }
    blob->tail = BLOB_HEAP | HEAP_EDITED;
    blob->hash = 0;
    return heap_block(blob);
}

void blob_write(struct blob *blob, size_t offset, struct slice s) {
    const size_t old_len = blob_len(blob);
    must(offset <= BLOB_LEN_MAX && s.len <= BLOB_LEN_MAX - offset);
    const size_t len = num_max(old_len, offset + s.len);
    if (len <= BLOB_INLINE_MAX) {
        char bytes[BLOB_INLINE_MAX] = {0};
        const struct slice old = blob_bytes(blob);
        if (old.len > 0) memcpy(bytes, old.data, old.len);
        if (s.len > 0) memcpy(bytes + offset, s.data, s.len);
        blob_release(blob);
        *blob = blob_inline(slice_of(bytes, len));
        return;
    }
    struct heap_block *block = make_editable(blob, len);
    if (offset > old_len) memset(block->bytes + old_len, 0, offset - old_len);
    if (s.len > 0) memcpy(block->bytes + offset, s.data, s.len);
    block->len = (uint32_t)len;
}

void blob_append(struct blob *blob, struct slice s) {
    blob_write(blob, blob_len(blob), s);
}

// ---- reading

struct slice blob_bytes(const struct blob *blob) {
    switch (blob_kind(blob)) {
    case BLOB_NONE:
        return SLICE_EMPTY;
    case BLOB_INLINE:
        return slice_of((const char *)blob + INLINE_AT, blob_len(blob));
    case BLOB_HEAP:
        return slice_of(heap_block(blob)->bytes, heap_block(blob)->len);
    case BLOB_REF:
        break;
    }
    must_not_reach();
}

uint32_t blob_offset(const struct blob *blob) {
    must(blob_kind(blob) == BLOB_REF);
    return (uint32_t)(blob->word >> BLOB_REF_LEN_LOW_BITS & ((1 << BLOB_REF_OFFSET_BITS) - 1)) * 8;
}

size_t blob_memory(const struct blob *blob) {
    return blob_kind(blob) == BLOB_HEAP ? mem_usable(heap_block(blob)) : 0;
}
