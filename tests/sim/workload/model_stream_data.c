// The arrays of streams, groups, consumers and pending entries.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/model_stream.h"

enum { DURATION_USUAL_S = 100, SIZE_USUAL = 100 };

// Deliveries are counted up to there; only what XNACK FATAL sets goes beyond.
static const int64_t deliveries_max = UINT32_MAX - INT64_C(1);

void *model_array_insert(void *items, size_t *count, size_t index, size_t item_bytes) {
    must(index <= *count);
    char *array = mem_realloc(items, (*count + 1) * item_bytes);
    char *at = array + index * item_bytes;
    memmove(at + item_bytes, at, (*count - index) * item_bytes);
    memset(at, 0, item_bytes);
    ++*count;
    return array;
}

void model_array_remove(void *items, size_t *count, size_t index, size_t item_bytes) {
    must(index < *count);
    char *at = (char *)items + index * item_bytes;
    --*count;
    memmove(at, at + item_bytes, (*count - index) * item_bytes);
}

// ---- ids

int model_id_compare(struct model_id a, struct model_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    if (a.seq != b.seq) return a.seq < b.seq ? -1 : 1;
    return 0;
}

bool model_id_next(struct model_id *id) {
    if (model_id_compare(*id, MODEL_ID_MAX) == 0) return false;
    if (id->seq == UINT64_MAX) id->ms++;
    id->seq++;
    return true;
}

bool model_id_previous(struct model_id *id) {
    if (model_id_compare(*id, MODEL_ID_MIN) == 0) return false;
    if (id->seq == 0) id->ms--;
    id->seq--;
    return true;
}

// ---- life

struct model_stream *model_stream_new(void) {
    struct model_stream *stream = mem_zalloc(sizeof *stream);
    stream->duration_s = DURATION_USUAL_S;
    stream->max_size = SIZE_USUAL;
    return stream;
}

static void group_clear(struct model_group *group) {
    for (size_t i = 0; i < group->consumer_count; i++) {
        model_text_unref(group->consumers[i].name);
    }
    for (size_t i = 0; i < group->pending_count; i++) {
        model_text_unref(group->pending[i].consumer);
    }
    mem_free(group->consumers);
    mem_free(group->pending);
    model_text_unref(group->name);
}

void model_stream_free(struct model_stream *stream) {
    if (stream == NULL) return;
    while (stream->sent_count > 0)
        model_sent_remove(stream, stream->sent_count - 1);
    for (size_t i = 0; i < stream->count; i++) {
        model_texts_clear(&stream->entries[i].strings);
    }
    for (size_t i = 0; i < stream->group_count; i++) {
        group_clear(&stream->groups[i]);
    }
    mem_free(stream->sent);
    mem_free(stream->entries);
    mem_free(stream->groups);
    mem_free(stream);
}

static void *dup_array(const void *items, size_t count, size_t item_bytes) {
    return count == 0 ? NULL : mem_dup(items, count * item_bytes);
}

static void group_dup(struct model_group *group) {
    model_text_ref(group->name);
    group->consumers =
        dup_array(group->consumers, group->consumer_count, sizeof(struct model_consumer));
    group->pending = dup_array(group->pending, group->pending_count, sizeof(struct model_pending));
    for (size_t i = 0; i < group->consumer_count; i++) {
        model_text_ref(group->consumers[i].name);
    }
    for (size_t i = 0; i < group->pending_count; i++) {
        model_text_ref(group->pending[i].consumer);
    }
}

struct model_stream *model_stream_dup(const struct model_stream *from) {
    struct model_stream *stream = mem_dup(from, sizeof *from);
    stream->entries = dup_array(from->entries, from->count, sizeof(struct model_entry));
    stream->groups = dup_array(from->groups, from->group_count, sizeof(struct model_group));
    stream->sent = dup_array(from->sent, from->sent_count, sizeof(struct model_sent));
    for (size_t i = 0; i < stream->count; i++) {
        model_texts_dup(&stream->entries[i].strings, &from->entries[i].strings);
    }
    for (size_t i = 0; i < stream->group_count; i++) {
        group_dup(&stream->groups[i]);
    }
    for (size_t i = 0; i < stream->sent_count; i++) {
        model_text_ref(stream->sent[i].producer);
        model_text_ref(stream->sent[i].id);
    }
    return stream;
}

