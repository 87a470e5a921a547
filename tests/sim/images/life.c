#include "tests/sim/images/life.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "proto/resp/reader.h"
#include "server/commands/table.h"
#include "storage/store.h"

enum { WORDS_MAX = 64, TURNS_MAX = 64, SLOT_JOBS_MAX = 32 };

bool life_is_up(const struct life *life) {
    return life->store != NULL && life->wrong.len == 0;
}

static struct log *log_of(const struct life *life) {
    return store_log(life->store);
}

static void note_before(void *context) {
    life_note(context);
}

void life_init(struct life *life, const struct disk_state *state, const struct bounds *bounds) {
    memset(life, 0, sizeof *life);
    disk_init(&life->disk, &life->pages);
    if (state != NULL) life->disk.state = *state;
    life->disk.is_recorded = true;
    life->disk.context = life;
    life->disk.before = note_before;
    life->disk.sync_context = life;
    life->disk.call = "the beginning";
    life->now_ms = LIFE_START_MS;
    if (bounds != NULL) {
        life->bounds = *bounds;
        life->bounds.lives++;
        life->values = (uint64_t)bounds->tip->index << 20;
        return;
    }
    const struct history_node *empty = history_add(&life->history, NULL, 0, "the empty store");
    life->bounds = (struct bounds){.low = empty, .tip = empty};
}

void life_deinit(struct life *life) {
    life_kill(life);
    mem_free(life->moments);
    history_deinit(&life->history);
    pages_deinit(&life->pages);
    buf_deinit(&life->wrong);
    memset(life, 0, sizeof *life);
}

void life_note(struct life *life) {
    if (life->moment_count == life->moment_cap) {
        life->moment_cap = life->moment_cap == 0 ? 64 : life->moment_cap * 2;
        life->moments = mem_realloc(life->moments, life->moment_cap * sizeof life->moments[0]);
    }
    struct moment *moment = &life->moments[life->moment_count++];
    moment->state = life->disk.state;
    moment->bounds = life->bounds;
    // A store that has filled its disk starts once more, out of the slot that is kept for that;
    // each start takes one, so that the next needs room.
    moment->capacity_bytes = life->starts <= 1 ? life->disk.capacity_bytes : UINT64_MAX;
    moment->call = life->disk.call;
    moment->first_image = 0;
    moment->images = 0;
}

// ---- beginning

static void connect_clients(struct life *life) {
    const struct client_origin origin = {.address = "127.0.0.1:5000",
                                         .local_address = "127.0.0.1:6379",
                                         .fd = -1,
                                         .is_loopback = true};
    for (size_t i = 0; i < LIFE_CLIENTS; i++) {
        struct life_client *client = &life->clients[i];
        struct slice refusal;
        *client = (struct life_client){0};
        client->client = engine_connect(life->engine, &origin, client, &refusal);
        must(client->client != NULL);
    }
}

static void open_engine(struct life *life) {
    options_init(&life->options);
    const struct engine_options options = {
        .store = life->store,
        .options = &life->options,
        .commands = commands_table(),
        .seed = life->starts,
        .wall_us = life->now_ms * 1000,
        .monotonic_us = life->now_ms * 1000,
    };
    life->engine = engine_new(&options);
    connect_clients(life);
}

void life_start(struct life *life) {
    if (life->wrong.len > 0) return;
    must(life->store == NULL);
    life->starts++;
    life->vfs = disk_open(&life->disk);
    const struct store_options options = {
        .log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN,
                .reserve_bytes = life->reserve_bytes,
                .slots_ahead = 1,
                .seed = 7000 + life->starts + (uint64_t)1000 * life->bounds.lives, // never the same
                .trace = life->trace},
        .fold = {.slices = 2, .block_bytes = PAGE_BYTES},
        .databases = 16,
        .seed = 7,
        .trace = life->trace,
    };
    struct store_recovery recovery;
    struct fault fault = {0};
    enum err err = store_open(&life->store, life->vfs, &options, &recovery, &fault);
    if (err != ERR_NONE) {
        life->store = NULL;
        vfs_free(life->vfs);
        life->vfs = NULL;
        life->wrong_kind = VERDICT_LOST;
        buf_printf(&life->wrong, "start %u is refused (%s): %s", life->starts, err_name(err),
                   fault.text);
        return;
    }
    const struct history_node *found = NULL;
    uint64_t digest = keyspace_digest(store_keyspace(life->store));
    enum verdict verdict = history_judge(&life->bounds, digest, &found);
    life->frames = log_stats(log_of(life)).frames;
    open_engine(life);
    if (verdict != VERDICT_HELD) {
        life->wrong_kind = verdict;
        buf_printf(&life->wrong,
                   "start %u finds the state of %s, but transaction %u (%s) was "
                   "acknowledged",
                   life->starts, found == NULL ? "no moment there was" : found->what,
                   life->bounds.low->index, life->bounds.low->what);
        return;
    }
    if (found->is_unknown) found = history_add(&life->history, found->parent, digest, "a start");
    // What a server shows from now on stays so: recovery made it durable.
    life->bounds.low = found;
    life->bounds.tip = found;
}

