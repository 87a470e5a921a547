// Words about what happens, to a sink. The product's sink is the log file; a test's sink remembers
// and lets the test demand that a named event happened; the simulator's sink is the trace that must
// be equal for equal seeds.
#ifndef ACKD_PROTO_BASE_TRACE_H
#define ACKD_PROTO_BASE_TRACE_H

#include <stdarg.h>
#include <stdatomic.h>

enum trace_level { TRACE_DEBUG, TRACE_VERBOSE, TRACE_NOTICE, TRACE_WARNING };

struct trace {
    void *context;
    atomic_int level; // enum trace_level; events below it are not built. Any thread may change it
    // Called by whatever thread has something to say: a sink of a process with several locks for
    // itself. `event` is a stable name for machines ("log.rotated"), `text` a sentence for
    // operators.
    void (*sink)(void *context, enum trace_level level, const char *event, const char *text);
};

// Does nothing when trace is NULL, has no sink, or the level is below its own.
void trace_event(const struct trace *trace, enum trace_level level, const char *event,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
