// Taking over what is pending: XCLAIM, XAUTOCLAIM.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/model_stream.h"

enum { SWEEP_COUNT_USUAL = 100, ATTEMPTS_PER_ENTRY = 10, ID_BYTES = 16 };

// What is taken and what is dropped because it is no longer in the stream.
struct taking {
    struct model_pending *claims;
    size_t claim_count;
    struct model_id *gone;
    size_t gone_count;
    struct model_id next; // XAUTOCLAIM
};

static void taking_clear(struct taking *taking) {
    mem_free(taking->claims);
    mem_free(taking->gone);
}

static void take(struct taking *taking, struct model_id id, int64_t delivered_ms,
                 int64_t deliveries) {
    taking->claims = model_array_insert(taking->claims, &taking->claim_count, taking->claim_count,
                                        sizeof *taking->claims);
    taking->claims[taking->claim_count - 1] =
        (struct model_pending){.id = id, .delivered_ms = delivered_ms, .deliveries = deliveries};
}

static void drop(struct taking *taking, struct model_id id) {
    taking->gone = model_array_insert(taking->gone, &taking->gone_count, taking->gone_count,
                                      sizeof *taking->gone);
    taking->gone[taking->gone_count - 1] = id;
}

static int64_t once_more(int64_t deliveries) {
    return deliveries == INT64_MAX ? deliveries : deliveries + 1;
}

static bool is_idle(const struct model_pending *pending, int64_t min_idle_ms, int64_t now_ms) {
    if (pending->consumer == NULL || min_idle_ms == 0) return true;
    return now_ms - pending->delivered_ms >= min_idle_ms;
}

static bool read_min_idle(struct model_call *call, const char *error, int64_t *out) {
    if (!model_int_from(call, 4, INT64_MIN, error, out)) return false;
    if (*out < 0) *out = 0;
    return true;
}

static void answer_claims(struct model_call *call, const struct model_stream *stream,
                          const struct taking *taking, bool just_id) {
    reply_array(&call->reply, taking->claim_count);
    for (size_t i = 0; i < taking->claim_count; i++) {
        const struct model_id id = taking->claims[i].id;
        if (just_id) {
            model_id_answer(call, id);
        } else {
            model_entry_answer(call, model_entry_find(stream, id));
        }
    }
}

// Who takes nothing has still been seen.
static void apply(struct model_call *call, struct model_group *group, const struct taking *taking) {
    for (size_t i = 0; i < taking->gone_count; i++) {
        model_pending_remove(group, taking->gone[i]);
    }
    const bool is_new = model_consumer_find(group, call->argv[3]) == NULL;
    if (taking->claim_count == 0 || is_new) model_consumer_seen(group, call->argv[3], call->now_ms);
    if (taking->claim_count == 0) return;
    struct model_consumer *consumer = model_consumer_find(group, call->argv[3]);
    model_consumer_active(consumer, call->now_ms);
    for (size_t i = 0; i < taking->claim_count; i++) {
        model_pending_put(group, consumer, &taking->claims[i]);
    }
    model_wait_news(call->model, call->db, call->argv[1], MODEL_CLAIMED);
}

// ---- XCLAIM

struct claiming {
    int64_t min_idle_ms;
    int64_t delivered_ms;
    int64_t retries; // negative: one more than before
    bool forces;
    bool just_id;
    struct model_id last_id;
};

static bool read_claiming(struct model_call *call, size_t index, struct claiming *out) {
    int64_t number;
    for (size_t i = index; i < call->argc; i++) {
        const bool has_value = i + 1 < call->argc;
        if (model_is(call, i, "force")) {
            out->forces = true;
        } else if (model_is(call, i, "justid")) {
            out->just_id = true;
        } else if (has_value && model_is(call, i, "idle")) {
            if (!model_int_from(call, ++i, INT64_MIN, "ERR Invalid IDLE option argument for XCLAIM",
                                &number))
                return false;
            out->delivered_ms = number < 0 ? call->now_ms : call->now_ms - number;
        } else if (has_value && model_is(call, i, "time")) {
            if (!model_int_from(call, ++i, INT64_MIN, "ERR Invalid TIME option argument for XCLAIM",
                                &out->delivered_ms))
                return false;
        } else if (has_value && model_is(call, i, "retrycount")) {
            if (!model_int_from(call, ++i, INT64_MIN,
                                "ERR Invalid RETRYCOUNT option argument for XCLAIM", &out->retries))
                return false;
        } else if (has_value && model_is(call, i, "lastid")) {
            if (!model_id_arg(call, ++i, &out->last_id)) return false;
        } else {
            reply_errorf(&call->reply, "ERR Unrecognized XCLAIM option '%.*s'",
                         (int)call->argv[i].len, call->argv[i].data);
            return false;
        }
    }
    if (out->delivered_ms < 0 || out->delivered_ms > call->now_ms) out->delivered_ms = call->now_ms;
    return true;
}

