// Blocked commands: each is tried again when one of its keys becomes ready.
//
// Happy path: a handler finds nothing and calls call_wait: a waiter with a copy of the arguments
// hangs on the queue of each key. An effect that puts something at such a key marks its queue ready
// (wait_observe). When the command that did it is committed, wait_serve takes the ready queues in
// the order in which they became ready, and tries their waiters, first come first served, each in a
// transaction of its own. What these change makes further queues ready, at the end of the list: a
// chain BLMOVE a b -> BLMOVE b c comes out of the loop by itself.
//
// Failure modes: the deadline passes, CLIENT UNBLOCK: answered and gone. The client is closed: gone
// without a word, at once, so that no job is handed to nobody. The log has no room: the waiter
// keeps its place, its queue is stalled and tried again with the next news from the log.
//
// A retry removes no other waiter than its own; that is what makes the walks below safe.
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

enum { HEAP_MIN = 16 };

struct wait_queue {
    struct dict_entry entry; // in engine->waits[db]
    struct link waiters;     // heads struct wait_link.link, first come first
    struct link ready;       // in engine->ready or engine->stalled
    bool is_stalled;
    bool is_served; // being walked: not to be freed
    unsigned db;
    size_t key_len;
    char key[];
};

struct wait_link {
    struct link link;
    struct wait_queue *queue;
    struct waiter *waiter;
};

static struct slice queue_key(const struct wait_queue *queue) {
    return slice_of(queue->key, queue->key_len);
}

static struct slice key_of_entry(const struct dict_entry *entry) {
    const char *at = (const char *)entry - offsetof(struct wait_queue, entry);
    return queue_key((const struct wait_queue *)(const void *)at);
}

static struct wait_queue *queue_of_entry(struct dict_entry *entry) {
    return entry == NULL ? NULL : link_entry(entry, struct wait_queue, entry);
}

void wait_init(struct engine *engine, unsigned databases, uint64_t seed) {
    engine->database_count = databases;
    engine->waits = mem_alloc_array(databases, sizeof *engine->waits);
    for (unsigned db = 0; db < databases; db++) {
        dict_init(&engine->waits[db], key_of_entry, seed);
    }
    link_init(&engine->ready);
    link_init(&engine->stalled);
}

void wait_deinit(struct engine *engine) {
    must(engine->blocked_count == 0);
    for (unsigned db = 0; db < engine->database_count; db++) {
        must(dict_count(&engine->waits[db]) == 0);
        dict_deinit(&engine->waits[db], NULL, NULL);
    }
    mem_free(engine->waits);
    mem_free(engine->deadlines.items);
}

// ---- deadlines

static void heap_set(struct wait_heap *heap, size_t at, struct waiter *waiter) {
    heap->items[at] = waiter;
    waiter->heap_at = at;
}

static void heap_up(struct wait_heap *heap, size_t at, struct waiter *waiter) {
    while (at > 0) {
        const size_t parent = (at - 1) / 2;
        if (heap->items[parent]->deadline_ms <= waiter->deadline_ms) break;
        heap_set(heap, at, heap->items[parent]);
        at = parent;
    }
    heap_set(heap, at, waiter);
}

static void heap_down(struct wait_heap *heap, size_t at, struct waiter *waiter) {
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count &&
            heap->items[child + 1]->deadline_ms < heap->items[child]->deadline_ms) {
            child++;
        }
        if (heap->items[child]->deadline_ms >= waiter->deadline_ms) break;
        heap_set(heap, at, heap->items[child]);
        at = child;
    }
    heap_set(heap, at, waiter);
}

static void heap_add(struct wait_heap *heap, struct waiter *waiter) {
    if (heap->count == heap->cap) {
        heap->cap = num_max(heap->cap * 2, HEAP_MIN);
        heap->items = mem_realloc(heap->items, heap->cap * sizeof(struct waiter *));
    }
    heap->count++;
    heap_up(heap, heap->count - 1, waiter);
}

