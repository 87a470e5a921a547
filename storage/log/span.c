#include "storage/log/span.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/log/frames.h"
#include "storage/log/state.h"

struct span_segment {
    uint64_t sequence;
    uint64_t end_lsn;
    struct vfs_file *file;
    uint32_t slot;
};

struct log_span {
    size_t segment_bytes;
    uint64_t from_lsn;
    struct span_segment *segments; // ascending; the last one only ends the span
    size_t first;                  // to be read
    size_t end;                    // of those to be read: the index of the last one
    uint64_t *sequences;           // by slot; 0: none
    uint32_t slot_count;
    char *image; // of the segment that is read
    struct frames frames;
    size_t next; // to be read in this pass
};

// All segments up to the `end`th, and all ghosts, which are older: ascending by sequence. Ghosts
// have numbers that no slot has.
static void add_segments(struct log_span *span, const struct log *log, size_t end) {
    size_t ghost = 0;
    size_t at = 0;
    for (size_t i = 0; i <= end; i++) {
        const struct log_segment *segment = &log->segments[i];
        for (; ghost < log->ghost_count && log->ghosts[ghost].sequence < segment->sequence; ghost++)
            span->segments[at++] = (struct span_segment){
                .sequence = log->ghosts[ghost].sequence,
                .end_lsn = log->ghosts[ghost].end_lsn,
                .slot = log->slot_count + (uint32_t)ghost,
            };
        struct vfs_file *file = log_slot_at(log, segment->slot)->file;
        span->segments[at++] =
            (struct span_segment){segment->sequence, segment->end_lsn, file, segment->slot};
    }
    must(at == span->end + 1);
    for (size_t i = 0; i < span->end; i++)
        span->sequences[span->segments[i].slot] = span->segments[i].sequence;
}

struct log_span *log_span_begin(const struct log *log, uint64_t from_lsn) {
    size_t first = 0;
    size_t end = 0;
    for (size_t i = 0; i < log->segment_count; i++) {
        const struct log_segment *segment = &log->segments[i];
        if (segment->end_lsn != 0 && segment->end_lsn <= from_lsn) first = i + 1;
        if (segment->sequence <= log->flushed.sequence) end = i;
    }
    if (first >= end || log->segments[end].sequence != log->flushed.sequence) return NULL;

    struct log_span *span = mem_zalloc(sizeof *span);
    span->segment_bytes = log->segment_bytes;
    span->from_lsn = from_lsn;
    span->first = first + log->ghost_count;
    span->end = end + log->ghost_count;
    span->segments = mem_alloc_array(span->end + 1, sizeof *span->segments);
    span->slot_count = log->slot_count + (uint32_t)log->ghost_count;
    span->sequences = mem_alloc_array(span->slot_count, sizeof *span->sequences);
    add_segments(span, log, end);
    return span;
}

void log_span_end(struct log_span *span) {
    if (span == NULL) return;
    frames_deinit(&span->frames);
    mem_free(span->image);
    mem_free(span->sequences);
    mem_free(span->segments);
    mem_free(span);
}

size_t log_span_count(const struct log_span *span) {
    return span->end - span->first;
}

uint64_t log_span_bytes(const struct log_span *span) {
    return (uint64_t)log_span_count(span) * span->segment_bytes;
}

// ---- reading

static enum err read_header(const struct span_segment *segment, struct segment_header *out,
                            struct fault *fault) {
    char name[SEGMENT_NAME_BYTES];
    _Alignas(LOG_ALIGN) char block[LOG_ALIGN]; // the file may be one that is written directly
    bool has_damaged_copy = false;
    segment_name(name, segment->slot);
    const enum err err = vfs_read_at(segment->file, block, sizeof block, 0);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot read %s (%s); check the disk", name, err_name(err));
    if (segment_decode(block, out, &has_damaged_copy) && out->sequence == segment->sequence)
        return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT,
                     "the header of %s is damaged; run `ackd-check` on the directory and restore a "
                     "backup of it",
                     name);
}

