#include "proto/base/mem.h"
#include "proto/base/rng.h"
#include "server/engine/outbox.h"
#include "tests/support/unit.h"

static void write_text(struct outbox *outbox, const char *text) {
    buf_append_str(&outbox->bytes, text);
}

static void send_all(struct outbox *outbox) {
    outbox_sent(outbox, outbox_sendable(outbox).len);
}

static void a_reply_being_written_is_not_sendable(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "+half");
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    outbox_fence(&outbox, 0, 0);
    assert_text(outbox_sendable(&outbox), "+half");
    outbox_deinit(&outbox);
}

static void bytes_wait_for_their_fence(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "a");
    outbox_fence(&outbox, 100, 50);
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    assert_false(outbox_durable(&outbox, 99));
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    assert_true(outbox_durable(&outbox, 100));
    assert_text(outbox_sendable(&outbox), "a");
    outbox_deinit(&outbox);
}

static void an_unfenced_reply_before_a_fenced_one_leaves_at_once(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "pong");
    outbox_fence(&outbox, 0, 0);
    write_text(&outbox, "data");
    outbox_fence(&outbox, 10, 0);
    assert_text(outbox_sendable(&outbox), "pong");
    outbox_check(&outbox);
    outbox_deinit(&outbox);
}

static void an_unfenced_reply_behind_a_fenced_one_waits_its_turn(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "data");
    outbox_fence(&outbox, 10, 0);
    write_text(&outbox, "pong");
    outbox_fence(&outbox, 0, 0);
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    assert_true(outbox_durable(&outbox, 10));
    assert_text(outbox_sendable(&outbox), "datapong");
    outbox_deinit(&outbox);
}

static void a_durable_lsn_and_an_equal_lsn_cost_no_mark(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "a");
    outbox_fence(&outbox, 10, 10);
    assert_int_equal(outbox.mark_count, 0);
    write_text(&outbox, "b");
    outbox_fence(&outbox, 20, 10);
    write_text(&outbox, "c");
    outbox_fence(&outbox, 20, 10);
    write_text(&outbox, "d");
    outbox_fence(&outbox, 15, 10);
    assert_int_equal(outbox.mark_count, 1);
    outbox_fence(&outbox, 30, 10); // nothing was written
    assert_int_equal(outbox.mark_count, 1);
    assert_text(outbox_sendable(&outbox), "a");
    outbox_durable(&outbox, 20);
    assert_text(outbox_sendable(&outbox), "abcd");
    outbox_deinit(&outbox);
}

static void fences_open_one_after_the_other(void **state) {
    (void)state;
    struct outbox outbox = {0};
    for (uint64_t i = 1; i <= 100; i++) {
        write_text(&outbox, "x");
        outbox_fence(&outbox, i * 10, 0);
    }
    outbox_check(&outbox);
    for (uint64_t i = 1; i <= 100; i++) {
        outbox_durable(&outbox, i * 10 - 1);
        assert_int_equal(outbox_sendable(&outbox).len, 0);
        assert_true(outbox_durable(&outbox, i * 10));
        assert_text(outbox_sendable(&outbox), "x");
        send_all(&outbox);
    }
    assert_true(outbox_is_drained(&outbox));
    outbox_deinit(&outbox);
}

// ---- payloads that come later

static void write_quoted(struct reply *reply, struct slice bytes, enum err err, const void *extra) {
    (void)extra;
    buf_append_byte(reply->out, '<');
    if (err == ERR_NONE) {
        buf_append_slice(reply->out, bytes);
    } else {
        buf_append_str(reply->out, err_name(err));
    }
    buf_append_byte(reply->out, '>');
}

static void write_numbered(struct reply *reply, struct slice bytes, enum err err,
                           const void *extra) {
    uint32_t number;
    memcpy(&number, extra, sizeof number);
    buf_append_u64(reply->out, number);
    write_quoted(reply, bytes, err, NULL);
}

static const struct outbox_form quoted = {.write = write_quoted};
static const struct outbox_form numbered = {.write = write_numbered,
                                            .extra_bytes = sizeof(uint32_t)};

static struct blob ref(uint32_t number) {
    return blob_of_ref(number, 8 * number, 100 + number, number);
}

static void add(struct outbox *outbox, uint32_t number) {
    const struct blob blob = ref(number);
    outbox_add(outbox, &quoted, &blob, NULL);
}

