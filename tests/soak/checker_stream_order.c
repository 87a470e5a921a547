// What holds among the entries of a stream: order, room, numbers.
//
// Order: an id that was made after another is greater, and a group gives out new entries in the
// order of their ids. "After" is told by tickets, or by one connection: its requests happen in the
// order of their invocation.
#include <stdlib.h>

#include "proto/base/mem.h"
#include "tests/soak/checker_streams.h"

// ---- order

struct span { // when an entry got its id, or was given out
    unsigned place;
    uint64_t invoked;
    uint64_t completed;
    uint32_t connection;
    int64_t id;
    uint64_t job;
};

static int compare(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int by_invocation(const void *a, const void *b) {
    const struct span *first = a;
    const struct span *second = b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    return compare(first->invoked, second->invoked);
}

static int by_completion(const void *a, const void *b) {
    const struct span *first = a;
    const struct span *second = b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    return compare(first->completed, second->completed);
}

static int by_connection(const void *a, const void *b) {
    const struct span *first = a;
    const struct span *second = b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    if (first->connection != second->connection)
        return first->connection < second->connection ? -1 : 1;
    return compare(first->invoked, second->invoked);
}

// What was invoked after others were over has a greater id than they. The same id, given twice, is
// judged where entries are.
static void check_ascending(struct span *spans, size_t len, const char *why,
                            struct verdict *verdict) {
    if (len == 0) return;
    struct span *over = mem_dup(spans, len * sizeof *spans);
    qsort(over, len, sizeof *over, by_completion);
    qsort(spans, len, sizeof *spans, by_invocation);
    int64_t greatest = 0;
    for (size_t i = 0, at = 0; i < len; i++) {
        const struct span *span = &spans[i];
        if (i == 0 || spans[i - 1].place != span->place) greatest = 0;
        while (at < len && (over[at].place < span->place || (over[at].place == span->place &&
                                                             over[at].completed < span->invoked))) {
            if (over[at].place == span->place && over[at].id > greatest) greatest = over[at].id;
            at++;
        }
        if (span->id < greatest) verdict_accuse(verdict, FAULT_DISORDERED, span->job, why);
    }
    mem_free(over);
}

static void check_connections(struct span *spans, size_t len, struct verdict *verdict) {
    if (len == 0) return;
    qsort(spans, len, sizeof *spans, by_connection);
    for (size_t i = 1; i < len; i++) {
        const struct span *span = &spans[i];
        bool is_same = span[-1].place == span->place && span[-1].connection == span->connection;
        // Those that did not overlap are judged above.
        if (is_same && span[-1].completed >= span->invoked && span->id < span[-1].id)
            verdict_accuse(verdict, FAULT_DISORDERED, span->job,
                           "its id is not above the one before");
    }
}

void check_stream_order(const struct stream_events *all) {
    struct span *spans = mem_alloc_array(all->len, sizeof *spans);
    size_t len = 0;
    for (size_t i = 0; i < all->entries_len; i++) {
        const struct entry_fate *entry = &all->entries[i];
        if (entry->id == 0) continue;
        // An add without an answer was over when its entry was first seen.
        bool is_seen_first =
            entry->known_at < entry->add_completed && entry->known_at > entry->add_invoked;
        spans[len++] = (struct span){
            .place = entry->stream,
            .invoked = entry->add_invoked,
            .completed = is_seen_first ? entry->known_at : entry->add_completed,
            .connection = entry->connection,
            .id = entry->id,
            .job = entry->job,
        };
    }
    check_ascending(spans, len, "added later, and its id is not greater", all->verdict);
    check_connections(spans, len, all->verdict);
    len = 0;
    for (size_t i = 0; i < all->len; i++) {
        const struct event *event = &all->events[i];
        bool is_new = event->deed == DEED_TAKE || event->deed == DEED_FOUND_NEW;
        if (!is_new || event->job == 0 || event->outcome != OUTCOME_ANSWERED) continue;
        spans[len++] = (struct span){
            .place = event->place,
            .invoked = event->invoked,
            .completed = event->completed,
            .id = event->result,
            .job = event->job,
        };
    }
    check_ascending(spans, len, "given out as new after a later one", all->verdict);
    mem_free(spans);
}

// ---- takes without an answer: they may have taken entries, nobody knows which

struct need { // of an entry that was pending and that nobody was seen to take; or a take's room
    unsigned place;
    uint64_t ticket; // first seen pending; or the take's invocation
    uint64_t job;
    uint64_t room;
};

static int by_ticket(const void *a, const void *b) {
    const struct need *first = a;
    const struct need *second = b;
    if (first->place != second->place) return first->place < second->place ? -1 : 1;
    return compare(first->ticket, second->ticket);
}

static size_t collect_rooms(const struct stream_events *all, struct need *rooms) {
    size_t len = 0;
    for (size_t i = 0; i < all->len; i++) {
        const struct event *event = &all->events[i];
        if (event->deed == DEED_TAKE && event->outcome == OUTCOME_UNKNOWN)
            rooms[len++] = (struct need){
                .place = event->place, .ticket = event->invoked, .room = event->amount};
    }
    return len;
}

static size_t collect_orphans(const struct stream_events *all, struct need *orphans) {
    size_t len = 0;
    for (size_t i = 0; i < all->entries_len; i++) {
        const struct entry_fate *entry = &all->entries[i];
        for (unsigned at = 0; at < STREAM_GROUPS_MAX; at++) {
            const struct lane_fate *lane = &entry->lanes[at];
            if (lane->pending_at == TICKET_NEVER || lane->take_completed != TICKET_NEVER) continue;
            orphans[len++] = (struct need){.place = entry->stream * STREAM_GROUPS_MAX + at,
                                           .ticket = lane->pending_at,
                                           .job = entry->job};
        }
    }
    return len;
}

// Each of the orphans needs a place in a take that was asked for before it was seen: in the order
// of time, there always have to be as many places as orphans.
void check_stream_takes(const struct stream_events *all) {
    struct need *rooms = mem_alloc_array(all->len, sizeof *rooms);
    struct need *orphans = mem_alloc_array(all->entries_len * STREAM_GROUPS_MAX, sizeof *orphans);
    size_t rooms_len = collect_rooms(all, rooms);
    size_t orphans_len = collect_orphans(all, orphans);
    if (rooms_len > 0) qsort(rooms, rooms_len, sizeof *rooms, by_ticket);
    if (orphans_len > 0) qsort(orphans, orphans_len, sizeof *orphans, by_ticket);
    uint64_t room = 0;
    for (size_t i = 0, at = 0; i < orphans_len; i++) {
        const struct need *orphan = &orphans[i];
        if (i == 0 || orphan[-1].place != orphan->place) room = 0;
        while (at < rooms_len && by_ticket(&rooms[at], orphan) < 0) {
            if (rooms[at].place == orphan->place) room += rooms[at].room;
            at++;
        }
        if (room > 0) {
            room--;
        } else {
            verdict_accuse(all->verdict, FAULT_UNEXPECTED, orphan->job,
                           "pending, and nobody can have taken it");
        }
    }
    mem_free(rooms);
    mem_free(orphans);
}

// ---- numbers

struct range {
    int64_t least;
    int64_t most;
};

static struct range length_range(const struct stream_events *all, const struct event *asked) {
    struct range range = {0};
    for (size_t i = 0; i < all->entries_len; i++) {
        const struct entry_fate *entry = &all->entries[i];
        if (entry->stream != event_stream(asked)) continue;
        bool is_surely_in = entry->known_at < asked->invoked;
        bool is_perhaps_out = entry->perhaps_deleted_at < asked->completed;
        bool is_perhaps_in = entry->add_invoked < asked->completed;
        bool is_surely_out = entry->deleted_at < asked->invoked;
        range.least += is_surely_in && !is_perhaps_out;
        range.most += is_perhaps_in && !is_surely_out;
    }
    return range;
}

static struct range pending_range(const struct stream_events *all, const struct event *asked) {
    struct range range = {0};
    for (size_t i = 0; i < all->entries_len; i++) {
        const struct entry_fate *entry = &all->entries[i];
        if (entry->stream != event_stream(asked)) continue;
        const struct lane_fate *lane = &entry->lanes[event_group(asked)];
        bool is_surely_in = lane->pending_at < asked->invoked;
        bool is_perhaps_out = lane->perhaps_acked_at < asked->completed;
        bool is_perhaps_in = entry->add_invoked < asked->completed;
        bool is_surely_out = lane->acked_at < asked->invoked;
        range.least += is_surely_in && !is_perhaps_out;
        range.most += is_perhaps_in && !is_surely_out;
    }
    return range;
}

void check_stream_counts(const struct stream_events *all) {
    for (size_t i = 0; i < all->len; i++) {
        const struct event *event = &all->events[i];
        bool is_length = event->deed == DEED_LENGTH;
        if (!is_length && event->deed != DEED_PENDING_COUNT) continue;
        if (event->outcome != OUTCOME_ANSWERED) continue;
        struct range range = is_length ? length_range(all, event) : pending_range(all, event);
        if (event->result < range.least) {
            verdict_accuse(all->verdict, FAULT_MISCOUNTED, event->place,
                           is_length ? "fewer entries than there must be"
                                     : "fewer are pending than must be");
        } else if (event->result > range.most) {
            verdict_accuse(all->verdict, FAULT_MISCOUNTED, event->place,
                           is_length ? "more entries than there can be"
                                     : "more are pending than can be");
        }
    }
}
