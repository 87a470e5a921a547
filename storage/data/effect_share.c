// How much of an effect with many elements goes into one record.
#include "storage/data/effect.h"
#include "storage/data/effect_meta.h"

enum { ELEMENT_OVERHEAD = 32 }; // beyond its bytes: tag, length, hash, padding in the payload area

static size_t element_bytes(const struct effect *effect, size_t i) {
    size_t bytes = ELEMENT_OVERHEAD;
    if (effect->fields != NULL) bytes += effect->fields[i].len;
    if (effect->nodes != NULL) bytes += META_STREAM_ENTRY_BYTES;
    if (effect->values == NULL) return bytes;
    const struct effect_value *value = &effect->values[i];
    if (value->blob == NULL) return bytes + value->bytes.len;
    return blob_kind(value->blob) == BLOB_REF ? bytes : bytes + blob_len(value->blob);
}

size_t effect_share(const struct effect *effect, size_t room, size_t most) {
    size_t bytes = 0;
    size_t share = 0;
    while (share < effect->count && share < most) {
        bytes += element_bytes(effect, share);
        if (bytes > room && share > 0) break;
        share++;
    }
    return share;
}

bool effect_has_elements(const struct effect *effect) {
    return effect->values != NULL || effect->fields != NULL || effect->ids != NULL ||
           effect->pending != NULL || effect->indexes != NULL;
}

void effect_skip(struct effect *effect, size_t count) {
    if (effect->values != NULL) effect->values += count;
    if (effect->fields != NULL) effect->fields += count;
    if (effect->ids != NULL) effect->ids += count;
    if (effect->nodes != NULL) effect->nodes += count;
    if (effect->pending != NULL) effect->pending += count;
    effect->count -= (uint32_t)count;
}
