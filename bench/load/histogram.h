// Durations in nanoseconds, counted in buckets of which each is at most 1/128 wider than its lower
// edge: any percentile is right within 0.8 %, from 1 ns to 18 minutes, in 34 KB and without
// sorting. Below 128 ns every value has a bucket of its own.
#ifndef ACKD_BENCH_LOAD_HISTOGRAM_H
#define ACKD_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 7,   // 128 buckets to each doubling
    HISTOGRAM_RANGE_BITS = 40, // durations above 2^40 - 1 ns are counted in the last bucket
    HISTOGRAM_BUCKETS = (HISTOGRAM_RANGE_BITS - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max_ns; // exact
};

void histogram_add(struct histogram *histogram, uint64_t duration_ns);

// Finds the duration that `percent` of the values do not exceed (the upper edge of its bucket, at
// most the exact maximum); 0 when nothing was counted. `percent` lies in 0..100.
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
