// Dropping entries: by length or age (XTRIM, and XADD with a threshold), by id (XDEL, XDELEX).
#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/commands/streams.h"
#include "storage/data/group.h"

enum {
    DROP_ID_BYTES = 2 * STREAM_ID_BYTES, // of log, an id and its share of what is around it
    DROP_EFFECT_BYTES = 128,             // of log: what an effect costs besides names and ids
    DROP_IDS_PER_RECORD = 1024,          // fewer than the store puts into one
};

// ---- shared

// The ids once for the stream, and for each group as many as may be pending there.
struct streams_room streams_drop_room(const struct streams_drop *drop) {
    size_t ids = drop->count;
    size_t names = 0;
    size_t records = 2 + drop->count / DROP_IDS_PER_RECORD;
    const size_t groups =
        drop->refs == STREAMS_DELREF && drop->stream != NULL ? stream_group_count(drop->stream) : 0;
    for (size_t i = 0; i < groups; i++) {
        const struct group *group = stream_group_at(drop->stream, i);
        const size_t pending = num_min(drop->count, group_pending_count(group));
        const size_t more = 1 + pending / DROP_IDS_PER_RECORD;
        ids += pending;
        names += more * group_name(group).len;
        records += more;
    }
    return (struct streams_room){
        .bytes = ids * DROP_ID_BYTES + names + records * (drop->key.len + DROP_EFFECT_BYTES),
        .records = records,
    };
}

size_t streams_drop(struct call *call, const struct streams_drop *drop) {
    if (drop->count == 0) return 0;
    if (drop->refs == STREAMS_DELREF)
        txn_stream_forget(call->txn, call->db, drop->key, drop->ids, drop->count);
    return txn_stream_delete(call->txn, call->db, drop->key, drop->ids, drop->count, drop->is_trim);
}

static void add_id(struct buf *ids, struct stream_id id) {
    buf_append(ids, &id, sizeof id);
}

static void set_ids(struct streams_drop *drop, const struct buf *ids) {
    drop->ids = (const void *)ids->data;
    drop->count = ids->len / sizeof(struct stream_id);
}

// ---- by length or age

// Whether entries are named one by one: only then does it matter who refers to them.
static bool minds_references(const struct stream *stream, const struct streams_trimming *trimming) {
    return stream_group_count(stream) > 0 &&
           (trimming->refs == STREAMS_DELREF || trimming->refs == STREAMS_ACKED);
}

struct streams_room streams_trim_room(const struct stream *stream, struct slice key,
                                      const struct streams_trimming *trimming, size_t added) {
    struct streams_drop drop = {.key = key, .stream = stream, .refs = trimming->refs};
    if (!trimming->is_given) return (struct streams_room){0};
    if (stream != NULL && minds_references(stream, trimming)) {
        struct stream_trim how = trimming->how;
        how.max_len -= num_min(how.max_len, added);
        drop.count = stream_trim_count(stream, &how) + added;
    }
    return streams_drop_room(&drop);
}

// The ids of the entries that a trim drops. Those that a group still needs (ACKED) are passed over;
// an exact trim then goes on until the stream is as short as wanted, one by nodes does not.
static void choose(const struct stream *stream, const struct streams_trimming *trimming,
                   struct buf *ids) {
    const struct stream_trim *how = &trimming->how;
    const bool spares = trimming->refs == STREAMS_ACKED && !MUTANT(TRIM_TAKES_UNACKED);
    const bool goes_on = spares && !how->is_approximate && !how->by_id;
    const size_t wanted = stream_trim_count(stream, how);
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry entry;
    size_t seen = 0;
    size_t chosen = 0;
    while (chosen < wanted && (goes_on || seen < wanted) && stream_next(&cursor, &entry)) {
        seen++;
        if (spares && stream_is_referenced(stream, entry.id)) continue;
        add_id(ids, entry.id);
        chosen++;
    }
}

size_t streams_trim(struct call *call, struct slice key, const struct streams_trimming *trimming) {
    const struct entry *entry = call_peek(call, call->db, key);
    if (!trimming->is_given || entry == NULL) return 0;
    const struct stream *stream = entry->value.stream;
    if (!minds_references(stream, trimming)) {
        const size_t count = stream_trim_count(stream, &trimming->how);
        if (count > 0) txn_stream_trim(call->txn, call->db, key, count);
        return count;
    }
    struct buf ids = {0};
    choose(stream, trimming, &ids);
    struct streams_drop drop = {.key = key, .refs = trimming->refs, .is_trim = true};
    set_ids(&drop, &ids);
    const size_t dropped = streams_drop(call, &drop);
    buf_deinit(&ids);
    return dropped;
}

