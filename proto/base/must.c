#include "proto/base/must.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_fail(const char *condition, const char *file, int line) {
    fprintf(stderr,
            "ackd: this must hold and does not: %s (%s:%d). It is a bug in ackd; the process stops "
            "before it can do harm. Please report this line.\n",
            condition, file, line);
    abort();
}