static void heap_remove(struct wait_heap *heap, const struct waiter *waiter) {
    const size_t at = waiter->heap_at;
    must(heap->items[at] == waiter);
    struct waiter *last = heap->items[--heap->count];
    if (last == waiter) return;
    if (at > 0 && heap->items[(at - 1) / 2]->deadline_ms > last->deadline_ms) {
        heap_up(heap, at, last);
    } else {
        heap_down(heap, at, last);
    }
}

int64_t wait_next_deadline_ms(const struct engine *engine) {
    const struct wait_heap *heap = &engine->deadlines;
    return heap->count == 0 ? INT64_MAX : heap->items[0]->deadline_ms;
}

// ---- queues

static struct wait_queue *queue_find(const struct engine *engine, unsigned db, struct slice key) {
    if (db >= engine->database_count) return NULL;
    return queue_of_entry(dict_find(&engine->waits[db], key));
}

static struct wait_queue *queue_get(struct engine *engine, unsigned db, struct slice key) {
    must(db < engine->database_count);
    struct wait_queue *queue = queue_find(engine, db, key);
    if (queue != NULL) return queue;
    queue = mem_zalloc(sizeof *queue + key.len);
    queue->db = db;
    queue->key_len = key.len;
    if (key.len > 0) memcpy(queue->key, key.data, key.len);
    link_init(&queue->waiters);
    link_init(&queue->ready);
    dict_insert(&engine->waits[db], &queue->entry);
    return queue;
}

static void queue_release(struct engine *engine, struct wait_queue *queue) {
    if (queue->is_served || !link_is_empty(&queue->waiters)) return;
    link_remove(&queue->ready);
    dict_remove(&engine->waits[queue->db], queue_key(queue));
    mem_free(queue);
}

static void queue_ready(struct engine *engine, struct wait_queue *queue) {
    if (queue->is_stalled) {
        link_remove(&queue->ready);
        queue->is_stalled = false;
    }
    if (!link_is_linked(&queue->ready)) link_push_back(&engine->ready, &queue->ready);
}

static void queue_stall(struct engine *engine, struct wait_queue *queue) {
    if (link_is_linked(&queue->ready)) return; // became ready again meanwhile
    queue->is_stalled = true;
    link_push_back(&engine->stalled, &queue->ready);
}

// ---- waiters

static struct waiter *waiter_new(const struct call *call, size_t key_count) {
    size_t bytes = 0;
    for (size_t i = 0; i < call->argc; i++) {
        bytes += call->argv[i].len;
    }
    const size_t links_at = num_align_up(sizeof(struct waiter), sizeof(void *));
    const size_t argv_at = links_at + key_count * sizeof(struct wait_link);
    const size_t bytes_at = argv_at + call->argc * sizeof(struct slice);
    char *block = mem_zalloc(bytes_at + bytes);
    struct waiter *waiter = (void *)block;
    waiter->links = (void *)(block + links_at);
    waiter->argv = (void *)(block + argv_at);
    waiter->argc = call->argc;
    waiter->argument_bytes = bytes;
    char *at = block + bytes_at;
    for (size_t i = 0; i < call->argc; i++) {
        const struct slice arg = call->argv[i];
        if (arg.len > 0) memcpy(at, arg.data, arg.len);
        waiter->argv[i] = slice_of(at, arg.len);
        at += arg.len;
    }
    return waiter;
}

static void waiter_hang_on(struct waiter *waiter, struct engine *engine, struct slice key) {
    struct wait_queue *queue = queue_get(engine, waiter->db, key);
    if (!link_is_empty(&queue->waiters)) {
        const struct wait_link *last = link_entry(queue->waiters.prev, struct wait_link, link);
        if (last->waiter == waiter) return; // the same key twice (CVE-2023-28425)
    }
    struct wait_link *link = &waiter->links[waiter->link_count++];
    link->waiter = waiter;
    link->queue = queue;
    link_push_back(&queue->waiters, &link->link);
    if (MUTANT(LAST_COME_FIRST_SERVED)) link_remove(&link->link);
    if (MUTANT(LAST_COME_FIRST_SERVED)) link_push_front(&queue->waiters, &link->link);
}

