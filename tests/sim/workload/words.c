// The arguments that usage texts name: one row a word. A command with a new word needs one row
// here.
#include <stdio.h>
#include <string.h>

#include "proto/base/num.h"
#include "tests/sim/workload/workload_state.h"

// ---- keys: a few hot ones of each type

static const char key_letters[] = "slhtzx"; // string list hash set sorted set stream

enum { KEYS_OF_CLASS = WORKLOAD_KEYS };

static bool is_row(const struct drawing *drawing, const char *name) {
    return strcmp(drawing->leaf->row->name, name) == 0;
}

static int draw_class(struct workload *workload) {
    static const int classes[] = {0, 0, 1, 1, 1, 1, 2, 2, 5}; // lists most often
    return classes[workload_below(workload, sizeof classes / sizeof classes[0])];
}

static int class_of_group(struct workload *workload, enum command_group group) {
    switch (group) {
    case GROUP_STRING:
        return 0;
    case GROUP_LIST:
        return 1;
    case GROUP_HASH:
        return 2;
    case GROUP_SET:
        return 3;
    case GROUP_SORTED_SET:
        return 4;
    case GROUP_STREAM:
        return 5;
    case GROUP_CONNECTION:
    case GROUP_GENERIC:
    case GROUP_SERVER:
    case GROUP_PUBSUB:
    case GROUP_TRANSACTIONS:
    case GROUP_SCRIPTING:
        break;
    }
    return draw_class(workload);
}

// Names that servers have stumbled over: empty, binary, long, of glob signs.
static void odd_key(struct workload *workload) {
    switch (workload_below(workload, 4)) {
    case 0:
        workload_text(workload, "");
        break;
    case 1:
        workload_slice(workload, SLICE("k\0\r\n\xff"));
        break;
    case 2:
        workload_text(workload, "a*[b]?\\");
        break;
    default:
        workload_bytes(workload, 300);
        break;
    }
}

static void note_added(struct workload *workload, size_t heat) {
    struct workload_added *added = &workload->added[heat];
    added->last = (added->last + 1) % WORKLOAD_ADDED;
    added->ms[added->last] = workload->now_ms;
}

static void draw_key(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    const bool waits = (drawing->leaf->row->traits & COMMAND_WAITS) != 0;
    int class = class_of_group(workload, drawing->leaf->row->group);
    if (drawing->key_class >= 0) class = drawing->key_class;
    // The wrong type, likely; seldom where it would stay.
    const bool grows = (drawing->leaf->row->traits & COMMAND_GROWS) != 0;
    if (workload_chance(workload, grows ? 1 : 5)) class = draw_class(workload);
    if (drawing->key_class < 0) drawing->key_class = class;
    drawing->keys++;
    if (workload_chance(workload, 1)) {
        odd_key(workload);
    } else {
        // Half of all go to the hottest key, a quarter to the next ...
        size_t heat = 0;
        if (waits && workload_chance(workload, 30)) heat = 2; // where more often nothing is
        while (heat + 1 < KEYS_OF_CLASS && workload_chance(workload, 50)) {
            heat++;
        }
        char name[8];
        snprintf(name, sizeof name, "%c:%zu", key_letters[class], heat);
        workload_text(workload, name);
        drawing->heat = heat;
        if (is_row(drawing, "xadd")) note_added(workload, heat);
    }
    workload->args[workload->argc - 1].is_key = true;
}

// ---- values

enum { POOL_SIZE = 12 };

// One of a few elements that come again, so that LREM, LPOS and LINSERT find them; a third of them
// is long enough to lie in the log.
static void draw_known(struct workload *workload) {
    // Half of them are one of three, so that lists hold the same one several times.
    const size_t which = workload_below(workload, workload_chance(workload, 50) ? 3 : POOL_SIZE);
    if (workload_chance(workload, 20)) {
        // Of one hash and length, and yet two: of 100,000 jobs two have the same 32 bits.
        workload_text(workload, which % 2 == 0 ? "job-124501" : "job-140230");
        return;
    }
    char text[128];
    const int len = snprintf(text, sizeof text, "e%zu", which);
    const size_t wanted = which % 3 == 0 ? 60 + which : which % 3 == 1 ? 5 + which : (size_t)len;
    memset(text + len, '.', sizeof text - (size_t)len);
    workload_slice(workload, slice_of(text, wanted));
}

