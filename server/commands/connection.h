// What several connection commands share.
#ifndef ACKD_SERVER_COMMANDS_CONNECTION_H
#define ACKD_SERVER_COMMANDS_CONNECTION_H

#include <stdbool.h>

#include "proto/base/slice.h"
#include "server/engine/call.h"

// Printable and without spaces, as Redis wants names and library versions (CLIENT LIST is a line of
// words).
bool connection_text_is_plain(struct slice text);

// Replaces an owned C string of the client (name, lib_name, lib_version); empty means none.
void connection_set_text(char **field, struct slice text);

// Sets the connection's name; false after having answered Redis' error.
bool connection_set_name(struct call *call, struct slice name);

#endif
