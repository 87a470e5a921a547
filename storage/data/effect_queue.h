// Effects on their way into a keyspace that is larger than the processor's cache. Nearly all of the
// time of a change at a random place goes into waiting for memory, for one place after the other:
// the bucket, the entry. So an effect is not applied when it comes but EFFECT_QUEUE_LEN effects
// later; what it will look at is asked for meanwhile, and the waits of all that are queued run side
// by side.
//
// The order stays: what comes first is applied first.
#ifndef ACKD_STORAGE_DATA_EFFECT_QUEUE_H
#define ACKD_STORAGE_DATA_EFFECT_QUEUE_H

#include <stddef.h>

#include "storage/data/effect.h"
#include "storage/data/keyspace.h"

enum { EFFECT_QUEUE_LEN = 16 }; // a power of two

// Zero-initialised: empty; nothing to deinit.
struct effect_queue {
    struct effect_record records[EFFECT_QUEUE_LEN];
    size_t first; // counts on and on
    size_t count;
};

// Adds an effect, whose bytes must stay where they are until it is applied, and applies the one
// whose turn has come. An error is that one's, as of effect_apply; do not go on then.
enum err effect_queue_put(struct effect_queue *queue, struct keyspace *keyspace,
                          const struct effect_record *record, struct fault *fault);

// Applies all that are left.
enum err effect_queue_drain(struct effect_queue *queue, struct keyspace *keyspace,
                            struct fault *fault);

// Forgets all that are left: the keyspace is thrown away.
void effect_queue_reset(struct effect_queue *queue);

#endif