static void draw_number_text(struct workload *workload) {
    static const char *const odd[] = {"9223372036854775807",
                                      "-9223372036854775808",
                                      "9223372036854775808",
                                      "1e300",
                                      "0.1",
                                      "-0",
                                      "007",
                                      "3.0e3",
                                      "inf",
                                      " 5"};
    if (workload_chance(workload, 10)) {
        workload_text(workload, odd[workload_below(workload, sizeof odd / sizeof odd[0])]);
    } else {
        workload_i64(workload, workload_between(workload, -100, 1000));
    }
}

// Both sides of each border: inline (9), in memory (64), one sector, one batch and, where the
// world's segments are known, a good part of a segment.
static size_t draw_length(struct workload *workload) {
    static const uint16_t borders[] = {0, 1, 8, 9, 10, 63, 64, 65, 66, 127, 128};
    const size_t segment = workload->options.segment_bytes;
    if (segment > 0 && workload_below(workload, 300) == 0) {
        return segment / 16 + workload_below(workload, segment / 3);
    }
    if (workload_chance(workload, 40)) {
        return borders[workload_below(workload, sizeof borders / sizeof borders[0])];
    }
    if (workload_chance(workload, 70)) return workload_below(workload, 120);
    if (workload_chance(workload, 80)) return workload_below(workload, 2000);
    return workload_below(workload, 20000);
}

static void draw_value(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    const bool is_string = drawing->leaf->row->group == GROUP_STRING;
    const bool is_sought = (drawing->leaf->row->traits & COMMAND_GROWS) == 0; // LREM, LPOS
    if (is_sought && workload_chance(workload, 80)) {
        draw_known(workload);
    } else if (workload_chance(workload, is_string ? 40 : 15)) {
        draw_number_text(workload);
    } else if (workload_chance(workload, 50)) {
        draw_known(workload);
    } else {
        workload_bytes(workload, draw_length(workload));
    }
}

static void draw_field(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    char name[16];
    if (workload_chance(workload, 1)) {
        workload_bytes(workload, workload_below(workload, 100));
        return;
    }
    // Now and then from so many that a hash becomes a large one.
    snprintf(name, sizeof name, "f%zu",
             workload_below(workload, workload_chance(workload, 10) ? 1000 : 10));
    workload_text(workload, name);
}

// ---- numbers

static bool draw_extreme(struct workload *workload) {
    static const char *const extremes[] = {
        "9223372036854775807",
        "-9223372036854775808",
        "-9223372036854775807",
        "2147483647",
        "-2147483648",
        "4294967296",
        "4294967295",
        "18446744073709551615",
        "0",
        "-0",
        "+1",
        "1 ",
        "0x10",
        "1.0",
        "",
    };
    if (!workload_chance(workload, 3)) return false;
    workload_text(workload,
                  extremes[workload_below(workload, sizeof extremes / sizeof extremes[0])]);
    return true;
}

static void draw_integer(struct workload *workload, int64_t low, int64_t high) {
    if (!draw_extreme(workload)) workload_i64(workload, workload_between(workload, low, high));
}

static void draw_index(struct drawing *drawing) {
    draw_integer(drawing->workload, -12, 12);
}

static void draw_count(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    draw_integer(workload, workload_chance(workload, 40) ? -5 : 1, 6);
}

// Where a string is edited: rarely far behind its end.
static void draw_offset(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    draw_integer(workload, 0, workload_chance(workload, 5) ? 5000 : 90);
}

static void draw_increment(struct drawing *drawing) {
    static const char *const floats[] = {
        "0.1",    "-2.5",   "3.0e3", "1e-9", "5e300",
        "1e4931", "nan",    "inf",   "-inf", "0.333333333333333333",
        "1e",     "1_000.5"};
    struct workload *workload = drawing->workload;
    if (strstr(drawing->leaf->row->name, "float") != NULL && workload_chance(workload, 70)) {
        workload_text(workload, floats[workload_below(workload, sizeof floats / sizeof floats[0])]);
        return;
    }
    draw_integer(workload, -20, 20);
}

static void draw_db(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    if (workload_chance(workload, 5)) {
        draw_integer(workload, -1, 20);
    } else if (workload_chance(workload, 40)) {
        workload_i64(workload, 0); // most clients meet there
    } else {
        workload_i64(workload, (int64_t)workload_below(workload, workload->options.databases));
    }
}

