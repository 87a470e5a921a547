// The slow log (SLOWLOG) and the latency events (LATENCY) of one engine.
#ifndef ACKD_SERVER_ENGINE_SLOWLOG_H
#define ACKD_SERVER_ENGINE_SLOWLOG_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/link.h"
#include "proto/base/slice.h"

enum { SLOWLOG_ARGS_MAX = 32, SLOWLOG_ARG_BYTES_MAX = 128 };

struct slowlog_entry {
    struct link link; // newest first
    uint64_t id;
    int64_t time_s;
    int64_t took_us;
    size_t argc;        // of argv, after cutting
    struct slice *argv; // owned
    char *address;
    char *client_name;
};

struct slowlog {
    struct link entries;
    size_t len;
    uint64_t next_id;
};

void slowlog_init(struct slowlog *log);
void slowlog_deinit(struct slowlog *log);
void slowlog_add(struct slowlog *log, const struct slowlog_entry *entry, const struct slice *argv,
                 size_t argc, size_t max_len); // copies; only the first SLOWLOG_ARGS_MAX are read
void slowlog_reset(struct slowlog *log);

enum { LATENCY_HISTORY_MAX = 160, LATENCY_EVENTS_MAX = 16 };

struct latency_sample {
    int64_t time_s;
    uint32_t ms;
};

struct latency_event {
    const char *name; // "command", "fast-command", "fsync"
    uint32_t max_ms;
    unsigned next;
    struct latency_sample samples[LATENCY_HISTORY_MAX];
};

struct latency {
    struct latency_event events[LATENCY_EVENTS_MAX];
    unsigned count;
};

void latency_add(struct latency *latency, const char *name, int64_t time_s, uint32_t ms);
struct latency_event *latency_find(struct latency *latency, struct slice name);
unsigned latency_reset(struct latency *latency, struct slice name); // empty: all; returns how many

#endif
