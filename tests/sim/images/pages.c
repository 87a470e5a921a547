#include "tests/sim/images/pages.h"

#include "proto/base/mem.h"

enum { CHUNK_PAGES = 64 };

void pages_deinit(struct pages *pages) {
    for (size_t i = 0; i < pages->chunk_count; i++)
        mem_free(pages->chunks[i]);
    mem_free(pages->chunks);
    *pages = (struct pages){0};
}

void pages_reset(struct pages *pages) {
    pages->used = 0;
}

char *pages_take(struct pages *pages) {
    size_t chunk = pages->used / CHUNK_PAGES;
    if (chunk == pages->chunk_count) {
        if (pages->chunk_count == pages->chunk_cap) {
            pages->chunk_cap = pages->chunk_cap == 0 ? 16 : pages->chunk_cap * 2;
            pages->chunks = mem_realloc(pages->chunks, pages->chunk_cap * sizeof pages->chunks[0]);
        }
        pages->chunks[pages->chunk_count++] = mem_alloc((size_t)CHUNK_PAGES * PAGE_BYTES);
    }
    size_t in_chunk = pages->used++ % CHUNK_PAGES;
    return pages->chunks[chunk] + in_chunk * PAGE_BYTES;
}
