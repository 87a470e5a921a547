#include "tests/fuzz/engine_box.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/resp/reader.h"
#include "server/commands/table.h"
#include "server/engine/engine.h"

enum {
    CAPACITY_BYTES = 3 << 20,
    ROOM_BYTES = 1 << 20, // what an operator makes when asked to
    START_MS = 1000000,
    COMMAND_US = 10, // each look at the clock costs that much
    SLOTS_PER_TURN = 8,
    TURNS_MAX = 100000, // a loop that does not come to rest in so many is a bug
};

// One peer. The counts are of its present connection.
struct peer {
    struct client *client;  // NULL: closed
    struct buf unsent;      // on its way, not read by the server yet
    struct buf seen;        // what has arrived
    struct reader *reader;  // of what has arrived
    struct request request; // of what was fed: the same bytes, read once more
    size_t read_max;        // per turn
    size_t read_left;       // of this turn
    uint64_t asked;
    uint64_t answered;
    bool is_held;       // the engine wants no more for now
    bool is_clogged;    // bytes that may leave wait for the peer to read
    bool may_be_silent; // it asked for what leaves requests without an answer
    bool knows_resp3;
    bool is_bad; // its bytes are no protocol any more
};

struct box {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
    struct options options;
    struct engine *engine;
    struct log_flush *flying;
    struct peer peers[BOX_PEERS];
    struct clock clock;
    struct trace trace;
    struct buf config; // the configuration file
    struct buf transcript;
    size_t step;
    uint64_t capacity; // of the disk, when it is not full
    int64_t wall_ms;
    int64_t monotonic_ms;
    int64_t clock_us;
    uint64_t starts;
    uint64_t words; // length of all that was traced
    bool is_stopping;
    bool is_comparable; // with a run that cuts the input elsewhere
    bool is_countable;  // the limits of requests are the ones the peers' own parsers use
};

// ---- what the engine is given

static int64_t clock_us(void *context) {
    struct box *box = context;
    return box->clock_us += COMMAND_US;
}

static void take_words(void *context, enum trace_level level, const char *event, const char *text) {
    struct box *box = context;
    must(level >= TRACE_DEBUG && event[0] != '\0');
    box->words += strlen(text);
}

static void host_usage(void *context, struct host_usage *out) {
    const struct box *box = context;
    *out = (struct host_usage){.uptime_s = (box->monotonic_ms - START_MS) / 1000,
                               .allocator = "libc",
                               .os = "fuzz",
                               .executable = "/fuzz"};
}

static void host_shutdown(void *context) {
    struct box *box = context;
    box->is_stopping = true;
}

// Refuses one option, so that CONFIG SET has to take back what it has set before.
static enum err host_option_changed(void *context, const struct option *option,
                                    struct fault *fault) {
    struct box *box = context;
    box->is_comparable = false; // limits are looked at once per read
    if (!slice_is(slice_str(option_name(option)), "tcp-keepalive")) return ERR_NONE;
    if (box->options.tcp_keepalive_s != 0) return ERR_NONE;
    return fault_set(fault, ERR_INVALID, "refused by the host");
}

static enum err host_config_read(void *context, struct buf *out, struct fault *fault) {
    const struct box *box = context;
    (void)fault;
    buf_append_slice(out, buf_slice(&box->config));
    return ERR_NONE;
}

static enum err host_config_write(void *context, struct slice text, struct fault *fault) {
    struct box *box = context;
    (void)fault;
    buf_reset(&box->config);
    buf_append_slice(&box->config, text);
    return ERR_NONE;
}

// ---- peers

static void watch_limits(struct box *box) {
    const struct options *options = &box->options;
    if (options->requirepass[0] != '\0' || options->maxmemory != 0 ||
        options->proto_max_bulk_len != 32 << 20 || options->client_query_buffer_limit != 1 << 30) {
        box->is_countable = false;
    }
}

static bool connect_peer(struct box *box, struct peer *peer) {
    const struct client_origin origin = {.address = "127.0.0.1:5000",
                                         .local_address = "127.0.0.1:6379",
                                         .fd = -1,
                                         .is_loopback = true};
    struct slice refusal;
    watch_limits(box);
    peer->client = engine_connect(box->engine, &origin, peer, &refusal);
    must((peer->client == NULL) == (refusal.len > 0));
    if (peer->client == NULL) return false;
    request_init(&peer->request);
    peer->reader = reader_new();
    peer->asked = 0;
    peer->answered = 0;
    peer->is_held = false;
    peer->is_clogged = false;
    peer->may_be_silent = false;
    peer->knows_resp3 = false;
    peer->is_bad = false;
    return true;
}

