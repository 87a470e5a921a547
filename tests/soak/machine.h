// The machine that is being tortured: a server process and its disk.
//
// The disk is a plain directory, or one behind dropfs, where a kill is a power cut: what was not
// synced is gone. Everything lives in one temporary directory (`room`), which is kept when the run
// fails. All functions belong to one thread: the processes die with it.
#ifndef ACKD_TESTS_SOAK_MACHINE_H
#define ACKD_TESTS_SOAK_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/rng.h"

enum { MACHINE_PATH_MAX = 96, MACHINE_WHY_MAX = 512 };

struct machine {
    const char *program; // the server's
    char room[MACHINE_PATH_MAX];
    char data[MACHINE_PATH_MAX];    // --dir; with dropfs, where it is mounted
    char platter[MACHINE_PATH_MAX]; // with dropfs: what is durable
    char socket[MACHINE_PATH_MAX];
    char output[MACHINE_PATH_MAX]; // what the server says
    int port;
    pid_t server; // 0: not running
    pid_t disk;   // of dropfs; 0: a plain directory
    bool has_clean_cuts;
    struct rng rng;
    const char *segment_bytes; // chosen anew for each data directory
    char why[MACHINE_WHY_MAX]; // after a false
};

enum disk_kind { DISK_PLAIN, DISK_DROPPING };
enum machine_start { MACHINE_READY, MACHINE_NO_FUSE, MACHINE_FAILED };

// `program`: the server to torture, NULL for the one that was built with the soak.
struct machine_options {
    enum disk_kind disk;
    bool has_clean_cuts; // a power cut drops all that was not synced, and tears nothing
    uint64_t seed;
    const char *program;
};
enum machine_start machine_init(struct machine *machine, const struct machine_options *options);
// Removes the room unless it is to be kept.
void machine_deinit(struct machine *machine, bool keeps_room);

// An empty data directory; nothing may run.
bool machine_renew(struct machine *machine);

struct machine_usage {
    uint64_t disk_bytes;  // of the data directory
    uint64_t log_bytes;   // written since the directory was new
    uint64_t checkpoints; // made since then
};
// The server must be ready.
bool machine_usage(struct machine *machine, struct machine_usage *out);

// Starts the server with other options and another speed of the disk each time. Does not wait.
bool machine_spawn(struct machine *machine);
bool machine_wait_ready(struct machine *machine); // until PING is answered
// The power goes, or with a plain disk only the process. False: it had ended before, by itself.
bool machine_kill(struct machine *machine);
// SIGTERM, and a power cut when it has ended; false: its exit code was not 0.
bool machine_stop(struct machine *machine);
// What dropfs has to tell, one line; empty without it.
void machine_disk_report(const struct machine *machine, char *out, size_t cap);

#endif
