// Taking over what is there: streams, clients that wait, and the view of a keyspace.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "tests/sim/workload/model_stream.h"

// ---- the view

static const struct stream *find_stream(void *context, unsigned db, struct slice key) {
    const struct keyspace *const *keyspace = context;
    const struct entry *entry = keyspace_find_raw(*keyspace, db, key);
    return entry == NULL || entry->type != TYPE_STREAM ? NULL : entry->value.stream;
}

static size_t view_stream_len(void *context, unsigned db, struct slice key) {
    const struct stream *stream = find_stream(context, db, key);
    return stream == NULL ? 0 : stream_len(stream);
}

static bool view_pending(void *context, unsigned db, struct slice key, struct slice name,
                         uint64_t ms, uint64_t seq, int64_t *delivered_ms) {
    const struct stream *stream = find_stream(context, db, key);
    const struct group *group = stream == NULL ? NULL : stream_group(stream, name);
    struct pending pending;
    if (group == NULL || !group_find(group, (struct stream_id){ms, seq}, &pending)) return false;
    *delivered_ms = pending.delivered_ms;
    return true;
}

struct model_view model_view_of(const struct keyspace *const *keyspace) {
    return (struct model_view){
        // NOLINTNEXTLINE(performance-no-int-to-ptr): it is only read.
        .context = (void *)(uintptr_t)keyspace,
        .stream_len = view_stream_len,
        .pending = view_pending,
    };
}

// ---- streams

static struct model_id id_of(struct stream_id id) {
    return (struct model_id){id.ms, id.seq};
}

static bool load_entry(struct model_stream *stream, const struct stream_entry *from,
                       struct store *store, struct buf *scratch) {
    struct stream_fields fields;
    struct slice bytes;
    struct slice string;
    if (store_bytes(store, &from->payload, scratch, &bytes) != ERR_NONE) return false;
    if (!stream_fields_begin(&fields, bytes)) return false;
    stream->entries =
        model_array_insert(stream->entries, &stream->count, stream->count, sizeof *stream->entries);
    struct model_entry *entry = &stream->entries[stream->count - 1];
    entry->id = id_of(from->id);
    while (stream_fields_next(&fields, &string)) {
        model_texts_insert(&entry->strings, entry->strings.count, model_text_new(string));
    }
    return true;
}

static struct model_text *content_of(const struct model_entry *entry) {
    struct slice *strings = mem_alloc_array(entry->strings.count + 1, sizeof *strings);
    for (size_t i = 0; i < entry->strings.count; i++) {
        strings[i] = model_text_slice(entry->strings.items[i]);
    }
    struct model_text *content = model_sent_content(strings, entry->strings.count);
    mem_free(strings);
    return content;
}

// An id that IDMPAUTO made is known again by its entry, as long as that is there.
static void load_sent(void *context, struct slice producer, struct slice id,
                      struct stream_id entry) {
    struct model_stream *stream = context;
    const size_t at = stream->sent_count;
    const struct model_entry *made = model_entry_find(stream, id_of(entry));
    const bool is_auto = made != NULL && model_sent_is_digest(id, &made->strings);
    stream->sent = model_array_insert(stream->sent, &stream->sent_count, at, sizeof *stream->sent);
    stream->sent[at] = (struct model_sent){.producer = model_text_new(producer),
                                           .id = is_auto ? content_of(made) : model_text_new(id),
                                           .entry = id_of(entry)};
}

static void load_group(struct model_stream *stream, const struct group *from) {
    struct model_group *group = model_group_make(stream, group_name(from));
    group->last_id = id_of(group_last_id(from));
    group->entries_read = group_entries_read(from);
    for (size_t i = 0; i < group_consumer_count(from); i++) {
        const struct consumer *consumer = group_consumer_at(from, i);
        model_consumer_make(group, consumer_name(consumer), consumer_seen_ms(consumer))->active_ms =
            consumer_active_ms(consumer);
    }
    struct pending_cursor cursor = group_by_time(from);
    struct pending found;
    while (pending_next(&cursor, &found)) {
        const struct model_pending pending = {.id = id_of(found.id),
                                              .delivered_ms = found.delivered_ms,
                                              .deliveries = found.deliveries};
        model_pending_put(group,
                          found.consumer == NULL
                              ? NULL
                              : model_consumer_find(group, consumer_name(found.consumer)),
                          &pending);
    }
}

static void load_producers(struct model_stream *stream, const struct stream *from) {
    const struct stream_idmp idmp = stream_idmp(from);
    stream->duration_s = idmp.duration_s;
    stream->max_size = idmp.max_size;
    stream->sent_added = idmp.ids_added;
    stream->duplicates = idmp.ids_duplicates;
    if (stream_idmp_state(from) != NULL) idmp_each(stream_idmp_state(from), load_sent, stream);
}

bool model_load_stream(struct model *model, unsigned db, struct slice name,
                       const struct stream *from, struct store *store) {
    struct model_stream *stream = model_stream_new();
    struct stream_cursor cursor = stream_seek(from, STREAM_ID_MIN);
    struct stream_entry entry;
    struct buf scratch = {0};
    bool is_whole = true;
    model_key_make(model, db, name, MODEL_STREAM)->stream = stream;
    while (is_whole && stream_next(&cursor, &entry)) {
        is_whole = load_entry(stream, &entry, store, &scratch);
    }
    buf_deinit(&scratch);
    stream->last_id = id_of(stream_last_id(from));
    stream->max_deleted = id_of(stream_max_deleted_id(from));
    stream->added = stream_entries_added(from);
    load_producers(stream, from);
    for (size_t i = 0; i < stream_group_count(from); i++) {
        load_group(stream, stream_group_at(from, i));
    }
    return is_whole;
}

// ---- clients that wait

void model_load_waiter(struct model *model, uint64_t client_id, const struct model_waiter *waiter) {
    struct model_client *client = model_client_of(model, client_id);
    struct buf reply = {0};
    struct model_call call = {
        .model = model,
        .client = client,
        .argv = waiter->argv,
        .argc = waiter->argc,
        .db = waiter->db,
        .is_loading = true,
        .reply = {.out = &reply, .version = client->resp},
        .verdict = MODEL_EXACT,
    };
    must(model_run(&call) == MODEL_WAITS);
    buf_deinit(&reply);
    client->deadline_ms = waiter->deadline_ms;
    client->alarm_ms = waiter->alarm_ms;
    client->arrival = waiter->arrival;
    if (waiter->arrival >= model->arrivals) model->arrivals = waiter->arrival + 1;
}
