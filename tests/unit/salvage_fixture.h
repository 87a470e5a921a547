// A store with some of everything in it, each value with a number of its own; its disk, damaged;
// and what a salvage makes of that. The store that was not damaged stays open and is the truth.
#ifndef ACKD_TESTS_UNIT_SALVAGE_FIXTURE_H
#define ACKD_TESTS_UNIT_SALVAGE_FIXTURE_H

#include <stdlib.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/salvage/salvage.h"
#include "tests/unit/fold_fixture.h"

enum {
    VALUES_MAX = 20000,
    RANGES_MAX = 4096,
    VALUE_MAX = 1400,
    SALVAGE_SEGMENT = 64 << 10,
};

struct lsn_range {
    uint64_t from;
    uint64_t to;
};

// What a salvage said.
struct heard {
    struct buf text;
    struct lsn_range lost[RANGES_MAX]; // transactions; or the place of one value
    size_t lost_count;
    bool has_hole; // transactions, or a part of a checkpoint
    bool has_checkpoint_loss;
};

struct value_state {
    uint64_t lsn; // of its payload; 0: held in memory
    uint32_t times;
};

struct inventory {
    struct value_state values[VALUES_MAX];
};

struct site {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
    struct rng rng;
    uint32_t next_value;
    int64_t now_ms;
    uint64_t log_states[VALUES_MAX]; // hashes of what the string "log" ever was
    size_t log_states_count;
    struct buf log_string;
    uint64_t next_id; // of stream entries

    struct memory_disk *saved_disk;
    struct vfs *saved_vfs;
    struct store *saved;
    struct salvage_result result;
    struct heard heard;
};

static inline struct store_options site_options(uint64_t seed) {
    return (struct store_options){
        .log = {.segment_bytes = SALVAGE_SEGMENT, .slots_ahead = 1, .seed = seed},
        .fold = {.slices = 2, .block_bytes = 4096},
        .databases = 16,
        .seed = 3};
}

static inline void site_open_with(struct site *site, uint64_t seed, size_t segment_bytes) {
    struct store_options options = site_options(seed);
    struct store_recovery recovery;
    struct fault fault = {0};
    options.log.segment_bytes = segment_bytes;
    *site = (struct site){.disk = memory_disk_new(seed, DISK_BYTES), .now_ms = NOW_MS};
    rng_init(&site->rng, seed);
    site->vfs = memory_disk_open(site->disk);
    assert_ok(store_open(&site->store, site->vfs, &options, &recovery, &fault), &fault);
    settle(site->store);
}

static inline void site_open(struct site *site, uint64_t seed) {
    site_open_with(site, seed, SALVAGE_SEGMENT);
}

static inline void site_close_saved(struct site *site) {
    store_close(site->saved);
    vfs_free(site->saved_vfs);
    if (site->saved_disk != NULL) memory_disk_free(site->saved_disk);
    buf_deinit(&site->heard.text);
    site->saved = NULL;
    site->saved_vfs = NULL;
    site->saved_disk = NULL;
    site->heard = (struct heard){0};
}

static inline void site_close(struct site *site) {
    site_close_saved(site);
    store_close(site->store);
    vfs_free(site->vfs);
    memory_disk_free(site->disk);
    buf_deinit(&site->log_string);
}

// ---- what happens in it

// A value nobody else has: "v00000012-" and more.
static inline struct slice new_value(struct site *site, char *bytes) {
    const uint64_t len = rng_below(&site->rng, 5) == 0 ? 12 : 80 + rng_below(&site->rng, 1200);
    assert_true(site->next_value < VALUES_MAX);
    memset(bytes, 'a' + (int)(site->next_value % 26), (size_t)len);
    char head[16];
    snprintf(head, sizeof head, "v%08u-", site->next_value++);
    memcpy(bytes, head, 10);
    return slice_of(bytes, (size_t)len);
}

static inline size_t site_below(struct site *site, size_t bound) {
    return (size_t)rng_below(&site->rng, bound);
}

