#include "tests/sim/world/mirror.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "server/engine/engine_state.h"
#include "tests/sim/workload/model.h"
#include "tests/sim/world/state.h"

enum { WAKES_MAX = 2 * WORLD_PEERS, BUILDER_ID = 1 << 30 };

struct wake {
    uint64_t client_id;
    struct buf reply; // empty: its replies are switched off
};

struct wakes {
    struct wake items[WAKES_MAX];
    size_t count;
};

struct mirror {
    struct model *model;
    const struct keyspace *keyspace; // the engine's, for the model's view of it
    bool is_stale;
    struct wakes due;   // the model has answered, the engine not yet
    struct wakes early; // the engine has answered, the model not yet (CLIENT UNBLOCK)
    struct buf expected;
    struct buf why;
};

struct mirror *mirror_new(void) {
    return mem_zalloc(sizeof(struct mirror));
}

static void wakes_clear(struct wakes *wakes) {
    for (size_t i = 0; i < WAKES_MAX; i++)
        buf_deinit(&wakes->items[i].reply);
    wakes->count = 0;
}

void mirror_free(struct mirror *mirror) {
    if (mirror == NULL) return;
    model_free(mirror->model);
    wakes_clear(&mirror->due);
    wakes_clear(&mirror->early);
    buf_deinit(&mirror->expected);
    buf_deinit(&mirror->why);
    mem_free(mirror);
}

static bool is_off(const struct world *world) {
    return !world_has(world, WORLD_MODEL) || world->mirror->is_stale;
}

static void become_stale(struct world *world, const char *why) {
    story_tell(world->story, "the model no longer knows: %s", why);
    world->mirror->is_stale = true;
    world->mirror->due.count = 0;
    world->mirror->early.count = 0;
}

// ---- wakes

static void wakes_add(struct wakes *wakes, uint64_t client_id, struct slice reply) {
    must(wakes->count < WAKES_MAX);
    struct wake *wake = &wakes->items[wakes->count++];
    wake->client_id = client_id;
    buf_reset(&wake->reply);
    buf_append_slice(&wake->reply, reply);
}

static struct wake *wakes_find(struct wakes *wakes, uint64_t client_id) {
    for (size_t i = 0; i < wakes->count; i++)
        if (wakes->items[i].client_id == client_id) return &wakes->items[i];
    return NULL;
}

static void wakes_drop(struct wakes *wakes, struct wake *wake) {
    struct wake *last = &wakes->items[--wakes->count];
    const struct wake swapped = *wake;
    *wake = *last;
    *last = swapped;
}

_Noreturn static void differ(struct world *world, uint64_t client_id, const char *what,
                             struct slice expected, struct slice actual) {
    struct buf text = {0};
    const size_t most = 400;
    buf_append_quoted(&text, expected.len > most ? slice_sub(expected, 0, most) : expected);
    buf_append_str(&text, ", the engine answers ");
    buf_append_quoted(&text, actual.len > most ? slice_sub(actual, 0, most) : actual);
    world_broke(world, 12, "client %llu%s: the model says %.*s", (unsigned long long)client_id,
                what, (int)text.len, text.data);
}

// The log may have no room for what a waiter would do: it waits on. Then the model is ahead.
static bool may_be_stalled(const struct world *world) {
    const struct log_stats stats = log_stats(store_log(world->store));
    return world->is_full || stats.is_broken || stats.is_full || stats.slots_ready < 4;
}

// A waiter with MAXSIZE measures what may be cold; meanwhile the data goes on.
static bool reads_first(const struct world *world, uint64_t client_id) {
    const struct client *client = engine_find_client(world->engine, client_id);
    return client != NULL && client->cold != NULL;
}

// One waiter that is stalled changes what the others get.
static void match(struct world *world, uint64_t client_id, struct slice expected,
                  struct slice actual) {
    if (slice_equal(expected, actual)) {
        world->figures->compared++;
    } else if (may_be_stalled(world)) {
        become_stale(world, "waiters were served past one that the log has no room for");
    } else if (reads_first(world, client_id)) {
        become_stale(world, "a waiter's time was up before it had read what it has to measure");
    } else {
        differ(world, client_id, " (woken)", expected, actual);
    }
}

static void take_woken(struct world *world) {
    struct mirror *mirror = world->mirror;
    uint64_t client_id = 0;
    while (model_woken(mirror->model, &client_id, &mirror->expected)) {
        struct wake *early = wakes_find(&mirror->early, client_id);
        if (early == NULL) {
            wakes_add(&mirror->due, client_id, buf_slice(&mirror->expected));
            continue;
        }
        match(world, client_id, buf_slice(&mirror->expected), buf_slice(&early->reply));
        if (mirror->is_stale) return;
        wakes_drop(&mirror->early, early);
    }
}

