// A small world around an engine, for its tests: a store on a disk in memory, a table of a few
// commands, clients whose bytes are typed and read here, a log thread that runs when told.
#ifndef ACKD_TESTS_UNIT_ENGINE_WORLD_H
#define ACKD_TESTS_UNIT_ENGINE_WORLD_H

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/engine/call.h"
#include "server/engine/engine.h"
#include "storage/reading.h"
#include "tests/support/unit.h"
#include "tests/support/vfs_memory.h"

enum { WORLD_PEERS_MAX = 32, WORLD_START_MS = 1000000, WORLD_SLOTS_MAX = 64 };

// A client with its side of the wire.
struct peer {
    struct client *client; // NULL: closed
    struct buf seen;       // what has arrived
    enum feed fed;         // the last answer of engine_feed
    bool is_deaf;          // takes nothing
};

struct world {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
    struct options options;
    struct engine *engine;
    struct peer peers[WORLD_PEERS_MAX];
    size_t peer_count;
    int64_t now_ms;
    struct clock clock;
    struct trace trace; // without a sink, unless a test gives one
    int64_t clock_us;   // each look at the clock costs 10 us
};

// ---- commands: as those of Redis with the same name, without options

static inline const struct entry *world_list(struct call *call, struct slice key, bool *ok) {
    const struct entry *entry = NULL;
    *ok = call_lookup_type(call, key, TYPE_LIST, &entry);
    return entry;
}

static inline enum call_result world_ping(struct call *call) {
    reply_status(&call->reply, "PONG");
    return CALL_DONE;
}

static inline enum call_result world_rpush(struct call *call) {
    bool ok = false;
    const struct entry *entry = world_list(call, call->argv[1], &ok);
    if (!ok) return CALL_DONE;
    const size_t len = entry == NULL ? 0 : list_len(entry->value.list);
    txn_list_push(call->txn, call->db, call->argv[1], LIST_TAIL, call->argv + 2, call->argc - 2);
    reply_int(&call->reply, (int64_t)(len + call->argc - 2));
    return CALL_DONE;
}

static inline enum call_result world_llen(struct call *call) {
    bool ok = false;
    const struct entry *entry = world_list(call, call->argv[1], &ok);
    if (ok) reply_int(&call->reply, entry == NULL ? 0 : (int64_t)list_len(entry->value.list));
    return CALL_DONE;
}

static inline enum call_result world_lrange(struct call *call) {
    bool ok = false;
    const struct entry *entry = world_list(call, call->argv[1], &ok);
    if (!ok) return CALL_DONE;
    const size_t len = entry == NULL ? 0 : list_len(entry->value.list);
    reply_array(&call->reply, len);
    for (size_t i = 0; i < len; i++) {
        const struct blob blob = list_get(entry->value.list, i);
        call_reply_blob(call, &blob);
    }
    return CALL_DONE;
}

// BLPOP key ... timeout: answers the value alone.
static inline enum call_result world_blpop(struct call *call) {
    int64_t deadline_ms = 0;
    if (!call_arg_timeout(call, call->argc - 1, &deadline_ms)) return CALL_DONE;
    for (size_t i = 1; i < call->argc - 1; i++) {
        const struct entry *entry = call_lookup(call, call->argv[i]);
        if (entry == NULL || entry->type != TYPE_LIST) continue;
        const struct blob blob = list_get(entry->value.list, 0);
        call_reply_blob(call, &blob);
        txn_list_pop(call->txn, call->db, call->argv[i], LIST_HEAD, 1);
        return CALL_DONE;
    }
    return call_wait(call, call->argv + 1, call->argc - 2, TYPE_LIST, deadline_ms,
                     WAIT_ANSWER_NULL_ARRAY);
}

// BLMOVE source destination timeout: from the head to the tail.
static inline enum call_result world_blmove(struct call *call) {
    int64_t deadline_ms = 0;
    if (!call_arg_timeout(call, 3, &deadline_ms)) return CALL_DONE;
    bool ok = false;
    const struct entry *from = world_list(call, call->argv[1], &ok);
    if (!ok) return CALL_DONE;
    if (from == NULL) {
        return call_wait(call, call->argv + 1, 1, TYPE_LIST, deadline_ms, WAIT_ANSWER_NULL);
    }
    const struct entry *to = call_peek(call, call->db, call->argv[2]);
    if (to != NULL && to->type != TYPE_LIST) {
        call_wrong_type(call);
        return CALL_DONE;
    }
    const struct blob blob = list_get(from->value.list, 0);
    call_reply_blob(call, &blob);
    txn_list_move(call->txn, call->db, call->argv[1], LIST_HEAD, call->argv[2], LIST_TAIL);
    return CALL_DONE;
}

