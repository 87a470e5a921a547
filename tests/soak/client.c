#define _POSIX_C_SOURCE 200809L

#include "tests/soak/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "proto/base/must.h"
#include "tests/soak/job.h"

enum { RETRY_MS = 2, WHY_MAX = 240 };

uint64_t run_ticket(struct run *run) {
    return atomic_fetch_add(&run->ticket, 1);
}

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(uint64_t ms) {
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&left, NULL);
}

void client_init(struct client *client, struct run *run, uint16_t number, uint64_t seed) {
    *client = (struct client){.run = run, .number = number};
    rng_init(&client->rng, seed);
}

static void disconnect(struct client *client) {
    if (client->redis != NULL) redisFree(client->redis);
    client->redis = NULL;
}

void client_deinit(struct client *client) {
    disconnect(client);
    history_deinit(&client->history);
    verdict_deinit(&client->verdict);
}

static redisContext *dial(const struct client *client) {
    struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
    redisContext *redis = client->number % 2 == 0
                              ? redisConnectUnixWithTimeout(client->run->socket, patience)
                              : redisConnectWithTimeout("127.0.0.1", client->run->port, patience);
    if (redis != NULL && redis->err == 0 && redisSetTimeout(redis, patience) == REDIS_OK) {
        return redis;
    }
    if (redis != NULL) redisFree(redis);
    return NULL;
}

// A server that is loading executes nothing: as if it were not there yet.
static bool is_loaded(redisContext *redis) {
    redisReply *reply = redisCommand(redis, "PING");
    bool is_loaded = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return is_loaded;
}

bool client_connect(struct client *client) {
    while (client->redis == NULL) {
        if (atomic_load(&client->run->is_over)) return false;
        client->redis = dial(client);
        if (client->redis != NULL && !is_loaded(client->redis)) disconnect(client);
        if (client->redis == NULL) {
            pause_ms(RETRY_MS);
        } else {
            client->connection = atomic_fetch_add(&client->run->connections, 1) + 1;
        }
    }
    return true;
}

// ---- the history

void client_note(struct client *client, const struct event *event) {
    history_add(&client->history, event);
}

void client_begin(struct client *client, const struct event *event, bool shares) {
    must(client->len < CLIENT_PIPELINE_MAX);
    size_t at = (client->first + client->len++) % CLIENT_PIPELINE_MAX;
    client->under_way[at] = *event;
    client->under_way[at].client = client->number;
    client->under_way[at].connection = client->connection;
    client->under_way[at].invoked = run_ticket(client->run);
    client->shares_reply[at] = shares;
}

static struct event take_event(struct client *client, bool *shares) {
    must(client->len > 0);
    struct event event = client->under_way[client->first];
    *shares = client->shares_reply[client->first];
    client->first = (client->first + 1) % CLIENT_PIPELINE_MAX;
    client->len--;
    return event;
}

// All that is under way has no answer.
static void note_unknown(struct client *client, uint64_t completed) {
    while (client->len > 0) {
        bool shares = false;
        struct event event = take_event(client, &shares);
        event.completed = completed;
        event.outcome = OUTCOME_UNKNOWN;
        event.result = 0;
        client_note(client, &event);
    }
}

// Completes the events of the next reply.
static size_t complete(struct client *client, uint8_t outcome, int64_t result,
                       struct event *events) {
    uint64_t completed = run_ticket(client->run);
    size_t count = 0;
    for (bool shares = true; shares; count++) {
        events[count] = take_event(client, &shares);
        events[count].completed = completed;
        events[count].outcome = outcome;
        events[count].result = result;
    }
    return count;
}

void client_break(struct client *client) {
    int is_sent = 0;
    while (is_sent == 0 && redisBufferWrite(client->redis, &is_sent) == REDIS_OK) {
    }
    note_unknown(client, TICKET_NEVER);
    disconnect(client);
}

// ---- asking

void client_send(struct client *client, const struct slice *args, size_t count) {
    const char *bytes[CLIENT_ARGS_MAX];
    size_t lens[CLIENT_ARGS_MAX];
    must(count <= CLIENT_ARGS_MAX);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = args[i].data;
        lens[i] = args[i].len;
    }
    must(redisAppendCommandArgv(client->redis, (int)count, bytes, lens) == REDIS_OK);
}

