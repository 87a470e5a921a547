// The cleaner over a disk in memory: whatever it moves, and whatever changes meanwhile, the data is
// the same, every payload can be read, and a restart finds it all.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/cleaner.h"
#include "storage/cleaner_choice.h"
#include "storage/data/stream.h"
#include "storage/payloads.h"
#include "tests/unit/fold_fixture.h"

enum { VALUE_MAX = 3000, LIST_BURST = 40, STEP_US = CLEANER_LOOK_GAP_US };

// ---- a store with data

static struct slice text_of(uint64_t number, size_t len, char *into) {
    const int head = snprintf(into, VALUE_MAX, "value %llu ", (unsigned long long)number);
    memset(into + head, 'a' + (int)(number % 26), VALUE_MAX - (size_t)head);
    return slice_of(into, len);
}

struct player {
    struct fixture *f;
    struct rng rng;
    uint64_t numbers; // values made so far
    uint64_t ids;
    char key[16];
    char bytes[VALUE_MAX];
    int64_t now_us;
};

static uint64_t below(struct player *player, uint64_t bound) {
    return rng_below(&player->rng, bound);
}

// Three of four are long enough to lie in the log.
static struct slice draw_value(struct player *player) {
    const size_t len = below(player, 4) == 0 ? 20 + (size_t)below(player, 40)
                                             : 65 + (size_t)below(player, VALUE_MAX - 65);
    return text_of(++player->numbers, len, player->bytes);
}

static struct slice draw_key(struct player *player, const char *prefix, unsigned count) {
    snprintf(player->key, sizeof player->key, "%s%u", prefix, (unsigned)below(player, count));
    return slice_str(player->key);
}

static void play_string(struct player *player, struct txn *txn) {
    txn_string_set(txn, (unsigned)below(player, 3), draw_key(player, "s", 200), draw_value(player),
                   false);
}

static void play_list(struct player *player, struct txn *txn) {
    const struct slice key = draw_key(player, "l", 3);
    const struct entry *entry = find(player->f, player->key);
    const size_t len = entry == NULL ? 0 : list_len(entry->value.list);
    const enum list_end end = below(player, 2) == 0 ? LIST_HEAD : LIST_TAIL;
    switch (len == 0 ? 0 : below(player, 8)) {
    case 0:
    case 1:
    case 2:
    case 3: {
        const struct slice value = draw_value(player);
        txn_list_push(txn, 0, key, end, &value, 1);
        return;
    }
    case 4:
        txn_list_pop(txn, 0, key, end, num_min(len, 1 + (size_t)below(player, 3)));
        return;
    case 5: {
        const uint32_t index = (uint32_t)below(player, len);
        txn_list_remove(txn, 0, key, &index, 1);
        return;
    }
    case 6:
        txn_list_insert(txn, 0, key, (size_t)below(player, len), draw_value(player));
        return;
    default:
        txn_list_move(txn, 0, key, end, key, end == LIST_HEAD ? LIST_TAIL : LIST_HEAD);
        return;
    }
}

static void play_hash(struct player *player, struct txn *txn) {
    char field[16];
    snprintf(field, sizeof field, "f%u", (unsigned)below(player, 300));
    const struct slice key = draw_key(player, "h", 2);
    const struct entry *entry = find(player->f, player->key);
    struct slice pair[] = {slice_str(field), SLICE_EMPTY};
    if (below(player, 3) > 0) {
        pair[1] = draw_value(player);
        txn_hash_set(txn, 0, key, pair, 1);
    } else if (entry != NULL && hash_find(entry->value.hash, pair[0], &(struct blob){0})) {
        txn_hash_remove(txn, 0, key, pair, 1);
    }
}

static void play_stream(struct player *player, struct txn *txn) {
    const struct slice key = draw_key(player, "x", 2);
    const struct entry *entry = find(player->f, player->key);
    const struct slice strings[] = {SLICE("f"), draw_value(player)};
    const struct txn_entry added = {.id = {++player->ids, 0}, .strings = strings, .count = 2};
    if (entry == NULL || stream_len(entry->value.stream) < 5 || below(player, 2) == 0) {
        txn_stream_add(txn, 0, key, &added);
    } else if (below(player, 2) == 0) {
        txn_stream_trim(txn, 0, key, 1 + (size_t)below(player, 2));
    } else {
        const struct stream_id id = {1 + below(player, player->ids), 0};
        txn_stream_delete(txn, 0, key, &id, 1, false);
    }
}

