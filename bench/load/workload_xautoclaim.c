// What does it cost to take over what died workers left, as that grows? A consumer has --pending
// entries; another one calls XAUTOCLAIM ... COUNT 10 as a worker does, from 0-0 and then from where
// the reply says. With --min-idle 0 every entry may be claimed; with a long time none may, which is
// what a healthy group sees each time it looks.

#include <stdio.h>

#include "bench/load/run.h"
#include "bench/load/stream.h"
#include "bench/load/workloads.h"

enum { SERIES_XAUTOCLAIM };
enum { ADD_AT_A_TIME = 64, DELIVER_AT_A_TIME = 1000, CLAIM_COUNT = 10 };

// Of the reply, flattened: [ cursor [ [ id [ field payload ] ] ... ] [ deleted ids ] ].
enum { ITEM_CURSOR = 1, ITEM_CLAIMED = 2 };

struct client {
    char cursor[REPLY_TEXT_BYTES];
};

static bool client_make(struct run *run, struct conn *conn, struct op *op) {
    const struct client *client = conn->state;
    char min_idle[32];
    (void)op;
    if (!run_may_create(run)) return false;
    run_create(run);
    snprintf(min_idle, sizeof(min_idle), "%llu", (unsigned long long)run->options->min_idle_ms);
    const bool has_cursor = client->cursor[0] != '\0';
    conn_command(conn,
                 (const struct text[]){text_of("XAUTOCLAIM"), text_of(run->queue),
                                       text_of(STREAM_GROUP), text_of("heir"), text_of(min_idle),
                                       text_of(has_cursor ? client->cursor : "0-0"),
                                       text_of("COUNT"), text_of("10")},
                 8);
    return true;
}

static void client_take(struct run *run, struct conn *conn, const struct op *op) {
    struct client *client = conn->state;
    const struct reply *reply = &conn->reply;
    run_record(run, SERIES_XAUTOCLAIM, op->due_ns);
    if (reply->len <= ITEM_CLAIMED) { // an error: counted already
        run_unit_refused(run);
        return;
    }
    const long long claimed = reply->items[ITEM_CLAIMED].number;
    run->ledger.delivered += (uint64_t)claimed;
    snprintf(client->cursor, sizeof(client->cursor), "%s", reply->items[ITEM_CURSOR].text);
    run_unit(run);
}

static void xautoclaim_plan(struct run *run) {
    run_add_series(run, "xautoclaim");
    run_add_role(run, (struct role){.name = "client",
                                    .connections = 1,
                                    .depth = 1,
                                    .state_bytes = sizeof(struct client),
                                    .is_source = true,
                                    .make = client_make,
                                    .take = client_take});
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void xautoclaim_prepare(struct run *run) {
    const uint64_t all = run->options->pending_len;
    stream_clear(run);
    stream_create_group(run);
    for (uint64_t id = 0; id < all; id += ADD_AT_A_TIME) {
        const uint64_t count = smaller(all - id, ADD_AT_A_TIME);
        for (uint64_t i = 0; i < count; i++)
            stream_add(run, &run->admin, (struct job){.id = id + i});
        conn_await(&run->admin, count);
    }
    for (uint64_t read = 0; read < all; read += DELIVER_AT_A_TIME) {
        stream_read(run, &run->admin, DELIVER_AT_A_TIME);
        conn_await(&run->admin, 1);
    }
}

// Each call of a client that claims what it can gets as much as COUNT, but for those at the end of
// a round over all entries; of a client that may claim nothing, nothing.
static void xautoclaim_verify(struct run *run) {
    const uint64_t all = run->options->pending_len;
    const uint64_t claimed = run->ledger.delivered;
    const uint64_t calls_a_round = (all + CLAIM_COUNT - 1) / CLAIM_COUNT;
    const uint64_t least = run->units / (calls_a_round + 1) * all;
    const bool claims = run->options->min_idle_ms == 0;
    if (claims ? claimed < least || claimed == 0 : claimed > 0)
        run_fault(run, "%llu calls claimed %llu entries", (unsigned long long)run->units,
                  (unsigned long long)claimed);
    const long long pending = stream_pending(run);
    if (pending != (long long)all)
        run_fault(run, "%llu entries were pending and %lld are", (unsigned long long)all, pending);
    if (!run->options->keep) stream_clear(run);
}

const struct workload workload_xautoclaim = {
    .name = "xautoclaim",
    .brief = "XAUTOCLAIM COUNT 10 among --pending entries, by one client",
    .unit = "requests",
    .plan = xautoclaim_plan,
    .prepare = xautoclaim_prepare,
    .verify = xautoclaim_verify,
};
