// Streams in a store: a restart finds what a naive model says, entry by entry and pending entry by
// pending entry.
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/data/group.h"
#include "tests/unit/store_fixture.h"

enum { ENTRIES_MAX = 3000, GROUPS = 2, CONSUMERS = 3, PAYLOAD_MAX = 300, BATCH_MAX = 12 };

struct model_pending {
    bool is_pending;
    int owner; // -1: nacked
    int64_t at_ms;
    int64_t deliveries;
};

// Entry n has the id 1000 + n, so that everything is found by its number.
struct model {
    struct fixture *f;
    struct rng rng;
    const char *key;
    bool is_there[ENTRIES_MAX];
    size_t lens[ENTRIES_MAX];
    size_t added;
    size_t last[GROUPS]; // entries up to here were delivered
    struct model_pending pending[GROUPS][ENTRIES_MAX];
    int64_t now_ms;
};

static const char *const names[] = {"a", "b", "c"};

static size_t below(struct model *model, size_t bound) {
    return (size_t)rng_below(&model->rng, bound);
}

static struct stream_id id_of(size_t entry) {
    return (struct stream_id){1000 + entry, 0};
}

static struct txn_group at(const struct model *model, int group) {
    return (struct txn_group){
        .db = 0, .key = slice_str(model->key), .group = slice_str(group == 0 ? "g0" : "g1")};
}

static const struct stream *stream(const struct model *model) {
    const struct entry *entry = find(model->f, model->key);
    assert_non_null(entry);
    assert_int_equal(entry->type, TYPE_STREAM);
    return entry->value.stream;
}

static void fill(char *bytes, size_t entry, size_t len) {
    memset(bytes, (int)('a' + entry % 26), len);
}

// ---- one change, in store and model

static void add_entry(struct model *model, struct txn *txn) {
    const size_t n = model->added++;
    char bytes[PAYLOAD_MAX];
    model->lens[n] = below(model, PAYLOAD_MAX);
    fill(bytes, n, model->lens[n]);
    const struct slice strings[] = {SLICE("f"), slice_of(bytes, model->lens[n])};
    const struct txn_entry entry = {.id = id_of(n), .strings = strings, .count = 2};
    txn_stream_add(txn, 0, slice_str(model->key), &entry);
    model->is_there[n] = true;
}

static void trim(struct model *model, struct txn *txn) {
    size_t count = num_min(below(model, 30), stream_len(stream(model)));
    txn_stream_trim(txn, 0, slice_str(model->key), count);
    for (size_t n = 0; count > 0; n++) {
        count -= model->is_there[n];
        model->is_there[n] = false;
    }
}

// Entries at random, some twice, some not there.
static size_t draw(struct model *model, struct stream_id *ids, size_t *entries) {
    const size_t count = 1 + below(model, BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        entries[i] = below(model, model->added);
        ids[i] = id_of(entries[i]);
    }
    return count;
}

static void delete_entries(struct model *model, struct txn *txn) {
    struct stream_id ids[BATCH_MAX];
    size_t entries[BATCH_MAX];
    const size_t count = draw(model, ids, entries);
    size_t there = 0;
    for (size_t i = 0; i < count; i++) {
        there += model->is_there[entries[i]];
        model->is_there[entries[i]] = false;
    }
    const size_t gone = txn_stream_delete(txn, 0, slice_str(model->key), ids, count, false);
    assert_int_equal(gone, there);
}

static void deliver(struct model *model, struct txn *txn, int group) {
    const int owner = (int)below(model, CONSUMERS);
    struct txn_delivery delivery = {.consumer = slice_str(names[owner]),
                                    .no_ack = below(model, 8) == 0};
    const size_t most = 1 + below(model, BATCH_MAX);
    size_t n = model->last[group];
    for (; n < model->added && delivery.count < most; n++) {
        if (!model->is_there[n]) continue;
        if (delivery.count++ == 0) delivery.first = id_of(n);
        model->last[group] = n + 1;
        if (delivery.no_ack) continue;
        model->pending[group][n] = (struct model_pending){true, owner, model->now_ms, 1};
    }
    const struct txn_group to = at(model, group);
    txn_group_deliver(txn, &to, &delivery);
}

static void acknowledge(struct model *model, struct txn *txn, int group) {
    struct stream_id ids[BATCH_MAX];
    size_t entries[BATCH_MAX];
    const size_t count = draw(model, ids, entries);
    size_t there = 0;
    for (size_t i = 0; i < count; i++) {
        struct model_pending *pending = &model->pending[group][entries[i]];
        there += pending->is_pending;
        pending->is_pending = false;
    }
    const struct txn_group of = at(model, group);
    assert_int_equal(txn_group_ack(txn, &of, ids, count), there);
}

