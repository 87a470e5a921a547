// XADD, and what steers the ids that it gives: XSETID, and XCFGSET for idempotent
// producers.
#include <inttypes.h>

#include "proto/base/hash.h"
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/commands/streams.h"
#include "server/options/options.h"
#include "storage/data/group.h"

enum {
    IDMP_DURATION_MAX_S = 86400,
    IDMP_SIZE_MAX = 10000,
    PRODUCER_MAX = 4096,        // longest producer id: quiet ones are swept, each for its name
    IDEMPOTENT_MAX = 128 << 10, // longest idempotent id
    CONTENT_ID_BYTES = 16,      // of the idempotent id that IDMPAUTO makes of the fields
    IDMP_RECORDS = 4,           // remembering, configuring, sweeping two producers
    IDMP_RECORD_BYTES = 128,    // of log, besides names and key
};

// ---- XADD: arguments

struct add {
    bool only_if_present; // NOMKSTREAM
    struct streams_trimming trimming;
    bool has_idmp;
    bool is_auto_idmp;
    struct slice producer;
    struct slice idempotent_id; // IDMPAUTO: made of the fields later
    struct streams_new_id id;
    size_t first; // the first field, of argv
};

static bool refuse(struct call *call, const char *error) {
    reply_error(&call->reply, error);
    return false;
}

static bool are_names_short(struct call *call, struct slice producer, struct slice id) {
    if (producer.len <= PRODUCER_MAX && id.len <= IDEMPOTENT_MAX) return true;
    reply_errorf(&call->reply,
                 "ERR ackd takes producer IDs of at most %d bytes and idempotent IDs of at most %d",
                 (int)PRODUCER_MAX, (int)IDEMPOTENT_MAX);
    return false;
}

// IDMP producer-id idempotent-id or IDMPAUTO producer-id, at *index, which is moved behind it.
static bool read_idmp(struct call *call, size_t *index, struct add *out) {
    const bool is_auto = call_arg_is(call, *index, "idmpauto");
    if (out->has_idmp) return refuse(call, "ERR IDMP/IDMPAUTO specified multiple times");
    out->has_idmp = true;
    out->is_auto_idmp = is_auto;
    out->producer = call->argv[*index + 1];
    if (out->producer.len == 0)
        return refuse(call, is_auto ? "ERR IDMPAUTO requires a non-empty producer ID"
                                    : "ERR IDMP requires a non-empty producer ID");
    if (!is_auto) {
        out->idempotent_id = call->argv[*index + 2];
        if (out->idempotent_id.len == 0)
            return refuse(call, "ERR IDMP requires a non-empty idempotent ID");
    }
    if (!are_names_short(call, out->producer, out->idempotent_id)) return false;
    *index += is_auto ? 2 : 3;
    return true;
}

static bool is_idmp(const struct call *call, size_t index) {
    const size_t more = call->argc - index - 1;
    return (more >= 2 && call_arg_is(call, index, "idmp")) ||
           (more >= 1 && call_arg_is(call, index, "idmpauto"));
}

// One option at *index. UNKNOWN: what stands there is the id.
static enum streams_option read_option(struct call *call, size_t *index, struct add *out) {
    if (slice_equal(call->argv[*index], SLICE("*"))) return STREAMS_OPTION_UNKNOWN;
    if (call_arg_is(call, *index, "nomkstream")) {
        out->only_if_present = true;
        (*index)++;
        return STREAMS_OPTION_READ;
    }
    if (is_idmp(call, *index))
        return read_idmp(call, index, out) ? STREAMS_OPTION_READ : STREAMS_OPTION_WRONG;
    return streams_arg_trimming(call, index, &out->trimming);
}

// The options and the id.
static bool read_options(struct call *call, struct add *out) {
    for (size_t i = 2; i < call->argc;) {
        switch (read_option(call, &i, out)) {
        case STREAMS_OPTION_READ:
            continue;
        case STREAMS_OPTION_WRONG:
            return false;
        case STREAMS_OPTION_UNKNOWN:
            break;
        }
        out->first = i + 1;
        return streams_arg_new_id(call, i, &out->id);
    }
    out->first = call->argc; // no id: the number of arguments is refused
    return true;
}

