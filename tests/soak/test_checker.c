// Histories by hand, good and bad: the checker convicts what it should, for the right reason, and
// nobody else.
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <unistd.h>

#include "tests/soak/test_history.h"

#define PUSH(job, from, to)            ANSWERED(DEED_PUSH, job, from, to, .result = 1)
#define RETURN(job, from, to)          ANSWERED(DEED_RETURN, job, from, to, .result = 1)
#define MOVE(job, from, to)            ANSWERED(DEED_MOVE, job, from, to, .result = 0)
#define POP(job, from, to)             ANSWERED(DEED_POP, job, from, to, .result = 0)
#define SEEN(job, from, to)            ANSWERED(DEED_SEEN, job, from, to, .result = 0)
#define REMOVE(job, from, to, result_) ANSWERED(DEED_REMOVE, job, from, to, .result = (result_))
#define CLAIM(job, from, to)           ANSWERED(DEED_CLAIM, job, from, to, .result = 1)
#define UNCLAIM(job, from, to)         ANSWERED(DEED_UNCLAIM, job, from, to, .result = 1)
#define COUNT(from, to, value)         ANSWERED(DEED_COUNT, 0, from, to, .result = (value))
#define READ(from, to, value)          ANSWERED(DEED_READ, 0, from, to, .result = (value))
#define FOUND(job, position)           ANSWERED(DEED_FOUND, job, 900, 901, .result = (position))
#define FOUND_TAKEN(job)               ANSWERED(DEED_FOUND_TAKEN, job, 900, 901, .result = 0)
#define FOUND_CLAIM(job)               ANSWERED(DEED_FOUND_CLAIM, job, 900, 901, .result = 0)
#define FOUND_COUNT(value)             ANSWERED(DEED_FOUND_COUNT, 0, 900, 901, .result = (value))

// ---- jobs

static void a_job_that_is_done_or_still_there_is_fine(void **state) {
    (void)state;
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), FOUND_TAKEN(1));
    assert_innocent(PUSH(1, 1, 2), FOUND(1, 0));
    assert_innocent(PUSH(1, 1, 2), POP(1, 3, 4));
}

static void an_acknowledged_job_that_is_nowhere_is_lost(void **state) {
    (void)state;
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2));
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2), PUSH(2, 3, 4), FOUND(2, 0));
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2), MOVE(1, 3, 4));
}

static void an_unanswered_push_may_have_happened_or_not(void **state) {
    (void)state;
    assert_innocent(UNKNOWN(DEED_PUSH, 1, 1, 2));
    assert_innocent(UNKNOWN(DEED_PUSH, 1, 1, 2), FOUND(1, 0));
    struct verdict verdict = judge(EVENTS(UNKNOWN(DEED_PUSH, 1, 1, 2), FOUND(1, 0)), 2);
    assert_int_equal(verdict.recovered, 1);
    assert_int_equal(verdict.jobs, 1);
    assert_int_equal(verdict.acknowledged, 0);
    verdict_deinit(&verdict);
}

static void an_unanswered_push_that_was_seen_may_be_lost_no_more(void **state) {
    (void)state;
    assert_guilty(FAULT_LOST, UNKNOWN(DEED_PUSH, 1, 1, 2), MOVE(1, 3, 4));
    assert_guilty(FAULT_LOST, UNKNOWN(DEED_PUSH, 1, 1, 2), SEEN(1, 3, 4));
    assert_innocent(UNKNOWN(DEED_PUSH, 1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 1));
}

static void an_unanswered_removal_may_have_happened_or_not(void **state) {
    (void)state;
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), UNKNOWN(DEED_REMOVE, 1, 5, 6));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), UNKNOWN(DEED_REMOVE, 1, 5, 6), FOUND_TAKEN(1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), UNKNOWN(DEED_REMOVE, 1, 5, 6),
                    REMOVE(1, 7, 8, 0));
}

static void a_job_that_nobody_pushed_is_unexpected(void **state) {
    (void)state;
    assert_guilty(FAULT_UNEXPECTED, PUSH(1, 1, 2), POP(1, 3, 4), FOUND(2, 0));
    assert_guilty(FAULT_UNEXPECTED, MOVE(1, 3, 4));
    assert_guilty(FAULT_UNEXPECTED, RETURN(1, 3, 4), FOUND(1, 0));
    assert_guilty(FAULT_UNEXPECTED, SEEN(1, 3, 4));
    // ... also one that is pushed later: the future is not known to a server.
    assert_guilty(FAULT_UNEXPECTED, MOVE(1, 1, 2), PUSH(1, 3, 4), REMOVE(1, 5, 6, 1));
}

