// Reading the arguments of stream commands the way Redis does: ids and bounds, trimming, what
// becomes of references, the options of XREAD and XREADGROUP. Each function that returns bool
// answers Redis' error and returns false when the argument does not fit.
#ifndef ACKD_SERVER_COMMANDS_STREAMS_ARGS_H
#define ACKD_SERVER_COMMANDS_STREAMS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/engine/call.h"
#include "storage/data/stream.h"

// ---- ids

// `ms` or `ms-seq`; where the sequence is missing it is `missing_seq`. "ERR Invalid stream ID
// specified as stream command argument".
bool streams_arg_id(struct call *call, size_t index, uint64_t missing_seq, struct stream_id *out);
// `count` ids from `index` on (sequence 0 when missing). *out is the caller's (mem_free), NULL
// after an error.
bool streams_arg_ids(struct call *call, size_t index, size_t count, struct stream_id **out);

// An end of a range: an id, `-`, `+`, or `(id` without the id itself. "ERR invalid start ID for the
// interval" where nothing lies beyond. The result is inclusive.
bool streams_arg_lower(struct call *call, size_t index, struct stream_id *out);
bool streams_arg_upper(struct call *call, size_t index, struct stream_id *out);

// The id of an entry that is to be added.
struct streams_new_id {
    enum { STREAMS_ID_GIVEN, STREAMS_ID_OF_MS, STREAMS_ID_AUTO } kind; // ms-seq, ms-*, *
    struct stream_id id;                                               // AUTO: nothing
};
bool streams_arg_new_id(struct call *call, size_t index, struct streams_new_id *out);

// ---- references: what becomes of pending entries whose entry is dropped
enum streams_refs {
    STREAMS_REFS_UNSAID, // as KEEPREF
    STREAMS_KEEPREF,     // they stay
    STREAMS_DELREF,      // they are dropped, too
    STREAMS_ACKED,       // only entries that no group needs any more are dropped
};
// Whether the argument says so (for the first time): nothing is answered.
bool streams_arg_refs(const struct call *call, size_t index, enum streams_refs *refs);

// `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]` from `index` on: XDELEX, XACKDEL.
struct streams_ids {
    enum streams_refs refs; // not UNSAID
    size_t count;
    struct stream_id *ids; // the caller's (mem_free); NULL after an error
};
bool streams_arg_refs_and_ids(struct call *call, size_t index, struct streams_ids *out);

// ---- trimming
struct streams_trimming {
    bool is_given;
    bool has_limit; // LIMIT is given
    struct stream_trim how;
    enum streams_refs refs;
};
enum streams_option { STREAMS_OPTION_READ, STREAMS_OPTION_UNKNOWN, STREAMS_OPTION_WRONG };
// Reads one option of trimming at *index (MAXLEN, MINID, LIMIT, KEEPREF ...), and moves *index
// behind it. UNKNOWN: nothing is answered; WRONG: it is.
enum streams_option streams_arg_trimming(struct call *call, size_t *index,
                                         struct streams_trimming *trimming);
// Checks the options together, once all are read, and sets the limit nobody gave.
bool streams_trimming_end(struct call *call, struct streams_trimming *trimming);

// ---- XREAD and XREADGROUP
struct streams_read {
    bool is_group; // XREADGROUP: the members below may be given
    struct slice group;
    size_t group_arg; // where the group's name stands; 0: no GROUP (XREAD)
    struct slice consumer;
    bool no_ack;
    bool has_claim;
    int64_t claim_ms; // CLAIM min-idle-time

    uint64_t count;      // per stream; 0: no limit
    uint64_t max_count;  // over all streams; 0: no limit
    uint64_t max_bytes;  // MAXSIZE, of the reply; 0: no limit
    bool blocks;         // BLOCK
    int64_t deadline_ms; // 0: for ever
    size_t first_key;    // of argv; the ids stand `key_count` behind the keys
    size_t key_count;
};
// All options up to the keys; the ids are not looked at. `is_group`: as XREADGROUP.
bool streams_arg_read(struct call *call, bool is_group, struct streams_read *out);

#endif
