// What COMMAND's subcommands share.
#ifndef ACKD_SERVER_COMMANDS_INTROSPECT_H
#define ACKD_SERVER_COMMANDS_INTROSPECT_H

#include "server/engine/call.h"

// What a key's use is called ("RW", "access" ...), as a set of statuses.
void introspect_reply_use(struct reply *reply, unsigned use);

#endif
