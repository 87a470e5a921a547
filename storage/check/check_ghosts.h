// Segments that the checkpoint refers to and that are gone: emptied by what the log has behind it,
// or lost?
#ifndef ACKD_STORAGE_CHECK_CHECK_GHOSTS_H
#define ACKD_STORAGE_CHECK_CHECK_GHOSTS_H

#include "storage/log/scan.h"
#include "storage/state/state_load.h"

// How many there are.
size_t check_ghost_count(const struct scan *scan);
// Loads the checkpoint and replays the log in memory, as a start does. ERR_CORRUPT: there are
// values in one of them, or the log does not fit the checkpoint. `image`: segment_bytes.
enum err check_ghosts(struct scan *scan, const struct state_checkpoint *state, char *image,
                      struct fault *fault);

#endif
