#include "tests/sim/images/matrix.h"

#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/rng.h"
#include "tests/sim/images/matrix_state.h"

enum {
    ROUNDS_MIN = 16,
    THOROUGH_ONE_IN = 16,
    DEEP_ONE_IN = 4,        // of crashes inside of a recovery, those that are crashed once more
    DAMAGES_MAX = 4000,     // of each kind and scenario
    READ_FLIPS = 8,         // bits in each payload under a running store
    RANDOM_IMAGES = 600,    // of a random scenario's own
    NESTED_GUESS = 2500000, // images of crashes inside of crashes, about
};

struct matrix {
    const struct matrix_options *options;
    struct board *board;
    struct board_row *row;
    unsigned worker;
    unsigned workers;
    uint64_t quota;
    uint64_t rounds;   // in which all first cuts are done
    uint64_t sparsity; // crashes inside of crashes take so many times as many
    uint64_t round;
    uint64_t job; // number of the crash that is being gone into
    struct checker checker;
    struct life inner[2]; // crashes inside of crashes, by depth
    struct run *runs;
    size_t run_count;
    bool is_over;
};

static uint64_t images_of(const struct matrix *matrix) {
    return atomic_load_explicit(&matrix->row->images, memory_order_relaxed);
}

static bool is_done(const struct matrix *matrix) {
    return matrix->is_over || images_of(matrix) >= matrix->quota;
}

// ---- one image

static void found(struct matrix *matrix, const struct finding *finding) {
    board_add(matrix->board, matrix->row, finding);
    if (!matrix->options->keeps_going) matrix->is_over = true;
}

static void count_image(struct matrix *matrix, const struct bounds *bounds) {
    matrix->row->acknowledged += bounds->low->index;
    atomic_store_explicit(&matrix->row->images, images_of(matrix) + 1, memory_order_relaxed);
    if (images_of(matrix) % 1024 == 0 && atomic_load(&matrix->board->is_over) &&
        !matrix->options->keeps_going)
        matrix->is_over = true;
}

// The image stands on the checker's disk.
static void judge(struct matrix *matrix, const struct bounds *bounds) {
    struct finding finding;
    bool is_thorough = images_of(matrix) % THOROUGH_ONE_IN == 0;
    if (!check_image(&matrix->checker, bounds, is_thorough, &finding)) found(matrix, &finding);
    count_image(matrix, bounds);
}

// Something was wrong already while recording.
static bool is_wrong(struct matrix *matrix, const struct life *life) {
    if (life->wrong.len == 0) return false;
    struct finding finding = {.kind = life->wrong_kind};
    snprintf(finding.text, sizeof finding.text, "%.*s", (int)life->wrong.len, life->wrong.data);
    found(matrix, &finding);
    return true;
}

// ---- crashes inside of crashes

// The path of an image `number` of the life at `depth`; the part before it stands already.
static void name_inner(struct matrix *matrix, size_t stem, uint64_t number) {
    snprintf(matrix->row->image + stem, sizeof matrix->row->image - stem, "/%llu",
             (unsigned long long)number);
}

static void go_deeper(struct matrix *matrix, unsigned depth, const struct moment *moment,
                      const struct cut_plan *plan, uint64_t local);

static bool is_in_recovery(const struct life *life, const struct moment *moment) {
    return moment->bounds.tip == life->moments[0].bounds.tip;
}

