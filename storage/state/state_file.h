// A checkpoint on disk: the state as of an lsn, as effects, in one of two files that are written in
// turn. This is the codec of headers and block headers; state_writer.h and state_reader.h do the
// rest, FORMAT.md ("Checkpoints") has every byte.
//
// Always true: a file counts when one of its two headers is valid, and a header is written only
// when everything else is durable. A file is never changed once it counts, but for its first
// header, which a start writes again (the second one is there meanwhile).
#ifndef ACKD_STORAGE_STATE_STATE_FILE_H
#define ACKD_STORAGE_STATE_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "storage/log/format.h"
#include "storage/vfs/vfs.h"

enum {
    STATE_ALIGN = 4096,              // headers and blocks begin on it
    STATE_BODY_AT = 2 * STATE_ALIGN, // behind the two headers
    STATE_BLOCK_HEADER_BYTES = 32,
    STATE_BLOCK_BYTES_DEFAULT = 1 << 20, // a block is written when it has that many
    // One record more than that: a key, a field and a value at their longest.
    STATE_BLOCK_BYTES_MAX = (64 << 20) + (4 << 20),
    STATE_KEPT_BYTES = 16, // of a row of the kept table
};

enum state_name { STATE_A, STATE_B };
enum { STATE_FILES = 2 };

struct state_header {
    uint32_t version;
    struct format_features features;
    uint8_t uuid[FORMAT_UUID_BYTES];
    uint64_t segment_bytes;
    uint64_t generation; // 1, 2, ...: the higher one counts
    uint64_t salt;       // of the blocks' checksums; another one for each try
    uint64_t lsn;        // replay begins here
    uint64_t frames;     // transactions from the beginning of the log to lsn
    uint64_t digest;     // keyspace_digest of the state
    uint64_t keys;
    uint64_t records;
    uint64_t body_bytes;    // all blocks; a multiple of STATE_ALIGN
    uint64_t record_blocks; // come first; then the blocks of the kept table
    uint64_t kept_at;       // offset in the file of the kept table's first block
    uint64_t kept_count;    // rows: segments before lsn that the state has references into
    int64_t wall_ms;
};

enum state_block_kind { STATE_RECORDS = 1, STATE_KEPT = 2 };

struct state_block {
    uint32_t bytes; // header and content, without padding
    uint32_t count; // of records or rows
    uint64_t number;
    enum state_block_kind kind;
};

const char *state_file_name(enum state_name name); // "state-A"
enum state_name state_other(enum state_name name);

void state_header_encode(char *into, const struct state_header *header); // STATE_ALIGN bytes

// Reads the file's header. ERR_NOT_FOUND (no sentence): there is no file, or none of its headers is
// valid: a fold that did not end. ERR_CORRUPT: it belongs to another store or contradicts itself.
// ERR_FORMAT, ERR_IO. `damaged_copies`: how many of the two are not valid.
enum err state_header_read(struct vfs *vfs, enum state_name name, const struct format *format,
                           struct state_header *out, unsigned *damaged_copies, struct fault *fault);

// Completes a block whose content is in place behind STATE_BLOCK_HEADER_BYTES, padded with zeros.
void state_block_encode(char *at, const struct state_block *block, uint64_t salt);
// What a block says of its own length, before it can be verified. False: not a block, or longer
// than `available`, padding included.
bool state_block_peek(const char *at, uint64_t available, uint32_t *bytes);
// Verifies the block, all of which is there. False: damaged, or not number `number` of this file.
bool state_block_decode(const char *at, uint64_t salt, uint64_t number, struct state_block *out);

size_t state_padded(size_t bytes); // rounded up to STATE_ALIGN

#endif
