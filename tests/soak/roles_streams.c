// Streams and consumer groups: producers, consumers, and those who claim what consumers left.
//
// A consumer reads new entries, or with CLAIM also such as are pending for long, works, and
// acknowledges; or it stops at any entry and leaves the rest pending, or gives one back with XNACK.
// Whoever claims works on it like a consumer.
#include <stdio.h>

#include "proto/base/num.h"
#include "tests/soak/job.h"
#include "tests/soak/roles.h"
#include "tests/soak/streams.h"

enum {
    BURST_MAX = 16, // adds in one pipeline
    BURST_PERCENT = 20,
    LENGTH_PERCENT = 10,  // asks for the length after a burst
    KEPT_MAX = 20 * 1000, // entries of the stream from which none is deleted
    BACKLOG_PAUSE_MS = 20,
    BLOCKING_PERCENT = 60,
    CLAIMING_PERCENT = 30,
    SEVERAL_PERCENT = 20, // reads all streams at once
    HANG_UP_PERCENT = 1,  // asks for entries and is gone
    STOP_PERCENT = 4,     // leaves this entry and the rest pending
    NACK_PERCENT = 2,
    BATCH_PERCENT = 30, // acknowledges several at once
    WORK_MS_MAX = 2,
    EMPTY_PAUSE_MS = 5,
    CLAIM_PAUSE_MS = 100,
    LIST_PERCENT = 30, // looks at what is pending instead of claiming
    READ_WORDS = 11,   // before the names of streams
};

#define BLOCK_MS    "100"
#define CLAIM_COUNT "20"

static bool happens(struct client *client, unsigned percent) {
    return rng_below(&client->rng, 100) < percent;
}

static struct slice consumer_name(const struct client *client, char *out) {
    return slice_of(out, num_format_u64(out, client->number));
}

// ---- producers

static void receive_add(struct client *client) {
    struct event event;
    redisReply *reply = client_receive(client, &event);
    if (reply == NULL) return;
    event.result = 0;
    client_entry_id(client, reply, &event.result);
    client_note(client, &event);
    freeReplyObject(reply);
}

static void add_burst(struct client *client, unsigned stream, uint32_t *sequence, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct event event = {.deed = DEED_ADD, .place = (uint8_t)(stream * STREAM_GROUPS_MAX)};
        event.job = new_job(client, sequence);
        struct slice args[] = {SLICE("XADD"), stream_name(stream), SLICE("*"), SLICE("job"),
                               job_payload(event.job, client->payload)};
        client_begin(client, &event, false);
        client_send(client, args, 5);
    }
    while (client->len > 0)
        receive_add(client);
}

// A stream that is long is left alone for a moment; the one that keeps everything, for good.
static void heed_length(struct client *client, unsigned stream, bool *is_full) {
    struct event event = {.deed = DEED_LENGTH, .place = (uint8_t)(stream * STREAM_GROUPS_MAX)};
    struct slice args[] = {SLICE("XLEN"), stream_name(stream)};
    redisReply *reply = client_ask(client, &event, args, 2);
    if (reply == NULL) return;
    client_note(client, &event);
    if (lane_at(0)->place == event.place) {
        *is_full = reply->integer > KEPT_MAX;
    } else if (reply->integer > BACKLOG_MAX) {
        pause_ms(BACKLOG_PAUSE_MS);
    }
    freeReplyObject(reply);
}

void add(struct client *client) {
    uint32_t sequence = 0;
    bool is_full = false;
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        unsigned stream = (unsigned)rng_below(&client->rng, STREAMS);
        if (stream == 0 && is_full) stream = 1;
        size_t count =
            happens(client, BURST_PERCENT) ? 1 + (size_t)rng_below(&client->rng, BURST_MAX) : 1;
        add_burst(client, stream, &sequence, count);
        if (client->redis != NULL && happens(client, LENGTH_PERCENT))
            heed_length(client, stream, &is_full);
    }
}

// ---- those who have entries

