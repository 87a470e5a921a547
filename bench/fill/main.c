// bench_fill: writes a backlog straight into a data directory, through the store, with no server
// and no sockets between: a hundred million jobs in a few minutes. Also opens a directory and folds
// it, to measure these two alone. A server must not run on it.
//
// The jobs are those of bench_load (job.h): numbers from 0, the oldest at the list's tail, so that
// `bench_load --workload drain` with the same --run, --size and --prefix checks them.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/fail.h"
#include "bench/load/job.h"
#include "proto/base/clock.h"
#include "storage/store.h"
#include "storage/txn.h"

enum {
    AT_A_TIME = 50,        // jobs of one frame
    FLUSH_BYTES = 1 << 20, // of a batch, about
    DATABASES = 16,        // as the server has by default
    RESERVE_BYTES = 16 << 20,
    TAIL_BYTES = 64 << 20,
};

#define US_PER_S 1e6

struct fill {
    const char *directory;
    const char *key;
    uint64_t jobs;
    uint64_t job_bytes;
    uint32_t run;
    bool folds;

    struct clock clock;
    struct vfs *vfs;
    struct store *store;
    struct fault fault;
};

static void must_succeed(const struct fill *fill, const char *what, enum err err) {
    if (err != ERR_NONE) fail(EXIT_SERVER, "%s: %s (%s)", what, fill->fault.text, err_name(err));
}

static double seconds_since(const struct fill *fill, int64_t began_us) {
    return (double)(clock_monotonic_us(&fill->clock) - began_us) / US_PER_S;
}

// ---- the log, which the server has threads for

static void flush(struct fill *fill, struct log_flush *flush) {
    if (flush == NULL) return;
    const enum err err = log_flush_run(flush);
    log_flush_end(store_log(fill->store), flush, err);
    must_succeed(fill, "cannot write the log", err);
}

static void make_slot(struct fill *fill) {
    struct log *log = store_log(fill->store);
    struct log_slots *job = log_slots_begin(log, clock_wall_us(&fill->clock) / 1000);
    if (job == NULL) return;
    const enum err err = log_slots_run(job);
    log_slots_end(log, job, err);
    must_succeed(fill, "cannot make a segment's file", err);
}

static void wait_for_room(struct fill *fill, size_t bytes) {
    struct log *log = store_log(fill->store);
    for (;;) {
        switch (log_prepare(log, bytes, 1, false)) {
        case LOG_READY:
            return;
        case LOG_WAIT:
            flush(fill, log_flush_begin(log));
            make_slot(fill);
            break;
        case LOG_NO_SPACE:
            fail(EXIT_SERVER, "the disk is full");
        case LOG_BROKEN:
            fail(EXIT_SERVER, "the log is broken");
        }
    }
}

// ---- what is measured

static double open_store(struct fill *fill) {
    const struct store_options options = {
        .log = {.tail_bytes = TAIL_BYTES,
                .reserve_bytes = RESERVE_BYTES,
                .slots_ahead = 1,
                .writes_direct = true,
                .seed = (uint64_t)clock_wall_us(&fill->clock)},
        .databases = DATABASES,
        .seed = (uint64_t)clock_wall_us(&fill->clock),
    };
    must_succeed(fill, "cannot open the directory",
                 vfs_posix_open(&fill->vfs, fill->directory, true, &fill->fault));
    struct store_recovery recovery;
    const int64_t began_us = clock_monotonic_us(&fill->clock);
    must_succeed(fill, "cannot open the store",
                 store_open(&fill->store, fill->vfs, &options, &recovery, &fill->fault));
    return seconds_since(fill, began_us);
}

