#include "server/engine/outbox.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"

enum {
    OUTBOX_KEEP = 64 * 1024,    // a larger buffer is given back when it has drained
    OUTBOX_COMPACT = 64 * 1024, // so much must have left before the rest is moved to the front
    MARKS_MIN = 8,
    MARKS_KEEP = 1024,
};

enum mark_kind { MARK_FENCE, MARK_HOLE, MARK_FILLED };

struct outbox_mark {
    size_t begin; // bytes from here on may not leave while the mark stands
    enum mark_kind kind;
    uint64_t lsn; // FENCE
    uint32_t hole;
    size_t len; // HOLE: bytes reserved
};

void outbox_deinit(struct outbox *outbox) {
    buf_deinit(&outbox->bytes);
    mem_free(outbox->marks);
    *outbox = (struct outbox){0};
}

// ---- the ring of marks

static struct outbox_mark *mark_at(const struct outbox *outbox, size_t index) {
    return &outbox->marks[(outbox->mark_first + index) & (outbox->mark_cap - 1)];
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
}

// Takes away the marks at the front that hold nothing back any more.
static void advance(struct outbox *outbox) {
    while (outbox->mark_count > 0) {
        const struct outbox_mark *mark = mark_at(outbox, 0);
        if (mark->kind == MARK_HOLE) break;
        if (mark->kind == MARK_FENCE && mark->lsn > outbox->durable_lsn) break;
        outbox->mark_first = (outbox->mark_first + 1) & (outbox->mark_cap - 1);
        outbox->mark_count--;
    }
    outbox->sendable_end = outbox->settled;
    if (outbox->mark_count > 0 && mark_at(outbox, 0)->begin < outbox->settled) {
        outbox->sendable_end = mark_at(outbox, 0)->begin;
    }
}

// ---- writing

// The holes of the reply just written stand behind its fence.
static size_t holes_of_open_reply(const struct outbox *outbox) {
    size_t count = 0;
    while (count < outbox->mark_count &&
           mark_at(outbox, outbox->mark_count - 1 - count)->begin >= outbox->settled) {
        count++;
    }
    return count;
}

static bool has_fence_of(const struct outbox *outbox, size_t before, uint64_t lsn) {
    for (size_t i = before; i > 0; i--) {
        const struct outbox_mark *mark = mark_at(outbox, i - 1);
        if (mark->kind == MARK_FENCE) return mark->lsn >= lsn;
    }
    return false;
}

void outbox_fence(struct outbox *outbox, uint64_t lsn, uint64_t durable_lsn) {
    if (durable_lsn > outbox->durable_lsn) outbox->durable_lsn = durable_lsn;
    if (outbox->bytes.len > outbox->settled && lsn > outbox->durable_lsn) {
        const size_t index = outbox->mark_count - holes_of_open_reply(outbox);
        if (!has_fence_of(outbox, index, lsn)) {
            const struct outbox_mark fence = {
                .begin = outbox->settled, .kind = MARK_FENCE, .lsn = lsn};
            mark_insert(outbox, index, &fence);
        }
    }
    outbox->settled = outbox->bytes.len;
    advance(outbox);
}

void outbox_truncate(struct outbox *outbox) {
    outbox->mark_count -= holes_of_open_reply(outbox);
    outbox->bytes.len = outbox->settled;
}

uint32_t outbox_hole(struct outbox *outbox, size_t len) {
    must(len > 0);
    const struct outbox_mark mark = {
        .begin = outbox->bytes.len, .kind = MARK_HOLE, .hole = outbox->next_hole, .len = len};
    // Reserved now: what is promised to a client counts against its limits from the start.
    buf_reserve(&outbox->bytes, len);
    memset(outbox->bytes.data + outbox->bytes.len, 0, len);
    buf_commit(&outbox->bytes, len);
    mark_insert(outbox, outbox->mark_count, &mark);
    return outbox->next_hole++;
}

