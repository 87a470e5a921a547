// What idempotent producers added to a stream lately: producer -> idempotent id -> entry, so that
// an XADD that is sent again adds nothing. Each producer's ids lie in the order in which they came;
// the oldest go first.
//
// Always true: no producer without ids; no id twice for one producer. An id's age is that of its
// entry (the ms of the entry's id): no clock is kept. What is too old is not found, but stays until
// an effect drops it.
#ifndef ACKD_STORAGE_DATA_IDMP_H
#define ACKD_STORAGE_DATA_IDMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"
#include "storage/data/stream_id.h"

struct idmp;

struct idmp *idmp_new(void);
// Forgets ids and producers until there are none or `steps` are spent; says how many are left.
size_t idmp_drain(struct idmp *idmp, size_t steps);
void idmp_free(struct idmp *idmp);
uint32_t idmp_duration_s(const struct idmp *idmp);
uint32_t idmp_max_size(const struct idmp *idmp);
size_t idmp_producers(const struct idmp *idmp);
size_t idmp_ids(const struct idmp *idmp);
uint64_t idmp_ids_added(const struct idmp *idmp);
uint64_t idmp_duplicates(const struct idmp *idmp);
size_t idmp_memory(const struct idmp *idmp);

bool idmp_find(const struct idmp *idmp, struct slice producer, struct slice id, int64_t now_ms,
               struct stream_id *out);
// How many of the producer's oldest ids are to go at that time, so that this one has room and is
// not there.
uint32_t idmp_surplus(const struct idmp *idmp, struct slice producer, struct slice id,
                      int64_t now_ms);
bool idmp_has(const struct idmp *idmp, struct slice producer, struct slice id); // however old
// The producer that has added nothing for the longest time, and how many ids of it are too old.
// False when there is no producer.
bool idmp_idlest(const struct idmp *idmp, int64_t now_ms, struct slice *producer, uint32_t *stale);
// Visits all, producers in the order of their names, ids from the oldest on.
void idmp_each(const struct idmp *idmp,
               void (*visit)(void *context, struct slice producer, struct slice id,
                             struct stream_id entry),
               void *context);

// Forgets everything and sets the bounds.
void idmp_configure(struct idmp *idmp, uint32_t duration_s, uint32_t max_size, uint64_t ids_added);
// The id is not there. Makes the producer if need be.
void idmp_add(struct idmp *idmp, struct slice producer, struct slice id, struct stream_id entry);
size_t idmp_producer_ids(const struct idmp *idmp, struct slice producer); // 0: unknown
void idmp_drop(struct idmp *idmp, struct slice producer, uint32_t count); // at most its ids
void idmp_note_duplicate(struct idmp *idmp);
void idmp_check(const struct idmp *idmp);

#endif
