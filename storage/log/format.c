// Format of `ackd.format` (FORMAT.md, section 3), 128 bytes:
//
//  offset size  field
//    0     8    checksum: XXH3-64, seed 0, over bytes [8, 128)
//    8     8    magic "ackdfmt" and NUL
//   16     4    format version: 1
//   20     4    zero
//   24    16    uuid of the store
//   40     8    segment_bytes: a power of two
//   48     8    features: incompatible
//   56     8    features: read-only compatible
//   64     8    features: compatible
//   72     8    wall time of creation, milliseconds since 1970
//   80    48    zero
#include "storage/log/format.h"

#include "proto/base/hash.h"
#include "proto/base/num.h"
#include "storage/log/log.h"

#define FORMAT_TEMPORARY_NAME "ackd.format.tmp"

enum {
    AT_CHECKSUM = 0,
    AT_MAGIC = 8,
    AT_VERSION = 16,
    AT_UUID = 24,
    AT_SEGMENT = 40,
    AT_INCOMPATIBLE = 48,
    AT_READ_ONLY = 56,
    AT_COMPATIBLE = 64,
    AT_CREATED = 72,
};

static const char magic[8] = "ackdfmt";

static uint64_t checksum_of(const char *bytes) {
    return hash_bytes(slice_of(bytes + AT_MAGIC, FORMAT_BYTES - AT_MAGIC), 0);
}

void format_encode(char *into, const struct format *format) {
    memset(into, 0, FORMAT_BYTES);
    memcpy(into + AT_MAGIC, magic, sizeof magic);
    store_u32le(into + AT_VERSION, format->version);
    memcpy(into + AT_UUID, format->uuid, FORMAT_UUID_BYTES);
    store_u64le(into + AT_SEGMENT, format->segment_bytes);
    store_u64le(into + AT_INCOMPATIBLE, format->features.incompatible);
    store_u64le(into + AT_READ_ONLY, format->features.read_only_compatible);
    store_u64le(into + AT_COMPATIBLE, format->features.compatible);
    store_u64le(into + AT_CREATED, (uint64_t)format->created_ms);
    store_u64le(into + AT_CHECKSUM, checksum_of(into));
}

enum err format_check(uint32_t version, const struct format_features *features, const char *name,
                      struct fault *fault) {
    if (version != FORMAT_VERSION)
        return fault_set(fault, ERR_FORMAT,
                         "%s has format version %u, this program knows version %d; start the "
                         "version of ackd that wrote it",
                         name, version, FORMAT_VERSION);
    if (features->incompatible != 0 || features->read_only_compatible != 0)
        return fault_set(fault, ERR_FORMAT,
                         "%s uses features (0x%llx, 0x%llx) that this program does not know; start "
                         "the version of ackd that wrote it",
                         name, (unsigned long long)features->incompatible,
                         (unsigned long long)features->read_only_compatible);
    return ERR_NONE;
}

static bool is_segment_size(uint64_t bytes) {
    return bytes >= LOG_SEGMENT_BYTES_MIN && bytes <= LOG_SEGMENT_BYTES_DEFAULT &&
           (bytes & (bytes - 1)) == 0;
}

enum err format_decode(const char *from, struct format *out, const char *name,
                       struct fault *fault) {
    if (memcmp(from + AT_MAGIC, magic, sizeof magic) != 0 ||
        load_u64le(from + AT_CHECKSUM) != checksum_of(from))
        return fault_set(fault, ERR_CORRUPT,
                         "%s is damaged: its checksum is wrong; restore the file from a backup, or "
                         "copy the directory with `ackd-check --salvage`, which can do without it",
                         name);
    *out = (struct format){
        .version = load_u32le(from + AT_VERSION),
        .segment_bytes = load_u64le(from + AT_SEGMENT),
        .features = {load_u64le(from + AT_INCOMPATIBLE), load_u64le(from + AT_READ_ONLY),
                     load_u64le(from + AT_COMPATIBLE)},
        .created_ms = (int64_t)load_u64le(from + AT_CREATED),
    };
    memcpy(out->uuid, from + AT_UUID, FORMAT_UUID_BYTES);
    enum err err = format_check(out->version, &out->features, name, fault);
    if (err != ERR_NONE) return err;
    if (!is_segment_size(out->segment_bytes))
        return fault_set(fault, ERR_FORMAT,
                         "%s says segments have %llu bytes, which this program cannot use; start "
                         "the version of ackd that wrote it",
                         name, (unsigned long long)out->segment_bytes);
    return ERR_NONE;
}

static enum err write_new(struct vfs *vfs, const char *bytes) {
    enum err err = vfs_remove(vfs, FORMAT_TEMPORARY_NAME);
    if (err != ERR_NONE && err != ERR_NOT_FOUND) return err;
    struct vfs_file *file = NULL;
    err = vfs_open(vfs, FORMAT_TEMPORARY_NAME, VFS_WRITE | VFS_CREATE, &file);
    if (err != ERR_NONE) return err;
    err = vfs_write_at(file, bytes, FORMAT_BYTES, 0);
    if (err == ERR_NONE) err = vfs_sync(file);
    vfs_close(file);
    if (err == ERR_NONE) err = vfs_rename(vfs, FORMAT_TEMPORARY_NAME, FORMAT_NAME);
    if (err == ERR_NONE) err = vfs_sync_dir(vfs);
    return err;
}

enum err format_create(struct vfs *vfs, const struct format *format, struct fault *fault) {
    char bytes[FORMAT_BYTES];
    format_encode(bytes, format);
    enum err err = write_new(vfs, bytes);
    if (err == ERR_NONE) return ERR_NONE;
    return fault_set(fault, err,
                     "cannot create %s in %s (%s); check that the directory is writable and has "
                     "room",
                     FORMAT_NAME, vfs->where, err_name(err));
}

enum err format_load(struct vfs *vfs, struct format *out, struct fault *fault) {
    struct vfs_file *file = NULL;
    enum err err = vfs_open(vfs, FORMAT_NAME, VFS_READ, &file);
    if (err == ERR_NOT_FOUND) return err;
    char bytes[FORMAT_BYTES] = {0};
    size_t done = 0;
    if (err == ERR_NONE) err = vfs_read_some(file, bytes, sizeof bytes, 0, &done);
    vfs_close(file);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot read %s in %s (%s); check permissions and the disk",
                         FORMAT_NAME, vfs->where, err_name(err));
    return format_decode(bytes, out, FORMAT_NAME, fault);
}