// SWAPDB: of two that are alike nothing is seen.
static void draw_swapped(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    if (workload_chance(workload, 5)) {
        draw_integer(workload, -1, 20);
    } else {
        workload_i64(workload, (int64_t)workload_below(workload, workload->options.databases));
    }
}

// LINDEX counts elements, SELECT databases.
static void draw_index_or_db(struct drawing *drawing) {
    if (drawing->leaf->row->group == GROUP_CONNECTION) {
        draw_db(drawing);
    } else {
        draw_index(drawing);
    }
}

static void draw_numkeys(struct drawing *drawing) {
    drawing->numkeys_at = drawing->workload->argc;
    drawing->keys = 0;
    workload_i64(drawing->workload, 0);
}

static void draw_client_id(struct drawing *drawing) {
    workload_i64(drawing->workload,
                 workload_between(drawing->workload, 0, drawing->workload->options.clients_max));
}

static void draw_number(struct drawing *drawing) {
    draw_integer(drawing->workload, 0, 100);
}

// ---- streams

static void draw_odd_id(struct workload *workload) {
    static const char *const odd[] = {"-",   "+",    "$",   ">",     "0", "0-0",
                                      "5-*", "(1-1", "abc", "1-1-1", "*", "18446744073709551615",
                                      "",    "-1",   "1-",  "007-1"};
    workload_text(workload, odd[workload_below(workload, sizeof odd / sizeof odd[0])]);
}

// An id that an entry of the key may have: `*` puts it at the time, so the times of late XADDs are
// kept.
static void draw_known_id(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    const struct workload_added *added = &workload->added[drawing->heat];
    const size_t ago = workload_chance(workload, 60) ? workload_below(workload, 6)
                                                     : workload_below(workload, WORKLOAD_ADDED);
    const int64_t ms = added->ms[(added->last + WORKLOAD_ADDED - ago) % WORKLOAD_ADDED];
    char text[48];
    snprintf(text, sizeof text, "%lld-%zu", (long long)ms,
             workload_chance(workload, 70) ? 0 : workload_below(workload, 3));
    workload_text(workload, text);
}

static void draw_small_id(struct workload *workload) {
    char text[48];
    snprintf(text, sizeof text, "%zu-%zu", workload_below(workload, 4) + 1,
             workload_below(workload, 40));
    workload_text(workload, text);
}

// Of a new entry: at about this time, so that it is mostly above the last.
static void draw_new_id(struct workload *workload) {
    char text[48];
    const long long ms = (long long)workload->now_ms;
    if (workload_chance(workload, 50)) {
        workload_text(workload, "*");
    } else if (workload_chance(workload, 10)) {
        draw_small_id(workload);
    } else if (workload_chance(workload, 70)) {
        snprintf(text, sizeof text, "%lld-*", ms);
        workload_text(workload, text);
    } else {
        snprintf(text, sizeof text, "%lld-%zu", ms, workload_below(workload, 5));
        workload_text(workload, text);
    }
}

// Where XREADGROUP and XREAD begin: mostly at what is new.
static void draw_beginning(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    if (workload_chance(workload, 75)) {
        workload_text(workload, is_row(drawing, "xread") ? "$" : ">");
    } else if (workload_chance(workload, 60)) {
        workload_text(workload, "0");
    } else {
        draw_known_id(drawing);
    }
}

static void draw_id(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    drawing->ids++;
    if (workload_chance(workload, 3)) {
        draw_odd_id(workload);
    } else if (is_row(drawing, "xadd")) {
        draw_new_id(workload);
    } else if (is_row(drawing, "xread") || is_row(drawing, "xreadgroup")) {
        draw_beginning(drawing);
    } else if (is_row(drawing, "create") && workload_chance(workload, 50)) {
        workload_text(workload, "0");
    } else if (workload_chance(workload, 85)) {
        draw_known_id(drawing);
    } else {
        draw_small_id(workload);
    }
}

// Mostly as many as follow: see fill_counts.
static void draw_numids(struct drawing *drawing) {
    if (workload_chance(drawing->workload, 90)) {
        drawing->numids_at = drawing->workload->argc;
        drawing->ids = 0;
    }
    workload_i64(drawing->workload, workload_between(drawing->workload, 0, 3));
}

