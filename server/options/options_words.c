#include "server/options/options_words.h"

#include <stdbool.h>

#include "proto/base/escape.h"

void options_words_deinit(struct options_words *words) {
    buf_deinit(&words->bytes);
    *words = (struct options_words){0};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

// Reads a quoted part whose opening quote is at `at`; returns the position behind the closing one,
// or 0 when there is none or something is glued to it.
static size_t read_quoted(struct slice line, size_t at, struct buf *out) {
    char quote = line.data[at++];
    while (at < line.len) {
        char c = line.data[at];
        if (c == quote) {
            at++;
            return at == line.len || is_blank(line.data[at]) ? at : 0;
        }
        bool is_escape = c == '\\' && at + 1 < line.len;
        if (is_escape && quote == '"') {
            char decoded;
            at += escape_decode(line.data + at, line.len - at, &decoded);
            buf_append_byte(out, decoded);
        } else if (is_escape && line.data[at + 1] == '\'') {
            buf_append_byte(out, '\'');
            at += 2;
        } else {
            buf_append_byte(out, c);
            at++;
        }
    }
    return 0;
}

// Reads the word that begins at `at`; returns the position behind it, or 0: unbalanced quotes.
static size_t read_word(struct slice line, size_t at, struct buf *out) {
    while (at < line.len && !is_blank(line.data[at])) {
        if (line.data[at] == '"' || line.data[at] == '\'') return read_quoted(line, at, out);
        buf_append_byte(out, line.data[at++]);
    }
    return at;
}

enum err options_words_split(struct options_words *words, struct slice line, struct fault *fault) {
    buf_reset(&words->bytes);
    buf_reserve(&words->bytes, line.len + 1); // words never grow: they do not move any more
    words->count = 0;
    size_t at = 0;
    while (at < line.len && is_blank(line.data[at]))
        at++;
    if (at == line.len || line.data[at] == '#') return ERR_NONE;
    while (at < line.len) {
        if (words->count == OPTIONS_WORDS_MAX) {
            return fault_set(fault, ERR_INVALID, "more than %d words", OPTIONS_WORDS_MAX);
        }
        size_t from = words->bytes.len;
        at = read_word(line, at, &words->bytes);
        if (at == 0) return fault_set(fault, ERR_INVALID, "unbalanced quotes");
        words->words[words->count++] = slice_sub(buf_slice(&words->bytes), from, words->bytes.len);
        while (at < line.len && is_blank(line.data[at]))
            at++;
    }
    return ERR_NONE;
}

struct slice options_next_line(struct slice *text) {
    size_t end = 0;
    while (end < text->len && text->data[end] != '\n')
        end++;
    struct slice line = slice_sub(*text, 0, end);
    *text = slice_sub(*text, end < text->len ? end + 1 : end, text->len);
    if (line.len > 0 && line.data[line.len - 1] == '\r') line.len--;
    return line;
}