static void close_peer(struct box *box, struct peer *peer) {
    engine_disconnect(peer->client);
    peer->client = NULL;
    buf_printf(&box->transcript, "peer %d: ", (int)(peer - box->peers));
    buf_append_slice(&box->transcript, buf_slice(&peer->seen));
    buf_reset(&peer->seen);
    buf_reset(&peer->unsent);
    request_deinit(&peer->request);
    reader_free(peer->reader);
}

// What a request means for the books.
static void note_request(struct box *box, struct peer *peer) {
    static const char *const figures[] = {"info", "memory", "latency", "slowlog"};
    const struct slice *argv = peer->request.argv;
    peer->asked++;
    if (slice_is(argv[0], "hello")) peer->knows_resp3 = true;
    if (slice_is(argv[0], "shutdown")) peer->may_be_silent = true;
    if (slice_is(argv[0], "client") && peer->request.argc > 1) {
        if (slice_is(argv[1], "reply")) peer->may_be_silent = true;
        if (slice_is(argv[1], "list") || slice_is(argv[1], "info")) box->is_comparable = false;
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (slice_is(argv[0], figures[i])) box->is_comparable = false;
    }
}

static void note_bytes(struct box *box, struct peer *peer, struct slice bytes) {
    const struct request_limits limits = {
        .bulk_max = 32 << 20, .query_max = 1 << 30, .is_authenticated = true};
    if (peer->is_bad) return;
    request_feed(&peer->request, bytes);
    for (;;) {
        switch (request_next(&peer->request, &limits)) {
        case REQUEST_READY:
            note_request(box, peer);
            continue;
        case REQUEST_MORE:
            return;
        case REQUEST_BAD:
            peer->is_bad = true;
            peer->asked++; // is answered with an error
            return;
        }
    }
}

static bool is_resp2(enum value_kind kind) {
    return kind == VALUE_STATUS || kind == VALUE_ERROR || kind == VALUE_INT || kind == VALUE_BULK ||
           kind == VALUE_NULL || kind == VALUE_ARRAY;
}

static void note_replies(const struct box *box, struct peer *peer, struct slice bytes) {
    buf_append_slice(&peer->seen, bytes);
    reader_feed(peer->reader, bytes);
    for (;;) {
        const struct value *value = NULL;
        const enum reader_status status = reader_next(peer->reader, &value);
        must(status != READER_BAD);
        if (status == READER_MORE) break;
        must(peer->knows_resp3 || is_resp2(value->type));
        peer->answered++;
    }
    must(!box->is_countable || peer->answered <= peer->asked);
}

// Feeds what is on its way, as far as the engine takes it.
static void feed(struct box *box, struct peer *peer) {
    while (peer->unsent.len > 0 && peer->client != NULL && !peer->is_held) {
        if (peer->client->state != CLIENT_IDLE) { // as net/conn.c does
            peer->client->is_paused_input = true;
            peer->is_held = true;
            return;
        }
        size_t room = 0;
        char *into = engine_input(peer->client, &room);
        must(room > 0);
        size_t len = num_min(peer->unsent.len, room);
        if (box->step > 0) len = num_min(len, box->step);
        memcpy(into, peer->unsent.data, len);
        note_bytes(box, peer, slice_of(peer->unsent.data, len));
        buf_remove_front(&peer->unsent, len);
        const enum feed fed = engine_feed(peer->client, len);
        outbox_check(&peer->client->outbox);
        if (fed != FEED_OK) peer->is_held = true;
        if (fed == FEED_PAUSED) box->is_comparable = false;
        if (box->is_stopping) return;
    }
}

// ---- bytes out

// Hands the peer what may leave, as much as it reads; closes what is finished.
static void carry_to(struct box *box, struct peer *peer) {
    struct client *client = peer->client;
    while (!client->closes_now) {
        outbox_check(&client->outbox);
        const struct slice bytes = outbox_sendable(&client->outbox);
        const size_t len = num_min(bytes.len, peer->read_left);
        peer->is_clogged = len < bytes.len;
        if (len == 0) break;
        note_replies(box, peer, slice_sub(bytes, 0, len));
        if (peer->read_left != SIZE_MAX) peer->read_left -= len;
        engine_sent(client, len);
    }
    if (client_is_finished(client)) close_peer(box, peer);
}

static void carry(struct box *box) {
    for (struct client *client = engine_next_sendable(box->engine); client != NULL;
         client = engine_next_sendable(box->engine)) {
        struct peer *peer = client->conn;
        must(peer->client == client);
        if (!peer->is_clogged || client->closes_now) carry_to(box, peer);
    }
}

// ---- the log thread

static void flush_begin(struct box *box) {
    if (box->flying == NULL) box->flying = log_flush_begin(store_log(box->store));
}

