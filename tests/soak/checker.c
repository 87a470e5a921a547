// Jobs of lists one by one: every event of a job, in the order of invocation, is a group.
//
// What is counted are copies. A push or return makes one, an acknowledged removal or a pop takes
// one away, a move keeps their number. Lower and upper bounds of what happened at a moment come
// from tickets: "surely before t" is completed before t, "perhaps before t" is invoked before t.
#include "tests/soak/checker.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

static const char *const fault_words[FAULT_COUNT_OF] = {
    [FAULT_LOST] = "lost",
    [FAULT_DUPLICATED] = "duplicated",
    [FAULT_UNEXPECTED] = "unexpected",
    [FAULT_RETURNED] = "returned after ack",
    [FAULT_DISORDERED] = "out of order",
    [FAULT_MISCOUNTED] = "miscounted",
    [FAULT_REFUSED] = "refused",
};

// ---- the verdict

void verdict_deinit(struct verdict *verdict) {
    buf_deinit(&verdict->notes);
    *verdict = (struct verdict){0};
}

void verdict_add(struct verdict *verdict, const struct verdict *more) {
    verdict->jobs += more->jobs;
    verdict->acknowledged += more->acknowledged;
    verdict->recovered += more->recovered;
    verdict->deliveries += more->deliveries;
    verdict->returns += more->returns;
    verdict->entries += more->entries;
    verdict->reclaims += more->reclaims;
    verdict->events += more->events;
    for (size_t i = 0; i < FAULT_COUNT_OF; i++)
        verdict->faults[i] += more->faults[i];
    buf_append_slice(&verdict->notes, buf_slice(&more->notes));
    verdict->notes_len += more->notes_len;
}

uint64_t verdict_faults(const struct verdict *verdict) {
    uint64_t sum = 0;
    for (size_t i = 0; i < FAULT_COUNT_OF; i++)
        sum += verdict->faults[i];
    return sum;
}

void verdict_say(struct verdict *verdict, const char *what, uint64_t job, const char *why) {
    if (verdict->notes_len++ >= VERDICT_NOTES_MAX) return;
    buf_printf(&verdict->notes, "%s: %016" PRIx64 ": %s\n", what, job, why);
}

void verdict_accuse(struct verdict *verdict, enum fault_kind kind, uint64_t job, const char *why) {
    verdict->faults[kind]++;
    verdict_say(verdict, fault_words[kind], job, why);
}

// ---- one job

struct group {
    const struct event *events;
    size_t len;
    struct verdict *verdict;
    const struct event *push; // the first one that may have happened; NULL: none
};

static bool is_refused(const struct event *event) {
    return event->outcome == OUTCOME_REFUSED;
}

static bool is_answered(const struct event *event) {
    return event->outcome == OUTCOME_ANSWERED;
}

static bool is_entry(const struct event *event) {
    return (event->deed == DEED_PUSH || event->deed == DEED_RETURN) && !is_refused(event);
}

static bool is_delivery(const struct event *event) {
    return (event->deed == DEED_MOVE || event->deed == DEED_POP) && is_answered(event);
}

static bool is_removal(const struct event *event) { // one that certainly happened
    if (!is_answered(event)) return false;
    return event->deed == DEED_POP || (event->deed == DEED_REMOVE && event->result > 0);
}

static bool is_perhaps_removal(const struct event *event) {
    return is_removal(event) || (event->deed == DEED_REMOVE && event->outcome == OUTCOME_UNKNOWN);
}

static int64_t count_of(const struct group *group, bool (*is_one)(const struct event *)) {
    int64_t count = 0;
    for (size_t i = 0; i < group->len; i++)
        count += is_one(&group->events[i]);
    return count;
}

static int64_t invoked_before(const struct group *group, bool (*is_one)(const struct event *),
                              uint64_t ticket) {
    int64_t count = 0;
    for (size_t i = 0; i < group->len; i++)
        count += is_one(&group->events[i]) && group->events[i].invoked < ticket;
    return count;
}

