// Streams in the model: arrays in the order of ids, groups and consumers in the order of names. For
// the files of this folder only.
#ifndef ACKD_TESTS_SIM_WORKLOAD_MODEL_STREAM_H
#define ACKD_TESTS_SIM_WORKLOAD_MODEL_STREAM_H

#include "tests/sim/workload/model_state.h"

struct model_id {
    uint64_t ms;
    uint64_t seq;
};

#define MODEL_ID_MIN ((struct model_id){0, 0})
#define MODEL_ID_MAX ((struct model_id){UINT64_MAX, UINT64_MAX})

struct model_entry {
    struct model_id id;
    struct model_texts strings; // field, value, field, value ...
};

struct model_pending {
    struct model_id id;
    struct model_text *consumer; // NULL: was given back (XNACK)
    int64_t delivered_ms;        // 0 when given back
    int64_t deliveries;
    uint64_t given_back; // who was given back earlier has the smaller one
};

struct model_consumer {
    struct model_text *name;
    int64_t seen_ms;
    int64_t kept_ms;   // what a restart leaves of it: reads that found nothing are not kept
    int64_t active_ms; // -1: never
};

struct model_group {
    struct model_text *name;
    struct model_id last_id;
    int64_t entries_read; // -1: count was lost
    struct model_consumer *consumers;
    size_t consumer_count;
    struct model_pending *pending;
    size_t pending_count;
    uint64_t givings; // XNACKs so far
};

// What an idempotent producer sent, in the order in which it came. It stays when it is too old, as
// it may in the engine, and is not found.
struct model_sent {
    struct model_text *producer;
    struct model_text *id; // of IDMPAUTO: the fields and values, sorted
    struct model_id entry;
};

struct model_stream {
    struct model_entry *entries;
    size_t count;
    struct model_id last_id;
    struct model_id max_deleted;
    uint64_t added;
    struct model_group *groups;
    size_t group_count;
    struct model_sent *sent;
    size_t sent_count;
    uint64_t sent_added;
    uint64_t duplicates; // not kept by a restart
    int64_t duration_s;
    int64_t max_size;
};

// ---- model_stream_data.c

// Makes place for one more item at `index` and returns the array, which may have moved.
void *model_array_insert(void *items, size_t *count, size_t index, size_t item_bytes);
void model_array_remove(void *items, size_t *count, size_t index, size_t item_bytes);

int model_id_compare(struct model_id a, struct model_id b);
bool model_id_next(struct model_id *id); // false: it was the greatest
bool model_id_previous(struct model_id *id);

struct model_stream *model_stream_new(void);
void model_stream_free(struct model_stream *stream); // NULL is fine
struct model_stream *model_stream_dup(const struct model_stream *from);
void model_stream_restart(struct model_stream *stream);
size_t model_stream_size(const struct model_stream *stream); // entries and pending ones

// The index of the first entry (of the first pending one) at `id` or behind it.
size_t model_entry_from(const struct model_stream *stream, struct model_id id);
const struct model_entry *model_entry_find(const struct model_stream *stream, struct model_id id);
void model_entry_remove(struct model_stream *stream, size_t index);
size_t model_pending_from(const struct model_group *group, struct model_id id);
struct model_pending *model_pending_find(const struct model_group *group, struct model_id id);
bool model_pending_remove(struct model_group *group, struct model_id id);
// The entry is pending at the consumer from now on; NULL: given back.
void model_pending_put(struct model_group *group, const struct model_consumer *consumer,
                       const struct model_pending *pending);
// How long ago it was delivered; -1: it was given back.
int64_t model_pending_idle_ms(const struct model_pending *pending, int64_t now_ms);
// Who is claimed first: those given back, in that order, then who idles for longest.
bool model_pending_is_before(const struct model_pending *a, const struct model_pending *b);

struct model_group *model_group_find(const struct model_stream *stream, struct slice name);
struct model_group *model_group_make(struct model_stream *stream, struct slice name);
void model_group_remove(struct model_stream *stream, struct slice name);
struct model_consumer *model_consumer_find(const struct model_group *group, struct slice name);
struct model_consumer *model_consumer_make(struct model_group *group, struct slice name,
                                           int64_t seen_ms);
