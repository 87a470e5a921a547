#include "proto/base/trace.h"

#include <stddef.h>
#include <stdio.h>

enum { TRACE_TEXT_MAX = 1024 };

void trace_event(const struct trace *trace, enum trace_level level, const char *event,
                 const char *format, ...) {
    if (trace == NULL || trace->sink == NULL) return;
    if ((int)level < atomic_load_explicit(&trace->level, memory_order_relaxed)) return;
    char text[TRACE_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    trace->sink(trace->context, level, event, text);
}
