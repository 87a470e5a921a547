// libholdread: large reads wait. Preloaded into a server (LD_PRELOAD); as long as the file that
// HOLDREAD names exists, a pread of at least 32 KiB (a segment, but not a header) does not begin.
// Keeps no state.
#define _GNU_SOURCE

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LARGE_BYTES = 32 * 1024, NAP_NS = 1000000 };

__attribute__((visibility("default"))) ssize_t pread(int fd, void *into, size_t len, off_t offset) {
    const char *path = getenv("HOLDREAD"); // NOLINT(concurrency-mt-unsafe): set before the start
    const struct timespec nap = {.tv_nsec = NAP_NS};
    while (path != NULL && len >= LARGE_BYTES && access(path, F_OK) == 0)
        nanosleep(&nap, NULL);
    return syscall(SYS_pread64, fd, into, len, offset);
}

__attribute__((visibility("default"))) ssize_t pread64(int fd, void *into, size_t len,
                                                       off_t offset) {
    return pread(fd, into, len, offset);
}
