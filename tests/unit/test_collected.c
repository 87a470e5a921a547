// What cleaner and scrub collect in many turns of the loop stays readable, also when the values go
// and their segment is given up before the read begins.
#include "storage/cleaner.h"
#include "storage/scrub.h"
#include "storage/walk.h"
#include "tests/unit/fold_fixture.h"

enum { OLD_VALUES = 5, SHORT_VALUES = 2 * WALK_LOOKS, RATE = 1 << 20 };

struct scene {
    struct store *store;
    int64_t now_us;
};

// A list: some values that are alone in their segment, more than a step looks at that lie in no
// segment, one value in another segment. A checkpoint covers all.
static struct scene make_scene(struct fixture *f) {
    char bytes[BIG];
    memset(bytes, 'v', sizeof bytes);
    for (unsigned i = 0; i < OLD_VALUES; i++)
        push_one(f->store, "q", slice_of(bytes, sizeof bytes));
    pass_segments(f->store, 2);
    for (unsigned i = 0; i < SHORT_VALUES; i++)
        push_one(f->store, "q", SLICE("short"));
    push_one(f->store, "q", slice_of(bytes, sizeof bytes));
    pass_segments(f->store, 2);
    fold_now(f);
    return (struct scene){.store = f->store};
}

// The old values go for good, and with them their segment.
static void old_values_go(struct scene *scene) {
    const struct log *log = store_log(scene->store);
    const uint64_t oldest = log_segment_at(log, 0).sequence;
    for (unsigned i = 0; i < OLD_VALUES; i++)
        pop_one(scene->store, "q");
    store_note_empty(scene->store);
    push_one(scene->store, "proof", SLICE("proves what was before"));
    store_note_empty(scene->store);
    assert_true(log_segment_at(log, 0).sequence > oldest);
}

// The slots that were free hold other segments afterwards: the lowest one is taken first.
static void slots_are_taken_again(struct scene *scene) {
    for (unsigned i = 0; i < 4; i++) {
        pass_segments(scene->store, 1);
        store_note_empty(scene->store);
    }
}

// ---- the cleaner

static struct cleaner_read *cleaner_step_once(struct scene *scene) {
    struct cleaner *cleaner = store_cleaner(scene->store);
    const int64_t due_us = cleaner_due_us(cleaner);
    if (due_us > scene->now_us) scene->now_us = due_us;
    return cleaner_step(cleaner, scene->now_us);
}

static void clean_to_the_end(struct scene *scene) {
    struct cleaner *cleaner = store_cleaner(scene->store);
    while (cleaner_stats(cleaner).is_running) {
        struct cleaner_read *read = cleaner_step_once(scene);
        if (read != NULL) {
            cleaner_read_run(read);
            cleaner_read_end(cleaner, read);
        }
        settle(scene->store);
        store_note_empty(scene->store);
    }
    const struct cleaner_stats stats = cleaner_stats(cleaner);
    assert_int_equal(stats.cleaned_segments, 2);
    assert_int_equal(stats.damaged_values, 0);
    assert_int_equal(stats.stuck_segments, 0);
    assert_int_equal(log_given_up_count(store_log(scene->store)), 0);
}

static struct scene begin_to_collect(struct fixture *f) {
    struct scene scene = make_scene(f);
    cleaner_set_rate(store_cleaner(f->store), RATE);
    assert_int_equal(take_all(f->store), 2);
    assert_null(cleaner_step_once(&scene)); // there is more to look at
    old_values_go(&scene);
    assert_int_equal(log_given_up_count(store_log(f->store)), 1);
    return scene;
}

static void a_victim_goes_while_the_cleaner_collects(void **state) {
    struct fixture *f = *state;
    struct scene scene = begin_to_collect(f);
    slots_are_taken_again(&scene);
    clean_to_the_end(&scene);
    reopen(f);
}

static void a_cleaner_that_is_switched_off_holds_no_slot(void **state) {
    struct fixture *f = *state;
    struct scene scene = begin_to_collect(f);
    cleaner_set_rate(store_cleaner(f->store), 0);
    assert_int_equal(log_given_up_count(store_log(f->store)), 0);
    slots_are_taken_again(&scene);
    cleaner_set_rate(store_cleaner(f->store), RATE);
    clean_to_the_end(&scene);
    reopen(f);
}

// ---- the scrub

static struct scrub_read *scrub_step_once(struct scene *scene) {
    struct scrub *scrub = store_scrub(scene->store);
    const int64_t due_us = scrub_due_us(scrub);
    if (due_us > scene->now_us) scene->now_us = due_us;
    return scrub_step(scrub, scene->now_us);
}

static void scrub_read(struct scene *scene, struct scrub_read *read) {
    scrub_read_run(read);
    scrub_read_end(store_scrub(scene->store), read);
}

static void a_segment_goes_while_the_scrub_collects(void **state) {
    struct fixture *f = *state;
    struct scene scene = make_scene(f);
    struct scrub *scrub = store_scrub(f->store);
    scrub_set_rate(scrub, RATE);
    // Checkpoint and segments are read; then come a step that turns to the values, and one that
    // looks at the first of them.
    for (unsigned idle = 0, reads = 0; idle < 2 || reads == 0;) {
        struct scrub_read *read = scrub_step_once(&scene);
        idle = read == NULL ? idle + 1 : 0;
        reads += read != NULL;
        if (read != NULL) scrub_read(&scene, read);
    }
    assert_int_equal(scrub_stats(scrub).values, 0);
    old_values_go(&scene);
    assert_int_equal(log_given_up_count(store_log(f->store)), 1);
    slots_are_taken_again(&scene);
    while (scrub_stats(scrub).passes == 0) {
        struct scrub_read *read = scrub_step_once(&scene);
        if (read != NULL) scrub_read(&scene, read);
    }
    const struct scrub_stats stats = scrub_stats(scrub);
    assert_int_equal(stats.damaged_values + stats.damaged_files, 0);
    assert_int_equal(stats.values, OLD_VALUES + 1);
    assert_int_equal(log_given_up_count(store_log(f->store)), 0);
    reopen(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_victim_goes_while_the_cleaner_collects, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cleaner_that_is_switched_off_holds_no_slot, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_segment_goes_while_the_scrub_collects, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
