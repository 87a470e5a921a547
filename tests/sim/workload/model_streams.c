// Streams by their ends and by ranges: XADD, XSETID, XLEN, XRANGE, XREVRANGE.
#include "proto/base/must.h"
#include "tests/sim/workload/model_stream.h"

enum {
    PRODUCER_BYTES_MAX = 4096,
    SENT_ID_BYTES_MAX = 128 << 10,
    STRING_SLACK = 512, // what model_options.string_bytes_max leaves of a record
    ENTRY_SLACK = 256,  // what an entry needs of a record beside its payload
};

// ---- XADD: arguments

enum new_id { ID_GIVEN, ID_OF_MS, ID_AUTO };

struct adding {
    bool only_if_present;
    struct model_trim trim;
    struct model_idmp idmp;
    enum new_id kind;
    struct model_id id;
    size_t first; // of the fields
};

static bool read_producer(struct model_call *call, size_t *index, struct model_idmp *out) {
    if (out->is_given) {
        model_fail(call, "ERR IDMP/IDMPAUTO specified multiple times");
        return false;
    }
    const bool is_auto = model_is(call, *index, "idmpauto");
    const char *word = is_auto ? "IDMPAUTO" : "IDMP";
    *out = (struct model_idmp){
        .is_given = true, .is_auto = is_auto, .producer = call->argv[*index + 1]};
    if (!is_auto) out->id = call->argv[*index + 2];
    *index += is_auto ? 2 : 3;
    if (out->producer.len == 0) {
        reply_errorf(&call->reply, "ERR %s requires a non-empty producer ID", word);
    } else if (!is_auto && out->id.len == 0) {
        model_fail(call, "ERR IDMP requires a non-empty idempotent ID");
    } else if (out->producer.len > PRODUCER_BYTES_MAX || out->id.len > SENT_ID_BYTES_MAX) {
        reply_errorf(&call->reply,
                     "ERR ackd takes producer IDs of at most %d bytes and idempotent IDs of at "
                     "most %d",
                     (int)PRODUCER_BYTES_MAX, (int)SENT_ID_BYTES_MAX);
    } else {
        return true;
    }
    return false;
}

// False: an error, or (first == 0) what stands there is the id.
static bool read_option(struct model_call *call, size_t *index, struct adding *out) {
    const size_t left = call->argc - *index;
    if (slice_equal(call->argv[*index], SLICE("*"))) return false;
    if (model_is(call, *index, "nomkstream")) {
        out->only_if_present = true;
        ++*index;
        return true;
    }
    if ((left >= 3 && model_is(call, *index, "idmp")) ||
        (left >= 2 && model_is(call, *index, "idmpauto")))
        return read_producer(call, index, &out->idmp);
    return model_trim_option(call, index, &out->trim) == MODEL_OPTION_READ;
}

static bool has_failed(const struct model_call *call) {
    return call->reply.out->len > 0;
}

static bool read_new_id(struct model_call *call, size_t index, struct adding *out) {
    bool has_star;
    out->first = index + 1;
    out->kind = ID_AUTO;
    if (slice_equal(call->argv[index], SLICE("*"))) return true;
    if (!model_id_parse(call->argv[index], 0, &out->id, &has_star)) {
        model_fail(call, "ERR Invalid stream ID specified as stream command argument");
        return false;
    }
    out->kind = has_star ? ID_OF_MS : ID_GIVEN;
    return true;
}

static bool read_adding(struct model_call *call, struct adding *out) {
    size_t at = 2;
    *out = (struct adding){.first = call->argc};
    while (at < call->argc && read_option(call, &at, out)) {
    }
    if (has_failed(call)) return false;
    if (at < call->argc && !read_new_id(call, at, out)) return false;
    if (!model_trim_end(call, &out->trim)) return false;
    if (out->idmp.is_given && out->kind != ID_AUTO) {
        model_fail(call, "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs");
        return false;
    }
    const size_t strings = call->argc - out->first;
    if (strings == 0 || strings % 2 != 0) {
        model_arity(call);
        return false;
    }
    out->idmp.strings = call->argv + out->first;
    out->idmp.string_count = strings;
    if (out->kind != ID_GIVEN || model_id_compare(out->id, MODEL_ID_MIN) != 0) return true;
    model_fail(call, "ERR The ID specified in XADD must be greater than 0-0");
    return false;
}

