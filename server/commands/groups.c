#include "server/commands/groups.h"

#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"

// ---- finding

bool groups_find(struct call *call, struct slice key, struct slice name, struct group_place *out) {
    const struct entry *entry;
    *out = (struct group_place){.at = {.db = call->db, .key = key, .group = name}};
    if (!call_lookup_type(call, key, TYPE_STREAM, &entry)) return false;
    if (entry == NULL) return true;
    out->stream = entry->value.stream;
    out->group = stream_group(out->stream, name);
    return true;
}

bool groups_need(struct call *call, struct slice key, struct slice name, struct group_place *out) {
    if (!groups_find(call, key, name, out)) return false;
    if (out->group != NULL) return true;
    reply_errorf(&call->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'", (int)key.len,
                 key.data, (int)name.len, name.data);
    return false;
}

void groups_no_such_group(struct call *call, const struct group_place *place) {
    const struct slice key = place->at.key;
    const struct slice group = place->at.group;
    reply_errorf(&call->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                 (int)group.len, group.data, (int)key.len, key.data);
}

bool groups_is_name_short(struct call *call, size_t index) {
    if (call->argv[index].len <= STREAM_NAME_MAX) return true;
    reply_errorf(&call->reply,
                 "ERR name of a group or consumer is longer than %d bytes, the most ackd takes",
                 (int)STREAM_NAME_MAX);
    return false;
}

// ---- ids

bool groups_is_id(struct call *call, size_t index) {
    struct buf *out = call->reply.out;
    const size_t begin = out->len;
    struct stream_id unused;
    if (streams_arg_id(call, index, 0, &unused)) return true;
    out->len = begin; // the refusal
    return false;
}

struct sorted_id {
    struct stream_id id;
    size_t at;
};

static int compare_sorted(const void *a, const void *b) {
    const struct sorted_id *one = a;
    const struct sorted_id *other = b;
    const int order = stream_id_compare(one->id, other->id);
    if (order != 0) return order;
    return one->at < other->at ? -1 : 1;
}

// By sorting: a client may name many.
size_t *groups_previous(const struct stream_id *ids, size_t count) {
    size_t *previous = mem_alloc_array(count, sizeof *previous);
    struct sorted_id *sorted = mem_alloc_array(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct sorted_id){ids[i], i};
    }
    if (count > 1) qsort(sorted, count, sizeof *sorted, compare_sorted);
    for (size_t i = 0; i < count; i++) {
        const bool is_again = i > 0 && stream_id_equal(sorted[i].id, sorted[i - 1].id);
        previous[sorted[i].at] = is_again ? sorted[i - 1].at : GROUPS_NOT_BEFORE;
    }
    mem_free(sorted);
    return previous;
}

bool *groups_repeated(const struct stream_id *ids, size_t count) {
    bool *is_repeated = mem_zalloc(count + 1);
    if (count < 2) return is_repeated;
    size_t *previous = groups_previous(ids, count);
    for (size_t i = 0; i < count; i++) {
        is_repeated[i] = previous[i] != GROUPS_NOT_BEFORE;
    }
    mem_free(previous);
    return is_repeated;
}

// ---- answering

int64_t groups_idle_ms(const struct pending *pending, int64_t now_ms) {
    if (pending->consumer == NULL) return -1;
    return pending->delivered_ms < now_ms ? now_ms - pending->delivered_ms : 0;
}

// ---- changing

void groups_note_consumer(struct call *call, const struct group_place *place,
                          struct slice consumer) {
    const struct consumer *known = group_consumer(place->group, consumer);
    if (known == NULL) {
        txn_consumer_create(call->txn, &place->at, consumer);
    } else {
        store_note_seen(engine_store(call->engine), known, call->now_ms);
    }
}

void claims_add(struct claims *claims, const struct effect_pending *pending) {
    buf_append_slice(&claims->items, slice_of((const char *)pending, sizeof *pending));
}

void id_list_add(struct id_list *list, struct stream_id id) {
    buf_append_slice(&list->items, slice_of((const char *)&id, sizeof id));
}
