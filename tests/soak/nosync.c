// Preloaded into a server: every sync succeeds, and none happens. A soak with power cuts that does
// not find this server out would find nothing.
#define _POSIX_C_SOURCE 200809L

#include <unistd.h>

__attribute__((visibility("default"))) int fsync(int fd) {
    (void)fd;
    return 0;
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    (void)fd;
    return 0;
}
