// Values on their way out of a record into the keyspace. A checkpoint of a long list is a hundred
// million of them, most as NEAR: take_nears takes rows of these; whatever is the least unusual
// about one (its form, the end of the meta, a place in another segment) is left to take_value,
// which knows all and refuses what must be refused.
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/effect_apply.h"

enum {
    PAYLOAD_ALIGN = 8,
    NEAR_BYTES_MAX = 1 + 10 + 10 + 4, // tag, two varints, hash
};

static bool take_payload(struct apply *apply, size_t len, struct slice *out) {
    const struct slice payload = apply->record->payload;
    if (len > payload.len - apply->payload_used) return false;
    *out = slice_sub(payload, apply->payload_used, apply->payload_used + len);
    const size_t padded = num_align_up(len, PAYLOAD_ALIGN);
    if (padded > payload.len - apply->payload_used) return false;
    apply->payload_used += padded;
    return true;
}

static enum err take_ref(struct apply *apply, const struct meta_value *value, uint64_t lsn,
                         struct blob *out) {
    const struct blob_space *space = &apply->keyspace->space;
    uint32_t slot;
    uint32_t offset;
    if (!space->locate(space->context, lsn, &slot, &offset)) {
        return refuse(apply, "a reference leads out of the log");
    }
    if (slot > BLOB_SLOT_MAX || offset > BLOB_OFFSET_MAX || offset % PAYLOAD_ALIGN != 0) {
        return refuse(apply, "a reference leads to no payload");
    }
    apply->span =
        (struct apply_span){.lsn = lsn - offset, .bytes = space->span_bytes, .slot = slot};
    *out = blob_of_ref(slot, offset, value->len, value->hash);
    return ERR_NONE;
}

static enum err take_near(struct apply *apply, const struct meta_value *value, struct blob *out) {
    // Recovery moves references when it writes a batch again, and could not move these.
    if (!apply->record->is_checkpoint) return refuse(apply, "a value that only checkpoints have");
    const uint64_t lsn = apply->near_lsn + value->distance;
    apply->near_lsn = lsn + num_align_up(value->len, PAYLOAD_ALIGN);
    return take_ref(apply, value, lsn, out);
}

static enum err take_held(struct apply *apply, const struct meta_value *value, struct slice bytes,
                          struct blob *out) {
    *out = blob_of_bytes(bytes);
    apply->out->held_bytes += bytes.len;
    if (out->hash == value->hash) return ERR_NONE;
    blob_release(out);
    return refuse(apply, "a payload does not have the hash it was written with");
}

static enum err take_payload_value(struct apply *apply, const struct meta_value *value,
                                   struct blob *out) {
    const size_t at = apply->payload_used;
    struct slice bytes;
    if (!take_payload(apply, value->len, &bytes)) {
        return refuse(apply, "the payload area is too short");
    }
    if (value->tag == TAG_HEAP || value->len <= BLOB_MEMORY_MAX) {
        return take_held(apply, value, bytes, out);
    }
    const size_t offset = apply->record->payload_offset + at;
    if (apply->record->is_checkpoint || apply->record->slot > BLOB_SLOT_MAX ||
        offset > BLOB_OFFSET_MAX || offset % PAYLOAD_ALIGN != 0) {
        return refuse(apply, "the payload lies where no reference can lead");
    }
    *out = blob_of_ref(apply->record->slot, (uint32_t)offset, value->len, value->hash);
    return ERR_NONE;
}

static enum err take_value(struct apply *apply, struct blob *out) {
    struct meta_value value;
    if (!meta_value(&apply->meta, &value)) return refuse(apply, "a value cannot be read");
    switch (value.tag) {
    case TAG_INLINE:
        *out = blob_of_bytes(value.bytes);
        return ERR_NONE;
    case TAG_PAYLOAD:
    case TAG_HEAP:
        return take_payload_value(apply, &value, out);
    case TAG_REF:
        return take_ref(apply, &value, load_u64le(value.lsn_at), out);
    case TAG_NEAR:
        return take_near(apply, &value, out);
    }
    must_not_reach();
}

enum err apply_take_value(struct apply *apply, struct blob *out) {
    const enum err err = take_value(apply, out);
    if (err == ERR_NONE) keyspace_enter(apply->keyspace, out, 1);
    return err;
}

// ---- rows of values

// The varint at `at`, of at most three bytes; NULL: it is longer. The bytes are there.
static inline const char *short_varint(const char *at, uint64_t *out) {
    const uint32_t bytes = load_u32le(at);
    if ((bytes & 0x80) == 0) {
        *out = bytes & 0x7f;
        return at + 1;
    }
    *out = (bytes & 0x7f) | (bytes >> 1 & 0x3f80);
    if ((bytes & 0x8000) == 0) return at + 2;
    *out |= bytes >> 2 & 0x1fc000;
    return (bytes & 0x800000) == 0 ? at + 3 : NULL;
}

// Takes NEAR values that lie in the same span as the last reference; returns how many of `count`.
static size_t take_nears(struct apply *apply, struct blob *out, size_t count) {
    if (!apply->record->is_checkpoint || apply->meta.has_failed) return 0;
    const struct apply_span span = apply->span;
    const char *at = apply->meta.at;
    uint64_t near_lsn = apply->near_lsn;
    size_t taken = 0;
    for (; taken < count; taken++) {
        if (apply->meta.end - at < NEAR_BYTES_MAX || *at != TAG_NEAR) break;
        uint64_t folded = 0;
        uint64_t len = 0;
        const char *next = short_varint(at + 1, &folded);
        if (next != NULL) next = short_varint(next, &len);
        if (next == NULL) break;
        const uint64_t lsn = near_lsn + (folded >> 1 ^ (0 - (folded & 1))) * META_NEAR_STEP;
        const uint64_t offset = lsn - span.lsn;
        const bool is_beyond = offset >= span.bytes && !MUTANT(NEAR_LEAVES_SPAN);
        if (is_beyond || offset % PAYLOAD_ALIGN != 0) break;
        out[taken] = blob_of_ref(span.slot, (uint32_t)offset, (size_t)len, load_u32le(next));
        near_lsn = lsn + num_align_up(len, PAYLOAD_ALIGN);
        at = next + sizeof(uint32_t);
    }
    apply->meta.at = at;
    apply->near_lsn = near_lsn;
    return taken;
}

enum err apply_take_values(struct apply *apply, struct blob *out, size_t count, size_t *taken) {
    enum err err = ERR_NONE;
    size_t at = 0;
    while (at < count && err == ERR_NONE) {
        at += take_nears(apply, out + at, count - at);
        if (at == count) break;
        err = take_value(apply, &out[at]);
        if (err == ERR_NONE) at++;
    }
    keyspace_enter(apply->keyspace, out, at);
    *taken = at;
    return err;
}

enum err apply_take_bytes(struct apply *apply, struct slice *out) {
    struct meta_value value;
    if (!meta_value(&apply->meta, &value)) return refuse(apply, "a value cannot be read");
    if (value.tag == TAG_REF || value.tag == TAG_NEAR) {
        return refuse(apply, "a reference stands where bytes must stand");
    }
    *out = value.bytes;
    if (value.tag != TAG_INLINE && !take_payload(apply, value.len, out)) {
        return refuse(apply, "the payload area is too short");
    }
    return ERR_NONE;
}
