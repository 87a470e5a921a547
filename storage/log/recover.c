// Recovery: from what lies on the disk to a log that can be appended to.
//
// Happy path: read the segments in order, verify every batch, hand over the frames. The log was
// stopped cleanly, so its last batch is a SEAL and nothing lies behind: write the seal once more
// (below), go on behind it.
//
// Failure modes, in the order in which they are told apart:
//  - a batch is bad that must be good (scan.c says when): ERR_CORRUPT, nothing was changed;
//  - the log ends without a seal, or bytes of an unfinished write lie behind its end. Then nothing
//    proves the last batch: after a failed sync the page cache shows what the disk does not have.
//    It is written again, at the beginning of a fresh segment whose header cuts the old segment in
//    front of it: first the batch, sync, then the header, sync (only now does the new segment
//    exist, and the old place is no longer looked at), then a seal. A last batch that is a seal
//    holds nothing and is left behind; a new seal takes its place, in the same order. Bytes behind
//    the end go to a file torn-<lsn>-<slot> for people;
//  - a crash meanwhile: until the header is durable the old batch counts, from then on the new.
//
// Why a segment whose first batch is the last of the log is left behind whole: its header went out
// in one write with that batch, and is as unproven. The fresh segment follows the one before.
//
// Why a seal is written again before the log goes on behind it: the disk may not have it either.
// The next batch would then lie behind a hole, which is the picture of rot. The block holds no data
// and may be destroyed by a crash meanwhile.
#include <inttypes.h>
#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/log/frames.h"
#include "storage/log/record.h"
#include "storage/log/state.h"

struct recovery {
    struct log *log;
    const struct log_visitor *visitor;
    struct log_recovery *out;
    struct fault *fault;
    struct frames frames;
    struct scan_segment last; // the log's last segment
    struct scan_end end;      // what lies behind it
    bool has_last;
    uint32_t last_slot;
    char *last_image;
    char *scratch; // a segment's worth
};

static enum err fail(struct recovery *r, enum err err, const char *what) {
    return fault_set(r->fault, err, "%s failed in %s (%s); check the disk, then start again", what,
                     r->log->vfs->where, err_name(err));
}

// ---- reading

static enum err hand_over_batches(struct recovery *r, const char *image, uint32_t slot, size_t to) {
    enum err err = ERR_NONE;
    for (size_t at = LOG_ALIGN; at < to && err == ERR_NONE;) {
        struct batch_header header = batch_get(image + at);
        err = frames_add(&r->frames, image + at, slot, at, r->fault);
        r->out->bytes += header.bytes;
        at += batch_padded(header.bytes);
    }
    return err;
}

// Where the last segment's proven batches end: in front of its last batch.
static size_t proven_part(const struct recovery *r) {
    if (MUTANT(MOVED_BATCH_APPLIED_TWICE)) return r->last.end;
    if (MUTANT(UNPROVEN_BATCH_TRUSTED) && !r->end.is_torn) return r->last.end;
    if (MUTANT(REWRITTEN_IN_PLACE) && !r->end.is_torn) return r->last.end;
    return r->last.last;
}

// Reads the whole chain and hands over everything but the log's last batch.
static enum err read_chain(struct recovery *r) {
    struct log *log = r->log;
    const struct scan *scan = &log->scan;
    struct progress *progress = log->options.progress;
    progress_expect(progress, scan->chain_count * log->segment_bytes);
    for (size_t i = 0; i < scan->chain_count; i++) {
        if (progress_is_unwanted(progress))
            return fault_set(r->fault, ERR_STOPPED, "asked to stop while reading the log");
        frames_detach(&r->frames);
        uint32_t slot = scan->chain[i];
        char *image = log_image_take(log, slot)->data;
        struct scan_segment segment;
        enum err err = scan_segment(scan, i, image, &segment, r->fault);
        if (err != ERR_NONE) return err;
        if (i + 1 < scan->chain_count) {
            // The disk reads the next one while this one is applied.
            vfs_read_ahead(scan->slots[scan->chain[i + 1]].file, 0, log->segment_bytes);
            err = hand_over_batches(r, image, slot, segment.end);
            if (err != ERR_NONE) return err;
            progress_add(progress, log->segment_bytes);
            continue;
        }
        r->has_last = true;
        r->last = segment;
        r->last_slot = slot;
        r->last_image = image;
        if (segment.batches > 0 && segment.last_header.epoch > log->epoch)
            log->epoch = segment.last_header.epoch;
    }
    const struct scan_segment *last = r->has_last ? &r->last : NULL;
    enum err err = scan_end(&log->scan, r->last_image, last, r->scratch, &r->end, r->fault);
    if (err == ERR_NONE && r->has_last)
        err = hand_over_batches(r, r->last_image, r->last_slot, proven_part(r));
    if (err == ERR_NONE) err = log_ghosts_leave(log, r->visitor, r->fault);
    if (err == ERR_NONE && r->has_last) progress_add(progress, log->segment_bytes);
    return err;
}

