#include "bench/load/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/fail.h"
#include "bench/load/job.h"
#include "bench/load/workload.h"

enum kind { KIND_TEXT, KIND_COUNT, KIND_REAL, KIND_FLAG };

struct row {
    const char *name;
    const char *value; // its name in --help
    const char *help;
    size_t offset; // into struct options
    double min;
    double max;
    enum kind kind;
};

#define AT(field) .offset = offsetof(struct options, field)

// clang-format off
static const struct row rows[] = {
    {"--workload", "NAME", "what to do; see below", AT(workload), .kind = KIND_TEXT},
    {"--host", "NAME", "server (127.0.0.1)", AT(host), .kind = KIND_TEXT},
    {"--port", "N", "its port (6379)", AT(port), .kind = KIND_TEXT},
    {"--unix", "PATH", "its Unix socket, instead of host and port", AT(unix_path), .kind = KIND_TEXT},
    {"--connections", "N", "clients that send, the producers of a cycle (50)", AT(connections), 1, CONNECTIONS_MAX, KIND_COUNT},
    {"--workers", "N", "clients that take jobs (16)", AT(workers), 1, CONNECTIONS_MAX, KIND_COUNT},
    {"--pipeline", "N", "requests sent together by each sending client (1)", AT(pipeline), 1, PIPELINE_MAX, KIND_COUNT},
    {"--size", "BYTES", "of a payload (1024)", AT(size_bytes), JOB_HEAD_BYTES, JOB_BYTES_MAX, KIND_COUNT},
    {"--rate", "R", "open loop: R requests a second in all, latency from when each was due", AT(rate), 0, 1e8, KIND_REAL},
    {"--probe-rate", "R", "R PINGs a second beside the load, on their own connection", AT(probe_rate), 0, 1e6, KIND_REAL},
    {"--seconds", "S", "how long to measure (5)", AT(seconds), 0.01, 86400, KIND_REAL},
    {"--warmup", "S", "how long to run before (1)", AT(warmup_seconds), 0, 3600, KIND_REAL},
    {"--count", "N", "measure N requests or jobs instead of some seconds", AT(count), 1, COUNT_MAX, KIND_COUNT},
    {"--warmup-count", "N", "with --count: so many before (0)", AT(warmup_count), 0, COUNT_MAX, KIND_COUNT},
    {"--backlog", "N", "cycle, closed loop: jobs not yet done at which producers wait (1000)", AT(backlog), 1, COUNT_MAX, KIND_COUNT},
    {"--list", "N", "lrem: length of the list (10)", AT(list_len), 2, 10000000, KIND_COUNT},
    {"--position", "WHERE", "lrem: first, middle or last (middle)", AT(position), .kind = KIND_TEXT},
    {"--batch", "N", "streams: entries a worker reads and acknowledges at a time (1)", AT(batch), 1, BATCH_MAX, KIND_COUNT},
    {"--delete", NULL, "stream-cycle: XDEL goes with each XACK", AT(deletes), .kind = KIND_FLAG},
    {"--pending", "N", "xautoclaim: entries that are pending (10)", AT(pending_len), 1, 10000000, KIND_COUNT},
    {"--live", "N", "churn: jobs that are alive all the time (100000)", AT(live_len), 1, COUNT_MAX, KIND_COUNT},
    {"--old-every", "N", "churn-old: one job in so many stays (50000)", AT(old_every), 1, COUNT_MAX, KIND_COUNT},
    {"--run", "N", "number in the jobs, by which drain knows those of a fill; 0: a new one (0)", AT(run), 0, UINT32_MAX, KIND_COUNT},
    {"--min-idle", "MS", "xautoclaim: entries that may be claimed, 0: all (0)", AT(min_idle_ms), 0, 1e12, KIND_COUNT},
    {"--prefix", "TEXT", "of all keys used (bench:)", AT(prefix), .kind = KIND_TEXT},
    {"--patience", "S", "give up after so long without progress (15)", AT(patience_s), 1, 3600, KIND_REAL},
    {"--keep", NULL, "leave the queue on the server at the end", AT(keep), .kind = KIND_FLAG},
    {"--label", "TEXT", "a name for the report", AT(label), .kind = KIND_TEXT},
    {"--json", NULL, "report on one line of JSON", AT(json), .kind = KIND_FLAG},
};
// clang-format on

static _Noreturn void print_help(void) {
    printf("bench_load: load for a queue server that speaks the Redis protocol\n\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char left[40];
        snprintf(left, sizeof(left), "%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        printf("  %-20s %s\n", left, rows[i].help);
    }
    printf("\nWorkloads\n");
    for (size_t i = 0; workload_at(i) != NULL; i++)
        printf("  %-20s %s\n", workload_at(i)->name, workload_at(i)->brief);
    printf("\nExit codes: 0 good, 1 jobs lost, repeated or damaged or errors answered,\n"
           "            2 wrong command line, 3 server not reachable or gone\n");
    leave(EXIT_GOOD);
}

static const struct row *find_row(const char *name) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    fail(EXIT_USAGE, "there is no option %s; --help lists them", name);
}

static double read_number(const struct row *row, const char *value) {
    char *end = NULL;
    errno = 0;
    double number = strtod(value, &end);
    if (errno != 0 || end == value || *end != '\0')
        fail(EXIT_USAGE, "%s takes a number, not '%s'", row->name, value);
    if (!(number >= row->min && number <= row->max))
        fail(EXIT_USAGE, "%s takes %g to %g, not %s", row->name, row->min, row->max, value);
    if (row->kind == KIND_COUNT && number != (double)(uint64_t)number)
        fail(EXIT_USAGE, "%s takes a whole number, not %s", row->name, value);
    return number;
}

static void set(struct options *options, const struct row *row, const char *value) {
    void *field = (char *)options + row->offset;
    switch (row->kind) {
    case KIND_TEXT:
        memcpy(field, &value, sizeof(value));
        break;
    case KIND_COUNT: {
        uint64_t count = (uint64_t)read_number(row, value);
        memcpy(field, &count, sizeof(count));
        break;
    }
    case KIND_REAL: {
        double real = read_number(row, value);
        memcpy(field, &real, sizeof(real));
        break;
    }
    case KIND_FLAG:
        memcpy(field, &(bool){true}, sizeof(bool));
        break;
    }
}

struct options options_read(int argc, char **argv) {
    struct options options = {
        .workload = "enqueue",
        .host = "127.0.0.1",
        .port = "6379",
        .label = "",
        .prefix = "bench:",
        .position = "middle",
        .connections = 50,
        .workers = 16,
        .pipeline = 1,
        .size_bytes = 1024,
        .list_len = 10,
        .batch = 1,
        .pending_len = 10,
        .live_len = 100000,
        .old_every = 50000,
        .backlog = 1000,
        .seconds = 5,
        .warmup_seconds = 1,
        .patience_s = 15,
    };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) print_help();
        const struct row *row = find_row(argv[i]);
        bool takes_value = row->kind != KIND_FLAG;
        if (takes_value && i + 1 == argc) fail(EXIT_USAGE, "%s takes a value", row->name);
        set(&options, row, takes_value ? argv[++i] : NULL);
    }
    if (options.warmup_count > 0 && options.count == 0)
        fail(EXIT_USAGE, "--warmup-count goes with --count; --warmup is in seconds");
    return options;
}

struct address options_address(const struct options *options) {
    return (struct address){
        .unix_path = options->unix_path, .host = options->host, .port = options->port};
}
