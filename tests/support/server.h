// A real ackd process for tests: its own temporary directory, a unix socket in it, no TCP port
// unless asked for, and small log segments, which are quick to make. Always true: the process dies
// with the thread that started it; what goes wrong fails the CMocka test that is running, with the
// server's last words.
#ifndef ACKD_TESTS_SUPPORT_SERVER_H
#define ACKD_TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SERVER_PATH_MAX = 96,   // a socket's path has to fit sun_path
    SERVER_WAIT_MS = 60000, // for what must happen; running out of it is a failed test
};

struct server {
    char room[SERVER_PATH_MAX];   // the temporary directory; holds what follows
    char data[SERVER_PATH_MAX];   // --dir
    char socket[SERVER_PATH_MAX]; // --unixsocket
    char output[SERVER_PATH_MAX]; // what the process says on stdout and stderr, over all starts
    const char *password;         // --requirepass of its last start; NULL: none
    int port;                     // 0: no TCP
    pid_t pid;                    // 0: not running
};

// Options as on the command line: SERVER_OPTIONS("--maxclients", "10").
#define SERVER_OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct server_how {
    const char *const *options; // NULL-terminated, may be NULL
    const char *const *tracer;  // words before the program, NULL-terminated, may be NULL
    const char *environment;    // "NAME=value", may be NULL
    bool with_tcp;              // on a port of the kernel's choice, bound as `options` say
    bool is_elsewhere;          // another socket than the one in `socket`: a second server
};

// Makes the temporary directory; nothing runs yet.
void server_init(struct server *server);
// Kills what runs and removes the directory.
void server_deinit(struct server *server);
// The same as cmocka's setup and teardown: the state is a server, one at a time.
int server_setup(void **state);
int server_teardown(void **state);

// Starts and waits until PING is answered.
void server_start(struct server *server, const char *const *options);
void server_start_how(struct server *server, const struct server_how *how);
// The two halves of a start: the process, and that it serves.
void server_spawn(struct server *server, const struct server_how *how);
void server_await(struct server *server);
// Starts a process that is expected to end by itself, and returns its exit code.
int server_run(struct server *server, const struct server_how *how);

int server_stop(struct server *server);  // SIGTERM; returns the exit code
void server_kill(struct server *server); // SIGKILL
void server_signal(const struct server *server, int signal_number);
int server_wait(struct server *server); // until it ends; the exit code, 128 + n for a signal

bool server_said(const struct server *server, const char *text); // somewhere in its output
uint64_t server_resident(const struct server *server);           // bytes of memory

// Runs ackd-check over the data directory (nothing else may run); returns its exit code.
int server_check(const struct server *server);
// Runs ackd-check --salvage from the data directory to another one; returns its exit code.
int server_salvage(const struct server *server, const char *to);

// Whole file into a buffer of the caller's to free(); fails the test when it cannot be read.
char *file_read(const char *path, size_t *len);
// Offset of `bytes` in the file, -1 when it is not there. Never fails.
int64_t file_find(const char *path, const char *bytes, size_t len);
void file_write_at(const char *path, int64_t offset, const void *bytes, size_t len);
// Turns one bit of the byte at `offset`.
void file_flip(const char *path, int64_t offset);

// Sleeps a little between two looks at something that takes its time.
void nap(void);

#endif
