#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command object_subtable[OBJECT_SUBCOMMANDS] = {
    {.name = "encoding", .handler = cmd_object_encoding, .arity = 3, .traits = READS, .group = GROUP_GENERIC,
     .keys = KEY_AT(2, KEY_RO),
     .since = "2.2.3", .usage = "key",
     .brief = "How Redis would hold the value.", .complexity = "O(1); a list of up to 4096 elements is looked through"},
    {.name = "freq", .handler = cmd_object_freq, .arity = 3, .traits = READS, .group = GROUP_GENERIC,
     .keys = KEY_AT(2, KEY_RO),
     .since = "4.0.0", .usage = "key",
     .brief = "Refuses: ackd evicts nothing and counts no accesses.", .complexity = "O(1)"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_GENERIC,
     .since = "6.2.0", .usage = "",
     .brief = "The subcommands of OBJECT.", .complexity = "O(1)"},
    {.name = "idletime", .handler = cmd_object_idletime, .arity = 3, .traits = READS, .group = GROUP_GENERIC,
     .keys = KEY_AT(2, KEY_RO),
     .since = "2.2.3", .usage = "key",
     .brief = "Seconds since a key was last used.", .complexity = "O(1)"},
    {.name = "refcount", .handler = cmd_object_refcount, .arity = 3, .traits = READS, .group = GROUP_GENERIC,
     .keys = KEY_AT(2, KEY_RO),
     .since = "2.2.3", .usage = "key",
     .brief = "How many hold the value: always one.", .complexity = "O(1)"},
};
// clang-format on
