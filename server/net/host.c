// What the engine asks of the process around it (struct engine_host).
#define _GNU_SOURCE // mkostemp

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uv.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "server/net/server_state.h"

enum {
    OWN_FILES = 128, // what the process has open besides clients: the log, listeners, the loop
    CONFIG_BYTES_MAX = 1 << 20,
    CONFIG_READ_CHUNK = 4096,
    US_PER_S = 1000 * 1000,
};

// ---- usage

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / US_PER_S;
}

static void usage(void *context, struct host_usage *out) {
    struct server *server = context;
    struct rusage self = {0};
    struct rusage children = {0};
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    *out = (struct host_usage){
        .uptime_s = (clock_monotonic_us(&server->clock) - server->started_us) / US_PER_S,
        .cpu_sys_s = seconds_of(self.ru_stime),
        .cpu_user_s = seconds_of(self.ru_utime),
        .cpu_sys_children_s = seconds_of(children.ru_stime),
        .cpu_user_children_s = seconds_of(children.ru_utime),
        .memory_used = mem_used(),
        .memory_resident = mem_resident(),
        .memory_total = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0,
        .allocator = mem_allocator(),
        .os = server->os,
        .executable = server->executable,
        .pid = getpid(),
    };
    memcpy(out->run_id, server->run_id, sizeof out->run_id);
}

static void shut_down(void *context) {
    server_stop(context, "SHUTDOWN was asked for");
}

// ---- options

int64_t host_allow_clients(int64_t clients) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return clients;
    rlim_t wanted = (rlim_t)clients + OWN_FILES;
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    if (limit.rlim_cur >= wanted) return clients;
    return limit.rlim_cur > OWN_FILES ? (int64_t)(limit.rlim_cur - OWN_FILES) : 1;
}

static enum err change_maxclients(struct server *server, struct fault *fault) {
    int64_t allowed = host_allow_clients(server->options->maxclients);
    if (allowed >= server->options->maxclients) return ERR_NONE;
    return fault_set(fault, ERR_INVALID,
                     "the limit of open files allows %" PRId64 " clients; raise it (ulimit -n, "
                     "LimitNOFILE=) or ask for fewer",
                     allowed);
}

static enum err option_changed(void *context, const struct option *option, struct fault *fault) {
    struct server *server = context;
    struct slice name = slice_str(option_name(option));
    if (slice_is(name, "loglevel")) {
        logfile_set_level(server->logfile, logfile_level(server->options->loglevel));
    } else if (slice_is(name, "maxclients")) {
        return change_maxclients(server, fault);
    } else if (server->store != NULL) {
        server_steer_store(
            server); // while loading there is none yet; it will begin with this value
    }
    // Everything else is read from the options where it is used.
    return ERR_NONE;
}

// ---- the configuration file. It is small and rewritten by hand of an operator: the loop may do
// it.

static enum err config_failed(struct fault *fault, const char *path, const char *what) {
    return fault_set(fault, ERR_IO, "the configuration file %s cannot be %s: %s", path, what,
                     uv_strerror(-errno));
}

static enum err config_path(const struct server *server, struct fault *fault) {
    if (server->options->config_file[0] != '\0') return ERR_NONE;
    return fault_set(fault, ERR_NOT_FOUND, "The server is running without a config file");
}

static enum err config_read(void *context, struct buf *out, struct fault *fault) {
    const struct server *server = context;
    enum err err = config_path(server, fault);
    if (err != ERR_NONE) return err;
    const char *path = server->options->config_file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return config_failed(fault, path, "opened");
    for (;;) {
        ssize_t len = read(fd, buf_reserve(out, CONFIG_READ_CHUNK), CONFIG_READ_CHUNK);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) err = config_failed(fault, path, "read");
        if (len > 0) buf_commit(out, (size_t)len);
        if (len <= 0 || out->len > CONFIG_BYTES_MAX) break;
    }
    close(fd);
    return err;
}

static bool write_all(int fd, struct slice text) {
    while (text.len > 0) {
        ssize_t len = write(fd, text.data, text.len);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) return false;
        text = slice_sub(text, (size_t)len, text.len);
    }
    return true;
}

static void sync_directory_of(const char *path) {
    char directory[OPTIONS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    slice_to_cstr(slash == NULL ? SLICE(".") : slice_of(path, len), directory, sizeof directory);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

// Written beside the old file and renamed over it: whoever looks finds the old one or the new one.
static enum err config_write(void *context, struct slice text, struct fault *fault) {
    const struct server *server = context;
    enum err err = config_path(server, fault);
    if (err != ERR_NONE) return err;
    const char *path = server->options->config_file;
    char beside[OPTIONS_PATH_MAX + 8];
    snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) return config_failed(fault, path, "rewritten (a file beside it cannot be made)");
    struct stat old;
    if (stat(path, &old) == 0) fchmod(fd, old.st_mode & 07777);
    if (!write_all(fd, text) || fsync(fd) != 0) err = config_failed(fault, path, "rewritten");
    close(fd);
    if (err == ERR_NONE && rename(beside, path) != 0) err = config_failed(fault, path, "replaced");
    if (err != ERR_NONE) {
        unlink(beside);
        return err;
    }
    sync_directory_of(path);
    return ERR_NONE;
}

// ---- who we are

static void make_run_id(char *out) {
    static const char digits[] = "0123456789abcdef";
    struct rng rng;
    rng_init(&rng, rng_system_seed());
    for (unsigned i = 0; i < RUN_ID_DIGITS; i++)
        out[i] = digits[rng_below(&rng, 16)];
    out[RUN_ID_DIGITS] = '\0';
}

void host_init(struct server *server) {
    make_run_id(server->run_id);
    struct utsname name;
    if (uname(&name) == 0) {
        snprintf(server->os, sizeof server->os, "%.60s %.60s %.60s", name.sysname, name.release,
                 name.machine);
    }
    ssize_t len = readlink("/proc/self/exe", server->executable, sizeof server->executable - 1);
    server->executable[len > 0 ? len : 0] = '\0';
}

struct engine_host server_host(struct server *server) {
    return (struct engine_host){
        .context = server,
        .usage = usage,
        .shutdown = shut_down,
        .option_changed = option_changed,
        .config_read = config_read,
        .config_write = config_write,
    };
}
