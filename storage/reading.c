#include "storage/reading.h"

#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/store_state.h"
#include "storage/window.h"

enum {
    MERGE_GAP_BYTES = 16 << 10, // read rather than skipped between two payloads
    ITEMS_MIN = 16,
};

struct want_item {
    struct blob blob;
    bool is_known;
    enum err err;
    struct window *window; // NULL: not known, or an error
    const char *bytes;     // in it
};

struct store_want {
    struct link link;              // in store->reads.queued or .done
    struct store_reading *reading; // that has it; NULL
    void (*done)(void *context);
    void *context;
    size_t count;
    size_t unknown;
    struct want_item items[];
};

// One piece of the log that a reading reads.
struct range {
    uint32_t slot;
    uint32_t offset;
    struct window *window;
    enum err err;     // of reading all of it
    bool is_unsteady; // something in it was read a second time: not kept
};

// A payload within one of the ranges.
struct reading_item {
    struct blob blob;
    struct store_want *want; // NULL: not wanted any more. For the owner alone
    size_t at;               // its place in the want
    size_t range;
    enum err err;
};

struct store_reading {
    const struct log *log;
    struct range ranges[READING_RANGES_MAX];
    size_t range_count;
    size_t bytes;
    struct reading_item *items;
    size_t item_count;
    size_t item_cap;
    bool has_run;
};

// ---- pins

void store_pin(struct store *store, const struct blob *blob) {
    if (blob_kind(blob) == BLOB_REF) log_pin(store->log, blob_slot(blob));
}

void store_unpin(struct store *store, const struct blob *blob) {
    if (blob_kind(blob) == BLOB_REF) log_unpin(store->log, blob_slot(blob));
}

// ---- at once

uint64_t store_lsn(const struct store *store, const struct blob *blob) {
    return log_lsn_at(store->log, blob_slot(blob), blob_offset(blob));
}

static bool is_intact(const struct blob *blob, const char *bytes) {
    if (MUTANT(PAYLOAD_HASH_IGNORED)) return true;
    return hash_payload(slice_of(bytes, blob_len(blob))) == blob->hash;
}

// What will be asked for next, when a run has come to the second half of its newest window.
static void read_ahead(struct store *store, struct window *window, uint64_t lsn) {
    if (!window->is_run || window->has_ahead || lsn < window->lsn + window->len / 2) return;
    window->has_ahead = true;
    store->reads.ahead = (struct reads_ahead){
        .lsn = window->lsn + window->len,
        .len = num_min(2 * window->len, WINDOW_MAX_BYTES),
    };
}

// A payload that begins in one window and ends in the next.
static bool join_windows(struct store *store, const struct window *window, uint64_t lsn, size_t len,
                         struct slice *out) {
    struct reads *reads = &store->reads;
    const size_t head = (size_t)(window->lsn + window->len - lsn);
    buf_reset(&reads->joined);
    buf_append(&reads->joined, window->bytes + (lsn - window->lsn), head);
    const struct window *next = windows_find(&reads->windows, lsn + head);
    if (next == NULL || next->lsn + next->len < lsn + len) return false;
    buf_append(&reads->joined, next->bytes + (lsn + head - next->lsn), len - head);
    *out = buf_slice(&reads->joined);
    return true;
}

static enum err try_windows(struct store *store, const struct blob *blob, struct slice *out) {
    struct reads *reads = &store->reads;
    const uint64_t lsn = store_lsn(store, blob);
    const size_t len = blob_len(blob);
    struct window *window = windows_find(&reads->windows, lsn);
    if (window == NULL) return ERR_AGAIN;
    *out = slice_of(window->bytes + (lsn - window->lsn), len);
    const bool is_whole = lsn + len <= window->lsn + window->len;
    if (!is_whole && !join_windows(store, window, lsn, len, out)) return ERR_AGAIN;
    if (!is_intact(blob, out->data)) {
        // Damaged on disk, or on its way: the payload itself is read, which will tell.
        windows_drop(&reads->windows, window);
        return ERR_AGAIN;
    }
    store->stats.window_hits++;
    read_ahead(store, window, lsn);
    return ERR_NONE;
}

