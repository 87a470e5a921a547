// Borrowed bytes. A slice owns nothing and is valid until the lender's next change. May hold any
// byte, NUL included.
#ifndef ACKD_PROTO_BASE_SLICE_H
#define ACKD_PROTO_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data; // may be NULL when len is 0
    size_t len;
};

#define SLICE_EMPTY ((struct slice){0})

// A slice of a string literal or char array with its terminating NUL left out.
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

// The same as an initialiser, for static tables, where C wants constants only.
#define SLICE_INIT(literal)                                                                        \
    { (literal), sizeof(literal) - 1 }

static inline struct slice slice_of(const void *data, size_t len) {
    return (struct slice){(const char *)data, len};
}

static inline struct slice slice_str(const char *text) {
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

// The part [from, to) of s; both must lie inside.
static inline struct slice slice_sub(struct slice s, size_t from, size_t to) {
    // Where nothing can lie, data may be NULL, to which C forbids even to add 0.
    return (struct slice){to == 0 ? s.data : s.data + from, to - from};
}

// Order of memcmp, a shorter one before a longer one it begins.
int slice_compare(struct slice a, struct slice b);

// ASCII case-insensitive comparison, as Redis does for command and option names.
bool slice_equal_nocase(struct slice a, struct slice b);
bool slice_is(struct slice s, const char *word); // case-insensitive, against a C string

// Whether s matches the glob pattern as Redis reads it: * ? [a-z] [^a] and backslash. Linear:
// O(len(pattern) * len(s)) at worst, no recursion (CVE-2022-36021, CVE-2024-31228).
bool slice_matches_glob(struct slice s, struct slice pattern, bool ignore_case);

// Copies s into out (size cap), NUL-terminated, cut if need be; for messages.
void slice_to_cstr(struct slice s, char *out, size_t cap);

#endif
