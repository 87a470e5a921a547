// A PING client beside any load: what does a client that writes nothing feel while others write? It
// has its own connection and its own open loop, so that a stall of the server is measured in full.
#ifndef ACKD_BENCH_LOAD_PROBE_H
#define ACKD_BENCH_LOAD_PROBE_H

#include "bench/load/run.h"

// Adds the role "probe" and the series "ping".
void probe_plan(struct run *run, double rate);

#endif
