// What the stream commands of the model read and answer alike. Ids are read as Redis does, with
// the C library.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "tests/sim/workload/model_stream.h"

enum { ID_TEXT_CAP = 128 };

// ---- ids

static bool parse_number(const char *text, uint64_t *out) {
    int64_t number;
    if (num_parse_i64(slice_str(text), &number)) {
        *out = (uint64_t)number;
        return number >= 0;
    }
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *text != '\0' && *end == '\0';
}

bool model_id_parse(struct slice text, uint64_t missing_seq, struct model_id *out, bool *has_star) {
    char copy[ID_TEXT_CAP] = {0};
    if (text.len >= sizeof copy) return false;
    if (text.len > 0) memcpy(copy, text.data, text.len);
    char *dash = strchr(copy, '-');
    if (dash != NULL) *dash = '\0';
    out->seq = missing_seq;
    if (has_star != NULL) *has_star = false;
    if (!parse_number(copy, &out->ms)) return false;
    if (dash == NULL) return true;
    if (has_star != NULL && strcmp(dash + 1, "*") == 0) {
        *has_star = true;
        out->seq = 0;
        return true;
    }
    return parse_number(dash + 1, &out->seq);
}

static bool refuse_id(struct model_call *call) {
    model_fail(call, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

bool model_id_arg(struct model_call *call, size_t index, struct model_id *out) {
    return model_id_parse(call->argv[index], 0, out, NULL) || refuse_id(call);
}

bool model_ids_arg(struct model_call *call, size_t index, size_t count, struct model_id **out) {
    struct model_id *ids = mem_alloc_array(count + 1, sizeof *ids);
    *out = ids;
    for (size_t i = 0; i < count; i++) {
        if (model_id_arg(call, index + i, &ids[i])) continue;
        mem_free(ids);
        *out = NULL;
        return false;
    }
    return true;
}

bool model_was_named(const struct model_id *ids, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (model_id_compare(ids[i], ids[index]) == 0) return true;
    }
    return false;
}

static bool parse_bound(struct slice text, uint64_t missing_seq, struct model_id *out,
                        bool *is_open) {
    *is_open = text.len > 1 && text.data[0] == '(';
    if (*is_open) return model_id_parse(slice_sub(text, 1, text.len), missing_seq, out, NULL);
    const bool is_least = slice_equal(text, SLICE("-"));
    *out = is_least ? MODEL_ID_MIN : MODEL_ID_MAX;
    if (is_least || slice_equal(text, SLICE("+"))) return true;
    return model_id_parse(text, missing_seq, out, NULL);
}

bool model_id_lower(struct model_call *call, size_t index, struct model_id *out) {
    bool is_open;
    if (!parse_bound(call->argv[index], 0, out, &is_open)) return refuse_id(call);
    if (!is_open || model_id_next(out)) return true;
    model_fail(call, "ERR invalid start ID for the interval");
    return false;
}

bool model_id_upper(struct model_call *call, size_t index, struct model_id *out) {
    bool is_open;
    if (!parse_bound(call->argv[index], UINT64_MAX, out, &is_open)) return refuse_id(call);
    if (!is_open || model_id_previous(out)) return true;
    model_fail(call, "ERR invalid end ID for the interval");
    return false;
}

// ---- answers

void model_id_answer(struct model_call *call, struct model_id id) {
    char text[64];
    snprintf(text, sizeof text, "%llu-%llu", (unsigned long long)id.ms, (unsigned long long)id.seq);
    reply_bulk_str(&call->reply, text);
}

void model_fields_answer(struct model_call *call, const struct model_entry *entry) {
    if (entry == NULL) {
        reply_null_array(&call->reply);
        return;
    }
    reply_array(&call->reply, entry->strings.count);
    for (size_t i = 0; i < entry->strings.count; i++) {
        model_answer(call, entry->strings.items[i]);
    }
}

void model_entry_answer(struct model_call *call, const struct model_entry *entry) {
    reply_array(&call->reply, 2);
    model_id_answer(call, entry->id);
    model_fields_answer(call, entry);
}

size_t model_entry_bytes(struct model_call *call, const struct model_entry *entry) {
    struct buf bytes = {0};
    struct model_call aside = *call;
    aside.reply.out = &bytes;
    model_entry_answer(&aside, entry);
    const size_t len = bytes.len;
    buf_deinit(&bytes);
    return len;
}

// ---- keys and groups

bool model_stream_find(struct model_call *call, struct slice name, struct model_stream **out) {
    struct model_key *key;
    *out = NULL;
    if (!model_find(call, name, MODEL_STREAM, &key)) return false;
    if (key != NULL) *out = key->stream;
    return true;
}

bool model_group_at(struct model_call *call, size_t key, size_t group, struct model_place *out) {
    *out = (struct model_place){0};
    if (!model_stream_find(call, call->argv[key], &out->stream)) return false;
    if (out->stream != NULL) out->group = model_group_find(out->stream, call->argv[group]);
    return true;
}

bool model_group_need(struct model_call *call, size_t key, size_t group, struct model_place *out) {
    if (!model_group_at(call, key, group, out)) return false;
    if (out->group != NULL) return true;
    buf_reset(call->reply.out);
    reply_errorf(&call->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'",
                 (int)call->argv[key].len, call->argv[key].data, (int)call->argv[group].len,
                 call->argv[group].data);
    return false;
}

// ---- references

bool model_refs_arg(struct model_call *call, size_t index, enum model_refs *out) {
    static const char *const words[] = {"keepref", "delref", "acked"};
    static const enum model_refs meanings[] = {MODEL_KEEPREF, MODEL_DELREF, MODEL_ACKED};
    for (size_t i = 0; i < 3 && *out == MODEL_REFS_UNSAID; i++) {
        if (!model_is(call, index, words[i])) continue;
        *out = meanings[i];
        return true;
    }
    return false;
}

// The number of ids at `index` and as many ids behind it.
static bool count_ids(struct model_call *call, size_t index, size_t *out) {
    int64_t count;
    if (!model_int_from(call, index, 1, "ERR Number of IDs must be a positive integer", &count))
        return false;
    *out = (size_t)count;
    if (*out <= call->argc - index - 1) return true;
    model_fail(call, "ERR The `numids` parameter must match the number of arguments");
    return false;
}

bool model_refs_and_ids(struct model_call *call, size_t index, struct model_ids *out) {
    size_t first = 0;
    *out = (struct model_ids){.refs = MODEL_REFS_UNSAID};
    while (index < call->argc) {
        if (model_refs_arg(call, index, &out->refs)) {
            index++;
        } else if (model_is(call, index, "ids") && index + 1 < call->argc) {
            if (!count_ids(call, index + 1, &out->count)) return false;
            first = index + 2;
            index = first + out->count;
        } else {
            model_syntax(call);
            return false;
        }
    }
    if (first == 0) {
        model_fail(call, "ERR IDS option is required");
        return false;
    }
    if (out->refs == MODEL_REFS_UNSAID) out->refs = MODEL_KEEPREF;
    return model_ids_arg(call, first, out->count, &out->ids);
}
