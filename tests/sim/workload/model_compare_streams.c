// A stream of the model and the real one: entries, ids, producers, groups, what is pending.
#include <inttypes.h>
#include <stdio.h>

#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "tests/sim/workload/model_compare.h"
#include "tests/sim/workload/model_stream.h"

static bool is_same_id(struct stream_id real, struct model_id id) {
    return real.ms == id.ms && real.seq == id.seq;
}

static enum err compare_id(struct model_comparison *comparison, const char *of,
                           struct stream_id real, struct model_id id) {
    char what[300];
    if (is_same_id(real, id)) return ERR_NONE;
    snprintf(what, sizeof what, "%s is %" PRIu64 "-%" PRIu64 ", the model has %" PRIu64 "-%" PRIu64,
             of, real.ms, real.seq, id.ms, id.seq);
    return model_differ(comparison, what);
}

static enum err differ_at(struct model_comparison *comparison, struct model_id id,
                          const char *what) {
    char text[200];
    snprintf(text, sizeof text, "entry %" PRIu64 "-%" PRIu64 " %s", id.ms, id.seq, what);
    return model_differ(comparison, text);
}

// ---- entries

static enum err compare_payload(struct model_comparison *comparison, const struct blob *payload,
                                const struct model_entry *entry) {
    struct stream_fields fields;
    struct slice bytes;
    struct slice string;
    size_t i = 0;
    if (store_bytes(comparison->store, payload, &comparison->scratch, &bytes) != ERR_NONE)
        return differ_at(comparison, entry->id, "cannot be read");
    if (!stream_fields_begin(&fields, bytes))
        return differ_at(comparison, entry->id, "has a payload that makes no sense");
    while (stream_fields_next(&fields, &string)) {
        if (i == entry->strings.count ||
            !slice_equal(string, model_text_slice(entry->strings.items[i])))
            return differ_at(comparison, entry->id, "has another field or value");
        i++;
    }
    return i == entry->strings.count ? ERR_NONE : differ_at(comparison, entry->id, "lacks fields");
}

static enum err compare_entries(struct model_comparison *comparison, const struct stream *real,
                                const struct model_stream *stream) {
    struct stream_cursor cursor = stream_seek(real, STREAM_ID_MIN);
    struct stream_entry entry;
    enum err err = model_compare_count(comparison, "entries", stream_len(real), stream->count);
    for (size_t i = 0; i < stream->count && err == ERR_NONE; i++) {
        if (!stream_next(&cursor, &entry)) return model_differ(comparison, "ends too early");
        err = compare_id(comparison, "an entry", entry.id, stream->entries[i].id);
        if (err == ERR_NONE) err = compare_payload(comparison, &entry.payload, &stream->entries[i]);
    }
    return err;
}

// ---- producers

struct sent_check {
    struct model_comparison *comparison;
    const struct model_stream *stream;
    size_t found_fresh;
};

static bool is_sent(const struct model_sent *sent, const struct model_stream *stream,
                    struct slice id) {
    if (slice_equal(model_text_slice(sent->id), id)) return true;
    const struct model_entry *entry = model_entry_find(stream, sent->entry);
    return entry == NULL || model_sent_is_digest(id, &entry->strings);
}

static void check_sent(void *context, struct slice producer, struct slice id,
                       struct stream_id entry) {
    struct sent_check *check = context;
    for (size_t i = 0; i < check->stream->sent_count; i++) {
        const struct model_sent *sent = &check->stream->sent[i];
        if (!is_same_id(entry, sent->entry) ||
            !slice_equal(model_text_slice(sent->producer), producer) ||
            !is_sent(sent, check->stream, id))
            continue;
        check->found_fresh += model_sent_is_fresh(check->stream, sent, check->comparison->now_ms);
        return;
    }
    model_differ(check->comparison, "remembers what no producer sent");
}

static enum err compare_producers(struct model_comparison *comparison, const struct stream *real,
                                  const struct model_stream *stream) {
    const struct stream_idmp idmp = stream_idmp(real);
    struct sent_check check = {.comparison = comparison, .stream = stream};
    size_t fresh = 0;
    for (size_t i = 0; i < stream->sent_count; i++) {
        fresh += model_sent_is_fresh(stream, &stream->sent[i], comparison->now_ms);
    }
    if (stream_idmp_state(real) != NULL) idmp_each(stream_idmp_state(real), check_sent, &check);
    enum err err = comparison->err;
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "seconds of IDMP-DURATION", idmp.duration_s,
                                  (uint64_t)stream->duration_s);
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "ids of IDMP-MAXSIZE", idmp.max_size,
                                  (uint64_t)stream->max_size);
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "idempotent ids", check.found_fresh, fresh);
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "idempotent ids ever", idmp.ids_added,
                                  stream->sent_added);
    return err;
}

