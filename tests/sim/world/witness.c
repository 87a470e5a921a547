// What the engine executed, one after the other, and what may be told of it.
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/segment.h"
#include "tests/sim/world/state.h"

enum { SHOWN_ARGS = 6, SHOWN_BYTES = 24, SHOWN_REPLY = 40, ROOM_SLACK = 2 * LOG_ALIGN };

// ---- the ledger

void witness_note_commits(struct world *world) {
    struct ledger *ledger = &world->ledger;
    const struct log *log = store_log(world->store);
    const uint64_t count = world->recovered + log_stats(log).frames;
    must(count >= ledger->count);
    if (count == ledger->count) return;
    // A retry that goes on waiting may have committed something unseen: the state between is not
    // known.
    struct ledger_frame frame = {.end_lsn = log_end_lsn(log)};
    while (ledger->count + 1 < count)
        ledger_add(ledger, &frame);
    frame.digest = keyspace_digest(store_keyspace(world->store));
    frame.has_digest = true;
    ledger_add(ledger, &frame);
    world->figures->frames++;
}

// ---- what the disk has for sure

// These bytes of the log are on the disk, as the log has them, for good.
static bool is_piece_safe(const struct world *world, uint32_t slot, uint32_t offset, size_t len,
                          bool is_last) {
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, slot);
    if (!memory_disk_is_durable(world->disk, name, 0, LOG_ALIGN)) return false;
    if (!memory_disk_is_durable(world->disk, name, offset, len)) return false;
    // What was not even written is durable, too: as zeros. Behind the last batch of a segment that
    // is left the log's image holds anything; later segments are written later.
    if (!is_last) return true;
    const struct slice meant = log_resident(store_log(world->store), slot, offset, len);
    const char *kept = memory_disk_bytes(world->disk, name) + offset;
    return meant.data == NULL || memcmp(meant.data, kept, len) == 0;
}

// Behind the last of the first `frames` frames that end in the segment of that lsn, which ends at
// `next`; `lsn`: none does.
static uint64_t frames_end(const struct ledger *ledger, uint64_t frames, uint64_t lsn,
                           uint64_t next) {
    for (uint64_t i = frames; i > ledger->safe; i--) {
        const uint64_t end = ledger->frames[i].end_lsn;
        if (end <= next) return num_max(end, lsn);
    }
    return lsn;
}

// Where the log leaves the segment of that lsn, which ends at `next`. What lies behind is not of
// the log: of a former life of the slot, which may never have reached the disk (seed 221 called a
// reply unsafe for its sake), or zeros. No start needs it: batches stand one behind the other, and
// the next segment's header says where its predecessor ended (prev_end_lsn, with the checksum of
// its last batch); so a start that finds that header whole reads up to there and no further, and
// the header is a piece that is asked for, too.
//
// The log is asked where that is, though the log is what is judged here. That it does not say too
// little: no frame that has ended in the segment may reach behind it; the bytes of one that goes on
// in the next segment are judged by the starts, which are made beside the run and at power cuts,
// and must find every frame that was told of.
static uint64_t written_end(struct world *world, uint64_t frames, uint64_t lsn, uint64_t next) {
    const struct log *log = store_log(world->store);
    for (size_t i = 0; i < log_segment_count(log); i++) {
        const struct log_segment_use use = log_segment_at(log, i);
        if (use.sequence != lsn / log_segment_bytes(log) || use.end_lsn == 0) continue;
        const uint64_t known = frames_end(&world->ledger, frames, lsn, next);
        if (use.end_lsn < known)
            world_broke(world, 1, "the log leaves a segment at %llu, before a frame's end at %llu",
                        (unsigned long long)use.end_lsn, (unsigned long long)known);
        return use.end_lsn;
    }
    return next;
}

// Walks over the log from what is known to be safe, through batches that may begin before it, and
// the headers of their segments.
bool witness_is_safe(struct world *world, uint64_t frames) {
    struct ledger *ledger = &world->ledger;
    if (frames <= ledger->safe) return true;
    if (frames > ledger->count) return false;
    const struct log *log = store_log(world->store);
    const uint64_t segment_bytes = log_segment_bytes(log);
    const uint64_t end = ledger->frames[frames].end_lsn;
    uint64_t at = ledger->safe_lsn / LOG_ALIGN * LOG_ALIGN;
    while (at < end) {
        const uint64_t next = (at / segment_bytes + 1) * segment_bytes;
        const uint64_t stop = num_min(end, written_end(world, frames, at, next));
        uint32_t slot = 0;
        uint32_t offset = 0;
        if (stop > at && log_locate(log, at, &slot, &offset) &&
            !is_piece_safe(world, slot, offset, (size_t)(stop - at), stop == end))
            return false;
        at = stop == end ? end : next;
    }
    ledger->safe = (size_t)frames;
    ledger->safe_lsn = end;
    return true;
}

// ---- what a reply tells

static bool begins(struct slice reply, const char *text) {
    const size_t len = strlen(text);
    return reply.len >= len && memcmp(reply.data, text, len) == 0;
}

// Connection commands and those that say so tell nothing of data; neither does a refusal.
static bool tells_of_data(enum engine_seen what, const struct call *call) {
    if (what == ENGINE_SEEN_REFUSED) return false;
    const struct command *command = call->command;
    if ((command->traits & (COMMAND_READS | COMMAND_WRITES)) != 0) return true;
    return command->group != GROUP_CONNECTION && (command->traits & COMMAND_UNFENCED) == 0;
}

