#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/data/stream.h"
#include "storage/data/stream_chunk.h"
#include "tests/support/unit.h"

static void release_blob(void *context, struct blob *blob) {
    (void)context;
    blob_release(blob);
}

static struct stream_id id_of(uint64_t ms, uint64_t seq) {
    return (struct stream_id){ms, seq};
}

static struct blob payload_of(uint64_t number) {
    if (number % 3 == 0) return blob_of_bytes(slice_of(&number, sizeof number));
    if (number % 3 == 1) return blob_of_bytes(SLICE("a payload that is held on the heap"));
    return blob_of_ref((uint32_t)(number % 1000), 8, 100, (uint32_t)number);
}

// As txn_stream_add does it, with one field.
static void add(struct stream *stream, struct stream_id id, struct slice value) {
    const struct slice strings[] = {SLICE("field"), value};
    const struct stream_node node = stream_next_node(stream, id, strings, 2);
    const struct blob payload = payload_of(id.ms + id.seq);
    stream_add(stream, id, &payload, &node);
}

static struct stream *stream_of(uint64_t from, uint64_t count) {
    struct stream *stream = stream_new();
    for (uint64_t i = 0; i < count; i++) {
        add(stream, id_of(from + i, 0), SLICE("v"));
    }
    return stream;
}

static void drop(struct stream *stream, struct stream_id id) {
    struct blob gone;
    assert_true(stream_delete(stream, id, &gone));
    blob_release(&gone);
}

static void shift(struct stream *stream, size_t count) {
    struct blob gone;
    for (size_t i = 0; i < count; i++) {
        stream_shift(stream, &gone);
        blob_release(&gone);
    }
}

// ---- payloads

static void an_entry_is_read_as_it_was_written(void **state) {
    (void)state;
    char bytes[300];
    memset(bytes, 'x', sizeof bytes);
    const struct slice strings[] = {SLICE("f"), SLICE_EMPTY, slice_of(bytes, 300), SLICE("\0\1")};
    struct buf payload = {0};
    stream_payload_append(&payload, strings, 4);
    assert_int_equal(payload.len, stream_payload_size(strings, 4));
    struct stream_fields fields;
    assert_true(stream_fields_begin(&fields, buf_slice(&payload)));
    assert_int_equal(fields.count, 4);
    struct slice string;
    for (size_t i = 0; i < 4; i++) {
        assert_true(stream_fields_next(&fields, &string));
        assert_slice(string, strings[i]);
    }
    assert_false(stream_fields_next(&fields, &string));
    // Cut anywhere it is no payload.
    for (size_t len = 0; len < payload.len; len++) {
        assert_false(stream_fields_begin(&fields, slice_of(payload.data, len)));
    }
    buf_append_byte(&payload, 'x');
    assert_false(stream_fields_begin(&fields, buf_slice(&payload)));
    buf_deinit(&payload);
}

// ---- entries against a naive model: the ids, in an array

enum { MODEL_MAX = 30000 };

struct model {
    struct stream *stream;
    struct stream_id ids[MODEL_MAX];
    size_t len;
    size_t far; // one entry of so many, twice, is far behind the last: in another chunk
    struct rng rng;
};

static size_t below(struct model *model, size_t bound) {
    return (size_t)rng_below(&model->rng, bound);
}

static void model_add(struct model *model) {
    struct stream_id id = stream_last_id(model->stream);
    switch (below(model, model->far)) {
    case 0: // far away: another chunk
        id = id_of(id.ms + (UINT64_C(1) << 33), 1);
        break;
    case 1:
        id.seq += UINT64_C(1) << 32;
        break;
    case 2:
    case 3:
        id = id_of(id.ms + 1 + below(model, 500), below(model, 3));
        break;
    default:
        id.seq++;
    }
    add(model->stream, id, SLICE("v"));
    model->ids[model->len++] = id;
}

