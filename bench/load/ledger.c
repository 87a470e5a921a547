#include "bench/load/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "bench/load/fail.h"

enum { MARK_ACCEPTED = 1, MARK_DELIVERED = 2 };

void ledger_init(struct ledger *ledger) {
    *ledger = (struct ledger){.size = 1 << 16};
    ledger->marks = memory_new(ledger->size, 1);
}

void ledger_deinit(struct ledger *ledger) {
    free(ledger->marks);
    *ledger = (struct ledger){0};
}

uint64_t ledger_create(struct ledger *ledger) {
    if (ledger->created == ledger->size) {
        ledger->marks = memory_resize(ledger->marks, ledger->size * 2);
        memset(ledger->marks + ledger->size, 0, ledger->size);
        ledger->size *= 2;
    }
    return ledger->created++;
}

void ledger_accept(struct ledger *ledger, uint64_t id) {
    check(id < ledger->created);
    check((ledger->marks[id] & MARK_ACCEPTED) == 0);
    ledger->marks[id] |= MARK_ACCEPTED;
    ledger->accepted++;
}

void ledger_deliver(struct ledger *ledger, uint64_t id) {
    if (id >= ledger->created) {
        ledger->unexpected++;
        return;
    }
    if ((ledger->marks[id] & MARK_DELIVERED) != 0) {
        ledger->repeated++;
        return;
    }
    ledger->marks[id] |= MARK_DELIVERED;
    ledger->delivered++;
}

uint64_t ledger_lost(const struct ledger *ledger) {
    uint64_t lost = 0;
    for (uint64_t id = 0; id < ledger->created; id++)
        if ((ledger->marks[id] & (MARK_ACCEPTED | MARK_DELIVERED)) == MARK_ACCEPTED) lost++;
    return lost;
}

uint64_t ledger_faults(const struct ledger *ledger) {
    return ledger_lost(ledger) + ledger->repeated + ledger->unexpected + ledger->foreign +
           ledger->damaged + ledger->unremoved;
}
