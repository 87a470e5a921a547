// The id of a stream's entry: milliseconds and a number within them, compared in that order.
#ifndef ACKD_STORAGE_DATA_STREAM_ID_H
#define ACKD_STORAGE_DATA_STREAM_ID_H

#include <stdbool.h>
#include <stdint.h>

struct stream_id {
    uint64_t ms;
    uint64_t seq;
};

#define STREAM_ID_MIN ((struct stream_id){0, 0})
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

enum { STREAM_ID_BYTES = 16 }; // in effects: ms, then seq

static inline int stream_id_compare(struct stream_id a, struct stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

static inline bool stream_id_equal(struct stream_id a, struct stream_id b) {
    return a.ms == b.ms && a.seq == b.seq;
}

static inline bool stream_id_is_zero(struct stream_id id) {
    return id.ms == 0 && id.seq == 0;
}

// The next greater or smaller id. False when there is none: `id` stays.
static inline bool stream_id_increment(struct stream_id *id) {
    if (id->ms == UINT64_MAX && id->seq == UINT64_MAX) return false;
    if (++id->seq == 0) id->ms++;
    return true;
}

static inline bool stream_id_decrement(struct stream_id *id) {
    if (stream_id_is_zero(*id)) return false;
    if (id->seq-- == 0) id->ms--;
    return true;
}

#endif
