// Ending a delivery: done (XACK), done and not kept (XACKDEL), given back (XNACK).
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "server/commands/groups.h"
#include "server/commands/handlers.h"

// ---- XACK

enum call_result cmd_xack(struct call *call) {
    struct group_place place;
    if (!groups_find(call, call->argv[1], call->argv[2], &place)) return CALL_DONE;
    if (place.group == NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    const size_t count = call->argc - 3;
    struct stream_id few[8];
    struct stream_id *ids =
        count <= sizeof few / sizeof few[0] ? few : mem_alloc_array(count, sizeof *ids);
    bool is_valid = true;
    for (size_t i = 0; i < count && is_valid; i++) {
        is_valid = streams_arg_id(call, 3 + i, 0, &ids[i]);
    }
    if (is_valid) reply_int(&call->reply, (int64_t)txn_group_ack(call->txn, &place.at, ids, count));
    if (ids != few) mem_free(ids);
    return CALL_DONE;
}

// ---- XACKDEL

enum { NOT_PENDING = -1, DELETED = 1, STILL_REFERENCED = 2 }; // the answers

// Acknowledges those that are pending; answers for each of the ids, and collects in `gone` what is
// to be deleted.
static void answer_acked(struct call *call, const struct group_place *place,
                         const struct streams_ids *named, struct id_list *gone) {
    struct id_list acked = {0};
    bool *is_out = groups_repeated(named->ids, named->count);
    for (size_t i = 0; i < named->count; i++) {
        is_out[i] =
            is_out[i] || place->group == NULL || !group_find(place->group, named->ids[i], NULL);
        if (!is_out[i]) id_list_add(&acked, named->ids[i]);
    }
    if (id_list_count(&acked) > 0)
        txn_group_ack(call->txn, &place->at, id_list_items(&acked), id_list_count(&acked));
    reply_array(&call->reply, named->count);
    for (size_t i = 0; i < named->count; i++) {
        const struct stream_id id = named->ids[i];
        if (is_out[i]) {
            reply_int(&call->reply, NOT_PENDING);
        } else if (named->refs == STREAMS_ACKED && stream_find(place->stream, id, NULL) &&
                   stream_is_referenced(place->stream, id)) {
            reply_int(&call->reply, STILL_REFERENCED);
        } else {
            id_list_add(gone, id);
            reply_int(&call->reply, DELETED);
        }
    }
    mem_free(is_out);
    buf_deinit(&acked.items);
}

// Each id may be in three effects, and with DELREF in one of every group.
static bool prepare_ackdel(struct call *call, const struct group_place *place, size_t ids,
                           enum streams_refs refs) {
    enum { BYTES_PER_ID = 40, BYTES_PER_EFFECT = 128 };
    const size_t groups =
        place->stream != NULL && refs == STREAMS_DELREF ? stream_group_count(place->stream) : 0;
    size_t names = call->argv[1].len + call->argv[2].len;
    for (size_t i = 0; i < groups; i++) {
        names += call->argv[1].len + group_name(stream_group_at(place->stream, i)).len;
    }
    return call_prepare(call, 2 * names + (groups + 3) * (ids * BYTES_PER_ID + BYTES_PER_EFFECT),
                        groups + 3);
}

enum call_result cmd_xackdel(struct call *call) {
    struct streams_ids named;
    struct group_place place;
    struct id_list gone = {0};
    enum call_result result = CALL_DONE;
    size_t count;
    if (!streams_arg_refs_and_ids(call, 3, &named)) return CALL_DONE;
    if (!groups_find(call, call->argv[1], call->argv[2], &place)) goto out;
    if (!prepare_ackdel(call, &place, named.count, named.refs)) {
        result = CALL_RETRY;
        goto out;
    }
    answer_acked(call, &place, &named, &gone);
    count = id_list_count(&gone);
    if (count == 0) goto out;
    if (named.refs == STREAMS_DELREF)
        txn_stream_forget(call->txn, call->db, call->argv[1], id_list_items(&gone), count);
    txn_stream_delete(call->txn, call->db, call->argv[1], id_list_items(&gone), count, false);
out:
    mem_free(named.ids);
    buf_deinit(&gone.items);
    return result;
}

// ---- XNACK

enum nack_mode { NACK_SILENT, NACK_FAIL, NACK_FATAL };

struct nack {
    enum nack_mode mode;
    bool forces;
    bool has_retries;
    int64_t retries;
};

static bool read_mode(struct call *call, size_t index, enum nack_mode *out) {
    static const char *const words[] = {"silent", "fail", "fatal"};
    static const enum nack_mode modes[] = {NACK_SILENT, NACK_FAIL, NACK_FATAL};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        *out = modes[i];
        if (call_arg_is(call, index, words[i])) return true;
    }
    reply_error(&call->reply, "ERR mode must be SILENT, FAIL, or FATAL");
    return false;
}

