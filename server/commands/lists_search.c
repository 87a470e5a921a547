// Commands that look for an element: LREM, LPOS, LINSERT. The list compares lengths and hashes; the
// bytes of what it finds are compared here, reading from disk only what is nearly certain to be
// equal: the hunt goes on as if it were, so that all is asked for at once, and the command comes
// back when it is known. A damaged payload answers an error, and nothing is changed.
//
// A long hunt goes in pieces: so many elements in a turn of the loop (call_steps). In between, and
// while something is read, its trail rests in the list, which keeps it right while other commands
// change the list (list_walk.h); what it cannot keep right is followed anew from the beginning. A
// list that changes faster than the hunt gets on must not keep it for ever: one that has passed as
// many elements as TRAIL_PASSES_MAX times the list has goes to its end in one go. The answer, and
// what LREM and LINSERT change, is of the turn in which the hunt ends.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"
#include "server/commands/lists.h"
#include "storage/data/list_walk.h"

enum {
    MATCHES_AT_ONCE = 64,
    STEPS_PER_MATCH = 16, // to ask for the bytes or the fact costs as much as to pass so many
    TRAIL_PASSES_MAX = 4,
    TRAIL_PASSED_MIN = 4096, // short lists are changed often
};

// What a hunt keeps from one execution of its command to the next.
struct trail {
    struct list_walk walk; // up to where all is known, and what was found there
    uint64_t passed;       // elements, also those of trails that were lost
    size_t unequal;        // matches whose bytes were others
};

// A search under way: where it stands, and what it has found.
struct hunt {
    struct call *call;
    const struct list *list;
    struct slice element;
    struct trail trail;
    size_t begun_at;
    struct list_look ahead; // of the trail: it only asks for what will be needed
    bool is_ahead;
    size_t presumed;   // found, or not known yet
    bool is_damaged;   // answered as an error
    size_t steps_left; // of this turn
};

static struct trail trail_fresh(const struct list *list, const struct list_look *like) {
    struct trail trail = {0};
    list_walk_init(&trail.walk, list, like);
    return trail;
}

// The trail of the execution before, or what is left of it.
static struct trail trail_resume(struct trail *kept, const struct list *list) {
    struct trail trail = *kept;
    if (!list_walk_wake(&kept->walk, list)) {
        const struct list_look like = {.len = trail.walk.look.len,
                                       .hash = trail.walk.look.hash,
                                       .backward = trail.walk.look.backward};
        list_walk_deinit(&kept->walk);
        list_walk_init(&trail.walk, list, &like);
    } else {
        trail.walk = kept->walk;
    }
    mem_free(kept);
    return trail;
}

static void trail_free(void *kept) {
    struct trail *trail = kept;
    list_walk_deinit(&trail->walk);
    mem_free(trail);
}

static struct hunt hunt_begin(struct call *call, const struct list *list, struct slice element,
                              bool backward) {
    struct hunt hunt = {.call = call, .list = list, .element = element};
    struct trail *kept = call_kept(call);
    if (kept != NULL) {
        hunt.trail = trail_resume(kept, list);
    } else {
        const struct list_look like = {
            .len = element.len, .hash = hash_payload(element), .backward = backward};
        hunt.trail = trail_fresh(list, &like);
    }
    const uint64_t most = TRAIL_PASSES_MAX * (uint64_t)list_len(list) + TRAIL_PASSED_MIN;
    if (hunt.trail.passed > most) call->is_decided = true;
    hunt.begun_at = hunt.trail.walk.look.at;
    return hunt;
}

// The command will go on with it.
static void hunt_keep(struct hunt *hunt) {
    struct trail *kept = mem_dup(&hunt->trail, sizeof hunt->trail);
    list_walk_rest(&kept->walk, hunt->list);
    call_keep(hunt->call, kept, trail_free, hunt->begun_at != kept->walk.look.at);
}

static void hunt_end(struct hunt *hunt) {
    if (hunt->call->is_cold)
        hunt_keep(hunt);
    else
        list_walk_deinit(&hunt->trail.walk);
}

static uint64_t is_same(struct slice bytes, struct slice element) {
    return slice_equal(bytes, element) || MUTANT(EQUAL_HASH_IS_EQUAL);
}

