#define _POSIX_C_SOURCE 200809L // uv.h

#include <stdatomic.h>
#include <string.h>

#include "server/net/flusher.h"
#include "tests/support/unit.h"

// What the flusher hands about is opaque to it: a stand-in is enough.
struct log_flush {
    unsigned number;
    unsigned runs; // written by the thread, without any atomics: the hand-over must order it
    enum err answer;
};

enum { FLUSHES = 20000 };

struct world {
    uv_loop_t loop;
    struct flusher *flusher;
    struct log_flush flush;
    unsigned done;
    enum err last_err;
    unsigned wanted;
};

static enum err run(struct log_flush *flush) {
    flush->runs++;
    return flush->answer;
}

static void done(void *context, struct log_flush *flush, enum err err) {
    struct world *world = context;
    assert_ptr_equal(flush, &world->flush);
    assert_false(flusher_is_busy(world->flusher));
    assert_int_equal(flush->runs, world->done + 1);
    world->done++;
    world->last_err = err;
    if (world->done < world->wanted) {
        flush->number++;
        flusher_submit(world->flusher, flush);
    } else {
        flusher_close(world->flusher);
    }
}

static void open_world(struct world *world, unsigned wanted, enum err answer) {
    memset(world, 0, sizeof *world);
    world->wanted = wanted;
    world->flush.answer = answer;
    assert_int_equal(uv_loop_init(&world->loop), 0);
    struct flusher_options options = {
        .loop = &world->loop, .run = run, .done = done, .context = world};
    struct fault fault = {0};
    assert_ok(flusher_open(&world->flusher, &options, &fault), &fault);
    assert_false(flusher_is_busy(world->flusher));
}

static void close_world(struct world *world) {
    assert_int_equal(uv_run(&world->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void each_flush_runs_once_and_the_next_can_be_submitted_from_done(void **state) {
    (void)state;
    struct world world;
    open_world(&world, FLUSHES, ERR_NONE);
    flusher_submit(world.flusher, &world.flush);
    assert_true(flusher_is_busy(world.flusher));
    close_world(&world);
    assert_int_equal(world.done, FLUSHES);
    assert_int_equal(world.flush.runs, FLUSHES);
    assert_int_equal(world.last_err, ERR_NONE);
}

static void a_failure_reaches_the_loop(void **state) {
    (void)state;
    struct world world;
    open_world(&world, 1, ERR_IO);
    flusher_submit(world.flusher, &world.flush);
    close_world(&world);
    assert_int_equal(world.done, 1);
    assert_int_equal(world.last_err, ERR_IO);
}

static void polling_takes_the_result_without_the_loop(void **state) {
    (void)state;
    struct world world;
    open_world(&world, 2, ERR_NONE);
    flusher_submit(world.flusher, &world.flush);
    while (world.done == 0)
        flusher_poll(world.flusher);
    assert_true(flusher_is_busy(world.flusher)); // the second one
    close_world(&world);
    assert_int_equal(world.done, 2);
}

static void a_flusher_that_never_worked_can_be_closed(void **state) {
    (void)state;
    struct world world;
    open_world(&world, 1, ERR_NONE);
    flusher_close(world.flusher);
    close_world(&world);
    assert_int_equal(world.done, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flush_runs_once_and_the_next_can_be_submitted_from_done),
        cmocka_unit_test(a_failure_reaches_the_loop),
        cmocka_unit_test(polling_takes_the_result_without_the_loop),
        cmocka_unit_test(a_flusher_that_never_worked_can_be_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
