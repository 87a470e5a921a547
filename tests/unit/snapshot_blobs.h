// Blobs of all kinds that can be told from their number, for the tests of snapshots.
#ifndef ACKD_TESTS_UNIT_SNAPSHOT_BLOBS_H
#define ACKD_TESTS_UNIT_SNAPSHOT_BLOBS_H

#include <stdio.h>

#include "proto/base/hash.h"
#include "storage/data/blob.h"
#include "tests/support/unit.h"

// In the log, short, or on the heap.
static inline struct blob blob_of_number(uint32_t number) {
    char text[40];
    const int len = snprintf(text, sizeof text, number % 3 == 1 ? "%u" : "number %020u", number);
    const struct slice bytes = slice_of(text, (size_t)len);
    if (number % 3 != 0) return blob_of_bytes(bytes);
    return blob_of_ref(number % 7, number * 8 % 1024, 100 + number % 50, hash_payload(bytes));
}

// Takes `wanted`.
static inline void assert_blob(const struct blob *blob, struct blob wanted) {
    assert_int_equal(blob_kind(blob), blob_kind(&wanted));
    assert_int_equal(blob->hash, wanted.hash);
    if (blob_kind(blob) == BLOB_REF) {
        assert_int_equal(blob->word, wanted.word);
    } else {
        assert_slice(blob_bytes(blob), blob_bytes(&wanted));
    }
    blob_release(&wanted);
}

static inline void assert_number(const struct blob *blob, uint32_t number) {
    assert_blob(blob, blob_of_number(number));
}

static inline void release_blob(void *context, struct blob *blob) {
    (void)context;
    blob_release(blob);
}

#endif
