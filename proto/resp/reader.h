// The incremental reader of *replies*, RESP2 and RESP3, for tests, bench and tools (Debian's
// hiredis 0.14 knows only RESP2). Values form a tree owned by the reader's arena until the next
// reader_next. Depth and sizes are bounded; no recursion.
#ifndef ACKD_PROTO_RESP_READER_H
#define ACKD_PROTO_RESP_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/slice.h"

enum {
    READER_DEPTH_MAX = 16,
    READER_LINE_MAX = 64 * 1024,         // status, error, number
    READER_BULK_MAX = 512 * 1024 * 1024, // as Redis' proto-max-bulk-len by default
    READER_ITEMS_MAX = 64 * 1024 * 1024, // children of one value; memory follows those that came
};

enum value_kind {
    VALUE_STATUS,
    VALUE_ERROR,
    VALUE_INT,
    VALUE_BULK,
    VALUE_NULL, // $-1, *-1 or _
    VALUE_ARRAY,
    VALUE_MAP, // `len` counts keys and values: 2 * pairs
    VALUE_SET,
    VALUE_PUSH,
    VALUE_DOUBLE,
    VALUE_BOOL,
    VALUE_BIG_NUMBER,
    VALUE_VERBATIM, // text without the "txt:" prefix
    VALUE_BLOB_ERROR,
};

struct value {
    enum value_kind type;
    struct slice text; // STATUS, ERROR, BULK, BIG_NUMBER, VERBATIM, BLOB_ERROR, DOUBLE (as sent)
    int64_t integer;   // INT, BOOL
    double number;     // DOUBLE
    size_t len;        // children of ARRAY, MAP, SET, PUSH
    struct value *items;
};

enum reader_status { READER_READY, READER_MORE, READER_BAD };

struct reader; // opaque

struct reader *reader_new(void);
void reader_free(struct reader *reader);
void reader_feed(struct reader *reader, struct slice s);
enum reader_status reader_next(struct reader *reader,
                               const struct value **out); // lends until the next call

#endif
