// crash_matrix: enumerates crash images of the real write path and judges each. README.md in this
// folder says what is enumerated; tests/sim/matrix builds and runs it.
//
// Exit codes: 0 nothing was lost and nothing was silent, 1 something was, 64 the command line.
#define _GNU_SOURCE // sched_getaffinity, CPU_COUNT

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/num.h"
#include "tests/sim/images/board.h"
#include "tests/sim/images/matrix.h"
#include "tests/sim/images/scenario.h"

enum { EXIT_USAGE = 64, POLL_MS = 20, HANG_S = 120, US_PER_S = 1000000 };

// Read by jemalloc, where that is the allocator: what a store allocates for each image (some 70 to
// 100 KiB a piece) is to stay mapped and cached. Twice as many images a second.
extern const char *malloc_conf __attribute__((visibility("default")));
const char *malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1,tcache_max:262144";

struct arguments {
    struct matrix_options options;
    uint64_t jobs; // 0: one per core
    bool lists;
};

static const char usage[] =
    "usage: crash_matrix [--images N] [--seed S] [--scenario NAME] [--jobs N] [--keep-going]\n"
    "       crash_matrix --scenario NAME --image IMAGE [--seed S] [--save DIRECTORY]\n"
    "       crash_matrix --list\n";

static bool parse(int argc, char **argv, struct arguments *out) {
    out->options.images = 1000000;
    out->options.seed = 1;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--list") == 0) {
            out->lists = true;
            continue;
        }
        if (strcmp(name, "--keep-going") == 0) {
            out->options.keeps_going = true;
            continue;
        }
        if (++i == argc) return false;
        bool is_known = true;
        if (strcmp(name, "--images") == 0)
            is_known = num_parse_u64(slice_str(argv[i]), &out->options.images);
        else if (strcmp(name, "--seed") == 0)
            is_known = num_parse_u64(slice_str(argv[i]), &out->options.seed);
        else if (strcmp(name, "--jobs") == 0)
            is_known = num_parse_u64(slice_str(argv[i]), &out->jobs);
        else if (strcmp(name, "--scenario") == 0)
            out->options.scenario = argv[i];
        else if (strcmp(name, "--image") == 0)
            out->options.image = argv[i];
        else if (strcmp(name, "--save") == 0)
            out->options.save = argv[i];
        else
            is_known = false;
        if (!is_known) return false;
    }
    return out->options.image == NULL || out->options.scenario != NULL;
}

static bool is_known_scenario(const char *name) {
    if (name == NULL || strncmp(name, "random-", 7) == 0) return true;
    for (size_t i = 0; i < scenario_count(); i++)
        if (strcmp(scenarios[i].name, name) == 0) return true;
    return false;
}

// ---- processes

static unsigned core_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > BOARD_ROWS_MAX ? BOARD_ROWS_MAX : (unsigned)count;
}

static void died(struct board *board, unsigned worker, const char *how) {
    struct finding finding = {.kind = VERDICT_LOST};
    snprintf(finding.text, sizeof finding.text, "the process %s while it was at this image", how);
    board_add(board, &board->rows[worker], &finding);
}

// Waits for all; one that makes no progress for long is ended.
static void wait_for(struct board *board, const pid_t *pids, unsigned count) {
    struct clock clock = clock_system();
    uint64_t seen[BOARD_ROWS_MAX] = {0};
    int64_t since_us[BOARD_ROWS_MAX];
    bool is_gone[BOARD_ROWS_MAX] = {false};
    for (unsigned i = 0; i < count; i++)
        since_us[i] = clock_monotonic_us(&clock);
    for (unsigned left = count; left > 0;) {
        struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
        int64_t now_us = clock_monotonic_us(&clock);
        for (unsigned i = 0; i < count; i++) {
            int status = 0;
            if (is_gone[i]) continue;
            uint64_t images = atomic_load(&board->rows[i].images);
            if (images != seen[i]) since_us[i] = now_us;
            seen[i] = images;
            bool hangs = now_us - since_us[i] > (int64_t)HANG_S * US_PER_S;
            if (hangs) kill(pids[i], SIGKILL);
            if (waitpid(pids[i], &status, hangs ? 0 : WNOHANG) != pids[i]) continue;
            is_gone[i] = true;
            left--;
            if (hangs)
                died(board, i, "hung");
            else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                died(board, i, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "failed");
        }
    }
}