// The run of the log around a payload that is worth reading with it.
static struct window_shape shape_of(const struct store *store, uint32_t slot, uint32_t offset,
                                    size_t len) {
    const struct log *log = store->log;
    const uint64_t lsn = log_lsn_at(log, slot, offset);
    const uint64_t base_lsn = lsn - offset;
    struct window_shape shape = {.lsn = lsn, .len = len};
    if (len < WINDOW_MAX_BYTES) shape = windows_shape(&store->reads.windows, lsn, len);
    if (shape.lsn < base_lsn) {
        shape.len -= (size_t)(base_lsn - shape.lsn);
        shape.lsn = base_lsn;
    }
    const size_t most = log_run_max(log, slot, (uint32_t)(shape.lsn - base_lsn));
    shape.len = num_max(num_min(shape.len, most), (size_t)(lsn - shape.lsn) + len);
    return shape;
}

static enum err try_page_cache(struct store *store, const struct blob *blob, struct slice *out) {
    const size_t len = blob_len(blob);
    const uint32_t slot = blob_slot(blob);
    if (len > STORE_TRY_BYTES) return ERR_AGAIN;
    const struct window_shape shape = shape_of(store, slot, blob_offset(blob), len);
    const size_t ahead = (size_t)(store_lsn(store, blob) - shape.lsn);
    const size_t most = num_max(num_min(shape.len, STORE_TRY_BYTES), ahead + len);
    struct window *window = window_new(shape.lsn, most);
    const uint32_t offset = (uint32_t)(blob_offset(blob) - ahead);
    size_t done = 0;
    enum err err = log_read_run_cached(store->log, slot, offset, most, window->bytes, &done);
    if (err == ERR_NONE && done < ahead + len) err = ERR_AGAIN;
    if (err == ERR_NONE && is_intact(blob, window->bytes + ahead)) {
        window->len = done;
        window->is_run = shape.is_run;
        windows_add(&store->reads.windows, window);
        *out = slice_of(window->bytes + ahead, len);
        store->stats.cached_reads++;
    } else {
        err = ERR_AGAIN; // whatever it was, a reading will say
    }
    window_unref(window);
    return err;
}

enum err store_try(struct store *store, const struct blob *blob, struct slice *out) {
    *out = store_resident(store, blob);
    if (out->data != NULL || blob_len(blob) == 0) return ERR_NONE;
    const enum err err = try_windows(store, blob, out);
    return err == ERR_NONE ? ERR_NONE : try_page_cache(store, blob, out);
}

uint64_t store_cached_reads(const struct store *store) {
    return store->stats.cached_reads;
}

// ---- wants

size_t store_want_fit(const struct blob *blobs, size_t count) {
    size_t bytes = 0;
    size_t fits = 0;
    while (fits < count && fits < WANT_BLOBS_MAX) {
        bytes += blob_len(&blobs[fits]);
        if (fits > 0 && bytes > WANT_BYTES) break;
        fits++;
    }
    return fits;
}

struct store_want *store_want_begin(struct store *store, const struct blob *blobs, size_t count,
                                    void (*done)(void *context), void *context) {
    must(count > 0 && count <= WANT_BLOBS_MAX);
    struct store_want *want = mem_zalloc(sizeof *want + count * sizeof want->items[0]);
    want->done = done;
    want->context = context;
    want->count = count;
    want->unknown = count;
    for (size_t i = 0; i < count; i++) {
        must(blob_kind(&blobs[i]) == BLOB_REF);
        want->items[i].blob = blobs[i];
        store_pin(store, &blobs[i]);
    }
    link_push_back(&store->reads.queued, &want->link);
    return want;
}

size_t store_want_count(const struct store_want *want) {
    return want->count;
}

enum err store_want_bytes(const struct store_want *want, size_t at, struct slice *out) {
    must(at < want->count && want->unknown == 0);
    const struct want_item *item = &want->items[at];
    *out = SLICE_EMPTY;
    if (item->err != ERR_NONE) return item->err;
    *out = slice_of(item->bytes, blob_len(&item->blob));
    return ERR_NONE;
}

void store_want_end(struct store *store, struct store_want *want) {
    if (want == NULL) return;
    link_remove(&want->link);
    struct store_reading *reading = want->reading;
    for (size_t i = 0; reading != NULL && i < reading->item_count; i++) {
        if (reading->items[i].want == want) reading->items[i].want = NULL;
    }
    for (size_t i = 0; i < want->count; i++) {
        window_unref(want->items[i].window);
        store_unpin(store, &want->items[i].blob);
    }
    mem_free(want);
}

