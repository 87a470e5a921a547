#include "tests/sim/workload/model.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/model_stream.h"

enum { STRING_BYTES_USUAL = 32 << 20 };

// ---- life

struct model *model_new(const struct model_options *options) {
    struct model *model = mem_zalloc(sizeof *model);
    model->options = *options;
    if (model->options.string_bytes_max == 0) {
        model->options.string_bytes_max = STRING_BYTES_USUAL;
    }
    must(options->databases > 0);
    model->dbs = mem_alloc_array(options->databases, sizeof *model->dbs);
    return model;
}

static void client_free(struct model_client *client) {
    model_wait_end(client);
    model_text_unref(client->name);
    mem_free(client);
}

static void forget_wakes(struct model *model) {
    for (size_t i = 0; i < model->wake_count; i++) {
        buf_deinit(&model->wakes[i].reply);
    }
    mem_free(model->wakes);
    model->wakes = NULL;
    model->wake_count = 0;
    model->wakes_read = 0;
}

void model_restart(struct model *model) {
    for (size_t i = 0; i < model->client_count; i++) {
        client_free(model->clients[i]);
    }
    mem_free(model->clients);
    model->clients = NULL;
    model->client_count = 0;
    forget_wakes(model);
    for (unsigned db = 0; db < model->options.databases; db++) {
        for (size_t i = 0; i < model->dbs[db].count; i++) {
            struct model_stream *stream = model->dbs[db].keys[i].stream;
            if (stream != NULL) model_stream_restart(stream);
        }
    }
}

void model_free(struct model *model) {
    if (model == NULL) return;
    model_restart(model);
    must(model->ready_count == 0);
    for (unsigned db = 0; db < model->options.databases; db++) {
        model_db_clear(&model->dbs[db]);
    }
    mem_free(model->dbs);
    mem_free(model->ready);
    mem_free(model);
}

static void db_dup(struct model_db *to, const struct model_db *from) {
    *to = (struct model_db){.count = from->count, .cap = from->count};
    if (from->count == 0) return;
    to->keys = mem_dup(from->keys, from->count * sizeof(struct model_key));
    for (size_t i = 0; i < from->count; i++) {
        model_text_ref(to->keys[i].name);
        model_texts_dup(&to->keys[i].items, &from->keys[i].items);
        if (from->keys[i].stream != NULL)
            to->keys[i].stream = model_stream_dup(from->keys[i].stream);
    }
}

static struct model_client *client_dup(const struct model_client *from) {
    struct model_client *client = mem_dup(from, sizeof *from);
    model_text_ref(client->name);
    model_texts_dup(&client->argv, &from->argv);
    return client;
}

struct model *model_dup(const struct model *from) {
    must(from->ready_count == 0 && from->wakes_read == from->wake_count);
    struct model *model = model_new(&from->options);
    for (unsigned db = 0; db < from->options.databases; db++) {
        db_dup(&model->dbs[db], &from->dbs[db]);
    }
    model->arrivals = from->arrivals;
    model->client_count = from->client_count;
    model->clients = mem_alloc_array(from->client_count, sizeof(struct model_client *));
    for (size_t i = 0; i < from->client_count; i++) {
        model->clients[i] = client_dup(from->clients[i]);
    }
    return model;
}

size_t model_count(const struct model *model, int64_t now_ms) {
    size_t count = 0;
    for (unsigned db = 0; db < model->options.databases; db++) {
        for (size_t i = 0; i < model->dbs[db].count; i++) {
            const struct model_key *key = &model->dbs[db].keys[i];
            if (!model_key_is_alive(key, now_ms)) continue;
            count += key->stream == NULL ? key->items.count : model_stream_size(key->stream);
        }
    }
    return count;
}

// ---- clients

static size_t client_index(const struct model *model, uint64_t id) {
    size_t i = 0;
    while (i < model->client_count && model->clients[i]->id != id) {
        i++;
    }
    return i;
}

