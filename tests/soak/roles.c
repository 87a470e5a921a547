#include "tests/soak/roles.h"

#include <stdlib.h>

#include "proto/base/mem.h"
#include "tests/soak/job.h"

enum {
    BURST_MAX = 16, // pushes in one pipeline
    SHARED_MAX = 4, // jobs in one push
    MANY_JOBS_BYTES = SHARED_MAX * JOB_BYTES_MAX,
    PIPELINE_PERCENT = 30,
    SHARED_PERCENT = 20,
    BACKLOG_PAUSE_MS = 5,
    POP_BREAK_PERCENT = 1,
    READ_PERCENT = 40,
    COUNT_PAUSE_MS = 2,
};

static const struct place places[LISTS] = {
    {SLICE_INIT("queue:0"), SLICE_INIT("processing:0"), SLICE_INIT("claims:0"), SLICE_INIT("LPUSH"),
     SLICE_INIT("RIGHT"), SLICE_INIT("RPOP")},
    {SLICE_INIT("queue:1"), SLICE_INIT("processing:1"), SLICE_INIT("claims:1"), SLICE_INIT("RPUSH"),
     SLICE_INIT("LEFT"), SLICE_INIT("LPOP")},
    {SLICE_INIT("queue:2"), SLICE_INIT("processing:2"), SLICE_INIT("claims:2"), SLICE_INIT("LPUSH"),
     SLICE_INIT("RIGHT"), SLICE_INIT("RPOP")},
    {SLICE_INIT("direct"), SLICE_INIT("none"), SLICE_INIT("none"), SLICE_INIT("RPUSH"),
     SLICE_INIT("LEFT"), SLICE_INIT("LPOP")},
};

const struct place *place_at(unsigned place) {
    return &places[place];
}

size_t counter_words(unsigned counter, bool adds, struct slice *args) {
    static const char names[COUNTERS][8] = {"count:0", "count:1", "count:2", "f0", "f1", "f2"};
    struct slice name = slice_str(names[counter]);
    if (counter < COUNTERS / 2) {
        args[0] = adds ? SLICE("INCR") : SLICE("GET");
        args[1] = name;
        return 2;
    }
    args[0] = adds ? SLICE("HINCRBY") : SLICE("HGET");
    args[1] = SLICE("counts");
    args[2] = name;
    args[3] = SLICE("1");
    return adds ? 4 : 3;
}

role_life *role_of(unsigned number, unsigned clients) {
    static role_life *const first[] = {sweep, count, pop, produce, add, consume, reclaim, work};
    static role_life *const others[] = {work, consume, produce, work, consume, add,
                                        work, consume, count,   work, consume, pop};
    enum { FIRST = sizeof first / sizeof first[0], OTHERS = sizeof others / sizeof others[0] };
    if (number < FIRST) return first[number];
    if (number == clients - 1 && clients > OTHERS) return sweep;
    return others[(number - FIRST) % OTHERS];
}

// ---- producers

uint64_t new_job(const struct client *client, uint32_t *sequence) {
    return client->run->epoch << 48 | (uint64_t)client->number << 32 | ++*sequence;
}

// A long list is left alone for a moment. The reply to a push is its length.
static void heed_backlog(const struct client *client, const redisReply *reply) {
    (void)client;
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer > BACKLOG_MAX) {
        pause_ms(BACKLOG_PAUSE_MS);
    }
}

static bool receive_push(struct client *client) {
    struct event event;
    redisReply *reply = client_receive(client, &event);
    if (reply == NULL) return false;
    client_note(client, &event);
    heed_backlog(client, reply);
    freeReplyObject(reply);
    return true;
}

static void push_burst(struct client *client, unsigned place, uint32_t *sequence, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct event event = {.deed = DEED_PUSH, .place = (uint8_t)place};
        event.job = new_job(client, sequence);
        struct slice payload = job_payload(event.job, client->payload);
        client_begin(client, &event, false);
        client_send(client, (struct slice[]){place_at(place)->push, place_at(place)->list, payload},
                    3);
    }
    while (client->len > 0 && (receive_push(client) || client->redis != NULL)) {
    }
}