// The payload is known now: `bytes` in `window`, or an error.
static void want_learn(struct store_want *want, size_t at, struct window *window, const char *bytes,
                       enum err err) {
    struct want_item *item = &want->items[at];
    must(!item->is_known && want->unknown > 0);
    item->is_known = true;
    item->err = err;
    want->unknown--;
    if (err != ERR_NONE) return;
    item->window = window;
    item->bytes = bytes;
    window_ref(window);
}

// What is in memory may not be on the disk yet. It is copied: it will not stay for long.
static bool want_look_resident(struct store *store, struct store_want *want, size_t at) {
    const struct blob *blob = &want->items[at].blob;
    const struct slice bytes = store_resident(store, blob);
    if (bytes.data == NULL) return false;
    struct window *window = window_new(store_lsn(store, blob), bytes.len);
    memcpy(window->bytes, bytes.data, bytes.len);
    want_learn(want, at, window, window->bytes, ERR_NONE);
    window_unref(window);
    return true;
}

// Learns what others have read meanwhile.
static void want_look(struct store *store, struct store_want *want) {
    for (size_t at = 0; at < want->count; at++) {
        const struct want_item *item = &want->items[at];
        if (item->is_known) continue;
        const uint64_t lsn = store_lsn(store, &item->blob);
        if (want_look_resident(store, want, at)) continue;
        struct window *window = windows_find(&store->reads.windows, lsn);
        if (window == NULL) continue;
        if (lsn + blob_len(&item->blob) > window->lsn + window->len) continue;
        const char *bytes = window->bytes + (lsn - window->lsn);
        if (is_intact(&item->blob, bytes)) want_learn(want, at, window, bytes, ERR_NONE);
    }
}

// ---- what a reading reads

static uint64_t range_end(const struct range *range) {
    return range->window->lsn + range->window->len;
}

static bool range_has(const struct range *range, uint64_t lsn, size_t len) {
    return lsn >= range->window->lsn && lsn + len <= range_end(range);
}

static bool reading_has(const struct store_reading *reading, uint64_t lsn, size_t len) {
    for (size_t i = 0; reading != NULL && i < reading->range_count; i++) {
        if (range_has(&reading->ranges[i], lsn, len)) return true;
    }
    return false;
}

static bool is_flying(const struct reads *reads, uint64_t lsn, size_t len) {
    for (size_t i = 0; i < READINGS_MAX; i++) {
        if (reading_has(reads->flying[i], lsn, len)) return true;
    }
    return false;
}

static bool waits_for_others(const struct store *store, const struct store_want *want) {
    for (size_t at = 0; at < want->count; at++) {
        const struct want_item *item = &want->items[at];
        if (item->is_known) continue;
        if (is_flying(&store->reads, store_lsn(store, &item->blob), blob_len(&item->blob)))
            return true;
    }
    return false;
}

static size_t range_add(struct store *store, struct store_reading *reading, uint32_t slot,
                        const struct window_shape *shape) {
    must(reading->range_count < READING_RANGES_MAX);
    struct window *window = window_new(shape->lsn, shape->len);
    window->is_run = shape->is_run;
    reading->ranges[reading->range_count] = (struct range){
        .slot = slot,
        .offset = (uint32_t)(shape->lsn % log_segment_bytes(store->log)),
        .window = window,
    };
    log_pin(store->log, slot);
    reading->bytes += shape->len;
    return reading->range_count++;
}

static void item_add(struct store_reading *reading, const struct reading_item *item) {
    if (reading->item_count == reading->item_cap) {
        reading->item_cap = num_max(2 * reading->item_cap, ITEMS_MIN);
        reading->items = mem_realloc(reading->items, reading->item_cap * sizeof *reading->items);
    }
    reading->items[reading->item_count++] = *item;
}

// A row of neighbours in the log, not known yet: the items [first, end) of `order`.
struct row {
    const struct store_want *want;
    const uint8_t *order; // places of the want's items, by lsn
    size_t first;
    size_t end;
};

static struct row row_from(const struct store *store, const struct store_want *want,
                           const uint8_t *order, size_t first, size_t count) {
    struct row row = {.want = want, .order = order, .first = first, .end = first + 1};
    const struct blob *blob = &want->items[order[first]].blob;
    const uint64_t begin = store_lsn(store, blob);
    uint64_t end = begin + blob_len(blob);
    for (; row.end < count; row.end++) {
        const struct blob *next = &want->items[order[row.end]].blob;
        const uint64_t lsn = store_lsn(store, next);
        const uint64_t next_end = num_max(end, lsn + blob_len(next));
        if (blob_slot(next) != blob_slot(blob) || lsn > end + MERGE_GAP_BYTES) break;
        if (next_end - begin > WINDOW_MAX_BYTES) break;
        end = next_end;
    }
    return row;
}

