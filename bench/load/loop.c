#define _GNU_SOURCE // epoll_pwait2: arrivals of an open loop are closer together than 1 ms

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/fail.h"
#include "bench/load/run.h"

enum {
    EVENTS_PER_TURN = 256,
    NS_PER_S = 1000000000,
    TURN_NS_MAX = 50 * 1000 * 1000, // phases end by the clock: look at it so often at least
    TIMER_SLACK_NS = 1000,          // the default of 50 us would be a latency of our own
};

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t after_seconds(uint64_t from_ns, double seconds) {
    return from_ns + (uint64_t)(seconds * NS_PER_S);
}

// ---- sending

static uint64_t arrival_ns(const struct run *run, const struct role *role, uint64_t arrival) {
    return after_seconds(run->begin_ns, (double)arrival / role->rate);
}

static void watch(const struct run *run, struct conn *conn, int operation, bool for_room) {
    struct epoll_event event = {.events = for_room ? EPOLLIN | EPOLLOUT : EPOLLIN};
    event.data.ptr = conn;
    if (epoll_ctl(run->epoll_fd, operation, conn->fd, &event) != 0)
        fail_errno("cannot watch a connection");
    conn->is_watched_for_room = for_room;
}

static void send_pending(const struct run *run, struct conn *conn) {
    bool needs_room = !conn_flush(conn);
    if (needs_room != conn->is_watched_for_room) watch(run, conn, EPOLL_CTL_MOD, needs_room);
}

static void set_idle(struct role *role, struct conn *conn) {
    if (conn->is_idle) return;
    role->idle[(role->idle_first + role->idle_len) % role->connections] = conn;
    role->idle_len++;
    conn->is_idle = true;
}

// Appends the connection's next request, if there is one for it now.
static bool make_one(struct run *run, struct conn *conn) {
    struct role *role = conn->role;
    struct op op = {.due_ns = run->now_ns};
    if (role->rate > 0) {
        if (conn->arrivals_sent == conn->arrivals_due) return false;
        uint64_t turn = conn->arrivals_sent * role->connections;
        op.due_ns = arrival_ns(run, role, turn + (uint64_t)(conn - role->conns));
    }
    if (!role->make(run, conn, &op)) {
        set_idle(role, conn);
        return false;
    }
    conn->arrivals_sent++;
    conn_push_op(conn, op);
    return true;
}

// Lets the connection send what it may. A closed loop sends in batches of the pipeline's depth.
static bool pump(struct run *run, struct conn *conn) {
    const struct role *role = conn->role;
    if (role->rate <= 0 && conn->in_flight > 0) return true;
    bool made = false;
    while (conn->in_flight < role->depth && make_one(run, conn))
        made = true;
    if (made) send_pending(run, conn);
    return made;
}

static void pump_arrivals(struct run *run, struct role *role) {
    while (run->phase != PHASE_DRAIN && arrival_ns(run, role, role->arrivals) <= run->now_ns) {
        struct conn *conn = &role->conns[role->arrivals % role->connections];
        role->arrivals++;
        conn->arrivals_due++;
        pump(run, conn);
    }
}

// Asks those again that had nothing to send, in turn, until the first that still has not.
static void pump_idle(struct run *run, struct role *role) {
    size_t asked = role->idle_len;
    while (asked-- > 0) {
        struct conn *conn = role->idle[role->idle_first];
        role->idle_first = (role->idle_first + 1) % role->connections;
        role->idle_len--;
        conn->is_idle = false;
        if (!pump(run, conn)) break;
    }
}

// ---- receiving

static void take_reply(struct run *run, struct conn *conn) {
    struct op op = conn_take_op(conn);
    if (conn->reply.items[0].type == REPLY_ERROR) {
        if (run->errors == 0) memcpy(run->error, conn->reply.error, sizeof(run->error));
        run->errors++;
    }
    conn->role->take(run, conn, &op);
}

static void serve(struct run *run, struct conn *conn, uint32_t events) {
    if ((events & EPOLLOUT) != 0) send_pending(run, conn);
    if ((events & ~(uint32_t)EPOLLOUT) == 0 || !conn_receive(conn)) return;
    run->now_ns = clock_ns();
    while (conn_next_reply(conn))
        take_reply(run, conn);
    pump(run, conn);
}

