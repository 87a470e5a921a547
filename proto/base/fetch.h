// Asking the memory for what will be looked at soon, without waiting for it.
#ifndef ACKD_PROTO_BASE_FETCH_H
#define ACKD_PROTO_BASE_FETCH_H

enum { FETCH_LINE = 64 }; // bytes that come at once

// Any address will do, NULL too. The empty statement is an effect: without one gcc 12 takes a
// function that only fetches for one that does nothing, and drops its calls.
static inline void fetch_line(const void *at) {
    __builtin_prefetch(at);
    __asm__ volatile("" : : "r"(at));
}

#endif
