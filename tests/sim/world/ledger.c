#include "tests/sim/world/ledger.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"

static void push(struct ledger *ledger, size_t at, const struct ledger_frame *frame) {
    if (at == ledger->cap) {
        ledger->cap = ledger->cap == 0 ? 1024 : ledger->cap * 2;
        ledger->frames = mem_realloc(ledger->frames, ledger->cap * sizeof *ledger->frames);
    }
    ledger->frames[at] = *frame;
}

void ledger_begin(struct ledger *ledger, uint64_t digest) {
    ledger->count = 0;
    ledger->told = 0;
    ledger->safe = 0;
    ledger->safe_lsn = 0;
    push(ledger, 0, &(struct ledger_frame){.digest = digest, .has_digest = true});
}

void ledger_deinit(struct ledger *ledger) {
    mem_free(ledger->frames);
    *ledger = (struct ledger){0};
}

void ledger_add(struct ledger *ledger, const struct ledger_frame *frame) {
    ledger->count++;
    push(ledger, ledger->count, frame);
}

void ledger_restart(struct ledger *ledger, size_t count, uint64_t lsn) {
    must(ledger->told <= count && count <= ledger->count);
    ledger->count = count;
    ledger->safe = count;
    ledger->safe_lsn = lsn;
}