static bool is_removal(const struct call *call) {
    const unsigned traits = call->command->traits;
    return (traits & COMMAND_WRITES) != 0 && (traits & COMMAND_GROWS) == 0;
}

// Room in the segment that is being written and in those that are ready, but for the one that the
// next start may need.
static size_t room_left(const struct log *log) {
    const size_t segment = log_segment_bytes(log);
    const size_t ready = (size_t)log_stats(log).slots_ready;
    const size_t end = (size_t)(log_end_lsn(log) % segment); // 0: a segment that is full
    const size_t used = end == 0 ? segment : end + LOG_ALIGN;
    const size_t each = segment - (size_t)4 * LOG_ALIGN;
    return (used < segment ? segment - used : 0) + (ready > 0 ? ready - 1 : 0) * each;
}

// Promise 8: growth leaves the reserve alone, and a removal is refused only when it is used up. One
// that moves whole values may need more than is left.
static void check_room(struct world *world, const struct call *call, struct slice reply,
                       bool has_committed) {
    const struct log *log = store_log(world->store);
    const size_t room = room_left(log);
    if (has_committed && !is_removal(call) && room + ROOM_SLACK < WORLD_RESERVE_BYTES)
        world_broke(world, 8, "'%s' has left %zu bytes for removals", call->full_name, room);
    if (!begins(reply, "-NOSPACE")) return;
    world->is_growth_refused = true;
    if (!is_removal(call)) return;
    size_t bytes = 0;
    for (size_t i = 0; i < call->argc; i++)
        bytes += call->argv[i].len;
    const bool is_small = bytes < 1024 && call->argc < 16 && call->command->keys[1].use == KEY_NONE;
    if (is_small && room > WORLD_RESERVE_BYTES / 2)
        world_broke(world, 8, "'%s' is refused beside %zu bytes of room", call->full_name, room);
}

// ---- in words

static size_t show(char *into, size_t cap, struct slice s, size_t most) {
    size_t at = 0;
    for (size_t i = 0; i < s.len && i < most && at + 1 < cap; i++) {
        const char c = s.data[i];
        into[at++] = c >= ' ' && c <= '~' ? c : '.';
    }
    if (s.len > most && at + 4 < cap) {
        memcpy(into + at, "...", 3);
        at += 3;
    }
    into[at] = '\0';
    return at;
}

// What depends on the machine under the world: its memory (also that of clients), its time.
static bool is_volatile(const struct call *call) {
    static const char *const names[] = {"info", "memory", "client"};
    for (size_t i = 0; call->argc > 0 && i < sizeof names / sizeof names[0]; i++)
        if (slice_is(call->argv[0], names[i])) return true;
    return false;
}

static const char *const seen_words[] = {"",          " (refused)", " (waits)",
                                         " (served)", " (in vain)", ""};

static void tell(struct world *world, enum engine_seen what, const struct call *call,
                 struct slice reply) {
    char line[STORY_LINE_MAX];
    size_t at = 0;
    for (size_t i = 0; i < call->argc && i < SHOWN_ARGS && at + 2 < sizeof line; i++) {
        at += show(line + at, sizeof line - at - 1, call->argv[i], SHOWN_BYTES);
        line[at++] = ' ';
    }
    line[at] = '\0';
    char heard[SHOWN_REPLY + 4] = "";
    if (!is_volatile(call)) {
        show(heard, sizeof heard, reply, SHOWN_REPLY);
        story_hash(world->story, reply);
    }
    story_tell(world->story, "client %llu: %s-> %s%s [%zu]", (unsigned long long)call->client->id,
               line, heard, seen_words[what], world->ledger.count);
}

// ---- the witness

// From the log's image or, without a call that might fail, from the disk.
void witness_read(void *context, const struct blob *blob, char *into) {
    const struct world *world = context;
    if (blob_len(blob) == 0) return; // an empty element: `into` may be nowhere
    const struct slice resident = store_resident(world->store, blob);
    if (resident.data != NULL) memcpy(into, resident.data, resident.len);
    if (resident.data != NULL || blob_kind(blob) != BLOB_REF) return;
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, blob_slot(blob));
    memcpy(into, memory_disk_bytes(world->disk, name) + blob_offset(blob), blob_len(blob));
}

void witness_see(void *context, enum engine_seen what, const struct call *call,
                 struct slice reply) {
    struct world *world = context;
    const size_t before = world->ledger.count;
    witness_note_commits(world);
    const bool has_committed = world->ledger.count > before;
    if (what == ENGINE_SEEN_EXPIRED) return;
    struct peer *peer = call->client->conn;
    tell(world, what, call, reply);
    if (what == ENGINE_SEEN_DONE || what == ENGINE_SEEN_REFUSED) peer->seen++;
    if (what == ENGINE_SEEN_WAITS) peer_wait_begin(world, peer, call);
    if (what == ENGINE_SEEN_SERVED && call->client->closes_now)
        world_broke(world, 9, "client %llu is closed and still takes a job",
                    (unsigned long long)call->client->id);
    if (what == ENGINE_SEEN_SERVED || what == ENGINE_SEEN_UNSERVED) {
        peer->seen++;
        peer_wait_end(peer);
    }
    world->figures->commands++;
    if (call->argc > 0 && call->command != NULL) check_room(world, call, reply, has_committed);
    mirror_see(world, what, call, reply);
    if (call->client->reply_mode != CLIENT_REPLY_ON) return;
    peer_write(peer, reply, tells_of_data(what, call) ? world->ledger.count : 0);
}