// Given back: still pending, and to be claimed by anybody at once.
static void give_back(struct client *client, const struct entry_task *task) {
    char text[ENTRY_TEXT_MAX];
    struct slice args[] = {SLICE("XNACK"),
                           task->lane->stream,
                           task->lane->group,
                           SLICE("FAIL"),
                           SLICE("IDS"),
                           SLICE("1"),
                           entry_id_text(task->id, text)};
    redisReply *reply = client_look(client, args, 7);
    if (reply != NULL) freeReplyObject(reply);
}

static size_t batch_of(struct client *client, const struct entry_task *tasks, size_t len) {
    size_t count = 1;
    if (!happens(client, BATCH_PERCENT)) return count;
    while (count < len && count < TAKE_MAX && tasks[count].lane == tasks->lane)
        count++;
    return count;
}

static void do_tasks(struct client *client, const struct entry_task *tasks, size_t len) {
    for (size_t at = 0; at < len && client->redis != NULL;) {
        if (happens(client, STOP_PERCENT)) return;
        if (happens(client, NACK_PERCENT)) {
            give_back(client, &tasks[at++]);
            continue;
        }
        pause_ms(rng_below(&client->rng, WORK_MS_MAX + 1));
        size_t count = batch_of(client, &tasks[at], len - at);
        if (!streams_acknowledge(client, &tasks[at], count)) return;
        at += count;
    }
}

// ---- consumers

struct read {
    const struct lane *lanes[LANES];
    size_t lanes_len;
    size_t count;
    bool blocks;
    bool claims;
};

static struct read choose_read(struct client *client) {
    struct read read = {
        .count = 1 + (size_t)rng_below(&client->rng, TAKE_MAX),
        .blocks = happens(client, BLOCKING_PERCENT),
        .claims = happens(client, CLAIMING_PERCENT),
    };
    const struct lane *first = lane_at((unsigned)rng_below(&client->rng, LANES));
    bool reads_several = happens(client, SEVERAL_PERCENT);
    for (unsigned i = 0; i < LANES; i++) {
        const struct lane *lane = lane_at(i);
        bool is_wanted =
            reads_several ? slice_equal(lane->group, lane_at(0)->group) : lane == first;
        if (is_wanted) read.lanes[read.lanes_len++] = lane;
    }
    return read;
}

static void begin_read(struct client *client, const struct read *read) {
    struct slice args[READ_WORDS + 2 * LANES] = {SLICE("XREADGROUP"), SLICE("GROUP")};
    char name[NUM_I64_TEXT_MAX];
    char count[NUM_I64_TEXT_MAX];
    char idle[NUM_I64_TEXT_MAX];
    size_t words = 2;
    args[words++] = read->lanes[0]->group;
    args[words++] = consumer_name(client, name);
    args[words++] = SLICE("COUNT");
    args[words++] = slice_of(count, num_format_u64(count, read->count));
    if (read->blocks) {
        args[words++] = SLICE("BLOCK");
        args[words++] = SLICE(BLOCK_MS);
    }
    if (read->claims) {
        args[words++] = SLICE("CLAIM");
        args[words++] = slice_of(idle, num_format_u64(idle, VISIBILITY_MS));
    }
    args[words++] = SLICE("STREAMS");
    for (size_t i = 0; i < read->lanes_len; i++) {
        struct event event = {.deed = DEED_TAKE, .place = read->lanes[i]->place};
        event.amount = (uint8_t)read->count;
        args[words + i] = read->lanes[i]->stream;
        args[words + read->lanes_len + i] = SLICE(">");
        client_begin(client, &event, i + 1 < read->lanes_len);
    }
    client_send(client, args, words + 2 * read->lanes_len);
}

static const struct lane *find_lane(const struct read *read, struct slice stream) {
    for (size_t i = 0; i < read->lanes_len; i++) {
        if (slice_equal(read->lanes[i]->stream, stream)) return read->lanes[i];
    }
    return NULL;
}

static size_t read_streams(struct client *client, const struct read *read, struct event event,
                           const redisReply *reply, struct entry_task *tasks) {
    size_t len = 0;
    if (reply->type == REDIS_REPLY_NIL) return 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *stream = reply->element[i];
        if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2) continue;
        const struct lane *lane = find_lane(read, slice_of_reply(stream->element[0]));
        if (lane == NULL || stream->element[1]->elements > read->count) {
            verdict_accuse(&client->verdict, FAULT_UNEXPECTED, 0, "more than was asked for");
            continue;
        }
        len = streams_read_entries(client, event, lane, stream->element[1], tasks, len);
    }
    if (len == 0) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, 0, "no entries came, and no nil");
    }
    return len;
}