struct model_client *model_client_of(struct model *model, uint64_t id) {
    const size_t i = client_index(model, id);
    if (i < model->client_count) return model->clients[i];
    model->clients =
        mem_realloc(model->clients, (model->client_count + 1) * sizeof(struct model_client *));
    struct model_client *client = mem_zalloc(sizeof *client);
    client->id = id;
    client->resp = RESP2;
    model->clients[model->client_count++] = client;
    return client;
}

void model_disconnect(struct model *model, uint64_t client_id) {
    const size_t i = client_index(model, client_id);
    if (i == model->client_count) return;
    client_free(model->clients[i]);
    model->client_count--;
    memmove(model->clients + i, model->clients + i + 1,
            (model->client_count - i) * sizeof(struct model_client *));
}

bool model_is_waiting(const struct model *model, uint64_t client_id) {
    const size_t i = client_index(model, client_id);
    return i < model->client_count && model->clients[i]->argv.count > 0;
}

// ---- execution

bool model_knows(const struct slice *argv, size_t argc) {
    return argc > 0 && model_row_find(argv, argc) != NULL;
}

static void run(struct model_call *call, const struct model_row *row) {
    char name[64];
    buf_reset(call->reply.out);
    if (row == NULL) {
        call->verdict = MODEL_UNKNOWN;
        return;
    }
    const size_t len = strlen(row->name);
    memcpy(name, row->name, len + 1);
    if (row->sub != NULL) {
        name[len] = '|';
        memcpy(name + len + 1, row->sub, strlen(row->sub) + 1);
    }
    call->full_name = name;
    const size_t least = (size_t)(row->arity < 0 ? -row->arity : row->arity);
    if (call->argc < least || (row->arity > 0 && call->argc != least)) {
        model_arity(call);
    } else if (row->run == NULL) {
        call->verdict = MODEL_UNKNOWN;
    } else {
        row->run(call);
        if (call->is_impossible) {
            model_fail(call, "MODEL what the engine has done is not allowed");
            call->verdict = MODEL_EXACT;
        }
    }
    call->full_name = NULL;
}

enum model_verdict model_run(struct model_call *call) {
    run(call, model_row_find(call->argv, call->argc));
    return call->verdict;
}

bool model_is_heard(struct model_client *client) {
    switch (client->silence) {
    case MODEL_SPEAKS:
        return true;
    case MODEL_SILENT:
        return false;
    case MODEL_SKIPS_NEXT:
        client->silence = MODEL_SKIPS;
        return false;
    case MODEL_SKIPS:
        client->silence = MODEL_SPEAKS;
        return false;
    }
    must_not_reach();
}

enum model_verdict model_execute(struct model *model, uint64_t client_id, const struct slice *argv,
                                 size_t argc, int64_t now_ms, struct buf *expected) {
    must(argc > 0 && model->wakes_read == model->wake_count);
    forget_wakes(model);
    struct model_client *client = model_client_of(model, client_id);
    must(client->argv.count == 0); // a blocked client executes nothing
    struct model_call call = {
        .model = model,
        .client = client,
        .argv = argv,
        .argc = argc,
        .now_ms = now_ms,
        .db = client->db,
        .reply = {.out = expected, .version = client->resp},
        .verdict = MODEL_EXACT,
    };
    enum model_verdict verdict = model_run(&call);
    if (verdict != MODEL_WAITS && !model_is_heard(client)) {
        buf_reset(expected);
        verdict = MODEL_EXACT;
    }
    model_wait_serve(model, now_ms);
    return verdict;
}

bool model_woken(struct model *model, uint64_t *client_id, struct buf *expected) {
    buf_reset(expected);
    if (model->wakes_read == model->wake_count) {
        forget_wakes(model);
        return false;
    }
    const struct model_wake *wake = &model->wakes[model->wakes_read++];
    *client_id = wake->client_id;
    buf_append_slice(expected, buf_slice(&wake->reply));
    return true;
}
