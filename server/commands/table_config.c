#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command config_subtable[CONFIG_SUBCOMMANDS] = {
    {.name = "get", .handler = cmd_config_get, .arity = -3, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.0.0", .usage = "parameter [parameter ...]",
     .brief = "The values of the options that match names or patterns.", .complexity = "O(N), N the options"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_SERVER,
     .since = "5.0.0", .usage = "",
     .brief = "The subcommands of CONFIG.", .complexity = "O(1)"},
    {.name = "resetstat", .handler = cmd_config_resetstat, .arity = 2, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.0.0", .usage = "",
     .brief = "Sets the counters of INFO to zero.", .complexity = "O(1)"},
    {.name = "rewrite", .handler = cmd_config_rewrite, .arity = 2, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.8.0", .usage = "",
     .brief = "Writes the changed options into the configuration file, keeping its comments.", .complexity = "O(N), N the options"},
    {.name = "set", .handler = cmd_config_set, .arity = -4, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.0.0", .usage = "parameter value [parameter value ...]",
     .brief = "Changes options, all of them or none.", .complexity = "O(N), N the options"},
};
// clang-format on