static void flush_end(struct box *box) {
    struct log *log = store_log(box->store);
    if (box->flying == NULL) return;
    log_flush_end(log, box->flying, log_flush_run(box->flying));
    box->flying = NULL;
    engine_durable(box->engine, log_durable_lsn(log));
}

static void flush_all(struct box *box) {
    flush_end(box);
    for (flush_begin(box); box->flying != NULL; flush_begin(box)) {
        flush_end(box);
    }
}

static void make_slots(struct box *box) {
    struct log *log = store_log(box->store);
    for (int i = 0; i < SLOTS_PER_TURN; i++) {
        struct log_slots *job = log_slots_begin(log, box->wall_ms);
        if (job == NULL) return;
        log_slots_end(log, job, log_slots_run(job));
        engine_durable(box->engine, log_durable_lsn(log));
    }
}

// ---- the process

static void start(struct box *box) {
    const struct store_options store_options = {
        .log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN,
                .tail_bytes = 2 * LOG_SEGMENT_BYTES_MIN,
                .reserve_bytes = LOG_SEGMENT_BYTES_MIN,
                .slots_ahead = 2,
                .seed = ++box->starts,
                .trace = &box->trace},
        .databases = 16,
        .seed = 7,
        .trace = &box->trace,
    };
    struct store_recovery recovery;
    struct fault fault = {0};
    box->vfs = memory_disk_open(box->disk);
    enum err err = store_open(&box->store, box->vfs, &store_options, &recovery, &fault);
    if (err == ERR_NO_SPACE) {
        // Each start takes a segment; on a full disk one is kept for the next start, not for the
        // one after. Then it says so, and starts when room was made.
        must(fault.text[0] != '\0');
        box->capacity += ROOM_BYTES;
        memory_disk_resize(box->disk, box->capacity);
        err = store_open(&box->store, box->vfs, &store_options, &recovery, &fault);
    }
    must(err == ERR_NONE);
    options_init(&box->options);
    mem_free(box->options.config_file);
    box->options.config_file = mem_dup("/fuzz.conf", sizeof "/fuzz.conf");
    const struct engine_options options = {
        .store = box->store,
        .options = &box->options,
        .commands = commands_table(),
        .host = {.context = box,
                 .usage = host_usage,
                 .shutdown = host_shutdown,
                 .option_changed = host_option_changed,
                 .config_read = host_config_read,
                 .config_write = host_config_write},
        .trace = &box->trace,
        .clock = &box->clock,
        .seed = 7,
        .wall_us = box->wall_ms * 1000,
        .monotonic_us = box->monotonic_ms * 1000,
    };
    box->engine = engine_new(&options);
    make_slots(box);
}

static void stop(struct box *box) {
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        box_cut(box, i);
    }
    engine_free(box->engine);
    store_close(box->store);
    vfs_free(box->vfs);
    options_deinit(&box->options);
}

// The process ends and starts again. What was durable is there; all of it, if it was all durable.
static void restart(struct box *box) {
    memory_disk_heal(box->disk);
    flush_all(box);
    const bool is_whole = !log_is_broken(store_log(box->store));
    const uint64_t digest = keyspace_digest(store_keyspace(box->store));
    keyspace_check(store_keyspace(box->store));
    stop(box);
    start(box);
    must(!is_whole || keyspace_digest(store_keyspace(box->store)) == digest);
    keyspace_check(store_keyspace(box->store));
    box->is_stopping = false;
}

// What the net layer does when it sees that the log is broken, or was told to stop.
static void restart_if_over(struct box *box) {
    if (box->is_stopping || log_is_broken(store_log(box->store))) restart(box);
}

// ---- what the driver may do

void box_send(struct box *box, unsigned index, struct slice bytes) {
    struct peer *peer = &box->peers[index];
    if (peer->client == NULL && !connect_peer(box, peer)) return;
    buf_append_slice(&peer->unsent, bytes);
    feed(box, peer);
    watch_limits(box);
    restart_if_over(box);
}

void box_cut(struct box *box, unsigned index) {
    struct peer *peer = &box->peers[index];
    if (peer->client != NULL) close_peer(box, peer);
}

void box_read_at_most(struct box *box, unsigned index, size_t bytes) {
    box->peers[index].read_max = bytes;
}

void box_turn(struct box *box) {
    engine_run(box->engine);
    for (struct client *client = engine_next_resumed(box->engine); client != NULL;
         client = engine_next_resumed(box->engine)) {
        struct peer *peer = client->conn;
        peer->is_held = false;
    }
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        if (!box->is_stopping) feed(box, &box->peers[i]);
    }
    make_slots(box);
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        struct peer *peer = &box->peers[i];
        peer->read_left = peer->read_max;
        if (peer->client != NULL && peer->is_clogged) carry_to(box, peer);
    }
    carry(box);
    restart_if_over(box);
}