// ---- phases

static void close_window(struct run *run) {
    run->phase = PHASE_DRAIN;
    run->end_ns = run->now_ns;
    for (size_t i = 0; i < run->roles_len; i++) {
        const struct role *role = &run->roles[i];
        for (size_t j = 0; role->rate > 0 && j < role->connections; j++)
            run->behind += role->conns[j].arrivals_due - role->conns[j].arrivals_sent;
    }
}

static void advance_phase(struct run *run) {
    const struct options *options = run->options;
    bool counts = options->count > 0;
    uint64_t answered = run->units + run->units_refused;
    if (run->phase == PHASE_WARMUP) {
        bool is_warm = counts
                           ? answered >= options->warmup_count
                           : run->now_ns >= after_seconds(run->begin_ns, options->warmup_seconds);
        if (!is_warm) return;
        run->phase = PHASE_MEASURE;
        run->measure_ns = run->now_ns;
    }
    if (run->phase == PHASE_MEASURE) {
        bool is_over = counts ? answered >= options->warmup_count + options->count
                              : run->now_ns >= after_seconds(run->measure_ns, options->seconds);
        if (is_over) close_window(run);
    }
}

// SIGTERM ends the window early, for a load that goes on as long as something else takes. It stays
// blocked and is only looked for.
static void block_stop(void) {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &stops, NULL) != 0) fail_errno("cannot block SIGTERM");
}

static bool is_asked_to_stop(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

static bool is_finished(struct run *run) {
    if (run->now_ns > after_seconds(run->progress_ns, run->options->patience_s)) {
        run->is_stalled = true;
        if (run->phase != PHASE_DRAIN) close_window(run);
        return true;
    }
    if (run->phase != PHASE_DRAIN) return false;
    for (size_t i = 0; i < run->roles_len; i++) {
        const struct role *role = &run->roles[i];
        for (size_t j = 0; role->is_source && j < role->connections; j++)
            if (role->conns[j].in_flight > 0) return false;
    }
    return run->workload->is_drained == NULL || run->workload->is_drained(run);
}

static uint64_t wait_ns(const struct run *run) {
    uint64_t wait = TURN_NS_MAX;
    for (size_t i = 0; i < run->roles_len && run->phase != PHASE_DRAIN; i++) {
        const struct role *role = &run->roles[i];
        if (role->rate <= 0) continue;
        uint64_t next_ns = arrival_ns(run, role, role->arrivals);
        uint64_t until = next_ns > run->now_ns ? next_ns - run->now_ns : 0;
        if (until < wait) wait = until;
    }
    return wait;
}

static void turn(struct run *run) {
    struct epoll_event events[EVENTS_PER_TURN];
    struct timespec wait = {.tv_nsec = (long)wait_ns(run)};
    int len = epoll_pwait2(run->epoll_fd, events, EVENTS_PER_TURN, &wait, NULL);
    if (len < 0 && errno != EINTR) fail_errno("cannot wait");
    run->now_ns = clock_ns();
    for (int i = 0; i < len; i++) {
        serve(run, events[i].data.ptr, events[i].events);
        advance_phase(run);
    }
    if (len <= 0) advance_phase(run);
    if (run->phase != PHASE_DRAIN && is_asked_to_stop()) close_window(run);
    for (size_t i = 0; i < run->roles_len; i++) {
        if (run->roles[i].rate > 0) pump_arrivals(run, &run->roles[i]);
        pump_idle(run, &run->roles[i]);
    }
}

void run_loop(struct run *run) {
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    block_stop();
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->epoll_fd < 0) fail_errno("cannot make an epoll");

    run->now_ns = run->begin_ns = run->progress_ns = clock_ns();
    advance_phase(run);
    for (size_t i = 0; i < run->roles_len; i++)
        for (size_t j = 0; j < run->roles[i].connections; j++) {
            struct conn *conn = &run->roles[i].conns[j];
            watch(run, conn, EPOLL_CTL_ADD, false);
            run->now_ns = clock_ns();
            if (run->roles[i].rate <= 0) pump(run, conn);
        }
    while (!is_finished(run))
        turn(run);
    close(run->epoll_fd);
    run->epoll_fd = -1;
}