// ---- the end

static void close_life(struct life *life) {
    if (life->flying != NULL) log_flush_end(log_of(life), life->flying, ERR_IO);
    life->flying = NULL;
    if (life->fold != NULL) store_fold_end(life->store, life->fold, ERR_IO, NULL, life->now_ms);
    life->fold = NULL;
    for (size_t i = 0; i < LIFE_CLIENTS; i++) {
        engine_disconnect(life->clients[i].client);
        buf_deinit(&life->clients[i].seen);
        life->clients[i] = (struct life_client){0};
    }
    engine_free(life->engine);
    store_close(life->store);
    vfs_free(life->vfs);
    options_deinit(&life->options);
    life->engine = NULL;
    life->store = NULL;
    life->vfs = NULL;
    life->disk.before_sync = NULL;
}

void life_kill(struct life *life) {
    if (life->store != NULL) close_life(life);
}

void life_stop(struct life *life) {
    life_flush(life);
    life_seal(life);
    life_kill(life);
}

void life_cut(struct life *life, enum life_cut how, uint64_t seed) {
    life_kill(life);
    if (life->wrong.len > 0) return;
    life_note(life);
    struct disk_state before = life->disk.state;
    struct cut_plan plan;
    cut_plan_init(&plan, &before, CUT_FULL);
    struct rng rng;
    rng_init(&rng, seed);
    uint64_t number = how == LIFE_CUT_NEW    ? cut_all_new(&plan)
                      : how == LIFE_CUT_SOME ? rng_below(&rng, plan.total)
                                             : 0;
    cut_make(&plan, number, &life->disk.state, &life->pages, NULL);
    cut_plan_deinit(&plan);
    life->disk.call = "a power cut";
}

// ---- replies

static void take_replies(struct life *life, struct life_client *client) {
    struct reader *reader = reader_new();
    reader_feed(reader, buf_slice(&client->seen));
    const struct value *value = NULL;
    size_t count = 0;
    while (reader_next(reader, &value) == READER_READY) {
        must(count < client->pending_count);
        const struct history_node *told = client->pending[count++];
        bool is_error = value->type == VALUE_ERROR;
        if (!is_error && told != NULL && told->index > life->bounds.low->index)
            life->bounds.low = told;
        if (is_error && !life->may_refuse && life->wrong.len == 0) {
            life->wrong_kind = VERDICT_SILENT;
            buf_printf(&life->wrong, "a command was answered with %.*s", (int)value->text.len,
                       value->text.data);
        }
    }
    reader_free(reader);
    client->pending_count -= count;
    memmove(client->pending, client->pending + count,
            client->pending_count * sizeof client->pending[0]);
    buf_reset(&client->seen);
}

static void carry_replies(struct life *life) {
    for (struct client *client = engine_next_sendable(life->engine); client != NULL;
         client = engine_next_sendable(life->engine)) {
        struct life_client *own = client->conn;
        const struct slice bytes = outbox_sendable(&client->outbox);
        if (bytes.len == 0) continue;
        buf_append_slice(&own->seen, bytes);
        engine_sent(client, bytes.len);
    }
    for (size_t i = 0; i < LIFE_CLIENTS; i++)
        if (life->clients[i].seen.len > 0) take_replies(life, &life->clients[i]);
}

// ---- commands

// A command commits one transaction or none; active expiry may commit several.
void life_look(struct life *life, const char *what, bool may_expire) {
    uint64_t frames = log_stats(log_of(life)).frames;
    if (frames == life->frames) return;
    if (frames > life->frames + 1 && !may_expire && life->wrong.len == 0) {
        life->wrong_kind = VERDICT_SILENT;
        buf_printf(&life->wrong, "%s is %llu transactions: a crash may leave a part of it", what,
                   (unsigned long long)(frames - life->frames));
    }
    while (++life->frames < frames)
        life->bounds.tip = history_add_unknown(&life->history, life->bounds.tip);
    uint64_t digest = keyspace_digest(store_keyspace(life->store));
    life->bounds.tip = history_add(&life->history, life->bounds.tip, digest, what);
}

static void append_value(struct life *life, struct buf *out, size_t len) {
    struct rng rng;
    rng_init(&rng, ++life->values);
    char *into = buf_reserve(out, len);
    for (size_t i = 0; i < len; i++)
        into[i] = (char)('!' + rng_below(&rng, 90));
    buf_commit(out, len);
}

static void append_word(struct life *life, struct buf *out, struct slice word) {
    uint64_t len = 0;
    bool is_value =
        word.len > 1 && word.data[0] == '@' && num_parse_u64(slice_sub(word, 1, word.len), &len);
    buf_printf(out, "$%zu\r\n", is_value ? (size_t)len : word.len);
    if (is_value)
        append_value(life, out, (size_t)len);
    else
        buf_append_slice(out, word);
    buf_append_str(out, "\r\n");
}