// The connection is over. What it carried happened before this moment or never will, unless the
// server just did not answer.
static void give_up(struct client *client) {
    bool has_hung = client->redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
    if (has_hung) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, client->number, "a reply never came");
    }
    if (client->redis->err == REDIS_ERR_PROTOCOL) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, client->number, client->redis->errstr);
    }
    note_unknown(client, has_hung ? TICKET_NEVER : run_ticket(client->run));
    disconnect(client);
}

static redisReply *next_reply(struct client *client) {
    void *reply = NULL;
    errno = 0;
    return redisGetReply(client->redis, &reply) == REDIS_OK ? reply : NULL;
}

// A refusal that is noted as an event is counted by the checker; here are its words.
static void say_error(struct client *client, const redisReply *reply, const char *what) {
    char why[WHY_MAX];
    snprintf(why, sizeof why, "%.*s", (int)(reply->len < 200 ? reply->len : 200), reply->str);
    verdict_say(&client->verdict, what, client->number, why);
}

redisReply *client_receive_all(struct client *client, struct event *events, size_t *count) {
    redisReply *reply = next_reply(client);
    if (reply == NULL) {
        give_up(client);
        return NULL;
    }
    bool is_error = reply->type == REDIS_REPLY_ERROR;
    *count =
        complete(client, is_error ? OUTCOME_REFUSED : OUTCOME_ANSWERED, reply->integer, events);
    if (!is_error) return reply;
    say_error(client, reply, deed_name(events[0].deed));
    for (size_t i = 0; i < *count; i++)
        client_note(client, &events[i]);
    freeReplyObject(reply);
    return NULL;
}

redisReply *client_receive(struct client *client, struct event *event) {
    struct event events[CLIENT_PIPELINE_MAX];
    size_t count = 0;
    redisReply *reply = client_receive_all(client, events, &count);
    if (reply == NULL) return NULL;
    for (size_t i = 0; i + 1 < count; i++)
        client_note(client, &events[i]);
    *event = events[count - 1];
    return reply;
}

redisReply *client_ask(struct client *client, struct event *event, const struct slice *args,
                       size_t count) {
    client_begin(client, event, false);
    client_send(client, args, count);
    return client_receive(client, event);
}

bool client_ask_number(struct client *client, struct event event, const struct slice *args,
                       size_t count) {
    redisReply *reply = client_ask(client, &event, args, count);
    if (reply == NULL) return false;
    bool is_number = reply->type == REDIS_REPLY_INTEGER;
    if (!is_number) {
        verdict_accuse(&client->verdict, FAULT_REFUSED, event.job, "no number came");
    }
    client_note(client, &event);
    freeReplyObject(reply);
    return is_number;
}

redisReply *client_look(struct client *client, const struct slice *args, size_t count) {
    must(client->len == 0);
    client_send(client, args, count);
    redisReply *reply = next_reply(client);
    if (reply == NULL) {
        give_up(client);
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ERROR) return reply;
    say_error(client, reply, "a look");
    client->verdict.faults[FAULT_REFUSED]++;
    freeReplyObject(reply);
    return NULL;
}

// ---- what came

struct slice slice_of_reply(const redisReply *reply) {
    return slice_of(reply->str, (size_t)reply->len);
}

bool client_job(struct client *client, struct slice payload, uint64_t *job) {
    if (job_of(payload, job)) return true;
    char text[64];
    char why[WHY_MAX];
    slice_to_cstr(payload, text, sizeof text);
    snprintf(why, sizeof why, "a damaged payload of %zu bytes: %s", payload.len, text);
    verdict_accuse(&client->verdict, FAULT_UNEXPECTED, 0, why);
    return false;
}

bool client_entry_id(struct client *client, const redisReply *reply, int64_t *id) {
    if (reply->type == REDIS_REPLY_STRING && entry_id(slice_of_reply(reply), id)) return true;
    verdict_accuse(&client->verdict, FAULT_UNEXPECTED, client->number, "an id that is none");
    return false;
}
