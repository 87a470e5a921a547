#include "bench/load/histogram.h"

#include "bench/load/fail.h"

static unsigned bucket_of(uint64_t duration_ns) {
    const uint64_t limit = (UINT64_C(1) << HISTOGRAM_RANGE_BITS) - 1;
    if (duration_ns > limit) duration_ns = limit;
    if (duration_ns < (1U << HISTOGRAM_STEP_BITS)) return (unsigned)duration_ns;

    // A value of n significant bits keeps its top HISTOGRAM_STEP_BITS + 1 bits; the leading one is
    // implied by the doubling it belongs to.
    unsigned bits = 64U - (unsigned)__builtin_clzll(duration_ns);
    unsigned shift = bits - HISTOGRAM_STEP_BITS - 1;
    unsigned step = (unsigned)(duration_ns >> shift) - (1U << HISTOGRAM_STEP_BITS);
    return ((shift + 1) << HISTOGRAM_STEP_BITS) + step;
}

static uint64_t bucket_last(unsigned bucket) {
    unsigned doubling = bucket >> HISTOGRAM_STEP_BITS;
    if (doubling == 0) return bucket;

    unsigned shift = doubling - 1;
    uint64_t top = (bucket & ((1U << HISTOGRAM_STEP_BITS) - 1)) | (1U << HISTOGRAM_STEP_BITS);
    return ((top + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t duration_ns) {
    histogram->counts[bucket_of(duration_ns)]++;
    histogram->total++;
    if (duration_ns > histogram->max_ns) histogram->max_ns = duration_ns;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    check(percent >= 0 && percent <= 100);
    if (histogram->total == 0) return 0;

    uint64_t wanted = (uint64_t)((double)histogram->total * percent / 100 + 0.5);
    if (wanted == 0) wanted = 1;
    if (wanted > histogram->total) wanted = histogram->total;

    uint64_t seen = 0;
    unsigned bucket = 0;
    while (seen + histogram->counts[bucket] < wanted)
        seen += histogram->counts[bucket++];
    uint64_t last = bucket_last(bucket);
    return last < histogram->max_ns ? last : histogram->max_ns;
}
