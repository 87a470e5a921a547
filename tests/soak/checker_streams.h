// What the judges of streams share: one fate for each entry, made of all its events.
//
// The rules rest on how the clients behave: a job is added once; an entry is only deleted after it
// was acknowledged, by the same client or in the same request; and nothing but `take` makes an
// entry pending.
#ifndef ACKD_TESTS_SOAK_CHECKER_STREAMS_H
#define ACKD_TESTS_SOAK_CHECKER_STREAMS_H

#include "tests/soak/checker.h"

// TICKET_NEVER where it did not happen.
struct lane_fate {         // the entry in one group of its stream
    uint64_t take_invoked; // of an answered take
    uint64_t take_completed;
    uint64_t pending_at;       // it surely was pending, or had been: when that was first told
    uint64_t acked_at;         // from then on it is surely not
    uint64_t perhaps_acked_at; // before that it is surely not acknowledged
};

struct entry_fate {
    uint64_t job;
    int64_t id; // 0: never told
    unsigned stream;
    uint32_t connection; // of its add
    uint64_t add_invoked;
    uint64_t add_completed;
    uint64_t known_at; // it is surely in the stream, or was
    uint64_t deleted_at;
    uint64_t perhaps_deleted_at;
    struct lane_fate lanes[STREAM_GROUPS_MAX];
};

struct stream_events { // all events of streams, by job and invocation
    const struct event *events;
    size_t len;
    const struct entry_fate *entries;
    size_t entries_len;
    struct verdict *verdict;
};

static inline unsigned event_stream(const struct event *event) {
    return event->place / STREAM_GROUPS_MAX;
}

static inline unsigned event_group(const struct event *event) {
    return event->place % STREAM_GROUPS_MAX;
}

// Ids ascend, and so does what a group gives out as new.
void check_stream_order(const struct stream_events *all);
// Entries that nobody was seen to take have to be with takes that were not answered.
void check_stream_takes(const struct stream_events *all);
// Lengths and numbers of pending entries.
void check_stream_counts(const struct stream_events *all);

#endif
