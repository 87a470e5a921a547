#define _GNU_SOURCE // mkdtemp, nftw, prctl's neighbours

#include "tests/soak/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/soak/client.h"

enum {
    WAIT_MS = 120 * 1000, // for what must happen
    NAP_MS = 2,
    PORT_FIRST = 20000, // below the ports the kernel gives to outgoing connections
    PORT_SPREAD = 10000,
    PORT_TRIES = 100,
    NO_FUSE_CODE = 3, // of dropfs: the system has no FUSE for us
};

static bool fail(struct machine *machine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(struct machine *machine, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(machine->why, sizeof machine->why, format, args);
    va_end(args);
    return false;
}

static void path_of(char *out, const char *room, const char *name) {
    snprintf(out, MACHINE_PATH_MAX, "%.64s/%s", room, name);
}

// ---- processes

static void redirect(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
}

// 0: failed. The child gets `parting` when this thread ends.
static pid_t spawn(const char *const *words, const char *output, int parting) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0) return pid < 0 ? 0 : pid;
    prctl(PR_SET_PDEATHSIG, parting);
    redirect(output);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
    execvp(words[0], (char *const *)(uintptr_t)words);
    fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
    _exit(127);
}

static int code_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The exit code, -1 when it still runs.
static int code_if_ended(pid_t *pid) {
    int status = 0;
    if (waitpid(*pid, &status, WNOHANG) != *pid) return -1;
    *pid = 0;
    return code_of(status);
}

static int wait_for(pid_t *pid) {
    int status = 0;
    while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
    }
    *pid = 0;
    return code_of(status);
}

// ---- the disk

static bool control(const struct machine *machine, const char *words) {
    char path[MACHINE_PATH_MAX];
    path_of(path, machine->data, ".dropfs");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool is_done = write(fd, words, strlen(words)) == (ssize_t)strlen(words);
    close(fd);
    return is_done;
}

void machine_disk_report(const struct machine *machine, char *out, size_t cap) {
    out[0] = '\0';
    if (machine->disk == 0) return;
    char path[MACHINE_PATH_MAX];
    path_of(path, machine->data, ".dropfs");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t len = read(fd, out, cap - 1);
    out[len < 0 ? 0 : len] = '\0';
    close(fd);
}

static enum machine_start mount_disk(struct machine *machine) {
    char output[MACHINE_PATH_MAX];
    path_of(output, machine->room, "dropfs.output");
    const char *words[] = {DROPFS_PROGRAM, machine->platter, machine->data, NULL};
    machine->disk = spawn(words, output, SIGTERM);
    for (unsigned waited = 0; machine->disk != 0 && waited < WAIT_MS; waited += NAP_MS) {
        int code = code_if_ended(&machine->disk);
        if (code == NO_FUSE_CODE) return MACHINE_NO_FUSE;
        if (code >= 0) break;
        if (control(machine, "on")) return MACHINE_READY;
        pause_ms(NAP_MS);
    }
    fail(machine, "dropfs does not start, see %s", output);
    return MACHINE_FAILED;
}

// ---- the room

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

// A port that is free now, on our side of the kernel's own. 0: none.
static int choose_port(struct machine *machine) {
    for (int i = 0; i < PORT_TRIES; i++) {
        int port = PORT_FIRST + (int)rng_below(&machine->rng, PORT_SPREAD);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = bind(fd, (const void *)&address, sizeof address) == 0;
        close(fd);
        if (is_free) return port;
    }
    return 0;
}

static const char *choose(struct machine *machine, const char *const *words, size_t count) {
    return words[rng_below(&machine->rng, count)];
}

static const char *choose_segment_bytes(struct machine *machine) {
    return choose(machine, (const char *const[]){"256kb", "1mb", "4mb"}, 3);
}

enum machine_start machine_init(struct machine *machine, const struct machine_options *options) {
    *machine = (struct machine){
        .program = options->program,
        .has_clean_cuts = options->has_clean_cuts,
    };
    if (machine->program == NULL) machine->program = ACKD_PROGRAM;
    rng_init(&machine->rng, options->seed);
    snprintf(machine->room, sizeof machine->room, "/tmp/ackd-soak-XXXXXX");
    if (mkdtemp(machine->room) == NULL) {
        fail(machine, "%s: %s", machine->room, strerror(errno));
        return MACHINE_FAILED;
    }
    path_of(machine->data, machine->room, "data");
    path_of(machine->platter, machine->room, "platter");
    path_of(machine->socket, machine->room, "socket");
    path_of(machine->output, machine->room, "output");
    machine->port = choose_port(machine);
    machine->segment_bytes = choose_segment_bytes(machine);
    mkdir(machine->data, 0700);
    if (options->disk == DISK_PLAIN) return MACHINE_READY;
    mkdir(machine->platter, 0700);
    return mount_disk(machine);
}

