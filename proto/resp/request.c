// Happy path: request_space lends room behind the input, the socket is read into it, request_fed
// counts it, and request_next walks over complete headers and payloads, noting each argument as a
// slice. If bytes are missing it stops where it is and goes on there when more have come.
//
// Failure modes: every refusal is decided by the header that announces too much, at a place that
// does not depend on how the bytes were cut on their way. So input and argv hold at most
// `query_max` bytes of one request and one header line, and none is set aside for what was only
// announced.
#include "proto/resp/request.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/escape.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    INPUT_MIN = 1024,
    INPUT_KEEP = 256 * 1024, // a larger buffer is given back when its large request is done
    ARGV_MIN = 16,
    ARGV_KEEP = 1024,
};

void request_init(struct request *request) {
    *request = (struct request){.bulk_len = -1};
}

void request_deinit(struct request *request) {
    buf_deinit(&request->input);
    mem_free(request->argv);
    *request = (struct request){0};
}

// ---- room for input
// ------------------------------------------------------------------------------

static void shrink_argv(struct request *request) {
    if (request->argv_cap <= ARGV_KEEP) return;
    mem_free(request->argv);
    request->argv = NULL;
    request->argv_cap = 0;
}

// Between two requests everything read so far is done with, the last request's slices included.
static void forget_done(struct request *request) {
    if (request->args_left > 0) return;
    request->argc = 0;
    request->bytes = 0;
    request->parsed = request->position;
    if (request->parsed < request->input.len) return;
    request->parsed = 0;
    request->position = 0;
    request->input.len = 0;
}

// Lets the unfinished rest begin at `to`, where it has been copied.
static void rebase(struct request *request, char *to) {
    for (size_t i = 0; i < request->argc; i++) {
        const char *from = request->input.data + request->parsed;
        request->argv[i].data = to + (request->argv[i].data - from);
    }
    request->input.len -= request->parsed;
    request->position -= request->parsed;
    request->parsed = 0;
}

static void move_to_front(struct request *request) {
    char *data = request->input.data;
    memmove(data, data + request->parsed, request->input.len - request->parsed);
    rebase(request, data);
}

static void move_to_new(struct request *request, size_t cap) {
    char *data = mem_alloc(cap);
    size_t rest = request->input.len - request->parsed;
    if (rest > 0) memcpy(data, request->input.data + request->parsed, rest);
    rebase(request, data);
    mem_free(request->input.data);
    request->input.data = data;
    request->input.cap = cap;
}

static size_t next_cap(const struct request *request, size_t rest, size_t want) {
    size_t cap = num_max(rest * 2, rest + want);
    if (request->args_left == 1 && request->bulk_len >= 0) {
        // The last argument's end is known: nothing will be needed behind it.
        size_t whole = request->position - request->parsed + (size_t)request->bulk_len + 2;
        cap = num_max(num_min(cap, whole), rest + want);
    }
    size_t rounded = INPUT_MIN;
    while (rounded < cap && rounded < INPUT_KEEP) {
        rounded *= 2;
    }
    return num_max(rounded, cap);
}

char *request_space(struct request *request, size_t want, size_t *out_len) {
    must(want <= SIZE_MAX / 4);
    want = num_max(want, 1); // there is always a place to point at
    forget_done(request);
    struct buf *input = &request->input;
    size_t rest = input->len - request->parsed;
    if (input->cap > INPUT_KEEP && rest + want <= INPUT_KEEP) {
        if (request->args_left == 0) shrink_argv(request);
        move_to_new(request, next_cap(request, rest, want));
    } else if (input->cap - input->len < want) {
        // Each byte moved to the front is paid by one that was consumed, each one copied to a
        // larger buffer by the doubling: the sum of all moves is linear in the input.
        if (request->parsed >= rest && input->cap - rest >= want) {
            move_to_front(request);
        } else {
            move_to_new(request, next_cap(request, rest, want));
        }
    }
    *out_len = input->cap - input->len;
    return input->data + input->len;
}

void request_fed(struct request *request, size_t len) {
    buf_commit(&request->input, len);
}

void request_feed(struct request *request, struct slice s) {
    size_t room;
    char *space = request_space(request, s.len, &room);
    if (s.len > 0) memcpy(space, s.data, s.len);
    request_fed(request, s.len);
}