// BLPOPN key n timeout: takes n elements or none, answers n.
static inline enum call_result world_blpopn(struct call *call) {
    int64_t deadline_ms = 0;
    int64_t count = 0;
    if (!call_arg_i64(call, 2, &count)) return CALL_DONE;
    if (!call_arg_timeout(call, 3, &deadline_ms)) return CALL_DONE;
    const struct entry *entry = call_lookup(call, call->argv[1]);
    if (entry == NULL || (int64_t)list_len(entry->value.list) < count) {
        return call_wait(call, call->argv + 1, 1, TYPE_LIST, deadline_ms, WAIT_ANSWER_NULL);
    }
    txn_list_pop(call->txn, call->db, call->argv[1], LIST_HEAD, (size_t)count);
    reply_int(&call->reply, count);
    return CALL_DONE;
}

// BLLEN key [padding]: waits for a list and answers its length; only reads.
static inline enum call_result world_bllen(struct call *call) {
    const struct entry *entry = call_lookup(call, call->argv[1]);
    if (entry == NULL || entry->type != TYPE_LIST)
        return call_wait(call, call->argv + 1, 1, TYPE_LIST, 0, WAIT_ANSWER_NULL);
    reply_int(&call->reply, (int64_t)list_len(entry->value.list));
    return CALL_DONE;
}

