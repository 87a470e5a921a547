// One row of the command table: everything anybody needs to know of a command. COMMAND, ACL
// categories, key extraction, metrics and the manual derive from it.
#ifndef ACKD_SERVER_ENGINE_COMMAND_H
#define ACKD_SERVER_ENGINE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"

struct call;

enum call_result {
    CALL_DONE,  // the reply is written
    CALL_WAIT,  // nothing is written; call_wait has hung the command on its keys
    CALL_RETRY, // what to return when call_prepare said no
    CALL_COLD,  // what dispatch makes of all three when bytes are missing (call->is_cold)
};

typedef enum call_result command_handler(struct call *call);

// Traits. The comments name the Redis flag that COMMAND answers for it.
enum {
    COMMAND_READS = 1 << 0,           // readonly: looks at data, its reply is fenced
    COMMAND_WRITES = 1 << 1,          // write: may change data, its reply is fenced
    COMMAND_GROWS = 1 << 2,           // denyoom: refused when memory or disk is full
    COMMAND_WAITS = 1 << 3,           // blocking
    COMMAND_FAST = 1 << 4,            // fast
    COMMAND_NO_MULTI = 1 << 5,        // no_multi
    COMMAND_NO_SCRIPT = 1 << 6,       // noscript
    COMMAND_WHILE_LOADING = 1 << 7,   // loading
    COMMAND_WHEN_SUBSCRIBED = 1 << 8, // allowed to a RESP2 client in subscriber mode
    COMMAND_NO_AUTH = 1 << 9,         // no_auth
    COMMAND_ADMIN = 1 << 10,          // admin
    COMMAND_STALE = 1 << 11,          // stale
    COMMAND_MOVABLE_KEYS = 1 << 12,   // movablekeys
    COMMAND_SKIP_SLOWLOG = 1 << 13,   // skip_slowlog, skip_monitor
    COMMAND_DANGEROUS = 1 << 15,      // only an ACL category
    COMMAND_UNFENCED =
        1 << 16, // a container or admin command whose reply reveals no data: not fenced
    COMMAND_CONNECTION = 1 << 17,       // ACL category connection
    COMMAND_ALLOW_BUSY = 1 << 18,       // allow_busy: also while a script takes too long
    COMMAND_FOR_ADMIN = 1 << 19,        // ACL categories admin and dangerous, without the flag
    COMMAND_NO_ASYNC_LOADING = 1 << 20, // no_async_loading
};

enum command_group {
    GROUP_CONNECTION,
    GROUP_GENERIC,
    GROUP_STRING,
    GROUP_LIST,
    GROUP_HASH,
    GROUP_SERVER,
    GROUP_SET,
    GROUP_SORTED_SET,
    GROUP_STREAM,
    GROUP_PUBSUB,
    GROUP_TRANSACTIONS,
    GROUP_SCRIPTING,
};

// How a key is used, for COMMAND INFO's key specifications.
enum key_use {
    KEY_NONE,
    KEY_RO = 1 << 0,     // read
    KEY_RW = 1 << 1,     // read and written
    KEY_OW = 1 << 2,     // overwritten
    KEY_RM = 1 << 3,     // removed
    KEY_ACCESS = 1 << 4, // its data is returned
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_VARIABLE = 1 << 8, // options decide; the others say the most that can happen
};

enum key_find {
    KEY_FIND_RANGE,
    KEY_FIND_KEYNUM,
    KEY_FIND_STREAMS, // behind the word STREAMS: the first half of all that follows
};

// Where keys stand in argv. Two specs are enough for all commands so far; unused ones have use
// KEY_NONE.
struct key_spec {
    unsigned use;
    enum key_find find;
    // Index of the first key (RANGE), of the number of keys (KEYNUM), or from which on the word may
    // stand (STREAMS).
    int8_t begin;
    int8_t
        last; // RANGE: last key relative to `begin`; -1: to the end, -2: all but the last argument
    int8_t step; // RANGE
};

struct key_range { // of argv
    size_t first;
    size_t last; // inclusive
    size_t step;
};

// Where the keys of a spec stand in a request; false: nowhere (the handler will refuse the
// arguments).
bool key_range_find(const struct key_spec *spec, const struct slice *argv, size_t argc,
                    struct key_range *out);

enum { COMMAND_KEY_SPECS = 2, COMMAND_NAME_MAX = 32 };

struct command {
    const char *name;         // lower case
    command_handler *handler; // NULL for a pure container
    int arity;                // as Redis: with the name; negative: at least
    unsigned traits;
    enum command_group group;
    struct key_spec keys[COMMAND_KEY_SPECS];
    const char *since;
    const char *usage;      // arguments as the documentation writes them: "key [count]"
    const char *brief;      // one sentence of ours
    const char *complexity; // "O(1)"
    const struct command *subtable;
    size_t subtable_len;
};

// The whole table, given to the engine by main. Rows sorted by name; lookups are case-insensitive.
struct command_table {
    const struct command *rows;
    size_t len;
};

#endif
