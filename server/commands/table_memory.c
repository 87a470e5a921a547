#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command memory_subtable[MEMORY_SUBCOMMANDS] = {
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_SERVER,
     .since = "4.0.0", .usage = "",
     .brief = "The subcommands of MEMORY.", .complexity = "O(1)"},
    {.name = "usage", .handler = cmd_memory_usage, .arity = -3, .traits = READS, .group = GROUP_SERVER,
     .keys = KEY_AT(2, KEY_RO),
     .since = "4.0.0", .usage = "key [SAMPLES count]",
     .brief = "How many bytes of memory a key takes.", .complexity = "O(N), N the elements"},
};
// clang-format on