static void play_key(struct player *player, struct txn *txn) {
    static const char *const prefixes[] = {"s", "l", "h", "x"};
    const struct slice key = draw_key(player, prefixes[below(player, 4)], 3);
    if (find(player->f, player->key) == NULL) return;
    switch (below(player, 8)) {
    case 0:
        txn_key_delete(txn, 0, key);
        return;
    case 1:
        txn_key_copy(txn, 0, key, 1, SLICE("copy"));
        return;
    case 2:
        txn_db_swap(txn, 0, 0);
        return;
    case 3:
        txn_key_expire(txn, 0, key, NOW_MS + 1); // is never reached here
        return;
    default:
        return;
    }
}

static void play(struct player *player) {
    struct txn *txn = txn_begin(player->f->store, NOW_MS);
    switch (below(player, 9)) {
    case 0:
    case 1:
        play_string(player, txn);
        break;
    case 2:
    case 3:
    case 4:
        play_list(player, txn);
        break;
    case 5:
    case 6:
        play_hash(player, txn);
        break;
    case 7:
        play_stream(player, txn);
        break;
    default:
        if (below(player, 8) == 0) play_key(player, txn);
        break;
    }
    txn_commit(txn);
    settle(player->f->store);
}

// ---- what must be so

struct reading {
    struct store *store;
    struct buf scratch;
    uint64_t count;
    uint64_t failed;
};

static void read_blob(struct reading *reading, const struct blob *blob) {
    if (blob_kind(blob) != BLOB_REF) return;
    buf_reset(&reading->scratch);
    char *into = buf_reserve(&reading->scratch, blob_len(blob));
    const enum err err = log_read(store_log(reading->store), blob_slot(blob), blob_offset(blob),
                                  blob_len(blob), blob->hash, into);
    reading->count++;
    reading->failed += err != ERR_NONE;
}

static void read_field(void *context, struct slice field, const struct blob *value) {
    (void)field;
    read_blob(context, value);
}

static void read_entry(void *context, const struct entry *entry) {
    struct reading *reading = context;
    struct blob blob;
    struct stream_entry row;
    if (entry->type == TYPE_STRING) read_blob(reading, &entry->value.string);
    if (entry->type == TYPE_HASH) hash_each(entry->value.hash, read_field, reading);
    if (entry->type == TYPE_LIST) {
        struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
        while (list_cursor_next(&cursor, &blob))
            read_blob(reading, &blob);
    }
    if (entry->type == TYPE_STREAM) {
        struct stream_cursor cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
        while (stream_next(&cursor, &row))
            read_blob(reading, &row.payload);
    }
}

// Reads every payload from the disk; how many cannot be.
static uint64_t count_unreadable(struct store *store) {
    settle(store);
    struct reading reading = {.store = store};
    for (unsigned db = 0; db < 3; db++)
        keyspace_each(store_keyspace(store), db, read_entry, &reading);
    assert_true(reading.count > 0);
    buf_deinit(&reading.scratch);
    return reading.failed;
}

// ---- the cleaner at work

// One step, and the read it asks for. `meanwhile` may be NULL.
static void step(struct player *player, void (*meanwhile)(struct player *player)) {
    struct cleaner *cleaner = store_cleaner(player->f->store);
    const struct keyspace *keyspace = store_keyspace(player->f->store);
    const uint64_t digest = keyspace_digest(keyspace);
    player->now_us += STEP_US;
    struct cleaner_read *read = cleaner_step(cleaner, player->now_us);
    assert_true(keyspace_digest(keyspace) == digest);
    if (read == NULL) return;
    if (meanwhile != NULL) meanwhile(player);
    cleaner_read_run(read);
    if (meanwhile != NULL) meanwhile(player);
    cleaner_read_end(cleaner, read);
    settle(player->f->store);
}

static void step_until_rest(struct player *player, void (*meanwhile)(struct player *player)) {
    unsigned steps = 0;
    do {
        step(player, meanwhile);
        settle(player->f->store);
        assert_true(++steps < 100000);
    } while (cleaner_stats(store_cleaner(player->f->store)).is_running);
}

