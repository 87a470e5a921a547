// Memory that cannot fail: out of memory ends the process. Whatever a client may demand is bounded
// before it is allocated. All heap memory of ackd passes here, so that it can be counted
// (jemalloc's statistics; the C library's under sanitizers).
#ifndef ACKD_PROTO_BASE_MEM_H
#define ACKD_PROTO_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

enum { MEM_PAGE = 4096 };

void *mem_alloc(size_t size);  // uninitialised; size 0 gives a pointer that can be freed
void *mem_zalloc(size_t size); // zeroed
void *mem_alloc_array(size_t count, size_t size); // count * size, overflow aborts; zeroed
void *mem_realloc(void *ptr, size_t size);        // ptr may be NULL
// Uninitialised, aligned to MEM_PAGE. Backed by huge pages where there are any, if it is large: the
// first touch of 64 MiB then costs 32 page faults instead of 16,384.
void *mem_alloc_pages(size_t size);
void *mem_dup(const void *data, size_t len); // an owned copy
void mem_free(void *ptr);                    // NULL is fine

size_t mem_usable(const void *ptr); // bytes the allocator really set aside for ptr
size_t
mem_used(void); // bytes allocated by the process now (jemalloc: stats.allocated; else mallinfo2)
// Bytes that the calling thread has allocated more than freed; less than 0 when it frees what
// others allocated. 0 without jemalloc.
int64_t mem_thread_used(void);
// What the calling thread has freed goes back to the system now, which may take a while. For a
// thread that is about to end: jemalloc would do it then, while somebody waits in a join.
void mem_thread_release(void);
size_t mem_resident(void);       // resident set size of the process in bytes
const char *mem_allocator(void); // "jemalloc-5.3.0" or "libc", for INFO

#endif
