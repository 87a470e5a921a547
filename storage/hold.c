#include "storage/hold.h"

#include "proto/base/mem.h"
#include "storage/store_state.h"

struct store_hold {
    size_t count;
    uint32_t slots[];
};

struct store_hold *store_hold_begin(struct store *store) {
    const size_t count = log_segment_count(store->log);
    struct store_hold *hold = mem_alloc(sizeof *hold + count * sizeof hold->slots[0]);
    hold->count = count;
    for (size_t i = 0; i < count; i++) {
        hold->slots[i] = log_segment_at(store->log, i).slot;
        log_pin(store->log, hold->slots[i]);
    }
    return hold;
}

void store_hold_end(struct store *store, struct store_hold *hold) {
    if (hold == NULL) return;
    for (size_t i = 0; i < hold->count; i++)
        log_unpin(store->log, hold->slots[i]);
    mem_free(hold);
}

bool store_hold_any(const struct store_hold *hold,
                    bool (*is_it)(const void *context, uint32_t slot), const void *context) {
    for (size_t i = 0; hold != NULL && i < hold->count; i++)
        if (is_it(context, hold->slots[i])) return true;
    return false;
}

size_t store_hold_memory(const struct store_hold *hold) {
    return hold == NULL ? 0 : hold->count * sizeof hold->slots[0];
}
