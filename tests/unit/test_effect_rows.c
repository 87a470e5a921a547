// Rows of values: a checkpoint's references, taken many at once where they lie close together, are
// those that one by one come out.
#include "proto/base/rng.h"
#include "tests/unit/effect_world.h"

enum { ROW = 700, SLOTS = 6, CUT_ROW = 40, SLOT_OUT_OF_THE_WORLD = 1001 };

struct row {
    struct world world;
    struct keyspace *located; // each reference of it was located
    struct keyspace *spanned; // those near the one before it were not
    struct rng rng;
    struct blob blobs[ROW];
    struct effect_value values[ROW];
};

static void row_init(struct row *row, uint64_t seed) {
    world_init(&row->world, seed);
    row->located = keyspace_new(16, &row->world.space, seed);
    row->world.space.span_bytes = WORLD_SLOT_BYTES;
    row->spanned = keyspace_new(16, &row->world.space, seed);
    rng_init(&row->rng, seed);
}

static void row_deinit(struct row *row) {
    keyspace_free(row->located);
    keyspace_free(row->spanned);
    world_deinit(&row->world);
}

static size_t below(struct row *row, size_t bound) {
    return (size_t)rng_below(&row->rng, bound);
}

// References as lists have them: one behind the other, one before the other, anywhere; lengths of
// one to four bytes on disk.
static void draw(struct row *row, unsigned how) {
    static const size_t len_max[] = {100, 10000, 1 << 20, BLOB_LEN_MAX};
    uint32_t slot = (uint32_t)below(row, SLOTS);
    uint32_t offset = (uint32_t)below(row, WORLD_SLOT_BYTES / 8) * 8;
    for (size_t i = 0; i < ROW; i++) {
        const size_t len = 65 + below(row, len_max[below(row, 4)] - 65);
        const uint32_t step = (uint32_t)(num_align_up(num_min(len, 4000), 8) + 8 * below(row, 3));
        if (how == 0) offset += step;
        if (how == 1) offset -= step;
        if (how == 2 || below(row, 50) == 0)
            offset = (uint32_t)below(row, WORLD_SLOT_BYTES / 8) * 8;
        if (how == 2 || below(row, 50) == 0) slot = (uint32_t)below(row, SLOTS);
        if (offset >= WORLD_SLOT_BYTES) {
            slot = (slot + (how == 1 ? SLOTS - 1 : 1)) % SLOTS;
            offset %= WORLD_SLOT_BYTES;
        }
        row->blobs[i] = blob_of_ref(slot, offset, len, (uint32_t)rng_next(&row->rng));
        row->values[i] = (struct effect_value){.blob = &row->blobs[i]};
        if (below(row, 60) == 0) row->values[i] = (struct effect_value){.bytes = SLICE("short")};
    }
}

static void encode(struct row *row, enum list_end end, uint32_t count) {
    const struct effect effect = {.type = EFFECT_LIST_PUSH,
                                  .key = SLICE("list"),
                                  .end = end,
                                  .count = count,
                                  .values = row->values,
                                  .writes_near = true};
    world_encode(&row->world, &effect);
    row->world.record.is_checkpoint = true;
}

static enum err apply(struct row *row, struct keyspace *keyspace) {
    struct world *world = &row->world;
    return effect_apply(keyspace, &world->record, &world->outcome, &world->fault);
}

static void assert_elements(const struct row *row, const struct keyspace *keyspace,
                            enum list_end end) {
    const struct entry *entry = keyspace_find_raw(keyspace, 0, SLICE("list"));
    const struct list *list = entry->value.list;
    assert_int_equal(list_len(list), ROW);
    for (size_t i = 0; i < ROW; i++) {
        const struct blob got = list_get(list, end == LIST_TAIL ? i : ROW - 1 - i);
        const struct blob *wanted = row->values[i].blob;
        assert_int_equal(blob_kind(&got), wanted != NULL ? BLOB_REF : BLOB_INLINE);
        if (wanted == NULL) continue;
        assert_int_equal(blob_slot(&got), blob_slot(wanted));
        assert_int_equal(blob_offset(&got), blob_offset(wanted));
        assert_int_equal(blob_len(&got), blob_len(wanted));
        assert_int_equal(got.hash, wanted->hash);
    }
    keyspace_check(keyspace);
}

static void references_come_back_whatever_lies_between_them(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct row row;
        row_init(&row, seed);
        draw(&row, seed % 3);
        const enum list_end end = seed % 2 == 0 ? LIST_TAIL : LIST_HEAD;
        encode(&row, end, ROW);
        assert_ok(apply(&row, row.located), &row.world.fault);
        assert_ok(apply(&row, row.spanned), &row.world.fault);
        assert_elements(&row, row.located, end);
        assert_elements(&row, row.spanned, end);
        assert_true(keyspace_digest(row.located) == keyspace_digest(row.spanned));
        row_deinit(&row);
    }
}

static void a_row_that_is_cut_anywhere_is_refused(void **state) {
    (void)state;
    struct row row;
    row_init(&row, 7);
    draw(&row, 0);
    encode(&row, LIST_TAIL, CUT_ROW);
    const struct slice whole = row.world.record.meta;
    for (size_t len = 0; len < whole.len; len++) {
        row.world.record.meta = slice_of(whole.data, len);
        struct keyspace *keyspace = keyspace_new(16, &row.world.space, 7);
        assert_err(ERR_CORRUPT, apply(&row, keyspace), &row.world.fault);
        keyspace_check(keyspace);
        keyspace_free(keyspace);
    }
    row_deinit(&row);
}

static void a_row_that_leads_out_of_the_log_is_refused_where_it_does(void **state) {
    (void)state;
    struct row row;
    row_init(&row, 8);
    draw(&row, 0);
    row.blobs[CUT_ROW - 1] = blob_of_ref(SLOT_OUT_OF_THE_WORLD, 8, 100, 1);
    row.values[CUT_ROW - 1] = (struct effect_value){.blob = &row.blobs[CUT_ROW - 1]};
    encode(&row, LIST_TAIL, CUT_ROW);
    assert_err(ERR_CORRUPT, apply(&row, row.spanned), &row.world.fault);
    assert_non_null(strstr(row.world.fault.text, "out of the log"));
    keyspace_check(row.spanned);
    row_deinit(&row);
}

static void rows_of_a_checkpoint_have_no_place_in_the_log(void **state) {
    (void)state;
    struct row row;
    row_init(&row, 9);
    draw(&row, 0);
    encode(&row, LIST_TAIL, ROW);
    row.world.record.is_checkpoint = false;
    assert_err(ERR_CORRUPT, apply(&row, row.spanned), &row.world.fault);
    row_deinit(&row);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_come_back_whatever_lies_between_them),
        cmocka_unit_test(a_row_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_row_that_leads_out_of_the_log_is_refused_where_it_does),
        cmocka_unit_test(rows_of_a_checkpoint_have_no_place_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