static void set_time(struct box *box) {
    engine_set_time(box->engine, box->wall_ms * 1000, box->monotonic_ms * 1000);
}

void box_tick(struct box *box) {
    engine_tick(box->engine);
    restart_if_over(box);
}

void box_pass(struct box *box, int64_t ms) {
    box->wall_ms += ms;
    box->monotonic_ms += ms;
    set_time(box);
}

void box_move_wall(struct box *box, int64_t ms) {
    if (box->wall_ms + ms < START_MS) return;
    box->wall_ms += ms;
    set_time(box);
}

void box_flush_begin(struct box *box) {
    flush_begin(box);
}

void box_flush_end(struct box *box) {
    flush_end(box);
    restart_if_over(box);
}

void box_seal(struct box *box) {
    struct log *log = store_log(box->store);
    if (box->flying == NULL && log_wants_seal(log)) box->flying = log_seal_begin(log);
}

void box_fill_disk(struct box *box, bool is_full) {
    memory_disk_resize(box->disk, is_full ? 0 : box->capacity);
    if (!is_full) log_slots_retry(store_log(box->store));
}

void box_fault(struct box *box, const struct memory_fault *fault) {
    memory_disk_heal(box->disk); // one at a time
    memory_disk_fail(box->disk, fault);
}

void box_restart(struct box *box) {
    restart(box);
}

void box_power_cut(struct box *box) {
    if (box->flying != NULL) {
        memory_disk_die_after(box->disk, 1);
        log_flush_end(store_log(box->store), box->flying, log_flush_run(box->flying));
        box->flying = NULL;
    }
    memory_disk_cut(box->disk);
    stop(box);
    memory_disk_heal(box->disk);
    start(box);
    keyspace_check(store_keyspace(box->store));
}

// ---- rest

// Grows with whatever moves.
static uint64_t moved(const struct box *box) {
    uint64_t sum = log_end_lsn(store_log(box->store)) + log_durable_lsn(store_log(box->store)) +
                   box->transcript.len;
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        const struct peer *peer = &box->peers[i];
        if (peer->client == NULL) continue;
        sum += peer->asked + peer->seen.len + peer->client->commands;
    }
    return sum;
}

static void check_at_rest(const struct box *box, const struct peer *peer) {
    const struct client *client = peer->client;
    outbox_check(&client->outbox);
    must(outbox_is_drained(&client->outbox));
    must(!client_is_finished(client));
    if (client->waiter != NULL) {
        must(!box->is_countable || peer->answered < peer->asked);
        return;
    }
    must(client->state == CLIENT_IDLE && peer->unsent.len == 0);
    if (box->is_countable && !peer->may_be_silent) must(peer->answered == peer->asked);
}

void box_settle(struct box *box) {
    memory_disk_heal(box->disk);
    box_fill_disk(box, false);
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        box->peers[i].read_max = SIZE_MAX;
    }
    uint64_t before;
    int turns = 0;
    do {
        before = moved(box);
        engine_unpause(box->engine); // a pause may come at any turn
        box_turn(box);
        flush_all(box);
        restart_if_over(box);
        must(++turns < TURNS_MAX);
    } while (moved(box) != before || engine_has_work(box->engine));
    size_t blocked = 0;
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        const struct peer *peer = &box->peers[i];
        if (peer->client == NULL) continue;
        check_at_rest(box, peer);
        blocked += peer->client->waiter != NULL;
    }
    must(engine_blocked_count(box->engine) == blocked);
}

// ---- life

struct box *box_new(size_t step) {
    struct box *box = mem_zalloc(sizeof *box);
    box->step = step;
    box->capacity = CAPACITY_BYTES;
    box->disk = memory_disk_new(1, box->capacity);
    box->wall_ms = START_MS;
    box->monotonic_ms = START_MS;
    box->is_comparable = true;
    box->is_countable = true;
    box->clock = (struct clock){.context = box, .monotonic_us = clock_us};
    box->trace = (struct trace){.context = box, .level = TRACE_DEBUG, .sink = take_words};
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        box->peers[i].read_max = SIZE_MAX;
        box->peers[i].read_left = SIZE_MAX;
    }
    start(box);
    return box;
}

void box_free(struct box *box) {
    if (box->flying != NULL) flush_end(box);
    stop(box);
    for (unsigned i = 0; i < BOX_PEERS; i++) {
        buf_deinit(&box->peers[i].seen);
        buf_deinit(&box->peers[i].unsent);
    }
    memory_disk_free(box->disk);
    buf_deinit(&box->config);
    buf_deinit(&box->transcript);
    mem_free(box);
}

bool box_transcript(const struct box *box, struct slice *out) {
    *out = buf_slice(&box->transcript);
    return box->is_comparable;
}
