#include "proto/base/num.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/must.h"

bool num_parse_u64(struct slice s, uint64_t *out) {
    if (s.len == 0 || s.len > 20) return false;
    if (s.data[0] == '0' && s.len > 1) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, UINT64_C(10), &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)digit, &value)) return false;
    }
    *out = value;
    return true;
}

bool num_parse_i64(struct slice s, int64_t *out) {
    bool is_negative = s.len > 0 && s.data[0] == '-';
    uint64_t magnitude;
    if (!num_parse_u64(is_negative ? slice_sub(s, 1, s.len) : s, &magnitude)) return false;
    if (!is_negative) {
        if (magnitude > INT64_MAX) return false;
        *out = (int64_t)magnitude;
        return true;
    }
    if (magnitude == 0 || magnitude > (uint64_t)INT64_MAX + 1) return false;
    *out = -(int64_t)(magnitude - 1) - 1; // the smallest number has no positive twin
    return true;
}

// The C library's readers skip leading space, which Redis refuses; all else they take is taken
// (hexadecimal, "inf", "1e3"). The copy is for the NUL.
static bool copy_for_strtod(struct slice s, char *copy, size_t cap) {
    if (s.len == 0 || s.len >= cap) return false;
    if (s.data[0] == ' ' || (s.data[0] >= '\t' && s.data[0] <= '\r')) return false;
    slice_to_cstr(s, copy, cap);
    errno = 0;
    return true;
}

bool num_parse_double(struct slice s, double *out) {
    char copy[NUM_LONG_DOUBLE_TEXT_MAX];
    if (!copy_for_strtod(s, copy, sizeof copy)) return false;
    char *end;
    double value = strtod(copy, &end);
    if (end != copy + s.len || isnan(value)) return false;
    // Too near to zero for full precision is taken, out of range is not.
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

bool num_parse_long_double(struct slice s, long double *out) {
    char copy[NUM_LONG_DOUBLE_TEXT_MAX];
    if (!copy_for_strtod(s, copy, sizeof copy)) return false;
    char *end;
    long double value = strtold(copy, &end);
    if (end != copy + s.len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

size_t num_format_u64(char *out, uint64_t value) {
    char reversed[NUM_I64_TEXT_MAX];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < len; i++) {
        out[i] = reversed[len - 1 - i];
    }
    out[len] = '\0';
    return len;
}

size_t num_format_i64(char *out, int64_t value) {
    if (value >= 0) return num_format_u64(out, (uint64_t)value);
    out[0] = '-';
    return 1 + num_format_u64(out + 1, 0 - (uint64_t)value);
}

static size_t copy_word(char *out, const char *word) {
    size_t len = strlen(word);
    memcpy(out, word, len + 1);
    return len;
}

size_t num_format_double(char *out, double value) {
    if (isnan(value)) return copy_word(out, "nan");
    if (isinf(value)) return copy_word(out, value < 0 ? "-inf" : "inf");
    const int digits_max = DBL_DECIMAL_DIG; // 17 digits always read back the same
    // Whole numbers of up to 17 digits are written out; shortening would give 1e+10.
    if (fabs(value) < 1e17 && value == floor(value)) {
        return (size_t)snprintf(out, NUM_DOUBLE_TEXT_MAX, "%.0f", value);
    }
    for (int digits = 1;; digits++) {
        int len = snprintf(out, NUM_DOUBLE_TEXT_MAX, "%.*g", digits, value);
        if (digits == digits_max || strtod(out, NULL) == value) return (size_t)len;
    }
}

size_t num_format_long_double(char *out, long double value) {
    if (isnan(value)) return copy_word(out, "nan");
    if (isinf(value)) return copy_word(out, value < 0 ? "-inf" : "inf");
    int printed = snprintf(out, NUM_LONG_DOUBLE_TEXT_MAX, "%.17Lf", value);
    must(printed > 0 && printed < NUM_LONG_DOUBLE_TEXT_MAX);
    size_t len = (size_t)printed;
    while (out[len - 1] == '0') { // stops at the point at the latest
        len--;
    }
    if (out[len - 1] == '.') len--;
    out[len] = '\0';
    if (strcmp(out, "-0") == 0) return copy_word(out, "0");
    return len;
}

bool num_parse_bytes(struct slice s, uint64_t *out) {
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {
        {"", 1},           {"b", 1},
        {"k", 1000},       {"kb", UINT64_C(1) << 10},
        {"m", 1000000},    {"mb", UINT64_C(1) << 20},
        {"g", 1000000000}, {"gb", UINT64_C(1) << 30},
    };
    size_t digits = 0;
    while (digits < s.len && s.data[digits] >= '0' && s.data[digits] <= '9') {
        digits++;
    }
    size_t zeros = 0; // people may write them in front
    while (zeros + 1 < digits && s.data[zeros] == '0') {
        zeros++;
    }
    uint64_t number;
    if (!num_parse_u64(slice_sub(s, zeros, digits), &number)) return false;
    struct slice unit = slice_sub(s, digits, s.len);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (slice_is(unit, units[i].name)) {
            return !__builtin_mul_overflow(number, units[i].factor, out);
        }
    }
    return false;
}

void num_format_human(char *out, size_t cap, uint64_t bytes) {
    static const char letters[] = "KMGTPE";
    if (bytes < 1024) {
        snprintf(out, cap, "%" PRIu64 "B", bytes);
        return;
    }
    unsigned unit = 0;
    while (unit + 2 < sizeof letters && bytes >> (10 * (unit + 2)) > 0) {
        unit++;
    }
    double scaled = (double)bytes / (double)(UINT64_C(1) << (10 * (unit + 1)));
    snprintf(out, cap, "%.2f%c", scaled, letters[unit]);
}
