#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command slowlog_subtable[SLOWLOG_SUBCOMMANDS] = {
    {.name = "get", .handler = cmd_slowlog_get, .arity = -2, .traits = COMMAND_ADMIN | HELPS, .group = GROUP_SERVER,
     .since = "2.2.12", .usage = "[count]",
     .brief = "The slowest commands of late, the newest first.", .complexity = "O(N), N the entries answered"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_SERVER,
     .since = "6.2.0", .usage = "",
     .brief = "The subcommands of SLOWLOG.", .complexity = "O(1)"},
    {.name = "len", .handler = cmd_slowlog_len, .arity = 2, .traits = COMMAND_ADMIN | HELPS, .group = GROUP_SERVER,
     .since = "2.2.12", .usage = "",
     .brief = "How many entries the slow log has.", .complexity = "O(1)"},
    {.name = "reset", .handler = cmd_slowlog_reset, .arity = 2, .traits = COMMAND_ADMIN | HELPS, .group = GROUP_SERVER,
     .since = "2.2.12", .usage = "",
     .brief = "Empties the slow log.", .complexity = "O(N), N the entries"},
};
// clang-format on