static void read_row(struct store *store, struct store_reading *reading, struct store_want *want,
                     const struct row *row) {
    const struct blob *first = &want->items[row->order[row->first]].blob;
    const uint64_t begin = store_lsn(store, first);
    uint64_t end = begin;
    for (size_t i = row->first; i < row->end; i++) {
        const struct blob *blob = &want->items[row->order[i]].blob;
        end = num_max(end, store_lsn(store, blob) + blob_len(blob));
    }
    const struct window_shape shape =
        shape_of(store, blob_slot(first), blob_offset(first), (size_t)(end - begin));
    const size_t range = range_add(store, reading, blob_slot(first), &shape);
    for (size_t i = row->first; i < row->end; i++) {
        const size_t at = row->order[i];
        item_add(reading,
                 &(struct reading_item){
                     .blob = want->items[at].blob, .want = want, .at = at, .range = range});
    }
}

// The places of what is unknown, in the order in which it lies in the log. Returns how many.
static size_t order_unknown(const struct store *store, const struct store_want *want,
                            uint8_t *order) {
    size_t count = 0;
    for (size_t at = 0; at < want->count; at++) {
        if (want->items[at].is_known) continue;
        const uint64_t lsn = store_lsn(store, &want->items[at].blob);
        size_t to = count++;
        for (; to > 0 && store_lsn(store, &want->items[order[to - 1]].blob) > lsn; to--)
            order[to] = order[to - 1];
        order[to] = (uint8_t)at;
    }
    return count;
}

static void read_want(struct store *store, struct store_reading *reading, struct store_want *want) {
    uint8_t order[WANT_BLOBS_MAX];
    const size_t count = order_unknown(store, want, order);
    for (size_t first = 0; first < count;) {
        const struct row row = row_from(store, want, order, first, count);
        read_row(store, reading, want, &row);
        first = row.end;
    }
    link_remove(&want->link);
    want->reading = reading;
}

// Whether a reading goes over that place, or begins just behind it (behind the header of a
// segment).
static bool goes_over(const struct store_reading *reading, uint64_t lsn) {
    for (size_t i = 0; reading != NULL && i < reading->range_count; i++) {
        const struct range *range = &reading->ranges[i];
        if (range->window->lsn <= lsn + WINDOW_NEAR_BYTES && lsn < range_end(range)) return true;
    }
    return false;
}

static void read_what_is_ahead(struct store *store, struct store_reading *reading) {
    struct reads *reads = &store->reads;
    const struct reads_ahead ahead = reads->ahead;
    uint32_t slot;
    uint32_t offset;
    reads->ahead = (struct reads_ahead){0};
    if (ahead.len == 0 || reading->range_count == READING_RANGES_MAX) return;
    if (windows_find(&reads->windows, ahead.lsn) != NULL) return;
    if (windows_find(&reads->windows, ahead.lsn + WINDOW_MIN_BYTES) != NULL) return;
    if (goes_over(reading, ahead.lsn)) return;
    for (size_t i = 0; i < READINGS_MAX; i++) {
        if (goes_over(reads->flying[i], ahead.lsn)) return;
    }
    if (!log_locate(store->log, ahead.lsn, &slot, &offset)) return;
    const size_t most = log_run_max(store->log, slot, offset);
    if (most == 0) return; // in memory
    const struct window_shape shape = {
        .lsn = ahead.lsn, .len = num_min(ahead.len, most), .is_run = true};
    range_add(store, reading, slot, &shape);
}

struct store_reading *store_reading_begin(struct store *store) {
    struct reads *reads = &store->reads;
    size_t seat = 0;
    while (seat < READINGS_MAX && reads->flying[seat] != NULL)
        seat++;
    if (seat == READINGS_MAX) return NULL;
    if (link_is_empty(&reads->queued) && reads->ahead.len == 0) return NULL;