// Whether the slot holds a segment that the last one was written to supersede, and that one's
// header may be in the page cache alone (an earlier start failed in its sync): then the old place
// may have the only copy of the last batch that the disk has.
static bool may_count_again(const struct recovery *r, uint32_t slot) {
    const struct scan_slot *old = &r->log->scan.slots[slot];
    if (!r->has_last || r->last.batches >= 2 || old->kind != SCAN_HEADED) return false;
    const struct segment_header *last = &r->log->scan.slots[r->last_slot].header;
    return old->header.sequence > last->prev_sequence && old->header.sequence < last->sequence;
}

// The log's end is durable: no old place counts any more.
static void free_superseded(const struct recovery *r) {
    for (uint32_t i = 0; i < r->log->scan.slot_count; i++)
        if (log_slot_at(r->log, i)->use == SLOT_BUSY) log_slot_set_use(r->log, i, SLOT_READY);
}

// What is neither in the chain nor kept is free, whatever it holds. A slot that never had a header
// may be a new one whose zeros are only in the page cache, and its name likewise.
static enum err free_slots(struct recovery *r) {
    struct log *log = r->log;
    enum err err = ERR_NONE;
    for (uint32_t i = 0; i < log->scan.slot_count && err == ERR_NONE; i++) {
        if (log_slot_at(log, i)->use != SLOT_BUSY || may_count_again(r, i)) continue;
        if (log->scan.slots[i].kind == SCAN_BLANK) err = vfs_sync(log_slot_at(log, i)->file);
        log_slot_set_use(log, i, SLOT_READY);
    }
    if (MUTANT(FOUND_NAMES_NOT_SYNCED)) return err;
    if (err == ERR_NONE) err = vfs_sync_dir(log->vfs);
    return err == ERR_NONE ? ERR_NONE : fail(r, err, "syncing the spare segment files");
}

// ---- what a crash left behind

enum { COPY_PIECE_BYTES = 1 << 20 };
#define TORN_TEMPORARY_NAME "torn.tmp"

static enum err copy_aside(struct vfs *vfs, struct vfs_file *from, size_t begin, size_t end,
                           const char *name) {
    enum err err = vfs_remove(vfs, TORN_TEMPORARY_NAME);
    if (err != ERR_NONE && err != ERR_NOT_FOUND) return err;
    struct vfs_file *to = NULL;
    err = vfs_open(vfs, TORN_TEMPORARY_NAME, VFS_WRITE | VFS_CREATE, &to);
    if (err != ERR_NONE) return err;
    char *piece = mem_alloc(COPY_PIECE_BYTES);
    for (size_t at = begin; at < end && err == ERR_NONE;) {
        size_t len = end - at < COPY_PIECE_BYTES ? end - at : COPY_PIECE_BYTES;
        err = vfs_read_at(from, piece, len, at);
        if (err == ERR_NONE) err = vfs_write_at(to, piece, len, at - begin);
        at += len;
    }
    if (err == ERR_NONE) err = vfs_sync(to);
    vfs_close(to);
    if (err == ERR_NONE) err = vfs_rename(vfs, TORN_TEMPORARY_NAME, name);
    if (err == ERR_NONE) err = vfs_sync_dir(vfs);
    mem_free(piece);
    return err;
}

