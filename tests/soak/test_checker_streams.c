// Histories of streams by hand, good and bad.
#include "tests/soak/test_history.h"

#define GROUP                          ANSWERED(DEED_GROUP, 0, 0, 0, .result = 0)
#define ADD(job, id, from, to)         ANSWERED(DEED_ADD, job, from, to, .result = (id))
#define TAKE(job, id, from, to)        ANSWERED(DEED_TAKE, job, from, to, .result = (id))
#define RECLAIM(job, id, from, to)     ANSWERED(DEED_RECLAIM, job, from, to, .result = (id))
#define ACK(job, from, to, result_)    ANSWERED(DEED_ACK, job, from, to, .result = (result_))
#define DELETE(job, from, to, result_) ANSWERED(DEED_DELETE, job, from, to, .result = (result_))
#define ACK_DELETE(job, from, to, result_)                                                         \
    ANSWERED(DEED_ACK_DELETE, job, from, to, .result = (result_))
#define PENDING(id, from, to)          ANSWERED(DEED_PENDING, 0, from, to, .result = (id))
#define LENGTH(from, to, value)        ANSWERED(DEED_LENGTH, 0, from, to, .result = (value))
#define PENDING_COUNT(from, to, value) ANSWERED(DEED_PENDING_COUNT, 0, from, to, .result = (value))
#define FOUND_ENTRY(job, id)           ANSWERED(DEED_FOUND_ENTRY, job, 900, 901, .result = (id))
#define FOUND_NEW(job, id)             ANSWERED(DEED_FOUND_NEW, job, 920, 921, .result = (id))
// Delivered at most nine times.
#define FOUND_PENDING(id)                                                                          \
    {                                                                                              \
        .deed = DEED_FOUND_PENDING, .invoked = 910, .completed = 911, .result = (id),              \
        .outcome = OUTCOME_ANSWERED, .amount = 9                                                   \
    }
#define UNKNOWN_TAKE(from, to, amount_)                                                            \
    {                                                                                              \
        .deed = DEED_TAKE, .invoked = (from), .completed = (to), .client = 1, .connection = 1,     \
        .outcome = OUTCOME_UNKNOWN, .amount = (amount_)                                            \
    }
#define ENTRY(ms, sequence) ((int64_t)(ms) << ENTRY_SEQUENCE_BITS | (sequence))

// ---- the life of an entry

static void an_entry_is_new_or_pending_or_acknowledged(void **state) {
    (void)state;
    assert_innocent(GROUP, ADD(1, 10, 1, 2), FOUND_ENTRY(1, 10), FOUND_NEW(1, 10));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), FOUND_ENTRY(1, 10),
                    FOUND_PENDING(10));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                    FOUND_ENTRY(1, 10));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                    DELETE(1, 7, 8, 1));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK_DELETE(1, 5, 6, 1));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), RECLAIM(1, 10, 5, 6),
                    ACK(1, 7, 8, 1), FOUND_ENTRY(1, 10));
}

static void an_acknowledged_entry_that_is_not_in_the_stream_is_lost(void **state) {
    (void)state;
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2));
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1));
    // ... also one whose add was not answered, once somebody saw it.
    assert_innocent(GROUP, UNKNOWN(DEED_ADD, 1, 1, 2));
    assert_guilty(FAULT_LOST, GROUP, UNKNOWN(DEED_ADD, 1, 1, 2), TAKE(1, 10, 3, 4));
    assert_innocent(GROUP, UNKNOWN(DEED_ADD, 1, 1, 2), FOUND_ENTRY(1, 10), FOUND_NEW(1, 10));
}

static void an_entry_that_nobody_acknowledged_is_owed_to_the_group(void **state) {
    (void)state;
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), FOUND_ENTRY(1, 10));
    // An acknowledgement without an answer may have happened.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), UNKNOWN(DEED_ACK, 1, 5, 6),
                    FOUND_ENTRY(1, 10));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), UNKNOWN(DEED_ACK, 1, 5, 6),
                    FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    // A group that does not exist is owed nothing.
    assert_innocent(ADD(1, 10, 1, 2), FOUND_ENTRY(1, 10));
}