static void model_remove(struct model *model, size_t at) {
    drop(model->stream, model->ids[at]);
    assert_false(stream_find(model->stream, model->ids[at], NULL));
    model->len--;
    memmove(&model->ids[at], &model->ids[at + 1], (model->len - at) * sizeof *model->ids);
}

static void model_shift(struct model *model, size_t count) {
    shift(model->stream, count);
    model->len -= count;
    memmove(model->ids, model->ids + count, model->len * sizeof *model->ids);
}

// Some of the next `count` go as whole chunks, the others one by one; or none at once.
static void model_cut(struct model *model, size_t count) {
    struct stream *cut = stream_cut(model->stream, count);
    const size_t gone = cut == NULL ? 0 : stream_len(cut);
    assert_true(gone <= count && count - gone < STREAM_CHUNK_CAP);
    if (cut != NULL) {
        while (stream_drain(cut, 1 + below(model, 300), release_blob, NULL) == 0) {
        }
        stream_free(cut, release_blob, NULL);
    }
    model->len -= gone;
    memmove(model->ids, model->ids + gone, model->len * sizeof *model->ids);
    model_shift(model, count - gone);
}

static void assert_like_model(struct model *model) {
    stream_check(model->stream);
    assert_int_equal(stream_len(model->stream), model->len);
    struct stream_cursor forward = stream_seek(model->stream, STREAM_ID_MIN);
    struct stream_cursor backward = stream_seek_behind(model->stream, STREAM_ID_MAX);
    struct stream_entry entry;
    for (size_t i = 0; i < model->len; i++) {
        assert_true(stream_next(&forward, &entry));
        assert_true(stream_id_equal(entry.id, model->ids[i]));
        struct blob wanted = payload_of(entry.id.ms + entry.id.seq);
        assert_int_equal(entry.payload.hash, wanted.hash);
        assert_int_equal(blob_kind(&entry.payload), blob_kind(&wanted));
        blob_release(&wanted);
        assert_true(stream_prev(&backward, &entry));
        assert_true(stream_id_equal(entry.id, model->ids[model->len - 1 - i]));
    }
    assert_false(stream_next(&forward, &entry));
    assert_false(stream_prev(&backward, &entry));
    for (int i = 0; i < 20 && model->len > 0; i++) {
        const size_t at = below(model, model->len);
        struct stream_id id = model->ids[at];
        struct stream_cursor cursor = stream_seek(model->stream, id);
        assert_true(stream_next(&cursor, &entry) && stream_id_equal(entry.id, id));
        cursor = stream_seek_behind(model->stream, id);
        assert_true(stream_prev(&cursor, &entry) && stream_id_equal(entry.id, id));
        id.seq++; // behind it, before the next
        cursor = stream_seek(model->stream, id);
        assert_true(stream_next(&cursor, &entry) == (at + 1 < model->len));
        if (at + 1 < model->len) assert_true(stream_id_equal(entry.id, model->ids[at + 1]));
    }
}

static void random_changes_match_a_naive_model(void **state) {
    (void)state;
    struct model *model = mem_alloc(sizeof *model);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        // Chunks of neighbouring ids are packed, those of distant ones cannot be.
        *model = (struct model){.stream = stream_new(), .far = seed <= 3 ? 12 : 4000};
        rng_init(&model->rng, seed);
        for (int round = 0; round < 20; round++) {
            const size_t adds_of_ten = 2 + below(model, 8);
            for (int i = 0; i < 1000; i++) {
                if (model->len == 0 || below(model, 10) < adds_of_ten) {
                    model_add(model);
                } else if (seed % 3 == 0) {
                    model_shift(model, 1 + below(model, num_min(model->len, 5)));
                } else if (seed % 3 == 1 || below(model, 2) == 0) {
                    model_remove(model, below(model, model->len));
                } else {
                    model_remove(model, model->len - 1);
                }
                if (i % 250 == 0) stream_check(model->stream);
                if (i == 500 && round % 3 == 0) model_cut(model, below(model, model->len + 1));
            }
            assert_like_model(model);
        }
        model_shift(model, model->len);
        assert_like_model(model);
        assert_int_equal(stream_node_count(model->stream), 0);
        stream_free(model->stream, release_blob, NULL);
    }
    mem_free(model);
}

