#include "tests/sim/world/worker.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/world/state.h"
#include "tests/sim/world/worker_state.h"

enum { JOBS_AT_ONCE = 200 };

#define QUEUE "jobs:queue"

// ---- jobs

void jobs_begin(struct jobs *jobs) {
    jobs->count = 0;
}

void jobs_deinit(struct jobs *jobs) {
    mem_free(jobs->states);
    mem_free(jobs->owners);
    mem_free(jobs->found);
    *jobs = (struct jobs){0};
}

size_t job_new(struct jobs *jobs) {
    if (jobs->count == jobs->cap) {
        jobs->cap = jobs->cap == 0 ? 256 : jobs->cap * 2;
        jobs->states = mem_realloc(jobs->states, jobs->cap);
        jobs->owners = mem_realloc(jobs->owners, jobs->cap);
        jobs->found = mem_realloc(jobs->found, jobs->cap);
    }
    jobs->states[jobs->count] = JOB_PUSHING;
    return jobs->count++;
}

// Short ones lie in memory, long ones are references into the log.
struct slice job_text(size_t job, char into[JOB_BYTES_MAX]) {
    const int head = snprintf(into, JOB_BYTES_MAX, "job:%zu:", job);
    const size_t len = num_min((size_t)head + job * 37 % 350, JOB_BYTES_MAX);
    memset(into + head, 'a' + (int)(job % 26), len - (size_t)head);
    return slice_of(into, len);
}

// SIZE_MAX: these bytes are no job.
size_t job_parse(const struct jobs *jobs, struct slice text) {
    size_t job = 0;
    size_t at = 4;
    if (text.len < 6 || memcmp(text.data, "job:", 4) != 0) return SIZE_MAX;
    for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        job = job * 10 + (size_t)(text.data[at] - '0');
    if (job >= jobs->count) return SIZE_MAX;
    char expected[JOB_BYTES_MAX];
    return slice_equal(text, job_text(job, expected)) ? job : SIZE_MAX;
}

const char *job_state_name(enum job_state state) {
    static const char *const names[] = {"being pushed", "there", "being removed", "gone",
                                        "refused"};
    return names[state];
}

// ---- the account

static bool count_list(struct world *world, const char *key) {
    struct jobs *jobs = &world->jobs;
    const struct entry *entry =
        keyspace_find_raw(store_keyspace(world->store), JOBS_DATABASE, slice_str(key));
    if (entry == NULL) return true;
    if (entry->type != TYPE_LIST) world_broke(world, 9, "'%s' is no list", key);
    struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
    struct blob blob;
    while (list_cursor_next(&cursor, &blob)) {
        struct slice text;
        if (store_bytes(world->store, &blob, &world->scratch, &text) != ERR_NONE) return false;
        const size_t job = job_parse(jobs, text);
        if (job == SIZE_MAX) world_broke(world, 9, "'%s' holds what nobody pushed", key);
        jobs->found[job]++;
    }
    return true;
}

static void check_job(struct world *world, size_t job) {
    const enum job_state state = (enum job_state)world->jobs.states[job];
    const unsigned found = world->jobs.found[job];
    const bool is_right = state == JOB_THERE                          ? found == 1
                          : state == JOB_GONE || state == JOB_REFUSED ? found == 0
                                                                      : found <= 1;
    if (is_right) return;
    world_broke(world, 9, "job %zu is %s as far as was told, and found %u times", job,
                job_state_name(state), found);
}

void jobs_check(struct world *world) {
    struct jobs *jobs = &world->jobs;
    if (jobs->count == 0) return;
    memset(jobs->found, 0, jobs->count);
    bool is_whole = count_list(world, QUEUE);
    for (size_t i = 0; i < WORLD_PEERS && is_whole; i++)
        if (world->peers[i].worker != NULL)
            is_whole = count_list(world, world->peers[i].worker->key);
    if (is_whole) is_whole = crew_count_jobs(world);
    if (!is_whole) return; // the disk gave no answer: nothing is known
    for (size_t job = 0; job < jobs->count; job++)
        check_job(world, job);
}

size_t jobs_alive(const struct jobs *jobs) {
    size_t alive = 0;
    for (size_t job = 0; job < jobs->count; job++)
        alive += jobs->states[job] == JOB_THERE || jobs->states[job] == JOB_PUSHING;
    return alive;
}

// ---- workers

struct worker *worker_new(size_t number) {
    struct worker *worker = mem_zalloc(sizeof *worker);
    worker->number = (unsigned char)number;
    snprintf(worker->key, sizeof worker->key, "jobs:worker:%zu", number);
    worker->reads_group = number % 2 == 1; // half of them work on lists, half on a stream
    return worker;
}

