// What a scrub reads, on any thread.
#include <stdlib.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/segment.h"
#include "storage/scrub_state.h"

enum { GAP_MAX = LOG_ALIGN }; // between two payloads that are read at once

// ---- payloads: in the order of their places, neighbours at once

struct place {
    uint32_t slot;
    size_t from; // of whole blocks
    size_t to;
    struct payload_item *item;
};

static int compare_places(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    if (a->slot != b->slot) return (a->slot > b->slot) - (a->slot < b->slot);
    const uint32_t one = blob_offset(&a->item->blob);
    const uint32_t other = blob_offset(&b->item->blob);
    return (one > other) - (one < other);
}

static size_t sort_places(struct payloads *payloads, struct place *places) {
    for (size_t i = 0; i < payloads->item_count; i++) {
        struct payload_item *item = &payloads->items[i];
        const size_t offset = blob_offset(&item->blob);
        places[i] = (struct place){.slot = blob_slot(&item->blob),
                                   .from = offset / LOG_ALIGN * LOG_ALIGN,
                                   .to = num_align_up(offset + blob_len(&item->blob), LOG_ALIGN),
                                   .item = item};
    }
    qsort(places, payloads->item_count, sizeof *places, compare_places);
    return payloads->item_count;
}

// What is needed to read.
struct reading {
    struct scrub_read *read;
    struct vfs_file *file; // of the present slot
    char *buffer;          // SCRUB_READ_BYTES
    struct hash_stream *stream;
};

static enum err fetch(struct reading *reading, size_t from, size_t len) {
    reading->read->bytes += len;
    return vfs_read_at(reading->file, reading->buffer, len, from);
}

// Reads it, and nothing else, in pieces.
static enum err verify_alone(struct reading *reading, const struct place *place) {
    const struct blob *blob = &place->item->blob;
    const size_t begin = blob_offset(blob);
    const size_t end = begin + blob_len(blob);
    hash_stream_reset(reading->stream, 0);
    for (size_t at = place->from; at < place->to;) {
        const size_t len = num_min(place->to - at, SCRUB_READ_BYTES);
        const enum err err = fetch(reading, at, len);
        if (err != ERR_NONE) return err;
        const size_t first = num_max(at, begin);
        const size_t behind = num_min(at + len, end);
        hash_stream_update(reading->stream,
                           slice_of(reading->buffer + (first - at), behind - first));
        at += len;
    }
    // As hash_payload.
    return (uint32_t)hash_stream_digest(reading->stream) == blob->hash ? ERR_NONE : ERR_CORRUPT;
}

// How many of the places, from the first on, are read at once; 1: it may be too long for that.
static size_t run_of(const struct place *places, size_t count) {
    size_t run = 1;
    while (run < count && places[run].slot == places[0].slot &&
           places[run].from <= places[run - 1].to + GAP_MAX &&
           places[run].to - places[0].from <= SCRUB_READ_BYTES)
        run++;
    return run;
}

static void verify_run(struct reading *reading, const struct place *places, size_t count) {
    const size_t from = places[0].from;
    const size_t len = places[count - 1].to - from;
    const bool is_fetched = len <= SCRUB_READ_BYTES && fetch(reading, from, len) == ERR_NONE;
    for (size_t i = 0; i < count; i++) {
        struct payload_item *item = places[i].item;
        const struct blob *blob = &item->blob;
        item->err = ERR_NONE;
        if (MUTANT(SCRUB_BELIEVES_ALL)) continue;
        if (is_fetched) {
            const char *bytes = reading->buffer + (blob_offset(blob) - from);
            if (hash_payload(slice_of(bytes, blob_len(blob))) == blob->hash) continue;
        }
        item->err = verify_alone(reading, &places[i]);
        // That was the first time it was read.
        if (item->err == ERR_NONE || is_fetched) continue;
        item->err = verify_alone(reading, &places[i]);
    }
    if (MUTANT(SCRUB_SKIPS_ITEM)) places[count - 1].item->err = ERR_NONE;
}

