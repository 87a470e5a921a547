// Happy path: bytes are fed, reader_next reads value after value. A container is put on a stack of
// open ones and filled with the values that follow; a value that ends with the stack empty is the
// reply. If bytes are missing, the stack says where to go on.
//
// Failure modes: what is no RESP, too deep or too large makes the reader bad for good, as nobody
// knows where the next reply would begin.
#include "proto/resp/reader.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

struct open_value {
    struct value *value;
    size_t cap;  // of value->items
    size_t left; // children still to come
};

struct reader {
    struct buf input;
    size_t position; // input before this is consumed
    struct arena arena;
    struct value root;
    struct open_value open[READER_DEPTH_MAX];
    size_t depth;
    bool is_bad;
};

struct reader *reader_new(void) {
    return mem_zalloc(sizeof(struct reader));
}

void reader_free(struct reader *reader) {
    if (reader == NULL) return;
    buf_deinit(&reader->input);
    arena_deinit(&reader->arena);
    mem_free(reader);
}

void reader_feed(struct reader *reader, struct slice s) {
    struct buf *input = &reader->input;
    // Moving no more than was consumed keeps the sum of the moves linear.
    if (reader->position >= input->len - reader->position) {
        buf_remove_front(input, reader->position);
        reader->position = 0;
    }
    buf_append_slice(input, s);
}

// The line at `position` without type and CRLF; `*end` is where the next begins.
static enum reader_status find_line(const struct reader *reader, struct slice *out, size_t *end) {
    struct slice s = slice_sub(buf_slice(&reader->input), reader->position, reader->input.len);
    if (s.len == 0) return READER_MORE;
    size_t window = num_min(s.len, READER_LINE_MAX);
    const char *cr = memchr(s.data, '\r', window);
    if (cr == NULL) return s.len >= READER_LINE_MAX ? READER_BAD : READER_MORE;
    size_t len = (size_t)(cr - s.data);
    if (len + 1 == s.len) return READER_MORE;
    if (cr[1] != '\n' || len == 0) return READER_BAD;
    *out = slice_sub(s, 1, len);
    *end = reader->position + len + 2;
    return READER_READY;
}

static bool container_type(char type, enum value_kind *out) {
    switch (type) {
    case '*':
        *out = VALUE_ARRAY;
        return true;
    case '%':
        *out = VALUE_MAP;
        return true;
    case '~':
        *out = VALUE_SET;
        return true;
    case '>':
        *out = VALUE_PUSH;
        return true;
    default:
        return false;
    }
}

static bool bulk_type(char type, enum value_kind *out) {
    switch (type) {
    case '$':
        *out = VALUE_BULK;
        return true;
    case '=':
        *out = VALUE_VERBATIM;
        return true;
    case '!':
        *out = VALUE_BLOB_ERROR;
        return true;
    default:
        return false;
    }
}

static bool is_big_number(struct slice s) {
    size_t from = s.len > 0 && (s.data[0] == '-' || s.data[0] == '+') ? 1 : 0;
    if (from == s.len) return false;
    for (size_t i = from; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
    }
    return true;
}

static bool read_double(struct slice line, struct value *out) {
    // Not a number for num_parse_double, but RESP3 has it.
    bool is_nan = slice_is(line, "nan") || slice_is(line, "-nan");
    if (is_nan) out->number = __builtin_nan("");
    return is_nan || num_parse_double(line, &out->number);
}

// A value that is one line. `out->text` still points into the input.
static bool read_scalar(char type, struct slice line, struct value *out) {
    out->text = line;
    switch (type) {
    case '+':
        out->type = VALUE_STATUS;
        return true;
    case '-':
        out->type = VALUE_ERROR;
        return true;
    case ':':
        out->type = VALUE_INT;
        out->text = SLICE_EMPTY;
        return num_parse_i64(line, &out->integer);
    case '_':
        out->type = VALUE_NULL;
        return line.len == 0;
    case '#':
        out->type = VALUE_BOOL;
        out->text = SLICE_EMPTY;
        out->integer = slice_equal(line, SLICE("t"));
        return out->integer == 1 || slice_equal(line, SLICE("f"));
    case ',':
        out->type = VALUE_DOUBLE;
        return read_double(line, out);
    case '(':
        out->type = VALUE_BIG_NUMBER;
        return is_big_number(line);
    default:
        return false;
    }
}