static void hunt_damaged(struct hunt *hunt, size_t index, enum err err) {
    reply_errorf(&hunt->call->reply,
                 "ERR CORRUPT element %zu of the list cannot be read (%s), nothing was "
                 "changed: run ackd-check on the data directory",
                 index, err_name(err));
    hunt->is_damaged = true;
}

static enum err compare(const struct hunt *hunt, const struct blob *blob, uint64_t *is_equal) {
    if (blob_kind(blob) == BLOB_REF)
        return call_fact(hunt->call, blob, is_same, hunt->element, is_equal);
    *is_equal = is_same(blob_bytes(blob), hunt->element);
    return ERR_NONE;
}

// All up to that boundary is known.
static void hunt_advance(struct hunt *hunt, size_t at) {
    struct list_look *look = &hunt->trail.walk.look;
    hunt->trail.passed += look->backward ? look->at - at : at - look->at;
    look->at = at;
    look->scans = hunt->ahead.scans;
}

// False: it is of no use to look for more.
static bool hunt_meet(struct hunt *hunt, const struct list_match *match) {
    uint64_t is_equal = 0;
    const enum err err = compare(hunt, &match->blob, &is_equal);
    if (hunt->call->has_asked_enough) return false;
    if (err == ERR_AGAIN) hunt->is_ahead = true;
    const bool is_known = err == ERR_NONE;
    if (!is_known && err != ERR_AGAIN) {
        if (!hunt->is_ahead) hunt_damaged(hunt, match->index, err);
        return false;
    }
    if (!is_known || is_equal != 0) hunt->presumed++;
    if (hunt->is_ahead) return true;
    if (is_equal != 0)
        list_finds_add(&hunt->trail.walk.finds, match->index);
    else
        hunt->trail.unequal++;
    hunt_advance(hunt, hunt->ahead.backward ? match->index : match->index + 1);
    return true;
}

// What is not known yet nearly certainly is equal, unless others were not: then as many more are
// asked for, so that hashes made to collide cost a few rounds and not one for each.
static bool hunt_has_enough(const struct hunt *hunt, size_t wanted) {
    return hunt->presumed >= (hunt->is_ahead ? wanted + hunt->trail.unequal : wanted);
}

static void hunt_look(struct hunt *hunt, size_t wanted) {
    while (!hunt_has_enough(hunt, wanted)) {
        struct list_match matches[MATCHES_AT_ONCE];
        const size_t most = num_min(MATCHES_AT_ONCE, 1 + hunt->steps_left / STEPS_PER_MATCH);
        const size_t count = list_look(hunt->list, &hunt->ahead, &hunt->steps_left, matches, most);
        for (size_t i = 0; i < count && !hunt_has_enough(hunt, wanted); i++)
            if (!hunt_meet(hunt, &matches[i])) return;
        if (count == 0) {
            if (!hunt->is_ahead) hunt_advance(hunt, hunt->ahead.at);
            return;
        }
        if (hunt->steps_left != SIZE_MAX)
            hunt->steps_left -= num_min(hunt->steps_left, STEPS_PER_MATCH * count);
    }
}

// Where it ends that looks at `maxlen` elements. What lies behind by now is no find any more.
static void hunt_bound(struct hunt *hunt, size_t maxlen) {
    const size_t len = list_len(hunt->list);
    const bool backward = hunt->trail.walk.look.backward;
    maxlen = num_min(maxlen, len);
    if (backward)
        list_finds_drop(&hunt->trail.walk.finds, 0, len - maxlen);
    else
        list_finds_drop(&hunt->trail.walk.finds, maxlen, len);
    hunt->ahead = hunt->trail.walk.look;
    hunt->ahead.end = backward ? len - maxlen : maxlen;
}

// Finds at most `wanted` in the first (last, if backward) `maxlen` elements. False: it is not over
// yet, the command is executed again; or an error was answered.
static bool hunt_run(struct hunt *hunt, size_t wanted, size_t maxlen) {
    struct call *call = hunt->call;
    const struct list_look *look = &hunt->trail.walk.look;
    const size_t steps = call_steps(call);
    hunt_bound(hunt, maxlen);
    wanted = num_min(wanted, list_len(hunt->list));
    hunt->presumed = hunt->trail.walk.finds.count;
    hunt->steps_left = steps;
    hunt_look(hunt, wanted);
    call_stepped(call, steps - hunt->steps_left);
    if (hunt->is_damaged || call->is_cold) return false;
    const bool is_at_end =
        look->backward ? look->at <= hunt->ahead.end : look->at >= hunt->ahead.end;
    if (is_at_end || hunt_has_enough(hunt, wanted) || MUTANT(HUNT_ENDS_EARLY)) return true;
    call_pause(call);
    return false;
}

