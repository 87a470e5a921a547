#include "tests/sim/world/story.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/hash.h"

void story_begin(struct story *story, uint64_t seed) {
    const bool is_printed = story->is_printed;
    *story = (struct story){.seed = seed, .hash = seed, .is_printed = is_printed};
}

void story_hash(struct story *story, struct slice bytes) {
    story->hash = hash_bytes(bytes, story->hash);
}

void story_tell(struct story *story, const char *format, ...) {
    char *line = story->lines[story->count % STORY_LINES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, STORY_LINE_MAX, format, args);
    va_end(args);
    if (len < 0) len = 0;
    if (len >= STORY_LINE_MAX) len = STORY_LINE_MAX - 1;
    story_hash(story, slice_of(line, (size_t)len));
    story->count++;
    if (story->is_printed) printf("%8llu  %s\n", (unsigned long long)story->step, line);
}

void story_print_last(const struct story *story) {
    const uint64_t first = story->count > STORY_LINES ? story->count - STORY_LINES : 0;
    for (uint64_t i = first; i < story->count; i++)
        printf("    %s\n", story->lines[i % STORY_LINES]);
}
