// What does it cost to acknowledge a job, as the processing list grows? One client removes the
// element at a place of a list of --list jobs and puts it back, so that the list keeps its length;
// only the LREM is measured.
//
// Which job is at the place follows without asking the server. The list is filled with RPUSH in the
// order of the ids. Taking the first and putting it back with LPUSH, or the last with RPUSH,
// changes nothing. Taking the middle one and putting it back with RPUSH turns the upper half like a
// ring.

#include <stdlib.h>
#include <string.h>

#include "bench/load/fail.h"
#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_LREM };
enum { KIND_LREM, KIND_RESTORE };
enum { FILL_AT_A_TIME = 50 };

struct client {
    bool must_restore;
    uint64_t removed; // id of the job taken last
};

static uint64_t victim(const struct run *run, uint64_t turn) {
    const uint64_t len = run->options->list_len;
    if (strcmp(run->options->position, "first") == 0) return 0;
    if (strcmp(run->options->position, "last") == 0) return len - 1;
    return len / 2 + turn % (len - len / 2);
}

static struct text payload_of(struct run *run, uint64_t id) {
    job_write(&run->maker, (struct job){.id = id}, run->payload);
    return (struct text){run->payload, run->maker.job_bytes};
}

static bool client_make(struct run *run, struct conn *conn, struct op *op) {
    struct client *client = conn->state;
    struct text key = text_of(run->processing);
    if (client->must_restore) {
        bool to_head = strcmp(run->options->position, "first") == 0;
        op->kind = KIND_RESTORE;
        client->must_restore = false;
        conn_command(conn,
                     (const struct text[]){text_of(to_head ? "LPUSH" : "RPUSH"), key,
                                           payload_of(run, client->removed)},
                     3);
        return true;
    }
    if (!run_may_create(run)) return false;
    op->kind = KIND_LREM;
    client->removed = victim(run, run_create(run));
    client->must_restore = true;
    conn_command(
        conn,
        (const struct text[]){text_of("LREM"), key, text_of("1"), payload_of(run, client->removed)},
        4);
    return true;
}

static void client_take(struct run *run, struct conn *conn, const struct op *op) {
    if (op->kind == KIND_RESTORE) return;
    const struct reply_item *item = &conn->reply.items[0];
    run_record(run, SERIES_LREM, op->due_ns);
    if (item->type == REPLY_INTEGER && item->number == 1) {
        run_unit(run);
        return;
    }
    run->ledger.unremoved++;
    run_unit_refused(run);
}

static void lrem_plan(struct run *run) {
    const char *position = run->options->position;
    if (strcmp(position, "first") != 0 && strcmp(position, "middle") != 0 &&
        strcmp(position, "last") != 0)
        fail(EXIT_USAGE, "--position is first, middle or last, not %s", position);
    run_add_series(run, "lrem");
    run_add_role(run, (struct role){.name = "client",
                                    .connections = 1, // its order of removals is the model
                                    .depth = 1,
                                    .state_bytes = sizeof(struct client),
                                    .is_source = true,
                                    .make = client_make,
                                    .take = client_take});
}

static void lrem_clear(struct run *run) {
    run_ask(run, (const struct text[]){text_of("DEL"), text_of(run->processing)}, 2);
}

static void lrem_prepare(struct run *run) {
    lrem_clear(run);
    const size_t job_bytes = run->maker.job_bytes;
    char *payloads = memory_new(FILL_AT_A_TIME, job_bytes);
    struct text arguments[2 + FILL_AT_A_TIME] = {text_of("RPUSH"), text_of(run->processing)};
    size_t held = 0;
    for (uint64_t id = 0; id < run->options->list_len; id++) {
        char *payload = payloads + held * job_bytes;
        job_write(&run->maker, (struct job){.id = id}, payload);
        arguments[2 + held++] = (struct text){payload, job_bytes};
        if (held < FILL_AT_A_TIME && id + 1 < run->options->list_len) continue;
        run_ask(run, arguments, 2 + held);
        held = 0;
    }
    free(payloads);
}

static void lrem_verify(struct run *run) {
    const struct text llen[] = {text_of("LLEN"), text_of(run->processing)};
    long long len = run_ask(run, llen, 2);
    long long expected = (long long)run->options->list_len;
    // The run may end between a removal and its return.
    if (run->ledger.unremoved > 0 || (len != expected && len != expected - 1))
        run_fault(run, "%llu removals found nothing; the list holds %lld of %lld jobs",
                  (unsigned long long)run->ledger.unremoved, len, expected);
    if (!run->options->keep) lrem_clear(run);
}

const struct workload workload_lrem = {
    .name = "lrem",
    .brief = "LREM of the first, middle or last (--position) of --list jobs, by one client",
    .unit = "requests",
    .plan = lrem_plan,
    .prepare = lrem_prepare,
    .verify = lrem_verify,
};
