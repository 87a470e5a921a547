#include <ctype.h>

#include "proto/base/num.h"
#include "server/commands/table.h"
#include "tests/support/unit.h"

// ---- visiting every row, those of subtables included

struct row {
    const struct command *command;
    const struct command *container; // NULL: a row of the table itself
};

static void each_row(void (*check)(const struct row *row)) {
    const struct command_table table = commands_table();
    for (size_t i = 0; i < table.len; i++) {
        const struct command *command = &table.rows[i];
        check(&(const struct row){command, NULL});
        for (size_t k = 0; k < command->subtable_len; k++) {
            check(&(const struct row){&command->subtable[k], command});
        }
    }
}

// A failed condition, with the name of the row that fails it.
static void row_must(const struct row *row, bool condition, const char *what) {
    if (condition) return;
    fail_msg("%s%s%s: %s", row->container == NULL ? "" : row->container->name,
             row->container == NULL ? "" : "|", row->command->name, what);
}

// ---- names

static void check_order(const struct command *rows, size_t len) {
    for (size_t i = 1; i < len; i++) {
        if (strcmp(rows[i - 1].name, rows[i].name) >= 0)
            fail_msg("%s stands before %s", rows[i - 1].name, rows[i].name);
    }
}

static void rows_are_sorted_and_unique(void **state) {
    (void)state;
    const struct command_table table = commands_table();
    check_order(table.rows, table.len);
    for (size_t i = 0; i < table.len; i++) {
        check_order(table.rows[i].subtable, table.rows[i].subtable_len);
    }
}

static void check_name(const struct row *row) {
    const char *name = row->command->name;
    row_must(row, strlen(name) > 0 && strlen(name) < COMMAND_NAME_MAX, "length of the name");
    for (const char *p = name; *p != '\0'; p++) {
        row_must(row, islower((unsigned char)*p) || *p == '-', "the name is lower case");
    }
}

static void names_are_lower_case(void **state) {
    (void)state;
    each_row(check_name);
}

// ---- words

static void check_words(const struct row *row) {
    const struct command *command = row->command;
    row_must(row, command->since != NULL && isdigit((unsigned char)command->since[0]), "since");
    row_must(row, command->usage != NULL, "usage");
    row_must(row, command->brief != NULL && strlen(command->brief) > 10, "brief");
    row_must(row, isupper((unsigned char)command->brief[0]), "brief begins a sentence");
    row_must(row, command->brief[strlen(command->brief) - 1] == '.', "brief ends a sentence");
    row_must(row, command->complexity != NULL && command->complexity[0] != '\0', "complexity");
    row_must(row, (command->handler != NULL) || command->subtable_len > 0,
             "a handler or a subtable");
    row_must(row, row->container == NULL || command->subtable_len == 0, "subtables are not nested");
}

static void every_row_says_what_it_is(void **state) {
    (void)state;
    each_row(check_words);
}

// ---- arity

// The words an argument group in <> takes at least: those of its shortest alternative, and one.
static size_t group_words(const char **p) {
    size_t words = 0;
    size_t least = SIZE_MAX;
    int depth = 1;
    bool in_word = false;
    while (depth > 0 && *++*p != '\0') {
        const char c = **p;
        if (c == '<' || c == '[') depth++;
        if (c == '>' || c == ']') depth--;
        const bool is_end = depth == 0 || (depth == 1 && c == '|');
        const bool is_word = depth == 1 && c != ' ' && c != '|' && c != '>' && c != ']';
        if (is_word && !in_word) words++;
        in_word = is_word;
        if (!is_end) continue;
        least = num_min(least, words);
        words = 0;
    }
    return num_max(least, 1);
}

// How many arguments a usage text demands at least.
static size_t usage_words(const char *usage) {
    size_t words = 0;
    int optional = 0;
    bool in_word = false;
    for (const char *p = usage; *p != '\0'; p++) {
        if (*p == '[') optional++;
        if (optional == 0 && *p == '<') words += group_words(&p);
        const bool is_word = optional == 0 && *p != ' ' && *p != '>';
        if (is_word && !in_word) words++;
        in_word = is_word;
        if (*p == ']') optional--;
    }
    return words;
}

