#include "storage/log/audit.h"

#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

struct log_audit {
    struct vfs *vfs;
    size_t end;     // behind the last batch to be verified; LOG_ALIGN: none is
    bool is_headed; // the header was read
    struct segment_header header;
    size_t at;         // of the next batch
    uint64_t checksum; // of the one before it
    bool is_again;     // it is being read once more
    char *window;
    size_t window_cap;
    size_t window_at;
    size_t window_len;
    size_t bytes_read; // in this step
    struct log_audit_result result;
};

// Behind the last durable batch of that segment.
static size_t durable_end(const struct log *log, const struct log_segment *segment) {
    const uint64_t base_lsn = segment->sequence * log->segment_bytes;
    if (segment->end_lsn != 0 && segment->end_lsn <= log->checkpoint_lsn) return LOG_ALIGN;
    const bool is_newest = segment->sequence == log->flushed.sequence;
    const uint64_t end_lsn = is_newest ? log->flushed.end_lsn : segment->end_lsn;
    return (size_t)(end_lsn - base_lsn);
}

struct log_audit *log_audit_begin(struct log *log, uint64_t from_sequence) {
    size_t i = 0;
    while (i < log->segment_count && log->segments[i].sequence < from_sequence)
        i++;
    // A segment is durable from its header on, and that comes with the first flush.
    if (i == log->segment_count || log->segments[i].sequence > log->flushed.sequence) return NULL;
    const struct log_segment *segment = &log->segments[i];
    struct log_audit *audit = mem_zalloc(sizeof *audit);
    audit->vfs = log->vfs;
    audit->end = durable_end(log, segment);
    audit->at = LOG_ALIGN;
    audit->result = (struct log_audit_result){.sequence = segment->sequence, .slot = segment->slot};
    log_pin(log, segment->slot);
    return audit;
}

void log_audit_end(struct log *log, struct log_audit *audit) {
    if (audit == NULL) return;
    log_unpin(log, audit->result.slot);
    mem_free(audit->window);
    mem_free(audit);
}

struct log_audit_result log_audit_result(const struct log_audit *audit) {
    return audit->result;
}

// ---- reading

// Makes `len` bytes from `at` on stand in the window; both are multiples of LOG_ALIGN.
static enum err fetch(struct log_audit *audit, struct vfs_file *file, size_t at, size_t len) {
    const bool is_there =
        at >= audit->window_at && at + len <= audit->window_at + audit->window_len;
    if (is_there) return ERR_NONE;
    const size_t cap = num_max(len, LOG_AUDIT_WINDOW);
    if (cap > audit->window_cap) {
        mem_free(audit->window);
        audit->window = mem_alloc_pages(cap);
        audit->window_cap = cap;
    }
    const size_t wanted = num_max(len, num_min(cap, audit->end > at ? audit->end - at : 0));
    audit->window_at = at;
    audit->window_len = 0;
    const enum err err = vfs_read_at(file, audit->window, wanted, at);
    if (err != ERR_NONE) return err;
    audit->window_len = wanted;
    audit->bytes_read += wanted;
    return ERR_NONE;
}

static enum err verify_header(struct log_audit *audit, struct vfs_file *file) {
    const enum err err = fetch(audit, file, 0, LOG_ALIGN);
    if (err != ERR_NONE) return err;
    bool has_damaged_copy = false;
    if (!segment_decode(audit->window, &audit->header, &has_damaged_copy) ||
        audit->header.sequence != audit->result.sequence)
        return ERR_CORRUPT;
    // Of two copies the other one may be as good as this: it is read again, too.
    if (has_damaged_copy && !audit->is_again) return ERR_CORRUPT;
    audit->result.has_damaged_copy = has_damaged_copy;
    audit->checksum = audit->header.prev_checksum;
    audit->is_headed = true;
    return ERR_NONE;
}

static enum err verify_batch(struct log_audit *audit, struct vfs_file *file) {
    struct batch_header batch;
    enum err err = fetch(audit, file, audit->at, LOG_ALIGN);
    if (err != ERR_NONE) return err;
    const size_t left = audit->end - audit->at;
    const char *bytes = audit->window + (audit->at - audit->window_at);
    if (!batch_peek(bytes, left, &batch) || batch_padded(batch.bytes) > left) return ERR_CORRUPT;
    const size_t len = num_max(batch_padded(batch.bytes), LOG_ALIGN);
    err = fetch(audit, file, audit->at, len);
    if (err != ERR_NONE) return err;
    bytes = audit->window + (audit->at - audit->window_at);
    if (!batch_decode(bytes, len, &batch) ||
        !scan_batch_belongs(&audit->header, audit->at, audit->checksum, &batch))
        return ERR_CORRUPT;
    audit->checksum = batch.checksum;
    audit->at += len;
    return ERR_NONE;
}

static void note_damage(struct log_audit *audit, enum err err) {
    audit->result.damage = audit->is_headed ? LOG_AUDIT_BATCH : LOG_AUDIT_HEADER;
    audit->result.offset = audit->is_headed ? audit->at : 0;
    audit->result.err = err;
}

// False: the audit is over.
static bool go_on(struct log_audit *audit, struct vfs_file *file) {
    if (MUTANT(SCRUB_BELIEVES_LOG) && audit->is_headed) return false;
    const enum err err = audit->is_headed ? verify_batch(audit, file) : verify_header(audit, file);
    if (err == ERR_NONE) {
        audit->is_again = false;
        return audit->at < audit->end;
    }
    if (!audit->is_again) {
        audit->is_again = true;
        audit->window_len = 0;
        return true;
    }
    note_damage(audit, err);
    return false;
}

size_t log_audit_step(struct log_audit *audit, size_t bytes, bool *is_done) {
    char name[SEGMENT_NAME_BYTES];
    struct vfs_file *file = NULL;
    segment_name(name, audit->result.slot);
    audit->bytes_read = 0;
    *is_done = true;
    enum err err = vfs_open(audit->vfs, name, VFS_READ | VFS_DIRECT, &file);
    if (err != ERR_NONE) err = vfs_open(audit->vfs, name, VFS_READ | VFS_DIRECT, &file);
    if (err == ERR_LIMIT) return 0; // that is no fault of the disk
    if (err != ERR_NONE) {
        note_damage(audit, err);
        return 0;
    }
    do
        *is_done = !go_on(audit, file);
    while (!*is_done && audit->bytes_read < bytes);
    vfs_close(file);
    return audit->bytes_read;
}
