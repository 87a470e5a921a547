// Reading as a consumer of a group: XREADGROUP.
//
// Happy path: all streams are checked, then what each will give is counted, for the room in the
// log; then each answers its entries and logs one effect of each kind. Where nothing is given and
// BLOCK says so, the command waits (call_wait_for): for new entries, for the loss of a group, and
// with CLAIM until the oldest pending entry can be claimed.
// Failure modes: an entry that is pending and no longer in the stream is dropped when CLAIM meets
// it; in one's history it is answered without fields.
#include "proto/base/num.h"
#include "server/commands/groups.h"
#include "server/commands/groups_idle.h"
#include "server/commands/handlers.h"

enum {
    DANGLING_MAX = 1000, // dropped in one read of one stream
    LOG_PER_ENTRY = 64,
    LOG_PER_EFFECT = 128,
    ENTRIES_PER_RECORD = 1024,
};

// One stream of the command.
struct source {
    struct group_place place;
    bool is_new;            // `>`; else the history behind `after`
    struct stream_id after; // of history
};

// One entry that is to be answered.
struct pick {
    struct stream_id id;
    int64_t idle_ms;    // before this delivery
    int64_t deliveries; // before this delivery
    bool is_there;      // false: only the id is known (history)
};

struct picks {
    struct buf items;       // of struct pick: claimed ones, or history
    struct stream_id first; // of new ones, which are neighbours in the stream and come after them
    uint64_t fresh;         // how many new ones
    struct id_list gone;    // pending, but no longer in the stream
};

// What is left of MAXCOUNT and MAXSIZE for all streams together.
struct budget {
    uint64_t entries;
    uint64_t bytes;
    bool has_given; // at least one is always given
};

static size_t picks_listed(const struct picks *picks) {
    return picks->items.len / sizeof(struct pick);
}

static size_t picks_count(const struct picks *picks) {
    return picks_listed(picks) + (size_t)picks->fresh;
}

static const struct pick *picks_at(const struct picks *picks, size_t at) {
    return (const struct pick *)(const void *)picks->items.data + at;
}

static void picks_reset(struct picks *picks) {
    buf_reset(&picks->items);
    buf_reset(&picks->gone.items);
    picks->fresh = 0;
}

static void picks_deinit(struct picks *picks) {
    buf_deinit(&picks->items);
    buf_deinit(&picks->gone.items);
}

static struct budget budget_of(const struct streams_read *read) {
    return (struct budget){
        .entries = read->max_count == 0 ? UINT64_MAX : read->max_count,
        .bytes = read->max_bytes == 0 ? UINT64_MAX : read->max_bytes,
    };
}

// ---- the streams

static void answer_no_group(struct call *call, const struct group_place *place) {
    const struct slice key = place->at.key;
    const struct slice group = place->at.group;
    reply_errorf(&call->reply,
                 "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP "
                 "option",
                 (int)key.len, key.data, (int)group.len, group.data);
}

static void answer_meaningless(struct call *call, const char *id) {
    reply_errorf(&call->reply,
                 "ERR The %s ID is meaningless in the context of XREADGROUP: you want to read the "
                 "history of this consumer by specifying a proper ID, or use the > ID to get new "
                 "messages. The %s ID would just return an empty result set.",
                 id, id);
}

// The stream at that place of the list, as it is now. False after an error.
static bool find_source(struct call *call, const struct streams_read *read, size_t at,
                        struct source *out) {
    const size_t id_arg = read->first_key + read->key_count + at;
    const struct slice id = call->argv[id_arg];
    *out = (struct source){0};
    if (!groups_find(call, call->argv[read->first_key + at], read->group, &out->place))
        return false;
    if (out->place.group == NULL) {
        answer_no_group(call, &out->place);
        return false;
    }
    out->is_new = slice_equal(id, SLICE(">"));
    if (out->is_new) return true;
    if (slice_equal(id, SLICE("$"))) {
        answer_meaningless(call, "$");
        return false;
    }
    if (slice_equal(id, SLICE("+"))) {
        answer_meaningless(call, "+");
        return false;
    }
    if (!streams_arg_id(call, id_arg, 0, &out->after)) return false;
    // Nothing can be behind the greatest id; to Redis it is another way to write `>`.
    out->is_new = stream_id_equal(out->after, STREAM_ID_MAX);
    return true;
}

