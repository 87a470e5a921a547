// What the stream commands share.
#ifndef ACKD_SERVER_COMMANDS_STREAMS_H
#define ACKD_SERVER_COMMANDS_STREAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/commands/streams_args.h"
#include "server/engine/call.h"
#include "storage/data/stream.h"

enum { STREAMS_ID_TEXT_MAX = 42 }; // two numbers of 20 digits, a dash, NUL

// The stream a key holds, NULL when there is none. Returns false after having answered WRONGTYPE;
// but when a waiter is tried again, a key that has become something else counts as absent.
bool streams_find(struct call *call, struct slice key, const struct stream **out);

// Writes an id as text; returns its length.
size_t streams_format_id(char *out, struct stream_id id);

// Answers an id as a bulk string.
void streams_answer_id(struct call *call, struct stream_id id);

// Answers the fields and values of an entry as one array; a damaged payload as an error.
void streams_answer_fields(struct call *call, const struct blob *payload);

// Answers an entry: its id, then its fields and values.
void streams_answer_entry(struct call *call, const struct stream_entry *entry);

// How many bytes streams_answer_entry takes: for MAXSIZE.
size_t streams_entry_bytes(struct call *call, const struct stream_entry *entry);

// Drops the entries with these ids and deals with their pending entries as `refs` says (ACKED: the
// caller has chosen ids that nobody needs). Asks for room: call it before anything is answered.
// False: return CALL_RETRY. *dropped: how many were there. `is_trim`: see txn_stream_delete.
struct streams_drop {
    struct slice key;
    const struct stream *stream;
    const struct stream_id *ids;
    size_t count;
    enum streams_refs refs;
    bool is_trim;
};
bool streams_drop(struct call *call, const struct streams_drop *drop, size_t *dropped);

#endif
