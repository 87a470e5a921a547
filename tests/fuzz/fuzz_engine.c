// Clients, time, the log thread and the disk in any order, over a whole engine: nothing crashes,
// every reply is RESP and owed to a request, recovery finds what was there (engine_box.h); and the
// same bytes cut elsewhere get the same replies.
//
// The input is text, a line per event, so that corpora can be read and words of it be exchanged:
//
//     1RPUSH a b          peer 1 (0 to 3) sends this line as an inline request
//     BRPUSH a b          peer 1 (A to D) sends these words as an array of bulk strings
//     b*1\r\n$4\r\nPI     peer 1 (a to d) sends these bytes, escapes decoded
//     x1                  its connection is cut
//     o1 100              it reads at most 100 bytes a turn; without a number: all
//     r                   a turn of the loop       T  a tick of 100 ms timers
//     t250  w-250         time passes; the wall clock is moved
//     f                   a flush                  g h  its two halves       z  a seal
//     E3                  the disk's next call of that kind fails
//     F  H                the disk is full; it no longer is
//     R  P                a clean restart; a power cut
//
// The first line's first byte says how the second run cuts the bytes.
#include "proto/base/buf.h"
#include "proto/base/escape.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/fuzz/engine_box.h"
#include "tests/fuzz/target.h"

enum {
    INPUT_MAX = 8192,
    LINES_MAX = 400,
    WORDS_MAX = 64,
    STEP_MAX = 8,
};

#define MS_MAX ((int64_t)1 << 40) // 35 years at a time

static struct slice next_line(struct slice *text) {
    const char *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    const size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    const struct slice line = slice_sub(*text, 0, len);
    *text = slice_sub(*text, end == NULL ? len : len + 1, text->len);
    return line;
}

static int64_t number_of(struct slice s, int64_t otherwise) {
    int64_t number = 0;
    if (!num_parse_i64(s, &number)) return otherwise;
    return number > MS_MAX ? MS_MAX : number < -MS_MAX ? -MS_MAX : number;
}

// ---- bytes a peer sends

static void unescape(struct slice text, struct buf *out) {
    for (size_t at = 0; at < text.len;) {
        if (text.data[at] != '\\' || at + 1 == text.len) {
            buf_append_byte(out, text.data[at++]);
            continue;
        }
        char byte;
        at += escape_decode(text.data + at, text.len - at, &byte);
        buf_append_byte(out, byte);
    }
}

static void write_bulks(struct slice text, struct buf *out) {
    struct slice words[WORDS_MAX];
    size_t count = 0;
    while (text.len > 0 && count < WORDS_MAX) {
        const char *end = memchr(text.data, ' ', text.len);
        const size_t len =
            end == NULL || count == WORDS_MAX - 1 ? text.len : (size_t)(end - text.data);
        words[count++] = slice_sub(text, 0, len);
        text = slice_sub(text, num_min(len + 1, text.len), text.len);
    }
    buf_printf(out, "*%zu\r\n", count);
    struct buf word = {0};
    for (size_t i = 0; i < count; i++) {
        buf_reset(&word);
        unescape(words[i], &word);
        buf_printf(out, "$%zu\r\n", word.len);
        buf_append_slice(out, buf_slice(&word));
        buf_append_str(out, "\r\n");
    }
    buf_deinit(&word);
}

static void send_line(struct box *box, char what, struct slice rest) {
    struct buf bytes = {0};
    unsigned peer = 0;
    if (what >= '0' && what <= '3') {
        peer = (unsigned)(what - '0');
        buf_append_slice(&bytes, rest);
        buf_append_str(&bytes, "\r\n");
    } else if (what >= 'A' && what <= 'D') {
        peer = (unsigned)(what - 'A');
        write_bulks(rest, &bytes);
    } else {
        peer = (unsigned)(what - 'a');
        unescape(rest, &bytes);
    }
    box_send(box, peer, buf_slice(&bytes));
    buf_deinit(&bytes);
}

// ---- everything else