static void check_arity(const struct row *row) {
    const struct command *command = row->command;
    const size_t names = row->container == NULL ? 1 : 2;
    const size_t least = names + usage_words(command->usage);
    const bool is_open = strchr(command->usage, '[') != NULL;
    row_must(row, command->arity != 0, "arity");
    if (command->subtable_len > 0) return; // the subcommand's word may or may not be demanded
    row_must(row, command->arity < 0 || !is_open, "an option needs a negative arity");
    const size_t demanded = (size_t)(command->arity < 0 ? -command->arity : command->arity);
    // COMMAND GETKEYS wants a whole command, and Redis' shortest with a key has two words.
    const size_t slack = is_open ? 1 : 0;
    row_must(row, demanded >= least && demanded <= least + slack, "arity and usage agree");
}

static void usage_texts_are_counted_as_people_read_them(void **state) {
    (void)state;
    assert_int_equal(usage_words(""), 0);
    assert_int_equal(usage_words("key [key ...]"), 1);
    assert_int_equal(usage_words("key value [NX | XX] [EX seconds | KEEPTTL]"), 2);
    assert_int_equal(usage_words("key <BEFORE | AFTER> pivot"), 3);
    assert_int_equal(usage_words("<LIB-NAME libname | LIB-VER libver>"), 2);
    assert_int_equal(usage_words("source [<COUNT count | EXACTLY exactly> <OBO | BULK>]"), 1);
}

static void arity_agrees_with_usage(void **state) {
    (void)state;
    each_row(check_arity);
}

// ---- traits and keys

static void check_traits(const struct row *row) {
    const unsigned traits = row->command->traits;
    const bool writes = (traits & COMMAND_WRITES) != 0;
    row_must(row, !writes || (traits & COMMAND_READS) == 0, "reads or writes, not both");
    row_must(row, writes || (traits & COMMAND_GROWS) == 0, "what grows writes");
    row_must(row, !writes || (traits & COMMAND_UNFENCED) == 0, "what writes is fenced");
}

static void traits_make_sense(void **state) {
    (void)state;
    each_row(check_traits);
}

static void check_key_spec(const struct row *row, const struct key_spec *spec) {
    const unsigned traits = row->command->traits;
    const unsigned kind = spec->use & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
    const int arity = row->command->arity;
    row_must(row, kind != 0 && (kind & (kind - 1)) == 0, "one of RO, RW, OW, RM");
    row_must(row, (traits & (COMMAND_READS | COMMAND_WRITES)) != 0, "who has keys uses them");
    row_must(row, kind == KEY_RO || (traits & COMMAND_WRITES) != 0, "only a write changes keys");
    row_must(row, spec->begin >= 1, "the name is no key");
    if (spec->find == KEY_FIND_KEYNUM) {
        row_must(row, (traits & COMMAND_MOVABLE_KEYS) != 0, "counted keys are movable");
        return;
    }
    if (spec->find == KEY_FIND_STREAMS) {
        row_must(row, (traits & COMMAND_MOVABLE_KEYS) != 0, "keys behind a word are movable");
        row_must(row, strstr(row->command->usage, "STREAMS key [key ...]") != NULL, "STREAMS");
        return;
    }
    row_must(row, spec->step >= 1 && spec->last >= -2, "step and last");
    row_must(row, spec->begin < (arity < 0 ? -arity : arity), "the first key is demanded");
    row_must(row, arity < 0 || spec->begin + spec->last < arity, "the last key is an argument");
}

static void check_keys(const struct row *row) {
    const struct key_spec *keys = row->command->keys;
    for (size_t i = 0; i < COMMAND_KEY_SPECS; i++) {
        if (keys[i].use == KEY_NONE) continue;
        row_must(row, i == 0 || keys[i - 1].use != KEY_NONE, "key specs leave no gap");
        check_key_spec(row, &keys[i]);
    }
}

static void key_specs_make_sense(void **state) {
    (void)state;
    each_row(check_keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_and_unique),
        cmocka_unit_test(names_are_lower_case),
        cmocka_unit_test(every_row_says_what_it_is),
        cmocka_unit_test(usage_texts_are_counted_as_people_read_them),
        cmocka_unit_test(arity_agrees_with_usage),
        cmocka_unit_test(traits_make_sense),
        cmocka_unit_test(key_specs_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