static struct player *begin(void **state, uint64_t seed) {
    struct player *player = test_calloc(1, sizeof *player);
    player->f = *state;
    rng_init(&player->rng, seed);
    cleaner_set_rate(store_cleaner(player->f->store), 1 << 20);
    return player;
}

static void fill(struct player *player, unsigned changes) {
    for (unsigned i = 0; i < changes; i++)
        play(player);
}

static void all_that_is_alive_moves_to_the_end_of_the_log(void **state) {
    struct player *player = begin(state, 1);
    fill(player, 3000);
    struct store *store = player->f->store;
    const struct keyspace *keyspace = store_keyspace(store);
    const uint64_t digest = keyspace_digest(keyspace);
    const uint64_t live = keyspace_live_bytes_total(keyspace);
    const uint64_t newest =
        log_segment_at(store_log(store), log_segment_count(store_log(store)) - 1).sequence;
    const unsigned victims = take_all(store);
    assert_true(victims > 5);
    step_until_rest(player, NULL);
    const struct log *log = store_log(store);
    for (size_t i = 0; log_segment_at(log, i).sequence < newest; i++)
        assert_int_equal(keyspace_live_bytes(keyspace, log_segment_at(log, i).slot), 0);
    const struct cleaner_stats stats = cleaner_stats(store_cleaner(store));
    assert_int_equal(stats.cleaned_segments, victims);
    assert_int_equal(stats.missed_values, 0);
    assert_int_equal(stats.stuck_segments, 0);
    assert_true(keyspace_digest(keyspace) == digest);
    assert_int_equal(keyspace_live_bytes_total(keyspace), live);
    keyspace_check(keyspace);
    assert_int_equal(count_unreadable(store), 0);
    reopen(player->f);
    assert_int_equal(count_unreadable(player->f->store), 0);
    test_free(player);
}

static void play_some(struct player *player) {
    for (uint64_t i = below(player, 12); i > 0; i--)
        play(player);
}

static void values_that_change_and_go_meanwhile_are_right_afterwards(void **state) {
    for (uint64_t seed = 10; seed < 16; seed++) {
        struct player *player = begin(state, seed);
        fill(player, 1200);
        for (unsigned round = 0; round < 3; round++) {
            take_all(player->f->store);
            step_until_rest(player, play_some);
        }
        keyspace_check(store_keyspace(player->f->store));
        assert_int_equal(count_unreadable(player->f->store), 0);
        const struct cleaner_stats stats = cleaner_stats(store_cleaner(player->f->store));
        assert_int_equal(stats.stuck_segments, 0);
        assert_true(stats.relocated_values > 0 && stats.missed_values > 0);
        struct txn *txn = txn_begin(player->f->store, NOW_MS);
        txn_db_flush(txn, EFFECT_ALL_DATABASES);
        txn_commit(txn);
        reopen(player->f);
        test_free(player);
    }
}

static size_t held_bound(const struct store *store) {
    const uint64_t live = keyspace_live_bytes_total(store_keyspace(store));
    return (size_t)(2 * live / SEGMENT_BYTES) + 4;
}

// Random overwrites and removals for many times the size of the data, with cleaning as it chooses
// by itself and a checkpoint whenever a few segments were written.
static void the_segments_in_use_stay_within_the_bound(void **state) {
    struct player *player = begin(state, 77);
    struct store *store = player->f->store;
    const struct log *log = store_log(store);
    uint64_t begun = 0;
    unsigned folds = 0;
    unsigned beyond = 0;
    for (unsigned i = 0; i < 12000; i++) {
        play(player);
        step(player, i % 7 == 0 ? play_some : NULL);
        const uint64_t newest = log_end_lsn(log) / SEGMENT_BYTES;
        if (newest < begun + 2) continue;
        begun = newest;
        fold_now(player->f);
        const size_t count = log_segment_count(log);
        folds++;
        beyond += count > held_bound(store);
        // A key that goes with half of the data cannot be made up for at once.
        assert_true(count <= held_bound(store) + 4);
    }
    assert_true(folds > 100 && beyond <= folds / 20);
    assert_true(cleaner_stats(store_cleaner(store)).cleaned_segments > 20);
    keyspace_check(store_keyspace(store));
    assert_int_equal(count_unreadable(store), 0);
    reopen(player->f);
    assert_int_equal(count_unreadable(player->f->store), 0);
    fold_now(player->f);
    reopen(player->f);
    assert_int_equal(count_unreadable(player->f->store), 0);
    test_free(player);
}

