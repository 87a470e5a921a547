// The incremental parser of requests: bytes in, argv out. Reads RESP arrays of bulk strings and
// inline commands as Redis does. Arguments are slices into the parser's input buffer, valid until
// the next request_next or request_space call. Nothing is allocated for lengths a client merely
// announces: the buffer grows with bytes that have arrived, within the limits.
#ifndef ACKD_PROTO_RESP_REQUEST_H
#define ACKD_PROTO_RESP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"

enum {
    REQUEST_INLINE_MAX = 64 * 1024,        // as Redis' PROTO_INLINE_MAX_SIZE
    REQUEST_ARGS_MAX = INT32_MAX,          // as Redis; query_max is met long before
    REQUEST_UNAUTHENTICATED_ARGS_MAX = 10, // CVE-2021-32675
    REQUEST_UNAUTHENTICATED_BULK_MAX = 16 * 1024,
};

struct request_limits {
    size_t bulk_max;  // proto-max-bulk-len
    size_t query_max; // client-query-buffer-limit: bytes of one request, its argv included
    bool is_authenticated;
};

enum request_status {
    REQUEST_READY, // argc/argv hold a request (argc >= 1)
    REQUEST_MORE,  // feed more bytes
    REQUEST_BAD,   // `error` says why; the connection is to be closed after the error reply
};

// Opaque to callers but for argc, argv, bytes and error. Zero-initialise, then request_init.
struct request {
    size_t argc; // grows while a request is being read: to be looked at only when REQUEST_READY
    struct slice *argv;
    size_t bytes;    // sum of the argument lengths: what dispatch checks room for
    char error[128]; // Redis' text without the leading '-': "ERR Protocol error: invalid bulk
                     // length"; once set, every request_next answers REQUEST_BAD

    struct buf input;
    size_t parsed;     // input before this offset is done with
    size_t position;   // the next byte to look at, inside the request that begins at `parsed`
    int64_t args_left; // 0 between two requests
    int64_t bulk_len;  // of the argument whose bytes come next; -1: its header was not read yet
    size_t argv_cap;
};

void request_init(struct request *request);
void request_deinit(struct request *request);

// Room for at least `want` bytes to be read from a socket, directly behind the input; *out_len says
// how much room there is.
char *request_space(struct request *request, size_t want, size_t *out_len);
void request_fed(struct request *request, size_t len);      // that many bytes were written there
void request_feed(struct request *request, struct slice s); // copies s in

// Parses the next request. The previous one's slices die. Empty requests (*0, *-1, a blank line)
// are skipped.
enum request_status request_next(struct request *request, const struct request_limits *limits);

// Gives all memory back if no byte is pending; for clients that have gone quiet. Slices die.
void request_trim(struct request *request);

size_t request_pending(const struct request *request); // bytes fed and not yet consumed
size_t request_memory(
    const struct request *request); // bytes of heap held: CLIENT LIST qbuf + qbuf-free, argv-mem

#endif
