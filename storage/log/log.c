// Appending and making durable.
//
// Happy path: log_append writes the record to its final place in the image of the current segment;
// log_commit marks the last one END. log_flush_begin closes the open batch (pads it, opens the next
// one behind it) and hands it out; log_flush_run completes the header, writes and syncs; meanwhile
// records go to the next batch. log_flush_end moves durable_lsn behind the batch.
//
// A record that does not fit into the rest of its segment closes the open batch into a queue and
// begins the next segment; the queue is flushed in order, one batch at a time. A frame may run over
// several batches, so no batch is handed out while one is open.
//
// Failure modes: a write or sync fails: the log is broken for good. Nothing is tried again, since
// after a failed sync the kernel may call pages clean that never reached the disk.
#define _POSIX_C_SOURCE 200809L

#include "storage/log/log.h"

#include <time.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/log/record.h"
#include "storage/log/state.h"

int64_t log_wall_ms(const struct log *log) {
    const struct clock *clock = log->options.clock;
    return clock != NULL ? clock_wall_us(clock) / 1000 : log->options.wall_ms;
}

static bool batch_is_open(const struct log *log) {
    return log->current.fill > log->current.start;
}

// ---- appending

// Closes the open batch (for a SEAL: an empty one) and queues it.
static void batch_close(struct log *log, uint32_t flags) {
    struct log_current *current = &log->current;
    size_t bytes = current->fill - current->start;
    size_t padded = batch_padded(bytes);
    memset(current->image + current->fill, 0, padded - bytes);

    struct log_flush *flush = mem_zalloc(sizeof *flush);
    struct log_slot *slot = log_slot_at(log, current->slot);
    flush->image = slot->image;
    flush->file = slot->file;
    flush->sequence = current->sequence;
    flush->offset = current->start;
    flush->has_segment_header = current->is_new;
    flush->slots_min = current->slots_min;
    flush->header = (struct batch_header){
        .lsn = current->base_lsn + current->start,
        .salt = current->salt,
        .epoch = log->epoch,
        .bytes = (uint32_t)bytes,
        .frames = current->frames,
        .flags = flags,
    };
    flush->image->pins++;
    link_push_back(&log->sealed, &flush->link);
    log->sealed_bytes += padded;

    current->start += padded;
    current->fill = current->start;
    if (!MUTANT(FRAME_COUNT_KEPT)) current->frames = 0;
    current->is_new = false;
    if ((flags & BATCH_SEAL) == 0) log->data_end_lsn = current->base_lsn + current->start;
}

// Makes room for a record of `bytes` in the open batch, opening one where needed.
static char *make_room(struct log *log, size_t bytes) {
    struct log_current *current = &log->current;
    size_t header = batch_is_open(log) ? 0 : BATCH_HEADER_BYTES;
    if (current->fill + header + bytes > log->limit) {
        if (batch_is_open(log)) batch_close(log, 0);
        log_segment_begin(log);
        header = BATCH_HEADER_BYTES;
        must(current->fill + header + bytes <= log->limit);
    }
    char *at = current->image + current->fill + header;
    current->fill += header + bytes;
    return at;
}

struct log_record log_append(struct log *log, uint8_t type, struct slice meta,
                             const struct slice *payloads, size_t count) {
    must(log->is_recovered);
    bool is_first = log->last_record == NULL;
    if (!is_first) record_finish(log->last_record, log->last_flags);

    char *at = make_room(log, record_bytes(meta.len, payloads, count));
    record_write(at, type, meta, payloads, count);
    log->last_record = at;
    log->last_flags = is_first ? RECORD_BEGIN : 0;
    log->record_count++;

    struct record record = record_get(at);
    return (struct log_record){
        .type = type,
        .meta = record.meta,
        .payload = record.payload,
        .slot = log->current.slot,
        .payload_offset = (uint32_t)(record.payload.data - log->current.image),
    };
}

uint64_t log_commit(struct log *log) {
    if (log->last_record != NULL) {
        record_finish(log->last_record, log->last_flags | RECORD_END);
        log->last_record = NULL;
        log->current.frames++;
        log->frame_count++;
    }
    return log_end_lsn(log);
}

size_t log_record_max(const struct log *log) {
    return log->limit - LOG_ALIGN - BATCH_HEADER_BYTES - LOG_RECORD_HEADER_BYTES;
}

// ---- making durable

struct segment_header log_segment_header(const struct log *log) {
    struct segment_header header = {
        .version = FORMAT_VERSION,
        .segment_bytes = log->segment_bytes,
        .sequence = log->current.sequence,
        .base_lsn = log->current.base_lsn,
        .salt = log->current.salt,
        .prev_sequence = log->flushed.sequence,
        .prev_end_lsn = log->flushed.end_lsn,
        .prev_checksum = log->flushed.checksum,
        .epoch = log->epoch,
        .wall_ms = log_wall_ms(log),
        .slots_min = log->current.slots_min,
    };
    memcpy(header.uuid, log->format.uuid, FORMAT_UUID_BYTES);
    return header;
}

