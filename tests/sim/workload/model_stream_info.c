// XINFO. What a stream is made of in memory, and what it still remembers of producers whose time
// has passed, is the engine's affair: those numbers are only bounded.
#include "tests/sim/workload/model_stream.h"

enum { FULL_COUNT_USUAL = 10, COMMON_FIELDS = 13 };

static void answer_number(struct model_call *call, const char *name, int64_t value) {
    reply_bulk_str(&call->reply, name);
    reply_int(&call->reply, value);
}

// -1: not known.
static void answer_count(struct model_call *call, const char *name, int64_t value) {
    reply_bulk_str(&call->reply, name);
    if (value >= 0) {
        reply_int(&call->reply, value);
    } else {
        reply_null(&call->reply);
    }
}

static void answer_between(struct model_call *call, const char *name, size_t low, size_t high) {
    reply_bulk_str(&call->reply, name);
    model_answer_between(call, (int64_t)low, (int64_t)high);
}

static void answer_id(struct model_call *call, const char *name, struct model_id id) {
    reply_bulk_str(&call->reply, name);
    model_id_answer(call, id);
}

// ---- XINFO STREAM

// Producers who are the first of theirs from `from` on.
static size_t count_producers(const struct model_stream *stream, bool only_fresh, int64_t now_ms) {
    size_t count = 0;
    for (size_t i = 0; i < stream->sent_count; i++) {
        bool is_first = !only_fresh || model_sent_is_fresh(stream, &stream->sent[i], now_ms);
        for (size_t k = 0; k < i && is_first; k++) {
            const bool counts =
                !only_fresh || model_sent_is_fresh(stream, &stream->sent[k], now_ms);
            is_first = !counts || !slice_equal(model_text_slice(stream->sent[k].producer),
                                               model_text_slice(stream->sent[i].producer));
        }
        count += is_first;
    }
    return count;
}

static size_t count_fresh(const struct model_stream *stream, int64_t now_ms) {
    size_t count = 0;
    for (size_t i = 0; i < stream->sent_count; i++) {
        count += model_sent_is_fresh(stream, &stream->sent[i], now_ms);
    }
    return count;
}

static void answer_common(struct model_call *call, const struct model_stream *stream) {
    const int64_t now_ms = call->now_ms;
    answer_number(call, "length", (int64_t)stream->count);
    answer_between(call, "radix-tree-keys", stream->count > 0, stream->count);
    answer_between(call, "radix-tree-nodes", 1, stream->count + 1);
    answer_id(call, "last-generated-id", stream->last_id);
    answer_id(call, "max-deleted-entry-id", stream->max_deleted);
    answer_number(call, "entries-added", (int64_t)stream->added);
    answer_id(call, "recorded-first-entry-id",
              stream->count == 0 ? MODEL_ID_MIN : stream->entries[0].id);
    answer_number(call, "idmp-duration", stream->duration_s);
    answer_number(call, "idmp-maxsize", stream->max_size);
    answer_between(call, "pids-tracked", count_producers(stream, true, now_ms),
                   count_producers(stream, false, now_ms));
    answer_between(call, "iids-tracked", count_fresh(stream, now_ms), stream->sent_count);
    answer_number(call, "iids-added", (int64_t)stream->sent_added);
    answer_number(call, "iids-duplicates", (int64_t)stream->duplicates);
}

static void answer_short(struct model_call *call, const struct model_stream *stream) {
    reply_map(&call->reply, COMMON_FIELDS + 3);
    answer_common(call, stream);
    answer_number(call, "groups", (int64_t)stream->group_count);
    for (int is_last = 0; is_last < 2; is_last++) {
        reply_bulk_str(&call->reply, is_last != 0 ? "last-entry" : "first-entry");
        if (stream->count == 0) {
            reply_null(&call->reply);
        } else {
            model_entry_answer(call, &stream->entries[is_last != 0 ? stream->count - 1 : 0]);
        }
    }
}

static size_t least(uint64_t limit, size_t count) {
    return limit < count ? (size_t)limit : count;
}

static bool is_of(const struct model_pending *pending, const struct model_consumer *consumer) {
    return pending->consumer != NULL &&
           slice_equal(model_text_slice(pending->consumer), model_text_slice(consumer->name));
}

static void answer_consumer(struct model_call *call, const struct model_group *group,
                            const struct model_consumer *consumer, uint64_t limit) {
    const size_t load = model_consumer_load(group, consumer);
    reply_map(&call->reply, 5);
    reply_bulk_str(&call->reply, "name");
    model_answer(call, consumer->name);
    answer_number(call, "seen-time", consumer->seen_ms);
    answer_number(call, "active-time", consumer->active_ms);
    answer_number(call, "pel-count", (int64_t)load);
    reply_bulk_str(&call->reply, "pending");
    size_t left = least(limit, load);
    reply_array(&call->reply, left);
    for (size_t i = 0; i < group->pending_count && left > 0; i++) {
        const struct model_pending *pending = &group->pending[i];
        if (!is_of(pending, consumer)) continue;
        left--;
        reply_array(&call->reply, 3);
        model_id_answer(call, pending->id);
        reply_int(&call->reply, pending->delivered_ms);
        reply_int(&call->reply, pending->deliveries);
    }
}

