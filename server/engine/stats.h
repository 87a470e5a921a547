// Counters of one engine, read by INFO. Reset by CONFIG RESETSTAT where Redis resets them.
#ifndef ACKD_SERVER_ENGINE_STATS_H
#define ACKD_SERVER_ENGINE_STATS_H

#include <stdint.h>

#include "proto/base/histogram.h"

enum { STATS_SAMPLES = 16 }; // instantaneous_* are means over this many tenths of seconds

struct command_stats { // one per command and subcommand, addressed by the engine's command id
    uint64_t calls;
    uint64_t usec;
    uint64_t rejected;
    uint64_t failed;
    struct histogram *latency; // made at the first call, in microseconds... NULL before
};

enum { STATS_ERRORS_MAX = 128, STATS_ERROR_NAME_MAX = 32 };

struct error_stats { // INFO errorstats: per error code ("ERR", "WRONGTYPE")
    char name[STATS_ERROR_NAME_MAX];
    uint64_t count;
};

struct stats {
    uint64_t connections_received;
    uint64_t connections_rejected;
    uint64_t commands_processed;
    uint64_t net_input_bytes;
    uint64_t net_output_bytes;
    uint64_t keyspace_hits;
    uint64_t keyspace_misses;
    uint64_t expired_keys;
    uint64_t error_replies;
    uint64_t query_limit_disconnections;
    uint64_t output_limit_disconnections;
    uint64_t held_space_disconnections;
    uint64_t reads_processed;
    uint64_t writes_processed;
    uint64_t refused_no_space; // -NOSPACE
    uint64_t refused_memory;   // -OOM
    uint64_t waiters_served;
    uint64_t paused_feeds; // FEED_PAUSED answers
    uint64_t ops_per_sec;  // instantaneous
    double input_kbps;
    double output_kbps;
    uint64_t memory_peak;
    struct error_stats errors[STATS_ERRORS_MAX];
    unsigned error_count;
    struct histogram fsync_latency_us;
};

#endif