static void expect_no_due(struct world *world) {
    struct mirror *mirror = world->mirror;
    if (mirror->due.count == 0) return;
    if (may_be_stalled(world)) {
        become_stale(world, "the log has no room for a waiter");
        return;
    }
    if (reads_first(world, mirror->due.items[0].client_id)) {
        become_stale(world, "a waiter must read what it has to measure");
        return;
    }
    world_broke(world, 7, "client %llu could be answered and is not",
                (unsigned long long)mirror->due.items[0].client_id);
}

// ---- executions

static bool begins(struct slice reply, const char *text) {
    const size_t len = strlen(text);
    return reply.len >= len && memcmp(reply.data, text, len) == 0;
}

// The model is not told of these. The last one goes by the sum of the three longest arguments,
// more than a model of the data has to know.
static bool is_for_want_of_room(struct slice reply) {
    return begins(reply, "-NOSPACE") || begins(reply, "-OOM") ||
           begins(reply, "-ERR key and value do not fit a segment");
}

static bool contains(struct slice reply, const char *text) {
    const size_t len = strlen(text);
    for (size_t at = 0; at + len <= reply.len; at++) {
        if (reply.data[at] == text[0] && memcmp(reply.data + at, text, len) == 0) return true;
    }
    return false;
}

static bool is_unreadable(const struct world *world, struct slice reply) {
    if (machine_is_dead(world)) return true;
    if (!world->reads_fail) return false;
    return contains(reply, "-ERR IO ") || contains(reply, "-ERR CORRUPT ");
}

// MAXSIZE measures entries before it shows them; one that could not be read then may be readable
// now.
static bool may_be_mismeasured(const struct world *world, const struct call *call) {
    for (size_t i = 1; world->reads_fail && i < call->argc; i++)
        if (slice_is(call->argv[i], "maxsize")) return true;
    return false;
}

static void forget_closed(struct world *world) {
    for (size_t i = 0; i < WORLD_PEERS; i++) {
        const struct client *client = world->peers[i].client;
        if (client != NULL && client->closes_now)
            model_disconnect(world->mirror->model, client->id);
    }
}

static void see_command(struct world *world, enum engine_seen what, const struct call *call,
                        struct slice actual) {
    struct mirror *mirror = world->mirror;
    expect_no_due(world);
    if (mirror->is_stale) return;
    const uint64_t client_id = call->client->id;
    const enum model_verdict verdict = model_execute(mirror->model, client_id, call->argv,
                                                     call->argc, call->now_ms, &mirror->expected);
    const struct slice expected = buf_slice(&mirror->expected);
    if ((verdict == MODEL_WAITS) != (what == ENGINE_SEEN_WAITS)) {
        if (verdict == MODEL_WAITS) differ(world, client_id, "", SLICE("(waits)"), actual);
        differ(world, client_id, "", expected, SLICE("(waits)"));
    }
    if (what != ENGINE_SEEN_WAITS) {
        buf_reset(&mirror->why);
        const bool is_right = model_accept(verdict, expected, actual, &mirror->why);
        if (!is_right && may_be_mismeasured(world, call)) {
            become_stale(world, "an entry could not be measured");
            return;
        }
        if (!is_right)
            world_broke(world, 12, "client %llu, '%s': %.*s", (unsigned long long)client_id,
                        call->full_name == NULL ? "?" : call->full_name, (int)mirror->why.len,
                        mirror->why.data);
        if (verdict != MODEL_UNKNOWN) world->figures->compared++;
    }
    take_woken(world);
    if (call->command != NULL && call->command->group == GROUP_CONNECTION) forget_closed(world);
}