// ---- groups

static enum err compare_pending(struct model_comparison *comparison, const struct group *real,
                                const struct model_group *group) {
    enum err err = model_compare_count(comparison, "pending entries", group_pending_count(real),
                                       group->pending_count);
    struct pending_cursor cursor = group_by_time(real);
    struct pending found;
    const struct model_pending *before = NULL;
    while (err == ERR_NONE && pending_next(&cursor, &found)) {
        const struct model_id id = {found.id.ms, found.id.seq};
        const struct model_pending *pending = model_pending_find(group, id);
        if (pending == NULL) return differ_at(comparison, id, "is pending");
        const struct slice owner =
            pending->consumer == NULL ? SLICE_EMPTY : model_text_slice(pending->consumer);
        if ((found.consumer == NULL) != (pending->consumer == NULL) ||
            (found.consumer != NULL && !slice_equal(consumer_name(found.consumer), owner)))
            return differ_at(comparison, id, "is pending at another consumer");
        if (found.delivered_ms != pending->delivered_ms)
            return differ_at(comparison, id, "was delivered at another time");
        if (found.deliveries != pending->deliveries)
            return differ_at(comparison, id, "was delivered a different number of times");
        if (before != NULL && !model_pending_is_before(before, pending))
            return differ_at(comparison, id, "would be claimed out of order");
        before = pending;
    }
    return err;
}

static enum err compare_consumers(struct model_comparison *comparison, const struct group *real,
                                  const struct model_group *group) {
    enum err err = model_compare_count(comparison, "consumers", group_consumer_count(real),
                                       group->consumer_count);
    for (size_t i = 0; i < group->consumer_count && err == ERR_NONE; i++) {
        const struct model_consumer *consumer = &group->consumers[i];
        const struct consumer *found = group_consumer_at(real, i);
        if (!slice_equal(consumer_name(found), model_text_slice(consumer->name)))
            return model_differ(comparison, "has another consumer");
        err =
            model_compare_count(comparison, "pending at a consumer", consumer_pending_count(found),
                                model_consumer_load(group, consumer));
        if (err == ERR_NONE)
            err =
                model_compare_count(comparison, "ms when a consumer was seen",
                                    (uint64_t)consumer_seen_ms(found), (uint64_t)consumer->seen_ms);
        if (err == ERR_NONE)
            err = model_compare_count(comparison, "ms when a consumer was active",
                                      (uint64_t)consumer_active_ms(found),
                                      (uint64_t)consumer->active_ms);
    }
    return err;
}

static enum err compare_group(struct model_comparison *comparison, const struct group *real,
                              const struct model_group *group) {
    if (!slice_equal(group_name(real), model_text_slice(group->name)))
        return model_differ(comparison, "has another group");
    enum err err = compare_id(comparison, "what a group was delivered last", group_last_id(real),
                              group->last_id);
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "entries read", (uint64_t)group_entries_read(real),
                                  (uint64_t)group->entries_read);
    if (err == ERR_NONE) err = compare_consumers(comparison, real, group);
    if (err == ERR_NONE) err = compare_pending(comparison, real, group);
    return err;
}

enum err model_compare_stream(struct model_comparison *comparison, const struct stream *real) {
    const struct model_stream *stream = comparison->key->stream;
    enum err err = compare_entries(comparison, real, stream);
    if (err == ERR_NONE)
        err = compare_id(comparison, "the last id", stream_last_id(real), stream->last_id);
    if (err == ERR_NONE)
        err = compare_id(comparison, "the greatest deleted id", stream_max_deleted_id(real),
                         stream->max_deleted);
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "entries ever", stream_entries_added(real),
                                  stream->added);
    if (err == ERR_NONE) err = compare_producers(comparison, real, stream);
    if (err == ERR_NONE)
        err = model_compare_count(comparison, "groups", stream_group_count(real),
                                  stream->group_count);
    for (size_t i = 0; i < stream->group_count && err == ERR_NONE; i++) {
        err = compare_group(comparison, stream_group_at(real, i), &stream->groups[i]);
    }
    return err;
}