void model_consumer_remove(struct model_group *group, struct slice name);
size_t model_consumer_load(const struct model_group *group, const struct model_consumer *consumer);
// It was here; with something given to it, it was active.
struct model_consumer *model_consumer_seen(struct model_group *group, struct slice name,
                                           int64_t now_ms);
void model_consumer_active(struct model_consumer *consumer, int64_t now_ms);

// ---- model_stream_args.c

// The stream of a key, NULL when there is none; false after WRONGTYPE.
bool model_stream_find(struct model_call *call, struct slice name, struct model_stream **out);
// The same and its group; both NULL when absent.
struct model_place {
    struct model_stream *stream;
    struct model_group *group;
};
bool model_group_at(struct model_call *call, size_t key, size_t group, struct model_place *out);
// An absent group is answered NOGROUP.
bool model_group_need(struct model_call *call, size_t key, size_t group, struct model_place *out);

bool model_id_parse(struct slice text, uint64_t missing_seq, struct model_id *out, bool *has_star);
bool model_id_arg(struct model_call *call, size_t index, struct model_id *out);
bool model_ids_arg(struct model_call *call, size_t index, size_t count, struct model_id **out);
bool model_id_lower(struct model_call *call, size_t index, struct model_id *out);
bool model_id_upper(struct model_call *call, size_t index, struct model_id *out);
void model_id_answer(struct model_call *call, struct model_id id);
void model_entry_answer(struct model_call *call, const struct model_entry *entry);
void model_fields_answer(struct model_call *call, const struct model_entry *entry); // NULL: nothing
size_t model_entry_bytes(struct model_call *call, const struct model_entry *entry);

enum model_refs { MODEL_REFS_UNSAID, MODEL_KEEPREF, MODEL_DELREF, MODEL_ACKED };
bool model_refs_arg(struct model_call *call, size_t index, enum model_refs *out);
// [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
struct model_ids {
    enum model_refs refs;
    size_t count;
    struct model_id *ids; // the caller's
};
bool model_refs_and_ids(struct model_call *call, size_t index, struct model_ids *out);
bool model_was_named(const struct model_id *ids, size_t index); // before in the same command

// ---- model_stream_trim.c
struct model_trim {
    bool is_given;
    bool has_limit;
    bool by_id;
    bool is_loose; // ~
    int64_t max_len;
    struct model_id min_id;
    int64_t limit;
    enum model_refs refs;
};
enum model_option { MODEL_OPTION_READ, MODEL_OPTION_UNKNOWN, MODEL_OPTION_WRONG };
enum model_option model_trim_option(struct model_call *call, size_t *index, struct model_trim *out);
bool model_trim_end(struct model_call *call, struct model_trim *trim);
size_t model_trim(struct model_call *call, struct model_stream *stream,
                  const struct model_trim *trim);
bool model_is_referenced(const struct model_stream *stream, struct model_id id);
// Drops the entry and (DELREF) what is pending of it; false: it was not there.
bool model_drop(struct model_stream *stream, struct model_id id, enum model_refs refs);

// ---- model_stream_count.c: what a group has read and has still to read (-1: unknown)
int64_t model_lag(const struct model_stream *stream, const struct model_group *group);
void model_read_on(const struct model_stream *stream, struct model_group *group,
                   struct model_id id);

// ---- model_stream_sent.c: idempotent producers
struct model_idmp {
    bool is_given;
    bool is_auto;
    struct slice producer;
    struct slice id; // not of IDMPAUTO
    const struct slice *strings;
    size_t string_count;
};
bool model_sent_is_fresh(const struct model_stream *stream, const struct model_sent *sent,
                         int64_t now_ms);
const struct model_sent *model_sent_find(const struct model_stream *stream,
                                         const struct model_idmp *idmp, int64_t now_ms);
void model_sent_add(struct model_stream *stream, const struct model_idmp *idmp,
                    struct model_id entry, int64_t now_ms);
void model_sent_remove(struct model_stream *stream, size_t index);
// Whether the bytes are what the engine makes of these fields for IDMPAUTO.
bool model_sent_is_digest(struct slice id, const struct model_texts *strings);
struct model_text *model_sent_content(const struct slice *strings, size_t count);

// ---- model_stream_read.c
// Whether a blocked XREAD or XREADGROUP could be served now.
bool model_stream_could_serve(struct model_call *call);

#endif
