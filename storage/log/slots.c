// The table of slots and the segments in them. Beginning a segment is a change of numbers in
// memory: it takes a slot that is ready, be it a new file of zeros or one that held a segment
// nobody needs any more. Such a slot is not wiped: what it still holds cannot pass for a batch of
// its new segment, since salt, lsn and the chain of checksums differ (FORMAT.md, section 8).
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

unsigned log_file_flags(const struct log *log) {
    unsigned flags = VFS_READ | VFS_WRITE;
    return log->options.sync_method == LOG_SYNC_DSYNC ? flags | VFS_DSYNC : flags;
}

struct log_slot *log_slot_at(const struct log *log, uint32_t slot) {
    return &log->chunks[slot / SLOT_CHUNK][slot % SLOT_CHUNK];
}

void log_slot_set_use(struct log *log, uint32_t slot, enum slot_use use) {
    struct log_slot *entry = log_slot_at(log, slot);
    uint32_t *ready_in = &log->ready_in[slot / SLOT_CHUNK];
    if (entry->use == SLOT_READY) {
        (*ready_in)--;
        log->ready_count--;
    }
    if (entry->use == SLOT_PINNED) log->pinned_count--;
    if (use == SLOT_PINNED) log->pinned_count++;
    entry->use = use;
    if (use == SLOT_READY) {
        (*ready_in)++;
        log->ready_count++;
    }
}

uint32_t log_slot_add(struct log *log, struct vfs_file *file, enum slot_use use) {
    must(log->slot_count < LOG_SLOTS_MAX);
    uint32_t slot = log->slot_count++;
    struct log_slot **chunk = &log->chunks[slot / SLOT_CHUNK];
    if (*chunk == NULL) *chunk = mem_alloc_array(SLOT_CHUNK, sizeof **chunk);
    *log_slot_at(log, slot) = (struct log_slot){.file = file, .use = SLOT_BUSY};
    log_slot_set_use(log, slot, use);
    return slot;
}

void log_slot_pop(struct log *log) {
    must(log->slot_count > 0 && log_slot_at(log, log->slot_count - 1)->use == SLOT_BUSY);
    log->slot_count--;
}

// The lowest ready slot; LOG_SLOTS_MAX: none. Counts of ready slots per piece of the table keep
// this short (at most some 2,000 steps a segment) however many slots there are. The lowest, so that
// files which are not needed gather at the end, where they can be given back.
static uint32_t find_ready(const struct log *log) {
    for (uint32_t chunk = 0; chunk * SLOT_CHUNK < log->slot_count; chunk++) {
        if (log->ready_in[chunk] == 0) continue;
        for (uint32_t i = 0; i < SLOT_CHUNK; i++)
            if (log->chunks[chunk][i].use == SLOT_READY) return chunk * SLOT_CHUNK + i;
    }
    return LOG_SLOTS_MAX;
}

void log_slot_release(struct log *log, uint32_t slot) {
    struct log_slot *entry = log_slot_at(log, slot);
    must(entry->use == SLOT_IN_USE);
    if (entry->image != NULL) entry->image->slot = TAIL_NO_SLOT;
    entry->image = NULL;
    const bool is_free = entry->pins == 0 || MUTANT(PINNED_SLOT_RECYCLED);
    // While it is pinned it is read, by its old lsns.
    if (is_free) entry->sequence = 0;
    if (!is_free) log_slot_written(log, slot);
    log_slot_set_use(log, slot, is_free ? SLOT_READY : SLOT_PINNED);
}

// ---- images

// A slot without an image is read from its file, by other threads and at any offset.
static void image_lost(struct log *log, uint32_t slot) {
    log_slot_at(log, slot)->image = NULL;
    log_slot_written(log, slot);
}

void log_slot_written(struct log *log, uint32_t slot) {
    struct log_slot *entry = log_slot_at(log, slot);
    if (entry->is_direct) vfs_write_direct(entry->file, false);
    entry->is_direct = false;
}

void log_slot_direct(struct log *log, uint32_t slot) {
    if (!log->options.writes_direct) return;
    vfs_write_direct(log_slot_at(log, slot)->file, true);
    log_slot_at(log, slot)->is_direct = true;
}

struct tail_image *log_image_take(struct log *log, uint32_t slot) {
    struct tail_image *image = tail_take(&log->tail);
    bool is_known = image->slot != TAIL_NO_SLOT && !MUTANT(TAIL_IMAGE_STALE);
    if (is_known) image_lost(log, image->slot);
    image->slot = slot;
    log_slot_at(log, slot)->image = image;
    return image;
}

void log_image_trim(struct log *log) {
    uint32_t trimmed = tail_trim(&log->tail);
    if (trimmed != TAIL_NO_SLOT) image_lost(log, trimmed);
}

// ---- segments

void log_segment_add(struct log *log, uint64_t sequence, uint32_t slot) {
    must(log->segment_count == 0 || log->segments[log->segment_count - 1].sequence < sequence);
    if (log->segment_count == log->segment_cap) {
        log->segment_cap = log->segment_cap == 0 ? 64 : log->segment_cap * 2;
        log->segments = mem_realloc(log->segments, log->segment_cap * sizeof *log->segments);
    }
    log->segments[log->segment_count++] = (struct log_segment){.sequence = sequence, .slot = slot};
    log_slot_set_use(log, slot, SLOT_IN_USE);
    log_slot_at(log, slot)->sequence = sequence;
    log_note_slots_peak(log);
    log->top_slot = (uint32_t)num_max(log->top_slot, slot);
}

size_t log_segment_find(const struct log *log, uint64_t sequence) {
    size_t low = 0;
    size_t high = log->segment_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (log->segments[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    const bool is_there = low < log->segment_count && log->segments[low].sequence == sequence;
    return is_there ? low : log->segment_count;
}

void log_segment_drop_last(struct log *log) {
    must(log->segment_count > 0);
    log->segment_count--;
}

// How many slot files stay while this segment is the newest: its own, those of older segments, and
// the one that the next segment will take. Should that one's file be lost, the number tells.
static uint32_t slots_needed_by(const struct log *log) {
    const uint32_t next = find_ready(log);
    return next < LOG_SLOTS_MAX && next > log->top_slot ? next + 1 : log->top_slot + 1;
}

void log_segment_begin(struct log *log) {
    uint32_t slot = find_ready(log);
    must(slot < log->slot_count);
    uint64_t sequence = log->next_sequence++;
    if (log->segment_count > 0) {
        struct log_segment *before = &log->segments[log->segment_count - 1];
        const struct log_current *current = &log->current;
        // At a start nothing is current: the log goes on behind what is proven.
        before->end_lsn =
            current->sequence > 0 ? current->base_lsn + current->start : log->flushed.end_lsn;
    }
    log_segment_add(log, sequence, slot);
    log->current = (struct log_current){
        .slot = slot,
        .sequence = sequence,
        .base_lsn = sequence * log->segment_bytes,
        .salt = rng_next(&log->rng),
        .image = log_image_take(log, slot)->data,
        .start = LOG_ALIGN,
        .fill = LOG_ALIGN,
        .is_new = true,
        .slots_min = slots_needed_by(log),
    };
    log->slots_min = (uint32_t)num_max(log->slots_min, log->current.slots_min);
    log_slot_direct(log, slot);
    trace_event(log->options.trace, TRACE_VERBOSE, "log.segment_begun",
                "segment %llu begins in slot %u; %u more slots are ready",
                (unsigned long long)sequence, slot, log->ready_count);
}
