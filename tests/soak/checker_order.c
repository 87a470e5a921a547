// The order of a list, for jobs of one producer.
//
// Asserted: if A was acknowledged before the same producer pushed B, or was asked before it on the
// same connection, then A leaves the list first. Only jobs A that no sweeper ever tried to return
// are judged: such an A leaves its list once, by the delivery that was answered (had that one been
// unanswered, A would have none). Any delivery of B, also of a returned copy, comes after B first
// left the list, which comes after A left. So a delivery of B that was completed before A's was
// invoked, or while A still waits at the end, is out of order.
#include <stdlib.h>

#include "proto/base/must.h"
#include "tests/soak/checker.h"

static int by_producer(const void *a, const void *b) {
    const struct event *first = ((const struct job_fate *)a)->push;
    const struct event *second = ((const struct job_fate *)b)->push;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    if (first->client != second->client) return first->client < second->client ? -1 : 1;
    return (first->invoked > second->invoked) - (first->invoked < second->invoked);
}

static bool is_judged(const struct job_fate *fate) {
    return fate->push->outcome == OUTCOME_ANSWERED && !fate->was_returned;
}

// A producer asks on one connection at a time, and on the next one only when the last is over.
static void must_be_ordered(const struct job_fate *first, const struct job_fate *second) {
    must(first->push->connection == second->push->connection ||
         first->push->completed < second->push->invoked);
}

// One producer's jobs in one list, in the order of their pushes.
static void check_run(const struct job_fate *fates, size_t len, struct verdict *verdict) {
    uint64_t earliest = TICKET_NEVER; // completion among the later jobs' deliveries
    for (size_t i = len; i-- > 0;) {
        const struct job_fate *fate = &fates[i];
        if (i + 1 < len) must_be_ordered(fate, &fates[i + 1]);
        bool is_delivered = fate->delivered_completed != TICKET_NEVER;
        bool has_left_late = is_delivered ? earliest < fate->delivered_invoked
                                          : fate->position >= 0 && earliest != TICKET_NEVER;
        if (is_judged(fate) && has_left_late) {
            verdict_accuse(verdict, FAULT_DISORDERED, fate->job, "a later job left before it");
        }
        if (fate->delivered_completed < earliest) earliest = fate->delivered_completed;
    }
    int64_t last = -1;
    for (size_t i = 0; i < len; i++) {
        const struct job_fate *fate = &fates[i];
        if (fate->position < 0 || fate->was_returned) continue;
        if (fate->position <= last) {
            verdict_accuse(verdict, FAULT_DISORDERED, fate->job, "found before an earlier job");
        }
        if (is_judged(fate) && fate->position > last) last = fate->position;
    }
}

void check_order(struct job_fate *fates, size_t len, struct verdict *verdict) {
    if (len == 0) return;
    qsort(fates, len, sizeof *fates, by_producer);
    for (size_t first = 0, end = 0; first < len; first = end) {
        const struct event *push = fates[first].push;
        for (end = first + 1; end < len && fates[end].push->place == push->place &&
                              fates[end].push->client == push->client;)
            end++;
        check_run(&fates[first], end - first, verdict);
    }
}
