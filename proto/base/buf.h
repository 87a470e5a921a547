// Owned, growable bytes. Zero-initialised is empty and valid. `data` moves when the buffer grows.
#ifndef ACKD_PROTO_BASE_BUF_H
#define ACKD_PROTO_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

void buf_deinit(struct buf *buf); // frees and zeroes
void buf_reset(struct buf *buf);  // empty, keeps its memory
void buf_shrink(struct buf *buf,
                size_t keep); // when empty and larger than keep: gives the memory back down to keep
char *buf_reserve(struct buf *buf,
                  size_t more); // room for `more` bytes behind len; returns where they go
void buf_commit(struct buf *buf, size_t written); // the reserved bytes that were written now count
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_slice(struct buf *buf, struct slice s);
void buf_append_str(struct buf *buf, const char *text);
void buf_append_byte(struct buf *buf, char byte);
void buf_append_u64(struct buf *buf, uint64_t value); // decimal
void buf_append_i64(struct buf *buf, int64_t value);  // decimal
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void buf_append_quoted(
    struct buf *buf,
    struct slice s); // "..." with \n \r \t \a \b \" \\ \xHH escapes, as redis-cli shows bytes
void buf_remove_front(struct buf *buf, size_t len); // moves the rest to the front

static inline struct slice buf_slice(const struct buf *buf) {
    return (struct slice){buf->data, buf->len};
}

#endif
