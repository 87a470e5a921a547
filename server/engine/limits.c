// What a client may cost: memory, room in the log, unread replies, unexecuted requests.
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

enum {
    NEED_PER_ARGUMENT = 48, // tag, length, hash, padding; a record of its own at worst
    NEED_SLACK = 512,
    NEED_RECORDS_SLACK = 4,
    NEED_ELEMENTS_PER_RECORD = 1024, // an upper bound of how a long list of values is split
    MS_PER_S = 1000,
};

static const char disk_full[] =
    "NOSPACE disk is full: commands that add data are refused, pops, acknowledgements and deletes "
    "still work. Free space on the volume of the data directory or enlarge it; ackd goes on by "
    "itself, without a restart.";

static const char max_disk_reached[] =
    "NOSPACE max-disk is reached: commands that add data are refused, pops, acknowledgements and "
    "deletes still work. Take data away or raise the limit with CONFIG SET max-disk; ackd goes on "
    "by itself, without a restart.";

const char *limits_no_space_text(const struct engine *engine) {
    return log_stats(engine->log).is_at_disk_max ? max_disk_reached : disk_full;
}

// ---- keys

struct key_sizes {
    size_t count;
    size_t bytes;
    size_t longest;
};

static struct key_sizes key_sizes(const struct call *call) {
    struct key_sizes sizes = {0};
    for (size_t i = 0; i < COMMAND_KEY_SPECS; i++) {
        struct key_range range;
        if (!key_range_find(&call->command->keys[i], call->argv, call->argc, &range)) continue;
        for (size_t at = range.first; at <= range.last; at += range.step) {
            sizes.count++;
            sizes.bytes += call->argv[at].len;
            sizes.longest = num_max(sizes.longest, call->argv[at].len);
        }
    }
    return sizes;
}

bool limits_key_too_long(const struct call *call) {
    return key_sizes(call).longest > KEYSPACE_KEY_MAX;
}

// ---- what one record can carry

bool limits_value_too_long(const struct engine *engine, size_t key_len, size_t value_len) {
    return key_len + value_len + NEED_SLACK > log_record_max(engine->log);
}

// A record holds a key, at most one field and at least one value. With segments of the default size
// the limits of each of them see to it that they fit; with small ones this does.
bool limits_arguments_too_long(const struct call *call, size_t argument_bytes) {
    if (!limits_value_too_long(call->engine, 0, argument_bytes)) return false;
    size_t longest[3] = {0};
    for (size_t i = 1; i < call->argc; i++) {
        size_t len = call->argv[i].len;
        for (size_t rank = 0; rank < 3; rank++) {
            if (len <= longest[rank]) continue;
            const size_t shorter = longest[rank];
            longest[rank] = len;
            len = shorter;
        }
    }
    return limits_value_too_long(call->engine, longest[0] + longest[1], longest[2]);
}

// ---- room in the log

struct log_need limits_need(const struct call *call, size_t argument_bytes) {
    const struct engine *engine = call->engine;
    const struct key_sizes keys = key_sizes(call);
    // Each key may cost a deletion before (it has expired), and is written again in each record
    // that a long row of values is split into.
    const size_t splits = call->argc / NEED_ELEMENTS_PER_RECORD +
                          argument_bytes / (log_record_max(engine->log) / 2 + 1);
    return (struct log_need){
        .bytes = argument_bytes + keys.bytes + splits * keys.longest +
                 call->argc * NEED_PER_ARGUMENT + NEED_SLACK,
        .records = call->argc + keys.count + splits + NEED_RECORDS_SLACK,
        .is_removal = (call->command->traits & COMMAND_GROWS) == 0,
    };
}

enum limit_room limits_room(struct engine *engine, const struct log_need *need) {
    // Memory holds what is not yet on disk: a disk slower than the clients must slow them down.
    if (log_unflushed_bytes(engine->log) > ENGINE_UNFLUSHED_MAX) return ROOM_WAIT;
    switch (log_prepare(engine->log, need->bytes, need->records, need->is_removal)) {
    case LOG_READY:
        return ROOM_READY;
    case LOG_WAIT:
        return ROOM_WAIT;
    case LOG_NO_SPACE:
        return ROOM_REFUSED;
    case LOG_BROKEN:
        return ROOM_BROKEN;
    }
    return ROOM_BROKEN;
}

