// The naive model beside the engine (promise 12): told of every execution, in the engine's order,
// it says what must have been answered; at quiet moments both must hold the same data.
//
// Always true: a mirror that is stale compares nothing until it is rebuilt from the data, which
// happens at the next quiet moment. It becomes stale when the disk has a say in what happens: a
// waiter that the log has no room for, a value that cannot be read.
#ifndef ACKD_TESTS_SIM_WORLD_MIRROR_H
#define ACKD_TESTS_SIM_WORLD_MIRROR_H

#include <stdint.h>

#include "proto/base/slice.h"
#include "server/engine/call.h"

struct world;
struct mirror;

struct mirror *mirror_new(void);
void mirror_free(struct mirror *mirror);
void mirror_rebuild(struct world *world); // from the data and the clients as they are
void mirror_see(struct world *world, enum engine_seen what, const struct call *call,
                struct slice reply);
void mirror_turn(struct world *world);  // before engine_run: deadlines pass
void mirror_after(struct world *world); // after a call of the engine: nobody is left unserved
void mirror_left(struct world *world, uint64_t client_id);
void mirror_compare(struct world *world);

#endif
