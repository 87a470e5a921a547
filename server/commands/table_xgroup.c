#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command xgroup_subtable[XGROUP_SUBCOMMANDS] = {
    {.name = "create", .handler = cmd_xgroup_create, .arity = -5, .traits = GROWS, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RW | KEY_INSERT),
     .since = "5.0.0", .usage = "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
     .brief = "Makes a consumer group.", .complexity = "O(1)"},
    {.name = "createconsumer", .handler = cmd_xgroup_createconsumer, .arity = 5, .traits = GROWS, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RW | KEY_INSERT),
     .since = "6.2.0", .usage = "key group consumer",
     .brief = "Makes a consumer of a group.", .complexity = "O(1)"},
    {.name = "delconsumer", .handler = cmd_xgroup_delconsumer, .arity = 5, .traits = WRITES, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RW | KEY_DELETE),
     .since = "5.0.0", .usage = "key group consumer",
     .brief = "Removes a consumer and forgets what is pending at it.", .complexity = "O(N), N what is pending at it"},
    {.name = "destroy", .handler = cmd_xgroup_destroy, .arity = 4, .traits = WRITES, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RW | KEY_DELETE),
     .since = "5.0.0", .usage = "key group",
     .brief = "Removes a consumer group.", .complexity = "O(N), N what is pending in it"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_STREAM,
     .since = "5.0.0", .usage = "",
     .brief = "The subcommands of XGROUP.", .complexity = "O(1)"},
    {.name = "setid", .handler = cmd_xgroup_setid, .arity = -5, .traits = WRITES, .group = GROUP_STREAM,
     .keys = KEY_AT(2, KEY_RW | KEY_UPDATE),
     .since = "5.0.0", .usage = "key group <id | $> [ENTRIESREAD entries-read]",
     .brief = "Moves a group to another entry.", .complexity = "O(1)"},
};
// clang-format on
