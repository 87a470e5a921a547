// Workers that read from a consumer group. A job is an entry; it is queued until the group has read
// it, in flight while it is pending, gone when it was acknowledged. Another worker may take over
// what has been pending for some time, so that two may work on one job; but it is acknowledged
// once.
//
// A push whose reply never came is said again with the same idempotent id: the job is there once.
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/resp/reader.h"
#include "storage/data/group.h"
#include "tests/sim/world/worker_state.h"

enum {
    JOBS_MAX = 150,
    NOBODY = UCHAR_MAX,    // has heard that the job is acknowledged by itself
    REPEAT_MS = 50 * 1000, // shorter than ids are remembered (100 s)
};

#define STREAM "jobs:stream"
#define CREW   "crew"

static struct slice name_of(const struct peer *peer) {
    return slice_str(peer->worker->key);
}

static unsigned char *state_of(struct world *world, size_t job) {
    return &world->jobs.states[job];
}

// ---- the account

// The job of an entry: the value of its only field.
static size_t job_of(struct world *world, const struct blob *payload, bool *is_readable) {
    struct stream_fields fields;
    struct slice bytes;
    struct slice name;
    struct slice text;
    *is_readable = store_bytes(world->store, payload, &world->scratch, &bytes) == ERR_NONE;
    if (!*is_readable) return SIZE_MAX;
    if (!stream_fields_begin(&fields, bytes) || !stream_fields_next(&fields, &name) ||
        !stream_fields_next(&fields, &text))
        return SIZE_MAX;
    return job_parse(&world->jobs, text);
}

bool crew_count_jobs(struct world *world) {
    const struct entry *entry =
        keyspace_find_raw(store_keyspace(world->store), JOBS_DATABASE, SLICE(STREAM));
    if (entry == NULL) return true;
    if (entry->type != TYPE_STREAM) world_broke(world, 9, "'%s' is no stream", STREAM);
    const struct group *group = stream_group(entry->value.stream, SLICE(CREW));
    struct stream_cursor cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
    struct stream_entry at;
    unsigned char *seen = mem_zalloc(world->jobs.count + 1);
    size_t in_flight = 0;
    bool is_whole = true;
    while (is_whole && stream_next(&cursor, &at)) {
        const size_t job = job_of(world, &at.payload, &is_whole);
        if (!is_whole) break;
        if (job == SIZE_MAX) world_broke(world, 9, "'%s' holds what nobody pushed", STREAM);
        if (seen[job]++ > 0) world_broke(world, 9, "job %zu was added twice", job);
        const bool is_pending = group != NULL && group_find(group, at.id, NULL);
        const bool is_unread = group == NULL || stream_id_compare(at.id, group_last_id(group)) > 0;
        in_flight += is_pending;
        world->jobs.found[job] =
            (unsigned char)(world->jobs.found[job] + (is_pending || is_unread));
    }
    mem_free(seen);
    if (is_whole && group != NULL && in_flight != group_pending_count(group))
        world_broke(world, 9, "%zu jobs are in flight that are no longer there",
                    group_pending_count(group) - in_flight);
    return is_whole;
}

// ---- what they say

static void say_push(struct world *world, struct peer *peer) {
    struct worker *worker = peer->worker;
    const bool is_again =
        worker->pushes_again && world_now_ms(world) - worker->pushed_ms < REPEAT_MS;
    worker->pushes_again = false;
    worker->has_said = is_again;
    if (!is_again) {
        worker->pushed = job_new(&world->jobs);
        world->jobs.owners[worker->pushed] = NOBODY;
        worker->pushed_ms = world_now_ms(world);
        world->figures->jobs++;
    }
    char text[JOB_BYTES_MAX];
    char number[32];
    snprintf(number, sizeof number, "%zu", worker->pushed);
    const struct slice job = job_text(worker->pushed, text);
    const struct slice plain[] = {SLICE("XADD"),     SLICE(STREAM), SLICE("IDMP"), name_of(peer),
                                  slice_str(number), SLICE("*"),    SLICE("job"),  job};
    // What is acknowledged may go, and nothing else.
    const struct slice trimming[] = {
        SLICE("XADD"),   SLICE(STREAM),
        SLICE("ACKED"),  SLICE("IDMP"),
        name_of(peer),   slice_str(number),
        SLICE("MAXLEN"), world_chance(world, 2) ? SLICE("~") : SLICE("="),
        SLICE("20"),     SLICE("*"),
        SLICE("job"),    job};
    if (world_chance(world, 2)) {
        worker_say(peer, STAGE_PUSH, plain, sizeof plain / sizeof plain[0]);
    } else {
        worker_say(peer, STAGE_PUSH, trimming, sizeof trimming / sizeof trimming[0]);
    }
}

