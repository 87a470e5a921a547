// Slots are made ahead of need and given back behind it, one at a time and away from the loop.
//
// Happy path: log_slots_begin sees that fewer slots are ready than wanted; log_slots_run makes a
// file of zeros, synced, its name synced; log_slots_end adds it to the table. Once segments are
// recycled as fast as they are written nothing is made any more.
//
// Giving back: when many more files are there than were in use lately, the last one goes, then the
// next job takes the one before it. Names have no gap, so only the end can go, and each removal is
// durable before the next: after a crash the names still have none.
//
// Failure modes: no room, or disk_max_bytes reached: the log is full, growth is refused, tried
// again after a second. A removal whose name is not durable: no other is removed until the next
// start, since that name may come back.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

enum {
    RETRY_AFTER_MS = 1000,
    // Checkpoints after which it is known how many segments come and go between two of them.
    SHRINK_AFTER_CHECKPOINTS = 2,
    SPARE_SHARE = 2, // one file more is kept for so many that were needed
};

// ---- is there need?

static uint64_t bytes_with(const struct log *log, uint32_t slots) {
    return slots * (uint64_t)log->segment_bytes + log->other_bytes;
}

static bool is_within_max(const struct log *log, uint32_t slots) {
    const uint64_t max = log->options.disk_max_bytes;
    return max == 0 || bytes_with(log, slots) <= max;
}

// Files that are kept, ready ones included. What was needed between the last two checkpoints will
// be so again, more or less: a file given back too early is made again for nothing.
static uint64_t slots_to_keep(const struct log *log) {
    uint64_t keep = log->segment_count + log_slots_wanted(log);
    if (is_within_max(log, log->slot_count)) {
        const uint64_t peak = num_max(log->slots_peak, log->slots_peak_before);
        keep = num_max(keep, peak + peak / SPARE_SHARE);
    }
    return num_max(keep, log->slots_min);
}

static bool wants_removal(const struct log *log) {
    const bool is_over = !is_within_max(log, log->slot_count);
    if (log->has_lost_shrink || (!log->options.shrink && !is_over)) return false;
    if (!is_over && log->checkpoint_count < SHRINK_AFTER_CHECKPOINTS) return false;
    if (log->slot_count <= slots_to_keep(log)) return false;
    return log_slot_at(log, log->slot_count - 1)->use == SLOT_READY;
}

static void note_full(struct log *log, const char *why) {
    if (!log->is_full)
        trace_event(log->options.trace, TRACE_WARNING, "log.slot_failed",
                    "cannot make another segment file of %zu bytes in %s (%s): when the ready "
                    "ones are used up, commands that grow data are refused; make room",
                    log->segment_bytes, log->vfs->where, why);
    log->is_full = true;
}

// ---- the job

static struct log_slots *job_new(struct log *log, enum slot_task task, int64_t now_ms) {
    struct log_slots *job = mem_zalloc(sizeof *job);
    *job = (struct log_slots){
        .vfs = log->vfs,
        .slot = task == SLOT_MAKE ? log->slot_count : log->slot_count - 1,
        .task = task,
        .segment_bytes = log->segment_bytes,
        .file_flags = log_file_flags(log),
        .now_ms = now_ms,
    };
    if (task != SLOT_MAKE) {
        job->file = log_slot_at(log, job->slot)->file;
        log_slot_set_use(log, job->slot, SLOT_BUSY);
    }
    log->slot_job = job;
    return job;
}

static bool ends_unfinished(const struct log *log) {
    return log->slot_count > 0 && log_slot_at(log, log->slot_count - 1)->use == SLOT_UNFINISHED;
}

struct log_slots *log_slots_begin(struct log *log, int64_t now_ms) {
    if (log->slot_job != NULL || log->is_broken || now_ms < log->retry_slots_ms) return NULL;
    if (log_has_slots(log)) {
        log->slots_needed = 0;
        log->is_full = MUTANT(FULL_FOR_EVER) && log->is_full;
        log->is_at_disk_max = false;
        return wants_removal(log) ? job_new(log, SLOT_REMOVE, now_ms) : NULL;
    }
    if (ends_unfinished(log)) return job_new(log, SLOT_FINISH, now_ms);
    if (log->slot_count == LOG_SLOTS_MAX) return NULL;
    if (!is_within_max(log, log->slot_count + 1)) {
        log->is_at_disk_max = true;
        note_full(log, "the limit max-disk");
        return NULL;
    }
    return job_new(log, SLOT_MAKE, now_ms);
}

