// The generator of commands over the real table.
#include <string.h>

#include "server/commands/table.h"
#include "tests/sim/workload/policy.h"
#include "tests/sim/workload/usage.h"
#include "tests/sim/workload/workload.h"
#include "tests/support/unit.h"

enum { NOW_MS = 1700000000, DRAWS = 200, MANY = 20000 };

static struct workload *workload_of(uint64_t seed) {
    const struct workload_options options = {
        .table = commands_table(), .seed = seed, .without_spoiled = true};
    return workload_new(&options);
}

// ---- usage texts

static void a_bracket_that_is_not_closed_is_refused(void **state) {
    (void)state;
    struct usage usage;
    assert_true(usage_parse(&usage, ""));
    assert_true(usage_parse(&usage, "key <A | B> [C [D | E x]]"));
    assert_false(usage_parse(&usage, "key [value"));
    assert_false(usage_parse(&usage, "key value]"));
    assert_false(usage_parse(&usage, "<A | B]"));
    assert_false(usage_parse(&usage, "key ...")); // repeats what?
}

static void every_word_of_every_usage_text_can_be_drawn(void **state) {
    (void)state;
    struct buf unknown = {0};
    workload_unknown_words(commands_table(), &unknown);
    assert_text(buf_slice(&unknown), "");
    buf_deinit(&unknown);
}

static void a_word_that_nobody_knows_is_named_with_its_command(void **state) {
    (void)state;
    static const struct command sub = {.name = "peek", .usage = "key"};
    static const struct command rows[] = {
        {.name = "frob", .usage = "key [WITH widget]"},
        {.name = "spin", .usage = "<key", .subtable = &sub, .subtable_len = 1},
    };
    struct buf unknown = {0};
    workload_unknown_words((struct command_table){rows, 2}, &unknown);
    assert_text(buf_slice(&unknown), "frob: widget\nspin: the usage text cannot be read\n");
    buf_deinit(&unknown);
}

// ---- rows

struct drawn {
    const struct command *row;
    struct workload_command command;
    struct workload *workload;
};

static void each_draw(void (*check)(const struct drawn *drawn)) {
    const struct command_table table = commands_table();
    struct workload *workload = workload_of(7);
    size_t rows = 0;
    for (size_t i = 0; i < table.len; i++) {
        for (size_t k = 0; k <= table.rows[i].subtable_len; k++) {
            struct drawn drawn = {.workload = workload};
            drawn.row = k == 0 ? &table.rows[i] : &table.rows[i].subtable[k - 1];
            for (size_t n = 0; n < DRAWS; n++) {
                if (!workload_draw(workload, drawn.row, NOW_MS, &drawn.command)) break;
                rows += n == 0;
                check(&drawn);
            }
        }
    }
    assert_true(rows > 120);
    workload_free(workload);
}

static void check_arity(const struct drawn *drawn) {
    const int arity = drawn->row->arity;
    const size_t argc = drawn->command.argc;
    if (strstr(drawn->row->name, "getkeys") != NULL) return; // takes what another one takes
    if (arity >= 0 ? argc == (size_t)arity : argc >= (size_t)-arity) return;
    fail_msg("%s is drawn with %zu arguments, its arity is %d", drawn->row->name, argc, arity);
}

static void what_is_drawn_has_the_arity_of_its_row(void **state) {
    (void)state;
    each_draw(check_arity);
}

static void check_keys(const struct drawn *drawn) {
    const struct workload_command *command = &drawn->command;
    for (size_t i = 0; i < COMMAND_KEY_SPECS; i++) {
        const struct key_spec *spec = &drawn->row->keys[i];
        struct key_range range;
        if (spec->use == KEY_NONE) continue;
        if (!key_range_find(spec, command->argv, command->argc, &range)) {
            fail_msg("%s is drawn without its keys", drawn->row->name);
        }
        for (size_t at = range.first; at <= range.last; at += range.step) {
            if (workload_is_key(drawn->workload, at)) continue;
            fail_msg("argument %zu of %s is to be a key", at, drawn->row->name);
        }
    }
}

static void keys_stand_where_the_key_specs_say(void **state) {
    (void)state;
    each_draw(check_keys);
}

