#include "proto/base/buf.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum { BUF_MIN = 64 };

void buf_deinit(struct buf *buf) {
    mem_free(buf->data);
    *buf = (struct buf){0};
}

void buf_reset(struct buf *buf) {
    buf->len = 0;
}

void buf_shrink(struct buf *buf, size_t keep) {
    if (buf->len > 0 || buf->cap <= keep) return;
    // Freed first: nothing in it is worth copying.
    mem_free(buf->data);
    buf->data = keep > 0 ? mem_alloc(keep) : NULL;
    buf->cap = keep;
}

char *buf_reserve(struct buf *buf, size_t more) {
    if (more > buf->cap - buf->len) {
        must(more <= SIZE_MAX / 4 && buf->cap <= SIZE_MAX / 4);
        // Doubling keeps the sum of all copies linear.
        size_t cap = num_max(buf->len + more, num_max(buf->cap * 2, BUF_MIN));
        buf->data = mem_realloc(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data == NULL ? NULL : buf->data + buf->len;
}

void buf_commit(struct buf *buf, size_t written) {
    must(written <= buf->cap - buf->len);
    buf->len += written;
}

void buf_append(struct buf *buf, const void *data, size_t len) {
    if (len == 0) return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void buf_append_slice(struct buf *buf, struct slice s) {
    buf_append(buf, s.data, s.len);
}

void buf_append_str(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

void buf_append_byte(struct buf *buf, char byte) {
    *buf_reserve(buf, 1) = byte;
    buf->len++;
}

void buf_append_u64(struct buf *buf, uint64_t value) {
    buf->len += num_format_u64(buf_reserve(buf, NUM_I64_TEXT_MAX), value);
}

void buf_append_i64(struct buf *buf, int64_t value) {
    buf->len += num_format_i64(buf_reserve(buf, NUM_I64_TEXT_MAX), value);
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    buf_reserve(buf, BUF_MIN);
    size_t room = buf->cap - buf->len;
    int wanted = vsnprintf(buf->data + buf->len, room, format, args);
    must(wanted >= 0);
    size_t len = (size_t)wanted;
    if (len >= room) {
        char *where = buf_reserve(buf, len + 1); // the NUL needs room but does not count
        vsnprintf(where, len + 1, format, again);
    }
    va_end(again);
    buf->len += len;
}

// The letter after the backslash of bytes that have a short escape, 0 for all others.
static char short_escape(char byte) {
    switch (byte) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\a':
        return 'a';
    case '\b':
        return 'b';
    case '"':
    case '\\':
        return byte;
    default:
        return 0;
    }
}

void buf_append_quoted(struct buf *buf, struct slice s) {
    static const char digits[] = "0123456789abcdef";
    buf_append_byte(buf, '"');
    for (size_t i = 0; i < s.len; i++) {
        char byte = s.data[i];
        char letter = short_escape(byte);
        if (letter != 0) {
            buf_append(buf, (char[]){'\\', letter}, 2);
        } else if (byte >= ' ' && byte <= '~') {
            buf_append_byte(buf, byte);
        } else {
            unsigned value = (unsigned char)byte;
            buf_append(buf, (char[]){'\\', 'x', digits[value >> 4], digits[value & 15]}, 4);
        }
    }
    buf_append_byte(buf, '"');
}

void buf_remove_front(struct buf *buf, size_t len) {
    must(len <= buf->len);
    if (len == 0) return;
    buf->len -= len;
    if (buf->len > 0) memmove(buf->data, buf->data + len, buf->len);
}