static void an_entry_with_a_long_payload_costs_at_most_24_bytes(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    struct stream *stream = stream_new();
    const struct stream_node node = {.is_begun = true};
    for (uint64_t i = 1; i <= COUNT; i++) {
        const struct blob payload = blob_of_ref(1, 8, 1024, 1);
        stream_add(stream, id_of(UINT64_C(1700000000000) + i / 10, i % 10), &payload, &node);
    }
    assert_true(stream_memory(stream) <= COUNT * 24);
    print_message("%.2f bytes for an entry\n", (double)stream_memory(stream) / COUNT);
    shift(stream, COUNT - 10);
    assert_true(stream_memory(stream) < 2000);
    stream_free(stream, release_blob, NULL);
}

static void assert_cost(const struct stream *stream, size_t left, const char *when) {
    stream_check(stream);
    assert_int_equal(stream_len(stream), left);
    const double bytes = (double)stream_memory(stream) / (double)left;
    print_message("%.2f bytes for an entry, %s\n", bytes, when);
    assert_true(bytes <= 24);
}

enum { THINNED = 200000, KEPT = THINNED / 10 };

static uint64_t in_turn(uint64_t i) {
    return i;
}

static uint64_t backwards(uint64_t i) {
    return THINNED - 1 - i;
}

static uint64_t shuffled(uint64_t i) {
    return i * 48271 % THINNED; // no common factor: each number once
}

static uint64_t by_stride(uint64_t i) {
    return i % KEPT * 10 + i / KEPT;
}

static bool every_tenth(uint64_t number) {
    return number * 7919 % 10 == 3;
}

static bool rows(uint64_t number) {
    return number / 200 % 10 == 3;
}

static bool last_tenth(uint64_t number) {
    return number >= THINNED - KEPT;
}

// Deletes all but what is kept, in that order.
static void thinned_in_order_costs(uint64_t (*nth)(uint64_t i), bool (*keeps)(uint64_t number),
                                   const char *when) {
    struct stream *stream = stream_new();
    const struct stream_node node = {.is_begun = true};
    for (uint64_t i = 0; i < THINNED; i++) {
        const struct blob payload = blob_of_ref(1, 8, 1024, 1);
        stream_add(stream, id_of(UINT64_C(1700000000000) + i / 10, i % 10), &payload, &node);
    }
    size_t left = THINNED;
    for (uint64_t i = 0; i < THINNED; i++) {
        const uint64_t number = nth(i);
        if (keeps(number)) continue;
        drop(stream, id_of(UINT64_C(1700000000000) + number / 10, number % 10));
        left--;
        if (left % (THINNED / 4) == 0) assert_cost(stream, left, when);
    }
    assert_cost(stream, KEPT, when);
    stream_free(stream, release_blob, NULL);
}

static void an_entry_costs_at_most_24_bytes_whatever_is_deleted(void **state) {
    (void)state;
    thinned_in_order_costs(shuffled, every_tenth, "deleted at random");
    thinned_in_order_costs(shuffled, last_tenth, "deleted at random, the last kept");
    thinned_in_order_costs(in_turn, every_tenth, "every tenth kept");
    thinned_in_order_costs(backwards, every_tenth, "every tenth kept, from the end");
    thinned_in_order_costs(by_stride, every_tenth, "deleted by stride");
    thinned_in_order_costs(in_turn, rows, "rows kept");
}

// ---- trimming

static size_t approximate(const struct stream *stream, uint64_t max_len, uint64_t limit) {
    const struct stream_trim trim = {.is_approximate = true, .max_len = max_len, .limit = limit};
    return stream_trim_count(stream, &trim);
}