static bool row_exists(const char *container, const char *name) {
    const struct command_table table = commands_table();
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        if (container == NULL && strcmp(row->name, name) == 0) return true;
        if (container == NULL || strcmp(row->name, container) != 0) continue;
        for (size_t k = 0; k < row->subtable_len; k++) {
            if (strcmp(row->subtable[k].name, name) == 0) return true;
        }
    }
    return false;
}

static void every_policy_names_a_row(void **state) {
    (void)state;
    size_t count;
    const struct policy *policies = policy_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (row_exists(policies[i].container, policies[i].name)) continue;
        fail_msg("policy.c names %s, which is no command", policies[i].name);
    }
}

// ---- the mix

struct mix {
    size_t of_group[GROUP_SCRIPTING + 1];
    size_t blocking;
    size_t spoiled;
    size_t longest;
    size_t shutdowns;
};

static struct mix mix_of(const struct workload_options *options) {
    struct workload *workload = workload_new(options);
    struct mix mix = {0};
    for (size_t i = 0; i < MANY; i++) {
        struct workload_command command;
        workload_next(workload, NOW_MS, &command);
        mix.of_group[command.row->group]++;
        mix.blocking += command.is_blocking;
        mix.spoiled += command.is_spoiled;
        mix.shutdowns += slice_is(command.argv[0], "shutdown");
        for (size_t k = 0; k < command.argc; k++) {
            if (command.argv[k].len > mix.longest) mix.longest = command.argv[k].len;
        }
    }
    workload_free(workload);
    return mix;
}

static void most_commands_are_about_data_and_none_ends_the_world(void **state) {
    (void)state;
    const struct workload_options options = {.table = commands_table(), .seed = 3};
    const struct mix mix = mix_of(&options);
    assert_true(mix.of_group[GROUP_LIST] > MANY / 4);
    assert_true(mix.of_group[GROUP_STREAM] > MANY / 4);
    assert_true(mix.of_group[GROUP_HASH] > MANY / 10);
    assert_true(mix.of_group[GROUP_STRING] > MANY / 10);
    assert_true(mix.of_group[GROUP_CONNECTION] > MANY / 100);
    assert_true(mix.of_group[GROUP_SERVER] > MANY / 200);
    assert_true(mix.blocking > MANY / 100);
    assert_true(mix.spoiled > MANY / 50 && mix.spoiled < MANY / 10);
    assert_int_equal(mix.shutdowns, 0);
}

static void large_values_come_when_the_segment_is_known(void **state) {
    (void)state;
    struct workload_options options = {.table = commands_table(), .seed = 3};
    assert_true(mix_of(&options).longest < 20000);
    options.segment_bytes = 256 << 10;
    const size_t longest = mix_of(&options).longest;
    assert_true(longest > 64 << 10 && longest < 128 << 10);
}

static void groups_can_be_left_out(void **state) {
    (void)state;
    const struct workload_options options = {
        .table = commands_table(), .seed = 3, .groups = 1 << GROUP_LIST};
    assert_int_equal(mix_of(&options).of_group[GROUP_LIST], MANY);
}

static void the_same_seed_gives_the_same_commands(void **state) {
    (void)state;
    struct workload *one = workload_of(11);
    struct workload *other = workload_of(11);
    for (size_t i = 0; i < MANY / 4; i++) {
        struct workload_command a;
        struct workload_command b;
        workload_next(one, NOW_MS, &a);
        workload_next(other, NOW_MS, &b);
        assert_int_equal(a.argc, b.argc);
        for (size_t k = 0; k < a.argc; k++) {
            assert_slice(a.argv[k], b.argv[k]);
        }
    }
    workload_free(one);
    workload_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bracket_that_is_not_closed_is_refused),
        cmocka_unit_test(every_word_of_every_usage_text_can_be_drawn),
        cmocka_unit_test(a_word_that_nobody_knows_is_named_with_its_command),
        cmocka_unit_test(what_is_drawn_has_the_arity_of_its_row),
        cmocka_unit_test(keys_stand_where_the_key_specs_say),
        cmocka_unit_test(every_policy_names_a_row),
        cmocka_unit_test(most_commands_are_about_data_and_none_ends_the_world),
        cmocka_unit_test(large_values_come_when_the_segment_is_known),
        cmocka_unit_test(groups_can_be_left_out),
        cmocka_unit_test(the_same_seed_gives_the_same_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
