#define _GNU_SOURCE // prctl's neighbours, mkdtemp, nftw

#include "tests/support/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/unit.h"

enum {
    ARGS_MAX = 64,
    NAP_NS = 2 * 1000 * 1000,
    NAPS_MAX = SERVER_WAIT_MS / 2,
    START_TRIES = 5, // a port that was free a moment ago may be somebody's now
    SIGNAL_CODE = 128,
    CODE_USAGE = 64, // server/net/exit_code.h: also "cannot listen"
    LAST_WORDS_MAX = 2000,
};

void nap(void) {
    struct timespec pause = {.tv_nsec = NAP_NS};
    nanosleep(&pause, NULL);
}

// ---- files

char *file_read(const char *path, size_t *len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail_msg("%s: %s", path, strerror(errno));
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    size_t size = (size_t)status.st_size;
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    size_t got = 0;
    while (got < size) {
        ssize_t more = read(fd, bytes + got, size - got);
        if (more <= 0) break;
        got += (size_t)more;
    }
    close(fd);
    bytes[got] = '\0';
    if (len != NULL) *len = got;
    return bytes;
}

int64_t file_find(const char *path, const char *bytes, size_t len) {
    if (access(path, R_OK) != 0) return -1;
    size_t size = 0;
    char *all = file_read(path, &size);
    const char *at = memmem(all, size, bytes, len);
    int64_t offset = at == NULL ? -1 : at - all;
    free(all);
    return offset;
}

void file_write_at(const char *path, int64_t offset, const void *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(pwrite(fd, bytes, len, offset), len);
    close(fd);
}

void file_flip(const char *path, int64_t offset) {
    size_t len = 0;
    char *bytes = file_read(path, &len);
    assert_in_range(offset, 0, len - 1);
    char flipped = (char)(bytes[offset] ^ 0x10);
    free(bytes);
    file_write_at(path, offset, &flipped, 1);
}

// ---- the directory

