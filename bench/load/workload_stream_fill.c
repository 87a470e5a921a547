// What memory is measured with. stream-add: producers alone, XADD; the stream only grows.
// stream-deliver: workers alone, XREADGROUP of what an earlier run left there (--keep), and no
// XACK: everything they get stays pending.

#include "bench/load/run.h"
#include "bench/load/stream.h"
#include "bench/load/workloads.h"

enum { SERIES_XADD };
enum { SERIES_XREADGROUP };

// ---- stream-add

static bool producer_make(struct run *run, struct conn *conn, struct op *op) {
    if (!run_may_create(run)) return false;
    op->id = ledger_create(&run->ledger);
    run_create(run);
    stream_add(run, conn, (struct job){.id = op->id, .due_ns = op->due_ns});
    return true;
}

static void producer_take(struct run *run, struct conn *conn, const struct op *op) {
    run_record(run, SERIES_XADD, op->due_ns);
    if (conn->reply.items[0].type != REPLY_STRING) {
        run_unit_refused(run);
        return;
    }
    ledger_accept(&run->ledger, op->id);
    run_unit(run);
}

static void stream_add_plan(struct run *run) {
    const struct options *options = run->options;
    run_add_series(run, "xadd");
    run_add_role(run, (struct role){.name = "producer",
                                    .connections = options->connections,
                                    .depth = options->pipeline,
                                    .rate = options->rate,
                                    .is_source = true,
                                    .make = producer_make,
                                    .take = producer_take});
}

static void stream_add_verify(struct run *run) {
    const long long len = stream_len(run);
    if (len != (long long)run->ledger.accepted)
        run_fault(run, "%llu entries were acknowledged and the stream holds %lld",
                  (unsigned long long)run->ledger.accepted, len);
    if (!run->options->keep) stream_clear(run);
}

const struct workload workload_stream_add = {
    .name = "stream-add",
    .brief = "XADD by --connections clients",
    .unit = "requests",
    .plan = stream_add_plan,
    .prepare = stream_clear,
    .verify = stream_add_verify,
};

// ---- stream-deliver

static bool worker_make(struct run *run, struct conn *conn, struct op *op) {
    (void)op;
    if (!run_may_create(run)) return false;
    for (uint64_t i = 0; i < run->options->batch; i++)
        run_create(run);
    stream_read(run, conn, run->options->batch);
    return true;
}

static void worker_take(struct run *run, struct conn *conn, const struct op *op) {
    struct stream_delivery deliveries[BATCH_MAX];
    const size_t came = stream_deliveries(&conn->reply, deliveries);
    run_record(run, SERIES_XREADGROUP, op->due_ns);
    run->ledger.delivered += came;
    for (size_t i = 0; i < came; i++)
        run_unit(run);
    for (size_t i = came; i < run->options->batch; i++)
        run_unit_refused(run);
}

static void stream_deliver_plan(struct run *run) {
    run_add_series(run, "xreadgroup");
    run_add_role(run, (struct role){.name = "worker",
                                    .connections = run->options->workers,
                                    .depth = 1,
                                    .is_source = true,
                                    .make = worker_make,
                                    .take = worker_take});
}

static void stream_deliver_verify(struct run *run) {
    const long long pending = stream_pending(run);
    if (pending != (long long)run->ledger.delivered || run->units_refused > 0)
        run_fault(run, "%llu entries were delivered, %llu were missing, and %lld are pending",
                  (unsigned long long)run->ledger.delivered, (unsigned long long)run->units_refused,
                  pending);
    if (!run->options->keep) stream_clear(run);
}

const struct workload workload_stream_deliver = {
    .name = "stream-deliver",
    .brief =
        "XREADGROUP by --workers of what stream-add --keep left; --count a multiple of --batch",
    .unit = "entries",
    .plan = stream_deliver_plan,
    .prepare = stream_create_group,
    .verify = stream_deliver_verify,
};
