#include <string.h>

#include "server/engine/slowlog.h"

struct latency_event *latency_find(struct latency *latency, struct slice name) {
    for (unsigned i = 0; i < latency->count; i++) {
        if (slice_equal(slice_str(latency->events[i].name), name)) return &latency->events[i];
    }
    return NULL;
}

void latency_add(struct latency *latency, const char *name, int64_t time_s, uint32_t ms) {
    struct latency_event *event = latency_find(latency, slice_str(name));
    if (event == NULL) {
        if (latency->count == LATENCY_EVENTS_MAX) return;
        event = &latency->events[latency->count++];
        *event = (struct latency_event){.name = name};
    }
    if (ms > event->max_ms) event->max_ms = ms;
    // One sample a second is kept, the worst: a storm must not push out the history.
    struct latency_sample *last =
        &event->samples[(event->next + LATENCY_HISTORY_MAX - 1) % LATENCY_HISTORY_MAX];
    if (last->time_s == time_s) {
        if (ms > last->ms) last->ms = ms;
        return;
    }
    event->samples[event->next] = (struct latency_sample){.time_s = time_s, .ms = ms};
    event->next = (event->next + 1) % LATENCY_HISTORY_MAX;
}

unsigned latency_reset(struct latency *latency, struct slice name) {
    unsigned kept = 0;
    const unsigned before = latency->count;
    for (unsigned i = 0; i < before; i++) {
        const bool goes = name.len == 0 || slice_equal(slice_str(latency->events[i].name), name);
        if (goes) continue;
        if (kept != i) latency->events[kept] = latency->events[i];
        kept++;
    }
    latency->count = kept;
    return before - kept;
}