// The copy is for people; what it holds was never acknowledged. A full disk must not keep the
// server from starting for its sake.
static enum err keep_aside(struct recovery *r, uint32_t slot, size_t begin, size_t end) {
    char name[VFS_NAME_MAX + 1];
    snprintf(name, sizeof name, "torn-%016" PRIx64 "-%06u", r->end.lsn, slot);
    enum err err = copy_aside(r->log->vfs, log_slot_at(r->log, slot)->file, begin, end, name);
    if (err == ERR_NONE) {
        trace_event(r->log->options.trace, TRACE_WARNING, "log.torn",
                    "the last write before the stop was cut off; nothing in it had been "
                    "acknowledged. Its %zu bytes are kept in %s",
                    end - begin, name);
        return ERR_NONE;
    }
    if (err != ERR_NO_SPACE) return fail(r, err, "keeping the torn end of the log aside");
    (void)vfs_remove(r->log->vfs, TORN_TEMPORARY_NAME);
    trace_event(r->log->options.trace, TRACE_WARNING, "log.torn",
                "the last write before the stop was cut off; nothing in it had been acknowledged. "
                "There is no room to keep a copy of its %zu bytes",
                end - begin);
    return ERR_NONE;
}

static enum err keep_torn(struct recovery *r) {
    if (!r->end.is_torn) return ERR_NONE;
    r->out->torn_lsn = r->end.lsn;
    if (r->end.torn_end == 0) return ERR_NONE;
    return keep_aside(r, r->last_slot, r->last.end, r->end.torn_end);
}

// ---- the last batch, written again

// Says so when the page cache showed a batch that the disk does not have: rule 4 just mattered.
static void compare_with_disk(struct recovery *r) {
    char name[SEGMENT_NAME_BYTES];
    struct vfs_file *file = NULL;
    segment_name(name, r->last_slot);
    if (vfs_open(r->log->vfs, name, VFS_READ | VFS_DIRECT, &file) != ERR_NONE) return;
    char *aligned = r->scratch;
    size_t len = r->last.end - r->last.last;
    if (vfs_read_at(file, aligned, len, r->last.last) == ERR_NONE &&
        memcmp(aligned, r->last_image + r->last.last, len) != 0)
        trace_event(r->log->options.trace, TRACE_WARNING, "log.cache_only",
                    "the last batch in %s was in the page cache but not on the disk; it is "
                    "written again",
                    name);
    vfs_close(file);
}

static void relocate_records(struct recovery *r, char *batch, const struct batch_header *old,
                             uint64_t delta) {
    if (r->visitor->relocate == NULL || MUTANT(MOVED_REFERENCES_KEPT)) return;
    for (size_t at = BATCH_HEADER_BYTES; at < old->bytes;) {
        struct record record = record_get(batch + at);
        r->visitor->relocate(r->visitor->context, record.type, batch + at + LOG_RECORD_HEADER_BYTES,
                             record.meta.len, old->lsn, old->lsn + batch_padded(old->bytes), delta);
        record_finish(batch + at, record.flags);
        at += record.bytes;
    }
}

// Writes the fresh segment's first batch, whose records and padding are in place, and only when it
// is durable the header. A header that came without its batch would move the log's end back, in
// front of what a torn write elsewhere rightly knows as durable.
static enum err write_first(struct recovery *r, struct batch_header *header) {
    struct log *log = r->log;
    struct log_current *current = &log->current;
    size_t padded = batch_padded(header->bytes);
    char *batch = current->image + LOG_ALIGN;
    batch_encode(batch, header);
    struct segment_header segment = log_segment_header(log);
    segment_encode(current->image, &segment);

    struct vfs_file *file = log_slot_at(log, current->slot)->file;
    enum err err = vfs_write_at(file, batch, padded, LOG_ALIGN);
    if (err == ERR_NONE && !MUTANT(HEADER_BEFORE_MOVED_BATCH)) err = vfs_sync(file);
    if (err == ERR_NONE) err = vfs_write_at(file, current->image, LOG_ALIGN, 0);
    if (err == ERR_NONE) err = vfs_sync(file);
    if (err != ERR_NONE) return err;