void request_trim(struct request *request) {
    if (request->args_left > 0) return;
    forget_done(request);
    if (request->input.len > 0) return;
    buf_deinit(&request->input);
    mem_free(request->argv);
    request->argv = NULL;
    request->argv_cap = 0;
}

size_t request_pending(const struct request *request) {
    size_t from = request->args_left > 0 ? request->parsed : request->position;
    return request->input.len - from;
}

size_t request_memory(const struct request *request) {
    return request->input.cap + request->argv_cap * sizeof *request->argv;
}

// ---- parsing
// -------------------------------------------------------------------------------------

static enum request_status refuse(struct request *request, const char *why) {
    snprintf(request->error, sizeof request->error, "ERR Protocol error: %s", why);
    return REQUEST_BAD;
}

static void add_arg(struct request *request, char *data, size_t len) {
    if (request->argc == request->argv_cap) {
        size_t cap = num_max(request->argv_cap * 2, ARGV_MIN);
        request->argv = mem_realloc(request->argv, cap * sizeof *request->argv);
        request->argv_cap = cap;
    }
    request->argv[request->argc++] = slice_of(data, len);
    request->bytes += len;
}

// The lines nearly all requests consist of: the type, one to nine digits, CR, and one more byte
// (which Redis does not look at either). Returns the line's length, 0 for any other line.
static size_t read_plain_number(const char *line, size_t len, char type, int64_t *out) {
    if (len < 4 || line[0] != type) return 0;
    size_t end = num_min(len - 2, 10); // CR and one byte must be there
    int64_t value = 0;
    size_t at = 1;
    for (; at < end; at++) {
        unsigned digit = (unsigned)(unsigned char)line[at] - '0';
        if (digit > 9) break;
        value = value * 10 + digit;
    }
    if (at == 1 || line[at] != '\r') return 0;
    if (line[1] == '0' && at > 2) return 0;
    *out = value;
    return at + 2;
}

struct header {
    char type; // the line's first byte, whatever it is
    bool is_number;
    int64_t number;
};

static enum request_status read_header(struct request *request, char type, const char *too_big,
                                       struct header *out) {
    const char *line = request->input.data + request->position;
    size_t len = request->input.len - request->position;
    size_t plain = read_plain_number(line, len, type, &out->number);
    if (plain > 0) {
        out->type = type;
        out->is_number = true;
        request->position += plain;
        return REQUEST_READY;
    }
    if (len == 0) return REQUEST_MORE;
    const char *end = memchr(line, '\r', num_min(len, REQUEST_INLINE_MAX + 1));
    if (end == NULL) {
        return len > REQUEST_INLINE_MAX ? refuse(request, too_big) : REQUEST_MORE;
    }
    size_t digits_end = (size_t)(end - line);
    if (digits_end + 2 > len) return REQUEST_MORE;
    out->type = line[0];
    out->is_number = digits_end > 0 && num_parse_i64(slice_of(line + 1, digits_end - 1), //
                                                     &out->number);
    request->position += digits_end + 2;
    return REQUEST_READY;
}

// Reads "*n". Leaves args_left at 0 when the array is empty.
static enum request_status read_array_header(struct request *request,
                                             const struct request_limits *limits) {
    struct header header;
    enum request_status status = read_header(request, '*', "too big mbulk count string", &header);
    if (status != REQUEST_READY) return status;
    if (!header.is_number || header.number > REQUEST_ARGS_MAX) {
        return refuse(request, "invalid multibulk length");
    }
    if (header.number > REQUEST_UNAUTHENTICATED_ARGS_MAX && !limits->is_authenticated) {
        return refuse(request, "unauthenticated multibulk length");
    }
    request->args_left = header.number > 0 ? header.number : 0;
    request->bulk_len = -1;
    return REQUEST_READY;
}

static enum request_status read_bulk_header(struct request *request,
                                            const struct request_limits *limits) {
    struct header header;
    enum request_status status = read_header(request, '$', "too big bulk count string", &header);
    if (status != REQUEST_READY) return status;
    if (header.type != '$') {
        char why[32];
        snprintf(why, sizeof why, "expected '$', got '%c'", header.type);
        return refuse(request, why);
    }
    if (!header.is_number || header.number < 0 || (uint64_t)header.number > limits->bulk_max) {
        return refuse(request, "invalid bulk length");
    }
    if (header.number > REQUEST_UNAUTHENTICATED_BULK_MAX && !limits->is_authenticated) {
        return refuse(request, "unauthenticated bulk length");
    }
    size_t before = request->position - request->parsed + request->argc * sizeof *request->argv;
    if (before > limits->query_max || (size_t)header.number > limits->query_max - before) {
        return refuse(request, "request larger than client-query-buffer-limit");
    }
    request->bulk_len = header.number;
    return REQUEST_READY;
}

