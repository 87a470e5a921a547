#include "proto/base/clock.h"
#include "proto/base/trace.h"
#include "tests/support/unit.h"

struct seen {
    int count;
    enum trace_level level;
    char event[32];
    char text[2048];
};

static void remember(void *context, enum trace_level level, const char *event, const char *text) {
    struct seen *seen = context;
    seen->count++;
    seen->level = level;
    snprintf(seen->event, sizeof seen->event, "%s", event);
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static void an_event_reaches_the_sink_with_name_and_sentence(void **state) {
    (void)state;
    struct seen seen = {0};
    struct trace trace = {.context = &seen, .level = TRACE_NOTICE, .sink = remember};
    trace_event(&trace, TRACE_WARNING, "log.full", "%d segments are left", 2);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, TRACE_WARNING);
    assert_string_equal(seen.event, "log.full");
    assert_string_equal(seen.text, "2 segments are left");
}

static void events_below_the_level_are_dropped(void **state) {
    (void)state;
    struct seen seen = {0};
    struct trace trace = {.context = &seen, .level = TRACE_NOTICE, .sink = remember};
    trace_event(&trace, TRACE_VERBOSE, "x", "quiet");
    trace_event(&trace, TRACE_NOTICE, "x", "heard");
    assert_int_equal(seen.count, 1);
}

static void without_a_sink_nothing_happens(void **state) {
    (void)state;
    struct trace trace = {0};
    trace_event(NULL, TRACE_WARNING, "x", "nobody");
    trace_event(&trace, TRACE_WARNING, "x", "nobody");
}

static void a_long_sentence_is_cut(void **state) {
    (void)state;
    struct seen seen = {0};
    struct trace trace = {.context = &seen, .sink = remember};
    trace_event(&trace, TRACE_WARNING, "x", "%4000d", 1);
    assert_int_equal(strlen(seen.text), 1023);
}

static void the_systems_clocks_run(void **state) {
    (void)state;
    struct clock clock = clock_system();
    assert_true(clock_wall_us(&clock) > INT64_C(1600000000) * 1000000);
    int64_t before = clock_monotonic_us(&clock);
    assert_true(clock_monotonic_us(&clock) >= before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_reaches_the_sink_with_name_and_sentence),
        cmocka_unit_test(events_below_the_level_are_dropped),
        cmocka_unit_test(without_a_sink_nothing_happens),
        cmocka_unit_test(a_long_sentence_is_cut),
        cmocka_unit_test(the_systems_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
