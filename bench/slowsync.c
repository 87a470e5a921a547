// libslowsync: makes a disk look slow. Preloaded into a server (LD_PRELOAD), it adds SLOWSYNC_US
// microseconds to every call that returns only when data is on disk: fsync, fdatasync, syncfs,
// msync(MS_SYNC), sync_file_range with WAIT_AFTER, pwritev2 with RWF_DSYNC or RWF_SYNC, and
// positional writes to descriptors opened with O_DSYNC or O_SYNC. Both servers of a comparison get
// the same delay, on top of what their disk takes.
//
// Not covered: write and writev, which servers use for sockets (asking for the descriptor's flags
// at every one of them would slow down what is measured), and io_uring.
//
// It keeps no state: the calls go straight to the kernel, and the environment is read at each,
// which costs nothing beside a sync.

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

enum { DELAY_US_MAX = 10 * 1000 * 1000 };

static void delay(void) {
    // Servers set no environment variables once they have threads.
    const char *text = getenv("SLOWSYNC_US"); // NOLINT(concurrency-mt-unsafe)
    long us = text != NULL ? strtol(text, NULL, 10) : 0;
    if (us <= 0) return;
    if (us > DELAY_US_MAX) us = DELAY_US_MAX;

    int kept_errno = errno;
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    errno = kept_errno;
}

static long delayed(long result) {
    delay();
    return result;
}

static long delayed_if_synchronous(int fd, long result) {
    int kept_errno = errno;
    int flags = fcntl(fd, F_GETFL);
    errno = kept_errno;
    // O_SYNC contains the bit of O_DSYNC.
    return flags != -1 && (flags & O_DSYNC) != 0 ? delayed(result) : result;
}

EXPORTED int fsync(int fd) {
    return (int)delayed(syscall(SYS_fsync, fd));
}

EXPORTED int fdatasync(int fd) {
    return (int)delayed(syscall(SYS_fdatasync, fd));
}

EXPORTED int syncfs(int fd) {
    return (int)delayed(syscall(SYS_syncfs, fd));
}

EXPORTED int msync(void *address, size_t len, int flags) {
    long result = syscall(SYS_msync, address, len, flags);
    return (int)((flags & MS_SYNC) != 0 ? delayed(result) : result);
}

EXPORTED int sync_file_range(int fd, off64_t offset, off64_t len, unsigned flags) {
    long result = syscall(SYS_sync_file_range, fd, offset, len, flags);
    return (int)((flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0 ? delayed(result) : result);
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset) {
    return delayed_if_synchronous(fd, syscall(SYS_pwrite64, fd, bytes, len, offset));
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset) {
    return delayed_if_synchronous(fd, syscall(SYS_pwrite64, fd, bytes, len, offset));
}

// The kernel takes the offset of a vector call as two words; on 64 bits the first holds it all.
EXPORTED ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return delayed_if_synchronous(fd, syscall(SYS_pwritev, fd, parts, count, offset, 0));
}

EXPORTED ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return delayed_if_synchronous(fd, syscall(SYS_pwritev, fd, parts, count, offset, 0));
}

static ssize_t write_with_flags(int fd, const struct iovec *parts, int count, off64_t offset,
                                int flags) {
    long result = syscall(SYS_pwritev2, fd, parts, count, offset, 0, flags);
    if ((flags & (RWF_DSYNC | RWF_SYNC)) != 0) return delayed(result);
    return delayed_if_synchronous(fd, result);
}

EXPORTED ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return write_with_flags(fd, parts, count, offset, flags);
}

EXPORTED ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset,
                             int flags) {
    return write_with_flags(fd, parts, count, offset, flags);
}

_Static_assert(sizeof(long) == 8 && sizeof(off_t) == 8, "the calls above pass offsets in one word");