static enum request_status read_args(struct request *request, const struct request_limits *limits) {
    while (request->args_left > 0) {
        if (request->bulk_len < 0) {
            enum request_status status = read_bulk_header(request, limits);
            if (status != REQUEST_READY) return status;
        }
        // The two bytes behind the payload are skipped unseen, as Redis does.
        size_t len = (size_t)request->bulk_len;
        if (request->input.len - request->position < len + 2) return REQUEST_MORE;
        add_arg(request, request->input.data + request->position, len);
        request->position += len + 2;
        request->bulk_len = -1;
        request->args_left--;
    }
    return REQUEST_READY;
}

// ---- inline commands
// -----------------------------------------------------------------------------

static bool is_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

// Inside a word fewer bytes separate than between words: Redis does so.
static bool ends_word(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// A place in a line of which words are decoded in place: what is written is never longer than what
// was read.
struct cursor {
    const char *at;
    const char *end;
    char *to;
};

// Reads behind the opening quote up to and with the closing one, behind which the word must end.
static bool read_quoted(struct cursor *line, char quote) {
    while (line->at < line->end && *line->at != quote) {
        size_t left = (size_t)(line->end - line->at);
        const char *at = line->at;
        bool has_escapes = quote == '"';
        if (has_escapes && left >= 2 && at[0] == '\\') {
            line->at += escape_decode(at, left, line->to++);
        } else if (left >= 2 && at[0] == '\\' && at[1] == quote) {
            *line->to++ = quote;
            line->at += 2;
        } else {
            *line->to++ = *line->at++;
        }
    }
    if (line->at == line->end) return false;
    line->at++;
    return line->at == line->end || is_space(*line->at);
}

static bool read_word(struct cursor *line) {
    while (line->at < line->end && !ends_word(*line->at)) {
        char byte = *line->at++;
        if (byte == '"' || byte == '\'') return read_quoted(line, byte);
        *line->to++ = byte;
    }
    return true;
}

static enum request_status read_inline(struct request *request) {
    char *start = request->input.data + request->position;
    size_t len = request->input.len - request->position;
    char *newline = memchr(start, '\n', num_min(len, REQUEST_INLINE_MAX + 1));
    if (newline == NULL) {
        if (len <= REQUEST_INLINE_MAX) return REQUEST_MORE;
        return refuse(request, "too big inline request");
    }
    request->position += (size_t)(newline - start) + 1;
    struct cursor line = {.at = start, .end = newline};
    if (line.end > line.at && line.end[-1] == '\r') line.end--;
    for (;;) {
        while (line.at < line.end && is_space(*line.at)) {
            line.at++;
        }
        if (line.at == line.end) return REQUEST_READY;
        char *word = start + (line.at - start);
        line.to = word;
        if (!read_word(&line)) return refuse(request, "unbalanced quotes in request");
        add_arg(request, word, (size_t)(line.to - word));
    }
}

// ---- the door
// ------------------------------------------------------------------------------------

// All input is consumed: the slices are dead, and memory that only a large request needed can go.
static void let_go(struct request *request) {
    forget_done(request);
    buf_shrink(&request->input, INPUT_KEEP);
    shrink_argv(request);
}

enum request_status request_next(struct request *request, const struct request_limits *limits) {
    if (request->error[0] != '\0') return REQUEST_BAD;
    for (;;) {
        enum request_status status = REQUEST_READY;
        if (request->args_left == 0) {
            request->argc = 0;
            request->bytes = 0;
            request->parsed = request->position;
            if (request->position == request->input.len) {
                let_go(request);
                return REQUEST_MORE;
            }
            bool is_array = request->input.data[request->position] == '*';
            status = is_array ? read_array_header(request, limits) : read_inline(request);
        }
        if (status == REQUEST_READY) status = read_args(request, limits);
        if (status != REQUEST_READY || request->argc > 0) return status;
        // An empty array or a blank line: the next one.
    }
}
