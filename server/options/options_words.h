// Splits a line of the configuration file into words, as redis-server does: blanks separate, '#'
// begins a comment only at the start of a line, "..." knows \n \r \t \a \b \xHH \" \\, '...' knows
// \' only, and a closing quote must end its word.
#ifndef ACKD_SERVER_OPTIONS_OPTIONS_WORDS_H
#define ACKD_SERVER_OPTIONS_OPTIONS_WORDS_H

#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

enum { OPTIONS_WORDS_MAX = 64 };

// Zero-initialised is empty and valid.
struct options_words {
    struct buf bytes;
    struct slice words[OPTIONS_WORDS_MAX]; // lend from bytes until the next split
    size_t count;
};

void options_words_deinit(struct options_words *words);

// Zero words for a blank line or a comment. ERR_INVALID: unbalanced quotes, or too many words.
enum err options_words_split(struct options_words *words, struct slice line, struct fault *fault);

// Cuts the first line, without its line end, off the front of `text`.
struct slice options_next_line(struct slice *text);

#endif
