// A file as a disk sees it: what is durable lies in a real file, what is not in memory, sector by
// sector. Reading shows both together. Always true: a byte is in the real file exactly if it was
// synced (or survived a cut).
#ifndef ACKD_TESTS_SOAK_IMAGE_H
#define ACKD_TESTS_SOAK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/rng.h"

enum { IMAGE_SECTOR = 512, IMAGE_CHUNK_SECTORS = 128 };

struct image_chunk; // sectors not yet synced

struct image {
    int fd;                 // the real file; owned
    uint64_t size;          // as it is read now
    uint64_t durable_bytes; // as it is after a cut
    uint64_t valid_bytes;   // of the real file, from its beginning: the rest was truncated away
    struct image_chunk **chunks;
    size_t chunks_len;
};

// What became of the sectors that were not synced.
struct cut_counts {
    uint64_t dropped;
    uint64_t kept;
    uint64_t torn;
    uint64_t garbage;
};

// Takes over the descriptor, also when it fails. 0 or -errno, as everything here.
int image_init(struct image *image, int fd);
void image_deinit(struct image *image); // what is not synced is forgotten

ssize_t image_read(const struct image *image, char *into, size_t len, uint64_t offset);
int image_write(struct image *image, const char *from, size_t len, uint64_t offset);
void image_truncate(struct image *image, uint64_t size);
int image_sync(struct image *image);

// Power fails. Without `rng` all that is not synced is dropped; with it, the size and each sector
// decide for themselves: old, new, torn inside, or garbage.
int image_cut(struct image *image, struct rng *rng, struct cut_counts *counts);

#endif
