// Making, moving and removing consumer groups and their consumers: XGROUP.
#include "server/commands/groups.h"
#include "server/commands/handlers.h"
#include "server/commands/help.h"

struct group_options {
    bool makes_stream;
    int64_t entries_read;
};

// [MKSTREAM] [ENTRIESREAD entries-read] from argument 5 on.
static bool read_options(struct call *call, bool may_make, struct group_options *out) {
    *out = (struct group_options){.entries_read = GROUP_ENTRIES_UNKNOWN};
    for (size_t i = 5; i < call->argc; i++) {
        if (may_make && call_arg_is(call, i, "mkstream")) {
            out->makes_stream = true;
        } else if (call_arg_is(call, i, "entriesread") && i + 1 < call->argc) {
            if (!call_arg_i64(call, ++i, &out->entries_read)) return false;
            if (out->entries_read < GROUP_ENTRIES_UNKNOWN) {
                reply_error(&call->reply, "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            help_wrong_subcommand(call);
            return false;
        }
    }
    return true;
}

// The group that arguments 2 and 3 name. False after an error.
static bool find_for_change(struct call *call, bool may_make, struct group_place *out) {
    if (!groups_find(call, call->argv[2], call->argv[3], out)) return false;
    if (out->stream != NULL || may_make) return true;
    reply_error(&call->reply,
                "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may "
                "want to use the MKSTREAM option to create an empty stream automatically.");
    return false;
}

static bool need_group(struct call *call, struct group_place *out) {
    if (!find_for_change(call, false, out)) return false;
    if (out->group != NULL) return true;
    groups_no_such_group(call, out);
    return false;
}

// `$`: the last entry. Not strict: also `-` and `+`.
static bool read_position(struct call *call, const struct stream *stream, bool is_strict,
                          struct stream_id *out) {
    if (slice_equal(call->argv[4], SLICE("$"))) {
        *out = stream == NULL ? STREAM_ID_MIN : stream_last_id(stream);
        return true;
    }
    if (!is_strict && slice_equal(call->argv[4], SLICE("-"))) {
        *out = STREAM_ID_MIN;
        return true;
    }
    if (!is_strict && slice_equal(call->argv[4], SLICE("+"))) {
        *out = STREAM_ID_MAX;
        return true;
    }
    return streams_arg_id(call, 4, 0, out);
}

// A group cannot have read more than was ever added.
static int64_t clamp_read(const struct stream *stream, int64_t entries_read) {
    const uint64_t added = stream == NULL ? 0 : stream_entries_added(stream);
    if (entries_read < 0 || (uint64_t)entries_read <= added) return entries_read;
    return (int64_t)added;
}

enum call_result cmd_xgroup_create(struct call *call) {
    enum { ARGUMENTS_MAX = 8 };
    struct group_options options;
    struct group_place place;
    struct stream_id id;
    if (!read_options(call, true, &options)) return CALL_DONE;
    if (!find_for_change(call, options.makes_stream, &place)) return CALL_DONE;
    if (call->argc > ARGUMENTS_MAX) {
        help_wrong_subcommand(call);
        return CALL_DONE;
    }
    if (!read_position(call, place.stream, true, &id)) return CALL_DONE;
    if (!groups_is_name_short(call, 3)) return CALL_DONE;
    if (place.group != NULL) {
        reply_error(&call->reply, "BUSYGROUP Consumer Group name already exists");
        return CALL_DONE;
    }
    const int64_t entries_read = clamp_read(place.stream, options.entries_read);
    if (place.stream == NULL) {
        txn_stream_create(call->txn, call->db, place.at.key);
        streams_configure_new(call, place.at.key);
    }
    txn_group_create(call->txn, &place.at, id, entries_read);
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_xgroup_setid(struct call *call) {
    struct group_options options;
    struct group_place place;
    struct stream_id id;
    if (!read_options(call, false, &options) || !need_group(call, &place)) return CALL_DONE;
    if (call->argc != 5 && call->argc != 7) {
        help_wrong_subcommand(call);
        return CALL_DONE;
    }
    if (!read_position(call, place.stream, false, &id)) return CALL_DONE;
    txn_group_set_id(call->txn, &place.at, id, clamp_read(place.stream, options.entries_read));
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_xgroup_destroy(struct call *call) {
    struct group_place place;
    if (!find_for_change(call, false, &place)) return CALL_DONE;
    reply_int(&call->reply, place.group != NULL);
    if (place.group != NULL) txn_group_destroy(call->txn, &place.at);
    return CALL_DONE;
}

enum call_result cmd_xgroup_createconsumer(struct call *call) {
    struct group_place place;
    if (!need_group(call, &place) || !groups_is_name_short(call, 4)) return CALL_DONE;
    reply_int(&call->reply, txn_consumer_create(call->txn, &place.at, call->argv[4]));
    return CALL_DONE;
}

enum call_result cmd_xgroup_delconsumer(struct call *call) {
    struct group_place place;
    if (!need_group(call, &place)) return CALL_DONE;
    const struct consumer *consumer = group_consumer(place.group, call->argv[4]);
    reply_int(&call->reply, consumer == NULL ? 0 : (int64_t)consumer_pending_count(consumer));
    if (consumer != NULL) txn_consumer_delete(call->txn, &place.at, call->argv[4]);
    return CALL_DONE;
}