static int64_t completed_before(const struct group *group, bool (*is_one)(const struct event *),
                                uint64_t ticket) {
    int64_t count = 0;
    for (size_t i = 0; i < group->len; i++)
        count += is_one(&group->events[i]) && group->events[i].completed < ticket;
    return count;
}

static void accuse(const struct group *group, enum fault_kind kind, const char *why) {
    verdict_accuse(group->verdict, kind, group->events[0].job, why);
}

// A copy had to be there to be moved, popped or removed by `event`.
static void check_copy_was_there(const struct group *group, const struct event *event) {
    int64_t entered = invoked_before(group, is_entry, event->completed);
    int64_t removed = completed_before(group, is_removal, event->invoked);
    if (entered == 0) {
        accuse(group, FAULT_UNEXPECTED, "seen before anybody pushed it");
    } else if (entered <= removed) {
        accuse(group, FAULT_RETURNED, "seen again after all its copies were removed");
    }
}

// Each delivery takes a copy of its own out of the list.
static void check_delivery(const struct group *group, const struct event *event) {
    check_copy_was_there(group, event);
    int64_t entered = invoked_before(group, is_entry, event->completed);
    int64_t removed = completed_before(group, is_removal, event->invoked);
    int64_t delivered = completed_before(group, is_delivery, event->completed) + 1;
    if (entered > removed && delivered > entered) {
        accuse(group, FAULT_DUPLICATED, "given out again, and nobody returned it");
    }
    if (group->push != NULL && event->place != group->push->place) {
        accuse(group, FAULT_UNEXPECTED, "given out by another list");
    }
}

static bool is_move(const struct event *event) {
    return event->deed == DEED_MOVE && is_answered(event);
}

// "Not there" is only true when all copies that were surely moved may have been removed.
static void check_removal(const struct group *group, const struct event *event) {
    if (event->result == 1) {
        check_copy_was_there(group, event);
    } else if (event->result == 0) {
        int64_t taken = completed_before(group, is_move, event->invoked);
        int64_t removed = invoked_before(group, is_perhaps_removal, event->completed);
        if (taken > removed) accuse(group, FAULT_LOST, "not in the processing list it went to");
    } else {
        accuse(group, FAULT_UNEXPECTED, "removed more than once by one request");
    }
}

static bool is_found(const struct event *event) {
    return event->deed == DEED_FOUND || event->deed == DEED_FOUND_TAKEN;
}

static bool is_certain_entry(const struct event *event) {
    return is_entry(event) && is_answered(event);
}

static bool is_return(const struct event *event) {
    return event->deed == DEED_RETURN;
}

static bool is_seen(const struct event *event) {
    return event->deed == DEED_SEEN && is_answered(event);
}

// Whether an unanswered push left traces: then it happened, and may be lost no more.
static bool has_traces(const struct group *group) {
    return count_of(group, is_delivery) + count_of(group, is_seen) + count_of(group, is_removal) +
               count_of(group, is_return) + count_of(group, is_found) >
           0;
}

// The account at the end. True: one copy is missing, and a pop without an answer may have it.
static bool settle(const struct group *group) {
    int64_t found = count_of(group, is_found);
    int64_t entered_most = count_of(group, is_entry);
    int64_t entered_least = count_of(group, is_certain_entry);
    bool is_push_unknown = group->push != NULL && group->push->outcome == OUTCOME_UNKNOWN;
    if (is_push_unknown && has_traces(group)) {
        entered_least++;
        group->verdict->recovered++;
    }
    int64_t removed_least = count_of(group, is_removal);
    int64_t removed_most = count_of(group, is_perhaps_removal);
    if (group->push == NULL && count_of(group, is_return) > 0) {
        accuse(group, FAULT_UNEXPECTED, "returned by a sweeper, and nobody pushed it");
        return false;
    }
    if (found > 0 && entered_most == 0) {
        accuse(group, FAULT_UNEXPECTED, "found at the end, and nobody pushed it");
    } else if (found > 0 && found > entered_most - removed_least) {
        bool was_removed = removed_least > 0;
        accuse(group, was_removed ? FAULT_RETURNED : FAULT_DUPLICATED,
               "found at the end too often");
    }
    return found < entered_least - removed_most;
}

// ---- the notes on jobs (a hash of claims)

