// Entries of streams, one by one: what was added is there, and each group has it once.
//
// The story of an entry in a group: new, taken (then it is pending), perhaps claimed by others,
// acknowledged. An entry that is acknowledged to nobody must be new or pending at the end; one that
// is acknowledged is neither, ever again. README.md says each rule.
#include "tests/soak/checker_streams.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"

// ---- ids of which no job was told

struct name {
    unsigned stream;
    int64_t id;
    uint64_t job;
};

static int by_name(const void *a, const void *b) {
    const struct name *first = a;
    const struct name *second = b;
    if (first->stream != second->stream) return first->stream < second->stream ? -1 : 1;
    return (first->id > second->id) - (first->id < second->id);
}

static int by_name_and_job(const void *a, const void *b) {
    const uint64_t first = ((const struct name *)a)->job;
    const uint64_t second = ((const struct name *)b)->job;
    int order = by_name(a, b);
    return order != 0 ? order : (first > second) - (first < second);
}

// Whether the event tells the id of a job.
static bool names_its_job(const struct event *event) {
    if (event->job == 0 || event->outcome != OUTCOME_ANSWERED || event->result <= 0) return false;
    return event->deed == DEED_ADD || event->deed == DEED_TAKE || event->deed == DEED_RECLAIM ||
           event->deed == DEED_FOUND_ENTRY || event->deed == DEED_FOUND_NEW;
}

static bool is_nameless(const struct event *event) {
    return (event->deed == DEED_PENDING || event->deed == DEED_FOUND_PENDING) && event->job == 0 &&
           event->outcome == OUTCOME_ANSWERED && event->result > 0;
}

// The different names, sorted; an id with two jobs is a fault.
static size_t collect_names(const struct event *events, size_t len, struct name *names,
                            struct verdict *verdict) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        const struct event *event = &events[i];
        if (names_its_job(event))
            names[count++] = (struct name){event_stream(event), event->result, event->job};
    }
    if (count == 0) return 0;
    qsort(names, count, sizeof *names, by_name_and_job);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (by_name(&names[i], &names[kept - 1]) != 0) {
            names[kept++] = names[i];
        } else if (names[i].job != names[i - 1].job) {
            verdict_accuse(verdict, FAULT_UNEXPECTED, names[i].job, "its id belongs to another");
        }
    }
    return kept;
}

// Gives the nameless events their jobs.
static void name_jobs(struct event *events, size_t len, struct verdict *verdict) {
    struct name *names = mem_alloc_array(len, sizeof *names);
    size_t names_len = collect_names(events, len, names, verdict);
    for (size_t i = 0; i < len; i++) {
        if (!is_nameless(&events[i])) continue;
        struct name wanted = {event_stream(&events[i]), events[i].result, 0};
        const struct name *found =
            names_len == 0 ? NULL : bsearch(&wanted, names, names_len, sizeof *names, by_name);
        if (found != NULL) {
            events[i].job = found->job;
        } else {
            verdict_accuse(verdict, FAULT_UNEXPECTED, (uint64_t)events[i].result,
                           "an id is pending that nobody ever saw");
        }
    }
    mem_free(names);
}

// ---- one entry

struct group {
    const struct event *events; // of one job, by invocation
    size_t len;
    const bool *has_lane; // groups of the streams, by place
    struct entry_fate *fate;
    struct verdict *verdict;
    const struct event *add;
    bool is_found;
};

static bool is_answered(const struct event *event) {
    return event->outcome == OUTCOME_ANSWERED;
}

static bool may_have_happened(const struct event *event) {
    return event->outcome != OUTCOME_REFUSED;
}

static bool is_given(const struct event *event) { // to a consumer
    return event->deed == DEED_TAKE || event->deed == DEED_RECLAIM;
}

static bool is_ack(const struct event *event) {
    return event->deed == DEED_ACK || event->deed == DEED_ACK_DELETE;
}

static bool is_delete(const struct event *event) {
    return event->deed == DEED_DELETE || event->deed == DEED_ACK_DELETE;
}

