// Where messages go: lines as redis-server writes them ("pid:M date time level text"), to a file or
// to standard output. One write per line; a line that cannot be written is dropped, because there
// is nobody left to tell. Used by the loop's thread only.
#ifndef ACKD_SERVER_NET_LOGFILE_H
#define ACKD_SERVER_NET_LOGFILE_H

#include "proto/base/err.h"
#include "proto/base/slice.h"
#include "proto/base/trace.h"

struct logfile;

// `path` "": standard output. The directory must exist.
enum err logfile_open(struct logfile **out, const char *path, enum trace_level level,
                      struct fault *fault);
void logfile_close(struct logfile *logfile); // NULL is fine

// Lends the trace whose sink is this file; lives as long as the file.
const struct trace *logfile_trace(const struct logfile *logfile);
void logfile_set_level(struct logfile *logfile, enum trace_level level);

// Opens the path again, for those who have moved the file away. Goes on with the old one when that
// fails.
enum err logfile_reopen(struct logfile *logfile, struct fault *fault);

// "debug", "verbose", "notice" or "warning": what the option loglevel holds.
enum trace_level logfile_level(const char *name);

#endif
