// How the load generator ends when it cannot go on, and what its exit code then says. It is a
// program and not a library: a lost connection or a wrong option leaves nothing to measure, so
// `fail` may end the process from anywhere.
#ifndef ACKD_BENCH_LOAD_FAIL_H
#define ACKD_BENCH_LOAD_FAIL_H

#include <stddef.h>

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_CHECK = 1,  // jobs were lost, repeated or damaged, or the server answered errors
    EXIT_USAGE = 2,  // the command line is wrong
    EXIT_SERVER = 3, // the server cannot be reached, went away or broke the protocol
};

_Noreturn void leave(enum exit_code code);

// Prints `bench: ...` to stderr and leaves with `code`.
_Noreturn void fail(enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The same with the words for errno behind it, for what the system refused: EXIT_SERVER.
_Noreturn void fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Asserts what has to hold for the program to be right; a failure is a bug of ours.
#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *condition, const char *file, int line);

// Allocate zeroed memory for `count` objects, or resize without zeroing; never NULL.
void *memory_new(size_t count, size_t size);
void *memory_resize(void *memory, size_t bytes);

#endif
