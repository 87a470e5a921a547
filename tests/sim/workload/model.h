// A naive model of all databases and clients: arrays that are searched from the front, no code of
// storage/ or server/. It says what each command must answer and what the data is afterwards
// (PROOF.md, promise 12).
//
// Always true: a model is told of commands in the order in which the engine executed them, with the
// time the engine had then. A command that was refused for want of room or memory (-NOSPACE, -OOM)
// was not executed: it is not told. Time goes forward.
//
//     verdict = model_execute(model, client, argv, argc, now_ms, &expected);
//     if (verdict != MODEL_WAITS) ... model_accept(verdict, expected, actual, why)
//     while (model_woken(model, &client, &expected)) ... the next reply of that client, exactly
//
// model_time is told when the engine looks at its deadlines (the beginning of engine_run).
#ifndef ACKD_TESTS_SIM_WORKLOAD_MODEL_H
#define ACKD_TESTS_SIM_WORKLOAD_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"
#include "server/engine/command.h"
#include "storage/store.h"

// The groups whose commands the model knows; give it to workload_options.groups.
enum {
    MODEL_GROUPS = 1 << GROUP_CONNECTION | 1 << GROUP_GENERIC | 1 << GROUP_STRING |
                   1 << GROUP_LIST | 1 << GROUP_HASH | 1 << GROUP_STREAM | 1 << GROUP_SERVER,
};

// Where a command may rightly do one thing or another, the model asks what the engine has now,
// holds it against what is allowed, and follows: how much a trim with `~` took, how far XAUTOCLAIM
// went.
struct model_view {
    void *context;
    // NULL: there is no engine; then the model takes as much as is allowed.
    size_t (*stream_len)(void *context, unsigned db, struct slice key);
    // Whether ms-seq is pending in the group, and since when (0: given back).
    bool (*pending)(void *context, unsigned db, struct slice key, struct slice group, uint64_t ms,
                    uint64_t seq, int64_t *delivered_ms);
};

struct model_options {
    unsigned databases;      // of the server: what SELECT takes
    size_t string_bytes_max; // key and value together; longer strings are refused. 0: 32 MiB
    struct model_view view;
};

// The view of a keyspace, which is lent; `now_ms` is asked each time.
struct model_view model_view_of(const struct keyspace *const *keyspace);

struct model;

struct model *model_new(const struct model_options *options);
void model_free(struct model *model); // NULL is fine
// An equal model of its own. Cheap: strings are shared.
struct model *model_dup(const struct model *model);

// The database alone: all clients are gone, as after a restart.
void model_restart(struct model *model);

enum model_verdict {
    MODEL_EXACT,   // the reply is `expected`, byte for byte; empty: no reply comes
    MODEL_CHECKED, // the reply is one of those that `expected` describes (model_accept)
    MODEL_WAITS,   // no reply now: the client is blocked
    MODEL_UNKNOWN, // any well-formed reply; the data has not changed
};

// Executes a command of a client, who is made when unknown (database 0, RESP2). `expected` is set.
enum model_verdict model_execute(struct model *model, uint64_t client_id, const struct slice *argv,
                                 size_t argc, int64_t now_ms, struct buf *expected);
// Whether model_execute knows the command (not whether it can say its reply).
bool model_knows(const struct slice *argv, size_t argc);
// Whether the reply is right. If not, `why` says so in words. `actual` is exactly one reply.
bool model_accept(enum model_verdict verdict, struct slice expected, struct slice actual,
                  struct buf *why);

// Who was unblocked by the last call, and by what reply (empty: its replies are switched off), in
// order. False when there are no more. Must be read out before the next command.
bool model_woken(struct model *model, uint64_t *client_id, struct buf *expected);

// The engine has served a client whom the model did not: right when he waits as a reader of a group
// for a key whose time has passed, because the engine may notice that at any moment. Then he is
// answered, and `expected` says what.
bool model_lost(struct model *model, uint64_t client_id, int64_t now_ms, struct buf *expected);

// Blocked clients whose deadline has passed are answered, and those are served who claim what has
// become idle for long enough: see model_woken.
void model_time(struct model *model, int64_t now_ms);
bool model_is_waiting(const struct model *model, uint64_t client_id);
// The client is gone, also out of its queues.
void model_disconnect(struct model *model, uint64_t client_id);

// Compares every element of every key of every database that is alive at now_ms; expired ones do
// not count. ERR_INVALID with a fault that says what differs first.
enum err model_equals_keyspace(const struct model *model, const struct keyspace *keyspace,
                               struct store *store, int64_t now_ms, struct fault *fault);

// ---- taking over what is there, for a model that begins beside an engine that has begun

// The stream of that name becomes a copy of the real one; false: a payload cannot be read.
bool model_load_stream(struct model *model, unsigned db, struct slice name,
                       const struct stream *stream, struct store *store);
// Makes a client wait as the engine's waiter does.
struct model_waiter {
    const struct slice *argv; // with ids in place of `$` and `+`
    size_t argc;
    unsigned db;
    int64_t deadline_ms; // 0: none
    int64_t alarm_ms;    // 0: none
    uint64_t arrival;
};
void model_load_waiter(struct model *model, uint64_t client_id, const struct model_waiter *waiter);

// Elements, fields, strings, entries and pending entries in all databases, for figures.
size_t model_count(const struct model *model, int64_t now_ms);

#endif