// XRANGE wants ids, LRANGE indexes.
static void draw_bound(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    if (drawing->leaf->row->group != GROUP_STREAM) {
        draw_index(drawing);
    } else if (workload_chance(workload, 50)) {
        workload_text(workload, workload_chance(workload, 50) ? "-" : "+");
    } else {
        draw_id(drawing);
    }
}

// MAXLEN or MINID: either is read as either.
static void draw_threshold(struct drawing *drawing) {
    if (workload_chance(drawing->workload, 70)) {
        draw_integer(drawing->workload, 0, workload_chance(drawing->workload, 50) ? 50 : 400);
    } else {
        draw_id(drawing);
    }
}

// How long something is to have been idle: rarely so long that nothing is.
static void draw_min_idle(struct drawing *drawing) {
    draw_integer(drawing->workload, 0, workload_chance(drawing->workload, 80) ? 20 : 5000);
}

static void draw_maxcount(struct drawing *drawing) {
    draw_integer(drawing->workload, 1, 20);
}

static void draw_bytes(struct drawing *drawing) {
    draw_integer(drawing->workload, 1, 1000);
}

// ---- times

static void draw_milliseconds(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    draw_integer(workload, workload_chance(workload, 5) ? -10 : 1,
                 workload_chance(workload, 50) ? 50 : 5000);
}

static void draw_seconds(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    draw_integer(workload, workload_chance(workload, 10) ? -1 : 1,
                 workload_chance(workload, 50) ? 3 : 100);
}

static void draw_unix_ms(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    if (draw_extreme(workload)) return;
    workload_i64(workload,
                 workload->now_ms +
                     workload_between(workload, -5, workload_chance(workload, 50) ? 50 : 5000));
}

static void draw_unix_seconds(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    if (draw_extreme(workload)) return;
    workload_i64(workload, workload->now_ms / 1000 + workload_between(workload, 0, 5));
}

// Of blocked commands: short, so that both the push and the deadline come first at times. What is
// no number is refused; 0 is for ever.
static void draw_timeout(struct drawing *drawing) {
    static const char *const timeouts[] = {"0",   "0.01", "0.02", "0.05",  "0.1",  "0.25",
                                           "0.5", "1",    "2",    "0.001", "1e-1", "0.0001"};
    static const char *const wrong[] = {"-1", "inf", "nan", "1e19", "abc", "", "1 "};
    struct workload *workload = drawing->workload;
    if (workload_chance(workload, 3)) {
        workload_text(workload, wrong[workload_below(workload, sizeof wrong / sizeof wrong[0])]);
    } else {
        workload_text(workload,
                      timeouts[workload_below(workload, sizeof timeouts / sizeof timeouts[0])]);
    }
}

// ---- words that are chosen from a few

static void draw_of(struct workload *workload, const char *const *texts, size_t count) {
    workload_text(workload, texts[workload_below(workload, count)]);
}

#define DRAW_OF(name, ...)                                                                         \
    static void name(struct drawing *drawing) {                                                    \
        static const char *const texts[] = {__VA_ARGS__};                                          \
        draw_of(drawing->workload, texts, sizeof texts / sizeof texts[0]);                         \
    }

DRAW_OF(draw_pattern, "*", "*", "l:*", "?:[0-2]", "[^s]*", "s:1", "f[1-3]*", "a*a*a*a*b", "\\*",
        "[", "")
DRAW_OF(draw_type, "string", "list", "hash", "LIST", "stream", "none")
DRAW_OF(draw_section, "server", "clients", "keyspace", "commandstats", "all", "everything",
        "nothing")
DRAW_OF(draw_word, "word", "a", "other-word", "with space", "")
DRAW_OF(draw_command_name, "get", "LPUSH", "client|kill", "nonsense", "blmove")
DRAW_OF(draw_category, "read", "write", "list", "nonsense")
DRAW_OF(draw_parameter, "maxmemory", "*", "slowlog-*", "nonsense", "appendonly")
DRAW_OF(draw_user, "default", "default", "somebody")
DRAW_OF(draw_protocol, "2", "3", "3", "2", "4", "two")
DRAW_OF(draw_address, "127.0.0.1:1", "127.0.0.1:99999", "nonsense")
DRAW_OF(draw_cursor, "0", "0", "0", "0", "1", "17", "-1", "18446744073709551616", "x")

