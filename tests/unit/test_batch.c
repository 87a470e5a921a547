// The codecs of everything the log writes: what was encoded is decoded, and no byte that is covered
// may change unnoticed.
#include "proto/base/num.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/record.h"
#include "storage/log/segment.h"
#include "tests/support/unit.h"

enum { BATCH_BYTES = BATCH_HEADER_BYTES + 4200, PADDED = 2 * LOG_ALIGN };

static struct batch_header encode_batch(char *at) {
    memset(at, 0, PADDED);
    memset(at + BATCH_HEADER_BYTES, 'r', BATCH_BYTES - BATCH_HEADER_BYTES);
    struct batch_header header = {
        .lsn = 28672,
        .durable_lsn = 24576,
        .salt = 0x1122334455667788,
        .prev_checksum = 0x99,
        .epoch = 3,
        .wall_ms = 1795459200123,
        .bytes = BATCH_BYTES,
        .frames = 5,
        .flags = BATCH_SEAL,
    };
    batch_encode(at, &header);
    return header;
}

static void a_batch_is_read_as_it_was_written(void **state) {
    (void)state;
    char bytes[PADDED];
    struct batch_header written = encode_batch(bytes);
    struct batch_header read;
    assert_true(batch_decode(bytes, PADDED, &read));
    assert_int_equal(read.checksum, written.checksum);
    assert_int_equal(read.wall_ms, written.wall_ms);
    char again[PADDED];
    memcpy(again, bytes, PADDED);
    batch_encode(again, &read);
    assert_memory_equal(again, bytes, PADDED);
}

static void a_batch_with_any_bit_flipped_is_none(void **state) {
    (void)state;
    char bytes[PADDED];
    encode_batch(bytes);
    struct batch_header read;
    for (size_t i = 0; i < PADDED; i++) {
        char mask = (char)(1U << (i % 8));
        bytes[i] = (char)(bytes[i] ^ mask);
        assert_false(batch_decode(bytes, PADDED, &read));
        bytes[i] = (char)(bytes[i] ^ mask);
    }
    assert_true(batch_decode(bytes, PADDED, &read));
}

static void a_batch_that_is_not_all_there_is_none(void **state) {
    (void)state;
    char bytes[PADDED];
    encode_batch(bytes);
    struct batch_header read;
    assert_false(batch_decode(bytes, PADDED - 1, &read));
    assert_false(batch_decode(bytes, LOG_ALIGN, &read));
    assert_false(batch_decode(bytes, 0, &read));
    memset(bytes, 0, PADDED);
    assert_false(batch_decode(bytes, PADDED, &read));
}

static void a_record_is_read_as_it_was_written(void **state) {
    (void)state;
    struct slice payloads[] = {SLICE("0123456789"), SLICE_EMPTY, SLICE("01234567")};
    char bytes[128];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(record_bytes(5, payloads, 3), 16 + 8 + 16 + 0 + 8);
    record_write(bytes, 200, SLICE("meta5"), payloads, 3);
    record_finish(bytes, RECORD_BEGIN | RECORD_END);
    struct record record;
    assert_true(record_read(bytes, 48, &record));
    assert_int_equal(record.type, 200);
    assert_int_equal(record.flags, RECORD_BEGIN | RECORD_END);
    assert_int_equal(record.bytes, 48);
    assert_text(record.meta, "meta5");
    assert_text(record.payload, "0123456789\0\0\0\0\0\00001234567");
    assert_int_equal(bytes[48], 'x');
}

static void a_record_without_meta_or_payload_is_its_header(void **state) {
    (void)state;
    char bytes[16];
    record_write(bytes, 1, SLICE_EMPTY, NULL, 0);
    record_finish(bytes, 0);
    struct record record;
    assert_true(record_read(bytes, sizeof bytes, &record));
    assert_int_equal(record.bytes, 16);
    assert_int_equal(record.meta.len + record.payload.len, 0);
}

static void a_record_with_a_bit_flipped_in_header_or_meta_is_none(void **state) {
    (void)state;
    struct slice payload = SLICE("payload");
    char bytes[40];
    record_write(bytes, 200, SLICE("metadata"), &payload, 1);
    record_finish(bytes, RECORD_BEGIN);
    struct record record;
    for (size_t i = 0; i < (size_t)24 * 8; i++) {
        char mask = (char)(1U << (i % 8));
        bytes[i / 8] = (char)(bytes[i / 8] ^ mask);
        assert_false(record_read(bytes, 32, &record));
        bytes[i / 8] = (char)(bytes[i / 8] ^ mask);
    }
    assert_true(record_read(bytes, 32, &record));
    assert_false(record_read(bytes, 31, &record));
    assert_false(record_read(bytes, 15, &record));
}