// ---- what a stream gives

// Whether one more entry is within COUNT, MAXCOUNT and MAXSIZE; then it is taken.
static bool take(struct call *call, const struct streams_read *read, struct budget *budget,
                 struct picks *picks, const struct stream_entry *entry) {
    if (budget->entries == 0) return false;
    if (read->count > 0 && picks_count(picks) >= read->count) return false;
    if (budget->bytes != UINT64_MAX) {
        const size_t bytes = streams_entry_bytes(call, entry);
        if (budget->has_given && bytes > budget->bytes) return false;
        budget->bytes -= num_min(bytes, budget->bytes);
    }
    budget->entries--;
    budget->has_given = true;
    return true;
}

static void picks_add(struct picks *picks, const struct pick *pick) {
    buf_append_slice(&picks->items, slice_of((const char *)pick, sizeof *pick));
}

// Nacked ones first, then the longest idle.
static void pick_idle(struct call *call, const struct streams_read *read,
                      const struct source *source, struct budget *budget, struct picks *picks) {
    struct pending_cursor cursor = group_by_time(source->place.group);
    const int64_t since_ms = idle_since(call->now_ms, read->claim_ms);
    struct pending pending;
    while (id_list_count(&picks->gone) < DANGLING_MAX && pending_next(&cursor, &pending)) {
        if (pending.consumer != NULL && pending.delivered_ms > since_ms) break;
        struct stream_entry entry = {.id = pending.id};
        if (!stream_find(source->place.stream, pending.id, &entry.payload)) {
            id_list_add(&picks->gone, pending.id);
            continue;
        }
        if (!take(call, read, budget, picks, &entry)) break;
        const struct pick pick = {.id = pending.id,
                                  .idle_ms = groups_idle_ms(&pending, call->now_ms),
                                  .deliveries = pending.deliveries,
                                  .is_there = true};
        picks_add(picks, &pick);
    }
}

// How many more COUNT and MAXCOUNT allow.
static uint64_t count_left(const struct streams_read *read, const struct budget *budget,
                           const struct picks *picks) {
    if (read->count == 0) return budget->entries;
    const uint64_t taken = picks_count(picks);
    const uint64_t left = read->count > taken ? read->count - taken : 0;
    return left < budget->entries ? left : budget->entries;
}

static void pick_new(struct call *call, const struct streams_read *read,
                     const struct source *source, struct budget *budget, struct picks *picks) {
    struct stream_id from = group_last_id(source->place.group);
    struct stream_entry entry;
    const bool is_twice = MUTANT(ENTRY_WAKES_TWO) && call->is_retry;
    if (!is_twice && !stream_id_increment(&from)) return;
    struct stream_cursor cursor = stream_seek(source->place.stream, from);
    if (!stream_next(&cursor, &entry)) return;
    picks->first = entry.id;
    if (budget->bytes == UINT64_MAX) {
        const struct stream_range range = {
            .from = from, .to = STREAM_ID_MAX, .max = count_left(read, budget, picks)};
        picks->fresh = stream_range_count(source->place.stream, &range);
        budget->entries -= picks->fresh;
        return;
    }
    while (take(call, read, budget, picks, &entry)) {
        picks->fresh++;
        if (!stream_next(&cursor, &entry)) return;
    }
}

static void pick_history(struct call *call, const struct streams_read *read,
                         const struct source *source, struct budget *budget, struct picks *picks) {
    const struct consumer *consumer = group_consumer(source->place.group, read->consumer);
    struct stream_id from = source->after;
    struct pending pending;
    if (consumer == NULL || !stream_id_increment(&from)) return;
    struct pending_cursor cursor = consumer_seek(consumer, from);
    while (pending_next(&cursor, &pending)) {
        struct stream_entry entry = {.id = pending.id};
        const bool is_there = stream_find(source->place.stream, pending.id, &entry.payload);
        if (is_there ? !take(call, read, budget, picks, &entry)
                     : read->count > 0 && picks_count(picks) >= read->count)
            break;
        picks_add(picks, &(struct pick){.id = pending.id,
                                        .deliveries = pending.deliveries,
                                        .is_there = is_there});
    }
}