static void push_and_pop(struct player *player, unsigned jobs) {
    for (unsigned i = 0; i < jobs; i++) {
        struct txn *txn = txn_begin(player->f->store, NOW_MS);
        const struct slice job = text_of(++player->numbers, 1000, player->bytes);
        txn_list_push(txn, 0, SLICE("busy"), LIST_TAIL, &job, 1);
        txn_list_pop(txn, 0, SLICE("busy"), LIST_HEAD, 1);
        txn_commit(txn);
        settle(player->f->store);
    }
}

static void one_old_job_in_a_busy_queue_pins_its_segment_for_a_while_only(void **state) {
    struct player *player = begin(state, 5);
    struct store *store = player->f->store;
    const struct log *log = store_log(store);
    struct txn *txn = txn_begin(store, NOW_MS);
    const struct slice pair[] = {SLICE("job"), text_of(1, 900, player->bytes)};
    txn_hash_set(txn, 0, SLICE("delayed"), pair, 1);
    txn_commit(txn);
    const uint64_t pinned = log_segment_at(log, 0).sequence;
    const unsigned rounds = CHOICE_PINNED_AGE + 6;
    for (unsigned i = 0; i < rounds; i++) {
        push_and_pop(player, SEGMENT_BYTES / 4096);
        fold_now(player->f);
        for (unsigned steps = 0; steps < 4; steps++)
            step(player, NULL);
    }
    assert_true(log_segment_at(log, 0).sequence > pinned);
    assert_true(log_segment_count(log) <= 4);
    // Again each time that its segment has become an old one.
    const uint64_t moved = cleaner_stats(store_cleaner(store)).relocated_values;
    assert_in_range(moved, 1, rounds / CHOICE_PINNED_AGE);
    assert_int_equal(count_unreadable(store), 0);
    reopen(player->f);
    assert_int_equal(count_unreadable(player->f->store), 0);
    test_free(player);
}

// A segment that only the trash still refers to: nothing can be moved out of it, and it is not
// stuck.
static void what_lies_in_the_trash_is_waited_for(void **state) {
    struct player *player = begin(state, 6);
    struct store *store = player->f->store;
    char element[1000] = {0};
    for (unsigned i = 0; i < 2 * STORE_TRASH_MIN; i++) {
        struct txn *txn = txn_begin(store, NOW_MS);
        const struct slice job = slice_of(element, sizeof element);
        txn_list_push(txn, 0, SLICE("large"), LIST_TAIL, &job, 1);
        txn_commit(txn);
        settle(store);
    }
    fold_now(player->f);
    struct txn *txn = txn_begin(store, NOW_MS);
    txn_key_delete(txn, 0, SLICE("large"));
    txn_commit(txn);
    settle(store);
    assert_true(store_has_trash(store));
    const unsigned victims = take_all(store);
    assert_true(victims > 0);
    for (unsigned i = 0; i < 1000; i++)
        step(player, NULL);
    struct cleaner_stats stats = cleaner_stats(store_cleaner(store));
    assert_true(stats.walks > 4);
    assert_int_equal(stats.stuck_segments, 0);
    assert_int_equal(stats.victims, victims);
    store_sweep(store, SIZE_MAX);
    assert_false(store_has_trash(store));
    step_until_rest(player, NULL);
    stats = cleaner_stats(store_cleaner(store));
    assert_int_equal(stats.stuck_segments, 0);
    assert_int_equal(stats.cleaned_segments, victims);
    test_free(player);
}

static void flip(struct fixture *f, const struct blob *blob) {
    char name[32];
    snprintf(name, sizeof name, "seg-%06u", blob_slot(blob));
    memory_disk_flip(f->disk, name, blob_offset(blob) + 10, 3);
}

