// One reply of the server, flattened: its scalars and the heads of its arrays in the order in which
// they came. Nothing is allocated per reply: hiredis' reader calls back and the items are written
// into an array that is used again for the next reply. Payloads are recognised (see job.h) while
// their bytes are at hand, and not kept.
#ifndef ACKD_BENCH_LOAD_REPLY_H
#define ACKD_BENCH_LOAD_REPLY_H

#include <hiredis/read.h>
#include <stddef.h>

#include "bench/load/job.h"

enum {
    REPLY_ITEMS_MAX = 512, // 100 entries of a stream; the ones beyond are only counted
    REPLY_TEXT_BYTES = 32,
    REPLY_ERROR_BYTES = 160,
};

enum reply_type {
    REPLY_STRING,
    REPLY_STATUS,
    REPLY_ERROR,
    REPLY_INTEGER,
    REPLY_NIL,
    REPLY_ARRAY,
};

struct reply_item {
    enum reply_type type;
    enum job_fault fault;        // strings: is it a job?
    struct job job;              // strings with JOB_GOOD
    long long number;            // an integer; otherwise the bytes or the elements it has
    char text[REPLY_TEXT_BYTES]; // the beginning of a string or status, always terminated
};

struct reply {
    struct reply_item items[REPLY_ITEMS_MAX];
    size_t len;
    size_t len_all;                // len, and those there was no room for
    char error[REPLY_ERROR_BYTES]; // of the last error reply
    const struct job_maker *maker; // NULL: strings are not looked at
};

// Makes a reader that writes what it parses into `reply`, which must outlive it.
redisReader *reply_reader_new(struct reply *reply);

// Empties the reply; to be called before each one is read.
void reply_reset(struct reply *reply);

#endif
