// What was committed in the life of one disk: for each frame, in order, where the log ended behind
// it and what the digest of all data was. After a crash the state must be that of one of these.
//
// Always true: frame 0 is the empty store; told <= count; what was told is never forgotten.
#ifndef ACKD_TESTS_SIM_WORLD_LEDGER_H
#define ACKD_TESTS_SIM_WORLD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger_frame {
    uint64_t end_lsn; // as this process wrote it; 0: recovered by it, durable since
    uint64_t digest;
    bool has_digest; // frames of one call whose commits were not seen one by one have none
};

struct ledger {
    struct ledger_frame *frames; // the state behind frame i
    size_t count;                // of frames, without frame 0
    size_t cap;
    size_t told;       // a reply that has left tells of this many frames
    size_t safe;       // no cut can take these any more: the disk was asked
    uint64_t safe_lsn; // behind the last of them
};

void ledger_begin(struct ledger *ledger, uint64_t digest);
void ledger_deinit(struct ledger *ledger);
void ledger_add(struct ledger *ledger, const struct ledger_frame *frame);
// A start found `count` frames, behind which the log ends at `lsn`: they are durable.
void ledger_restart(struct ledger *ledger, size_t count, uint64_t lsn);

#endif
