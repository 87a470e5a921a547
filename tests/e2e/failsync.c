// libfailsync: one sync fails. Preloaded into a server (LD_PRELOAD); once the file that FAILSYNC
// names exists, the next fdatasync removes it and answers EIO without having synced anything, as a
// disk does that lost its cache. Keeps no state.
#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fdatasync(int fd) {
    const char *path = getenv("FAILSYNC"); // NOLINT(concurrency-mt-unsafe): set before the start
    if (path != NULL && unlink(path) == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}
