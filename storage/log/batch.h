// The batch: what is written, checked and lost as one. This is the codec of its header; what may
// follow what is the business of scan.h.
#ifndef ACKD_STORAGE_LOG_BATCH_H
#define ACKD_STORAGE_LOG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BATCH_HEADER_BYTES = 128,
    BATCH_SEAL = 1 << 0, // holds no records; proves the batch before it
    BATCH_FLAGS_KNOWN = BATCH_SEAL,
};

struct batch_header {
    uint64_t checksum;
    uint64_t lsn;
    uint64_t durable_lsn;   // everything below was on disk when this batch was written
    uint64_t salt;          // of its segment
    uint64_t prev_checksum; // of the batch before, over segments as well; 0: the log's first
    uint64_t epoch;         // counts the starts of the server
    int64_t wall_ms;
    uint32_t bytes;  // header and records, without the padding
    uint32_t frames; // that END in this batch
    uint32_t flags;
};

// The bytes a batch takes on disk: `bytes` rounded up to LOG_ALIGN.
size_t batch_padded(size_t bytes);

// Writes the header at `at`, computes the checksum over header, records and padding (which must be
// there already, zeroed) and stores it in both places.
void batch_encode(char *at, struct batch_header *header);

// Reads a header and verifies the checksum over the whole batch. False: these bytes, of which
// `available` may be looked at, are not a batch. The lsn's place in the log, salt and chain are the
// caller's to compare.
bool batch_decode(const char *at, size_t available, struct batch_header *out);

// Reads a header that need not be right: false when not even the magic is.
bool batch_peek(const char *at, size_t available, struct batch_header *out);

// Reads the header of a batch that was verified before.
struct batch_header batch_get(const char *at);

#endif
