// The end of an epoch: what is there is noted, then really taken out, and must be the same.
#ifndef ACKD_TESTS_SOAK_DRAIN_H
#define ACKD_TESTS_SOAK_DRAIN_H

#include "tests/soak/client.h"

// Nobody else may be connected. Adds the DEED_FOUND events to the client's history; afterwards the
// server is empty. False: it could not be done, which is accused.
bool drain(struct client *client);
// Its part for streams: false as above, or true with the groups' work done.
bool drain_streams(struct client *client);

#endif
