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

static void an_unfilled_hole_holds_back_what_follows(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "*2\r\n");
    const uint32_t hole = outbox_hole(&outbox, 7);
    write_text(&outbox, "$1\r\nb\r\n");
    outbox_fence(&outbox, 0, 0);
    assert_text(outbox_sendable(&outbox), "*2\r\n");
    outbox_fill(&outbox, hole, SLICE("$1\r\na\r\n"));
    assert_text(outbox_sendable(&outbox), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    outbox_deinit(&outbox);
}

static void a_hole_may_be_filled_with_another_length(void **state) {
    (void)state;
    const struct slice fills[] = {SLICE("an error much longer than the value"), SLICE("v"),
                                  SLICE("")};
    const struct slice wholes[] = {SLICE("<an error much longer than the value>+<tail>"),
                                   SLICE("<v>+<tail>"), SLICE("<>+<tail>")};
    for (size_t i = 0; i < 3; i++) {
        struct outbox outbox = {0};
        write_text(&outbox, "<");
        const uint32_t hole = outbox_hole(&outbox, 5);
        write_text(&outbox, ">");
        outbox_fence(&outbox, 5, 0);
        write_text(&outbox, "+");
        outbox_fence(&outbox, 6, 0);
        const uint32_t second = outbox_hole(&outbox, 3);
        outbox_fence(&outbox, 7, 0);
        outbox_durable(&outbox, 6);
        outbox_fill(&outbox, hole, fills[i]);
        outbox_check(&outbox);
        assert_int_equal(outbox_sendable(&outbox).len, wholes[i].len - 6);
        outbox_fill(&outbox, second, SLICE("<tail>"));
        outbox_check(&outbox);
        assert_int_equal(outbox_sendable(&outbox).len, wholes[i].len - 6);
        outbox_durable(&outbox, 7);
        assert_slice(outbox_sendable(&outbox), wholes[i]);
        outbox_deinit(&outbox);
    }
}

static void holes_may_be_filled_in_any_order(void **state) {
    (void)state;
    struct outbox outbox = {0};
    const uint32_t a = outbox_hole(&outbox, 2);
    const uint32_t b = outbox_hole(&outbox, 2);
    const uint32_t c = outbox_hole(&outbox, 2);
    outbox_fence(&outbox, 0, 0);
    outbox_fill(&outbox, c, SLICE("ccc"));
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    outbox_fill(&outbox, a, SLICE("a"));
    assert_text(outbox_sendable(&outbox), "a");
    outbox_fill(&outbox, b, SLICE("bbbb"));
    assert_text(outbox_sendable(&outbox), "abbbbccc");
    outbox_deinit(&outbox);
}

static void a_filled_hole_still_waits_for_its_fence(void **state) {
    (void)state;
    struct outbox outbox = {0};
    const uint32_t hole = outbox_hole(&outbox, 4);
    outbox_fence(&outbox, 9, 0);
    outbox_fill(&outbox, hole, SLICE("late"));
    assert_int_equal(outbox_sendable(&outbox).len, 0);
    assert_true(outbox_durable(&outbox, 9));
    assert_text(outbox_sendable(&outbox), "late");
    outbox_deinit(&outbox);
}

static void a_dropped_reply_leaves_nothing_behind(void **state) {
    (void)state;
    struct outbox outbox = {0};
    write_text(&outbox, "kept");
    outbox_fence(&outbox, 10, 0);
    write_text(&outbox, "dropped");
    const uint32_t hole = outbox_hole(&outbox, 4);
    outbox_truncate(&outbox);
    outbox_fill(&outbox, hole, SLICE("much too late"));
    outbox_check(&outbox);
    assert_int_equal(outbox_pending(&outbox), 4);
    outbox_durable(&outbox, 10);
    assert_text(outbox_sendable(&outbox), "kept");
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
enum { MODEL_MAX = 600, PIECE_MAX = 2000 };

struct piece {
    char byte;
    size_t len;
    uint64_t lsn;
    uint32_t hole; // when is_hole
    bool is_hole;
};

struct model {
    struct piece pieces[MODEL_MAX];
    size_t count;
    uint64_t lsn; // of the last fence
    uint64_t durable;
    size_t sent;
};

static size_t model_sendable(const struct model *model) {
    size_t len = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].is_hole || model->pieces[i].lsn > model->durable) break;
        len += model->pieces[i].len;
    }
    return len;
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

static void fill_some_hole(struct outbox *outbox, struct model *model, struct rng *rng) {
    for (size_t i = 0; i < model->count; i++) {
        struct piece *piece = &model->pieces[i];
        if (!piece->is_hole || rng_below(rng, 3) == 0) continue;
        static char bytes[PIECE_MAX];
        piece->len = rng_below(rng, PIECE_MAX);
        memset(bytes, piece->byte, piece->len);
        outbox_fill(outbox, piece->hole, slice_of(bytes, piece->len));
        piece->is_hole = false;
        return;
    }
}

static void write_reply(struct outbox *outbox, struct model *model, struct rng *rng) {
    const size_t first = model->count;
    const size_t pieces = 1 + rng_below(rng, 3);
    for (size_t i = 0; i < pieces; i++) {
        struct piece *piece = &model->pieces[model->count++];
        *piece = (struct piece){.byte = (char)('a' + rng_below(rng, 26)),
                                .len = 1 + rng_below(rng, PIECE_MAX - 1),
                                .is_hole = rng_below(rng, 4) == 0};
        if (piece->is_hole) {
            piece->hole = outbox_hole(outbox, piece->len);
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
        fill_some_hole(outbox, model, rng);
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

static void agrees_with_a_naive_model(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 42);
    for (int round = 0; round < 60; round++) {
        struct outbox outbox = {0};
        struct model model = {0};
        while (model.count + 4 < MODEL_MAX) {
            do_something(&outbox, &model, &rng);
            outbox_check(&outbox);
            assert_int_equal(model.sent + outbox_sendable(&outbox).len, model_sendable(&model));
        }
        outbox_deinit(&outbox);
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
        cmocka_unit_test(an_unfilled_hole_holds_back_what_follows),
        cmocka_unit_test(a_hole_may_be_filled_with_another_length),
        cmocka_unit_test(holes_may_be_filled_in_any_order),
        cmocka_unit_test(a_filled_hole_still_waits_for_its_fence),
        cmocka_unit_test(a_dropped_reply_leaves_nothing_behind),
        cmocka_unit_test(an_idle_outbox_gives_its_memory_back),
        cmocka_unit_test(agrees_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