// Claims, or gives back, entries that are next to each other, pending or not.
static void claim(struct model *model, struct txn *txn, int group, bool gives_back) {
    struct effect_pending pending[BATCH_MAX];
    const int owner = gives_back ? -1 : (int)below(model, CONSUMERS);
    const size_t from = below(model, model->added);
    const size_t count = num_min(1 + below(model, BATCH_MAX), model->added - from);
    for (size_t i = 0; i < count; i++) {
        const int64_t at_ms = model->now_ms - (int64_t)below(model, 500);
        const int64_t deliveries = below(model, 9) == 0 ? INT64_MAX : (int64_t)below(model, 7);
        pending[i] = (struct effect_pending){id_of(from + i), at_ms, deliveries};
        model->pending[group][from + i] =
            (struct model_pending){true, owner, gives_back ? 0 : at_ms, deliveries};
    }
    const struct txn_group of = at(model, group);
    if (gives_back) {
        txn_group_nack(txn, &of, pending, count);
    } else {
        txn_group_claim(txn, &of, slice_str(names[owner]), pending, count);
    }
}

static void remove_consumer(struct model *model, struct txn *txn, int group) {
    const int owner = (int)below(model, CONSUMERS);
    const struct txn_group of = at(model, group);
    if (group_consumer(stream_group(stream(model), of.group), slice_str(names[owner])) == NULL) {
        assert_true(txn_consumer_create(txn, &of, slice_str(names[owner])));
        return;
    }
    assert_false(txn_consumer_create(txn, &of, slice_str(names[owner])));
    txn_consumer_delete(txn, &of, slice_str(names[owner]));
    for (size_t n = 0; n < model->added; n++) {
        struct model_pending *pending = &model->pending[group][n];
        if (pending->is_pending && pending->owner == owner) pending->is_pending = false;
    }
}

static void make_groups(struct model *model, struct txn *txn) {
    txn_stream_create(txn, 0, slice_str(model->key));
    for (int group = 0; group < GROUPS; group++) {
        const struct txn_group of = at(model, group);
        txn_group_create(txn, &of, STREAM_ID_MIN, GROUP_ENTRIES_UNKNOWN);
    }
}

static void change(struct model *model) {
    settle(model->f->store);
    model->now_ms += (int64_t)below(model, 50);
    struct txn *txn = txn_begin(model->f->store, model->now_ms);
    const int group = (int)below(model, GROUPS);
    const size_t dice = below(model, 100);
    if (model->added == 0 || (dice < 45 && model->added < ENTRIES_MAX)) {
        add_entry(model, txn);
    } else if (dice < 60) {
        deliver(model, txn, group);
    } else if (dice < 75) {
        acknowledge(model, txn, group);
    } else if (dice < 82) {
        claim(model, txn, group, false);
    } else if (dice < 86) {
        claim(model, txn, group, true);
    } else if (dice < 92) {
        delete_entries(model, txn);
    } else if (dice < 95) {
        trim(model, txn);
    } else if (dice < 97) {
        remove_consumer(model, txn, group);
    } else {
        const char *to = model->key[0] == 's' ? "t" : "s";
        txn_key_move(txn, 0, slice_str(model->key), 0, slice_str(to));
        model->key = to;
    }
    txn_commit(txn);
}

// ---- comparing

static void assert_entries(struct model *model) {
    struct stream_cursor cursor = stream_seek(stream(model), STREAM_ID_MIN);
    struct stream_entry entry;
    struct buf scratch = {0};
    for (size_t n = 0; n < model->added; n++) {
        if (!model->is_there[n]) continue;
        assert_true(stream_next(&cursor, &entry));
        assert_true(stream_id_equal(entry.id, id_of(n)));
        struct slice payload;
        assert_int_equal(store_bytes(model->f->store, &entry.payload, &scratch, &payload),
                         ERR_NONE);
        struct stream_fields fields;
        struct slice value;
        assert_true(stream_fields_begin(&fields, payload));
        assert_true(stream_fields_next(&fields, &value));
        assert_true(stream_fields_next(&fields, &value));
        char bytes[PAYLOAD_MAX];
        fill(bytes, n, model->lens[n]);
        assert_slice(value, slice_of(bytes, model->lens[n]));
    }
    assert_false(stream_next(&cursor, &entry));
    assert_int_equal(stream_entries_added(stream(model)), model->added);
    buf_deinit(&scratch);
}

