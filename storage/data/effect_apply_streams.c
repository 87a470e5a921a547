// Applies effects on streams: entries, ids, idempotent producers. As in effect_apply.c, whatever a
// field asks for is checked first.
#include "proto/base/mutant.h"
#include "storage/data/effect_apply.h"
#include "storage/data/idmp.h"

static struct stream *stream_of(const struct apply *apply) {
    return apply->entry->value.stream;
}

// ---- entries

static enum err take_entry(struct apply *apply) {
    const bool is_new = apply->entry == NULL;
    const struct stream_id id = take_id(apply);
    const uint8_t is_begun = meta_u8(&apply->meta);
    struct stream_node node = {.is_begun = is_begun != 0};
    node.bytes = meta_u32(&apply->meta);
    node.fields = meta_u32(&apply->meta);
    if (apply->meta.has_failed) return refuse(apply, "an entry cannot be read");
    if (is_begun > 1) return refuse(apply, "a flag is neither 0 nor 1");
    const struct stream_id last = is_new ? STREAM_ID_MIN : stream_last_id(stream_of(apply));
    if (stream_id_compare(id, last) <= 0) return refuse(apply, "an id is not above the last");
    const uint32_t added = is_new ? 0 : stream_ids(stream_of(apply)).node_added;
    if (!node.is_begun && (added == 0 || added == UINT32_MAX)) {
        return refuse(apply, "an entry goes on with a node that is not there");
    }
    struct blob payload;
    const enum err err = apply_take_value(apply, &payload);
    if (err != ERR_NONE) return err;
    if (is_new) apply_create_entry(apply, TYPE_STREAM);
    stream_add(stream_of(apply), id, &payload, &node);
    return ERR_NONE;
}

static enum err apply_stream_add(struct apply *apply) {
    const uint32_t count = meta_u32(&apply->meta);
    if (!holds_or_absent(apply, TYPE_STREAM)) return refuse(apply, "the key is not a stream");
    if (count == 0 || count > EFFECT_ELEMENTS_MAX) return refuse(apply, "a count out of range");
    for (uint32_t i = 0; i < count; i++) {
        const enum err err = take_entry(apply);
        if (err != ERR_NONE) return err;
    }
    apply->out->added = count;
    return ERR_NONE;
}

// Whole chunks go together, and in steps; says how many entries they had.
static size_t cut_chunks(struct apply *apply, size_t count) {
    struct stream *cut = count < CUT_MIN ? NULL : stream_cut(stream_of(apply), count);
    if (cut == NULL) return 0;
    const size_t len = stream_len(cut);
    keyspace_discard(apply->keyspace, TYPE_STREAM, (union entry_value){.stream = cut});
    return len;
}

static enum err apply_stream_trim(struct apply *apply) {
    const uint32_t count = meta_u32(&apply->meta);
    const struct stream_id id = take_id(apply);
    if (count == 0 || count > stream_len(stream_of(apply))) {
        return refuse(apply, "the stream has not so many entries");
    }
    struct stream_cursor cursor = stream_seek(stream_of(apply), STREAM_ID_MIN);
    struct stream_entry last = {0};
    stream_skip(&cursor, count - 1);
    stream_next(&cursor, &last);
    if (!stream_id_equal(last.id, id)) return refuse(apply, "the trim ends at another entry");
    stream_list_until(stream_of(apply), id);
    const size_t cut = MUTANT(TRIMMED_BYTES_KEPT) ? 0 : cut_chunks(apply, count);
    for (size_t i = cut; i < count; i++) {
        struct blob gone;
        stream_shift(stream_of(apply), &gone);
        if (!MUTANT(TRIMMED_BYTES_KEPT)) keyspace_leave(apply->keyspace, &gone);
    }
    return ERR_NONE;
}

static enum err apply_stream_delete(struct apply *apply) {
    const struct stream_id max_deleted = take_id(apply);
    const uint32_t count = meta_u32(&apply->meta);
    const struct meta_reader ids = apply->meta;
    if (count == 0) return refuse(apply, "a count out of range");
    struct stream_id before = STREAM_ID_MIN;
    for (uint32_t i = 0; i < count; i++) {
        const struct stream_id id = take_id(apply);
        if (apply->meta.has_failed) return refuse(apply, "an id cannot be read");
        if (stream_id_compare(id, before) <= 0) return refuse(apply, "ids are out of order");
        if (!stream_find(stream_of(apply), id, NULL)) return refuse(apply, "no such entry");
        before = id;
    }
    stream_list_until(stream_of(apply), before);
    apply->meta = ids;
    for (uint32_t i = 0; i < count; i++) {
        struct blob gone;
        stream_delete(stream_of(apply), take_id(apply), &gone);
        keyspace_leave(apply->keyspace, &gone);
    }
    stream_set_max_deleted(stream_of(apply), max_deleted);
    return ERR_NONE;
}

