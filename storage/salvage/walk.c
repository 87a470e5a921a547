// Happy path: every batch is valid; its records are put together to frames, which are handed over
// when their end has come.
//
// Failure modes, each of which begins a *hole*, which ends where the next frame begins:
//  - a batch's checksum fails. When its header names its place, its records are tried one by one: a
//    bit that rotted in a payload costs that payload alone (its own hash tells, later). A record
//    that fails is passed over by the length it states if another one or the end stands there;
//  - the header names another place: what follows is searched for the next batch of this segment;
//  - a segment is missing.
// A frame that lacks a record is dropped whole.
#include "storage/salvage/walk.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/batch.h"
#include "storage/log/record.h"

#define TO_THE_END UINT64_MAX

struct pending {
    struct log_record record;
    char *copy; // owned; NULL: the bytes lie in the image
};

struct walk {
    struct source *source;
    const struct walk_visitor *visitor;
    struct walk_figures *out;
    uint64_t from_lsn;
    char *image;
    const struct source_segment *segment;
    const char *batch; // whose records are read, ...
    size_t batch_at;   // ... and where it lies in the image

    struct pending *pending; // of the frame whose end has not come
    size_t pending_count;
    size_t pending_cap;
    uint64_t pending_lsn;

    bool is_in_hole;
    uint64_t hole_lsn; // where it begins
};

// ---- frames

static void drop_pending(struct walk *walk) {
    for (size_t i = 0; i < walk->pending_count; i++)
        mem_free(walk->pending[i].copy);
    walk->pending_count = 0;
}

static void begin_hole(struct walk *walk, uint64_t lsn) {
    if (walk->is_in_hole) return;
    walk->is_in_hole = true;
    walk->hole_lsn = walk->pending_count > 0 ? walk->pending_lsn : lsn;
    if (!MUTANT(SALVAGE_BRIDGES_HOLE)) drop_pending(walk);
}

static void end_hole(struct walk *walk, uint64_t lsn) {
    struct report *report = walk->source->report;
    if (!walk->is_in_hole) return;
    walk->is_in_hole = false;
    report->losses.holes++;
    walk->visitor->hole(walk->visitor->context);
    if (lsn == TO_THE_END)
        report_say(
            report,
            "lost: transactions behind log position %llu, to the end of the log, are lost if "
            "there were any",
            (unsigned long long)walk->hole_lsn);
    else
        report_say(report, "lost: transactions between log positions %llu and %llu are lost",
                   (unsigned long long)walk->hole_lsn, (unsigned long long)lsn);
}

static void push_pending(struct walk *walk, const struct log_record *record) {
    if (walk->pending_count == walk->pending_cap) {
        walk->pending_cap = walk->pending_cap == 0 ? 16 : walk->pending_cap * 2;
        walk->pending = mem_realloc(walk->pending, walk->pending_cap * sizeof *walk->pending);
    }
    walk->pending[walk->pending_count++] = (struct pending){.record = *record};
}

// The image is about to be used for another segment.
static void detach_pending(struct walk *walk) {
    for (size_t i = 0; i < walk->pending_count; i++) {
        struct pending *pending = &walk->pending[i];
        if (pending->copy != NULL) continue;
        struct log_record *record = &pending->record;
        const size_t meta_len = record->meta.len;
        pending->copy = mem_alloc(meta_len + record->payload.len + 1);
        if (meta_len > 0) memcpy(pending->copy, record->meta.data, meta_len);
        if (record->payload.len > 0)
            memcpy(pending->copy + meta_len, record->payload.data, record->payload.len);
        record->meta.data = pending->copy;
        record->payload.data = pending->copy + meta_len;
    }
}

static void hand_over(struct walk *walk) {
    for (size_t i = 0; i < walk->pending_count; i++)
        walk->visitor->record(walk->visitor->context, &walk->pending[i].record);
    walk->out->frames++;
    drop_pending(walk);
}

// ---- records

bool walk_records(const char *bytes, size_t from, size_t to, void *context,
                  void (*record)(void *context, const struct record *record, size_t offset),
                  void (*damage)(void *context, size_t offset)) {
    bool is_whole = true;
    size_t at = from;
    while (at < to) {
        struct record found;
        if (record_read(bytes + at, to - at, &found)) {
            record(context, &found, at);
            at += found.bytes;
            continue;
        }
        is_whole = false;
        damage(context, at);
        const size_t stated = to - at >= sizeof(uint32_t) ? load_u32le(bytes + at) : 0;
        if (stated < LOG_RECORD_HEADER_BYTES || stated % 8 != 0 || stated > to - at) break;
        if (stated < to - at && !record_read(bytes + at + stated, to - at - stated, &found)) break;
        at += stated;
    }
    return is_whole;
}

static void take_record(void *context, const struct record *record, size_t offset) {
    struct walk *walk = context;
    const uint64_t lsn = walk->segment->header.base_lsn + walk->batch_at + offset;
    if (lsn < walk->from_lsn) return;
    if (record->flags & RECORD_BEGIN) {
        // A crash leaves the beginning of a frame for good; it was never acknowledged.
        drop_pending(walk);
        end_hole(walk, lsn);
        walk->pending_lsn = lsn;
    } else if (walk->pending_count == 0) {
        begin_hole(walk, lsn);
        return;
    }
    const struct log_record handed = {
        .type = record->type,
        .is_last = (record->flags & RECORD_END) != 0,
        .meta = record->meta,
        .payload = record->payload,
        .slot = walk->segment->slot,
        .payload_offset = (uint32_t)(walk->batch_at + (size_t)(record->payload.data - walk->batch)),
    };
    push_pending(walk, &handed);
    if (handed.is_last) hand_over(walk);
}