static inline const struct entry *site_find(const struct site *site, const char *key) {
    return keyspace_find(store_keyspace(site->store), 0, slice_str(key), NOW_MS);
}

static inline void change_list(struct site *site, struct txn *txn, const char *name) {
    char bytes[VALUE_MAX];
    const struct slice key = slice_str(name);
    const struct entry *entry = site_find(site, name);
    const size_t len = entry == NULL ? 0 : list_len(entry->value.list);
    const enum list_end end = site_below(site, 4) == 0 ? LIST_HEAD : LIST_TAIL;
    const size_t dice = site_below(site, 100);
    if (len == 0 || dice < 50) {
        const struct slice value = new_value(site, bytes);
        txn_list_push(txn, 0, key, end, &value, 1);
    } else if (dice < 75) {
        txn_list_pop(txn, 0, key, site_below(site, 3) == 0 ? LIST_TAIL : LIST_HEAD, 1);
    } else if (dice < 80) {
        txn_list_set(txn, 0, key, site_below(site, len), new_value(site, bytes));
    } else if (dice < 85) {
        txn_list_insert(txn, 0, key, site_below(site, len + 1), new_value(site, bytes));
    } else if (dice < 93) {
        const uint32_t index = (uint32_t)site_below(site, len);
        txn_list_remove(txn, 0, key, &index, 1);
    } else if (dice < 97) {
        txn_list_trim(txn, 0, key, site_below(site, len / 4 + 1), site_below(site, len / 4 + 1));
    } else {
        txn_key_delete(txn, 0, key);
    }
}

static inline void change_hash(struct site *site, struct txn *txn) {
    char bytes[VALUE_MAX];
    char field[16];
    const struct slice key = SLICE("hash");
    snprintf(field, sizeof field, "f%zu", site_below(site, 40));
    const struct entry *entry = site_find(site, "hash");
    struct blob blob;
    const bool is_there = entry != NULL && hash_find(entry->value.hash, slice_str(field), &blob);
    if (is_there && site_below(site, 3) == 0) {
        const struct slice name = slice_str(field);
        txn_hash_remove(txn, 0, key, &name, 1);
        return;
    }
    const struct slice pair[] = {slice_str(field), new_value(site, bytes)};
    txn_hash_set(txn, 0, key, pair, 1);
}

static inline void change_string(struct site *site, struct txn *txn) {
    char bytes[VALUE_MAX];
    if (site_below(site, 2) == 0) {
        char name[16];
        snprintf(name, sizeof name, "string%zu", site_below(site, 5));
        txn_string_set(txn, 0, slice_str(name), new_value(site, bytes), false);
        if (site_below(site, 3) == 0)
            txn_key_expire(txn, 0, slice_str(name), site->now_ms + 1000000);
        return;
    }
    if (site->log_string.len > 3000) buf_reset(&site->log_string);
    char piece[100];
    const size_t len = 1 + site_below(site, sizeof piece);
    memset(piece, 'A' + (int)site_below(site, 26), len);
    if (site->log_string.len == 0)
        txn_string_set(txn, 0, SLICE("log"), slice_of(piece, len), false);
    else
        txn_string_append(txn, 0, SLICE("log"),
                          site->log_string.len > BLOB_MEMORY_MAX ? buf_slice(&site->log_string)
                                                                 : SLICE_EMPTY,
                          slice_of(piece, len));
    buf_append(&site->log_string, piece, len);
    site->log_states[site->log_states_count++] = hash_bytes(buf_slice(&site->log_string), 0);
}

