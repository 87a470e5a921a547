#define _POSIX_C_SOURCE 200809L

#include "server/net/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "proto/base/buf.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"

enum { LINE_MAX_BYTES = 1280, LOGFILE_MODE = 0640 };

struct logfile {
    struct trace trace;
    uv_mutex_t lock; // of fd: other threads write, the loop opens it again
    int fd;
    char *path; // "": standard output
    int pid;
};

enum trace_level logfile_level(const char *name) {
    struct slice level = slice_str(name);
    if (slice_is(level, "debug")) return TRACE_DEBUG;
    if (slice_is(level, "verbose")) return TRACE_VERBOSE;
    if (slice_is(level, "warning")) return TRACE_WARNING;
    return TRACE_NOTICE;
}

static char level_mark(enum trace_level level) {
    switch (level) {
    case TRACE_DEBUG:
        return '.';
    case TRACE_VERBOSE:
        return '-';
    case TRACE_NOTICE:
        return '*';
    case TRACE_WARNING:
        return '#';
    }
    return '?';
}

static void sink(void *context, enum trace_level level, const char *event, const char *text) {
    (void)event;
    struct logfile *logfile = context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm local;
    localtime_r(&now.tv_sec, &local);
    char date[64];
    strftime(date, sizeof date, "%d %b %Y %H:%M:%S", &local);
    char line[LINE_MAX_BYTES];
    int len = snprintf(line, sizeof line - 1, "%d:M %s.%03ld %c %s", logfile->pid, date,
                       now.tv_nsec / 1000000, level_mark(level), text);
    if (len < 0) return;
    size_t end = (size_t)len < sizeof line - 1 ? (size_t)len : sizeof line - 2;
    // Bytes of clients may be in the text: they must not be able to forge a line.
    for (size_t i = 0; i < end; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = '?';
    }
    line[end++] = '\n';
    uv_mutex_lock(&logfile->lock);
    ssize_t written = write(logfile->fd, line, end);
    (void)written;
    uv_mutex_unlock(&logfile->lock);
}

static enum err open_path(const char *path, int *out, struct fault *fault) {
    if (path[0] == '\0') {
        *out = STDOUT_FILENO;
        return ERR_NONE;
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, LOGFILE_MODE);
    if (fd < 0) {
        return fault_set(fault, ERR_INVALID, "the log file %s cannot be opened: %s", path,
                         uv_strerror(-errno));
    }
    *out = fd;
    return ERR_NONE;
}

enum err logfile_open(struct logfile **out, const char *path, enum trace_level level,
                      struct fault *fault) {
    int fd = -1;
    enum err err = open_path(path, &fd, fault);
    if (err != ERR_NONE) return err;
    struct logfile *logfile = mem_zalloc(sizeof *logfile);
    must(uv_mutex_init(&logfile->lock) == 0);
    logfile->fd = fd;
    logfile->path = mem_dup(path, strlen(path) + 1);
    logfile->pid = (int)getpid();
    logfile->trace = (struct trace){.context = logfile, .level = level, .sink = sink};
    *out = logfile;
    return ERR_NONE;
}

void logfile_close(struct logfile *logfile) {
    if (logfile == NULL) return;
    if (logfile->fd != STDOUT_FILENO) close(logfile->fd);
    uv_mutex_destroy(&logfile->lock);
    mem_free(logfile->path);
    mem_free(logfile);
}

const struct trace *logfile_trace(const struct logfile *logfile) {
    return &logfile->trace;
}

void logfile_set_level(struct logfile *logfile, enum trace_level level) {
    atomic_store_explicit(&logfile->trace.level, (int)level, memory_order_relaxed);
}

enum err logfile_reopen(struct logfile *logfile, struct fault *fault) {
    int fd = -1;
    enum err err = open_path(logfile->path, &fd, fault);
    if (err != ERR_NONE) return err;
    uv_mutex_lock(&logfile->lock);
    int old = logfile->fd;
    logfile->fd = fd;
    uv_mutex_unlock(&logfile->lock);
    if (old != STDOUT_FILENO) close(old);
    return ERR_NONE;
}
