// PING: the cost of a request that does nothing, and so the bar for everything else.

#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_PING };

static bool client_make(struct run *run, struct conn *conn, struct op *op) {
    if (!run_may_create(run)) return false;
    op->id = run_create(run);
    conn_command(conn, (const struct text[]){text_of("PING")}, 1);
    return true;
}

static void client_take(struct run *run, struct conn *conn, const struct op *op) {
    run_record(run, SERIES_PING, op->due_ns);
    if (conn->reply.items[0].type == REPLY_STATUS)
        run_unit(run);
    else
        run_unit_refused(run);
}

static void ping_plan(struct run *run) {
    const struct options *options = run->options;
    run_add_series(run, "ping");
    run_add_role(run, (struct role){.name = "client",
                                    .connections = options->connections,
                                    .depth = options->pipeline,
                                    .rate = options->rate,
                                    .is_source = true,
                                    .make = client_make,
                                    .take = client_take});
}

static void ping_prepare(struct run *run) {
    run_ask(run, (const struct text[]){text_of("PING")}, 1);
}

const struct workload workload_ping = {
    .name = "ping",
    .brief = "PING by --connections clients",
    .unit = "requests",
    .plan = ping_plan,
    .prepare = ping_prepare,
};
