// Workers and sweepers: the two who may disagree about who has a job.
//
// A worker takes a job, writes a claim with the time, works, removes the job and the claim; or it
// dies at any point of that. A sweeper gives out again what was claimed long ago. Both orders of a
// crash are allowed to run a job twice, none to lose it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/soak/job.h"
#include "tests/soak/roles.h"

enum {
    BLOCKING_PERCENT = 70,
    HANG_UP_PERCENT = 1, // asks for a job and is gone
    DIE_BEFORE_CLAIM_PERCENT = 2,
    DIE_AT_WORK_PERCENT = 4,
    HANG_UP_AT_ACK_PERCENT = 1,
    PIPELINE_PERCENT = 40, // acknowledges and takes the claim away in one go
    WORK_MS_MAX = 2,
    EMPTY_PAUSE_MS = 5,
    SWEEP_PAUSE_MS = 100,
    NUMBER_BYTES = 24,
};

static bool happens(struct client *client, unsigned percent) {
    return rng_below(&client->rng, 100) < percent;
}

struct task { // a job in somebody's hands
    unsigned place;
    uint64_t job;
    struct slice payload;
};

static struct event event_of(const struct task *task, uint8_t deed) {
    return (struct event){.deed = deed, .place = (uint8_t)task->place, .job = task->job};
}

static bool claim(struct client *client, const struct task *task, struct slice command) {
    char now[NUMBER_BYTES];
    snprintf(now, sizeof now, "%" PRIu64, now_ms());
    struct slice args[] = {command, place_at(task->place)->claims, job_name(task->payload),
                           slice_str(now)};
    return client_ask_number(client, event_of(task, DEED_CLAIM), args, 4);
}

static void begin_remove(struct client *client, const struct task *task) {
    struct event event = event_of(task, DEED_REMOVE);
    client_begin(client, &event, false);
    client_send(client,
                (struct slice[]){SLICE("LREM"), place_at(task->place)->processing, SLICE("1"),
                                 task->payload},
                4);
}

static void begin_unclaim(struct client *client, const struct task *task) {
    struct event event = event_of(task, DEED_UNCLAIM);
    client_begin(client, &event, false);
    client_send(
        client,
        (struct slice[]){SLICE("HDEL"), place_at(task->place)->claims, job_name(task->payload)}, 3);
}

static bool receive_number(struct client *client) {
    struct event event;
    redisReply *reply = client_receive(client, &event);
    if (reply == NULL) return false;
    client_note(client, &event);
    freeReplyObject(reply);
    return true;
}

static void acknowledge(struct client *client, const struct task *task) {
    begin_remove(client, task);
    if (happens(client, HANG_UP_AT_ACK_PERCENT)) {
        client_break(client);
    } else if (happens(client, PIPELINE_PERCENT)) {
        begin_unclaim(client, task);
        if (receive_number(client)) receive_number(client);
    } else if (receive_number(client)) {
        begin_unclaim(client, task);
        receive_number(client);
    }
}

static void do_task(struct client *client, const struct task *task) {
    if (happens(client, DIE_BEFORE_CLAIM_PERCENT)) return;
    if (!claim(client, task, SLICE("HSET"))) return;
    if (happens(client, DIE_AT_WORK_PERCENT)) return;
    pause_ms(rng_below(&client->rng, WORK_MS_MAX + 1));
    acknowledge(client, task);
}

// ---- workers

static redisReply *take(struct client *client, struct event *event, bool blocks) {
    const struct place *place = place_at(event->place);
    struct slice args[] = {blocks ? SLICE("BLMOVE") : SLICE("LMOVE"),
                           place->list,
                           place->processing,
                           place->leave,
                           SLICE("LEFT"),
                           SLICE("0.1")};
    size_t count = blocks ? 6 : 5;
    if (!happens(client, HANG_UP_PERCENT)) return client_ask(client, event, args, count);
    client_begin(client, event, false);
    client_send(client, args, count);
    client_break(client);
    return NULL;
}

void work(struct client *client) {
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        struct event event = {.deed = DEED_MOVE};
        event.place = (uint8_t)rng_below(&client->rng, MOVE_LISTS);
        bool blocks = happens(client, BLOCKING_PERCENT);
        redisReply *reply = take(client, &event, blocks);
        if (reply == NULL) continue;
        event.result = 0;
        struct task task = {.place = event.place};
        if (reply->type == REDIS_REPLY_STRING) {
            task.payload = slice_of_reply(reply);
            if (client_job(client, task.payload, &task.job)) {
                event.job = task.job;
                client_note(client, &event);
                do_task(client, &task);
            }
        } else if (reply->type != REDIS_REPLY_NIL) {
            verdict_accuse(&client->verdict, FAULT_REFUSED, 0, "no job came, and no nil");
        } else if (!blocks) {
            pause_ms(EMPTY_PAUSE_MS);
        }
        freeReplyObject(reply);
    }
}

// ---- sweepers

// First given out again, then taken away: a crash in between runs it twice, never loses it.
static void give_out_again(struct client *client, const struct task *task) {
    const struct place *place = place_at(task->place);
    struct slice args[] = {place->push, place->list, task->payload};
    if (!client_ask_number(client, event_of(task, DEED_RETURN), args, 3)) return;
    begin_remove(client, task);
    if (!receive_number(client)) return;
    begin_unclaim(client, task);
    receive_number(client);
}

static void inspect(struct client *client, const struct task *task) {
    struct slice args[] = {SLICE("HGET"), place_at(task->place)->claims, job_name(task->payload)};
    redisReply *reply = client_look(client, args, 3);
    if (reply == NULL) return;
    if (reply->type == REDIS_REPLY_NIL) {
        claim(client, task, SLICE("HSETNX")); // died before its claim: its clock starts now
    } else if (now_ms() - strtoull(reply->str, NULL, 10) > VISIBILITY_MS) {
        give_out_again(client, task);
    }
    freeReplyObject(reply);
}

void sweep(struct client *client) {
    for (unsigned place = 0; client_connect(client); place = (place + 1) % MOVE_LISTS) {
        if (atomic_load(&client->run->is_over)) break;
        // The oldest stand at the right.
        struct slice args[] = {SLICE("LRANGE"), place_at(place)->processing, SLICE("-50"),
                               SLICE("-1")};
        struct event seen = {.deed = DEED_SEEN, .place = (uint8_t)place};
        redisReply *reply = client_ask(client, &seen, args, 4);
        if (reply == NULL) continue;
        seen.result = 0;
        for (size_t i = reply->elements; i-- > 0;) {
            struct task task = {.place = place, .payload = slice_of_reply(reply->element[i])};
            if (!client_job(client, task.payload, &task.job)) continue;
            seen.job = task.job;
            client_note(client, &seen);
            if (client->redis != NULL) inspect(client, &task);
        }
        freeReplyObject(reply);
        pause_ms(rng_below(&client->rng, SWEEP_PAUSE_MS));
    }
}
