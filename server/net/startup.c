#define _XOPEN_SOURCE 700 // realpath

#include "server/net/startup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"

enum { US_PER_MS = 1000, US_PER_S = 1000000 };

static void print_help(void) {
    struct buf text = {0};
    buf_append_str(&text,
                   "ackd: a Redis-compatible queue server; when it says OK, it is on disk.\n\n"
                   "Usage: ackd [file] [--name value ...] [-]\n"
                   "  file   a configuration file, written as redis-server's\n"
                   "  -      read more configuration from standard input\n\n");
    options_manual(&text);
    fwrite(text.data, 1, text.len, stdout);
    buf_deinit(&text);
}

bool startup_answered(int argc, char **argv) {
    if (argc != 2) return false;
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
        printf("ackd %s (%s)\n", ACKD_VERSION, mem_allocator());
        return true;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return true;
    }
    return false;
}

void startup_settle_dir(struct options *options) {
    char absolute[PATH_MAX];
    if (realpath(options->dir, absolute) == NULL) return;
    mem_free(options->dir);
    options->dir = mem_dup(absolute, strlen(absolute) + 1);
}

struct store_options startup_store_options(const struct options *options,
                                           const struct trace *trace) {
    struct clock clock = clock_system();
    bool is_dsync = slice_is(slice_str(options->sync_method), "dsync");
    // Small segments are for tests; a reserve that fills them would refuse every write.
    uint64_t reserve = options->reserve_bytes;
    if (reserve > options->segment_bytes / 4) reserve = options->segment_bytes / 4;
    return (struct store_options){
        .log =
            {
                .segment_bytes = options->segment_bytes,
                .tail_bytes = options->tail_bytes,
                .reserve_bytes = reserve,
                .slots_ahead = (unsigned)options->segment_slots,
                .disk_max_bytes = options->max_disk,
                .shrink = options->gives_back,
                .sync_method = is_dsync ? LOG_SYNC_DSYNC : LOG_SYNC_FDATASYNC,
                .writes_direct = options->direct_io,
                .sync_delay_us = (unsigned)options->sync_delay_us,
                .seed = rng_system_seed(),
                .wall_ms = clock_wall_us(&clock) / US_PER_MS,
                .trace = trace,
            },
        .databases = (unsigned)options->databases,
        .cold_read_cache_bytes = options->cold_read_cache_bytes,
        .seed = rng_system_seed(),
        .trace = trace,
    };
}

void startup_say_version(const struct trace *trace, const struct options *options) {
    const char *file = options->config_file[0] != '\0' ? options->config_file : "none";
    trace_event(trace, TRACE_NOTICE, "net.starting",
                "ackd %s, pid %d, configuration file: %s, data directory: %s", ACKD_VERSION,
                (int)getpid(), file, options->dir);
}

// As a shell takes it for one word.
static void append_word(struct buf *text, const char *word, const char *suffix) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,@";
    const bool is_plain = word[0] != '-' && strspn(word, plain) == strlen(word);
    if (!is_plain) buf_append_byte(text, '\'');
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            buf_append_str(text, "'\\''");
        else
            buf_append_byte(text, *at);
    }
    buf_append_str(text, suffix);
    if (!is_plain) buf_append_byte(text, '\'');
}

static void say_command(const struct trace *trace, const struct buf *text) {
    fprintf(stderr, "ackd: %.*s\n", (int)text->len, text->data);
    trace_event(trace, TRACE_WARNING, "net.salvage", "%.*s", (int)text->len, text->data);
}

// The tool beside this program, if it is there; otherwise where the shell finds it.
static void append_tool(struct buf *text) {
    static const char tool[] = "ackd-check";
    char path[OPTIONS_PATH_MAX + sizeof tool];
    size_t len = OPTIONS_PATH_MAX;
    char *slash = uv_exepath(path, &len) == 0 ? strrchr(path, '/') : NULL;
    if (slash == NULL) {
        buf_append_str(text, tool);
        return;
    }
    memcpy(slash + 1, tool, sizeof tool);
    append_word(text, access(path, X_OK) == 0 ? path : tool, "");
}

void startup_say_salvage(const struct trace *trace, const char *dir) {
    struct buf text = {0};
    buf_append_str(&text, "To see what is damaged: ");
    append_tool(&text);
    buf_append_byte(&text, ' ');
    append_word(&text, dir, "");
    say_command(trace, &text);
    buf_reset(&text);
    buf_append_str(&text, "To save what can be saved: ");
    append_tool(&text);
    buf_append_str(&text, " --salvage ");
    append_word(&text, dir, "-salvaged");
    buf_append_byte(&text, ' ');
    append_word(&text, dir, "");
    say_command(trace, &text);
    buf_deinit(&text);
}

void startup_say_recovery(const struct trace *trace, const struct store_recovery *recovery) {
    if (recovery->log.bytes == 0) {
        trace_event(trace, TRACE_NOTICE, "net.empty", "The data directory holds no data yet");
        return;
    }
    char size[32];
    num_format_human(size, sizeof size, recovery->log.bytes);
    trace_event(trace, TRACE_NOTICE, "net.recovered",
                "Recovered %" PRIu64 " keys from %" PRIu64 " frames (%s) in %" PRId64
                ".%03d s; the "
                "last stop was %s",
                recovery->keys, recovery->log.frames, size, recovery->took_us / US_PER_S,
                (int)(recovery->took_us / US_PER_MS % 1000),
                recovery->log.was_sealed ? "clean" : "not clean");
    if (recovery->log.torn_lsn != 0) {
        trace_event(trace, TRACE_WARNING, "net.torn_tail",
                    "The log's end at %" PRIu64
                    " was torn by the last crash. It was never answered; "
                    "a copy is kept in the data directory (torn-*) and may be deleted.",
                    recovery->log.torn_lsn);
    }
    if (recovery->log.repersisted_bytes != 0) {
        num_format_human(size, sizeof size, recovery->log.repersisted_bytes);
        trace_event(trace, TRACE_NOTICE, "net.repersisted",
                    "The last batch (%s) was written again, as nothing proved that it was synced",
                    size);
    }
}
