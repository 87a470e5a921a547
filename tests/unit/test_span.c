// What log_span_read hands over, beside what folds make of it.
#include "proto/base/hash.h"
#include "tests/unit/fold_fixture.h"

enum { SEEN_MAX = 4000, PARTS = 4 };

struct seen {
    struct log_record record;
    uint64_t hash; // of its bytes when it was visited
};

struct looker {
    struct seen seen[SEEN_MAX]; // in place, of the present read
    size_t count;
    size_t placed; // ever
    size_t unplaced;
};

static uint64_t hash_of(const struct log_record *record) {
    return hash_bytes(record->payload, hash_bytes(record->meta, 0));
}

static enum err look(void *context, const struct log_record *record) {
    struct looker *looker = context;
    if (!record->is_placed) {
        looker->unplaced++;
        return ERR_NONE;
    }
    assert_in_range(looker->count, 0, SEEN_MAX - 1);
    looker->seen[looker->count++] = (struct seen){*record, hash_of(record)};
    looker->placed++;
    return ERR_NONE;
}

// A fold applies them a little later than they are handed over.
static void records_in_place_stay_until_the_read_ends(void **state) {
    struct fixture *f = *state;
    pass_segments(f->store, 1);
    char *bytes = test_malloc(SEGMENT_BYTES);
    memset(bytes, 'x', SEGMENT_BYTES);
    struct txn *txn = txn_begin(f->store, NOW_MS);
    for (int i = 0; i < PARTS; i++) {
        const struct slice value = slice_of(bytes, SEGMENT_BYTES / 2);
        txn_list_push(txn, 0, SLICE("wide"), LIST_TAIL, &value, 1);
    }
    txn_commit(txn);
    settle(f->store);
    pass_segments(f->store, 2);

    struct log_span *span = log_span_begin(store_log(f->store), 0);
    assert_non_null(span);
    struct looker *looker = test_calloc(1, sizeof *looker);
    const struct log_visitor visitor = {.context = looker, .visit = look};
    struct fault fault = {0};
    for (size_t i = 0; i < log_span_count(span); i++) {
        looker->count = 0;
        assert_ok(log_span_read(span, i, &visitor, &fault), &fault);
        for (size_t at = 0; at < looker->count; at++)
            assert_int_equal(hash_of(&looker->seen[at].record), looker->seen[at].hash);
    }
    assert_in_range(looker->placed, 1, SIZE_MAX);
    // Of the wide frame: all but what lies in the segment that it ends in.
    assert_in_range(looker->unplaced, 1, PARTS - 1);
    log_span_end(span);
    test_free(looker);
    test_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_in_place_stay_until_the_read_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