static void approximate_trimming_drops_nodes_of_a_hundred(void **state) {
    (void)state;
    struct stream *stream = stream_of(1, 1050);
    assert_int_equal(stream_node_count(stream), 11);
    assert_int_equal(approximate(stream, 1000, STREAM_TRIM_LIMIT), 0);
    assert_int_equal(approximate(stream, 949, STREAM_TRIM_LIMIT), 100);
    assert_int_equal(approximate(stream, 500, STREAM_TRIM_LIMIT), 500);
    assert_int_equal(approximate(stream, 500, 250), 200);
    assert_int_equal(approximate(stream, 0, 0), 1050);
    struct stream_trim trim = {.by_id = true, .is_approximate = true, .min_id = id_of(250, 0)};
    assert_int_equal(stream_trim_count(stream, &trim), 200);
    trim.is_approximate = false;
    assert_int_equal(stream_trim_count(stream, &trim), 249);
    trim = (struct stream_trim){.max_len = 1049};
    assert_int_equal(stream_trim_count(stream, &trim), 1);

    // A node whose first entry is deleted is the same node; a deleted entry fills it nonetheless.
    drop(stream, id_of(1, 0));
    assert_int_equal(stream_node_count(stream), 11);
    assert_int_equal(approximate(stream, 949, STREAM_TRIM_LIMIT), 99);
    drop(stream, id_of(1050, 0));
    for (uint64_t i = 0; i < 51; i++) {
        add(stream, id_of(2000 + i, 0), SLICE("v"));
    }
    assert_int_equal(stream_node_count(stream), 12);
    stream_check(stream);
    stream_free(stream, release_blob, NULL);
}

static void a_node_is_full_at_four_kilobytes(void **state) {
    (void)state;
    char bytes[1000];
    memset(bytes, 'x', sizeof bytes);
    struct stream *stream = stream_new();
    for (uint64_t i = 1; i <= 8; i++) {
        add(stream, id_of(i, 0), slice_of(bytes, sizeof bytes));
    }
    assert_int_equal(stream_node_count(stream), 2); // four and four, as redis 7.0.15 has it
    stream_free(stream, release_blob, NULL);
}

// What redis 7.0.15 answered to XTRIM t MAXLEN ~ 1 after these sixty entries.
static void nodes_are_as_full_as_those_of_redis(void **state) {
    (void)state;
    const struct {
        size_t len;
        size_t trimmed;
    } cases[] = {{10, 0}, {40, 0}, {63, 50}, {64, 48}, {200, 56}};
    char bytes[200];
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stream *stream = stream_new();
        for (uint64_t n = 1; n <= 60; n++) {
            char number[8];
            snprintf(number, sizeof number, "%u", (unsigned)n);
            const struct stream_id id = id_of(UINT64_C(17000000000) * (n < 10 ? 10 : 100) + n, 0);
            const struct slice strings[] = {SLICE("field"), slice_of(bytes, cases[i].len),
                                            SLICE("n"), slice_str(number)};
            const struct stream_node node = stream_next_node(stream, id, strings, 4);
            const struct blob payload = blob_of_ref(1, 8, 100, 1);
            stream_add(stream, id, &payload, &node);
        }
        assert_int_equal(approximate(stream, 1, STREAM_TRIM_LIMIT), cases[i].trimmed);
        stream_free(stream, release_blob, NULL);
    }
}

static void a_node_that_is_gone_is_not_gone_on_with(void **state) {
    (void)state;
    struct stream *stream = stream_of(1, 150);
    for (uint64_t i = 101; i <= 150; i++) {
        drop(stream, id_of(i, 0));
    }
    assert_int_equal(stream_node_count(stream), 1);
    add(stream, id_of(200, 0), SLICE("v"));
    assert_int_equal(stream_node_count(stream), 2);
    stream_check(stream);
    stream_free(stream, release_blob, NULL);
}

// ---- counting what was read

