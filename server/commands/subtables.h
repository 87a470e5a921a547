// The subcommands of container commands; each table stands in a file of its own.
#ifndef ACKD_SERVER_COMMANDS_SUBTABLES_H
#define ACKD_SERVER_COMMANDS_SUBTABLES_H

#include "server/engine/command.h"

enum {
    MEMORY_SUBCOMMANDS = 2,
    OBJECT_SUBCOMMANDS = 5,
};

extern const struct command memory_subtable[MEMORY_SUBCOMMANDS];
extern const struct command object_subtable[OBJECT_SUBCOMMANDS];

#endif
