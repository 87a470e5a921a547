#define _POSIX_C_SOURCE 200809L // mkstemp

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "server/options/options.h"
#include "tests/support/unit.h"

enum { ARGS_MAX = 32 };

// Options as `ackd ...` with these words, separated by single spaces, would get them.
static enum err read_line(struct options *options, const char *line, struct fault *fault) {
    char copy[512];
    snprintf(copy, sizeof copy, "ackd %s", line);
    char *argv[ARGS_MAX];
    int argc = 0;
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    options_init(options);
    return options_from_command_line(options, argc, argv, fault);
}

static void write_file(char path[], const char *text) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

static enum err read_text(struct options *options, const char *text, struct fault *fault) {
    char path[] = "/tmp/ackd-options-XXXXXX";
    write_file(path, text);
    options_init(options);
    enum err err = options_from_file(options, path, fault);
    unlink(path);
    return err;
}

static void assert_refused(const char *name, const char *value, const char *words) {
    struct options options;
    options_init(&options);
    struct fault fault = {0};
    const struct option *option = options_find(slice_str(name));
    assert_non_null(option);
    assert_int_equal(option_set(option, &options, slice_str(value), &fault), ERR_INVALID);
    assert_string_equal(fault.text, words);
    options_deinit(&options);
}

static void assert_value(const struct options *options, const char *name, const char *value) {
    struct buf out = {0};
    option_get(options_find(slice_str(name)), options, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, value);
    buf_deinit(&out);
}