// Two things are not durable: when a consumer that got nothing was here, and duplicates.
void model_stream_restart(struct model_stream *stream) {
    stream->duplicates = 0;
    for (size_t i = 0; i < stream->group_count; i++) {
        struct model_group *group = &stream->groups[i];
        for (size_t k = 0; k < group->consumer_count; k++) {
            group->consumers[k].seen_ms = group->consumers[k].kept_ms;
        }
    }
}

size_t model_stream_size(const struct model_stream *stream) {
    size_t size = stream->count;
    for (size_t i = 0; i < stream->group_count; i++) {
        size += stream->groups[i].pending_count;
    }
    return size;
}

// ---- entries

size_t model_entry_from(const struct model_stream *stream, struct model_id id) {
    size_t i = 0;
    while (i < stream->count && model_id_compare(stream->entries[i].id, id) < 0) {
        i++;
    }
    return i;
}

const struct model_entry *model_entry_find(const struct model_stream *stream, struct model_id id) {
    const size_t i = model_entry_from(stream, id);
    const bool is_there = i < stream->count && model_id_compare(stream->entries[i].id, id) == 0;
    return is_there ? &stream->entries[i] : NULL;
}

void model_entry_remove(struct model_stream *stream, size_t index) {
    model_texts_clear(&stream->entries[index].strings);
    model_array_remove(stream->entries, &stream->count, index, sizeof(struct model_entry));
}

// ---- pending entries

size_t model_pending_from(const struct model_group *group, struct model_id id) {
    size_t i = 0;
    while (i < group->pending_count && model_id_compare(group->pending[i].id, id) < 0) {
        i++;
    }
    return i;
}

struct model_pending *model_pending_find(const struct model_group *group, struct model_id id) {
    const size_t i = model_pending_from(group, id);
    const bool is_there =
        i < group->pending_count && model_id_compare(group->pending[i].id, id) == 0;
    return is_there ? &group->pending[i] : NULL;
}

bool model_pending_remove(struct model_group *group, struct model_id id) {
    struct model_pending *pending = model_pending_find(group, id);
    if (pending == NULL) return false;
    model_text_unref(pending->consumer);
    model_array_remove(group->pending, &group->pending_count, (size_t)(pending - group->pending),
                       sizeof *pending);
    return true;
}

void model_pending_put(struct model_group *group, const struct model_consumer *consumer,
                       const struct model_pending *pending) {
    struct model_text *owner = consumer == NULL ? NULL : model_text_ref(consumer->name);
    int64_t deliveries = pending->deliveries;
    if (deliveries != INT64_MAX && deliveries > deliveries_max) deliveries = deliveries_max;
    model_pending_remove(group, pending->id);
    const size_t at = model_pending_from(group, pending->id);
    group->pending =
        model_array_insert(group->pending, &group->pending_count, at, sizeof *group->pending);
    group->pending[at] = (struct model_pending){
        .id = pending->id,
        .consumer = owner,
        .delivered_ms = owner == NULL ? 0 : pending->delivered_ms,
        .deliveries = deliveries,
        .given_back = owner == NULL ? ++group->givings : 0,
    };
}

int64_t model_pending_idle_ms(const struct model_pending *pending, int64_t now_ms) {
    if (pending->consumer == NULL) return -1;
    return now_ms > pending->delivered_ms ? now_ms - pending->delivered_ms : 0;
}

bool model_pending_is_before(const struct model_pending *a, const struct model_pending *b) {
    if ((a->consumer == NULL) != (b->consumer == NULL)) return a->consumer == NULL;
    if (a->given_back != b->given_back) return a->given_back < b->given_back;
    if (a->delivered_ms != b->delivered_ms) return a->delivered_ms < b->delivered_ms;
    return model_id_compare(a->id, b->id) < 0;
}