static bool is_claim(const struct event *event) {
    return event->deed == DEED_CLAIM && !is_refused(event);
}

static bool is_unclaim(const struct event *event) {
    return event->deed == DEED_UNCLAIM && !is_refused(event);
}

static bool is_found_claim(const struct event *event) {
    return event->deed == DEED_FOUND_CLAIM;
}

// Whether some answered `is_this` came after everything of the other kind was over: the last word.
static bool has_last_word(const struct group *group, bool (*is_this)(const struct event *),
                          bool (*is_other)(const struct event *)) {
    int64_t others = count_of(group, is_other);
    for (size_t i = 0; i < group->len; i++) {
        const struct event *event = &group->events[i];
        if (!is_this(event) || !is_answered(event)) continue;
        if (completed_before(group, is_other, event->invoked) == others) return true;
    }
    return false;
}

static void check_claims(const struct group *group) {
    int64_t claims = count_of(group, is_claim);
    if (count_of(group, is_found_claim) > 0) {
        if (claims == 0) {
            accuse(group, FAULT_UNEXPECTED, "a note that nobody wrote");
        } else if (has_last_word(group, is_unclaim, is_claim)) {
            accuse(group, FAULT_RETURNED, "its note is there after it was removed");
        }
    } else if (has_last_word(group, is_claim, is_unclaim)) {
        accuse(group, FAULT_LOST, "its note is gone, and nobody removed it");
    }
}

static bool check_job(struct group *group) {
    for (size_t i = 0; i < group->len && group->push == NULL; i++) {
        const struct event *event = &group->events[i];
        if (event->deed == DEED_PUSH && !is_refused(event)) group->push = event;
    }
    for (size_t i = 0; i < group->len; i++) {
        const struct event *event = &group->events[i];
        if (is_delivery(event)) check_delivery(group, event);
        if (is_seen(event)) check_copy_was_there(group, event);
        if (event->deed == DEED_REMOVE && is_answered(event)) check_removal(group, event);
        if (is_found(event) && group->push != NULL && event->place != group->push->place) {
            accuse(group, FAULT_UNEXPECTED, "found in another list");
        }
    }
    check_claims(group);
    return settle(group);
}

// ---- pops without an answer: they may have taken jobs, nobody knows which

struct missing {
    uint64_t job;
    uint64_t invoked; // of its push: a pop that was over before cannot have it
    uint8_t place;
};

struct sweep { // the missing jobs and the unknown pops of all lists
    struct missing *missing;
    size_t missing_len;
    const struct event **pops;
    size_t pops_len;
};

static int latest_missing_first(const void *a, const void *b) {
    const struct missing *first = a;
    const struct missing *second = b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    return (first->invoked < second->invoked) - (first->invoked > second->invoked);
}

static int latest_pop_first(const void *a, const void *b) {
    const struct event *first = *(const struct event *const *)a;
    const struct event *second = *(const struct event *const *)b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    return (first->completed < second->completed) - (first->completed > second->completed);
}

// A job can only be with a pop that was not over when the job was pushed. The latest job has the
// fewest pops to choose from and those serve all earlier jobs too, so taking jobs and pops latest
// first finds a place for as many as possible.
static void check_missing(struct sweep *sweep, struct verdict *verdict) {
    if (sweep->missing_len == 0) return;
    qsort(sweep->missing, sweep->missing_len, sizeof *sweep->missing, latest_missing_first);
    if (sweep->pops_len > 0) {
        qsort(sweep->pops, sweep->pops_len, sizeof(const struct event *), latest_pop_first);
    }
    size_t pop = 0;
    uint64_t room = 0;
    for (size_t i = 0; i < sweep->missing_len; i++) {
        const struct missing *missing = &sweep->missing[i];
        if (i == 0 || missing[-1].place != missing->place) room = 0;
        while (pop < sweep->pops_len && sweep->pops[pop]->place < missing->place)
            pop++;
        while (pop < sweep->pops_len && sweep->pops[pop]->place == missing->place &&
               sweep->pops[pop]->completed > missing->invoked)
            room += sweep->pops[pop++]->amount;
        if (room > 0) {
            room--;
        } else {
            verdict_accuse(verdict, FAULT_LOST, missing->job,
                           "acknowledged, and nowhere at the end");
        }
    }
}

