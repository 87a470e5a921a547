// XREAD and XREADGROUP, at once and waiting.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/workload/model_stream.h"

struct reading {
    bool is_group;
    size_t group; // of argv; the consumer stands behind it
    bool no_ack;
    bool claims;
    int64_t claim_ms;
    int64_t count;     // 0: no limit, as the two that follow
    int64_t max_count; // of all streams
    int64_t max_bytes;
    bool blocks;
    int64_t deadline_ms;
    size_t first_key;
    size_t keys;
    // What is left of MAXCOUNT and MAXSIZE.
    uint64_t entries_left;
    uint64_t bytes_left;
    bool has_some; // the first entry is given whatever its size
};

// ---- options

static bool only_group(struct model_call *call, const struct reading *reading, const char *word) {
    if (reading->is_group) return true;
    reply_errorf(&call->reply,
                 "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.",
                 word);
    return false;
}

static bool read_block(struct model_call *call, size_t index, struct reading *out) {
    int64_t ms;
    if (!model_int_from(call, index, INT64_MIN, "ERR timeout is not an integer or out of range",
                        &ms))
        return false;
    out->blocks = true;
    out->deadline_ms = 0;
    if (ms < 0) {
        model_fail(call, "ERR timeout is negative");
        return false;
    }
    if (ms == 0 || num_add_i64(ms, call->now_ms, &out->deadline_ms)) return true;
    model_fail(call, "ERR timeout is out of range");
    return false;
}

static bool read_claim(struct model_call *call, size_t index, struct reading *out) {
    if (!only_group(call, out, "CLAIM")) return false;
    out->claims = true;
    if (!model_int_from(call, index, INT64_MIN,
                        "ERR min-idle-time is not an integer or out of range", &out->claim_ms))
        return false;
    if (out->claim_ms >= 0) return true;
    model_fail(call, "ERR min-idle-time must be a positive integer");
    return false;
}

static bool read_keys(struct model_call *call, size_t index, struct reading *out) {
    const size_t words = call->argc - index;
    out->first_key = index;
    out->keys = words / 2;
    if (words % 2 == 0) return true;
    reply_errorf(&call->reply,
                 "ERR Unbalanced '%s' list of streams: for each stream key an ID%s must be "
                 "specified.",
                 call->full_name, out->is_group ? " or '>'" : ", '+', or '$'");
    return false;
}

// One option that takes a value at *index.
static bool read_valued(struct model_call *call, size_t *index, struct reading *out, bool *is_one) {
    const size_t i = *index;
    *is_one = true;
    *index = i + 1;
    if (model_is(call, i, "block")) return read_block(call, i + 1, out);
    if (model_is(call, i, "claim")) return read_claim(call, i + 1, out);
    if (model_is(call, i, "count")) {
        if (!model_int(call, i + 1, &out->count)) return false;
        if (out->count < 0) out->count = 0;
        return true;
    }
    if (model_is(call, i, "maxcount"))
        return model_int_from(call, i + 1, 1, "ERR MAXCOUNT must be a positive integer",
                              &out->max_count);
    if (model_is(call, i, "maxsize"))
        return model_int_from(call, i + 1, 1, "ERR MAXSIZE must be a positive integer",
                              &out->max_bytes);
    *is_one = false;
    *index = i;
    return true;
}

static bool read_option(struct model_call *call, size_t *index, struct reading *out) {
    const size_t more = call->argc - *index - 1;
    bool is_one = false;
    if (more >= 1) {
        if (!read_valued(call, index, out, &is_one)) return false;
        if (is_one) return true;
    }
    if (more >= 2 && model_is(call, *index, "group")) {
        out->group = *index + 1;
        *index += 2;
        return only_group(call, out, "GROUP");
    }
    if (model_is(call, *index, "noack")) {
        out->no_ack = true;
        return only_group(call, out, "NOACK");
    }
    model_syntax(call);
    return false;
}

static void fill_budget(struct reading *reading) {
    reading->entries_left = reading->max_count == 0 ? UINT64_MAX : (uint64_t)reading->max_count;
    reading->bytes_left = reading->max_bytes == 0 ? UINT64_MAX : (uint64_t)reading->max_bytes;
    reading->has_some = false;
}

