// What is pending: XACK, XACKDEL, XNACK, XPENDING.
#include "proto/base/mem.h"
#include "tests/sim/workload/model_stream.h"

// ---- XACK, XACKDEL

void model_xack(struct model_call *call) {
    struct model_place place;
    struct model_id *ids;
    const size_t count = call->argc - 3;
    int64_t acked = 0;
    if (!model_group_at(call, 1, 2, &place)) return;
    if (place.group == NULL) {
        reply_int(&call->reply, 0);
        return;
    }
    if (!model_ids_arg(call, 3, count, &ids)) return;
    for (size_t i = 0; i < count; i++) {
        acked += model_pending_remove(place.group, ids[i]);
    }
    mem_free(ids);
    reply_int(&call->reply, acked);
}

static int ack_and_drop(const struct model_place *place, struct model_id id, enum model_refs refs) {
    if (place->group == NULL || !model_pending_remove(place->group, id)) return -1;
    const bool is_there = model_entry_find(place->stream, id) != NULL;
    if (is_there && refs == MODEL_ACKED && model_is_referenced(place->stream, id)) return 2;
    model_drop(place->stream, id, refs);
    return 1;
}

void model_xackdel(struct model_call *call) {
    struct model_place place;
    struct model_ids ids;
    if (!model_refs_and_ids(call, 3, &ids)) return;
    if (model_group_at(call, 1, 2, &place)) {
        reply_array(&call->reply, ids.count);
        for (size_t i = 0; i < ids.count; i++) {
            reply_int(&call->reply, ack_and_drop(&place, ids.ids[i], ids.refs));
        }
    }
    mem_free(ids.ids);
}

// ---- XNACK

struct nack {
    const char *mode; // one letter
    int64_t retries;  // -1: as the mode says
    bool forces;
};

static bool read_mode(struct model_call *call, struct nack *out) {
    *out = (struct nack){.retries = -1};
    if (model_is(call, 3, "silent")) out->mode = "-";
    if (model_is(call, 3, "fail")) out->mode = "=";
    if (model_is(call, 3, "fatal")) out->mode = "!";
    if (out->mode != NULL) return true;
    model_fail(call, "ERR mode must be SILENT, FAIL, or FATAL");
    return false;
}

static bool read_id_count(struct model_call *call, size_t *out) {
    int64_t count;
    if (!model_is(call, 4, "ids")) {
        model_fail(call, "ERR syntax error, expected IDS keyword");
        return false;
    }
    if (!model_int_from(call, 5, 1, "ERR numids must be a positive integer", &count)) return false;
    *out = (size_t)count;
    if (*out <= call->argc - 6) return true;
    model_fail(call, "ERR number of IDs doesn't match numids");
    return false;
}

static bool read_nack_options(struct model_call *call, size_t index, struct nack *out) {
    for (size_t i = index; i < call->argc; i++) {
        if (model_is(call, i, "force")) {
            out->forces = true;
        } else if (model_is(call, i, "retrycount") && i + 1 < call->argc) {
            if (!model_int_from(call, ++i, 0, "ERR Invalid RETRYCOUNT value, must be >= 0",
                                &out->retries))
                return false;
        } else {
            reply_errorf(&call->reply, "ERR Unrecognized XNACK option '%.*s'",
                         (int)call->argv[i].len, call->argv[i].data);
            return false;
        }
    }
    return true;
}

static bool give_back(const struct model_place *place, struct model_id id,
                      const struct nack *nack) {
    const struct model_pending *old = model_pending_find(place->group, id);
    struct model_pending pending = {.id = id};
    if (old == NULL && !(nack->forces && model_entry_find(place->stream, id) != NULL)) return false;
    if (old != NULL) {
        pending.deliveries = old->deliveries;
        const bool can_sink = old->deliveries > 0 && old->deliveries < INT64_MAX;
        if (*nack->mode == '-' && can_sink) pending.deliveries--;
        if (*nack->mode == '!') pending.deliveries = INT64_MAX;
    }
    if (nack->retries >= 0) pending.deliveries = nack->retries;
    model_pending_put(place->group, NULL, &pending);
    return true;
}

