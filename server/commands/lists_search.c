// Commands that look for an element: LREM, LPOS, LINSERT. The list compares lengths and hashes; the
// bytes of what it finds are compared here, reading from disk only what is nearly certain to be
// equal: the hunt goes on as if it were, so that all is asked for at once, and the command comes
// back when it is known. A damaged payload answers an error, and nothing is changed.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"
#include "server/commands/lists.h"

enum { MATCHES_AT_ONCE = 64 };

// A search under way: where it stands, and what it has found.
struct hunt {
    struct call *call;
    const struct list *list;
    struct slice element;
    struct list_search search;
    size_t from;  // the next element that the list looks at
    bool is_over; // the end of the list or of MAXLEN is reached
    struct list_match matches[MATCHES_AT_ONCE];
    size_t match_at;
    size_t match_count;
    size_t unequal;     // matches whose bytes were others
    size_t doubted;     // matches not known yet and passed over
    bool is_damaged;    // answered as an error
    struct buf indexes; // of uint32_t, in the order of the search
};

static struct hunt hunt_begin(struct call *call, const struct list *list, struct slice element,
                              bool backward) {
    return (struct hunt){.call = call,
                         .list = list,
                         .element = element,
                         .search = {.len = element.len,
                                    .hash = hash_payload(element),
                                    .backward = backward,
                                    .scanned_max = SIZE_MAX},
                         .from = backward ? list_len(list) - 1 : 0};
}

static void hunt_end(struct hunt *hunt) {
    buf_deinit(&hunt->indexes);
}

// Puts the search behind `index`.
static void hunt_pass(struct hunt *hunt, size_t index) {
    const bool backward = hunt->search.backward;
    const size_t seen = 1 + (backward ? hunt->from - index : index - hunt->from);
    if (hunt->search.scanned_max != SIZE_MAX) hunt->search.scanned_max -= seen;
    hunt->is_over =
        hunt->search.scanned_max == 0 || index == (backward ? 0 : list_len(hunt->list) - 1);
    hunt->from = backward ? index - 1 : index + 1; // not looked at when it is over
}

static uint64_t is_same(struct slice bytes, struct slice element) {
    return slice_equal(bytes, element) || MUTANT(EQUAL_HASH_IS_EQUAL);
}

static const struct list_match *hunt_match(struct hunt *hunt) {
    if (hunt->match_at == hunt->match_count) {
        if (hunt->is_over) return NULL;
        hunt->match_at = 0;
        hunt->match_count =
            list_find_many(hunt->list, &hunt->search, hunt->from, hunt->matches, MATCHES_AT_ONCE);
        for (size_t i = 0; i < hunt->match_count; i++)
            hunt_pass(hunt, hunt->matches[i].index);
        if (hunt->match_count == 0) return NULL;
    }
    return &hunt->matches[hunt->match_at++];
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

// The next element that equals the one sought, or may; false when there is none, or no more shall
// be asked for. What is not known yet nearly certainly is equal, unless others were not: then as
// many more are asked for, so that hashes made to collide cost a few rounds and not one for each.
static bool hunt_next(struct hunt *hunt, size_t *index) {
    const struct list_match *match;
    while ((match = hunt_match(hunt)) != NULL) {
        uint64_t is_equal = 0;
        const enum err err = compare(hunt, &match->blob, &is_equal);
        if (hunt->call->has_asked_enough) return false;
        if (err != ERR_NONE && err != ERR_AGAIN) {
            hunt_damaged(hunt, match->index, err);
            return false;
        }
        if (err == ERR_NONE && is_equal == 0) {
            hunt->unequal++;
        } else if (err == ERR_AGAIN && hunt->doubted < hunt->unequal) {
            hunt->doubted++;
        } else {
            *index = match->index;
            return true;
        }
    }
    return false;
}

static size_t hunt_found(const struct hunt *hunt) {
    return hunt->indexes.len / sizeof(uint32_t);
}

// Skips `skipped` finds, then collects at most `count`. False after an error was answered.
static bool hunt_collect(struct hunt *hunt, uint64_t skipped, uint64_t count) {
    size_t index;
    while (hunt_found(hunt) < count && hunt_next(hunt, &index)) {
        if (skipped > 0) {
            skipped--;
            continue;
        }
        const uint32_t position = (uint32_t)index;
        buf_append(&hunt->indexes, &position, sizeof position);
    }
    return !hunt->is_damaged && !hunt->call->is_cold;
}

static uint32_t *hunt_indexes(const struct hunt *hunt) {
    return (uint32_t *)(void *)hunt->indexes.data;
}

// ---- LREM

static void reverse(uint32_t *indexes, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        const uint32_t other = indexes[count - 1 - i];
        indexes[count - 1 - i] = indexes[i];
        indexes[i] = other;
    }
}