static bool read_options(struct model_call *call, bool is_group, struct reading *out) {
    *out = (struct reading){.is_group = is_group};
    for (size_t i = 1; i < call->argc && out->keys == 0; i++) {
        if (i + 1 < call->argc && model_is(call, i, "streams")) {
            if (!read_keys(call, i + 1, out)) return false;
        } else if (!read_option(call, &i, out)) {
            return false;
        }
    }
    if (out->keys == 0) {
        model_syntax(call);
        return false;
    }
    if (is_group && out->group == 0) {
        model_fail(call, "ERR Missing GROUP option for XREADGROUP");
        return false;
    }
    if (out->max_count > 0 && out->max_count < out->count) {
        model_fail(call, "ERR MAXCOUNT must be greater than or equal to COUNT");
        return false;
    }
    fill_budget(out);
    return true;
}

// ---- shared

// Whether one more may be given, `given` being those of its stream so far.
static bool may_give(struct model_call *call, struct reading *reading, size_t given,
                     const struct model_entry *entry) {
    if (reading->entries_left == 0) return false;
    if (reading->count > 0 && given >= (uint64_t)reading->count) return false;
    const uint64_t bytes = model_entry_bytes(call, entry);
    if (reading->has_some && bytes > reading->bytes_left) return false;
    if (reading->bytes_left != UINT64_MAX)
        reading->bytes_left -= bytes < reading->bytes_left ? bytes : reading->bytes_left;
    reading->entries_left--;
    reading->has_some = true;
    return true;
}

// The entries of all streams, once it is known how many streams have some.
struct answer {
    struct buf body;
    size_t streams;
};

static void answer_end(struct model_call *call, struct answer *answer) {
    if (call->reply.version == RESP3) {
        reply_map(&call->reply, answer->streams);
    } else {
        reply_array(&call->reply, answer->streams);
    }
    buf_append_slice(call->reply.out, buf_slice(&answer->body));
}

static void answer_stream(struct model_call *call, struct answer *answer, struct slice key,
                          size_t count, const struct buf *entries) {
    struct reply reply = {.out = &answer->body, .version = call->reply.version};
    if (reply.version == RESP2) reply_array(&reply, 2);
    reply_bulk(&reply, key);
    reply_array(&reply, count);
    buf_append_slice(&answer->body, buf_slice(entries));
    answer->streams++;
}

// ---- XREAD

static bool read_start(struct model_call *call, size_t index, const struct model_stream *stream,
                       struct model_id *out) {
    *out = MODEL_ID_MIN;
    if (model_is(call, index, ">")) {
        model_fail(call, "ERR The > ID can be specified only when calling XREADGROUP using the "
                         "GROUP <group> <consumer> option.");
        return false;
    }
    const bool is_plus = model_is(call, index, "+");
    if (!is_plus && !model_is(call, index, "$")) return model_id_arg(call, index, out);
    if (stream == NULL) return true;
    *out = stream->last_id;
    if (!is_plus || stream->count == 0) return true;
    *out = stream->entries[stream->count - 1].id;
    model_id_previous(out);
    return true;
}

// A waiter passes over what has become something else.
static bool find_source(struct model_call *call, struct slice name, struct model_stream **out) {
    if (!call->is_retry) return model_stream_find(call, name, out);
    const struct model_key *key = model_key_find(call->model, call->db, name, call->now_ms);
    *out = key != NULL && key->type == MODEL_STREAM ? key->stream : NULL;
    return true;
}

static void read_stream(struct model_call *call, struct reading *reading, struct slice key,
                        const struct model_stream *stream, struct model_id after,
                        struct answer *answer) {
    struct buf entries = {0};
    struct model_call aside = *call;
    size_t given = 0;
    aside.reply.out = &entries;
    if (!model_id_next(&after)) return;
    for (size_t i = model_entry_from(stream, after);
         i < stream->count && may_give(call, reading, given, &stream->entries[i]); i++) {
        model_entry_answer(&aside, &stream->entries[i]);
        given++;
    }
    if (given > 0) answer_stream(call, answer, key, given, &entries);
    buf_deinit(&entries);
}

