// The record: one effect inside a batch, with a checksum of its own, so that it can be verified
// alone. Payload bytes are not under that checksum: their hashes are in the meta, which is.
#ifndef ACKD_STORAGE_LOG_RECORD_H
#define ACKD_STORAGE_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"

enum {
    RECORD_BEGIN = 1 << 0, // first of its frame
    RECORD_END = 1 << 1,   // last of its frame
};

struct record {
    uint8_t type;
    uint8_t flags;
    size_t bytes; // all of it: a multiple of 8
    struct slice meta;
    struct slice payload;
};

// The bytes a record takes.
size_t record_bytes(size_t meta_len, const struct slice *payloads, size_t count);

// Writes everything but flags and checksum, padding zeroed. `at` has room for record_bytes.
void record_write(char *at, uint8_t type, struct slice meta, const struct slice *payloads,
                  size_t count);

// Sets the flags and the checksum of a record that was written (or whose meta was changed).
void record_finish(char *at, uint8_t flags);

// Reads a record of which `available` bytes may be looked at. False: not a record.
bool record_read(const char *at, size_t available, struct record *out);

// As record_read for bytes that were verified before.
struct record record_get(const char *at);

#endif