static void each_group_of_a_stream_is_judged_by_itself(void **state) {
    (void)state;
    struct event second = GROUP;
    second.place = 1;
    struct event taken = TAKE(1, 10, 3, 4);
    taken.place = 1;
    struct event found = FOUND_PENDING(10);
    found.place = 1;
    assert_innocent(GROUP, second, ADD(1, 10, 1, 2), taken, FOUND_ENTRY(1, 10), found,
                    FOUND_NEW(1, 10));
    assert_guilty(FAULT_LOST, GROUP, second, ADD(1, 10, 1, 2), taken, FOUND_ENTRY(1, 10),
                  FOUND_NEW(1, 10));
    assert_innocent(GROUP, second, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), taken, ACK(1, 5, 6, 1),
                    FOUND_ENTRY(1, 10), found);
}

static void a_pending_entry_whose_entry_is_gone_is_lost(void **state) {
    (void)state;
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  UNKNOWN(DEED_ACK_DELETE, 1, 5, 6), FOUND_PENDING(10));
}

static void what_cannot_be_acknowledged_or_deleted_is_lost(void **state) {
    (void)state;
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 0),
                  FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK_DELETE(1, 5, 6, -1),
                  FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_LOST, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  DELETE(1, 7, 8, 0));
    // Somebody else did it, or may have.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), RECLAIM(1, 10, 5, 6),
                    ACK(1, 7, 8, 1), DELETE(1, 9, 10, 1), ACK(1, 11, 12, 0), DELETE(1, 13, 14, 0));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), UNKNOWN(DEED_ACK_DELETE, 1, 5, 6),
                    ACK_DELETE(1, 7, 8, -1));
    // One of several in a request: whether it was this one is not told.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, RESULT_EITHER),
                    FOUND_ENTRY(1, 10));
}

// ---- twice

static void a_new_entry_is_given_out_once(void **state) {
    (void)state;
    assert_guilty(FAULT_DUPLICATED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 6), TAKE(1, 10, 4, 5),
                  FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    assert_guilty(FAULT_DUPLICATED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), TAKE(1, 10, 5, 6),
                  FOUND_ENTRY(1, 10), FOUND_PENDING(10));
}

static void what_was_pending_is_not_new(void **state) {
    (void)state;
    assert_guilty(FAULT_DUPLICATED, GROUP, ADD(1, 10, 1, 2), UNKNOWN_TAKE(3, 4, 1),
                  RECLAIM(1, 10, 5, 6), TAKE(1, 10, 7, 8), FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    assert_guilty(FAULT_DUPLICATED, GROUP, ADD(1, 10, 1, 2), UNKNOWN_TAKE(3, 4, 1),
                  PENDING(10, 5, 6), FOUND_ENTRY(1, 10), FOUND_NEW(1, 10));
    assert_guilty(FAULT_DUPLICATED, GROUP, ADD(1, 10, 1, 2), UNKNOWN_TAKE(3, 4, 1),
                  FOUND_ENTRY(1, 10), FOUND_PENDING(10), FOUND_NEW(1, 10));
}

static void an_entry_has_one_id(void **state) {
    (void)state;
    assert_guilty(FAULT_DUPLICATED, GROUP, ADD(1, 10, 1, 2), FOUND_ENTRY(1, 10), FOUND_ENTRY(1, 11),
                  FOUND_NEW(1, 10));
}

// ---- after the acknowledgement

static void what_is_acknowledged_does_not_come_back(void **state) {
    (void)state;
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  RECLAIM(1, 10, 7, 8), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  PENDING(10, 7, 8), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  FOUND_ENTRY(1, 10), FOUND_NEW(1, 10));
    // "Not pending" is as good as an acknowledgement.
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  UNKNOWN(DEED_ACK, 1, 5, 6), ACK(1, 7, 8, 0), FOUND_ENTRY(1, 10),
                  FOUND_PENDING(10));
    // What overlaps is no proof.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 8, 1),
                    RECLAIM(1, 10, 6, 7), FOUND_ENTRY(1, 10));
}

