// Short words for the rows of table.c and the subtables. Only files that hold rows include this.
#ifndef ACKD_SERVER_COMMANDS_ROWS_H
#define ACKD_SERVER_COMMANDS_ROWS_H

#include "server/engine/command.h"

// Where the keys stand.
#define ONE_KEY(uses)                                                                              \
    {                                                                                              \
        { (uses), KEY_FIND_RANGE, 1, 0, 1 }                                                        \
    }
#define KEY_AT(i, uses)                                                                            \
    {                                                                                              \
        { (uses), KEY_FIND_RANGE, (i), 0, 1 }                                                      \
    }
#define ALL_KEYS(uses)                                                                             \
    {                                                                                              \
        { (uses), KEY_FIND_RANGE, 1, -1, 1 }                                                       \
    }
#define KEY_PAIRS(uses)                                                                            \
    {                                                                                              \
        { (uses), KEY_FIND_RANGE, 1, -1, 2 }                                                       \
    }
#define KEYS_BUT_LAST(uses)                                                                        \
    {                                                                                              \
        { (uses), KEY_FIND_RANGE, 1, -2, 1 }                                                       \
    }
#define TWO_KEYS(first_uses, second_uses)                                                          \
    {                                                                                              \
        {(first_uses), KEY_FIND_RANGE, 1, 0, 1}, {                                                 \
            (second_uses), KEY_FIND_RANGE, 2, 0, 1                                                 \
        }                                                                                          \
    }
#define NUMBERED_KEYS(i, uses)                                                                     \
    {                                                                                              \
        { (uses), KEY_FIND_KEYNUM, (i), 0, 1 }                                                     \
    }
#define STREAMS_KEYS(i, uses)                                                                      \
    {                                                                                              \
        { (uses), KEY_FIND_STREAMS, (i), 0, 1 }                                                    \
    }

// What nearly every row says of itself.
enum {
    READS = COMMAND_READS,
    READS_FAST = COMMAND_READS | COMMAND_FAST,
    WRITES = COMMAND_WRITES,
    WRITES_FAST = COMMAND_WRITES | COMMAND_FAST,
    GROWS = COMMAND_WRITES | COMMAND_GROWS,
    GROWS_FAST = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
    BLOCKS = COMMAND_WRITES | COMMAND_WAITS,
    BLOCKS_READS = COMMAND_READS | COMMAND_WAITS,
    BLOCKS_GROWS = COMMAND_WRITES | COMMAND_GROWS | COMMAND_WAITS,
    HELPS = COMMAND_WHILE_LOADING | COMMAND_STALE | COMMAND_UNFENCED,
    SESSION = COMMAND_NO_SCRIPT | HELPS,
    STEERS = COMMAND_ADMIN | SESSION,
    SAVES = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_NO_ASYNC_LOADING,
    ENTERS = COMMAND_NO_AUTH | COMMAND_FAST | COMMAND_ALLOW_BUSY | SESSION, // before AUTH
    TAKES = KEY_RW | KEY_ACCESS | KEY_DELETE, // how a pop uses its key
    EDITS = KEY_RW | KEY_ACCESS | KEY_UPDATE, // how a counter uses its key
};

#endif
