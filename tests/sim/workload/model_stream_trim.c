// Dropping entries: XTRIM and the thresholds of XADD, XDEL, XDELEX.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/model_stream.h"

enum { NODE_ENTRIES = 100, LOOSE_LIMIT = 10000 };

// ---- one entry

bool model_is_referenced(const struct model_stream *stream, struct model_id id) {
    for (size_t i = 0; i < stream->group_count; i++) {
        const struct model_group *group = &stream->groups[i];
        const bool is_unread = model_id_compare(id, group->last_id) > 0;
        if (is_unread || model_pending_find(group, id) != NULL) return true;
    }
    return false;
}

static void forget_pending(struct model_stream *stream, struct model_id id) {
    for (size_t i = 0; i < stream->group_count; i++) {
        model_pending_remove(&stream->groups[i], id);
    }
}

bool model_drop(struct model_stream *stream, struct model_id id, enum model_refs refs) {
    if (refs == MODEL_DELREF) forget_pending(stream, id);
    if (model_entry_find(stream, id) == NULL) return false;
    model_entry_remove(stream, model_entry_from(stream, id));
    if (model_id_compare(id, stream->max_deleted) > 0) stream->max_deleted = id;
    return true;
}

// ---- arguments

static bool read_threshold(struct model_call *call, size_t *index, struct model_trim *out) {
    size_t at = *index;
    if (out->is_given) {
        model_fail(call, "ERR syntax error, MAXLEN and MINID options at the same time are not "
                         "compatible");
        return false;
    }
    out->is_given = true;
    out->by_id = model_is(call, at++, "minid");
    if (at + 1 < call->argc) {
        out->is_loose = model_is(call, at, "~");
        if (out->is_loose || model_is(call, at, "=")) at++;
    }
    *index = at + 1;
    if (out->by_id) return model_id_arg(call, at, &out->min_id);
    if (!model_int(call, at, &out->max_len)) return false;
    if (out->max_len >= 0) return true;
    model_fail(call, "ERR The MAXLEN argument must be >= 0.");
    return false;
}

static bool read_limit(struct model_call *call, size_t *index, struct model_trim *out) {
    if (!model_int(call, *index + 1, &out->limit)) return false;
    if (out->limit < 0) {
        model_fail(call, "ERR The LIMIT argument must be >= 0.");
        return false;
    }
    out->has_limit = true;
    *index += 2;
    return true;
}

enum model_option model_trim_option(struct model_call *call, size_t *index,
                                    struct model_trim *out) {
    const bool has_value = *index + 1 < call->argc;
    bool is_right = true;
    if (has_value && (model_is(call, *index, "maxlen") || model_is(call, *index, "minid"))) {
        is_right = read_threshold(call, index, out);
    } else if (has_value && model_is(call, *index, "limit")) {
        is_right = read_limit(call, index, out);
    } else if (model_refs_arg(call, *index, &out->refs)) {
        ++*index;
    } else {
        return MODEL_OPTION_UNKNOWN;
    }
    return is_right ? MODEL_OPTION_READ : MODEL_OPTION_WRONG;
}

bool model_trim_end(struct model_call *call, struct model_trim *trim) {
    if (trim->limit > 0 && !trim->is_given) {
        model_fail(call, "ERR syntax error, LIMIT cannot be used without specifying a trimming "
                         "strategy");
        return false;
    }
    if (trim->has_limit && !trim->is_loose) {
        model_fail(call, "ERR syntax error, LIMIT cannot be used without the special ~ option");
        return false;
    }
    if (!trim->has_limit) trim->limit = trim->is_loose ? LOOSE_LIMIT : 0;
    return true;
}

// ---- trimming

// How many entries, from the first, are beyond the threshold.
static size_t count_beyond(const struct model_stream *stream, const struct model_trim *trim) {
    if (trim->by_id) return model_entry_from(stream, trim->min_id);
    const size_t most = (size_t)trim->max_len;
    return stream->count > most ? stream->count - most : 0;
}

// Drops the first `wanted` entries; ACKED passes over those that are needed, among the first
// `seen`. Returns how many went. With `tries` nothing is dropped, only counted.
static size_t drop_first(struct model_stream *stream, enum model_refs refs, size_t wanted,
                         size_t seen, bool tries) {
    size_t gone = 0;
    size_t at = 0;
    for (; seen > 0 && gone < wanted && at < stream->count; seen--) {
        const struct model_id id = stream->entries[at].id;
        if (refs == MODEL_ACKED && model_is_referenced(stream, id)) {
            at++;
            continue;
        }
        gone++;
        if (tries) {
            at++;
            continue;
        }
        if (refs == MODEL_DELREF) forget_pending(stream, id);
        model_entry_remove(stream, at);
    }
    return gone;
}

