#include "tests/soak/drain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/mem.h"
#include "tests/soak/job.h"
#include "tests/soak/roles.h"

#define POP_STEP "50"

struct found { // the jobs of a list in the order in which they would leave
    uint64_t *jobs;
    size_t len;
};

static redisReply *look_array(struct client *client, const struct slice *args, size_t count) {
    redisReply *reply = client_look(client, args, count);
    if (reply == NULL || reply->type == REDIS_REPLY_ARRAY) return reply;
    freeReplyObject(reply);
    return NULL;
}

static void note_found(struct client *client, uint8_t deed, unsigned place, uint64_t job,
                       int64_t result) {
    uint64_t ticket = run_ticket(client->run);
    client_note(client, &(struct event){.deed = deed,
                                        .place = (uint8_t)place,
                                        .job = job,
                                        .result = result,
                                        .client = client->number,
                                        .invoked = ticket,
                                        .completed = run_ticket(client->run)});
}

static bool find_jobs(struct client *client, unsigned place, struct slice list, uint8_t deed,
                      struct found *found) {
    redisReply *reply =
        look_array(client, (struct slice[]){SLICE("LRANGE"), list, SLICE("0"), SLICE("-1")}, 4);
    if (reply == NULL) return false;
    bool leaves_right = slice_is(place_at(place)->leave, "RIGHT");
    found->jobs = mem_alloc_array(reply->elements, sizeof *found->jobs);
    found->len = reply->elements;
    for (size_t i = 0; i < reply->elements; i++) {
        size_t at = leaves_right ? reply->elements - 1 - i : i;
        if (client_job(client, slice_of_reply(reply->element[at]), &found->jobs[i]))
            note_found(client, deed, place, found->jobs[i], (int64_t)i);
    }
    freeReplyObject(reply);
    return true;
}

// Takes everything out of the list; it has to be what was found, in that order.
static bool empty_list(struct client *client, unsigned place, struct slice list,
                       const struct found *found) {
    size_t at = 0;
    struct slice args[] = {place_at(place)->pop, list, SLICE(POP_STEP)};
    for (;;) {
        redisReply *reply = client_look(client, args, 3);
        if (reply == NULL) return false;
        for (size_t i = 0; i < reply->elements; i++, at++) {
            uint64_t job = 0;
            bool is_whole = client_job(client, slice_of_reply(reply->element[i]), &job);
            if (at < found->len && is_whole && job == found->jobs[at]) continue;
            verdict_accuse(&client->verdict, FAULT_UNEXPECTED, job, "popped, and was not listed");
        }
        bool is_empty = reply->type == REDIS_REPLY_NIL;
        freeReplyObject(reply);
        if (is_empty) break;
    }
    if (at < found->len) {
        verdict_accuse(&client->verdict, FAULT_LOST, found->jobs[at], "listed, and never popped");
    }
    return true;
}

static bool drain_list(struct client *client, unsigned place, struct slice list, uint8_t deed) {
    struct found found = {0};
    bool is_done =
        find_jobs(client, place, list, deed, &found) && empty_list(client, place, list, &found);
    mem_free(found.jobs);
    return is_done;
}

static bool find_claims(struct client *client, unsigned place) {
    redisReply *reply =
        look_array(client, (struct slice[]){SLICE("HKEYS"), place_at(place)->claims}, 2);
    if (reply == NULL) return false;
    for (size_t i = 0; i < reply->elements; i++) {
        uint64_t job = 0;
        if (job_of_name(slice_of_reply(reply->element[i]), &job)) {
            note_found(client, DEED_FOUND_CLAIM, place, job, 0);
        } else {
            verdict_accuse(&client->verdict, FAULT_UNEXPECTED, 0, "a note that is none of ours");
        }
    }
    freeReplyObject(reply);
    return true;
}

static bool find_counter(struct client *client, unsigned counter) {
    struct slice args[4];
    size_t count = counter_words(counter, false, args);
    redisReply *reply = client_look(client, args, count);
    if (reply == NULL) return false;
    bool is_nothing = reply->type != REDIS_REPLY_STRING;
    note_found(client, DEED_FOUND_COUNT, counter, 0,
               is_nothing ? 0 : strtoll(reply->str, NULL, 10));
    freeReplyObject(reply);
    return true;
}

bool drain(struct client *client) {
    if (!client_connect(client)) return false;
    bool is_done = true;
    for (unsigned i = 0; i < LISTS && is_done; i++)
        is_done = drain_list(client, i, place_at(i)->list, DEED_FOUND);
    for (unsigned i = 0; i < MOVE_LISTS && is_done; i++)
        is_done = drain_list(client, i, place_at(i)->processing, DEED_FOUND_TAKEN) &&
                  find_claims(client, i);
    for (unsigned i = 0; i < COUNTERS && is_done; i++)
        is_done = find_counter(client, i);
    is_done = is_done && drain_streams(client);
    redisReply *reply =
        is_done ? client_look(client, (struct slice[]){SLICE("FLUSHALL")}, 1) : NULL;
    if (reply == NULL) {
        verdict_accuse(&client->verdict, FAULT_LOST, 0, "the server cannot be drained");
        return false;
    }
    freeReplyObject(reply);
    return true;
}