// Pours the front payload, which is the one of that number.
static void pour(struct outbox *outbox, uint32_t number, const char *text) {
    struct blob front;
    assert_true(outbox_front(outbox, &front));
    assert_int_equal(blob_slot(&front), number);
    outbox_pour(outbox, slice_str(text), ERR_NONE);
    outbox_check(outbox);
}

static bool has_front(const struct outbox *outbox) {
    struct blob front;
    return outbox_front(outbox, &front);
}

// Takes all that may leave, in as many pieces as it comes.
static void assert_leaves(struct outbox *outbox, const char *text) {
    struct buf seen = {0};
    for (struct slice out = outbox_sendable(outbox); out.len > 0; out = outbox_sendable(outbox)) {
        buf_append_slice(&seen, out);
        outbox_sent(outbox, out.len);
        outbox_check(outbox);
    }
    assert_slice(buf_slice(&seen), slice_str(text));
    buf_deinit(&seen);
}

static void a_payload_holds_back_what_follows(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "*2 ");
    add(&outbox, 1);
    write_text(&outbox, " tail");
    assert_false(has_front(&outbox)); // the reply is not finished
    outbox_fence(&outbox, 0, 0);
    assert_text(outbox_sendable(&outbox), "*2 ");
    pour(&outbox, 1, "a");
    assert_leaves(&outbox, "*2 <a> tail");
    assert_true(outbox_is_drained(&outbox));
    outbox_deinit(&outbox);
}

static void payloads_of_a_row_are_poured_one_by_one(void **state) {
    (void)state;
    struct outbox outbox = {0};
    const struct blob blobs[] = {ref(1), ref(2), ref(3), ref(4)};
    write_text(&outbox, "*5 ");
    outbox_add_row(&outbox, &quoted, blobs, 4);
    add(&outbox, 5);
    assert_int_equal(outbox.mark_count, 1);
    outbox_fence(&outbox, 0, 0);
    pour(&outbox, 1, "a");
    pour(&outbox, 2, "b");
    assert_leaves(&outbox, "*5 <a><b>");
    struct blob next[2];
    assert_int_equal(outbox_next(&outbox, next, 2), 2);
    assert_int_equal(blob_slot(&next[0]), 3);
    assert_int_equal(blob_slot(&next[1]), 4);
    pour(&outbox, 3, "c");
    outbox_sent(&outbox, 1);
    pour(&outbox, 4, "d");
    pour(&outbox, 5, "e");
    assert_false(has_front(&outbox));
    assert_leaves(&outbox, "c><d><e>");
    outbox_deinit(&outbox);
}

static void a_payload_that_cannot_be_read_is_an_error_in_its_place(void **state) {
    (void)state;
    struct outbox outbox = {0};
    add(&outbox, 1);
    add(&outbox, 2);
    outbox_fence(&outbox, 0, 0);
    outbox_pour(&outbox, SLICE_EMPTY, ERR_CORRUPT);
    pour(&outbox, 2, "b");
    assert_leaves(&outbox, "<corrupt><b>");
    outbox_deinit(&outbox);
}

static void what_belongs_to_a_payload_comes_with_it(void **state) {
    (void)state;
    struct outbox outbox = {0};
    for (uint32_t i = 7; i < 9; i++) {
        const struct blob blob = ref(i);
        outbox_add(&outbox, &numbered, &blob, &i);
    }
    add(&outbox, 9); // of another form: another row
    outbox_fence(&outbox, 0, 0);
    assert_int_equal(outbox.mark_count, 2);
    pour(&outbox, 7, "a");
    pour(&outbox, 8, "b");
    pour(&outbox, 9, "c");
    assert_leaves(&outbox, "7<a>8<b><c>");
    outbox_deinit(&outbox);
}

static void a_payload_waits_for_the_fence_before_it(void **state) {
    (void)state;
    struct outbox outbox = {0};
    add(&outbox, 1);
    outbox_fence(&outbox, 9, 0);
    assert_false(has_front(&outbox));
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    assert_true(outbox_durable(&outbox, 9));
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    assert_false(outbox_is_fenced(&outbox));
    pour(&outbox, 1, "late");
    assert_leaves(&outbox, "<late>");
    outbox_deinit(&outbox);
}

