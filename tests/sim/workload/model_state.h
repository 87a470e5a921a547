// The inside of the model, for the files of this folder only. Everything is an array that is
// searched from the front; nothing is clever.
#ifndef ACKD_TESTS_SIM_WORKLOAD_MODEL_STATE_H
#define ACKD_TESTS_SIM_WORKLOAD_MODEL_STATE_H

#include "proto/resp/reply.h"
#include "tests/sim/workload/model.h"

// ---- bytes, shared by all that hold them and never changed

struct model_text {
    size_t refs;
    size_t len;
    char data[];
};

struct model_text *model_text_new(struct slice s);
struct model_text *model_text_ref(struct model_text *text);
void model_text_unref(struct model_text *text); // NULL is fine
static inline struct slice model_text_slice(const struct model_text *text) {
    return slice_of(text->data, text->len);
}

// An array of texts that grows.
struct model_texts {
    struct model_text **items;
    size_t count;
    size_t cap;
};

void model_texts_insert(struct model_texts *texts, size_t index,
                        struct model_text *text);                             // takes the text
struct model_text *model_texts_take(struct model_texts *texts, size_t index); // gives it
void model_texts_remove(struct model_texts *texts, size_t index);
void model_texts_replace(struct model_texts *texts, size_t index,
                         struct model_text *text); // takes it
void model_texts_clear(struct model_texts *texts);
void model_texts_dup(struct model_texts *to, const struct model_texts *from);

// ---- data

enum model_type { MODEL_STRING, MODEL_LIST, MODEL_HASH, MODEL_STREAM };

struct model_stream; // model_stream.h

// A string has one item, a list its elements, a hash field, value, field, value ... in the order in
// which they came. A key whose time has passed stays until something takes its place, and is not
// found.
struct model_key {
    struct model_text *name;
    enum model_type type;
    int64_t expire_ms; // 0: never
    struct model_texts items;
    struct model_stream *stream; // of a stream, which has no items
};

struct model_db {
    struct model_key *keys;
    size_t count;
    size_t cap;
};

// ---- clients

enum model_silence { MODEL_SPEAKS, MODEL_SILENT, MODEL_SKIPS_NEXT, MODEL_SKIPS };

enum model_nothing { NOTHING_NULL_ARRAY, NOTHING_ZERO, NOTHING_LOCAL_ONLY };

struct model_client {
    uint64_t id;
    unsigned db;
    enum resp_version resp;
    enum model_silence silence;
    struct model_text *name; // NULL: none
    // The blocked command, argc 0: none.
    struct model_texts argv;
    size_t first_key; // in argv
    size_t key_count;
    unsigned wait_db;
    int64_t deadline_ms; // 0: none
    uint64_t arrival;    // who waits longer has the smaller one
    enum model_nothing nothing;
    enum model_type wait_type; // what the keys must hold
    bool minds_loss;           // reads for a group
    bool claims;
    int64_t alarm_ms; // tried then, too; 0: never
    size_t group;     // of argv; 0: none
};

// What happened to a key that somebody waits for.
enum {
    MODEL_MORE = 1 << 0,       // there is more than before
    MODEL_LOST = 1 << 1,       // it is gone, or has become something else, or a group of it is gone
    MODEL_GIVEN_BACK = 1 << 2, // a pending entry was (XNACK)
    MODEL_CLAIMED = 1 << 3,    // a pending entry was delivered again
    MODEL_DELIVERED = 1 << 4,  // an entry is pending that was not
};

struct model_ready { // a key that may serve somebody
    unsigned db;
    unsigned news;
    struct model_text *name;
};

struct model_wake {
    uint64_t client_id;
    struct buf reply;
};

struct model {
    struct model_options options;
    struct model_db *dbs;
    struct model_client **clients;
    size_t client_count;
    uint64_t arrivals;
    struct model_ready *ready;
    size_t ready_count;
    struct model_wake *wakes;
    size_t wake_count;
    size_t wakes_read;
};

// ---- one execution

struct model_call {
    struct model *model;
    struct model_client *client;
    const struct slice *argv;
    size_t argc;
    int64_t now_ms;
    unsigned db;
    const char *full_name; // "client|reply"
    bool is_retry;
    bool is_loading;    // a client that waits is taken over: nothing is found
    bool is_impossible; // the engine has done what no rule allows
    struct reply reply;
    enum model_verdict verdict; // EXACT unless the command says otherwise
};

struct model_row {
    const char *name;
    const char *sub;                      // NULL: none
    int arity;                            // as in the command table
    void (*run)(struct model_call *call); // NULL: the reply is not predicted, nothing changes
};

// model_rows.c: NULL when the model does not know the command.
const struct model_row *model_row_find(const struct slice *argv, size_t argc);

// ---- model.c
enum model_verdict model_run(struct model_call *call);
// The client, who is made when unknown.
struct model_client *model_client_of(struct model *model, uint64_t id);
// Whether the next reply of the client is sent, which is asked once for each.
bool model_is_heard(struct model_client *client);

