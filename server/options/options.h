// Configuration: one table feeds the file, the command line, CONFIG GET/SET/REWRITE and the manual.
// A row names the option as redis-server does where Redis has it.
#ifndef ACKD_SERVER_OPTIONS_OPTIONS_H
#define ACKD_SERVER_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

enum { OPTIONS_BIND_MAX = 16, OPTIONS_PATH_MAX = 4096 };

struct output_limit { // client-output-buffer-limit, per class; 0: none
    uint64_t hard_bytes;
    uint64_t soft_bytes;
    int64_t soft_seconds;
};

enum output_class { OUTPUT_NORMAL, OUTPUT_REPLICA, OUTPUT_PUBSUB, OUTPUT_CLASSES };

// Typed values; strings are owned, never NULL ("" for unset).
struct options {
    int64_t port; // 0: none
    char *bind;   // space separated addresses, '-' prefix: may be missing
    char *unixsocket;
    int64_t unixsocketperm; // octal, 0: default
    char *dir;
    char *requirepass;
    bool protected_mode;
    int64_t maxclients;
    int64_t timeout_s;
    int64_t tcp_keepalive_s;
    int64_t tcp_backlog;
    int64_t databases;
    char *loglevel; // debug verbose notice warning
    char *logfile;  // "": standard output
    uint64_t proto_max_bulk_len;
    uint64_t client_query_buffer_limit;
    struct output_limit output_limits[OUTPUT_CLASSES];
    uint64_t maxmemory;     // 0: none
    char *maxmemory_policy; // noeviction, fixed
    int64_t slowlog_log_slower_than_us;
    int64_t slowlog_max_len;
    int64_t latency_monitor_threshold_ms;
    int64_t hz;
    int64_t stream_node_max_entries; // fixed, as the next
    uint64_t stream_node_max_bytes;
    int64_t stream_idmp_duration_s; // of streams that are made from now on, as the next
    int64_t stream_idmp_max_size;
    char *appendonly;  // "yes", fixed
    char *appendfsync; // "always", fixed
    char *save;        // "", fixed
    // ackd's own
    uint64_t tail_bytes;    // log-tail-size
    uint64_t reserve_bytes; // log-reserve-size
    uint64_t cold_read_cache_bytes;
    uint64_t clean_rate_bytes; // log-clean-rate, a second
    uint64_t scrub_rate_bytes; // scrub-rate, a second
    uint64_t disk_low_bytes;   // disk-low; 0: no warning
    int64_t segment_slots;     // slots kept ready
    uint64_t segment_bytes;    // log-segment-size, only when the directory is made
    char *sync_method;         // fdatasync | dsync
    bool direct_io;            // log-direct-io
    bool gives_back;           // log-give-back
    uint64_t max_disk;         // 0: none
    int64_t sync_delay_us;     // injected, for tests
    char *config_file;         // absolute path, "" when started without
};

enum option_flags {
    OPTION_MUTABLE = 1 << 0, // CONFIG SET may change it
    OPTION_HIDDEN = 1 << 1,  // for tests: not in the manual
    OPTION_SECRET = 1 << 2,  // not in logs
    OPTION_FIXED =
        1 << 3, // answers CONFIG GET; setting it to anything else is an error that says why
};

struct option; // a row, opaque: see options_table.c

void options_init(struct options *options); // defaults
void options_deinit(struct options *options);

// argv as main got it: `ackd [file] [--name value ...]`. Errors name the option and the nearest
// known one.
enum err options_from_command_line(struct options *options, int argc, char **argv,
                                   struct fault *fault);
enum err options_from_file(struct options *options, const char *path, struct fault *fault);

// ---- for CONFIG
size_t options_count(void);
const struct option *options_at(size_t index);
const struct option *options_find(struct slice name); // case-insensitive; NULL when unknown
const char *option_name(const struct option *option);
unsigned option_flags(const struct option *option);
const char *option_brief(const struct option *option);
const char *option_default(const struct option *option);
void option_get(const struct option *option, const struct options *options,
                struct buf *out); // the value as CONFIG GET shows it
// Parses and sets; ERR_INVALID with Redis' words ("argument must be ..."). Does not look at
// OPTION_MUTABLE.
enum err option_set(const struct option *option, struct options *options, struct slice value,
                    struct fault *fault);
const char *
options_nearest(struct slice name); // the known name with the least edits, NULL if none is near

// The configuration file's text with every changed option in place, comments kept; for CONFIG
// REWRITE.
void options_rewrite(const struct options *options, struct slice old_text, struct buf *out);
// One line per option (name, default, what it is): for --help and the README.
void options_manual(struct buf *out);

#endif