// Takes the oldest closed batch. Only now is known what lies before it, which goes into its header
// and, if it is the first of its segment, into the segment's.
static struct log_flush *take_sealed(struct log *log) {
    struct log_flush *flush = link_entry(link_first(&log->sealed), struct log_flush, link);
    link_remove(&flush->link);
    flush->header.prev_checksum = log->flushed.checksum;
    flush->header.durable_lsn = flush->header.lsn;
    flush->header.wall_ms = log_wall_ms(log);
    flush->sync_method = log->options.sync_method;
    flush->sync_delay_us = log->options.sync_delay_us;
    flush->clock = log->options.clock;
    if (flush->has_segment_header) {
        // By now the current segment may be a later one.
        struct segment_header header = log_segment_header(log);
        header.sequence = flush->sequence;
        header.base_lsn = flush->sequence * log->segment_bytes;
        header.salt = flush->header.salt;
        header.slots_min = flush->slots_min;
        segment_encode(flush->image->data, &header);
        if (!MUTANT(FIRST_BATCH_PROVES_HEADER)) flush->header.durable_lsn = log->flushed.end_lsn;
    }
    if (MUTANT(PROOF_TOO_LOW)) flush->header.durable_lsn = 0;
    log->flying = flush;
    log->flying_bytes = batch_padded(flush->header.bytes);
    log->sealed_bytes -= log->flying_bytes;
    if (MUTANT(DURABLE_AT_FLUSH_BEGIN)) log->durable_lsn = flush->header.lsn + log->flying_bytes;
    return flush;
}

struct log_flush *log_flush_begin(struct log *log) {
    if (log->flying != NULL || log->last_record != NULL || log->is_broken) return NULL;
    if (link_is_empty(&log->sealed)) {
        if (!batch_is_open(log)) return NULL;
        batch_close(log, 0);
    }
    return take_sealed(log);
}

static uint64_t now_us(const struct clock *clock) {
    struct clock system = clock_system();
    return (uint64_t)clock_monotonic_us(clock != NULL ? clock : &system);
}

enum err log_flush_run(struct log_flush *flush) {
    char *batch = flush->image->data + flush->offset;
    batch_encode(batch, &flush->header);
    size_t from = flush->has_segment_header ? 0 : flush->offset;
    if (MUTANT(HEADER_NOT_SYNCED)) from = flush->offset;
    if (MUTANT(BATCHES_SHARE_BLOCK) && from > LOG_ALIGN) from -= LOG_ALIGN;
    size_t to = flush->offset + batch_padded(flush->header.bytes);

    uint64_t begin_us = now_us(flush->clock);
    enum err err = vfs_write_at(flush->file, flush->image->data + from, to - from, from);
    if (MUTANT(FAILED_WRITE_BELIEVED)) err = ERR_NONE;
    bool is_skipped =
        MUTANT(SYNC_SKIPPED) || (MUTANT(FIRST_SYNC_SKIPPED) && flush->has_segment_header);
    if (err == ERR_NONE && flush->sync_method == LOG_SYNC_FDATASYNC && !is_skipped)
        err = vfs_sync(flush->file);
    if (MUTANT(FAILED_SYNC_RETRIED) && err != ERR_NONE) err = vfs_sync(flush->file);
    if (MUTANT(HEADER_NOT_SYNCED) && flush->has_segment_header && err == ERR_NONE)
        err = vfs_write_at(flush->file, flush->image->data, LOG_ALIGN, 0);
    if (flush->sync_delay_us > 0) {
        struct timespec delay = {.tv_sec = flush->sync_delay_us / 1000000,
                                 .tv_nsec = (long)(flush->sync_delay_us % 1000000) * 1000};
        nanosleep(&delay, NULL);
    }
    flush->took_us = now_us(flush->clock) - begin_us;
    return err;
}

// A segment's header is on disk: the one before it is complete, and is read by others from now on.
static void note_header(struct log *log, const struct log_flush *flush) {
    uint32_t slot = 0;
    uint32_t offset = 0;
    const uint64_t before_lsn = log->flushed.sequence * log->segment_bytes;
    if (log_locate(log, before_lsn, &slot, &offset)) log_slot_written(log, slot);
    if (flush->sequence == log->current.sequence) log->slots_min = flush->slots_min;
}

