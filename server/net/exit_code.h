// How the process ends: the codes of sysexits.h, so that a supervisor can tell what to do.
#ifndef ACKD_SERVER_NET_EXIT_CODE_H
#define ACKD_SERVER_NET_EXIT_CODE_H

#include "proto/base/err.h"

enum exit_code {
    EXIT_CODE_CLEAN = 0,          // stopped as asked: everything is flushed and sealed
    EXIT_CODE_USAGE = 64,         // command line, configuration file, or an address to listen on
    EXIT_CODE_CORRUPT = 65,       // acknowledged data is damaged or of an unknown format: nothing
                                  // was changed, restarting does not help
    EXIT_CODE_CANNOT_CREATE = 73, // the data directory cannot be made, or another process has it
    EXIT_CODE_IO = 74,            // a read, write or sync failed; a restart recovers what was
                                  // acknowledged
    EXIT_CODE_HURRIED = 75,       // a second signal came while stopping; nothing acknowledged is
                                  // lost, the next start has to replay
};

// The code for a failure while starting.
enum exit_code exit_code_of(enum err err);

#endif
