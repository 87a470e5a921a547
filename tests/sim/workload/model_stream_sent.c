// Idempotent producers: what they sent, and XCFGSET.
#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/workload/model_stream.h"

enum { DIGEST_BYTES = 16, DURATION_MAX_S = 86400, SIZE_MAX_SENT = 10000 };

bool model_sent_is_fresh(const struct model_stream *stream, const struct model_sent *sent,
                         int64_t now_ms) {
    const int64_t oldest_ms = now_ms - stream->duration_s * 1000;
    return oldest_ms < 0 || sent->entry.ms >= (uint64_t)oldest_ms;
}

void model_sent_remove(struct model_stream *stream, size_t index) {
    model_text_unref(stream->sent[index].producer);
    model_text_unref(stream->sent[index].id);
    model_array_remove(stream->sent, &stream->sent_count, index, sizeof *stream->sent);
}

// ---- IDMPAUTO: the same fields with the same values, in whatever order

static int compare_pairs(const void *a, const void *b) {
    const struct slice *one = a;
    const struct slice *other = b;
    const int order = slice_compare(one[0], other[0]);
    return order != 0 ? order : slice_compare(one[1], other[1]);
}

struct model_text *model_sent_content(const struct slice *strings, size_t count) {
    struct slice *sorted = mem_dup(strings, count * sizeof *sorted);
    struct buf text = {0};
    qsort(sorted, count / 2, 2 * sizeof *sorted, compare_pairs);
    buf_append_str(&text, "content:");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%zu:", sorted[i].len);
        buf_append_slice(&text, sorted[i]);
    }
    struct model_text *content = model_text_new(buf_slice(&text));
    buf_deinit(&text);
    mem_free(sorted);
    return content;
}

// The engine keeps 128 bits: the number of strings and the sum of a hash of each pair, twice. The
// model knows them only to recognise what it finds in a database it did not make.
static void digest_of(const struct slice *strings, size_t count, char out[DIGEST_BYTES]) {
    struct hash_stream *hash = hash_stream_new();
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t sum = count;
        for (size_t i = 0; i < count; i += 2) {
            char len[8];
            store_u64le(len, strings[i].len);
            hash_stream_reset(hash, half);
            hash_stream_update(hash, slice_of(len, sizeof len));
            hash_stream_update(hash, strings[i]);
            hash_stream_update(hash, strings[i + 1]);
            sum += hash_stream_digest(hash);
        }
        store_u64le(out + 8 * half, sum);
    }
    hash_stream_free(hash);
}

bool model_sent_is_digest(struct slice id, const struct model_texts *strings) {
    char digest[DIGEST_BYTES];
    struct slice *slices = mem_alloc_array(strings->count + 1, sizeof *slices);
    for (size_t i = 0; i < strings->count; i++) {
        slices[i] = model_text_slice(strings->items[i]);
    }
    digest_of(slices, strings->count, digest);
    mem_free(slices);
    return slice_equal(id, slice_of(digest, sizeof digest));
}

// ---- finding and adding

static size_t sent_index(const struct model_stream *stream, struct slice producer,
                         struct slice id) {
    size_t i = 0;
    while (i < stream->sent_count &&
           !(slice_equal(model_text_slice(stream->sent[i].producer), producer) &&
             slice_equal(model_text_slice(stream->sent[i].id), id))) {
        i++;
    }
    return i;
}

static size_t find_index(const struct model_stream *stream, const struct model_idmp *idmp) {
    if (!idmp->is_auto) return sent_index(stream, idmp->producer, idmp->id);
    char digest[DIGEST_BYTES];
    struct model_text *content = model_sent_content(idmp->strings, idmp->string_count);
    size_t i = sent_index(stream, idmp->producer, model_text_slice(content));
    model_text_unref(content);
    if (i < stream->sent_count) return i;
    digest_of(idmp->strings, idmp->string_count, digest);
    return sent_index(stream, idmp->producer, slice_of(digest, sizeof digest));
}

