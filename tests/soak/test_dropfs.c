// dropfs through the kernel: system calls on a mounted directory, and power cuts between them.
// Skipped, with a word, where there is no FUSE for us.
#define _GNU_SOURCE // mkdtemp, O_DIRECTORY

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"

enum { NO_FUSE_CODE = 3, NAPS_MAX = 5000, PATH_MAX_LEN = 64 };

struct world {
    char room[PATH_MAX_LEN];
    char platter[PATH_MAX_LEN];
    char mount[PATH_MAX_LEN];
    int directory; // of the mount
    pid_t pid;
    bool is_skipped;
};

static void control(const struct world *world, const char *words) {
    int fd = openat(world->directory, ".dropfs", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, words, strlen(words)), strlen(words));
    close(fd);
}

static bool is_mounted(struct world *world) {
    world->directory = open(world->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (faccessat(world->directory, ".dropfs", F_OK, 0) == 0) return true;
    close(world->directory);
    return false;
}

static int setup(void **state) {
    static struct world world;
    world = (struct world){.room = "/tmp/soak-dropfs-XXXXXX"};
    assert_non_null(mkdtemp(world.room));
    snprintf(world.platter, sizeof world.platter, "%.40s/platter", world.room);
    snprintf(world.mount, sizeof world.mount, "%.40s/mount", world.room);
    assert_int_equal(mkdir(world.platter, 0700) | mkdir(world.mount, 0700), 0);
    *state = &world;
    world.pid = fork();
    if (world.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl(DROPFS_PROGRAM, "dropfs", world.platter, world.mount, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < NAPS_MAX; i++) {
        int status = 0;
        if (waitpid(world.pid, &status, WNOHANG) == world.pid) {
            world.is_skipped = WIFEXITED(status) && WEXITSTATUS(status) == NO_FUSE_CODE;
            return world.is_skipped ? 0 : -1;
        }
        if (is_mounted(&world)) return 0;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return -1;
}

static int teardown(void **state) {
    struct world *world = *state;
    if (!world->is_skipped) {
        close(world->directory);
        kill(world->pid, SIGTERM);
        waitpid(world->pid, NULL, 0);
    }
    DIR *platter = opendir(world->platter);
    for (const struct dirent *each; platter != NULL && (each = readdir(platter)) != NULL;)
        unlinkat(dirfd(platter), each->d_name, 0);
    if (platter != NULL) closedir(platter);
    rmdir(world->platter);
    rmdir(world->mount);
    rmdir(world->room);
    return 0;
}

static struct world *world_of(void **state) {
    struct world *world = *state;
    if (world->is_skipped) {
        print_message("skipped: no /dev/fuse, or mounting is refused\n");
        skip();
    }
    return world;
}

static int open_in(const struct world *world, const char *name, int flags) {
    int fd = openat(world->directory, name, flags | O_CLOEXEC, 0600);
    if (fd < 0) fail_msg("%s: %s", name, strerror(errno));
    return fd;
}

static void put(int fd, const char *text) {
    assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
}

static void check(const struct world *world, const char *name, const char *text) {
    char bytes[64] = {0};
    int fd = open_in(world, name, O_RDONLY);
    assert_int_equal(read(fd, bytes, sizeof bytes - 1), strlen(text));
    assert_string_equal(bytes, text);
    close(fd);
}

static bool exists(const struct world *world, const char *name) {
    return faccessat(world->directory, name, F_OK, 0) == 0;
}

static void a_write_without_a_sync_is_gone_after_a_cut(void **state) {
    struct world *world = world_of(state);
    int fd = open_in(world, "a", O_RDWR | O_CREAT | O_EXCL);
    put(fd, "old");
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(fsync(world->directory), 0);
    put(fd, "new");
    check(world, "a", "new");
    control(world, "cut");
    control(world, "on");
    check(world, "a", "old");
    close(fd);
}

static void a_synced_write_is_there_after_a_cut(void **state) {
    struct world *world = world_of(state);
    int fd = open_in(world, "a", O_RDWR | O_CREAT | O_EXCL);
    assert_int_equal(fsync(world->directory), 0);
    put(fd, "fdatasync");
    assert_int_equal(fdatasync(fd), 0);
    int synced = open_in(world, "b", O_RDWR | O_CREAT | O_EXCL | O_DSYNC);
    assert_int_equal(fsync(world->directory), 0);
    put(synced, "O_DSYNC");
    control(world, "cut 5");
    control(world, "on");
    check(world, "a", "fdatasync");
    check(world, "b", "O_DSYNC");
    close(fd);
    close(synced);
}

static void a_name_needs_a_sync_of_the_directory(void **state) {
    struct world *world = world_of(state);
    int fd = open_in(world, "a", O_RDWR | O_CREAT | O_EXCL);
    put(fd, "bytes");
    assert_int_equal(fsync(fd), 0);
    control(world, "cut");
    control(world, "on");
    assert_false(exists(world, "a"));
    close(fd);
}

static void without_power_nothing_answers_and_old_handles_stay_dead(void **state) {
    struct world *world = world_of(state);
    int fd = open_in(world, "a", O_RDWR | O_CREAT | O_EXCL);
    assert_int_equal(fsync(world->directory), 0);
    control(world, "cut");
    char byte = 'x';
    assert_int_equal(pwrite(fd, &byte, 1, 0), -1);
    assert_int_equal(fsync(fd), -1);
    assert_int_equal(openat(world->directory, "a", O_RDONLY | O_CLOEXEC), -1);
    control(world, "on");
    assert_int_equal(pwrite(fd, &byte, 1, 0), -1);
    check(world, "a", "");
    close(fd);
}

static void the_control_file_says_what_was_dropped_and_is_not_listed(void **state) {
    struct world *world = world_of(state);
    int fd = open_in(world, "a", O_RDWR | O_CREAT | O_EXCL);
    put(fd, "bytes");
    control(world, "cut");
    control(world, "on");
    close(fd);
    char said[256] = {0};
    fd = open_in(world, ".dropfs", O_RDONLY);
    assert_true(read(fd, said, sizeof said - 1) > 0);
    close(fd);
    assert_string_equal(said, "power cuts 1, unsynced sectors dropped 1, kept 0, torn 0, "
                              "garbage 0, names undone 1\n");
    DIR *listing = fdopendir(openat(world->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(listing);
    for (const struct dirent *each; (each = readdir(listing)) != NULL;)
        assert_string_not_equal(each->d_name, ".dropfs");
    closedir(listing);
}

#define each(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(a_write_without_a_sync_is_gone_after_a_cut),
        each(a_synced_write_is_there_after_a_cut),
        each(a_name_needs_a_sync_of_the_directory),
        each(without_power_nothing_answers_and_old_handles_stay_dead),
        each(the_control_file_says_what_was_dropped_and_is_not_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
