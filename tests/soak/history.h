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

#include "proto/base/slice.h"

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

    // Streams and their groups. `place` is the stream times STREAM_GROUPS_MAX, plus the group where
    // there is one. Where a deed is about one entry and not an acknowledgement, `result` is its id
    // (0: never told).
    DEED_ADD,     // a new job becomes an entry of the stream
    DEED_GROUP,   // a group exists that reads the stream from its start
    DEED_TAKE,    // a new entry is given to a consumer; unanswered: up to `amount`, unknown which
    DEED_RECLAIM, // a pending entry is given to another consumer
    DEED_ACK,     // `result`: 1, or 0 when it was not pending, or RESULT_EITHER
    DEED_DELETE,  // the same for the entry in the stream
    DEED_ACK_DELETE,    // both at once; `result` says whether it was pending
    DEED_PENDING,       // somebody looks: the entry `result` is pending, its job is not told
    DEED_LENGTH,        // the stream has `result` entries
    DEED_PENDING_COUNT, // the group has `result` pending entries
    DEED_FOUND_ENTRY,   // at the end: the entry is in the stream
    DEED_FOUND_PENDING, // at the end: as DEED_PENDING; it was delivered `amount` times (at most
                        // 255)
    DEED_FOUND_NEW,     // at the end: the group gives out the entry as a new one
    DEED_COUNT_OF,
};

// One answer for several entries: some of them were there.
#define RESULT_EITHER (-2)

enum {
    STREAM_GROUPS_MAX = 4,
    ENTRY_SEQUENCE_BITS = 20, // of an id as a number: milliseconds, then these
    ENTRY_TEXT_MAX = 48,
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
bool deed_is_of_streams(uint8_t deed);

// An entry's id `MS-SEQ` as a number that ascends as ids do. False: it is none, or none that a
// server makes of the time (not above 0, or too many in one millisecond).
bool entry_id(struct slice text, int64_t *id);
struct slice entry_id_text(int64_t id, char *out); // out: ENTRY_TEXT_MAX bytes

#endif