// It waits with ids in place of `$` and `+`.
static void wait_for_more(struct model_call *call, const struct reading *reading,
                          const struct model_id *after) {
    const struct model_waiting waiting = {.first_key = reading->first_key,
                                          .key_count = reading->keys,
                                          .deadline_ms = reading->deadline_ms};
    model_wait_for_stream(call, &waiting);
    if (call->is_retry) return;
    for (size_t i = 0; i < reading->keys; i++) {
        struct buf text = {0};
        buf_printf(&text, "%llu-%llu", (unsigned long long)after[i].ms,
                   (unsigned long long)after[i].seq);
        model_texts_replace(&call->client->argv, reading->first_key + reading->keys + i,
                            model_text_new(buf_slice(&text)));
        buf_deinit(&text);
    }
}

void model_xread(struct model_call *call) {
    struct reading reading;
    struct answer answer = {0};
    if (!read_options(call, false, &reading)) return;
    struct model_stream **streams = mem_zalloc(reading.keys * sizeof *streams);
    struct model_id *after = mem_zalloc(reading.keys * sizeof *after);
    for (size_t i = 0; i < reading.keys; i++) {
        const size_t key = reading.first_key + i;
        if (!find_source(call, call->argv[key], &streams[i])) goto out;
        if (!read_start(call, key + reading.keys, streams[i], &after[i])) goto out;
    }
    for (size_t i = 0; i < reading.keys; i++) {
        if (streams[i] == NULL) continue;
        read_stream(call, &reading, call->argv[reading.first_key + i], streams[i], after[i],
                    &answer);
    }
    if (answer.streams > 0) {
        answer_end(call, &answer);
    } else if (reading.blocks) {
        wait_for_more(call, &reading, after);
    } else {
        reply_null_array(&call->reply);
    }
out:
    buf_deinit(&answer.body);
    mem_free(streams);
    mem_free(after);
}

// ---- XREADGROUP: one stream

struct source {
    struct model_stream *stream;
    struct model_group *group;
    struct slice key;
    bool is_new; // `>`
    struct model_id after;
};

static bool refuse_end(struct model_call *call, const char *id) {
    reply_errorf(&call->reply,
                 "ERR The %s ID is meaningless in the context of XREADGROUP: you want to read the "
                 "history of this consumer by specifying a proper ID, or use the > ID to get new "
                 "messages. The %s ID would just return an empty result set.",
                 id, id);
    return false;
}

static bool find_group(struct model_call *call, const struct reading *reading, size_t index,
                       struct source *out) {
    struct model_place place;
    const size_t key = reading->first_key + index;
    const size_t id = key + reading->keys;
    *out = (struct source){.key = call->argv[key]};
    if (!model_group_at(call, key, reading->group, &place)) return false;
    if (place.group == NULL) {
        const struct slice group = call->argv[reading->group];
        reply_errorf(&call->reply,
                     "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP "
                     "option",
                     (int)out->key.len, out->key.data, (int)group.len, group.data);
        return false;
    }
    out->stream = place.stream;
    out->group = place.group;
    out->is_new = model_is(call, id, ">");
    if (out->is_new) return true;
    if (model_is(call, id, "$")) return refuse_end(call, "$");
    if (model_is(call, id, "+")) return refuse_end(call, "+");
    if (!model_id_arg(call, id, &out->after)) return false;
    out->is_new = model_id_compare(out->after, MODEL_ID_MAX) == 0;
    return true;
}

static struct slice consumer_of(const struct model_call *call, const struct reading *reading) {
    return call->argv[reading->group + 1];
}

// Of the pending ones that have not been looked at: given back earliest, else idle for longest.
static struct model_pending *next_idle(const struct model_group *group,
                                       const struct model_pending *last) {
    struct model_pending *best = NULL;
    for (size_t i = 0; i < group->pending_count; i++) {
        struct model_pending *at = &group->pending[i];
        if (last != NULL && !model_pending_is_before(last, at)) continue;
        if (best == NULL || model_pending_is_before(at, best)) best = at;
    }
    return best;
}

static bool is_claimable(const struct reading *reading, const struct model_pending *pending,
                         int64_t now_ms) {
    return pending->consumer == NULL || now_ms - pending->delivered_ms >= reading->claim_ms;
}

static void answer_wide(struct model_call *call, const struct model_entry *entry, int64_t idle_ms,
                        int64_t deliveries) {
    reply_array(&call->reply, 4);
    model_id_answer(call, entry->id);
    model_fields_answer(call, entry);
    reply_int(&call->reply, idle_ms);
    reply_int(&call->reply, deliveries);
}

