#include "bench/load/probe.h"

#include "bench/load/fail.h"

// PINGs go out when they are due, also while earlier ones wait: a probe that kept quiet during a
// stall would never catch up with its rate.
enum { PROBE_DEPTH = 1024 };

static bool probe_make(struct run *run, struct conn *conn, struct op *op) {
    if (run->phase == PHASE_DRAIN) return false;
    // The probe knows its series by the request: the workload's own come first in the table.
    op->id = run->series_len - 1;
    conn_command(conn, (const struct text[]){text_of("PING")}, 1);
    return true;
}

static void probe_take(struct run *run, struct conn *conn, const struct op *op) {
    (void)conn;
    run_record(run, (size_t)op->id, op->due_ns);
}

void probe_plan(struct run *run, double rate) {
    check(rate > 0);
    run_add_series(run, "ping");
    run_add_role(run, (struct role){.name = "probe",
                                    .connections = 1,
                                    .depth = PROBE_DEPTH,
                                    .rate = rate,
                                    .make = probe_make,
                                    .take = probe_take});
}
