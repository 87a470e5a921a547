// The inside of a dump: for dump.c and dump_stream.c, nobody else.
#ifndef ACKD_STORAGE_DATA_DUMP_STATE_H
#define ACKD_STORAGE_DATA_DUMP_STATE_H

#include "storage/data/dump.h"

// Rows of elements; an effect points into those that its type has.
struct dump {
    struct dump_sink sink;
    unsigned db;
    struct slice key;
    struct blob blobs[DUMP_ELEMENTS_MAX]; // what a visitor lends may be gone after the visit
    struct effect_value values[DUMP_ELEMENTS_MAX];
    struct slice fields[DUMP_ELEMENTS_MAX];
    struct stream_id ids[DUMP_ELEMENTS_MAX];
    struct stream_node nodes[DUMP_ELEMENTS_MAX];
    struct effect_pending pending[DUMP_ELEMENTS_MAX];
};

// An effect on the key, without elements.
struct effect dump_effect(const struct dump *dump, enum effect_type type);
void dump_give(struct dump *dump, const struct effect *effect);
// Puts a value into row `at`.
void dump_put_value(struct dump *dump, size_t at, const struct blob *blob);

void dump_stream(struct dump *dump, const struct stream *stream); // dump_stream.c

#endif
