// Any text is a configuration or refused with a sentence. What was taken can be shown, set again,
// and written by CONFIG REWRITE to a file that reads back as the same; options stay valid whatever
// was refused.
//
// Input: u8 mode. 0: a configuration file. 1: words of a command line, split by NUL. 2: an option
// (u8 its row) and a value. 3: bytes to be quoted and split into words.
#define _GNU_SOURCE // memfd_create

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/options/options.h"
#include "server/options/options_words.h"
#include "tests/fuzz/target.h"

enum { INPUT_MAX = 8192, ARGS_MAX = 64, PATH_CAP = 64 };

static void must_be_sentence(enum err err, const struct fault *fault) {
    must((err == ERR_NONE) == (fault->text[0] == '\0'));
}

// The reader takes paths; this is a file that has none.
static enum err read_text(struct options *options, struct slice text, struct fault *fault) {
    char path[PATH_CAP];
    const int fd = memfd_create("fuzz.conf", 0);
    must(fd >= 0);
    must(text.len == 0 || write(fd, text.data, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const enum err err = options_from_file(options, path, fault);
    close(fd);
    return err;
}

static void must_be_equal(const struct options *one, const struct options *other) {
    struct buf a = {0};
    struct buf b = {0};
    for (size_t i = 0; i < options_count(); i++) {
        option_get(options_at(i), one, &a);
        option_get(options_at(i), other, &b);
        must(slice_equal(buf_slice(&a), buf_slice(&b)));
    }
    buf_deinit(&a);
    buf_deinit(&b);
}

// Each value as it is shown can be set, and is the same then.
static void check_values(const struct options *options) {
    struct options copy;
    options_init(&copy);
    struct buf value = {0};
    for (size_t i = 0; i < options_count(); i++) {
        buf_reset(&value);
        option_get(options_at(i), options, &value);
        must(option_set(options_at(i), &copy, buf_slice(&value), NULL) == ERR_NONE);
    }
    must_be_equal(options, &copy);
    buf_deinit(&value);
    options_deinit(&copy);
}

// `old_text` was taken, or is none: then what is written reads back as the same, and is what would
// be written again.
static void check_rewrite(const struct options *options, struct slice old_text) {
    struct buf text = {0};
    struct buf again = {0};
    struct options back;
    struct fault fault = {0};
    options_init(&back);
    options_rewrite(options, old_text, &text);
    must(read_text(&back, buf_slice(&text), &fault) == ERR_NONE);
    must_be_equal(options, &back);
    options_rewrite(&back, buf_slice(&text), &again);
    // A line end is made a plain one; of several returns each rewriting takes one.
    const bool has_return = old_text.len > 0 && memchr(old_text.data, '\r', old_text.len) != NULL;
    must(has_return || slice_equal(buf_slice(&text), buf_slice(&again)));
    options_deinit(&back);
    buf_deinit(&text);
    buf_deinit(&again);
}

static void try_file(struct options *options, struct slice text) {
    struct fault fault = {0};
    const enum err err = read_text(options, text, &fault);
    must_be_sentence(err, &fault);
    must(err == ERR_NONE || err == ERR_INVALID);
    check_rewrite(options, err == ERR_NONE ? text : SLICE_EMPTY);
    struct buf out = {0};
    options_rewrite(options, text, &out); // also of a file that somebody broke meanwhile
    buf_deinit(&out);
}

static void try_arguments(struct options *options, struct slice bytes) {
    char name[] = "ackd";
    char *argv[ARGS_MAX + 1] = {name};
    int argc = 1;
    struct buf text = {0};
    buf_append_slice(&text, bytes);
    buf_append_byte(&text, '\0');
    for (size_t at = 0; at < text.len && argc < ARGS_MAX; at += strlen(text.data + at) + 1) {
        argv[argc++] = text.data + at;
    }
    // No other file than those made here, and nobody types.
    const bool names_file = argc > 1 && strncmp(argv[1], "--", 2) != 0;
    const bool reads_stdin = argc > 1 && strcmp(argv[argc - 1], "-") == 0;
    struct fault fault = {0};
    if (!names_file && !reads_stdin) {
        must_be_sentence(options_from_command_line(options, argc, argv, &fault), &fault);
    }
    buf_deinit(&text);
    check_rewrite(options, SLICE_EMPTY);
}

static void try_value(struct options *options, struct slice bytes) {
    if (bytes.len == 0) return;
    const struct option *option = options_at((unsigned char)bytes.data[0] % options_count());
    struct fault fault = {0};
    const enum err err = option_set(option, options, slice_sub(bytes, 1, bytes.len), &fault);
    must_be_sentence(err, &fault);
    must(err == ERR_NONE || err == ERR_INVALID);
    const char *nearest = options_nearest(bytes);
    must(nearest == NULL || options_find(slice_str(nearest)) != NULL);
    check_rewrite(options, SLICE_EMPTY);
}

// A word in quotes is that word, whatever it holds.
static void try_words(struct slice bytes) {
    struct options_words words = {0};
    struct buf line = {0};
    buf_append_quoted(&line, bytes);
    must(options_words_split(&words, buf_slice(&line), NULL) == ERR_NONE);
    must(words.count == 1 && slice_equal(words.words[0], bytes));
    options_words_deinit(&words);
    buf_deinit(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > INPUT_MAX) return 0;
    char *bytes = mem_dup(data + 1, size - 1);
    const struct slice input = slice_of(bytes, size - 1);
    struct options options;
    options_init(&options);
    switch (data[0] % 4) {
    case 0:
        try_file(&options, input);
        break;
    case 1:
        try_arguments(&options, input);
        break;
    case 2:
        try_value(&options, input);
        break;
    default:
        try_words(input);
        break;
    }
    check_values(&options);
    options_deinit(&options);
    mem_free(bytes);
    return 0;
}