// Shows that the entry is, or was, in the stream.
static bool is_sighting(const struct event *event) {
    return is_answered(event) &&
           (is_given(event) || event->deed == DEED_PENDING || event->deed == DEED_FOUND_ENTRY ||
            event->deed == DEED_FOUND_PENDING || event->deed == DEED_FOUND_NEW);
}

static void accuse(const struct group *group, enum fault_kind kind, const char *why) {
    verdict_accuse(group->verdict, kind, group->events[0].job, why);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// An acknowledgement by one who held the entry: whatever it answers, the entry is not pending then.
// XACKDEL that finds nothing pending deletes nothing.
static void weigh_end(struct entry_fate *fate, const struct event *event) {
    struct lane_fate *lane = &fate->lanes[event_group(event)];
    if (is_ack(event) && may_have_happened(event)) {
        lane->perhaps_acked_at = earlier(lane->perhaps_acked_at, event->invoked);
        if (is_answered(event)) lane->acked_at = earlier(lane->acked_at, event->completed);
    }
    if (is_delete(event) && may_have_happened(event)) {
        bool is_certain = is_answered(event) && (event->deed == DEED_DELETE || event->result == 1);
        fate->perhaps_deleted_at = earlier(fate->perhaps_deleted_at, event->invoked);
        if (is_certain) fate->deleted_at = earlier(fate->deleted_at, event->completed);
    }
}

static void weigh(const struct group *group, const struct event *event) {
    struct entry_fate *fate = group->fate;
    struct lane_fate *lane = &fate->lanes[event_group(event)];
    weigh_end(fate, event);
    if (!is_sighting(event)) return;
    fate->known_at = earlier(fate->known_at, event->completed);
    if (is_given(event) || event->deed == DEED_PENDING || event->deed == DEED_FOUND_PENDING)
        lane->pending_at = earlier(lane->pending_at, event->completed);
    if (event->deed == DEED_TAKE && event->completed < lane->take_completed) {
        lane->take_invoked = event->invoked;
        lane->take_completed = event->completed;
    }
    if (event_stream(event) != fate->stream) {
        accuse(group, FAULT_UNEXPECTED, "seen in another stream");
    } else if (event->completed < fate->add_invoked) {
        accuse(group, FAULT_UNEXPECTED, "seen before anybody added it");
    } else if (fate->id == 0) {
        fate->id = event->result;
    } else if (fate->id != event->result) {
        accuse(group, FAULT_DUPLICATED, "seen with two ids: there are two of it");
    }
}

static struct entry_fate fate_of(const struct event *add) {
    struct entry_fate fate = {
        .job = add->job,
        .id = is_answered(add) ? add->result : 0,
        .stream = event_stream(add),
        .connection = add->connection,
        .add_invoked = add->invoked,
        .add_completed = add->completed,
        .known_at = is_answered(add) ? add->completed : TICKET_NEVER,
        .deleted_at = TICKET_NEVER,
        .perhaps_deleted_at = TICKET_NEVER,
    };
    for (unsigned i = 0; i < STREAM_GROUPS_MAX; i++) {
        fate.lanes[i] = (struct lane_fate){
            .take_invoked = TICKET_NEVER,
            .take_completed = TICKET_NEVER,
            .pending_at = TICKET_NEVER,
            .acked_at = TICKET_NEVER,
            .perhaps_acked_at = TICKET_NEVER,
        };
    }
    return fate;
}

// Whether another request may have done before what `event` found to be done.
static bool has_forerunner(const struct group *group, const struct event *event,
                           bool (*is_this)(const struct event *)) {
    for (size_t i = 0; i < group->len; i++) {
        const struct event *other = &group->events[i];
        bool is_same_lane = is_this == is_delete || other->place == event->place;
        if (other != event && is_this(other) && is_same_lane && may_have_happened(other) &&
            other->invoked < event->completed)
            return true;
    }
    return false;
}

static void check_event(const struct group *group, const struct event *event) {
    if (!is_answered(event)) return;
    const struct entry_fate *fate = group->fate;
    const struct lane_fate *lane = &fate->lanes[event_group(event)];
    bool comes_up = is_given(event) || event->deed == DEED_PENDING;
    if (comes_up && event->invoked > lane->acked_at) {
        accuse(group, FAULT_RETURNED, "pending or given out after it was acknowledged");
    } else if (is_given(event) && event->invoked > fate->deleted_at) {
        accuse(group, FAULT_RETURNED, "given out after it was deleted");
    } else if (event->deed == DEED_TAKE && event->invoked > lane->pending_at) {
        accuse(group, FAULT_DUPLICATED, "given out as new, and it was pending before");
    }
    if (is_ack(event) && event->result <= 0 && event->result != RESULT_EITHER &&
        !has_forerunner(group, event, is_ack))
        accuse(group, FAULT_LOST, "not pending, and nobody else acknowledged it");
    if (event->deed == DEED_DELETE && event->result == 0 &&
        !has_forerunner(group, event, is_delete))
        accuse(group, FAULT_LOST, "not in the stream, and nobody else deleted it");
}

struct tally { // of one group
    unsigned takes;
    unsigned given;
    unsigned acks; // that found it pending
    unsigned found_pending;
    unsigned found_new;
    unsigned found_deliveries;
};

static struct tally tally_of(const struct group *group, unsigned lane) {
    struct tally tally = {0};
    for (size_t i = 0; i < group->len; i++) {
        const struct event *event = &group->events[i];
        if (event_group(event) != lane || !is_answered(event)) continue;
        tally.takes += event->deed == DEED_TAKE;
        tally.given += is_given(event);
        tally.acks += is_ack(event) && event->result == 1;
        tally.found_new += event->deed == DEED_FOUND_NEW;
        if (event->deed != DEED_FOUND_PENDING) continue;
        tally.found_pending++;
        tally.found_deliveries = event->amount;
    }
    return tally;
}

static void check_lane_end(const struct group *group, unsigned at, const struct tally *tally) {
    const struct lane_fate *lane = &group->fate->lanes[at];
    bool is_acked = lane->acked_at != TICKET_NEVER;
    bool is_waiting = tally->found_pending + tally->found_new > 0;
    if (is_acked && is_waiting) {
        accuse(group, FAULT_RETURNED, "acknowledged, and pending or new at the end");
    } else if (tally->found_new > 0 && lane->pending_at != TICKET_NEVER) {
        accuse(group, FAULT_DUPLICATED, "new at the end, and it was given out before");
    } else if (tally->found_new > 1 || tally->found_pending > 1) {
        accuse(group, FAULT_DUPLICATED, "pending or new twice at the end");
    } else if (group->is_found && !is_waiting && lane->perhaps_acked_at == TICKET_NEVER) {
        accuse(group, FAULT_LOST, "acknowledged by nobody, and neither pending nor new at the end");
    } else if (!group->is_found && is_waiting) {
        accuse(group, FAULT_LOST, "pending or new at the end, and its entry is gone");
    }
    unsigned given = tally->given < UINT8_MAX ? tally->given : UINT8_MAX;
    if (tally->found_pending == 1 && tally->found_deliveries < given)
        accuse(group, FAULT_MISCOUNTED, "delivered more often than its count says");
}

static void check_lane(const struct group *group, unsigned at) {
    struct tally tally = tally_of(group, at);
    if (tally.acks > 1) accuse(group, FAULT_RETURNED, "acknowledged twice, pending both times");
    // Those that did not overlap were accused one by one.
    if (tally.takes > 1) {
        const struct lane_fate *lane = &group->fate->lanes[at];
        unsigned overlapping = 0;
        for (size_t i = 0; i < group->len; i++) {
            const struct event *event = &group->events[i];
            overlapping += event->deed == DEED_TAKE && is_answered(event) &&
                           event_group(event) == at && event->invoked <= lane->pending_at;
        }
        if (overlapping > 1) accuse(group, FAULT_DUPLICATED, "given out twice as new");
    }
    check_lane_end(group, at, &tally);
}

// The entry itself, whoever reads it.
static bool check_in_stream(const struct group *group) {
    const struct entry_fate *fate = group->fate;
    unsigned deletes = 0;
    for (size_t i = 0; i < group->len; i++) {
        const struct event *event = &group->events[i];
        deletes += is_delete(event) && is_answered(event) && event->result == 1;
    }
    if (deletes > 1) accuse(group, FAULT_RETURNED, "deleted twice, there both times");
    if (group->is_found && fate->deleted_at != TICKET_NEVER) {
        accuse(group, FAULT_RETURNED, "in the stream after it was deleted");
        return false;
    }
    if (!group->is_found && fate->known_at != TICKET_NEVER &&
        fate->perhaps_deleted_at == TICKET_NEVER) {
        accuse(group, FAULT_LOST, "acknowledged, and not in the stream at the end");
        return false;
    }
    return true;
}

static void check_entry(struct group *group) {
    for (size_t i = 0; i < group->len; i++)
        weigh(group, &group->events[i]);
    for (size_t i = 0; i < group->len; i++) {
        check_event(group, &group->events[i]);
        group->is_found = group->is_found || group->events[i].deed == DEED_FOUND_ENTRY;
    }
    bool was_seen = group->fate->known_at != TICKET_NEVER;
    group->verdict->recovered += group->add->outcome == OUTCOME_UNKNOWN && was_seen;
    if (!check_in_stream(group)) return;
    for (unsigned at = 0; at < STREAM_GROUPS_MAX; at++) {
        if (group->has_lane[group->fate->stream * STREAM_GROUPS_MAX + at]) check_lane(group, at);
    }
}

// ---- all of them

static int by_job(const void *a, const void *b) {
    const struct event *first = a;
    const struct event *second = b;
    if (first->job != second->job) return first->job < second->job ? -1 : 1;
    return (first->invoked > second->invoked) - (first->invoked < second->invoked);
}

static const struct event *find_add(const struct event *events, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (events[i].deed == DEED_ADD && may_have_happened(&events[i])) return &events[i];
    }
    return NULL;
}