// What stands behind the ids.
static bool read_nack_options(struct call *call, size_t index, struct nack *out) {
    for (size_t i = index; i < call->argc; i++) {
        if (call_arg_is(call, i, "force")) {
            out->forces = true;
        } else if (call_arg_is(call, i, "retrycount") && i + 1 < call->argc) {
            if (!call_arg_range_i64(call, ++i, 0, INT64_MAX,
                                    "ERR Invalid RETRYCOUNT value, must be >= 0", &out->retries))
                return false;
            out->has_retries = true;
        } else {
            const struct slice word = call->argv[i];
            reply_errorf(&call->reply, "ERR Unrecognized XNACK option '%.*s'", (int)word.len,
                         word.data);
            return false;
        }
    }
    return true;
}

static int64_t deliveries_after(const struct nack *nack, int64_t deliveries) {
    if (nack->has_retries) return nack->retries;
    switch (nack->mode) {
    case NACK_SILENT: // as if it had not been delivered
        return deliveries > 0 && deliveries < INT64_MAX ? deliveries - 1 : deliveries;
    case NACK_FAIL:
        return deliveries;
    case NACK_FATAL:
        return INT64_MAX;
    }
    return deliveries;
}

static void give_back(struct call *call, const struct group_place *place,
                      const struct stream_id *ids, size_t id_count, const struct nack *nack) {
    struct claims claims = {0};
    bool *is_repeated = groups_repeated(ids, id_count);
    for (size_t i = 0; i < id_count; i++) {
        struct effect_pending after = {.id = ids[i]};
        struct pending pending;
        if (is_repeated[i]) continue;
        if (group_find(place->group, ids[i], &pending)) {
            after.deliveries = deliveries_after(nack, pending.deliveries);
        } else if (nack->forces && stream_find(place->stream, ids[i], NULL)) {
            after.deliveries = nack->has_retries ? nack->retries : 0;
        } else {
            continue;
        }
        claims_add(&claims, &after);
    }
    const size_t count = claims_count(&claims);
    if (count > 0) txn_group_nack(call->txn, &place->at, claims_items(&claims), count);
    reply_int(&call->reply, (int64_t)count);
    mem_free(is_repeated);
    buf_deinit(&claims.items);
}

// `IDS numids id [id ...]` from argument 4 on.
static bool read_nack_count(struct call *call, size_t *count) {
    int64_t value = 0;
    if (!call_arg_is(call, 4, "ids")) {
        reply_error(&call->reply, "ERR syntax error, expected IDS keyword");
        return false;
    }
    if (!call_arg_range_i64(call, 5, 1, INT64_MAX, "ERR numids must be a positive integer", &value))
        return false;
    if ((uint64_t)value > call->argc - 6) {
        reply_error(&call->reply, "ERR number of IDs doesn't match numids");
        return false;
    }
    *count = (size_t)value;
    return true;
}

enum call_result cmd_xnack(struct call *call) {
    struct stream_id *ids = NULL;
    struct group_place place;
    struct nack nack = {.mode = NACK_FAIL};
    size_t count;
    if (read_mode(call, 3, &nack.mode) && read_nack_count(call, &count) &&
        streams_arg_ids(call, 6, count, &ids) && read_nack_options(call, 6 + count, &nack) &&
        groups_need(call, call->argv[1], call->argv[2], &place))
        give_back(call, &place, ids, count, &nack);
    mem_free(ids);
    return CALL_DONE;
}
