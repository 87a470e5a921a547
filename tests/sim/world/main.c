// sim: runs simulated worlds, each in a process of its own kind so that whatever kills it is told.
//
//     sim --seed 42 --steps 20000        one seed           --trace    prints every event
//     sim --seeds 1..1000 --steps 5000   many               --repeat   each twice: same story?
//     sim --seeds 1.. --seconds 60       as many as fit     --minimize looks for what a failure
//     needs
//     --without power,full,...           spares the world some faults
//
// The last line of a good run is `N seeds, 0 broken, story HASH`.
#define _DEFAULT_SOURCE // MAP_ANONYMOUS

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/hash.h"
#include "tests/sim/world/world.h"

enum { STEPS_DEFAULT = 20000, EXIT_USAGE = 64 };

// Shared with the child: what it did outlives it.
struct shared {
    struct story story;
    struct world_figures figures;
    uint64_t done; // seeds
    uint64_t hash; // over the stories of all seeds
    bool differs;  // --repeat: the second time was another story
};

struct arguments {
    uint64_t first;
    uint64_t last;
    uint64_t steps;
    uint64_t seconds; // 0: no limit
    unsigned without;
    bool is_traced;
    bool repeats;
    bool minimizes;
    bool is_quiet;
};

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// ---- in the child

static void run_seed(struct shared *shared, const struct arguments *arguments, uint64_t seed) {
    const struct world_options options = {
        .seed = seed, .steps = arguments->steps, .without = arguments->without};
    world_run(&options, &shared->story, &shared->figures);
    const uint64_t hash = shared->story.hash;
    shared->hash = hash_bytes(slice_of(&hash, sizeof hash), shared->hash);
    shared->done++;
    if (!arguments->repeats) return;
    world_run(&options, &shared->story, &shared->figures);
    if (shared->story.hash == hash) return;
    shared->differs = true;
    _exit(WORLD_EXIT_BROKEN);
}

static int run_seeds(struct shared *shared, const struct arguments *arguments) {
    const double until = now_s() + (double)arguments->seconds;
    for (uint64_t seed = arguments->first; seed <= arguments->last; seed++) {
        run_seed(shared, arguments, seed);
        if (arguments->seconds > 0 && now_s() > until) break;
    }
    return 0;
}

// ---- in the parent

