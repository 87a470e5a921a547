// Makes the log's slots ahead of need, on libuv's pool: zeroing 64 MiB and syncing them must
// neither hold up the loop nor a commit.
#ifndef ACKD_SERVER_NET_SLOT_MAKER_H
#define ACKD_SERVER_NET_SLOT_MAKER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "proto/base/err.h"
#include "storage/log/log.h"

struct slot_maker {
    uv_work_t work;
    uv_loop_t *loop;
    struct log *log;
    struct log_slots *job; // not NULL: being made
    enum err err;
    void (*done)(void *context); // on the loop; paused commands may be tried again
    void *context;
};

// The struct must not move while a slot is being made.
void slot_maker_init(struct slot_maker *maker, uv_loop_t *loop, struct log *log,
                     void (*done)(void *context), void *context);

// Starts making a slot if the log wants one and none is being made.
void slot_maker_start(struct slot_maker *maker, int64_t now_ms);
bool slot_maker_is_busy(const struct slot_maker *maker);

#endif
