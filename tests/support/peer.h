// A client of a server under test: sends what a test says, also what no library would, and shows
// replies of RESP2 and RESP3 as one line of text:
//
//     +OK   -ERR text   :1   bulk text   nil   [array of items]   {map=of pairs}   ~[set]   >[push]
//     ,1.5 (double)   #t (boolean)   (123 (big number)   =verbatim text   (closed)
//
// A bulk with bytes that are not plain is shown quoted. Functions fail the running CMocka test, so
// they belong to its thread.
#ifndef ACKD_TESTS_SUPPORT_PEER_H
#define ACKD_TESTS_SUPPORT_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"
#include "tests/support/server.h"

struct reader;

struct peer {
    int fd;
    struct reader *reader;
    struct buf shown;   // the last reply
    bool is_shown_next; // `shown` was read ahead and is still to be handed out
    bool is_closed;     // by the server
};

void peer_open(struct peer *peer, const struct server *server);      // through the unix socket
void peer_open_soon(struct peer *peer, const struct server *server); // as soon as it listens
void peer_open_tcp(struct peer *peer, const char *address, int port);
void peer_close(struct peer *peer);               // also one that never was open (zeroed)
bool peer_is_served(const struct server *server); // PING is answered now; never fails the test

// Words separated by single spaces, sent as an array of bulks.
void peer_send(struct peer *peer, const char *words);
void peer_sendf(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void peer_send_args(struct peer *peer, const struct slice *args, size_t count);
void peer_send_raw(struct peer *peer, struct slice bytes);
// As much as the socket takes at once, 0 when it takes nothing or is broken.
size_t peer_send_some(struct peer *peer, struct slice bytes);

// The next reply as text, lent until the next call; waits for it. "(closed)" when there is none.
const char *peer_read(struct peer *peer);
const char *peer_ask(struct peer *peer, const char *words);
const char *peer_askf(struct peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int64_t peer_ask_number(struct peer *peer, const char *words); // an integer reply
// A number that INFO has.
int64_t peer_info_number(struct peer *peer, const char *field);
// Until it is at least that.
void peer_await_info(struct peer *peer, const char *field, int64_t at_least);
// Whether a reply (or the end) is there already, without waiting for it.
bool peer_has_reply(struct peer *peer);

// The request is answered with exactly this text.
#define assert_reply(peer, words, expected)                                                        \
    peer_check((peer), (words), (expected), true, __FILE__, __LINE__)
// ... with a text that begins so.
#define assert_reply_begins(peer, words, expected)                                                 \
    peer_check((peer), (words), (expected), false, __FILE__, __LINE__)
// The next reply is this; nothing is sent.
#define assert_next(peer, expected) peer_check((peer), NULL, (expected), true, __FILE__, __LINE__)
#define assert_next_begins(peer, expected)                                                         \
    peer_check((peer), NULL, (expected), false, __FILE__, __LINE__)

void peer_check(struct peer *peer, const char *words, const char *expected, bool is_whole,
                const char *file, int line);

#endif
