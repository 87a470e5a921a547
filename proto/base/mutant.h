// Planted bugs. The checkers under tests/sim are only worth what they catch; so each rule below has
// a way to be broken on purpose, and tests/sim/mutants shows that a checker notices.
//
// Always true: without -DACKD_MUTANTS=ON (preset `mutants`) MUTANT(NAME) is the constant false, the
// compiler drops the plant, and the program has no trace of it (tests/tidy looks). In that build
// exactly one plant is active, the one the environment names: ACKD_MUTANT=NAME. None: none is.
// An unknown name ends the program before main (exit code 64).
//
// A plant is one line where the rule stands: `if (!MUTANT(SYNC_SKIPPED)) err = vfs_sync(file);`
#ifndef ACKD_PROTO_BASE_MUTANT_H
#define ACKD_PROTO_BASE_MUTANT_H

#include <stdbool.h>

// clang-format off
//    name                          room        what is broken
#define MUTANTS(X)                                                                                                        \
    /* the way of a batch to the disk */                                                                                  \
    X(SYNC_SKIPPED,                 "log",      "a batch is written and never synced")                                    \
    X(FIRST_SYNC_SKIPPED,           "log",      "the first batch of a segment, with the header, is not synced")           \
    X(FAILED_SYNC_RETRIED,          "log",      "a failed sync is tried once more, and then believed")                    \
    X(FAILED_WRITE_BELIEVED,        "log",      "an error of the write is overlooked")                                    \
    X(FAILED_FLUSH_FORGOTTEN,       "log",      "after a failed flush the log goes on with the next batch")               \
    X(HEADER_NOT_SYNCED,            "log",      "the segment's header is written behind the sync of its first batch")     \
    X(BATCHES_SHARE_BLOCK,          "log",      "a batch's write begins with the last block of the batch before it")      \
    X(DURABLE_AT_FLUSH_BEGIN,       "log",      "a batch counts as durable when its flush begins")                        \
    X(OPEN_BATCH_COUNTS_AS_DURABLE, "log",      "the end of a flush makes the open batch durable, too")                   \
    X(FIRST_BATCH_PROVES_HEADER,    "log",      "a segment's first batch says that its own header was durable before")    \
    X(PROOF_TOO_LOW,                "log",      "batches do not say up to where the log was durable before them")         \
    X(FRAME_COUNT_KEPT,             "log",      "the count of frames is not set back when a batch is closed")             \
    X(SEAL_NEVER_WRITTEN,           "log",      "no seal proves the last batch after a pause")                            \
    X(IMAGE_TAKEN_FROM_FLUSH,       "log",      "the image of a batch in flight is given to a new segment")               \
    X(TAIL_IMAGE_STALE,             "log",      "a slot keeps pointing at an image that holds another segment by now")    \
    X(SHORT_WRITE_BELIEVED,         "vfs",      "a short write is taken for a whole one")                                 \
    /* slots and space */                                                                                                 \
    X(ZEROS_NOT_SYNCED,             "slots",    "a slot is used before its zeros are durable")                            \
    X(SLOT_NAME_NOT_SYNCED,         "slots",    "a slot is used before its name is durable")                              \
    X(FOUND_NAMES_NOT_SYNCED,       "slots",    "ready slots found at start are used though their names may be lost")     \
    X(LAST_SLOT_SPENT,              "slots",    "the slot that the next recovery needs is given to new data")             \
    X(RESERVE_NOT_KEPT,             "slots",    "commands that grow may use the reserve of removals")                     \
    X(RESERVE_DENIED_TO_REMOVALS,   "slots",    "removals may not use their reserve")                                     \
    X(FULL_FOR_EVER,                "slots",    "once full, the log stays full though space was made")                    \
    X(UNCOVERED_SEGMENT_RECYCLED,   "slots",    "a segment that a replay would still read is given to a new one")         \
    X(KEPT_SEGMENT_RECYCLED,        "slots",    "a segment that the checkpoint refers to is given to a new one")          \
    X(EMPTIED_NOT_PROVEN,           "slots",    "an empty segment is given back before a later batch proves the removals")\
    X(GHOST_FORGOTTEN,              "slots",    "a fold does not know segments that were given back behind its base")     \
    X(GHOST_BELIEVED,               "recovery", "a start does without a segment that values are in")                      \
    X(PINNED_SLOT_RECYCLED,         "slots",    "a slot that is being read is given to a new segment")                    \
    X(REMOVAL_NOT_SYNCED,           "slots",    "a slot is removed before the removal of the one above is durable")       \
    /* recovery */                                                                                                        \
    X(BATCH_CHECKSUM_IGNORED,       "recovery", "a batch is believed without its checksum")                               \
    X(ROTTEN_SEGMENT_ENDS_EARLY,    "recovery", "a damaged batch ends its segment though a later segment follows")        \
    X(ROT_TAKEN_FOR_TORN,           "recovery", "a damaged acknowledged batch in the last segment is cut off as torn")    \
    X(LOST_SEGMENT_ACCEPTED,        "recovery", "a log whose beginning is missing is accepted")                           \
    X(SECOND_HEADER_IGNORED,        "recovery", "one damaged copy of a segment's header is enough to lose it")            \
    X(FRAME_END_NOT_AWAITED,        "recovery", "records are applied before the END of their frame was read")             \
    X(UNFINISHED_FRAME_KEPT,        "recovery", "a BEGIN does not discard the frame that a crash left unfinished")        \
    X(FRAME_READ_FROM_REUSED_IMAGE, "recovery", "a frame over segments is read from an image that holds another one")     \
    X(UNPROVEN_BATCH_TRUSTED,       "recovery", "the last batch is trusted though nothing proves that it was synced")     \
    X(REWRITTEN_IN_PLACE,           "recovery", "the unproven last batch is written again over itself")                   \
    X(OLD_PLACE_NOT_CUT,            "recovery", "the moved batch counts at its old place as well")                        \
    X(MOVED_BATCH_APPLIED_TWICE,    "recovery", "the moved batch is handed over at its old place and at the new one")     \
    X(MOVED_REFERENCES_KEPT,        "recovery", "references inside the moved batch still lead to its old place")          \
    X(HEADER_BEFORE_MOVED_BATCH,    "recovery", "the new segment's header is written before the moved batch is durable")  \
    X(SEQUENCE_USED_AGAIN,          "recovery", "the number of a superseded segment, and so its lsns, are used again")    \
    X(RECOVERY_NOT_SEALED,          "recovery", "recovery hands over to clients without a seal")                          \
    X(SEAL_TRUSTED,                 "recovery", "the log goes on behind a seal that the disk may not have")               \
    X(SALT_IGNORED,                 "recovery", "a batch of another life of the segment's number passes for its own")     \
    X(CHAIN_IGNORED,                "recovery", "a batch passes whatever batch it was written behind")                    \
    X(FIRST_HEADER_COPY_WINS,       "recovery", "of two valid header copies the first counts, even if it is older")       \
    X(FORMER_BATCH_PROVES,          "recovery", "a batch of a former life of a slot passes for a witness of rot")         \
    X(TORN_BATCH_IGNORED,           "recovery", "the rest of a batch that was cut is no sign of an unfinished write")     \
    X(STRAY_BATCH_IGNORED,          "recovery", "a first batch that came without its header is no sign of one either")    \
    X(SUPERSEDED_SLOT_TAKEN,        "recovery", "the fresh segment may take the slot of the one it is to supersede")      \
    /* checkpoints */                                                                                                     \
    X(STATE_HEADER_FIRST,           "state",    "a checkpoint's headers are written before its body is durable")          \
    X(STATE_BODY_NOT_SYNCED,        "state",    "a checkpoint's body is never synced")                                    \
    X(STATE_CHECKSUM_IGNORED,       "state",    "a checkpoint's blocks are believed without their checksums")             \
    X(STATE_OVER_NEWEST,            "state",    "the newest checkpoint's file is written over, not the other one")        \
    X(STATE_NOT_CONFIRMED,          "state",    "a checkpoint that was found is believed to be on disk")                  \
    X(HALF_LOADED_STATE_KEPT,       "state",    "what was loaded of a damaged checkpoint stays beside the older one")     \
    X(NEAR_LEAVES_SPAN,             "state",    "a row of references goes on beyond the segment it began in")             \
    X(FOLD_DROPS_EFFECT,            "fold",     "a fold passes over the removal of keys")                                 \
    X(FOLD_KEEPS_TOO_LITTLE,        "fold",     "the kept table misses a segment")                                        \
    X(FOLD_LSN_TOO_FAR,             "fold",     "replay begins behind a frame that was open at the fold's end")           \
    X(EFFECT_QUEUE_NOT_DRAINED,     "fold",     "what still is queued when a fold's step ends is forgotten")                \
    X(FOLD_LOSES_SLICE,             "fold",     "of several slices of keys the last is not written")                      \
    /* store and effects */                                                                                               \
    X(PAYLOAD_HASH_IGNORED,         "store",    "a payload read from the disk is served unverified")                      \
    X(EQUAL_HASH_IS_EQUAL,          "store",    "values with the same hash and length count as equal (LREM)")             \
    X(MOVED_REFERENCE_OFF,          "effects",  "an element that is moved or copied refers to the place behind it")       \
    X(FRAME_PER_EFFECT,             "effects",  "each effect of a command is a frame of its own")                         \
    X(EXPIRY_NOT_REPLAYED,          "effects",  "a time to live is forgotten by a restart")                               \
    X(HASH_REMOVE_NOT_REPLAYED,     "effects",  "a removed field is back after a restart")                                \
    X(EMPTY_LIST_KEPT,              "effects",  "a list that gets empty stays as a key")                                  \
    X(TRIM_FROM_ONE_END,            "effects",  "LTRIM takes from the head what it should take from the tail")            \
    X(SET_KEEPS_EXPIRY,             "expiry",   "SET leaves the old time to live")                                        \
    X(COPY_LOSES_EXPIRY,            "expiry",   "COPY and RENAME forget the time to live")                                \
    X(EXPIRED_KEY_WRITTEN_INTO,     "expiry",   "a write to an expired key finds the old value")                          \
    /* cleaning */                                                                                                        \
    X(RELOCATION_UNCHECKED,         "cleaner",  "a value is written again though another stands in its place by now")     \
    X(RELOCATION_OFF_BY_ONE,        "cleaner",  "a value that is moved takes its neighbour's place")                      \
    X(RELOCATION_NOT_REPLAYED,      "cleaner",  "what was moved is back at its old place after a start")                  \
    /* scrubbing */                                                                                                       \
    X(SCRUB_SKIPS_ITEM,             "scrub",    "of payloads that are read at once the last one is not verified")         \
    X(SCRUB_BELIEVES_ALL,           "scrub",    "no payload is verified")                                                 \
    X(SCRUB_BELIEVES_LOG,           "scrub",    "no batch is verified")                                                   \
    X(SCRUB_BELIEVES_CHECKPOINT,    "scrub",    "the records of a checkpoint are not verified")                           \
    X(SCRUB_TELLS_OF_GONE,          "scrub",    "what was removed while it was read is told of as damaged")               \
    /* fences */                                                                                                          \
    X(REPLY_NOT_FENCED,             "fences",   "replies leave at once")                                                  \
    X(FENCE_ONE_BATCH_LOW,          "fences",   "a reply waits for the batch before its own")                             \
    X(READ_NOT_FENCED,              "fences",   "a read tells of changes that are not durable yet")                       \
    X(ERROR_NOT_FENCED,             "fences",   "an error reply tells of changes that are not durable yet")               \
    X(WOKEN_NOT_FENCED,             "fences",   "a blocked client that is served is answered at once")                    \
    X(TIMEOUT_NOT_FENCED,           "fences",   "a timeout's reply tells of a removal that is not durable yet")           \
    X(DURABLE_TOLD_THE_END,         "fences",   "the engine takes the end of the log for its durable end")                \
    X(FENCES_NOT_MOVED,             "outbox",   "fences stay where they were when sent bytes are forgotten")              \
    X(PARTIAL_SEND_REPEATS_BYTE,    "outbox",   "after a partial send one byte is sent twice")                            \
    /* waiters */                                                                                                         \
    X(LAST_COME_FIRST_SERVED,       "waiters",  "the client that waits longest is served last")                           \
    X(ONE_WAITER_PER_PUSH,          "waiters",  "a push of many elements serves one waiting client")                      \
    X(MOVE_WAKES_NOBODY,            "waiters",  "LMOVE, RENAME and COPY do not wake those who wait for the target")       \
    X(SWAP_WAKES_NOBODY,            "waiters",  "SWAPDB does not wake those who wait")                                    \
    X(TIMEOUT_NEVER_FIRES,          "waiters",  "a blocked client waits beyond its timeout")                              \
    X(WAITER_OUTLIVES_CLIENT,       "waiters",  "a killed client still takes a job")                                      \
    X(WAITER_OVERTAKEN,             "waiters",  "requests behind a blocking command are executed while it waits")         \
    X(STALLED_WAITER_FORGOTTEN,     "waiters",  "a waiter that found no room in the log is not tried again")              \
    X(STARVED_CLIENT_FORGOTTEN,     "waiters",  "a request that found no room in the log is not tried again")             \
    /* streams and groups */                                                                                              \
    X(ACK_NOT_REPLAYED,             "streams",  "an acknowledged entry is pending again after a restart")                 \
    X(DELIVERY_NOT_REPLAYED,        "streams",  "a delivery is forgotten by a restart")                                   \
    X(NACK_NOT_REPLAYED,            "streams",  "what was given back is at its consumer again after a restart")           \
    X(SENT_ID_NOT_REPLAYED,         "streams",  "an idempotent id is forgotten by a restart")                             \
    X(GROUP_STAYS_BEHIND,           "streams",  "a delivery does not move the group's last id")                           \
    X(RUN_LOSES_LAST,               "streams",  "of neighbours that are delivered together the last does not become pending")\
    X(DESTROYED_STILL_LISTED,       "streams",  "a group that was destroyed lists what it has read of a stream that changes")  \
    X(CLAIM_LOSES_ENTRY,            "streams",  "of several entries that are claimed only the first stays pending")       \
    X(DELIVERIES_NOT_COUNTED,       "streams",  "a second delivery is not counted")                                       \
    X(LAST_ID_GOES_BACK,            "streams",  "the last id goes with the last entry, so that ids come again")           \
    X(TRIMMED_BYTES_KEPT,           "streams",  "what a trim drops stays counted as live")                                \
    X(TRIM_TAKES_UNACKED,           "streams",  "a trim with ACKED takes what a group still needs")                       \
    X(ENTRY_WAKES_TWO,              "waiters",  "one new entry is given to two waiting consumers")                        \
    X(NACK_WAKES_NOBODY,            "waiters",  "an entry that is given back does not wake who claims")                   \
    X(ALARM_NOT_ARMED,              "waiters",  "who claims is not tried when the oldest entry has idled for long enough")\
    X(LOST_GROUP_NOT_TOLD,          "waiters",  "readers of a group that is destroyed wait on")                           \
    /* salvage */                                                                                                         \
    X(RECORD_CHECKSUM_IGNORED,      "salvage",  "a record out of a damaged batch is taken over without its checksum")     \
    X(SALVAGE_BRIDGES_HOLE,         "salvage",  "a transaction that lacks a record in its middle is taken over")          \
    /* cold reads */                                                                                                      \
    X(COLD_COMMAND_FORGOTTEN,       "cold",     "a command whose bytes have been read is not executed again")             \
    X(REPLY_SLOT_NOT_HELD,          "cold",     "a segment is written over while a reply still needs its values")         \
    X(FACT_OF_ANOTHER,              "cold",     "what was read for one element is believed of the next")                  \
    X(SNAPSHOT_FOLLOWS_LIST,        "cold",     "a long reply shows what its list has become meanwhile")                  \
    X(STREAM_CHUNK_NOT_COPIED,      "cold",     "a long reply shows what its stream has become meanwhile")                \
    X(HASH_BUCKET_NOT_COPIED,       "cold",     "a long reply shows what a hash has become meanwhile")                    \
    /* commands in pieces */                                                                                              \
    X(WALK_MISSES_INSERTION,        "pieces",   "a search in pieces does not learn what has come where it has been")      \
    X(WALK_MISSES_REMOVAL,          "pieces",   "a search in pieces believes in the places of elements that have gone")   \
    X(HUNT_ENDS_EARLY,              "pieces",   "a search that has had its share of a turn answers what it has found")    \
    /* trash */                                                                                                           \
    X(TRASH_BYTES_KEPT,             "trash",    "what is swept of large values stays counted as live")                    \
    X(TRASH_NEVER_SWEPT,            "trash",    "large values that are gone are never given back")                        \
    X(TRASH_SWEPT_TWICE,            "trash",    "what was swept stays in the trash")
// clang-format on

#ifdef ACKD_MUTANTS
#define MUTANT_ENUM(name, room, what) MUTANT_##name,
enum mutant { MUTANT_NONE, MUTANTS(MUTANT_ENUM) MUTANT_COUNT };
#undef MUTANT_ENUM

bool mutant_is(enum mutant mutant);
#define MUTANT(name) mutant_is(MUTANT_##name)
#else
#define MUTANT(name) false
#endif

#endif
