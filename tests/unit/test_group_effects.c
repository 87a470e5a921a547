// What the commands of consumer groups write into the log: as few effects as there can be, and
// nothing where only a consumer was seen.
#include "server/commands/table.h"
#include "storage/data/group.h"
#include "storage/data/stream.h"
#include "tests/unit/engine_world.h"

enum { ENTRIES = 1000 };

struct scene {
    struct world *world;
    struct peer *peer;
};

static struct scene scene_open(void) {
    static const struct engine_host host = {0};
    struct scene scene = {.world = world_open_with(64 << 20, commands_table(), &host)};
    scene.peer = world_connect(scene.world);
    return scene;
}

static void scene_close(struct scene *scene) {
    void *state = scene->world;
    world_teardown(&state);
}

static void say(const struct scene *scene, const char *line) {
    peer_type(scene->peer, line);
    world_settle(scene->world);
    world_make_slots(scene->world);
    const struct slice seen = buf_slice(&scene->peer->seen);
    if (seen.len == 0 || seen.data[0] == '-')
        fail_msg("%s answers %.*s", line, (int)seen.len, seen.len == 0 ? "" : seen.data);
    buf_reset(&scene->peer->seen);
}

// How many effects the command logs.
static uint64_t effects_of(const struct scene *scene, const char *line) {
    const uint64_t before = store_stats(scene->world->store).effects;
    say(scene, line);
    return store_stats(scene->world->store).effects - before;
}

// A stream of ENTRIES entries 1-1, 1-2, ..., and its group, to which `c` belongs.
static void make_stream(const struct scene *scene, const char *key) {
    char line[64];
    for (int i = 1; i <= ENTRIES; i++) {
        snprintf(line, sizeof line, "XADD %s 1-%d f v", key, i);
        peer_type(scene->peer, line);
    }
    snprintf(line, sizeof line, "XGROUP CREATE %s g 0", key);
    say(scene, line);
    snprintf(line, sizeof line, "XGROUP CREATECONSUMER %s g c", key);
    say(scene, line);
}

static const struct consumer *consumer_of(const struct scene *scene, const char *key) {
    const struct entry *entry =
        keyspace_find(store_keyspace(scene->world->store), 0, slice_str(key), WORLD_START_MS);
    return group_consumer(stream_group(entry->value.stream, SLICE("g")), SLICE("c"));
}

static void a_read_logs_one_effect_for_each_group_that_gives_something(void **state) {
    (void)state;
    struct scene scene = scene_open();
    make_stream(&scene, "s");
    make_stream(&scene, "t");
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 1 STREAMS s >"), 1);
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 500 STREAMS s >"), 1);
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 5 NOACK STREAMS s >"), 1);
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 5 STREAMS s t > >"), 2);
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g new COUNT 5 STREAMS s >"), 2);
    // One's history counts as another delivery.
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 100 STREAMS s 0"), 1);
    // What is claimed, and what is new.
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 600 CLAIM 0 STREAMS s >"), 2);
    scene_close(&scene);
}

static void that_a_consumer_was_seen_is_not_logged(void **state) {
    (void)state;
    struct scene scene = scene_open();
    make_stream(&scene, "s");
    say(&scene, "XGROUP SETID s g $");
    const uint64_t end_lsn = log_end_lsn(store_log(scene.world->store));
    world_set_time(scene.world, WORLD_START_MS + 5000);
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 1 STREAMS s >"), 0);
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g c COUNT 1 STREAMS s 0"), 0);
    assert_int_equal(effects_of(&scene, "XCLAIM s g c 0 1-1"), 0);
    assert_int_equal(effects_of(&scene, "XAUTOCLAIM s g c 0 0"), 0);
    assert_int_equal(log_end_lsn(store_log(scene.world->store)), end_lsn);
    assert_int_equal(consumer_seen_ms(consumer_of(&scene, "s")), WORLD_START_MS + 5000);
    assert_int_equal(consumer_active_ms(consumer_of(&scene, "s")), CONSUMER_NEVER_ACTIVE);
    // A consumer that is new is made, whatever it gets.
    assert_int_equal(effects_of(&scene, "XREADGROUP GROUP g new STREAMS s >"), 1);
    scene_close(&scene);
}

static void acknowledging_and_claiming_many_is_one_effect(void **state) {
    (void)state;
    struct scene scene = scene_open();
    make_stream(&scene, "s");
    say(&scene, "XREADGROUP GROUP g c COUNT 500 STREAMS s >");
    assert_int_equal(effects_of(&scene, "XACK s g 1-1 1-2 1-3 1-3 9-9"), 1);
    assert_int_equal(effects_of(&scene, "XACK s g 1-1 1-2"), 0);
    assert_int_equal(effects_of(&scene, "XCLAIM s g c 0 1-4 1-5 1-6 JUSTID"), 1);
    assert_int_equal(effects_of(&scene, "XAUTOCLAIM s g c 0 0 COUNT 100"), 1);
    assert_int_equal(effects_of(&scene, "XNACK s g FAIL IDS 3 1-4 1-5 1-6"), 1);
    // The entries that are gone are dropped in one effect, the others claimed in another.
    say(&scene, "XDEL s 1-7 1-8");
    assert_int_equal(effects_of(&scene, "XAUTOCLAIM s g c 0 0 COUNT 100"), 2);
    scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_logs_one_effect_for_each_group_that_gives_something),
        cmocka_unit_test(that_a_consumer_was_seen_is_not_logged),
        cmocka_unit_test(acknowledging_and_claiming_many_is_one_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
