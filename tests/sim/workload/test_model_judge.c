// The judge itself: what is wrong must be called wrong, or its silence proves nothing.
#include <string.h>

#include "server/commands/table.h"
#include "storage/txn.h"
#include "tests/sim/workload/model.h"
#include "tests/unit/engine_world.h"

enum { ARGS_MAX = 16 };

static const struct model_options options = {.databases = 16};

// Executes words apart by one space, with "" for nothing.
static enum model_verdict say(struct model *model, uint64_t client, int64_t now_ms,
                              const char *line, struct buf *expected) {
    struct slice argv[ARGS_MAX];
    size_t argc = 0;
    buf_reset(expected);
    while (*line != '\0') {
        const size_t len = strcspn(line, " ");
        argv[argc++] = slice_of(line, len);
        line += len + (line[len] == ' ');
    }
    return model_execute(model, client, argv, argc, now_ms, expected);
}

struct talk {
    struct model *model;
    struct buf expected;
};

static int talk_begin(void **state) {
    struct talk *talk = mem_zalloc(sizeof *talk);
    talk->model = model_new(&options);
    *state = talk;
    return 0;
}

static int talk_end(void **state) {
    struct talk *talk = *state;
    model_free(talk->model);
    buf_deinit(&talk->expected);
    mem_free(talk);
    return 0;
}

#define talk_test(name) cmocka_unit_test_setup_teardown(name, talk_begin, talk_end)

#define assert_says(talk, client, now_ms, line, literal)                                           \
    do {                                                                                           \
        assert_int_equal(say((talk)->model, (client), (now_ms), (line), &(talk)->expected),        \
                         MODEL_EXACT);                                                             \
        assert_text(buf_slice(&(talk)->expected), literal);                                        \
    } while (0)

static bool accepts(struct talk *talk, const char *line, const char *reply) {
    struct buf why = {0};
    const enum model_verdict verdict = say(talk->model, 1, 1000, line, &talk->expected);
    const bool accepted = model_accept(verdict, buf_slice(&talk->expected), slice_str(reply), &why);
    assert_int_equal(accepted, why.len == 0);
    buf_deinit(&why);
    return accepted;
}

static void assert_no_wakes(struct talk *talk) {
    uint64_t id;
    assert_false(model_woken(talk->model, &id, &talk->expected));
}

// ---- replies

static void an_exact_reply_differs_by_one_byte(void **state) {
    struct talk *talk = *state;
    assert_true(accepts(talk, "PING", "+PONG\r\n"));
    assert_false(accepts(talk, "PING", "+PONg\r\n"));
    assert_false(accepts(talk, "PING", "+PONG\r\n+PONG\r\n"));
    assert_false(accepts(talk, "PING", ""));
}

