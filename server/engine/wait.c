// Blocked commands: each is tried again when one of its keys becomes ready.
//
// Happy path: a handler finds nothing and calls call_wait: a waiter with a copy of the arguments
// hangs on the queue of each key. An effect that puts something at such a key marks its queue ready
// (wait_observe). When the command that did it is committed, wait_serve takes the ready queues in
// the order in which they became ready, and tries their waiters, first come first served, each in a
// transaction of its own. What these change makes further queues ready, at the end of the list: a
// chain BLMOVE a b -> BLMOVE b c comes out of the loop by itself.
//
// A queue collects what has happened to its key (*news*) until it is served; a waiter is tried for
// the news it asked for. Waiters of one consumer group (a *cohort*) compete for the same entries:
// when one of them finds nothing, the others behind it are not tried, so that an entry costs one
// retry and not one for each waiter. A waiter with an alarm (what it waits for becomes claimable by
// mere passing of time) is tried at that time.
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

enum {
    HEAP_MIN = 16,
    COHORTS_MAX = 8, // that were found to have nothing, remembered while a queue is served
};

// What happened to a key.
enum {
    NEWS_ADDED = 1 << 0,     // there is more than before
    NEWS_GONE = 1 << 1,      // it, or a group of it, is no more; or it is of another type
    NEWS_CLAIMABLE = 1 << 2, // an entry was given back, for whoever claims
    NEWS_DELIVERED = 1 << 3, // something is pending that will be claimable
    NEWS_CLAIMED = 1 << 4,   // something pending has another time of delivery
};

struct wait_queue {
    struct dict_entry entry; // in engine->waits[db]
    struct link waiters;     // heads struct wait_link.link, first come first
    struct link ready;       // in engine->ready or engine->stalled
    unsigned news;           // NEWS_*, since it was last served
    size_t minders;          // waiters that mind the loss of the key
    size_t claimers;         // waiters that claim
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

// Of those that are due at the same time, who waits longest comes first: alarms give entries away.
static bool is_due_before(const struct waiter *a, const struct waiter *b) {
    if (a->due_ms != b->due_ms) return a->due_ms < b->due_ms;
    return a->arrival < b->arrival;
}

static void heap_up(struct wait_heap *heap, size_t at, struct waiter *waiter) {
    while (at > 0) {
        const size_t parent = (at - 1) / 2;
        if (!is_due_before(waiter, heap->items[parent])) break;
        heap_set(heap, at, heap->items[parent]);
        at = parent;
    }
    heap_set(heap, at, waiter);
}

static void heap_down(struct wait_heap *heap, size_t at, struct waiter *waiter) {
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && is_due_before(heap->items[child + 1], heap->items[child])) {
            child++;
        }
        if (!is_due_before(heap->items[child], waiter)) break;
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
    if (at > 0 && is_due_before(last, heap->items[(at - 1) / 2])) {
        heap_up(heap, at, last);
    } else {
        heap_down(heap, at, last);
    }
}

// It is due at the earlier of its deadline and its alarm.
static void waiter_set_alarm(struct waiter *waiter, int64_t alarm_ms) {
    struct wait_heap *heap = &waiter->client->engine->deadlines;
    int64_t due_ms = waiter->deadline_ms;
    if (alarm_ms != 0 && (due_ms == 0 || alarm_ms < due_ms)) due_ms = alarm_ms;
    waiter->alarm_ms = alarm_ms;
    if (due_ms == waiter->due_ms) return;
    if (waiter->due_ms != 0) heap_remove(heap, waiter);
    waiter->due_ms = due_ms;
    if (due_ms != 0) heap_add(heap, waiter);
}