static void a_refused_push_that_happened_is_unexpected(void **state) {
    (void)state;
    struct verdict verdict = judge(EVENTS(REFUSED(DEED_PUSH, 1, 1, 2), FOUND(1, 0)), 2);
    assert_int_equal(verdict.faults[FAULT_UNEXPECTED], 1);
    assert_int_equal(verdict.faults[FAULT_REFUSED], 1);
    verdict_deinit(&verdict);
}

static void a_refusal_is_a_fault(void **state) {
    (void)state;
    assert_guilty(FAULT_REFUSED, REFUSED(DEED_PUSH, 1, 1, 2));
}

static void a_delivery_needs_a_copy_of_its_own(void **state) {
    (void)state;
    assert_guilty(FAULT_DUPLICATED, PUSH(1, 1, 2), MOVE(1, 3, 4), MOVE(1, 5, 6), FOUND_TAKEN(1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), RETURN(1, 5, 6), MOVE(1, 7, 8),
                    REMOVE(1, 9, 10, 1), FOUND_TAKEN(1));
    // A return that was not answered makes a copy, perhaps.
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), UNKNOWN(DEED_RETURN, 1, 5, 6), MOVE(1, 7, 8),
                    REMOVE(1, 9, 10, 1));
    // A return that comes after the second delivery does not explain it.
    assert_guilty(FAULT_DUPLICATED, PUSH(1, 1, 2), MOVE(1, 3, 4), MOVE(1, 5, 6), RETURN(1, 7, 8),
                  FOUND_TAKEN(1), FOUND(1, 0));
}

static void a_copy_too_many_at_the_end_is_a_duplicate(void **state) {
    (void)state;
    assert_guilty(FAULT_DUPLICATED, PUSH(1, 1, 2), FOUND(1, 0), FOUND_TAKEN(1));
}

static void a_removed_job_that_comes_back_is_returned_after_ack(void **state) {
    (void)state;
    assert_guilty(FAULT_RETURNED, PUSH(1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 1), FOUND_TAKEN(1));
    assert_guilty(FAULT_RETURNED, PUSH(1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 1), MOVE(1, 7, 8));
    assert_guilty(FAULT_RETURNED, PUSH(1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 1),
                  REMOVE(1, 7, 8, 1));
    assert_guilty(FAULT_RETURNED, PUSH(1, 1, 2), POP(1, 3, 4), FOUND(1, 0));
    assert_guilty(FAULT_RETURNED, PUSH(1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 1), SEEN(1, 7, 8));
}

static void a_removal_that_overlaps_a_delivery_is_no_proof(void **state) {
    (void)state;
    // The second worker's move may have come before the first one's removal.
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), UNKNOWN(DEED_RETURN, 1, 5, 6), MOVE(1, 7, 12),
                    REMOVE(1, 8, 11, 1), REMOVE(1, 13, 14, 1));
    assert_innocent(PUSH(1, 3, 6), MOVE(1, 2, 5), REMOVE(1, 7, 8, 1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), SEEN(1, 5, 8), REMOVE(1, 6, 7, 1));
}

static void a_taken_job_that_cannot_be_removed_is_lost(void **state) {
    (void)state;
    struct verdict verdict =
        judge(EVENTS(PUSH(1, 1, 2), MOVE(1, 3, 4), REMOVE(1, 5, 6, 0), FOUND_TAKEN(1)), 4);
    assert_int_equal(verdict.faults[FAULT_LOST], 1);
    assert_int_equal(verdict_faults(&verdict), 1);
    verdict_deinit(&verdict);
    // A sweeper was faster.
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), RETURN(1, 5, 6), REMOVE(1, 7, 8, 1),
                    REMOVE(1, 9, 10, 0), FOUND(1, 0));
}

static void a_job_in_another_list_is_unexpected(void **state) {
    (void)state;
    struct event stray = FOUND(1, 0);
    stray.place = 7;
    assert_guilty(FAULT_UNEXPECTED, PUSH(1, 1, 2), stray);
    stray.deed = DEED_FOUND_TAKEN;
    assert_guilty(FAULT_UNEXPECTED, PUSH(1, 1, 2), stray);
}

// ---- pops without an answer

static void an_unanswered_pop_explains_as_many_as_it_asked_for(void **state) {
    (void)state;
    assert_innocent(PUSH(1, 1, 2), UNKNOWN(DEED_POP, 0, 3, 4));
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2), PUSH(2, 3, 4), UNKNOWN(DEED_POP, 0, 5, 6));
    struct event two = UNKNOWN(DEED_POP, 0, 5, 6);
    two.amount = 2;
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), two);
}

