#include "server/options/options.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/options/options_table.h"

void options_init(struct options *options) {
    *options = (struct options){0};
    for (size_t i = 0; i < options_count(); i++) {
        const struct option *option = options_at(i);
        must(option_set(option, options, slice_str(option->standard), NULL) == ERR_NONE);
    }
    options->config_file = mem_zalloc(1);
}

void options_deinit(struct options *options) {
    for (size_t i = 0; i < options_count(); i++) {
        const struct option *option = options_at(i);
        bool is_text = option->kind == OPTION_KIND_TEXT || option->kind == OPTION_KIND_CHOICE ||
                       option->kind == OPTION_KIND_ADDRESSES;
        if (is_text && option->field != OPTION_NO_FIELD) {
            mem_free(*(char **)(void *)((char *)options + option->field));
        }
    }
    mem_free(options->config_file);
    *options = (struct options){0};
}

const struct option *options_find(struct slice name) {
    for (size_t i = 0; i < options_count(); i++) {
        if (slice_is(name, options_at(i)->name)) return options_at(i);
    }
    return NULL;
}

const char *option_name(const struct option *option) {
    return option->name;
}

unsigned option_flags(const struct option *option) {
    return option->flags;
}

const char *option_brief(const struct option *option) {
    return option->brief;
}

const char *option_default(const struct option *option) {
    return option->standard;
}

bool option_is_standard(const struct option *option, const struct options *options) {
    struct options standard;
    options_init(&standard);
    struct buf have = {0};
    struct buf usual = {0};
    option_get(option, options, &have);
    option_get(option, &standard, &usual);
    bool is_standard = slice_equal(buf_slice(&have), buf_slice(&usual));
    buf_deinit(&have);
    buf_deinit(&usual);
    options_deinit(&standard);
    return is_standard;
}

// ---- the nearest name

static char lower(char c) {
    return (char)tolower((unsigned char)c);
}

// Levenshtein's distance by rows of the matrix. `a` has at most OPTIONS_NAME_MAX bytes.
static size_t edits_between(struct slice a, struct slice b) {
    size_t row[OPTIONS_NAME_MAX + 1];
    must(a.len <= OPTIONS_NAME_MAX);
    for (size_t i = 0; i <= a.len; i++)
        row[i] = i;
    for (size_t j = 1; j <= b.len; j++) {
        size_t diagonal = row[0];
        row[0] = j;
        for (size_t i = 1; i <= a.len; i++) {
            size_t replaced = diagonal + (lower(a.data[i - 1]) == lower(b.data[j - 1]) ? 0 : 1);
            diagonal = row[i];
            row[i] = num_min(replaced, num_min(row[i], row[i - 1]) + 1);
        }
    }
    return row[a.len];
}

const char *options_nearest(struct slice name) {
    if (name.len == 0 || name.len > OPTIONS_NAME_MAX) return NULL;
    // A third of the letters may be wrong; beyond that a suggestion only puzzles.
    size_t best = name.len / 3 + 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < options_count(); i++) {
        const struct option *option = options_at(i);
        if (option->flags & OPTION_HIDDEN) continue;
        size_t edits = edits_between(name, slice_str(option->name));
        if (edits >= best) continue;
        best = edits;
        nearest = option->name;
    }
    return nearest;
}

// ---- the manual

void options_manual(struct buf *out) {
    buf_append_str(out, "Options (name, default, meaning):\n");
    for (size_t i = 0; i < options_count(); i++) {
        const struct option *option = options_at(i);
        if (option->flags & (OPTION_HIDDEN | OPTION_FIXED)) continue;
        const char *standard = option->standard[0] == '\0' ? "\"\"" : option->standard;
        buf_printf(out, "  %-28s %-12s %s.\n", option->name, standard, option->brief);
    }
    buf_append_str(out, "\nFixed (accepted with this value only):\n");
    for (size_t i = 0; i < options_count(); i++) {
        const struct option *option = options_at(i);
        if (!(option->flags & OPTION_FIXED)) continue;
        const char *standard = option->standard[0] == '\0' ? "\"\"" : option->standard;
        buf_printf(out, "  %-28s %-12s %s.\n", option->name, standard, option->brief);
    }
}
