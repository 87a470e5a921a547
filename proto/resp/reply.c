#include "proto/resp/reply.h"

#include <string.h>

#include "proto/base/must.h"
#include "proto/base/num.h"

enum { HEADER_MAX = 1 + NUM_I64_TEXT_MAX + 2 }; // type, number, CRLF

static void append_header(struct buf *out, char type, int64_t number) {
    char *at = buf_reserve(out, HEADER_MAX);
    at[0] = type;
    size_t len = 1 + num_format_i64(at + 1, number);
    at[len++] = '\r';
    at[len++] = '\n';
    buf_commit(out, len);
}

static void append_crlf(struct buf *out) {
    buf_append(out, "\r\n", 2);
}

static void append_len(struct buf *out, char type, size_t len) {
    must(len <= INT64_MAX);
    append_header(out, type, (int64_t)len);
}

void reply_status(struct reply *reply, const char *text) {
    buf_append_byte(reply->out, '+');
    buf_append_str(reply->out, text);
    append_crlf(reply->out);
}

void reply_ok(struct reply *reply) {
    buf_append(reply->out, "+OK\r\n", 5);
}

// What a client sent may be quoted in an error. A line end in it would begin a forged reply.
static void end_error(struct buf *out, size_t text_at) {
    for (size_t i = text_at; i < out->len; i++) {
        char byte = out->data[i];
        if (byte == '\r' || byte == '\n' || byte == '\0') out->data[i] = ' ';
    }
    append_crlf(out);
}

void reply_error(struct reply *reply, const char *text) {
    buf_append_byte(reply->out, '-');
    size_t text_at = reply->out->len;
    buf_append_str(reply->out, text);
    end_error(reply->out, text_at);
}

void reply_errorf(struct reply *reply, const char *format, ...) {
    buf_append_byte(reply->out, '-');
    size_t text_at = reply->out->len;
    va_list args;
    va_start(args, format);
    buf_vprintf(reply->out, format, args);
    va_end(args);
    end_error(reply->out, text_at);
}

void reply_int(struct reply *reply, int64_t value) {
    append_header(reply->out, ':', value);
}

char *reply_bulk_begin(struct reply *reply, size_t len) {
    append_len(reply->out, '$', len);
    return buf_reserve(reply->out, len + 2);
}

void reply_bulk_end(struct reply *reply, size_t len) {
    buf_commit(reply->out, len);
    append_crlf(reply->out);
}

void reply_bulk(struct reply *reply, struct slice s) {
    char *at = reply_bulk_begin(reply, s.len);
    if (s.len > 0) memcpy(at, s.data, s.len);
    reply_bulk_end(reply, s.len);
}

void reply_bulk_str(struct reply *reply, const char *text) {
    reply_bulk(reply, slice_str(text));
}

void reply_bulk_int(struct reply *reply, int64_t value) {
    char text[NUM_I64_TEXT_MAX];
    size_t len = num_format_i64(text, value);
    reply_bulk(reply, slice_of(text, len));
}

void reply_null(struct reply *reply) {
    buf_append_str(reply->out, reply->version == RESP3 ? "_\r\n" : "$-1\r\n");
}

void reply_null_array(struct reply *reply) {
    buf_append_str(reply->out, reply->version == RESP3 ? "_\r\n" : "*-1\r\n");
}

void reply_array(struct reply *reply, size_t len) {
    append_len(reply->out, '*', len);
}

void reply_map(struct reply *reply, size_t pairs) {
    if (reply->version == RESP3) {
        append_len(reply->out, '%', pairs);
    } else {
        must(pairs <= SIZE_MAX / 2);
        append_len(reply->out, '*', pairs * 2);
    }
}

void reply_set(struct reply *reply, size_t len) {
    append_len(reply->out, reply->version == RESP3 ? '~' : '*', len);
}

void reply_push(struct reply *reply, size_t len) {
    append_len(reply->out, reply->version == RESP3 ? '>' : '*', len);
}

void reply_double(struct reply *reply, double value) {
    char text[NUM_DOUBLE_TEXT_MAX];
    size_t len = num_format_double(text, value);
    if (reply->version == RESP2) {
        reply_bulk(reply, slice_of(text, len));
        return;
    }
    buf_append_byte(reply->out, ',');
    buf_append(reply->out, text, len);
    append_crlf(reply->out);
}

void reply_long_double(struct reply *reply, long double value) {
    char text[NUM_LONG_DOUBLE_TEXT_MAX];
    size_t len = num_format_long_double(text, value);
    reply_bulk(reply, slice_of(text, len));
}

void reply_bool(struct reply *reply, bool value) {
    if (reply->version == RESP3) {
        buf_append_str(reply->out, value ? "#t\r\n" : "#f\r\n");
    } else {
        reply_int(reply, value ? 1 : 0);
    }
}

void reply_big_number(struct reply *reply, struct slice digits) {
    if (reply->version == RESP2) {
        reply_bulk(reply, digits);
        return;
    }
    buf_append_byte(reply->out, '(');
    buf_append_slice(reply->out, digits);
    append_crlf(reply->out);
}

void reply_verbatim(struct reply *reply, const char *format, struct slice s) {
    must(strlen(format) == 3);
    if (reply->version == RESP2) {
        reply_bulk(reply, s);
        return;
    }
    append_len(reply->out, '=', s.len + 4);
    buf_append(reply->out, format, 3);
    buf_append_byte(reply->out, ':');
    buf_append_slice(reply->out, s);
    append_crlf(reply->out);
}