    current->start = LOG_ALIGN + padded;
    current->fill = current->start;
    current->is_new = false;
    log->slots_min = current->slots_min;
    log->flushed = (struct log_flushed){current->sequence, header->lsn + padded, header->checksum};
    log->durable_lsn = log->flushed.end_lsn;
    log->proven_lsn = header->lsn;
    return ERR_NONE;
}

// What a header has to say to be the first of the fresh segment.
static void place_first(const struct log *log, struct batch_header *header) {
    header->lsn = log->current.base_lsn + LOG_ALIGN;
    header->durable_lsn = log->flushed.end_lsn;
    header->salt = log->current.salt;
    header->prev_checksum = log->flushed.checksum;
    header->epoch = log->epoch;
}

// Puts the last batch at the beginning of the fresh segment, and a seal behind it.
static enum err write_again(struct recovery *r, const char *bytes) {
    struct log *log = r->log;
    const struct batch_header *old = &r->last.last_header;
    size_t padded = batch_padded(old->bytes);
    char *batch = log->current.image + LOG_ALIGN;
    memcpy(batch, bytes, padded);
    struct batch_header header = *old;
    place_first(log, &header);
    relocate_records(r, batch, old, header.lsn - old->lsn);
    enum err err = write_first(r, &header);
    if (err != ERR_NONE) return fail(r, err, "writing the last batch again");
    r->out->repersisted_bytes = padded;
    trace_event(log->options.trace, TRACE_NOTICE, "log.repersisted",
                "the last batch (%zu bytes) was not proven to be on disk and was written again",
                padded);
    if (MUTANT(RECOVERY_NOT_SEALED)) return ERR_NONE;
    err = log_seal_now(log);
    return err == ERR_NONE ? ERR_NONE : fail(r, err, "sealing the log");
}

// The fresh segment begins with its seal.
static enum err write_seal(struct recovery *r) {
    struct log *log = r->log;
    memset(log->current.image + LOG_ALIGN, 0, LOG_ALIGN);
    struct batch_header header = {
        .wall_ms = log_wall_ms(log), .bytes = BATCH_HEADER_BYTES, .flags = BATCH_SEAL};
    place_first(log, &header);
    enum err err = write_first(r, &header);
    if (err != ERR_NONE) return fail(r, err, "sealing the log");
    log->seal_count++;
    return ERR_NONE;
}

// Where the log ends once its last batch is taken away.
static struct log_flushed proven_end(const struct recovery *r) {
    const struct segment_header *header = &r->log->scan.slots[r->last_slot].header;
    if (MUTANT(OLD_PLACE_NOT_CUT) && r->last.batches > 1)
        return (struct log_flushed){header->sequence, header->base_lsn + r->last.end,
                                    r->last.checksum};
    if (r->last.batches < 2)
        return (struct log_flushed){header->prev_sequence, header->prev_end_lsn,
                                    header->prev_checksum};
    return (struct log_flushed){header->sequence, r->last.last_header.lsn,
                                r->last.last_header.prev_checksum};
}

// The log goes on in a fresh segment that follows what is proven.
static enum err continue_afresh(struct recovery *r) {
    struct log *log = r->log;
    enum err err = log_slot_ensure(log, r->fault);
    if (err != ERR_NONE) return err;
    frames_detach(&r->frames);
    // A copy, because the fresh segment may get the image that the old batch lies in.
    bool has_data = r->last.batches > 0 && (r->last.last_header.flags & BATCH_SEAL) == 0;
    char *batch = NULL;
    if (has_data) {
        compare_with_disk(r);
        batch = mem_dup(r->last_image + r->last.last, r->last.end - r->last.last);
    }
    log->flushed = proven_end(r);
    const bool is_superseded = r->last.batches < 2;
    if (is_superseded) log_segment_drop_last(log);
    if (MUTANT(SUPERSEDED_SLOT_TAKEN) && is_superseded) log_slot_release(log, r->last_slot);
    if (MUTANT(SEQUENCE_USED_AGAIN) && is_superseded) log->next_sequence--;
    log_segment_begin(log);
    err = has_data ? write_again(r, batch) : write_seal(r);
    mem_free(batch);
    // Not before the fresh header is durable: until then the old place counts.
    if (err == ERR_NONE && is_superseded && !MUTANT(SUPERSEDED_SLOT_TAKEN))
        log_slot_release(log, r->last_slot);
    return err;
}

