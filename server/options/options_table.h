// One row per option. Private to this folder: others see rows through options.h.
#ifndef ACKD_SERVER_OPTIONS_OPTIONS_TABLE_H
#define ACKD_SERVER_OPTIONS_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/options/options.h"

enum option_kind {         // the field's type in struct options
    OPTION_KIND_BOOL,      // bool; "yes" or "no"
    OPTION_KIND_INTEGER,   // int64_t
    OPTION_KIND_OCTAL,     // int64_t; a file mode
    OPTION_KIND_BYTES,     // uint64_t; "64mb"
    OPTION_KIND_TEXT,      // char *; min and max are lengths
    OPTION_KIND_ADDRESSES, // char *; several words
    OPTION_KIND_CHOICE,    // char *; one of `choices`
    OPTION_KIND_LIMITS,    // struct output_limit[OUTPUT_CLASSES]
};

#define OPTION_NO_FIELD SIZE_MAX // the value is the default and nothing else

struct option {
    const char *name;
    enum option_kind kind;
    size_t field;         // offset in struct options
    const char *standard; // the default, as it would be written in the file
    int64_t min;
    int64_t max;
    const char *choices; // separated by ", "
    unsigned flags;
    bool is_power_of_two;
    const char *brief; // one sentence; of a fixed option: why it is fixed
};

enum { OPTIONS_NAME_MAX = 48 };

// "normal", "slave", "pubsub", as CONFIG GET shows them.
const char *output_class_name(enum output_class class);

// The limit of one class as "hard soft seconds".
void output_limit_format(const struct output_limit *limit, struct buf *out);

// Whether the option has its default value. For OPTION_KIND_LIMITS: all of them.
bool option_is_standard(const struct option *option, const struct options *options);

// Whether a line of the file may give the option several words.
bool option_takes_words(const struct option *option);

#endif
