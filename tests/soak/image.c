#define _POSIX_C_SOURCE 200809L

#include "tests/soak/image.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

#define CHUNK_BYTES ((uint64_t)IMAGE_SECTOR * IMAGE_CHUNK_SECTORS)

struct image_chunk {
    bool is_dirty[IMAGE_CHUNK_SECTORS];
    char bytes[IMAGE_SECTOR * IMAGE_CHUNK_SECTORS];
};

int image_init(struct image *image, int fd) {
    *image = (struct image){.fd = fd};
    struct stat status;
    if (fstat(fd, &status) != 0) {
        int number = errno;
        close(fd);
        image->fd = -1;
        return -number;
    }
    image->size = image->durable_bytes = image->valid_bytes = (uint64_t)status.st_size;
    return 0;
}

static void forget_chunks(struct image *image) {
    for (size_t i = 0; i < image->chunks_len; i++)
        mem_free(image->chunks[i]);
    mem_free(image->chunks);
    image->chunks = NULL;
    image->chunks_len = 0;
}

void image_deinit(struct image *image) {
    forget_chunks(image);
    if (image->fd >= 0) close(image->fd);
    *image = (struct image){.fd = -1};
}

// ---- the real file

static int read_all(int fd, char *into, size_t len, uint64_t offset) {
    while (len > 0) {
        ssize_t got = pread(fd, into, len, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) return -EIO; // it is as long as we know, or somebody else was here
        into += got;
        len -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

static int write_all(int fd, const char *from, size_t len, uint64_t offset) {
    while (len > 0) {
        ssize_t put = pwrite(fd, from, len, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -errno;
        from += put;
        len -= (size_t)put;
        offset += (uint64_t)put;
    }
    return 0;
}

// Durable bytes, zeros where there are none.
static int read_durable(const struct image *image, char *into, size_t len, uint64_t offset) {
    size_t there = 0;
    if (offset < image->valid_bytes) {
        uint64_t rest = image->valid_bytes - offset;
        there = rest < len ? (size_t)rest : len;
    }
    memset(into + there, 0, len - there);
    return read_all(image->fd, into, there, offset);
}

// ---- sectors

static struct image_chunk *chunk_at(const struct image *image, uint64_t sector) {
    size_t at = (size_t)(sector / IMAGE_CHUNK_SECTORS);
    return at < image->chunks_len ? image->chunks[at] : NULL;
}

// The sector's unsynced bytes, NULL when there are none.
static char *find_sector(const struct image *image, uint64_t sector) {
    struct image_chunk *chunk = chunk_at(image, sector);
    size_t within = (size_t)(sector % IMAGE_CHUNK_SECTORS);
    return chunk != NULL && chunk->is_dirty[within] ? chunk->bytes + within * IMAGE_SECTOR : NULL;
}

static int make_sector(struct image *image, uint64_t sector, char **out) {
    *out = find_sector(image, sector);
    if (*out != NULL) return 0;
    size_t at = (size_t)(sector / IMAGE_CHUNK_SECTORS);
    size_t within = (size_t)(sector % IMAGE_CHUNK_SECTORS);
    if (at >= image->chunks_len) {
        image->chunks = mem_realloc(image->chunks, (at + 1) * sizeof *image->chunks);
        for (; image->chunks_len <= at; image->chunks_len++)
            image->chunks[image->chunks_len] = NULL;
    }
    if (image->chunks[at] == NULL) image->chunks[at] = mem_zalloc(sizeof *image->chunks[at]);
    *out = image->chunks[at]->bytes + within * IMAGE_SECTOR;
    int rc = read_durable(image, *out, IMAGE_SECTOR, sector * IMAGE_SECTOR);
    if (rc == 0) image->chunks[at]->is_dirty[within] = true;
    return rc;
}

ssize_t image_read(const struct image *image, char *into, size_t len, uint64_t offset) {
    if (offset >= image->size) return 0;
    if (len > image->size - offset) len = (size_t)(image->size - offset);
    int rc = read_durable(image, into, len, offset);
    if (rc < 0) return rc;
    for (uint64_t at = offset; at < offset + len;) {
        uint64_t end = (at / IMAGE_SECTOR + 1) * IMAGE_SECTOR;
        if (end > offset + len) end = offset + len;
        const char *bytes = find_sector(image, at / IMAGE_SECTOR);
        if (bytes != NULL) {
            memcpy(into + (at - offset), bytes + at % IMAGE_SECTOR, (size_t)(end - at));
        }
        at = end;
    }
    return (ssize_t)len;
}

int image_write(struct image *image, const char *from, size_t len, uint64_t offset) {
    for (uint64_t at = offset; at < offset + len;) {
        uint64_t end = (at / IMAGE_SECTOR + 1) * IMAGE_SECTOR;
        if (end > offset + len) end = offset + len;
        char *bytes = NULL;
        int rc = make_sector(image, at / IMAGE_SECTOR, &bytes);
        if (rc < 0) return rc;
        memcpy(bytes + at % IMAGE_SECTOR, from + (at - offset), (size_t)(end - at));
        at = end;
    }
    if (len > 0 && offset + len > image->size) image->size = offset + len;
    return 0;
}

void image_truncate(struct image *image, uint64_t size) {
    // What is cut off must not come back when the file grows again.
    for (uint64_t at = 0; size < image->size && at < image->chunks_len; at++) {
        for (uint64_t i = 0; i < IMAGE_CHUNK_SECTORS && image->chunks[at] != NULL; i++) {
            uint64_t begin = at * CHUNK_BYTES + i * IMAGE_SECTOR;
            char *bytes = image->chunks[at]->bytes + i * IMAGE_SECTOR;
            if (begin >= size) {
                image->chunks[at]->is_dirty[i] = false;
            } else if (begin + IMAGE_SECTOR > size) {
                memset(bytes + (size - begin), 0, (size_t)(begin + IMAGE_SECTOR - size));
            }
        }
    }
    if (size < image->valid_bytes) image->valid_bytes = size;
    image->size = size;
}

// ---- what survives

// Brings the real file to this size, with zeros where nothing valid is.
static int resize(struct image *image, uint64_t size) {
    if (image->valid_bytes < image->durable_bytes &&
        ftruncate(image->fd, (off_t)image->valid_bytes) != 0)
        return -errno;
    if (ftruncate(image->fd, (off_t)size) != 0) return -errno;
    image->durable_bytes = image->valid_bytes = size;
    return 0;
}

static int store_sector(const struct image *image, uint64_t sector, const char *bytes) {
    uint64_t offset = sector * IMAGE_SECTOR;
    if (offset >= image->durable_bytes) return 0;
    uint64_t rest = image->durable_bytes - offset;
    return write_all(image->fd, bytes, rest < IMAGE_SECTOR ? (size_t)rest : IMAGE_SECTOR, offset);
}

int image_sync(struct image *image) {
    int rc = resize(image, image->size);
    for (uint64_t at = 0; rc == 0 && at < image->chunks_len; at++) {
        const struct image_chunk *chunk = image->chunks[at];
        for (uint64_t i = 0; rc == 0 && i < IMAGE_CHUNK_SECTORS && chunk != NULL; i++) {
            if (!chunk->is_dirty[i]) continue;
            rc = store_sector(image, at * IMAGE_CHUNK_SECTORS + i, chunk->bytes + i * IMAGE_SECTOR);
        }
    }
    if (rc == 0) forget_chunks(image);
    return rc;
}

// Replaces the new bytes of a sector by what the platter shows after the cut.
static void decide(char *fresh, const char *old, struct rng *rng, struct cut_counts *counts) {
    size_t where = (size_t)rng_below(rng, IMAGE_SECTOR);
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
    case 2:
        counts->kept++;
        break;
    case 3: // the beginning is new
        counts->torn++;
        memcpy(fresh + where, old + where, IMAGE_SECTOR - where);
        break;
    case 4: // the end is new
        counts->torn++;
        memcpy(fresh, old, where);
        break;
    case 5:
        counts->garbage++;
        for (size_t i = 0; i < IMAGE_SECTOR; i++)
            fresh[i] = (char)rng_below(rng, 256);
        break;
    default:
        counts->dropped++;
        memcpy(fresh, old, IMAGE_SECTOR);
        break;
    }
}

static int cut_sector(struct image *image, uint64_t sector, struct rng *rng,
                      struct cut_counts *counts) {
    char old[IMAGE_SECTOR];
    char *fresh = find_sector(image, sector);
    if (fresh == NULL) return 0;
    if (rng == NULL || sector * IMAGE_SECTOR >= image->durable_bytes) {
        counts->dropped++;
        return 0;
    }
    int rc = read_durable(image, old, sizeof old, sector * IMAGE_SECTOR);
    if (rc < 0) return rc;
    decide(fresh, old, rng, counts);
    return store_sector(image, sector, fresh);
}

int image_cut(struct image *image, struct rng *rng, struct cut_counts *counts) {
    int rc = 0;
    bool is_new_size = rng != NULL && image->size != image->durable_bytes && rng_below(rng, 2) == 0;
    if (is_new_size) {
        rc = resize(image, image->size);
    } else {
        image->valid_bytes = image->durable_bytes; // nothing was truncated after all
    }
    for (uint64_t i = 0; rc == 0 && i < image->chunks_len * IMAGE_CHUNK_SECTORS; i++)
        rc = cut_sector(image, i, rng, counts);
    forget_chunks(image);
    image->size = image->durable_bytes;
    return rc;
}