static void verify_slot(struct reading *reading, const struct place *places, size_t count) {
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, places[0].slot);
    struct vfs *vfs = reading->read->vfs;
    enum err err = vfs_open(vfs, name, VFS_READ | VFS_DIRECT, &reading->file);
    if (err != ERR_NONE) err = vfs_open(vfs, name, VFS_READ | VFS_DIRECT, &reading->file);
    for (size_t i = 0; err != ERR_NONE && i < count; i++)
        places[i].item->err = err;
    if (err != ERR_NONE) return;
    for (size_t i = 0; i < count;) {
        const size_t run = run_of(places + i, count - i);
        verify_run(reading, places + i, run);
        i += run;
    }
    vfs_close(reading->file);
}

void scrub_read_values(struct scrub_read *read) {
    struct place *places = mem_alloc_array(PAYLOADS_MAX, sizeof *places);
    const size_t count = sort_places(&read->payloads, places);
    struct reading reading = {
        .read = read, .buffer = mem_alloc_pages(SCRUB_READ_BYTES), .stream = hash_stream_new()};
    for (size_t i = 0; i < count;) {
        size_t behind = i + 1;
        while (behind < count && places[behind].slot == places[i].slot)
            behind++;
        verify_slot(&reading, places + i, behind - i);
        i = behind;
    }
    hash_stream_free(reading.stream);
    mem_free(reading.buffer);
    mem_free(places);
}

// ---- the checkpoint

static unsigned damaged_copies(const struct scrub_checkpoint *checkpoint) {
    struct state_header header;
    unsigned copies = 0;
    const enum err err = state_header_read(checkpoint->vfs, checkpoint->name, checkpoint->format,
                                           &header, &copies, NULL);
    if (err == ERR_LIMIT) return 0;
    return err == ERR_NONE && header.generation == checkpoint->header.generation ? copies
                                                                                 : STATE_FILES;
}

static bool is_kept_damaged(const struct scrub_checkpoint *checkpoint) {
    const size_t rows = (size_t)checkpoint->header.kept_count;
    struct log_kept *kept = mem_alloc_array(rows, sizeof *kept);
    enum err err = state_reader_kept(checkpoint->reader, kept, NULL);
    if (err != ERR_NONE) {
        state_reader_again(checkpoint->reader);
        err = state_reader_kept(checkpoint->reader, kept, NULL);
    }
    mem_free(kept);
    return err != ERR_NONE;
}

// Opens the file and verifies all but the records. False: it cannot be opened.
static bool begin_checkpoint(struct scrub_read *read) {
    struct scrub_checkpoint *checkpoint = read->checkpoint;
    read->bytes += STATE_BODY_AT;
    checkpoint->damaged_copies = damaged_copies(checkpoint);
    if (checkpoint->damaged_copies > 0) checkpoint->damaged_copies = damaged_copies(checkpoint);
    const enum err err = state_reader_open(&checkpoint->reader, checkpoint->vfs, checkpoint->name,
                                           &checkpoint->header, NULL);
    if (err != ERR_NONE) {
        checkpoint->records_err = err == ERR_LIMIT ? ERR_NONE : err;
        return false;
    }
    read->bytes += checkpoint->header.kept_count * STATE_KEPT_BYTES;
    checkpoint->is_kept_damaged = is_kept_damaged(checkpoint);
    return true;
}

void scrub_read_checkpoint(struct scrub_read *read) {
    struct scrub_checkpoint *checkpoint = read->checkpoint;
    read->is_done = true;
    if (checkpoint->reader == NULL && !begin_checkpoint(read)) return;
    enum err err = ERR_NONE;
    const uint64_t from = state_reader_offset(checkpoint->reader);
    bool is_done = false;
    do {
        err = state_reader_next(checkpoint->reader, NULL, &is_done, NULL);
        if (err == ERR_NONE) continue;
        state_reader_again(checkpoint->reader);
        err = state_reader_next(checkpoint->reader, NULL, &is_done, NULL);
    } while (err == ERR_NONE && !is_done &&
             state_reader_offset(checkpoint->reader) - from < SCRUB_READ_BYTES);
    checkpoint->records_err = MUTANT(SCRUB_BELIEVES_CHECKPOINT) ? ERR_NONE : err;
    checkpoint->records_offset = state_reader_offset(checkpoint->reader);
    read->bytes += checkpoint->records_offset - from;
    read->is_done = err != ERR_NONE || is_done;
}