enum call_result cmd_xtrim(struct call *call) {
    struct streams_trimming trimming = {0};
    const struct stream *stream;
    for (size_t i = 2; i < call->argc;) {
        switch (streams_arg_trimming(call, &i, &trimming)) {
        case STREAMS_OPTION_READ:
            break;
        case STREAMS_OPTION_UNKNOWN:
            call_syntax_error(call);
            return CALL_DONE;
        case STREAMS_OPTION_WRONG:
            return CALL_DONE;
        }
    }
    if (trimming.how.limit == 0 && !trimming.is_given) {
        reply_error(&call->reply,
                    "ERR syntax error, XTRIM must be called with a trimming strategy");
        return CALL_DONE;
    }
    if (!streams_trimming_end(call, &trimming)) return CALL_DONE;
    if (!streams_find(call, call->argv[1], &stream)) return CALL_DONE;
    if (stream == NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    const struct streams_room room = streams_trim_room(stream, call->argv[1], &trimming, 0);
    if (!call_prepare(call, room.bytes, room.records)) return CALL_RETRY;
    reply_int(&call->reply, (int64_t)streams_trim(call, call->argv[1], &trimming));
    return CALL_DONE;
}

// ---- by id

enum call_result cmd_xdel(struct call *call) {
    struct streams_drop drop = {.key = call->argv[1], .count = call->argc - 2};
    struct stream_id *ids;
    if (!streams_find(call, drop.key, &drop.stream)) return CALL_DONE;
    if (drop.stream == NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    if (!streams_arg_ids(call, 2, drop.count, &ids)) return CALL_DONE;
    drop.ids = ids;
    const struct streams_room room = streams_drop_room(&drop);
    const bool has_room = call_prepare(call, room.bytes, room.records);
    if (has_room) reply_int(&call->reply, (int64_t)streams_drop(call, &drop));
    mem_free(ids);
    return has_room ? CALL_DONE : CALL_RETRY;
}

// What XDELEX answers for an id.
enum { ID_DROPPED = 1, ID_KEPT = 2, ID_ABSENT = -1 };

struct named { // an id, and where it stands among the arguments
    struct stream_id id;
    size_t at;
};

static int compare_named(const void *a, const void *b) {
    const struct named *one = a;
    const struct named *other = b;
    const int order = stream_id_compare(one->id, other->id);
    if (order != 0) return order;
    return one->at < other->at ? -1 : one->at > other->at;
}

static int8_t fate_of(const struct stream *stream, struct stream_id id, enum streams_refs refs) {
    if (stream == NULL || !stream_find(stream, id, NULL)) return ID_ABSENT;
    return refs == STREAMS_ACKED && stream_is_referenced(stream, id) ? ID_KEPT : ID_DROPPED;
}

// What happens to each id. One that is named twice is gone when it comes again.
static void judge(const struct stream *stream, const struct streams_ids *ids, int8_t *fates) {
    struct named *named = mem_alloc_array(ids->count, sizeof *named);
    for (size_t i = 0; i < ids->count; i++) {
        named[i] = (struct named){ids->ids[i], i};
    }
    qsort(named, ids->count, sizeof *named, compare_named);
    for (size_t i = 0; i < ids->count; i++) {
        int8_t fate = fate_of(stream, named[i].id, ids->refs);
        const bool is_again = i > 0 && stream_id_equal(named[i].id, named[i - 1].id);
        if (fate == ID_DROPPED && is_again) fate = ID_ABSENT;
        fates[named[i].at] = fate;
    }
    mem_free(named);
}

// Drops what is to be dropped. DELREF names all ids: what is pending of those that are gone already
// goes, too. False: there is no room.
static bool drop_judged(struct call *call, struct streams_drop *drop, const struct streams_ids *ids,
                        const int8_t *fates) {
    struct buf chosen = {0};
    for (size_t i = 0; i < ids->count; i++) {
        if (fates[i] == ID_DROPPED || ids->refs == STREAMS_DELREF) add_id(&chosen, ids->ids[i]);
    }
    set_ids(drop, &chosen);
    const struct streams_room room = streams_drop_room(drop);
    const bool has_room = call_prepare(call, room.bytes, room.records);
    if (has_room) streams_drop(call, drop);
    buf_deinit(&chosen);
    return has_room;
}

enum call_result cmd_xdelex(struct call *call) {
    struct streams_drop drop = {.key = call->argv[1]};
    struct streams_ids ids;
    enum call_result result = CALL_DONE;
    if (!streams_arg_refs_and_ids(call, 2, &ids)) return CALL_DONE;
    int8_t *fates = mem_alloc_array(ids.count, sizeof *fates);
    if (!streams_find(call, drop.key, &drop.stream)) goto out;
    drop.refs = ids.refs;
    judge(drop.stream, &ids, fates);
    if (drop.stream != NULL && !drop_judged(call, &drop, &ids, fates)) {
        result = CALL_RETRY;
        goto out;
    }
    reply_array(&call->reply, ids.count);
    for (size_t i = 0; i < ids.count; i++) {
        reply_int(&call->reply, fates[i]);
    }
out:
    mem_free(fates);
    mem_free(ids.ids);
    return result;
}