// ---- memory

uint64_t engine_memory_uncounted(const struct engine *engine) {
    return engine->log == NULL ? 0 : log_image_bytes(engine->log) + engine->background_bytes;
}

void engine_note_background(struct engine *engine, uint64_t bytes) {
    engine->background_bytes = bytes;
}

void limits_sample_memory(struct engine *engine) {
    const uint64_t used = mem_used();
    const uint64_t uncounted = engine_memory_uncounted(engine);
    // Redis leaves the buffer of its AOF out in the same way: it is no data, and refusing writes
    // would not make it smaller.
    engine->memory_used = used > uncounted ? used - uncounted : 0;
    engine->memory_unsampled_bytes = 0;
    engine->memory_sampled_us = engine->monotonic_us;
    if (used > engine->stats.memory_peak) engine->stats.memory_peak = used;
}

// Asking the allocator is dear: it is asked each tick, after so much growth, and, when full, to
// notice soon that it no longer is.
bool limits_memory_is_full(struct engine *engine) {
    const uint64_t max = engine->options->maxmemory;
    if (max == 0) return false;
    const bool was_full = engine->memory_used > max;
    const bool recheck =
        was_full && engine->monotonic_us - engine->memory_sampled_us > ENGINE_MEMORY_RECHECK_US;
    if (recheck || engine->memory_unsampled_bytes > ENGINE_MEMORY_SAMPLE_BYTES) {
        limits_sample_memory(engine);
    }
    if (engine->memory_used <= max || !has_trash(engine)) return engine->memory_used > max;
    // Memory that nobody can reach any more is no reason to refuse anything: the command pays for
    // some of it, and goes on while more is left.
    sweep_trash(engine, ENGINE_TRASH_WHEN_FULL);
    return !has_trash(engine) && engine->memory_used > max;
}

void limits_grew(struct engine *engine, size_t bytes) {
    engine->memory_unsampled_bytes += bytes;
}

// ---- room on the disk

enum {
    DISK_HYSTERESIS_SHARE = 8, // it is called low until there is 1/8 more than the bound
    MAX_DISK_LOW_SHARE = 8,    // less than that of max-disk is low, too, if it is below disk-low
};

static void say_disk(const struct engine *engine) {
    const struct engine_disk *disk = &engine->disk;
    char free[32];
    char total[32];
    num_format_human(free, sizeof free, disk->free_bytes);
    num_format_human(total, sizeof total, disk->total_bytes);
    if (disk->is_low) {
        trace_event(engine->trace, TRACE_WARNING, "disk.low",
                    "The disk is low: there is room for %s of log, the volume of the data "
                    "directory has %s%s. When it is used up, commands that add data are refused. "
                    "Free space, enlarge the volume or raise max-disk; disk-low says from where on "
                    "this is said.",
                    free, total,
                    engine->options->max_disk == 0 ? "" : ", and max-disk sets a limit");
    } else {
        trace_event(engine->trace, TRACE_NOTICE, "disk.enough",
                    "The disk is no longer low: there is room for %s of log", free);
    }
}

static bool is_below(const struct engine_disk *disk, uint64_t bound) {
    const uint64_t more = disk->is_low ? bound / DISK_HYSTERESIS_SHARE : 0;
    return disk->free_bytes < bound + more;
}

void engine_note_disk(struct engine *engine, const struct vfs_space *space) {
    struct engine_disk *disk = &engine->disk;
    const struct log_stats log = log_stats(engine->log);
    const uint64_t low_bytes = engine->options->disk_low_bytes;
    const uint64_t max_disk = engine->options->max_disk;
    const uint64_t ready_bytes = log.slots_ready * log_segment_bytes(engine->log);
    const uint64_t allowed = max_disk > log.disk_bytes ? max_disk - log.disk_bytes : 0;
    disk->total_bytes = space->total_bytes;
    disk->free_bytes = space->free_bytes + ready_bytes;
    bool is_low = is_below(disk, low_bytes);
    if (max_disk != 0) {
        disk->free_bytes = num_min(space->free_bytes, allowed) + ready_bytes;
        is_low |= is_below(disk, num_min(low_bytes, max_disk / MAX_DISK_LOW_SHARE));
    }
    if (is_low == disk->is_low) return;
    disk->is_low = is_low;
    say_disk(engine);
}