// An id that is named twice is claimed twice: what counts is its last claim of this call.
static const struct model_pending *taken_before(const struct taking *taking, struct model_id id) {
    for (size_t i = taking->claim_count; i-- > 0;)
        if (model_id_compare(taking->claims[i].id, id) == 0) return &taking->claims[i];
    return NULL;
}

static bool is_gone(const struct taking *taking, struct model_id id) {
    for (size_t i = 0; i < taking->gone_count; i++)
        if (model_id_compare(taking->gone[i], id) == 0) return true;
    return false;
}

static void claim_one(const struct model_call *call, const struct model_place *place,
                      const struct claiming *claiming, struct model_id id, struct taking *taking) {
    if (is_gone(taking, id)) return;
    const struct model_pending *taken = taken_before(taking, id);
    const struct model_pending *pending =
        taken != NULL ? taken : model_pending_find(place->group, id);
    if (pending == NULL && !claiming->forces) return;
    if (model_entry_find(place->stream, id) == NULL) {
        if (pending != NULL) drop(taking, id);
        return;
    }
    const int64_t min_idle_ms = claiming->min_idle_ms;
    if (taken != NULL && min_idle_ms > call->now_ms - taken->delivered_ms) return;
    if (taken == NULL && pending != NULL && !is_idle(pending, min_idle_ms, call->now_ms)) return;
    int64_t deliveries = pending == NULL ? 1 : pending->deliveries;
    if (claiming->retries >= 0) {
        deliveries = claiming->retries;
    } else if (!claiming->just_id) {
        deliveries = once_more(deliveries);
    }
    take(taking, id, claiming->delivered_ms, deliveries);
}

static size_t count_ids(const struct model_call *call) {
    struct model_id unused;
    size_t at = 5;
    while (at < call->argc && model_id_parse(call->argv[at], 0, &unused, NULL)) {
        at++;
    }
    return at - 5;
}

void model_xclaim(struct model_call *call) {
    struct model_place place;
    struct claiming claiming = {.delivered_ms = call->now_ms, .retries = -1};
    struct taking taking = {0};
    struct model_id *ids;
    if (!model_group_need(call, 1, 2, &place)) return;
    if (!read_min_idle(call, "ERR Invalid min-idle-time argument for XCLAIM",
                       &claiming.min_idle_ms))
        return;
    const size_t count = count_ids(call);
    if (!read_claiming(call, 5 + count, &claiming)) return;
    must(model_ids_arg(call, 5, count, &ids));
    for (size_t i = 0; i < count; i++) {
        claim_one(call, &place, &claiming, ids[i], &taking);
    }
    mem_free(ids);
    answer_claims(call, place.stream, &taking, claiming.just_id);
    if (model_id_compare(claiming.last_id, place.group->last_id) > 0) {
        place.group->last_id = claiming.last_id;
        model_wait_signal(call->model, call->db, call->argv[1]);
    }
    apply(call, place.group, &taking);
    taking_clear(&taking);
}

// ---- XAUTOCLAIM

struct sweep {
    int64_t min_idle_ms;
    struct model_id start;
    int64_t count;
    bool just_id;
};

static bool read_sweep(struct model_call *call, struct sweep *out) {
    *out = (struct sweep){.count = SWEEP_COUNT_USUAL};
    if (!read_min_idle(call, "ERR Invalid min-idle-time argument for XAUTOCLAIM",
                       &out->min_idle_ms))
        return false;
    if (!model_id_lower(call, 5, &out->start)) return false;
    for (size_t i = 6; i < call->argc; i++) {
        if (model_is(call, i, "count") && i + 1 < call->argc) {
            if (!model_int_from(call, ++i, 1, "ERR COUNT must be > 0", &out->count)) return false;
            if (out->count <= INT64_MAX / ID_BYTES) continue;
            model_fail(call, "ERR COUNT must be > 0");
            return false;
        }
        if (!model_is(call, i, "justid")) {
            model_syntax(call);
            return false;
        }
        out->just_id = true;
    }
    return true;
}

