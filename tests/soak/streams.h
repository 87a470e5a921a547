// The streams of the soak: three, each acknowledged in another way, the first with two groups.
//
// A lane is a group of a stream. What is common to all who read from lanes is here: names, entries
// as they come, and how a lane's entries are acknowledged.
#ifndef ACKD_TESTS_SOAK_STREAMS_H
#define ACKD_TESTS_SOAK_STREAMS_H

#include "tests/soak/client.h"

enum {
    STREAMS = 3,
    LANES = 4,
    TAKE_MAX = 10,  // entries asked for in one read of a stream
    TASKS_MAX = 40, // entries of one reply
};

enum acknowledgement {
    ACK_KEEPS,       // XACK: the entry stays in the stream
    ACK_THEN_DELETE, // XACK, then XDEL
    ACK_AND_DELETE,  // XACKDEL
};

struct lane {
    uint8_t place; // of its events
    struct slice stream;
    struct slice group;
    enum acknowledgement how;
};
const struct lane *lane_at(unsigned lane);
struct slice stream_name(unsigned stream);

struct entry_task { // an entry in somebody's hands
    const struct lane *lane;
    uint64_t job;
    int64_t id;
};

// Makes all groups; to be called on an empty server. False: it could not be done, which is accused.
bool streams_prepare(struct client *client);

// Reads the entries of `reply` (an array of entries of the lane) to the end of `tasks`, as many as
// there is room for, and notes them as `deed`; those of a reply with CLAIM that were delivered
// before are noted as claimed. Ids have to ascend among the new ones. `event` has the tickets.
size_t streams_read_entries(struct client *client, struct event event, const struct lane *lane,
                            const redisReply *reply, struct entry_task *tasks, size_t len);
// The job and the id of one entry; false: it is none, which is accused.
bool streams_entry(struct client *client, const redisReply *entry, uint64_t *job, int64_t *id);

// Acknowledges `count` (at most TAKE_MAX) entries of one lane with one request, or two. False: the
// connection is gone.
bool streams_acknowledge(struct client *client, const struct entry_task *tasks, size_t count);

#endif