static bool read_add(struct call *call, struct add *out) {
    *out = (struct add){0};
    if (!read_options(call, out)) return false;
    if (!streams_trimming_end(call, &out->trimming)) return false;
    if (out->has_idmp && out->id.kind != STREAMS_ID_AUTO)
        return refuse(call, "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs");
    const size_t strings = call->argc - out->first;
    if (strings < 2 || strings % 2 != 0) {
        call_wrong_arity(call);
        return false;
    }
    if (out->id.kind == STREAMS_ID_GIVEN && stream_id_is_zero(out->id.id))
        return refuse(call, "ERR The ID specified in XADD must be greater than 0-0");
    return true;
}

// ---- XADD: the id

static bool next_id(const struct add *add, struct stream_id last, int64_t now_ms,
                    struct stream_id *out) {
    *out = last;
    switch (add->id.kind) {
    case STREAMS_ID_AUTO: // never back, whatever the clock does
        if (now_ms > 0 && (uint64_t)now_ms > last.ms) {
            *out = (struct stream_id){(uint64_t)now_ms, 0};
            return true;
        }
        return stream_id_increment(out);
    case STREAMS_ID_OF_MS:
        if (add->id.id.ms == last.ms) {
            if (last.seq == UINT64_MAX) return false;
            out->seq++;
            return true;
        }
        break;
    case STREAMS_ID_GIVEN:
        break;
    }
    *out = add->id.id;
    return stream_id_compare(*out, last) > 0;
}

static bool choose_id(struct call *call, const struct add *add, const struct stream *stream,
                      struct stream_id *out) {
    const struct stream_id last = stream == NULL ? STREAM_ID_MIN : stream_last_id(stream);
    if (stream_id_equal(last, STREAM_ID_MAX))
        return refuse(call, "ERR The stream has exhausted the last possible ID, unable to add more "
                            "items");
    if (next_id(add, last, call->now_ms, out)) return true;
    return refuse(call, "ERR The ID specified in XADD is equal or smaller than the target stream "
                        "top item");
}

// ---- XADD: idempotence

static uint64_t hash_pair(struct hash_stream *hash, const struct slice *pair, uint64_t seed) {
    char len[sizeof(uint64_t)];
    hash_stream_reset(hash, seed);
    store_u64le(len, pair[0].len);
    hash_stream_update(hash, slice_of(len, sizeof len));
    hash_stream_update(hash, pair[0]);
    hash_stream_update(hash, pair[1]);
    return hash_stream_digest(hash);
}

// The idempotent id of IDMPAUTO: 128 bits of the fields and values, whatever their order.
static void identify_content(const struct slice *strings, size_t count, char *out) {
    struct hash_stream *hash = hash_stream_new();
    uint64_t low = count;
    uint64_t high = count;
    for (size_t i = 0; i < count; i += 2) {
        low += hash_pair(hash, &strings[i], 0);
        high += hash_pair(hash, &strings[i], 1);
    }
    hash_stream_free(hash);
    store_u64le(out, low);
    store_u64le(out + sizeof low, high);
}

static bool find_duplicate(struct call *call, const struct add *add, const struct stream *stream,
                           struct stream_id *out) {
    if (!add->has_idmp || stream == NULL) return false;
    if (!stream_idmp_find(stream, add->producer, add->idempotent_id, call->now_ms, out))
        return false;
    store_note_duplicate(engine_store(call->engine), stream);
    return true;
}

void streams_configure_new(struct call *call, struct slice key) {
    const struct options *options = engine_options_of(call->engine);
    const uint32_t duration_s = (uint32_t)options->stream_idmp_duration_s;
    const uint32_t max_size = (uint32_t)options->stream_idmp_max_size;
    if (duration_s == STREAM_IDMP_DURATION_S && max_size == STREAM_IDMP_MAXSIZE) return;
    txn_stream_config(call->txn, call->db, key, duration_s, max_size);
}

// ---- XADD: at work

// Room for what comes beside the entry: a trim, and with IDMP what is remembered and forgotten.
static bool prepare(struct call *call, const struct add *add, const struct stream *stream) {
    const size_t key_len = call->argv[1].len;
    struct streams_room room = streams_trim_room(stream, call->argv[1], &add->trimming, 1);
    if (add->has_idmp) {
        room.bytes += IDMP_RECORDS * (key_len + IDMP_RECORD_BYTES + PRODUCER_MAX);
        room.records += IDMP_RECORDS;
    }
    return room.records == 0 || call_prepare(call, room.bytes, room.records);
}