DRAW_OF(draw_group, "g1", "g1", "g1", "g1", "g1", "g1", "g1", "g1", "g2", "g2", "nobody's", "")
DRAW_OF(draw_consumer, "c1", "c1", "c1", "c2", "c2", "c3", "with space", "")
DRAW_OF(draw_producer, "p1", "p1", "p1", "p2", "p2", "p3", "a producer", "")
DRAW_OF(draw_sent, "i1", "i1", "i2", "i2", "i3", "i4", "i5", "i6", "")
DRAW_OF(draw_entries_read, "0", "1", "3", "-1", "-2", "100", "x")

// ---- commands within commands

// COMMAND GETKEYS takes a whole command, LATENCY HISTOGRAM names.
static void draw_command(struct drawing *drawing) {
    struct workload *workload = drawing->workload;
    const bool is_whole = strstr(drawing->leaf->row->name, "getkeys") != NULL;
    if (!is_whole || workload->nesting > WORKLOAD_NESTING_MAX) {
        draw_command_name(drawing);
        return;
    }
    workload_generate_leaf(workload,
                           &workload->leaves[workload_below(workload, workload->leaf_count)]);
}

// What stands behind the word `command` has come with it.
static void draw_nothing(struct drawing *drawing) {
    (void)drawing;
}

// ---- the words

static const struct {
    const char *word;
    void (*draw)(struct drawing *drawing);
} words[] = {
    {"arg", draw_nothing},
    {"category", draw_category},
    {"client-id", draw_client_id},
    {"clientname", draw_word},
    {"command", draw_command},
    {"command-name", draw_command_name},
    {"connection-name", draw_word},
    {"consumer", draw_consumer},
    {"count", draw_count},
    {"cursor", draw_cursor},
    {"db", draw_db},
    {"decrement", draw_increment},
    {"destination", draw_key},
    {"destination-db", draw_db},
    {"element", draw_value},
    {"end", draw_bound},
    {"entries-added", draw_number},
    {"entries-read", draw_entries_read},
    {"event", draw_word},
    {"exactly", draw_count},
    {"field", draw_field},
    {"frequency", draw_number},
    {"group", draw_group},
    {"id", draw_id},
    {"idempotent-id", draw_sent},
    {"idmp-duration", draw_number},
    {"idmp-maxsize", draw_number},
    {"increment", draw_increment},
    {"index", draw_index_or_db},
    {"index1", draw_swapped},
    {"index2", draw_swapped},
    {"ip:port", draw_address},
    {"key", draw_key},
    {"last-id", draw_id},
    {"lastid", draw_id},
    {"len", draw_number},
    {"libname", draw_word},
    {"libver", draw_word},
    {"max-deleted-id", draw_id},
    {"maxcount", draw_maxcount},
    {"maxsize", draw_bytes},
    {"message", draw_value},
    {"milliseconds", draw_milliseconds},
    {"min-idle-time", draw_min_idle},
    {"module-name", draw_word},
    {"ms", draw_min_idle},
    {"newkey", draw_key},
    {"num-matches", draw_count},
    {"numids", draw_numids},
    {"numkeys", draw_numkeys},
    {"numlocal", draw_number},
    {"numreplicas", draw_number},
    {"offset", draw_offset},
    {"parameter", draw_parameter},
    {"password", draw_word},
    {"pattern", draw_pattern},
    {"pivot", draw_value},
    {"producer-id", draw_producer},
    {"protover", draw_protocol},
    {"rank", draw_index},
    {"seconds", draw_seconds},
    {"section", draw_section},
    {"serialized-value", draw_value},
    {"source", draw_key},
    {"start", draw_bound},
    {"stop", draw_index},
    {"subcommand", draw_word},
    {"threshold", draw_threshold},
    {"timeout", draw_timeout},
    {"ttl", draw_milliseconds},
    {"type", draw_type},
    {"unix-time-milliseconds", draw_unix_ms},
    {"unix-time-seconds", draw_unix_seconds},
    {"username", draw_user},
    {"value", draw_value},
};

bool workload_word_draw(struct drawing *drawing, struct slice word) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!slice_equal(word, slice_str(words[i].word))) continue;
        words[i].draw(drawing);
        return true;
    }
    return false;
}

bool workload_word_is_known(struct slice word) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_equal(word, slice_str(words[i].word))) return true;
    }
    return false;
}
