// From the first moment the ports are open; what needs the data is answered -LOADING until it is
// there. Reads of segments are held back (holdread.c), so that nothing here depends on time.
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum { JOBS = 100, CODE_CLEAN = 0 };

static const char loading[] = "-LOADING Redis is loading the dataset in memory";

struct scene {
    struct server server;
    char gate[SERVER_PATH_MAX + 8]; // while it exists, nothing is read
    char environment[256];
};

static int setup(void **state) {
    static struct scene scene;
    server_init(&scene.server);
    snprintf(scene.gate, sizeof scene.gate, "%s/gate", scene.server.room);
    *state = &scene;
    return 0;
}

static int teardown(void **state) {
    struct scene *scene = *state;
    server_deinit(&scene->server);
    return 0;
}

// A log with something in it; then a start that does not get at it.
static void begin_to_load(struct scene *scene) {
    static const char *const options[] = {"--log-segment-size", "64kb", NULL};
    server_start(&scene->server, options);
    struct peer peer;
    peer_open(&peer, &scene->server);
    for (int i = 1; i <= JOBS; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, ":%d", i);
        char request[128];
        snprintf(request, sizeof request, "RPUSH queue job-%d-%064d", i, i);
        assert_reply(&peer, request, expected);
    }
    peer_close(&peer);
    server_kill(&scene->server);

    int fd = open(scene->gate, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
#ifdef ACKD_HOLDREAD
    setenv("HOLDREAD", scene->gate, 1); // NOLINT(concurrency-mt-unsafe): one thread
    snprintf(scene->environment, sizeof scene->environment, "LD_PRELOAD=%s", ACKD_HOLDREAD);
#endif
    server_spawn(&scene->server, &(struct server_how){.environment = scene->environment});
}

static void open_gate(struct scene *scene) {
    assert_int_equal(unlink(scene->gate), 0);
}

static void data_waits_and_the_rest_is_served(void **state) {
    struct scene *scene = *state;
    begin_to_load(scene);
    struct peer peer;
    peer_open_soon(&peer, &scene->server);
    assert_reply(&peer, "LLEN queue", loading);
    assert_reply(&peer, "PING", loading);
    assert_reply(&peer, "SET key value", loading);
    assert_reply(&peer, "BLPOP queue 0", loading);
    assert_reply(&peer, "CLIENT SETNAME early", "+OK");
    assert_reply(&peer, "CONFIG SET log-sync-delay-us 1", "+OK");
    assert_reply_begins(&peer, "FOO", "-ERR unknown command 'FOO'");
    const char *info = peer_ask(&peer, "INFO persistence");
    assert_non_null(strstr(info, "loading:1"));
    assert_non_null(strstr(info, "loading_start_time:"));
    assert_non_null(strstr(info, "loading_total_bytes:"));
    assert_non_null(strstr(info, "loading_loaded_perc:"));
    assert_non_null(peer_ask(&peer, "INFO everything"));

    open_gate(scene);
    server_await(&scene->server);
    // The connection of before goes on.
    assert_reply(&peer, "LLEN queue", ":100");
    assert_reply(&peer, "CLIENT GETNAME", "early");
    assert_reply(&peer, "CONFIG GET log-sync-delay-us", "[log-sync-delay-us 1]");
    info = peer_ask(&peer, "INFO persistence");
    assert_non_null(strstr(info, "loading:0"));
    assert_null(strstr(info, "loading_start_time:"));
    peer_close(&peer);
    assert_int_equal(server_stop(&scene->server), CODE_CLEAN);
}

static void a_stop_ends_the_loading_and_changes_nothing(void **state) {
    struct scene *scene = *state;
    begin_to_load(scene);
    struct peer peer;
    peer_open_soon(&peer, &scene->server);
    assert_reply(&peer, "PING", loading);
    server_signal(&scene->server, SIGTERM);
    assert_next(&peer, "(closed)");
    open_gate(scene); // the read under way ends, no other begins
    assert_int_equal(server_wait(&scene->server), CODE_CLEAN);
    assert_true(server_said(&scene->server, "Stopped before the data was loaded"));
    assert_false(server_said(&scene->server, "written again"));
    peer_close(&peer);

    server_start(&scene->server, NULL);
    peer_open(&peer, &scene->server);
    assert_reply(&peer, "LLEN queue", ":100");
    peer_close(&peer);
}

static void shutdown_is_served_while_loading(void **state) {
    struct scene *scene = *state;
    begin_to_load(scene);
    struct peer peer;
    peer_open_soon(&peer, &scene->server);
    assert_reply(&peer, "SHUTDOWN", "(closed)");
    open_gate(scene);
    assert_int_equal(server_wait(&scene->server), CODE_CLEAN);
    peer_close(&peer);
}

int main(void) {
#ifndef ACKD_HOLDREAD
    print_message("skipped: with a sanitizer reads cannot be held back\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_waits_and_the_rest_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_the_loading_and_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(shutdown_is_served_while_loading, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
