#include <string.h>

#include "proto/base/mem.h"
#include "storage/data/hash.h"
#include "tests/support/unit.h"

enum { FIELDS = 2000 };

// What each field should hold; 0: absent.
struct model {
    struct hash_type *hash;
    uint32_t values[FIELDS];
    size_t len;
    struct rng rng;
    size_t visits;
    bool seen[FIELDS];
};

static void release_blob(void *context, struct blob *blob) {
    (void)context;
    blob_release(blob);
}

static struct slice field_name(size_t number, char text[32]) {
    const int len = snprintf(text, 32, "field:%zu", number);
    return slice_of(text, (size_t)len);
}

static size_t field_number(struct slice name) {
    size_t number = 0;
    for (size_t i = strlen("field:"); i < name.len; i++) {
        number = number * 10 + (size_t)(name.data[i] - '0');
    }
    return number;
}

static struct blob value_of(uint32_t value) {
    char text[32];
    const int len = snprintf(text, sizeof text, value % 2 ? "%u" : "a longer value %u", value);
    return blob_of_bytes(slice_of(text, (size_t)len));
}

static void model_init(struct model *model, uint64_t seed) {
    *model = (struct model){.hash = hash_new(seed)};
    rng_init(&model->rng, seed);
}

static void model_deinit(struct model *model) {
    hash_free(model->hash, release_blob, NULL);
}

static void model_set(struct model *model, size_t field) {
    char text[32];
    const uint32_t value = (uint32_t)rng_below(&model->rng, 1000000) + 1;
    struct blob old;
    const bool is_new = hash_set(model->hash, field_name(field, text), value_of(value), &old);
    assert_int_equal(is_new, model->values[field] == 0);
    model->len += is_new;
    model->values[field] = value;
    blob_release(&old);
}

static void model_remove(struct model *model, size_t field) {
    char text[32];
    struct blob old;
    const bool was_there = hash_remove(model->hash, field_name(field, text), &old);
    assert_int_equal(was_there, model->values[field] != 0);
    if (!was_there) return;
    struct blob wanted = value_of(model->values[field]);
    assert_slice(blob_bytes(&old), blob_bytes(&wanted));
    blob_release(&wanted);
    blob_release(&old);
    model->values[field] = 0;
    model->len--;
}

static void see(void *context, struct slice field, const struct blob *value) {
    struct model *model = context;
    const size_t number = field_number(field);
    struct blob wanted = value_of(model->values[number]);
    assert_int_equal(value->hash, wanted.hash);
    blob_release(&wanted);
    model->seen[number] = true;
    model->visits++;
}

static void compare(struct model *model) {
    hash_check(model->hash);
    assert_int_equal(hash_len(model->hash), model->len);
    model->visits = 0;
    hash_each(model->hash, see, model);
    assert_int_equal(model->visits, model->len);
    memset(model->seen, 0, sizeof model->seen);
    uint64_t cursor = 0;
    do
        cursor = hash_scan(model->hash, cursor, see, model);
    while (cursor != 0);
    for (size_t i = 0; i < FIELDS; i++) {
        char text[32];
        struct blob found;
        assert_int_equal(model->seen[i], model->values[i] != 0);
        assert_int_equal(hash_find(model->hash, field_name(i, text), &found),
                         model->values[i] != 0);
    }
    struct slice field;
    struct blob value;
    assert_int_equal(hash_random(model->hash, &model->rng, &field, &value), model->len > 0);
    if (model->len > 0) assert_true(model->values[field_number(field)] != 0);
}

static void random_changes_match_an_array(void **state) {
    (void)state;
    const size_t fields[] = {10, 100, HASH_SMALL_FIELDS_MAX, FIELDS};
    for (size_t round = 0; round < 4; round++) {
        struct model model;
        model_init(&model, round);
        for (int i = 0; i < 20000; i++) {
            const size_t field = (size_t)rng_below(&model.rng, fields[round]);
            if (rng_below(&model.rng, 10) < (i / 2000 % 2 ? 3 : 7))
                model_set(&model, field);
            else
                model_remove(&model, field);
            if (i % 500 == 0) compare(&model);
        }
        assert_int_equal(hash_is_small(model.hash), round < 3);
        compare(&model);
        model_deinit(&model);
    }
}

struct order {
    char text[64];
    size_t len;
};

static void note(void *context, struct slice field, const struct blob *value) {
    (void)value;
    struct order *order = context;
    memcpy(order->text + order->len, field.data, field.len);
    order->len += field.len;
}

static void set_text(struct hash_type *hash, const char *field, const char *value) {
    struct blob old;
    hash_set(hash, slice_str(field), blob_of_bytes(slice_str(value)), &old);
    blob_release(&old);
}

static void a_small_hash_keeps_the_order_of_insertion(void **state) {
    (void)state;
    struct hash_type *hash = hash_new(1);
    set_text(hash, "c", "1");
    set_text(hash, "a", "2");
    set_text(hash, "b", "3");
    set_text(hash, "c", "4");
    struct blob old;
    assert_true(hash_remove(hash, SLICE("a"), &old));
    assert_false(hash_remove(hash, SLICE("a"), &old));
    set_text(hash, "a", "5");
    struct order order = {0};
    assert_int_equal(hash_scan(hash, 99, note, &order), 0);
    assert_text(slice_of(order.text, order.len), "cba");
    hash_free(hash, release_blob, NULL);
}

static void a_long_field_or_value_or_one_field_too_many_makes_it_large_for_good(void **state) {
    (void)state;
    char longer[HASH_SMALL_BYTES_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (int kind = 0; kind < 3; kind++) {
        struct hash_type *hash = hash_new(1);
        for (int i = 0; i < HASH_SMALL_FIELDS_MAX; i++) {
            char text[16];
            snprintf(text, sizeof text, "%d", i);
            set_text(hash, text, longer + 1);
        }
        set_text(hash, longer + 1, "short");
        assert_false(hash_is_small(hash));
        hash_free(hash, release_blob, NULL);

        hash = hash_new(1);
        set_text(hash, longer + 1, longer + 1);
        assert_true(hash_is_small(hash));
        set_text(hash, kind == 0 ? longer : "f", kind == 1 ? longer : "v");
        assert_int_equal(hash_is_small(hash), kind == 2);
        struct blob old;
        if (kind == 0) assert_true(hash_remove(hash, slice_str(longer), &old));
        if (kind == 1) {
            assert_true(hash_remove(hash, SLICE("f"), &old));
            blob_release(&old);
        }
        assert_int_equal(hash_is_small(hash), kind == 2);
        hash_check(hash);
        hash_free(hash, release_blob, NULL);
    }
}

static void random_draws_reach_everything(void **state) {
    (void)state;
    for (int fields = 50; fields <= 200; fields += 150) {
        struct model model;
        model_init(&model, 8);
        for (int i = 0; i < fields; i++)
            model_set(&model, (size_t)i);
        for (int i = 0; i < 20000; i++) {
            struct slice field;
            struct blob value;
            assert_true(hash_random(model.hash, &model.rng, &field, &value));
            model.seen[field_number(field)] = true;
        }
        for (int i = 0; i < fields; i++)
            assert_true(model.seen[i]);
        model_deinit(&model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_match_an_array),
        cmocka_unit_test(a_small_hash_keeps_the_order_of_insertion),
        cmocka_unit_test(a_long_field_or_value_or_one_field_too_many_makes_it_large_for_good),
        cmocka_unit_test(random_draws_reach_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