static void either_copy_of_a_segment_header_suffices(void **state) {
    (void)state;
    struct segment_header written = {
        .version = FORMAT_VERSION,
        .features = {0, 0, 5},
        .uuid = {1, 2, 3},
        .segment_bytes = 65536,
        .sequence = 3,
        .base_lsn = 196608,
        .salt = 77,
        .prev_sequence = 1,
        .prev_end_lsn = 70000,
        .prev_checksum = 88,
        .epoch = 2,
        .wall_ms = 99,
    };
    char block[LOG_ALIGN];
    segment_encode(block, &written);
    struct segment_header read = {0};
    bool has_damaged_copy = true;
    assert_true(segment_decode(block, &read, &has_damaged_copy));
    assert_false(has_damaged_copy);
    char again[LOG_ALIGN];
    segment_encode(again, &read);
    assert_memory_equal(again, block, LOG_ALIGN);
    block[90] ^= 1;
    assert_true(segment_decode(block, &read, &has_damaged_copy));
    assert_true(has_damaged_copy);
    assert_int_equal(read.salt, 77);
    block[2048 + 500] ^= 1;
    assert_false(segment_decode(block, &read, &has_damaged_copy));
    block[90] ^= 1;
    assert_true(segment_decode(block, &read, &has_damaged_copy));
    assert_true(has_damaged_copy);
}

static void only_our_own_spelling_names_a_slot(void **state) {
    (void)state;
    char name[SEGMENT_NAME_BYTES];
    uint32_t slot = 0;
    assert_string_equal(segment_name(name, 12), "seg-000012");
    assert_true(segment_parse_name("seg-000012", &slot));
    assert_int_equal(slot, 12);
    assert_true(segment_parse_name(segment_name(name, LOG_SLOTS_MAX - 1), &slot));
    assert_int_equal(slot, LOG_SLOTS_MAX - 1);
    const char *others[] = {"seg-12",        "seg-0000012",     "seg-00001x",       "seg-",
                            "seg-000012.gz", "torn-0001-00001", "seg-999999999999", "seg-1048576"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(segment_parse_name(others[i], &slot));
}

static void the_format_file_of_another_version_or_with_unknown_features_is_refused(void **state) {
    (void)state;
    struct format written = {.version = 1, .uuid = {9}, .segment_bytes = 65536, .created_ms = 4};
    char bytes[FORMAT_BYTES];
    struct format read;
    struct fault fault = {0};
    format_encode(bytes, &written);
    assert_ok(format_decode(bytes, &read, "f", &fault), &fault);
    char again[FORMAT_BYTES];
    format_encode(again, &read);
    assert_memory_equal(again, bytes, FORMAT_BYTES);

    struct format compatible = written;
    compatible.features.compatible = 1;
    format_encode(bytes, &compatible);
    assert_ok(format_decode(bytes, &read, "f", &fault), &fault);

    struct format refused[] = {written, written, written, written};
    refused[0].version = 2;
    refused[1].features.incompatible = 1;
    refused[2].features.read_only_compatible = 1;
    refused[3].segment_bytes = 65537;
    for (size_t i = 0; i < 4; i++) {
        format_encode(bytes, &refused[i]);
        assert_err(ERR_FORMAT, format_decode(bytes, &read, "f", &fault), &fault);
    }
    bytes[100] ^= 1;
    assert_err(ERR_CORRUPT, format_decode(bytes, &read, "f", &fault), &fault);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_read_as_it_was_written),
        cmocka_unit_test(a_batch_with_any_bit_flipped_is_none),
        cmocka_unit_test(a_batch_that_is_not_all_there_is_none),
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(a_record_without_meta_or_payload_is_its_header),
        cmocka_unit_test(a_record_with_a_bit_flipped_in_header_or_meta_is_none),
        cmocka_unit_test(either_copy_of_a_segment_header_suffices),
        cmocka_unit_test(only_our_own_spelling_names_a_slot),
        cmocka_unit_test(the_format_file_of_another_version_or_with_unknown_features_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