static void an_acknowledgement_counts_once(void **state) {
    (void)state;
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  ACK(1, 7, 8, 1), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  DELETE(1, 7, 8, 1), DELETE(1, 9, 10, 1));
}

static void a_deleted_entry_does_not_come_back(void **state) {
    (void)state;
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  ACK_DELETE(1, 5, 6, 1), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_RETURNED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  UNKNOWN(DEED_ACK, 1, 5, 9), DELETE(1, 6, 7, 1), RECLAIM(1, 10, 8, 9));
    // Nothing pending, nothing deleted: XACKDEL of what another only acknowledged.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                    ACK_DELETE(1, 7, 8, -1), FOUND_ENTRY(1, 10));
}

// ---- what nobody did

static void an_entry_that_nobody_added_is_unexpected(void **state) {
    (void)state;
    assert_guilty(FAULT_UNEXPECTED, GROUP, FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_UNEXPECTED, GROUP, TAKE(1, 10, 1, 2), ADD(1, 10, 3, 4), FOUND_ENTRY(1, 10),
                  FOUND_PENDING(10));
    struct event elsewhere = TAKE(1, 10, 3, 4);
    elsewhere.place = STREAM_GROUPS_MAX;
    assert_guilty(FAULT_UNEXPECTED, GROUP, ADD(1, 10, 1, 2), elsewhere, UNKNOWN(DEED_ACK, 1, 5, 6),
                  FOUND_ENTRY(1, 10));
}

static void an_id_has_one_entry(void **state) {
    (void)state;
    struct event other = ADD(2, 10, 2, 4);
    other.connection = 2;
    assert_guilty(FAULT_UNEXPECTED, ADD(1, 10, 1, 3), other, FOUND_ENTRY(1, 10),
                  FOUND_ENTRY(2, 10));
}

static void a_pending_id_that_nobody_saw_is_unexpected(void **state) {
    (void)state;
    assert_guilty(FAULT_UNEXPECTED, GROUP, PENDING(10, 1, 2));
    assert_guilty(FAULT_UNEXPECTED, GROUP, FOUND_PENDING(10));
}

static void an_unanswered_take_explains_as_many_as_it_asked_for(void **state) {
    (void)state;
    assert_guilty(FAULT_UNEXPECTED, GROUP, ADD(1, 10, 1, 2), FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), UNKNOWN_TAKE(3, 4, 1), FOUND_ENTRY(1, 10),
                    FOUND_PENDING(10));
    assert_guilty(FAULT_UNEXPECTED, GROUP, ADD(1, 10, 1, 2), ADD(2, 11, 3, 4),
                  UNKNOWN_TAKE(5, 6, 1), FOUND_ENTRY(1, 10), FOUND_ENTRY(2, 11), FOUND_PENDING(10),
                  FOUND_PENDING(11));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), ADD(2, 11, 3, 4), UNKNOWN_TAKE(5, 6, 2),
                    FOUND_ENTRY(1, 10), FOUND_ENTRY(2, 11), FOUND_PENDING(10), FOUND_PENDING(11));
    // It was asked for after the entry was already pending.
    assert_guilty(FAULT_UNEXPECTED, GROUP, ADD(1, 10, 1, 2), RECLAIM(1, 10, 3, 4),
                  UNKNOWN_TAKE(5, 6, 1), FOUND_ENTRY(1, 10), FOUND_PENDING(10));
}

static void a_refused_add_is_a_fault(void **state) {
    (void)state;
    assert_guilty(FAULT_REFUSED, GROUP, REFUSED(DEED_ADD, 1, 1, 2));
}

// ---- order