static void pick_from(struct call *call, const struct streams_read *read,
                      const struct source *source, struct budget *budget, struct picks *picks) {
    picks_reset(picks);
    if (!source->is_new) {
        pick_history(call, read, source, budget, picks);
        return;
    }
    if (read->has_claim) pick_idle(call, read, source, budget, picks);
    pick_new(call, read, source, budget, picks);
}

// ---- counting before

struct forecast {
    size_t answered; // streams
    size_t bytes;    // of log
    size_t records;
};

// The entries of the last stream counted are left in `picks`: of the only one, they are what will
// be given.
static bool foresee(struct call *call, const struct streams_read *read, struct forecast *out,
                    struct picks *picks) {
    struct budget budget = budget_of(read);
    *out = (struct forecast){0};
    for (size_t i = 0; i < read->key_count; i++) {
        struct source source;
        if (!find_source(call, read, i, &source)) return false;
    }
    for (size_t i = 0; i < read->key_count; i++) {
        struct source source;
        if (!find_source(call, read, i, &source)) return false;
        pick_from(call, read, &source, &budget, picks);
        const size_t count = picks_listed(picks) + id_list_count(&picks->gone);
        const size_t records = 4 + count / ENTRIES_PER_RECORD;
        const size_t names = source.place.at.key.len + read->group.len + read->consumer.len;
        out->answered += !source.is_new || picks_count(picks) > 0;
        out->records += records;
        out->bytes += count * LOG_PER_ENTRY + records * (names + LOG_PER_EFFECT);
    }
    return true;
}

// ---- answering and delivering

static void answer_picks(struct call *call, const struct streams_read *read,
                         const struct source *source, const struct picks *picks) {
    const bool is_wide = source->is_new && read->has_claim;
    if (call->reply.version == RESP2) reply_array(&call->reply, 2);
    reply_bulk(&call->reply, source->place.at.key);
    const struct stream_range fresh = {
        .from = picks->first, .to = STREAM_ID_MAX, .max = picks->fresh};
    reply_array(&call->reply, picks_count(picks));
    for (size_t i = 0; i < picks_listed(picks); i++) {
        const struct pick *pick = picks_at(picks, i);
        struct blob payload;
        reply_array(&call->reply, is_wide ? 4 : 2);
        streams_answer_id(call, pick->id);
        if (pick->is_there && stream_find(source->place.stream, pick->id, &payload)) {
            streams_answer_fields(call, &payload);
        } else {
            reply_null_array(&call->reply);
        }
        if (!is_wide) continue;
        reply_int(&call->reply, pick->idle_ms);
        reply_int(&call->reply, pick->deliveries);
    }
    streams_answer_entries(call, source->place.stream, &fresh,
                           is_wide ? STREAMS_NEVER_DELIVERED : STREAMS_PLAIN);
}

// What was pending before is the consumer's now.
static void claim_picks(struct call *call, const struct streams_read *read,
                        const struct source *source, const struct picks *picks) {
    struct claims claims = {0};
    for (size_t i = 0; i < picks_listed(picks); i++) {
        const struct pick *pick = picks_at(picks, i);
        const struct effect_pending after = {.id = pick->id,
                                             .delivered_ms = call->now_ms,
                                             .deliveries = groups_once_more(pick->deliveries)};
        if (pick->is_there) claims_add(&claims, &after);
    }
    if (claims_count(&claims) > 0)
        txn_group_claim(call->txn, &source->place.at, read->consumer, claims_items(&claims),
                        claims_count(&claims));
    buf_deinit(&claims.items);
}

static void deliver_picks(struct call *call, const struct streams_read *read,
                          const struct source *source, const struct picks *picks) {
    const struct txn_delivery delivery = {.consumer = read->consumer,
                                          .first = picks->first,
                                          .count = (size_t)picks->fresh,
                                          .no_ack = read->no_ack};
    txn_group_deliver(call->txn, &source->place.at, &delivery);
}

// Gives what `picks` says, and notes that the consumer was here.
static void serve_source(struct call *call, const struct streams_read *read,
                         const struct source *source, const struct picks *picks) {
    const size_t gone = id_list_count(&picks->gone);
    groups_note_consumer(call, &source->place, read->consumer);
    if (gone > 0) txn_group_ack(call->txn, &source->place.at, id_list_items(&picks->gone), gone);
    claim_picks(call, read, source, picks);
    deliver_picks(call, read, source, picks);
}

