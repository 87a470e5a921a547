// The reliable queue on a stream: producers XADD, the workers of one consumer group XREADGROUP up
// to --batch entries and XACK them when done, with --delete also XDEL, in one go. Every job is
// followed from the moment it was due to the moment the last of these was answered.
//
// Happy path: the producer's reply puts the job into the ledger as accepted, XREADGROUP's reply as
// delivered, that of XACK (XDEL) as done; when all that was accepted is done, the run ends, nothing
// may be pending, and the stream must hold what it should: all jobs, or none with --delete.

#include <string.h>

#include "bench/load/run.h"
#include "bench/load/stream.h"
#include "bench/load/workloads.h"

enum { SERIES_XADD, SERIES_XACK, SERIES_DELIVERY, SERIES_DONE };
enum { KIND_READ, KIND_ACK, KIND_DELETE };

struct worker {
    struct stream_delivery deliveries[BATCH_MAX];
    size_t held; // of them, not yet done
    bool must_delete;
};

static bool producer_make(struct run *run, struct conn *conn, struct op *op) {
    if (!run_may_produce(run, conn->role)) return false;
    op->id = ledger_create(&run->ledger);
    run_create(run);
    stream_add(run, conn, (struct job){.id = op->id, .due_ns = op->due_ns});
    return true;
}

static void producer_take(struct run *run, struct conn *conn, const struct op *op) {
    run_record(run, SERIES_XADD, op->due_ns);
    if (conn->reply.items[0].type == REPLY_STRING)
        ledger_accept(&run->ledger, op->id);
    else
        run_unit_refused(run);
}

// Asks for the removal of all that the worker holds.
static void name_held(struct run *run, struct conn *conn, const char *command, bool has_group) {
    const struct worker *worker = conn->state;
    struct text arguments[3 + BATCH_MAX] = {text_of(command), text_of(run->queue)};
    size_t count = 2;
    if (has_group) arguments[count++] = text_of(STREAM_GROUP);
    for (size_t i = 0; i < worker->held; i++)
        arguments[count++] = text_of(worker->deliveries[i].entry);
    conn_command(conn, arguments, count);
}

static bool worker_make(struct run *run, struct conn *conn, struct op *op) {
    struct worker *worker = conn->state;
    if (worker->must_delete) {
        worker->must_delete = false;
        op->kind = KIND_DELETE;
        name_held(run, conn, "XDEL", false);
        return true;
    }
    if (conn->in_flight > 0) return false; // what comes next depends on the reply
    if (worker->held == 0) {
        op->kind = KIND_READ;
        stream_read(run, conn, run->options->batch);
        return true;
    }
    op->kind = KIND_ACK;
    worker->must_delete = run->options->deletes;
    name_held(run, conn, "XACK", true);
    return true;
}

static void take_deliveries(struct run *run, const struct conn *conn, struct worker *worker) {
    struct stream_delivery *deliveries = worker->deliveries;
    const size_t came = stream_deliveries(&conn->reply, deliveries);
    for (size_t i = 0; i < came; i++) {
        if (deliveries[i].fault == JOB_FOREIGN) run->ledger.foreign++;
        if (deliveries[i].fault == JOB_DAMAGED) run->ledger.damaged++;
        if (deliveries[i].fault != JOB_GOOD) continue;
        ledger_deliver(&run->ledger, deliveries[i].job.id);
        run_record(run, SERIES_DELIVERY, deliveries[i].job.due_ns);
        deliveries[worker->held++] = deliveries[i];
    }
}

static void take_removal(struct run *run, const struct conn *conn, struct worker *worker,
                         bool is_last) {
    const struct reply_item *item = &conn->reply.items[0];
    const long long held = (long long)worker->held;
    const long long removed = item->type == REPLY_INTEGER ? item->number : 0;
    if (removed != held) run->ledger.unremoved += removed < held ? (uint64_t)(held - removed) : 1;
    if (!is_last) return;
    for (size_t i = 0; i < worker->held; i++) {
        run->ledger.done++;
        run_record(run, SERIES_DONE, worker->deliveries[i].job.due_ns);
        run_unit(run);
    }
    worker->held = 0;
}

static void worker_take(struct run *run, struct conn *conn, const struct op *op) {
    struct worker *worker = conn->state;
    if (op->kind == KIND_READ) {
        take_deliveries(run, conn, worker);
        return;
    }
    if (op->kind == KIND_ACK) run_record(run, SERIES_XACK, op->due_ns);
    take_removal(run, conn, worker, op->kind == KIND_DELETE || !run->options->deletes);
}

static void stream_cycle_plan(struct run *run) {
    const struct options *options = run->options;
    run_add_series(run, "xadd");
    run_add_series(run, "xack");
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
                                    .depth = options->deletes ? 2 : 1,
                                    .state_bytes = sizeof(struct worker),
                                    .make = worker_make,
                                    .take = worker_take});
}

static void stream_cycle_prepare(struct run *run) {
    stream_clear(run);
    stream_create_group(run);
}

static bool stream_cycle_is_drained(struct run *run) {
    return run->ledger.done >= run->ledger.accepted;
}

static void stream_cycle_verify(struct run *run) {
    run_verify_ledger(run);
    const long long expected = run->options->deletes ? 0 : (long long)run->ledger.accepted;
    const long long len = stream_len(run);
    const long long pending = stream_pending(run);
    if (len != expected || pending != 0)
        run_fault(run, "all jobs are done, yet %lld are pending, and the stream holds %lld of %lld",
                  pending, len, expected);
    if (!run->options->keep) stream_clear(run);
}

const struct workload workload_stream_cycle = {
    .name = "stream-cycle",
    .brief = "XADD by --connections clients | XREADGROUP, XACK by --workers; checks every job",
    .unit = "jobs",
    .plan = stream_cycle_plan,
    .prepare = stream_cycle_prepare,
    .is_drained = stream_cycle_is_drained,
    .verify = stream_cycle_verify,
};
