#include "bench/load/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fail(enum exit_code code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit((int)code);
}

void check_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "bench_load: %s:%d: must hold: %s\n", file, line, condition);
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
