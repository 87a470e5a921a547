// Slots: files of zeros made ahead of need, so that beginning a segment is a change of numbers in
// memory. And the question that has to be asked before anything is appended: is there room?
//
// How room is counted. Records are laid into segments one after the other; one that does not fit
// goes to the next. Two neighbouring segments together then hold more than one segment's worth, so
// a frame of n bytes needs at most 2n / segment + 1 new ones, and a frame smaller than a segment at
// most one. One ready slot is never counted: recovery needs it to write the last batch again, and a
// store that fills the disk and then crashes has to start.
#include <limits.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

enum { RETRY_AFTER_MS = 1000, RECORD_PADDING_BYTES = 8 };

unsigned log_file_flags(const struct log *log) {
    unsigned flags = VFS_READ | VFS_WRITE;
    return log->options.sync_method == LOG_SYNC_DSYNC ? flags | VFS_DSYNC : flags;
}

struct log_slot *log_slot_at(const struct log *log, uint32_t slot) {
    return &log->chunks[slot / SLOT_CHUNK][slot % SLOT_CHUNK];
}

uint32_t log_slot_add(struct log *log, struct vfs_file *file, enum slot_use use) {
    must(log->slot_count < LOG_SLOTS_MAX);
    uint32_t slot = log->slot_count++;
    if (slot % SLOT_CHUNK == 0)
        log->chunks[slot / SLOT_CHUNK] = mem_alloc_array(SLOT_CHUNK, sizeof(struct log_slot));
    *log_slot_at(log, slot) = (struct log_slot){.file = file, .use = use};
    if (use == SLOT_READY) log->ready_count++;
    return slot;
}

// The lowest slot of that use; slot_count: none. Ready and dirty slots are near the end of the
// table: the segments below them were begun in order.
static uint32_t find_slot(const struct log *log, enum slot_use use) {
    uint32_t found = log->slot_count;
    for (uint32_t i = 0; i < log->slot_count; i++) {
        if (log_slot_at(log, i)->use != use) continue;
        found = i;
        break;
    }
    return found;
}

// ---- segments

void log_segment_add(struct log *log, uint64_t sequence, uint32_t slot) {
    must(log->segment_count == 0 || log->segments[log->segment_count - 1].sequence < sequence);
    if (log->segment_count == log->segment_cap) {
        log->segment_cap = log->segment_cap == 0 ? 64 : log->segment_cap * 2;
        log->segments = mem_realloc(log->segments, log->segment_cap * sizeof *log->segments);
    }
    log->segments[log->segment_count++] = (struct log_segment){sequence, slot};
    struct log_slot *entry = log_slot_at(log, slot);
    if (entry->use == SLOT_READY) log->ready_count--;
    entry->use = SLOT_IN_USE;
    entry->sequence = sequence;
}

void log_segment_drop_last(struct log *log) {
    must(log->segment_count > 0);
    struct log_slot *slot = log_slot_at(log, log->segments[--log->segment_count].slot);
    slot->use = SLOT_DIRTY;
    slot->sequence = 0;
    if (slot->image != NULL) slot->image->slot = TAIL_NO_SLOT;
    slot->image = NULL;
}

struct tail_image *log_image_take(struct log *log, uint32_t slot) {
    struct tail_image *image = tail_take(&log->tail);
    bool is_known = image->slot != TAIL_NO_SLOT && !MUTANT(TAIL_IMAGE_STALE);
    if (is_known) log_slot_at(log, image->slot)->image = NULL;
    image->slot = slot;
    log_slot_at(log, slot)->image = image;
    return image;
}

void log_slot_written(struct log *log, uint32_t slot) {
    const struct log_slot *entry = log_slot_at(log, slot);
    const bool is_flushed = entry->image == NULL || entry->image->pins == 0;
    if (log->options.writes_direct && is_flushed) vfs_write_direct(entry->file, false);
}

void log_segment_begin(struct log *log) {
    if (log->current.image != NULL) log_slot_written(log, log->current.slot);
    uint32_t slot = find_slot(log, SLOT_READY);
    must(slot < log->slot_count);
    uint64_t sequence = log->next_sequence++;
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
    };
    if (log->options.writes_direct) vfs_write_direct(log_slot_at(log, slot)->file, true);
    trace_event(log->options.trace, TRACE_VERBOSE, "log.segment_begun",
                "segment %llu begins in slot %u; %u more slots are ready",
                (unsigned long long)sequence, slot, log->ready_count);
}

// ---- room

// What one new segment takes for sure, whatever the records' sizes and a flush in between.
static size_t segment_room(const struct log *log) {
    return log->limit - (size_t)2 * LOG_ALIGN - BATCH_HEADER_BYTES;
}

static uint32_t slots_for(const struct log *log, size_t bytes) {
    return (uint32_t)((bytes + segment_room(log) - 1) / segment_room(log));
}