static inline void change_stream(struct site *site, struct txn *txn) {
    char bytes[VALUE_MAX];
    const struct slice key = SLICE("stream");
    const struct txn_group of = {.db = 0, .key = key, .group = SLICE("group")};
    const struct slice consumer = site_below(site, 2) == 0 ? SLICE("one") : SLICE("two");
    const struct entry *entry = site_find(site, "stream");
    const struct stream *stream = entry == NULL ? NULL : entry->value.stream;
    const struct group *group = stream == NULL ? NULL : stream_group(stream, of.group);
    const size_t dice = site_below(site, 100);
    struct stream_entry each;
    struct pending pending;
    if (group == NULL || dice < 40) {
        const struct slice strings[] = {SLICE("f"), new_value(site, bytes)};
        const struct txn_entry added = {.id = {++site->next_id, 0}, .strings = strings, .count = 2};
        txn_stream_add(txn, 0, key, &added);
        if (group == NULL) txn_group_create(txn, &of, STREAM_ID_MIN, 0);
        return;
    }
    if (dice < 70) {
        struct stream_id next = group_last_id(group);
        next.seq++;
        struct stream_cursor cursor = stream_seek(stream, next);
        struct stream_id ids[3];
        const size_t count = stream_next_ids(&cursor, ids, 3);
        if (count == 0) return;
        txn_consumer_create(txn, &of, consumer);
        const struct txn_delivery delivery = {
            .consumer = consumer, .first = ids[0], .count = count};
        txn_group_deliver(txn, &of, &delivery);
    } else if (dice < 88) {
        struct pending_cursor cursor = group_seek(group, STREAM_ID_MIN);
        if (pending_next(&cursor, &pending)) txn_group_ack(txn, &of, &pending.id, 1);
    } else if (dice < 92) {
        struct pending_cursor cursor = group_seek(group, STREAM_ID_MIN);
        if (!pending_next(&cursor, &pending)) return;
        const struct effect_pending claimed = {
            .id = pending.id, .delivered_ms = site->now_ms, .deliveries = 2};
        txn_group_claim(txn, &of, consumer, &claimed, 1);
    } else if (dice < 96) {
        struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
        if (stream_next(&cursor, &each)) txn_stream_delete(txn, 0, key, &each.id, 1, false);
    } else {
        txn_stream_trim(txn, 0, key, stream_len(stream) / 4);
    }
}

static inline void change(struct site *site) {
    static const char *const lists[] = {"list0", "list1", "list2", "list3"};
    struct txn *txn = txn_begin(site->store, site->now_ms);
    for (size_t i = 1 + site_below(site, 3); i > 0; i--) {
        const size_t dice = site_below(site, 100);
        if (dice < 55)
            change_list(site, txn, lists[site_below(site, 4)]);
        else if (dice < 70)
            change_hash(site, txn);
        else if (dice < 80)
            change_string(site, txn);
        else
            change_stream(site, txn);
    }
    txn_commit(txn);
    if (site_below(site, 3) == 0) settle(site->store);
}

static inline void seal(struct site *site) {
    settle(site->store);
    struct log *log = store_log(site->store);
    struct log_flush *job = log_wants_seal(log) ? log_seal_begin(log) : NULL;
    if (job != NULL) log_flush_end(log, job, log_flush_run(job));
}

static inline void live(struct site *site, size_t changes) {
    for (size_t i = 0; i < changes; i++) {
        change(site);
        if (log_unflushed_bytes(store_log(site->store)) > SALVAGE_SEGMENT / 4) settle(site->store);
    }
    seal(site);
}

static inline void fold_site(struct site *site) {
    struct fault fault = {0};
    settle(site->store);
    assert_ok(fold_once(site->store, &fault), &fault);
}

// ---- what a salvage says

static inline void note_range(struct heard *heard, uint64_t from, uint64_t to) {
    assert_true(heard->lost_count < RANGES_MAX);
    heard->lost[heard->lost_count++] = (struct lsn_range){from, to};
}

static inline void hear(void *context, const char *text) {
    struct heard *heard = context;
    unsigned long long from = 0;
    unsigned long long to = 0;
    buf_append_str(&heard->text, text);
    buf_append_byte(&heard->text, '\n');
    if (sscanf(text, "lost: transactions between log positions %llu and %llu", &from, &to) == 2) {
        note_range(heard, from, to);
        heard->has_hole = true;
    } else if (sscanf(text, "lost: transactions behind log position %llu", &from) == 1) {
        note_range(heard, from, UINT64_MAX);
        heard->has_hole = true;
    } else if (strncmp(text, "lost: database", 14) == 0) {
        const char *at = strstr(text, "log position ");
        if (at != NULL) from = strtoull(at + strlen("log position "), NULL, 10);
        note_range(heard, from, from + 1);
    } else if (strncmp(text, "lost: ", 6) == 0) {
        heard->has_hole = true;
        heard->has_checkpoint_loss = true;
    }
}