static void fail_disk(struct box *box, char digit) {
    static const struct memory_fault faults[] = {
        {.ops = MEMORY_WRITE, .times = 1, .failure = MEMORY_FAIL_IO},
        {.ops = MEMORY_SYNC, .times = 1, .failure = MEMORY_FAIL_IO},
        {.ops = MEMORY_SYNC, .times = 1, .failure = MEMORY_FAIL_LOST},
        {.ops = MEMORY_READ, .times = 1, .failure = MEMORY_FAIL_IO},
        {.ops = MEMORY_READ | MEMORY_WRITE, .times = 4, .failure = MEMORY_FAIL_SHORT},
        {.ops = MEMORY_OPEN | MEMORY_NAMES | MEMORY_SYNC_DIR,
         .times = 1,
         .failure = MEMORY_FAIL_IO},
        {.ops = MEMORY_WRITE, .times = 1, .failure = MEMORY_FAIL_NO_SPACE},
        {.ops = MEMORY_WRITE, .after = 1, .times = 1, .failure = MEMORY_FAIL_NO_SPACE},
    };
    box_fault(box, &faults[(unsigned char)digit % 8]);
}

static unsigned peer_of(struct slice rest) {
    return rest.len == 0 ? 0 : (unsigned char)rest.data[0] % BOX_PEERS;
}

static void obey(struct box *box, char what, struct slice rest) {
    const struct slice behind_peer = slice_sub(rest, num_min(2, rest.len), rest.len);
    switch (what) {
    case 'x':
        box_cut(box, peer_of(rest));
        return;
    case 'o': {
        const int64_t bytes = number_of(behind_peer, -1);
        box_read_at_most(box, peer_of(rest), bytes < 0 ? SIZE_MAX : (size_t)bytes);
        return;
    }
    case 'r':
        box_turn(box);
        return;
    case 'T':
        box_pass(box, 100);
        box_tick(box);
        box_turn(box);
        return;
    case 't': {
        const int64_t ms = number_of(rest, 1);
        box_pass(box, ms < 0 ? 0 : ms);
        box_turn(box);
        return;
    }
    case 'w':
        box_move_wall(box, number_of(rest, -1));
        return;
    case 'f':
        box_flush_begin(box);
        box_flush_end(box);
        box_turn(box);
        return;
    case 'g':
        box_flush_begin(box);
        return;
    case 'h':
        box_flush_end(box);
        box_turn(box);
        return;
    case 'z':
        box_seal(box);
        return;
    case 'E':
        fail_disk(box, rest.len == 0 ? '0' : rest.data[0]);
        return;
    case 'F':
    case 'H':
        box_fill_disk(box, what == 'F');
        return;
    case 'R':
        box_restart(box);
        return;
    case 'P':
        box_power_cut(box);
        return;
    default:
        return;
    }
}

static bool is_sending(char what) {
    return (what >= '0' && what <= '3') || (what >= 'A' && what <= 'D') ||
           (what >= 'a' && what <= 'd');
}

static struct box *run(struct slice text, size_t step) {
    struct box *box = box_new(step);
    for (int lines = 0; text.len > 0 && lines < LINES_MAX; lines++) {
        const struct slice line = next_line(&text);
        if (line.len == 0) continue;
        const struct slice rest = slice_sub(line, 1, line.len);
        if (is_sending(line.data[0])) {
            send_line(box, line.data[0], rest);
        } else {
            obey(box, line.data[0], rest);
        }
    }
    box_settle(box);
    box_restart(box); // ends all connections
    return box;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > INPUT_MAX) return 0;
    const struct slice text = slice_of(data + 1, size - 1);
    struct box *whole = run(text, 0);
    struct slice seen;
    struct slice seen_cut;
    if (box_transcript(whole, &seen)) {
        struct box *cut = run(text, 1 + data[0] % STEP_MAX);
        const bool is_comparable = box_transcript(cut, &seen_cut);
        must(!is_comparable || slice_equal(seen, seen_cut));
        box_free(cut);
    }
    box_free(whole);
    return 0;
}
