// Applies RELOCATE: references that lead to another place of the log from now on. The bytes there
// are the same, which is what length and hash are compared for: whatever a record says, relocating
// cannot change what a client reads.
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/data/effect_apply.h"

// Where in the key's value a blob stands.
struct place {
    uint32_t index;      // in a list
    struct slice field;  // of a hash
    struct stream_id id; // in a stream
};

static enum err take_place(struct apply *apply, struct place *out) {
    *out = (struct place){0};
    switch ((enum value_type)apply->entry->type) {
    case TYPE_STRING:
        break;
    case TYPE_LIST:
        out->index = meta_u32(&apply->meta);
        break;
    case TYPE_HASH:
        out->field = meta_bytes(&apply->meta, meta_u32(&apply->meta));
        break;
    case TYPE_STREAM:
        out->id = take_id(apply);
        break;
    }
    return apply->meta.has_failed ? refuse(apply, "a place cannot be read") : ERR_NONE;
}

// The blob that stands there now; false: nothing does.
static bool find_present(const struct apply *apply, const struct place *place, struct blob *out) {
    const struct entry *entry = apply->entry;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        *out = entry->value.string;
        return true;
    case TYPE_LIST:
        if (place->index >= list_len(entry->value.list)) return false;
        *out = list_get(entry->value.list, place->index);
        return true;
    case TYPE_HASH:
        return hash_find(entry->value.hash, place->field, out);
    case TYPE_STREAM:
        return stream_find(entry->value.stream, place->id, out);
    }
    must_not_reach();
}

// Puts the blob there; gives the old one.
static struct blob replace(const struct apply *apply, const struct place *place,
                           struct blob value) {
    struct entry *entry = apply->entry;
    struct blob old = {0};
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        old = entry->value.string;
        entry->value.string = value;
        break;
    case TYPE_LIST:
        if (MUTANT(RELOCATION_OFF_BY_ONE) && place->index > 0)
            return list_relocate(entry->value.list, place->index - 1, value);
        old = list_relocate(entry->value.list, place->index, value);
        break;
    case TYPE_HASH:
        hash_set(entry->value.hash, place->field, value, &old);
        break;
    case TYPE_STREAM:
        old = stream_replace(entry->value.stream, place->id, value);
        break;
    }
    return old;
}

static bool is_same(const struct blob *a, const struct blob *b) {
    if (blob_kind(a) != BLOB_REF || blob_kind(b) != BLOB_REF) return false;
    if (MUTANT(RELOCATION_UNCHECKED)) return true;
    return blob_len(a) == blob_len(b) && a->hash == b->hash;
}

static enum err relocate_one(struct apply *apply) {
    struct place place;
    struct blob present;
    struct blob moved;
    enum err err = take_place(apply, &place);
    if (err == ERR_NONE) err = apply_take_value(apply, &moved);
    if (err != ERR_NONE) return err;
    if (!find_present(apply, &place, &present) || !is_same(&present, &moved)) {
        keyspace_leave(apply->keyspace, &moved);
        return refuse(apply, "another value stands there");
    }
    struct blob old = replace(apply, &place, moved);
    keyspace_leave(apply->keyspace, &old);
    return ERR_NONE;
}

enum err apply_relocate(struct apply *apply) {
    const uint8_t type = meta_u8(&apply->meta);
    const uint32_t count = meta_u32(&apply->meta);
    if (apply->entry == NULL || apply->entry->type != type) {
        return refuse(apply, "the key holds no such value");
    }
    if (count == 0 || count > EFFECT_ELEMENTS_MAX) return refuse(apply, "a count out of range");
    for (uint32_t i = 0; i < count; i++) {
        const enum err err = relocate_one(apply);
        if (err != ERR_NONE) return err;
    }
    return ERR_NONE;
}