static enum err apply_stream_set_ids(struct apply *apply) {
    struct stream_ids ids = {.last = take_id(apply)};
    ids.max_deleted = take_id(apply);
    ids.entries_added = meta_u64(&apply->meta);
    ids.node_added = meta_u32(&apply->meta);
    if (apply->meta.has_failed) return refuse(apply, "the ids cannot be read");
    if (!holds_or_absent(apply, TYPE_STREAM)) return refuse(apply, "the key is not a stream");
    if (ids.entries_added > INT64_MAX) return refuse(apply, "more entries than can be counted");
    const bool has_node = apply->entry != NULL && stream_ids(stream_of(apply)).node_added > 0;
    if (ids.node_added > 0 && !has_node) return refuse(apply, "there is no node to go on with");
    if (apply->entry != NULL) {
        struct stream_cursor end = stream_seek_behind(stream_of(apply), STREAM_ID_MAX);
        struct stream_entry last;
        if (stream_prev(&end, &last) && stream_id_compare(ids.last, last.id) < 0) {
            return refuse(apply, "the last id is below that of an entry");
        }
    } else {
        apply_create_entry(apply, TYPE_STREAM);
    }
    stream_set_ids(stream_of(apply), &ids);
    return ERR_NONE;
}

// ---- idempotent producers

static enum err apply_stream_config(struct apply *apply) {
    const uint32_t duration_s = meta_u32(&apply->meta);
    const uint32_t max_size = meta_u32(&apply->meta);
    const uint64_t ids_added = meta_u64(&apply->meta);
    if (duration_s == 0 || max_size == 0) return refuse(apply, "nothing would be remembered");
    if (apply->meta.has_failed) return refuse(apply, "the bounds cannot be read");
    struct idmp *idmp = stream_idmp_for_change(stream_of(apply));
    idmp_configure(idmp, duration_s, max_size, ids_added);
    return ERR_NONE;
}

static enum err drop_ids(struct apply *apply, struct slice producer, uint32_t count) {
    if (count == 0) return ERR_NONE;
    struct idmp *idmp = stream_idmp_state(stream_of(apply));
    if (idmp == NULL || count > idmp_producer_ids(idmp, producer)) {
        return refuse(apply, "the producer has not so many ids");
    }
    idmp_drop(idmp, producer, count);
    return ERR_NONE;
}

static enum err apply_stream_idmp(struct apply *apply) {
    struct slice producer;
    struct slice id;
    enum err err = take_name(apply, &producer);
    const uint32_t dropped = meta_u32(&apply->meta);
    const struct stream_id entry = take_id(apply);
    if (err == ERR_NONE) err = take_name(apply, &id);
    if (err == ERR_NONE) err = drop_ids(apply, producer, dropped);
    if (err != ERR_NONE) return err;
    struct idmp *idmp = stream_idmp_for_change(stream_of(apply));
    if (idmp_has(idmp, producer, id)) return refuse(apply, "the id is there already");
    idmp_add(idmp, producer, id, entry);
    return ERR_NONE;
}

static enum err apply_stream_idmp_drop(struct apply *apply) {
    struct slice producer;
    const enum err err = take_name(apply, &producer);
    const uint32_t dropped = meta_u32(&apply->meta);
    if (err != ERR_NONE) return err;
    if (dropped == 0) return refuse(apply, "a count out of range");
    return drop_ids(apply, producer, dropped);
}

enum err apply_stream_fields(struct apply *apply) {
    const uint8_t type = apply->record->type;
    if (type == EFFECT_STREAM_ADD) return apply_stream_add(apply);
    if (type == EFFECT_STREAM_SET_IDS) return apply_stream_set_ids(apply);
    // All others change a stream that is there.
    if (!holds(apply, TYPE_STREAM)) return refuse(apply, "the key is not a stream");
    switch (type) {
    case EFFECT_STREAM_TRIM:
        return apply_stream_trim(apply);
    case EFFECT_STREAM_DELETE:
        return apply_stream_delete(apply);
    case EFFECT_STREAM_CONFIG:
        return apply_stream_config(apply);
    case EFFECT_STREAM_IDMP:
        return apply_stream_idmp(apply);
    case EFFECT_STREAM_IDMP_DROP:
        return apply_stream_idmp_drop(apply);
    default:
        return apply_group_fields(apply);
    }
}
