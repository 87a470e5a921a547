#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command xinfo_subtable[XINFO_SUBCOMMANDS] = {
    {.name = "consumers", .handler = cmd_xinfo_consumers, .arity = 4, .traits = READS, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RO | KEY_ACCESS),
     .since = "5.0.0", .usage = "key group",
     .brief = "The consumers of a group.", .complexity = "O(N), N the consumers"},
    {.name = "groups", .handler = cmd_xinfo_groups, .arity = 3, .traits = READS, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RO | KEY_ACCESS),
     .since = "5.0.0", .usage = "key",
     .brief = "The consumer groups of a stream.", .complexity = "O(N), N the groups"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_STREAM,
     .since = "5.0.0", .usage = "",
     .brief = "The subcommands of XINFO.", .complexity = "O(1)"},
    {.name = "stream", .handler = cmd_xinfo_stream, .arity = -3, .traits = READS, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RO | KEY_ACCESS),
     .since = "5.0.0", .usage = "key [FULL [COUNT count]]",
     .brief = "A stream from outside, or with its groups and consumers.", .complexity = "O(1), FULL: O(N), N what is shown"},
};
// clang-format on