void consume(struct client *client) {
    struct entry_task tasks[TASKS_MAX];
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        struct read read = choose_read(client);
        begin_read(client, &read);
        if (happens(client, HANG_UP_PERCENT)) {
            client_break(client);
            continue;
        }
        struct event events[CLIENT_PIPELINE_MAX];
        size_t count = 0;
        redisReply *reply = client_receive_all(client, events, &count);
        if (reply == NULL) continue;
        size_t len = read_streams(client, &read, events[0], reply, tasks);
        bool is_empty = reply->type == REDIS_REPLY_NIL;
        freeReplyObject(reply);
        do_tasks(client, tasks, len);
        if (is_empty && !read.blocks) pause_ms(EMPTY_PAUSE_MS);
    }
}

// ---- those who claim

static void claim_pending(struct client *client, const struct lane *lane) {
    struct entry_task tasks[TASKS_MAX];
    char name[NUM_I64_TEXT_MAX];
    char idle[NUM_I64_TEXT_MAX];
    struct slice args[] = {SLICE("XAUTOCLAIM"),
                           lane->stream,
                           lane->group,
                           consumer_name(client, name),
                           slice_of(idle, num_format_u64(idle, VISIBILITY_MS)),
                           SLICE("0-0"),
                           SLICE("COUNT"),
                           SLICE(CLAIM_COUNT)};
    struct event event = {.deed = DEED_RECLAIM, .place = lane->place};
    redisReply *reply = client_ask(client, &event, args, 8);
    if (reply == NULL) return;
    size_t len = 0;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3) {
        len = streams_read_entries(client, event, lane, reply->element[1], tasks, 0);
        // Nobody deletes an entry that is pending.
        if (reply->element[2]->elements > 0) {
            verdict_accuse(&client->verdict, FAULT_LOST, lane->place,
                           "an entry was gone, and still pending");
        }
    } else {
        verdict_accuse(&client->verdict, FAULT_REFUSED, lane->place, "no answer of XAUTOCLAIM");
    }
    freeReplyObject(reply);
    do_tasks(client, tasks, len);
}

static void count_pending(struct client *client, const struct lane *lane) {
    struct event event = {.deed = DEED_PENDING_COUNT, .place = lane->place};
    struct slice args[] = {SLICE("XPENDING"), lane->stream, lane->group};
    redisReply *reply = client_ask(client, &event, args, 3);
    if (reply == NULL) return;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 4) {
        event.result = reply->element[0]->integer;
        client_note(client, &event);
    } else {
        verdict_accuse(&client->verdict, FAULT_REFUSED, lane->place, "no summary of XPENDING");
    }
    freeReplyObject(reply);
}

static void list_pending(struct client *client, const struct lane *lane) {
    struct event event = {.deed = DEED_PENDING, .place = lane->place};
    struct slice args[] = {SLICE("XPENDING"), lane->stream, lane->group,
                           SLICE("-"),        SLICE("+"),   SLICE(CLAIM_COUNT)};
    redisReply *reply = client_ask(client, &event, args, 6);
    if (reply == NULL) return;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *entry = reply->element[i];
        bool is_whole = entry->type == REDIS_REPLY_ARRAY && entry->elements == 4;
        if (is_whole && client_entry_id(client, entry->element[0], &event.result))
            client_note(client, &event);
    }
    freeReplyObject(reply);
}

void reclaim(struct client *client) {
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        const struct lane *lane = lane_at((unsigned)rng_below(&client->rng, LANES));
        if (!happens(client, LIST_PERCENT)) {
            claim_pending(client, lane);
        } else if (happens(client, 50)) {
            count_pending(client, lane);
        } else {
            list_pending(client, lane);
        }
        pause_ms(rng_below(&client->rng, CLAIM_PAUSE_MS));
    }
}
