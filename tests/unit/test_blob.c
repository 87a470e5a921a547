#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/rng.h"
#include "storage/data/blob.h"
#include "tests/support/unit.h"

static void bytes_of_every_short_length_come_back(void **state) {
    (void)state;
    char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + 1);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        const struct slice s = slice_of(bytes, len);
        struct blob blob = blob_of_bytes(s);
        assert_int_equal(blob_kind(&blob), len <= BLOB_INLINE_MAX ? BLOB_INLINE : BLOB_HEAP);
        assert_int_equal(blob_len(&blob), len);
        assert_int_equal(blob.hash, hash_payload(s));
        assert_slice(blob_bytes(&blob), s);
        assert_int_equal(blob_memory(&blob) == 0, len <= BLOB_INLINE_MAX);
        blob_release(&blob);
        assert_int_equal(blob_kind(&blob), BLOB_NONE);
    }
}

static void a_reference_keeps_its_extreme_values(void **state) {
    (void)state;
    const uint32_t slots[] = {0, 1, BLOB_SLOT_MAX};
    const uint32_t offsets[] = {0, 8, 4096, BLOB_OFFSET_MAX};
    const size_t lens[] = {0, 65, (1 << 21) - 1, 1 << 21, BLOB_LEN_MAX};
    for (size_t s = 0; s < 3; s++) {
        for (size_t o = 0; o < 4; o++) {
            for (size_t l = 0; l < 5; l++) {
                const struct blob blob = blob_of_ref(slots[s], offsets[o], lens[l], 0xFFFFFFFF);
                assert_int_equal(blob_kind(&blob), BLOB_REF);
                assert_int_equal(blob_slot(&blob), slots[s]);
                assert_int_equal(blob_offset(&blob), offsets[o]);
                assert_int_equal(blob_len(&blob), lens[l]);
                assert_int_equal(blob_hash(&blob), 0xFFFFFFFF);
            }
        }
    }
}

static void packing_loses_nothing(void **state) {
    (void)state;
    char packed[BLOB_PACKED_BYTES];
    struct blob blob = blob_of_bytes(SLICE("123456789"));
    blob_pack(&blob, packed);
    struct blob back = blob_unpack(packed);
    assert_text(blob_bytes(&back), "123456789");
    blob = blob_of_ref(77, 4096, 1000, 12345);
    blob_pack(&blob, packed);
    back = blob_unpack(packed);
    assert_memory_equal(&back, &blob, sizeof blob);
}

static void random_edits_match_an_array(void **state) {
    (void)state;
    enum { MAX = 5000 };
    char *model = mem_zalloc(MAX);
    size_t len = 0;
    struct rng rng;
    rng_init(&rng, 1);
    struct blob blob = {0};
    for (int i = 0; i < 20000; i++) {
        char piece[40];
        for (size_t j = 0; j < sizeof piece; j++)
            piece[j] = (char)rng_next(&rng);
        const struct slice s = slice_of(piece, (size_t)rng_below(&rng, sizeof piece));
        size_t offset = len;
        if (rng_below(&rng, 2) == 0) {
            offset = (size_t)rng_below(&rng, len + 20);
        }
        if (offset + s.len > MAX) { // begins anew
            blob_release(&blob);
            memset(model, 0, MAX);
            len = 0;
            continue;
        }
        if (offset == len)
            blob_append(&blob, s);
        else
            blob_write(&blob, offset, s);
        memcpy(model + offset, s.data, s.len);
        if (offset + s.len > len) len = offset + s.len;
        assert_slice(blob_bytes(&blob), slice_of(model, len));
        assert_int_equal(blob_hash(&blob), hash_payload(slice_of(model, len)));
    }
    blob_release(&blob);
    mem_free(model);
}

static void appending_byte_by_byte_copies_each_byte_a_few_times(void **state) {
    (void)state;
    struct blob blob = {0};
    int moves = 0;
    const char *at = NULL;
    for (int i = 0; i < 3 << 20; i++) {
        blob_append(&blob, SLICE("x"));
        const char *now = blob_kind(&blob) == BLOB_HEAP ? blob_bytes(&blob).data : NULL;
        moves += now != at;
        at = now;
    }
    assert_int_equal(blob_len(&blob), 3 << 20);
    assert_true(moves < 40);
    blob_release(&blob);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_every_short_length_come_back),
        cmocka_unit_test(a_reference_keeps_its_extreme_values),
        cmocka_unit_test(packing_loses_nothing),
        cmocka_unit_test(random_edits_match_an_array),
        cmocka_unit_test(appending_byte_by_byte_copies_each_byte_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
