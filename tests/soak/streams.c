#include "tests/soak/streams.h"

#include <stdio.h>

#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    PIPELINE_PERCENT = 40, // acknowledges and deletes in one go
    HANG_UP_PERCENT = 1,
    FIRST_WORDS = 5, // before the ids
};

static const struct slice names[STREAMS] = {
    SLICE_INIT("stream:0"),
    SLICE_INIT("stream:1"),
    SLICE_INIT("stream:2"),
};

static const struct lane lanes[LANES] = {
    {0, SLICE_INIT("stream:0"), SLICE_INIT("workers"), ACK_KEEPS},
    {1, SLICE_INIT("stream:0"), SLICE_INIT("auditors"), ACK_KEEPS},
    {STREAM_GROUPS_MAX, SLICE_INIT("stream:1"), SLICE_INIT("workers"), ACK_THEN_DELETE},
    {2 * STREAM_GROUPS_MAX, SLICE_INIT("stream:2"), SLICE_INIT("workers"), ACK_AND_DELETE},
};

const struct lane *lane_at(unsigned lane) {
    return &lanes[lane];
}

struct slice stream_name(unsigned stream) {
    return names[stream];
}

bool streams_prepare(struct client *client) {
    if (!client_connect(client)) return false;
    for (unsigned i = 0; i < LANES; i++) {
        struct event event = {.deed = DEED_GROUP, .place = lanes[i].place};
        struct slice args[] = {SLICE("XGROUP"), SLICE("CREATE"), lanes[i].stream,
                               lanes[i].group,  SLICE("0"),      SLICE("MKSTREAM")};
        redisReply *reply = client_ask(client, &event, args, 6);
        if (reply == NULL) {
            verdict_accuse(&client->verdict, FAULT_REFUSED, i, "a group cannot be made");
            return false;
        }
        client_note(client, &event);
        freeReplyObject(reply);
    }
    return true;
}

// ---- entries

bool streams_entry(struct client *client, const redisReply *entry, uint64_t *job, int64_t *id) {
    bool has_parts = entry->type == REDIS_REPLY_ARRAY && entry->elements >= 2;
    if (!has_parts) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, 0, "an entry without parts");
        return false;
    }
    if (!client_entry_id(client, entry->element[0], id)) return false;
    const redisReply *fields = entry->element[1];
    if (fields->type != REDIS_REPLY_ARRAY || fields->elements != 2) {
        verdict_accuse(&client->verdict, FAULT_LOST, (uint64_t)*id, "an entry without its fields");
        return false;
    }
    return client_job(client, slice_of_reply(fields->element[1]), job);
}

// With CLAIM the count of deliveries before this one is told: 0 is a new entry.
static bool was_delivered(const redisReply *entry) {
    return entry->elements >= 4 && entry->element[3]->integer > 0;
}

size_t streams_read_entries(struct client *client, struct event event, const struct lane *lane,
                            const redisReply *reply, struct entry_task *tasks, size_t len) {
    const uint8_t deed = event.deed;
    event.place = lane->place;
    int64_t last = 0;
    for (size_t i = 0; i < reply->elements && len < TASKS_MAX; i++) {
        struct entry_task task = {.lane = lane};
        if (!streams_entry(client, reply->element[i], &task.job, &task.id)) continue;
        event.job = task.job;
        event.result = task.id;
        event.deed = was_delivered(reply->element[i]) ? DEED_RECLAIM : deed;
        client_note(client, &event);
        tasks[len++] = task;
        if (event.deed != DEED_TAKE) continue;
        if (task.id <= last) {
            verdict_accuse(&client->verdict, FAULT_DISORDERED, task.job, "new ids do not ascend");
        }
        last = task.id;
    }
    return len;
}

// ---- acknowledging

// A request about several entries of one lane: its events, and its words.
static void begin(struct client *client, const struct entry_task *tasks, size_t count,
                  uint8_t deed) {
    const struct lane *lane = tasks->lane;
    struct slice args[FIRST_WORDS + TAKE_MAX];
    char texts[TAKE_MAX][ENTRY_TEXT_MAX];
    char number[NUM_I64_TEXT_MAX];
    size_t words = 0;
    must(count > 0 && count <= TAKE_MAX);
    args[words++] = deed == DEED_ACK      ? SLICE("XACK")
                    : deed == DEED_DELETE ? SLICE("XDEL")
                                          : SLICE("XACKDEL");
    args[words++] = lane->stream;
    if (deed != DEED_DELETE) args[words++] = lane->group;
    if (deed == DEED_ACK_DELETE) {
        args[words++] = SLICE("IDS");
        args[words++] = slice_of(number, num_format_u64(number, count));
    }
    for (size_t i = 0; i < count; i++) {
        struct event event = {.deed = deed, .place = lane->place, .job = tasks[i].job};
        args[words++] = entry_id_text(tasks[i].id, texts[i]);
        client_begin(client, &event, i + 1 < count);
    }
    client_send(client, args, words);
}

// One number for all: all were there, none was, or some.
static int64_t share_of(int64_t number, size_t count) {
    if (number == 0) return 0;
    return number == (int64_t)count ? 1 : RESULT_EITHER;
}

// Notes the events with what is said of each entry.
static bool receive(struct client *client) {
    struct event events[CLIENT_PIPELINE_MAX];
    size_t count = 0;
    redisReply *reply = client_receive_all(client, events, &count);
    if (reply == NULL) return false;
    bool has_each = reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
    bool is_number = reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 &&
                     reply->integer <= (int64_t)count;
    if (!has_each && !is_number) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, events[0].job, "no such number of entries");
    }
    for (size_t i = 0; i < count; i++) {
        events[i].result = has_each ? reply->element[i]->integer : share_of(reply->integer, count);
        client_note(client, &events[i]);
    }
    freeReplyObject(reply);
    return true;
}

bool streams_acknowledge(struct client *client, const struct entry_task *tasks, size_t count) {
    enum acknowledgement how = tasks->lane->how;
    begin(client, tasks, count, how == ACK_AND_DELETE ? DEED_ACK_DELETE : DEED_ACK);
    if (rng_below(&client->rng, 100) < HANG_UP_PERCENT) {
        client_break(client);
        return false;
    }
    if (how != ACK_THEN_DELETE) return receive(client);
    bool is_pipelined = rng_below(&client->rng, 100) < PIPELINE_PERCENT;
    if (is_pipelined) begin(client, tasks, count, DEED_DELETE);
    if (!receive(client)) return false;
    if (!is_pipelined) begin(client, tasks, count, DEED_DELETE);
    return receive(client);
}
