#include "server/engine/outbox.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"

enum {
    OUTBOX_KEEP = 64 * 1024,    // a larger buffer is given back when it has drained
    OUTBOX_COMPACT = 64 * 1024, // so much must have left before the rest is moved to the front
    NEXT_MARKS_MAX = 256,       // looked at for what comes next
    MARKS_MIN = 8,
    MARKS_KEEP = 1024,
};

enum mark_kind { MARK_FENCE, MARK_ROW, MARK_SOURCE };

enum { SOURCE_BYTES = 1 }; // stand for it in the bytes, and never leave

struct outbox_mark {
    size_t begin; // bytes from here on may not leave while the mark stands
    union {
        uint64_t lsn; // FENCE
        size_t len;   // ROW: bytes of records. SOURCE: SOURCE_BYTES, or 0 when it has ended
    };
    union {
        const struct outbox_form *form; // ROW
        struct outbox_source *source;   // SOURCE; NULL: it has ended
    };
    enum mark_kind kind;
};

// ---- the ring of marks

static struct outbox_mark *mark_at(const struct outbox *outbox, size_t index) {
    return &outbox->marks[(outbox->mark_first + index) & (outbox->mark_cap - 1)];
}

static struct outbox_mark *last_mark(const struct outbox *outbox) {
    return mark_at(outbox, outbox->mark_count - 1);
}

static void marks_grow(struct outbox *outbox) {
    const size_t cap = outbox->mark_cap == 0 ? MARKS_MIN : outbox->mark_cap * 2;
    struct outbox_mark *marks = mem_alloc_array(cap, sizeof *marks);
    for (size_t i = 0; i < outbox->mark_count; i++) {
        marks[i] = *mark_at(outbox, i);
    }
    mem_free(outbox->marks);
    outbox->marks = marks;
    outbox->mark_cap = cap;
    outbox->mark_first = 0;
}

static void mark_insert(struct outbox *outbox, size_t index, const struct outbox_mark *mark) {
    if (outbox->mark_count == outbox->mark_cap) marks_grow(outbox);
    outbox->mark_count++;
    for (size_t i = outbox->mark_count - 1; i > index; i--) {
        *mark_at(outbox, i) = *mark_at(outbox, i - 1);
    }
    *mark_at(outbox, index) = *mark;
    if (mark->kind == MARK_FENCE) outbox->fence_count++;
    if (mark->kind != MARK_FENCE) outbox->row_count++;
    if (mark->kind == MARK_SOURCE) outbox->source_count++;
}

static void mark_remove_first(struct outbox *outbox) {
    const struct outbox_mark *mark = mark_at(outbox, 0);
    if (mark->kind == MARK_FENCE) outbox->fence_count--;
    if (mark->kind != MARK_FENCE) outbox->row_count--;
    outbox->mark_first = (outbox->mark_first + 1) & (outbox->mark_cap - 1);
    outbox->mark_count--;
}

// Takes away the marks at the front that hold nothing back any more.
static void advance(struct outbox *outbox) {
    while (outbox->mark_count > 0) {
        const struct outbox_mark *mark = mark_at(outbox, 0);
        if (mark->kind != MARK_FENCE && mark->len > 0) break;
        if (mark->kind == MARK_FENCE && mark->lsn > outbox->durable_lsn) break;
        mark_remove_first(outbox);
    }
    outbox->sendable_end = outbox->settled;
    if (outbox->mark_count > 0 && mark_at(outbox, 0)->begin < outbox->settled) {
        outbox->sendable_end = mark_at(outbox, 0)->begin;
    }
}

static void marks_trim(struct outbox *outbox, size_t keep) {
    if (outbox->mark_count > 0 || outbox->mark_cap <= keep) return;
    mem_free(outbox->marks);
    outbox->marks = NULL;
    outbox->mark_cap = 0;
    outbox->mark_first = 0;
}

// ---- records of payloads

static size_t record_bytes(const struct outbox_form *form) {
    return sizeof(struct blob) + form->extra_bytes;
}

static void source_end(struct outbox *outbox, struct outbox_mark *mark) {
    mark->source->free(mark->source->context);
    mem_free(mark->source);
    mark->source = NULL;
    mark->len = 0;
    outbox->source_count--;
}

static void source_take(struct outbox *outbox, struct outbox_mark *mark) {
    mark->source->take(mark->source->context);
    if (--mark->source->left > 0) return;
    source_end(outbox, mark);
    mark->begin += SOURCE_BYTES;
}

static size_t payload_count(const struct outbox_mark *row) {
    return row->kind == MARK_SOURCE ? row->source->left : row->len / record_bytes(row->form);
}