// All images of what followed a crash.
static void visit_inner(struct matrix *matrix, unsigned depth) {
    struct life *life = &matrix->inner[depth];
    size_t stem = strlen(matrix->row->image);
    if (is_wrong(matrix, life)) return;
    uint64_t number = 0;
    for (size_t i = 0; i < life->moment_count && !is_done(matrix); i++) {
        const struct moment *moment = &life->moments[i];
        struct cut_plan plan;
        cut_plan_init(&plan, &moment->state, CUT_BRIEF);
        for (uint64_t local = 0; local < plan.total && !is_done(matrix); local++) {
            name_inner(matrix, stem, number + local);
            check_begin(&matrix->checker);
            cut_make(&plan, local, &matrix->checker.disk.state, &matrix->checker.pages, NULL);
            judge(matrix, &moment->bounds);
            matrix->row->nested++;
        }
        bool is_deep = depth == 0 && is_in_recovery(life, moment) && plan.total > 1 &&
                       (matrix->job + i) % DEEP_ONE_IN == 0;
        if (is_deep && !is_done(matrix)) {
            name_inner(matrix, stem, number);
            go_deeper(matrix, depth + 1, moment, &plan, 0);
            uint64_t all_new = cut_all_new(&plan);
            name_inner(matrix, stem, number + all_new);
            go_deeper(matrix, depth + 1, moment, &plan, all_new);
        }
        number += plan.total;
        cut_plan_deinit(&plan);
    }
    matrix->row->image[stem] = '\0';
}

// Starts from the image, writes on, and crashes at each call of that.
static void go_deeper(struct matrix *matrix, unsigned depth, const struct moment *moment,
                      const struct cut_plan *plan, uint64_t local) {
    check_begin(&matrix->checker);
    cut_make(plan, local, &matrix->checker.disk.state, &matrix->checker.pages, NULL);
    // The recording keeps pages of the image while the checker's are used for others: it gets them.
    struct life *life = &matrix->inner[depth];
    struct pages kept = matrix->checker.pages;
    matrix->checker.pages = (struct pages){0};
    run_go_on(life, &matrix->checker.disk.state, &moment->bounds, NULL);
    visit_inner(matrix, depth);
    life_deinit(life);
    pages_deinit(&matrix->checker.pages);
    matrix->checker.pages = kept;
}

// ---- a scenario

// What is shared out among rounds and processes, by its number.
static bool is_turn(const struct matrix *matrix, uint64_t number, uint64_t rounds) {
    return number % rounds == matrix->round && number / rounds % matrix->workers == matrix->worker;
}

static bool is_mine(const struct matrix *matrix, uint64_t number) {
    return is_turn(matrix, number, matrix->rounds);
}

static void name_image(struct matrix *matrix, const char *kind, uint64_t number) {
    snprintf(matrix->row->image, sizeof matrix->row->image, "%s%llu", kind,
             (unsigned long long)number);
}

static void visit_image(struct matrix *matrix, const struct run *run, size_t moment,
                        uint64_t local) {
    const struct moment *at = &run->life.moments[moment];
    name_image(matrix, "", at->first_image + local);
    check_begin(&matrix->checker);
    matrix->checker.disk.capacity_bytes = at->capacity_bytes;
    cut_make(&run->plans[moment], local, &matrix->checker.disk.state, &matrix->checker.pages, NULL);
    judge(matrix, &at->bounds);
}

static void visit_images(struct matrix *matrix, const struct run *run) {
    for (size_t i = 0; i < run->life.moment_count; i++) {
        uint64_t first = run->life.moments[i].first_image;
        for (uint64_t k = 0; k < run->life.moments[i].images; k++) {
            if (is_done(matrix)) return;
            if (is_mine(matrix, first + k)) visit_image(matrix, run, i, k);
        }
    }
}

static void visit_job(struct matrix *matrix, const struct run *run, size_t moment, uint64_t local) {
    const struct moment *at = &run->life.moments[moment];
    name_image(matrix, "", at->first_image + local);
    go_deeper(matrix, 0, at, &run->plans[moment], local);
}

// Numbers the jobs from matrix->job on, over all scenarios.
static void visit_jobs(struct matrix *matrix, const struct run *run) {
    for (size_t i = 0; i < run->life.moment_count; i++) {
        uint64_t picks[CUT_PICKS_MAX];
        size_t count = cut_picks(&run->plans[i], picks);
        for (size_t k = 0; k < count; k++) {
            matrix->job++;
            if (!is_done(matrix) && is_turn(matrix, matrix->job, matrix->rounds * matrix->sparsity))
                visit_job(matrix, run, i, picks[k]);
        }
    }
}

