#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/commands/rows.h"
#include "server/commands/subtables.h"

// clang-format off
const struct command latency_subtable[LATENCY_SUBCOMMANDS] = {
    {.name = "doctor", .handler = cmd_latency_doctor, .arity = 2, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "",
     .brief = "Says in words what was slow.", .complexity = "O(1)"},
    {.name = "help", .handler = help_reply, .arity = 2, .traits = HELPS, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "",
     .brief = "The subcommands of LATENCY.", .complexity = "O(1)"},
    {.name = "histogram", .handler = cmd_latency_histogram, .arity = -2, .traits = STEERS, .group = GROUP_SERVER,
     .since = "7.0.0", .usage = "[command [command ...]]",
     .brief = "How long commands took, cumulated by powers of two.", .complexity = "O(N), N the commands"},
    {.name = "history", .handler = cmd_latency_history, .arity = 3, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "event",
     .brief = "The samples of a latency event.", .complexity = "O(1)"},
    {.name = "latest", .handler = cmd_latency_latest, .arity = 2, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "",
     .brief = "The last sample of each latency event.", .complexity = "O(1)"},
    {.name = "reset", .handler = cmd_latency_reset, .arity = -2, .traits = STEERS, .group = GROUP_SERVER,
     .since = "2.8.13", .usage = "[event [event ...]]",
     .brief = "Forgets the samples of latency events.", .complexity = "O(1)"},
};
// clang-format on
