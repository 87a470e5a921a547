// Asks once in a while how much room the disk has, on libuv's pool: a network file system may take
// its time to answer.
#ifndef ACKD_SERVER_NET_DISK_WATCH_H
#define ACKD_SERVER_NET_DISK_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "storage/log/log.h"

enum { DISK_WATCH_GAP_US = 1000000 };

struct disk_watch {
    uv_work_t work;
    uv_loop_t *loop;
    const struct log *log;
    bool is_busy;
    int64_t next_us;
    enum err err;
    struct vfs_space space;
    void (*told)(void *context, const struct vfs_space *space); // on the loop
    void *context;
};

// The struct must not move from now on.
void disk_watch_init(struct disk_watch *watch, uv_loop_t *loop, const struct log *log,
                     void (*told)(void *context, const struct vfs_space *space), void *context);
void disk_watch_tick(struct disk_watch *watch, int64_t now_us); // asks if it is time to
bool disk_watch_is_busy(const struct disk_watch *watch);

#endif
