// What is said and settled before the first client: the words of the start.
#ifndef ACKD_SERVER_NET_STARTUP_H
#define ACKD_SERVER_NET_STARTUP_H

#include <stdbool.h>

#include "proto/base/trace.h"
#include "server/options/options.h"
#include "storage/store.h"

// Answers --version and --help on standard output. False: this is a start.
bool startup_answered(int argc, char **argv);

// Makes options->dir absolute; the directory exists.
void startup_settle_dir(struct options *options);

// The store's options out of the operator's.
struct store_options startup_store_options(const struct options *options,
                                           const struct trace *trace);

void startup_say_version(const struct trace *trace, const struct options *options);
// The data is damaged and the start refused: the commands that look at it and that save what can be
// saved, to the letter, on standard error and to `trace` (NULL: not).
void startup_say_salvage(const struct trace *trace, const char *dir);
void startup_say_recovery(const struct trace *trace, const struct store_recovery *recovery);

#endif