// What is gone from the stream is dropped from the group when it is met.
static size_t claim(struct model_call *call, struct reading *reading, const struct source *source,
                    struct model_call *aside) {
    struct model_group *group = source->group;
    struct model_pending last = {0};
    struct model_pending *claims = NULL;
    size_t count = 0;
    bool has_last = false;
    for (;;) {
        const struct model_pending *pending = next_idle(group, has_last ? &last : NULL);
        if (pending == NULL || !is_claimable(reading, pending, call->now_ms)) break;
        last = *pending; // its consumer's name is not looked at any more
        has_last = true;
        const struct model_entry *entry = model_entry_find(source->stream, last.id);
        if (entry == NULL) {
            model_pending_remove(group, last.id);
            continue;
        }
        if (!may_give(call, reading, count, entry)) break;
        answer_wide(aside, entry, model_pending_idle_ms(&last, call->now_ms), last.deliveries);
        claims = model_array_insert(claims, &count, count, sizeof *claims);
        claims[count - 1] = (struct model_pending){
            .id = last.id,
            .delivered_ms = call->now_ms,
            .deliveries = last.deliveries == INT64_MAX ? INT64_MAX : last.deliveries + 1};
    }
    struct model_consumer *consumer = model_consumer_find(group, consumer_of(call, reading));
    for (size_t i = 0; i < count; i++) {
        model_consumer_active(consumer, call->now_ms);
        model_pending_put(group, consumer, &claims[i]);
    }
    mem_free(claims);
    if (count > 0) model_wait_news(call->model, call->db, source->key, MODEL_CLAIMED);
    return count;
}

static size_t deliver(struct model_call *call, struct reading *reading, const struct source *source,
                      struct model_call *aside, size_t given) {
    struct model_group *group = source->group;
    struct model_consumer *consumer = model_consumer_find(group, consumer_of(call, reading));
    struct model_id from = group->last_id;
    size_t count = 0;
    if (!model_id_next(&from)) return 0;
    for (size_t i = model_entry_from(source->stream, from); i < source->stream->count; i++) {
        const struct model_entry *entry = &source->stream->entries[i];
        if (!may_give(call, reading, given + count, entry)) break;
        count++;
        if (reading->claims) {
            answer_wide(aside, entry, 0, 0);
        } else {
            model_entry_answer(aside, entry);
        }
        model_read_on(source->stream, group, entry->id);
        if (reading->no_ack) continue;
        const struct model_pending pending = {
            .id = entry->id, .delivered_ms = call->now_ms, .deliveries = 1};
        model_pending_put(group, consumer, &pending);
    }
    if (count == 0) return 0;
    model_consumer_active(consumer, call->now_ms);
    model_wait_news(call->model, call->db, source->key, MODEL_DELIVERED);
    return count;
}

// What was delivered to the consumer before and not acknowledged; counts as delivered again.
static size_t repeat(struct model_call *call, struct reading *reading, const struct source *source,
                     struct model_call *aside) {
    struct model_group *group = source->group;
    struct model_consumer *consumer = model_consumer_find(group, consumer_of(call, reading));
    struct model_id from = source->after;
    size_t count = 0;
    bool has_claimed = false;
    if (!model_id_next(&from)) return 0;
    for (size_t i = model_pending_from(group, from); i < group->pending_count; i++) {
        struct model_pending again = group->pending[i];
        if (again.consumer == NULL ||
            !slice_equal(model_text_slice(again.consumer), model_text_slice(consumer->name)))
            continue;
        const struct model_entry *entry = model_entry_find(source->stream, again.id);
        if (entry == NULL && reading->count > 0 && count >= (uint64_t)reading->count) break;
        if (entry != NULL && !may_give(call, reading, count, entry)) break;
        count++;
        reply_array(&aside->reply, 2);
        model_id_answer(aside, again.id);
        model_fields_answer(aside, entry);
        if (entry == NULL) continue;
        again.delivered_ms = call->now_ms;
        if (again.deliveries != INT64_MAX) again.deliveries++;
        model_pending_put(group, consumer, &again);
        has_claimed = true;
    }
    if (!has_claimed) return count;
    model_consumer_active(consumer, call->now_ms);
    model_wait_news(call->model, call->db, source->key, MODEL_CLAIMED);
    return count;
}

