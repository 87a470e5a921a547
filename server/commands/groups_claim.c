// Taking over what is pending at others: by id (XCLAIM), or by how long it has been idle
// (XAUTOCLAIM). What is no longer in the stream is dropped when it is met.
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "server/commands/groups.h"
#include "server/commands/groups_idle.h"
#include "server/commands/handlers.h"

// What is taken, and what is dropped.
struct taking {
    struct claims claims;
    struct id_list gone;
};

static void taking_deinit(struct taking *taking) {
    buf_deinit(&taking->claims.items);
    buf_deinit(&taking->gone.items);
}

static void reply_claims(struct call *call, const struct group_place *place,
                         const struct claims *claims, bool just_id) {
    const struct effect_pending *items = claims_items(claims);
    reply_array(&call->reply, claims_count(claims));
    for (size_t i = 0; i < claims_count(claims); i++) {
        struct stream_entry entry = {.id = items[i].id};
        if (just_id) {
            streams_answer_id(call, entry.id);
        } else if (stream_find(place->stream, entry.id, &entry.payload)) {
            streams_answer_entry(call, &entry);
        }
    }
}

// After the reply.
static void take(struct call *call, const struct group_place *place, struct slice consumer,
                 const struct taking *taking) {
    const size_t gone = id_list_count(&taking->gone);
    const size_t taken = claims_count(&taking->claims);
    if (gone > 0) txn_group_ack(call->txn, &place->at, id_list_items(&taking->gone), gone);
    if (taken > 0) {
        txn_group_claim(call->txn, &place->at, consumer, claims_items(&taking->claims), taken);
        return;
    }
    // What was dropped may have moved the group.
    struct group_place now = *place;
    if (groups_find(call, place->at.key, place->at.group, &now) && now.group != NULL)
        groups_note_consumer(call, &now, consumer);
}

static bool has_rested(const struct pending *pending, int64_t min_idle_ms, int64_t now_ms) {
    const int64_t idle_ms = pending->delivered_ms < now_ms ? now_ms - pending->delivered_ms : 0;
    return idle_ms >= min_idle_ms;
}

static bool is_idle(const struct pending *pending, int64_t min_idle_ms, int64_t now_ms) {
    return pending->consumer == NULL || has_rested(pending, min_idle_ms, now_ms);
}

static bool read_min_idle(struct call *call, const char *error, int64_t *out) {
    if (!call_arg_range_i64(call, 4, INT64_MIN, INT64_MAX, error, out)) return false;
    if (*out < 0) *out = 0;
    return true;
}

// ---- XCLAIM

struct claiming {
    int64_t min_idle_ms;
    int64_t delivered_ms;
    int64_t retries; // negative: one more
    bool forces;
    bool just_id;
    struct stream_id last_id;
};

// How many arguments from the fifth on are ids: what cannot be read as one is an option.
static size_t count_ids(struct call *call) {
    size_t at = 5;
    while (at < call->argc && groups_is_id(call, at)) {
        at++;
    }
    return at - 5;
}

static bool read_idle(struct call *call, size_t index, int64_t *delivered_ms) {
    int64_t idle_ms;
    if (!call_arg_range_i64(call, index, INT64_MIN, INT64_MAX,
                            "ERR Invalid IDLE option argument for XCLAIM", &idle_ms))
        return false;
    if (!num_add_i64(call->now_ms, idle_ms == INT64_MIN ? INT64_MAX : -idle_ms, delivered_ms))
        *delivered_ms = call->now_ms;
    return true;
}

static bool read_claim_option(struct call *call, size_t *index, struct claiming *out) {
    const size_t at = *index;
    const bool has_value = at + 1 < call->argc;
    if (call_arg_is(call, at, "force")) {
        out->forces = true;
        return true;
    }
    if (call_arg_is(call, at, "justid")) {
        out->just_id = true;
        return true;
    }
    ++*index;
    if (call_arg_is(call, at, "idle") && has_value)
        return read_idle(call, at + 1, &out->delivered_ms);
    if (call_arg_is(call, at, "time") && has_value)
        return call_arg_range_i64(call, at + 1, INT64_MIN, INT64_MAX,
                                  "ERR Invalid TIME option argument for XCLAIM",
                                  &out->delivered_ms);
    if (call_arg_is(call, at, "retrycount") && has_value)
        return call_arg_range_i64(call, at + 1, INT64_MIN, INT64_MAX,
                                  "ERR Invalid RETRYCOUNT option argument for XCLAIM",
                                  &out->retries);
    if (call_arg_is(call, at, "lastid") && has_value)
        return streams_arg_id(call, at + 1, 0, &out->last_id);
    const struct slice word = call->argv[at];
    reply_errorf(&call->reply, "ERR Unrecognized XCLAIM option '%.*s'", (int)word.len, word.data);
    return false;
}

