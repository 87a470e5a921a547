// The reliable queue: producers LPUSH, workers BLMOVE a job to the processing list and LREM it when
// done. Every job is followed from the moment it was due to the moment its removal was answered.
//
// Happy path: the producer's reply puts the job into the ledger as accepted, BLMOVE's reply as
// delivered, LREM's as done; when all that was accepted is done, the run ends and both lists must
// be empty.

#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_LPUSH, SERIES_LREM, SERIES_DELIVERY, SERIES_DONE };
enum { KIND_BLMOVE, KIND_LREM };

struct worker {
    struct job job;
    bool has_job;
};

static bool producer_make(struct run *run, struct conn *conn, struct op *op) {
    if (!run_may_produce(run, conn->role)) return false;
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
    if (conn->reply.items[0].type == REPLY_INTEGER)
        ledger_accept(&run->ledger, op->id);
    else
        run_unit_refused(run);
}

static bool worker_make(struct run *run, struct conn *conn, struct op *op) {
    const struct worker *worker = conn->state;
    if (!worker->has_job) {
        op->kind = KIND_BLMOVE;
        conn_command(conn,
                     (const struct text[]){text_of("BLMOVE"), text_of(run->queue),
                                           text_of(run->processing), text_of("RIGHT"),
                                           text_of("LEFT"), text_of("5")},
                     6);
        return true;
    }
    op->kind = KIND_LREM;
    job_write(&run->maker, worker->job, run->payload);
    conn_command(conn,
                 (const struct text[]){text_of("LREM"),
                                       text_of(run->processing),
                                       text_of("1"),
                                       {run->payload, run->maker.job_bytes}},
                 4);
    return true;
}

static void take_delivery(struct run *run, struct worker *worker, const struct reply_item *item) {
    if (item->type != REPLY_STRING) return; // nothing came within five seconds
    if (item->fault == JOB_FOREIGN) run->ledger.foreign++;
    if (item->fault == JOB_DAMAGED) run->ledger.damaged++;
    if (item->fault != JOB_GOOD) return;
    ledger_deliver(&run->ledger, item->job.id);
    run_record(run, SERIES_DELIVERY, item->job.due_ns);
    *worker = (struct worker){.job = item->job, .has_job = true};
}

static void take_removal(struct run *run, struct worker *worker, const struct reply_item *item) {
    worker->has_job = false;
    if (item->type != REPLY_INTEGER || item->number != 1) {
        run->ledger.unremoved++;
        run_unit_refused(run);
        return;
    }
    run->ledger.done++;
    run_record(run, SERIES_DONE, worker->job.due_ns);
    run_unit(run);
}

static void worker_take(struct run *run, struct conn *conn, const struct op *op) {
    const struct reply_item *item = &conn->reply.items[0];
    if (op->kind == KIND_BLMOVE) {
        take_delivery(run, conn->state, item);
        return;
    }
    run_record(run, SERIES_LREM, op->due_ns);
    take_removal(run, conn->state, item);
}

static void list_cycle_plan(struct run *run) {
    const struct options *options = run->options;
    run_add_series(run, "lpush");
    run_add_series(run, "lrem");
    run_add_series(run, "delivery");
    run_add_series(run, "done");
    run_add_role(run, (struct role){.name = "producer",
                                    .connections = options->connections,
                                    .depth = options->pipeline,
                                    .rate = options->rate,
                                    .is_source = true,
                                    .make = producer_make,
                                    .take = producer_take});
    run_add_role(run, (struct role){.name = "worker",
                                    .connections = options->workers,
                                    .depth = 1,
                                    .state_bytes = sizeof(struct worker),
                                    .make = worker_make,
                                    .take = worker_take});
}

static void list_cycle_prepare(struct run *run) {
    run_ask(run,
            (const struct text[]){text_of("DEL"), text_of(run->queue), text_of(run->processing)},
            3);
}

static bool list_cycle_is_drained(struct run *run) {
    return run->ledger.done + run->ledger.unremoved >= run->ledger.accepted;
}

static void list_cycle_verify(struct run *run) {
    run_verify_ledger(run);
    const struct text queue[] = {text_of("LLEN"), text_of(run->queue)};
    const struct text processing[] = {text_of("LLEN"), text_of(run->processing)};
    long long left = run_ask(run, queue, 2);
    long long held = run_ask(run, processing, 2);
    if (left != 0 || held != 0)
        run_fault(run, "all jobs are done, yet the queue holds %lld and the processing list %lld",
                  left, held);
    if (!run->options->keep) list_cycle_prepare(run);
}

const struct workload workload_list_cycle = {
    .name = "list-cycle",
    .brief = "LPUSH by --connections clients | BLMOVE, LREM by --workers; checks every job",
    .unit = "jobs",
    .plan = list_cycle_plan,
    .prepare = list_cycle_prepare,
    .is_drained = list_cycle_is_drained,
    .verify = list_cycle_verify,
};