static inline enum call_result world_set(struct call *call) {
    txn_string_set(call->txn, call->db, call->argv[1], call->argv[2], false);
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_get(struct call *call) {
    const struct entry *entry = NULL;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    if (entry == NULL) {
        reply_null(&call->reply);
    } else {
        call_reply_blob(call, &entry->value.string);
    }
    return CALL_DONE;
}

static inline enum call_result world_del(struct call *call) {
    reply_int(&call->reply, txn_key_delete(call->txn, call->db, call->argv[1]));
    return CALL_DONE;
}

static inline enum call_result world_pexpireat(struct call *call) {
    int64_t at_ms = 0;
    if (!call_arg_i64(call, 2, &at_ms)) return CALL_DONE;
    txn_key_expire(call->txn, call->db, call->argv[1], at_ms);
    reply_int(&call->reply, 1);
    return CALL_DONE;
}

static inline enum call_result world_rename(struct call *call) {
    if (!call_prepare(call, 1024, 4)) return CALL_RETRY;
    txn_key_move(call->txn, call->db, call->argv[1], call->db, call->argv[2]);
    reply_ok(&call->reply);
    return CALL_DONE;
}

// HUGE key bytes: as if the command had to write that much beyond its arguments.
static inline enum call_result world_huge(struct call *call) {
    int64_t bytes = 0;
    if (!call_arg_i64(call, 2, &bytes)) return CALL_DONE;
    if (!call_prepare(call, (size_t)bytes, 1)) return CALL_RETRY;
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_swapdb(struct call *call) {
    txn_db_swap(call->txn, 0, 1);
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_select(struct call *call) {
    int64_t db = 0;
    if (!call_arg_i64(call, 1, &db)) return CALL_DONE;
    call->client->db = (unsigned)db;
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_auth(struct call *call) {
    call->client->is_authenticated = true;
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_quit(struct call *call) {
    call->client->closes_after_reply = true;
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_info(struct call *call) {
    reply_int(&call->reply, (int64_t)keyspace_count(store_keyspace(engine_store(call->engine)), 0));
    return CALL_DONE;
}

static inline struct client *world_arg_client(struct call *call, size_t index) {
    int64_t id = 0;
    must(num_parse_i64(call->argv[index], &id));
    return engine_find_client(call->engine, (uint64_t)id);
}

static inline enum call_result world_client_kill(struct call *call) {
    struct client *client = world_arg_client(call, 2);
    if (client != NULL) engine_kill(call->engine, client, call->client);
    reply_int(&call->reply, client != NULL);
    return CALL_DONE;
}

static inline enum call_result world_client_unblock(struct call *call) {
    struct client *client = world_arg_client(call, 2);
    const bool with_error = call_arg_is(call, 3, "error");
    const bool unblocked = client != NULL && engine_unblock(call->engine, client, with_error);
    reply_int(&call->reply, unblocked);
    return CALL_DONE;
}

static inline enum call_result world_client_reply(struct call *call) {
    if (call_arg_is(call, 2, "on")) {
        call->client->reply_mode = CLIENT_REPLY_ON;
        reply_ok(&call->reply);
    } else if (call_arg_is(call, 2, "off")) {
        call->client->reply_mode = CLIENT_REPLY_OFF;
    } else {
        call->client->reply_mode = CLIENT_REPLY_SKIP_NEXT;
    }
    return CALL_DONE;
}

static inline enum call_result world_client_pause(struct call *call) {
    int64_t ms = 0;
    if (!call_arg_i64(call, 2, &ms)) return CALL_DONE;
    engine_pause(call->engine, call->now_ms + ms, call_arg_is(call, 3, "write"));
    reply_ok(&call->reply);
    return CALL_DONE;
}

static inline enum call_result world_client_unpause(struct call *call) {
    engine_unpause(call->engine);
    reply_ok(&call->reply);
    return CALL_DONE;
}

// clang-format off
enum {
    W_WRITES = COMMAND_WRITES,
    W_GROWS = COMMAND_WRITES | COMMAND_GROWS,
};
#define W_KEY      {{KEY_RW, KEY_FIND_RANGE, 1, 0, 1}}
#define W_TWO_KEYS {{KEY_RW, KEY_FIND_RANGE, 1, 1, 1}}
#define W_KEYS     {{KEY_RW, KEY_FIND_RANGE, 1, -2, 1}}

static const struct command world_client_table[] = {
    {.name = "kill", .handler = world_client_kill, .arity = -3, .group = GROUP_CONNECTION},
    {.name = "pause", .handler = world_client_pause, .arity = -3, .group = GROUP_CONNECTION},
    {.name = "reply", .handler = world_client_reply, .arity = 3, .group = GROUP_CONNECTION},
    {.name = "unblock", .handler = world_client_unblock, .arity = -3, .group = GROUP_CONNECTION},
    {.name = "unpause", .handler = world_client_unpause, .arity = 2, .group = GROUP_CONNECTION},
};

static const struct command world_table[] = {
    {.name = "auth", .handler = world_auth, .arity = 2, .traits = COMMAND_NO_AUTH, .group = GROUP_CONNECTION},
    {.name = "bllen", .handler = world_bllen, .arity = -2, .traits = COMMAND_READS, .group = GROUP_LIST, .keys = W_KEY},
    {.name = "blmove", .handler = world_blmove, .arity = 4, .traits = W_GROWS, .group = GROUP_LIST, .keys = W_TWO_KEYS},
    {.name = "blpop", .handler = world_blpop, .arity = -3, .traits = W_WRITES, .group = GROUP_LIST, .keys = W_KEYS},
    {.name = "blpopn", .handler = world_blpopn, .arity = 4, .traits = W_WRITES, .group = GROUP_LIST, .keys = W_KEY},
    {.name = "client", .arity = -2, .group = GROUP_CONNECTION, .subtable = world_client_table,
     .subtable_len = sizeof world_client_table / sizeof world_client_table[0]},
    {.name = "del", .handler = world_del, .arity = 2, .traits = W_WRITES, .group = GROUP_GENERIC, .keys = W_KEY},
    {.name = "get", .handler = world_get, .arity = 2, .traits = COMMAND_READS | COMMAND_FAST, .group = GROUP_STRING, .keys = W_KEY},
    {.name = "huge", .handler = world_huge, .arity = 3, .traits = W_GROWS, .group = GROUP_STRING, .keys = W_KEY},
    {.name = "info", .handler = world_info, .arity = 1, .group = GROUP_SERVER},
    {.name = "llen", .handler = world_llen, .arity = 2, .traits = COMMAND_READS, .group = GROUP_LIST, .keys = W_KEY},
    {.name = "lrange", .handler = world_lrange, .arity = 2, .traits = COMMAND_READS, .group = GROUP_LIST, .keys = W_KEY},
    {.name = "pexpireat", .handler = world_pexpireat, .arity = 3, .traits = W_WRITES, .group = GROUP_GENERIC, .keys = W_KEY},
    {.name = "ping", .handler = world_ping, .arity = -1, .traits = COMMAND_FAST, .group = GROUP_CONNECTION},
    {.name = "quit", .handler = world_quit, .arity = -1, .traits = COMMAND_NO_AUTH, .group = GROUP_CONNECTION},
    {.name = "rename", .handler = world_rename, .arity = 3, .traits = W_WRITES, .group = GROUP_GENERIC, .keys = W_TWO_KEYS},
    {.name = "role", .handler = world_ping, .arity = 1, .traits = COMMAND_UNFENCED, .group = GROUP_SERVER},
    {.name = "rpush", .handler = world_rpush, .arity = -3, .traits = W_GROWS, .group = GROUP_LIST, .keys = W_KEY},
    {.name = "select", .handler = world_select, .arity = 2, .group = GROUP_CONNECTION},
    {.name = "set", .handler = world_set, .arity = 3, .traits = W_GROWS, .group = GROUP_STRING, .keys = W_KEY},
    {.name = "swapdb", .handler = world_swapdb, .arity = 3, .traits = W_WRITES, .group = GROUP_SERVER},
};
// clang-format on

// ---- the log thread

// One flush, if there is anything to flush. The engine is not told.
static inline void world_flush_quietly(struct world *world) {
    struct log *log = store_log(world->store);
    struct log_flush *flush = log_flush_begin(log);
    if (flush != NULL) log_flush_end(log, flush, log_flush_run(flush));
}

static inline void world_durable(struct world *world) {
    engine_durable(world->engine, log_durable_lsn(store_log(world->store)));
}

// All that was executed is on disk.
static inline void world_flush(struct world *world) {
    struct log *log = store_log(world->store);
    for (struct log_flush *flush = log_flush_begin(log); flush != NULL;
         flush = log_flush_begin(log)) {
        log_flush_end(log, flush, log_flush_run(flush));
    }
    world_durable(world);
}

static inline void world_make_slots(struct world *world) {
    struct log *log = store_log(world->store);
    for (int i = 0; i < WORLD_SLOTS_MAX; i++) {
        struct log_slots *job = log_slots_begin(log, world->now_ms);
        if (job == NULL) return;
        log_slots_end(log, job, log_slots_run(job));
    }
}

// ---- those that read

static inline struct store_reading *world_read_begin(struct world *world) {
    struct store_reading *reading = store_reading_begin(world->store);
    if (reading != NULL) store_reading_run(reading);
    return reading;
}

// All that is wanted from the disk is read. Returns how many readings it took.
static inline unsigned world_read(struct world *world) {
    for (unsigned count = 0;; count++) {
        struct store_reading *reading = world_read_begin(world);
        if (reading == NULL) return count;
        engine_read(world->engine, reading);
    }
}

// ---- clients

static inline struct peer *world_connect(struct world *world) {
    must(world->peer_count < WORLD_PEERS_MAX);
    struct peer *peer = &world->peers[world->peer_count++];
    const struct client_origin origin = {.address = "127.0.0.1:5000",
                                         .local_address = "127.0.0.1:6379",
                                         .fd = -1,
                                         .is_loopback = true};
    struct slice refusal;
    peer->client = engine_connect(world->engine, &origin, peer, &refusal);
    must(peer->client != NULL);
    return peer;
}

static inline void peer_close(struct peer *peer) {
    engine_disconnect(peer->client);
    peer->client = NULL;
}

static inline void peer_send(struct peer *peer, struct slice bytes) {
    while (bytes.len > 0 && peer->client != NULL) {
        size_t room = 0;
        char *into = engine_input(peer->client, &room);
        const size_t len = room < bytes.len ? room : bytes.len;
        memcpy(into, bytes.data, len);
        peer->fed = engine_feed(peer->client, len);
        bytes = slice_sub(bytes, len, bytes.len);
        if (peer->fed != FEED_OK) must(bytes.len == 0 || peer->fed == FEED_CLOSE);
    }
}

// Types an inline command, or several lines of them.
static inline void peer_type(struct peer *peer, const char *line) {
    struct buf bytes = {0};
    buf_append_str(&bytes, line);
    buf_append_str(&bytes, "\r\n");
    peer_send(peer, buf_slice(&bytes));
    buf_deinit(&bytes);
}

// Carries what may leave to the peers, and closes those that are finished.
static inline void world_carry(struct world *world) {
    for (struct client *client = engine_next_sendable(world->engine); client != NULL;
         client = engine_next_sendable(world->engine)) {
        struct peer *peer = client->conn;
        const struct slice bytes = outbox_sendable(&client->outbox);
        outbox_check(&client->outbox);
        if (!client->closes_now && !peer->is_deaf && bytes.len > 0) {
            buf_append_slice(&peer->seen, bytes);
            engine_sent(client, bytes.len);
        }
        if (client_is_finished(client)) peer_close(peer);
    }
}

// Turns of the loop until nothing moves any more; without a flush.
static inline void world_turn(struct world *world) {
    do {
        engine_run(world->engine);
        while (engine_next_resumed(world->engine) != NULL) {
        }
        world_carry(world);
    } while (engine_has_work(world->engine));
}

static inline void world_settle(struct world *world) {
    world_turn(world);
    world_flush(world);
    world_turn(world);
    world_flush(world);
    world_turn(world);
}

static inline void world_set_time(struct world *world, int64_t now_ms) {
    world->now_ms = now_ms;
    engine_set_time(world->engine, now_ms * 1000, now_ms * 1000);
}

// What has arrived since the last look.
#define assert_seen(peer, literal)                                                                 \
    do {                                                                                           \
        assert_text(buf_slice(&(peer)->seen), literal);                                            \
        buf_reset(&(peer)->seen);                                                                  \
    } while (0)

// Types and reads the answer, flushed.
#define assert_answer(world, peer, line, literal)                                                  \
    do {                                                                                           \
        peer_type((peer), (line));                                                                 \
        world_settle(world);                                                                       \
        assert_seen((peer), literal);                                                              \
    } while (0)

// ---- life

static inline int64_t world_clock_us(void *context) {
    struct world *world = context;
    return world->clock_us += 10;
}

// With so much of the log in memory.
static inline struct world *world_open_tail(uint64_t capacity_bytes, struct command_table table,
                                            const struct engine_host *host, size_t tail_bytes) {
    struct world *world = mem_zalloc(sizeof *world);
    world->disk = memory_disk_new(1, capacity_bytes);
    world->vfs = memory_disk_open(world->disk);
    world->now_ms = WORLD_START_MS;
    const struct store_options store_options = {
        .log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN,
                .tail_bytes = tail_bytes,
                .reserve_bytes = LOG_SEGMENT_BYTES_MIN,
                .slots_ahead = 4,
                .seed = 7},
        .databases = 16,
        .seed = 7,
        .cold_read_cache_bytes = 4 * LOG_SEGMENT_BYTES_MIN,
    };
    struct store_recovery recovery;
    struct fault fault = {0};
    assert_ok(store_open(&world->store, world->vfs, &store_options, &recovery, &fault), &fault);
    options_init(&world->options);
    world->clock = (struct clock){.context = world, .monotonic_us = world_clock_us};
    const struct engine_options options = {
        .store = world->store,
        .options = &world->options,
        .commands = table,
        .host = *host,
        .trace = &world->trace,
        .clock = &world->clock,
        .seed = 7,
        .wall_us = world->now_ms * 1000,
        .monotonic_us = world->now_ms * 1000,
    };
    world->engine = engine_new(&options);
    world_make_slots(world);
    return world;
}

// With another table than the one above, and the process that its commands ask for.
static inline struct world *world_open_with(uint64_t capacity_bytes, struct command_table table,
                                            const struct engine_host *host) {
    return world_open_tail(capacity_bytes, table, host, (size_t)4 * LOG_SEGMENT_BYTES_MIN);
}

static inline struct world *world_open(uint64_t capacity_bytes) {
    static const struct engine_host host = {0};
    static const size_t rows = sizeof world_table / sizeof world_table[0];
    return world_open_with(capacity_bytes, (struct command_table){world_table, rows}, &host);
}

static inline int world_setup(void **state) {
    *state = world_open(64 << 20);
    return 0;
}

static inline int world_teardown(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < world->peer_count; i++) {
        if (world->peers[i].client != NULL) peer_close(&world->peers[i]);
        buf_deinit(&world->peers[i].seen);
    }
    engine_free(world->engine);
    world_flush_quietly(world);
    store_close(world->store);
    vfs_free(world->vfs);
    memory_disk_free(world->disk);
    options_deinit(&world->options);
    mem_free(world);
    return 0;
}

#define engine_test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
