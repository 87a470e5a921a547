#include "proto/base/hash.h"
#include "tests/support/unit.h"

static void known_values_of_xxh3_come_out(void **state) {
    (void)state;
    // They are on disk: another hash would make every data directory unreadable.
    assert_int_equal(hash_bytes(SLICE(""), 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(hash_payload(SLICE("")), UINT32_C(0x38d394c2));
    assert_int_equal(hash_bytes(SLICE("abc"), 0), UINT64_C(0x78af5f94892f3950));
    assert_int_equal(hash_payload(SLICE("abc")), UINT32_C(0x892f3950));
}

static void the_seed_changes_the_hash(void **state) {
    (void)state;
    assert_int_not_equal(hash_bytes(SLICE("abc"), 1), hash_bytes(SLICE("abc"), 2));
    assert_int_equal(hash_bytes(SLICE_EMPTY, 7), hash_bytes(SLICE(""), 7));
}

static void a_number_hashes_as_its_bytes(void **state) {
    (void)state;
    uint64_t number = 0;
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(hash_number(number), hash_bytes(slice_of(&number, sizeof number), 0));
        number = hash_number(number) >> i % 64;
    }
}

static void pieces_hash_as_the_whole(void **state) {
    (void)state;
    char data[3000];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 31);
    }
    struct hash_stream *stream = hash_stream_new();
    for (size_t cut = 0; cut <= sizeof data; cut += 7) {
        hash_stream_reset(stream, 99);
        hash_stream_update(stream, slice_of(data, cut));
        hash_stream_update(stream, SLICE_EMPTY);
        hash_stream_update(stream, slice_of(data + cut, sizeof data - cut));
        uint64_t whole = hash_bytes(slice_of(data, sizeof data), 99);
        assert_int_equal(hash_stream_digest(stream), whole);
    }
    hash_stream_free(stream);
    hash_stream_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_of_xxh3_come_out),
        cmocka_unit_test(a_number_hashes_as_its_bytes),
        cmocka_unit_test(the_seed_changes_the_hash),
        cmocka_unit_test(pieces_hash_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
