// From a reference to bytes.
#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/log/state.h"

struct slice log_resident(const struct log *log, uint32_t slot, uint32_t offset, size_t len) {
    if (slot >= log->slot_count) return SLICE_EMPTY;
    const struct tail_image *image = log_slot_at(log, slot)->image;
    if (image == NULL || offset + len > log->segment_bytes) return SLICE_EMPTY;
    return slice_of(image->data + offset, len);
}

enum err log_read(const struct log *log, uint32_t slot, uint32_t offset, size_t len, uint32_t hash,
                  char *into) {
    // No look at slot_count: another thread may call while the loop adds slots. A reference to
    // durable bytes names one that has been there since before.
    must(slot < LOG_SLOTS_MAX && log->chunks[slot / SLOT_CHUNK] != NULL);
    enum err err = vfs_read_at(log_slot_at(log, slot)->file, into, len, offset);
    if (err != ERR_NONE) return err;
    if (MUTANT(PAYLOAD_HASH_IGNORED)) return ERR_NONE;
    return hash_payload(slice_of(into, len)) == hash ? ERR_NONE : ERR_CORRUPT;
}

enum err log_read_run(const struct log *log, uint32_t slot, uint32_t offset, size_t len,
                      char *into) {
    must(slot < LOG_SLOTS_MAX && log->chunks[slot / SLOT_CHUNK] != NULL); // as log_read
    return vfs_read_at(log_slot_at(log, slot)->file, into, len, offset);
}

enum err log_read_run_cached(const struct log *log, uint32_t slot, uint32_t offset, size_t len,
                             char *into, size_t *done) {
    must(slot < log->slot_count);
    return vfs_read_cached(log_slot_at(log, slot)->file, into, len, offset, done);
}

static bool is_readable(const struct log_slot *slot) {
    return slot->use == SLOT_IN_USE || (slot->use == SLOT_PINNED && slot->pins > 0);
}

size_t log_run_max(const struct log *log, uint32_t slot, uint32_t offset) {
    must(slot < log->slot_count && offset < log->segment_bytes);
    const struct log_slot *entry = log_slot_at(log, slot);
    must(is_readable(entry));
    if (entry->image != NULL) return 0;
    // Without an image all batches of the segment were flushed.
    return log->segment_bytes - offset;
}

void log_pin(struct log *log, uint32_t slot) {
    must(slot < log->slot_count && is_readable(log_slot_at(log, slot)));
    log_slot_at(log, slot)->pins++;
}

void log_unpin(struct log *log, uint32_t slot) {
    must(slot < log->slot_count && log_slot_at(log, slot)->pins > 0);
    struct log_slot *entry = log_slot_at(log, slot);
    entry->pins--;
    if (entry->pins > 0 || entry->use != SLOT_PINNED) return;
    entry->sequence = 0;
    log_slot_set_use(log, slot, SLOT_READY);
}

bool log_is_given_up(const struct log *log, uint32_t slot) {
    must(slot < log->slot_count);
    return log_slot_at(log, slot)->use == SLOT_PINNED;
}

uint32_t log_given_up_count(const struct log *log) {
    return log->pinned_count;
}

uint64_t log_lsn_at(const struct log *log, uint32_t slot, uint32_t offset) {
    must(slot < log->slot_count && is_readable(log_slot_at(log, slot)));
    return log_slot_at(log, slot)->sequence * log->segment_bytes + offset;
}

bool log_locate(const struct log *log, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    const size_t index = log_segment_find(log, lsn / log->segment_bytes);
    if (index == log->segment_count) return false;
    *slot = log->segments[index].slot;
    *offset = (uint32_t)(lsn % log->segment_bytes);
    return true;
}