static void a_fence_behind_a_payload_waits_for_both(void **state) {
    (void)state;
    for (int poured_first = 0; poured_first < 2; poured_first++) {
        struct outbox outbox = {0};
        add(&outbox, 1);
        outbox_fence(&outbox, 0, 0);
        write_text(&outbox, "next");
        outbox_fence(&outbox, 9, 0);
        if (poured_first) pour(&outbox, 1, "a");
        assert_leaves(&outbox, poured_first ? "<a>" : "");
        outbox_durable(&outbox, 9);
        if (!poured_first) pour(&outbox, 1, "a");
        assert_leaves(&outbox, poured_first ? "next" : "<a>next");
        outbox_deinit(&outbox);
    }
}

struct released {
    uint32_t slots[16];
    size_t count;
};

static void note_released(void *context, uint32_t slot) {
    struct released *released = context;
    released->slots[released->count++] = slot;
}

static void every_payload_is_released_once(void **state) {
    (void)state;
    struct released released = {.count = 0};
    struct outbox outbox = {.release = note_released, .context = &released};
    add(&outbox, 1);
    add(&outbox, 2);
    outbox_fence(&outbox, 0, 0);
    add(&outbox, 3);
    write_text(&outbox, "and");
    add(&outbox, 4);
    outbox_truncate(&outbox); // CLIENT REPLY SKIP
    assert_int_equal(released.count, 2);
    pour(&outbox, 1, "a");
    assert_int_equal(released.count, 3);
    assert_int_equal(released.slots[2], 1);
    outbox_deinit(&outbox);
    assert_int_equal(released.count, 4);
    assert_int_equal(released.slots[3], 2);
}

static void neighbours_in_one_slot_hold_it_together(void **state) {
    (void)state;
    struct released released = {.count = 0};
    struct outbox outbox = {.release = note_released, .context = &released};
    const struct blob blobs[] = {ref(1), ref(1), ref(2), ref(2), ref(1)};
    outbox_add_row(&outbox, &quoted, blobs, 5);
    const size_t len = outbox_reply_len(&outbox);
    outbox_add_row(&outbox, &quoted, blobs + 4, 1); // as the one before
    outbox_cut(&outbox, len);
    assert_int_equal(released.count, 0);
    outbox_fence(&outbox, 0, 0);
    pour(&outbox, 1, "a");
    assert_int_equal(released.count, 0);
    pour(&outbox, 1, "b");
    assert_int_equal(released.count, 1);
    pour(&outbox, 2, "c");
    outbox_deinit(&outbox);
    assert_int_equal(released.count, 3);
    assert_int_equal(released.slots[1], 2);
    assert_int_equal(released.slots[2], 1);
}

static void a_dropped_reply_leaves_nothing_behind(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "kept");
    outbox_fence(&outbox, 10, 0);
    write_text(&outbox, "dropped");
    add(&outbox, 4);
    outbox_truncate(&outbox);
    outbox_check(&outbox);
    assert_int_equal(outbox_pending(&outbox), 4);
    outbox_durable(&outbox, 10);
    assert_leaves(&outbox, "kept");
    outbox_deinit(&outbox);
}

static void a_reply_is_cut_within_a_row(void **state) {
    (void)state;
    struct released released = {.count = 0};
    struct outbox outbox = {.release = note_released, .context = &released};
    write_text(&outbox, "*");
    add(&outbox, 1);
    const size_t len = outbox_reply_len(&outbox);
    add(&outbox, 2);
    write_text(&outbox, "more");
    add(&outbox, 3);
    outbox_cut(&outbox, len);
    outbox_check(&outbox);
    assert_int_equal(released.count, 2);
    write_text(&outbox, "end");
    outbox_fence(&outbox, 0, 0);
    pour(&outbox, 1, "a");
    assert_leaves(&outbox, "*<a>end");
    outbox_deinit(&outbox);
}

static void bytes_are_taken_out_before_a_payload(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "*10 ");
    add(&outbox, 1);
    write_text(&outbox, "-");
    add(&outbox, 2);
    outbox_take_out(&outbox, 2, 1);
    outbox_fence(&outbox, 0, 0);
    outbox_check(&outbox);
    pour(&outbox, 1, "a");
    pour(&outbox, 2, "b");
    assert_leaves(&outbox, "*1 <a>-<b>");
    outbox_deinit(&outbox);
}