static inline bool has_said(struct site *site, const char *text) {
    buf_append_byte(&site->heard.text, '\0');
    const bool found = strstr(site->heard.text.data, text) != NULL;
    site->heard.text.len--;
    return found;
}

// Salvages `damaged` (a disk of its own, given up) and opens what came of it.
static inline void salvage(struct site *site, struct memory_disk *damaged) {
    struct fault fault = {0};
    site_close_saved(site);
    struct vfs *from = memory_disk_open(damaged);
    site->saved_disk = memory_disk_new(9, DISK_BYTES);
    site->saved_vfs = memory_disk_open(site->saved_disk);
    const struct salvage_options options = {.from = from,
                                            .to = site->saved_vfs,
                                            .context = &site->heard,
                                            .line = hear,
                                            .now_ms = NOW_MS,
                                            .seed = 77};
    assert_ok(salvage_run(&options, &site->result, &fault), &fault);
    vfs_free(from);
    memory_disk_free(damaged);
    const struct store_options store_options = site_options(78);
    struct store_recovery recovery;
    assert_ok(store_open(&site->saved, site->saved_vfs, &store_options, &recovery, &fault), &fault);
    assert_true(recovery.log.was_sealed || recovery.keys == 0);
    keyspace_check(store_keyspace(site->saved));
}

static inline uint64_t site_digest(const struct store *store) {
    return keyspace_digest(store_keyspace(store));
}

// ---- comparing

struct counting {
    struct store *store;
    struct inventory *into;
    struct buf scratch;
};

static inline void count_bytes(struct counting *counting, struct slice bytes, uint64_t lsn) {
    if (bytes.len < 10 || bytes.data[0] != 'v') return;
    const unsigned long number = strtoul(bytes.data + 1, NULL, 10);
    assert_true(number < VALUES_MAX);
    for (size_t i = 10; i < bytes.len; i++)
        assert_true(bytes.data[i] ==
                    (char)('a' + number % 26)); // never a byte that was not written
    counting->into->values[number] =
        (struct value_state){lsn, counting->into->values[number].times + 1};
}

static inline void count_blob(struct counting *counting, const struct blob *blob, bool is_entry) {
    struct slice bytes;
    assert_ok(store_bytes(counting->store, blob, &counting->scratch, &bytes), NULL);
    const bool is_ref = blob_kind(blob) == BLOB_REF;
    const uint64_t lsn =
        is_ref ? log_lsn_at(store_log(counting->store), blob_slot(blob), blob_offset(blob)) : 0;
    if (!is_entry) {
        count_bytes(counting, bytes, lsn);
        return;
    }
    struct stream_fields fields;
    struct slice part;
    assert_true(stream_fields_begin(&fields, bytes));
    while (stream_fields_next(&fields, &part))
        count_bytes(counting, part, lsn);
}

static inline void count_field(void *context, struct slice field, const struct blob *value) {
    (void)field;
    count_blob(context, value, false);
}

static inline void count_entry(void *context, const struct entry *entry) {
    struct counting *counting = context;
    struct blob blob;
    struct stream_entry each;
    if (entry->type == TYPE_STRING) count_blob(counting, &entry->value.string, false);
    if (entry->type == TYPE_HASH) hash_each(entry->value.hash, count_field, counting);
    if (entry->type == TYPE_LIST) {
        struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
        while (list_cursor_next(&cursor, &blob))
            count_blob(counting, &blob, false);
    }
    if (entry->type != TYPE_STREAM) return;
    struct stream_cursor cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
    while (stream_next(&cursor, &each))
        count_blob(counting, &each.payload, true);
}

