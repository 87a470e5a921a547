// A whole server without its rim, for fuzzing: a real engine with the real command table over a
// store on a disk in memory, and a few peers, each with its side of the wire. It does what the net
// layer does (reading no more from a paused client, resuming it, closing what is finished) and
// nothing on its own: whoever drives it says when time passes, a flush begins or ends, power fails.
//
// Always true, or it aborts: an outbox passes outbox_check; what arrives at a peer is RESP, of the
// version it asked for, and never more replies than it sent requests; what recovery rebuilds is
// what was there.
#ifndef ACKD_TESTS_FUZZ_ENGINE_BOX_H
#define ACKD_TESTS_FUZZ_ENGINE_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "tests/support/vfs_memory.h"

enum { BOX_PEERS = 4 };

struct box;

// `step`: the most bytes fed at once; 0: as many as there is room for.
struct box *box_new(size_t step);
void box_free(struct box *box); // all peers are cut, the store is closed as it is

// ---- peers; one that is closed connects anew with its next bytes
void box_send(struct box *box, unsigned peer, struct slice bytes);
void box_cut(struct box *box, unsigned peer);
// From now on the peer reads at most so many bytes at a time; SIZE_MAX: whatever there is.
void box_read_at_most(struct box *box, unsigned peer, size_t bytes);

// ---- the loop, the log thread, the clocks, the disk
void box_turn(struct box *box);
void box_tick(struct box *box);
void box_pass(struct box *box, int64_t ms);      // both clocks
void box_move_wall(struct box *box, int64_t ms); // the wall clock alone, also back
void box_flush_begin(struct box *box);
void box_flush_end(struct box *box);
void box_seal(struct box *box);
void box_fill_disk(struct box *box, bool is_full);
void box_fault(struct box *box, const struct memory_fault *fault);
// Everything moves until nothing does, with all faults healed; the replies that are owed are there.
void box_settle(struct box *box);
// All is written, the process ends and starts again: nothing may have changed.
void box_restart(struct box *box);
// Power fails and comes back: the server starts.
void box_power_cut(struct box *box);

// All that every peer has seen, in the order in which their connections ended; false when it need
// not be the same for other cuts of the input: somebody was held back, or asked for a figure that
// depends on them.
bool box_transcript(const struct box *box, struct slice *out);

#endif