// ---- model_data.c: keys, alive at call->now_ms
struct model_key *model_key_find(struct model *model, unsigned db, struct slice name,
                                 int64_t now_ms);
// An empty key that takes the place of what was there. Its items are to come before anybody looks.
struct model_key *model_key_make(struct model *model, unsigned db, struct slice name,
                                 enum model_type type);
bool model_key_delete(struct model *model, unsigned db, struct slice name, int64_t now_ms);
void model_db_clear(struct model_db *db);
bool model_key_is_alive(const struct model_key *key, int64_t now_ms);

// ---- model_call.c: what commands do again and again
// Finds a key of a type, NULL when there is none. False after WRONGTYPE.
bool model_find(struct model_call *call, struct slice name, enum model_type type,
                struct model_key **out);
void model_fail(struct model_call *call, const char *error);
void model_syntax(struct model_call *call);
void model_arity(struct model_call *call);
// Each false after the error of Redis.
bool model_int(struct model_call *call, size_t index, int64_t *out);
bool model_int_from(struct model_call *call, size_t index, int64_t min, const char *error,
                    int64_t *out);
bool model_negatable(struct model_call *call, size_t index, int64_t *out);
bool model_db_number(struct model_call *call, size_t index, unsigned *out);
bool model_string_fits(struct model_call *call, uint64_t len);
bool model_is(const struct model_call *call, size_t index, const char *word);
// Cuts start and stop, which may count from the end, to [*from, *from + count); returns the count.
size_t model_span(int64_t start, int64_t stop, size_t len, size_t *from);
void model_answer(struct model_call *call, const struct model_text *text);

// ---- model_wait.c
// Elements have come to a list: its waiters are to be tried.
void model_wait_signal(struct model *model, unsigned db, struct slice name);
void model_wait_signal_all(struct model *model, unsigned one, unsigned other);
// What is there has changed in another way (MODEL_...).
void model_wait_news(struct model *model, unsigned db, struct slice name, unsigned news);
void model_wait_flushed(struct model *model, unsigned db);
// Blocks the client on keys of argv (none: key_count 0) unless it waits already.
void model_wait_begin(struct model_call *call, size_t first_key, size_t key_count,
                      int64_t deadline_ms, enum model_nothing nothing);
// The same for streams; one that waits already gets the alarm.
struct model_waiting {
    size_t first_key;
    size_t key_count;
    int64_t deadline_ms;
    bool minds_loss;
    bool claims;
    int64_t alarm_ms;
    size_t group;
};
void model_wait_for_stream(struct model_call *call, const struct model_waiting *waiting);
void model_wait_end(struct model_client *client);
void model_wait_serve(struct model *model, int64_t now_ms);
bool model_wait_unblock(struct model *model, uint64_t client_id, bool with_error);
// Reads a timeout in seconds. False after the error.
bool model_timeout(struct model_call *call, size_t index, int64_t *deadline_ms);

// ---- model_expect.c: replies that are not told byte for byte
enum expectation {
    EXPECT_SET = 'S',      // these, in any order
    EXPECT_PAIRS = 'P',    // these pairs, in any order
    EXPECT_ONE_OF = 'E',   // one of these
    EXPECT_DISTINCT = 'D', // `low` different ones of these
    EXPECT_DRAWN = 'R',    // `low` of these, any as often as it likes
    EXPECT_SCAN = 'C',     // a cursor and some of these; all if `low` is 1 and the cursor ends
    EXPECT_BETWEEN = 'N',  // an integer from low to high
    EXPECT_FINE = 'T',     // anything but an error
    EXPECT_EITHER = 'A',   // one of these, which are whole replies
    EXPECT_LIKE = 'L',     // a whole reply, with a status "low..high" for each number in between
};

// Replaces the reply by a description of what is right. `pairs`: items are name, value, ...
void model_expect(struct model_call *call, enum expectation expectation, int64_t low, int64_t high,
                  const struct model_texts *items, bool pairs);
// What was answered so far or `other`.
void model_expect_either(struct model_call *call, struct slice other);
// Within a reply: any integer from low to high; model_expect_like ends such a reply.
void model_answer_between(struct model_call *call, int64_t low, int64_t high);
void model_expect_like(struct model_call *call);

// ---- SCAN and HSCAN
struct model_scan {
    struct slice pattern;
    struct slice type; // data NULL: any
    bool no_values;
    bool is_from_start;
};
bool model_scan_cursor(struct model_call *call, size_t index, struct model_scan *out);
bool model_scan_options(struct model_call *call, size_t index, bool of_keys,
                        struct model_scan *out);