static void ids_ascend(void **state) {
    (void)state;
    assert_guilty(FAULT_DISORDERED, ADD(1, 11, 1, 2), ADD(2, 10, 3, 4), FOUND_ENTRY(1, 11),
                  FOUND_ENTRY(2, 10));
    // On one connection also while they overlap.
    assert_guilty(FAULT_DISORDERED, ADD(1, 11, 1, 3), ADD(2, 10, 2, 4), FOUND_ENTRY(1, 11),
                  FOUND_ENTRY(2, 10));
    struct event other = ADD(2, 10, 2, 4);
    other.connection = 2;
    assert_innocent(ADD(1, 11, 1, 3), other, FOUND_ENTRY(1, 11), FOUND_ENTRY(2, 10));
    // Also above the id of an entry that is gone, and of one that was added without an answer.
    assert_guilty(FAULT_DISORDERED, ADD(1, 11, 1, 2), TAKE(1, 11, 3, 4), ACK_DELETE(1, 5, 6, 1),
                  ADD(2, 10, 7, 8), FOUND_ENTRY(2, 10));
    assert_guilty(FAULT_DISORDERED, UNKNOWN(DEED_ADD, 1, 1, 2), ADD(2, 10, 3, 4),
                  FOUND_ENTRY(1, 11), FOUND_ENTRY(2, 10));
    // Streams have ids of their own.
    struct event elsewhere = ADD(2, 10, 3, 4);
    elsewhere.place = STREAM_GROUPS_MAX;
    struct event found = FOUND_ENTRY(2, 10);
    found.place = STREAM_GROUPS_MAX;
    assert_innocent(ADD(1, 11, 1, 2), elsewhere, FOUND_ENTRY(1, 11), found);
}

static void a_group_gives_out_new_entries_in_order(void **state) {
    (void)state;
    assert_guilty(FAULT_DISORDERED, GROUP, ADD(1, 10, 1, 2), ADD(2, 11, 3, 4), TAKE(2, 11, 5, 6),
                  TAKE(1, 10, 7, 8), FOUND_ENTRY(1, 10), FOUND_ENTRY(2, 11), FOUND_PENDING(10),
                  FOUND_PENDING(11));
    assert_guilty(FAULT_DISORDERED, GROUP, ADD(1, 10, 1, 2), ADD(2, 11, 3, 4), TAKE(2, 11, 5, 6),
                  FOUND_ENTRY(1, 10), FOUND_ENTRY(2, 11), FOUND_PENDING(11), FOUND_NEW(1, 10));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), ADD(2, 11, 3, 4), TAKE(2, 11, 5, 7), TAKE(1, 10, 6, 8),
                    FOUND_ENTRY(1, 10), FOUND_ENTRY(2, 11), FOUND_PENDING(10), FOUND_PENDING(11));
    // Claims have none.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), ADD(2, 11, 3, 4), TAKE(1, 10, 5, 6), TAKE(2, 11, 7, 8),
                    RECLAIM(2, 11, 9, 10), RECLAIM(1, 10, 11, 12), FOUND_ENTRY(1, 10),
                    FOUND_ENTRY(2, 11), FOUND_PENDING(10), FOUND_PENDING(11));
}

// ---- numbers

static void a_length_stays_between_what_is_certain_and_what_is_possible(void **state) {
    (void)state;
    assert_innocent(ADD(1, 10, 1, 2), LENGTH(3, 4, 1), FOUND_ENTRY(1, 10));
    assert_innocent(ADD(1, 10, 1, 4), LENGTH(2, 3, 0), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_MISCOUNTED, ADD(1, 10, 1, 2), LENGTH(3, 4, 0), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_MISCOUNTED, ADD(1, 10, 1, 2), LENGTH(3, 4, 2), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_MISCOUNTED, LENGTH(1, 2, 1), ADD(1, 10, 3, 4), FOUND_ENTRY(1, 10));
    assert_guilty(FAULT_MISCOUNTED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  ACK_DELETE(1, 5, 6, 1), LENGTH(7, 8, 1));
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK_DELETE(1, 5, 8, 1),
                    LENGTH(6, 7, 1), LENGTH(6, 7, 0));
}