    struct store_reading *reading = mem_zalloc(sizeof *reading);
    reading->log = store->log;
    bool has_done = false;
    struct link *node;
    struct link *spare;
    link_each(node, spare, &reads->queued) {
        struct store_want *want = link_entry(node, struct store_want, link);
        if (reading->bytes >= READING_BYTES) break;
        if (reading->range_count + want->count > READING_RANGES_MAX) break;
        want_look(store, want);
        if (want->unknown == 0) {
            has_done = true;
        } else if (!waits_for_others(store, want)) {
            read_want(store, reading, want);
        }
    }
    read_what_is_ahead(store, reading);
    if (reading->range_count == 0 && !has_done) {
        mem_free(reading);
        return NULL;
    }
    reads->flying[seat] = reading;
    return reading;
}

// ---- on any thread

static void read_item(struct store_reading *reading, struct reading_item *item) {
    struct range *range = &reading->ranges[item->range];
    const uint32_t offset = blob_offset(&item->blob);
    char *bytes = range->window->bytes + (offset - range->offset);
    if (range->err == ERR_NONE && is_intact(&item->blob, bytes)) return;
    range->is_unsteady = true;
    item->err =
        log_read(reading->log, range->slot, offset, blob_len(&item->blob), item->blob.hash, bytes);
}

void store_reading_run(struct store_reading *reading) {
    for (size_t i = 0; i < reading->range_count; i++) {
        struct range *range = &reading->ranges[i];
        range->err = log_read_run(reading->log, range->slot, range->offset, range->window->len,
                                  range->window->bytes);
    }
    for (size_t i = 0; i < reading->item_count; i++)
        read_item(reading, &reading->items[i]);
    reading->has_run = true;
}

// ---- the end

static void keep_windows(struct store *store, struct store_reading *reading) {
    for (size_t i = 0; i < reading->range_count; i++) {
        struct range *range = &reading->ranges[i];
        const bool is_good = reading->has_run && range->err == ERR_NONE && !range->is_unsteady &&
                             range->window->len <= WINDOW_MAX_BYTES;
        if (is_good) windows_add(&store->reads.windows, range->window);
        store->stats.disk_reads++;
        store->stats.disk_read_bytes += range->window->len;
    }
}

static void learn_items(struct store *store, struct store_reading *reading) {
    for (size_t i = 0; i < reading->item_count; i++) {
        struct reading_item *item = &reading->items[i];
        const struct range *range = &reading->ranges[item->range];
        struct store_want *want = item->want;
        const enum err err = reading->has_run ? item->err : ERR_IO;
        if (err != ERR_NONE) store_tell_unreadable(store, &item->blob, err);
        if (want == NULL) continue;
        want->reading = NULL;
        want_learn(want, item->at, range->window,
                   range->window->bytes + (blob_offset(&item->blob) - range->offset), err);
        if (want->unknown == 0) link_push_back(&store->reads.done, &want->link);
    }
}

// What was read may be all that others wait for.
static void look_for_queued(struct store *store) {
    struct link *node;
    struct link *spare;
    link_each(node, spare, &store->reads.queued) {
        struct store_want *want = link_entry(node, struct store_want, link);
        want_look(store, want);
        if (want->unknown > 0) continue;
        link_remove(&want->link);
        link_push_back(&store->reads.done, &want->link);
    }
}

static void reading_free(struct store *store, struct store_reading *reading) {
    for (size_t i = 0; i < reading->range_count; i++) {
        log_unpin(store->log, reading->ranges[i].slot);
        window_unref(reading->ranges[i].window);
    }
    mem_free(reading->items);
    mem_free(reading);
}

void store_reading_end(struct store *store, struct store_reading *reading) {
    struct reads *reads = &store->reads;
    size_t seat = 0;
    while (reads->flying[seat] != reading)
        must(++seat < READINGS_MAX);
    reads->flying[seat] = NULL;
    keep_windows(store, reading);
    learn_items(store, reading);
    reading_free(store, reading);
    look_for_queued(store);
    // Whoever is called may end other wants, and begin new ones.
    for (struct link *node = link_first(&reads->done); node != NULL;
         node = link_first(&reads->done)) {
        struct store_want *want = link_entry(node, struct store_want, link);
        link_remove(node);
        want->done(want->context);
    }
}

// ---- with the store

void reads_init(struct reads *reads, size_t bytes_max) {
    windows_init(&reads->windows, bytes_max);
    link_init(&reads->queued);
    link_init(&reads->done);
}

void reads_deinit(struct reads *reads) {
    must(link_is_empty(&reads->queued) && link_is_empty(&reads->done));
    for (size_t i = 0; i < READINGS_MAX; i++)
        must(reads->flying[i] == NULL);
    windows_deinit(&reads->windows);
    buf_deinit(&reads->joined);
}
