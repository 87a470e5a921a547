// The outcomes of operations that can fail for reasons outside the program, and the sentence for
// the person who reads of it. A refused command is not an error in this sense: to C it is success,
// and the reply tells the client.
#ifndef ACKD_PROTO_BASE_ERR_H
#define ACKD_PROTO_BASE_ERR_H

#include <stdint.h>

enum err {
    ERR_NONE = 0,
    ERR_IO, // the disk or the kernel said no; after a write or sync: nothing further may be trusted
    ERR_NO_SPACE,  // no room left on the device or in a quota
    ERR_NOT_FOUND, // no such file
    ERR_EXISTS,    // there is already such a file
    ERR_LOCKED,    // another process holds the data directory
    ERR_CORRUPT,   // bytes that were acknowledged are damaged
    ERR_FORMAT,    // written by a version or with a feature this program does not know
    ERR_LIMIT,     // a named bound would be passed
    ERR_INVALID,   // the caller's or operator's input makes no sense
    ERR_STOPPED,   // was told to give up before it was done
    ERR_AGAIN,     // not without waiting
};

// Returns the error's name for logs: "io", "no_space", ...
const char *err_name(enum err err);

enum { FAULT_TEXT_MAX = 768 };

// What went wrong, in words an operator understands, with what to do next. Zero-initialised is
// "nothing yet".
struct fault {
    enum err err;
    char text[FAULT_TEXT_MAX];
};

// Writes the sentence (printf rules, cut at the limit) and returns `err`, so that callers can
// `return fault_set(...)`. `fault` may be NULL when nobody will read it.
enum err fault_set(struct fault *fault, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
