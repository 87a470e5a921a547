#include "storage/log/frames.h"

#include "proto/base/fetch.h"
#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "storage/log/record.h"
#include "storage/log/segment.h"

void frames_init(struct frames *frames, const struct log_visitor *visitor, uint64_t from_lsn,
                 const struct trace *trace) {
    *frames = (struct frames){.visitor = visitor, .trace = trace, .from_lsn = from_lsn};
}

static void drop_pending(struct frames *frames) {
    for (size_t i = 0; i < frames->pending_count; i++)
        mem_free(frames->pending[i].copy);
    frames->pending_count = 0;
}

// A crash between the batches of one frame leaves its beginning in the log for good. It was never
// acknowledged: that needs the END.
static void discard_unfinished(struct frames *frames) {
    if (frames->pending_count == 0) return;
    trace_event(frames->trace, TRACE_NOTICE, "log.frame_discarded",
                "%zu records of an unfinished transaction were passed over; it was never "
                "acknowledged",
                frames->pending_count);
    drop_pending(frames);
}

void frames_deinit(struct frames *frames) {
    discard_unfinished(frames);
    mem_free(frames->pending);
    *frames = (struct frames){0};
}

static void push_pending(struct frames *frames, const struct log_record *record) {
    if (frames->pending_count == frames->pending_cap) {
        frames->pending_cap = frames->pending_cap == 0 ? 16 : frames->pending_cap * 2;
        frames->pending =
            mem_realloc(frames->pending, frames->pending_cap * sizeof *frames->pending);
    }
    frames->pending[frames->pending_count++] = (struct frames_record){.record = *record};
}

static enum err hand_over(struct frames *frames) {
    enum err err = ERR_NONE;
    for (size_t i = 0; i < frames->pending_count && err == ERR_NONE; i++)
        err = frames->visitor->visit(frames->visitor->context, &frames->pending[i].record);
    frames->frame_count++;
    frames->record_count += frames->pending_count;
    drop_pending(frames);
    return err;
}

// The next record's header and the beginning of its meta, while this one is visited.
static void fetch_record(const char *at) {
    fetch_line(at);
    fetch_line(at + FETCH_LINE);
}

enum err frames_add(struct frames *frames, const char *at, uint32_t slot, size_t offset,
                    struct fault *fault) {
    struct batch_header header = batch_get(at);
    enum err err = ERR_NONE;
    size_t position = BATCH_HEADER_BYTES;
    while (position < header.bytes && err == ERR_NONE) {
        struct record record = record_get(at + position);
        uint64_t lsn = header.lsn + position;
        position += record.bytes;
        if (position < header.bytes) fetch_record(at + position);
        if (lsn < frames->from_lsn) continue;
        if (record.flags & RECORD_BEGIN) {
            if (!MUTANT(UNFINISHED_FRAME_KEPT)) discard_unfinished(frames);
        } else if (frames->pending_count == 0) {
            char name[SEGMENT_NAME_BYTES];
            return fault_set(
                fault, ERR_CORRUPT,
                "%s continues a transaction at offset %zu that never began; run "
                "`ackd-check` on the directory and restore a backup of it, or save what "
                "can be saved with `ackd-check --salvage`",
                segment_name(name, slot), offset + position - record.bytes);
        }
        struct log_record handed = {
            .type = record.type,
            .is_last = (record.flags & RECORD_END) != 0,
            .is_placed = true,
            .meta = record.meta,
            .payload = record.payload,
            .slot = slot,
            .payload_offset = (uint32_t)(offset + (size_t)(record.payload.data - at)),
        };
        if (frames->pending_count == 0) frames->pending_lsn = lsn;
        push_pending(frames, &handed);
        if (handed.is_last || MUTANT(FRAME_END_NOT_AWAITED)) err = hand_over(frames);
    }
    return err;
}

void frames_detach(struct frames *frames) {
    if (MUTANT(FRAME_READ_FROM_REUSED_IMAGE)) return;
    for (size_t i = 0; i < frames->pending_count; i++) {
        struct frames_record *pending = &frames->pending[i];
        if (pending->copy != NULL) continue;
        struct log_record *record = &pending->record;
        pending->copy = mem_alloc(record->meta.len + record->payload.len);
        char *payload = pending->copy + record->meta.len;
        if (record->meta.len > 0) memcpy(pending->copy, record->meta.data, record->meta.len);
        if (record->payload.len > 0) memcpy(payload, record->payload.data, record->payload.len);
        record->meta.data = pending->copy;
        record->payload.data = payload;
        record->is_placed = false;
    }
}
