#include "proto/base/histogram.h"

#include <math.h>
#include <string.h>

#include "proto/base/must.h"

enum {
    STEP_BITS = 4, // 2^4 buckets per power of two
    STEPS = 1 << STEP_BITS,
};

_Static_assert(HISTOGRAM_BUCKETS == STEPS + (64 - STEP_BITS) * STEPS,
               "buckets cover 64 bits exactly");

static unsigned bucket_of(uint64_t value) {
    if (value < STEPS) return (unsigned)value;
    unsigned magnitude = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = magnitude - STEP_BITS;
    unsigned step = (unsigned)(value >> shift) & (STEPS - 1);
    return STEPS + shift * STEPS + step;
}

static uint64_t largest_in(unsigned bucket) {
    if (bucket < STEPS) return bucket;
    unsigned shift = (bucket - STEPS) / STEPS;
    uint64_t lead = STEPS + (bucket - STEPS) % STEPS;
    // Filling up with ones instead of "next edge minus one", which would overflow in the last.
    return (lead << shift) | ((UINT64_C(1) << shift) - 1);
}

void histogram_reset(struct histogram *histogram) {
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->total++;
    histogram->sum += value;
    if (value > histogram->max) histogram->max = value;
    histogram->counts[bucket_of(value)]++;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    must(percent >= 0 && percent <= 100);
    if (histogram->total == 0) return 0;
    double rank = ceil((double)histogram->total * percent / 100);
    uint64_t wanted = rank < 1 ? 1 : (uint64_t)rank;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen < wanted) continue;
        uint64_t edge = largest_in(i);
        return edge < histogram->max ? edge : histogram->max;
    }
    return histogram->max;
}

uint64_t histogram_count_below(const struct histogram *histogram, uint64_t limit) {
    uint64_t count = 0;
    for (unsigned i = 0; i < bucket_of(limit); i++) {
        count += histogram->counts[i];
    }
    return count;
}