// Gives the hole's place `len` bytes instead of those reserved: all behind it moves.
static void hole_resize(struct outbox *outbox, size_t index, size_t len) {
    struct outbox_mark *hole = mark_at(outbox, index);
    struct buf *bytes = &outbox->bytes;
    const size_t old_end = hole->begin + hole->len;
    const size_t new_end = hole->begin + len;
    const size_t rest = bytes->len - old_end;
    if (len > hole->len) buf_reserve(bytes, len - hole->len);
    if (rest > 0) memmove(bytes->data + new_end, bytes->data + old_end, rest);
    bytes->len = new_end + rest;
    if (outbox->settled >= old_end) outbox->settled = outbox->settled - old_end + new_end;
    for (size_t i = index + 1; i < outbox->mark_count; i++) {
        struct outbox_mark *mark = mark_at(outbox, i);
        mark->begin = mark->begin - old_end + new_end;
    }
    hole->len = len;
}

void outbox_fill(struct outbox *outbox, uint32_t hole, struct slice s) {
    for (size_t i = 0; i < outbox->mark_count; i++) {
        struct outbox_mark *mark = mark_at(outbox, i);
        if (mark->kind != MARK_HOLE || mark->hole != hole) continue;
        if (mark->len != s.len) hole_resize(outbox, i, s.len);
        if (s.len > 0) memcpy(outbox->bytes.data + mark->begin, s.data, s.len);
        mark->kind = MARK_FILLED;
        advance(outbox);
        return;
    }
}

// ---- leaving

bool outbox_durable(struct outbox *outbox, uint64_t lsn) {
    const size_t before = outbox->sendable_end;
    if (lsn > outbox->durable_lsn) outbox->durable_lsn = lsn;
    advance(outbox);
    return outbox->sendable_end > before;
}

bool outbox_is_fenced(const struct outbox *outbox) {
    return outbox->mark_count > 0;
}

struct slice outbox_sendable(const struct outbox *outbox) {
    if (outbox->sendable_end == outbox->sent) return SLICE_EMPTY;
    return slice_of(outbox->bytes.data + outbox->sent, outbox->sendable_end - outbox->sent);
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

static void marks_trim(struct outbox *outbox, size_t keep) {
    if (outbox->mark_count > 0 || outbox->mark_cap <= keep) return;
    mem_free(outbox->marks);
    outbox->marks = NULL;
    outbox->mark_cap = 0;
    outbox->mark_first = 0;
}

void outbox_sent(struct outbox *outbox, size_t len) {
    must(len <= outbox->sendable_end - outbox->sent);
    if (MUTANT(PARTIAL_SEND_REPEATS_BYTE) && len > 0 && outbox->sent + len < outbox->sendable_end)
        len--;
    outbox->sent += len;
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

size_t outbox_pending(const struct outbox *outbox) {
    return outbox->bytes.len - outbox->sent;
}

size_t outbox_memory(const struct outbox *outbox) {
    return outbox->bytes.cap + outbox->mark_cap * sizeof *outbox->marks;
}

bool outbox_is_drained(const struct outbox *outbox) {
    return outbox_pending(outbox) == 0;
}

void outbox_trim(struct outbox *outbox) {
    if (!outbox_is_drained(outbox)) return;
    buf_shrink(&outbox->bytes, 0);
    marks_trim(outbox, 0);
}

void outbox_check(const struct outbox *outbox) {
    must(outbox->sent <= outbox->sendable_end);
    must(outbox->sendable_end <= outbox->settled);
    must(outbox->settled <= outbox->bytes.len);
    size_t begin = outbox->sendable_end;
    uint64_t lsn = 0;
    for (size_t i = 0; i < outbox->mark_count; i++) {
        const struct outbox_mark *mark = mark_at(outbox, i);
        must(mark->begin >= begin);
        must(mark->begin <= outbox->bytes.len);
        begin = mark->begin;
        if (mark->kind != MARK_FENCE) continue;
        must(mark->lsn > lsn);
        lsn = mark->lsn;
    }
}
