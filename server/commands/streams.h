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

// Answers the entries of a range as one array. Many are shared with the stream, chunk by chunk, and
// listed when they leave (call_reply_snapshot).
void streams_answer_range(struct call *call, const struct stream *stream,
                          const struct stream_range *range);

// The same without the array's head, each entry in one of these forms.
enum streams_entry_form {
    STREAMS_PLAIN,           // id, fields
    STREAMS_NEVER_DELIVERED, // and, for XREADGROUP with CLAIM: idle 0, delivered 0 times before
};
void streams_answer_entries(struct call *call, const struct stream *stream,
                            const struct stream_range *range, enum streams_entry_form form);

// How many bytes streams_answer_entry takes: for MAXSIZE. Fewer when it is not known yet
// (call->is_cold).
size_t streams_entry_bytes(struct call *call, const struct stream_entry *entry);

// A stream that was just made remembers idempotent ids as long, and as many, as the configuration
// says now.
void streams_configure_new(struct call *call, struct slice key);

// ---- dropping entries, in two steps: the room that it takes is asked for before anything changes

struct streams_drop {
    struct slice key;
    const struct stream *stream;
    const struct stream_id *ids; // not needed for the room
    size_t count;
    enum streams_refs refs; // ACKED: the caller has chosen ids that nobody needs
    bool is_trim;           // see txn_stream_delete
};
struct streams_room { // for call_prepare
    size_t bytes;
    size_t records;
};
struct streams_room streams_drop_room(const struct streams_drop *drop);
// Drops the entries and what is pending of them; returns how many entries were there.
size_t streams_drop(struct call *call, const struct streams_drop *drop);

// The room for a trim of the stream (NULL: none yet), once `added` entries have joined it.
struct streams_room streams_trim_room(const struct stream *stream, struct slice key,
                                      const struct streams_trimming *trimming, size_t added);
// Trims as told (XADD, XTRIM); returns how many entries went.
size_t streams_trim(struct call *call, struct slice key, const struct streams_trimming *trimming);

#endif