// From the start on: everything that is met (as Redis, that looks at ten times COUNT at most), or
// only what is idle.
static void sweep_through(const struct model_call *call, const struct model_place *place,
                          const struct sweep *sweep, bool only_idle, struct taking *out) {
    const struct model_group *group = place->group;
    size_t looked = 0;
    out->next = MODEL_ID_MIN;
    for (size_t i = model_pending_from(group, sweep->start); i < group->pending_count; i++) {
        const struct model_pending *pending = &group->pending[i];
        const bool idles = is_idle(pending, sweep->min_idle_ms, call->now_ms);
        if (only_idle && !idles) continue;
        const bool has_tried = !only_idle && looked / ATTEMPTS_PER_ENTRY >= (uint64_t)sweep->count;
        if (has_tried || out->claim_count + out->gone_count >= (uint64_t)sweep->count) {
            out->next = pending->id;
            return;
        }
        looked++;
        if (model_entry_find(place->stream, pending->id) == NULL) {
            drop(out, pending->id);
        } else if (idles) {
            take(out, pending->id, call->now_ms,
                 sweep->just_id ? pending->deliveries : once_more(pending->deliveries));
        }
    }
}

static bool has_claim(const struct taking *taking, struct model_id id) {
    for (size_t i = 0; i < taking->claim_count; i++) {
        if (model_id_compare(taking->claims[i].id, id) == 0) return true;
    }
    return false;
}

static bool has_gone(const struct taking *taking, struct model_id id) {
    for (size_t i = 0; i < taking->gone_count; i++) {
        if (model_id_compare(taking->gone[i], id) == 0) return true;
    }
    return false;
}

// Whether the engine has now what that sweep leaves.
static bool is_as_seen(const struct model_call *call, const struct model_group *group,
                       const struct taking *taking) {
    const struct model_view *view = &call->model->options.view;
    for (size_t i = 0; i < group->pending_count; i++) {
        const struct model_pending *old = &group->pending[i];
        int64_t delivered_ms;
        const bool is_there = view->pending(view->context, call->db, call->argv[1], call->argv[2],
                                            old->id.ms, old->id.seq, &delivered_ms);
        if (is_there == has_gone(taking, old->id)) return false;
        if (!is_there) continue;
        const int64_t expected_ms = has_claim(taking, old->id) ? call->now_ms : old->delivered_ms;
        if (delivered_ms != expected_ms) return false;
    }
    return true;
}

static void answer_sweep(struct model_call *call, const struct model_place *place,
                         const struct sweep *sweep, const struct taking *taking) {
    reply_array(&call->reply, 3);
    model_id_answer(call, taking->next);
    answer_claims(call, place->stream, taking, sweep->just_id);
    reply_array(&call->reply, taking->gone_count);
    for (size_t i = 0; i < taking->gone_count; i++) {
        model_id_answer(call, taking->gone[i]);
    }
}

// Where Redis might give up after ten times COUNT entries, ackd may do as Redis, or find all that
// is idle however much lies between; the cursors of the two differ, and so may what was taken. The
// model asks the engine what has become of the group, and answers either.
static void sweep_either(struct model_call *call, const struct model_place *place,
                         const struct sweep *sweep, struct taking *taking) {
    struct taking idle = {0};
    struct buf *out = call->reply.out;
    struct buf other = {0};
    sweep_through(call, place, sweep, true, &idle);
    const bool may_be_first =
        call->model->options.view.pending == NULL || is_as_seen(call, place->group, taking);
    const bool may_be_idle =
        call->model->options.view.pending != NULL && is_as_seen(call, place->group, &idle);
    if (may_be_idle) {
        call->reply.out = &other;
        answer_sweep(call, place, sweep, &idle);
        call->reply.out = out;
    }
    answer_sweep(call, place, sweep, taking);
    if (may_be_idle && may_be_first) {
        model_expect_either(call, buf_slice(&other));
    } else if (may_be_idle) {
        buf_reset(out);
        buf_append_slice(out, buf_slice(&other));
    }
    if (may_be_idle && !may_be_first) {
        const struct taking kept = *taking;
        *taking = idle;
        idle = kept;
    }
    taking_clear(&idle);
    buf_deinit(&other);
}

void model_xautoclaim(struct model_call *call) {
    struct model_place place;
    struct sweep sweep;
    struct taking taking = {0};
    if (!read_sweep(call, &sweep) || !model_group_need(call, 1, 2, &place)) return;
    sweep_through(call, &place, &sweep, false, &taking);
    const bool may_give_up =
        place.group->pending_count / ATTEMPTS_PER_ENTRY >= (uint64_t)sweep.count;
    if (sweep.min_idle_ms > 0 && may_give_up) {
        sweep_either(call, &place, &sweep, &taking);
    } else {
        answer_sweep(call, &place, &sweep, &taking);
    }
    apply(call, place.group, &taking);
    taking_clear(&taking);
}