enum log_room log_prepare(struct log *log, size_t bytes, size_t records, bool is_removal) {
    must(log->is_recovered);
    if (log->is_broken) return LOG_BROKEN;
    size_t each = segment_room(log);
    size_t need = bytes + records * (LOG_RECORD_HEADER_BYTES + RECORD_PADDING_BYTES);
    // The open batch may be flushed before the first record comes: padding and another header.
    size_t used = batch_padded(log->current.fill) + BATCH_HEADER_BYTES;
    size_t rest = used < log->limit ? log->limit - used : 0;
    uint32_t begun = 0;
    size_t consumed = need;
    if (need > rest) {
        begun = need <= each ? 1 : slots_for(log, 2 * need) + 1;
        consumed = rest + (need <= each ? need : begun * each);
    }
    uint32_t spendable = log->ready_count > 0 ? log->ready_count - 1 : 0;
    if (MUTANT(LAST_SLOT_SPENT)) spendable = log->ready_count;
    size_t room = rest + spendable * each;
    size_t reserve = is_removal ? 0 : log->options.reserve_bytes;
    if (MUTANT(RESERVE_NOT_KEPT)) reserve = 0;
    if (MUTANT(RESERVE_DENIED_TO_REMOVALS)) reserve = log->options.reserve_bytes;
    if (begun <= spendable && consumed + reserve <= room) return LOG_READY;

    uint32_t needed = slots_for(log, reserve) + begun + 1;
    if (consumed > rest)
        needed = (uint32_t)num_max(needed, slots_for(log, consumed + reserve - rest) + 1);
    if (needed > log->slots_needed) log->slots_needed = needed;
    bool is_at_limit = log->slot_count + needed > LOG_SLOTS_MAX;
    return log->is_full || is_at_limit ? LOG_NO_SPACE : LOG_WAIT;
}

// ---- making slots

struct log_slots *log_slots_begin(struct log *log, int64_t now_ms) {
    if (log->slot_job != NULL || log->is_broken || now_ms < log->retry_slots_ms) return NULL;
    uint32_t wanted = log->options.slots_ahead + slots_for(log, log->options.reserve_bytes) + 1;
    wanted = (uint32_t)num_max(wanted, log->slots_needed);
    if (log->ready_count >= wanted) {
        log->slots_needed = 0;
        return NULL;
    }
    uint32_t slot = find_slot(log, SLOT_DIRTY);
    bool is_wipe = slot < log->slot_count;
    if (!is_wipe && log->slot_count == LOG_SLOTS_MAX) return NULL;

    struct log_slots *job = mem_zalloc(sizeof *job);
    *job = (struct log_slots){
        .vfs = log->vfs,
        .slot = slot,
        .is_wipe = is_wipe,
        .segment_bytes = log->segment_bytes,
        .file_flags = log_file_flags(log),
        .now_ms = now_ms,
    };
    if (is_wipe) {
        job->file = log_slot_at(log, slot)->file;
        log_slot_at(log, slot)->use = SLOT_WIPING;
    }
    log->slot_job = job;
    return job;
}

enum err log_slots_run(struct log_slots *job) {
    if (job->is_wipe) return segment_wipe(job->vfs, job->file, job->segment_bytes);
    return segment_create(job->vfs, job->slot, job->segment_bytes, job->file_flags, &job->file);
}

void log_slots_end(struct log *log, struct log_slots *job, enum err err) {
    must(log->slot_job == job);
    log->slot_job = NULL;
    if (job->is_wipe) {
        log_slot_at(log, job->slot)->use = err == ERR_NONE ? SLOT_READY : SLOT_DIRTY;
        if (err == ERR_NONE) log->ready_count++;
    } else if (err == ERR_NONE) {
        log_slot_add(log, job->file, SLOT_READY);
    }
    if (err == ERR_NONE) {
        log->is_full = MUTANT(FULL_FOR_EVER) && log->is_full;
        trace_event(log->options.trace, TRACE_VERBOSE, "log.slot_made", "slot %u is ready",
                    job->slot);
    } else {
        log->slot_failures++;
        log->retry_slots_ms = job->now_ms + RETRY_AFTER_MS;
        if (!log->is_full)
            trace_event(log->options.trace, TRACE_WARNING, "log.slot_failed",
                        "cannot make another segment file of %zu bytes in %s (%s): when the ready "
                        "ones are used up, commands that grow data are refused; make room",
                        log->segment_bytes, log->vfs->where, err_name(err));
        log->is_full = true;
    }
    mem_free(job);
}

void log_slots_retry(struct log *log) {
    log->retry_slots_ms = INT64_MIN;
    log->is_full = false;
}

enum err log_slot_ensure(struct log *log, struct fault *fault) {
    if (log->ready_count > 0) return ERR_NONE;
    uint32_t slot = find_slot(log, SLOT_DIRTY);
    enum err err = ERR_NONE;
    if (slot < log->slot_count) {
        struct log_slot *entry = log_slot_at(log, slot);
        err = segment_wipe(log->vfs, entry->file, log->segment_bytes);
        if (err == ERR_NONE) {
            entry->use = SLOT_READY;
            log->ready_count++;
        }
    } else {
        struct vfs_file *file = NULL;
        err = segment_create(log->vfs, slot, log->segment_bytes, log_file_flags(log), &file);
        if (err == ERR_NONE) log_slot_add(log, file, SLOT_READY);
    }
    if (err == ERR_NONE) return ERR_NONE;
    char name[SEGMENT_NAME_BYTES];
    return fault_set(fault, err,
                     "cannot make %s of %zu bytes in %s (%s), which the start needs; make room or "
                     "check the disk, then start again",
                     segment_name(name, slot), log->segment_bytes, log->vfs->where, err_name(err));
}