static void entries_are_counted_as_long_as_none_is_missing(void **state) {
    (void)state;
    struct stream *stream = stream_new();
    assert_int_equal(stream_entries_until(stream, id_of(5, 0)), 0);
    for (uint64_t i = 1; i <= 10; i++) {
        add(stream, id_of(i, 0), SLICE("v"));
    }
    assert_int_equal(stream_entries_until(stream, STREAM_ID_MIN), 0);
    assert_int_equal(stream_entries_until(stream, id_of(1, 0)), 1);
    assert_int_equal(stream_entries_until(stream, id_of(5, 0)), GROUP_ENTRIES_UNKNOWN);
    assert_int_equal(stream_entries_until(stream, id_of(10, 0)), 10);
    assert_int_equal(stream_entries_until(stream, id_of(11, 0)), GROUP_ENTRIES_UNKNOWN);

    struct group *group = stream_add_group(stream, SLICE("g"));
    assert_int_equal(stream_lag(stream, group), 10);
    struct stream_id last = STREAM_ID_MIN;
    int64_t read = GROUP_ENTRIES_UNKNOWN;
    for (uint64_t i = 1; i <= 4; i++) {
        stream_read_on(stream, &last, &read, id_of(i, 0));
        assert_int_equal(read, i);
    }
    group_set_id(group, last, read);
    assert_int_equal(stream_lag(stream, group), 6);
    drop(stream, id_of(7, 0)); // ahead of the group: count is lost until the end is reached
    stream_set_max_deleted(stream, id_of(7, 0));
    assert_int_equal(stream_lag(stream, group), GROUP_ENTRIES_UNKNOWN);
    for (uint64_t i = 5; i <= 10; i++) {
        if (i != 7) stream_read_on(stream, &last, &read, id_of(i, 0));
    }
    assert_int_equal(read, 10);
    group_set_id(group, last, read);
    assert_int_equal(stream_lag(stream, group), 0);
    shift(stream, stream_len(stream));
    assert_int_equal(stream_entries_until(stream, id_of(3, 0)), 10);
    stream_free(stream, release_blob, NULL);
}

// Streams with holes, groups that were set anywhere and whose count is lost or a lie.
static void a_run_is_counted_as_its_entries_one_by_one(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        enum { ENTRIES = 12 };
        struct stream *stream = stream_of(1, ENTRIES);
        for (uint64_t left = rng_below(&rng, 4); left > 0; left--) {
            const struct stream_id id = id_of(1 + rng_below(&rng, ENTRIES), 0);
            if (!stream_find(stream, id, NULL)) continue;
            drop(stream, id);
            if (stream_id_compare(stream_max_deleted_id(stream), id) < 0)
                stream_set_max_deleted(stream, id);
        }
        struct stream_ids ids = stream_ids(stream);
        ids.entries_added += rng_below(&rng, 3);
        ids.last.ms += rng_below(&rng, 2);
        stream_set_ids(stream, &ids);
        struct stream_id last = id_of(rng_below(&rng, ENTRIES), rng_below(&rng, 2));
        int64_t read = (int64_t)rng_below(&rng, ENTRIES + 5) - 1;
        struct stream_id at = last;
        int64_t expected = read;
        struct stream_cursor cursor = stream_seek_behind(stream, last);
        struct stream_run run = {0};
        struct stream_entry entry;
        for (uint64_t left = 1 + rng_below(&rng, ENTRIES); left > 0; left--) {
            if (!stream_next(&cursor, &entry)) break;
            if (run.count++ == 0) run.first = entry.id;
            run.last = entry.id;
            stream_read_on(stream, &at, &expected, entry.id);
        }
        if (run.count > 0) stream_read_run(stream, &last, &read, &run);
        assert_true(stream_id_equal(last, at));
        assert_int_equal(read, expected);
        stream_free(stream, release_blob, NULL);
    }
}

