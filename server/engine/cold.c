// Commands that must know bytes which only the disk has, before they can decide anything: LREM and
// LPOS of an element that probably is the one, APPEND, GETRANGE, XREAD with MAXSIZE.
//
// They come here also with more bytes than one execution may look at (look_bytes): comparing a
// gigabyte takes a second, which nobody else shall wait for.
//
// Happy path: the handler asks (call_bytes, call_fact), is told that it is cold, and returns
// without having changed anything. What it asked for is read; the command is then executed again
// from its beginning, and finds what was read: the bytes of one payload, or for each of many the
// *fact* that was derived from its bytes (whether it equals an argument, how long it is in a
// reply), which takes 16 to 32 bytes whatever the payload's length. Its client is READING
// meanwhile: later requests wait, other clients go on. A waiter keeps its place and is tried again
// as one that was stalled. Failure modes: a payload that cannot be read is a fact, too. The client
// goes, is killed, its waiter times out: the want is ended. The data has changed: what is new is
// asked for, and what is known stays known, since an lsn is never used again. The last execution
// decides all at one moment. COLD_ROUNDS_MAX executions at most; then, and where a command has
// already changed something, it reads and waits.
//
// Commands that look at many elements go in pieces also when nothing is to be read: call_steps says
// how many are left to this turn, call_pause ends the execution, and the client is RUNNABLE. What
// it has learned about the data a command can keep for the next execution (call_keep), if it sees
// to it that it stays right; it then counts the rounds of reading anew.
//
// How long the loop is held. By one execution: look_bytes looked at, about look_steps elements, and
// what the command does when all is decided: a million elements are removed in one. Between the
// executions: one want (WANT_BLOBS_MAX, WANT_BYTES) and look_bytes a turn. Payloads that are held
// in memory (64 bytes and less) have no lsn, and so no facts: they are always compared.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"
#include "storage/reading.h"

enum {
    COLD_ROUNDS_MAX = 64,
    COLD_ASKED_MIN = 4096, // facts asked for in one round, or twice what is known
    FACT_PLACES_MIN = 128,
    FACTS_PER_BLOCK = 1024,
};

struct fact {
    uint64_t lsn; // of the payload, never used for another
    uint32_t err;
    uint32_t value;
};

// A command that is executed again looks at what it looked at before, in the same order; so a fact
// is mostly found beside the last one. Only where it is not, the table is asked, and brought up to
// date: each place in it is a cache miss.
struct facts {
    struct fact **blocks; // as they were learned: in the order of the asking; a million do not move
    size_t count;
    size_t next; // of them is likely to be asked for next
    uint64_t lsn_min;
    uint64_t lsn_max;
    uint32_t *places;   // 1 + index, open addressing; 0: free
    size_t place_count; // a power of two, at most half full
    size_t placed;      // items from the first that stand in it
};

struct cold {
    struct client *client;
    struct store_want *want; // being read, or (has_bytes) what was read
    bool has_bytes;
    unsigned rounds;
    struct blob bytes_of; // what call_bytes asked for; NONE
    struct facts facts;
    struct buf asked; // of struct blob: what call_fact asked for; what is left is pinned
    size_t asked_at;  // of them are facts by now
    call_derive *derive;
    struct slice against; // lent from the command's arguments, which stay
    bool is_paused;       // nothing is read: it only has had its share
    void *kept;           // see call_keep; NULL: nothing
    void (*kept_free)(void *kept);
};

// ---- facts

static struct fact *facts_at(const struct facts *facts, size_t index) {
    return &facts->blocks[index / FACTS_PER_BLOCK][index % FACTS_PER_BLOCK];
}

// Where its index stands, or is to stand.
static uint32_t *facts_place(const struct facts *facts, uint64_t lsn) {
    const uint64_t mixed = lsn * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(mixed >> 32) & (facts->place_count - 1);
    while (facts->places[at] != 0 && facts_at(facts, facts->places[at] - 1)->lsn != lsn)
        at = (at + 1) & (facts->place_count - 1);
    return &facts->places[at];
}