enum { INDEX_BYTES_PER_RECORD = 16 * 1024 }; // fewer than the store puts into one

static enum call_result remove_found(struct call *call, struct hunt *hunt) {
    const size_t count = hunt_found(hunt);
    if (count > 0) {
        const size_t bytes = count * sizeof(uint32_t);
        if (!call_prepare(call, bytes, 2 + bytes / INDEX_BYTES_PER_RECORD)) return CALL_RETRY;
        if (hunt->search.backward) reverse(hunt_indexes(hunt), count);
        txn_list_remove(call->txn, call->db, call->argv[1], hunt_indexes(hunt), count);
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
    const uint64_t wanted = count == 0 ? UINT64_MAX : (uint64_t)(count < 0 ? -count : count);
    enum call_result result = CALL_DONE;
    if (hunt_collect(&hunt, 0, wanted)) result = remove_found(call, &hunt);
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
    struct buf indexes;
    size_t at;
};

static size_t positions_read(const void *snapshot, size_t skip, struct blob *out, size_t max) {
    const struct positions *positions = snapshot;
    const size_t left = positions->indexes.len / sizeof(uint32_t) - positions->at;
    const size_t count = skip < left ? num_min(left - skip, max) : 0;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct blob){0};
    return count;
}

static void positions_write(const void *snapshot, size_t skip, struct reply *reply,
                            struct slice bytes, enum err err) {
    const struct positions *positions = snapshot;
    const uint32_t *indexes = (const uint32_t *)(const void *)positions->indexes.data;
    (void)bytes;
    (void)err;
    reply_int(reply, indexes[positions->at + skip]);
}

static void positions_take(void *snapshot) {
    struct positions *positions = snapshot;
    positions->at++;
}

static size_t positions_memory(const void *snapshot) {
    const struct positions *positions = snapshot;
    return sizeof *positions + positions->indexes.cap;
}

static void positions_free(void *snapshot) {
    struct positions *positions = snapshot;
    buf_deinit(&positions->indexes);
    mem_free(positions);
}

static void answer_later(struct call *call, struct hunt *hunt) {
    static const struct call_snapshot_kind kind = {.read = positions_read,
                                                   .write = positions_write,
                                                   .take = positions_take,
                                                   .memory = positions_memory,
                                                   .free = positions_free};
    const size_t count = hunt_found(hunt);
    struct positions *positions = mem_zalloc(sizeof *positions);
    positions->indexes = hunt->indexes;
    hunt->indexes = (struct buf){0};
    call_reply_snapshot(call, &kind, positions, count);
}

static void answer_positions(struct call *call, struct hunt *hunt, bool as_array) {
    const size_t count = hunt_found(hunt);
    if (as_array) reply_array(&call->reply, count);
    if (!as_array && count == 0) reply_null(&call->reply);
    if (count > 0 && call_wants_snapshot(call, count)) {
        answer_later(call, hunt);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        reply_int(&call->reply, hunt_indexes(hunt)[i]);
    }
}

enum call_result cmd_lpos(struct call *call) {
    const struct list *list;
    struct lpos_options options;
    if (!read_lpos_options(call, &options)) return CALL_DONE;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list == NULL) {
        struct hunt none = {0};
        answer_positions(call, &none, options.has_count);
        return CALL_DONE;
    }
    const bool backward = options.rank < 0;
    const uint64_t skipped = (uint64_t)(backward ? -options.rank : options.rank) - 1;
    uint64_t wanted = 1;
    if (options.has_count) wanted = options.count == 0 ? UINT64_MAX : (uint64_t)options.count;

    struct hunt hunt = hunt_begin(call, list, call->argv[2], backward);
    if (options.maxlen > 0) hunt.search.scanned_max = (size_t)options.maxlen;
    if (hunt_collect(&hunt, skipped, wanted)) answer_positions(call, &hunt, options.has_count);
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

enum call_result cmd_linsert(struct call *call) {
    const struct slice key = call->argv[1];
    const struct list *list;
    bool is_after;
    size_t pivot;
    if (!read_side(call, &is_after)) return CALL_DONE;
    if (!lists_find(call, key, &list)) return CALL_DONE;
    if (list == NULL) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    if (!lists_has_room(call, list, 1)) return CALL_DONE;
    struct hunt hunt = hunt_begin(call, list, call->argv[3], false);
    const bool is_found = hunt_next(&hunt, &pivot);
    if (call->is_cold) {
        // comes back
    } else if (is_found) {
        const size_t len = list_len(list) + 1;
        txn_list_insert(call->txn, call->db, key, is_after ? pivot + 1 : pivot, call->argv[4]);
        reply_int(&call->reply, (int64_t)len);
    } else if (!hunt.is_damaged) {
        reply_int(&call->reply, -1);
    }
    hunt_end(&hunt);
    return CALL_DONE;
}