void worker_free(struct worker *worker) {
    if (worker == NULL) return;
    buf_deinit(&worker->heard);
    mem_free(worker);
}

void worker_connected(struct worker *worker) {
    worker->stage = STAGE_ENTER;
    buf_reset(&worker->heard);
}

// What it asked for last may have been done or not: the states say so already.
void worker_cut_off(struct jobs *jobs, struct worker *worker) {
    (void)jobs;
    worker->pushes_again = worker->reads_group && worker->stage == STAGE_PUSH;
    worker_connected(worker);
}

void worker_say(struct peer *peer, enum stage stage, const struct slice *argv, size_t argc) {
    peer->worker->stage = stage;
    peer_say(peer, argv, argc);
}

static void say_push(struct world *world, struct peer *peer) {
    struct worker *worker = peer->worker;
    worker->job = job_new(&world->jobs);
    world->figures->jobs++;
    char text[JOB_BYTES_MAX];
    const struct slice argv[] = {world_chance(world, 4) ? SLICE("RPUSH") : SLICE("LPUSH"),
                                 SLICE(QUEUE), job_text(worker->job, text)};
    worker_say(peer, STAGE_PUSH, argv, 3);
}

static void say_claim(struct world *world, struct peer *peer) {
    const struct slice own = slice_str(peer->worker->key);
    const struct slice queue = SLICE(QUEUE);
    const struct slice left = SLICE("LEFT");
    const struct slice right = SLICE("RIGHT");
    const struct slice blmove[] = {SLICE("BLMOVE"), queue, own, right, left, SLICE("0.2")};
    const struct slice lmove[] = {SLICE("LMOVE"), queue, own, right, left};
    const struct slice brpoplpush[] = {SLICE("BRPOPLPUSH"), queue, own, SLICE("0.1")};
    const struct slice rpoplpush[] = {SLICE("RPOPLPUSH"), queue, own};
    switch (rng_below(&world->rng, 6)) {
    case 0:
        worker_say(peer, STAGE_CLAIM, lmove, 5);
        return;
    case 1:
        worker_say(peer, STAGE_CLAIM, brpoplpush, 4);
        return;
    case 2:
        worker_say(peer, STAGE_CLAIM, rpoplpush, 3);
        return;
    default:
        worker_say(peer, STAGE_CLAIM, blmove, 6);
        return;
    }
}

static void say_give_back(struct peer *peer, enum stage stage) {
    const struct slice argv[] = {SLICE("LMOVE"), slice_str(peer->worker->key), SLICE(QUEUE),
                                 SLICE("LEFT"), SLICE("RIGHT")};
    worker_say(peer, stage, argv, 5);
}

static void say_ack(struct world *world, struct peer *peer) {
    struct worker *worker = peer->worker;
    char text[JOB_BYTES_MAX];
    const struct slice argv[] = {SLICE("LREM"), slice_str(worker->key),
                                 world_chance(world, 4) ? SLICE("0") : SLICE("1"),
                                 job_text(worker->job, text)};
    world->jobs.states[worker->job] = JOB_REMOVING;
    world->jobs.owners[worker->job] = worker->number;
    worker_say(peer, STAGE_ACK, argv, 4);
}

void worker_next(struct world *world, struct peer *peer) {
    const struct slice select[] = {SLICE("SELECT"), SLICE("15")};
    switch (peer->worker->stage) {
    case STAGE_ENTER:
        worker_say(peer, STAGE_SELECT, select, 2);
        return;
    case STAGE_IDLE:
        if (peer->worker->reads_group) {
            crew_next(world, peer);
            return;
        }
        if (world_chance(world, 2) && jobs_alive(&world->jobs) < JOBS_AT_ONCE) {
            say_push(world, peer);
        } else {
            say_claim(world, peer);
        }
        return;
    case STAGE_SELECT:
    case STAGE_SWEEP:
    case STAGE_PUSH:
    case STAGE_CLAIM:
    case STAGE_ACK:
    case STAGE_GIVE_BACK:
    case STAGE_GROUP:
        return; // waits for its reply
    }
}

// ---- what they hear

static bool begins(struct slice reply, const char *text) {
    const size_t len = strlen(text);
    return reply.len >= len && memcmp(reply.data, text, len) == 0;
}

static bool is_nothing(struct slice reply) {
    return begins(reply, "$-1") || begins(reply, "*-1") || begins(reply, "_");
}

// Errors that may come at any time, after which the worker looks anew at what it holds.
bool worker_is_excused(const struct world *world, struct slice reply) {
    if (begins(reply, "-NOSPACE") || begins(reply, "-UNBLOCKED")) return true;
    return world->reads_fail && (begins(reply, "-ERR IO") || begins(reply, "-ERR CORRUPT"));
}

