// The version of Redis whose commands ackd speaks, for INFO and HELLO. Libraries decide by it what
// they may send (CLIENTS.md).
#ifndef ACKD_SERVER_COMMANDS_COMPATIBLE_H
#define ACKD_SERVER_COMMANDS_COMPATIBLE_H

#define COMPATIBLE_REDIS_VERSION "7.2.4"

#endif
