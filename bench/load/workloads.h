// The workloads there are, each in the file of its name.
#ifndef ACKD_BENCH_LOAD_WORKLOADS_H
#define ACKD_BENCH_LOAD_WORKLOADS_H

#include "bench/load/workload.h"

extern const struct workload workload_enqueue;        // LPUSH
extern const struct workload workload_list_cycle;     // LPUSH | BLMOVE, LREM
extern const struct workload workload_ping;           // PING
extern const struct workload workload_mixed;          // LPUSH, and a PING probe beside it
extern const struct workload workload_stream_cycle;   // XADD | XREADGROUP, XACK
extern const struct workload workload_stream_add;     // XADD
extern const struct workload workload_stream_deliver; // XREADGROUP without XACK
extern const struct workload workload_xautoclaim;     // XAUTOCLAIM among so many pending entries
extern const struct workload workload_lrem;           // LREM at a place of a list of known length
extern const struct workload workload_drain;          // RPOP of what an enqueue has left
extern const struct workload workload_range;          // LRANGE of --list jobs at a time
extern const struct workload workload_churn_fifo;     // LPUSH, RPOP: as many as --live stay
extern const struct workload workload_churn_old;      // the same, and one job in many stays
extern const struct workload workload_churn_random;   // HSET, HDEL of any of those that are alive
extern const struct workload workload_churn_strings;  // SET of any of --live keys

#endif