static void a_payload_that_begins_with_a_dash_is_no_error(void **state) {
    (void)state;
    struct outbox outbox = {0};
    const struct blob dash = {.hash = 0x2d2d2d2d, .tail = ref(1).tail, .word = ref(1).word};
    outbox_add(&outbox, &quoted, &dash, NULL);
    assert_false(outbox_reply_is_error(&outbox));
    outbox_truncate(&outbox);
    write_text(&outbox, "-ERR");
    assert_true(outbox_reply_is_error(&outbox));
    outbox_truncate(&outbox);
    assert_false(outbox_reply_is_error(&outbox));
    outbox_deinit(&outbox);
}

static void read_slot(void *context, const struct blob *blob, char *into) {
    (void)context;
    memset(into, (char)('a' + blob_slot(blob)), blob_len(blob));
}

static void a_reply_is_shown_to_witnesses_as_it_will_leave(void **state) {
    (void)state;
    struct outbox outbox = {0};
    struct buf text = {0};
    write_text(&outbox, "before");
    outbox_fence(&outbox, 0, 0);
    const struct blob short_one = blob_of_ref(1, 0, 3, 0);
    write_text(&outbox, "*2 ");
    outbox_add(&outbox, &quoted, &short_one, NULL);
    outbox_add(&outbox, &quoted, &short_one, NULL);
    write_text(&outbox, "!");
    outbox_render(&outbox, read_slot, NULL, &text);
    assert_text(buf_slice(&text), "*2 <bbb><bbb>!");
    buf_deinit(&text);
    outbox_deinit(&outbox);
}

static void a_million_payloads_take_sixteen_bytes_each(void **state) {
    (void)state;
    enum { PAYLOADS = 1000000 };
    struct outbox outbox = {0};
    for (uint32_t i = 0; i < PAYLOADS; i++)
        add(&outbox, i % 1000);
    outbox_fence(&outbox, 0, 0);
    assert_int_equal(outbox_pending(&outbox), PAYLOADS * sizeof(struct blob));
    size_t most = 0;
    for (uint32_t i = 0; i < PAYLOADS; i++) {
        outbox_pour(&outbox, SLICE("x"), ERR_NONE);
        if (outbox_poured(&outbox) > 60000) send_all(&outbox);
        if (outbox_memory(&outbox) > most) most = outbox_memory(&outbox);
    }
    assert_true(most < 2 * PAYLOADS * sizeof(struct blob) + (1 << 18));
    send_all(&outbox);
    assert_true(outbox_memory(&outbox) < 200000);
    outbox_deinit(&outbox);
}

static void an_idle_outbox_gives_its_memory_back(void **state) {
    (void)state;
    struct outbox outbox = {0};
    for (int i = 0; i < 100000; i++) {
        write_text(&outbox, "0123456789");
    }
    outbox_fence(&outbox, 1, 0);
    outbox_trim(&outbox);
    assert_int_equal(outbox_pending(&outbox), 1000000);
    outbox_durable(&outbox, 1);
    send_all(&outbox);
    assert_true(outbox_memory(&outbox) < 100000);
    outbox_trim(&outbox);
    assert_int_equal(outbox_memory(&outbox), 0);
    outbox_deinit(&outbox);
}

// What the outbox should do, done with one array of pieces.
enum { MODEL_MAX = 600, PIECE_MAX = 2000, REPLY_MAX = 32 };

struct piece {
    char byte;
    size_t len;
    uint64_t lsn;
    bool is_payload; // not poured yet
};

struct model {
    struct piece pieces[MODEL_MAX];
    size_t count;
    uint64_t lsn; // of the last fence
    uint64_t durable;
    size_t sent;
    int holds[128]; // per slot
};

static void write_bytes(struct reply *reply, struct slice bytes, enum err err, const void *extra) {
    (void)err;
    (void)extra;
    buf_append_slice(reply->out, bytes);
}

static const struct outbox_form plain = {.write = write_bytes};

static size_t model_sendable(const struct model *model) {
    size_t len = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].is_payload || model->pieces[i].lsn > model->durable) break;
        len += model->pieces[i].len;
    }
    return len;
}

// What is still to be poured is held, and nothing else.
static void model_check_holds(const struct model *model) {
    bool wanted[128] = {false};
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].is_payload) wanted[(unsigned char)model->pieces[i].byte] = true;
    }
    for (size_t slot = 0; slot < 128; slot++)
        assert_int_equal(model->holds[slot] > 0, wanted[slot]);
}

