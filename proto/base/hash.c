#include "proto/base/hash.h"

#include <xxhash.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

uint64_t hash_bytes(struct slice s, uint64_t seed) {
    return XXH3_64bits_withSeed(s.data, s.len, seed);
}

uint32_t hash_payload(struct slice s) {
    return (uint32_t)XXH3_64bits(s.data, s.len);
}

struct hash_stream {
    XXH3_state_t *state; // apart, because it wants an alignment that only its maker guarantees
};

struct hash_stream *hash_stream_new(void) {
    struct hash_stream *stream = mem_zalloc(sizeof *stream);
    stream->state = XXH3_createState();
    must(stream->state != NULL);
    hash_stream_reset(stream, 0);
    return stream;
}

void hash_stream_free(struct hash_stream *stream) {
    if (stream == NULL) return;
    XXH3_freeState(stream->state);
    mem_free(stream);
}

void hash_stream_reset(struct hash_stream *stream, uint64_t seed) {
    must(XXH3_64bits_reset_withSeed(stream->state, seed) == XXH_OK);
}

void hash_stream_update(struct hash_stream *stream, struct slice s) {
    if (s.len == 0) return;
    must(XXH3_64bits_update(stream->state, s.data, s.len) == XXH_OK);
}

uint64_t hash_stream_digest(const struct hash_stream *stream) {
    return XXH3_64bits_digest(stream->state);
}