static void a_count_of_pending_entries_does_so_too(void **state) {
    (void)state;
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), PENDING_COUNT(5, 6, 1),
                    FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    assert_guilty(FAULT_MISCOUNTED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  PENDING_COUNT(5, 6, 0), FOUND_ENTRY(1, 10), FOUND_PENDING(10));
    assert_guilty(FAULT_MISCOUNTED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), ACK(1, 5, 6, 1),
                  PENDING_COUNT(7, 8, 1), FOUND_ENTRY(1, 10));
    // It may be with a take that was not answered.
    assert_innocent(GROUP, ADD(1, 10, 1, 2), UNKNOWN_TAKE(3, 4, 1), PENDING_COUNT(5, 6, 1),
                    FOUND_ENTRY(1, 10), FOUND_PENDING(10));
}

static void each_delivery_is_counted(void **state) {
    (void)state;
    struct event once = FOUND_PENDING(10);
    once.amount = 1;
    struct event twice = FOUND_PENDING(10);
    twice.amount = 2;
    assert_innocent(GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4), RECLAIM(1, 10, 5, 6),
                    FOUND_ENTRY(1, 10), twice);
    assert_guilty(FAULT_MISCOUNTED, GROUP, ADD(1, 10, 1, 2), TAKE(1, 10, 3, 4),
                  RECLAIM(1, 10, 5, 6), FOUND_ENTRY(1, 10), once);
}

// ---- ids

static void ids_are_numbers_that_ascend(void **state) {
    (void)state;
    int64_t id = 0;
    char text[ENTRY_TEXT_MAX];
    assert_true(entry_id(SLICE("1795459200123-7"), &id));
    assert_int_equal(id, ENTRY(1795459200123, 7));
    assert_true(slice_equal(entry_id_text(id, text), SLICE("1795459200123-7")));
    static const char *const bad[] = {"", "-", "1", "1-", "-1", "x-1", "1-x", "0-1", "1-1048576"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(entry_id(slice_str(bad[i]), &id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_new_or_pending_or_acknowledged),
        cmocka_unit_test(an_acknowledged_entry_that_is_not_in_the_stream_is_lost),
        cmocka_unit_test(an_entry_that_nobody_acknowledged_is_owed_to_the_group),
        cmocka_unit_test(each_group_of_a_stream_is_judged_by_itself),
        cmocka_unit_test(a_pending_entry_whose_entry_is_gone_is_lost),
        cmocka_unit_test(what_cannot_be_acknowledged_or_deleted_is_lost),
        cmocka_unit_test(a_new_entry_is_given_out_once),
        cmocka_unit_test(what_was_pending_is_not_new),
        cmocka_unit_test(an_entry_has_one_id),
        cmocka_unit_test(what_is_acknowledged_does_not_come_back),
        cmocka_unit_test(an_acknowledgement_counts_once),
        cmocka_unit_test(a_deleted_entry_does_not_come_back),
        cmocka_unit_test(an_entry_that_nobody_added_is_unexpected),
        cmocka_unit_test(an_id_has_one_entry),
        cmocka_unit_test(a_pending_id_that_nobody_saw_is_unexpected),
        cmocka_unit_test(an_unanswered_take_explains_as_many_as_it_asked_for),
        cmocka_unit_test(a_refused_add_is_a_fault),
        cmocka_unit_test(ids_ascend),
        cmocka_unit_test(a_group_gives_out_new_entries_in_order),
        cmocka_unit_test(a_length_stays_between_what_is_certain_and_what_is_possible),
        cmocka_unit_test(a_count_of_pending_entries_does_so_too),
        cmocka_unit_test(each_delivery_is_counted),
        cmocka_unit_test(ids_are_numbers_that_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
