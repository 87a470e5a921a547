// Any bytes, cut anywhere, are requests or a refusal: the same ones as uncut, inside the input, and
// with no more memory than the bytes that came can explain.
#include "proto/base/buf.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/resp/request.h"
#include "tests/fuzz/target.h"

enum { FUZZ_INPUT_MAX = 256 * 1024 };

// Writes what comes out of the bytes to `out`. `step` bytes are fed at a time.
static void read_all(struct slice bytes, size_t step, const struct request_limits *limits,
                     struct buf *out) {
    struct request request = {0};
    request_init(&request);
    size_t at = 0;
    enum request_status status;
    do {
        size_t to = at + num_min(step, bytes.len - at);
        request_feed(&request, slice_sub(bytes, at, to));
        at = to;
        while ((status = request_next(&request, limits)) == REQUEST_READY) {
            must(request.argc > 0);
            for (size_t i = 0; i < request.argc; i++) {
                buf_append_u64(out, request.argv[i].len);
                buf_append_byte(out, ' ');
                buf_append_slice(out, request.argv[i]);
            }
            buf_append_byte(out, '\n');
        }
        must(request_pending(&request) <= at);
        must(request_memory(&request) <= 16 * at + 4096 || request_memory(&request) <= 1 << 20);
    } while (status == REQUEST_MORE && at < bytes.len);
    buf_append_str(out, status == REQUEST_BAD ? request.error : "more");
    request_deinit(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > FUZZ_INPUT_MAX) return 0;
    // The first byte chooses the limits, the second the cut.
    struct request_limits limits = {
        .bulk_max = 512 << 20,
        .query_max = (data[0] & 2) != 0 ? 256 : 1 << 30,
        .is_authenticated = (data[0] & 1) != 0,
    };
    struct slice bytes = slice_of(data + 2, size - 2);
    struct buf whole = {0};
    struct buf cut = {0};
    read_all(bytes, SIZE_MAX, &limits, &whole);
    read_all(bytes, (size_t)data[1] + 1, &limits, &cut);
    must(slice_equal(buf_slice(&whole), buf_slice(&cut)));
    buf_deinit(&whole);
    buf_deinit(&cut);
    return 0;
}