static void waiter_free(struct waiter *waiter) {
    struct client *client = waiter->client;
    struct engine *engine = client->engine;
    must(client->waiter == waiter);
    for (size_t i = 0; i < waiter->link_count; i++) {
        link_remove(&waiter->links[i].link);
        queue_release(engine, waiter->links[i].queue);
    }
    if (waiter->deadline_ms != 0) heap_remove(&engine->deadlines, waiter);
    client->waiter = NULL;
    engine->blocked_count--;
    mem_free(waiter);
}

void wait_cancel(struct client *client) {
    if (client->waiter != NULL) waiter_free(client->waiter);
}

void waiter_finish(struct waiter *waiter, uint64_t lsn) {
    struct client *client = waiter->client;
    waiter_free(waiter);
    client_end_reply(client, lsn);
    client_publish(client);
    client_wake(client);
}

static void reply_nothing(struct reply *reply, enum wait_answer answer) {
    switch (answer) {
    case WAIT_ANSWER_NULL:
        reply_null(reply);
        return;
    case WAIT_ANSWER_NULL_ARRAY:
        reply_null_array(reply);
        return;
    case WAIT_ANSWER_NO_REPLICAS:
        reply_int(reply, 0);
        return;
    case WAIT_ANSWER_LOCAL_ONLY:
        reply_array(reply, 2);
        reply_int(reply, 1);
        reply_int(reply, 0);
        return;
    }
}

enum call_result call_wait(struct call *call, const struct slice *keys, size_t count,
                           enum value_type value_type, int64_t deadline_ms,
                           enum wait_answer answer) {
    if (call->is_retry) return CALL_WAIT; // with its place and its deadline
    if (!call->may_wait) {
        reply_nothing(&call->reply, answer);
        return CALL_DONE;
    }
    struct engine *engine = call->engine;
    must(call->client->waiter == NULL);
    struct waiter *waiter = waiter_new(call, count);
    waiter->client = call->client;
    waiter->slot = commands_slot_of(&engine->index, call->command);
    waiter->db = call->db;
    waiter->value_type = value_type;
    waiter->answer = answer;
    waiter->deadline_ms = deadline_ms;
    waiter->arrival = engine->arrivals++;
    for (size_t i = 0; i < count; i++) {
        waiter_hang_on(waiter, engine, keys[i]);
    }
    if (deadline_ms != 0) heap_add(&engine->deadlines, waiter);
    call->client->waiter = waiter;
    engine->blocked_count++;
    return CALL_WAIT;
}

// ---- not served

// Even "nothing" tells what the data was: it is fenced like any other reply.
static void answer_unserved(struct waiter *waiter, const char *error) {
    struct client *client = waiter->client;
    struct engine *engine = client->engine;
    struct call call = call_begin(client, waiter->argv, waiter->argc);
    call.command = waiter->slot->command;
    if (error == NULL) {
        reply_nothing(&call.reply, waiter->answer);
    } else {
        reply_error(&call.reply, error);
        stats_count_error(&engine->stats, slice_str("-UNBLOCKED"));
    }
    stats_book(engine, waiter->slot, &call, 0, error != NULL);
    call_seen(&call, ENGINE_SEEN_UNSERVED);
    waiter_finish(waiter, MUTANT(TIMEOUT_NOT_FENCED) ? 0 : log_end_lsn(engine->log));
}

void wait_time_out(struct engine *engine) {
    if (MUTANT(TIMEOUT_NEVER_FIRES)) return;
    while (wait_next_deadline_ms(engine) <= engine_now_ms(engine)) {
        answer_unserved(engine->deadlines.items[0], NULL);
    }
}

bool engine_unblock(struct engine *engine, struct client *client, bool with_error) {
    must(client->engine == engine);
    if (client->waiter == NULL) return false;
    answer_unserved(client->waiter,
                    with_error ? "UNBLOCKED client unblocked via CLIENT UNBLOCK" : NULL);
    return true;
}

size_t engine_blocked_count(const struct engine *engine) {
    return engine->blocked_count;
}

size_t engine_blocking_keys(const struct engine *engine) {
    size_t keys = 0;
    for (unsigned db = 0; db < engine->database_count; db++) {
        keys += dict_count(&engine->waits[db]);
    }
    return keys;
}

