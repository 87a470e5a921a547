// A queue in steady state: each client pushes a job and pops the oldest, so that --live jobs are
// there all the time and everything that is written becomes garbage in the order in which it came.
// In `churn-old` one job in --old-every goes to a second list and stays: delayed jobs, few and old,
// all over the log.
//
// The account: every job that comes is checked and comes once; at the end the queue holds what was
// acknowledged and did not come, and the second list all that was put there.

#include <stdlib.h>

#include "bench/load/fail.h"
#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_LPUSH, SERIES_RPOP };
enum { KIND_PUSH, KIND_POP, KIND_PUSH_OLD };
enum { AT_A_TIME = 50 };

struct client {
    bool must_pop; // what it has pushed
};

static void push(struct run *run, struct conn *conn, const char *key, struct op *op) {
    op->id = ledger_create(&run->ledger);
    job_write(&run->maker, (struct job){.id = op->id, .due_ns = op->due_ns}, run->payload);
    conn_command(
        conn,
        (const struct text[]){text_of("LPUSH"), text_of(key), {run->payload, run->maker.job_bytes}},
        3);
}

static bool is_turn_of_old(const struct run *run) {
    const uint64_t every = run->options->old_every;
    return run->workload == &workload_churn_old && run->ledger.created % every == every - 1;
}

static bool client_make(struct run *run, struct conn *conn, struct op *op) {
    struct client *client = conn->state;
    if (client->must_pop) {
        op->kind = KIND_POP;
        client->must_pop = false;
        conn_command(conn, (const struct text[]){text_of("RPOP"), text_of(run->queue)}, 2);
        return true;
    }
    if (!run_may_create(run)) return false;
    if (is_turn_of_old(run)) {
        op->kind = KIND_PUSH_OLD;
        push(run, conn, run->processing, op);
        return true;
    }
    op->kind = KIND_PUSH;
    client->must_pop = true;
    run_create(run);
    push(run, conn, run->queue, op);
    return true;
}

static void note_job(struct run *run, const struct reply_item *item) {
    if (item->fault == JOB_FOREIGN) run->ledger.foreign++;
    if (item->fault == JOB_DAMAGED) run->ledger.damaged++;
    if (item->fault == JOB_GOOD) ledger_deliver(&run->ledger, item->job.id);
}

static void client_take(struct run *run, struct conn *conn, const struct op *op) {
    const struct reply_item *item = &conn->reply.items[0];
    if (op->kind == KIND_POP) {
        run_record(run, SERIES_RPOP, op->due_ns);
        if (item->type == REPLY_STRING) {
            note_job(run, item);
            run_unit(run);
        } else {
            run->ledger.unremoved++; // more were pushed than popped, so one was there
            run_unit_refused(run);
        }
        return;
    }
    run_record(run, SERIES_LPUSH, op->due_ns);
    if (item->type != REPLY_INTEGER) return; // an error, and counted
    ledger_accept(&run->ledger, op->id);
    if (op->kind == KIND_PUSH_OLD) run->ledger.done++;
}

static void churn_plan(struct run *run) {
    const struct options *options = run->options;
    run_add_series(run, "lpush");
    run_add_series(run, "rpop");
    run_add_role(run, (struct role){.name = "client",
                                    .connections = options->connections,
                                    .depth = options->pipeline,
                                    .rate = options->rate,
                                    .state_bytes = sizeof(struct client),
                                    .is_source = true,
                                    .make = client_make,
                                    .take = client_take});
}

static void churn_clear(struct run *run) {
    run_ask(run,
            (const struct text[]){text_of("DEL"), text_of(run->queue), text_of(run->processing)},
            3);
}

static void churn_prepare(struct run *run) {
    churn_clear(run);
    const size_t job_bytes = run->maker.job_bytes;
    char *payloads = memory_new(AT_A_TIME, job_bytes);
    struct text arguments[2 + AT_A_TIME] = {text_of("LPUSH"), text_of(run->queue)};
    size_t held = 0;
    for (uint64_t i = 0; i < run->options->live_len; i++) {
        char *payload = payloads + held * job_bytes;
        const uint64_t id = ledger_create(&run->ledger);
        job_write(&run->maker, (struct job){.id = id}, payload);
        ledger_accept(&run->ledger, id);
        arguments[2 + held++] = (struct text){payload, job_bytes};
        if (held < AT_A_TIME && i + 1 < run->options->live_len) continue;
        run_ask(run, arguments, 2 + held);
        held = 0;
    }
    free(payloads);
}

// The old jobs, some at a time: each as it was written, however often it was moved meanwhile.
static void verify_old(struct run *run) {
    for (;;) {
        conn_ask(&run->admin,
                 (const struct text[]){text_of("RPOP"), text_of(run->processing), text_of("50")},
                 3);
        const struct reply *reply = &run->admin.reply;
        if (reply->items[0].type != REPLY_ARRAY) return;
        for (size_t i = 1; i < reply->len; i++)
            note_job(run, &reply->items[i]);
    }
}

static void churn_verify(struct run *run) {
    const struct ledger *ledger = &run->ledger;
    const uint64_t popped = ledger->delivered;
    verify_old(run);
    const uint64_t old = ledger->delivered - popped;
    const struct text llen[] = {text_of("LLEN"), text_of(run->queue)};
    const uint64_t left = (uint64_t)run_ask(run, llen, 2);
    const uint64_t faults = ledger_faults(ledger) - ledger_lost(ledger);
    if (faults > 0 || left + ledger->delivered != ledger->accepted || old != ledger->done)
        run_fault(run,
                  "of %llu jobs %llu came, %llu are left; of %llu old ones %llu; %llu repeated, "
                  "%llu unexpected, %llu foreign, %llu damaged, %llu found none",
                  (unsigned long long)ledger->accepted, (unsigned long long)ledger->delivered,
                  (unsigned long long)left, (unsigned long long)ledger->done,
                  (unsigned long long)old, (unsigned long long)ledger->repeated,
                  (unsigned long long)ledger->unexpected, (unsigned long long)ledger->foreign,
                  (unsigned long long)ledger->damaged, (unsigned long long)ledger->unremoved);
    if (!run->options->keep) churn_clear(run);
}

const struct workload workload_churn_fifo = {
    .name = "churn-fifo",
    .brief = "LPUSH and RPOP in turn, while --live jobs stay",
    .unit = "jobs",
    .plan = churn_plan,
    .prepare = churn_prepare,
    .verify = churn_verify,
};

const struct workload workload_churn_old = {
    .name = "churn-old",
    .brief = "the same, and one job in --old-every stays in a second list",
    .unit = "jobs",
    .plan = churn_plan,
    .prepare = churn_prepare,
    .verify = churn_verify,
};