// Several jobs in one request: all or none.
static void push_shared(struct client *client, unsigned place, uint32_t *sequence, char *bytes) {
    struct slice args[2 + SHARED_MAX] = {place_at(place)->push, place_at(place)->list};
    size_t count = 2 + (size_t)rng_below(&client->rng, SHARED_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        struct event event = {.deed = DEED_PUSH, .place = (uint8_t)place};
        event.job = new_job(client, sequence);
        args[2 + i] = job_payload(event.job, bytes + i * JOB_BYTES_MAX);
        client_begin(client, &event, i + 1 < count);
    }
    client_send(client, args, 2 + count);
    receive_push(client);
}

void produce(struct client *client) {
    uint32_t sequence = 0;
    char *bytes = mem_alloc(MANY_JOBS_BYTES);
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        unsigned place = (unsigned)rng_below(&client->rng, LISTS);
        uint64_t percent = rng_below(&client->rng, 100);
        if (percent < PIPELINE_PERCENT) {
            push_burst(client, place, &sequence, 1 + (size_t)rng_below(&client->rng, BURST_MAX));
        } else if (percent < PIPELINE_PERCENT + SHARED_PERCENT) {
            push_shared(client, place, &sequence, bytes);
        } else {
            push_burst(client, place, &sequence, 1);
        }
    }
    mem_free(bytes);
}

// ---- those who pop for good

static void note_popped(struct client *client, struct event event, const redisReply *reply) {
    if (reply->type == REDIS_REPLY_NIL) return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, 0, "no jobs came, and no nil");
        return;
    }
    const redisReply *jobs = reply->element[1];
    for (size_t i = 0; i < jobs->elements; i++) {
        if (client_job(client, slice_of_reply(jobs->element[i]), &event.job))
            client_note(client, &event);
    }
}

void pop(struct client *client) {
    const struct place *place = place_at(POP_PLACE);
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        char amount[2] = {(char)('1' + rng_below(&client->rng, POP_AMOUNT_MAX)), '\0'};
        struct event event = {
            .deed = DEED_POP, .place = POP_PLACE, .amount = (uint8_t)(amount[0] - '0')};
        bool blocks = rng_below(&client->rng, 2) == 0;
        struct slice words[] = {SLICE("BLMPOP"), SLICE("0.2"),   SLICE("1"),       place->list,
                                place->leave,    SLICE("COUNT"), slice_str(amount)};
        struct slice *args = words;
        if (!blocks) {
            args = words + 1;
            args[0] = SLICE("LMPOP");
        }
        size_t count = blocks ? 7 : 6;
        if (rng_below(&client->rng, 100) < POP_BREAK_PERCENT) {
            client_begin(client, &event, false);
            client_send(client, args, count);
            client_break(client);
            continue;
        }
        redisReply *reply = client_ask(client, &event, args, count);
        if (reply == NULL) continue;
        event.result = 0;
        note_popped(client, event, reply);
        if (reply->type == REDIS_REPLY_NIL && !blocks) pause_ms(BACKLOG_PAUSE_MS);
        freeReplyObject(reply);
    }
}

// ---- those who count

static void read_counter(struct client *client, struct event event, const struct slice *args,
                         size_t count) {
    redisReply *reply = client_ask(client, &event, args, count);
    if (reply == NULL) return;
    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL) {
        // Written by the server, NUL-terminated by hiredis; nothing there yet is 0.
        event.result = reply->type == REDIS_REPLY_NIL ? 0 : strtoll(reply->str, NULL, 10);
        client_note(client, &event);
    } else {
        verdict_accuse(&client->verdict, FAULT_REFUSED, 0, "no counter came");
    }
    freeReplyObject(reply);
}

void count(struct client *client) {
    while (client_connect(client)) {
        if (atomic_load(&client->run->is_over)) break;
        unsigned counter = (unsigned)rng_below(&client->rng, COUNTERS);
        bool reads = rng_below(&client->rng, 100) < READ_PERCENT;
        struct slice args[4];
        size_t args_len = counter_words(counter, !reads, args);
        struct event event = {.deed = reads ? DEED_READ : DEED_COUNT, .place = (uint8_t)counter};
        if (reads) {
            read_counter(client, event, args, args_len);
        } else {
            client_ask_number(client, event, args, args_len);
        }
        pause_ms(rng_below(&client->rng, COUNT_PAUSE_MS + 1));
    }
}