// ---- the commands, in model_strings.c, model_lists.c ...
void model_append(struct model_call *call);
void model_decr(struct model_call *call);
void model_decrby(struct model_call *call);
void model_get(struct model_call *call);
void model_getdel(struct model_call *call);
void model_getex(struct model_call *call);
void model_getrange(struct model_call *call);
void model_getset(struct model_call *call);
void model_incr(struct model_call *call);
void model_incrby(struct model_call *call);
void model_incrbyfloat(struct model_call *call);
void model_mget(struct model_call *call);
void model_mset(struct model_call *call);
void model_msetnx(struct model_call *call);
void model_psetex(struct model_call *call);
void model_set(struct model_call *call);
void model_setex(struct model_call *call);
void model_setnx(struct model_call *call);
void model_setrange(struct model_call *call);
void model_strlen(struct model_call *call);
void model_lindex(struct model_call *call);
void model_linsert(struct model_call *call);
void model_llen(struct model_call *call);
void model_lmove(struct model_call *call);
void model_lmovem(struct model_call *call);
void model_lmpop(struct model_call *call);
void model_lpop(struct model_call *call);
void model_lpos(struct model_call *call);
void model_lpush(struct model_call *call);
void model_lpushx(struct model_call *call);
void model_lrange(struct model_call *call);
void model_lrem(struct model_call *call);
void model_lset(struct model_call *call);
void model_ltrim(struct model_call *call);
void model_rpop(struct model_call *call);
void model_rpoplpush(struct model_call *call);
void model_rpush(struct model_call *call);
void model_rpushx(struct model_call *call);
void model_blmove(struct model_call *call);
void model_blmovem(struct model_call *call);
void model_blmpop(struct model_call *call);
void model_blpop(struct model_call *call);
void model_brpop(struct model_call *call);
void model_brpoplpush(struct model_call *call);
void model_hdel(struct model_call *call);
void model_hexists(struct model_call *call);
void model_hget(struct model_call *call);
void model_hgetall(struct model_call *call);
void model_hincrby(struct model_call *call);
void model_hincrbyfloat(struct model_call *call);
void model_hkeys(struct model_call *call);
void model_hlen(struct model_call *call);
void model_hmget(struct model_call *call);
void model_hmset(struct model_call *call);
void model_hrandfield(struct model_call *call);
void model_hscan(struct model_call *call);
void model_hset(struct model_call *call);
void model_hsetnx(struct model_call *call);
void model_hstrlen(struct model_call *call);
void model_hvals(struct model_call *call);
void model_copy(struct model_call *call);
void model_dbsize(struct model_call *call);
void model_del(struct model_call *call);
void model_exists(struct model_call *call);
void model_flushall(struct model_call *call);
void model_flushdb(struct model_call *call);
void model_keys(struct model_call *call);
void model_move(struct model_call *call);
void model_object(struct model_call *call);
void model_randomkey(struct model_call *call);
void model_rename(struct model_call *call);
void model_renamenx(struct model_call *call);
void model_scan(struct model_call *call);
void model_swapdb(struct model_call *call);
void model_touch(struct model_call *call);
void model_type(struct model_call *call);
void model_expire(struct model_call *call);
void model_expireat(struct model_call *call);
void model_expiretime(struct model_call *call);
void model_persist(struct model_call *call);
void model_pexpire(struct model_call *call);
void model_pexpireat(struct model_call *call);
void model_pexpiretime(struct model_call *call);
void model_pttl(struct model_call *call);
void model_ttl(struct model_call *call);
void model_auth(struct model_call *call);
void model_client_getname(struct model_call *call);
void model_client_id(struct model_call *call);
void model_client_pause(struct model_call *call);
void model_client_reply(struct model_call *call);
void model_client_setinfo(struct model_call *call);
void model_client_setname(struct model_call *call);
void model_client_switch(struct model_call *call);
void model_client_unblock(struct model_call *call);
void model_client_unpause(struct model_call *call);
void model_echo(struct model_call *call);
void model_fine(struct model_call *call);
void model_hello(struct model_call *call);
void model_ping(struct model_call *call);
void model_reset(struct model_call *call);
void model_select(struct model_call *call);
void model_wait(struct model_call *call);
void model_waitaof(struct model_call *call);
void model_xack(struct model_call *call);
void model_xackdel(struct model_call *call);
void model_xadd(struct model_call *call);
void model_xautoclaim(struct model_call *call);
void model_xcfgset(struct model_call *call);
void model_xclaim(struct model_call *call);
void model_xdel(struct model_call *call);
void model_xdelex(struct model_call *call);
void model_xgroup_create(struct model_call *call);
void model_xgroup_createconsumer(struct model_call *call);
void model_xgroup_delconsumer(struct model_call *call);
void model_xgroup_destroy(struct model_call *call);
void model_xgroup_setid(struct model_call *call);
void model_xinfo_consumers(struct model_call *call);
void model_xinfo_groups(struct model_call *call);
void model_xinfo_stream(struct model_call *call);
void model_xlen(struct model_call *call);
void model_xnack(struct model_call *call);
void model_xpending(struct model_call *call);
void model_xrange(struct model_call *call);
void model_xread(struct model_call *call);
void model_xreadgroup(struct model_call *call);
void model_xrevrange(struct model_call *call);
void model_xsetid(struct model_call *call);
void model_xtrim(struct model_call *call);

#endif
