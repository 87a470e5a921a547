// The soak: epochs of load and kills, each followed by an account. README.md in this folder.
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/soak/drain.h"
#include "tests/soak/machine.h"
#include "tests/soak/roles.h"
#include "tests/soak/streams.h"

enum {
    EPOCH_MS = 20 * 1000, // bounds the history in memory and the time until a fault is known
    CLIENTS_STANDARD = 24,
    CLIENTS_MIN = 8,
    CLIENTS_MAX = 1000,
    LIFE_MS_MAX = 1500, // of a server, mostly
    EARLY_MS_MAX = 30,  // of one that is killed while it starts or recovers
    EARLY_PERCENT = 25,
    STOP_PERCENT = 10, // SIGTERM instead
    // The queues are small and emptied again and again, so the directory has to stay small, too.
    DIRECTORY_BYTES_MAX = 256 << 20,
    EPOCHS_PER_DIRECTORY = 30, // then a new one, with another size of segments
    PATH_MAX_LEN = 160,
    REPORT_MAX = 256,
    EXIT_FAULTS = 1,
    EXIT_USAGE = 2,
    EXIT_CANNOT = 3,
};

struct options {
    double minutes;
    unsigned clients;
    struct machine_options machine;
    bool discards;     // a failing run keeps nothing: for tests that want it to fail
    const char *check; // a saved history to judge; nothing else happens then
};

struct soak {
    struct options options;
    struct machine machine;
    struct run run;
    struct rng rng;
    struct verdict total;
    uint64_t kills;
    uint64_t early_kills; // of them while the server was starting
    uint64_t stops;
    uint64_t deadline_ms;
    struct machine_usage usage; // of the present directory, after the last epoch
    struct machine_usage most;  // its largest size; of all directories so far, what was written
};

// ---- one epoch

struct thread {
    pthread_t id;
    struct client client;
    role_life *life;
};

static void *live(void *context) {
    struct thread *thread = context;
    thread->life(&thread->client);
    return NULL;
}

// Kills until the epoch is over. The server runs at the end. False: the machine says why.
static bool torture(struct soak *soak, uint64_t until_ms) {
    struct machine *machine = &soak->machine;
    while (now_ms() < until_ms) {
        bool is_early = rng_below(&soak->rng, 100) < EARLY_PERCENT;
        if (!is_early && !machine_wait_ready(machine)) return false;
        pause_ms(rng_below(&soak->rng, is_early ? EARLY_MS_MAX : LIFE_MS_MAX));
        bool stops = !is_early && rng_below(&soak->rng, 100) < STOP_PERCENT;
        if (!(stops ? machine_stop(machine) : machine_kill(machine))) return false;
        *(stops ? &soak->stops : &soak->kills) += 1;
        soak->early_kills += is_early;
        if (!machine_spawn(machine)) return false;
    }
    return machine_wait_ready(machine);
}

static void start_threads(struct soak *soak, struct thread *threads) {
    for (unsigned i = 0; i < soak->options.clients; i++) {
        client_init(&threads[i].client, &soak->run, (uint16_t)i, rng_next(&soak->rng));
        threads[i].life = role_of(i, soak->options.clients);
        must(pthread_create(&threads[i].id, NULL, live, &threads[i]) == 0);
    }
}

static void join_threads(struct soak *soak, struct thread *threads, struct history *history,
                         struct verdict *verdict) {
    atomic_store(&soak->run.is_over, true);
    for (unsigned i = 0; i < soak->options.clients; i++) {
        must(pthread_join(threads[i].id, NULL) == 0);
        history_join(history, &threads[i].client.history);
        verdict_add(verdict, &threads[i].client.verdict);
        client_deinit(&threads[i].client);
    }
}

// What is told now must also be what a last kill leaves. True: the server runs and is empty.
static bool settle(struct soak *soak, struct history *history, struct verdict *verdict) {
    struct machine *machine = &soak->machine;
    if (!machine_kill(machine)) return false;
    soak->kills++;
    if (!machine_spawn(machine) || !machine_wait_ready(machine)) return false;
    atomic_store(&soak->run.is_over, false);
    struct client *client = mem_zalloc(sizeof *client);
    client_init(client, &soak->run, (uint16_t)soak->options.clients, 0);
    bool is_drained = drain(client);
    history_join(history, &client->history);
    verdict_add(verdict, &client->verdict);
    client_deinit(client);
    mem_free(client);
    return is_drained;
}

// Before anybody works: on an empty server that nobody kills. False: it is accused.
static bool prepare(struct soak *soak, struct history *history, struct verdict *verdict) {
    struct client *client = mem_zalloc(sizeof *client);
    client_init(client, &soak->run, (uint16_t)soak->options.clients, 0);
    bool is_prepared = streams_prepare(client);
    history_join(history, &client->history);
    verdict_add(verdict, &client->verdict);
    client_deinit(client);
    mem_free(client);
    return is_prepared;
}