static void an_unanswered_pop_explains_only_its_own_list_and_time(void **state) {
    (void)state;
    struct event elsewhere = UNKNOWN(DEED_POP, 0, 3, 4);
    elsewhere.place = 1;
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2), elsewhere);
    assert_guilty(FAULT_LOST, UNKNOWN(DEED_POP, 0, 1, 2), PUSH(1, 3, 4));
    // One pop that was over early and one late: each may have one, but not the other way round.
    assert_innocent(PUSH(1, 1, 2), UNKNOWN(DEED_POP, 0, 3, 4), PUSH(2, 5, 6),
                    UNKNOWN(DEED_POP, 0, 7, 8));
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2), UNKNOWN(DEED_POP, 0, 3, 4), PUSH(2, 5, 6),
                  UNKNOWN(DEED_POP, 0, 3, 5));
    assert_innocent(PUSH(1, 3, 4), UNKNOWN(DEED_POP, 0, 1, TICKET_NEVER));
}

// ---- order

static void a_later_job_may_not_overtake(void **state) {
    (void)state;
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), POP(1, 5, 6), POP(2, 7, 8));
    assert_guilty(FAULT_DISORDERED, PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 6), POP(1, 7, 8));
    assert_guilty(FAULT_DISORDERED, PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 6), FOUND(1, 0));
    assert_guilty(FAULT_DISORDERED, PUSH(1, 1, 2), PUSH(2, 3, 4), FOUND(2, 0), FOUND(1, 1));
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), FOUND(1, 0), FOUND(2, 1));
}

static void deliveries_that_overlap_have_no_order(void **state) {
    (void)state;
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 8), POP(1, 6, 7));
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 7), POP(1, 6, 8));
}

static void jobs_of_different_producers_or_lists_have_no_order(void **state) {
    (void)state;
    struct event other = PUSH(2, 3, 4);
    other.client = 2;
    assert_innocent(PUSH(1, 1, 2), other, POP(2, 5, 6), POP(1, 7, 8));
    struct event elsewhere = PUSH(2, 3, 4);
    struct event popped = POP(2, 5, 6);
    elsewhere.place = popped.place = 1;
    assert_innocent(PUSH(1, 1, 2), elsewhere, popped, POP(1, 7, 8));
}

static void a_job_that_was_returned_may_come_later(void **state) {
    (void)state;
    // A move without an answer took it; a sweeper gave it back behind the other one.
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), UNKNOWN(DEED_MOVE, 0, 5, 6), RETURN(1, 7, 8),
                    REMOVE(1, 9, 10, 1), MOVE(2, 11, 12), MOVE(1, 13, 14), REMOVE(2, 15, 16, 1),
                    REMOVE(1, 17, 18, 1));
    // Taken, the answer lost, not swept yet.
    assert_innocent(PUSH(1, 1, 2), PUSH(2, 3, 4), UNKNOWN(DEED_MOVE, 0, 5, 6), MOVE(2, 11, 12),
                    FOUND_TAKEN(1), FOUND_TAKEN(2));
}

static void an_unanswered_push_has_no_place_but_holds_back_nobody(void **state) {
    (void)state;
    struct event next = PUSH(2, 3, 4);
    next.connection = 2;
    assert_innocent(UNKNOWN(DEED_PUSH, 1, 1, 2), next, POP(2, 5, 6), FOUND(1, 0));
    assert_guilty(FAULT_DISORDERED, PUSH(1, 1, 2), UNKNOWN(DEED_PUSH, 2, 3, 4), POP(2, 5, 6),
                  POP(1, 7, 8));
}

// ---- notes

static void the_last_word_on_a_note_counts(void **state) {
    (void)state;
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), CLAIM(1, 5, 6), FOUND_TAKEN(1), FOUND_CLAIM(1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), CLAIM(1, 5, 6), UNCLAIM(1, 7, 8), FOUND_TAKEN(1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), CLAIM(1, 5, 6), UNKNOWN(DEED_UNCLAIM, 1, 7, 8),
                    FOUND_TAKEN(1), FOUND_CLAIM(1));
    assert_innocent(PUSH(1, 1, 2), MOVE(1, 3, 4), CLAIM(1, 5, 8), UNCLAIM(1, 6, 7), FOUND_TAKEN(1),
                    FOUND_CLAIM(1));
    assert_guilty(FAULT_LOST, PUSH(1, 1, 2), MOVE(1, 3, 4), CLAIM(1, 5, 6), FOUND_TAKEN(1));
    assert_guilty(FAULT_RETURNED, PUSH(1, 1, 2), MOVE(1, 3, 4), CLAIM(1, 5, 6), UNCLAIM(1, 7, 8),
                  FOUND_TAKEN(1), FOUND_CLAIM(1));
    assert_guilty(FAULT_UNEXPECTED, PUSH(1, 1, 2), FOUND(1, 0), FOUND_CLAIM(1));
}

// ---- counters