static void miss_record(void *context, size_t offset) {
    struct walk *walk = context;
    const uint64_t lsn = walk->segment->header.base_lsn + walk->batch_at + offset;
    if (lsn >= walk->from_lsn) begin_hole(walk, lsn);
}

static void read_batch(struct walk *walk, size_t at, size_t bytes) {
    walk->batch = walk->image + at;
    walk->batch_at = at;
    (void)walk_records(walk->batch, BATCH_HEADER_BYTES, bytes, walk, take_record, miss_record);
}

// ---- batches

static bool is_in_place(const struct walk *walk, size_t at, const struct batch_header *batch) {
    const struct segment_header *header = &walk->segment->header;
    return batch->salt == header->salt && batch->lsn == header->base_lsn + at;
}

// The next place from `at` on with a valid batch of this segment; `limit`: none.
static size_t find_batch(const struct walk *walk, size_t at, size_t limit) {
    struct batch_header batch;
    for (; at + LOG_ALIGN <= limit; at += LOG_ALIGN) {
        if (batch_decode(walk->image + at, limit - at, &batch) && is_in_place(walk, at, &batch))
            return at;
    }
    return limit;
}

// Bytes of the log up to `until` that are not a valid batch.
static void read_damaged(struct walk *walk, size_t at, size_t until) {
    struct batch_header batch;
    const uint64_t base_lsn = walk->segment->header.base_lsn;
    const bool is_known = batch_peek(walk->image + at, until - at, &batch) &&
                          is_in_place(walk, at, &batch) && batch.bytes >= BATCH_HEADER_BYTES &&
                          batch.bytes <= until - at;
    if (base_lsn + until <= walk->from_lsn) return;
    walk->out->damaged_batches++;
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, walk->segment->slot);
    if (!is_known) {
        report_say(walk->source->report,
                   "damage: %s, bytes %zu to %zu, cannot be read as a part of the log", name, at,
                   until);
        begin_hole(walk, num_max(base_lsn + at, walk->from_lsn));
        return;
    }
    report_say(walk->source->report,
               "damage: the batch in %s at offset %zu has a wrong checksum; its records are read "
               "one by one",
               name, at);
    read_batch(walk, at, batch.bytes);
    // More than this batch: others behind it are gone, too.
    const size_t end = at + batch_padded(batch.bytes);
    if (end < until) begin_hole(walk, num_max(base_lsn + end, walk->from_lsn));
}

static void say_torn(const struct walk *walk, size_t at, size_t limit) {
    struct batch_header batch;
    char name[SEGMENT_NAME_BYTES];
    if (!batch_peek(walk->image + at, limit - at, &batch) || !is_in_place(walk, at, &batch)) return;
    report_say(
        walk->source->report,
        "note: the log ends in %s at offset %zu with a write that was cut off; nothing tells "
        "that it was ever acknowledged, and it is left out, as a start would do",
        segment_name(name, walk->segment->slot), at);
}

// A file is made with its full size: it had more.
static void say_cut(struct walk *walk, size_t at) {
    char name[SEGMENT_NAME_BYTES];
    const uint64_t lsn = walk->segment->header.base_lsn + at;
    report_say(walk->source->report,
               "damage: %s was cut or cannot be read; it may have had more behind offset %zu",
               segment_name(name, walk->segment->slot), at);
    begin_hole(walk, num_max(lsn, walk->from_lsn));
}

static void read_segment(struct walk *walk) {
    const struct source_segment *segment = walk->segment;
    const size_t bytes = (size_t)walk->source->format.segment_bytes;
    const size_t limit = segment->has_limit ? (size_t)segment->limit : bytes;
    detach_pending(walk);
    const bool is_whole = source_read(walk->source, segment->slot, walk->image, bytes, 0);
    walk->out->segments++;
    size_t at = LOG_ALIGN;
    while (at < limit) {
        struct batch_header batch;
        if (batch_decode(walk->image + at, limit - at, &batch) && is_in_place(walk, at, &batch)) {
            read_batch(walk, at, batch.bytes);
            at += batch_padded(batch.bytes);
            walk->out->end_lsn = segment->header.base_lsn + at;
            continue;
        }
        const size_t next = find_batch(walk, at + LOG_ALIGN, limit);
        // Nobody says that the log went on here: its end, or that of a write that was cut.
        if (next == limit && !segment->has_limit) {
            say_torn(walk, at, limit);
            if (!is_whole) say_cut(walk, at);
            break;
        }
        read_damaged(walk, at, next);
        at = next;
    }
}

void walk_log(struct source *source, uint64_t from_lsn, const struct walk_visitor *visitor,
              struct walk_figures *out) {
    *out = (struct walk_figures){.end_lsn = from_lsn};
    struct walk walk = {.source = source,
                        .visitor = visitor,
                        .out = out,
                        .from_lsn = from_lsn,
                        .image = mem_alloc((size_t)source->format.segment_bytes)};
    const size_t first = source_first_behind(source, from_lsn);
    for (size_t i = first; i < source->chain_count; i++) {
        walk.segment = &source->segments[source->chain[i]];
        const bool begins_here = i == first && walk.segment->knows_previous &&
                                 walk.segment->header.prev_end_lsn <= from_lsn;
        if (!walk.segment->is_linked && !begins_here) begin_hole(&walk, out->end_lsn);
        read_segment(&walk);
    }
    // A checkpoint is made only of segments behind which another one is durable.
    if (from_lsn > 0 && out->end_lsn <= from_lsn) begin_hole(&walk, from_lsn);
    // A file that is missing may have held what was written last.
    if (source->slots_missing > 0) begin_hole(&walk, out->end_lsn);
    end_hole(&walk, TO_THE_END);
    drop_pending(&walk);
    mem_free(walk.pending);
    mem_free(walk.image);
}