static enum call_result add_entry(struct call *call, const struct add *add,
                                  const struct stream *stream) {
    const struct slice key = call->argv[1];
    struct txn_entry entry = {.strings = call->argv + add->first, .count = call->argc - add->first};
    if (!choose_id(call, add, stream, &entry.id)) return CALL_DONE;
    if (!txn_stream_fits(call->txn, key, entry.strings, entry.count)) {
        reply_error(&call->reply, "ERR Elements are too large to be stored");
        return CALL_DONE;
    }
    if (!prepare(call, add, stream)) return CALL_RETRY;
    txn_stream_add(call->txn, call->db, key, &entry);
    if (stream == NULL) streams_configure_new(call, key);
    if (add->has_idmp) {
        const struct txn_idmp idmp = {add->producer, add->idempotent_id, entry.id};
        txn_stream_idmp(call->txn, call->db, key, &idmp);
    }
    streams_trim(call, key, &add->trimming);
    streams_answer_id(call, entry.id);
    return CALL_DONE;
}

enum call_result cmd_xadd(struct call *call) {
    struct add add;
    const struct stream *stream;
    struct stream_id original;
    char content_id[CONTENT_ID_BYTES];
    if (!read_add(call, &add)) return CALL_DONE;
    if (!streams_find(call, call->argv[1], &stream)) return CALL_DONE;
    if (stream == NULL && add.only_if_present) {
        reply_null(&call->reply);
        return CALL_DONE;
    }
    if (add.is_auto_idmp) {
        identify_content(call->argv + add.first, call->argc - add.first, content_id);
        add.idempotent_id = slice_of(content_id, sizeof content_id);
    }
    if (find_duplicate(call, &add, stream, &original)) {
        streams_answer_id(call, original);
        return CALL_DONE;
    }
    return add_entry(call, &add, stream);
}

// ---- XSETID

struct ids {
    struct stream_id last;
    struct stream_id max_deleted; // 0-0: as it is
    int64_t added;                // -1: as it is
};

