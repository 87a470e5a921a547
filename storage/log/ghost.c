// Segments that hold nothing any more although the newest checkpoint refers to them.
//
// Happy path: the last value in a segment goes (log_note_empty). When a later batch than the one
// with the removal is durable, and a checkpoint covers the segment, its slot is given back; the
// segment is a *ghost* until a checkpoint does without it. A start loads the checkpoint, gives the
// ghost a slot number without a file, replays the log, and sees that nothing leads there any more.
// Kept segments that are there and empty become ghosts then, too.
//
// Why a later batch: a start hands over the last batch only when it has written it again, maybe
// into the very slot. Everything before the last batch is applied before anything on disk changes.
//
// Failure modes: a segment is missing that values are still in: the start is refused before it
// changes anything. A slot that held one and lost its header is not touched until then.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

// ---- the list

void log_ghost_add(struct log *log, uint64_t sequence, uint64_t end_lsn) {
    if (log->ghost_count == log->ghost_cap) {
        log->ghost_cap = log->ghost_cap == 0 ? 16 : log->ghost_cap * 2;
        log->ghosts = mem_realloc(log->ghosts, log->ghost_cap * sizeof *log->ghosts);
    }
    size_t at = log->ghost_count++;
    for (; at > 0 && log->ghosts[at - 1].sequence > sequence; at--)
        log->ghosts[at] = log->ghosts[at - 1];
    log->ghosts[at] = (struct log_ghost){sequence, end_lsn};
}

void log_ghosts_keep(struct log *log, const struct log_checkpoint *checkpoint) {
    size_t left = 0;
    size_t kept = 0;
    for (size_t i = 0; i < log->ghost_count; i++) {
        const struct log_ghost ghost = log->ghosts[i];
        while (kept < checkpoint->kept_count && checkpoint->kept[kept].sequence < ghost.sequence)
            kept++;
        if (kept < checkpoint->kept_count && checkpoint->kept[kept].sequence == ghost.sequence)
            log->ghosts[left++] = ghost;
    }
    log->ghost_count = left;
}

// ---- a segment becomes one

// The end of what was appended, seals apart.
static uint64_t appended_lsn(const struct log *log) {
    const struct log_current *current = &log->current;
    return current->fill > current->start ? current->base_lsn + current->fill : log->data_end_lsn;
}

void log_note_empty(struct log *log, uint32_t slot) {
    must(log->last_record == NULL);
    if (slot >= log->slot_count) return; // a ghost's, before the start was approved
    const struct log_slot *entry = log_slot_at(log, slot);
    if (entry->use != SLOT_IN_USE || slot == log->current.slot) return;
    const size_t index = log_segment_find(log, entry->sequence);
    must(index < log->segment_count);
    struct log_segment *segment = &log->segments[index];
    if (segment->emptied_lsn != 0) return;
    segment->emptied_lsn = appended_lsn(log);
    log->emptied_count++;
}

static bool may_release(const struct log *log, const struct log_segment *segment) {
    if (segment->emptied_lsn == 0 || segment->end_lsn > log->checkpoint_lsn) return false;
    return segment->emptied_lsn <= log->proven_lsn || MUTANT(EMPTIED_NOT_PROVEN);
}

void log_recycle(struct log *log) {
    if (log->emptied_count == 0) return;
    size_t left = 0;
    for (size_t i = 0; i < log->segment_count; i++) {
        const struct log_segment segment = log->segments[i];
        if (!may_release(log, &segment)) {
            log->segments[left++] = segment;
            continue;
        }
        log->emptied_count--;
        log->recycled_count++;
        if (!MUTANT(GHOST_FORGOTTEN)) log_ghost_add(log, segment.sequence, segment.end_lsn);
        log_slot_release(log, segment.slot);
        trace_event(log->options.trace, TRACE_VERBOSE, "log.emptied",
                    "segment %llu holds nothing any more; %u slots are ready",
                    (unsigned long long)segment.sequence, log->ready_count);
    }
    log->segment_count = left;
}

// ---- at a start

bool log_is_ghost(const struct log *log, uint32_t slot) {
    must(slot < log->slot_count);
    return log_slot_at(log, slot)->file == NULL;
}

static bool is_empty(const struct log_visitor *visitor, const struct log *log, uint32_t slot) {
    if (visitor->is_empty == NULL) return log_is_ghost(log, slot);
    return visitor->is_empty(visitor->context, slot);
}

static enum err refuse_lost(const struct log *log, const struct log_visitor *visitor,
                            struct fault *fault) {
    for (size_t i = 0; i < log->scan.kept_count; i++) {
        const struct log_segment *segment = &log->segments[i];
        if (!log_is_ghost(log, segment->slot) || is_empty(visitor, log, segment->slot)) continue;
        if (!MUTANT(GHOST_BELIEVED)) return scan_missing(&log->scan, segment->sequence, fault);
    }
    return ERR_NONE;
}

// Their numbers are above those of all files.
static void drop_ghost_slots(struct log *log) {
    while (log->slot_count > 0 && log_is_ghost(log, log->slot_count - 1)) {
        log_slot_set_use(log, log->slot_count - 1, SLOT_BUSY);
        log_slot_pop(log);
    }
}

enum err log_ghosts_leave(struct log *log, const struct log_visitor *visitor, struct fault *fault) {
    const enum err err = refuse_lost(log, visitor, fault);
    if (err != ERR_NONE) return err;
    size_t left = 0;
    for (size_t i = 0; i < log->segment_count; i++) {
        const struct log_segment segment = log->segments[i];
        const bool is_ghost = log_is_ghost(log, segment.slot);
        const bool is_kept = i < log->scan.kept_count;
        if (!is_ghost && !(is_kept && is_empty(visitor, log, segment.slot))) {
            log->segments[left++] = segment;
            continue;
        }
        log_ghost_add(log, segment.sequence, segment.end_lsn);
        // It was ready when the server ended, and may be the one that recovery needs.
        if (!is_ghost) log_slot_release(log, segment.slot);
    }
    log->segment_count = left;
    drop_ghost_slots(log);
    log->top_slot = 0;
    for (size_t i = 0; i < left; i++)
        log->top_slot = (uint32_t)num_max(log->top_slot, log->segments[i].slot);
    log->slots_peak = 0;
    log_note_slots_peak(log);
    return ERR_NONE;
}