static const char *record_at(const struct outbox *outbox, const struct outbox_mark *row,
                             size_t index) {
    return outbox->bytes.data + row->begin + index * record_bytes(row->form);
}

static struct blob payload_at(const struct outbox *outbox, const struct outbox_mark *row,
                              size_t index) {
    struct blob blob;
    if (row->kind == MARK_SOURCE) {
        must(row->source->read(row->source->context, index, &blob, 1) == 1);
    } else {
        memcpy(&blob, record_at(outbox, row, index), sizeof blob);
    }
    return blob;
}

static void payload_write(const struct outbox *outbox, const struct outbox_mark *row, size_t index,
                          struct reply *reply, struct slice bytes, enum err err) {
    if (row->kind == MARK_SOURCE) {
        row->source->write(row->source->context, index, reply, bytes, err);
        return;
    }
    char extra[OUTBOX_EXTRA_MAX]; // aligned for nothing where it lies
    memcpy(extra, record_at(outbox, row, index) + sizeof(struct blob), row->form->extra_bytes);
    row->form->write(reply, bytes, err, extra);
}

// ---- slots that are held: neighbours of one row in one slot hold it together

enum { NO_SLOT = UINT32_MAX };

static uint32_t slot_at(const struct outbox *outbox, size_t at) {
    struct blob blob;
    memcpy(&blob, outbox->bytes.data + at, sizeof blob);
    return blob_slot(&blob);
}

// Of the row's last payload; NO_SLOT: it has none.
static uint32_t last_slot(const struct outbox *outbox, const struct outbox_mark *row) {
    if (row->len == 0) return NO_SLOT;
    return slot_at(outbox, row->begin + row->len - record_bytes(row->form));
}

static void hold(struct outbox *outbox, uint32_t slot) {
    if (outbox->hold != NULL) outbox->hold(outbox->context, slot);
}

static void release(struct outbox *outbox, uint32_t slot) {
    if (outbox->release != NULL) outbox->release(outbox->context, slot);
}

// The records of the row from `from` on are no more.
static void row_cut(struct outbox *outbox, struct outbox_mark *row, size_t from) {
    if (row->kind == MARK_SOURCE) {
        if (from <= row->begin && row->len > 0) source_end(outbox, row);
        return;
    }
    const size_t step = record_bytes(row->form);
    const size_t kept = from > row->begin ? from - row->begin : 0;
    const size_t end = row->begin + row->len;
    if (kept >= row->len) return;
    row->len = kept;
    uint32_t held = last_slot(outbox, row);
    for (size_t at = row->begin + kept; at < end; at += step) {
        const uint32_t slot = slot_at(outbox, at);
        if (slot != held) release(outbox, slot);
        held = slot;
    }
}

// The row's first record is no more.
static void row_shift(struct outbox *outbox, struct outbox_mark *row) {
    if (row->kind == MARK_SOURCE) {
        source_take(outbox, row);
        return;
    }
    const size_t step = record_bytes(row->form);
    const uint32_t slot = slot_at(outbox, row->begin);
    row->begin += step;
    row->len -= step;
    if (row->len == 0 || slot_at(outbox, row->begin) != slot) release(outbox, slot);
}

static struct outbox_mark *row_to_extend(const struct outbox *outbox,
                                         const struct outbox_form *form) {
    if (outbox->mark_count == 0) return NULL;
    struct outbox_mark *last = last_mark(outbox);
    if (last->kind != MARK_ROW || last->form != form || last->begin < outbox->settled) return NULL;
    return last->begin + last->len == outbox->bytes.len ? last : NULL;
}

static struct outbox_mark *row_get(struct outbox *outbox, const struct outbox_form *form) {
    struct outbox_mark *row = row_to_extend(outbox, form);
    if (row != NULL) return row;
    const struct outbox_mark fresh = {.begin = outbox->bytes.len, .form = form, .kind = MARK_ROW};
    mark_insert(outbox, outbox->mark_count, &fresh);
    return last_mark(outbox);
}

void outbox_add(struct outbox *outbox, const struct outbox_form *form, const struct blob *blob,
                const void *extra) {
    struct outbox_mark *row = row_get(outbox, form);
    const uint32_t slot = blob_slot(blob);
    if (slot != last_slot(outbox, row)) hold(outbox, slot);
    buf_append(&outbox->bytes, blob, sizeof *blob);
    if (form->extra_bytes > 0) buf_append(&outbox->bytes, extra, form->extra_bytes);
    row->len += record_bytes(form);
}