static void build_request(struct life *life, const char *words, struct buf *out) {
    struct slice list[WORDS_MAX];
    size_t count = 0;
    for (const char *at = words; *at != '\0';) {
        size_t len = strcspn(at, " ");
        must(count < WORDS_MAX);
        if (len > 0) list[count++] = slice_of(at, len);
        at += len;
        at += strspn(at, " ");
    }
    buf_printf(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        append_word(life, out, list[i]);
}

static void turn(struct life *life, const char *what) {
    engine_run(life->engine);
    life_look(life, what, true);
    while (engine_next_resumed(life->engine) != NULL) {
    }
}

// A command that found no room in the log waits for slots, as in the server.
static void finish(struct life *life, struct client *client, const char *what) {
    for (int i = 0; i < TURNS_MAX && client->state != CLIENT_IDLE; i++) {
        life_make_slots(life);
        engine_durable(life->engine, log_durable_lsn(log_of(life)));
        turn(life, what);
        // Room may have to be made by a flush first.
        if (client->state == CLIENT_STARVED) life_flush(life);
    }
    must(client->state == CLIENT_IDLE);
}

// Replies of commands like SELECT tell nothing of the data and wait for nothing.
static bool tells(const struct life *life, const char *words) {
    const struct command *command =
        engine_find_command(life->engine, slice_of(words, strcspn(words, " ")));
    must(command != NULL);
    return command->group != GROUP_CONNECTION && (command->traits & COMMAND_UNFENCED) == 0;
}

void life_do(struct life *life, unsigned who, const char *words) {
    if (!life_is_up(life) || log_is_broken(log_of(life))) return;
    struct life_client *own = &life->clients[who];
    struct client *client = own->client;
    const bool was_blocking = engine_blocked_count(life->engine) > 0;
    struct buf request = {0};
    build_request(life, words, &request);
    must(own->pending_count < LIFE_PENDING_MAX);
    for (size_t done = 0; done < request.len;) {
        size_t room = 0;
        char *into = engine_input(client, &room);
        size_t len = num_min(room, request.len - done);
        memcpy(into, request.data + done, len);
        (void)engine_feed(client, len);
        done += len;
    }
    buf_deinit(&request);
    // Who waited may be served, each in a transaction of its own.
    life_look(life, words, was_blocking);
    finish(life, client, words);
    // Whatever the reply tells, it is of the state that all transactions so far have made.
    own->pending[own->pending_count++] = tells(life, words) ? life->bounds.tip : NULL;
    store_note_empty(life->store); // at the end of a loop's turn
    carry_replies(life);
}

void life_pass(struct life *life, int64_t ms) {
    if (!life_is_up(life)) return;
    life->now_ms += ms;
    engine_set_time(life->engine, life->now_ms * 1000, life->now_ms * 1000);
    engine_tick(life->engine);
    life_look(life, "time passes", true);
    turn(life, "time passes");
    carry_replies(life);
}

void life_expect_served(struct life *life) {
    if (!life_is_up(life) || engine_blocked_count(life->engine) == 0) return;
    life->wrong_kind = VERDICT_LOST;
    buf_append_str(&life->wrong, "a client waits for a key that could serve it (promise 7)");
}

// ---- the log thread

void life_flush_begin(struct life *life) {
    if (!life_is_up(life) || life->flying != NULL) return;
    life->flying = log_flush_begin(log_of(life));
}

static void end_flush(struct life *life, enum err err) {
    struct log_flush *flush = life->flying;
    life->flying = NULL;
    log_flush_end(log_of(life), flush, err);
    if (err != ERR_NONE) return;
    engine_durable(life->engine, log_durable_lsn(log_of(life)));
    carry_replies(life);
}

void life_flush_run(struct life *life) {
    if (!life_is_up(life) || life->flying == NULL) return;
    end_flush(life, log_flush_run(life->flying));
}

void life_flush(struct life *life) {
    do {
        life_flush_begin(life);
        if (!life_is_up(life) || life->flying == NULL) return;
        life_flush_run(life);
    } while (true);
}

void life_seal(struct life *life) {
    if (!life_is_up(life) || life->flying != NULL) return;
    life->flying = log_seal_begin(log_of(life));
    life_flush_run(life);
}

void life_make_slots(struct life *life) {
    if (!life_is_up(life)) return;
    struct log *log = log_of(life);
    for (int i = 0; i < SLOT_JOBS_MAX; i++) {
        struct log_slots *job = log_slots_begin(log, life->now_ms);
        if (job == NULL) return;
        log_slots_end(log, job, log_slots_run(job));
    }
}

void life_kill_while_making_slots(struct life *life) {
    if (!life_is_up(life)) return;
    size_t first = life->moment_count;
    life_make_slots(life);
    life_kill(life);
    for (size_t i = first; i < life->moment_count; i++) {
        if (strcmp(life->moments[i].call, "write") != 0) continue;
        life->disk.state = life->moments[i].state;
        life->moment_count = i + 1; // the rest has not happened
        return;
    }
    must_not_reach();
}

static void make_slots_now(void *context) {
    life_make_slots(context);
}

void life_make_slots_meanwhile(struct life *life) {
    life->disk.before_sync = make_slots_now;
}
