#include "server/net/exit_code.h"

enum exit_code exit_code_of(enum err err) {
    switch (err) {
    case ERR_NONE:
    case ERR_STOPPED:
        return EXIT_CODE_CLEAN;
    case ERR_CORRUPT:
    case ERR_FORMAT:
        return EXIT_CODE_CORRUPT;
    case ERR_LOCKED:
    case ERR_EXISTS:
    case ERR_NOT_FOUND:
        return EXIT_CODE_CANNOT_CREATE;
    case ERR_LIMIT:
    case ERR_AGAIN:
    case ERR_INVALID:
        return EXIT_CODE_USAGE;
    case ERR_IO:
    case ERR_NO_SPACE:
        return EXIT_CODE_IO;
    }
    return EXIT_CODE_IO;
}