void outbox_add_row(struct outbox *outbox, const struct outbox_form *form, const struct blob *blobs,
                    size_t count) {
    must(form->extra_bytes == 0);
    if (count == 0) return;
    struct outbox_mark *row = row_get(outbox, form);
    uint32_t held = last_slot(outbox, row);
    for (size_t i = 0; i < count; i++) {
        const uint32_t slot = blob_slot(&blobs[i]);
        if (slot != held) hold(outbox, slot);
        held = slot;
    }
    buf_append(&outbox->bytes, blobs, count * sizeof *blobs);
    row->len += count * sizeof *blobs;
}

void outbox_add_source(struct outbox *outbox, const struct outbox_source *source) {
    must(source->left > 0);
    struct outbox_source *kept = mem_alloc(sizeof *kept);
    *kept = *source;
    const struct outbox_mark mark = {
        .begin = outbox->bytes.len, .len = SOURCE_BYTES, .source = kept, .kind = MARK_SOURCE};
    mark_insert(outbox, outbox->mark_count, &mark);
    buf_append_byte(&outbox->bytes, '\0');
}

// ---- the reply being written

// Its rows stand behind its fence.
static size_t rows_of_reply(const struct outbox *outbox) {
    size_t count = 0;
    while (count < outbox->mark_count &&
           mark_at(outbox, outbox->mark_count - 1 - count)->begin >= outbox->settled) {
        count++;
    }
    return count;
}

size_t outbox_reply_len(const struct outbox *outbox) {
    return outbox->bytes.len - outbox->settled;
}

bool outbox_reply_has_payloads(const struct outbox *outbox) {
    return outbox->mark_count > 0 && last_mark(outbox)->begin >= outbox->settled;
}

bool outbox_reply_is_error(const struct outbox *outbox) {
    if (outbox_reply_len(outbox) == 0 || outbox->bytes.data[outbox->settled] != '-') return false;
    const size_t rows = rows_of_reply(outbox);
    return rows == 0 || mark_at(outbox, outbox->mark_count - rows)->begin > outbox->settled;
}

void outbox_cut(struct outbox *outbox, size_t len) {
    const size_t end = outbox->settled + len;
    must(end <= outbox->bytes.len);
    while (outbox_reply_has_payloads(outbox)) {
        struct outbox_mark *row = last_mark(outbox);
        if (row->begin + row->len <= end) break;
        row_cut(outbox, row, end);
        if (row->len > 0) break;
        outbox->mark_count--;
        outbox->row_count--;
    }
    outbox->bytes.len = end;
}

void outbox_truncate(struct outbox *outbox) {
    outbox_cut(outbox, 0);
}

void outbox_take_out(struct outbox *outbox, size_t at, size_t len) {
    const size_t from = outbox->settled + at;
    must(from + len <= outbox->bytes.len);
    memmove(outbox->bytes.data + from, outbox->bytes.data + from + len,
            outbox->bytes.len - from - len);
    outbox->bytes.len -= len;
    for (size_t i = 0; i < outbox->mark_count; i++) {
        struct outbox_mark *mark = mark_at(outbox, i);
        if (mark->begin <= from) continue;
        must(mark->begin >= from + len);
        mark->begin -= len;
    }
}

static void render_payload(const struct outbox *outbox, const struct outbox_mark *row, size_t index,
                           void (*read)(void *context, const struct blob *blob, char *into),
                           void *context, struct reply *reply) {
    struct buf bytes = {0};
    const struct blob blob = payload_at(outbox, row, index);
    read(context, &blob, buf_reserve(&bytes, blob_len(&blob)));
    buf_commit(&bytes, blob_len(&blob));
    payload_write(outbox, row, index, reply, buf_slice(&bytes), ERR_NONE);
    buf_deinit(&bytes);
}

void outbox_render(const struct outbox *outbox,
                   void (*read)(void *context, const struct blob *blob, char *into), void *context,
                   struct buf *out) {
    struct reply reply = {.out = out, .version = RESP2};
    const struct slice all = buf_slice(&outbox->bytes);
    size_t at = outbox->settled;
    for (size_t i = outbox->mark_count - rows_of_reply(outbox); i < outbox->mark_count; i++) {
        const struct outbox_mark *row = mark_at(outbox, i);
        buf_append_slice(out, slice_sub(all, at, row->begin));
        for (size_t k = 0; k < payload_count(row); k++)
            render_payload(outbox, row, k, read, context, &reply);
        at = row->begin + row->len;
    }
    buf_append_slice(out, slice_sub(all, at, all.len));
}