static size_t hunt_found(const struct hunt *hunt) {
    return hunt->trail.walk.finds.count;
}

// ---- LREM

static void reverse(uint32_t *indexes, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        const uint32_t other = indexes[count - 1 - i];
        indexes[count - 1 - i] = indexes[i];
        indexes[i] = other;
    }
}

enum {
    INDEX_BYTES_PER_RECORD = 16 * 1024, // fewer than the store puts into one
    REMOVED_AT_ONCE = 1 << 16,          // indexes that are handed over; all changes are one frame
};

// From the back of the list: what is removed first must not shift the indexes of the others.
static void remove_indexes(struct call *call, const struct list_finds *finds) {
    uint32_t few[MATCHES_AT_ONCE];
    const size_t most = num_min(finds->count, REMOVED_AT_ONCE);
    uint32_t *indexes = most <= MATCHES_AT_ONCE ? few : mem_alloc(most * sizeof *indexes);
    for (size_t left = finds->count; left > 0;) {
        const size_t some = num_min(left, most);
        list_finds_copy(finds, finds->backward ? finds->count - left : left - some, some, indexes);
        if (finds->backward) reverse(indexes, some);
        txn_list_remove(call->txn, call->db, call->argv[1], indexes, some);
        left -= some;
    }
    if (indexes != few) mem_free(indexes);
}

static enum call_result remove_found(struct call *call, struct hunt *hunt) {
    const size_t count = hunt_found(hunt);
    if (count > 0) {
        const size_t bytes = count * sizeof(uint32_t);
        if (!call_prepare(call, bytes, 2 + bytes / INDEX_BYTES_PER_RECORD)) return CALL_RETRY;
        remove_indexes(call, &hunt->trail.walk.finds);
    }
    reply_int(&call->reply, (int64_t)count);
    return CALL_DONE;
}

enum call_result cmd_lrem(struct call *call) {
    const struct list *list;
    int64_t count;
    if (!args_negatable(call, 2, &count)) return CALL_DONE;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list == NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    struct hunt hunt = hunt_begin(call, list, call->argv[3], count < 0);
    const uint64_t wanted = count == 0 ? SIZE_MAX : (uint64_t)(count < 0 ? -count : count);
    enum call_result result = CALL_DONE;
    if (hunt_run(&hunt, wanted, SIZE_MAX)) result = remove_found(call, &hunt);
    if (result == CALL_RETRY)
        hunt_keep(&hunt);
    else
        hunt_end(&hunt);
    return result;
}

// ---- LPOS

struct lpos_options {
    int64_t rank;   // not 0; negative: from the tail
    int64_t count;  // 0: all
    int64_t maxlen; // 0: all
    bool has_count;
};

static bool read_rank(struct call *call, size_t index, int64_t *rank) {
    if (!args_negatable(call, index, rank)) return false;
    if (*rank != 0) return true;
    reply_error(&call->reply,
                "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second "
                "... or use negative to start from the end of the list");
    return false;
}