void server_init(struct server *server) {
    *server = (struct server){0};
    snprintf(server->room, sizeof server->room, "/tmp/ackd-e2e-XXXXXX");
    if (mkdtemp(server->room) == NULL) fail_msg("%s: %s", server->room, strerror(errno));
    const char *room = server->room;
    snprintf(server->data, sizeof server->data, "%.64s/data", room);
    snprintf(server->socket, sizeof server->socket, "%.64s/socket", room);
    snprintf(server->output, sizeof server->output, "%.64s/output", room);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void server_deinit(struct server *server) {
    server_kill(server);
    nftw(server->room, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    *server = (struct server){0};
}

int server_setup(void **state) {
    static struct server server;
    server_init(&server);
    *state = &server;
    return 0;
}

int server_teardown(void **state) {
    server_deinit(*state);
    return 0;
}

// ---- starting

static int free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (void *)&address, len), 0);
    assert_int_equal(getsockname(fd, (void *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

struct words {
    const char *items[ARGS_MAX];
    size_t count;
};

static void add_word(struct words *words, const char *word) {
    assert_true(words->count + 1 < ARGS_MAX);
    words->items[words->count++] = word;
}

static void add_words(struct words *words, const char *const *more) {
    for (; more != NULL && *more != NULL; more++)
        add_word(words, *more);
}

_Noreturn static void become(const struct server *server, const struct server_how *how,
                             const struct words *words) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(server->output, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    // Sanitizers: memory that was freed is to be given back, and preloaded libraries are meant.
    setenv("ASAN_OPTIONS", "quarantine_size_mb=8:verify_asan_link_order=0:detect_leaks=0", 0);
    if (how->environment != NULL) {
        char *pair = strdup(how->environment);
        if (pair != NULL) putenv(pair);
    }
    execvp(words->items[0], (char *const *)(uintptr_t)words->items);
    fprintf(stderr, "%s: %s\n", words->items[0], strerror(errno));
    _exit(127);
}

static const char *password_of(const char *const *options) {
    for (; options != NULL && *options != NULL; options++)
        if (strcmp(*options, "--requirepass") == 0) return options[1];
    return NULL;
}

static void spawn(struct server *server, const struct server_how *how) {
    assert_int_equal(server->pid, 0);
    server->password = password_of(how->options);
    server->port = how->with_tcp ? free_port() : 0;
    char port[16];
    char elsewhere[SERVER_PATH_MAX];
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(elsewhere, sizeof elsewhere, "%.64s/socket-2", server->room);
    struct words words = {0};
    add_words(&words, how->tracer);
    add_word(&words, ACKD_PROGRAM);
    add_words(&words, SERVER_OPTIONS("--dir", server->data, "--port", port, "--unixsocket",
                                     how->is_elsewhere ? elsewhere : server->socket,
                                     "--log-segment-size", "1mb")); // made in no time
    add_words(&words, how->options);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) become(server, how, &words);
    assert_true(pid > 0);
    server->pid = pid;
}

static int code_of(int status) {
    return WIFSIGNALED(status) ? SIGNAL_CODE + WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void fail_with_last_words(const struct server *server, const char *what) {
    size_t len = 0;
    char *said = file_read(server->output, &len);
    print_error("%s; the server's last words:\n%s\n", what,
                len > LAST_WORDS_MAX ? said + len - LAST_WORDS_MAX : said);
    free(said);
    fail();
    abort(); // fail() does not come back, and does not say so
}

// Whether it came up; false: it ended, with *code.
static bool wait_until_ready(struct server *server, int *code) {
    for (int i = 0; i < NAPS_MAX; i++) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            *code = code_of(status);
            return false;
        }
        if (peer_is_served(server)) return true;
        nap();
    }
    server_kill(server);
    fail_with_last_words(server, "the server does not answer");
}

void server_start_how(struct server *server, const struct server_how *how) {
    int code = 0;
    for (int i = 0; i < START_TRIES; i++) {
        spawn(server, how);
        if (wait_until_ready(server, &code)) return;
        if (code != CODE_USAGE || !how->with_tcp) break;
    }
    print_error("exit code %d\n", code);
    fail_with_last_words(server, "the server does not start");
}

void server_spawn(struct server *server, const struct server_how *how) {
    spawn(server, how);
}

void server_await(struct server *server) {
    int code = 0;
    if (wait_until_ready(server, &code)) return;
    print_error("exit code %d\n", code);
    fail_with_last_words(server, "the server does not start");
}

void server_start(struct server *server, const char *const *options) {
    server_start_how(server, &(struct server_how){.options = options});
}

int server_run(struct server *server, const struct server_how *how) {
    struct server other = *server;
    other.pid = 0;
    spawn(&other, how);
    return server_wait(&other);
}

// ---- ending

void server_signal(const struct server *server, int signal_number) {
    assert_true(server->pid > 0);
    assert_int_equal(kill(server->pid, signal_number), 0);
}

int server_wait(struct server *server) {
    assert_true(server->pid > 0);
    for (int i = 0; i < NAPS_MAX; i++) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            return code_of(status);
        }
        nap();
    }
    server_kill(server);
    fail_with_last_words(server, "the server does not end");
}

int server_stop(struct server *server) {
    server_signal(server, SIGTERM);
    return server_wait(server);
}

void server_kill(struct server *server) {
    if (server->pid <= 0) return;
    kill(server->pid, SIGKILL);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    server->pid = 0;
}

// ---- looking

bool server_said(const struct server *server, const char *text) {
    return file_find(server->output, text, strlen(text)) >= 0;
}

uint64_t server_resident(const struct server *server) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)server->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    unsigned long long total = 0;
    unsigned long long resident = 0;
    assert_int_equal(fscanf(file, "%llu %llu", &total, &resident), 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int run_check(const struct server *server, const char *const *arguments) {
    assert_int_equal(server->pid, 0);
    struct words words = {0};
    add_words(&words, arguments);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) become(server, &(struct server_how){0}, &words);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return code_of(status);
}

int server_check(const struct server *server) {
    return run_check(server, SERVER_OPTIONS(ACKD_CHECK_PROGRAM, server->data));
}

int server_salvage(const struct server *server, const char *to) {
    return run_check(server, SERVER_OPTIONS(ACKD_CHECK_PROGRAM, "--salvage", to, server->data));
}
