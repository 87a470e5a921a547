// A mutator for fuzz_engine: half of the time libFuzzer's own, else a line is put in, taken out,
// doubled or moved. New lines are events, or commands made from the rows of the command table, with
// arguments that their usage asks for. So a new command is fuzzed from the day it has a row.
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "server/commands/table.h"
#include "server/options/options.h"
#include "tests/fuzz/target.h"

// NOLINTBEGIN(readability-identifier-naming): libFuzzer chose the names.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
// NOLINTEND(readability-identifier-naming)

enum { USAGE_TOKENS_MAX = 48 };

#define PICK(rng, words) ((words)[rng_below((rng), sizeof(words) / sizeof *(words))])

// ---- commands by their usage

// Too long to be held in memory: it becomes a reference into the log.
#define LONG_VALUE "0123456789012345678901234567890123456789012345678901234567890123456789"

static const char *const keys[] = {"a", "b", "c", "a", "b", "\\x00", "\"\""};
static const char *const numbers[] = {"0",
                                      "1",
                                      "2",
                                      "-1",
                                      "10",
                                      "-2",
                                      "100",
                                      "0.1",
                                      "1.5",
                                      "60000",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "18446744073709551616",
                                      "4294967296",
                                      "2147483647",
                                      "1e308",
                                      "nan",
                                      "inf",
                                      "-0",
                                      "1000005"};
static const char *const values[] = {"x",          "1",   "a", LONG_VALUE,
                                     "\\xff\\x00", "3.0", "*", "[^a]*?\\\\"};
static const char *const number_names[] = {
    "count", "index",   "offset", "start",     "stop",  "end",    "seconds", "milliseconds",
    "len",   "timeout", "rank",   "increment", "db",    "cursor", "number",  "decrement",
    "num",   "port",    "id",     "ttl",       "exact", "unix",   "protover"};

static bool has_part(struct slice token, const char *part) {
    const size_t len = strlen(part);
    for (size_t at = 0; at + len <= token.len; at++) {
        if (slice_is(slice_sub(token, at, at + len), part)) return true;
    }
    return false;
}

static void write_argument(struct rng *rng, struct slice token, struct buf *out) {
    if (rng_below(rng, 12) == 0) {
        buf_append_str(out, PICK(rng, values));
    } else if (token.data[0] >= 'A' && token.data[0] <= 'Z') { // a word of the command
        buf_append_slice(out, token);
    } else if (has_part(token, "numkeys")) {
        buf_append_u64(out, 1 + rng_below(rng, 2));
    } else if (has_part(token, "key") || has_part(token, "source") || has_part(token, "dest")) {
        buf_append_str(out, PICK(rng, keys));
    } else if (has_part(token, "parameter")) {
        buf_append_str(out, option_name(options_at(rng_below(rng, options_count()))));
    } else {
        bool is_number = false;
        for (size_t i = 0; i < sizeof number_names / sizeof *number_names; i++) {
            is_number |= has_part(token, number_names[i]);
        }
        buf_append_str(out, is_number ? PICK(rng, numbers) : PICK(rng, values));
    }
    buf_append_byte(out, ' ');
}

static bool is_mark(char byte) {
    return strchr("[]<>| ", byte) != NULL;
}

// The tokens of "key [count] <LEFT | RIGHT>", one way or another: of alternatives any, of what is
// optional half.
static void write_arguments(struct rng *rng, const char *usage, struct buf *out) {
    bool is_left_out = false;
    for (const char *at = usage; *at != '\0';) {
        if (*at == '[') is_left_out = rng_below(rng, 2) == 0;
        if (*at == ']') is_left_out = false;
        if (is_mark(*at)) {
            at++;
            continue;
        }
        const char *end = at;
        while (*end != '\0' && !is_mark(*end))
            end++;
        struct slice token = slice_of(at, (size_t)(end - at));
        const char *behind = end;
        while (*behind == ' ')
            behind++;
        const bool has_other = *behind == '|';
        if (slice_is(token, "...")) token = SLICE("value");
        const bool is_passed_over = is_left_out || (has_other && rng_below(rng, 2) == 0);
        if (!is_passed_over) write_argument(rng, token, out);
        if (has_other && !is_passed_over) { // taken: the others are not
            while (*end != '\0' && *end != ']' && *end != '>')
                end++;
        }
        at = end;
    }
}

static void write_command(struct rng *rng, struct buf *out) {
    const struct command_table table = commands_table();
    const struct command *command = &table.rows[rng_below(rng, table.len)];
    buf_append_byte(out, (char)((rng_below(rng, 2) == 0 ? '0' : 'A') + (char)rng_below(rng, 4)));
    buf_append_str(out, command->name);
    buf_append_byte(out, ' ');
    if (command->subtable != NULL && rng_below(rng, 8) != 0) {
        command = &command->subtable[rng_below(rng, command->subtable_len)];
        buf_append_str(out, command->name);
        buf_append_byte(out, ' ');
    }
    write_arguments(rng, command->usage, out);
    out->len--; // the last blank
}

// ---- lines

static void write_line(struct rng *rng, struct buf *out) {
    static const char *const events[] = {
        "f",      "r",  "g",    "h",   "T",  "t10",  "t1000",       "t100000",
        "w-1000", "x0", "x1",   "o0 ", "z",  "o1 5", "o0 10",       "E0",
        "E1",     "E2", "E3",   "E4",  "E5", "E6",   "R",           "P",
        "F",      "H",  "w500", "x2",  "f",  "r",    "a*1\\r\\n$4", "b\\r\\n",
    };
    if (rng_below(rng, 3) == 0) {
        buf_append_str(out, PICK(rng, events));
    } else {
        write_command(rng, out);
    }
    buf_append_byte(out, '\n');
}

// The range of one line, its end included.
static void pick_line(struct rng *rng, struct slice text, size_t *from, size_t *to) {
    *from = text.len == 0 ? 0 : rng_below(rng, text.len);
    while (*from > 0 && text.data[*from - 1] != '\n')
        (*from)--;
    *to = *from;
    while (*to < text.len && text.data[(*to)++] != '\n') {
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    struct rng rng;
    rng_init(&rng, seed);
    if (size < 1 || rng_below(&rng, 2) == 0) return LLVMFuzzerMutate(data, size, max_size);
    const struct slice text = slice_of(data + 1, size - 1);
    struct buf out = {0};
    size_t from = 0;
    size_t to = 0;
    buf_append_byte(&out, (char)data[0]);
    pick_line(&rng, text, &from, &to);
    const struct slice line = slice_sub(text, from, to);
    switch (rng_below(&rng, 8)) {
    case 0: // without it
        buf_append_slice(&out, slice_sub(text, 0, from));
        break;
    case 1: // twice
        buf_append_slice(&out, slice_sub(text, 0, to));
        buf_append_slice(&out, line);
        break;
    case 2: // elsewhere
        buf_append_slice(&out, line);
        buf_append_slice(&out, slice_sub(text, 0, from));
        break;
    default:
        buf_append_slice(&out, slice_sub(text, 0, from));
        for (uint64_t lines = 1 + rng_below(&rng, 3); lines > 0; lines--) {
            write_line(&rng, &out);
        }
        if (rng_below(&rng, 2) == 0) buf_append_slice(&out, line);
        break;
    }
    buf_append_slice(&out, slice_sub(text, to, text.len));
    const size_t len = num_min(out.len, max_size);
    memcpy(data, out.data, len);
    buf_deinit(&out);
    return len;
}