static void facts_place_all(struct facts *facts) {
    if (2 * facts->count > facts->place_count) {
        mem_free(facts->places);
        facts->place_count = num_max(facts->place_count, FACT_PLACES_MIN);
        while (2 * facts->count > facts->place_count)
            facts->place_count *= 2;
        facts->places = mem_alloc_array(facts->place_count, sizeof *facts->places);
        facts->placed = 0;
    }
    for (; facts->placed < facts->count; facts->placed++)
        *facts_place(facts, facts_at(facts, facts->placed)->lsn) = (uint32_t)(facts->placed + 1);
}

static const struct fact *facts_find(struct facts *facts, uint64_t lsn) {
    const bool has_next = facts->next < facts->count;
    const bool is_next = has_next && facts_at(facts, facts->next)->lsn == lsn;
    if (!is_next && !(has_next && MUTANT(FACT_OF_ANOTHER))) {
        if (facts->count == 0 || lsn < facts->lsn_min || lsn > facts->lsn_max) return NULL;
        facts_place_all(facts);
        const uint32_t index = *facts_place(facts, lsn);
        if (index == 0) return NULL;
        facts->next = index - 1;
    }
    return facts_at(facts, facts->next++);
}

static void facts_add(struct facts *facts, uint64_t lsn, uint64_t value, enum err err) {
    const size_t count = facts->count;
    must(value <= UINT32_MAX && count < UINT32_MAX);
    if (count % FACTS_PER_BLOCK == 0) {
        const size_t blocks = count / FACTS_PER_BLOCK;
        facts->blocks = mem_realloc(facts->blocks, (blocks + 1) * sizeof(struct fact *));
        facts->blocks[blocks] = mem_alloc(FACTS_PER_BLOCK * sizeof(struct fact));
    }
    facts->lsn_min = count == 0 ? lsn : num_min(lsn, facts->lsn_min);
    facts->lsn_max = count == 0 ? lsn : num_max(lsn, facts->lsn_max);
    facts->count++;
    *facts_at(facts, count) = (struct fact){.lsn = lsn, .err = err, .value = (uint32_t)value};
}

static void facts_deinit(struct facts *facts) {
    for (size_t i = 0; i < facts->count; i += FACTS_PER_BLOCK)
        mem_free(facts->blocks[i / FACTS_PER_BLOCK]);
    mem_free(facts->blocks);
    mem_free(facts->places);
}

// ---- life

static struct cold *cold_get(struct client *client) {
    if (client->cold != NULL) return client->cold;
    client->cold = mem_zalloc(sizeof *client->cold);
    client->cold->client = client;
    return client->cold;
}

// The next of what was asked for, and not read yet.
static const struct blob *asked_blobs(const struct cold *cold, size_t *count) {
    *count = cold->asked.len / sizeof(struct blob) - cold->asked_at;
    return (const struct blob *)(const void *)cold->asked.data + cold->asked_at;
}

// What is said of the first of them is known, or will never be.
static void asked_pop(struct cold *cold) {
    size_t count;
    store_unpin(cold->client->engine->store, asked_blobs(cold, &count));
    cold->asked_at++;
}

static void learn_asked(struct cold *cold, uint64_t value, enum err err) {
    size_t count;
    const struct blob *blob = asked_blobs(cold, &count);
    facts_add(&cold->facts, store_lsn(cold->client->engine->store, blob), value, err);
    asked_pop(cold);
}

void cold_end(struct client *client) {
    struct cold *cold = client->cold;
    if (cold == NULL) return;
    while (cold->asked_at * sizeof(struct blob) < cold->asked.len)
        asked_pop(cold);
    store_want_end(client->engine->store, cold->want);
    facts_deinit(&cold->facts);
    buf_deinit(&cold->asked);
    if (cold->kept != NULL) cold->kept_free(cold->kept);
    mem_free(cold);
    client->cold = NULL;
}

void cold_forget_bytes(struct client *client) {
    struct cold *cold = client->cold;
    if (cold == NULL || !cold->has_bytes) return;
    store_want_end(client->engine->store, cold->want);
    cold->want = NULL;
    cold->has_bytes = false;
}

// ---- asking

