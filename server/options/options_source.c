// Where options come from: a file, standard input, the command line. Later ones win.
#define _XOPEN_SOURCE 700 // realpath

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "server/options/options_table.h"
#include "server/options/options_words.h"

enum {
    FILE_BYTES_MAX = 1 << 20, // a configuration file larger than this is something else
    READ_CHUNK = 4096,
};

static enum err unknown_option(struct slice name, struct fault *fault) {
    char text[OPTIONS_NAME_MAX * 2];
    slice_to_cstr(name, text, sizeof text);
    const char *nearest = options_nearest(name);
    if (nearest != NULL) {
        return fault_set(fault, ERR_INVALID, "unknown option '%s'; did you mean '%s'?", text,
                         nearest);
    }
    return fault_set(fault, ERR_INVALID, "unknown option '%s'; `ackd --help` lists those there are",
                     text);
}

// Sets one option from its words. The value is not repeated in the error: it may be a password.
static enum err set_words(struct options *options, struct slice name, const struct slice *words,
                          size_t count, struct fault *fault) {
    const struct option *option = options_find(name);
    if (option == NULL) return unknown_option(name, fault);
    if (count == 0 || (count > 1 && !option_takes_words(option))) {
        return fault_set(fault, ERR_INVALID, "option '%s': wrong number of arguments",
                         option->name);
    }
    struct buf value = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_append_byte(&value, ' ');
        buf_append_slice(&value, words[i]);
    }
    struct fault why = {0};
    enum err err = option_set(option, options, buf_slice(&value), &why);
    buf_deinit(&value);
    if (err != ERR_NONE) return fault_set(fault, err, "option '%s': %s", option->name, why.text);
    return ERR_NONE;
}

// ---- files

static enum err read_stream(FILE *stream, const char *where, struct buf *text,
                            struct fault *fault) {
    for (;;) {
        size_t len = fread(buf_reserve(text, READ_CHUNK), 1, READ_CHUNK, stream);
        buf_commit(text, len);
        if (len == 0) break;
        if (text->len > FILE_BYTES_MAX) {
            return fault_set(fault, ERR_LIMIT, "%s is larger than %d bytes: is it the right file?",
                             where, FILE_BYTES_MAX);
        }
    }
    if (ferror(stream)) return fault_set(fault, ERR_IO, "%s cannot be read", where);
    return ERR_NONE;
}

static enum err set_text(struct options *options, struct slice text, const char *where,
                         struct fault *fault) {
    struct options_words words = {0};
    enum err err = ERR_NONE;
    for (unsigned number = 1; err == ERR_NONE && text.len > 0; number++) {
        struct fault why = {0};
        err = options_words_split(&words, options_next_line(&text), &why);
        if (err == ERR_NONE && words.count > 0) {
            err = set_words(options, words.words[0], words.words + 1, words.count - 1, &why);
        }
        if (err != ERR_NONE) fault_set(fault, err, "%s, line %u: %s", where, number, why.text);
    }
    options_words_deinit(&words);
    return err;
}

static enum err set_stream(struct options *options, FILE *stream, const char *where,
                           struct fault *fault) {
    struct buf text = {0};
    enum err err = read_stream(stream, where, &text, fault);
    if (err == ERR_NONE) err = set_text(options, buf_slice(&text), where, fault);
    buf_deinit(&text);
    return err;
}

enum err options_from_file(struct options *options, const char *path, struct fault *fault) {
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return fault_set(fault, ERR_NOT_FOUND,
                         "the configuration file %s cannot be opened: check the path, and that "
                         "this user may read it",
                         path);
    }
    enum err err = set_stream(options, stream, path, fault);
    fclose(stream);
    if (err != ERR_NONE) return err;
    char absolute[PATH_MAX];
    const char *kept = realpath(path, absolute) != NULL ? absolute : path;
    mem_free(options->config_file);
    options->config_file = mem_dup(kept, strlen(kept) + 1);
    return ERR_NONE;
}

// ---- the command line

static bool is_option(const char *arg) {
    return strncmp(arg, "--", 2) == 0;
}

static enum err set_arguments(struct options *options, int argc, char **argv, int at,
                              struct fault *fault) {
    while (at < argc) {
        if (!is_option(argv[at])) {
            return fault_set(fault, ERR_INVALID,
                             "'%s' is not an option: write --name value; only the first argument "
                             "may be a configuration file",
                             argv[at]);
        }
        struct slice name = slice_str(argv[at++] + 2);
        struct slice words[OPTIONS_WORDS_MAX];
        size_t count = 0;
        while (at < argc && !is_option(argv[at]) && count < OPTIONS_WORDS_MAX) {
            words[count++] = slice_str(argv[at++]);
        }
        struct fault why = {0};
        enum err err = set_words(options, name, words, count, &why);
        if (err != ERR_NONE) return fault_set(fault, err, "command line: %s", why.text);
    }
    return ERR_NONE;
}

enum err options_from_command_line(struct options *options, int argc, char **argv,
                                   struct fault *fault) {
    int first = 1;
    int end = argc;
    bool reads_stdin = end > 1 && strcmp(argv[end - 1], "-") == 0;
    if (reads_stdin) end--;
    if (first < end && !is_option(argv[first])) {
        enum err err = options_from_file(options, argv[first], fault);
        if (err != ERR_NONE) return err;
        first++;
    }
    if (reads_stdin) {
        enum err err = set_stream(options, stdin, "standard input", fault);
        if (err != ERR_NONE) return err;
    }
    return set_arguments(options, end, argv, first, fault);
}
