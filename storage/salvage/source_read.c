// Reading a slot's bytes from a disk that may refuse some of them.
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/log.h"
#include "storage/salvage/source.h"

// The slot's file, opened if need be; NULL: it cannot be. The one that was not used for the longest
// time is closed for it.
static struct vfs_file *file_of(struct source *source, uint32_t slot) {
    struct source_open_file *oldest = &source->files[0];
    source->uses++;
    for (size_t i = 0; i < SOURCE_OPEN_FILES; i++) {
        struct source_open_file *each = &source->files[i];
        if (each->file != NULL && each->slot == slot) {
            each->used = source->uses;
            return each->file;
        }
        if (each->used < oldest->used) oldest = each;
    }
    char name[SEGMENT_NAME_BYTES];
    vfs_close(oldest->file);
    *oldest = (struct source_open_file){.slot = slot, .used = source->uses};
    if (vfs_open(source->vfs, segment_name(name, slot), VFS_READ, &oldest->file) != ERR_NONE)
        *oldest = (struct source_open_file){0};
    return oldest->file;
}

bool source_read(struct source *source, uint32_t slot, void *into, size_t len, uint64_t offset) {
    struct vfs_file *file = file_of(source, slot);
    char *bytes = into;
    size_t done = 0;
    if (file != NULL && vfs_read_some(file, bytes, len, offset, &done) == ERR_NONE) {
        memset(bytes + done, 0, len - done);
        return done == len;
    }
    // A bad sector somewhere: block by block, so that only those are lost that cannot be read.
    memset(bytes, 0, len);
    for (size_t at = 0; at < len && file != NULL; at += LOG_ALIGN) {
        const size_t piece = num_min(len - at, LOG_ALIGN);
        if (vfs_read_some(file, bytes + at, piece, offset + at, &done) != ERR_NONE)
            memset(bytes + at, 0, piece);
    }
    return false;
}

enum err source_payload(struct source *source, const struct blob *blob, char *into) {
    must(blob_kind(blob) == BLOB_REF);
    const size_t len = blob_len(blob);
    if (blob_slot(blob) >= source->slots_end) return ERR_NOT_FOUND;
    (void)source_read(source, blob_slot(blob), into, len, blob_offset(blob));
    return hash_payload(slice_of(into, len)) == blob->hash ? ERR_NONE : ERR_CORRUPT;
}
