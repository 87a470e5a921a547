#include "tests/soak/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/rng.h"

enum {
    SHORT_MAX = 44, // with the name: 64 bytes
    MIDDLE_MAX = 1200,
    LONG_MAX_BYTES = 8 * 1024,
    HUGE_MAX = JOB_BYTES_MAX - JOB_NAME_BYTES - 1,
};

static size_t filler_bytes(struct rng *rng) {
    uint64_t percent = rng_below(rng, 100);
    if (percent < 40) return (size_t)rng_below(rng, SHORT_MAX + 1);
    if (percent < 92) return (size_t)rng_below(rng, MIDDLE_MAX + 1);
    if (percent < 99) return (size_t)rng_below(rng, LONG_MAX_BYTES + 1);
    return (size_t)rng_below(rng, HUGE_MAX + 1);
}

struct slice job_payload(uint64_t job, char *out) {
    snprintf(out, JOB_NAME_BYTES + 1, "job:%016" PRIx64, job);
    struct rng rng;
    rng_init(&rng, job);
    size_t len = JOB_NAME_BYTES + filler_bytes(&rng);
    for (size_t at = JOB_NAME_BYTES; at < len; at += sizeof(uint64_t)) {
        uint64_t word = rng_next(&rng);
        memcpy(out + at, &word, len - at < sizeof word ? len - at : sizeof word);
    }
    return slice_of(out, len);
}

struct slice job_name(struct slice payload) {
    return slice_sub(payload, 0, payload.len < JOB_NAME_BYTES ? payload.len : JOB_NAME_BYTES);
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool job_of_name(struct slice name, uint64_t *job) {
    if (name.len != JOB_NAME_BYTES || memcmp(name.data, "job:", 4) != 0) return false;
    *job = 0;
    for (size_t i = 4; i < JOB_NAME_BYTES; i++) {
        int digit = digit_of(name.data[i]);
        if (digit < 0) return false;
        *job = *job * 16 + (uint64_t)digit;
    }
    return true;
}

bool job_of(struct slice payload, uint64_t *job) {
    if (!job_of_name(job_name(payload), job)) return false;
    char *expected = mem_alloc(JOB_BYTES_MAX);
    bool is_whole = slice_equal(payload, job_payload(*job, expected));
    mem_free(expected);
    return is_whole;
}
