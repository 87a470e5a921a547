// The history of a run: what clients asked, and what they were told.
//
// An event has two tickets, drawn from one counter for all clients: `invoked` before the request is
// sent, `completed` when its reply was read, or when the client saw that none can come. So if A is
// completed before B is invoked, A happened before B; anything else may have overlapped. Each
// client writes a history of its own; they are joined when all clients are gone.
//
// Nothing here knows how the server works: lists are numbered places, jobs and counters are
// numbers.
#ifndef ACKD_TESTS_SOAK_HISTORY_H
#define ACKD_TESTS_SOAK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum deed {
    DEED_PUSH,   // a new job enters the list `place`
    DEED_RETURN, // a sweeper pushes a job into the list once more
    DEED_MOVE,   // the list's next job goes into the processing list of `place`, and to a worker
    DEED_POP,    // a job leaves the list for good; unanswered: up to `amount` jobs, unknown which
    DEED_REMOVE, // a job is acknowledged: one copy leaves the processing list; `result` says 0 or 1
    DEED_SEEN,   // somebody looks at the processing list: the job is in it
    DEED_CLAIM,  // a note on the job is written ...
    DEED_UNCLAIM, // ... and removed
    DEED_COUNT,   // the counter `place` grows by one; `result` is its new value
    DEED_READ,    // `result` is its value
    DEED_FOUND,   // at the end: the job waits in the list; `result` of them would leave before it
    DEED_FOUND_TAKEN, // at the end: the job is in the processing list
    DEED_FOUND_CLAIM, // at the end: there is a note on the job
    DEED_FOUND_COUNT, // at the end: the counter's value is `result`
    DEED_COUNT_OF,
};

enum outcome {
    OUTCOME_ANSWERED,
    OUTCOME_UNKNOWN, // no reply came: it happened before `completed`, or never will
    OUTCOME_REFUSED, // an error came: it did not happen
    OUTCOME_COUNT_OF,
};

// `completed` of what may still happen at any time: its client went away, the server did not.
#define TICKET_NEVER UINT64_MAX

struct event {
    uint64_t invoked;
    uint64_t completed;
    uint64_t job;
    int64_t result;
    uint32_t connection; // requests of one connection happen in the order of their invocation
    uint16_t client;
    uint8_t deed;
    uint8_t outcome;
    uint8_t place;
    uint8_t amount;
};

struct history {
    struct event *events;
    size_t len;
    size_t size;
};

void history_deinit(struct history *history);
void history_add(struct history *history, const struct event *event);
// Moves all of `from` to the end of `into`.
void history_join(struct history *into, struct history *from);

// One line of text per event, in the order of invocation, readable again. False: errno says why.
bool history_save(const struct history *history, const char *path);
bool history_load(struct history *history, const char *path);

const char *deed_name(uint8_t deed);

#endif
