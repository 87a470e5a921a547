// The judge of a history: was anything lost, doubled, invented, or brought back?
//
// It knows what lists, notes and counters are, and nothing of ackd. Every rule is sound: whatever
// an unanswered request did or did not do, a server that keeps its word is never accused. README.md
// says each rule and why it holds. A history ends with what was found after the last restart
// (DEED_FOUND...); what is not found there is gone.
#ifndef ACKD_TESTS_SOAK_CHECKER_H
#define ACKD_TESTS_SOAK_CHECKER_H

#include <stdint.h>

#include "proto/base/buf.h"
#include "tests/soak/history.h"

enum fault_kind {
    FAULT_LOST,       // acknowledged, and neither out nor found
    FAULT_DUPLICATED, // given out more often than it was pushed or returned
    FAULT_UNEXPECTED, // came out, and nobody put it in
    FAULT_RETURNED,   // its removal was acknowledged, and it came back
    FAULT_DISORDERED, // overtaken by a later job of the same producer
    FAULT_MISCOUNTED, // a counter outside what acknowledged and attempted steps allow
    FAULT_REFUSED,    // an error where none is allowed
    FAULT_COUNT_OF,
};

enum { VERDICT_NOTES_MAX = 20 }; // faults told in words; all are counted

struct verdict {
    uint64_t jobs;         // pushed, answered or not
    uint64_t acknowledged; // pushes that were answered
    uint64_t recovered;    // pushes that were not answered, but happened: allowed
    uint64_t deliveries;
    uint64_t returns;  // pushed again by a sweeper
    uint64_t entries;  // of streams, among the jobs
    uint64_t reclaims; // given to another consumer of the group
    uint64_t events;
    uint64_t faults[FAULT_COUNT_OF];
    struct buf notes; // a line for each of the first faults
    unsigned notes_len;
};

void verdict_deinit(struct verdict *verdict);
// Adds the counts of `more` (and takes its notes' place in the limit).
void verdict_add(struct verdict *verdict, const struct verdict *more);
uint64_t verdict_faults(const struct verdict *verdict);
// Adds a line to the notes, as long as there are few.
void verdict_say(struct verdict *verdict, const char *what, uint64_t job, const char *why);
void verdict_accuse(struct verdict *verdict, enum fault_kind kind, uint64_t job, const char *why);

// Fills `verdict` (zeroed by the caller). The events are sorted on the way.
void history_check(struct history *history, struct verdict *verdict);

// Parts of it, each over a history sorted by job and invocation.
struct job_fate { // what the order of lists is judged by; one for each pushed job
    uint64_t job;
    const struct event *push;
    uint64_t delivered_invoked;   // of the delivery that was completed first
    uint64_t delivered_completed; // TICKET_NEVER: none
    int64_t position;             // found in the list; -1: not
    bool was_returned;            // or a return was tried
};
void check_order(struct job_fate *fates, size_t len, struct verdict *verdict);
// Sorts the events, which are all of streams, and gives their jobs to those that told only an id.
void check_streams(struct event *events, size_t len, struct verdict *verdict);
void check_counters(const struct event *const *events, size_t len, struct verdict *verdict);

#endif