static bool may_suspend(const struct call *call) {
    const struct cold *cold = call->client->cold;
    if (call->is_decided || (call->txn != NULL && !txn_is_empty(call->txn))) return false;
    return cold == NULL || cold->rounds < COLD_ROUNDS_MAX;
}

// The bytes that the reading brought, if they are these. False: they are not.
static bool bytes_of_want(const struct cold *cold, const struct blob *blob, struct slice *out,
                          enum err *err) {
    if (cold == NULL || !cold->has_bytes) return false;
    if (cold->bytes_of.word != blob->word || cold->bytes_of.hash != blob->hash) return false;
    *err = store_want_bytes(cold->want, 0, out);
    return true;
}

bool call_bytes(struct call *call, const struct blob *blob, struct slice *out) {
    struct engine *engine = call->engine;
    enum err err = ERR_NONE;
    if (!bytes_of_want(call->client->cold, blob, out, &err)) {
        err = store_try(engine->store, blob, out);
        if (err == ERR_AGAIN && may_suspend(call)) {
            struct cold *cold = cold_get(call->client);
            const bool is_reading = cold->want != NULL && !cold->has_bytes;
            if (!is_reading) cold->bytes_of = *blob; // else a waiter, tried again too early
            call->is_cold = true;
            return false;
        }
        if (err == ERR_AGAIN) err = store_bytes(engine->store, blob, &engine->scratch, out);
    }
    if (err == ERR_NONE) return true;
    reply_unreadable(&call->reply, err);
    return false;
}

static void ask(struct call *call, const struct blob *blob, call_derive *derive,
                struct slice against) {
    struct cold *cold = cold_get(call->client);
    call->is_cold = true;
    cold->derive = derive;
    cold->against = against;
    cold_forget_bytes(call->client);
    const size_t most = num_max(COLD_ASKED_MIN, 2 * cold->facts.count);
    if (cold->want == NULL && cold->asked.len < most * sizeof *blob) {
        buf_append(&cold->asked, blob, sizeof *blob);
        store_pin(call->engine->store, blob); // the command may forget it before it is read
    } else {
        call->has_asked_enough = true; // or a waiter was tried again too early
    }
}

// Whether it must not look at these bytes itself any more, now that they lie in the log.
static bool has_looked_enough(const struct call *call, size_t len) {
    if (!may_suspend(call)) return false;
    return call->is_cold || call->looked_bytes + len > call->engine->look_bytes;
}

// It has asked for something, and come past all that is known: nothing of what follows is. Were it,
// to ask for it again would do no harm.
static bool is_behind_all(const struct call *call) {
    const struct facts *facts = &call->client->cold->facts;
    return call->is_cold && facts->next >= facts->count;
}

enum err call_fact(struct call *call, const struct blob *blob, call_derive *derive,
                   struct slice against, uint64_t *out) {
    struct engine *engine = call->engine;
    struct cold *cold = call->client->cold;
    const bool is_ref = blob_kind(blob) == BLOB_REF;
    const uint64_t lsn = is_ref && cold != NULL ? store_lsn(engine->store, blob) : 0;
    const struct fact *fact = NULL;
    if (lsn != 0 && !is_behind_all(call)) fact = facts_find(&cold->facts, lsn);
    if (fact != NULL) {
        *out = fact->value;
        return (enum err)fact->err;
    }
    const size_t len = blob_len(blob);
    struct slice bytes;
    enum err err = ERR_AGAIN;
    if (!is_ref || !has_looked_enough(call, len)) err = store_try(engine->store, blob, &bytes);
    if (err == ERR_AGAIN && may_suspend(call)) {
        ask(call, blob, derive, against);
        return ERR_AGAIN;
    }
    if (err == ERR_AGAIN) err = store_bytes(engine->store, blob, &engine->scratch, &bytes);
    if (err != ERR_NONE) return err;
    *out = derive(bytes, against);
    // Not kept: the facts would lose their order, and to look again costs less.
    if (is_ref) call->looked_bytes += len;
    return ERR_NONE;
}

// ---- in pieces

