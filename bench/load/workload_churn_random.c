// Jobs that end in no order: as many as --live are there all the time, each in a slot; a client
// picks a slot at random and puts another job there. `churn-random` has them in a hash, the field
// being the job's number (HDEL, then HSET); `churn-strings` has a key to a slot (SET).
//
// Slot s belongs to the connection s % --connections, whose commands come in order; so which job is
// in it follows without asking. At the end slots all over the range are read and compared.

#include <stdio.h>
#include <string.h>

#include "bench/load/fail.h"
#include "bench/load/run.h"
#include "bench/load/workloads.h"

enum { SERIES_ADD, SERIES_REMOVE };
enum { KIND_ADD, KIND_REMOVE };
#define SLOT_EMPTY UINT64_MAX // between HDEL and HSET, where an open loop may end
enum { AT_A_TIME = 50, SAMPLES = 2000, NAME_BYTES = RUN_KEY_BYTES + 24 };

struct client {
    uint64_t random; // xorshift64; 0: not yet seeded
    uint64_t slot;
    bool must_add; // to the slot, which is empty
};

static bool is_hash(const struct run *run) {
    return run->workload == &workload_churn_random;
}

static uint64_t pick_slot(const struct run *run, const struct conn *conn) {
    struct client *client = conn->state;
    const uint64_t own = (uint64_t)(conn - conn->role->conns);
    if (client->random == 0) client->random = UINT64_C(0x9e3779b97f4a7c15) * (own + 1);
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    const uint64_t connections = run->options->connections;
    const uint64_t count = (run->options->live_len - own + connections - 1) / connections;
    return own + connections * (client->random % count);
}

// The field or key of what is in the slot.
static struct text name_of(const struct run *run, uint64_t slot, char *into) {
    if (is_hash(run))
        snprintf(into, NAME_BYTES, "%llu", (unsigned long long)run->slots[slot]);
    else
        snprintf(into, NAME_BYTES, "%s:%llu", run->queue, (unsigned long long)slot);
    return text_of(into);
}

static void add(struct run *run, struct conn *conn, uint64_t slot, struct op *op) {
    char name[NAME_BYTES];
    op->kind = KIND_ADD;
    op->id = run->slots[slot] = ledger_create(&run->ledger);
    job_write(&run->maker, (struct job){.id = op->id, .due_ns = op->due_ns}, run->payload);
    const struct text payload = {run->payload, run->maker.job_bytes};
    if (is_hash(run)) {
        conn_command(conn,
                     (const struct text[]){text_of("HSET"), text_of(run->queue),
                                           name_of(run, slot, name), payload},
                     4);
    } else {
        conn_command(conn, (const struct text[]){text_of("SET"), name_of(run, slot, name), payload},
                     3);
    }
}

static bool client_make(struct run *run, struct conn *conn, struct op *op) {
    struct client *client = conn->state;
    if (client->must_add) {
        client->must_add = false;
        add(run, conn, client->slot, op);
        return true;
    }
    if (!run_may_create(run)) return false;
    run_create(run);
    client->slot = pick_slot(run, conn);
    if (!is_hash(run)) {
        add(run, conn, client->slot, op);
        return true;
    }
    char name[NAME_BYTES];
    op->kind = KIND_REMOVE;
    client->must_add = true;
    conn_command(conn,
                 (const struct text[]){text_of("HDEL"), text_of(run->queue),
                                       name_of(run, client->slot, name)},
                 3);
    run->slots[client->slot] = SLOT_EMPTY;
    return true;
}

static void client_take(struct run *run, struct conn *conn, const struct op *op) {
    const struct reply_item *item = &conn->reply.items[0];
    if (op->kind == KIND_REMOVE) {
        run_record(run, SERIES_REMOVE, op->due_ns);
        if (item->type != REPLY_INTEGER || item->number != 1) run->ledger.unremoved++;
        return;
    }
    run_record(run, SERIES_ADD, op->due_ns);
    const bool is_good = is_hash(run) ? item->type == REPLY_INTEGER && item->number == 1
                                      : item->type == REPLY_STATUS;
    if (!is_good) {
        run_unit_refused(run);
        return;
    }
    ledger_accept(&run->ledger, op->id);
    run_unit(run);
}

static void churn_plan(struct run *run) {
    const struct options *options = run->options;
    if (options->live_len < options->connections)
        fail(EXIT_USAGE, "--live is at least --connections");
    run_add_series(run, "add");
    if (is_hash(run)) run_add_series(run, "remove");
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
    if (is_hash(run)) {
        run_ask(run, (const struct text[]){text_of("DEL"), text_of(run->queue)}, 2);
        return;
    }
    for (uint64_t slot = 0; slot < run->options->live_len; slot++) {
        char name[NAME_BYTES];
        run_ask(run, (const struct text[]){text_of("DEL"), name_of(run, slot, name)}, 2);
    }
}

static void churn_prepare(struct run *run) {
    const uint64_t live = run->options->live_len;
    run->slots = memory_new(live, sizeof *run->slots);
    size_t sent = 0;
    for (uint64_t slot = 0; slot < live; slot++) {
        struct op op = {0};
        add(run, &run->admin, slot, &op);
        ledger_accept(&run->ledger, op.id);
        if (++sent < AT_A_TIME && slot + 1 < live) continue;
        conn_await(&run->admin, sent);
        sent = 0;
    }
}

static void verify_slot(struct run *run, uint64_t slot) {
    char name[NAME_BYTES];
    const struct text field = name_of(run, slot, name);
    if (is_hash(run))
        conn_ask(&run->admin, (const struct text[]){text_of("HGET"), text_of(run->queue), field},
                 3);
    else
        conn_ask(&run->admin, (const struct text[]){text_of("GET"), field}, 2);
    const struct reply_item *item = &run->admin.reply.items[0];
    if (item->type == REPLY_STRING && item->fault == JOB_GOOD && item->job.id == run->slots[slot])
        return;
    run_fault(run, "%s does not hold job %llu", field.bytes, (unsigned long long)run->slots[slot]);
}

static void churn_verify(struct run *run) {
    const uint64_t live = run->options->live_len;
    if (run->ledger.unremoved > 0)
        run_fault(run, "%llu removals found nothing", (unsigned long long)run->ledger.unremoved);
    const uint64_t stride = live / SAMPLES + 1;
    uint64_t there = 0;
    for (uint64_t slot = 0; slot < live; slot++) {
        if (run->slots[slot] == SLOT_EMPTY) continue;
        there++;
        if (slot % stride == 0) verify_slot(run, slot);
    }
    if (is_hash(run)) {
        const struct text hlen[] = {text_of("HLEN"), text_of(run->queue)};
        const uint64_t left = (uint64_t)run_ask(run, hlen, 2);
        if (left != there)
            run_fault(run, "the hash holds %llu of %llu jobs", (unsigned long long)left,
                      (unsigned long long)there);
    }
    if (!run->options->keep) churn_clear(run);
}

const struct workload workload_churn_random = {
    .name = "churn-random",
    .brief = "HDEL of a random one of --live jobs in a hash, HSET of another",
    .unit = "jobs",
    .plan = churn_plan,
    .prepare = churn_prepare,
    .verify = churn_verify,
};

const struct workload workload_churn_strings = {
    .name = "churn-strings",
    .brief = "SET of a random one of --live keys",
    .unit = "jobs",
    .plan = churn_plan,
    .prepare = churn_prepare,
    .verify = churn_verify,
};
