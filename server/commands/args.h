// Reading arguments the way Redis does: each function that returns bool answers Redis' error and
// returns false when the argument does not fit. call.h has the general ones; here is what several
// commands of this room share.
#ifndef ACKD_SERVER_COMMANDS_ARGS_H
#define ACKD_SERVER_COMMANDS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/engine/call.h"

// The part of a sequence that start and stop name: both inclusive, negative ones count from the
// end. count 0: nothing.
struct args_span {
    size_t from;
    size_t count;
};
struct args_span args_span(int64_t start, int64_t stop, size_t len);

// Resolves an index that may count from the end. False (nothing answered) when outside.
bool args_position(int64_t index, size_t len, size_t *out);

// An integer within [-INT64_MAX, INT64_MAX], so that it can be negated.
bool args_negatable(struct call *call, size_t index, int64_t *out);

// The number of a database that clients may select: "ERR DB index is out of range".
bool args_db(struct call *call, size_t index, unsigned *out);

// A long double: "ERR value is not a valid float".
bool args_long_double(struct call *call, size_t index, long double *out);

// ---- expiries

struct args_time { // how a command states an expiry
    bool is_seconds;
    bool is_absolute;
};
// A point in time after 1970 as absolute unix milliseconds: "ERR invalid expire time in '...'
// command" when it is none.
bool args_expiry(struct call *call, size_t index, struct args_time unit, int64_t *at_ms);
void args_expiry_error(struct call *call); // answers that error

// ---- SCAN, HSCAN

struct args_scan {
    uint64_t cursor;
    uint64_t count;
    struct slice pattern;
    bool has_pattern; // false also for "*", which matches all
    struct slice type;
    bool has_type;
    bool no_values;
};
enum args_scan_of { ARGS_SCAN_KEYS, ARGS_SCAN_HASH };             // which options there are
bool args_cursor(struct call *call, size_t index, uint64_t *out); // "ERR invalid cursor"
// The options from `index` on; out->cursor is not touched.
bool args_scan_options(struct call *call, size_t index, enum args_scan_of of,
                       struct args_scan *out);
bool args_scan_wants(const struct args_scan *scan, struct slice name);

// ---- limits

// Whether a string of `len` bytes may be: "ERR string exceeds maximum allowed size
// (proto-max-bulk-len)".
bool args_string_fits(struct call *call, uint64_t len);

#endif
