// Numbers: little-endian loads and stores for disk formats, text to number and back exactly as
// Redis reads and writes them, and arithmetic that notices overflow.
#ifndef ACKD_PROTO_BASE_NUM_H
#define ACKD_PROTO_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/slice.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ackd's load/store helpers are written for little-endian machines"
#endif

static inline uint16_t load_u16le(const void *from) {
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint32_t load_u32le(const void *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint64_t load_u64le(const void *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store_u16le(void *to, uint16_t value) {
    memcpy(to, &value, sizeof value);
}

static inline void store_u32le(void *to, uint32_t value) {
    memcpy(to, &value, sizeof value);
}

static inline void store_u64le(void *to, uint64_t value) {
    memcpy(to, &value, sizeof value);
}

static inline size_t num_align_up(size_t value, size_t align) { // align: a power of two
    return (value + align - 1) & ~(align - 1);
}

static inline size_t num_min(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t num_max(size_t a, size_t b) {
    return a > b ? a : b;
}

// Strict decimal: no spaces, no '+', no leading zeros, whole slice, in range ("-0" is refused).
// This is what Redis takes for integers.
bool num_parse_i64(struct slice s, int64_t *out);
bool num_parse_u64(struct slice s, uint64_t *out);

// As Redis reads doubles for timeouts and the like: strtod of the whole slice, no leading space, no
// NaN; "inf" forms allowed.
bool num_parse_double(struct slice s, double *out);

// As Redis reads long doubles for INCRBYFLOAT: strtold of the whole slice, no leading space, no
// NaN. At most NUM_LONG_DOUBLE_TEXT_MAX - 1 bytes, and so for doubles.
bool num_parse_long_double(struct slice s, long double *out);

enum {
    NUM_I64_TEXT_MAX = 21,     // "-9223372036854775808" + NUL
    NUM_DOUBLE_TEXT_MAX = 128, // shortest form that reads back the same
    NUM_LONG_DOUBLE_TEXT_MAX =
        5120 // 17 digits behind the point, human form: what INCRBYFLOAT answers
};

size_t num_format_i64(char *out, int64_t value); // returns the length; NUL-terminated
size_t num_format_u64(char *out, uint64_t value);
size_t num_format_double(
    char *out,
    double value); // RESP3 doubles and scores: shortest that reads back, "inf", "-inf", "nan"
size_t num_format_long_double(
    char *out,
    long double value); // "%.17Lf" with trailing zeros (and point) cut: INCRBYFLOAT's form

// Memory sizes of the configuration: "64mb", "1gb", "100", "1k" (1000) and "1kb" (1024),
// case-insensitive.
bool num_parse_bytes(struct slice s, uint64_t *out);

// Human form as INFO writes it: 1.50M, 977.12K, 12B.
void num_format_human(char *out, size_t cap, uint64_t bytes);

static inline bool num_add_i64(int64_t a, int64_t b, int64_t *out) { // false on overflow
    return !__builtin_add_overflow(a, b, out);
}

static inline bool num_mul_i64(int64_t a, int64_t b, int64_t *out) { // false on overflow
    return !__builtin_mul_overflow(a, b, out);
}

#endif
