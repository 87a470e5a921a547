// Counts of values in buckets of 1/16 relative width: percentiles with a relative error of at
// most 6.25 %, in constant memory.
#ifndef ACKD_PROTO_BASE_HISTOGRAM_H
#define ACKD_PROTO_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 976 }; // 16 linear ones, then 16 per power of two up to 2^64

struct histogram {
    uint64_t total;
    uint64_t sum;
    uint64_t max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
uint64_t histogram_percentile(const struct histogram *histogram,
                              double percent); // 0 to 100; 0 when empty; upper edge of the bucket
// How many values are less than `limit`. Exact for limits up to 32 and for powers of two; for
// others the values that share a bucket with it are left out.
uint64_t histogram_count_below(const struct histogram *histogram, uint64_t limit);

#endif