// What `~` may do: the engine looks at whole nodes of the stream, from the first on, that lie
// beyond the threshold and hold no more entries than LIMIT. A node has at most 100 entries. So it
// looks at no more entries than `=` would drop and no more than LIMIT, and stops less than 100
// entries short of one of the two. The model asks the engine how long the stream is now, holds it
// against that, and drops as many.
static size_t trim_loosely(struct model_call *call, struct model_stream *stream,
                           const struct model_trim *trim) {
    const struct model_view *view = &call->model->options.view;
    size_t most = count_beyond(stream, trim);
    if (trim->limit > 0 && (uint64_t)trim->limit < most) most = (size_t)trim->limit;
    const size_t least = most < NODE_ENTRIES ? 0 : most - (NODE_ENTRIES - 1);
    size_t gone = drop_first(stream, trim->refs, most, most, true);
    if (view->stream_len != NULL) {
        const size_t len = view->stream_len(view->context, call->db, call->argv[1]);
        const size_t fewest = drop_first(stream, trim->refs, least, least, true);
        if (len > stream->count || stream->count - len > gone || stream->count - len < fewest) {
            call->is_impossible = true; // the reply will differ
            return gone;
        }
        gone = stream->count - len;
    }
    return drop_first(stream, trim->refs, gone, stream->count, false);
}

size_t model_trim(struct model_call *call, struct model_stream *stream,
                  const struct model_trim *trim) {
    if (!trim->is_given) return 0;
    if (trim->is_loose) return trim_loosely(call, stream, trim);
    const size_t beyond = count_beyond(stream, trim);
    // By length it goes on behind what is needed until the stream is short enough.
    const size_t seen = trim->by_id ? beyond : stream->count;
    return drop_first(stream, trim->refs, beyond, seen, false);
}

void model_xtrim(struct model_call *call) {
    struct model_trim trim = {0};
    struct model_stream *stream;
    for (size_t i = 2; i < call->argc;) {
        const enum model_option option = model_trim_option(call, &i, &trim);
        if (option == MODEL_OPTION_UNKNOWN) model_syntax(call);
        if (option != MODEL_OPTION_READ) return;
    }
    if (!trim.is_given && trim.limit == 0) {
        model_fail(call, "ERR syntax error, XTRIM must be called with a trimming strategy");
        return;
    }
    if (!model_trim_end(call, &trim)) return;
    if (!model_stream_find(call, call->argv[1], &stream)) return;
    reply_int(&call->reply, stream == NULL ? 0 : (int64_t)model_trim(call, stream, &trim));
}

// ---- by id

void model_xdel(struct model_call *call) {
    struct model_stream *stream;
    struct model_id *ids;
    int64_t gone = 0;
    const size_t count = call->argc - 2;
    if (!model_stream_find(call, call->argv[1], &stream)) return;
    if (stream == NULL) {
        reply_int(&call->reply, 0);
        return;
    }
    if (!model_ids_arg(call, 2, count, &ids)) return;
    for (size_t i = 0; i < count; i++) {
        gone += model_drop(stream, ids[i], MODEL_KEEPREF);
    }
    mem_free(ids);
    reply_int(&call->reply, gone);
}

static int fate_of(struct model_stream *stream, struct model_id id, enum model_refs refs) {
    const bool is_there = stream != NULL && model_entry_find(stream, id) != NULL;
    if (is_there && refs == MODEL_ACKED && model_is_referenced(stream, id)) return 2;
    if (stream == NULL || !model_drop(stream, id, refs)) return -1;
    return 1;
}

void model_xdelex(struct model_call *call) {
    struct model_stream *stream;
    struct model_ids ids;
    if (!model_refs_and_ids(call, 2, &ids)) return;
    if (model_stream_find(call, call->argv[1], &stream)) {
        reply_array(&call->reply, ids.count);
        for (size_t i = 0; i < ids.count; i++) {
            reply_int(&call->reply, fate_of(stream, ids.ids[i], ids.refs));
        }
    }
    mem_free(ids.ids);
}
