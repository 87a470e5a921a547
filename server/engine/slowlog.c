#include "server/engine/slowlog.h"

#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/mem.h"
#include "proto/base/num.h"

void slowlog_init(struct slowlog *log) {
    *log = (struct slowlog){0};
    link_init(&log->entries);
}

static void entry_free(struct slowlog_entry *entry) {
    mem_free(entry->argv); // its bytes too: one block
    mem_free(entry->address);
    mem_free(entry->client_name);
    mem_free(entry);
}

static void trim(struct slowlog *log, size_t max_len) {
    while (log->len > max_len) {
        struct link *oldest = log->entries.prev;
        link_remove(oldest);
        entry_free(link_entry(oldest, struct slowlog_entry, link));
        log->len--;
    }
}

void slowlog_reset(struct slowlog *log) {
    trim(log, 0);
}

void slowlog_deinit(struct slowlog *log) {
    slowlog_reset(log);
    *log = (struct slowlog){0};
}

// The arguments as they are shown: at most SLOWLOG_ARGS_MAX, long ones cut, with a note of what is
// missing. Written into one block behind the slices.
static struct slice *copy_args(const struct slice *argv, size_t argc, size_t *out_argc) {
    const size_t shown = num_min(argc, SLOWLOG_ARGS_MAX);
    size_t ends[SLOWLOG_ARGS_MAX];
    struct buf text = {0};
    for (size_t i = 0; i < shown; i++) {
        if (i + 1 == SLOWLOG_ARGS_MAX && argc > SLOWLOG_ARGS_MAX) {
            buf_printf(&text, "... (%zu more arguments)", argc - SLOWLOG_ARGS_MAX + 1);
        } else if (argv[i].len > SLOWLOG_ARG_BYTES_MAX) {
            buf_append(&text, argv[i].data, SLOWLOG_ARG_BYTES_MAX);
            buf_printf(&text, "... (%zu more bytes)", argv[i].len - SLOWLOG_ARG_BYTES_MAX);
        } else {
            buf_append_slice(&text, argv[i]);
        }
        ends[i] = text.len;
    }
    struct slice *copy = mem_alloc(shown * sizeof *copy + text.len);
    char *bytes = (char *)(copy + shown);
    if (text.len > 0) memcpy(bytes, text.data, text.len);
    for (size_t i = 0; i < shown; i++) {
        const size_t begin = i == 0 ? 0 : ends[i - 1];
        copy[i] = slice_of(bytes + begin, ends[i] - begin);
    }
    buf_deinit(&text);
    *out_argc = shown;
    return copy;
}

static char *copy_text(const char *text) {
    return text == NULL ? mem_dup("", 1) : mem_dup(text, strlen(text) + 1);
}

void slowlog_add(struct slowlog *log, const struct slowlog_entry *entry, const struct slice *argv,
                 size_t argc, size_t max_len) {
    if (max_len == 0) {
        trim(log, 0);
        return;
    }
    struct slowlog_entry *copy = mem_zalloc(sizeof *copy);
    *copy = *entry;
    copy->id = log->next_id++;
    copy->argv = copy_args(argv, argc, &copy->argc);
    copy->address = copy_text(entry->address);
    copy->client_name = copy_text(entry->client_name);
    link_push_front(&log->entries, &copy->link);
    log->len++;
    trim(log, max_len);
}