void log_flush_end(struct log *log, struct log_flush *flush, enum err err) {
    must(log->flying == flush);
    log->flying = NULL;
    if (err != ERR_NONE) {
        // The bytes stay counted as unflushed: they are in memory and nowhere else.
        log->sealed_bytes += log->flying_bytes;
        log->flying_bytes = 0;
        log->is_broken = !MUTANT(FAILED_FLUSH_FORGOTTEN);
        trace_event(log->options.trace, TRACE_WARNING, "log.broken",
                    "writing or syncing the log failed (%s): nothing further is acknowledged; "
                    "check the disk and start again",
                    err_name(err));
        mem_free(flush);
        return;
    }
    if (flush->has_segment_header) note_header(log, flush);
    bool is_seal = (flush->header.flags & BATCH_SEAL) != 0;
    uint64_t end_lsn = flush->header.lsn + log->flying_bytes;
    log->flushed = (struct log_flushed){flush->sequence, end_lsn, flush->header.checksum};
    must(log->durable_lsn <= end_lsn);
    log->durable_lsn = MUTANT(OPEN_BATCH_COUNTS_AS_DURABLE) ? log_end_lsn(log) : end_lsn;
    log->proven_lsn = flush->header.lsn;
    log->needs_seal = !is_seal;
    log->batch_count++;
    log->batch_bytes += log->flying_bytes;
    log->flying_bytes = 0;
    if (is_seal) log->seal_count++;
    histogram_add(&log->sync_us, flush->took_us);
    if (!is_seal) histogram_add(&log->batch_frames, flush->header.frames);

    flush->image->pins--;
    log_image_trim(log);
    log_recycle(log);
    mem_free(flush);
}

uint64_t log_flush_bytes(const struct log_flush *flush) {
    return batch_padded(flush->header.bytes);
}

uint64_t log_flush_took_us(const struct log_flush *flush) {
    return flush->took_us;
}

bool log_wants_seal(const struct log *log) {
    if (MUTANT(SEAL_NEVER_WRITTEN)) return false;
    return log->needs_seal && log->flying == NULL && log->last_record == NULL && !log->is_broken &&
           link_is_empty(&log->sealed) && !batch_is_open(log);
}

static struct log_flush *seal_begin(struct log *log) {
    must(log->current.start + LOG_ALIGN <= log->segment_bytes);
    log->current.fill = log->current.start + BATCH_HEADER_BYTES;
    batch_close(log, BATCH_SEAL);
    return take_sealed(log);
}

struct log_flush *log_seal_begin(struct log *log) {
    return log_wants_seal(log) ? seal_begin(log) : NULL;
}

enum err log_seal_now(struct log *log) {
    struct log_flush *flush = seal_begin(log);
    enum err err = log_flush_run(flush);
    log_flush_end(log, flush, err);
    return err;
}

// ---- state

uint64_t log_end_lsn(const struct log *log) {
    if (MUTANT(FENCE_ONE_BATCH_LOW)) return log->current.base_lsn + log->current.start;
    if (batch_is_open(log)) return log->current.base_lsn + log->current.fill;
    // A seal in flight lies beyond the data: nobody has to wait for it.
    return log->data_end_lsn > log->durable_lsn ? log->data_end_lsn : log->durable_lsn;
}

uint64_t log_sealed_lsn(const struct log *log) {
    return log->flushed.sequence * log->segment_bytes;
}

const struct format *log_format(const struct log *log) {
    return &log->format;
}

uint64_t log_durable_lsn(const struct log *log) {
    return log->durable_lsn;
}

uint64_t log_unflushed_bytes(const struct log *log) {
    return log->current.fill - log->current.start + log->sealed_bytes + log->flying_bytes;
}

bool log_is_broken(const struct log *log) {
    return log->is_broken;
}

size_t log_segment_bytes(const struct log *log) {
    return log->segment_bytes;
}

void log_set_sync_delay(struct log *log, unsigned delay_us) {
    log->options.sync_delay_us = delay_us;
}

struct log_stats log_stats(const struct log *log) {
    return (struct log_stats){
        .end_lsn = log_end_lsn(log),
        .durable_lsn = log->durable_lsn,
        .open_bytes = log->current.fill - log->current.start + log->sealed_bytes,
        .flying_bytes = log->flying_bytes,
        .batches = log->batch_count,
        .batch_bytes = log->batch_bytes,
        .frames = log->frame_count,
        .records = log->record_count,
        .seals = log->seal_count,
        .segments = log->segment_count,
        .slots = log->slot_count,
        .slots_ready = log->ready_count,
        .slot_failures = log->slot_failures,
        .slots_made = log->slots_made,
        .slots_removed = log->slots_removed,
        .segments_recycled = log->recycled_count,
        .disk_bytes = log->slot_count * (uint64_t)log->segment_bytes + log->other_bytes,
        .checkpoint_lsn = log->checkpoint_lsn,
        .is_at_disk_max = log->is_at_disk_max,
        .is_broken = log->is_broken,
        .is_full = log->is_full,
        .sync_us = &log->sync_us,
        .batch_frames = &log->batch_frames,
    };
}
