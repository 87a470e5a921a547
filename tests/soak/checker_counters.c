// Counters that only grow, by one.
//
// The value at a moment is the number of steps until then. So an answer lies between the steps that
// were surely over before it was asked and those that were asked for before it came; no two steps
// give the same number; and who asks after an answer came never hears of less. The last rule holds
// also for steps that nobody saw acknowledged: once a value was told, it is on disk.
#include <stdlib.h>

#include "proto/base/mem.h"
#include "tests/soak/checker.h"

struct moment {
    uint64_t ticket;
    int64_t value; // the largest told until then
};

struct counter {
    const struct event *const *events;
    size_t len;
    struct verdict *verdict;
    uint64_t *invoked; // of steps that may have happened, sorted
    size_t invoked_len;
    uint64_t *completed; // of answered steps, sorted
    size_t completed_len;
    struct moment *told; // answers, by completion
    size_t told_len;
};

static int by_number(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

static int by_ticket(const void *a, const void *b) {
    return by_number(&((const struct moment *)a)->ticket, &((const struct moment *)b)->ticket);
}

// How many of the sorted numbers are below the ticket.
static int64_t below(const uint64_t *numbers, size_t len, uint64_t ticket) {
    size_t low = 0;
    while (low < len) {
        size_t middle = low + (len - low) / 2;
        if (numbers[middle] < ticket) {
            low = middle + 1;
        } else {
            len = middle;
        }
    }
    return (int64_t)low;
}

static int64_t told_before(const struct counter *counter, uint64_t ticket) {
    size_t low = 0;
    size_t high = counter->told_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (counter->told[middle].ticket < ticket) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : counter->told[low - 1].value;
}

static void collect(struct counter *counter) {
    for (size_t i = 0; i < counter->len; i++) {
        const struct event *event = counter->events[i];
        bool is_answered = event->outcome == OUTCOME_ANSWERED;
        bool is_step = event->deed == DEED_COUNT && event->outcome != OUTCOME_REFUSED;
        if (is_step) counter->invoked[counter->invoked_len++] = event->invoked;
        if (!is_answered) continue;
        if (is_step) counter->completed[counter->completed_len++] = event->completed;
        counter->told[counter->told_len++] =
            (struct moment){.ticket = event->completed, .value = event->result};
    }
    qsort(counter->invoked, counter->invoked_len, sizeof *counter->invoked, by_number);
    qsort(counter->completed, counter->completed_len, sizeof *counter->completed, by_number);
    qsort(counter->told, counter->told_len, sizeof *counter->told, by_ticket);
    for (size_t i = 1; i < counter->told_len; i++) {
        if (counter->told[i].value < counter->told[i - 1].value)
            counter->told[i].value = counter->told[i - 1].value;
    }
}

static void check_answer(const struct counter *counter, const struct event *event) {
    bool is_step = event->deed == DEED_COUNT;
    int64_t least = below(counter->completed, counter->completed_len, event->invoked) + is_step;
    int64_t most = below(counter->invoked, counter->invoked_len, event->completed);
    int64_t told = told_before(counter, event->invoked) + is_step;
    if (event->result < least) {
        verdict_accuse(counter->verdict, FAULT_MISCOUNTED, event->place,
                       "acknowledged steps are gone");
    } else if (event->result > most) {
        verdict_accuse(counter->verdict, FAULT_MISCOUNTED, event->place,
                       "more than were attempted");
    } else if (event->result < told) {
        verdict_accuse(counter->verdict, FAULT_MISCOUNTED, event->place,
                       "less than was told before");
    }
}

static void check_unique(const struct counter *counter) {
    uint64_t *values = mem_alloc_array(counter->len, sizeof *values);
    size_t len = 0;
    for (size_t i = 0; i < counter->len; i++) {
        const struct event *event = counter->events[i];
        if (event->deed == DEED_COUNT && event->outcome == OUTCOME_ANSWERED)
            values[len++] = (uint64_t)event->result;
    }
    qsort(values, len, sizeof *values, by_number);
    for (size_t i = 1; i < len; i++) {
        if (values[i] != values[i - 1]) continue;
        verdict_accuse(counter->verdict, FAULT_MISCOUNTED, counter->events[0]->place,
                       "two steps were told the same number");
    }
    mem_free(values);
}

static int by_place(const void *a, const void *b) {
    const struct event *first = *(const struct event *const *)a;
    const struct event *second = *(const struct event *const *)b;
    return (first->place > second->place) - (first->place < second->place);
}

static void check_counter(struct counter *counter) {
    counter->invoked = mem_alloc_array(counter->len, sizeof *counter->invoked);
    counter->completed = mem_alloc_array(counter->len, sizeof *counter->completed);
    counter->told = mem_alloc_array(counter->len, sizeof *counter->told);
    collect(counter);
    for (size_t i = 0; i < counter->len; i++) {
        if (counter->events[i]->outcome == OUTCOME_ANSWERED)
            check_answer(counter, counter->events[i]);
    }
    check_unique(counter);
    mem_free(counter->invoked);
    mem_free(counter->completed);
    mem_free(counter->told);
}

void check_counters(const struct event *const *events, size_t len, struct verdict *verdict) {
    if (len == 0) return;
    const struct event **sorted = mem_dup(events, len * sizeof *events);
    qsort(sorted, len, sizeof *sorted, by_place);
    for (size_t first = 0, end = 0; first < len; first = end) {
        for (end = first + 1; end < len && sorted[end]->place == sorted[first]->place;)
            end++;
        struct counter counter = {.events = &sorted[first], .len = end - first, .verdict = verdict};
        check_counter(&counter);
    }
    mem_free(sorted);
}
