// One image, in words.
#include <stdio.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/images/matrix.h"
#include "tests/sim/images/matrix_state.h"

enum { NO_SUCH = 2, STEPS_MAX = 3 };

struct replay {
    const struct matrix_options *options;
    struct checker checker;
    struct trace trace;
    struct run run;
    struct life inner[STEPS_MAX];
    size_t depth;
    struct pages pages; // of the images that were gone into
};

static void say_event(void *context, enum trace_level level, const char *event, const char *text) {
    (void)context;
    (void)level;
    printf("    %s: %s\n", event, text);
}

static void say_bounds(const struct bounds *bounds) {
    printf("  acknowledged: transaction %u (%s); executed: %u (%s)\n", (unsigned)bounds->low->index,
           bounds->low->what, (unsigned)bounds->tip->index, bounds->tip->what);
}

static void say_files(const struct disk_state *state) {
    for (size_t i = 0; i < state->cached.count; i++) {
        const struct disk_name *name = &state->cached.items[i];
        printf("  file %u: %s, %u bytes\n", name->inode, name->text,
               state->inodes[name->inode].cached_size);
    }
}

static int verdict(struct replay *replay, bool is_right, const struct finding *finding) {
    (void)replay;
    if (is_right) {
        puts("right");
        return 0;
    }
    printf("%s: %s\n", finding->kind == VERDICT_LOST ? "LOST" : "SILENT", finding->text);
    return 1;
}

static void save(const struct replay *replay) {
    const char *directory = replay->options->save;
    if (directory == NULL) return;
    if (disk_save(&replay->checker.disk.state, directory) == ERR_NONE)
        printf("  saved in %s (ackd-check -v %s)\n", directory, directory);
    else
        printf("  cannot be saved in %s\n", directory);
}

static bool is_wrong(const struct life *life) {
    if (life->wrong.len > 0)
        printf("%s: %.*s\n", life->wrong_kind == VERDICT_LOST ? "LOST" : "SILENT",
               (int)life->wrong.len, life->wrong.data);
    return life->wrong.len > 0;
}

// Makes the image on the checker's disk and says what it is. NULL: there is no such image.
static const struct moment *make(struct replay *replay, struct life *life, enum cut_detail detail,
                                 uint64_t number) {
    struct cut_plan *plans = NULL;
    uint64_t images = run_plan(life, detail, &plans);
    const struct moment *moment = NULL;
    if (number < images) {
        size_t at = run_moment_of(life, number);
        struct buf words = {0};
        moment = &life->moments[at];
        disk_init(&replay->checker.disk, &replay->pages);
        if (detail == CUT_FULL) replay->checker.disk.capacity_bytes = moment->capacity_bytes;
        cut_make(&plans[at], number - moment->first_image, &replay->checker.disk.state,
                 &replay->pages, &words);
        printf("image %llu of %llu: power fails at call %zu of %zu, after %s\n",
               (unsigned long long)number, (unsigned long long)images, at, life->moment_count,
               moment->call);
        printf("  %.*s\n", (int)words.len, words.data);
        buf_deinit(&words);
        say_bounds(&moment->bounds);
        say_files(&replay->checker.disk.state);
    } else {
        printf("there are %llu images\n", (unsigned long long)images);
    }
    run_plans_free(life, plans);
    return moment;
}

static int replay_damaged(struct replay *replay, uint64_t number, bool is_page) {
    struct finding finding;
    if (replay->run.clean_moment == SIZE_MAX) return NO_SUCH;
    const struct moment *moment = &replay->run.life.moments[replay->run.clean_moment];
    if (number >= (is_page ? run_pages : run_bits)(&moment->state)) return NO_SUCH;
    struct buf words = {0};
    disk_init(&replay->checker.disk, &replay->pages);
    replay->checker.disk.state = moment->state;
    (is_page ? run_spoil : run_flip)(&replay->checker.disk.state, number, &replay->pages, &words);
    printf("the clean end: %.*s\n", (int)words.len, words.data);
    buf_deinit(&words);
    say_bounds(&moment->bounds);
    say_files(&replay->checker.disk.state);
    save(replay);
    bool is_harmless = !is_page && run_bit_is_harmless(&moment->state, number);
    bool is_right = check_damaged(&replay->checker, &moment->bounds, is_harmless, &finding);
    return verdict(replay, is_right, &finding);
}

static int replay_reads(struct replay *replay, uint64_t flips) {
    struct finding finding;
    uint64_t reads = 0;
    if (replay->run.clean_moment == SIZE_MAX) return NO_SUCH;
    disk_init(&replay->checker.disk, &replay->pages);
    replay->checker.disk.state = replay->run.life.moments[replay->run.clean_moment].state;
    save(replay);
    bool is_right = check_reads(&replay->checker, (unsigned)flips, &reads, &finding);
    printf("%llu payloads with a flipped bit were read\n", (unsigned long long)reads);
    return verdict(replay, is_right, &finding);
}

static int replay_path(struct replay *replay, const char *path) {
    struct life *life = &replay->run.life;
    enum cut_detail detail = CUT_FULL;
    for (const char *at = path;;) {
        size_t len = strcspn(at, "/");
        uint64_t number = 0;
        if (!num_parse_u64(slice_of(at, len), &number)) return NO_SUCH;
        const struct moment *moment = make(replay, life, detail, number);
        if (moment == NULL) return NO_SUCH;
        at += len;
        if (*at == '\0') {
            struct finding finding;
            save(replay);
            puts("  recovery:");
            bool is_right = check_image(&replay->checker, &moment->bounds, true, &finding);
            return verdict(replay, is_right, &finding);
        }
        at++;
        must(replay->depth < STEPS_MAX);
        life = &replay->inner[replay->depth++];
        puts("  it is started and written on:");
        run_go_on(life, &replay->checker.disk.state, &moment->bounds, &replay->trace);
        if (is_wrong(life)) return 1;
        detail = CUT_BRIEF;
    }
}

static int replay_image(struct replay *replay, const char *image) {
    uint64_t number = 0;
    if (is_wrong(&replay->run.life)) return 1;
    if (strncmp(image, "bit-", 4) == 0)
        return num_parse_u64(slice_str(image + 4), &number) ? replay_damaged(replay, number, false)
                                                            : NO_SUCH;
    if (strncmp(image, "page-", 5) == 0)
        return num_parse_u64(slice_str(image + 5), &number) ? replay_damaged(replay, number, true)
                                                            : NO_SUCH;
    if (strncmp(image, "reads-", 6) == 0)
        return num_parse_u64(slice_str(image + 6), &number) ? replay_reads(replay, number)
                                                            : NO_SUCH;
    return replay_path(replay, image);
}

int matrix_replay(const struct matrix_options *options) {
    struct replay *replay = mem_zalloc(sizeof *replay);
    replay->options = options;
    replay->trace = (struct trace){.level = TRACE_VERBOSE, .sink = say_event};
    check_init(&replay->checker);
    replay->checker.trace = &replay->trace;
    int code = NO_SUCH;
    printf("scenario %s:\n", options->scenario);
    bool is_there = run_init(&replay->run, options->scenario, options->seed, &replay->trace);
    if (is_there) code = replay_image(replay, options->image);
    if (code == NO_SUCH) printf("there is no such image\n");
    while (replay->depth > 0)
        life_deinit(&replay->inner[--replay->depth]);
    run_deinit(&replay->run);
    pages_deinit(&replay->pages);
    check_deinit(&replay->checker);
    mem_free(replay);
    return code;
}
