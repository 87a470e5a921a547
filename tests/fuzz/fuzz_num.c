// Any bytes are a number or none: what the readers take is what the writers write, and comes back
// from its text as the same number.
#include <math.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/fuzz/target.h"

enum {
    SURE_DIGITS = 18, // so many fit an int64, whatever they are
    HUMAN_CAP = 16,
};

// Whether these are digits as a person would write a number.
static bool is_plain(struct slice s) {
    if (s.len == 0 || (s.len > 1 && s.data[0] == '0')) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
    }
    return true;
}

static void try_integers(struct slice s) {
    char text[NUM_I64_TEXT_MAX];
    int64_t integer = 0;
    uint64_t natural = 0;
    const bool is_natural = num_parse_u64(s, &natural);
    const bool is_integer = num_parse_i64(s, &integer);
    must(is_plain(s) || !is_natural);
    must(is_natural || !is_plain(s) || s.len > SURE_DIGITS);
    if (is_natural) must(slice_equal(slice_of(text, num_format_u64(text, natural)), s));
    if (is_natural && natural <= INT64_MAX) must(is_integer && (uint64_t)integer == natural);
    if (is_integer) {
        must(slice_equal(slice_of(text, num_format_i64(text, integer)), s));
        must(text[s.len] == '\0');
    }
    const bool is_negative = s.len > 1 && s.len <= SURE_DIGITS && s.data[0] == '-' &&
                             s.data[1] != '0' && is_plain(slice_sub(s, 1, s.len));
    must(!is_negative || (is_integer && integer < 0));
}

static void try_floats(struct slice s) {
    char text[NUM_DOUBLE_TEXT_MAX];
    double number = 0;
    double back = 0;
    if (num_parse_double(s, &number)) {
        must(!isnan(number) && s.len > 0 && s.data[0] != ' ');
        const size_t len = num_format_double(text, number);
        must(len == strlen(text) && len < sizeof text);
        must(num_parse_double(slice_of(text, len), &back) && back == number);
    }
    char long_text[NUM_LONG_DOUBLE_TEXT_MAX];
    char again[NUM_LONG_DOUBLE_TEXT_MAX];
    long double precise = 0;
    if (!num_parse_long_double(s, &precise)) return;
    must(!isnan(precise));
    const size_t len = num_format_long_double(long_text, precise);
    must(len == strlen(long_text) && len < sizeof long_text);
    // Digits beyond the 17th are cut, once: INCRBYFLOAT reads what it wrote.
    must(num_parse_long_double(slice_of(long_text, len), &precise));
    if (len > 100) return; // so far from the point that the text has fewer digits than it needs
    const size_t len_again = num_format_long_double(again, precise);
    must(slice_equal(slice_of(again, len_again), slice_of(long_text, len)));
}

static void try_sizes(struct slice s) {
    char text[HUMAN_CAP];
    uint64_t bytes = 0;
    uint64_t natural = 0;
    const bool is_size = num_parse_bytes(s, &bytes);
    if (num_parse_u64(s, &natural)) must(is_size && bytes == natural);
    if (!is_size) return;
    must(s.data[0] >= '0' && s.data[0] <= '9');
    num_format_human(text, sizeof text, bytes);
    must(strlen(text) > 1 && strlen(text) < sizeof text - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *bytes = mem_dup(data, size); // exactly as long, so that a step beyond is seen
    const struct slice s = slice_of(bytes, size);
    try_integers(s);
    try_floats(s);
    try_sizes(s);
    mem_free(bytes);
    return 0;
}