static bool has_sighting(const struct event *events, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (is_sighting(&events[i])) return true;
    }
    return false;
}

static void count(const struct event *event, struct verdict *verdict) {
    verdict->events++;
    verdict->jobs += event->deed == DEED_ADD;
    verdict->entries += event->deed == DEED_ADD;
    verdict->acknowledged += event->deed == DEED_ADD && is_answered(event);
    verdict->deliveries += event->deed == DEED_TAKE && event->job != 0 && is_answered(event);
    verdict->reclaims += event->deed == DEED_RECLAIM && event->job != 0 && is_answered(event);
    if (event->outcome == OUTCOME_REFUSED)
        verdict_accuse(verdict, FAULT_REFUSED, event->job, deed_name(event->deed));
}

void check_streams(struct event *events, size_t len, struct verdict *verdict) {
    if (len == 0) return;
    bool has_lane[UINT8_MAX + STREAM_GROUPS_MAX] = {false};
    for (size_t i = 0; i < len; i++) {
        count(&events[i], verdict);
        if (events[i].deed == DEED_GROUP && is_answered(&events[i]))
            has_lane[events[i].place] = true;
    }
    name_jobs(events, len, verdict);
    qsort(events, len, sizeof *events, by_job);
    struct entry_fate *fates = mem_alloc_array(len, sizeof *fates);
    size_t fates_len = 0;
    for (size_t first = 0, end = 0; first < len; first = end) {
        for (end = first + 1; end < len && events[end].job == events[first].job;)
            end++;
        if (events[first].job == 0) continue;
        struct group group = {.events = &events[first],
                              .len = end - first,
                              .has_lane = has_lane,
                              .verdict = verdict,
                              .add = find_add(&events[first], end - first)};
        if (group.add == NULL) {
            if (has_sighting(group.events, group.len))
                accuse(&group, FAULT_UNEXPECTED, "seen in a stream, and nobody added it");
            continue;
        }
        fates[fates_len] = fate_of(group.add);
        group.fate = &fates[fates_len++];
        check_entry(&group);
    }
    struct stream_events all = {.events = events,
                                .len = len,
                                .entries = fates,
                                .entries_len = fates_len,
                                .verdict = verdict};
    check_stream_order(&all);
    check_stream_takes(&all);
    check_stream_counts(&all);
    mem_free(fates);
}