// A kind of damage to a clean disk, by number.
struct damage {
    const char *kind; // in the image's name
    uint64_t (*count)(const struct disk_state *state);
    void (*apply)(struct disk_state *state, uint64_t number, struct pages *pages,
                  struct buf *words);
    bool (*is_harmless)(const struct disk_state *state, uint64_t number); // NULL: never
};

static const struct damage damages[] = {{"bit-", run_bits, run_flip, run_bit_is_harmless},
                                        {"page-", run_pages, run_spoil, NULL}};

static void visit_damaged(struct matrix *matrix, const struct run *run, const struct damage *damage,
                          uint64_t number) {
    const struct moment *moment = &run->life.moments[run->clean_moment];
    struct finding finding;
    name_image(matrix, damage->kind, number);
    check_begin(&matrix->checker);
    matrix->checker.disk.state = moment->state;
    damage->apply(&matrix->checker.disk.state, number, &matrix->checker.pages, NULL);
    bool is_harmless = damage->is_harmless != NULL && damage->is_harmless(&moment->state, number);
    if (!check_damaged(&matrix->checker, &moment->bounds, is_harmless, &finding))
        found(matrix, &finding);
    count_image(matrix, &moment->bounds);
    matrix->row->flips++;
}

static void visit_damage(struct matrix *matrix, const struct run *run) {
    if (run->clean_moment == SIZE_MAX) return;
    const struct disk_state *state = &run->life.moments[run->clean_moment].state;
    for (size_t k = 0; k < sizeof damages / sizeof damages[0]; k++) {
        uint64_t count = damages[k].count(state);
        uint64_t step = count / DAMAGES_MAX + 1;
        for (uint64_t i = 0; i * step < count && !is_done(matrix); i++)
            if (is_mine(matrix, i)) visit_damaged(matrix, run, &damages[k], i * step);
    }
    // The last numbers of the bits are the headers: few, and each another segment.
    uint64_t headers = matrix->round == 0 && matrix->worker == 0 ? state->inode_count : 0;
    for (uint64_t i = headers; i > 0 && !is_done(matrix); i--)
        visit_damaged(matrix, run, &damages[0], damages[0].count(state) - i);
}

static void visit_reads(struct matrix *matrix, const struct run *run) {
    if (run->clean_moment == SIZE_MAX || is_done(matrix)) return;
    struct finding finding;
    name_image(matrix, "reads-", READ_FLIPS);
    check_begin(&matrix->checker);
    matrix->checker.disk.state = run->life.moments[run->clean_moment].state;
    if (!check_reads(&matrix->checker, READ_FLIPS, &matrix->row->reads, &finding))
        found(matrix, &finding);
}

static void name_scenario(struct matrix *matrix, const char *name) {
    snprintf(matrix->row->scenario, sizeof matrix->row->scenario, "%s", name);
    snprintf(matrix->row->image, sizeof matrix->row->image, "0");
}

// ---- random scenarios

static void visit_random(struct matrix *matrix, uint64_t number) {
    struct run run;
    char name[sizeof run.name];
    snprintf(name, sizeof name, "random-%llu", (unsigned long long)number);
    name_scenario(matrix, name);
    uint64_t before = images_of(matrix);
    must(run_init(&run, name, matrix->options->seed, NULL));
    struct rng rng;
    rng_init(&rng, number);
    if (!is_wrong(matrix, &run.life)) {
        for (unsigned i = 0; i < RANDOM_IMAGES && !is_done(matrix); i++) {
            uint64_t image = rng_below(&rng, run.images);
            size_t moment = run_moment_of(&run.life, image);
            visit_image(matrix, &run, moment, image - run.life.moments[moment].first_image);
        }
        uint64_t image = rng_below(&rng, run.images);
        size_t moment = run_moment_of(&run.life, image);
        matrix->job = number;
        if (!is_done(matrix))
            visit_job(matrix, &run, moment, image - run.life.moments[moment].first_image);
    }
    matrix->row->random += images_of(matrix) - before;
    run_deinit(&run);
}

