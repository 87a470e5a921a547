// The list type: a counted B+tree (deque.c) whose leaves are chunks of packed blobs. Push and pop
// at both ends O(1) amortised, by index O(log n). The hash of each element stands in an array of
// its own in each chunk, so that a search compares 4 bytes per element; long lists that are
// searched (LREM, LPOS) get an index from hash to chunk, maintained from then on, so that
// acknowledging a job costs the same in a long processing list.
//
// The const functions are the read API for commands. Changes come only from effect_apply.
#ifndef ACKD_STORAGE_DATA_LIST_H
#define ACKD_STORAGE_DATA_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/blob.h"

enum list_end { LIST_HEAD, LIST_TAIL };

enum { LIST_INDEX_FROM = 256 };           // shorter lists are searched by a scan
#define LIST_LEN_MAX ((size_t)UINT32_MAX) // positions in effects are u32

struct list;

struct list_cursor { // valid until the list changes
    const struct list *list;
    void *chunk;
    size_t position; // inside the chunk
    size_t index;    // in the list
};

// ---- reading
size_t list_len(const struct list *list);
struct blob list_get(const struct list *list, size_t index); // index < len; lends (do not release)
// origin + index is an element's *place*: it stays the same while the list changes at its ends, and
// never gets smaller while it changes elsewhere. So who walks a list by places, however it changes
// between two steps, misses nothing that was there all the time. Not part of the state.
int64_t list_origin(const struct list *list);
struct list_cursor list_cursor_at(const struct list *list,
                                  size_t index); // index <= len; len: the end
bool list_cursor_next(struct list_cursor *cursor,
                      struct blob *out); // lends the element and steps on; false at the end
bool list_cursor_prev(
    struct list_cursor *cursor,
    struct blob *out); // lends the element before and steps back; false at the beginning

// The next elements, as many as lie together and at most `max`; lends them and steps on. 0 at the
// end.
size_t list_cursor_read(struct list_cursor *cursor, struct blob *out, size_t max);

// Elements whose length and hash equal those of `element`, in list order (or backwards), beginning
// at `from`. The caller compares the bytes.
struct list_search {
    size_t len;
    uint32_t hash;
    bool backward;
    size_t scanned_max; // elements to look at, from `from`; SIZE_MAX: all (LPOS MAXLEN)
};
struct list_match {
    size_t index;
    struct blob blob; // lent
};
// A search in pieces, whose places are boundaries: `at` is in front of the element with that index,
// and so it is where a search forward comes to next, and a search backward has been last.
struct list_look {
    size_t len;
    uint32_t hash;
    bool backward;
    bool scans; // the index, if any, did not help
    size_t at;  // moves on
    size_t end; // <= the list's length
};
// The next matches from look->at on, as many as lie together and at most `max`; *steps is how many
// elements it may look at, and gets less (SIZE_MAX: no bound). 0: at the end, or no steps are left.
size_t list_look(const struct list *list, struct list_look *look, size_t *steps,
                 struct list_match *out, size_t max);
// The next ones, in the order of the search: as many as lie together and at most `max`. 0: there is
// none at or behind (before, if backward) `from`.
size_t list_find_many(const struct list *list, const struct list_search *search, size_t from,
                      struct list_match *out, size_t max);
// The next one alone.
bool list_find(const struct list *list, const struct list_search *search, size_t from,
               size_t *index, struct blob *out);
// Heap bytes, elements included; blocks of HEAP elements are estimated from a sample.
size_t list_memory(const struct list *list);
bool list_is_indexed(const struct list *list); // the index is there, and complete

// ---- changing (storage/data only)
struct list *list_new(void);
// Gives elements up, whole chunks of them from the head on, until there are none or about `steps`
// are spent; says how many are left: 0 unless it is empty. A list like any other in between.
// `release` as for list_pop_many.
size_t list_drain(struct list *list, size_t steps,
                  void (*release)(void *context, struct blob *blob), void *context);
// `release` as for list_pop_many.
void list_free(struct list *list, void (*release)(void *context, struct blob *blob), void *context);
void list_push(struct list *list, enum list_end end, struct blob blob); // takes the blob
// Pushes them one after the other; takes them.
void list_push_all(struct list *list, enum list_end end, const struct blob *blobs, size_t count);
struct blob list_pop(struct list *list, enum list_end end); // gives the blob; list not empty
// Takes `count` <= len elements from that end. `release` is called for each, but not for those in
// memory that go over to snapshots (list_snapshot.h) together with their chunk.
void list_pop_many(struct list *list, enum list_end end, size_t count,
                   void (*release)(void *context, struct blob *blob), void *context);
// Moves whole chunks from that end, as long as they are within the next `count` elements and others
// are left, into a list of their own. It holds what it got in no order that means anything: it is
// to be drained. NULL: there is no such chunk. Costs something per chunk and nothing per element,
// but for the index, which a long cut gives up.
struct list *list_cut(struct list *list, enum list_end end, size_t count);
void list_insert(struct list *list, size_t index, struct blob blob); // before index; index <= len
struct blob list_remove(struct list *list, size_t index);
// Takes the elements at these indexes, which grow. `release` as for list_pop_many, but not for all
// that are INLINE: they own nothing.
void list_remove_many(struct list *list, const uint32_t *indexes, size_t count,
                      void (*release)(void *context, struct blob *blob), void *context);
// The same for many: whole chunks, and what is on the heap, go over into `cut` (of list_cut_new),
// which holds them in no order that means anything and is to be drained. `leave` is called with
// rows of others, among them all references; the rows hold elements that it is to pass over.
void list_cut_many(struct list *list, struct list *cut, const uint32_t *indexes, size_t count,
                   void (*leave)(void *context, const struct blob *row, size_t len), void *context);
struct list *list_cut_new(const struct list *list);
struct blob list_replace(struct list *list, size_t index, struct blob blob); // gives the old one
// The same where both are the same value: only where it lies is another place.
struct blob list_relocate(struct list *list, size_t index, struct blob blob);
// Goes on building the index, about so many elements of it, if the list is long enough, not too
// long and has none yet. It goes away by itself when the list gets short, very long, or much longer
// than it was.
void list_index_build(struct list *list, size_t elements);
void list_check(const struct list *list); // asserts all invariants

#endif
