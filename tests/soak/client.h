// A client of the soak: one thread, one connection at a time, a history of its own.
//
// What is asked is noted before it is sent, and completed when its reply comes. When the connection
// ends first, everything under way is noted as unknown, and the client connects again: the server
// is down for a moment every now and then, that is the point. A client never waits longer than
// CLIENT_PATIENCE_S for a reply: a server that hangs is accused.
#ifndef ACKD_TESTS_SOAK_CLIENT_H
#define ACKD_TESTS_SOAK_CLIENT_H

#include <hiredis/hiredis.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/rng.h"
#include "proto/base/slice.h"
#include "tests/soak/checker.h"
#include "tests/soak/history.h"

enum {
    CLIENT_PIPELINE_MAX = 64, // requests under way, events of a request of several jobs included
    CLIENT_ARGS_MAX = 24,
    CLIENT_PATIENCE_S = 120, // machines under load are slow; nothing is measured here
};

// What all clients of an epoch share.
struct run {
    const char *socket; // every other client comes through this ...
    int port;           // ... the others through TCP
    uint64_t epoch;
    atomic_uint_least64_t ticket;
    atomic_uint connections;
    atomic_bool is_over;
};

uint64_t run_ticket(struct run *run);
uint64_t now_ms(void); // a clock that only runs forward
void pause_ms(uint64_t ms);

struct client {
    struct run *run;
    uint16_t number;
    uint32_t connection;
    redisContext *redis; // NULL: not connected
    struct rng rng;
    struct history history;
    struct verdict verdict; // what is wrong at first sight: errors, damaged payloads
    struct event under_way[CLIENT_PIPELINE_MAX];
    bool shares_reply[CLIENT_PIPELINE_MAX]; // with the event behind it
    size_t first;
    size_t len;
    char payload[64 * 1024];
};

void client_init(struct client *client, struct run *run, uint16_t number, uint64_t seed);
// Disconnects and frees all but history and verdict, which the caller has taken.
void client_deinit(struct client *client);

// Connects when it is not; waits for a server. False: the run is over.
bool client_connect(struct client *client);
// Notes what is about to be asked. `shares`: the next event belongs to the same request.
void client_begin(struct client *client, const struct event *event, bool shares);
void client_send(struct client *client, const struct slice *args, size_t count);
// The next reply and the (last) event it completes; NULL: the connection ended, all is noted. An
// error reply is noted and comes back as NULL too, with the client still connected. Otherwise the
// caller notes the event, and frees the reply.
redisReply *client_receive(struct client *client, struct event *event);
// The same for a request of several events: all of them (CLIENT_PIPELINE_MAX) come back with the
// reply, and none of an answered request is noted.
redisReply *client_receive_all(struct client *client, struct event *events, size_t *count);
// Leaves without waiting for what was asked: it may happen at any time.
void client_break(struct client *client);

// One request: begin, send, receive. `event` is in and out.
redisReply *client_ask(struct client *client, struct event *event, const struct slice *args,
                       size_t count);
// The same for integer replies: notes the event with its result. False: there was none.
bool client_ask_number(struct client *client, struct event event, const struct slice *args,
                       size_t count);
// A request that is no part of the history. NULL: broken, or an error (accused).
redisReply *client_look(struct client *client, const struct slice *args, size_t count);

void client_note(struct client *client, const struct event *event);
// The job of a payload that came; false: it is damaged, which is noted.
bool client_job(struct client *client, struct slice payload, uint64_t *job);
// The id of an entry; false: it is none, which is noted.
bool client_entry_id(struct client *client, const redisReply *reply, int64_t *id);
struct slice slice_of_reply(const redisReply *reply);

#endif