static void say_claim(struct world *world, struct peer *peer) {
    const struct slice name = name_of(peer);
    const struct slice group = SLICE(CREW);
    const struct slice read[] = {SLICE("XREADGROUP"), SLICE("GROUP"), group,          name,
                                 SLICE("COUNT"),      SLICE("1"),     SLICE("BLOCK"), SLICE("200"),
                                 SLICE("STREAMS"),    SLICE(STREAM),  SLICE(">")};
    // One that claims what is old soon enough by itself, and one that nothing but an entry given
    // back can help.
    const bool is_patient = world_chance(world, 2);
    const struct slice idle = is_patient ? SLICE("100000") : SLICE("100");
    const struct slice wait = is_patient ? SLICE("2000") : SLICE("150");
    const struct slice claim[] = {
        SLICE("XREADGROUP"), SLICE("GROUP"), group,     name,           SLICE("COUNT"),
        SLICE("1"),          SLICE("BLOCK"), wait,      SLICE("CLAIM"), idle,
        SLICE("STREAMS"),    SLICE(STREAM),  SLICE(">")};
    const struct slice sweep[] = {SLICE("XAUTOCLAIM"), SLICE(STREAM), group,          name,
                                  SLICE("60"),         SLICE("0"),    SLICE("COUNT"), SLICE("1")};
    switch (rng_below(&world->rng, 4)) {
    case 0:
        worker_say(peer, STAGE_CLAIM, claim, sizeof claim / sizeof claim[0]);
        return;
    case 1:
        worker_say(peer, STAGE_CLAIM, sweep, sizeof sweep / sizeof sweep[0]);
        return;
    default:
        worker_say(peer, STAGE_CLAIM, read, sizeof read / sizeof read[0]);
        return;
    }
}

// What this consumer had when it was cut off.
static void say_history(struct peer *peer) {
    const struct slice argv[] = {SLICE("XREADGROUP"), SLICE("GROUP"), SLICE(CREW),
                                 name_of(peer),       SLICE("COUNT"), SLICE("1"),
                                 SLICE("STREAMS"),    SLICE(STREAM),  SLICE("0")};
    worker_say(peer, STAGE_SWEEP, argv, sizeof argv / sizeof argv[0]);
}

static void say_ack(struct world *world, struct peer *peer) {
    const struct slice entry = slice_str(peer->worker->entry);
    const struct slice ack[] = {SLICE("XACK"), SLICE(STREAM), SLICE(CREW), entry};
    const struct slice ackdel[] = {SLICE("XACKDEL"), SLICE(STREAM), SLICE(CREW),
                                   SLICE("IDS"),     SLICE("1"),    entry};
    unsigned char *state = state_of(world, peer->worker->job);
    if (*state != JOB_GONE) *state = JOB_REMOVING; // another worker may have been faster
    if (world_chance(world, 3)) {
        worker_say(peer, STAGE_ACK, ackdel, sizeof ackdel / sizeof ackdel[0]);
    } else {
        worker_say(peer, STAGE_ACK, ack, sizeof ack / sizeof ack[0]);
    }
}

static void say_nack(struct peer *peer) {
    const struct slice argv[] = {SLICE("XNACK"),
                                 SLICE(STREAM),
                                 SLICE(CREW),
                                 SLICE("FAIL"),
                                 SLICE("IDS"),
                                 SLICE("1"),
                                 slice_str(peer->worker->entry)};
    worker_say(peer, STAGE_GIVE_BACK, argv, sizeof argv / sizeof argv[0]);
}

void crew_next(struct world *world, struct peer *peer) {
    const bool has_room = jobs_alive(&world->jobs) < JOBS_MAX;
    if (peer->worker->pushes_again || (has_room && world_chance(world, 2))) {
        say_push(world, peer);
    } else {
        say_claim(world, peer);
    }
}

// ---- what they hear

static bool begins(struct slice reply, const char *text) {
    const size_t len = strlen(text);
    return reply.len >= len && memcmp(reply.data, text, len) == 0;
}

// The first entry of a reply: [[stream, [entry ...]]], or of XAUTOCLAIM [cursor, [entry ...],
// gone].
static const struct value *first_entry(const struct value *value) {
    if (value->type != VALUE_ARRAY || value->len == 0) return NULL;
    const struct value *entries = NULL;
    if (value->items[0].type == VALUE_ARRAY && value->items[0].len == 2) {
        entries = &value->items[0].items[1];
    } else if (value->len == 3) {
        entries = &value->items[1];
    }
    return entries == NULL || entries->len == 0 ? NULL : &entries->items[0];
}

