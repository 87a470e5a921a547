// Blocked commands: a client keeps its arguments and is tried again when something comes to a list
// it waits for. Who waits longest is tried first.
#include <math.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

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

void model_wait_begin(struct model_call *call, size_t first_key, size_t key_count,
                      int64_t deadline_ms, enum model_nothing nothing) {
    call->verdict = MODEL_WAITS;
    if (call->is_retry) return; // with its place and its deadline
    struct model_client *client = call->client;
    for (size_t i = 0; i < call->argc; i++) {
        model_texts_insert(&client->argv, i, model_text_new(call->argv[i]));
    }
    client->first_key = first_key;
    client->key_count = key_count;
    client->wait_db = call->db;
    client->deadline_ms = deadline_ms;
    client->arrival = call->model->arrivals++;
    client->nothing = nothing;
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

void model_time(struct model *model, int64_t now_ms) {
    for (size_t i = 0; i < model->client_count; i++) {
        struct model_client *client = model->clients[i];
        const bool has_deadline = client->argv.count > 0 && client->deadline_ms != 0;
        if (has_deadline && client->deadline_ms <= now_ms) answer_nothing(model, client, false);
    }
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

void model_wait_signal(struct model *model, unsigned db, struct slice name) {
    if (next_waiter(model, 0, db, name) == NULL) return;
    for (size_t i = 0; i < model->ready_count; i++) {
        const struct model_ready *ready = &model->ready[i];
        if (ready->db == db && slice_equal(model_text_slice(ready->name), name)) return;
    }
    model->ready = mem_realloc(model->ready, (model->ready_count + 1) * sizeof(struct model_ready));
    model->ready[model->ready_count++] =
        (struct model_ready){.db = db, .name = model_text_new(name)};
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
            model_wait_signal(model, next->wait_db,
                              model_text_slice(next->argv.items[next->first_key + i]));
        }
        arrival = next->arrival + 1;
    }
}

static void try_again(struct model *model, struct model_client *client, int64_t now_ms) {
    struct model_texts argv;
    model_texts_dup(&argv, &client->argv);
    struct slice *slices = mem_alloc_array(argv.count, sizeof *slices);
    for (size_t i = 0; i < argv.count; i++) {
        slices[i] = model_text_slice(argv.items[i]);
    }
    struct buf reply = {0};
    struct model_call call = {
        .model = model,
        .client = client,
        .argv = slices,
        .argc = argv.count,
        .now_ms = now_ms,
        .db = client->wait_db,
        .is_retry = true,
        .reply = {.out = &reply, .version = client->resp},
        .verdict = MODEL_EXACT,
    };
    if (model_run(&call) != MODEL_WAITS) {
        must(call.verdict == MODEL_EXACT);
        hush(client, &reply);
        *wake(model, client) = reply;
    }
    mem_free(slices);
    model_texts_clear(&argv);
}

static void serve_key(struct model *model, unsigned db, struct slice name, int64_t now_ms) {
    uint64_t arrival = 0;
    for (;;) {
        const struct model_key *key = model_key_find(model, db, name, now_ms);
        if (key == NULL || key->type != MODEL_LIST) return;
        struct model_client *client = next_waiter(model, arrival, db, name);
        if (client == NULL) return;
        arrival = client->arrival + 1;
        try_again(model, client, now_ms);
    }
}

void model_wait_serve(struct model *model, int64_t now_ms) {
    while (model->ready_count > 0) {
        const struct model_ready ready = model->ready[0];
        model->ready_count--;
        for (size_t i = 0; i < model->ready_count; i++) {
            model->ready[i] = model->ready[i + 1];
        }
        serve_key(model, ready.db, model_text_slice(ready.name), now_ms);
        model_text_unref(ready.name);
    }
}
