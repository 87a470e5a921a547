// What the log takes, segment by segment, for those who choose what to clean.
#include "proto/base/must.h"
#include "storage/log/state.h"

size_t log_segment_count(const struct log *log) {
    return log->segment_count;
}

struct log_segment_use log_segment_at(const struct log *log, size_t index) {
    must(index < log->segment_count);
    const struct log_segment *segment = &log->segments[index];
    const uint64_t end_lsn = segment->end_lsn;
    return (struct log_segment_use){.sequence = segment->sequence,
                                    .end_lsn = end_lsn,
                                    .slot = segment->slot,
                                    .is_covered = end_lsn != 0 && end_lsn <= log->checkpoint_lsn,
                                    .is_empty = segment->emptied_lsn != 0};
}

uint64_t log_checkpoint_lsn(const struct log *log) {
    return log->checkpoint_lsn;
}

size_t log_reserve_bytes(const struct log *log) {
    return log->options.reserve_bytes;
}

size_t log_image_bytes(const struct log *log) {
    return log->tail.count * log->segment_bytes;
}

enum err log_disk_space(const struct log *log, struct vfs_space *out) {
    return vfs_space(log->vfs, out);
}
