// A hold on all the log holds now: no segment is given to new data before the hold ends. For who
// shares references without having looked at them.
#ifndef ACKD_STORAGE_HOLD_H
#define ACKD_STORAGE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

struct store_hold;

// Costs a step per segment.
struct store_hold *store_hold_begin(struct store *store);
void store_hold_end(struct store *store, struct store_hold *hold); // NULL is fine
// Whether one of its slots is such. NULL has none.
bool store_hold_any(const struct store_hold *hold,
                    bool (*is_it)(const void *context, uint32_t slot), const void *context);
size_t store_hold_memory(const struct store_hold *hold); // of NULL: 0

#endif
