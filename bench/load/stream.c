#include "bench/load/stream.h"

#include <stdio.h>
#include <string.h>

#define FIELD "job"

// Of a reply to XREADGROUP, flattened: [ [ key [ [ id [ field payload ] ] ... ] ] ].
enum {
    ITEMS_BEFORE_ENTRIES = 4, // the list of streams, the stream, its key, the list of entries
    ITEMS_PER_ENTRY = 5,      // the entry, its id, the list of fields, a field, its value
    ITEM_ID = 1,
    ITEM_PAYLOAD = 4,
};

void stream_clear(struct run *run) {
    run_ask(run, (const struct text[]){text_of("DEL"), text_of(run->queue)}, 2);
}

void stream_create_group(struct run *run) {
    run_ask(run,
            (const struct text[]){text_of("XGROUP"), text_of("CREATE"), text_of(run->queue),
                                  text_of(STREAM_GROUP), text_of("0"), text_of("MKSTREAM")},
            6);
}

long long stream_len(struct run *run) {
    return run_ask(run, (const struct text[]){text_of("XLEN"), text_of(run->queue)}, 2);
}

long long stream_pending(struct run *run) {
    run_ask(run,
            (const struct text[]){text_of("XPENDING"), text_of(run->queue), text_of(STREAM_GROUP)},
            3);
    return run->admin.reply.items[1].number; // the first element of the array
}

void stream_add(struct run *run, struct conn *conn, struct job job) {
    job_write(&run->maker, job, run->payload);
    conn_command(conn,
                 (const struct text[]){text_of("XADD"),
                                       text_of(run->queue),
                                       text_of("*"),
                                       text_of(FIELD),
                                       {run->payload, run->maker.job_bytes}},
                 5);
}

void stream_read(struct run *run, struct conn *conn, size_t count) {
    char consumer[32];
    char number[32];
    const size_t index = conn->role == NULL ? 0 : (size_t)(conn - conn->role->conns);
    snprintf(consumer, sizeof(consumer), "worker-%zu", index);
    snprintf(number, sizeof(number), "%zu", count);
    conn_command(conn,
                 (const struct text[]){text_of("XREADGROUP"), text_of("GROUP"),
                                       text_of(STREAM_GROUP), text_of(consumer), text_of("COUNT"),
                                       text_of(number), text_of("BLOCK"), text_of("5000"),
                                       text_of("STREAMS"), text_of(run->queue), text_of(">")},
                 11);
}

size_t stream_deliveries(const struct reply *reply, struct stream_delivery *out) {
    if (reply->len <= ITEMS_BEFORE_ENTRIES) return 0;
    size_t count = 0;
    for (size_t at = ITEMS_BEFORE_ENTRIES; at + ITEMS_PER_ENTRY <= reply->len && count < BATCH_MAX;
         at += ITEMS_PER_ENTRY) {
        const struct reply_item *id = &reply->items[at + ITEM_ID];
        const struct reply_item *payload = &reply->items[at + ITEM_PAYLOAD];
        struct stream_delivery *delivery = &out[count++];
        memcpy(delivery->entry, id->text, sizeof(delivery->entry));
        delivery->fault = payload->type == REPLY_STRING ? payload->fault : JOB_FOREIGN;
        delivery->job = payload->job;
    }
    return count;
}
