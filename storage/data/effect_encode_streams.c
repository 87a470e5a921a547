// Writes the fields of effects on streams and groups; EFFECTS.md has the layouts.
#include "storage/data/effect_encoder.h"
#include "storage/data/effect_meta.h"

static void put_entries(struct encoder *encoder, const struct effect *effect) {
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++) {
        put_id(encoder, effect->ids[i]);
        put_u8(encoder, effect->nodes[i].is_begun);
        put_u32(encoder, effect->nodes[i].bytes);
        put_u32(encoder, effect->nodes[i].fields);
        effect_put_value(encoder, &effect->values[i]);
    }
}

static void put_ids(struct encoder *encoder, const struct effect *effect) {
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++)
        put_id(encoder, effect->ids[i]);
}

static void put_pending(struct encoder *encoder, const struct effect *effect) {
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++) {
        const struct effect_pending *pending = &effect->pending[i];
        put_id(encoder, pending->id);
        if (effect->type == EFFECT_GROUP_CLAIM) put_u64(encoder, (uint64_t)pending->delivered_ms);
        put_u64(encoder, (uint64_t)pending->deliveries);
    }
}

static void put_stream(struct encoder *encoder, const struct effect *effect) {
    switch ((int)effect->type) {
    case EFFECT_STREAM_ADD:
        put_entries(encoder, effect);
        return;
    case EFFECT_STREAM_TRIM:
        put_u32(encoder, effect->count);
        put_id(encoder, effect->id);
        return;
    case EFFECT_STREAM_DELETE:
        put_id(encoder, effect->id);
        put_ids(encoder, effect);
        return;
    case EFFECT_STREAM_SET_IDS:
        put_id(encoder, effect->id);
        put_id(encoder, effect->max_deleted);
        put_u64(encoder, effect->total);
        put_u32(encoder, effect->offset);
        return;
    case EFFECT_STREAM_CONFIG:
        put_u32(encoder, effect->offset);
        put_u32(encoder, effect->count);
        put_u64(encoder, effect->total);
        return;
    case EFFECT_STREAM_IDMP:
        put_name(encoder, effect->group);
        put_u32(encoder, effect->offset);
        put_id(encoder, effect->id);
        put_name(encoder, effect->consumer);
        return;
    case EFFECT_STREAM_IDMP_DROP:
        put_name(encoder, effect->group);
        put_u32(encoder, effect->offset);
        return;
    default:
        must_not_reach();
    }
}

static void put_group(struct encoder *encoder, const struct effect *effect) {
    put_name(encoder, effect->group);
    switch ((int)effect->type) {
    case EFFECT_GROUP_CREATE:
    case EFFECT_GROUP_SET_ID:
        put_id(encoder, effect->id);
        put_u64(encoder, (uint64_t)effect->entries_read);
        return;
    case EFFECT_GROUP_DESTROY:
        return;
    case EFFECT_CONSUMER_CREATE:
        put_name(encoder, effect->consumer);
        put_u64(encoder, (uint64_t)effect->at_ms);
        put_u64(encoder, (uint64_t)effect->active_ms);
        return;
    case EFFECT_CONSUMER_DELETE:
        put_name(encoder, effect->consumer);
        return;
    case EFFECT_GROUP_DELIVER:
        put_name(encoder, effect->consumer);
        put_u64(encoder, (uint64_t)effect->at_ms);
        put_id(encoder, effect->id);
        put_u64(encoder, (uint64_t)effect->entries_read);
        put_ids(encoder, effect);
        return;
    case EFFECT_GROUP_READ:
        put_name(encoder, effect->consumer);
        put_u64(encoder, (uint64_t)effect->at_ms);
        put_id(encoder, effect->id);
        put_u64(encoder, (uint64_t)effect->entries_read);
        put_u32(encoder, effect->count);
        put_id(encoder, effect->first);
        return;
    case EFFECT_GROUP_ACK:
        put_ids(encoder, effect);
        return;
    case EFFECT_GROUP_CLAIM:
        put_name(encoder, effect->consumer);
        put_u64(encoder, (uint64_t)effect->at_ms);
        put_pending(encoder, effect);
        return;
    case EFFECT_GROUP_NACK:
        put_pending(encoder, effect);
        return;
    default:
        must_not_reach();
    }
}

void effect_put_stream_fields(struct encoder *encoder, const struct effect *effect) {
    if (effect->type < EFFECT_GROUP_CREATE) {
        put_stream(encoder, effect);
    } else {
        put_group(encoder, effect);
    }
}