static void defaults_are_those_of_redis(void **state) {
    (void)state;
    struct options options;
    options_init(&options);
    assert_int_equal(options.port, 6379);
    assert_true(options.protected_mode);
    assert_value(&options, "bind", "* -::*");
    assert_value(&options, "client-output-buffer-limit",
                 "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
    assert_value(&options, "appendonly", "yes");
    assert_value(&options, "appendfsync", "always");
    assert_value(&options, "maxmemory-policy", "noeviction");
    assert_value(&options, "save", "");
    assert_value(&options, "hz", "10");
    options_deinit(&options);
}

static void rows_are_sorted_and_can_be_found_in_any_case(void **state) {
    (void)state;
    for (size_t i = 1; i < options_count(); i++) {
        assert_true(strcmp(option_name(options_at(i - 1)), option_name(options_at(i))) < 0);
    }
    assert_ptr_equal(options_find(SLICE("MaxClients")), options_find(SLICE("maxclients")));
    assert_null(options_find(SLICE("maxclient")));
}

static void every_row_reads_back_what_it_shows(void **state) {
    (void)state;
    struct options options;
    options_init(&options);
    for (size_t i = 0; i < options_count(); i++) {
        struct buf out = {0};
        option_get(options_at(i), &options, &out);
        assert_int_equal(option_set(options_at(i), &options, buf_slice(&out), NULL), ERR_NONE);
        buf_deinit(&out);
    }
    options_deinit(&options);
}

static void wrong_values_are_refused_in_the_words_of_redis(void **state) {
    (void)state;
    assert_refused("maxclients", "abc", "argument couldn't be parsed into an integer");
    assert_refused("maxclients", "0", "argument must be between 1 and 4294967295 inclusive");
    assert_refused("timeout", "-1", "argument must be between 0 and 2147483647 inclusive");
    assert_refused("maxmemory", "12zz", "argument must be a memory value");
    assert_refused("maxmemory", "-1", "argument must be a memory value");
    assert_refused("protected-mode", "maybe", "argument must be 'yes' or 'no'");
    assert_refused("loglevel", "loud",
                   "argument(s) must be one of the following: debug, verbose, notice, warning");
    assert_refused("unixsocketperm", "999", "argument couldn't be parsed as an octal number");
    assert_refused("unixsocketperm", "7777", "argument must be between 0 and 777 inclusive");
    assert_refused("client-output-buffer-limit", "normal 1 2",
                   "Wrong number of arguments in buffer limit configuration.");
    assert_refused("client-output-buffer-limit", "foo 1 2 3",
                   "Invalid client class specified in buffer limit configuration.");
    assert_refused("client-output-buffer-limit", "normal 0 0 -3",
                   "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    assert_refused("appendonly", "maybe", "argument must be 'yes' or 'no'");
}

static void a_fixed_option_takes_its_value_and_says_why_no_other(void **state) {
    (void)state;
    struct options options;
    options_init(&options);
    const struct option *fsync = options_find(SLICE("appendfsync"));
    assert_int_equal(option_set(fsync, &options, SLICE("ALWAYS"), NULL), ERR_NONE);
    assert_string_equal(options.appendfsync, "always");
    assert_int_equal(option_set(options_find(SLICE("save")), &options, SLICE(" "), NULL), ERR_NONE);
    assert_string_equal(options.save, "");
    assert_refused("appendfsync", "everysec",
                   "argument must be 'always': every write is synced before it is answered");
    assert_refused("save", "900 1",
                   "argument must be '': there are no snapshots: every write is durable by itself");
    options_deinit(&options);
}

static void sizes_are_bounded_and_segments_are_powers_of_two(void **state) {
    (void)state;
    assert_refused("proto-max-bulk-len", "57mb",
                   "argument must be between 1048576 and 58720256 inclusive");
    assert_refused("log-segment-size", "100000", "argument must be a power of two");
    struct options options;
    options_init(&options);
    const struct option *size = options_find(SLICE("log-segment-size"));
    assert_int_equal(option_set(size, &options, SLICE("256kb"), NULL), ERR_NONE);
    assert_int_equal(options.segment_bytes, 256 << 10);
    options_deinit(&options);
}

static void texts_hold_no_nul_byte(void **state) {
    (void)state;
    struct options options;
    options_init(&options);
    struct fault fault = {0};
    const struct option *password = options_find(SLICE("requirepass"));
    assert_int_equal(option_set(password, &options, SLICE("a\0b"), &fault), ERR_INVALID);
    assert_string_equal(options.requirepass, "");
    options_deinit(&options);
}

static void a_limit_changes_only_the_classes_it_names(void **state) {
    (void)state;
    struct options options;
    options_init(&options);
    const struct option *limit = options_find(SLICE("client-output-buffer-limit"));
    struct slice value = SLICE("normal 1mb 2mb 3 replica 0 0 0");
    assert_int_equal(option_set(limit, &options, value, NULL), ERR_NONE);
    assert_value(&options, "client-output-buffer-limit",
                 "normal 1048576 2097152 3 slave 0 0 0 pubsub 33554432 8388608 60");
    // The second class is wrong: the first is not changed either.
    value = SLICE("pubsub 1 1 1 normal x 0 0");
    assert_int_equal(option_set(limit, &options, value, NULL), ERR_INVALID);
    assert_int_equal(options.output_limits[OUTPUT_PUBSUB].hard_bytes, 32 << 20);
    options_deinit(&options);
}

static void the_command_line_sets_options(void **state) {
    (void)state;
    struct options options;
    assert_int_equal(read_line(&options, "--port 7000 --bind 127.0.0.1 -::1 --Timeout 3", NULL),
                     ERR_NONE);
    assert_int_equal(options.port, 7000);
    assert_string_equal(options.bind, "127.0.0.1 -::1");
    assert_int_equal(options.timeout_s, 3);
    options_deinit(&options);
}

static void an_unknown_option_is_named_with_the_nearest_known_one(void **state) {
    (void)state;
    struct options options;
    struct fault fault = {0};
    assert_int_equal(read_line(&options, "--max-clients 5", &fault), ERR_INVALID);
    assert_string_equal(fault.text,
                        "command line: unknown option 'max-clients'; did you mean 'maxclients'?");
    options_deinit(&options);
    assert_int_equal(read_line(&options, "--rdbcompression yes", &fault), ERR_INVALID);
    assert_string_equal(fault.text, "command line: unknown option 'rdbcompression'; `ackd --help` "
                                    "lists those there are");
    options_deinit(&options);
}

static void a_wrong_number_of_words_is_refused(void **state) {
    (void)state;
    struct options options;
    struct fault fault = {0};
    assert_int_equal(read_line(&options, "--port", &fault), ERR_INVALID);
    options_deinit(&options);
    assert_int_equal(read_line(&options, "--port 1 2", &fault), ERR_INVALID);
    assert_string_equal(fault.text, "command line: option 'port': wrong number of arguments");
    options_deinit(&options);
}

static void the_command_line_wins_over_the_file(void **state) {
    (void)state;
    char path[] = "/tmp/ackd-options-XXXXXX";
    write_file(path, "port 1\nmaxclients 77\n");
    char line[128];
    snprintf(line, sizeof line, "%s --port 2", path);
    struct options options;
    assert_int_equal(read_line(&options, line, NULL), ERR_NONE);
    assert_int_equal(options.port, 2);
    assert_int_equal(options.maxclients, 77);
    assert_string_equal(options.config_file, path);
    options_deinit(&options);
    unlink(path);
}

static void a_file_has_comments_quotes_and_escapes(void **state) {
    (void)state;
    struct options options;
    struct fault fault = {0};
    enum err err = read_text(&options,
                             "# a comment\n\n"
                             "  requirepass \"a \\\"b\\\" \\x41\\n\"\r\n"
                             "logfile 'it\\'s \\n'\n"
                             "save \"\"",
                             &fault);
    assert_string_equal(fault.text, "");
    assert_int_equal(err, ERR_NONE);
    assert_string_equal(options.requirepass, "a \"b\" A\n");
    assert_string_equal(options.logfile, "it's \\n");
    options_deinit(&options);
}

static void a_bad_line_is_named_by_file_and_number(void **state) {
    (void)state;
    struct options options;
    struct fault fault = {0};
    assert_int_equal(read_text(&options, "port 1\nlogfile \"x\n", &fault), ERR_INVALID);
    assert_non_null(strstr(fault.text, ", line 2: unbalanced quotes"));
    options_deinit(&options);
    assert_int_equal(read_text(&options, "logfile \"x\"y\n", &fault), ERR_INVALID);
    assert_non_null(strstr(fault.text, ", line 1: unbalanced quotes"));
    options_deinit(&options);
    assert_int_equal(read_text(&options, "requirepass se cret\n", &fault), ERR_INVALID);
    assert_null(strstr(fault.text, "cret"));
    options_deinit(&options);
}

static void a_missing_file_is_an_error(void **state) {
    (void)state;
    struct options options;
    struct fault fault = {0};
    assert_int_equal(read_line(&options, "/nonexistent/ackd.conf", &fault), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.text, "/nonexistent/ackd.conf"));
    options_deinit(&options);
}

static void rewriting_keeps_comments_and_order(void **state) {
    (void)state;
    struct options options;
    assert_int_equal(read_line(&options,
                               "--maxclients 321 --timeout 10 --proto-max-bulk-len 2mb --bind ::1 "
                               "--client-output-buffer-limit normal 1mb 2mb 3 pubsub 5 6 7",
                               NULL),
                     ERR_NONE);
    struct slice old = SLICE("# c1\nport 17392\n\n# c2\nmaxclients 500\nmaxclients 600\nsave \"\"\n"
                             "client-output-buffer-limit normal 1mb 0 0\n# end\ntcp-keepalive 5");
    struct buf out = {0};
    options_rewrite(&options, old, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data,
                        "# c1\nport 6379\n\n# c2\nmaxclients 321\nsave \"\"\n"
                        "client-output-buffer-limit normal 1048576 2097152 3\n# end\n"
                        "tcp-keepalive 300\n# Generated by CONFIG REWRITE\nbind ::1\n"
                        "client-output-buffer-limit pubsub 5 6 7\nproto-max-bulk-len 2mb\n"
                        "timeout 10\n");
    buf_deinit(&out);
    options_deinit(&options);
}

static void rewriting_twice_changes_nothing(void **state) {
    (void)state;
    struct options options;
    options_init(&options);
    struct slice password = SLICE("a \"b\n\x01");
    option_set(options_find(SLICE("requirepass")), &options, password, NULL);
    option_set(options_find(SLICE("timeout")), &options, SLICE("9"), NULL);
    // Not only texts may hold what a line of the file would read as something else.
    option_set(options_find(SLICE("bind")), &options, SLICE("127.0.0.1  -\"x\r ::1\n"), NULL);
    struct buf once = {0};
    struct buf twice = {0};
    options_rewrite(&options, SLICE_EMPTY, &once);
    options_rewrite(&options, buf_slice(&once), &twice);
    assert_true(slice_equal(buf_slice(&once), buf_slice(&twice)));
    buf_append_byte(&once, '\0');
    struct options again;
    assert_int_equal(read_text(&again, once.data, NULL), ERR_NONE);
    assert_string_equal(again.requirepass, options.requirepass);
    assert_string_equal(again.bind, options.bind);
    options_deinit(&again);
    buf_deinit(&once);
    buf_deinit(&twice);
    options_deinit(&options);
}

static void the_manual_hides_what_is_for_tests(void **state) {
    (void)state;
    struct buf out = {0};
    options_manual(&out);
    buf_append_byte(&out, '\0');
    assert_non_null(strstr(out.data, "log-tail-size"));
    assert_null(strstr(out.data, "log-sync-delay-us"));
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_redis),
        cmocka_unit_test(rows_are_sorted_and_can_be_found_in_any_case),
        cmocka_unit_test(every_row_reads_back_what_it_shows),
        cmocka_unit_test(wrong_values_are_refused_in_the_words_of_redis),
        cmocka_unit_test(a_fixed_option_takes_its_value_and_says_why_no_other),
        cmocka_unit_test(sizes_are_bounded_and_segments_are_powers_of_two),
        cmocka_unit_test(texts_hold_no_nul_byte),
        cmocka_unit_test(a_limit_changes_only_the_classes_it_names),
        cmocka_unit_test(the_command_line_sets_options),
        cmocka_unit_test(an_unknown_option_is_named_with_the_nearest_known_one),
        cmocka_unit_test(a_wrong_number_of_words_is_refused),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(a_file_has_comments_quotes_and_escapes),
        cmocka_unit_test(a_bad_line_is_named_by_file_and_number),
        cmocka_unit_test(a_missing_file_is_an_error),
        cmocka_unit_test(rewriting_keeps_comments_and_order),
        cmocka_unit_test(rewriting_twice_changes_nothing),
        cmocka_unit_test(the_manual_hides_what_is_for_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