static enum err remove_file(struct log_slots *job) {
    char name[SEGMENT_NAME_BYTES];
    enum err err = vfs_remove(job->vfs, segment_name(name, job->slot));
    if (err != ERR_NONE) return err;
    job->is_removed = true;
    vfs_close(job->file);
    return MUTANT(REMOVAL_NOT_SYNCED) ? ERR_NONE : vfs_sync_dir(job->vfs);
}

enum err log_slots_run(struct log_slots *job) {
    switch (job->task) {
    case SLOT_MAKE:
        return segment_create(job->vfs, job->slot, job->segment_bytes, job->file_flags, &job->file);
    case SLOT_FINISH:
        return segment_finish(job->vfs, job->file, job->segment_bytes);
    case SLOT_REMOVE:
        return remove_file(job);
    }
    return ERR_INVALID;
}

static void end_removal(struct log *log, const struct log_slots *job, enum err err) {
    if (job->is_removed) {
        log_slot_pop(log);
        log->slots_removed++;
        if (err != ERR_NONE) log->has_lost_shrink = true;
    } else {
        log_slot_set_use(log, job->slot, SLOT_READY);
        log->retry_slots_ms = job->now_ms + RETRY_AFTER_MS;
    }
    if (err == ERR_NONE)
        trace_event(log->options.trace, TRACE_VERBOSE, "log.slot_removed",
                    "slot %u was given back to the file system", job->slot);
    else
        trace_event(log->options.trace, TRACE_WARNING, "log.slot_not_removed",
                    "the segment file of slot %u, which is not needed, could not be removed (%s); "
                    "nothing is lost",
                    job->slot, err_name(err));
}

static void end_making(struct log *log, const struct log_slots *job, enum err err) {
    if (err == ERR_NONE) {
        if (job->task == SLOT_MAKE)
            log_slot_add(log, job->file, SLOT_READY);
        else
            log_slot_set_use(log, job->slot, SLOT_READY);
        log->slots_made++;
        log->is_full = MUTANT(FULL_FOR_EVER) && log->is_full;
        log->is_at_disk_max = false;
        trace_event(log->options.trace, TRACE_VERBOSE, "log.slot_made", "slot %u is ready",
                    job->slot);
        return;
    }
    if (job->task == SLOT_FINISH) log_slot_set_use(log, job->slot, SLOT_UNFINISHED);
    log->slot_failures++;
    log->retry_slots_ms = job->now_ms + RETRY_AFTER_MS;
    log->is_at_disk_max = false;
    note_full(log, err_name(err));
}

void log_slots_end(struct log *log, struct log_slots *job, enum err err) {
    must(log->slot_job == job);
    log->slot_job = NULL;
    if (job->task == SLOT_REMOVE)
        end_removal(log, job, err);
    else
        end_making(log, job, err);
    mem_free(job);
}

void log_slots_retry(struct log *log) {
    log->retry_slots_ms = INT64_MIN;
    log->is_full = false;
    log->is_at_disk_max = false;
}

void log_set_disk_max(struct log *log, uint64_t max_bytes) {
    log->options.disk_max_bytes = max_bytes;
    log_slots_retry(log);
}

void log_set_other_bytes(struct log *log, uint64_t bytes) {
    if (bytes < log->other_bytes && log->is_at_disk_max) log_slots_retry(log);
    log->other_bytes = bytes;
}

void log_set_shrink(struct log *log, bool shrink) {
    log->options.shrink = shrink;
}

// ---- at start

enum err log_slot_ensure(struct log *log, struct fault *fault) {
    if (log->ready_count > 0) return ERR_NONE;
    struct log_slots *job = job_new(log, ends_unfinished(log) ? SLOT_FINISH : SLOT_MAKE, 0);
    const uint32_t slot = job->slot;
    const enum err err = log_slots_run(job);
    log_slots_end(log, job, err);
    log_slots_retry(log);
    if (err == ERR_NONE) return ERR_NONE;
    char name[SEGMENT_NAME_BYTES];
    return fault_set(fault, err,
                     "cannot make %s of %zu bytes in %s (%s), which the start needs; make room or "
                     "check the disk, then start again",
                     segment_name(name, slot), log->segment_bytes, log->vfs->where, err_name(err));
}