struct engine_disk engine_disk(const struct engine *engine) {
    return engine->disk;
}

// ---- one client's share

static bool output_is_too_much(struct client *client, const struct output_limit *limit) {
    const size_t pending = outbox_pending(&client->outbox);
    if (limit->hard_bytes > 0 && pending >= limit->hard_bytes) return true;
    if (limit->soft_bytes == 0 || pending < limit->soft_bytes) {
        client->output_soft_since_ms = 0;
        return false;
    }
    const int64_t now_ms = engine_now_ms(client->engine);
    if (client->output_soft_since_ms == 0) client->output_soft_since_ms = now_ms;
    // Not the limit multiplied: it may be as large as a number can be.
    const int64_t over_ms = now_ms - client->output_soft_since_ms;
    return (over_ms + MS_PER_S - 1) / MS_PER_S > limit->soft_seconds; // rounded up
}

void limits_check_output(struct client *client) {
    struct engine *engine = client->engine;
    if (client->closes_now) return;
    if (!output_is_too_much(client, &engine->options->output_limits[OUTPUT_NORMAL])) return;
    engine->stats.output_limit_disconnections++;
    trace_event(engine->trace, TRACE_WARNING, "client.output_limit",
                "Client %llu (%s) is closed: %zu bytes of replies wait for it, more than "
                "client-output-buffer-limit allows. It does not read fast enough.",
                (unsigned long long)client->id, client->origin.address,
                outbox_pending(&client->outbox));
    client_close_now(client);
}

static bool is_given_up(const void *context, uint32_t slot) {
    return log_is_given_up(context, slot);
}

// For how long the client has taken nothing of what it could take, while its replies keep segments
// from the log. -1: they do not.
static int64_t holds_for_ms(const struct client *client) {
    const struct outbox *outbox = &client->outbox;
    if (client->closes_now || outbox->row_count == 0) return -1;
    if (outbox_sendable(outbox).len == 0) return -1; // it waits for us
    if (!outbox_holds(outbox, is_given_up, client->engine->log)) return -1;
    const bool has_asked_since = client->active_ms > client->taken_ms;
    return engine_now_ms(client->engine) - (has_asked_since ? client->active_ms : client->taken_ms);
}

static void cut_off_holder(struct client *client, int64_t held_ms) {
    struct engine *engine = client->engine;
    engine->stats.held_space_disconnections++;
    trace_event(engine->trace, TRACE_WARNING, "client.holds_space",
                "Client %llu (%s) is closed: replies that it has not taken for %lld ms keep disk "
                "space from the log, which holds their values.",
                (unsigned long long)client->id, client->origin.address, (long long)held_ms);
    client_close_now(client);
}

void limits_check_held(struct engine *engine) {
    if (engine->log == NULL) return;
    const uint32_t held = log_given_up_count(engine->log);
    if (held == 0) return;
    const bool is_needed = held > ENGINE_HELD_SLOTS_MAX || log_stats(engine->log).is_full;
    struct client *longest = NULL;
    int64_t longest_ms = -1;
    struct link *node;
    struct link *spare;
    link_each(node, spare, &engine->clients) {
        struct client *client = link_entry(node, struct client, all);
        const int64_t held_ms = holds_for_ms(client);
        if (held_ms >= ENGINE_HOLD_STALL_MS) {
            cut_off_holder(client, held_ms);
        } else if (held_ms > longest_ms) {
            longest = client;
            longest_ms = held_ms;
        }
    }
    if (is_needed && longest != NULL) cut_off_holder(longest, longest_ms);
}

void limits_check_input(struct client *client) {
    struct engine *engine = client->engine;
    const size_t pending = request_pending(&client->request);
    if (pending <= engine->options->client_query_buffer_limit) return;
    engine->stats.query_limit_disconnections++;
    trace_event(engine->trace, TRACE_WARNING, "client.query_limit",
                "Client %llu (%s) is closed: it has sent %zu bytes that could not be executed yet, "
                "more than client-query-buffer-limit allows.",
                (unsigned long long)client->id, client->origin.address, pending);
    client_close_now(client);
}