void machine_deinit(struct machine *machine, bool keeps_room) {
    if (machine->server != 0) {
        kill(machine->server, SIGKILL);
        wait_for(&machine->server);
    }
    if (machine->disk != 0) {
        kill(machine->disk, SIGTERM); // unmounts
        wait_for(&machine->disk);
    }
    if (!keeps_room) nftw(machine->room, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

bool machine_renew(struct machine *machine) {
    DIR *directory = opendir(machine->data);
    if (directory == NULL) return fail(machine, "%s: %s", machine->data, strerror(errno));
    for (const struct dirent *each; (each = readdir(directory)) != NULL;) {
        if (each->d_name[0] != '.') unlinkat(dirfd(directory), each->d_name, 0);
    }
    bool is_durable = fsync(dirfd(directory)) == 0;
    closedir(directory);
    machine->segment_bytes = choose_segment_bytes(machine);
    return is_durable || fail(machine, "%s cannot be emptied", machine->data);
}

static uint64_t data_bytes(const struct machine *machine) {
    uint64_t sum = 0;
    DIR *directory = opendir(machine->data);
    if (directory == NULL) return 0;
    for (const struct dirent *each; (each = readdir(directory)) != NULL;) {
        struct stat status;
        if (fstatat(dirfd(directory), each->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
            sum += (uint64_t)status.st_size;
    }
    closedir(directory);
    return sum;
}

// ---- the server

bool machine_spawn(struct machine *machine) {
    char port[16];
    char delay[64];
    snprintf(port, sizeof port, "%d", machine->port);
    const char *tail = choose(machine, (const char *const[]){"0", "256kb", "64mb"}, 3);
    const char *method = choose(machine, (const char *const[]){"fdatasync", "dsync"}, 2);
    const char *delay_us = choose(machine, (const char *const[]){"0", "500", "3000"}, 3);
    // The disk behind dropfs is slow itself, in the middle of a sync; a plain one only seems so.
    bool is_plain = machine->disk == 0;
    snprintf(delay, sizeof delay, "delay %s", delay_us);
    if (!is_plain && !control(machine, delay)) return fail(machine, "dropfs does not obey");
    const char *const words[] = {machine->program,
                                 "--dir",
                                 machine->data,
                                 "--port",
                                 port,
                                 "--bind",
                                 "127.0.0.1",
                                 "--unixsocket",
                                 machine->socket,
                                 "--log-segment-size",
                                 machine->segment_bytes,
                                 "--log-tail-size",
                                 tail,
                                 "--log-sync-method",
                                 method,
                                 "--log-sync-delay-us",
                                 is_plain ? delay_us : "0",
                                 NULL};
    machine->server = spawn(words, machine->output, SIGKILL);
    return machine->server != 0 || fail(machine, "cannot fork: %s", strerror(errno));
}

// NULL: no answer.
static redisReply *ask(const struct machine *machine, const char *words) {
    struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
    redisContext *redis = redisConnectUnixWithTimeout(machine->socket, patience);
    redisReply *reply = NULL;
    if (redis != NULL && redis->err == 0 && redisSetTimeout(redis, patience) == REDIS_OK)
        reply = redisCommand(redis, words);
    if (redis != NULL) redisFree(redis);
    return reply;
}

static bool is_served(const struct machine *machine) {
    redisReply *reply = ask(machine, "PING");
    const bool is_ready = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    if (reply != NULL) freeReplyObject(reply);
    return is_ready;
}

bool machine_wait_ready(struct machine *machine) {
    for (unsigned waited = 0; waited < WAIT_MS; waited += NAP_MS) {
        int code = code_if_ended(&machine->server);
        if (code >= 0)
            return fail(machine, "the server ends with code %d, see %s", code, machine->output);
        if (is_served(machine)) return true;
        pause_ms(NAP_MS);
    }
    return fail(machine, "the server does not answer, see %s", machine->output);
}

// The power goes and comes back. A server that runs does not outlive it.
static bool cut_power(struct machine *machine) {
    char words[64] = "cut"; // all that is not synced is dropped ...
    if (!machine->has_clean_cuts && rng_below(&machine->rng, 4) != 0) { // ... or by the sector
        snprintf(words, sizeof words, "cut %llu",
                 (unsigned long long)rng_below(&machine->rng, 1000000000) + 1);
    }
    bool is_cut = machine->disk == 0 || control(machine, words);
    if (machine->server != 0) {
        kill(machine->server, SIGKILL);
        wait_for(&machine->server);
    }
    bool is_on = machine->disk == 0 || control(machine, "on");
    return (is_cut && is_on) || fail(machine, "dropfs does not obey");
}

bool machine_kill(struct machine *machine) {
    int code = code_if_ended(&machine->server);
    if (code >= 0)
        return fail(machine, "the server ended by itself with code %d, see %s", code,
                    machine->output);
    return cut_power(machine);
}

bool machine_stop(struct machine *machine) {
    kill(machine->server, SIGTERM);
    for (unsigned waited = 0; waited < WAIT_MS; waited += NAP_MS) {
        int code = code_if_ended(&machine->server);
        if (code > 0)
            return fail(machine, "SIGTERM ends with code %d, see %s", code, machine->output);
        if (code == 0) return cut_power(machine);
        pause_ms(NAP_MS);
    }
    return fail(machine, "the server does not stop, see %s", machine->output);
}

static uint64_t field_of(const redisReply *info, const char *name) {
    const char *at = strstr(info->str, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

bool machine_usage(struct machine *machine, struct machine_usage *out) {
    redisReply *info = ask(machine, "INFO durability");
    const bool is_told = info != NULL && info->type != REDIS_REPLY_ERROR && info->str != NULL;
    if (is_told) {
        out->disk_bytes = data_bytes(machine);
        out->log_bytes = field_of(info, "\nlog_position:");
        out->checkpoints = field_of(info, "\ncheckpoint_generation:");
    }
    if (info != NULL) freeReplyObject(info);
    return is_told || fail(machine, "INFO is not answered, see %s", machine->output);
}
