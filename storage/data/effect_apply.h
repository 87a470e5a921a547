// An effect while it is applied: shared by effect_apply*.c and nobody else.
#ifndef ACKD_STORAGE_DATA_EFFECT_APPLY_H
#define ACKD_STORAGE_DATA_EFFECT_APPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/data/effect.h"
#include "storage/data/effect_meta.h"
#include "storage/data/keyspace_state.h"

enum { CUT_MIN = 64 }; // fewer elements of a list or stream are taken one by one

struct apply {
    struct keyspace *keyspace;
    const struct effect_record *record;
    struct effect_outcome *out;
    struct meta_reader meta;
    size_t payload_used; // a multiple of PAYLOAD_ALIGN
    uint64_t near_lsn;   // where the payload of the last NEAR value ends
    struct entry *entry; // of the key; NULL when absent
    const char *why;     // what was wrong
};

static inline enum err refuse(struct apply *apply, const char *why) {
    apply->why = why;
    return ERR_CORRUPT;
}

static inline bool holds(const struct apply *apply, enum value_type type) {
    return apply->entry != NULL && apply->entry->type == type;
}

static inline bool holds_or_absent(const struct apply *apply, enum value_type type) {
    return apply->entry == NULL || apply->entry->type == type;
}

// Reads the next value and makes it part of the keyspace: the caller must place it.
enum err apply_take_value(struct apply *apply, struct blob *out);

// The entry becomes one of that type, created if need be.
void apply_create_entry(struct apply *apply, enum value_type type);

static inline struct stream_id take_id(struct apply *apply) {
    const uint64_t ms = meta_u64(&apply->meta);
    return (struct stream_id){.ms = ms, .seq = meta_u64(&apply->meta)};
}

static inline enum err take_name(struct apply *apply, struct slice *out) {
    *out = meta_bytes(&apply->meta, meta_u32(&apply->meta));
    if (apply->meta.has_failed) return refuse(apply, "a name cannot be read");
    if (out->len > STREAM_NAME_MAX) return refuse(apply, "a name is too long");
    return ERR_NONE;
}

enum err apply_relocate(struct apply *apply); // effect_apply_relocate.c

// STREAM_* (effect_apply_streams.c) and those of its groups (effect_apply_groups.c).
enum err apply_stream_fields(struct apply *apply);
enum err apply_group_fields(struct apply *apply);

#endif