// ---- XADD: at work

static bool choose_id(struct model_call *call, const struct adding *adding, struct model_id last,
                      struct model_id *out) {
    if (model_id_compare(last, MODEL_ID_MAX) == 0) {
        model_fail(call, "ERR The stream has exhausted the last possible ID, unable to add more "
                         "items");
        return false;
    }
    *out = adding->id;
    if (adding->kind == ID_AUTO) {
        *out = (struct model_id){(uint64_t)call->now_ms, 0};
        if (out->ms > last.ms) return true;
        *out = last;
        return model_id_next(out);
    }
    if (adding->kind == ID_OF_MS && out->ms == last.ms) out->seq = last.seq + 1; // 0 behind the end
    if (model_id_compare(*out, last) > 0) return true;
    model_fail(call, "ERR The ID specified in XADD is equal or smaller than the target stream top "
                     "item");
    return false;
}

static size_t varint_bytes(size_t value) {
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7)
        bytes++;
    return bytes;
}

// An entry is one record of the log.
static bool fits(struct model_call *call, const struct adding *adding) {
    const size_t record = call->model->options.string_bytes_max + STRING_SLACK;
    size_t bytes = varint_bytes(adding->idmp.string_count);
    for (size_t i = adding->first; i < call->argc; i++) {
        bytes += varint_bytes(call->argv[i].len) + call->argv[i].len;
    }
    if (bytes <= record - call->argv[1].len - ENTRY_SLACK) return true;
    model_fail(call, "ERR Elements are too large to be stored");
    return false;
}

static void add(struct model_call *call, const struct adding *adding, struct model_stream *stream) {
    struct model_id id;
    const struct model_id last = stream == NULL ? MODEL_ID_MIN : stream->last_id;
    if (!choose_id(call, adding, last, &id) || !fits(call, adding)) return;
    if (stream == NULL) {
        stream = model_stream_new();
        model_key_make(call->model, call->db, call->argv[1], MODEL_STREAM)->stream = stream;
    }
    stream->entries =
        model_array_insert(stream->entries, &stream->count, stream->count, sizeof *stream->entries);
    struct model_entry *entry = &stream->entries[stream->count - 1];
    entry->id = id;
    for (size_t i = adding->first; i < call->argc; i++) {
        model_texts_insert(&entry->strings, entry->strings.count, model_text_new(call->argv[i]));
    }
    stream->last_id = id;
    stream->added++;
    if (adding->idmp.is_given) model_sent_add(stream, &adding->idmp, id, call->now_ms);
    model_trim(call, stream, &adding->trim);
    model_id_answer(call, id);
    model_wait_signal(call->model, call->db, call->argv[1]);
}

void model_xadd(struct model_call *call) {
    struct adding adding;
    struct model_stream *stream;
    if (!read_adding(call, &adding) || !model_stream_find(call, call->argv[1], &stream)) return;
    if (stream == NULL && adding.only_if_present) {
        reply_null(&call->reply);
        return;
    }
    const struct model_sent *sent = NULL;
    if (stream != NULL && adding.idmp.is_given)
        sent = model_sent_find(stream, &adding.idmp, call->now_ms);
    if (sent != NULL) {
        stream->duplicates++;
        model_id_answer(call, sent->entry);
    } else {
        add(call, &adding, stream);
    }
}

// ---- XSETID

struct setting {
    struct model_id last;
    struct model_id max_deleted;
    bool has_added;
    int64_t added;
};