static void a_reply_without_order_holds_each_item_once(void **state) {
    struct talk *talk = *state;
    assert_says(talk, 1, 1000, "HSET h a 1 b 2", ":2\r\n");
    assert_true(accepts(talk, "HKEYS h", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"));
    assert_false(accepts(talk, "HKEYS h", "*2\r\n$1\r\na\r\n$1\r\na\r\n"));
    assert_false(accepts(talk, "HKEYS h", "*1\r\n$1\r\na\r\n"));
    assert_false(accepts(talk, "HKEYS h", "*2\r\n$1\r\nb\r\n:1\r\n"));
    assert_false(accepts(talk, "HKEYS h", "*2\r\n$1\r\nb\r\n$1\r\na\r\n:1"));
    assert_true(accepts(talk, "HGETALL h", "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n1\r\n"));
    assert_false(accepts(talk, "HGETALL h", "*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n"));
    assert_true(accepts(talk, "KEYS *", "*1\r\n$1\r\nh\r\n"));
    assert_false(accepts(talk, "KEYS *", "*0\r\n"));
}

static void a_draw_is_of_what_is_there(void **state) {
    struct talk *talk = *state;
    assert_says(talk, 1, 1000, "HSET h a 1 b 2", ":2\r\n");
    assert_true(accepts(talk, "HRANDFIELD h", "$1\r\nb\r\n"));
    assert_false(accepts(talk, "HRANDFIELD h", "$1\r\n2\r\n")); // a value
    assert_true(accepts(talk, "HRANDFIELD h 5", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"));
    assert_false(accepts(talk, "HRANDFIELD h 5", "*2\r\n$1\r\nb\r\n$1\r\nb\r\n"));
    assert_true(accepts(talk, "HRANDFIELD h -2", "*2\r\n$1\r\nb\r\n$1\r\nb\r\n"));
    assert_false(accepts(talk, "HRANDFIELD h -2", "*1\r\n$1\r\nb\r\n"));
    assert_true(accepts(talk, "HRANDFIELD h 1 WITHVALUES", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n"));
    assert_false(accepts(talk, "HRANDFIELD h 1 WITHVALUES", "*2\r\n$1\r\nb\r\n$1\r\n1\r\n"));
    assert_true(accepts(talk, "RANDOMKEY", "$1\r\nh\r\n"));
    assert_false(accepts(talk, "RANDOMKEY", "$-1\r\n"));
}

static void a_scan_that_ends_has_told_of_everything(void **state) {
    struct talk *talk = *state;
    assert_says(talk, 1, 1000, "MSET a 1 b 2", "+OK\r\n");
    assert_true(accepts(talk, "SCAN 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\na\r\n"));
    assert_true(accepts(talk, "SCAN 0", "*2\r\n$1\r\n7\r\n*1\r\n$1\r\nb\r\n"));
    assert_true(accepts(talk, "SCAN 7", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"));
    assert_false(accepts(talk, "SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"));
    assert_false(accepts(talk, "SCAN 0", "*2\r\n$1\r\n7\r\n*1\r\n$1\r\nc\r\n"));
    assert_false(accepts(talk, "SCAN 0", "-ERR no\r\n"));
}

static void numbers_have_bounds(void **state) {
    struct talk *talk = *state;
    assert_says(talk, 1, 1000, "MSET a 1 b 2", "+OK\r\n");
    assert_says(talk, 1, 1000, "PEXPIRE b 10", ":1\r\n");
    assert_true(accepts(talk, "DBSIZE", ":2\r\n"));
    assert_false(accepts(talk, "DBSIZE", ":1\r\n"));
    assert_int_equal(say(talk->model, 1, 1010, "DBSIZE", &talk->expected), MODEL_CHECKED);
    struct buf why = {0}; // expired and perhaps still there
    assert_true(model_accept(MODEL_CHECKED, buf_slice(&talk->expected), SLICE(":1\r\n"), &why));
    assert_true(model_accept(MODEL_CHECKED, buf_slice(&talk->expected), SLICE(":2\r\n"), &why));
    assert_false(model_accept(MODEL_CHECKED, buf_slice(&talk->expected), SLICE(":0\r\n"), &why));
    buf_deinit(&why);
}

static void what_waits_answers_nothing(void **state) {
    struct talk *talk = *state;
    assert_false(accepts(talk, "BLPOP q 0", "*-1\r\n"));
}

static void a_command_of_tomorrow_is_not_known(void **state) {
    struct talk *talk = *state;
    const struct slice argv[] = {SLICE("frob"), SLICE("key")};
    assert_false(model_knows(argv, 2));
    assert_int_equal(say(talk->model, 1, 1000, "FROB key", &talk->expected), MODEL_UNKNOWN);
}

static void every_row_of_the_groups_of_the_model_is_known(void **state) {
    (void)state;
    const struct command_table table = commands_table();
    for (size_t i = 0; i < table.len; i++) {
        for (size_t k = 0; k <= table.rows[i].subtable_len; k++) {
            const struct command *row = k == 0 ? &table.rows[i] : &table.rows[i].subtable[k - 1];
            const struct slice argv[] = {slice_str(table.rows[i].name), slice_str(row->name)};
            if (row->handler == NULL || (MODEL_GROUPS & (1U << row->group)) == 0) continue;
            if (strcmp(row->name, "shutdown") == 0) continue; // policy.c never draws it
            if (model_knows(argv, k == 0 ? 1 : 2)) continue;
            fail_msg("model_rows.c has no row for %s (or its group is not to be in MODEL_GROUPS)",
                     row->name);
        }
    }
}

// ---- waiters

static void who_waits_longest_is_served_first(void **state) {
    struct talk *talk = *state;
    uint64_t id;
    assert_int_equal(say(talk->model, 2, 1000, "BLPOP q 0", &talk->expected), MODEL_WAITS);
    assert_int_equal(say(talk->model, 1, 1000, "BLPOP q 0", &talk->expected), MODEL_WAITS);
    assert_true(model_is_waiting(talk->model, 2));
    assert_says(talk, 3, 1000, "RPUSH q a b c", ":3\r\n");
    assert_true(model_woken(talk->model, &id, &talk->expected));
    assert_int_equal(id, 2);
    assert_text(buf_slice(&talk->expected), "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    assert_true(model_woken(talk->model, &id, &talk->expected));
    assert_int_equal(id, 1);
    assert_text(buf_slice(&talk->expected), "*2\r\n$1\r\nq\r\n$1\r\nb\r\n");
    assert_no_wakes(talk);
    assert_false(model_is_waiting(talk->model, 2));
    assert_says(talk, 3, 1000, "LLEN q", ":1\r\n");
}

static void a_chain_of_moves_comes_out_at_its_end(void **state) {
    struct talk *talk = *state;
    uint64_t id;
    assert_int_equal(say(talk->model, 1, 1000, "BLMOVE b c LEFT LEFT 0", &talk->expected),
                     MODEL_WAITS);
    assert_int_equal(say(talk->model, 2, 1000, "BLMOVE a b LEFT LEFT 0", &talk->expected),
                     MODEL_WAITS);
    assert_says(talk, 3, 1000, "RPUSH a x", ":1\r\n");
    assert_true(model_woken(talk->model, &id, &talk->expected));
    assert_int_equal(id, 2);
    assert_true(model_woken(talk->model, &id, &talk->expected));
    assert_int_equal(id, 1);
    assert_no_wakes(talk);
    assert_says(talk, 3, 1000, "LRANGE c 0 -1", "*1\r\n$1\r\nx\r\n");
}

static void a_deadline_is_answered_when_it_has_come(void **state) {
    struct talk *talk = *state;
    uint64_t id;
    assert_int_equal(say(talk->model, 1, 1000, "BLPOP q 0.01", &talk->expected), MODEL_WAITS);
    model_time(talk->model, 1009);
    assert_no_wakes(talk);
    model_time(talk->model, 1010);
    assert_true(model_woken(talk->model, &id, &talk->expected));
    assert_text(buf_slice(&talk->expected), "*-1\r\n");
    assert_no_wakes(talk);
}

static void who_is_gone_gets_nothing(void **state) {
    struct talk *talk = *state;
    assert_int_equal(say(talk->model, 1, 1000, "BLPOP q 0", &talk->expected), MODEL_WAITS);
    model_disconnect(talk->model, 1);
    assert_says(talk, 2, 1000, "RPUSH q a", ":1\r\n");
    assert_no_wakes(talk);
}

static void a_copy_of_a_model_goes_its_own_way(void **state) {
    struct talk *talk = *state;
    uint64_t id;
    assert_int_equal(say(talk->model, 1, 1000, "BLPOP q 0", &talk->expected), MODEL_WAITS);
    assert_says(talk, 2, 1000, "SET s before", "+OK\r\n");
    struct model *copy = model_dup(talk->model);
    assert_says(talk, 2, 1000, "SET s after", "+OK\r\n");
    model_restart(talk->model);
    assert_int_equal(say(copy, 2, 1000, "GET s", &talk->expected), MODEL_EXACT);
    assert_text(buf_slice(&talk->expected), "$6\r\nbefore\r\n");
    say(copy, 2, 1000, "RPUSH q a", &talk->expected);
    assert_true(model_woken(copy, &id, &talk->expected));
    model_free(copy);
}

// ---- data

static void store_set(struct store *store, int64_t now_ms, const char *key, const char *value) {
    struct txn *txn = txn_begin(store, now_ms);
    txn_string_set(txn, 0, slice_str(key), slice_str(value), false);
    txn_commit(txn);
}

// What the judge says of the model beside a store with the string s = v, the list l = [a b] and the
// hash h = {f: 1}, l expiring at 9000.
static bool equals(struct talk *talk, struct world *world, const char *part) {
    struct fault fault = {0};
    const enum err err = model_equals_keyspace(talk->model, store_keyspace(world->store),
                                               world->store, 1000, &fault);
    assert_int_equal(err, part == NULL ? ERR_NONE : ERR_INVALID);
    if (part != NULL && strstr(fault.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fault.text, part);
    }
    return err == ERR_NONE;
}

static void fill(struct world *world) {
    const struct slice elements[] = {SLICE("a"), SLICE("b")};
    const struct slice pair[] = {SLICE("f"), SLICE("1")};
    store_set(world->store, 1000, "s", "v");
    struct txn *txn = txn_begin(world->store, 1000);
    txn_list_push(txn, 0, SLICE("l"), LIST_TAIL, elements, 2);
    txn_key_expire(txn, 0, SLICE("l"), 9000);
    txn_hash_set(txn, 0, SLICE("h"), pair, 1);
    txn_commit(txn);
}

static void every_difference_of_data_is_found(void **state) {
    struct talk *talk = *state;
    static const struct {
        const char *command; // after which the model is another
        const char *says;
    } cases[] = {
        {"SET s w", "key \"s\": the string is \"v\""},
        {"DEL s", "key \"s\" (string): the model has no such key"},
        {"SET t 1", "key \"t\": is not there"},
        {"LSET l 1 c", "key \"l\": element 1 is \"b\""},
        {"RPUSH l c", "key \"l\": 2 elements, the model has 3"},
        {"PERSIST l", "key \"l\": expires at 9000, in the model at 0"},
        {"HSET h f 2", "key \"h\": field \"f\" is \"1\""},
        {"HSET h g 2", "key \"h\": 1 fields, the model has 2"},
        {"RENAME h s", "is no hash"},
        {"SWAPDB 0 3", "database 0"},
    };
    void *world_state;
    world_setup(&world_state);
    struct world *world = world_state;
    fill(world);
    assert_says(talk, 1, 1000, "SET s v", "+OK\r\n");
    assert_says(talk, 1, 1000, "RPUSH l a b", ":2\r\n");
    assert_says(talk, 1, 1000, "PEXPIREAT l 9000", ":1\r\n");
    assert_says(talk, 1, 1000, "HSET h f 1", ":1\r\n");
    assert_true(equals(talk, world, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct talk changed = {.model = model_dup(talk->model)};
        say(changed.model, 1, 1000, cases[i].command, &changed.expected);
        assert_false(equals(&changed, world, cases[i].says));
        model_free(changed.model);
        buf_deinit(&changed.expected);
    }
    world_teardown(&world_state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        talk_test(an_exact_reply_differs_by_one_byte),
        talk_test(a_reply_without_order_holds_each_item_once),
        talk_test(a_draw_is_of_what_is_there),
        talk_test(a_scan_that_ends_has_told_of_everything),
        talk_test(numbers_have_bounds),
        talk_test(what_waits_answers_nothing),
        talk_test(a_command_of_tomorrow_is_not_known),
        talk_test(every_row_of_the_groups_of_the_model_is_known),
        talk_test(who_waits_longest_is_served_first),
        talk_test(a_chain_of_moves_comes_out_at_its_end),
        talk_test(a_deadline_is_answered_when_it_has_come),
        talk_test(who_is_gone_gets_nothing),
        talk_test(a_copy_of_a_model_goes_its_own_way),
        talk_test(every_difference_of_data_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