static void a_counter_stays_between_acknowledged_and_attempted(void **state) {
    (void)state;
    assert_innocent(COUNT(1, 2, 1), COUNT(3, 4, 2), READ(5, 6, 2), FOUND_COUNT(2));
    assert_innocent(COUNT(1, 2, 1), UNKNOWN(DEED_COUNT, 0, 3, 4), FOUND_COUNT(1));
    assert_innocent(COUNT(1, 2, 1), UNKNOWN(DEED_COUNT, 0, 3, 4), FOUND_COUNT(2));
    assert_guilty(FAULT_MISCOUNTED, COUNT(1, 2, 1), COUNT(3, 4, 2), FOUND_COUNT(1));
    assert_guilty(FAULT_MISCOUNTED, COUNT(1, 2, 1), UNKNOWN(DEED_COUNT, 0, 3, 4), FOUND_COUNT(3));
    assert_guilty(FAULT_MISCOUNTED, COUNT(1, 2, 1), READ(3, 4, 0), FOUND_COUNT(1));
}

static void two_steps_with_one_number_are_a_fault(void **state) {
    (void)state;
    assert_guilty(FAULT_MISCOUNTED, COUNT(1, 4, 1), COUNT(2, 3, 1), UNKNOWN(DEED_COUNT, 0, 5, 6),
                  FOUND_COUNT(2));
}

static void what_was_told_stays_true(void **state) {
    (void)state;
    // The step has no answer, but somebody read it.
    assert_innocent(COUNT(1, 2, 1), UNKNOWN(DEED_COUNT, 0, 3, 4), READ(5, 6, 2), FOUND_COUNT(2));
    assert_guilty(FAULT_MISCOUNTED, COUNT(1, 2, 1), UNKNOWN(DEED_COUNT, 0, 3, 4), READ(5, 6, 2),
                  FOUND_COUNT(1));
    struct event other = FOUND_COUNT(0);
    other.place = 1;
    assert_innocent(COUNT(1, 2, 1), FOUND_COUNT(1), other);
}

// ---- the file

static void a_saved_history_is_judged_alike(void **state) {
    (void)state;
    const struct event events[] = {PUSH(0xabcdef0123456789, 1, 2), UNKNOWN(DEED_POP, 0, 0, 1),
                                   FOUND_CLAIM(7), REFUSED(DEED_RETURN, 3, 5, TICKET_NEVER)};
    struct history history = {0};
    struct history again = {0};
    for (size_t i = 0; i < 4; i++)
        history_add(&history, &events[i]);
    char path[] = "/tmp/soak-history-XXXXXX";
    close(mkstemp(path));
    assert_true(history_save(&history, path));
    assert_true(history_load(&again, path));
    unlink(path);
    assert_int_equal(again.len, 4);
    const size_t order[] = {1, 0, 3, 2}; // as they were invoked
    for (size_t i = 0; i < 4; i++)
        assert_memory_equal(&again.events[i], &events[order[i]], sizeof events[0]);
    history_deinit(&history);
    history_deinit(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_is_done_or_still_there_is_fine),
        cmocka_unit_test(an_acknowledged_job_that_is_nowhere_is_lost),
        cmocka_unit_test(an_unanswered_push_may_have_happened_or_not),
        cmocka_unit_test(an_unanswered_push_that_was_seen_may_be_lost_no_more),
        cmocka_unit_test(an_unanswered_removal_may_have_happened_or_not),
        cmocka_unit_test(a_job_that_nobody_pushed_is_unexpected),
        cmocka_unit_test(a_refused_push_that_happened_is_unexpected),
        cmocka_unit_test(a_refusal_is_a_fault),
        cmocka_unit_test(a_delivery_needs_a_copy_of_its_own),
        cmocka_unit_test(a_copy_too_many_at_the_end_is_a_duplicate),
        cmocka_unit_test(a_removed_job_that_comes_back_is_returned_after_ack),
        cmocka_unit_test(a_removal_that_overlaps_a_delivery_is_no_proof),
        cmocka_unit_test(a_taken_job_that_cannot_be_removed_is_lost),
        cmocka_unit_test(a_job_in_another_list_is_unexpected),
        cmocka_unit_test(an_unanswered_pop_explains_as_many_as_it_asked_for),
        cmocka_unit_test(an_unanswered_pop_explains_only_its_own_list_and_time),
        cmocka_unit_test(a_later_job_may_not_overtake),
        cmocka_unit_test(deliveries_that_overlap_have_no_order),
        cmocka_unit_test(jobs_of_different_producers_or_lists_have_no_order),
        cmocka_unit_test(a_job_that_was_returned_may_come_later),
        cmocka_unit_test(an_unanswered_push_has_no_place_but_holds_back_nobody),
        cmocka_unit_test(the_last_word_on_a_note_counts),
        cmocka_unit_test(a_counter_stays_between_acknowledged_and_attempted),
        cmocka_unit_test(two_steps_with_one_number_are_a_fault),
        cmocka_unit_test(what_was_told_stays_true),
        cmocka_unit_test(a_saved_history_is_judged_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
