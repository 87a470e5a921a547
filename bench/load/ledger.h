// The account of every job of a run, by its number: which were acknowledged to the producer, which
// came to a worker, how often, and which were answered as removed. The promise it checks: what was
// acknowledged came exactly once, and nothing came that was never sent.
#ifndef ACKD_BENCH_LOAD_LEDGER_H
#define ACKD_BENCH_LOAD_LEDGER_H

#include <stddef.h>
#include <stdint.h>

struct ledger {
    uint8_t *marks; // one byte of flags to a job
    size_t size;    // jobs there is room for
    uint64_t created;
    uint64_t accepted;   // acknowledged to the producer
    uint64_t delivered;  // came to a worker for the first time
    uint64_t done;       // the worker's removal was acknowledged
    uint64_t repeated;   // came once more
    uint64_t unexpected; // a number that was never sent
    uint64_t foreign;    // not a job of this run
    uint64_t damaged;    // a job whose bytes changed
    uint64_t unremoved;  // the removal found nothing to remove
};

void ledger_init(struct ledger *ledger);
void ledger_deinit(struct ledger *ledger);

uint64_t ledger_create(struct ledger *ledger); // the next number
void ledger_accept(struct ledger *ledger, uint64_t id);
void ledger_deliver(struct ledger *ledger, uint64_t id);

// Counts the jobs that were accepted and never came.
uint64_t ledger_lost(const struct ledger *ledger);

// Counts everything that must not happen; 0 is the only good answer. Jobs still on their way count
// as lost, so ask when the queue was drained.
uint64_t ledger_faults(const struct ledger *ledger);

#endif