static bool read_lpos_options(struct call *call, struct lpos_options *out) {
    *out = (struct lpos_options){.rank = 1};
    for (size_t i = 3; i < call->argc; i += 2) {
        const bool has_value = i + 1 < call->argc;
        if (has_value && call_arg_is(call, i, "rank")) {
            if (!read_rank(call, i + 1, &out->rank)) return false;
        } else if (has_value && call_arg_is(call, i, "count")) {
            out->has_count = true;
            if (!call_arg_range_i64(call, i + 1, 0, INT64_MAX, "ERR COUNT can't be negative",
                                    &out->count))
                return false;
        } else if (has_value && call_arg_is(call, i, "maxlen")) {
            if (!call_arg_range_i64(call, i + 1, 0, INT64_MAX, "ERR MAXLEN can't be negative",
                                    &out->maxlen))
                return false;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

// Positions that are written when they leave.
struct positions {
    size_t at;
    size_t count;
    uint32_t indexes[];
};

static size_t positions_read(const void *snapshot, size_t skip, struct blob *out, size_t max) {
    const struct positions *positions = snapshot;
    const size_t left = positions->count - positions->at;
    const size_t count = skip < left ? num_min(left - skip, max) : 0;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct blob){0};
    return count;
}

static void positions_write(const void *snapshot, size_t skip, struct reply *reply,
                            struct slice bytes, enum err err) {
    const struct positions *positions = snapshot;
    (void)bytes;
    (void)err;
    reply_int(reply, positions->indexes[positions->at + skip]);
}

static void positions_take(void *snapshot) {
    struct positions *positions = snapshot;
    positions->at++;
}

static size_t positions_memory(const void *snapshot) {
    const struct positions *positions = snapshot;
    return sizeof *positions + positions->count * sizeof positions->indexes[0];
}

// Answers what was found but the first `skipped`.
static void answer_positions(struct call *call, const struct list_finds *finds, size_t skipped,
                             bool as_array) {
    static const struct call_snapshot_kind kind = {.read = positions_read,
                                                   .write = positions_write,
                                                   .take = positions_take,
                                                   .memory = positions_memory,
                                                   .free = mem_free,
                                                   .is_in_memory = true};
    const size_t count = finds->count - num_min(skipped, finds->count);
    if (as_array) reply_array(&call->reply, count);
    if (!as_array && count == 0) reply_null(&call->reply);
    if (count == 0) return;
    struct positions *positions =
        mem_alloc(sizeof *positions + count * sizeof positions->indexes[0]);
    positions->at = 0;
    positions->count = count;
    list_finds_copy(finds, skipped, count, positions->indexes);
    if (call_wants_snapshot(call, count)) {
        call_reply_snapshot(call, &kind, positions, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        reply_int(&call->reply, positions->indexes[i]);
    mem_free(positions);
}

enum call_result cmd_lpos(struct call *call) {
    const struct list *list;
    struct lpos_options options;
    if (!read_lpos_options(call, &options)) return CALL_DONE;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list == NULL) {
        const struct list_finds none = {0};
        answer_positions(call, &none, 0, options.has_count);
        return CALL_DONE;
    }
    const bool backward = options.rank < 0;
    const size_t skipped = (size_t)(backward ? -options.rank : options.rank) - 1;
    size_t wanted = 1;
    if (options.has_count) wanted = options.count == 0 ? SIZE_MAX : (size_t)options.count;
    wanted = wanted < SIZE_MAX - skipped ? skipped + wanted : SIZE_MAX;

    struct hunt hunt = hunt_begin(call, list, call->argv[2], backward);
    if (hunt_run(&hunt, wanted, options.maxlen > 0 ? (size_t)options.maxlen : SIZE_MAX))
        answer_positions(call, &hunt.trail.walk.finds, skipped, options.has_count);
    hunt_end(&hunt);
    return CALL_DONE;
}

// ---- LINSERT

static bool read_side(struct call *call, bool *is_after) {
    *is_after = call_arg_is(call, 2, "after");
    if (*is_after || call_arg_is(call, 2, "before")) return true;
    call_syntax_error(call);
    return false;
}

static void insert_beside(struct call *call, const struct hunt *hunt, bool is_after) {
    if (hunt_found(hunt) == 0) {
        reply_int(&call->reply, -1);
        return;
    }
    const size_t len = list_len(hunt->list) + 1;
    const size_t pivot = list_finds_first(&hunt->trail.walk.finds);
    txn_list_insert(call->txn, call->db, call->argv[1], is_after ? pivot + 1 : pivot,
                    call->argv[4]);
    reply_int(&call->reply, (int64_t)len);
}

enum call_result cmd_linsert(struct call *call) {
    const struct slice key = call->argv[1];
    const struct list *list;
    bool is_after;
    if (!read_side(call, &is_after)) return CALL_DONE;
    if (!lists_find(call, key, &list)) return CALL_DONE;
    if (list == NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    if (!lists_has_room(call, list, 1)) return CALL_DONE;
    struct hunt hunt = hunt_begin(call, list, call->argv[3], false);
    if (hunt_run(&hunt, 1, SIZE_MAX)) insert_beside(call, &hunt, is_after);
    hunt_end(&hunt);
    return CALL_DONE;
}
