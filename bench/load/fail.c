#include "bench/load/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// NOLINTBEGIN(concurrency-mt-unsafe): the program has one thread.

void leave(enum exit_code code) {
    exit((int)code);
}

__attribute__((format(printf, 1, 0))) static void print_problem(const char *format,
                                                                va_list arguments) {
    fputs("bench: ", stderr);
    vfprintf(stderr, format, arguments);
}

void fail(enum exit_code code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_problem(format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    leave(code);
}

void fail_errno(const char *format, ...) {
    int number = errno;
    va_list arguments;
    va_start(arguments, format);
    print_problem(format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", strerror(number));
    leave(EXIT_SERVER);
}

// NOLINTEND(concurrency-mt-unsafe)

void check_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "bench: %s:%d: must hold: %s\n", file, line, condition);
    abort();
}

void *memory_new(size_t count, size_t size) {
    void *memory = calloc(count > 0 ? count : 1, size);
    check(memory != NULL);
    return memory;
}

void *memory_resize(void *memory, size_t bytes) {
    void *resized = realloc(memory, bytes);
    check(resized != NULL);
    return resized;
}
