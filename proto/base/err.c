#include "proto/base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/must.h"

const char *err_name(enum err err) {
    switch (err) {
    case ERR_NONE:
        return "none";
    case ERR_IO:
        return "io";
    case ERR_NO_SPACE:
        return "no_space";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_EXISTS:
        return "exists";
    case ERR_LOCKED:
        return "locked";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_FORMAT:
        return "format";
    case ERR_LIMIT:
        return "limit";
    case ERR_INVALID:
        return "invalid";
    case ERR_STOPPED:
        return "stopped";
    case ERR_AGAIN:
        return "again";
    }
    must_not_reach();
}

enum err fault_set(struct fault *fault, enum err err, const char *format, ...) {
    if (fault == NULL) return err;
    fault->err = err;
    va_list args;
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return err;
}
