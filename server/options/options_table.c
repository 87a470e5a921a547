#include "server/options/options_table.h"

#include <stddef.h>

#include "proto/base/must.h"

enum {
    PORT_MAX = 65535,
    KEEPALIVE_MAX_S = INT32_MAX,
    DATABASES_MAX = 1024,
    UNIX_PATH_MAX = 107,    // sun_path without its NUL
    BULK_MIN = 1 << 20,     // as Redis
    BULK_MAX = 56 << 20,    // a value and its record's header fit a 64 MiB segment
    SEGMENT_MIN = 64 << 10, // tests cycle through small ones
    SEGMENT_MAX = 64 << 20, // references have 23 bits for the offset, in units of 8 bytes
    SLOTS_AHEAD_MAX = 1024,
    IDMP_DURATION_MAX_S = 86400,
    IDMP_SIZE_MAX = 10000,
    SYNC_DELAY_MAX_US = 10 * 1000 * 1000,
};

#define MEMORY_MAX    ((int64_t)1 << 42)
#define FIELD(member) offsetof(struct options, member)

// Sorted by name. Where Redis has the option: its name, default and bounds, unless the comment or
// the README of this folder says otherwise.
// clang-format off
static const struct option rows[] = {
    {.name = "aclfile", .kind = OPTION_KIND_TEXT, .field = OPTION_NO_FIELD, .standard = "",
     .flags = OPTION_FIXED | OPTION_MUTABLE, .max = OPTIONS_PATH_MAX,
     .brief = "there is one user; requirepass protects it"},
    {.name = "appendfsync", .kind = OPTION_KIND_CHOICE, .field = FIELD(appendfsync), .standard = "always",
     .choices = "everysec, always, no", .flags = OPTION_FIXED | OPTION_MUTABLE,
     .brief = "every write is synced before it is answered"},
    {.name = "appendonly", .kind = OPTION_KIND_CHOICE, .field = FIELD(appendonly), .standard = "yes",
     .choices = "yes, no", .flags = OPTION_FIXED | OPTION_MUTABLE,
     .brief = "the log is the store and cannot be switched off"},
    {.name = "bind", .kind = OPTION_KIND_ADDRESSES, .field = FIELD(bind), .standard = "* -::*",
     .max = OPTIONS_PATH_MAX,
     .brief = "Addresses to listen on; * and ::* are all of IPv4 and IPv6, a leading - lets one be missing"},
    {.name = "client-output-buffer-limit", .kind = OPTION_KIND_LIMITS, .field = FIELD(output_limits),
     .standard = "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60", .flags = OPTION_MUTABLE,
     .brief = "Per class: hard limit, soft limit, seconds over the soft limit, after which a client that does "
              "not read is closed"},
    {.name = "client-query-buffer-limit", .kind = OPTION_KIND_BYTES, .field = FIELD(client_query_buffer_limit),
     .standard = "1gb", .min = BULK_MIN, .max = INT64_MAX, .flags = OPTION_MUTABLE,
     .brief = "Most bytes of one unfinished request"},
    {.name = "cluster-enabled", .kind = OPTION_KIND_BOOL, .field = OPTION_NO_FIELD, .standard = "no",
     .flags = OPTION_FIXED, .brief = "there is no cluster mode"},
    {.name = "cold-read-cache", .kind = OPTION_KIND_BYTES, .field = FIELD(cold_read_cache_bytes), .standard = "16mb",
     .min = 0, .max = MEMORY_MAX, .brief = "Memory for bytes of the log that were read ahead, for backlogs beyond log-tail-size"},
    {.name = "daemonize", .kind = OPTION_KIND_BOOL, .field = OPTION_NO_FIELD, .standard = "no",
     .flags = OPTION_FIXED, .brief = "the process stays in the foreground; let systemd or a container run it"},
    {.name = "databases", .kind = OPTION_KIND_INTEGER, .field = FIELD(databases), .standard = "16",
     .min = 1, .max = DATABASES_MAX, .brief = "Number of databases SELECT may choose from"},
    {.name = "dir", .kind = OPTION_KIND_TEXT, .field = FIELD(dir), .standard = "./data",
     .min = 1, .max = OPTIONS_PATH_MAX, .brief = "Data directory; made (mode 0700) when it is missing"},
    {.name = "disk-low", .kind = OPTION_KIND_BYTES, .field = FIELD(disk_low_bytes), .standard = "1gb",
     .min = 0, .max = INT64_MAX, .flags = OPTION_MUTABLE,
     .brief = "Room left for the log below which the disk is called low, in the log file and INFO; 0: never"},
    {.name = "hz", .kind = OPTION_KIND_INTEGER, .field = FIELD(hz), .standard = "10", .min = 1, .max = 500,
     .flags = OPTION_FIXED | OPTION_MUTABLE, .brief = "timers are exact and need no frequency"},
    {.name = "latency-monitor-threshold", .kind = OPTION_KIND_INTEGER,
     .field = FIELD(latency_monitor_threshold_ms), .standard = "0", .min = 0, .max = INT64_MAX,
     .flags = OPTION_MUTABLE, .brief = "Milliseconds from which LATENCY remembers an event; 0: none"},
    {.name = "log-clean-rate", .kind = OPTION_KIND_BYTES, .field = FIELD(clean_rate_bytes), .standard = "16mb",
     .min = 0, .max = MEMORY_MAX, .flags = OPTION_MUTABLE,
     .brief = "Bytes a second that are moved out of log files that are mostly garbage; more when there is much; 0: none"},
    {.name = "log-direct-io", .kind = OPTION_KIND_BOOL, .field = FIELD(direct_io), .standard = "yes",
     .brief = "Write the log past the page cache where the file system can"},
    {.name = "log-fold", .kind = OPTION_KIND_BOOL, .field = FIELD(folds), .standard = "yes",
     .flags = OPTION_MUTABLE | OPTION_HIDDEN,
     .brief = "Make checkpoints by itself; without, the log grows, for measurements of what they cost"},
    {.name = "log-give-back", .kind = OPTION_KIND_BOOL, .field = FIELD(gives_back), .standard = "yes",
     .flags = OPTION_MUTABLE,
     .brief = "Remove log files when far more are there than were needed lately"},
    {.name = "log-reserve-size", .kind = OPTION_KIND_BYTES, .field = FIELD(reserve_bytes), .standard = "16mb",
     .min = 0, .max = MEMORY_MAX,
     .brief = "Room in the log that only removals may use, so that a full disk can still be drained"},
    {.name = "log-segment-size", .kind = OPTION_KIND_BYTES, .field = FIELD(segment_bytes), .standard = "64mb",
     .min = SEGMENT_MIN, .max = SEGMENT_MAX, .is_power_of_two = true,
     .brief = "Size of the log's files, a power of two; an existing directory keeps the size it was made with"},
    {.name = "log-segment-slots", .kind = OPTION_KIND_INTEGER, .field = FIELD(segment_slots), .standard = "1",
     .min = 1, .max = SLOTS_AHEAD_MAX, .brief = "Log files kept ready ahead of need"},
    {.name = "log-sync-delay-us", .kind = OPTION_KIND_INTEGER, .field = FIELD(sync_delay_us), .standard = "0",
     .min = 0, .max = SYNC_DELAY_MAX_US, .flags = OPTION_MUTABLE | OPTION_HIDDEN,
     .brief = "Microseconds added to each sync, for tests of slow disks"},
    {.name = "log-sync-method", .kind = OPTION_KIND_CHOICE, .field = FIELD(sync_method), .standard = "fdatasync",
     .choices = "fdatasync, dsync", .brief = "How a batch becomes durable: write and fdatasync, or O_DSYNC"},
    {.name = "log-tail-size", .kind = OPTION_KIND_BYTES, .field = FIELD(tail_bytes), .standard = "64mb",
     .min = 0, .max = MEMORY_MAX, .brief = "Newest bytes of the log kept in memory, at least"},
    {.name = "logfile", .kind = OPTION_KIND_TEXT, .field = FIELD(logfile), .standard = "",
     .max = OPTIONS_PATH_MAX, .brief = "File for messages, reopened at SIGHUP; empty: standard output"},
    {.name = "loglevel", .kind = OPTION_KIND_CHOICE, .field = FIELD(loglevel), .standard = "notice",
     .choices = "debug, verbose, notice, warning", .flags = OPTION_MUTABLE, .brief = "Least level that is logged"},
    {.name = "max-disk", .kind = OPTION_KIND_BYTES, .field = FIELD(max_disk), .standard = "0",
     .min = 0, .max = INT64_MAX, .flags = OPTION_MUTABLE,
     .brief = "Disk that log and checkpoints may take; commands that grow are refused beyond; 0: no limit"},
    {.name = "maxclients", .kind = OPTION_KIND_INTEGER, .field = FIELD(maxclients), .standard = "10000",
     .min = 1, .max = UINT32_MAX, .flags = OPTION_MUTABLE, .brief = "Most clients at a time"},
    {.name = "maxmemory", .kind = OPTION_KIND_BYTES, .field = FIELD(maxmemory), .standard = "0",
     .min = 0, .max = INT64_MAX, .flags = OPTION_MUTABLE,
     .brief = "Memory beyond which commands that grow are refused; nothing is ever evicted; 0: no limit"},
    {.name = "maxmemory-policy", .kind = OPTION_KIND_CHOICE, .field = FIELD(maxmemory_policy),
     .standard = "noeviction",
     .choices = "volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, "
                "allkeys-random, noeviction",
     .flags = OPTION_FIXED | OPTION_MUTABLE, .brief = "a queue that forgets jobs is none"},
    {.name = "no-appendfsync-on-rewrite", .kind = OPTION_KIND_BOOL, .field = OPTION_NO_FIELD, .standard = "no",
     .flags = OPTION_FIXED | OPTION_MUTABLE, .brief = "every write is synced before it is answered"},
    {.name = "notify-keyspace-events", .kind = OPTION_KIND_TEXT, .field = OPTION_NO_FIELD, .standard = "",
     .max = OPTIONS_NAME_MAX, .flags = OPTION_FIXED | OPTION_MUTABLE, .brief = "there are no keyspace events yet"},
    {.name = "port", .kind = OPTION_KIND_INTEGER, .field = FIELD(port), .standard = "6379",
     .min = 0, .max = PORT_MAX, .brief = "TCP port; 0: none"},
    {.name = "protected-mode", .kind = OPTION_KIND_BOOL, .field = FIELD(protected_mode), .standard = "yes",
     .flags = OPTION_MUTABLE, .brief = "Refuse clients from other machines while there is no password"},
    {.name = "proto-max-bulk-len", .kind = OPTION_KIND_BYTES, .field = FIELD(proto_max_bulk_len),
     .standard = "32mb", .min = BULK_MIN, .max = BULK_MAX, .flags = OPTION_MUTABLE,
     .brief = "Most bytes of one argument"},
    {.name = "requirepass", .kind = OPTION_KIND_TEXT, .field = FIELD(requirepass), .standard = "",
     .max = OPTIONS_PATH_MAX, .flags = OPTION_MUTABLE | OPTION_SECRET, .brief = "Password of the default user; empty: none"},
    {.name = "save", .kind = OPTION_KIND_ADDRESSES, .field = FIELD(save), .standard = "", .max = OPTIONS_PATH_MAX,
     .flags = OPTION_FIXED | OPTION_MUTABLE, .brief = "there are no snapshots: every write is durable by itself"},
    {.name = "scrub-rate", .kind = OPTION_KIND_BYTES, .field = FIELD(scrub_rate_bytes), .standard = "4mb",
     .min = 0, .max = MEMORY_MAX, .flags = OPTION_MUTABLE,
     .brief = "Bytes a second that are read to verify what is on disk before anybody asks for it; 0: none"},
    {.name = "slowlog-log-slower-than", .kind = OPTION_KIND_INTEGER, .field = FIELD(slowlog_log_slower_than_us),
     .standard = "10000", .min = -1, .max = INT64_MAX, .flags = OPTION_MUTABLE,
     .brief = "Microseconds from which a command enters the slow log; -1: none"},
    {.name = "slowlog-max-len", .kind = OPTION_KIND_INTEGER, .field = FIELD(slowlog_max_len), .standard = "128",
     .min = 0, .max = INT64_MAX, .flags = OPTION_MUTABLE, .brief = "Entries the slow log keeps"},
    {.name = "stream-idmp-duration", .kind = OPTION_KIND_INTEGER, .field = FIELD(stream_idmp_duration_s),
     .standard = "100", .min = 1, .max = IDMP_DURATION_MAX_S, .flags = OPTION_MUTABLE,
     .brief = "Seconds for which a new stream remembers idempotent ids; XCFGSET changes it for one stream"},
    {.name = "stream-idmp-maxsize", .kind = OPTION_KIND_INTEGER, .field = FIELD(stream_idmp_max_size),
     .standard = "100", .min = 1, .max = IDMP_SIZE_MAX, .flags = OPTION_MUTABLE,
     .brief = "Idempotent ids of each producer that a new stream remembers"},
    {.name = "stream-node-max-bytes", .kind = OPTION_KIND_BYTES, .field = FIELD(stream_node_max_bytes),
     .standard = "4096", .min = 0, .max = INT64_MAX, .flags = OPTION_FIXED | OPTION_MUTABLE,
     .brief = "where nodes end is part of what is logged"},
    {.name = "stream-node-max-entries", .kind = OPTION_KIND_INTEGER, .field = FIELD(stream_node_max_entries),
     .standard = "100", .min = 0, .max = INT64_MAX, .flags = OPTION_FIXED | OPTION_MUTABLE,
     .brief = "where nodes end is part of what is logged"},
    {.name = "tcp-backlog", .kind = OPTION_KIND_INTEGER, .field = FIELD(tcp_backlog), .standard = "511",
     .min = 0, .max = INT32_MAX, .brief = "Connections the kernel queues until they are accepted"},
    {.name = "tcp-keepalive", .kind = OPTION_KIND_INTEGER, .field = FIELD(tcp_keepalive_s), .standard = "300",
     .min = 0, .max = KEEPALIVE_MAX_S, .flags = OPTION_MUTABLE,
     .brief = "Seconds between probes of a quiet connection; 0: none"},
    {.name = "timeout", .kind = OPTION_KIND_INTEGER, .field = FIELD(timeout_s), .standard = "0",
     .min = 0, .max = INT32_MAX, .flags = OPTION_MUTABLE,
     .brief = "Seconds after which an idle client is closed; 0: never"},
    {.name = "tls-port", .kind = OPTION_KIND_INTEGER, .field = OPTION_NO_FIELD, .standard = "0",
     .min = 0, .max = PORT_MAX, .flags = OPTION_FIXED, .brief = "there is no TLS yet; put a TLS proxy in front"},
    {.name = "unixsocket", .kind = OPTION_KIND_TEXT, .field = FIELD(unixsocket), .standard = "",
     .max = UNIX_PATH_MAX, .brief = "Path of a unix socket to listen on; empty: none"},
    {.name = "unixsocketperm", .kind = OPTION_KIND_OCTAL, .field = FIELD(unixsocketperm), .standard = "0",
     .min = 0, .max = 0777, .brief = "Mode of the unix socket, octal; 0: as the umask has it"},
};
// clang-format on

size_t options_count(void) {
    return sizeof rows / sizeof rows[0];
}

const struct option *options_at(size_t index) {
    must(index < options_count());
    return &rows[index];
}