static inline struct inventory *take_inventory(struct store *store) {
    struct inventory *inventory = test_calloc(1, sizeof *inventory);
    struct counting counting = {.store = store, .into = inventory};
    keyspace_each(store_keyspace(store), 0, count_entry, &counting);
    buf_deinit(&counting.scratch);
    return inventory;
}

static inline bool may_be_lost(const struct site *site, uint64_t lsn) {
    const struct heard *heard = &site->heard;
    if (heard->has_checkpoint_loss) return true;
    if (lsn == 0) return heard->has_hole;
    for (size_t i = 0; i < heard->lost_count; i++)
        if (lsn >= heard->lost[i].from && lsn < heard->lost[i].to) return true;
    return false;
}

// What is there, and was not told of as lost, was saved. Returns how many values came back that had
// been removed.
static inline size_t assert_nothing_else_is_lost(struct site *site) {
    struct inventory *truth = take_inventory(site->store);
    struct inventory *saved = take_inventory(site->saved);
    size_t back = 0;
    for (size_t i = 0; i < site->next_value; i++) {
        if (truth->values[i].times > 0 && saved->values[i].times == 0 &&
            !may_be_lost(site, truth->values[i].lsn)) {
            print_error("value %zu at lsn %llu is lost\n%.*s", i,
                        (unsigned long long)truth->values[i].lsn, (int)site->heard.text.len,
                        site->heard.text.data);
            fail();
        }
        if (truth->values[i].times == 0 && saved->values[i].times > 0) back++;
    }
    test_free(truth);
    test_free(saved);
    return back;
}

static inline const struct stream *stream_in(const struct store *store) {
    const struct entry *entry = keyspace_find_raw(store_keyspace(store), 0, SLICE("stream"));
    return entry == NULL || entry->type != TYPE_STREAM ? NULL : entry->value.stream;
}

// An entry that is saved and that the group had not been given or had not acknowledged will be
// given to somebody.
static inline void assert_every_entry_is_delivered(const struct site *site) {
    const struct stream *truth = stream_in(site->store);
    const struct stream *saved = stream_in(site->saved);
    if (truth == NULL || saved == NULL) return;
    const struct group *group = stream_group(truth, SLICE("group"));
    const struct group *saved_group = stream_group(saved, SLICE("group"));
    if (group == NULL || saved_group == NULL) return;
    struct stream_cursor cursor = stream_seek(truth, STREAM_ID_MIN);
    struct stream_entry entry;
    struct pending pending;
    while (stream_next(&cursor, &entry)) {
        const bool is_done = stream_id_compare(entry.id, group_last_id(group)) <= 0 &&
                             !group_find(group, entry.id, &pending);
        if (is_done || !stream_find(saved, entry.id, NULL)) continue;
        if (stream_id_compare(entry.id, group_last_id(saved_group)) > 0) continue;
        if (group_find(saved_group, entry.id, &pending)) continue;
        print_error("entry %llu is given to nobody\n%.*s", (unsigned long long)entry.id.ms,
                    (int)site->heard.text.len, site->heard.text.data);
        fail();
    }
}

// The string that is only ever appended to is what it was at some time.
static inline void assert_log_string_was_once(struct site *site) {
    const struct entry *entry = keyspace_find_raw(store_keyspace(site->saved), 0, SLICE("log"));
    if (entry == NULL) return;
    struct buf scratch = {0};
    struct slice bytes;
    assert_int_equal(entry->type, TYPE_STRING);
    assert_ok(store_bytes(site->saved, &entry->value.string, &scratch, &bytes), NULL);
    const uint64_t hash = hash_bytes(bytes, 0);
    bool is_known = false;
    for (size_t i = 0; i < site->log_states_count && !is_known; i++)
        is_known = site->log_states[i] == hash;
    buf_deinit(&scratch);
    assert_true(is_known);
}

static inline size_t assert_salvaged(struct site *site) {
    const size_t back = assert_nothing_else_is_lost(site);
    assert_every_entry_is_delivered(site);
    assert_log_string_was_once(site);
    return back;
}

#endif
