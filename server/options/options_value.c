// Values of options: text to field and back. The error texts are the ones Redis 7.0 answers,
// because clients show them to people who know them.
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/options/options_table.h"

static void *field_of(const struct option *option, struct options *options) {
    must(option->field != OPTION_NO_FIELD);
    return (char *)options + option->field;
}

static const void *field_in(const struct option *option, const struct options *options) {
    must(option->field != OPTION_NO_FIELD);
    return (const char *)options + option->field;
}

// ---- output limits

const char *output_class_name(enum output_class class) {
    static const char *const names[OUTPUT_CLASSES] = {"normal", "slave", "pubsub"};
    return names[class];
}

static bool output_class_parse(struct slice word, enum output_class *out) {
    for (unsigned class = 0; class < OUTPUT_CLASSES; class ++) {
        if (slice_is(word, output_class_name((enum output_class) class))) {
            *out = (enum output_class) class;
            return true;
        }
    }
    *out = OUTPUT_REPLICA;
    return slice_is(word, "replica");
}

// The next word of `rest`, which is cut; empty when there is none.
static struct slice next_word(struct slice *rest) {
    size_t from = 0;
    while (from < rest->len && rest->data[from] == ' ')
        from++;
    size_t to = from;
    while (to < rest->len && rest->data[to] != ' ')
        to++;
    struct slice word = slice_sub(*rest, from, to);
    *rest = slice_sub(*rest, to, rest->len);
    return word;
}

static size_t count_words(struct slice s) {
    size_t count = 0;
    while (next_word(&s).len > 0)
        count++;
    return count;
}

// "class hard soft seconds", any number of times. All or nothing.
static enum err limits_set(struct output_limit *limits, struct slice value, struct fault *fault) {
    must(limits != NULL);
    struct output_limit changed[OUTPUT_CLASSES];
    memcpy(changed, limits, sizeof changed);
    size_t count = count_words(value);
    if (count == 0 || count % 4 != 0) {
        return fault_set(fault, ERR_INVALID,
                         "Wrong number of arguments in buffer limit configuration.");
    }
    while (count > 0) {
        enum output_class class;
        if (!output_class_parse(next_word(&value), &class)) {
            return fault_set(fault, ERR_INVALID,
                             "Invalid client class specified in buffer limit configuration.");
        }
        struct output_limit *limit = &changed[class];
        bool is_good = num_parse_bytes(next_word(&value), &limit->hard_bytes);
        is_good = num_parse_bytes(next_word(&value), &limit->soft_bytes) && is_good;
        is_good = num_parse_i64(next_word(&value), &limit->soft_seconds) && is_good;
        if (!is_good || limit->soft_seconds < 0) {
            return fault_set(fault, ERR_INVALID,
                             "Error in hard, soft or soft_seconds setting in buffer limit "
                             "configuration.");
        }
        count -= 4;
    }
    memcpy(limits, changed, sizeof changed);
    return ERR_NONE;
}

void output_limit_format(const struct output_limit *limit, struct buf *out) {
    buf_printf(out, "%" PRIu64 " %" PRIu64 " %" PRId64, limit->hard_bytes, limit->soft_bytes,
               limit->soft_seconds);
}

static void limits_get(const struct output_limit *limits, struct buf *out) {
    for (unsigned class = 0; class < OUTPUT_CLASSES; class ++) {
        buf_printf(out, class == 0 ? "%s " : " %s ", output_class_name((enum output_class) class));
        output_limit_format(&limits[class], out);
    }
}

// ---- one kind each; `field` may be NULL: then the value is only checked

static enum err bool_set(bool *field, struct slice value, struct fault *fault) {
    bool is_yes = slice_is(value, "yes");
    if (!is_yes && !slice_is(value, "no")) {
        return fault_set(fault, ERR_INVALID, "argument must be 'yes' or 'no'");
    }
    if (field != NULL) *field = is_yes;
    return ERR_NONE;
}

static enum err integer_set(const struct option *option, int64_t *field, struct slice value,
                            struct fault *fault) {
    int64_t number;
    if (!num_parse_i64(value, &number)) {
        return fault_set(fault, ERR_INVALID, "argument couldn't be parsed into an integer");
    }
    if (number < option->min || number > option->max) {
        return fault_set(fault, ERR_INVALID,
                         "argument must be between %" PRId64 " and %" PRId64 " inclusive",
                         option->min, option->max);
    }
    if (field != NULL) *field = number;
    return ERR_NONE;
}

static enum err octal_set(const struct option *option, int64_t *field, struct slice value,
                          struct fault *fault) {
    enum { OCTAL_DIGITS_MAX = 7 };
    int64_t number = 0;
    bool is_octal = value.len > 0 && value.len <= OCTAL_DIGITS_MAX;
    for (size_t i = 0; is_octal && i < value.len; i++) {
        is_octal = value.data[i] >= '0' && value.data[i] <= '7';
        number = number * 8 + (value.data[i] - '0');
    }
    if (!is_octal) {
        return fault_set(fault, ERR_INVALID, "argument couldn't be parsed as an octal number");
    }
    if (number < option->min || number > option->max) {
        return fault_set(fault, ERR_INVALID,
                         "argument must be between %" PRIo64 " and %" PRIo64 " inclusive",
                         (uint64_t)option->min, (uint64_t)option->max);
    }
    if (field != NULL) *field = number;
    return ERR_NONE;
}

