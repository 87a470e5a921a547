// What a run found: for people, or as one line of JSON for bench/compare.
#ifndef ACKD_BENCH_LOAD_REPORT_H
#define ACKD_BENCH_LOAD_REPORT_H

#include "bench/load/run.h"

void report_print(const struct run *run);

#endif