static bool has_fence_of(const struct outbox *outbox, size_t before, uint64_t lsn) {
    if (outbox->fence_count == 0) return false;
    for (size_t i = before; i > 0; i--) {
        const struct outbox_mark *mark = mark_at(outbox, i - 1);
        if (mark->kind == MARK_FENCE) return mark->lsn >= lsn;
    }
    return false;
}

void outbox_fence(struct outbox *outbox, uint64_t lsn, uint64_t durable_lsn) {
    if (durable_lsn > outbox->durable_lsn) outbox->durable_lsn = durable_lsn;
    if (outbox->bytes.len > outbox->settled && lsn > outbox->durable_lsn) {
        const size_t index = outbox->mark_count - rows_of_reply(outbox);
        if (!has_fence_of(outbox, index, lsn)) {
            const struct outbox_mark fence = {
                .begin = outbox->settled, .kind = MARK_FENCE, .lsn = lsn};
            mark_insert(outbox, index, &fence);
        }
    }
    outbox->settled = outbox->bytes.len;
    advance(outbox);
}

// ---- pouring

bool outbox_front(const struct outbox *outbox, struct blob *out) {
    if (outbox->mark_count == 0) return false;
    const struct outbox_mark *row = mark_at(outbox, 0);
    if (row->kind == MARK_FENCE || row->begin >= outbox->settled) return false;
    *out = payload_at(outbox, row, 0);
    return true;
}

static size_t source_next(const struct outbox_source *source, struct blob *out, size_t max) {
    size_t count = 0;
    while (count < max && count < source->left)
        count += source->read(source->context, count, out + count, max - count);
    return count;
}

size_t outbox_next(const struct outbox *outbox, struct blob *out, size_t max) {
    size_t count = 0;
    for (size_t i = 0; i < outbox->mark_count && i < NEXT_MARKS_MAX && count < max; i++) {
        const struct outbox_mark *row = mark_at(outbox, i);
        if (row->begin >= outbox->settled) break;
        if (row->kind == MARK_FENCE) continue;
        if (row->kind == MARK_SOURCE) {
            count += source_next(row->source, out + count, max - count);
            continue;
        }
        const size_t payloads = payload_count(row);
        for (size_t k = 0; count < max && k < payloads; k++)
            out[count++] = payload_at(outbox, row, k);
    }
    return count;
}

static void forget_sent(struct outbox *outbox) {
    const size_t sent = outbox->sent;
    buf_remove_front(&outbox->bytes, sent);
    for (size_t i = 0; i < outbox->mark_count; i++) {
        if (!MUTANT(FENCES_NOT_MOVED)) mark_at(outbox, i)->begin -= sent;
    }
    outbox->settled -= sent;
    outbox->sendable_end -= sent;
    outbox->sent = 0;
}

// Bytes have left, or were poured.
static void reclaim(struct outbox *outbox) {
    const size_t rest = outbox->bytes.len - outbox->sent;
    if (rest == 0) {
        outbox->bytes.len = 0;
        outbox->sent = 0;
        outbox->settled = 0;
        outbox->sendable_end = 0;
        buf_shrink(&outbox->bytes, OUTBOX_KEEP);
        marks_trim(outbox, MARKS_KEEP);
    } else if (outbox->sent >= OUTBOX_COMPACT && outbox->sent >= rest) {
        // Each byte moved is paid by one that has left.
        forget_sent(outbox);
    }
}

void outbox_pour(struct outbox *outbox, struct slice bytes, enum err err) {
    struct outbox_mark *row = mark_at(outbox, 0);
    must(row->kind != MARK_FENCE && row->len > 0 && row->begin < outbox->settled);
    buf_append(&outbox->poured, outbox->bytes.data + outbox->sent, row->begin - outbox->sent);
    struct reply reply = {.out = &outbox->poured, .version = RESP2};
    payload_write(outbox, row, 0, &reply, bytes, err);
    row_shift(outbox, row);
    outbox->sent = row->begin;
    advance(outbox);
    reclaim(outbox);
}

bool outbox_holds(const struct outbox *outbox, bool (*is_it)(const void *context, uint32_t slot),
                  const void *context) {
    for (size_t i = 0; i < outbox->mark_count; i++) {
        const struct outbox_mark *row = mark_at(outbox, i);
        if (row->kind == MARK_FENCE) continue;
        if (row->kind == MARK_SOURCE) {
            if (row->source->holds(row->source->context, is_it, context)) return true;
            continue;
        }
        const size_t step = record_bytes(row->form);
        uint32_t held = NO_SLOT;
        for (size_t at = row->begin; at < row->begin + row->len; at += step) {
            const uint32_t slot = slot_at(outbox, at);
            if (slot != held && is_it(context, slot)) return true;
            held = slot;
        }
    }
    return false;
}

