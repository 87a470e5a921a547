// The writer of replies: one call per shape, and the bytes come out as RESP2 or RESP3 by the
// client's choice. Shapes that RESP2 lacks are written as Redis does (maps as flat arrays, sets as
// arrays, doubles and big numbers as bulk strings, nulls as $-1 or *-1).
#ifndef ACKD_PROTO_RESP_REPLY_H
#define ACKD_PROTO_RESP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"

enum resp_version { RESP2 = 2, RESP3 = 3 };

struct reply {
    struct buf *out; // borrowed
    enum resp_version version;
};

void reply_status(struct reply *reply, const char *text); // +text
void reply_ok(struct reply *reply);                       // +OK
// -text. `text` begins with its code ("ERR ...", "WRONGTYPE ..."). CR, LF and NUL are replaced
// (CVE-2025-67733).
void reply_error(struct reply *reply, const char *text);
void reply_errorf(struct reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void reply_int(struct reply *reply, int64_t value);   // :n
void reply_bulk(struct reply *reply, struct slice s); // $n
void reply_bulk_str(struct reply *reply, const char *text);
void reply_bulk_int(struct reply *reply, int64_t value); // the number as a bulk string
char *
reply_bulk_begin(struct reply *reply,
                 size_t len); // writes the header, returns where the caller writes `len` bytes ...
void reply_bulk_end(struct reply *reply, size_t len); // ... and this ends it
void reply_null(struct reply *reply);                 // RESP2 $-1, RESP3 _
void reply_null_array(struct reply *reply);           // RESP2 *-1, RESP3 _
void reply_array(struct reply *reply, size_t len);    // *n, then n values
void reply_map(struct reply *reply, size_t pairs);    // RESP3 %n, RESP2 *2n
void reply_set(struct reply *reply, size_t len);      // RESP3 ~n, RESP2 *n
void reply_push(struct reply *reply, size_t len);     // RESP3 >n, RESP2 *n
void reply_double(struct reply *reply, double value); // RESP3 ,x  RESP2 bulk
void reply_long_double(struct reply *reply,
                       long double value); // human form as a bulk string in both (INCRBYFLOAT)
void reply_bool(struct reply *reply, bool value);                // RESP3 #t #f, RESP2 :1 :0
void reply_big_number(struct reply *reply, struct slice digits); // RESP3 (n, RESP2 bulk
void reply_verbatim(struct reply *reply, const char *format,
                    struct slice s); // RESP3 =n txt:..., RESP2 bulk; format: 3 letters

#endif