// ---- the whole history

static int by_job(const void *a, const void *b) {
    const struct event *first = a;
    const struct event *second = b;
    if (first->job != second->job) return first->job < second->job ? -1 : 1;
    return (first->invoked > second->invoked) - (first->invoked < second->invoked);
}

static struct job_fate fate_of(const struct group *group) {
    struct job_fate fate = {
        .job = group->push->job,
        .push = group->push,
        .delivered_invoked = TICKET_NEVER,
        .delivered_completed = TICKET_NEVER,
        .position = -1,
        .was_returned = count_of(group, is_return) > 0,
    };
    for (size_t i = 0; i < group->len; i++) {
        const struct event *event = &group->events[i];
        if (event->deed == DEED_FOUND) fate.position = event->result;
        if (!is_delivery(event) || event->completed >= fate.delivered_completed) continue;
        fate.delivered_invoked = event->invoked;
        fate.delivered_completed = event->completed;
    }
    return fate;
}

static void count(const struct event *event, struct verdict *verdict) {
    verdict->events++;
    verdict->jobs += event->deed == DEED_PUSH;
    verdict->acknowledged += event->deed == DEED_PUSH && is_answered(event);
    verdict->returns += event->deed == DEED_RETURN && is_answered(event);
    verdict->deliveries += is_delivery(event);
    if (is_refused(event))
        verdict_accuse(verdict, FAULT_REFUSED, event->job, deed_name(event->deed));
}

static void check_lists(struct event *all, size_t len, struct verdict *verdict) {
    if (len == 0) return;
    qsort(all, len, sizeof *all, by_job);
    struct job_fate *fates = mem_alloc_array(len, sizeof *fates);
    size_t fates_len = 0;
    struct sweep sweep = {
        .missing = mem_alloc_array(len, sizeof *sweep.missing),
        .pops = mem_alloc_array(len, sizeof(const struct event *)),
    };
    const struct event **counts = mem_alloc_array(len, sizeof(const struct event *));
    size_t counts_len = 0;

    for (size_t first = 0, end = 0; first < len; first = end) {
        const struct event *events = &all[first];
        for (end = first; end < len && all[end].job == events->job; end++)
            count(&all[end], verdict);
        struct group group = {.events = events, .len = end - first, .verdict = verdict};
        if (events->job != 0) {
            bool is_missing = check_job(&group);
            if (group.push != NULL) fates[fates_len++] = fate_of(&group);
            if (!is_missing) continue;
            must(group.push != NULL);
            sweep.missing[sweep.missing_len++] = (struct missing){
                .job = events->job, .invoked = group.push->invoked, .place = group.push->place};
            continue;
        }
        for (size_t i = 0; i < group.len; i++) { // what belongs to no job, or to none that is known
            const struct event *event = &events[i];
            if (event->deed == DEED_POP) {
                if (event->outcome == OUTCOME_UNKNOWN) sweep.pops[sweep.pops_len++] = event;
            } else if (event->deed != DEED_MOVE) {
                counts[counts_len++] = event;
            }
        }
    }
    check_missing(&sweep, verdict);
    check_order(fates, fates_len, verdict);
    check_counters(counts, counts_len, verdict);
    mem_free(fates);
    mem_free(sweep.missing);
    mem_free(sweep.pops);
    mem_free(counts);
}

// Moves the events of streams behind the others. Returns how many are before them.
static size_t part_streams(struct history *history) {
    size_t lists = 0;
    for (size_t i = 0; i < history->len; i++) {
        if (deed_is_of_streams(history->events[i].deed)) continue;
        struct event event = history->events[i];
        history->events[i] = history->events[lists];
        history->events[lists++] = event;
    }
    return lists;
}

void history_check(struct history *history, struct verdict *verdict) {
    if (history->len == 0) return;
    size_t lists = part_streams(history);
    check_lists(history->events, lists, verdict);
    check_streams(history->events + lists, history->len - lists, verdict);
}