static void answer_header(struct call *call, size_t streams) {
    if (call->reply.version == RESP2) {
        reply_array(&call->reply, streams);
    } else {
        reply_map(&call->reply, streams);
    }
}

// A stream that is named twice may give less than was foreseen: the first took it. The header is
// written anew; it only gets shorter.
static void correct_header(struct call *call, size_t foreseen, size_t answered) {
    struct buf text = {0};
    struct call aside = *call;
    aside.reply.out = &text;
    answer_header(&aside, foreseen);
    const size_t old_len = text.len;
    buf_reset(&text);
    answer_header(&aside, answered);
    call_replace_head(call, old_len, buf_slice(&text));
    buf_deinit(&text);
}

static void serve_all(struct call *call, const struct streams_read *read, size_t foreseen,
                      struct picks *picks) {
    struct budget budget = budget_of(read);
    size_t answered = 0;
    answer_header(call, foreseen);
    for (size_t i = 0; i < read->key_count; i++) {
        struct source source;
        if (!find_source(call, read, i, &source)) return; // was there a moment ago
        if (read->key_count > 1) pick_from(call, read, &source, &budget, picks);
        if (!source.is_new || picks_count(picks) > 0) {
            answer_picks(call, read, &source, picks);
            answered++;
        }
        serve_source(call, read, &source, picks);
    }
    if (answered != foreseen) correct_header(call, foreseen, answered);
}

// ---- waiting

// When the oldest pending entry of any of the streams can be claimed; 0: nothing is pending.
static int64_t next_claim_ms(const struct source *source, const struct streams_read *read,
                             int64_t earliest_ms) {
    struct pending_cursor cursor = group_by_time(source->place.group);
    struct pending pending;
    int64_t at_ms;
    if (!pending_next(&cursor, &pending)) return earliest_ms;
    if (!num_add_i64(pending.delivered_ms, read->claim_ms, &at_ms)) at_ms = INT64_MAX;
    return earliest_ms == 0 || at_ms < earliest_ms ? at_ms : earliest_ms;
}

// Nothing was found: what is to be dropped is, and the consumer has been here.
static enum call_result wait_or_answer_nothing(struct call *call, const struct streams_read *read,
                                               struct picks *picks) {
    int64_t alarm_ms = 0;
    for (size_t i = 0; i < read->key_count; i++) {
        struct budget budget = budget_of(read);
        struct source source;
        if (!find_source(call, read, i, &source)) return CALL_DONE;
        if (read->key_count > 1) pick_from(call, read, &source, &budget, picks);
        serve_source(call, read, &source, picks);
        if (!read->has_claim || !find_source(call, read, i, &source)) continue;
        alarm_ms = next_claim_ms(&source, read, alarm_ms);
    }
    if (!read->blocks) {
        reply_null_array(&call->reply);
        return CALL_DONE;
    }
    const struct call_waiting waiting = {.keys = call->argv + read->first_key,
                                         .key_count = read->key_count,
                                         .value_type = TYPE_STREAM,
                                         .deadline_ms = read->deadline_ms,
                                         .answer = WAIT_ANSWER_NULL_ARRAY,
                                         .minds_loss = true,
                                         .claims = read->has_claim,
                                         .alarm_ms = alarm_ms,
                                         .cohort_arg = read->group_arg};
    return call_wait_for(call, &waiting);
}

enum call_result cmd_xreadgroup(struct call *call) {
    struct streams_read read;
    struct forecast forecast;
    struct picks picks = {0};
    enum call_result result = CALL_DONE;
    if (!streams_arg_read(call, true, &read)) return CALL_DONE;
    const size_t consumer_arg = read.group_arg + 1;
    if (!groups_is_name_short(call, consumer_arg)) return CALL_DONE;
    if (!foresee(call, &read, &forecast, &picks) || call->is_cold) goto out;
    call->is_decided = true; // what was measured a moment ago is measured again, between changes
    if (!call_prepare(call, forecast.bytes, forecast.records)) {
        result = CALL_RETRY;
    } else if (forecast.answered == 0) {
        result = wait_or_answer_nothing(call, &read, &picks);
    } else {
        serve_all(call, &read, forecast.answered, &picks);
    }
out:
    picks_deinit(&picks);
    return result;
}