static void a_damaged_payload_is_told_once_and_its_segment_stays(void **state) {
    struct player *player = begin(state, 3);
    fill(player, 1500);
    struct store *store = player->f->store;
    struct blob blob = {0};
    const uint32_t newest =
        log_segment_at(store_log(store), log_segment_count(store_log(store)) - 1).slot;
    while (blob_kind(&blob) != BLOB_REF || blob_slot(&blob) == newest) {
        draw_key(player, "s", 200);
        const struct entry *entry = find(player->f, player->key);
        if (entry != NULL) blob = entry->value.string;
    }
    flip(player->f, &blob);
    const unsigned victims = take_all(store);
    step_until_rest(player, NULL);
    const struct cleaner_stats stats = cleaner_stats(store_cleaner(store));
    assert_int_equal(stats.damaged_values, 1);
    assert_int_equal(stats.stuck_segments, 1);
    assert_int_equal(stats.cleaned_segments, victims - 1);
    assert_int_equal(store_stats(store).corrupt_reads, 1);
    assert_true(keyspace_live_bytes(store_keyspace(store), blob_slot(&blob)) >= blob_len(&blob));
    assert_int_equal(count_unreadable(store), 1);
    flip(player->f, &blob); // the disk is well again
    test_free(player);
}

static void a_read_that_fails_moves_nothing(void **state) {
    struct player *player = begin(state, 4);
    fill(player, 600);
    struct store *store = player->f->store;
    assert_true(take_all(store) > 0);
    const struct memory_fault fault = {
        .ops = MEMORY_READ, .times = 5, .failure = MEMORY_FAIL_GARBAGE};
    memory_disk_fail(player->f->disk, &fault);
    step_until_rest(player, NULL);
    assert_true(cleaner_stats(store_cleaner(store)).damaged_values > 0);
    memory_disk_heal(player->f->disk);
    assert_int_equal(count_unreadable(store), 0);
    reopen(player->f);
    test_free(player);
}

static void without_room_it_waits_and_goes_on_when_there_is_some(void **state) {
    struct player *player = begin(state, 6);
    fill(player, 1500);
    struct store *store = player->f->store;
    struct log *log = store_log(store);
    memory_disk_resize(player->f->disk, 0);
    while (log_prepare(log, 100000, 1, false) == LOG_READY) {
        struct txn *txn = txn_begin(store, NOW_MS);
        char *filler = mem_zalloc(100000);
        txn_string_set(txn, 2, SLICE("filler"), slice_of(filler, 100000), false);
        txn_commit(txn);
        mem_free(filler);
        settle(store);
    }
    const uint64_t segments = log_segment_count(log);
    assert_true(take_all(store) > 0);
    for (unsigned i = 0; i < 200; i++)
        step(player, NULL);
    assert_true(cleaner_stats(store_cleaner(store)).is_running);
    assert_true(log_segment_count(log) <= segments + 1);
    memory_disk_resize(player->f->disk, DISK_BYTES);
    log_slots_retry(log);
    settle(store);
    step_until_rest(player, NULL);
    assert_int_equal(cleaner_stats(store_cleaner(store)).stuck_segments, 0);
    reopen(player->f);
    assert_int_equal(count_unreadable(player->f->store), 0);
    test_free(player);
}

// Pace and bounds of a step, at a time that is passed in.
static void a_step_is_bounded_and_the_rate_is_kept(void **state) {
    struct player *player = begin(state, 8);
    struct store *store = player->f->store;
    for (unsigned i = 0; i < 4000; i++) {
        struct txn *txn = txn_begin(store, NOW_MS);
        const struct slice job = text_of(i, 1000, player->bytes);
        txn_list_push(txn, 0, SLICE("q"), LIST_TAIL, &job, 1);
        txn_commit(txn);
        if (i % 50 == 49) settle(store);
    }
    settle(store);
    struct cleaner *cleaner = store_cleaner(store);
    cleaner_set_rate(cleaner, 500 << 10);
    take_all(store);
    int64_t now_us = 0;
    uint64_t before = 0;
    do {
        const int64_t due_us = cleaner_due_us(cleaner);
        assert_null(cleaner_step(cleaner, due_us - 1)); // not before it is due
        now_us = due_us > now_us ? due_us : now_us;
        struct cleaner_read *read = cleaner_step(cleaner, now_us);
        if (read != NULL) {
            assert_true(cleaner_due_us(cleaner) == INT64_MAX);
            assert_null(cleaner_step(cleaner, INT64_MAX - 1));
            cleaner_read_run(read);
            cleaner_read_end(cleaner, read);
        }
        settle(store);
        const uint64_t moved = cleaner_stats(cleaner).relocated_bytes;
        assert_true(moved - before <= PAYLOADS_BYTES);
        before = moved;
    } while (cleaner_stats(cleaner).is_running);
    const uint64_t bytes = cleaner_stats(cleaner).relocated_bytes;
    assert_true(bytes > 3 << 20);
    // All but what the last write may have used up. The rate is one more times itself for each
    // segment that is too much: at the end, when all is written twice, some are.
    const uint64_t rate_max = (uint64_t)4 * (500 << 10);
    assert_true(now_us >= (int64_t)((bytes - PAYLOADS_BYTES) * 1000000 / rate_max));
    cleaner_set_rate(cleaner, 0);
    assert_true(cleaner_due_us(cleaner) == INT64_MAX);
    test_free(player);
}