static enum err continue_behind_seal(struct recovery *r) {
    struct log *log = r->log;
    const struct segment_header *header = &log->scan.slots[r->last_slot].header;
    size_t from = r->last.last;
    if (from == LOG_ALIGN) {
        segment_encode(r->last_image, header);
        from = 0;
    }
    struct vfs_file *file = log_slot_at(log, r->last_slot)->file;
    bool is_trusted = MUTANT(UNPROVEN_BATCH_TRUSTED) || MUTANT(SEAL_TRUSTED);
    enum err err =
        is_trusted ? ERR_NONE : vfs_write_at(file, r->last_image + from, r->last.end - from, from);
    if (err == ERR_NONE && !is_trusted) err = vfs_sync(file);
    if (err != ERR_NONE) return fail(r, err, "writing the seal again");

    log_slot_direct(log, r->last_slot);
    log->current = (struct log_current){
        .slot = r->last_slot,
        .sequence = header->sequence,
        .base_lsn = header->base_lsn,
        .salt = header->salt,
        .image = r->last_image,
        .start = r->last.end,
        .fill = r->last.end,
    };
    log->flushed =
        (struct log_flushed){header->sequence, header->base_lsn + r->last.end, r->last.checksum};
    log->durable_lsn = log->flushed.end_lsn;
    log->proven_lsn = r->last.last_header.lsn;
    return ERR_NONE;
}

static enum err make_appendable(struct recovery *r) {
    struct log *log = r->log;
    enum err err = free_slots(r);
    if (err == ERR_NONE) err = keep_torn(r);
    if (err != ERR_NONE) return err;
    bool ends_with_seal =
        r->has_last && r->last.batches > 0 && (r->last.last_header.flags & BATCH_SEAL) != 0;
    if (MUTANT(UNPROVEN_BATCH_TRUSTED) || MUTANT(REWRITTEN_IN_PLACE))
        ends_with_seal = r->has_last && r->last.batches > 0;
    r->out->was_sealed = ends_with_seal && !r->end.is_torn;
    if (r->out->was_sealed) return continue_behind_seal(r);
    if (!r->has_last) {
        // Nothing to prove: the first batch brings its header along.
        err = log_slot_ensure(log, r->fault);
        if (err != ERR_NONE) return err;
        log_segment_begin(log);
        log->durable_lsn = log->current.base_lsn + LOG_ALIGN;
        log->proven_lsn = log->durable_lsn;
        return ERR_NONE;
    }
    err = continue_afresh(r);
    if (err != ERR_NONE || r->out->repersisted_bytes == 0) return err;
    return hand_over_batches(r, log->current.image, log->current.slot,
                             LOG_ALIGN + (size_t)r->out->repersisted_bytes);
}

enum err log_recover(struct log *log, const struct log_visitor *visitor, struct log_recovery *out,
                     struct fault *fault) {
    must(log->scan.files_are_taken && !log->is_recovered); // once, behind log_adopt
    *out = (struct log_recovery){0};
    struct recovery r = {.log = log, .visitor = visitor, .out = out, .fault = fault};
    // Aligned, so that it can be read into past the page cache.
    struct tail scratch;
    tail_init(&scratch, log->segment_bytes, 0);
    r.scratch = tail_take(&scratch)->data;
    frames_init(&r.frames, visitor, log->scan.from_lsn, log->options.trace);

    log->next_sequence = log->scan.top_sequence + 1;
    enum err err = read_chain(&r);
    if (err == ERR_NONE) {
        // Two starts with the same seed must not use the same salts.
        log->epoch++;
        rng_init(&log->rng, log->options.seed ^ (log->epoch << 32 ^ log->next_sequence));
        err = make_appendable(&r);
        if (err == ERR_NONE) free_superseded(&r);
    }
    out->frames = r.frames.frame_count;
    out->records = r.frames.record_count;
    log->data_end_lsn = log->proven_lsn;
    log->is_recovered = err == ERR_NONE;
    log->options.progress = NULL; // it need not outlive us
    scan_close(&log->scan);
    frames_deinit(&r.frames);
    tail_deinit(&scratch);
    return err;
}
