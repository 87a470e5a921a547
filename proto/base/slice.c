#include "proto/base/slice.h"

#include <stdint.h>

#include "proto/base/must.h"
#include "proto/base/num.h"

// Independent of the locale, as names of commands are.
static int lower(int byte) {
    return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

int slice_compare(struct slice a, struct slice b) {
    size_t common = num_min(a.len, b.len);
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_equal_nocase(struct slice a, struct slice b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    }
    return true;
}

bool slice_is(struct slice s, const char *word) {
    return slice_equal_nocase(s, slice_str(word));
}

static bool same(char a, char b, bool ignore_case) {
    return ignore_case ? lower(a) == lower(b) : a == b;
}

// Redis compares ranges as signed chars, whatever char is on this machine.
static int signed_value(char byte) {
    int value = (unsigned char)byte;
    return value < 128 ? value : value - 256;
}

// The ends may stand in either order.
static bool in_range(char byte, char one, char other, bool ignore_case) {
    int value = signed_value(byte);
    int from = signed_value(one);
    int to = signed_value(other);
    if (from > to) {
        from = signed_value(other);
        to = signed_value(one);
    }
    if (ignore_case) {
        value = lower(value);
        from = lower(from);
        to = lower(to);
    }
    return value >= from && value <= to;
}

// Whether `byte` is in the class whose '[' stands before `at`; `*end` becomes the place behind the
// class. A class that nobody closed ends with the pattern. A range is taken as one even if its
// upper end is the ']', and a backslash as the last byte stands for itself.
static bool class_has(struct slice pattern, size_t at, char byte, bool ignore_case, size_t *end) {
    bool is_negated = at < pattern.len && pattern.data[at] == '^';
    if (is_negated) at++;
    bool found = false;
    while (at < pattern.len && pattern.data[at] != ']') {
        const char *p = pattern.data + at;
        size_t left = pattern.len - at;
        if (p[0] == '\\' && left >= 2) {
            found |= p[1] == byte; // exact even when case is ignored: Redis does so
            at += 2;
        } else if (left >= 3 && p[1] == '-') {
            found |= in_range(byte, p[0], p[2], ignore_case);
            at += 3;
        } else {
            found |= same(p[0], byte, ignore_case);
            at++;
        }
    }
    *end = at < pattern.len ? at + 1 : at;
    return found != is_negated;
}

// Matches one byte against the pattern's element at `at`, which is not a star. Every element takes
// exactly one byte, whatever that byte is; therefore going back to the newest star is enough.
static bool element_has(struct slice pattern, size_t at, char byte, bool ignore_case, size_t *end) {
    switch (pattern.data[at]) {
    case '?':
        *end = at + 1;
        return true;
    case '[':
        return class_has(pattern, at + 1, byte, ignore_case, end);
    case '\\':
        if (at + 1 < pattern.len) at++;
        break;
    default:
        break;
    }
    *end = at + 1;
    return same(pattern.data[at], byte, ignore_case);
}

bool slice_matches_glob(struct slice s, struct slice pattern, bool ignore_case) {
    // Redis lets no pattern but the empty one match an empty string, and yet its commands take a
    // lone star for "all".
    if (s.len == 0) return pattern.len == 0 || slice_equal(pattern, SLICE("*"));
    size_t at = 0;
    size_t p = 0;
    size_t behind_star = SIZE_MAX; // where the pattern goes on behind the newest star
    size_t star_takes_to = 0;      // that star has taken the bytes before this one
    while (at < s.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            behind_star = ++p;
            if (behind_star == pattern.len) return true;
            star_takes_to = at;
            continue;
        }
        size_t next = p;
        if (p < pattern.len && element_has(pattern, p, s.data[at], ignore_case, &next)) {
            p = next;
            at++;
        } else if (behind_star != SIZE_MAX) {
            p = behind_star;
            at = ++star_takes_to;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

void slice_to_cstr(struct slice s, char *out, size_t cap) {
    must(cap > 0);
    size_t len = num_min(s.len, cap - 1);
    if (len > 0) memcpy(out, s.data, len);
    out[len] = '\0';
}
