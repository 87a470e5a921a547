// Blocked commands: a client keeps its arguments and is tried again when something happens to a key
// it waits for. Who waits longest is tried first.
//
// Whom a command tries: with MORE all who wait for that kind of key; but readers of one group
// compete, and behind one that finds nothing the others of the group are not tried. With LOST those
// who read for a group. What was given back or claimed, those who claim; what was delivered, those
// who claim and have no alarm yet. Trying is seen even where it finds nothing: the consumer was
// here.
#include <math.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/workload/model_stream.h"

// ---- beginning and end

bool model_timeout(struct model_call *call, size_t index, int64_t *deadline_ms) {
    long double seconds;
    if (!num_parse_long_double(call->argv[index], &seconds)) {
        model_fail(call, "ERR timeout is not a float or out of range");
        return false;
    }
    const long double ms = ceill(seconds * 1000);
    if (ms < 0) {
        model_fail(call, "ERR timeout is negative");
        return false;
    }
    if (ms > (long double)(INT64_MAX - call->now_ms)) {
        model_fail(call, "ERR timeout is out of range");
        return false;
    }
    *deadline_ms = ms > 0 ? call->now_ms + (int64_t)ms : 0;
    return true;
}

static void begin(struct model_call *call, const struct model_waiting *waiting,
                  enum model_type type, enum model_nothing nothing) {
    struct model_client *client = call->client;
    call->verdict = MODEL_WAITS;
    client->alarm_ms = waiting->alarm_ms;
    if (call->is_retry) return; // with its place and its deadline
    for (size_t i = 0; i < call->argc; i++) {
        model_texts_insert(&client->argv, i, model_text_new(call->argv[i]));
    }
    client->first_key = waiting->first_key;
    client->key_count = waiting->key_count;
    client->wait_db = call->db;
    client->deadline_ms = waiting->deadline_ms;
    client->arrival = call->model->arrivals++;
    client->nothing = nothing;
    client->wait_type = type;
    client->minds_loss = waiting->minds_loss;
    client->claims = waiting->claims;
    client->group = waiting->group;
}

void model_wait_begin(struct model_call *call, size_t first_key, size_t key_count,
                      int64_t deadline_ms, enum model_nothing nothing) {
    const struct model_waiting waiting = {
        .first_key = first_key, .key_count = key_count, .deadline_ms = deadline_ms};
    begin(call, &waiting, MODEL_LIST, nothing);
}

void model_wait_for_stream(struct model_call *call, const struct model_waiting *waiting) {
    begin(call, waiting, MODEL_STREAM, NOTHING_NULL_ARRAY);
}

void model_wait_end(struct model_client *client) {
    model_texts_clear(&client->argv);
}

static struct buf *wake(struct model *model, struct model_client *client) {
    model->wakes = mem_realloc(model->wakes, (model->wake_count + 1) * sizeof(struct model_wake));
    struct model_wake *entry = &model->wakes[model->wake_count++];
    *entry = (struct model_wake){.client_id = client->id};
    model_wait_end(client);
    return &entry->reply;
}

static void hush(struct model_client *client, struct buf *reply) {
    if (!model_is_heard(client)) buf_reset(reply);
}

// ---- not served

