// Memory for pages that are written once and then shared by all disk states that hold them. Pages
// are taken one by one and given back all at once, so that a crash image costs no allocation.
#ifndef ACKD_TESTS_SIM_IMAGES_PAGES_H
#define ACKD_TESTS_SIM_IMAGES_PAGES_H

#include <stddef.h>

enum { PAGE_BYTES = 4096 };

// Zero-initialised is empty and valid.
struct pages {
    char **chunks;
    size_t chunk_count;
    size_t chunk_cap;
    size_t used; // pages, over all chunks
};

void pages_deinit(struct pages *pages);
void pages_reset(struct pages *pages); // all pages are gone; keeps the memory
char *pages_take(struct pages *pages); // PAGE_BYTES, uninitialised

#endif
