#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command command_subtable[COMMAND_SUBCOMMANDS] = {
    {.name = "count", .handler = cmd_command_count, .arity = 2, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "",
     .brief = "How many commands there are.", .complexity = "O(1)"},
    {.name = "docs", .handler = cmd_command_docs, .arity = -2, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "7.0.0", .usage = "[command-name [command-name ...]]",
     .brief = "What commands do, since when and at what cost.", .complexity = "O(N), N the commands named"},
    {.name = "getkeys", .handler = cmd_command_getkeys, .arity = -4, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "command [arg [arg ...]]",
     .brief = "The keys of a request.", .complexity = "O(N), N the arguments"},
    {.name = "getkeysandflags", .handler = cmd_command_getkeysandflags, .arity = -4, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "7.0.0", .usage = "command [arg [arg ...]]",
     .brief = "The keys of a request and how it uses them.", .complexity = "O(N), N the arguments"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "5.0.0", .usage = "",
     .brief = "The subcommands of COMMAND.", .complexity = "O(1)"},
    {.name = "info", .handler = cmd_command_info, .arity = -2, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "[command-name [command-name ...]]",
     .brief = "The shape of commands: arguments, flags, keys, categories.", .complexity = "O(N), N the commands named"},
    {.name = "list", .handler = cmd_command_list, .arity = -2, .traits = HELPS | COMMAND_CONNECTION, .group = GROUP_SERVER,
     .since = "7.0.0", .usage = "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
     .brief = "The names of commands.", .complexity = "O(N), N the commands"},
};
// clang-format on
