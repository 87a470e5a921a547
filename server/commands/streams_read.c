// XREAD: entries behind an id of each of several streams, waiting for some if there are none.
//
// A waiting command is tried again from its beginning. What `$` and `+` meant when it came is
// resolved before it waits: it waits with ids in their place, and so misses no entry that is added
// before it is tried. Many readers may wait for one stream: an entry is shown to all of them.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "server/commands/handlers.h"
#include "server/commands/streams.h"

struct reading {                 // one stream
    const struct stream *stream; // NULL: absent
    struct stream_id after;
    uint64_t count; // entries to show
};

// ---- where to read from

// The id in front of the last entry, so that this one is read; without any, new ones are.
static struct stream_id before_last(const struct stream *stream) {
    struct stream_cursor cursor = stream_seek_behind(stream, STREAM_ID_MAX);
    struct stream_entry entry;
    if (!stream_prev(&cursor, &entry)) return stream_last_id(stream);
    stream_id_decrement(&entry.id);
    return entry.id;
}

static bool read_start(struct call *call, size_t index, struct reading *reading) {
    const struct stream *stream = reading->stream;
    if (call_arg_is(call, index, "$")) {
        reading->after = stream == NULL ? STREAM_ID_MIN : stream_last_id(stream);
        return true;
    }
    if (call_arg_is(call, index, "+")) {
        reading->after = stream == NULL ? STREAM_ID_MIN : before_last(stream);
        return true;
    }
    if (call_arg_is(call, index, ">")) {
        reply_error(&call->reply,
                    "ERR The > ID can be specified only when calling XREADGROUP using "
                    "the GROUP <group> <consumer> option.");
        return false;
    }
    return streams_arg_id(call, index, 0, &reading->after);
}

static bool read_starts(struct call *call, const struct streams_read *read,
                        struct reading *readings) {
    for (size_t i = 0; i < read->key_count; i++) {
        const size_t key = read->first_key + i;
        if (!streams_find(call, call->argv[key], &readings[i].stream)) return false;
        if (!read_start(call, key + read->key_count, &readings[i])) return false;
    }
    return true;
}

// ---- how much

struct budget { // over all streams
    uint64_t count;
    uint64_t bytes;
    bool is_measured; // bytes are limited
    bool is_begun;    // something is shown: the first entry is, whatever its size
};

static bool budget_takes(struct call *call, struct budget *budget,
                         const struct stream_entry *entry) {
    const size_t bytes = streams_entry_bytes(call, entry);
    if (bytes > budget->bytes && budget->is_begun) return false;
    budget->bytes -= bytes < budget->bytes ? bytes : budget->bytes;
    budget->is_begun = true;
    return true;
}

// The entries behind the id it was given, `max` of them. False: behind the greatest id there is
// nothing.
static bool range_of(const struct reading *reading, uint64_t max, struct stream_range *out) {
    *out = (struct stream_range){.from = reading->after, .to = STREAM_ID_MAX, .max = max};
    return stream_id_increment(&out->from);
}

// How many of the range are shown: counted one by one only where their bytes count.
static uint64_t count_range(struct call *call, struct budget *budget, const struct stream *stream,
                            const struct stream_range *range) {
    if (!budget->is_measured) return stream_range_count(stream, range);
    struct stream_cursor cursor = stream_range_begin(stream, range);
    struct stream_entry entry;
    uint64_t count = 0;
    while (count < range->max && stream_next(&cursor, &entry) &&
           budget_takes(call, budget, &entry)) {
        count++;
    }
    return count;
}

// Counts what each stream has to show; returns how many streams have something.
static size_t count_readings(struct call *call, const struct streams_read *read,
                             struct reading *readings) {
    struct budget budget = {
        .count = read->max_count == 0 ? UINT64_MAX : read->max_count,
        .bytes = read->max_bytes,
        .is_measured = read->max_bytes > 0,
    };
    const uint64_t most = read->count == 0 ? UINT64_MAX : read->count;
    size_t streams = 0;
    for (size_t i = 0; i < read->key_count; i++) {
        struct reading *reading = &readings[i];
        struct stream_range range;
        const uint64_t max = budget.count < most ? budget.count : most;
        if (reading->stream == NULL || !range_of(reading, max, &range)) continue;
        reading->count = count_range(call, &budget, reading->stream, &range);
        budget.count -= reading->count;
        if (reading->count > 0) streams++;
    }
    return streams;
}

// ---- answering

static void answer_reading(struct call *call, struct slice key, const struct reading *reading) {
    struct stream_range range;
    must(range_of(reading, reading->count, &range));
    if (call->reply.version == RESP2) reply_array(&call->reply, 2);
    reply_bulk(&call->reply, key);
    streams_answer_range(call, reading->stream, &range);
}

// RESP3: a map; RESP2: an array of pairs.
static void answer_readings(struct call *call, const struct streams_read *read,
                            const struct reading *readings, size_t streams) {
    if (call->reply.version == RESP2) {
        reply_array(&call->reply, streams);
    } else {
        reply_map(&call->reply, streams);
    }
    for (size_t i = 0; i < read->key_count; i++) {
        if (readings[i].count > 0)
            answer_reading(call, call->argv[read->first_key + i], &readings[i]);
    }
}

// ---- waiting

static enum call_result wait_on(struct call *call, const struct streams_read *read) {
    return call_wait(call, call->argv + read->first_key, read->key_count, TYPE_STREAM,
                     read->deadline_ms, WAIT_ANSWER_NULL_ARRAY);
}

// Waits with the ids in place of `$` and `+`.
static enum call_result wait_resolved(struct call *call, const struct streams_read *read,
                                      const struct reading *readings) {
    const struct slice *given = call->argv;
    const size_t ids_at = read->first_key + read->key_count;
    struct slice *argv = mem_alloc_array(call->argc, sizeof *argv);
    char *texts = mem_alloc_array(read->key_count, STREAMS_ID_TEXT_MAX);
    for (size_t i = 0; i < ids_at; i++) {
        argv[i] = given[i];
    }
    for (size_t i = 0; i < read->key_count; i++) {
        char *text = texts + i * STREAMS_ID_TEXT_MAX;
        argv[ids_at + i] = slice_of(text, streams_format_id(text, readings[i].after));
    }
    call->argv = argv; // call_wait keeps a copy
    const enum call_result result = wait_on(call, read);
    call->argv = given;
    mem_free(texts);
    mem_free(argv);
    return result;
}

static enum call_result serve(struct call *call, const struct streams_read *read,
                              struct reading *readings) {
    if (!read_starts(call, read, readings)) return CALL_DONE;
    const size_t streams = count_readings(call, read, readings);
    if (streams == 0 && read->blocks)
        return call->is_retry ? wait_on(call, read) : wait_resolved(call, read, readings);
    if (streams == 0) {
        reply_null_array(&call->reply);
    } else {
        answer_readings(call, read, readings, streams);
    }
    return CALL_DONE;
}

enum call_result cmd_xread(struct call *call) {
    struct streams_read read;
    if (!streams_arg_read(call, false, &read)) return CALL_DONE;
    struct reading *readings = mem_zalloc(read.key_count * sizeof *readings);
    const enum call_result result = serve(call, &read, readings);
    mem_free(readings);
    return result;
}
