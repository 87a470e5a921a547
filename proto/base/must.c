#include "proto/base/must.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALLERS_MAX = 32 };

_Noreturn void must_fail(const char *condition, const char *file, int line) {
    fprintf(stderr,
            "ackd: this must hold and does not: %s (%s:%d). It is a bug in ackd; the process stops "
            "before it can do harm. Please report this line and those below.\n",
            condition, file, line);
    fflush(stderr);
    void *callers[CALLERS_MAX];
    backtrace_symbols_fd(callers, backtrace(callers, CALLERS_MAX), STDERR_FILENO);
    abort();
}
