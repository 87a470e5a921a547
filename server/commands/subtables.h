// The subcommands of container commands; each table stands in a file of its own.
#ifndef ACKD_SERVER_COMMANDS_SUBTABLES_H
#define ACKD_SERVER_COMMANDS_SUBTABLES_H

#include "server/engine/command.h"

enum {
    CLIENT_SUBCOMMANDS = 14,
    COMMAND_SUBCOMMANDS = 7,
    CONFIG_SUBCOMMANDS = 5,
    LATENCY_SUBCOMMANDS = 6,
    MEMORY_SUBCOMMANDS = 2,
    OBJECT_SUBCOMMANDS = 5,
    SLOWLOG_SUBCOMMANDS = 4,
    XGROUP_SUBCOMMANDS = 6,
    XINFO_SUBCOMMANDS = 4,
};

extern const struct command client_subtable[CLIENT_SUBCOMMANDS];
extern const struct command command_subtable[COMMAND_SUBCOMMANDS];
extern const struct command config_subtable[CONFIG_SUBCOMMANDS];
extern const struct command latency_subtable[LATENCY_SUBCOMMANDS];
extern const struct command memory_subtable[MEMORY_SUBCOMMANDS];
extern const struct command object_subtable[OBJECT_SUBCOMMANDS];
extern const struct command slowlog_subtable[SLOWLOG_SUBCOMMANDS];
extern const struct command xgroup_subtable[XGROUP_SUBCOMMANDS];
extern const struct command xinfo_subtable[XINFO_SUBCOMMANDS];

#endif