int64_t wait_next_deadline_ms(const struct engine *engine) {
    const struct wait_heap *heap = &engine->deadlines;
    return heap->count == 0 ? INT64_MAX : heap->items[0]->due_ms;
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

static void queue_ready(struct engine *engine, struct wait_queue *queue, unsigned news) {
    queue->news |= news;
    if (queue->is_stalled) {
        link_remove(&queue->ready);
        queue->is_stalled = false;
    }
    if (!link_is_linked(&queue->ready)) link_push_back(&engine->ready, &queue->ready);
}

static void queue_stall(struct engine *engine, struct wait_queue *queue, unsigned news) {
    queue->news |= news;
    if (link_is_linked(&queue->ready)) return; // became ready again meanwhile, or is stalled
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
    queue->minders += waiter->minds_loss;
    queue->claimers += waiter->claims;
    link_push_back(&queue->waiters, &link->link);
    if (MUTANT(LAST_COME_FIRST_SERVED)) link_remove(&link->link);
    if (MUTANT(LAST_COME_FIRST_SERVED)) link_push_front(&queue->waiters, &link->link);
}

static void waiter_free(struct waiter *waiter) {
    struct client *client = waiter->client;
    struct engine *engine = client->engine;
    must(client->waiter == waiter);
    for (size_t i = 0; i < waiter->link_count; i++) {
        struct wait_queue *queue = waiter->links[i].queue;
        link_remove(&waiter->links[i].link);
        queue->minders -= waiter->minds_loss;
        queue->claimers -= waiter->claims;
        queue_release(engine, queue);
    }
    if (waiter->due_ms != 0) heap_remove(&engine->deadlines, waiter);
    client->waiter = NULL;
    cold_end(client);
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

// An alarm that has passed would ring at once, again and again.
static int64_t alarm_of(const struct call *call, const struct call_waiting *waiting) {
    if (waiting->alarm_ms == 0 || waiting->alarm_ms > call->now_ms) return waiting->alarm_ms;
    return call->now_ms + 1;
}

static struct waiter *waiter_begin(struct call *call, const struct call_waiting *waiting) {
    struct engine *engine = call->engine;
    must(call->client->waiter == NULL);
    struct waiter *waiter = waiter_new(call, waiting->key_count);
    waiter->client = call->client;
    waiter->slot = commands_slot_of(&engine->index, call->command);
    waiter->db = call->db;
    waiter->value_type = waiting->value_type;
    waiter->answer = waiting->answer;
    waiter->arrival = engine->arrivals++;
    waiter->minds_loss = waiting->minds_loss;
    waiter->claims = waiting->claims;
    if (waiting->cohort_arg > 0) waiter->cohort = waiter->argv[waiting->cohort_arg];
    waiter->deadline_ms = waiting->deadline_ms;
    call->client->waiter = waiter;
    engine->blocked_count++;
    return waiter;
}

enum call_result call_wait_for(struct call *call, const struct call_waiting *waiting) {
    if (call->is_retry) { // with its place and its deadline
        waiter_set_alarm(call->client->waiter, alarm_of(call, waiting));
        return CALL_WAIT;
    }
    if (!call->may_wait) {
        reply_nothing(&call->reply, waiting->answer);
        return CALL_DONE;
    }
    struct waiter *waiter = waiter_begin(call, waiting);
    for (size_t i = 0; i < waiting->key_count; i++) {
        waiter_hang_on(waiter, call->engine, waiting->keys[i]);
    }
    waiter_set_alarm(waiter, MUTANT(ALARM_NOT_ARMED) ? 0 : alarm_of(call, waiting));
    return CALL_WAIT;
}

enum call_result call_wait(struct call *call, const struct slice *keys, size_t count,
                           enum value_type value_type, int64_t deadline_ms,
                           enum wait_answer answer) {
    const struct call_waiting waiting = {.keys = keys,
                                         .key_count = count,
                                         .value_type = value_type,
                                         .deadline_ms = deadline_ms,
                                         .answer = answer};
    return call_wait_for(call, &waiting);
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
    waiter_finish(waiter, MUTANT(TIMEOUT_NOT_FENCED) ? 0 : engine_end_lsn(engine));
}

// Its alarm has come. The retry sets the next one, or serves it.
static void waiter_ring(struct engine *engine, struct waiter *waiter) {
    waiter_set_alarm(waiter, 0);
    if (dispatch_retry(waiter) == RETRY_STALLED)
        queue_stall(engine, waiter->links[0].queue, NEWS_CLAIMED);
}

void wait_time_out(struct engine *engine) {
    if (MUTANT(TIMEOUT_NEVER_FIRES)) return;
    while (wait_next_deadline_ms(engine) <= engine_now_ms(engine)) {
        struct waiter *waiter = engine->deadlines.items[0];
        // What becomes claimable in the last moment is still served.
        if (waiter->alarm_ms != 0 && waiter->alarm_ms <= engine_now_ms(engine)) {
            waiter_ring(engine, waiter);
        } else {
            answer_unserved(waiter, NULL);
        }
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
        queue_ready(engine, queues[i], NEWS_ADDED | NEWS_GONE);
    }
    mem_free(queues);
}

// A database was emptied: who minds is told.
static void flushed(struct engine *engine, unsigned db) {
    struct wait_queue **queues =
        mem_alloc_array(dict_count(&engine->waits[db]), sizeof(struct wait_queue *));
    const size_t count = collect_queues(engine, db, queues);
    qsort(queues, count, sizeof(struct wait_queue *), compare_queues);
    for (size_t i = 0; i < count; i++) {
        if (queues[i]->minders > 0) queue_ready(engine, queues[i], NEWS_GONE);
    }
    mem_free(queues);
}

// What the effect is to those who wait for its key.
static unsigned news_of(const struct effect_outcome *outcome) {
    unsigned news = 0;
    if (outcome->value_type != 0 && (outcome->created || outcome->added > 0)) news |= NEWS_ADDED;
    if (outcome->value_type != TYPE_STREAM) return news | NEWS_GONE; // for those of streams
    switch (outcome->type) {
    case EFFECT_GROUP_DESTROY:
        return MUTANT(LOST_GROUP_NOT_TOLD) ? news : news | NEWS_GONE;
    case EFFECT_GROUP_SET_ID:
        return news | NEWS_ADDED; // what was read may be read again
    case EFFECT_GROUP_DELIVER:
    case EFFECT_GROUP_READ:
        return news | NEWS_DELIVERED;
    case EFFECT_GROUP_CLAIM:
        return news | NEWS_CLAIMED;
    case EFFECT_GROUP_NACK:
        return MUTANT(NACK_WAKES_NOBODY) ? news : news | NEWS_CLAIMABLE;
    case EFFECT_KEY_DELETE:
    case EFFECT_KEY_EXPIRE:
    case EFFECT_DB_FLUSH:
    case EFFECT_DB_SWAP:
    case EFFECT_STRING_SET:
    case EFFECT_STRING_APPEND:
    case EFFECT_STRING_WRITE:
    case EFFECT_RELOCATE:
    case EFFECT_LIST_PUSH:
    case EFFECT_LIST_POP:
    case EFFECT_LIST_SET:
    case EFFECT_LIST_INSERT:
    case EFFECT_LIST_REMOVE:
    case EFFECT_LIST_TRIM:
    case EFFECT_HASH_SET:
    case EFFECT_HASH_REMOVE:
    case EFFECT_STREAM_ADD:
    case EFFECT_STREAM_TRIM:
    case EFFECT_STREAM_DELETE:
    case EFFECT_STREAM_SET_IDS:
    case EFFECT_STREAM_CONFIG:
    case EFFECT_STREAM_IDMP:
    case EFFECT_STREAM_IDMP_DROP:
    case EFFECT_GROUP_CREATE:
    case EFFECT_CONSUMER_CREATE:
    case EFFECT_CONSUMER_DELETE:
    case EFFECT_GROUP_ACK:
        return news;
    }
    return news;
}

void wait_observe(struct engine *engine, const struct effect_outcome *outcome) {
    if (engine->blocked_count == 0) return;
    if (MUTANT(SWAP_WAKES_NOBODY) && outcome->type == EFFECT_DB_SWAP) return;
    if (outcome->type == EFFECT_DB_SWAP) {
        ready_all(engine, outcome->db, outcome->other_db);
        return;
    }
    if (outcome->type == EFFECT_DB_FLUSH) {
        for (unsigned db = 0; db < engine->database_count; db++) {
            if (outcome->db == db || outcome->db == EFFECT_ALL_DATABASES) flushed(engine, db);
        }
        return;
    }
    struct wait_queue *queue = queue_find(engine, outcome->db, outcome->key);
    if (queue == NULL) return;
    unsigned news = news_of(outcome);
    if (queue->minders == 0) news &= ~(unsigned)NEWS_GONE;
    if (queue->claimers == 0) news &= (unsigned)(NEWS_ADDED | NEWS_GONE);
    if (news != 0) queue_ready(engine, queue, news);
}

// Cohorts that have been found to have nothing more, while a queue is served.
struct spent {
    struct slice cohorts[COHORTS_MAX];
    size_t count;
};

static bool spent_has(const struct spent *spent, struct slice cohort) {
    for (size_t i = 0; i < spent->count; i++) {
        if (slice_equal(spent->cohorts[i], cohort)) return true;
    }
    return false;
}

static bool is_news_to(const struct waiter *waiter, unsigned news, bool is_there,
                       const struct spent *spent) {
    if ((news & NEWS_GONE) != 0 && waiter->minds_loss) return true;
    if (!is_there) return false;
    if (waiter->claims) {
        if ((news & (NEWS_CLAIMED | NEWS_CLAIMABLE)) != 0) return true;
        if ((news & NEWS_DELIVERED) != 0 && waiter->alarm_ms == 0) return true;
    }
    if ((news & NEWS_ADDED) == 0) return false;
    return waiter->cohort.len == 0 || !spent_has(spent, waiter->cohort);
}

// Tries it, and remembers whether its cohort need not be tried any more.
static enum retry_result serve_waiter(struct waiter *waiter, struct spent *spent) {
    const enum retry_result result = dispatch_retry(waiter);
    if (result != RETRY_WAITS || waiter->cohort.len == 0) return result;
    if (spent->count < COHORTS_MAX && !spent_has(spent, waiter->cohort))
        spent->cohorts[spent->count++] = waiter->cohort;
    return result;
}

static void queue_serve(struct engine *engine, struct wait_queue *queue) {
    const struct keyspace *keyspace = store_keyspace(engine->store);
    const unsigned news = queue->news;
    struct spent spent = {.count = 0};
    bool is_stalled = false;
    queue->is_served = true;
    queue->news = 0;
    struct link *node;
    struct link *spare;
    link_each(node, spare, &queue->waiters) {
        struct waiter *waiter = link_entry(node, struct wait_link, link)->waiter;
        const struct entry *entry =
            keyspace_find(keyspace, queue->db, queue_key(queue), engine_now_ms(engine));
        if (entry == NULL && (news & NEWS_GONE) == 0) break;
        const bool is_there = entry != NULL && entry->type == waiter->value_type;
        if (!is_news_to(waiter, news, is_there, &spent)) continue;
        if (serve_waiter(waiter, &spent) == RETRY_STALLED) is_stalled = true;
        if (MUTANT(ONE_WAITER_PER_PUSH)) break;
    }
    queue->is_served = false;
    if (is_stalled) queue_stall(engine, queue, news);
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
        queue_ready(engine, link_entry(node, struct wait_queue, ready), 0);
    }
}
