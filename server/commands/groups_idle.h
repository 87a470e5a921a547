// Finding the pending entries that are idle for long enough, in the order of their ids, without
// walking over all that are pending. By time they are the first of the group's index; by id they
// may be anywhere. Which walk is shorter follows from how many they are: of k among n, a walk by id
// meets `wanted` of them after about wanted * n / k steps; looking at them all costs k.
#ifndef ACKD_SERVER_COMMANDS_GROUPS_IDLE_H
#define ACKD_SERVER_COMMANDS_GROUPS_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/commands/groups.h"

// The latest delivery that is idle for so long at `now_ms`.
int64_t idle_since(int64_t now_ms, int64_t min_idle_ms);

// Whether looking at all that are idle is shorter than walking by id, for whoever wants so many.
bool idle_is_rare(const struct group *group, int64_t since_ms, uint64_t wanted);

// Of those given back, and those delivered at `since_ms` or before: the first `wanted` by id, from
// `start` on. `out` is empty before.
void idle_collect(const struct group *group, int64_t since_ms, struct stream_id start,
                  uint64_t wanted, struct id_list *out);

#endif
