// kill -9 in rounds under load, and an account of every job afterwards.
//
// Producers push jobs, each id once. Workers take a job with BLMOVE and acknowledge it with LREM.
// What a client did is noted in two steps: before it asks (from then on it may have happened) and
// when it is answered (from then on it must last). After the last round everything is drained and
// compared. Seen are: jobs lost, duplicated, given out twice, returned after their LREM was
// acknowledged, never pushed at all, and lists out of order.
#define _GNU_SOURCE

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/rng.h"
#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    ROUNDS = 10,
    PRODUCERS = 3,
    WORKERS = 4,
    JOBS_MAX = 100 * 1000, // of each producer
    ROUND_MS_MIN = 30,
    ROUND_MS_SPREAD = 400,
    PAYLOAD_BYTES = 300, // more than 64: lies in the log, is moved by reference
    CHECK_TORN = 1,
};

// What is known of one job.
enum {
    PUSH_ASKED = 1 << 0,
    PUSH_DONE = 1 << 1,
    TAKEN = 1 << 2, // a worker was given it
    REMOVE_ASKED = 1 << 3,
    REMOVE_DONE = 1 << 4,
    IN_QUEUE = 1 << 5, // found at the end
    IN_PROCESSING = 1 << 6,
};

struct run {
    const char *socket;
    atomic_bool is_over;
    atomic_int violations;
    atomic_uchar jobs[PRODUCERS][JOBS_MAX];
    atomic_int pushed[PRODUCERS]; // ids used so far
    atomic_long operations;
};

struct hand { // one thread
    struct run *run;
    int number;
    redisContext *redis;
};

static void violation(struct run *run, const char *what, int producer, int job) {
    if (atomic_fetch_add(&run->violations, 1) < 20) {
        print_error("job %d:%d: %s (flags %#x)\n", producer, job, what,
                    atomic_load(&run->jobs[producer][job]));
    }
}

// A server that is loading executes nothing: as if it were not there yet.
static bool is_loaded(redisContext *redis) {
    redisReply *reply = redisCommand(redis, "PING");
    bool is_loaded = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return is_loaded;
}