static void model_read(const struct model *model, size_t at, struct slice got) {
    for (size_t i = 0; i < model->count && got.len > 0; i++) {
        const struct piece *piece = &model->pieces[i];
        if (at >= piece->len) {
            at -= piece->len;
            continue;
        }
        const size_t len = piece->len - at < got.len ? piece->len - at : got.len;
        for (size_t j = 0; j < len; j++) {
            assert_int_equal(got.data[j], piece->byte);
        }
        got = slice_sub(got, len, got.len);
        at = 0;
    }
    assert_int_equal(got.len, 0);
}

// The first payload is the front one, unless a fence stands before it.
static void pour_some(struct outbox *outbox, struct model *model, struct rng *rng) {
    struct blob front;
    for (uint64_t left = rng_below(rng, 4); left > 0; left--) {
        size_t at = 0;
        while (at < model->count && !model->pieces[at].is_payload &&
               model->pieces[at].lsn <= model->durable)
            at++;
        const bool is_front = at < model->count && model->pieces[at].lsn <= model->durable;
        assert_int_equal(outbox_front(outbox, &front), is_front);
        if (!is_front) return;
        static char bytes[PIECE_MAX];
        struct piece *piece = &model->pieces[at];
        assert_int_equal(blob_slot(&front), (uint32_t)piece->byte);
        piece->len = rng_below(rng, PIECE_MAX);
        piece->is_payload = false;
        memset(bytes, piece->byte, piece->len);
        outbox_pour(outbox, slice_of(bytes, piece->len), ERR_NONE);
    }
}

static void count_hold(void *context, uint32_t slot) {
    struct model *model = context;
    model->holds[slot]++;
}

static void count_release(void *context, uint32_t slot) {
    struct model *model = context;
    assert_true(model->holds[slot]-- > 0);
}

// A source of a few payloads, each of which counts as held until it is taken.
enum { SOURCE_MAX = 6 };

struct few {
    struct model *model;
    char bytes[SOURCE_MAX];
    size_t at;
    size_t count;
};

static size_t few_read(const void *context, size_t skip, struct blob *out, size_t max) {
    const struct few *few = context;
    size_t count = 0;
    // As a chunk ends: seldom all at once.
    for (size_t i = few->at + skip; i < few->count && count < max && count < 2; i++)
        out[count++] = blob_of_ref((uint32_t)few->bytes[i], 0, 100, 0);
    return count;
}

static void few_write(const void *context, size_t skip, struct reply *reply, struct slice bytes,
                      enum err err) {
    const struct few *few = context;
    assert_true(few->at + skip < few->count);
    write_bytes(reply, bytes, err, NULL);
}

static void few_take(void *context) {
    struct few *few = context;
    count_release(few->model, (uint32_t)few->bytes[few->at++]);
}

static size_t few_memory(const void *context) {
    (void)context;
    return 1000;
}

static bool few_holds(const void *context, bool (*is_it)(const void *of, uint32_t slot),
                      const void *of) {
    const struct few *few = context;
    return is_it(of, (uint32_t)few->bytes[few->at]);
}

static void few_free(void *context) {
    struct few *few = context;
    while (few->at < few->count)
        few_take(few);
    mem_free(few);
}

static void write_source(struct outbox *outbox, struct model *model, struct rng *rng) {
    struct few *few = mem_zalloc(sizeof *few);
    few->model = model;
    few->count = 1 + rng_below(rng, SOURCE_MAX);
    for (size_t i = 0; i < few->count; i++) {
        few->bytes[i] = (char)('a' + rng_below(rng, 4));
        count_hold(model, (uint32_t)few->bytes[i]);
        model->pieces[model->count++] = (struct piece){.byte = few->bytes[i], .is_payload = true};
    }
    const struct outbox_source source = {.context = few,
                                         .left = few->count,
                                         .read = few_read,
                                         .write = few_write,
                                         .take = few_take,
                                         .memory = few_memory,
                                         .holds = few_holds,
                                         .free = few_free};
    outbox_add_source(outbox, &source);
}

