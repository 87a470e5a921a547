// One connection: a non-blocking socket, the requests on their way in order, the bytes still to be
// sent, and the reader of the replies. Replies come in the order of the requests, so the oldest
// request in the ring is the one that the next reply answers. Any failure of the socket ends the
// program (EXIT_SERVER): a load generator that lost its server has nothing left to measure.
#ifndef ACKD_BENCH_LOAD_CONN_H
#define ACKD_BENCH_LOAD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/reply.h"

struct role;

// A borrowed piece of a command.
struct text {
    const char *bytes;
    size_t len;
};

// Makes a text of a string literal or array of known content.
struct text text_of(const char *string);

struct address {
    const char *unix_path; // NULL: TCP
    const char *host;
    const char *port;
};

// A request on its way. `kind` and `id` belong to the workload.
struct op {
    uint64_t due_ns; // when it should have been sent, which is not later than when it was
    uint64_t id;
    uint32_t kind;
};

struct conn {
    int fd;
    struct role *role;
    void *state; // of the workload, freed with the connection
    redisReader *reader;
    struct reply reply; // valid from a true conn_next_reply until the next
    char *out;
    size_t out_len;
    size_t out_sent;
    size_t out_size;
    struct op *ops; // ring
    size_t ops_size;
    size_t ops_first;
    size_t in_flight;
    uint64_t arrivals_due;  // open loop: requests whose time has come
    uint64_t arrivals_sent; // and those of them that were sent
    bool is_idle;           // waits for the workload to have something to send
    bool is_watched_for_room;
};

// Connects `conn` to `address`; at most `depth` requests will be on their way at a time.
void conn_open(struct conn *conn, const struct address *address, size_t depth);
void conn_close(struct conn *conn);

// Appends a command of `count` arguments to what is to be sent.
void conn_command(struct conn *conn, const struct text *arguments, size_t count);

// Notes that the command appended last is `op`.
void conn_push_op(struct conn *conn, struct op op);

// Takes the request that the reply just read answers.
struct op conn_take_op(struct conn *conn);

// Sends what the socket takes; false when bytes are left.
bool conn_flush(struct conn *conn);

// Receives what is there; false when there was nothing.
bool conn_receive(struct conn *conn);

// Reads the next whole reply into conn->reply; false when there is none yet.
bool conn_next_reply(struct conn *conn);

// Sends what was appended outside any measurement and waits for that many replies, of which the
// last is then in conn->reply. No request may be on its way. An error reply ends the program.
void conn_await(struct conn *conn, size_t replies);

// Sends a command outside any measurement and waits for its reply, which is then in conn->reply. No
// request may be on its way. An error reply ends the program.
void conn_ask(struct conn *conn, const struct text *arguments, size_t count);

#endif
