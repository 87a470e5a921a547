#include "server/commands/groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"

enum { ID_TEXT_MAX = 48, ID_ARGUMENT_MAX = 127 };

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

static bool parse_part(struct slice s, uint64_t *out) {
    uint64_t value = 0;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static bool parse_id(struct slice s, uint64_t missing_seq, struct stream_id *out) {
    size_t dash = 0;
    if (s.len > ID_ARGUMENT_MAX) return false;
    while (dash < s.len && s.data[dash] != '-') {
        dash++;
    }
    out->seq = missing_seq;
    if (!parse_part(slice_sub(s, 0, dash), &out->ms)) return false;
    return dash == s.len || parse_part(slice_sub(s, dash + 1, s.len), &out->seq);
}

static bool parse_any_id(struct slice s, uint64_t missing_seq, struct stream_id *out) {
    if (slice_equal(s, SLICE("-"))) {
        *out = STREAM_ID_MIN;
        return true;
    }
    if (slice_equal(s, SLICE("+"))) {
        *out = STREAM_ID_MAX;
        return true;
    }
    return parse_id(s, missing_seq, out);
}

static bool answer_bad_id(struct call *call) {
    reply_error(&call->reply, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

bool groups_read_id(struct call *call, size_t index, uint64_t missing_seq, struct stream_id *out) {
    return parse_id(call->argv[index], missing_seq, out) || answer_bad_id(call);
}

bool groups_is_id(struct slice s) {
    struct stream_id unused;
    return parse_id(s, 0, &unused);
}

bool groups_read_any_id(struct call *call, size_t index, uint64_t missing_seq,
                        struct stream_id *out) {
    return parse_any_id(call->argv[index], missing_seq, out) || answer_bad_id(call);
}

// *is_open: the id itself is outside.
static bool read_border(struct call *call, size_t index, uint64_t missing_seq,
                        struct stream_id *out, bool *is_open) {
    const struct slice s = call->argv[index];
    *is_open = s.len > 1 && s.data[0] == '(';
    const bool is_valid = *is_open ? parse_id(slice_sub(s, 1, s.len), missing_seq, out)
                                   : parse_any_id(s, missing_seq, out);
    return is_valid || answer_bad_id(call);
}

bool groups_read_start(struct call *call, size_t index, struct stream_id *out) {
    bool is_open;
    if (!read_border(call, index, 0, out, &is_open)) return false;
    if (!is_open || stream_id_increment(out)) return true;
    reply_error(&call->reply, "ERR invalid start ID for the interval");
    return false;
}

bool groups_read_end(struct call *call, size_t index, struct stream_id *out) {
    bool is_open;
    if (!read_border(call, index, UINT64_MAX, out, &is_open)) return false;
    if (!is_open || stream_id_decrement(out)) return true;
    reply_error(&call->reply, "ERR invalid end ID for the interval");
    return false;
}

// ---- ids that were named

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
static void mark_repeated(struct named_ids *ids) {
    if (ids->count < 2) return;
    struct sorted_id *sorted = mem_alloc_array(ids->count, sizeof *sorted);
    for (size_t i = 0; i < ids->count; i++) {
        sorted[i] = (struct sorted_id){ids->items[i].id, i};
    }
    qsort(sorted, ids->count, sizeof *sorted, compare_sorted);
    for (size_t i = 1; i < ids->count; i++) {
        ids->items[sorted[i].at].is_repeated = stream_id_equal(sorted[i].id, sorted[i - 1].id);
    }
    mem_free(sorted);
}

bool named_ids_read(struct call *call, size_t index, size_t count, struct named_ids *out) {
    *out = (struct named_ids){mem_alloc_array(count, sizeof *out->items), count};
    for (size_t i = 0; i < count; i++) {
        out->items[i].is_repeated = false;
        if (!groups_read_id(call, index + i, 0, &out->items[i].id)) return false;
    }
    mark_repeated(out);
    return true;
}

void named_ids_deinit(struct named_ids *ids) {
    mem_free(ids->items);
    *ids = (struct named_ids){0};
}

bool groups_read_numbered_ids(struct call *call, size_t index, const struct ids_errors *errors,
                              size_t *behind, struct named_ids *out) {
    int64_t count = 0;
    if (!call_arg_is(call, index, "ids")) {
        reply_error(&call->reply, errors->no_word);
        return false;
    }
    if (!call_arg_range_i64(call, index + 1, 1, INT64_MAX, errors->no_count, &count)) return false;
    if ((uint64_t)count > call->argc - index - 2) {
        reply_error(&call->reply, errors->too_few);
        return false;
    }
    *behind = index + 2 + (size_t)count;
    return named_ids_read(call, index + 2, (size_t)count, out);
}

// ---- answering

void groups_reply_id(struct call *call, struct stream_id id) {
    char text[ID_TEXT_MAX];
    const int len = snprintf(text, sizeof text, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
    reply_bulk(&call->reply, slice_of(text, (size_t)len));
}

void groups_reply_fields(struct call *call, const struct blob *payload) {
    struct stream_fields fields;
    struct slice bytes;
    if (!call_bytes(call, payload, &bytes)) return;
    if (!stream_fields_begin(&fields, bytes)) {
        reply_error(&call->reply, "ERR CORRUPT the stored entry is damaged and is not served");
        return;
    }
    reply_array(&call->reply, fields.count);
    for (struct slice text; stream_fields_next(&fields, &text);) {
        reply_bulk(&call->reply, text);
    }
}

void groups_reply_entry(struct call *call, struct stream_id id, const struct blob *payload) {
    reply_array(&call->reply, 2);
    groups_reply_id(call, id);
    groups_reply_fields(call, payload);
}

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