static void answer_pending(struct model_call *call, const struct model_group *group,
                           uint64_t limit) {
    const size_t count = least(limit, group->pending_count);
    reply_bulk_str(&call->reply, "pending");
    reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        const struct model_pending *pending = &group->pending[i];
        reply_array(&call->reply, 4);
        model_id_answer(call, pending->id);
        reply_bulk(&call->reply,
                   pending->consumer == NULL ? SLICE_EMPTY : model_text_slice(pending->consumer));
        reply_int(&call->reply, pending->delivered_ms);
        reply_int(&call->reply, pending->deliveries);
    }
}

static size_t count_given_back(const struct model_group *group) {
    size_t count = 0;
    for (size_t i = 0; i < group->pending_count; i++) {
        count += group->pending[i].consumer == NULL;
    }
    return count;
}

static void answer_group(struct model_call *call, const struct model_stream *stream,
                         const struct model_group *group, uint64_t limit) {
    reply_map(&call->reply, 8);
    reply_bulk_str(&call->reply, "name");
    model_answer(call, group->name);
    answer_id(call, "last-delivered-id", group->last_id);
    answer_count(call, "entries-read", group->entries_read);
    answer_count(call, "lag", model_lag(stream, group));
    answer_number(call, "pel-count", (int64_t)group->pending_count);
    answer_number(call, "nacked-count", (int64_t)count_given_back(group));
    answer_pending(call, group, limit);
    reply_bulk_str(&call->reply, "consumers");
    reply_array(&call->reply, group->consumer_count);
    for (size_t i = 0; i < group->consumer_count; i++) {
        answer_consumer(call, group, &group->consumers[i], limit);
    }
}

static void answer_full(struct model_call *call, const struct model_stream *stream,
                        uint64_t limit) {
    const size_t count = least(limit, stream->count);
    reply_map(&call->reply, COMMON_FIELDS + 2);
    answer_common(call, stream);
    reply_bulk_str(&call->reply, "entries");
    reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        model_entry_answer(call, &stream->entries[i]);
    }
    reply_bulk_str(&call->reply, "groups");
    reply_array(&call->reply, stream->group_count);
    for (size_t i = 0; i < stream->group_count; i++) {
        answer_group(call, stream, &stream->groups[i], limit);
    }
}

// FULL [COUNT count]: 0 is all, a negative one counts as none given.
static bool read_limit(struct model_call *call, uint64_t *out) {
    int64_t count = FULL_COUNT_USUAL;
    const bool has_count = call->argc == 6 && model_is(call, 4, "count");
    if (!model_is(call, 3, "full") || (call->argc != 4 && !has_count)) {
        reply_errorf(
            &call->reply,
            "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.",
            (int)call->argv[1].len, call->argv[1].data);
        return false;
    }
    if (has_count && !model_int(call, 5, &count)) return false;
    *out = count == 0 ? UINT64_MAX : count < 0 ? FULL_COUNT_USUAL : (uint64_t)count;
    return true;
}

void model_xinfo_stream(struct model_call *call) {
    struct model_stream *stream;
    uint64_t limit;
    if (!model_stream_find(call, call->argv[2], &stream)) return;
    if (stream == NULL) {
        model_fail(call, "ERR no such key");
    } else if (call->argc == 3) {
        answer_short(call, stream);
        model_expect_like(call);
    } else if (read_limit(call, &limit)) {
        answer_full(call, stream, limit);
        model_expect_like(call);
    }
}

// ---- XINFO GROUPS, XINFO CONSUMERS

static bool need_stream(struct model_call *call, struct model_stream **out) {
    if (!model_stream_find(call, call->argv[2], out)) return false;
    if (*out != NULL) return true;
    model_fail(call, "ERR no such key");
    return false;
}

void model_xinfo_groups(struct model_call *call) {
    struct model_stream *stream;
    if (!need_stream(call, &stream)) return;
    reply_array(&call->reply, stream->group_count);
    for (size_t i = 0; i < stream->group_count; i++) {
        const struct model_group *group = &stream->groups[i];
        reply_map(&call->reply, 6);
        reply_bulk_str(&call->reply, "name");
        model_answer(call, group->name);
        answer_number(call, "consumers", (int64_t)group->consumer_count);
        answer_number(call, "pending", (int64_t)group->pending_count);
        answer_id(call, "last-delivered-id", group->last_id);
        answer_count(call, "entries-read", group->entries_read);
        answer_count(call, "lag", model_lag(stream, group));
    }
}

void model_xinfo_consumers(struct model_call *call) {
    struct model_stream *stream;
    if (!need_stream(call, &stream)) return;
    const struct model_group *group = model_group_find(stream, call->argv[3]);
    if (group == NULL) {
        reply_errorf(&call->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                     (int)call->argv[3].len, call->argv[3].data, (int)call->argv[2].len,
                     call->argv[2].data);
        return;
    }
    reply_array(&call->reply, group->consumer_count);
    for (size_t i = 0; i < group->consumer_count; i++) {
        const struct model_consumer *consumer = &group->consumers[i];
        reply_map(&call->reply, 4);
        reply_bulk_str(&call->reply, "name");
        model_answer(call, consumer->name);
        answer_number(call, "pending", (int64_t)model_consumer_load(group, consumer));
        answer_number(call, "idle", call->now_ms - consumer->seen_ms);
        answer_number(call, "inactive",
                      consumer->active_ms < 0 ? -1 : call->now_ms - consumer->active_ms);
    }
}