// False: there is none.
static bool hear_entry(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    struct reader *reader = reader_new();
    const struct value *value;
    reader_feed(reader, reply);
    if (reader_next(reader, &value) != READER_READY) worker_refuse(world, peer, reply);
    const struct value *entry = first_entry(value);
    if (entry == NULL) {
        reader_free(reader);
        return false;
    }
    if (entry->len >= 2 && entry->items[1].type == VALUE_ERROR && world->reads_fail) {
        reader_free(reader); // it is pending, and comes again
        return false;
    }
    if (entry->len < 2 || entry->items[1].len != 2) worker_refuse(world, peer, reply);
    slice_to_cstr(entry->items[0].text, worker->entry, sizeof worker->entry);
    worker->job = job_parse(&world->jobs, entry->items[1].items[1].text);
    reader_free(reader);
    if (worker->job == SIZE_MAX) worker_refuse(world, peer, reply);
    const enum job_state state = (enum job_state) * state_of(world, worker->job);
    if (state == JOB_REFUSED)
        world_broke(world, 9, "job %zu is given out though it is %s", worker->job,
                    job_state_name(state));
    if (state == JOB_PUSHING) *state_of(world, worker->job) = JOB_THERE;
    return true;
}

static void hear_claim(struct world *world, struct peer *peer, struct slice reply) {
    if (worker_is_excused(world, reply)) {
        say_history(peer);
    } else if (!hear_entry(world, peer, reply)) {
        peer->worker->stage = STAGE_IDLE;
    } else if (world_chance(world, 4)) {
        say_nack(peer);
    } else if (world_chance(world, 8)) {
        peer->worker->stage = STAGE_IDLE; // forgets it: somebody will claim it
    } else {
        say_ack(world, peer);
    }
}

static void hear_push(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    unsigned char *state = state_of(world, worker->pushed);
    worker->stage = STAGE_IDLE;
    if (begins(reply, "$")) {
        if (*state == JOB_PUSHING) *state = JOB_THERE;
    } else if (!worker_is_excused(world, reply)) {
        worker_refuse(world, peer, reply);
    } else if (!worker->has_said) {
        *state = JOB_REFUSED;
    }
}

// 0 (XACKDEL: -1): another worker has acknowledged it, and may hear so later. 1 for two workers: it
// has come back in between.
static void hear_ack(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    unsigned char *state = state_of(world, worker->job);
    if (worker_is_excused(world, reply)) {
        say_history(peer);
        return;
    }
    const bool is_acked = begins(reply, ":1\r") || begins(reply, "*1\r\n:1\r");
    const bool was_acked = begins(reply, ":0\r") || begins(reply, "*1\r\n:-1\r");
    if (!is_acked && !was_acked) worker_refuse(world, peer, reply);
    unsigned char *owner = &world->jobs.owners[worker->job];
    if (is_acked && *owner != NOBODY)
        world_broke(world, 9, "job %zu is acknowledged a second time", worker->job);
    if (is_acked) *owner = worker->number;
    *state = JOB_GONE;
    worker->stage = STAGE_IDLE;
}

static void hear_history(struct world *world, struct peer *peer, struct slice reply) {
    if (worker_is_excused(world, reply) || !hear_entry(world, peer, reply)) {
        peer->worker->stage = STAGE_IDLE;
    } else {
        say_ack(world, peer);
    }
}

void crew_hears(struct world *world, struct peer *peer, struct slice reply) {
    const struct slice make[] = {SLICE("XGROUP"), SLICE("CREATE"), SLICE(STREAM),
                                 SLICE(CREW),     SLICE("0"),      SLICE("MKSTREAM")};
    switch (peer->worker->stage) {
    case STAGE_SELECT:
        worker_say(peer, STAGE_GROUP, make, sizeof make / sizeof make[0]);
        return;
    case STAGE_GROUP:
        if (worker_is_excused(world, reply)) {
            worker_say(peer, STAGE_GROUP, make, sizeof make / sizeof make[0]);
        } else if (begins(reply, "+OK") || begins(reply, "-BUSYGROUP")) {
            say_history(peer);
        } else {
            worker_refuse(world, peer, reply);
        }
        return;
    case STAGE_SWEEP:
        hear_history(world, peer, reply);
        return;
    case STAGE_PUSH:
        hear_push(world, peer, reply);
        return;
    case STAGE_CLAIM:
        hear_claim(world, peer, reply);
        return;
    case STAGE_ACK:
        hear_ack(world, peer, reply);
        return;
    case STAGE_GIVE_BACK:
        if (!begins(reply, ":") && !worker_is_excused(world, reply))
            worker_refuse(world, peer, reply);
        peer->worker->stage = STAGE_IDLE;
        return;
    case STAGE_ENTER:
    case STAGE_IDLE:
        worker_refuse(world, peer, reply); // it has asked for nothing
    }
}