// Jobs that stay, and between them strings that are gone at once.
static void make_sparse_segments(struct player *player, unsigned frames) {
    for (unsigned i = 0; i < frames; i++) {
        struct txn *txn = txn_begin(player->f->store, NOW_MS);
        for (unsigned j = 0; j < 5; j++) {
            const struct slice job = text_of(++player->numbers, 80, player->bytes);
            txn_list_push(txn, 0, SLICE("q"), LIST_TAIL, &job, 1);
        }
        const struct slice string = text_of(++player->numbers, 2000, player->bytes);
        txn_string_set(txn, 0, SLICE("gone"), string, false);
        txn_commit(txn);
        if (i % 50 == 49) settle(player->f->store);
    }
    settle(player->f->store);
    fold_now(player->f);
}

// Steps taken in a turn that begins so late.
static unsigned turn_of_loop(struct player *player, int64_t now_us) {
    struct cleaner *cleaner = store_cleaner(player->f->store);
    unsigned steps = 0;
    while (steps < 100 && cleaner_due_us(cleaner) <= now_us) {
        struct cleaner_read *read = cleaner_step(cleaner, now_us);
        steps++;
        settle(player->f->store); // there is always room
        if (read == NULL) continue;
        cleaner_read_run(read);
        cleaner_read_end(cleaner, read);
    }
    return steps;
}

static void with_much_garbage_a_late_turn_makes_up_for_steps(void **state) {
    enum { TURN_US = 5000, MADE_UP_MAX = 5 };
    struct player *player = begin(state, 9);
    make_sparse_segments(player, 4000);
    struct cleaner *cleaner = store_cleaner(player->f->store);
    cleaner_set_rate(cleaner, 1 << 30);
    int64_t now_us = 1;
    assert_null(cleaner_step(cleaner, now_us));
    assert_true(cleaner_stats(cleaner).is_running);
    // What was chosen is walked for at once, not at the next look.
    assert_true(cleaner_due_us(cleaner) <= now_us + CLEANER_STEP_GAP_US);
    unsigned steps = 0;
    unsigned turns = 0;
    for (; cleaner_stats(cleaner).is_running && turns < 10000; turns++) {
        now_us += TURN_US;
        const unsigned taken = turn_of_loop(player, now_us);
        assert_true(taken >= 1 && taken <= MADE_UP_MAX);
        steps += taken;
    }
    assert_true(!cleaner_stats(cleaner).is_running && cleaner_stats(cleaner).cleaned_segments > 4);
    assert_true(turns >= 4 && steps > 3 * turns);
    assert_int_equal(count_unreadable(player->f->store), 0);
    test_free(player);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_is_alive_moves_to_the_end_of_the_log, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(values_that_change_and_go_meanwhile_are_right_afterwards,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_segments_in_use_stay_within_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_old_job_in_a_busy_queue_pins_its_segment_for_a_while_only, setup, teardown),
        cmocka_unit_test_setup_teardown(what_lies_in_the_trash_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_payload_is_told_once_and_its_segment_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_read_that_fails_moves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(without_room_it_waits_and_goes_on_when_there_is_some, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_step_is_bounded_and_the_rate_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(with_much_garbage_a_late_turn_makes_up_for_steps, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
