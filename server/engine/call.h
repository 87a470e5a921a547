// One execution of one command: what a handler sees. Lives on dispatch's stack.
// A handler reads through const lookups, changes through txn_* with call->txn, and answers through
// call->reply. It never blocks, never looks at sockets, the log or other clients.
#ifndef ACKD_SERVER_ENGINE_CALL_H
#define ACKD_SERVER_ENGINE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"
#include "proto/resp/reply.h"
#include "server/engine/client.h"
#include "server/engine/command.h"
#include "server/engine/engine.h"
#include "storage/data/hash_snapshot.h"
#include "storage/store.h"
#include "storage/txn.h"

struct call {
    struct engine *engine;
    struct client *client;
    const struct command *command;
    size_t argc;
    const struct slice *argv; // lends until the handler returns
    struct reply reply;
    struct txn *txn; // open for every command with COMMAND_WRITES, NULL for others
    int64_t now_ms;  // wall clock, the same for the whole call
    unsigned db;
    const char *full_name; // "client|kill"
    bool is_retry;         // a waiter is being tried again
    bool may_wait;         // false inside MULTI and scripts: call_wait answers as if timed out
    bool is_answered;      // call_prepare has written a refusal
    bool is_broken;        // call_prepare found the log broken
    bool is_cold;          // bytes it asked for must be read first: it will be executed again
    bool has_asked_enough; // facts that it asks for now will not be read before it is
    size_t looked_bytes;   // that facts were derived from
    bool is_decided;       // it will not be put off any more: what is missing is read at once
    uint32_t secrets;      // bit i: argument i is a secret, see call_hide
};

// ---- lookups (count hits and misses, touch the key unless the client asked not to)

// NULL when absent. Any type.
const struct entry *call_lookup(struct call *call, struct slice key);
// Returns false after having answered WRONGTYPE. *out is NULL when the key is absent.
bool call_lookup_type(struct call *call, struct slice key, enum value_type type,
                      const struct entry **out);
// The same without counting, touching or answering, for introspection (OBJECT, TTL, DEBUG).
const struct entry *call_peek(struct call *call, unsigned db, struct slice key);

// ---- answering

void call_wrong_type(struct call *call);   // -WRONGTYPE ...
void call_syntax_error(struct call *call); // -ERR syntax error
void call_wrong_arity(struct call *call);  // -ERR wrong number of arguments for '...' command
// Answers a blob as a bulk string: copies it if it is in memory; else it comes from disk when it is
// its turn to leave. A damaged payload answers -ERR CORRUPT ... in its place.
void call_reply_blob(struct call *call, const struct blob *blob);
void call_reply_blobs(struct call *call, const struct blob *blobs, size_t count);
// Elements [from, from + count) of a list, first to last or backwards: many are shared with it
// (list_snapshot.h) and listed when they leave.
void call_reply_list(struct call *call, const struct list *list, size_t from, size_t count,
                     bool backward);
// Many rows of anything, listed when they leave: adds `count` > 0 of them to the reply (behind the
// header of an array or map, which is the caller's) and takes the snapshot. Each row is one blob,
// written by `write`; a row without bytes in the log has a blob of kind NONE or INLINE.
struct call_snapshot_kind {
    size_t (*read)(const void *snapshot, size_t skip, struct blob *out, size_t max);
    void (*write)(const void *snapshot, size_t skip, struct reply *reply, struct slice bytes,
                  enum err err); // alike in RESP2 and RESP3
    void (*take)(void *snapshot);
    size_t (*memory)(const void *snapshot);
    void (*free)(void *snapshot);
    bool is_in_memory; // all of it: no segment of the log is held
};
void call_reply_snapshot(struct call *call, const struct call_snapshot_kind *kind, void *snapshot,
                         size_t count); // `kind` must live for ever; see outbox_source
bool call_wants_snapshot(const struct call *call, size_t count); // so many are better shared
// All fields, values or pairs of a hash that is not empty, in the order of hash_each; read when
// they leave (hash_snapshot.h). For many.
void call_share_hash(struct call *call, const struct hash_type *hash, enum hash_rows rows);
void call_write_bulk(struct reply *reply, struct slice bytes, enum err err);
// The same as call_reply_blob in another form, which must live for ever.
void call_reply_payload(struct call *call, const struct outbox_form *form, const struct blob *blob,
                        const void *extra);
// The first old_len bytes of the reply become `head`, which is not longer.
void call_replace_head(struct call *call, size_t old_len, struct slice head);
void reply_unreadable(struct reply *reply, enum err err); // -ERR CORRUPT ... or -ERR IO ...

// ---- bytes to decide by (before the first txn_*)

