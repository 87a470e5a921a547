#include "storage/salvage/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/num.h"

void report_say(const struct report *report, const char *format, ...) {
    struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    buf_append_byte(&text, '\0');
    report->line(report->context, text.data);
    buf_deinit(&text);
}

const char *report_quote(char out[REPORT_QUOTED_MAX], struct slice bytes) {
    struct buf text = {0};
    const size_t shown = num_min(bytes.len, REPORT_KEY_MAX);
    buf_append_quoted(&text, slice_sub(bytes, 0, shown));
    if (shown < bytes.len) buf_printf(&text, "... (%zu bytes)", bytes.len);
    snprintf(out, REPORT_QUOTED_MAX, "%.*s", (int)text.len, text.data);
    buf_deinit(&text);
    return out;
}
