// Any pattern against any bytes: the answer is that of a slow matcher that tries everything, and
// the work is bounded by the product of the two lengths, whatever the pattern.
//
// Input: u8 flags (1: ignore case, 2: also long), u8 which part of the rest (of 255) is the
// pattern, pattern, bytes.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/fuzz/target.h"

enum {
    INPUT_MAX = 1024,
    BYTES = 256,
    WORK_LEN = 1024, // of pattern and bytes when the work is looked at
};

// One element of a pattern: a star, or the bytes it takes.
struct element {
    bool is_star;
    bool takes[BYTES];
};

static unsigned char lower(unsigned char byte) {
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

static void take(struct element *element, unsigned char byte, bool ignore_case) {
    for (unsigned other = 0; other < BYTES; other++) {
        const unsigned char each = (unsigned char)other;
        if (each == byte || (ignore_case && lower(each) == lower(byte)))
            element->takes[each] = true;
    }
}

// A range compares as signed chars, its ends may stand in either order, and case is ignored by
// making ends and byte small: [A-z] is [a-z] then.
static void take_range(struct element *element, unsigned char one, unsigned char other,
                       bool ignore_case) {
    const bool is_swapped = (signed char)one > (signed char)other;
    signed char from = (signed char)(is_swapped ? other : one);
    signed char to = (signed char)(is_swapped ? one : other);
    if (ignore_case) {
        from = (signed char)lower((unsigned char)from);
        to = (signed char)lower((unsigned char)to);
    }
    for (unsigned i = 0; i < BYTES; i++) {
        const unsigned char byte = (unsigned char)i;
        const signed char value = (signed char)(ignore_case ? lower(byte) : byte);
        if (value >= from && value <= to) element->takes[byte] = true;
    }
}

// Reads a class behind its '['; returns the place behind it.
static size_t read_class(struct slice pattern, size_t at, struct element *element,
                         bool ignore_case) {
    const unsigned char *bytes = (const unsigned char *)pattern.data;
    const bool is_negated = at < pattern.len && bytes[at] == '^';
    if (is_negated) at++;
    while (at < pattern.len && bytes[at] != ']') {
        if (bytes[at] == '\\' && at + 1 < pattern.len) {
            element->takes[bytes[at + 1]] = true; // exact, also when case is ignored
            at += 2;
        } else if (at + 2 < pattern.len && bytes[at + 1] == '-') {
            take_range(element, bytes[at], bytes[at + 2], ignore_case);
            at += 3;
        } else {
            take(element, bytes[at++], ignore_case);
        }
    }
    for (size_t i = 0; i < BYTES; i++) {
        element->takes[i] = element->takes[i] != is_negated;
    }
    return at < pattern.len ? at + 1 : at;
}

static size_t read_element(struct slice pattern, size_t at, struct element *element,
                           bool ignore_case) {
    *element = (struct element){0};
    const char what = pattern.data[at++];
    switch (what) {
    case '*':
        element->is_star = true;
        return at;
    case '?':
        memset(element->takes, true, BYTES);
        return at;
    case '[':
        return read_class(pattern, at, element, ignore_case);
    default:
        if (what == '\\' && at < pattern.len) at++;
        take(element, (unsigned char)pattern.data[at - 1], ignore_case);
        return at;
    }
}

// reach[i]: the elements so far can have taken the first i bytes.
static bool slow_match(struct slice s, struct slice pattern, bool ignore_case) {
    if (s.len == 0) return pattern.len == 0 || slice_equal(pattern, SLICE("*"));
    bool *reach = mem_zalloc(s.len + 1);
    reach[0] = true;
    struct element element;
    for (size_t at = 0; at < pattern.len;) {
        at = read_element(pattern, at, &element, ignore_case);
        if (element.is_star) {
            for (size_t i = 1; i <= s.len; i++)
                reach[i] |= reach[i - 1];
            continue;
        }
        for (size_t i = s.len; i > 0; i--)
            reach[i] = reach[i - 1] && element.takes[(unsigned char)s.data[i - 1]];
        reach[0] = false;
    }
    const bool matches = reach[s.len];
    mem_free(reach);
    return matches;
}

// Both, repeated until they are long: a million steps for a matcher that goes back to the newest
// star only, and no end in sight, which libFuzzer's -timeout takes for a finding, for any other.
static void try_long(struct slice s, struct slice pattern, bool ignore_case) {
    if (s.len == 0 || pattern.len == 0) return;
    char *long_s = mem_alloc(WORK_LEN);
    char *long_pattern = mem_alloc(WORK_LEN);
    for (size_t i = 0; i < WORK_LEN; i++) {
        long_s[i] = s.data[i % s.len];
        long_pattern[i] = pattern.data[i % pattern.len];
    }
    (void)slice_matches_glob(slice_of(long_s, WORK_LEN), slice_of(long_pattern, WORK_LEN),
                             ignore_case);
    mem_free(long_s);
    mem_free(long_pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > INPUT_MAX) return 0;
    const bool ignore_case = (data[0] & 1) != 0;
    const size_t pattern_len = (size - 2) * data[1] / 255;
    // Copies of exactly their sizes, so that a step beyond is seen.
    char *pattern_bytes = mem_dup(data + 2, pattern_len);
    char *bytes = mem_dup(data + 2 + pattern_len, size - 2 - pattern_len);
    const struct slice pattern = slice_of(pattern_bytes, pattern_len);
    const struct slice s = slice_of(bytes, size - 2 - pattern_len);
    must(slice_matches_glob(s, pattern, ignore_case) == slow_match(s, pattern, ignore_case));
    if ((data[0] & 2) != 0) try_long(s, pattern, ignore_case);
    mem_free(pattern_bytes);
    mem_free(bytes);
    return 0;
}