// ---- groups

// Where the name stands or would stand.
static size_t group_place(const struct model_stream *stream, struct slice name) {
    size_t i = 0;
    while (i < stream->group_count &&
           slice_compare(model_text_slice(stream->groups[i].name), name) < 0) {
        i++;
    }
    return i;
}

struct model_group *model_group_find(const struct model_stream *stream, struct slice name) {
    const size_t i = group_place(stream, name);
    if (i == stream->group_count) return NULL;
    struct model_group *group = &stream->groups[i];
    return slice_equal(model_text_slice(group->name), name) ? group : NULL;
}

struct model_group *model_group_make(struct model_stream *stream, struct slice name) {
    const size_t i = group_place(stream, name);
    stream->groups =
        model_array_insert(stream->groups, &stream->group_count, i, sizeof *stream->groups);
    stream->groups[i].name = model_text_new(name);
    stream->groups[i].entries_read = -1;
    return &stream->groups[i];
}

void model_group_remove(struct model_stream *stream, struct slice name) {
    const size_t i = group_place(stream, name);
    group_clear(&stream->groups[i]);
    model_array_remove(stream->groups, &stream->group_count, i, sizeof *stream->groups);
}

// ---- consumers

static size_t consumer_place(const struct model_group *group, struct slice name) {
    size_t i = 0;
    while (i < group->consumer_count &&
           slice_compare(model_text_slice(group->consumers[i].name), name) < 0) {
        i++;
    }
    return i;
}

struct model_consumer *model_consumer_find(const struct model_group *group, struct slice name) {
    const size_t i = consumer_place(group, name);
    if (i == group->consumer_count) return NULL;
    struct model_consumer *consumer = &group->consumers[i];
    return slice_equal(model_text_slice(consumer->name), name) ? consumer : NULL;
}

struct model_consumer *model_consumer_make(struct model_group *group, struct slice name,
                                           int64_t seen_ms) {
    const size_t i = consumer_place(group, name);
    group->consumers =
        model_array_insert(group->consumers, &group->consumer_count, i, sizeof *group->consumers);
    group->consumers[i] = (struct model_consumer){
        .name = model_text_new(name), .seen_ms = seen_ms, .kept_ms = seen_ms, .active_ms = -1};
    return &group->consumers[i];
}

static bool is_owner(const struct model_pending *pending, const struct model_consumer *consumer) {
    return pending->consumer != NULL &&
           slice_equal(model_text_slice(pending->consumer), model_text_slice(consumer->name));
}

void model_consumer_remove(struct model_group *group, struct slice name) {
    const size_t at = consumer_place(group, name);
    for (size_t i = group->pending_count; i-- > 0;) {
        if (is_owner(&group->pending[i], &group->consumers[at]))
            model_pending_remove(group, group->pending[i].id);
    }
    model_text_unref(group->consumers[at].name);
    model_array_remove(group->consumers, &group->consumer_count, at, sizeof *group->consumers);
}

size_t model_consumer_load(const struct model_group *group, const struct model_consumer *consumer) {
    size_t count = 0;
    for (size_t i = 0; i < group->pending_count; i++) {
        count += is_owner(&group->pending[i], consumer);
    }
    return count;
}

struct model_consumer *model_consumer_seen(struct model_group *group, struct slice name,
                                           int64_t now_ms) {
    struct model_consumer *consumer = model_consumer_find(group, name);
    if (consumer == NULL) return model_consumer_make(group, name, now_ms);
    if (now_ms > consumer->seen_ms) consumer->seen_ms = now_ms;
    return consumer;
}

void model_consumer_active(struct model_consumer *consumer, int64_t now_ms) {
    consumer->active_ms = now_ms;
    if (now_ms > consumer->seen_ms) consumer->seen_ms = now_ms;
    if (now_ms > consumer->kept_ms) consumer->kept_ms = now_ms;
}
