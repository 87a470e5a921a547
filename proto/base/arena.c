#include "proto/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    BLOCK_MIN = 4 * 1024,
    BLOCK_MAX = 64 * 1024, // a block is twice the one before, up to this
};

struct arena_block {
    struct arena_block *older;
    size_t size; // of bytes
    alignas(max_align_t) char bytes[];
};

static struct arena_block *block_new(size_t size) {
    struct arena_block *block = mem_alloc(sizeof *block + size);
    block->older = NULL;
    block->size = size;
    return block;
}

static void free_from(struct arena_block *block) {
    while (block != NULL) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

void arena_deinit(struct arena *arena) {
    free_from(arena->blocks);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena) {
    struct arena_block *kept = arena->blocks;
    if (kept == NULL) return;
    free_from(kept->older);
    kept->older = NULL;
    arena->next = kept->bytes;
    arena->left = kept->size;
}

// Large pieces get a block of their own behind the current one, so that the newest block always is
// an ordinary one: what a reset keeps is small, and the current block's rest is not wasted.
static void *alloc_apart(struct arena *arena, size_t size) {
    struct arena_block *block = block_new(size);
    block->older = arena->blocks->older;
    arena->blocks->older = block;
    return memset(block->bytes, 0, size);
}

static void add_block(struct arena *arena) {
    size_t size = BLOCK_MIN;
    if (arena->blocks != NULL) size = num_min(arena->blocks->size * 2, BLOCK_MAX);
    struct arena_block *block = block_new(size);
    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->left = size;
}

void *arena_alloc(struct arena *arena, size_t size) {
    must(size <= SIZE_MAX / 2);
    size_t taken = num_align_up(size == 0 ? 1 : size, alignof(max_align_t));
    if (taken > arena->left) {
        if (arena->blocks == NULL) add_block(arena);
        if (taken > BLOCK_MIN) return alloc_apart(arena, taken);
        if (taken > arena->left) add_block(arena);
    }
    void *ptr = arena->next;
    arena->next += taken;
    arena->left -= taken;
    return memset(ptr, 0, taken);
}

struct slice arena_dup(struct arena *arena, struct slice s) {
    char *copy = arena_alloc(arena, s.len);
    if (s.len > 0) memcpy(copy, s.data, s.len);
    return slice_of(copy, s.len);
}