static void serve(struct model_call *call, struct reading *reading, const struct source *source,
                  struct answer *answer) {
    struct buf entries = {0};
    struct model_call aside = *call;
    size_t given = 0;
    aside.reply.out = &entries;
    model_consumer_seen(source->group, consumer_of(call, reading), call->now_ms);
    if (source->is_new) {
        if (reading->claims) given = claim(call, reading, source, &aside);
        given += deliver(call, reading, source, &aside, given);
    } else {
        given = repeat(call, reading, source, &aside);
    }
    if (given > 0 || !source->is_new) answer_stream(call, answer, source->key, given, &entries);
    buf_deinit(&entries);
}

// ---- XREADGROUP: all of them

// When the pending entry that is oldest of all could be claimed; 0: nothing is pending.
static int64_t alarm_of(struct model_call *call, const struct reading *reading) {
    int64_t alarm_ms = 0;
    for (size_t i = 0; i < reading->keys && reading->claims; i++) {
        struct source source;
        int64_t at_ms;
        must(find_group(call, reading, i, &source));
        const struct model_pending *oldest = next_idle(source.group, NULL);
        if (oldest == NULL) continue;
        if (!num_add_i64(oldest->delivered_ms, reading->claim_ms, &at_ms)) at_ms = INT64_MAX;
        if (alarm_ms == 0 || at_ms < alarm_ms) alarm_ms = at_ms;
    }
    return alarm_ms != 0 && alarm_ms <= call->now_ms ? call->now_ms + 1 : alarm_ms;
}

static void wait_in_group(struct model_call *call, const struct reading *reading,
                          int64_t alarm_ms) {
    const struct model_waiting waiting = {.first_key = reading->first_key,
                                          .key_count = reading->keys,
                                          .deadline_ms = reading->deadline_ms,
                                          .minds_loss = true,
                                          .claims = reading->claims,
                                          .alarm_ms = alarm_ms,
                                          .group = reading->group};
    model_wait_for_stream(call, &waiting);
}

void model_xreadgroup(struct model_call *call) {
    struct reading reading;
    struct answer answer = {0};
    if (!read_options(call, true, &reading)) return;
    if (call->is_loading) {
        wait_in_group(call, &reading, 0);
        return;
    }
    for (size_t i = 0; i < reading.keys; i++) {
        struct source source;
        if (!find_group(call, &reading, i, &source)) return;
    }
    for (size_t i = 0; i < reading.keys; i++) {
        struct source source;
        must(find_group(call, &reading, i, &source));
        serve(call, &reading, &source, &answer);
    }
    if (answer.streams > 0) {
        answer_end(call, &answer);
    } else if (reading.blocks) {
        wait_in_group(call, &reading, alarm_of(call, &reading));
    } else {
        reply_null_array(&call->reply);
    }
    buf_deinit(&answer.body);
}

// ---- promise 7

static bool has_behind(const struct model_stream *stream, struct model_id id) {
    return stream->count > 0 && model_id_compare(stream->entries[stream->count - 1].id, id) > 0;
}

// A key whose time has passed is lost when the engine notices.
static bool group_could_serve(struct model_call *call, const struct reading *reading,
                              size_t index) {
    struct source source;
    const struct slice name = call->argv[reading->first_key + index];
    if (model_key_find(call->model, call->db, name, call->now_ms) == NULL) return false;
    if (!find_group(call, reading, index, &source)) return true; // by an error
    if (has_behind(source.stream, source.group->last_id)) return true;
    const struct model_pending *oldest = next_idle(source.group, NULL);
    return reading->claims && oldest != NULL && is_claimable(reading, oldest, call->now_ms);
}

static bool stream_could_serve(struct model_call *call, const struct reading *reading,
                               size_t index) {
    struct model_stream *stream;
    struct model_id after;
    const size_t key = reading->first_key + index;
    (void)find_source(call, call->argv[key], &stream);
    must(model_id_arg(call, key + reading->keys, &after));
    return stream != NULL && has_behind(stream, after);
}

bool model_stream_could_serve(struct model_call *call) {
    struct reading reading;
    const bool is_group = slice_is(call->argv[0], "xreadgroup");
    must(read_options(call, is_group, &reading));
    for (size_t i = 0; i < reading.keys; i++) {
        if (is_group ? group_could_serve(call, &reading, i) : stream_could_serve(call, &reading, i))
            return true;
    }
    return false;
}
