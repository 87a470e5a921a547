#define _DEFAULT_SOURCE

#include "proto/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef ACKD_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <malloc.h>
#endif

enum { HUGE_PAGE = 2 << 20 };

_Noreturn static void out_of_memory(size_t count, size_t size) {
    fprintf(stderr,
            "ackd: out of memory: no room for %zu times %zu bytes. What was acknowledged is on "
            "disk. Give the process more memory or lower its limits, then start it again.\n",
            count, size);
    abort();
}

void *mem_alloc(size_t size) {
    void *ptr = malloc(size == 0 ? 1 : size);
    if (ptr == NULL) out_of_memory(1, size);
    return ptr;
}

void *mem_zalloc(size_t size) {
    return mem_alloc_array(1, size);
}

void *mem_alloc_array(size_t count, size_t size) {
    if (count == 0 || size == 0) return mem_alloc(0);
    void *ptr = calloc(count, size); // knows when count * size overflows
    if (ptr == NULL) out_of_memory(count, size);
    return ptr;
}

void *mem_realloc(void *ptr, size_t size) {
    void *moved = realloc(ptr, size == 0 ? 1 : size);
    if (moved == NULL) out_of_memory(1, size);
    return moved;
}

void *mem_alloc_pages(size_t size) {
    const size_t alignment = size >= HUGE_PAGE ? HUGE_PAGE : MEM_PAGE;
    void *ptr = NULL;
    if (posix_memalign(&ptr, alignment, size) != 0) out_of_memory(1, size);
    // A wish: without huge pages it is the same memory, a little slower at first.
    if (size >= HUGE_PAGE) (void)madvise(ptr, size, MADV_HUGEPAGE);
    return ptr;
}

void *mem_dup(const void *data, size_t len) {
    void *copy = mem_alloc(len);
    if (len > 0) memcpy(copy, data, len);
    return copy;
}

void mem_free(void *ptr) {
    free(ptr);
}

#ifdef ACKD_JEMALLOC

enum { PURGE_NAME_MAX = 32 };

#define TEXT_OF_VALUE(macro) #macro
#define TEXT_OF(macro)       TEXT_OF_VALUE(macro)

size_t mem_usable(const void *ptr) {
    return ptr == NULL ? 0 : sallocx(ptr, 0);
}

size_t mem_used(void) {
    // The statistics are a snapshot, which moving the epoch renews.
    uint64_t epoch = 1;
    size_t len = sizeof epoch;
    if (mallctl("epoch", &epoch, &len, &epoch, len) != 0) return 0;
    size_t allocated = 0;
    len = sizeof allocated;
    if (mallctl("stats.allocated", &allocated, &len, NULL, 0) != 0) return 0;
    return allocated;
}

static uint64_t thread_bytes(const char *name) {
    uint64_t bytes = 0;
    size_t len = sizeof bytes;
    return mallctl(name, &bytes, &len, NULL, 0) == 0 ? bytes : 0;
}

int64_t mem_thread_used(void) {
    return (int64_t)(thread_bytes("thread.allocated") - thread_bytes("thread.deallocated"));
}

void mem_thread_release(void) {
    unsigned arena = 0;
    size_t len = sizeof arena;
    (void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    if (mallctl("thread.arena", &arena, &len, NULL, 0) != 0) return;
    char name[PURGE_NAME_MAX];
    (void)snprintf(name, sizeof name, "arena.%u.purge", arena);
    (void)mallctl(name, NULL, NULL, NULL, 0);
}

const char *mem_allocator(void) {
    return "jemalloc-" TEXT_OF(JEMALLOC_VERSION_MAJOR) "." TEXT_OF(
        JEMALLOC_VERSION_MINOR) "." TEXT_OF(JEMALLOC_VERSION_BUGFIX);
}

#else

size_t mem_usable(const void *ptr) {
    void *block; // only looked at, but declared as one that may be changed
    memcpy(&block, &ptr, sizeof block);
    return malloc_usable_size(block);
}

size_t mem_used(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

int64_t mem_thread_used(void) {
    return 0; // it keeps no such account
}

void mem_thread_release(void) {
    // It gives back when it likes.
}

const char *mem_allocator(void) {
    return "libc";
}

#endif

// The kernel tells this only through a file. It holds no state of ours, so it does not pass
// through the vfs.
size_t mem_resident(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    char line[128];
    char *at = fgets(line, sizeof line, file);
    fclose(file);
    if (at == NULL) return 0;
    strtoul(at, &at, 10); // the first number is the virtual size
    unsigned long pages = strtoul(at, NULL, 10);
    long page_size = sysconf(_SC_PAGESIZE);
    return page_size > 0 ? pages * (size_t)page_size : 0;
}
