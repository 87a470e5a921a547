// The table of all commands: the only place where a command is declared. COMMAND, ACL categories,
// key extraction, per-command metrics and the manual derive from its rows.
//
// Always true (tests/unit/test_command_table.c): rows and subtables are sorted by name, names are
// lower case and unique, every row says since, usage, brief and complexity, and has a handler or a
// subtable.
#ifndef ACKD_SERVER_COMMANDS_TABLE_H
#define ACKD_SERVER_COMMANDS_TABLE_H

#include "server/engine/command.h"

struct command_table commands_table(void);

#endif