static void assert_pending(struct model *model, int group) {
    const struct group *found = stream_group(stream(model), at(model, group).group);
    struct pending_cursor cursor = group_seek(found, STREAM_ID_MIN);
    struct pending pending;
    for (size_t n = 0; n < model->added; n++) {
        const struct model_pending *wanted = &model->pending[group][n];
        if (!wanted->is_pending) continue;
        assert_true(pending_next(&cursor, &pending));
        assert_true(stream_id_equal(pending.id, id_of(n)));
        assert_int_equal(pending.deliveries, wanted->deliveries);
        assert_int_equal(pending.delivered_ms, wanted->at_ms);
        assert_true((pending.consumer == NULL) == (wanted->owner < 0));
        if (wanted->owner < 0) continue;
        assert_slice(consumer_name(pending.consumer), slice_str(names[wanted->owner]));
    }
    assert_false(pending_next(&cursor, &pending));
    const size_t last = model->last[group];
    const struct stream_id last_id = last == 0 ? STREAM_ID_MIN : id_of(last - 1);
    assert_true(stream_id_equal(group_last_id(found), last_id));
}

static void a_restart_finds_what_the_model_says(void **state) {
    struct fixture *f = *state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model *model = mem_zalloc(sizeof *model);
        model->f = f;
        model->key = "s";
        model->now_ms = NOW_MS;
        rng_init(&model->rng, seed);
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_db_flush(txn, 0);
        make_groups(model, txn);
        txn_commit(txn);
        for (int step = 0; step < 1500; step++) {
            change(model);
            if (step % 150 != 149) continue;
            keyspace_check(store_keyspace(f->store));
            reopen(f);
            assert_entries(model);
            assert_pending(model, 0);
            assert_pending(model, 1);
        }
        mem_free(model);
    }
}

// ---- single promises

static void add(struct fixture *f, const char *key, uint64_t ms, struct slice value) {
    const struct slice strings[] = {SLICE("f"), value};
    const struct txn_entry entry = {.id = {ms, 0}, .strings = strings, .count = 2};
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_stream_add(txn, 0, slice_str(key), &entry);
    txn_commit(txn);
}

static void a_stream_without_entries_stays(void **state) {
    struct fixture *f = *state;
    add(f, "s", 5, SLICE("v"));
    const struct stream_id id = {5, 0};
    struct txn *txn = txn_begin(f->store, NOW_MS);
    assert_int_equal(txn_stream_delete(txn, 0, SLICE("s"), &id, 1, false), 1);
    txn_commit(txn);
    reopen(f);
    const struct stream *empty = find(f, "s")->value.stream;
    assert_int_equal(stream_len(empty), 0);
    assert_int_equal(stream_last_id(empty).ms, 5);
    assert_int_equal(stream_max_deleted_id(empty).ms, 5);
    assert_int_equal(stream_entries_added(empty), 1);
}

// A read that gives nothing is not logged: a restart knows of the last delivery only.
static void when_a_consumer_was_seen_is_lost_and_when_it_was_active_is_not(void **state) {
    struct fixture *f = *state;
    const struct txn_group at = {.key = SLICE("s"), .group = SLICE("g")};
    add(f, "s", 5, SLICE("v"));
    const struct txn_delivery delivery = {.consumer = SLICE("c"), .first = {5, 0}, .count = 1};
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_group_create(txn, &at, STREAM_ID_MIN, 0);
    txn_group_deliver(txn, &at, &delivery);
    txn_commit(txn);
    const struct group *group = stream_group(find(f, "s")->value.stream, SLICE("g"));
    store_note_seen(f->store, group_consumer(group, SLICE("c")), NOW_MS + 9000);
    assert_int_equal(consumer_seen_ms(group_consumer(group, SLICE("c"))), NOW_MS + 9000);
    reopen(f);
    group = stream_group(find(f, "s")->value.stream, SLICE("g"));
    assert_int_equal(consumer_seen_ms(group_consumer(group, SLICE("c"))), NOW_MS);
    assert_int_equal(consumer_active_ms(group_consumer(group, SLICE("c"))), NOW_MS);
    assert_int_equal(group_pending_count(group), 1);
}

static void a_trimmed_payload_is_no_longer_live(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    memset(bytes, 'x', BIG);
    for (uint64_t i = 1; i <= 3; i++) {
        add(f, "s", i, slice_of(bytes, BIG));
    }
    const uint64_t live = keyspace_live_bytes_total(store_keyspace(f->store));
    assert_true(live >= UINT64_C(3) * BIG);
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_stream_trim(txn, 0, SLICE("s"), 2);
    txn_commit(txn);
    assert_int_equal(keyspace_live_bytes_total(store_keyspace(f->store)), live / 3);
}