void model_xnack(struct model_call *call) {
    struct model_place place;
    struct model_id *ids = NULL;
    struct nack nack;
    size_t count;
    int64_t given_back = 0;
    if (!read_mode(call, &nack) || !read_id_count(call, &count)) return;
    if (model_ids_arg(call, 6, count, &ids) && read_nack_options(call, 6 + count, &nack) &&
        model_group_need(call, 1, 2, &place)) {
        for (size_t i = 0; i < count; i++) { // named twice counts once
            if (!model_was_named(ids, i)) given_back += give_back(&place, ids[i], &nack);
        }
        reply_int(&call->reply, given_back);
        if (given_back > 0) model_wait_news(call->model, call->db, call->argv[1], MODEL_GIVEN_BACK);
    }
    mem_free(ids);
}

// ---- XPENDING

static void answer_summary(struct model_call *call, const struct model_group *group) {
    size_t busy = 0;
    reply_array(&call->reply, 4);
    reply_int(&call->reply, (int64_t)group->pending_count);
    if (group->pending_count == 0) {
        reply_null(&call->reply);
        reply_null(&call->reply);
        reply_null_array(&call->reply);
        return;
    }
    model_id_answer(call, group->pending[0].id);
    model_id_answer(call, group->pending[group->pending_count - 1].id);
    for (size_t i = 0; i < group->consumer_count; i++) {
        busy += model_consumer_load(group, &group->consumers[i]) > 0;
    }
    reply_array(&call->reply, busy);
    for (size_t i = 0; i < group->consumer_count; i++) {
        const size_t load = model_consumer_load(group, &group->consumers[i]);
        if (load == 0) continue;
        reply_array(&call->reply, 2);
        model_answer(call, group->consumers[i].name);
        reply_bulk_int(&call->reply, (int64_t)load);
    }
}

struct query {
    int64_t min_idle_ms;
    struct model_id low;
    struct model_id high;
    int64_t count;
    bool has_consumer;
    struct slice consumer;
};

static bool read_query(struct model_call *call, struct query *out) {
    size_t at = 3;
    *out = (struct query){.min_idle_ms = 0};
    if (model_is(call, 3, "idle")) {
        if (!model_int(call, 4, &out->min_idle_ms)) return false;
        if (call->argc < 8) {
            model_syntax(call);
            return false;
        }
        at = 5;
    }
    if (!model_int(call, at + 2, &out->count)) return false;
    if (!model_id_lower(call, at, &out->low) || !model_id_upper(call, at + 1, &out->high))
        return false;
    out->has_consumer = call->argc > at + 3;
    if (out->has_consumer) out->consumer = call->argv[at + 3];
    return true;
}

static bool is_wanted(const struct query *query, const struct model_pending *pending,
                      int64_t now_ms) {
    if (model_id_compare(pending->id, query->low) < 0) return false;
    if (model_id_compare(pending->id, query->high) > 0) return false;
    if (query->has_consumer && (pending->consumer == NULL ||
                                !slice_equal(model_text_slice(pending->consumer), query->consumer)))
        return false;
    return pending->consumer == NULL ||
           model_pending_idle_ms(pending, now_ms) >= query->min_idle_ms;
}

static void answer_query(struct model_call *call, const struct model_group *group,
                         const struct query *query) {
    struct buf items = {0};
    struct buf *out = call->reply.out;
    int64_t found = 0;
    call->reply.out = &items;
    for (size_t i = 0; i < group->pending_count && found < query->count; i++) {
        const struct model_pending *pending = &group->pending[i];
        if (!is_wanted(query, pending, call->now_ms)) continue;
        found++;
        reply_array(&call->reply, 4);
        model_id_answer(call, pending->id);
        reply_bulk(&call->reply,
                   pending->consumer == NULL ? SLICE_EMPTY : model_text_slice(pending->consumer));
        reply_int(&call->reply, model_pending_idle_ms(pending, call->now_ms));
        reply_int(&call->reply, pending->deliveries);
    }
    call->reply.out = out;
    reply_array(&call->reply, (size_t)found);
    buf_append_slice(out, buf_slice(&items));
    buf_deinit(&items);
}

void model_xpending(struct model_call *call) {
    struct model_place place;
    struct query query;
    const bool is_summary = call->argc == 3;
    if (!is_summary && (call->argc < 6 || call->argc > 9)) {
        model_syntax(call);
        return;
    }
    if (!is_summary && !read_query(call, &query)) return;
    if (!model_group_need(call, 1, 2, &place)) return;
    if (is_summary) {
        answer_summary(call, place.group);
    } else {
        answer_query(call, place.group, &query);
    }
}