void mirror_see(struct world *world, enum engine_seen what, const struct call *call,
                struct slice reply) {
    if (is_off(world)) return;
    struct mirror *mirror = world->mirror;
    const bool is_kept = call->client->reply_mode == CLIENT_REPLY_ON;
    const struct slice actual = is_kept ? reply : SLICE_EMPTY;
    const uint64_t client_id = call->client->id;
    if (is_unreadable(world, reply)) {
        become_stale(world, "a value cannot be read");
        return;
    }
    if (what == ENGINE_SEEN_SERVED || what == ENGINE_SEEN_UNSERVED) {
        struct wake *due = wakes_find(&mirror->due, client_id);
        if (due == NULL && model_lost(mirror->model, client_id, call->now_ms, &mirror->expected)) {
            match(world, client_id, buf_slice(&mirror->expected), actual);
            return;
        }
        if (due == NULL) {
            wakes_add(&mirror->early, client_id, actual);
            return;
        }
        match(world, client_id, buf_slice(&due->reply), actual);
        if (!mirror->is_stale) wakes_drop(&mirror->due, due);
        return;
    }
    if (call->argc == 0) return;
    if (is_for_want_of_room(reply)) {
        if (!is_kept) become_stale(world, "a refusal went to a client that hears nothing");
        return;
    }
    see_command(world, what, call, actual);
}

void mirror_turn(struct world *world) {
    if (is_off(world)) return;
    expect_no_due(world);
    if (world->mirror->is_stale) return;
    model_time(world->mirror->model, world_now_ms(world));
    take_woken(world);
}

void mirror_after(struct world *world) {
    if (is_off(world)) return;
    expect_no_due(world);
    const struct wakes *early = &world->mirror->early;
    if (early->count == 0) return;
    if (may_be_stalled(world)) {
        become_stale(world, "a waiter was served that the log had no room for");
        return;
    }
    differ(world, early->items[0].client_id, " (woken)", SLICE("(waits)"),
           buf_slice(&early->items[0].reply));
}

void mirror_left(struct world *world, uint64_t client_id) {
    if (is_off(world)) return;
    model_disconnect(world->mirror->model, client_id);
}

// ---- rebuilding

struct builder {
    struct world *world;
    unsigned db;
    struct slice *argv;
    size_t argc;
    size_t cap;
    struct buf bytes; // of the arguments that had to be copied
    bool has_failed;
};

static void put(struct builder *builder, struct slice arg) {
    if (builder->argc == builder->cap) {
        builder->cap = builder->cap == 0 ? 64 : builder->cap * 2;
        builder->argv = mem_realloc(builder->argv, builder->cap * sizeof *builder->argv);
    }
    builder->argv[builder->argc++] = arg;
}

// At the beginning of time, so that keys which have expired since are there as here.
static void run(struct builder *builder, uint64_t client_id) {
    struct mirror *mirror = builder->world->mirror;
    (void)model_execute(mirror->model, client_id, builder->argv, builder->argc, 0,
                        &mirror->expected);
    for (size_t i = 0; i < builder->argc; i++)
        builder->argv[i] = SLICE_EMPTY;
    builder->argc = 0;
    buf_reset(&builder->bytes);
}

// The bytes of a blob, copied; `bytes` must not move between put and run, so it is made long enough
// before.
static void put_blob(struct builder *builder, const struct blob *blob) {
    struct world *world = builder->world;
    struct slice bytes;
    if (store_bytes(world->store, blob, &world->scratch, &bytes) != ERR_NONE) {
        builder->has_failed = true;
        bytes = SLICE_EMPTY;
    }
    const size_t at = builder->bytes.len;
    must(builder->bytes.cap - at >= bytes.len);
    buf_append_slice(&builder->bytes, bytes);
    put(builder, slice_of(builder->bytes.data + at, bytes.len));
}

static void put_field(void *context, struct slice field, const struct blob *value) {
    put(context, field);
    put_blob(context, value);
}

static void measure_field(void *context, struct slice field, const struct blob *value) {
    (void)field;
    size_t *bytes = context;
    *bytes += blob_len(value);
}

static size_t value_bytes(const struct entry *entry) {
    size_t bytes = 1;
    struct blob blob;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        bytes += blob_len(&entry->value.string);
        break;
    case TYPE_LIST: {
        struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
        while (list_cursor_next(&cursor, &blob))
            bytes += blob_len(&blob);
        break;
    }
    case TYPE_HASH:
        hash_each(entry->value.hash, measure_field, &bytes);
        break;
    case TYPE_STREAM: // taken over by the model itself
        break;
    }
    return bytes;
}

