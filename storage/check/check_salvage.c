#include "storage/check/check_salvage.h"

#include <stdbool.h>
#include <stdio.h>

#include "proto/base/clock.h"
#include "proto/base/rng.h"
#include "storage/log/format.h"
#include "storage/salvage/salvage.h"

enum { CODE_SAVED = 0, CODE_LOST = 1, CODE_NOT_WRITTEN = 2, CODE_UNREADABLE = 3, US_PER_MS = 1000 };

static void print_line(void *context, const char *text) {
    (void)context;
    puts(text);
}

// The log of a running server changes while it is read. A vfs of its own, so that the lock is let
// go at once; no file is made where there is none.
static bool is_in_use(const char *directory) {
    struct vfs *vfs = NULL;
    struct vfs_file *file = NULL;
    if (vfs_posix_open(&vfs, directory, false, NULL) != ERR_NONE) return false;
    const bool is_locked = vfs_open(vfs, FORMAT_LOCK_NAME, VFS_READ, &file) == ERR_NONE &&
                           vfs_lock(vfs, FORMAT_LOCK_NAME) == ERR_LOCKED;
    vfs_close(file);
    vfs_free(vfs);
    return is_locked;
}

static int code_of(enum err err, const struct salvage_result *result) {
    if (err == ERR_NONE) return salvage_is_complete(result) ? CODE_SAVED : CODE_LOST;
    return result->has_read || err == ERR_EXISTS ? CODE_NOT_WRITTEN : CODE_UNREADABLE;
}

static int refuse(int code, const char *why) {
    printf("NOT SALVAGED: %s\n", why);
    return code;
}

int check_salvage(const char *new_directory, const char *directory) {
    struct fault fault = {0};
    struct clock clock = clock_system();
    struct salvage_options options = {
        .line = print_line, .now_ms = clock_wall_us(&clock) / US_PER_MS, .seed = rng_system_seed()};
    if (vfs_posix_open(&options.from, directory, false, &fault) != ERR_NONE)
        return refuse(CODE_UNREADABLE, fault.text);
    int code = CODE_UNREADABLE;
    if (is_in_use(directory)) {
        (void)refuse(code, "a server is running on the directory; stop it first");
    } else if (vfs_posix_open(&options.to, new_directory, true, &fault) != ERR_NONE) {
        code = refuse(CODE_NOT_WRITTEN, fault.text);
    } else {
        struct salvage_result result;
        const enum err err = salvage_run(&options, &result, &fault);
        code = code_of(err, &result);
        if (err != ERR_NONE) (void)refuse(code, fault.text);
    }
    vfs_free(options.to);
    vfs_free(options.from);
    return code;
}