static bool read_ids(struct call *call, struct ids *out) {
    *out = (struct ids){.added = -1};
    if (!streams_arg_id(call, 2, 0, &out->last)) return false;
    for (size_t i = 3; i < call->argc; i += 2) {
        const bool has_value = i + 1 < call->argc;
        if (has_value && call_arg_is(call, i, "entriesadded")) {
            if (!call_arg_i64(call, i + 1, &out->added)) return false;
            if (out->added < 0) return refuse(call, "ERR entries_added must be positive");
        } else if (has_value && call_arg_is(call, i, "maxdeletedid")) {
            if (!streams_arg_id(call, i + 1, 0, &out->max_deleted)) return false;
            if (stream_id_compare(out->last, out->max_deleted) < 0)
                return refuse(call, "ERR The ID specified in XSETID is smaller than the provided "
                                    "max_deleted_entry_id");
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static struct stream_id top_id(const struct stream *stream) {
    struct stream_cursor cursor = stream_seek_behind(stream, STREAM_ID_MAX);
    struct stream_entry entry;
    return stream_prev(&cursor, &entry) ? entry.id : STREAM_ID_MIN;
}

static bool ids_fit(struct call *call, const struct ids *ids, const struct stream *stream) {
    if (stream_id_compare(ids->last, stream_max_deleted_id(stream)) < 0)
        return refuse(call, "ERR The ID specified in XSETID is smaller than current "
                            "max_deleted_entry_id");
    if (stream_len(stream) == 0) return true;
    if (stream_id_compare(ids->last, top_id(stream)) < 0)
        return refuse(call, "ERR The ID specified in XSETID is smaller than the target stream top "
                            "item");
    if (ids->added >= 0 && (uint64_t)ids->added < stream_len(stream))
        return refuse(call, "ERR The entries_added specified in XSETID is smaller than the target "
                            "stream length");
    return true;
}

// Makes room for what the groups' counts take: at most one record for each.
static bool prepare_groups(struct call *call, const struct stream *stream) {
    enum { BYTES_PER_EFFECT = 128 };
    const size_t groups = stream_group_count(stream);
    size_t bytes = 0;
    for (size_t i = 0; i < groups; i++) {
        bytes += BYTES_PER_EFFECT + call->argv[1].len + group_name(stream_group_at(stream, i)).len;
    }
    return call_prepare(call, bytes, groups);
}

// No group has read more than was ever added.
static void clamp_groups(struct call *call, const struct stream *stream, uint64_t added) {
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        const struct group *group = stream_group_at(stream, i);
        const int64_t read = group_entries_read(group);
        if (read == GROUP_ENTRIES_UNKNOWN || (uint64_t)read <= added) continue;
        const struct txn_group at = {
            .db = call->db, .key = call->argv[1], .group = group_name(group)};
        txn_group_set_id(call->txn, &at, group_last_id(group), (int64_t)added);
    }
}

enum call_result cmd_xsetid(struct call *call) {
    const struct stream *stream;
    struct ids ids;
    if (!read_ids(call, &ids)) return CALL_DONE;
    if (!streams_find(call, call->argv[1], &stream)) return CALL_DONE;
    if (stream == NULL) {
        refuse(call, "ERR no such key");
        return CALL_DONE;
    }
    if (!ids_fit(call, &ids, stream)) return CALL_DONE;
    if (!prepare_groups(call, stream)) return CALL_RETRY;
    const struct stream_id max_deleted =
        stream_id_is_zero(ids.max_deleted) ? stream_max_deleted_id(stream) : ids.max_deleted;
    const uint64_t added = ids.added < 0 ? stream_entries_added(stream) : (uint64_t)ids.added;
    clamp_groups(call, stream, added);
    txn_stream_set_ids(call->txn, call->db, call->argv[1], ids.last, max_deleted, added);
    reply_ok(&call->reply);
    return CALL_DONE;
}

// ---- XCFGSET

static bool read_bound(struct call *call, size_t index, int64_t max, const char *name,
                       const char *unit, uint32_t *out) {
    int64_t value;
    if (*out != 0) {
        reply_errorf(&call->reply, "ERR %s specified multiple times", name);
        return false;
    }
    if (!call_arg_i64(call, index, &value)) return false;
    if (value < 1 || value > max) {
        reply_errorf(&call->reply, "ERR %s must be between 1 and %" PRId64 " %s", name, max, unit);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

// 0: not given.
static bool read_config(struct call *call, uint32_t *duration_s, uint32_t *max_size) {
    *duration_s = 0;
    *max_size = 0;
    for (size_t i = 2; i < call->argc; i += 2) {
        const bool has_value = i + 1 < call->argc;
        bool is_right = false;
        if (has_value && call_arg_is(call, i, "idmp-duration")) {
            is_right = read_bound(call, i + 1, IDMP_DURATION_MAX_S, "IDMP-DURATION", "seconds",
                                  duration_s);
        } else if (has_value && call_arg_is(call, i, "idmp-maxsize")) {
            is_right = read_bound(call, i + 1, IDMP_SIZE_MAX, "IDMP-MAXSIZE", "entries", max_size);
        } else {
            call_syntax_error(call);
        }
        if (!is_right) return false;
    }
    if (*duration_s != 0 || *max_size != 0) return true;
    return refuse(call, "ERR At least one parameter must be specified");
}

// Another value than before forgets what all producers did; the same does not.
enum call_result cmd_xcfgset(struct call *call) {
    const struct stream *stream;
    uint32_t duration_s;
    uint32_t max_size;
    if (!read_config(call, &duration_s, &max_size)) return CALL_DONE;
    if (!streams_find(call, call->argv[1], &stream)) return CALL_DONE;
    if (stream == NULL) {
        refuse(call, "ERR no such key");
        return CALL_DONE;
    }
    const struct stream_idmp idmp = stream_idmp(stream);
    if (duration_s == 0) duration_s = idmp.duration_s;
    if (max_size == 0) max_size = idmp.max_size;
    if (duration_s != idmp.duration_s || max_size != idmp.max_size)
        txn_stream_config(call->txn, call->db, call->argv[1], duration_s, max_size);
    reply_ok(&call->reply);
    return CALL_DONE;
}