static void keep_history(const struct soak *soak, const struct history *history) {
    char path[PATH_MAX_LEN];
    snprintf(path, sizeof path, "%s/history", soak->machine.room);
    if (history_save(history, path)) {
        fprintf(stderr, "history: %s (judge it again: soak --check %s)\n", path, path);
    } else {
        fprintf(stderr, "the history cannot be kept: %s: %s\n", path, strerror(errno));
    }
}

// False: the directory grows without need, or the server does not answer.
static bool note_usage(struct soak *soak) {
    struct machine *machine = &soak->machine;
    const struct machine_usage before = soak->usage;
    struct machine_usage *most = &soak->most;
    if (!machine_usage(machine, &soak->usage)) return false;
    most->log_bytes += soak->usage.log_bytes - before.log_bytes;
    most->checkpoints += soak->usage.checkpoints - before.checkpoints;
    if (soak->usage.disk_bytes > most->disk_bytes) most->disk_bytes = soak->usage.disk_bytes;
    if (soak->usage.disk_bytes <= DIRECTORY_BYTES_MAX) return true;
    snprintf(machine->why, sizeof machine->why,
             "the data directory takes %" PRIu64 " MB though its queues are empty",
             soak->usage.disk_bytes >> 20);
    return false;
}

static bool run_epoch(struct soak *soak) {
    struct machine *machine = &soak->machine;
    struct thread *threads = mem_alloc_array(soak->options.clients, sizeof *threads);
    struct history history = {0};
    struct verdict verdict = {0};
    uint64_t until_ms = now_ms() + EPOCH_MS;
    if (until_ms > soak->deadline_ms) until_ms = soak->deadline_ms;
    soak->run.epoch++;
    atomic_store(&soak->run.is_over, false);
    bool is_good = prepare(soak, &history, &verdict);
    start_threads(soak, threads);
    is_good = is_good && torture(soak, until_ms);
    join_threads(soak, threads, &history, &verdict);
    is_good = is_good && settle(soak, &history, &verdict) && note_usage(soak);
    // Without a last look everything would seem lost: then the machine's fault is the verdict.
    if (is_good) history_check(&history, &verdict);
    if (!is_good) fprintf(stderr, "%s\n", machine->why);
    bool is_innocent = is_good && verdict_faults(&verdict) == 0;
    if (!is_innocent) keep_history(soak, &history);
    printf("epoch %" PRIu64 ": %" PRIu64 " events, %" PRIu64 " deliveries, %" PRIu64
           " returns, %" PRIu64 " MB on disk of %" PRIu64 " MB written, faults %" PRIu64 "\n",
           soak->run.epoch, verdict.events, verdict.deliveries, verdict.returns,
           soak->usage.disk_bytes >> 20, soak->usage.log_bytes >> 20, verdict_faults(&verdict));
    fflush(stdout);
    if (verdict.notes.len > 0) {
        fprintf(stderr, "%.*s", (int)verdict.notes.len, verdict.notes.data);
    }
    verdict_add(&soak->total, &verdict);
    verdict_deinit(&verdict);
    history_deinit(&history);
    mem_free(threads);
    return is_innocent;
}

static bool renew_now_and_then(struct soak *soak) {
    if (soak->run.epoch % EPOCHS_PER_DIRECTORY != 0) return true;
    soak->usage = (struct machine_usage){0};
    return machine_stop(&soak->machine) && machine_renew(&soak->machine) &&
           machine_spawn(&soak->machine) && machine_wait_ready(&soak->machine);
}

// ---- the whole run

static void print_counts(const struct soak *soak, const struct verdict *verdict) {
    const uint64_t *faults = verdict->faults;
    printf("early kills %" PRIu64 ", stops %" PRIu64 ", deliveries %" PRIu64 ", returns %" PRIu64
           ", entries of streams %" PRIu64 ", claims %" PRIu64 ", out of order %" PRIu64
           ", miscounted %" PRIu64 ", refused %" PRIu64 "\n",
           soak->early_kills, soak->stops, verdict->deliveries, verdict->returns, verdict->entries,
           verdict->reclaims, faults[FAULT_DISORDERED], faults[FAULT_MISCOUNTED],
           faults[FAULT_REFUSED]);
    if (soak->most.disk_bytes > 0) {
        printf("disk %" PRIu64 " MB at most, log %" PRIu64 " MB written, checkpoints %" PRIu64 "\n",
               soak->most.disk_bytes >> 20, soak->most.log_bytes >> 20, soak->most.checkpoints);
    }
    printf("kills %" PRIu64 ", jobs %" PRIu64 ", acknowledged %" PRIu64 ", lost %" PRIu64
           ", duplicated %" PRIu64 ", unexpected %" PRIu64 ", returned after ack %" PRIu64
           ", recovered %" PRIu64 "\n",
           soak->kills, verdict->jobs, verdict->acknowledged, faults[FAULT_LOST],
           faults[FAULT_DUPLICATED], faults[FAULT_UNEXPECTED], faults[FAULT_RETURNED],
           verdict->recovered);
}

