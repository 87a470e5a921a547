// XGROUP: groups and consumers are made, moved and removed.
#include "tests/sim/workload/model_stream.h"

struct options {
    bool makes_stream;
    int64_t entries_read;
};

static void wrong_subcommand(struct model_call *call) {
    reply_errorf(&call->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.",
                 (int)call->argv[1].len, call->argv[1].data);
}

static bool read_options(struct model_call *call, bool may_make, struct options *out) {
    *out = (struct options){.entries_read = -1};
    for (size_t i = 5; i < call->argc; i++) {
        if (may_make && model_is(call, i, "mkstream")) {
            out->makes_stream = true;
        } else if (model_is(call, i, "entriesread") && i + 1 < call->argc) {
            if (!model_int(call, ++i, &out->entries_read)) return false;
            if (out->entries_read >= -1) continue;
            model_fail(call, "ERR value for ENTRIESREAD must be positive or -1");
            return false;
        } else {
            wrong_subcommand(call);
            return false;
        }
    }
    return true;
}

// False without the stream, unless it may be made.
static bool find(struct model_call *call, bool may_make, struct model_place *out) {
    if (!model_group_at(call, 2, 3, out)) return false;
    if (out->stream != NULL || may_make) return true;
    model_fail(call, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE "
                     "you may want to use the MKSTREAM option to create an empty stream "
                     "automatically.");
    return false;
}

static bool need_group(struct model_call *call, struct model_place *out) {
    if (!find(call, false, out)) return false;
    if (out->group != NULL) return true;
    reply_errorf(&call->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                 (int)call->argv[3].len, call->argv[3].data, (int)call->argv[2].len,
                 call->argv[2].data);
    return false;
}

static bool read_position(struct model_call *call, const struct model_stream *stream,
                          bool takes_ends, struct model_id *out) {
    const struct slice word = call->argv[4];
    if (slice_equal(word, SLICE("$"))) {
        *out = stream == NULL ? MODEL_ID_MIN : stream->last_id;
        return true;
    }
    const bool is_least = slice_equal(word, SLICE("-"));
    *out = is_least ? MODEL_ID_MIN : MODEL_ID_MAX;
    if (takes_ends && (is_least || slice_equal(word, SLICE("+")))) return true;
    return model_id_arg(call, 4, out);
}

// A group cannot have read more than was ever added.
static int64_t at_most_added(const struct model_stream *stream, int64_t read) {
    const int64_t added = (int64_t)stream->added;
    return read > added ? added : read;
}

void model_xgroup_create(struct model_call *call) {
    struct options options;
    struct model_place place;
    struct model_id id;
    if (!read_options(call, true, &options) || !find(call, options.makes_stream, &place)) return;
    if (call->argc > 8) {
        wrong_subcommand(call);
        return;
    }
    if (!read_position(call, place.stream, false, &id)) return;
    if (place.group != NULL) {
        model_fail(call, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    if (place.stream == NULL) {
        place.stream = model_stream_new();
        model_key_make(call->model, call->db, call->argv[2], MODEL_STREAM)->stream = place.stream;
        model_wait_signal(call->model, call->db, call->argv[2]);
    }
    place.group = model_group_make(place.stream, call->argv[3]);
    place.group->last_id = id;
    place.group->entries_read = at_most_added(place.stream, options.entries_read);
    reply_ok(&call->reply);
}

// What was read may be read again: who waits is tried.
void model_xgroup_setid(struct model_call *call) {
    struct options options;
    struct model_place place;
    struct model_id id;
    if (!read_options(call, false, &options) || !need_group(call, &place)) return;
    if (call->argc != 5 && call->argc != 7) {
        wrong_subcommand(call);
        return;
    }
    if (!read_position(call, place.stream, true, &id)) return;
    place.group->last_id = id;
    place.group->entries_read = at_most_added(place.stream, options.entries_read);
    reply_ok(&call->reply);
    model_wait_signal(call->model, call->db, call->argv[2]);
}

void model_xgroup_destroy(struct model_call *call) {
    struct model_place place;
    if (!find(call, false, &place)) return;
    reply_int(&call->reply, place.group != NULL);
    if (place.group == NULL) return;
    model_group_remove(place.stream, call->argv[3]);
    model_wait_news(call->model, call->db, call->argv[2], MODEL_LOST);
}

void model_xgroup_createconsumer(struct model_call *call) {
    struct model_place place;
    if (!need_group(call, &place)) return;
    const bool is_new = model_consumer_find(place.group, call->argv[4]) == NULL;
    if (is_new) model_consumer_make(place.group, call->argv[4], call->now_ms);
    reply_int(&call->reply, is_new);
}

void model_xgroup_delconsumer(struct model_call *call) {
    struct model_place place;
    if (!need_group(call, &place)) return;
    const struct model_consumer *consumer = model_consumer_find(place.group, call->argv[4]);
    reply_int(&call->reply,
              consumer == NULL ? 0 : (int64_t)model_consumer_load(place.group, consumer));
    if (consumer != NULL) model_consumer_remove(place.group, call->argv[4]);
}
