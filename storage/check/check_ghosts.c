#include "storage/check/check_ghosts.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/data/effect.h"
#include "storage/data/keyspace.h"
#include "storage/log/frames.h"

struct row {
    uint64_t sequence;
    uint32_t slot; // a ghost's is one that no file has
};

struct replay {
    const struct scan *scan;
    struct row *rows; // ascending by sequence
    size_t count;
    struct blob_space space;
    struct keyspace *keyspace;
    struct fault *fault;
};

size_t check_ghost_count(const struct scan *scan) {
    size_t count = 0;
    for (size_t i = 0; i < scan->kept_count; i++)
        count += !scan->kept[i].is_there;
    return count;
}

// ---- places

static bool locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    const struct replay *replay = context;
    const uint64_t bytes = replay->scan->format.segment_bytes;
    size_t low = 0;
    size_t high = replay->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (replay->rows[middle].sequence < lsn / bytes)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == replay->count || replay->rows[low].sequence != lsn / bytes) return false;
    *slot = replay->rows[low].slot;
    *offset = (uint32_t)(lsn % bytes);
    return true;
}

static uint64_t lsn_at(void *context, uint32_t slot, uint32_t offset) {
    const struct replay *replay = context;
    for (size_t i = 0; i < replay->count; i++)
        if (replay->rows[i].slot == slot)
            return replay->rows[i].sequence * replay->scan->format.segment_bytes + offset;
    must_not_reach();
}

static void list_segments(struct replay *replay) {
    const struct scan *scan = replay->scan;
    uint32_t ghost = (uint32_t)scan->slot_count;
    replay->rows = mem_alloc_array(scan->kept_count + scan->chain_count, sizeof *replay->rows);
    for (size_t i = 0; i < scan->kept_count; i++) {
        const struct scan_kept *kept = &scan->kept[i];
        const uint32_t slot = kept->is_there ? kept->slot : ghost++;
        replay->rows[replay->count++] = (struct row){kept->sequence, slot};
    }
    for (size_t i = 0; i < scan->chain_count; i++)
        replay->rows[replay->count++] =
            (struct row){scan->slots[scan->chain[i]].header.sequence, scan->chain[i]};
}

// ---- replay

static enum err visit(void *context, const struct log_record *record) {
    struct replay *replay = context;
    const struct effect_record effect = {.type = record->type,
                                         .meta = record->meta,
                                         .payload = record->payload,
                                         .slot = record->slot,
                                         .payload_offset = record->payload_offset};
    struct effect_outcome outcome;
    return effect_apply(replay->keyspace, &effect, &outcome, replay->fault);
}

static enum err replay_chain(struct replay *replay, struct scan *scan, char *image) {
    const struct log_visitor visitor = {.context = replay, .visit = visit};
    struct frames frames;
    struct scan_segment segment;
    enum err err = ERR_NONE;
    frames_init(&frames, &visitor, scan->from_lsn, NULL);
    for (size_t i = 0; i < scan->chain_count && err == ERR_NONE; i++) {
        frames_detach(&frames);
        err = scan_segment(scan, i, image, &segment, replay->fault);
        for (size_t at = LOG_ALIGN; err == ERR_NONE && at < segment.end;) {
            err = frames_add(&frames, image + at, scan->chain[i], at, replay->fault);
            at += batch_padded(batch_get(image + at).bytes);
        }
    }
    frames_deinit(&frames);
    return err;
}

enum err check_ghosts(struct scan *scan, const struct state_checkpoint *state, char *image,
                      struct fault *fault) {
    struct replay replay = {.scan = scan, .fault = fault};
    list_segments(&replay);
    replay.space = (struct blob_space){.context = &replay,
                                       .lsn_at = lsn_at,
                                       .locate = locate,
                                       .span_bytes = scan->format.segment_bytes};
    replay.keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &replay.space, 0);
    const struct scan_observer observer = scan->observer;
    scan->observer = (struct scan_observer){0}; // each batch was told of
    enum err err = state_load(scan->vfs, state, replay.keyspace, NULL, fault);
    if (err == ERR_NONE) err = replay_chain(&replay, scan, image);
    for (size_t i = 0; i < scan->kept_count && err == ERR_NONE; i++) {
        const bool has_values = keyspace_live_bytes(replay.keyspace, replay.rows[i].slot) > 0;
        if (!scan->kept[i].is_there && has_values)
            err = scan_missing(scan, scan->kept[i].sequence, fault);
    }
    scan->observer = observer;
    keyspace_free(replay.keyspace);
    mem_free(replay.rows);
    return err;
}