const struct model_sent *model_sent_find(const struct model_stream *stream,
                                         const struct model_idmp *idmp, int64_t now_ms) {
    const size_t i = find_index(stream, idmp);
    if (i == stream->sent_count || !model_sent_is_fresh(stream, &stream->sent[i], now_ms))
        return NULL;
    return &stream->sent[i];
}

// Forgets the oldest of the producer's until `left` remain.
static void shorten(struct model_stream *stream, struct slice producer, size_t left) {
    size_t count = 0;
    for (size_t i = stream->sent_count; i-- > 0;) {
        if (!slice_equal(model_text_slice(stream->sent[i].producer), producer)) continue;
        if (count++ >= left) model_sent_remove(stream, i);
    }
}

// How many the producer has sent that are behind `index`.
static size_t count_behind(const struct model_stream *stream, struct slice producer, size_t index) {
    size_t count = 0;
    for (size_t i = index + 1; i < stream->sent_count; i++) {
        count += slice_equal(model_text_slice(stream->sent[i].producer), producer);
    }
    return count;
}

// Ids go from the oldest on: with one that is too old all before it.
void model_sent_add(struct model_stream *stream, const struct model_idmp *idmp,
                    struct model_id entry, int64_t now_ms) {
    (void)now_ms;
    const size_t old = find_index(stream, idmp);
    if (old < stream->sent_count)
        shorten(stream, idmp->producer, count_behind(stream, idmp->producer, old));
    shorten(stream, idmp->producer, (size_t)stream->max_size - 1);
    const size_t at = stream->sent_count;
    stream->sent = model_array_insert(stream->sent, &stream->sent_count, at, sizeof *stream->sent);
    stream->sent[at] = (struct model_sent){
        .producer = model_text_new(idmp->producer),
        .id = idmp->is_auto ? model_sent_content(idmp->strings, idmp->string_count)
                            : model_text_new(idmp->id),
        .entry = entry,
    };
    stream->sent_added++;
}

// ---- XCFGSET

static bool read_value(struct model_call *call, size_t index, const char *name, const char *unit,
                       int64_t most, int64_t *out) {
    if (*out != 0) {
        reply_errorf(&call->reply, "ERR %s specified multiple times", name);
        return false;
    }
    if (!model_int(call, index, out)) return false;
    if (*out >= 1 && *out <= most) return true;
    reply_errorf(&call->reply, "ERR %s must be between 1 and %lld %s", name, (long long)most, unit);
    return false;
}

void model_xcfgset(struct model_call *call) {
    struct model_stream *stream;
    int64_t duration_s = 0;
    int64_t max_size = 0;
    for (size_t i = 2; i < call->argc; i += 2) {
        if (model_is(call, i, "idmp-duration") && i + 1 < call->argc) {
            if (!read_value(call, i + 1, "IDMP-DURATION", "seconds", DURATION_MAX_S, &duration_s))
                return;
        } else if (model_is(call, i, "idmp-maxsize") && i + 1 < call->argc) {
            if (!read_value(call, i + 1, "IDMP-MAXSIZE", "entries", SIZE_MAX_SENT, &max_size))
                return;
        } else {
            model_syntax(call);
            return;
        }
    }
    if (call->argc == 2) {
        model_fail(call, "ERR At least one parameter must be specified");
        return;
    }
    if (!model_stream_find(call, call->argv[1], &stream)) return;
    if (stream == NULL) {
        model_fail(call, "ERR no such key");
        return;
    }
    if (duration_s == 0) duration_s = stream->duration_s;
    if (max_size == 0) max_size = stream->max_size;
    if (duration_s != stream->duration_s || max_size != stream->max_size) {
        while (stream->sent_count > 0)
            model_sent_remove(stream, stream->sent_count - 1);
    }
    stream->duration_s = duration_s;
    stream->max_size = max_size;
    reply_ok(&call->reply);
}
