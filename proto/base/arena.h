// Memory for things that die together: pointers stay valid until the arena is reset. Not for large
// blocks of unknown number.
#ifndef ACKD_PROTO_BASE_ARENA_H
#define ACKD_PROTO_BASE_ARENA_H

#include <stddef.h>

#include "proto/base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; // newest first
    char *next;
    size_t left;
};

// Zero-initialised is empty and valid.
void arena_deinit(struct arena *arena);
void arena_reset(struct arena *arena);               // keeps one block
void *arena_alloc(struct arena *arena, size_t size); // zeroed, aligned for any type
struct slice arena_dup(struct arena *arena, struct slice s);

#endif