static bool start_all(const struct matrix_options *options, struct board *board, pid_t *pids,
                      unsigned workers) {
    fflush(NULL);
    for (unsigned i = 0; i < workers; i++) {
        pids[i] = fork();
        if (pids[i] < 0) return false;
        if (pids[i] > 0) continue;
        matrix_work(options, board, i, workers);
        exit(0);
    }
    return true;
}

// ---- what it says

static void say_findings(const struct board *board, const struct matrix_options *options,
                         unsigned workers) {
    for (unsigned i = 0; i < workers; i++) {
        const struct board_row *row = &board->rows[i];
        uint64_t kept =
            row->finding_count < BOARD_FINDINGS_MAX ? row->finding_count : BOARD_FINDINGS_MAX;
        for (uint64_t k = 0; k < kept; k++) {
            const struct board_finding *found = &row->findings[k];
            printf("%s: scenario %s, image %s: %s\n"
                   "  replay: tests/sim/matrix --seed %" PRIu64
                   " --scenario %s --image %s --save /tmp/crash-image\n",
                   found->finding.kind == VERDICT_LOST ? "LOST" : "SILENT", found->scenario,
                   found->image, found->finding.text, options->seed, found->scenario, found->image);
        }
    }
}

static int say_sum(const struct board *board, const struct matrix_options *options,
                   unsigned workers, int64_t took_us) {
    struct board_row sum = {0};
    bool is_complete = true;
    bool has_first_cuts = true;
    uint64_t images = 0;
    for (unsigned i = 0; i < workers; i++) {
        const struct board_row *row = &board->rows[i];
        images += atomic_load(&row->images);
        sum.acknowledged += row->acknowledged;
        sum.lost += row->lost;
        sum.silent += row->silent;
        sum.nested += row->nested;
        sum.random += row->random;
        sum.flips += row->flips;
        sum.reads += row->reads;
        is_complete = is_complete && row->is_complete;
        has_first_cuts = has_first_cuts && row->has_first_cuts;
    }
    say_findings(board, options, workers);
    printf("%" PRIu64 " are crashes inside of what follows a crash, %" PRIu64
           " of random scenarios, %" PRIu64 " have a flipped bit or a lost page; %" PRIu64
           " payloads with a flipped bit were read while running\n",
           sum.nested, sum.random, sum.flips, sum.reads);
    puts(is_complete      ? "everything enumerated was done"
         : has_first_cuts ? "every first power cut was done; of the crashes behind it a sample"
                          : "of everything enumerated a sample was done");
    double seconds = (double)took_us / US_PER_S;
    printf("%.1f s, %u processes, %.0f images a second\n", seconds, workers,
           seconds > 0 ? (double)images / seconds : 0);
    printf("images %" PRIu64 ", acknowledged %" PRIu64 ", lost %" PRIu64 ", silent %" PRIu64 "\n",
           images, sum.acknowledged, sum.lost, sum.silent);
    return sum.lost + sum.silent == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_all(const struct arguments *arguments) {
    unsigned workers = core_count();
    if (arguments->jobs > 0 && arguments->jobs <= BOARD_ROWS_MAX)
        workers = (unsigned)arguments->jobs;
    struct board *board = board_new();
    if (board == NULL) return EXIT_FAILURE;
    struct clock clock = clock_system();
    int64_t began_us = clock_monotonic_us(&clock);
    pid_t pids[BOARD_ROWS_MAX];
    if (!start_all(&arguments->options, board, pids, workers)) return EXIT_FAILURE;
    wait_for(board, pids, workers);
    return say_sum(board, &arguments->options, workers, clock_monotonic_us(&clock) - began_us);
}

int main(int argc, char **argv) {
    struct arguments arguments = {0};
    if (!parse(argc, argv, &arguments) || !is_known_scenario(arguments.options.scenario)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (arguments.lists) {
        for (size_t i = 0; i < scenario_count(); i++)
            printf("%-22s %s\n", scenarios[i].name, scenarios[i].brief);
        return EXIT_SUCCESS;
    }
    if (arguments.options.image != NULL) return matrix_replay(&arguments.options);
    return run_all(&arguments);
}