// A reply, or NULL: the connection broke, and it is unknown whether the command was executed.
static redisReply *ask(struct hand *hand, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static redisReply *ask(struct hand *hand, const char *format, ...) {
    while (hand->redis == NULL && !atomic_load(&hand->run->is_over)) {
        hand->redis = redisConnectUnix(hand->run->socket);
        if (hand->redis != NULL && hand->redis->err == 0 && is_loaded(hand->redis)) break;
        redisFree(hand->redis);
        hand->redis = NULL;
        nap();
    }
    if (hand->redis == NULL) return NULL;
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(hand->redis, format, args);
    va_end(args);
    if (reply == NULL) {
        redisFree(hand->redis);
        hand->redis = NULL;
    } else {
        atomic_fetch_add(&hand->run->operations, 1);
    }
    return reply;
}

static bool is_number(const redisReply *reply, long long number) {
    return reply->type == REDIS_REPLY_INTEGER && (number < 0 || reply->integer == number);
}

// ---- producers and workers

static void *produce(void *context) {
    struct hand *hand = context;
    struct run *run = hand->run;
    char padding[PAYLOAD_BYTES];
    memset(padding, 'p', sizeof padding - 1);
    padding[sizeof padding - 1] = '\0';
    for (int job = 0; job < JOBS_MAX && !atomic_load(&run->is_over); job++) {
        atomic_uchar *flags = &run->jobs[hand->number][job];
        atomic_fetch_or(flags, PUSH_ASKED);
        atomic_store(&run->pushed[hand->number], job + 1);
        // Every third one is short enough to live in memory.
        redisReply *reply =
            ask(hand, "LPUSH queue %d:%d:%s", hand->number, job, job % 3 == 0 ? "" : padding);
        if (reply == NULL) continue;
        if (is_number(reply, -1)) {
            atomic_fetch_or(flags, PUSH_DONE);
        } else {
            violation(run, reply->str != NULL ? reply->str : "a push was refused", hand->number,
                      job);
        }
        freeReplyObject(reply);
    }
    redisFree(hand->redis);
    return NULL;
}

// The job's flags; NULL when the payload is none of ours.
static atomic_uchar *find(struct run *run, const char *payload, int *producer, int *job) {
    char *end = NULL;
    long first = strtol(payload, &end, 10);
    if (first < 0 || first >= PRODUCERS || *end != ':') return NULL;
    long second = strtol(end + 1, &end, 10);
    if (second < 0 || second >= JOBS_MAX || *end != ':') return NULL;
    *producer = (int)first;
    *job = (int)second;
    return &run->jobs[first][second];
}

static void work_on(struct hand *hand, const redisReply *taken) {
    struct run *run = hand->run;
    int producer = 0;
    int job = 0;
    atomic_uchar *flags = find(run, taken->str, &producer, &job);
    if (flags == NULL) {
        violation(run, "a job that nobody made was given out", 0, 0);
        return;
    }
    unsigned before = atomic_fetch_or(flags, TAKEN);
    if ((before & PUSH_ASKED) == 0) violation(run, "given out but never pushed", producer, job);
    if (before & REMOVE_DONE) violation(run, "returned after its LREM", producer, job);
    if (before & TAKEN) violation(run, "given out twice", producer, job);
    // Some workers die here: their jobs have to be found in the processing list.
    if (job % 7 == 6) return;
    atomic_fetch_or(flags, REMOVE_ASKED);
    redisReply *reply = ask(hand, "LREM processing 1 %s", taken->str);
    if (reply == NULL) return;
    if (is_number(reply, 1)) {
        atomic_fetch_or(flags, REMOVE_DONE);
    } else {
        violation(run, "a job that was given out is not in the processing list", producer, job);
    }
    freeReplyObject(reply);
}

static void *work(void *context) {
    struct hand *hand = context;
    while (!atomic_load(&hand->run->is_over)) {
        redisReply *reply = ask(hand, "BLMOVE queue processing RIGHT LEFT 0.05");
        if (reply == NULL) continue;
        if (reply->type == REDIS_REPLY_STRING) {
            work_on(hand, reply);
        } else if (reply->type != REDIS_REPLY_NIL) {
            violation(hand->run, reply->str != NULL ? reply->str : "no job and not nil", 0, 0);
        }
        freeReplyObject(reply);
    }
    redisFree(hand->redis);
    return NULL;
}

// ---- the account

// New jobs enter at the head, so towards the head each producer's numbers grow.
static void look_through(struct run *run, struct hand *hand, const char *list, unsigned mark) {
    int last[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++)
        last[i] = JOBS_MAX;
    redisReply *all = ask(hand, "LRANGE %s 0 -1", list);
    assert_non_null(all);
    assert_int_equal(all->type, REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < all->elements; i++) {
        int producer = 0;
        int job = 0;
        atomic_uchar *flags = find(run, all->element[i]->str, &producer, &job);
        assert_non_null(flags);
        if (atomic_fetch_or(flags, mark) & (IN_QUEUE | IN_PROCESSING)) {
            violation(run, "there twice", producer, job);
        }
        if (job >= last[producer]) violation(run, "out of order", producer, job);
        last[producer] = job;
    }
    freeReplyObject(all);
}

static void judge(struct run *run, int producer, int job) {
    unsigned flags = atomic_load(&run->jobs[producer][job]);
    bool is_there = (flags & (IN_QUEUE | IN_PROCESSING)) != 0;
    if (is_there && (flags & PUSH_ASKED) == 0) violation(run, "unexpected", producer, job);
    if (is_there && (flags & REMOVE_DONE)) violation(run, "returned after its LREM", producer, job);
    if ((flags & TAKEN) && (flags & IN_QUEUE)) violation(run, "back in the queue", producer, job);
    if (!is_there && (flags & PUSH_DONE) && (flags & REMOVE_ASKED) == 0) {
        violation(run, "lost", producer, job);
    }
    if (!is_there && (flags & TAKEN) && (flags & REMOVE_ASKED) == 0) {
        violation(run, "lost while it was processed", producer, job);
    }
}

static void settle(struct run *run) {
    struct hand hand = {.run = run};
    atomic_store(&run->is_over, false);
    look_through(run, &hand, "processing", IN_PROCESSING);
    look_through(run, &hand, "queue", IN_QUEUE);
    redisFree(hand.redis);
    int counts[4] = {0}; // pushed, taken, removed, left
    for (int producer = 0; producer < PRODUCERS; producer++) {
        for (int job = 0; job < JOBS_MAX; job++) {
            unsigned flags = atomic_load(&run->jobs[producer][job]);
            counts[0] += (flags & PUSH_DONE) != 0;
            counts[1] += (flags & TAKEN) != 0;
            counts[2] += (flags & REMOVE_DONE) != 0;
            counts[3] += (flags & (IN_QUEUE | IN_PROCESSING)) != 0;
            judge(run, producer, job);
        }
    }
    print_message("pushed %d, taken %d, removed %d, left %d: violations %d\n", counts[0], counts[1],
                  counts[2], counts[3], atomic_load(&run->violations));
    assert_true(counts[2] > 0);
}

// ---- the rounds

static uint64_t choose_seed(void) {
    const char *given = getenv("ACKD_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_system_seed() % 1000000;
    print_message("ACKD_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void pause_ms(uint64_t ms) {
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&left, NULL);
}

static void play(struct server *server, struct run *run, const char *const *options) {
    struct rng rng;
    rng_init(&rng, choose_seed());
    struct hand hands[PRODUCERS + WORKERS] = {0};
    pthread_t threads[PRODUCERS + WORKERS];
    server_start(server, options);
    for (int i = 0; i < PRODUCERS + WORKERS; i++) {
        hands[i] = (struct hand){.run = run, .number = i};
        void *(*life)(void *) = i < PRODUCERS ? produce : work;
        assert_int_equal(pthread_create(&threads[i], NULL, life, &hands[i]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        pause_ms(ROUND_MS_MIN + rng_below(&rng, ROUND_MS_SPREAD));
        server_kill(server);
        int verdict = server_check(server);
        if (verdict > CHECK_TORN) fail_msg("after a kill the directory is worse than torn");
        server_start(server, options);
    }
    pause_ms(ROUND_MS_SPREAD);
    atomic_store(&run->is_over, true);
    for (int i = 0; i < PRODUCERS + WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    // What is told now must also be what a last kill leaves.
    server_kill(server);
    server_start(server, options);
    settle(run);
    assert_int_equal(atomic_load(&run->violations), 0);
}

static struct run *new_run(const struct server *server) {
    struct run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->socket = server->socket;
    return run;
}

static void kills_lose_and_return_nothing(void **state) {
    struct server *server = *state;
    struct run *run = new_run(server);
    play(server, run, SERVER_OPTIONS("--log-segment-size", "256kb"));
    free(run);
}

static void kills_with_a_slow_disk_lose_and_return_nothing(void **state) {
    struct server *server = *state;
    struct run *run = new_run(server);
    // More is under way at each kill, and payloads are read from disk.
    play(server, run,
         SERVER_OPTIONS("--log-segment-size", "64kb", "--log-tail-size", "0", "--log-sync-delay-us",
                        "3000"));
    free(run);
}

#define each(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    signal(SIGPIPE, SIG_IGN); // hiredis writes to servers that were just killed
    const struct CMUnitTest tests[] = {
        each(kills_lose_and_return_nothing),
        each(kills_with_a_slow_disk_lose_and_return_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