static bool read_claiming(struct call *call, size_t options_at, struct claiming *out) {
    out->delivered_ms = call->now_ms;
    out->retries = -1;
    for (size_t i = options_at; i < call->argc; i++) {
        if (!read_claim_option(call, &i, out)) return false;
    }
    // A lease cannot be extended into the future.
    if (out->delivered_ms < 0 || out->delivered_ms > call->now_ms) out->delivered_ms = call->now_ms;
    return true;
}

// As the entry is pending now, claims of this call counted: `claim` is the last one of it, plus 1.
static bool find_pending(const struct group_place *place, const struct taking *taking, size_t claim,
                         struct pending *pending) {
    if (claim == 0) return group_find(place->group, pending->id, pending);
    const struct effect_pending *taken = &claims_items(&taking->claims)[claim - 1];
    *pending = (struct pending){
        .id = taken->id, .delivered_ms = taken->delivered_ms, .deliveries = taken->deliveries};
    return true;
}

// Returns the number of the claim, from 1 on; 0: it was not claimed.
static size_t claim_one(const struct call *call, const struct group_place *place,
                        const struct claiming *claiming, struct pending *pending,
                        struct taking *taking, size_t claim) {
    const bool is_pending = find_pending(place, taking, claim, pending);
    if (!is_pending && !claiming->forces) return 0;
    if (!stream_find(place->stream, pending->id, NULL)) {
        if (is_pending) id_list_add(&taking->gone, pending->id);
        return 0;
    }
    struct effect_pending after = {
        .id = pending->id, .delivered_ms = claiming->delivered_ms, .deliveries = 1}; // FORCE: once
    if (is_pending) {
        // What this call has claimed has a consumer, be it a new one that is not made yet.
        const bool is_free = claim != 0 ? has_rested(pending, claiming->min_idle_ms, call->now_ms)
                                        : is_idle(pending, claiming->min_idle_ms, call->now_ms);
        if (!is_free) return 0;
        after.deliveries = pending->deliveries;
    }
    if (claiming->retries >= 0) {
        after.deliveries = claiming->retries;
    } else if (!claiming->just_id) {
        after.deliveries = groups_once_more(after.deliveries);
    }
    claims_add(&taking->claims, &after);
    return claims_count(&taking->claims);
}

// An id that is named twice is claimed twice, as in Redis.
static void claim_all(const struct call *call, const struct group_place *place,
                      const struct claiming *claiming, const struct streams_ids *named,
                      struct taking *taking) {
    size_t *previous = groups_previous(named->ids, named->count);
    size_t *claims = mem_alloc_array(named->count, sizeof *claims);
    for (size_t i = 0; i < named->count; i++) {
        const size_t before = previous[i] == GROUPS_NOT_BEFORE ? 0 : claims[previous[i]];
        struct pending pending = {.id = named->ids[i]};
        claims[i] = claim_one(call, place, claiming, &pending, taking, before);
        if (claims[i] == 0) claims[i] = before;
    }
    mem_free(claims);
    mem_free(previous);
}

static void claim(struct call *call, struct group_place *place, const struct claiming *claiming,
                  const struct streams_ids *named) {
    struct taking taking = {0};
    claim_all(call, place, claiming, named, &taking);
    reply_claims(call, place, &taking.claims, claiming->just_id);
    if (stream_id_compare(claiming->last_id, group_last_id(place->group)) > 0)
        txn_group_set_id(call->txn, &place->at, claiming->last_id,
                         group_entries_read(place->group));
    take(call, place, call->argv[3], &taking);
    taking_deinit(&taking);
}

enum call_result cmd_xclaim(struct call *call) {
    struct claiming claiming = {0};
    struct group_place place;
    struct streams_ids named = {0};
    if (!groups_need(call, call->argv[1], call->argv[2], &place)) return CALL_DONE;
    if (!read_min_idle(call, "ERR Invalid min-idle-time argument for XCLAIM",
                       &claiming.min_idle_ms))
        return CALL_DONE;
    named.count = count_ids(call);
    if (read_claiming(call, 5 + named.count, &claiming) && groups_is_name_short(call, 3) &&
        streams_arg_ids(call, 5, named.count, &named.ids))
        claim(call, &place, &claiming, &named);
    mem_free(named.ids);
    return CALL_DONE;
}

// ---- XAUTOCLAIM

enum {
    AUTOCLAIM_COUNT = 100,   // without COUNT
    AUTOCLAIM_ATTEMPTS = 10, // entries that are looked at for each that is wanted
};

struct sweep {
    int64_t min_idle_ms;
    struct stream_id start;
    uint64_t count;
    bool just_id;
};