// ---- all of it

static void record_scenarios(struct matrix *matrix) {
    matrix->runs = mem_alloc_array(scenario_count(), sizeof matrix->runs[0]);
    for (size_t i = 0; i < scenario_count() && !matrix->is_over; i++) {
        const char *only = matrix->options->scenario;
        if (only != NULL && strcmp(only, scenarios[i].name) != 0) continue;
        name_scenario(matrix, scenarios[i].name);
        struct run *run = &matrix->runs[matrix->run_count++];
        must(run_init(run, scenarios[i].name, matrix->options->seed, NULL));
        (void)is_wrong(matrix, &run->life);
    }
}

// First what is cheap and of all scenarios, so that what is wrong at the first cut shows at once.
static void visit_round(struct matrix *matrix, uint64_t random) {
    for (size_t i = 0; i < matrix->run_count && !is_done(matrix); i++) {
        const struct run *run = &matrix->runs[i];
        name_scenario(matrix, run->name);
        visit_images(matrix, run);
        visit_damage(matrix, run);
        if (matrix->round == 0 && i % matrix->workers == matrix->worker) visit_reads(matrix, run);
    }
    if (matrix->options->scenario == NULL && !is_done(matrix)) visit_random(matrix, random);
    // Crashes inside of crashes come last: a small budget must see something of every scenario.
    matrix->job = 0;
    for (size_t i = 0; i < matrix->run_count && !is_done(matrix); i++) {
        name_scenario(matrix, matrix->runs[i].name);
        visit_jobs(matrix, &matrix->runs[i]);
    }
}

// As many rounds as it takes to have something of everything in the images asked for, and crashes
// inside of crashes so much thinner that the first cuts get done where that is possible.
static void plan_rounds(struct matrix *matrix) {
    uint64_t wanted = matrix->options->images;
    uint64_t first = 0;
    for (size_t i = 0; i < matrix->run_count; i++)
        first += matrix->runs[i].images + DAMAGES_MAX;
    uint64_t rounds = (first + NESTED_GUESS) / (wanted + 1) + 1;
    matrix->rounds = rounds < ROUNDS_MIN ? ROUNDS_MIN : rounds;
    matrix->sparsity =
        wanted > first + first / 4 ? 2 * (uint64_t)NESTED_GUESS / (wanted - first) + 1 : 1;
}

static uint64_t quota_of(uint64_t images, unsigned worker, unsigned workers) {
    return images / workers + (worker < images % workers ? 1 : 0);
}

void matrix_work(const struct matrix_options *options, struct board *board, unsigned worker,
                 unsigned workers) {
    struct matrix *matrix = mem_zalloc(sizeof *matrix);
    matrix->options = options;
    matrix->board = board;
    matrix->row = &board->rows[worker];
    matrix->worker = worker;
    matrix->workers = workers;
    matrix->quota = quota_of(options->images, worker, workers);
    check_init(&matrix->checker);
    record_scenarios(matrix);
    plan_rounds(matrix);
    uint64_t random = worker;
    uint64_t rounds = matrix->rounds * matrix->sparsity;
    for (matrix->round = 0; matrix->round < rounds && !is_done(matrix); matrix->round++) {
        matrix->row->has_first_cuts = matrix->round >= matrix->rounds;
        visit_round(matrix, random);
        random += workers;
    }
    matrix->row->is_complete = !is_done(matrix);
    if (matrix->row->is_complete) matrix->row->has_first_cuts = true;
    for (; options->scenario == NULL && !is_done(matrix); random += workers)
        visit_random(matrix, random);
    for (size_t i = 0; i < matrix->run_count; i++)
        run_deinit(&matrix->runs[i]);
    mem_free(matrix->runs);
    check_deinit(&matrix->checker);
    mem_free(matrix);
}
