// What a backlog costs when its time comes: RPOP of --count jobs by --connections clients, oldest
// first, and LRANGE of many at a time. The jobs were left there by `enqueue --keep` (or bench_fill)
// with the same --prefix, --size and --run; each that comes is checked, and must come once.

#include <stdio.h>

#include "bench/load/fail.h"
#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_FIRST }; // of either workload

static bool popper_make(struct run *run, struct conn *conn, struct op *op) {
    (void)op;
    if (!run_may_create(run)) return false;
    run_create(run);
    conn_command(conn, (const struct text[]){text_of("RPOP"), text_of(run->queue)}, 2);
    return true;
}

static void note_job(struct run *run, const struct reply_item *item) {
    if (item->fault == JOB_FOREIGN) run->ledger.foreign++;
    if (item->fault == JOB_DAMAGED) run->ledger.damaged++;
    if (item->fault == JOB_GOOD) ledger_deliver(&run->ledger, item->job.id);
}

static void popper_take(struct run *run, struct conn *conn, const struct op *op) {
    const struct reply_item *item = &conn->reply.items[0];
    run_record(run, SERIES_FIRST, op->due_ns);
    if (item->type != REPLY_STRING) {
        run_unit_refused(run);
        return;
    }
    note_job(run, item);
    run_unit(run);
}

static void drain_plan(struct run *run) {
    const struct options *options = run->options;
    if (options->run == 0 || options->count == 0)
        fail(EXIT_USAGE, "drain takes the --run of the fill, and --count");
    run_add_series(run, "rpop");
    run_add_role(run, (struct role){.name = "popper",
                                    .connections = options->connections,
                                    .depth = options->pipeline,
                                    .rate = options->rate,
                                    .is_source = true,
                                    .make = popper_make,
                                    .take = popper_take});
}

// All that the fill wrote is there, so its numbers are those below the length.
static void drain_prepare(struct run *run) {
    const struct options *options = run->options;
    const struct text llen[] = {text_of("LLEN"), text_of(run->queue)};
    const uint64_t len = (uint64_t)run_ask(run, llen, 2);
    if (len < options->warmup_count + options->count)
        fail(EXIT_USAGE, "the queue holds %llu jobs, fewer than are to be taken",
             (unsigned long long)len);
    for (uint64_t id = 0; id < len; id++)
        ledger_accept(&run->ledger, ledger_create(&run->ledger));
}

static void drain_verify(struct run *run) {
    const struct ledger *ledger = &run->ledger;
    const struct text llen[] = {text_of("LLEN"), text_of(run->queue)};
    const uint64_t left = (uint64_t)run_ask(run, llen, 2);
    // What is still in the queue counts as lost there.
    const uint64_t faults = ledger_faults(ledger) - ledger_lost(ledger);
    if (faults > 0 || left + ledger->delivered != ledger->accepted)
        run_fault(run,
                  "of %llu jobs %llu came, %llu are left; %llu repeated, %llu unexpected, %llu "
                  "foreign, %llu damaged",
                  (unsigned long long)ledger->accepted, (unsigned long long)ledger->delivered,
                  (unsigned long long)left, (unsigned long long)ledger->repeated,
                  (unsigned long long)ledger->unexpected, (unsigned long long)ledger->foreign,
                  (unsigned long long)ledger->damaged);
}

const struct workload workload_drain = {
    .name = "drain",
    .brief = "RPOP of --count jobs that `enqueue --keep` has left (same --run)",
    .unit = "jobs",
    .plan = drain_plan,
    .prepare = drain_prepare,
    .verify = drain_verify,
};

// ---- many at a time

static bool ranger_make(struct run *run, struct conn *conn, struct op *op) {
    (void)op;
    if (!run_may_create(run)) return false;
    run_create(run);
    char from[REPLY_TEXT_BYTES];
    snprintf(from, sizeof(from), "-%llu", (unsigned long long)run->options->list_len);
    conn_command(
        conn,
        (const struct text[]){text_of("LRANGE"), text_of(run->queue), text_of(from), text_of("-1")},
        4);
    return true;
}

// The reply keeps the first items; the others are counted.
static void ranger_take(struct run *run, struct conn *conn, const struct op *op) {
    const struct reply *reply = &conn->reply;
    run_record(run, SERIES_FIRST, op->due_ns);
    if (reply->items[0].type != REPLY_ARRAY || reply->len_all != run->options->list_len + 1) {
        run_fault(run, "LRANGE of %llu jobs brought %zu",
                  (unsigned long long)run->options->list_len, reply->len_all - 1);
        run_unit_refused(run);
        return;
    }
    for (size_t i = 1; i + 1 < reply->len; i++)
        if (reply->items[i].fault != JOB_GOOD) run->ledger.damaged++;
    run_unit(run);
}

static void range_plan(struct run *run) {
    const struct options *options = run->options;
    if (options->run == 0) fail(EXIT_USAGE, "range takes the --run of the fill");
    run_add_series(run, "lrange");
    run_add_role(run, (struct role){.name = "ranger",
                                    .connections = options->connections,
                                    .depth = 1,
                                    .is_source = true,
                                    .make = ranger_make,
                                    .take = ranger_take});
}

static void range_prepare(struct run *run) {
    const struct text llen[] = {text_of("LLEN"), text_of(run->queue)};
    if (run_ask(run, llen, 2) < (long long)run->options->list_len)
        fail(EXIT_USAGE, "the queue holds fewer jobs than --list");
}

static void range_verify(struct run *run) {
    run_verify_ledger(run); // nothing was accepted, so only damage can be wrong
}

const struct workload workload_range = {
    .name = "range",
    .brief = "LRANGE of the --list oldest jobs that `enqueue --keep` has left (same --run)",
    .unit = "requests",
    .plan = range_plan,
    .prepare = range_prepare,
    .verify = range_verify,
};