static bool read_sweep(struct call *call, struct sweep *out) {
    *out = (struct sweep){.count = AUTOCLAIM_COUNT};
    if (!read_min_idle(call, "ERR Invalid min-idle-time argument for XAUTOCLAIM",
                       &out->min_idle_ms))
        return false;
    if (!streams_arg_lower(call, 5, &out->start)) return false;
    for (size_t i = 6; i < call->argc; i++) {
        int64_t count;
        if (call_arg_is(call, i, "count") && i + 1 < call->argc) {
            if (!call_arg_range_i64(call, ++i, 1, INT64_MAX / (int64_t)sizeof(struct stream_id),
                                    "ERR COUNT must be > 0", &count))
                return false;
            out->count = (uint64_t)count;
        } else if (call_arg_is(call, i, "justid")) {
            out->just_id = true;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static void sweep_one(const struct call *call, const struct group_place *place,
                      const struct sweep *sweep, const struct pending *pending,
                      struct taking *taking) {
    if (!stream_find(place->stream, pending->id, NULL)) {
        id_list_add(&taking->gone, pending->id);
        return;
    }
    if (!is_idle(pending, sweep->min_idle_ms, call->now_ms)) return;
    const struct effect_pending after = {
        .id = pending->id,
        .delivered_ms = call->now_ms,
        .deliveries = sweep->just_id ? pending->deliveries : groups_once_more(pending->deliveries),
    };
    claims_add(&taking->claims, &after);
}

static bool has_enough(const struct sweep *sweep, const struct taking *taking) {
    return claims_count(&taking->claims) + id_list_count(&taking->gone) >= sweep->count;
}

// Looks at entries from the start on. Returns where to go on; 0-0: that was all.
static struct stream_id sweep_by_id(const struct call *call, const struct group_place *place,
                                    const struct sweep *sweep, struct taking *taking) {
    struct pending_cursor cursor = group_seek(place->group, sweep->start);
    struct pending pending;
    for (uint64_t left = sweep->count * AUTOCLAIM_ATTEMPTS; pending_next(&cursor, &pending);
         left--) {
        if (left == 0 || has_enough(sweep, taking)) return pending.id;
        sweep_one(call, place, sweep, &pending, taking);
    }
    return STREAM_ID_MIN;
}

// The same over the idle ones alone, however many lie between them.
static struct stream_id sweep_idle(const struct call *call, const struct group_place *place,
                                   const struct sweep *sweep, struct taking *taking) {
    struct stream_id next = STREAM_ID_MIN;
    struct id_list idle = {0};
    struct pending pending;
    idle_collect(place->group, idle_since(call->now_ms, sweep->min_idle_ms), sweep->start,
                 sweep->count + 1, &idle); // and the one to go on with
    for (size_t i = 0; i < id_list_count(&idle); i++) {
        const struct stream_id id = id_list_items(&idle)[i];
        if (has_enough(sweep, taking)) {
            next = id;
            break;
        }
        if (group_find(place->group, id, &pending)) sweep_one(call, place, sweep, &pending, taking);
    }
    buf_deinit(&idle.items);
    return next;
}

// As Redis does it where its own limit of attempts cannot hide anything, so that the cursors are
// the same.
static struct stream_id sweep_all(const struct call *call, const struct group_place *place,
                                  const struct sweep *sweep, struct taking *taking) {
    const size_t all = group_pending_count(place->group);
    if (sweep->min_idle_ms > 0 && all / AUTOCLAIM_ATTEMPTS >= sweep->count &&
        idle_is_rare(place->group, idle_since(call->now_ms, sweep->min_idle_ms), sweep->count))
        return sweep_idle(call, place, sweep, taking);
    return sweep_by_id(call, place, sweep, taking);
}

// What the log takes for it, beyond the arguments.
static bool prepare_taking(struct call *call, const struct taking *taking) {
    enum { BYTES_PER_EFFECT = 128, IDS_PER_RECORD = 1024 };
    const size_t bytes = taking->claims.items.len + taking->gone.items.len;
    const size_t names = call->argv[1].len + call->argv[2].len + call->argv[3].len;
    const size_t records = 3 + bytes / sizeof(struct stream_id) / IDS_PER_RECORD;
    return call_prepare(call, 2 * bytes + records * (names + BYTES_PER_EFFECT), records);
}

static void reply_gone(struct call *call, const struct id_list *gone) {
    reply_array(&call->reply, id_list_count(gone));
    for (size_t i = 0; i < id_list_count(gone); i++) {
        streams_answer_id(call, id_list_items(gone)[i]);
    }
}

enum call_result cmd_xautoclaim(struct call *call) {
    struct group_place place;
    struct sweep sweep;
    struct taking taking = {0};
    if (!read_sweep(call, &sweep)) return CALL_DONE;
    if (!groups_need(call, call->argv[1], call->argv[2], &place)) return CALL_DONE;
    if (!groups_is_name_short(call, 3)) return CALL_DONE;
    const struct stream_id next = sweep_all(call, &place, &sweep, &taking);
    const bool has_room = prepare_taking(call, &taking);
    if (has_room) {
        reply_array(&call->reply, 3);
        streams_answer_id(call, next);
        reply_claims(call, &place, &taking.claims, sweep.just_id);
        reply_gone(call, &taking.gone);
        take(call, &place, call->argv[3], &taking);
    }
    taking_deinit(&taking);
    return has_room ? CALL_DONE : CALL_RETRY;
}
