// `ackd.format`: the one file that says that a directory is ackd's, of which version, and with
// which segment size. Written once, when the directory is new.
#ifndef ACKD_STORAGE_LOG_FORMAT_H
#define ACKD_STORAGE_LOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "storage/vfs/vfs.h"

#define FORMAT_NAME      "ackd.format"
#define FORMAT_LOCK_NAME "LOCK"

enum { FORMAT_VERSION = 1, FORMAT_UUID_BYTES = 16, FORMAT_BYTES = 128 };

// Features of the writer that a reader may meet. Incompatible: who does not know one must not read.
// Read-only compatible: may read, must not write. Compatible: may ignore it.
struct format_features {
    uint64_t incompatible;
    uint64_t read_only_compatible;
    uint64_t compatible;
};

struct format {
    uint32_t version;
    uint8_t uuid[FORMAT_UUID_BYTES];
    uint64_t segment_bytes;
    struct format_features features;
    int64_t created_ms;
};

void format_encode(char *into, const struct format *format); // FORMAT_BYTES

// ERR_CORRUPT, ERR_FORMAT. `name` is for the sentence.
enum err format_decode(const char *from, struct format *out, const char *name, struct fault *fault);

// Whether this program may write where these features are on; both files that carry them ask.
enum err format_check(uint32_t version, const struct format_features *features, const char *name,
                      struct fault *fault);

// Writes the file under a temporary name, syncs, renames, syncs the directory.
enum err format_create(struct vfs *vfs, const struct format *format, struct fault *fault);

// ERR_NOT_FOUND (no sentence is written) when the directory has none.
enum err format_load(struct vfs *vfs, struct format *out, struct fault *fault);

#endif
