#include "server/net/committer.h"

enum { FIRST_US = 10 * COMMIT_INLINE_US };

void committer_init(struct committer *committer) {
    committer->sum_us = (uint64_t)COMMIT_AVERAGE_OVER * FIRST_US;
}

bool committer_is_inline(const struct committer *committer, uint64_t batch_bytes,
                         int64_t reader_us) {
    if (reader_us < COMMIT_READER_US) return false;
    return committer->sum_us <= (uint64_t)COMMIT_AVERAGE_OVER * COMMIT_INLINE_US &&
           batch_bytes <= COMMIT_INLINE_BYTES;
}

void committer_ended(struct committer *committer, uint64_t took_us) {
    committer->sum_us += took_us - committer->sum_us / COMMIT_AVERAGE_OVER;
}