static enum err bytes_set(const struct option *option, uint64_t *field, struct slice value,
                          struct fault *fault) {
    uint64_t number;
    if (!num_parse_bytes(value, &number)) {
        return fault_set(fault, ERR_INVALID, "argument must be a memory value");
    }
    if (number < (uint64_t)option->min || number > (uint64_t)option->max) {
        return fault_set(fault, ERR_INVALID,
                         "argument must be between %" PRId64 " and %" PRId64 " inclusive",
                         option->min, option->max);
    }
    if (option->is_power_of_two && (number & (number - 1)) != 0) {
        return fault_set(fault, ERR_INVALID, "argument must be a power of two");
    }
    if (field != NULL) *field = number;
    return ERR_NONE;
}

static void text_replace(char **field, struct slice value) {
    char *text = mem_alloc(value.len + 1);
    if (value.len > 0) memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    mem_free(*field);
    *field = text;
}

static enum err text_set(const struct option *option, char **field, struct slice value,
                         struct fault *fault) {
    if (value.len < (size_t)option->min) {
        return fault_set(fault, ERR_INVALID, "argument must not be empty");
    }
    if (value.len > (size_t)option->max) {
        return fault_set(fault, ERR_INVALID, "argument must have at most %" PRId64 " bytes",
                         option->max);
    }
    if (value.len > 0 && memchr(value.data, '\0', value.len) != NULL) {
        return fault_set(fault, ERR_INVALID, "argument must not contain a NUL byte");
    }
    if (option->kind == OPTION_KIND_ADDRESSES && count_words(value) > OPTIONS_BIND_MAX) {
        return fault_set(fault, ERR_INVALID, "Too many bind addresses specified.");
    }
    if (field != NULL) text_replace(field, value);
    return ERR_NONE;
}

static enum err choice_set(const struct option *option, char **field, struct slice value,
                           struct fault *fault) {
    struct slice rest = slice_str(option->choices);
    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        if (word.data[word.len - 1] == ',') word.len--;
        if (!slice_equal_nocase(word, value)) continue;
        if (field != NULL) text_replace(field, word); // as the table spells it
        return ERR_NONE;
    }
    if (slice_is(slice_str(option->choices), "yes, no")) return bool_set(NULL, value, fault);
    return fault_set(fault, ERR_INVALID, "argument(s) must be one of the following: %s",
                     option->choices);
}

// ---- options

bool option_takes_words(const struct option *option) {
    return option->kind == OPTION_KIND_ADDRESSES || option->kind == OPTION_KIND_LIMITS;
}

enum err option_set(const struct option *option, struct options *options, struct slice value,
                    struct fault *fault) {
    void *field = option->field == OPTION_NO_FIELD ? NULL : field_of(option, options);
    // The value is checked first: nonsense gets the error Redis gives, a legal wish the reason.
    bool is_refused = (option->flags & OPTION_FIXED) && !slice_is(value, option->standard) &&
                      !(option->kind == OPTION_KIND_ADDRESSES && count_words(value) == 0);
    if (is_refused) field = NULL;
    // Whatever way it was written (case, blanks), it stays what it is.
    if ((option->flags & OPTION_FIXED) && !is_refused) value = slice_str(option->standard);
    enum err err = ERR_NONE;
    switch (option->kind) {
    case OPTION_KIND_BOOL:
        err = bool_set(field, value, fault);
        break;
    case OPTION_KIND_INTEGER:
        err = integer_set(option, field, value, fault);
        break;
    case OPTION_KIND_OCTAL:
        err = octal_set(option, field, value, fault);
        break;
    case OPTION_KIND_BYTES:
        err = bytes_set(option, field, value, fault);
        break;
    case OPTION_KIND_TEXT:
    case OPTION_KIND_ADDRESSES:
        err = text_set(option, field, value, fault);
        break;
    case OPTION_KIND_CHOICE:
        err = choice_set(option, field, value, fault);
        break;
    case OPTION_KIND_LIMITS:
        err = limits_set(field, value, fault);
        break;
    }
    if (err != ERR_NONE || !is_refused) return err;
    return fault_set(fault, ERR_INVALID, "argument must be '%s': %s", option->standard,
                     option->brief);
}

void option_get(const struct option *option, const struct options *options, struct buf *out) {
    if (option->field == OPTION_NO_FIELD) {
        buf_append_str(out, option->standard);
        return;
    }
    const void *field = field_in(option, options);
    switch (option->kind) {
    case OPTION_KIND_BOOL:
        buf_append_str(out, *(const bool *)field ? "yes" : "no");
        break;
    case OPTION_KIND_INTEGER:
        buf_append_i64(out, *(const int64_t *)field);
        break;
    case OPTION_KIND_OCTAL:
        buf_printf(out, "%" PRIo64, (uint64_t) * (const int64_t *)field);
        break;
    case OPTION_KIND_BYTES:
        buf_append_u64(out, *(const uint64_t *)field);
        break;
    case OPTION_KIND_TEXT:
    case OPTION_KIND_ADDRESSES:
    case OPTION_KIND_CHOICE:
        buf_append_str(out, *(char *const *)field);
        break;
    case OPTION_KIND_LIMITS:
        limits_get(field, out);
        break;
    }
}
