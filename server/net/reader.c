#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/reader.h"

#include <stddef.h>

#include "proto/base/must.h"

void reader_init(struct reader *reader, uv_loop_t *loop, struct store *store,
                 void (*done)(void *context, struct store_reading *reading), void *context) {
    *reader = (struct reader){.loop = loop, .store = store, .done = done, .context = context};
    for (unsigned i = 0; i < READINGS_MAX; i++) {
        reader->seats[i].reader = reader;
        reader->seats[i].work.data = &reader->seats[i];
    }
}

static void run(uv_work_t *work) { // on the pool
    const struct reader_seat *seat = work->data;
    store_reading_run(seat->reading);
}

static void ran(uv_work_t *work, int status) {
    struct reader_seat *seat = work->data;
    must(status == 0); // nobody cancels
    struct store_reading *reading = seat->reading;
    seat->reading = NULL;
    seat->reader->done(seat->reader->context, reading);
}

void reader_start(struct reader *reader) {
    for (unsigned i = 0; i < READINGS_MAX; i++) {
        struct reader_seat *seat = &reader->seats[i];
        if (seat->reading != NULL) continue;
        seat->reading = store_reading_begin(reader->store);
        if (seat->reading == NULL) return;
        must(uv_queue_work(reader->loop, &seat->work, run, ran) == 0);
    }
}

bool reader_is_busy(const struct reader *reader) {
    bool is_busy = false;
    for (unsigned i = 0; i < READINGS_MAX; i++) {
        if (reader->seats[i].reading != NULL) is_busy = true;
    }
    return is_busy;
}
