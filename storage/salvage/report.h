// What a salvage has to tell, a line at a time, and the tally for the summary at its end.
#ifndef ACKD_STORAGE_SALVAGE_REPORT_H
#define ACKD_STORAGE_SALVAGE_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"

enum { REPORT_KEY_MAX = 256, REPORT_QUOTED_MAX = 4 * REPORT_KEY_MAX + 64 };

// What was lost or may be. All zero: nothing.
struct report_losses {
    uint64_t holes;    // places where transactions of the log, or parts of a checkpoint, are lost
    uint64_t payloads; // values whose bytes are damaged or gone
    uint64_t keys_dropped;  // keys of which nothing could be saved
    uint64_t misfits;       // effects behind a hole that could not be carried out as they stand
    uint64_t kept_elements; // elements of lists that such effects had removed, and that come back
};

struct report {
    void *context;
    void (*line)(void *context, const char *text); // without the line's end
    struct report_losses losses;
};

void report_say(const struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Writes the bytes quoted and cut ("..." and how many there are) into `out`; returns it.
const char *report_quote(char out[REPORT_QUOTED_MAX], struct slice bytes);

#endif
