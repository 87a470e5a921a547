// Hashes and checksums, all XXH3 (libxxhash).
#ifndef ACKD_PROTO_BASE_HASH_H
#define ACKD_PROTO_BASE_HASH_H

#include <stdint.h>

#include "proto/base/slice.h"

uint64_t hash_bytes(struct slice s, uint64_t seed); // XXH3-64 with seed
uint32_t
hash_payload(struct slice s); // low 32 bits of XXH3-64, seed 0: what references carry (STORAGE.md)

// The same as hash_bytes of the number's eight bytes as they lie in memory, seed 0: a fraction of
// the time, for digests of a hundred million elements.
uint64_t hash_number(uint64_t number);

// XXH3-64 over several pieces.
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_free(struct hash_stream *stream);
void hash_stream_reset(struct hash_stream *stream, uint64_t seed);
void hash_stream_update(struct hash_stream *stream, struct slice s);
uint64_t hash_stream_digest(const struct hash_stream *stream);

#endif
