#include "server/engine/slowlog.h"
#include "tests/support/unit.h"

static void an_event_begins_with_its_first_sample(void **state) {
    (void)state;
    static struct latency latency;
    latency = (struct latency){0};
    assert_null(latency_find(&latency, SLICE("command")));
    latency_add(&latency, "command", 100, 7);
    const struct latency_event *event = latency_find(&latency, SLICE("command"));
    assert_non_null(event);
    assert_int_equal(event->max_ms, 7);
    assert_int_equal(event->samples[0].time_s, 100);
    assert_int_equal(latency.count, 1);
}

static void the_worst_sample_of_a_second_is_kept(void **state) {
    (void)state;
    static struct latency latency;
    latency = (struct latency){0};
    latency_add(&latency, "command", 100, 7);
    latency_add(&latency, "command", 100, 9);
    latency_add(&latency, "command", 100, 3);
    const struct latency_event *event = latency_find(&latency, SLICE("command"));
    assert_int_equal(event->samples[0].ms, 9);
    assert_int_equal(event->next, 1);
}

static void old_samples_make_room_for_new_ones(void **state) {
    (void)state;
    static struct latency latency;
    latency = (struct latency){0};
    for (int64_t s = 1; s <= LATENCY_HISTORY_MAX + 1; s++) {
        latency_add(&latency, "fsync", s, (uint32_t)s);
    }
    const struct latency_event *event = latency_find(&latency, SLICE("fsync"));
    assert_int_equal(event->samples[0].time_s, LATENCY_HISTORY_MAX + 1);
    assert_int_equal(event->samples[1].time_s, 2);
    assert_int_equal(event->max_ms, LATENCY_HISTORY_MAX + 1);
}

static void one_or_all_events_are_reset(void **state) {
    (void)state;
    static struct latency latency;
    latency = (struct latency){0};
    latency_add(&latency, "command", 1, 1);
    latency_add(&latency, "fast-command", 1, 2);
    latency_add(&latency, "fsync", 1, 3);
    assert_int_equal(latency_reset(&latency, SLICE("fast-command")), 1);
    assert_int_equal(latency_reset(&latency, SLICE("fast-command")), 0);
    assert_int_equal(latency_find(&latency, SLICE("fsync"))->max_ms, 3);
    assert_int_equal(latency_reset(&latency, SLICE_EMPTY), 2);
    assert_int_equal(latency.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_begins_with_its_first_sample),
        cmocka_unit_test(the_worst_sample_of_a_second_is_kept),
        cmocka_unit_test(old_samples_make_room_for_new_ones),
        cmocka_unit_test(one_or_all_events_are_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
