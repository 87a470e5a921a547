// Producers alone: LPUSH of one job each. The queue only grows. Also the load of `mixed`.

#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_LPUSH };

static bool producer_make(struct run *run, struct conn *conn, struct op *op) {
    if (!run_may_create(run)) return false;
    op->id = ledger_create(&run->ledger);
    run_create(run);
    job_write(&run->maker, (struct job){.id = op->id, .due_ns = op->due_ns}, run->payload);
    conn_command(conn,
                 (const struct text[]){
                     text_of("LPUSH"), text_of(run->queue), {run->payload, run->maker.job_bytes}},
                 3);
    return true;
}

static void producer_take(struct run *run, struct conn *conn, const struct op *op) {
    run_record(run, SERIES_LPUSH, op->due_ns);
    if (conn->reply.items[0].type != REPLY_INTEGER) {
        run_unit_refused(run);
        return;
    }
    ledger_accept(&run->ledger, op->id);
    run_unit(run);
}

static void enqueue_plan(struct run *run) {
    const struct options *options = run->options;
    run_add_series(run, "lpush");
    run_add_role(run, (struct role){.name = "producer",
                                    .connections = options->connections,
                                    .depth = options->pipeline,
                                    .rate = options->rate,
                                    .is_source = true,
                                    .make = producer_make,
                                    .take = producer_take});
}

static void enqueue_prepare(struct run *run) {
    run_ask(run, (const struct text[]){text_of("DEL"), text_of(run->queue)}, 2);
}

static void enqueue_verify(struct run *run) {
    const struct text llen[] = {text_of("LLEN"), text_of(run->queue)};
    long long len = run_ask(run, llen, 2);
    if (len != (long long)run->ledger.accepted)
        run_fault(run, "%llu jobs were acknowledged and the queue holds %lld",
                  (unsigned long long)run->ledger.accepted, len);
    if (!run->options->keep) enqueue_prepare(run);
}

const struct workload workload_enqueue = {
    .name = "enqueue",
    .brief = "LPUSH by --connections clients",
    .unit = "requests",
    .plan = enqueue_plan,
    .prepare = enqueue_prepare,
    .verify = enqueue_verify,
};

const struct workload workload_mixed = {
    .name = "mixed",
    .brief = "enqueue, and beside it 1000 PINGs a second on a connection of their own",
    .unit = "requests",
    .plan = enqueue_plan,
    .prepare = enqueue_prepare,
    .verify = enqueue_verify,
    .probe_rate = 1000,
};