static void build_entry(void *context, const struct entry *entry) {
    struct builder *builder = context;
    (void)buf_reserve(&builder->bytes, value_bytes(entry));
    struct blob blob;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        put(builder, SLICE("SET"));
        put(builder, entry_key(entry));
        put_blob(builder, &entry->value.string);
        break;
    case TYPE_LIST: {
        put(builder, SLICE("RPUSH"));
        put(builder, entry_key(entry));
        struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
        while (list_cursor_next(&cursor, &blob))
            put_blob(builder, &blob);
        break;
    }
    case TYPE_HASH:
        put(builder, SLICE("HSET"));
        put(builder, entry_key(entry));
        hash_each(entry->value.hash, put_field, builder);
        break;
    case TYPE_STREAM:
        if (!model_load_stream(builder->world->mirror->model, builder->db, entry_key(entry),
                               entry->value.stream, builder->world->store))
            builder->has_failed = true;
        break;
    }
    if (builder->argc > 0) run(builder, BUILDER_ID);
    if (entry->expire_ms == 0) return;
    char at_ms[32];
    snprintf(at_ms, sizeof at_ms, "%lld", (long long)entry->expire_ms);
    put(builder, SLICE("PEXPIREAT"));
    put(builder, entry_key(entry));
    put(builder, slice_str(at_ms));
    run(builder, BUILDER_ID);
}

static void build_session(struct builder *builder, const struct client *client) {
    char db[16];
    snprintf(db, sizeof db, "%u", client->db);
    if (client->resp == RESP3) {
        put(builder, SLICE("HELLO"));
        put(builder, SLICE("3"));
        run(builder, client->id);
    }
    put(builder, SLICE("SELECT"));
    put(builder, slice_str(db));
    run(builder, client->id);
    if (client->name != NULL) {
        put(builder, SLICE("CLIENT"));
        put(builder, SLICE("SETNAME"));
        put(builder, slice_str(client->name));
        run(builder, client->id);
    }
    if (client->reply_mode == CLIENT_REPLY_ON) return;
    put(builder, SLICE("CLIENT"));
    put(builder, SLICE("REPLY"));
    put(builder, client->reply_mode == CLIENT_REPLY_OFF ? SLICE("OFF") : SLICE("SKIP"));
    run(builder, client->id);
}

static void build_waiter(struct builder *builder, const struct waiter *from) {
    const struct model_waiter waiter = {
        .argv = from->argv,
        .argc = from->argc,
        .db = from->db,
        .deadline_ms = from->deadline_ms,
        .alarm_ms = from->alarm_ms,
        .arrival = from->arrival,
    };
    model_load_waiter(builder->world->mirror->model, from->client->id, &waiter);
}

// Who waits comes last, when nothing that is put there can wake him.
static void build(struct builder *builder) {
    struct world *world = builder->world;
    for (size_t i = 0; i < WORLD_PEERS; i++)
        if (world->peers[i].client != NULL) build_session(builder, world->peers[i].client);
    const struct keyspace *keyspace = store_keyspace(world->store);
    for (builder->db = 0; builder->db < WORLD_DATABASES; builder->db++) {
        if (keyspace_count(keyspace, builder->db) == 0) continue;
        char db[16];
        snprintf(db, sizeof db, "%u", builder->db);
        put(builder, SLICE("SELECT"));
        put(builder, slice_str(db));
        run(builder, BUILDER_ID);
        keyspace_each(keyspace, builder->db, build_entry, builder);
    }
    model_disconnect(world->mirror->model, BUILDER_ID);
    for (size_t i = 0; i < WORLD_PEERS; i++) {
        const struct client *client = world->peers[i].client;
        if (client != NULL && client->waiter != NULL) build_waiter(builder, client->waiter);
    }
}

void mirror_rebuild(struct world *world) {
    if (!world_has(world, WORLD_MODEL)) return;
    struct mirror *mirror = world->mirror;
    model_free(mirror->model);
    mirror->keyspace = store_keyspace(world->store);
    mirror->model = model_new(&(struct model_options){
        .databases = WORLD_DATABASES,
        .string_bytes_max = log_record_max(store_log(world->store)) - 512,
        .view = model_view_of(&mirror->keyspace),
    });
    mirror->due.count = 0;
    mirror->early.count = 0;
    struct builder builder = {.world = world};
    build(&builder);
    mirror->is_stale = builder.has_failed;
    mem_free(builder.argv);
    buf_deinit(&builder.bytes);
}

void mirror_compare(struct world *world) {
    if (!world_has(world, WORLD_MODEL)) return;
    struct mirror *mirror = world->mirror;
    if (mirror->is_stale && !world->is_full) mirror_rebuild(world);
    if (mirror->is_stale) return;
    struct fault fault = {0};
    const enum err err = model_equals_keyspace(mirror->model, store_keyspace(world->store),
                                               world->store, world_now_ms(world), &fault);
    if (err == ERR_INVALID) world_broke(world, 12, "model and engine differ: %s", fault.text);
}