static bool read_setting(struct model_call *call, struct setting *out) {
    *out = (struct setting){.has_added = false};
    if (!model_id_arg(call, 2, &out->last)) return false;
    for (size_t i = 3; i < call->argc; i += 2) {
        if (model_is(call, i, "entriesadded") && i + 1 < call->argc) {
            if (!model_int(call, i + 1, &out->added)) return false;
            out->has_added = true;
            if (out->added >= 0) continue;
            model_fail(call, "ERR entries_added must be positive");
        } else if (model_is(call, i, "maxdeletedid") && i + 1 < call->argc) {
            if (!model_id_arg(call, i + 1, &out->max_deleted)) return false;
            if (model_id_compare(out->max_deleted, out->last) <= 0) continue;
            model_fail(call, "ERR The ID specified in XSETID is smaller than the provided "
                             "max_deleted_entry_id");
        } else {
            model_syntax(call);
        }
        return false;
    }
    return true;
}

static const char *why_not(const struct setting *setting, const struct model_stream *stream) {
    if (model_id_compare(setting->last, stream->max_deleted) < 0)
        return "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    if (stream->count == 0) return NULL;
    if (model_id_compare(setting->last, stream->entries[stream->count - 1].id) < 0)
        return "ERR The ID specified in XSETID is smaller than the target stream top item";
    if (setting->has_added && (uint64_t)setting->added < stream->count)
        return "ERR The entries_added specified in XSETID is smaller than the target stream length";
    return NULL;
}

void model_xsetid(struct model_call *call) {
    struct setting setting;
    struct model_stream *stream;
    if (!read_setting(call, &setting)) return;
    if (!model_stream_find(call, call->argv[1], &stream)) return;
    const char *error = stream == NULL ? "ERR no such key" : why_not(&setting, stream);
    if (error != NULL) {
        model_fail(call, error);
        return;
    }
    stream->last_id = setting.last;
    if (setting.has_added) stream->added = (uint64_t)setting.added;
    for (size_t i = 0; i < stream->group_count; i++) {
        // No group has read more than was ever added.
        if (stream->groups[i].entries_read > (int64_t)stream->added)
            stream->groups[i].entries_read = (int64_t)stream->added;
    }
    if (model_id_compare(setting.max_deleted, MODEL_ID_MIN) != 0)
        stream->max_deleted = setting.max_deleted;
    reply_ok(&call->reply);
}

// ---- XLEN, XRANGE, XREVRANGE

void model_xlen(struct model_call *call) {
    struct model_stream *stream;
    if (!model_stream_find(call, call->argv[1], &stream)) return;
    reply_int(&call->reply, stream == NULL ? 0 : (int64_t)stream->count);
}

static void answer_range(struct model_call *call, const struct model_stream *stream, size_t first,
                         size_t count, bool is_backward) {
    reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        model_entry_answer(call, &stream->entries[is_backward ? first - i : first + i]);
    }
}

static void range(struct model_call *call, bool is_backward) {
    struct model_id low;
    struct model_id high;
    int64_t limit = INT64_MAX;
    struct model_stream *stream;
    if (!model_id_lower(call, is_backward ? 3 : 2, &low)) return;
    if (!model_id_upper(call, is_backward ? 2 : 3, &high)) return;
    for (size_t i = 4; i < call->argc; i += 2) {
        if (!model_is(call, i, "count") || i + 1 == call->argc) {
            model_syntax(call);
            return;
        }
        if (!model_int(call, i + 1, &limit)) return;
    }
    if (!model_stream_find(call, call->argv[1], &stream)) return;
    if (stream == NULL) {
        reply_array(&call->reply, 0);
        return;
    }
    if (limit <= 0) {
        reply_null_array(&call->reply);
        return;
    }
    const size_t from = model_entry_from(stream, low);
    size_t to = model_entry_from(stream, high); // behind the last
    if (model_entry_find(stream, high) != NULL) to++;
    size_t count = from < to ? to - from : 0;
    if ((uint64_t)limit < count) count = (size_t)limit;
    answer_range(call, stream, is_backward ? to - 1 : from, count, is_backward);
}

void model_xrange(struct model_call *call) {
    range(call, false);
}

void model_xrevrange(struct model_call *call) {
    range(call, true);
}