static void an_entry_is_referenced_until_every_group_is_done_with_it(void **state) {
    (void)state;
    struct stream *stream = stream_of(1, 3);
    assert_false(stream_is_referenced(stream, id_of(2, 0)));
    struct group *group = stream_add_group(stream, SLICE("g"));
    assert_true(stream_is_referenced(stream, id_of(2, 0)));
    group_set_id(group, id_of(2, 0), 2);
    assert_false(stream_is_referenced(stream, id_of(2, 0)));
    assert_true(stream_is_referenced(stream, id_of(3, 0)));
    const struct pending pending = {.id = id_of(2, 0)};
    group_put(group, NULL, &pending);
    assert_true(stream_is_referenced(stream, id_of(2, 0)));
    stream_take_group(stream, group);
    group_free(group);
    assert_false(stream_is_referenced(stream, id_of(2, 0)));
    stream_free(stream, release_blob, NULL);
}

// ---- idempotent producers

static void idempotent_ids_are_found_until_they_are_too_old_or_too_many(void **state) {
    (void)state;
    struct idmp *idmp = idmp_new();
    struct stream_id found;
    idmp_configure(idmp, 10, 3, 0);
    idmp_add(idmp, SLICE("p"), SLICE("a"), id_of(100000, 0));
    idmp_add(idmp, SLICE("p"), SLICE("b"), id_of(105000, 0));
    idmp_add(idmp, SLICE("q"), SLICE("a"), id_of(106000, 0));
    assert_true(idmp_find(idmp, SLICE("p"), SLICE("a"), 110000, &found));
    assert_true(stream_id_equal(found, id_of(100000, 0)));
    assert_false(idmp_find(idmp, SLICE("p"), SLICE("a"), 110001, &found));
    assert_false(idmp_find(idmp, SLICE("r"), SLICE("a"), 110000, &found));
    assert_int_equal(idmp_surplus(idmp, SLICE("p"), SLICE("c"), 110000), 0);
    assert_int_equal(idmp_surplus(idmp, SLICE("p"), SLICE("c"), 110001), 1);
    assert_int_equal(idmp_surplus(idmp, SLICE("p"), SLICE("b"), 110000), 2);
    idmp_add(idmp, SLICE("p"), SLICE("c"), id_of(107000, 0));
    assert_int_equal(idmp_surplus(idmp, SLICE("p"), SLICE("d"), 110000), 1);
    idmp_check(idmp);
    idmp_drop(idmp, SLICE("p"), 1);
    assert_false(idmp_has(idmp, SLICE("p"), SLICE("a")));
    struct slice idlest;
    uint32_t stale;
    assert_true(idmp_idlest(idmp, 200000, &idlest, &stale));
    assert_text(idlest, "q");
    assert_int_equal(stale, 1);
    idmp_drop(idmp, SLICE("q"), 1);
    assert_int_equal(idmp_producers(idmp), 1);
    assert_int_equal(idmp_ids(idmp), 2);
    assert_int_equal(idmp_ids_added(idmp), 4);
    idmp_check(idmp);
    idmp_free(idmp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_read_as_it_was_written),
        cmocka_unit_test(random_changes_match_a_naive_model),
        cmocka_unit_test(an_entry_with_a_long_payload_costs_at_most_24_bytes),
        cmocka_unit_test(an_entry_costs_at_most_24_bytes_whatever_is_deleted),
        cmocka_unit_test(approximate_trimming_drops_nodes_of_a_hundred),
        cmocka_unit_test(a_node_is_full_at_four_kilobytes),
        cmocka_unit_test(nodes_are_as_full_as_those_of_redis),
        cmocka_unit_test(a_node_that_is_gone_is_not_gone_on_with),
        cmocka_unit_test(entries_are_counted_as_long_as_none_is_missing),
        cmocka_unit_test(a_run_is_counted_as_its_entries_one_by_one),
        cmocka_unit_test(an_entry_is_referenced_until_every_group_is_done_with_it),
        cmocka_unit_test(idempotent_ids_are_found_until_they_are_too_old_or_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
