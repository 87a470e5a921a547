// Has the store's readings run on libuv's pool: payloads that only the disk has, for replies and
// for commands. Not on the log thread, so that no commit waits for a cold disk.
#ifndef ACKD_SERVER_NET_READER_H
#define ACKD_SERVER_NET_READER_H

#include <stdbool.h>
#include <uv.h>

#include "storage/reading.h"

struct reader_seat {
    uv_work_t work;
    struct store_reading *reading; // not NULL: in flight
    struct reader *reader;
};

struct reader {
    uv_loop_t *loop;
    struct store *store;
    struct reader_seat seats[READINGS_MAX];
    void (*done)(void *context, struct store_reading *reading); // on the loop; has to end it
    void *context;
};

// The struct must not move while something is being read.
void reader_init(struct reader *reader, uv_loop_t *loop, struct store *store,
                 void (*done)(void *context, struct store_reading *reading), void *context);

// Begins what the store wants read.
void reader_start(struct reader *reader);
bool reader_is_busy(const struct reader *reader);

#endif