static void answer_nothing(struct model *model, struct model_client *client, bool with_error) {
    const enum model_nothing nothing = client->nothing;
    struct buf *out = wake(model, client);
    struct reply reply = {.out = out, .version = client->resp};
    if (with_error) {
        reply_error(&reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    } else if (nothing == NOTHING_ZERO) {
        reply_int(&reply, 0);
    } else if (nothing == NOTHING_LOCAL_ONLY) {
        reply_array(&reply, 2);
        reply_int(&reply, 1);
        reply_int(&reply, 0);
    } else {
        reply_null_array(&reply);
    }
    hush(client, out);
}

bool model_wait_unblock(struct model *model, uint64_t client_id, bool with_error) {
    for (size_t i = 0; i < model->client_count; i++) {
        struct model_client *client = model->clients[i];
        if (client->id != client_id || client->argv.count == 0) continue;
        answer_nothing(model, client, with_error);
        return true;
    }
    return false;
}

// ---- ready keys

static bool waits_for(const struct model_client *client, unsigned db, struct slice name) {
    if (client->argv.count == 0 || client->wait_db != db) return false;
    for (size_t i = 0; i < client->key_count; i++) {
        if (slice_equal(model_text_slice(client->argv.items[client->first_key + i]), name))
            return true;
    }
    return false;
}

// The client that came first of those that came at `arrival` or later. NULL: none.
static struct model_client *next_waiter(const struct model *model, uint64_t arrival, unsigned db,
                                        struct slice name) {
    struct model_client *found = NULL;
    for (size_t i = 0; i < model->client_count; i++) {
        struct model_client *client = model->clients[i];
        if (client->arrival < arrival || !waits_for(client, db, name)) continue;
        if (found == NULL || client->arrival < found->arrival) found = client;
    }
    return found;
}

// Whether the news is any to somebody who waits for the key.
static bool is_awaited(const struct model *model, unsigned db, struct slice name, unsigned news) {
    for (size_t i = 0; i < model->client_count; i++) {
        const struct model_client *client = model->clients[i];
        if (!waits_for(client, db, name)) continue;
        if (news == MODEL_MORE || (news == MODEL_LOST && client->minds_loss)) return true;
        if (news != MODEL_LOST && client->claims) return true;
    }
    return false;
}

void model_wait_news(struct model *model, unsigned db, struct slice name, unsigned news) {
    if (!is_awaited(model, db, name, news)) return;
    for (size_t i = 0; i < model->ready_count; i++) {
        struct model_ready *ready = &model->ready[i];
        if (ready->db != db || !slice_equal(model_text_slice(ready->name), name)) continue;
        ready->news |= news;
        return;
    }
    model->ready = mem_realloc(model->ready, (model->ready_count + 1) * sizeof(struct model_ready));
    model->ready[model->ready_count++] =
        (struct model_ready){.db = db, .news = news, .name = model_text_new(name)};
}

void model_wait_signal(struct model *model, unsigned db, struct slice name) {
    model_wait_news(model, db, name, MODEL_MORE);
}

// Two databases have changed places: every key that somebody waits for there, in the order in which
// their waiters came.
void model_wait_signal_all(struct model *model, unsigned one, unsigned other) {
    uint64_t arrival = 0;
    for (;;) {
        const struct model_client *next = NULL;
        for (size_t i = 0; i < model->client_count; i++) {
            const struct model_client *client = model->clients[i];
            if (client->argv.count == 0 || client->arrival < arrival) continue;
            if (client->wait_db != one && client->wait_db != other) continue;
            if (next == NULL || client->arrival < next->arrival) next = client;
        }
        if (next == NULL) return;
        for (size_t i = 0; i < next->key_count; i++) {
            const struct slice name = model_text_slice(next->argv.items[next->first_key + i]);
            model_wait_signal(model, next->wait_db, name);
            model_wait_news(model, next->wait_db, name, MODEL_LOST);
        }
        arrival = next->arrival + 1;
    }
}

// All keys of a database are to go: those who mind are told in the order in which they came.
void model_wait_flushed(struct model *model, unsigned db) {
    uint64_t arrival = 0;
    for (;;) {
        const struct model_client *next = NULL;
        for (size_t i = 0; i < model->client_count; i++) {
            const struct model_client *client = model->clients[i];
            if (client->argv.count == 0 || client->arrival < arrival || client->wait_db != db)
                continue;
            if (next == NULL || client->arrival < next->arrival) next = client;
        }
        if (next == NULL) return;
        for (size_t i = 0; i < next->key_count; i++) {
            model_wait_news(model, db, model_text_slice(next->argv.items[next->first_key + i]),
                            MODEL_LOST);
        }
        arrival = next->arrival + 1;
    }
}

// ---- trying

struct attempt {
    struct model_call call;
    struct slice *argv;
    struct model_texts texts;
    struct buf reply;
};

static void attempt_init(struct attempt *attempt, struct model *model, struct model_client *client,
                         int64_t now_ms) {
    *attempt = (struct attempt){.reply = {0}};
    model_texts_dup(&attempt->texts, &client->argv);
    attempt->argv = mem_alloc_array(attempt->texts.count, sizeof *attempt->argv);
    for (size_t i = 0; i < attempt->texts.count; i++) {
        attempt->argv[i] = model_text_slice(attempt->texts.items[i]);
    }
    attempt->call = (struct model_call){
        .model = model,
        .client = client,
        .argv = attempt->argv,
        .argc = attempt->texts.count,
        .now_ms = now_ms,
        .db = client->wait_db,
        .is_retry = true,
        .reply = {.out = &attempt->reply, .version = client->resp},
        .verdict = MODEL_EXACT,
    };
}

static void attempt_deinit(struct attempt *attempt) {
    mem_free(attempt->argv);
    model_texts_clear(&attempt->texts);
    buf_deinit(&attempt->reply);
}

// False: it waits on.
static bool try_again(struct model *model, struct model_client *client, int64_t now_ms) {
    struct attempt attempt;
    attempt_init(&attempt, model, client, now_ms);
    const bool is_served = model_run(&attempt.call) != MODEL_WAITS;
    if (is_served) {
        must(attempt.call.verdict == MODEL_EXACT);
        hush(client, &attempt.reply);
        buf_append_slice(wake(model, client), buf_slice(&attempt.reply));
    }
    attempt_deinit(&attempt);
    return is_served;
}

static struct slice cohort_of(const struct model_client *client) {
    return client->group == 0 ? SLICE_EMPTY : model_text_slice(client->argv.items[client->group]);
}

static bool is_news_to(const struct model_client *client, const struct model_key *key,
                       unsigned news, const struct model_texts *spent) {
    if (client->minds_loss && (news & MODEL_LOST) != 0) return true;
    if (key == NULL || key->type != client->wait_type) return false;
    if (client->claims && (news & (MODEL_GIVEN_BACK | MODEL_CLAIMED)) != 0) return true;
    if (client->claims && client->alarm_ms == 0 && (news & MODEL_DELIVERED) != 0) return true;
    if ((news & MODEL_MORE) == 0) return false;
    for (size_t i = 0; i < spent->count; i++) {
        if (slice_equal(model_text_slice(spent->items[i]), cohort_of(client))) return false;
    }
    return true;
}

static void serve_key(struct model *model, const struct model_ready *ready, int64_t now_ms) {
    const struct slice name = model_text_slice(ready->name);
    struct model_texts spent = {0};
    uint64_t arrival = 0;
    struct model_client *client;
    while ((client = next_waiter(model, arrival, ready->db, name)) != NULL) {
        const struct model_key *key = model_key_find(model, ready->db, name, now_ms);
        arrival = client->arrival + 1;
        if (!is_news_to(client, key, ready->news, &spent)) continue;
        if (try_again(model, client, now_ms) || cohort_of(client).len == 0) continue;
        model_texts_insert(&spent, 0, model_text_new(cohort_of(client)));
    }
    model_texts_clear(&spent);
}

static bool serve_ready(struct model *model, int64_t now_ms) {
    if (model->ready_count == 0) return false;
    const struct model_ready ready = model->ready[0];
    model->ready_count--;
    for (size_t i = 0; i < model->ready_count; i++) {
        model->ready[i] = model->ready[i + 1];
    }
    serve_key(model, &ready, now_ms);
    model_text_unref(ready.name);
    return true;
}

// Promise 7, whatever was said above about who is tried: nobody waits for what is there.
static bool serve_forgotten(struct model *model, int64_t now_ms) {
    for (size_t i = 0; i < model->client_count; i++) {
        struct model_client *client = model->clients[i];
        if (client->argv.count == 0 || client->wait_type != MODEL_STREAM) continue;
        struct attempt attempt;
        attempt_init(&attempt, model, client, now_ms);
        const bool could_be = model_stream_could_serve(&attempt.call);
        attempt_deinit(&attempt);
        if (could_be && try_again(model, client, now_ms)) return true;
    }
    return false;
}

void model_wait_serve(struct model *model, int64_t now_ms) {
    while (serve_ready(model, now_ms) || serve_forgotten(model, now_ms)) {
    }
}

// ---- time

static int64_t due_ms(const struct model_client *client) {
    if (client->argv.count == 0) return 0;
    if (client->alarm_ms == 0) return client->deadline_ms;
    if (client->deadline_ms == 0 || client->alarm_ms < client->deadline_ms) return client->alarm_ms;
    return client->deadline_ms;
}

static struct model_client *next_due(const struct model *model, int64_t now_ms) {
    struct model_client *next = NULL;
    for (size_t i = 0; i < model->client_count; i++) {
        struct model_client *client = model->clients[i];
        const int64_t at_ms = due_ms(client);
        if (at_ms == 0 || at_ms > now_ms) continue;
        const bool is_sooner = next == NULL || at_ms < due_ms(next) ||
                               (at_ms == due_ms(next) && client->arrival < next->arrival);
        if (is_sooner) next = client;
    }
    return next;
}

// What can be claimed in the last moment is still given.
void model_time(struct model *model, int64_t now_ms) {
    struct model_client *client;
    while ((client = next_due(model, now_ms)) != NULL) {
        if (client->alarm_ms != 0 && client->alarm_ms <= now_ms) {
            (void)try_again(model, client, now_ms);
        } else {
            answer_nothing(model, client, false);
        }
    }
    model_wait_serve(model, now_ms);
}

static bool waits_for_expired(const struct model *model, const struct model_client *client,
                              int64_t now_ms) {
    const struct model_db *db = &model->dbs[client->wait_db];
    for (size_t i = 0; i < db->count; i++) {
        if (waits_for(client, client->wait_db, model_text_slice(db->keys[i].name)) &&
            !model_key_is_alive(&db->keys[i], now_ms))
            return true;
    }
    return false;
}

bool model_lost(struct model *model, uint64_t client_id, int64_t now_ms, struct buf *expected) {
    for (size_t i = 0; i < model->client_count; i++) {
        struct model_client *client = model->clients[i];
        if (client->id != client_id || client->argv.count == 0 || !client->minds_loss) continue;
        if (!waits_for_expired(model, client, now_ms)) return false;
        must(try_again(model, client, now_ms));
        struct model_wake *last = &model->wakes[--model->wake_count];
        buf_reset(expected);
        buf_append_slice(expected, buf_slice(&last->reply));
        buf_deinit(&last->reply);
        return true;
    }
    return false;
}