// ---- serving

static size_t collect_queues(struct engine *engine, unsigned db, struct wait_queue **out) {
    struct dict_walk walk;
    size_t count = 0;
    dict_walk_begin(&walk, &engine->waits[db]);
    for (;;) {
        struct wait_queue *queue = queue_of_entry(dict_walk_next(&walk));
        if (queue == NULL) return count;
        if (!link_is_empty(&queue->waiters)) out[count++] = queue;
    }
}

// By who waits longest, and of his keys by which he named first.
static int compare_queues(const void *a, const void *b) {
    const struct wait_queue *one = *(struct wait_queue *const *)a;
    const struct wait_queue *other = *(struct wait_queue *const *)b;
    const struct wait_link *link = link_entry(one->waiters.next, struct wait_link, link);
    const struct wait_link *other_link = link_entry(other->waiters.next, struct wait_link, link);
    const uint64_t arrival = link->waiter->arrival;
    const uint64_t other_arrival = other_link->waiter->arrival;
    if (arrival != other_arrival) return arrival < other_arrival ? -1 : 1;
    return link < other_link ? -1 : link > other_link; // of one waiter: of one array
}

// Two databases have changed places: everybody who waits for a key of either is tried, in the order
// in which they came and not in that of a hash table.
static void ready_all(struct engine *engine, unsigned one, unsigned other) {
    if (one >= engine->database_count || other >= engine->database_count) return;
    const size_t max = dict_count(&engine->waits[one]) + dict_count(&engine->waits[other]);
    struct wait_queue **queues = mem_alloc_array(max, sizeof(struct wait_queue *));
    size_t count = collect_queues(engine, one, queues);
    if (other != one) count += collect_queues(engine, other, queues + count);
    qsort(queues, count, sizeof(struct wait_queue *), compare_queues);
    for (size_t i = 0; i < count; i++) {
        queue_ready(engine, queues[i]);
    }
    mem_free(queues);
}

void wait_observe(struct engine *engine, const struct effect_outcome *outcome) {
    if (engine->blocked_count == 0) return;
    if (MUTANT(SWAP_WAKES_NOBODY) && outcome->type == EFFECT_DB_SWAP) return;
    if (outcome->type == EFFECT_DB_SWAP) {
        ready_all(engine, outcome->db, outcome->other_db);
        return;
    }
    if (outcome->value_type == 0 || !(outcome->created || outcome->added > 0)) return;
    struct wait_queue *queue = queue_find(engine, outcome->db, outcome->key);
    if (queue != NULL) queue_ready(engine, queue);
}

static void queue_serve(struct engine *engine, struct wait_queue *queue) {
    const struct keyspace *keyspace = store_keyspace(engine->store);
    bool is_stalled = false;
    queue->is_served = true;
    struct link *node;
    struct link *spare;
    link_each(node, spare, &queue->waiters) {
        struct waiter *waiter = link_entry(node, struct wait_link, link)->waiter;
        const struct entry *entry =
            keyspace_find(keyspace, queue->db, queue_key(queue), engine_now_ms(engine));
        if (entry == NULL) break;
        if (entry->type != waiter->value_type) continue;
        if (dispatch_retry(waiter) == RETRY_STALLED) is_stalled = true;
        if (MUTANT(ONE_WAITER_PER_PUSH)) break;
    }
    queue->is_served = false;
    if (is_stalled) queue_stall(engine, queue);
    queue_release(engine, queue);
}

void wait_serve(struct engine *engine) {
    for (unsigned budget = ENGINE_WAKES_PER_TURN; budget > 0; budget--) {
        struct link *node = link_first(&engine->ready);
        if (node == NULL) return;
        link_remove(node);
        queue_serve(engine, link_entry(node, struct wait_queue, ready));
    }
}

void wait_unstall(struct engine *engine) {
    if (MUTANT(STALLED_WAITER_FORGOTTEN)) return;
    for (;;) {
        struct link *node = link_first(&engine->stalled);
        if (node == NULL) return;
        queue_ready(engine, link_entry(node, struct wait_queue, ready));
    }
}