// The payload behind the line `len_text` that ends at `at`.
static enum reader_status read_bulk(struct reader *reader, struct slice len_text, size_t at,
                                    struct value *out) {
    int64_t len;
    if (!num_parse_i64(len_text, &len) || len > READER_BULK_MAX) return READER_BAD;
    if (len < 0) {
        if (len != -1 || out->type != VALUE_BULK) return READER_BAD;
        out->type = VALUE_NULL;
        reader->position = at;
        return READER_READY;
    }
    size_t end = at + (size_t)len;
    if (reader->input.len < end + 2) return READER_MORE;
    if (memcmp(reader->input.data + end, "\r\n", 2) != 0) return READER_BAD;
    out->text = slice_sub(buf_slice(&reader->input), at, end);
    if (out->type == VALUE_VERBATIM) {
        if (len < 4 || out->text.data[3] != ':') return READER_BAD;
        out->text = slice_sub(out->text, 4, out->text.len);
    }
    reader->position = end + 2;
    return READER_READY;
}

static bool read_container(struct slice len_text, struct value *out) {
    int64_t len;
    if (!num_parse_i64(len_text, &len) || len > READER_ITEMS_MAX) return false;
    if (len < 0) {
        if (len != -1 || out->type != VALUE_ARRAY) return false;
        out->type = VALUE_NULL;
        return true;
    }
    out->len = out->type == VALUE_MAP ? (size_t)len * 2 : (size_t)len;
    return true;
}

// Reads one value, without the children of a container. Its text still points into the input.
static enum reader_status read_value(struct reader *reader, struct value *out) {
    struct slice line;
    size_t end;
    enum reader_status status = find_line(reader, &line, &end);
    if (status != READER_READY) return status;
    char type = line.data[-1];
    *out = (struct value){0};
    if (bulk_type(type, &out->type)) return read_bulk(reader, line, end, out);
    bool is_good =
        container_type(type, &out->type) ? read_container(line, out) : read_scalar(type, line, out);
    if (is_good) reader->position = end;
    return is_good ? READER_READY : READER_BAD;
}

// The place for the next child. Arrays of children grow as children come, so that a length which
// was merely announced costs nothing.
static struct value *place_child(struct reader *reader, struct open_value *parent) {
    struct value *value = parent->value;
    size_t filled = value->len - parent->left;
    if (filled == parent->cap) {
        parent->cap = num_min(value->len, num_max(parent->cap * 2, 8));
        struct value *items = arena_alloc(&reader->arena, parent->cap * sizeof *items);
        if (filled > 0) memcpy(items, value->items, filled * sizeof *items);
        value->items = items;
    }
    parent->left--;
    return &value->items[filled];
}

// Puts the value where it belongs. False if it is nested too deep.
static bool add_value(struct reader *reader, const struct value *read) {
    struct value *place = &reader->root;
    if (reader->depth > 0) place = place_child(reader, &reader->open[reader->depth - 1]);
    *place = *read;
    place->text = arena_dup(&reader->arena, read->text);
    if (place->len > 0) {
        if (reader->depth == READER_DEPTH_MAX) return false;
        reader->open[reader->depth++] = (struct open_value){.value = place, .left = place->len};
    }
    while (reader->depth > 0 && reader->open[reader->depth - 1].left == 0) {
        reader->depth--;
    }
    return true;
}

enum reader_status reader_next(struct reader *reader, const struct value **out) {
    *out = NULL;
    if (reader->is_bad) return READER_BAD;
    if (reader->depth == 0) arena_reset(&reader->arena);
    do {
        struct value value;
        enum reader_status status = read_value(reader, &value);
        if (status == READER_MORE) return READER_MORE;
        if (status == READER_BAD || !add_value(reader, &value)) {
            reader->is_bad = true;
            return READER_BAD;
        }
    } while (reader->depth > 0);
    *out = &reader->root;
    return READER_READY;
}
