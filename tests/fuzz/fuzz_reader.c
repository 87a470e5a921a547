// Any bytes, cut anywhere, are replies or no RESP: the same ones as uncut.
#include "proto/base/buf.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/resp/reader.h"
#include "tests/fuzz/target.h"

struct visit {
    const struct value *value;
    size_t next; // child
};

static void write_one(const struct value *value, struct buf *out) {
    buf_append_u64(out, (uint64_t)value->type);
    buf_append_byte(out, ' ');
    buf_append_i64(out, value->integer);
    buf_append_byte(out, ' ');
    buf_append_u64(out, value->len);
    buf_append_slice(out, value->text);
    buf_append_byte(out, '\n');
}

static void write_tree(const struct value *root, struct buf *out) {
    struct visit stack[READER_DEPTH_MAX];
    size_t depth = 0;
    write_one(root, out);
    if (root->len > 0) stack[depth++] = (struct visit){.value = root};
    while (depth > 0) {
        struct visit *visit = &stack[depth - 1];
        if (visit->next == visit->value->len) {
            depth--;
            continue;
        }
        const struct value *child = &visit->value->items[visit->next++];
        write_one(child, out);
        if (child->len == 0) continue;
        must(depth < READER_DEPTH_MAX);
        stack[depth++] = (struct visit){.value = child};
    }
}

static void read_all(struct slice bytes, size_t step, struct buf *out) {
    struct reader *reader = reader_new();
    size_t at = 0;
    enum reader_status status;
    do {
        size_t to = at + num_min(step, bytes.len - at);
        reader_feed(reader, slice_sub(bytes, at, to));
        at = to;
        const struct value *value;
        while ((status = reader_next(reader, &value)) == READER_READY) {
            write_tree(value, out);
        }
        must(value == NULL);
    } while (status == READER_MORE && at < bytes.len);
    buf_append_str(out, status == READER_BAD ? "bad" : "more");
    reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct slice bytes = slice_of(data + 1, size - 1);
    struct buf whole = {0};
    struct buf cut = {0};
    read_all(bytes, SIZE_MAX, &whole);
    read_all(bytes, (size_t)data[0] + 1, &cut);
    must(slice_equal(buf_slice(&whole), buf_slice(&cut)));
    buf_deinit(&whole);
    buf_deinit(&cut);
    return 0;
}
