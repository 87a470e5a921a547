// What the log knows of checkpoints: where recovery begins, which segments are still needed, and
// which slots are free.
//
// A segment is needed when it reaches beyond the newest durable checkpoint's lsn (replay reads it)
// or the checkpoint's state refers to it and values are still in it (ghost.c). Why that is enough:
// references are only ever copied from values that live, so a state behind the checkpoint has none
// into a segment before it that the checkpoint has not; and what a checkpoint does without was
// removed durably, since the checkpoint is durable.
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

static void warn_of_damaged_copy(const struct log *log, uint32_t slot) {
    char name[SEGMENT_NAME_BYTES];
    trace_event(log->options.trace, TRACE_WARNING, "log.header_copy_damaged",
                "one of the two copies of the header of %s is damaged; the other one is used: "
                "check the disk",
                segment_name(name, slot));
}

// Registers every slot with what the scan says of it, and takes over the files. Which of the others
// are ready is for recovery to say.
static void register_slots(struct log *log) {
    struct scan *scan = &log->scan;
    for (uint32_t i = 0; i < scan->slot_count; i++) {
        const struct scan_slot *slot = &scan->slots[i];
        log_slot_add(log, slot->file, slot->kind == SCAN_SHORT ? SLOT_UNFINISHED : SLOT_BUSY);
        if (slot->has_damaged_copy && (slot->is_in_chain || slot->is_kept))
            warn_of_damaged_copy(log, i);
    }
    scan->files_are_taken = true;
    for (size_t i = 0; i < scan->kept_count; i++) {
        const struct scan_kept *kept = &scan->kept[i];
        const uint64_t full_lsn = (kept->sequence + 1) * log->segment_bytes;
        // A ghost's number is one that no file has, until it is known to be none of the missing.
        const uint32_t slot = kept->is_there ? kept->slot : log_slot_add(log, NULL, SLOT_BUSY);
        log_segment_add(log, kept->sequence, slot);
        log->segments[i].end_lsn = num_min(full_lsn, scan->from_lsn);
    }
    for (size_t i = 0; i < scan->chain_count; i++) {
        const uint32_t slot = scan->chain[i];
        const struct segment_header *header = &scan->slots[slot].header;
        if (i > 0) log->segments[log->segment_count - 1].end_lsn = header->prev_end_lsn;
        log_segment_add(log, header->sequence, slot);
        log->slots_min = header->slots_min;
    }
}

enum err log_adopt(struct log *log, const struct log_checkpoint *checkpoint, struct fault *fault) {
    must(!log->scan.files_are_taken && !log->is_recovered);
    enum err err = scan_adopt(&log->scan, checkpoint, fault);
    if (err != ERR_NONE) return err;
    register_slots(log);
    if (checkpoint != NULL) log->checkpoint_lsn = checkpoint->lsn;
    return ERR_NONE;
}

static bool is_needed(const struct log_segment *segment, const struct log_checkpoint *checkpoint,
                      bool is_kept) {
    if (MUTANT(KEPT_SEGMENT_RECYCLED)) is_kept = false;
    if (MUTANT(UNCOVERED_SEGMENT_RECYCLED) && segment->end_lsn != 0) return is_kept;
    return is_kept || segment->end_lsn == 0 || segment->end_lsn > checkpoint->lsn;
}

void log_checkpoint_done(struct log *log, const struct log_checkpoint *checkpoint) {
    must(log->is_recovered && checkpoint->lsn >= log->checkpoint_lsn);
    must(checkpoint->lsn <= log->durable_lsn);
    log->checkpoint_lsn = checkpoint->lsn;
    // One that follows another at once says nothing of how many segments are in use between two.
    const bool is_next = log->current.sequence > log->checkpoint_sequence;
    log->checkpoint_sequence = log->current.sequence;
    if (is_next) log->checkpoint_count++;
    if (is_next) log->slots_peak_before = log->slots_peak;
    log->top_slot = 0;
    log_ghosts_keep(log, checkpoint);
    size_t left = 0;
    size_t kept = 0;
    log->emptied_count = 0;
    for (size_t i = 0; i < log->segment_count; i++) {
        const struct log_segment segment = log->segments[i];
        while (kept < checkpoint->kept_count && checkpoint->kept[kept].sequence < segment.sequence)
            kept++;
        const bool is_kept =
            kept < checkpoint->kept_count && checkpoint->kept[kept].sequence == segment.sequence;
        if (is_needed(&segment, checkpoint, is_kept)) {
            log->segments[left++] = segment;
            log->emptied_count += segment.emptied_lsn != 0;
            log->top_slot = (uint32_t)num_max(log->top_slot, segment.slot);
        } else {
            log_slot_release(log, segment.slot);
        }
    }
    log->recycled_count += log->segment_count - left;
    trace_event(log->options.trace, TRACE_VERBOSE, "log.recycled",
                "%zu segments before log position %llu are not needed any more; %u slots are ready",
                log->segment_count - left, (unsigned long long)checkpoint->lsn, log->ready_count);
    log->segment_count = left;
    log_recycle(log);
    if (is_next) log->slots_peak = 0;
    log_note_slots_peak(log);
}
