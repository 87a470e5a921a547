// HELP of container commands, made from their subtables.
#ifndef ACKD_SERVER_COMMANDS_HELP_H
#define ACKD_SERVER_COMMANDS_HELP_H

#include "server/engine/call.h"

// Answers the subcommands of the container that is being called, with their arguments and what they
// do.
enum call_result help_reply(struct call *call);

// Answers that a subcommand was called with arguments it does not take, where Redis says it so.
void help_wrong_subcommand(struct call *call);

#endif