size_t call_steps(const struct call *call) {
    const struct engine *engine = call->engine;
    if (!may_suspend(call)) return SIZE_MAX;
    const size_t share = num_max(1, engine->look_steps / ENGINE_LOOK_SHARES);
    return num_max(engine->steps_left, share);
}

void call_stepped(struct call *call, size_t steps) {
    struct engine *engine = call->engine;
    engine->steps_left -= num_min(engine->steps_left, steps);
}

void call_pause(struct call *call) {
    struct cold *cold = cold_get(call->client);
    must(cold->asked.len == 0 && call->client->waiter == NULL);
    call->is_cold = true;
    cold->is_paused = true;
}

void *call_kept(struct call *call) {
    struct cold *cold = call->client->cold;
    if (cold == NULL) return NULL;
    void *kept = cold->kept;
    cold->kept = NULL;
    return kept;
}

void call_keep(struct call *call, void *kept, void (*free)(void *kept), bool has_advanced) {
    struct cold *cold = cold_get(call->client);
    must(cold->kept == NULL);
    cold->kept = kept;
    cold->kept_free = free;
    if (has_advanced) cold->rounds = 0;
}

// ---- reading

static void on_read(void *context);

static void want_next(struct cold *cold) {
    struct store *store = cold->client->engine->store;
    size_t count;
    const struct blob *blobs = asked_blobs(cold, &count);
    must(cold->want == NULL && count > 0);
    cold->want =
        store_want_begin(store, blobs, store_want_fit(blobs, count), on_read, cold->client);
}

static void derive_read(struct cold *cold) {
    const size_t read = store_want_count(cold->want);
    for (size_t i = 0; i < read; i++) {
        struct slice bytes;
        const enum err err = store_want_bytes(cold->want, i, &bytes);
        const uint64_t value = err == ERR_NONE ? cold->derive(bytes, cold->against) : 0;
        learn_asked(cold, value, err);
    }
    store_want_end(cold->client->engine->store, cold->want);
    cold->want = NULL;
}

// What follows may have been read with it, or has come into memory otherwise.
static void derive_what_is_there(struct cold *cold) {
    struct store *store = cold->client->engine->store;
    size_t left = cold->client->engine->look_bytes;
    size_t count;
    for (const struct blob *blob = asked_blobs(cold, &count); count > 0; blob++, count--) {
        struct slice bytes;
        const size_t len = blob_len(blob);
        if (len > left || store_try(store, blob, &bytes) != ERR_NONE) return;
        learn_asked(cold, cold->derive(bytes, cold->against), ERR_NONE);
        left -= len;
    }
}

static void execute_again(struct client *client) {
    if (client->waiter != NULL) {
        wait_unstall(client->engine);
        wait_serve(client->engine);
        return;
    }
    must(client->state == CLIENT_READING);
    client_enter(client, CLIENT_IDLE);
    client_run(client);
}

static void on_read(void *context) {
    struct client *client = context;
    struct cold *cold = client->cold;
    if (cold->asked.len > 0) {
        derive_read(cold);
        derive_what_is_there(cold);
        if (cold->asked_at * sizeof(struct blob) < cold->asked.len) {
            want_next(cold);
            return;
        }
        buf_reset(&cold->asked);
        cold->asked_at = 0;
    } else {
        cold->has_bytes = true;
    }
    if (!MUTANT(COLD_COMMAND_FORGOTTEN)) execute_again(client);
}

void cold_suspend(struct client *client) {
    struct cold *cold = client->cold;
    if (cold->is_paused) {
        cold->is_paused = false;
        client_enter(client, CLIENT_RUNNABLE);
        return;
    }
    if (client->waiter == NULL) client_enter(client, CLIENT_READING);
    if (cold->want != NULL && !cold->has_bytes) return; // on its way
    cold_forget_bytes(client);
    cold->rounds++;
    // Where it goes on, or else begins again.
    cold->facts.next = cold->kept == NULL ? 0 : cold->facts.count;
    if (cold->asked.len > 0) {
        want_next(cold);
        return;
    }
    cold->want = store_want_begin(client->engine->store, &cold->bytes_of, 1, on_read, client);
}
