// What the hash commands share.
#ifndef ACKD_SERVER_COMMANDS_HASHES_H
#define ACKD_SERVER_COMMANDS_HASHES_H

#include <stdbool.h>
#include <stddef.h>

#include "server/engine/call.h"

// The hash of argv[1], NULL when there is none. Returns false after having answered WRONGTYPE.
bool hashes_find(struct call *call, const struct hash_type **out);

// Whether every step-th argument from `first` on may be the name of a field; answers the error.
bool hashes_fields_fit(struct call *call, size_t first, size_t step);

// A field's value; false (nothing answered) when the hash (may be NULL) has no such field.
bool hashes_value(const struct hash_type *hash, struct slice field, struct blob *out);

#endif