static int soak_run(struct soak *soak) {
    struct machine *machine = &soak->machine;
    printf("seed %" PRIu64 ", %u clients, %s\n", soak->options.machine.seed, soak->options.clients,
           soak->options.machine.disk == DISK_PLAIN ? "kills" : "power cuts");
    switch (machine_init(machine, &soak->options.machine)) {
    case MACHINE_NO_FUSE:
        printf("skipped: no /dev/fuse, or mounting is refused (see dropfs.output in %s)\n",
               machine->room);
        machine_deinit(machine, false);
        return EXIT_SUCCESS;
    case MACHINE_FAILED:
        fprintf(stderr, "%s\n", machine->why);
        machine_deinit(machine, true);
        return EXIT_CANNOT;
    case MACHINE_READY:
        break;
    }
    soak->run.socket = machine->socket;
    soak->run.port = machine->port;
    soak->deadline_ms = now_ms() + (uint64_t)(soak->options.minutes * 60000);
    bool is_good = machine_spawn(machine) && machine_wait_ready(machine);
    if (!is_good) fprintf(stderr, "%s\n", machine->why);
    while (is_good && now_ms() < soak->deadline_ms)
        is_good = run_epoch(soak) && renew_now_and_then(soak);
    char disk[REPORT_MAX];
    machine_disk_report(machine, disk, sizeof disk);
    printf("%s", disk);
    bool keeps_room = !is_good && !soak->options.discards;
    machine_deinit(machine, keeps_room);
    if (!is_good) {
        printf("FAILED: seed %" PRIu64
               "; data directory, history and the server's words %s in %s\n",
               soak->options.machine.seed, keeps_room ? "are" : "were", machine->room);
    }
    print_counts(soak, &soak->total);
    return is_good ? EXIT_SUCCESS : EXIT_FAULTS;
}

static int check_saved(const struct soak *soak) {
    struct history history = {0};
    struct verdict verdict = {0};
    if (!history_load(&history, soak->options.check)) {
        fprintf(stderr, "%s: %s\n", soak->options.check, strerror(errno));
        return EXIT_CANNOT;
    }
    history_check(&history, &verdict);
    printf("%.*s", (int)verdict.notes.len, verdict.notes.data == NULL ? "" : verdict.notes.data);
    print_counts(soak, &verdict);
    uint64_t faults = verdict_faults(&verdict);
    verdict_deinit(&verdict);
    history_deinit(&history);
    return faults == 0 ? EXIT_SUCCESS : EXIT_FAULTS;
}

// ---- the command line

static int usage(void) {
    fprintf(stderr, "usage: soak [--minutes N] [--seed S] [--clients C] [--fuse [--clean-cuts]] "
                    "[--server PROGRAM] [--discard]\n"
                    "       soak --check HISTORY\n");
    return EXIT_USAGE;
}

static bool read_options(struct options *options, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--fuse") == 0) {
            options->machine.disk = DISK_DROPPING;
            continue;
        }
        if (strcmp(name, "--clean-cuts") == 0) {
            options->machine.has_clean_cuts = true;
            continue;
        }
        if (strcmp(name, "--discard") == 0) {
            options->discards = true;
            continue;
        }
        if (i + 1 == argc) return false;
        const char *value = argv[++i];
        char *end = NULL;
        if (strcmp(name, "--check") == 0) {
            options->check = value;
            continue;
        }
        if (strcmp(name, "--server") == 0) {
            options->machine.program = value;
            continue;
        }
        if (strcmp(name, "--minutes") == 0) {
            options->minutes = strtod(value, &end);
        } else if (strcmp(name, "--seed") == 0) {
            options->machine.seed = strtoull(value, &end, 10);
        } else if (strcmp(name, "--clients") == 0) {
            options->clients = (unsigned)strtoul(value, &end, 10);
        }
        if (end == NULL || end == value || *end != '\0') return false;
    }
    return options->minutes > 0 && options->clients >= CLIENTS_MIN &&
           options->clients <= CLIENTS_MAX;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); // hiredis writes to servers that were just killed
    struct soak *soak = mem_zalloc(sizeof *soak);
    soak->options = (struct options){
        .minutes = 1,
        .clients = CLIENTS_STANDARD,
        .machine.seed = rng_system_seed() % 1000000,
    };
    if (!read_options(&soak->options, argc, argv)) return usage();
    rng_init(&soak->rng, soak->options.machine.seed);
    int code = soak->options.check != NULL ? check_saved(soak) : soak_run(soak);
    verdict_deinit(&soak->total);
    mem_free(soak);
    return code;
}
