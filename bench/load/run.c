#define _POSIX_C_SOURCE 200809L

#include "bench/load/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/fail.h"
#include "bench/load/probe.h"

void run_add_role(struct run *run, struct role role) {
    check(run->roles_len < RUN_ROLES_MAX);
    run->roles[run->roles_len++] = role;
}

void run_add_series(struct run *run, const char *name) {
    check(run->series_len < RUN_SERIES_MAX);
    run->series[run->series_len++].name = name;
}

static void make_key(char *to, const char *prefix, const char *name) {
    int len = snprintf(to, RUN_KEY_BYTES, "%s%s", prefix, name);
    if (len < 0 || len >= RUN_KEY_BYTES) fail(EXIT_USAGE, "--prefix is too long");
}

static void open_role(const struct run *run, struct role *role) {
    struct address address = options_address(run->options);
    role->conns = memory_new(role->connections, sizeof(*role->conns));
    role->idle = memory_new(role->connections, sizeof(struct conn *));
    for (size_t i = 0; i < role->connections; i++) {
        struct conn *conn = &role->conns[i];
        conn_open(conn, &address, role->depth);
        conn->role = role;
        conn->reply.maker = &run->maker;
        if (role->state_bytes > 0) conn->state = memory_new(1, role->state_bytes);
    }
}

static void close_role(struct role *role) {
    for (size_t i = 0; i < role->connections; i++)
        conn_close(&role->conns[i]);
    free(role->conns);
    free(role->idle);
}

// A number that differs between runs, so that a job left over by another one is recognised.
static uint32_t run_number(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec * 2654435761U ^ (uint32_t)getpid() << 16;
}

void run_open(struct run *run, const struct options *options, const struct workload *workload) {
    *run = (struct run){.options = options, .workload = workload, .epoll_fd = -1};
    const uint32_t number = options->run != 0 ? (uint32_t)options->run : run_number();
    job_maker_init(&run->maker, number, options->size_bytes);
    ledger_init(&run->ledger);
    run->payload = memory_new(options->size_bytes, 1);
    run->series = memory_new(RUN_SERIES_MAX, sizeof(*run->series));
    make_key(run->queue, options->prefix, "queue");
    make_key(run->processing, options->prefix, "processing");

    workload->plan(run);
    double probe_rate = options->probe_rate > 0 ? options->probe_rate : workload->probe_rate;
    if (probe_rate > 0) probe_plan(run, probe_rate);

    struct address address = options_address(options);
    conn_open(&run->admin, &address, 1);
    run->admin.reply.maker = &run->maker;
    workload->prepare(run);
    for (size_t i = 0; i < run->roles_len; i++)
        open_role(run, &run->roles[i]);
}

void run_close(struct run *run) {
    for (size_t i = 0; i < run->roles_len; i++)
        close_role(&run->roles[i]);
    conn_close(&run->admin);
    ledger_deinit(&run->ledger);
    job_maker_deinit(&run->maker);
    free(run->payload);
    free(run->slots);
    free(run->series);
    *run = (struct run){.epoll_fd = -1};
}

long long run_ask(struct run *run, const struct text *arguments, size_t count) {
    conn_ask(&run->admin, arguments, count);
    const struct reply_item *item = &run->admin.reply.items[0];
    return item->type == REPLY_INTEGER ? item->number : 0;
}

bool run_may_create(const struct run *run) {
    if (run->phase == PHASE_DRAIN) return false;
    const struct options *options = run->options;
    return options->count == 0 || run->created < options->warmup_count + options->count;
}

bool run_may_produce(const struct run *run, const struct role *role) {
    if (!run_may_create(run)) return false;
    uint64_t ended = run->units + run->units_refused;
    return role->rate > 0 || run->created - ended < run->options->backlog;
}

uint64_t run_create(struct run *run) {
    return run->created++;
}

void run_unit(struct run *run) {
    run->units++;
    if (run->phase == PHASE_MEASURE) run->units_measured++;
    run->progress_ns = run->now_ns;
}

void run_unit_refused(struct run *run) {
    run->units_refused++;
    run->progress_ns = run->now_ns;
}

void run_record(struct run *run, size_t series, uint64_t due_ns) {
    check(series < run->series_len);
    if (run->phase == PHASE_WARMUP || due_ns < run->measure_ns) return;
    if (run->phase == PHASE_DRAIN && due_ns >= run->end_ns) return;
    histogram_add(&run->series[series].histogram, run->now_ns - due_ns);
}

void run_fault(struct run *run, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bench: wrong: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    run->faults++;
}

void run_verify_ledger(struct run *run) {
    const struct ledger *ledger = &run->ledger;
    if (ledger_faults(ledger) == 0) return;
    run_fault(run,
              "of %llu accepted jobs %llu lost, %llu repeated, %llu unremoved; %llu unexpected, "
              "%llu foreign, %llu damaged",
              (unsigned long long)ledger->accepted, (unsigned long long)ledger_lost(ledger),
              (unsigned long long)ledger->repeated, (unsigned long long)ledger->unremoved,
              (unsigned long long)ledger->unexpected, (unsigned long long)ledger->foreign,
              (unsigned long long)ledger->damaged);
}

void run_verify(struct run *run) {
    if (run->is_stalled)
        run_fault(run, "no progress for %g s, %llu of %llu %s came back", run->options->patience_s,
                  (unsigned long long)run->units, (unsigned long long)run->created,
                  run->workload->unit);
    if (run->errors > 0)
        run_fault(run, "%llu error replies, the first: %s", (unsigned long long)run->errors,
                  run->error);
    // The workload's clients go first: a worker that still waits would take what is looked at.
    for (size_t i = 0; i < run->roles_len; i++)
        for (size_t j = 0; j < run->roles[i].connections; j++)
            conn_close(&run->roles[i].conns[j]);
    if (run->workload->verify != NULL) run->workload->verify(run);
}

bool run_is_faulty(const struct run *run) {
    return run->faults > 0;
}