// The bytes of a blob for computing with (INCR, APPEND, GETRANGE...). Lends until the next
// call_bytes or call_fact. False: return CALL_DONE, either an error was answered, or
// (call->is_cold) the bytes must be read first and the command will be executed again.
bool call_bytes(struct call *call, const struct blob *blob, struct slice *out);

// What `derive` says of the blob's bytes and `against` (a lent argument). For commands that look at
// many blobs: ERR_AGAIN (call->is_cold): it must be read first, or one execution of a command has
// looked at as many bytes as it may. Such a command goes on asking for what it will need as well,
// at the latest until call->has_asked_enough, and then returns CALL_DONE. One command derives one
// kind of fact, of at most 32 bits. ERR_CORRUPT, ERR_IO: nothing is answered yet.
typedef uint64_t call_derive(struct slice bytes, struct slice against);
enum err call_fact(struct call *call, const struct blob *blob, call_derive *derive,
                   struct slice against, uint64_t *out);

// ---- in pieces (before the first txn_*)

// How many elements the command may still look at in this turn of the loop; SIZE_MAX where it
// cannot be put off. It subtracts what it has looked at itself.
size_t call_steps(const struct call *call);
void call_stepped(struct call *call, size_t steps); // so many were looked at
// The command goes on in the next turn: return CALL_DONE. It is executed again from its beginning,
// and other commands may be executed before.
void call_pause(struct call *call);
// What the last execution of this command has kept, to begin where it stopped; it is the caller's
// again. NULL: nothing.
void *call_kept(struct call *call);
// Keeps something until the command is executed again (call_kept) or never will be (`free`). To be
// called when call->is_cold, or before call_prepare. `has_advanced`: it has come further than the
// execution before, so that what it has asked the disk for does not count against it.
void call_keep(struct call *call, void *kept, void (*free)(void *kept), bool has_advanced);

// ---- arguments (each answers Redis' error and returns false when the argument does not fit)

bool call_arg_i64(struct call *call, size_t index,
                  int64_t *out); // "ERR value is not an integer or out of range"
bool call_arg_range_i64(struct call *call, size_t index, int64_t min, int64_t max,
                        const char *error, int64_t *out); // `error`: the whole text
bool call_arg_is(const struct call *call, size_t index,
                 const char *word); // case-insensitive; false beyond argc
// A blocking timeout in seconds as a double; *deadline_ms is an absolute wall time in ms (rounded
// up), 0: for ever. "ERR timeout is not a float or out of range", "ERR timeout is negative", "ERR
// timeout is out of range".
bool call_arg_timeout(struct call *call, size_t index, int64_t *deadline_ms);

// ---- room in the log

// Makes sure that the log takes `bytes` in `records` records *beyond* the bytes of the arguments.
// For commands that write more than they were given (COPY, RENAME, LMOVEM, APPEND to a referenced
// value ...), before their first txn_* call. False: return CALL_RETRY at once; either the refusal
// is written, or the command will be executed again from its beginning when there is room.
bool call_prepare(struct call *call, size_t bytes, size_t records);

// Keeps an argument (a password) out of the slow log. Those beyond the 32nd are never shown.
void call_hide(struct call *call, size_t index);

// ---- blocking

enum wait_answer { // what is answered when the deadline passes
    WAIT_ANSWER_NULL,
    WAIT_ANSWER_NULL_ARRAY,
    WAIT_ANSWER_NO_REPLICAS, // WAIT: 0
    WAIT_ANSWER_LOCAL_ONLY,  // WAITAOF: [1, 0]
};

// Hangs the command on its keys until one of them may serve it, the deadline passes, or CLIENT
// UNBLOCK. `value_type`: what the keys must hold to be worth a retry. Returns what the handler is
// to return. On a retry the waiter keeps its place. Where waiting is not allowed it answers as if
// timed out.
enum call_result call_wait(struct call *call, const struct slice *keys, size_t count,
                           enum value_type value_type, int64_t deadline_ms,
                           enum wait_answer answer);

// What a reader of a consumer group waits for: more than call_wait can say.
struct call_waiting {
    const struct slice *keys;
    size_t key_count;
    enum value_type value_type;
    int64_t deadline_ms; // 0: for ever
    enum wait_answer answer;
    // Also tried again when a key is gone or of another type, or a group of it is gone.
    bool minds_loss;
    // Also tried again when something pending was given back, delivered or claimed, and at
    // `alarm_ms`, when the oldest can be claimed (0: nothing is pending).
    bool claims;
    int64_t alarm_ms;
    // The argument that names the group; 0: none. Where one waiter of a group finds nothing, those
    // behind it are not tried.
    size_t cohort_arg;
};
// As call_wait. On a retry only the alarm is taken over.
enum call_result call_wait_for(struct call *call, const struct call_waiting *waiting);

#endif