_Noreturn void worker_refuse(struct world *world, const struct peer *peer, struct slice reply) {
    char text[80];
    slice_to_cstr(reply, text, sizeof text);
    world_broke(world, 9, "%s hears what it cannot (stage %d, job %zu): %s", peer->worker->key,
                (int)peer->worker->stage, peer->worker->job, text);
}

static size_t hear_job(struct world *world, const struct peer *peer, struct slice reply) {
    const char *body = reply.len == 0 ? NULL : memchr(reply.data, '\n', reply.len);
    if (!begins(reply, "$") || body == NULL) worker_refuse(world, peer, reply);
    const size_t at = (size_t)(body - reply.data) + 1;
    if (at + 2 > reply.len) worker_refuse(world, peer, reply);
    const size_t job = job_parse(&world->jobs, slice_sub(reply, at, reply.len - 2));
    if (job == SIZE_MAX) worker_refuse(world, peer, reply);
    return job;
}

// Who has claimed a job is alone with it, however late the reply comes.
static size_t hear_claimed(struct world *world, const struct peer *peer, struct slice reply) {
    const size_t job = hear_job(world, peer, reply);
    const enum job_state state = (enum job_state)world->jobs.states[job];
    if (state == JOB_GONE || state == JOB_REFUSED)
        world_broke(world, 9, "job %zu is given out though it is %s", job, job_state_name(state));
    world->jobs.states[job] = JOB_THERE;
    return job;
}

// When this is heard, another worker may long have claimed and removed it. Only a removal that this
// worker had said itself is now known not to have happened.
static void hear_given_back(struct world *world, const struct peer *peer, struct slice reply) {
    const size_t job = hear_job(world, peer, reply);
    unsigned char *state = &world->jobs.states[job];
    const bool was_ours = world->jobs.owners[job] == peer->worker->number;
    if (*state == JOB_PUSHING || (*state == JOB_REMOVING && was_ours)) *state = JOB_THERE;
}

static void hear_claim(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    if (is_nothing(reply)) {
        worker->stage = STAGE_IDLE;
        return;
    }
    if (worker_is_excused(world, reply)) {
        say_give_back(peer, STAGE_SWEEP);
        return;
    }
    worker->job = hear_claimed(world, peer, reply);
    if (world_chance(world, 8)) {
        say_give_back(peer, STAGE_GIVE_BACK);
    } else {
        say_ack(world, peer);
    }
}

static void hear_push(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    worker->stage = STAGE_IDLE;
    unsigned char *state = &world->jobs.states[worker->job];
    if (begins(reply, ":")) {
        if (*state == JOB_PUSHING) *state = JOB_THERE;
    } else if (worker_is_excused(world, reply)) {
        *state = JOB_REFUSED;
    } else {
        worker_refuse(world, peer, reply);
    }
}

static void hear_ack(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    if (begins(reply, ":1\r")) {
        world->jobs.states[worker->job] = JOB_GONE;
        worker->stage = STAGE_IDLE;
    } else if (worker_is_excused(world, reply)) {
        say_give_back(peer, STAGE_SWEEP);
    } else {
        worker_refuse(world, peer, reply);
    }
}

static void hear(struct world *world, struct peer *peer, struct slice reply) {
    struct worker *worker = peer->worker;
    switch (worker->stage) {
    case STAGE_SELECT:
        say_give_back(peer, STAGE_SWEEP);
        return;
    case STAGE_SWEEP:
        if (is_nothing(reply)) {
            worker->stage = STAGE_IDLE;
        } else {
            if (!worker_is_excused(world, reply)) hear_given_back(world, peer, reply);
            say_give_back(peer, STAGE_SWEEP);
        }
        return;
    case STAGE_GIVE_BACK:
        if (!is_nothing(reply) && !worker_is_excused(world, reply))
            hear_given_back(world, peer, reply);
        say_give_back(peer, STAGE_SWEEP);
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
    case STAGE_ENTER:
    case STAGE_GROUP:
    case STAGE_IDLE:
        worker_refuse(world, peer, reply); // it has asked for nothing
    }
}

void worker_hears(struct world *world, struct peer *peer, struct slice piece, bool is_last) {
    struct worker *worker = peer->worker;
    buf_append_slice(&worker->heard, piece);
    if (!is_last) return;
    if (worker->reads_group) {
        crew_hears(world, peer, buf_slice(&worker->heard));
    } else {
        hear(world, peer, buf_slice(&worker->heard));
    }
    buf_reset(&worker->heard);
}