size_t outbox_poured(const struct outbox *outbox) {
    return outbox->poured.len - outbox->poured_sent;
}

// ---- leaving

bool outbox_durable(struct outbox *outbox, uint64_t lsn) {
    const size_t before = outbox->sendable_end;
    const size_t marks = outbox->mark_count;
    if (lsn > outbox->durable_lsn) outbox->durable_lsn = lsn;
    advance(outbox);
    return outbox->sendable_end > before || outbox->mark_count < marks;
}

bool outbox_is_fenced(const struct outbox *outbox) {
    return outbox->fence_count > 0;
}

struct slice outbox_sendable(const struct outbox *outbox) {
    if (outbox_poured(outbox) > 0)
        return slice_of(outbox->poured.data + outbox->poured_sent, outbox_poured(outbox));
    if (outbox->sendable_end == outbox->sent) return SLICE_EMPTY;
    return slice_of(outbox->bytes.data + outbox->sent, outbox->sendable_end - outbox->sent);
}

static void poured_sent(struct outbox *outbox, size_t len) {
    outbox->poured_sent += len;
    if (outbox_poured(outbox) > 0) return;
    buf_reset(&outbox->poured);
    buf_shrink(&outbox->poured, OUTBOX_KEEP);
    outbox->poured_sent = 0;
}

void outbox_sent(struct outbox *outbox, size_t len) {
    const struct slice sendable = outbox_sendable(outbox);
    must(len <= sendable.len);
    if (MUTANT(PARTIAL_SEND_REPEATS_BYTE) && len > 0 && len < sendable.len) len--;
    if (outbox_poured(outbox) > 0) {
        poured_sent(outbox, len);
        return;
    }
    outbox->sent += len;
    reclaim(outbox);
}

static size_t sources_memory(const struct outbox *outbox) {
    size_t bytes = 0;
    for (size_t i = 0; outbox->source_count > 0 && i < outbox->mark_count; i++) {
        const struct outbox_mark *mark = mark_at(outbox, i);
        if (mark->kind == MARK_SOURCE && mark->source != NULL)
            bytes += mark->source->memory(mark->source->context);
    }
    return bytes;
}

size_t outbox_pending(const struct outbox *outbox) {
    return sources_memory(outbox) + outbox->bytes.len - outbox->sent + outbox_poured(outbox);
}

size_t outbox_memory(const struct outbox *outbox) {
    return sources_memory(outbox) + outbox->bytes.cap + outbox->poured.cap +
           outbox->mark_cap * sizeof *outbox->marks;
}

bool outbox_is_drained(const struct outbox *outbox) {
    return outbox_pending(outbox) == 0;
}

void outbox_trim(struct outbox *outbox) {
    if (!outbox_is_drained(outbox)) return;
    buf_shrink(&outbox->bytes, 0);
    buf_shrink(&outbox->poured, 0);
    marks_trim(outbox, 0);
}

void outbox_deinit(struct outbox *outbox) {
    for (size_t i = 0; i < outbox->mark_count; i++) {
        struct outbox_mark *mark = mark_at(outbox, i);
        if (mark->kind != MARK_FENCE) row_cut(outbox, mark, 0);
    }
    buf_deinit(&outbox->bytes);
    buf_deinit(&outbox->poured);
    mem_free(outbox->marks);
    *outbox = (struct outbox){0};
}

void outbox_check(const struct outbox *outbox) {
    must(outbox->sent <= outbox->sendable_end);
    must(outbox->sendable_end <= outbox->settled);
    must(outbox->settled <= outbox->bytes.len);
    must(outbox->poured_sent <= outbox->poured.len);
    size_t begin = outbox->sendable_end;
    uint64_t lsn = 0;
    size_t fences = 0;
    for (size_t i = 0; i < outbox->mark_count; i++) {
        const struct outbox_mark *mark = mark_at(outbox, i);
        must(mark->begin >= begin);
        must(mark->begin <= outbox->bytes.len);
        begin = mark->begin;
        if (mark->kind == MARK_SOURCE) {
            must(mark->len == SOURCE_BYTES && mark->source->left > 0);
            begin += mark->len;
            must(begin <= outbox->bytes.len);
            continue;
        }
        if (mark->kind == MARK_ROW) {
            must(mark->len > 0 && mark->len % record_bytes(mark->form) == 0);
            begin += mark->len;
            must(begin <= outbox->bytes.len);
            continue;
        }
        fences++;
        must(mark->lsn > lsn);
        lsn = mark->lsn;
    }
    must(fences == outbox->fence_count && outbox->mark_count - fences == outbox->row_count);
}