static double write_jobs(struct fill *fill) {
    const int64_t began_us = clock_monotonic_us(&fill->clock);
    struct job_maker maker;
    job_maker_init(&maker, fill->run, fill->job_bytes);
    char *bytes = memory_new(AT_A_TIME, fill->job_bytes);
    struct slice values[AT_A_TIME];
    const struct slice key = slice_str(fill->key);
    struct log *log = store_log(fill->store);
    const size_t room = AT_A_TIME * (fill->job_bytes + 16) + key.len + 256;
    for (uint64_t id = 0; id < fill->jobs;) {
        size_t count = 0;
        for (; count < AT_A_TIME && id < fill->jobs; count++, id++) {
            char *payload = bytes + count * fill->job_bytes;
            job_write(&maker, (struct job){.id = id}, payload);
            values[count] = slice_of(payload, fill->job_bytes);
        }
        wait_for_room(fill, room);
        struct txn *txn = txn_begin(fill->store, clock_wall_us(&fill->clock) / 1000);
        txn_list_push(txn, 0, key, LIST_HEAD, values, count);
        txn_commit(txn);
        if (log_unflushed_bytes(log) >= FLUSH_BYTES) flush(fill, log_flush_begin(log));
    }
    flush(fill, log_flush_begin(log));
    if (log_wants_seal(log)) flush(fill, log_seal_begin(log));
    free(bytes);
    job_maker_deinit(&maker);
    return seconds_since(fill, began_us);
}

// A checkpoint of everything but the newest segment, on this thread and without a rest.
static double fold(struct fill *fill) {
    const int64_t now_ms = clock_wall_us(&fill->clock) / 1000;
    const int64_t began_us = clock_monotonic_us(&fill->clock);
    struct fold *fold = store_fold_begin(fill->store, now_ms);
    if (fold == NULL) return 0;
    enum err err = ERR_NONE;
    bool is_done = false;
    while (!is_done)
        err = fold_step(fold, &is_done, &fill->fault);
    const double took_s = seconds_since(fill, began_us);
    store_fold_end(fill->store, fold, err, &fill->fault, now_ms);
    must_succeed(fill, "cannot fold", err);
    return took_s;
}

// ---- the command line

static const char usage[] =
    "usage: bench_fill [--jobs N] [--size BYTES] [--run N] [--prefix TEXT] [--fold] DIRECTORY\n"
    "Opens the directory, writes N jobs into the list TEXTqueue, folds; says how long each took.\n";

static uint64_t read_number(const char *text, uint64_t min, uint64_t max) {
    char *end = NULL;
    const uint64_t number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number < min || number > max)
        fail(EXIT_USAGE, "%s is not a number from %" PRIu64 " to %" PRIu64, text, min, max);
    return number;
}

static void read_option(struct fill *fill, const char *name, const char *value, char *key,
                        size_t key_size) {
    if (value == NULL) fail(EXIT_USAGE, "%s takes a value", name);
    if (strcmp(name, "--jobs") == 0) {
        fill->jobs = read_number(value, 0, UINT32_MAX);
    } else if (strcmp(name, "--size") == 0) {
        fill->job_bytes = read_number(value, JOB_HEAD_BYTES, 1 << 20);
    } else if (strcmp(name, "--run") == 0) {
        fill->run = (uint32_t)read_number(value, 1, UINT32_MAX);
    } else if (strcmp(name, "--prefix") == 0) {
        snprintf(key, key_size, "%squeue", value);
    } else {
        fail(EXIT_USAGE, "there is no option %s\n%s", name, usage);
    }
}

int main(int argc, char **argv) {
    char key[256] = "bench:queue";
    struct fill fill = {.key = key, .job_bytes = 1024, .run = 1, .clock = clock_system()};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fold") == 0) {
            fill.folds = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            read_option(&fill, argv[i], argv[i + 1], key, sizeof key);
            i++;
        } else {
            fill.directory = argv[i];
        }
    }
    if (fill.directory == NULL) fail(EXIT_USAGE, "a directory is missing\n%s", usage);

    const double open_s = open_store(&fill);
    const double fill_s = fill.jobs > 0 ? write_jobs(&fill) : 0;
    const double fold_s = fill.folds ? fold(&fill) : 0;
    const struct store_checkpoint_stats stats = store_checkpoint_stats(fill.store);
    printf("{\"open_seconds\":%.6f,\"jobs\":%" PRIu64 ",\"fill_seconds\":%.6f,\"fold_seconds\":%.6f"
           ",\"fold_bytes_read\":%" PRIu64 ",\"fold_bytes_written\":%" PRIu64
           ",\"fold_slices\":%u,\"checkpoint_bytes\":%" PRIu64 "}\n",
           open_s, fill.jobs, fill_s, fold_s, stats.last_bytes_read, stats.last_bytes_written,
           stats.last_slices, stats.bytes);
    store_close(fill.store);
    vfs_free(fill.vfs);
    return EXIT_GOOD;
}