static void write_reply(struct outbox *outbox, struct model *model, struct rng *rng) {
    const size_t first = model->count;
    const size_t pieces = 1 + rng_below(rng, 5);
    for (size_t i = 0; i < pieces; i++) {
        if (rng_below(rng, 6) == 0) {
            write_source(outbox, model, rng);
            continue;
        }
        struct piece *piece = &model->pieces[model->count++];
        *piece = (struct piece){.byte = (char)('a' + rng_below(rng, 4)),
                                .len = 1 + rng_below(rng, PIECE_MAX - 1),
                                .is_payload = rng_below(rng, 2) == 0};
        if (piece->is_payload) {
            const struct blob blob = blob_of_ref((uint32_t)piece->byte, 0, 100, 0);
            outbox_add(outbox, &plain, &blob, NULL);
            piece->len = 0;
        } else {
            memset(buf_reserve(&outbox->bytes, piece->len), piece->byte, piece->len);
            buf_commit(&outbox->bytes, piece->len);
        }
    }
    if (rng_below(rng, 6) == 0) { // CLIENT REPLY SKIP
        outbox_truncate(outbox);
        model->count = first;
        return;
    }
    model->lsn += rng_below(rng, 3) * 10;
    const uint64_t fence = rng_below(rng, 4) == 0 ? 0 : model->lsn;
    for (size_t i = first; i < model->count; i++) {
        model->pieces[i].lsn = fence;
    }
    outbox_fence(outbox, fence, model->durable);
}

static void send_some(struct outbox *outbox, struct model *model, struct rng *rng) {
    const struct slice out = outbox_sendable(outbox);
    const size_t len = rng_below(rng, out.len + 1);
    model_read(model, model->sent, slice_sub(out, 0, len));
    outbox_sent(outbox, len);
    model->sent += len;
}

static void do_something(struct outbox *outbox, struct model *model, struct rng *rng) {
    switch (rng_below(rng, 4)) {
    case 0:
        pour_some(outbox, model, rng);
        break;
    case 1:
        model->durable += rng_below(rng, (model->lsn - model->durable) / 2 + 1);
        outbox_durable(outbox, model->durable);
        break;
    case 2:
        send_some(outbox, model, rng);
        break;
    default:
        write_reply(outbox, model, rng);
        break;
    }
}

// What is poured leaves before what stands behind it, so the two are not one piece.
static size_t sendable_in_all(const struct outbox *outbox) {
    const size_t poured = outbox_poured(outbox);
    return poured + (outbox->sendable_end - outbox->sent);
}

static void agrees_with_a_naive_model(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 42);
    for (int round = 0; round < 60; round++) {
        struct model model = {0};
        struct outbox outbox = {.hold = count_hold, .release = count_release, .context = &model};
        while (model.count + REPLY_MAX < MODEL_MAX) {
            do_something(&outbox, &model, &rng);
            outbox_check(&outbox);
            model_check_holds(&model);
            assert_int_equal(model.sent + sendable_in_all(&outbox), model_sendable(&model));
        }
        outbox_deinit(&outbox);
        model.count = 0;
        model_check_holds(&model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_being_written_is_not_sendable),
        cmocka_unit_test(bytes_wait_for_their_fence),
        cmocka_unit_test(an_unfenced_reply_before_a_fenced_one_leaves_at_once),
        cmocka_unit_test(an_unfenced_reply_behind_a_fenced_one_waits_its_turn),
        cmocka_unit_test(a_durable_lsn_and_an_equal_lsn_cost_no_mark),
        cmocka_unit_test(fences_open_one_after_the_other),
        cmocka_unit_test(a_payload_holds_back_what_follows),
        cmocka_unit_test(payloads_of_a_row_are_poured_one_by_one),
        cmocka_unit_test(a_payload_that_cannot_be_read_is_an_error_in_its_place),
        cmocka_unit_test(what_belongs_to_a_payload_comes_with_it),
        cmocka_unit_test(a_payload_waits_for_the_fence_before_it),
        cmocka_unit_test(a_fence_behind_a_payload_waits_for_both),
        cmocka_unit_test(every_payload_is_released_once),
        cmocka_unit_test(neighbours_in_one_slot_hold_it_together),
        cmocka_unit_test(a_dropped_reply_leaves_nothing_behind),
        cmocka_unit_test(a_reply_is_cut_within_a_row),
        cmocka_unit_test(bytes_are_taken_out_before_a_payload),
        cmocka_unit_test(a_payload_that_begins_with_a_dash_is_no_error),
        cmocka_unit_test(a_reply_is_shown_to_witnesses_as_it_will_leave),
        cmocka_unit_test(a_million_payloads_take_sixteen_bytes_each),
        cmocka_unit_test(an_idle_outbox_gives_its_memory_back),
        cmocka_unit_test(agrees_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
