// Histories by hand and what is to be said of them, for the tests of the checkers.
#ifndef ACKD_TESTS_SOAK_TEST_HISTORY_H
#define ACKD_TESTS_SOAK_TEST_HISTORY_H

#include "tests/soak/checker.h"
#include "tests/support/unit.h"

// An answered request of client 1 on connection 1, invoked and completed at these tickets.
#define ANSWERED(deed_, job_, from, to, ...)                                                       \
    {                                                                                              \
        .deed = (deed_), .job = (job_), .invoked = (from), .completed = (to), .client = 1,         \
        .connection = 1, .outcome = OUTCOME_ANSWERED, .amount = 1, __VA_ARGS__                     \
    }
#define UNKNOWN(deed_, job_, from, to)                                                             \
    {                                                                                              \
        .deed = (deed_), .job = (job_), .invoked = (from), .completed = (to), .client = 1,         \
        .connection = 1, .outcome = OUTCOME_UNKNOWN, .amount = 1                                   \
    }
#define REFUSED(deed_, job_, from, to)                                                             \
    {                                                                                              \
        .deed = (deed_), .job = (job_), .invoked = (from), .completed = (to), .client = 1,         \
        .connection = 1, .outcome = OUTCOME_REFUSED, .amount = 1                                   \
    }
#define EVENTS(...) ((const struct event[]){__VA_ARGS__})

static struct verdict judge(const struct event *events, size_t count) {
    struct history history = {0};
    for (size_t i = 0; i < count; i++)
        history_add(&history, &events[i]);
    struct verdict verdict = {0};
    history_check(&history, &verdict);
    history_deinit(&history);
    return verdict;
}

static void check_faults(const struct event *events, size_t count, int kind, const char *file,
                         int line) {
    struct verdict verdict = judge(events, count);
    uint64_t expected = kind == FAULT_COUNT_OF ? 0 : 1;
    bool is_right =
        verdict_faults(&verdict) == expected && (expected == 0 || verdict.faults[kind] == expected);
    if (!is_right) {
        print_error("the verdict is:\n%.*s", (int)verdict.notes.len, verdict.notes.data);
        verdict_deinit(&verdict);
        _fail(file, line);
    }
    verdict_deinit(&verdict);
}

#define assert_guilty(kind, ...)                                                                   \
    check_faults(EVENTS(__VA_ARGS__), sizeof(EVENTS(__VA_ARGS__)) / sizeof(struct event), (kind),  \
                 __FILE__, __LINE__)
#define assert_innocent(...) assert_guilty(FAULT_COUNT_OF, __VA_ARGS__)

#endif