static void a_copy_has_the_groups_and_producers_and_writes_no_payload(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    memset(bytes, 'x', BIG);
    for (uint64_t i = 1; i <= 20; i++) {
        add(f, "s", i, slice_of(bytes, BIG));
    }
    struct txn *txn = txn_begin(f->store, NOW_MS);
    const struct txn_group group = {.key = SLICE("s"), .group = SLICE("g")};
    txn_group_create(txn, &group, STREAM_ID_MIN, 0);
    const struct stream_id ids[] = {{1, 0}, {2, 0}, {3, 0}};
    const struct txn_delivery delivery = {.consumer = SLICE("c"), .first = ids[0], .count = 3};
    txn_group_deliver(txn, &group, &delivery);
    const struct effect_pending back[] = {{.id = {2, 0}}, {.id = {1, 0}, .deliveries = 4}};
    txn_group_nack(txn, &group, back, 2);
    const struct txn_idmp idmp = {SLICE("p"), SLICE("i"), {3, 0}};
    txn_stream_config(txn, 0, SLICE("s"), 5000, 7);
    txn_stream_idmp(txn, 0, SLICE("s"), &idmp);
    txn_stream_delete(txn, 0, SLICE("s"), &ids[2], 1, false);
    txn_commit(txn);
    const uint64_t before = log_end_lsn(store_log(f->store));
    txn = txn_begin(f->store, NOW_MS);
    txn_key_copy(txn, 0, SLICE("s"), 0, SLICE("copy"));
    txn_commit(txn);
    assert_true(log_end_lsn(store_log(f->store)) - before < 3 * BIG);
    reopen(f);
    const struct stream *copy = find(f, "copy")->value.stream;
    assert_int_equal(stream_len(copy), 19);
    assert_int_equal(stream_entries_added(copy), 20);
    assert_int_equal(stream_max_deleted_id(copy).ms, 3);
    assert_int_equal(stream_node_count(copy), stream_node_count(find(f, "s")->value.stream));
    struct stream_id found;
    assert_true(stream_idmp_find(copy, SLICE("p"), SLICE("i"), NOW_MS, &found));
    assert_int_equal(stream_idmp(copy).ids_added, 1);
    assert_int_equal(stream_idmp(copy).max_size, 7);
    const struct group *copied = stream_group(copy, SLICE("g"));
    assert_int_equal(group_entries_read(copied), 3);
    assert_int_equal(consumer_active_ms(group_consumer(copied, SLICE("c"))), NOW_MS);
    struct pending_cursor cursor = group_by_time(copied);
    struct pending pending;
    const uint64_t order[] = {2, 1, 3};
    for (size_t i = 0; i < 3; i++) {
        assert_true(pending_next(&cursor, &pending));
        assert_int_equal(pending.id.ms, order[i]);
    }
    // The same keys but for their names have the same digest when one is moved onto the other.
    const uint64_t digest = keyspace_digest(store_keyspace(f->store));
    txn = txn_begin(f->store, NOW_MS);
    txn_key_move(txn, 0, SLICE("copy"), 0, SLICE("third"));
    txn_key_move(txn, 0, SLICE("s"), 0, SLICE("copy"));
    txn_key_move(txn, 0, SLICE("third"), 0, SLICE("s"));
    txn_commit(txn);
    assert_true(digest == keyspace_digest(store_keyspace(f->store)));
}

static void producers_that_never_come_back_are_forgotten(void **state) {
    struct fixture *f = *state;
    add(f, "s", 1, SLICE("v"));
    for (uint64_t i = 1; i <= 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%u", (unsigned)i);
        const int64_t now_ms = NOW_MS + (int64_t)i * 20000;
        const struct txn_idmp idmp = {slice_str(name), SLICE("i"), {(uint64_t)now_ms, 0}};
        struct txn *txn = txn_begin(f->store, now_ms);
        txn_stream_idmp(txn, 0, SLICE("s"), &idmp);
        txn_commit(txn);
    }
    const struct stream_idmp idmp = stream_idmp(find(f, "s")->value.stream);
    assert_int_equal(idmp.producers, STREAM_IDMP_DURATION_S / 20 + 1);
    assert_int_equal(idmp.ids_added, 50);
    reopen(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_restart_finds_what_the_model_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_without_entries_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(
            when_a_consumer_was_seen_is_lost_and_when_it_was_active_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_trimmed_payload_is_no_longer_live, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_has_the_groups_and_producers_and_writes_no_payload,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(producers_that_never_come_back_are_forgotten, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