static enum err read_headers(const struct log_span *span, size_t at, struct segment_header *header,
                             struct segment_header *next, struct fault *fault) {
    enum err err = read_header(&span->segments[at], header, fault);
    if (err == ERR_NONE) err = read_header(&span->segments[at + 1], next, fault);
    if (err != ERR_NONE) return err;
    const uint64_t end_lsn = header->base_lsn + span->segment_bytes;
    if (next->prev_sequence == header->sequence && next->prev_end_lsn > header->base_lsn &&
        next->prev_end_lsn <= end_lsn)
        return ERR_NONE;
    char name[SEGMENT_NAME_BYTES];
    return fault_set(fault, ERR_CORRUPT,
                     "the header of %s does not follow the segment before it; run `ackd-check` on "
                     "the directory and report this",
                     segment_name(name, span->segments[at + 1].slot));
}

static enum err hand_over(struct log_span *span, uint32_t slot, size_t to, struct fault *fault) {
    enum err err = ERR_NONE;
    for (size_t at = LOG_ALIGN; at < to && err == ERR_NONE;) {
        const struct batch_header header = batch_get(span->image + at);
        err = frames_add(&span->frames, span->image + at, slot, at, fault);
        at += batch_padded(header.bytes);
    }
    frames_detach(&span->frames); // the next segment is read to the same place
    return err;
}

enum err log_span_read(struct log_span *span, size_t index, const struct log_visitor *visitor,
                       struct fault *fault) {
    if (index == 0) {
        frames_deinit(&span->frames);
        frames_init(&span->frames, visitor, span->from_lsn, NULL);
        span->next = 0;
    }
    must(index == span->next && index < log_span_count(span));
    if (span->image == NULL) span->image = mem_alloc_pages(span->segment_bytes);
    span->frames.visitor = visitor;
    const size_t at = span->first + index;
    struct segment_header header = {0};
    struct segment_header next = {0};
    enum err err = read_headers(span, at, &header, &next, fault);
    if (err != ERR_NONE) return err;
    const struct scan_place place = {.file = span->segments[at].file,
                                     .slot = span->segments[at].slot,
                                     .segment_bytes = span->segment_bytes,
                                     .header = &header,
                                     .next = &next};
    struct scan_segment segment;
    err = scan_place(&place, span->image, &segment, fault);
    if (err == ERR_NONE) err = hand_over(span, place.slot, segment.end, fault);
    span->next++;
    return err;
}

uint64_t log_span_lsn(const struct log_span *span) {
    must(span->next == log_span_count(span));
    if (span->frames.pending_count > 0) return span->frames.pending_lsn;
    return span->segments[span->end - 1].end_lsn;
}

uint64_t log_span_frames(const struct log_span *span) {
    return span->frames.frame_count;
}

// ---- places

bool log_span_locate(const struct log_span *span, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    const uint64_t sequence = lsn / span->segment_bytes;
    size_t low = 0;
    size_t high = span->end;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (span->segments[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == span->end || span->segments[low].sequence != sequence) return false;
    *slot = span->segments[low].slot;
    *offset = (uint32_t)(lsn % span->segment_bytes);
    return true;
}

uint64_t log_span_lsn_at(const struct log_span *span, uint32_t slot, uint32_t offset) {
    must(slot < span->slot_count && span->sequences[slot] != 0);
    return span->sequences[slot] * span->segment_bytes + offset;
}

bool log_span_covered(const struct log_span *span, size_t i, uint64_t lsn, uint64_t *sequence,
                      uint32_t *slot) {
    if (i >= span->end || span->segments[i].end_lsn > lsn) return false;
    *sequence = span->segments[i].sequence;
    *slot = span->segments[i].slot;
    return true;
}

uint64_t log_span_end_lsn(const struct log_span *span) {
    return span->segments[span->end - 1].end_lsn;
}
