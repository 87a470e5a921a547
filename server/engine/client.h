// One connected client, without its socket.
//
// Always true: a client hangs on exactly the list its state names (IDLE: on none); while
// `has_request` is set the slices of `request` are alive, so nothing is fed and nothing further is
// parsed; a client with a waiter executes nothing.
#ifndef ACKD_SERVER_ENGINE_CLIENT_H
#define ACKD_SERVER_ENGINE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/link.h"
#include "proto/resp/reply.h"
#include "proto/resp/request.h"
#include "server/engine/outbox.h"

struct engine;
struct waiter;
struct cold;
struct store_want;
struct command;

enum { CLIENT_ADDRESS_MAX = 128, CLIENT_NAME_MAX = 1024 };

// How a client came; strings as CLIENT LIST shows them.
struct client_origin {
    char address[CLIENT_ADDRESS_MAX]; // "127.0.0.1:53122", "/path/sock:0"
    char local_address[CLIENT_ADDRESS_MAX];
    int fd; // for CLIENT LIST, -1 in tests
    bool is_unix;
    bool is_loopback; // protected mode
};

enum client_reply_mode {
    CLIENT_REPLY_ON,
    CLIENT_REPLY_OFF,
    CLIENT_REPLY_SKIP_NEXT,
    CLIENT_REPLY_SKIP
};

// What keeps a client from executing its next request; each state is a list of the engine.
enum client_state {
    CLIENT_IDLE,      // nothing to execute, or its command waits for a key
    CLIENT_RUNNABLE,  // has had its turn and may have more to execute
    CLIENT_POSTPONED, // CLIENT PAUSE holds its request back
    CLIENT_STARVED,   // its request waits for room in the log
    CLIENT_STUFFED,   // does not read its replies
    CLIENT_READING,   // its request needs bytes that are being read from disk
    CLIENT_STATES,
};

struct client {
    struct link all;      // engine->clients
    struct link pending;  // the list of its state; not linked when IDLE
    struct link sendable; // engine->sendable: has bytes that may leave, or is to be closed
    struct link resumed;  // engine->resumed: its socket may be read again
    struct link fenced;   // engine->fenced: a fence of its outbox is not fulfilled
    enum client_state state;
    uint64_t id;
    struct engine *engine;
    void *conn; // the net layer's; the engine hands it back, never looks inside
    struct client_origin origin;
    struct request request;
    bool has_request; // request.argv was parsed and is still to be executed
    struct outbox outbox;
    enum resp_version resp;
    unsigned db;
    char *name;     // owned, NULL: none
    char *lib_name; // CLIENT SETINFO
    char *lib_version;
    const char *user; // "default"
    bool is_authenticated;
    bool closes_after_reply; // QUIT, protocol error, killed by itself: flush what is fenced, then
                             // close
    bool closes_now;         // killed, output limit: the net layer closes at once
    bool is_paused_input;    // the net layer does not read this socket
    bool no_evict;
    bool no_touch;
    enum client_reply_mode reply_mode;
    struct waiter *waiter;   // not NULL: a blocked command
    struct cold *cold;       // what its command has asked the disk for; NULL: nothing
    struct store_want *want; // payloads of its replies that are being read; NULL: none are
    const struct command *last_command;
    int64_t connected_ms;
    int64_t active_ms; // last request
    int64_t taken_ms;  // last bytes that left
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint64_t commands;
    int64_t output_soft_since_ms; // over the soft limit since; 0: not
};

#endif