// Whether all went well.
static bool run_child(struct shared *shared, const struct arguments *arguments) {
    memset(shared, 0, sizeof *shared);
    shared->story.is_printed = arguments->is_traced;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        const int code = run_seeds(shared, arguments);
        fflush(stdout);
        exit(code);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("sim");
        exit(EXIT_FAILURE);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    struct story *story = &shared->story;
    if (story->promise == 0 && WIFSIGNALED(status))
        snprintf(story->verdict, sizeof story->verdict, "the process died of signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    return false;
}

static void print_command(const struct shared *shared, const struct arguments *arguments,
                          uint64_t steps) {
    printf("tests/sim/run --seed %" PRIu64 " --steps %" PRIu64, shared->story.seed, steps);
    const char *before = " --without ";
    for (unsigned i = 0; i < WORLD_FAULTS; i++) {
        if ((arguments->without & 1U << i) == 0) continue;
        printf("%s%s", before, world_fault_names[i]);
        before = ",";
    }
    printf("\n");
}

static void print_failure(const struct shared *shared, const struct arguments *arguments) {
    const struct story *story = &shared->story;
    printf("seed %" PRIu64 ", step %" PRIu64 ", the last events:\n", story->seed, story->step);
    story_print_last(story);
    if (shared->differs) {
        printf("BROKEN: the same seed gave two stories\n");
    } else if (story->promise != 0) {
        printf("BROKEN: promise %u: %s\n", story->promise, story->verdict);
    } else {
        printf("BROKEN: an assertion or a sanitizer: %s\n", story->verdict);
    }
    printf("replay: ");
    print_command(shared, arguments, story->step == 0 ? arguments->steps : story->step);
}

// Leaves out one kind of fault after the other, as long as the same promise breaks.
static void minimize(struct shared *shared, const struct arguments *arguments) {
    const unsigned promise = shared->story.promise;
    struct arguments least = *arguments;
    least.first = shared->story.seed;
    least.last = least.first;
    least.seconds = 0;
    for (unsigned i = 0; i < WORLD_FAULTS; i++) {
        if ((least.without & 1U << i) != 0) continue;
        struct arguments less = least;
        less.without |= 1U << i;
        if (run_child(shared, &less) || shared->story.promise != promise) continue;
        least = less;
        least.steps = shared->story.step;
    }
    if (run_child(shared, &least)) return; // cannot be: it has just failed
    printf("with less: ");
    print_command(shared, &least, least.steps);
    print_failure(shared, &least);
}

static void print_figures(const struct shared *shared, double seconds) {
    const struct world_figures *figures = &shared->figures;
    printf("%" PRIu64 " steps (%.0f a second), %" PRIu64 " lives, %" PRIu64 " commands, %" PRIu64
           " compared with the model, %" PRIu64 " frames, %" PRIu64 " jobs\n",
           figures->steps, (double)figures->steps / seconds, figures->lives, figures->commands,
           figures->compared, figures->frames, figures->jobs);
    printf("%" PRIu64 " crashes (%" PRIu64 " during recovery), %" PRIu64 " faults armed, %" PRIu64
           " copies crashed beside, %" PRIu64 " damaged (%" PRIu64
           " refused, the others harmless), %" PRIu64 " quiet moments, %" PRIu64
           " checkpoints, %" PRIu64 " values relocated\n%" PRIu64 " scrubs, %" PRIu64
           " damaged copies scrubbed (%" PRIu64 " told of, %" PRIu64
           " refused by the next start)\n",
           figures->crashes, figures->nested, figures->faults, figures->forks, figures->rotten,
           figures->refused, figures->quiet, figures->folds, figures->relocated, figures->scrubs,
           figures->scrubbed, figures->scrub_found, figures->scrub_refused);
    printf("%" PRIu64 " readings of cold values, %" PRIu64 " values answered as errors\n",
           figures->readings, figures->excused);
}

// ---- arguments

static bool parse_number(const char *text, uint64_t *out, const char **end) {
    char *stop = NULL;
    *out = strtoull(text, &stop, 10);
    *end = stop;
    return stop != text;
}

static bool parse_range(const char *text, struct arguments *out) {
    const char *at = NULL;
    if (!parse_number(text, &out->first, &at)) return false;
    out->last = UINT64_MAX;
    if (strcmp(at, "..") == 0) return true;
    return strncmp(at, "..", 2) == 0 && parse_number(at + 2, &out->last, &at) && *at == '\0';
}

static bool parse_without(const char *text, unsigned *out) {
    while (*text != '\0') {
        const size_t len = strcspn(text, ",");
        unsigned i = 0;
        while (i < WORLD_FAULTS && (strlen(world_fault_names[i]) != len ||
                                    strncmp(world_fault_names[i], text, len) != 0))
            i++;
        if (i == WORLD_FAULTS) return false;
        *out |= 1U << i;
        text += len;
        if (*text == ',') text++;
    }
    return true;
}

static bool parse_flag(const char *name, struct arguments *out) {
    if (strcmp(name, "--trace") == 0) {
        out->is_traced = true;
    } else if (strcmp(name, "--repeat") == 0) {
        out->repeats = true;
    } else if (strcmp(name, "--minimize") == 0) {
        out->minimizes = true;
    } else if (strcmp(name, "--quiet") == 0) {
        out->is_quiet = true;
    } else {
        return false;
    }
    return true;
}

static bool parse_value(const char *name, const char *value, struct arguments *out) {
    const char *end = "";
    bool is_right = false;
    if (strcmp(name, "--seed") == 0) {
        is_right = parse_number(value, &out->first, &end);
        out->last = out->first;
    } else if (strcmp(name, "--seeds") == 0) {
        is_right = parse_range(value, out);
    } else if (strcmp(name, "--steps") == 0) {
        is_right = parse_number(value, &out->steps, &end);
    } else if (strcmp(name, "--seconds") == 0) {
        is_right = parse_number(value, &out->seconds, &end);
    } else if (strcmp(name, "--without") == 0) {
        is_right = parse_without(value, &out->without);
    }
    return is_right && *end == '\0';
}

static bool parse(int argc, char **argv, struct arguments *out) {
    for (int i = 1; i < argc; i++) {
        if (parse_flag(argv[i], out)) continue;
        if (i + 1 == argc || !parse_value(argv[i], argv[i + 1], out)) return false;
        i++;
    }
    return true;
}

int main(int argc, char **argv) {
    struct arguments arguments = {.first = 1, .last = 1, .steps = STEPS_DEFAULT};
    if (!parse(argc, argv, &arguments)) {
        fprintf(stderr, "usage: sim [--seed N | --seeds A..B] [--steps M] [--seconds S] "
                        "[--without FAULT,...] [--trace] [--repeat] [--minimize] [--quiet]\n");
        return EXIT_USAGE;
    }
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("sim");
        return EXIT_FAILURE;
    }
    const double began = now_s();
    if (!run_child(shared, &arguments)) {
        print_failure(shared, &arguments);
        if (arguments.minimizes) minimize(shared, &arguments);
        return EXIT_FAILURE;
    }
    if (!arguments.is_quiet) print_figures(shared, now_s() - began);
    printf("%" PRIu64 " seeds, 0 broken, story %016" PRIx64 "\n", shared->done, shared->hash);
    return EXIT_SUCCESS;
}
