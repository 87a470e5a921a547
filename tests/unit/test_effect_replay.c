// State is a fold of effects: the same records, applied to another keyspace, give the same state.
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/rng.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "tests/unit/effect_world.h"

enum { KEYS = 12, STEPS = 30000, VALUES_MAX = 20, VALUE_LEN_MAX = 200, DATABASES_USED = 3 };

struct player {
    struct world world;
    struct keyspace *copy; // gets the same records
    struct rng rng;
    char bytes[VALUES_MAX][VALUE_LEN_MAX];
    struct effect_value values[VALUES_MAX];
    struct slice fields[VALUES_MAX];
    char names[VALUES_MAX][8];
    uint32_t indexes[VALUES_MAX];
    struct stream_id ids[VALUES_MAX];
    struct stream_node nodes[VALUES_MAX];
    struct effect_pending pending[VALUES_MAX];
    char key[8];
    unsigned db;
};

static size_t below(struct player *player, size_t bound) {
    return (size_t)rng_below(&player->rng, bound);
}

static void player_init(struct player *player, uint64_t seed) {
    world_init(&player->world, seed);
    player->copy = keyspace_new(16, &player->world.space, seed + 1);
    rng_init(&player->rng, seed);
}

static void player_deinit(struct player *player) {
    keyspace_free(player->copy);
    world_deinit(&player->world);
}

static void play(struct player *player, const struct effect *effect) {
    struct world *world = &player->world;
    world_apply(world, effect);
    struct effect_outcome outcome;
    assert_ok(effect_apply(player->copy, &world->record, &outcome, &world->fault), &world->fault);
    assert_int_equal(outcome.created, world->outcome.created);
    assert_int_equal(outcome.removed, world->outcome.removed);
    assert_int_equal(outcome.added, world->outcome.added);
}

static uint32_t draw_values(struct player *player) {
    const size_t count = 1 + below(player, VALUES_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        const size_t len = below(player, VALUE_LEN_MAX);
        memset(player->bytes[i], (int)('a' + below(player, 3)), len);
        player->values[i] = (struct effect_value){.bytes = slice_of(player->bytes[i], len)};
        snprintf(player->names[i], sizeof player->names[i], "%u", (unsigned)below(player, 300));
        player->fields[i] = slice_str(player->names[i]);
    }
    return (uint32_t)count;
}

static struct effect of_key(const struct player *player, enum effect_type type) {
    return (struct effect){.type = type, .db = player->db, .key = slice_str(player->key)};
}

static void play_on_string(struct player *player, const struct entry *entry) {
    draw_values(player);
    const bool is_ref = entry != NULL && blob_kind(&entry->value.string) == BLOB_REF;
    struct effect effect = of_key(player, EFFECT_STRING_SET);
    effect.keeps_expiry = below(player, 2) == 0;
    effect.values = player->values;
    player->values[0].on_heap = below(player, 2) == 0;
    if (!is_ref && below(player, 2) == 0) {
        effect.type = below(player, 2) == 0 ? EFFECT_STRING_APPEND : EFFECT_STRING_WRITE;
        effect.offset = (uint32_t)below(player, 500);
    }
    play(player, &effect);
}

static void play_list_removal(struct player *player, const struct list *list) {
    struct effect effect = of_key(player, EFFECT_LIST_REMOVE);
    size_t index = below(player, list_len(list));
    while (index < list_len(list) && effect.count < VALUES_MAX) {
        player->indexes[effect.count++] = (uint32_t)index;
        index += 1 + below(player, 40);
    }
    effect.indexes = player->indexes;
    play(player, &effect);
}

static void play_on_list(struct player *player, const struct entry *entry) {
    struct effect effect = of_key(player, EFFECT_LIST_PUSH);
    effect.end = below(player, 2) == 0 ? LIST_HEAD : LIST_TAIL;
    effect.values = player->values;
    effect.count = draw_values(player);
    const size_t len = entry == NULL ? 0 : list_len(entry->value.list);
    const size_t dice = len == 0 ? 0 : below(player, 10);
    struct blob lent;
    if (dice == 5) { // moved by reference
        lent = list_get(entry->value.list, below(player, len));
        player->values[0] = (struct effect_value){.blob = &lent};
        effect.count = 1;
    } else if (dice == 6) {
        effect.type = EFFECT_LIST_POP;
        effect.count = (uint32_t)below(player, num_min(len, 60) + 1);
        effect.values = NULL;
    } else if (dice == 7) {
        effect.type = below(player, 2) == 0 ? EFFECT_LIST_SET : EFFECT_LIST_INSERT;
        effect.offset = (uint32_t)below(player, len);
    } else if (dice == 8) {
        play_list_removal(player, entry->value.list);
        return;
    } else if (dice == 9 && below(player, 20) == 0) {
        effect.type = EFFECT_LIST_TRIM;
        effect.offset = (uint32_t)below(player, len / 2 + 1);
        effect.count = (uint32_t)below(player, len / 2 + 1);
        effect.values = NULL;
    }
    play(player, &effect);
}

static void play_on_hash(struct player *player, const struct entry *entry) {
    struct effect effect = of_key(player, EFFECT_HASH_SET);
    effect.count = draw_values(player);
    effect.fields = player->fields;
    effect.values = player->values;
    struct slice field;
    struct blob value;
    if (entry != NULL && below(player, 3) > 0) {
        assert_true(hash_random(entry->value.hash, &player->rng, &field, &value));
        effect.type = EFFECT_HASH_REMOVE;
        effect.fields = &field;
        effect.values = NULL;
        effect.count = 1;
    }
    play(player, &effect);
}

// One of the effects that need a stream to be there; ids are below 1000.
static void play_on_group(struct player *player, const struct stream *stream) {
    const size_t first = below(player, 1000);
    for (size_t i = 0; i < VALUES_MAX; i++) {
        player->ids[i] = (struct stream_id){first + i, 0};
        player->pending[i] = (struct effect_pending){player->ids[i], (int64_t)below(player, 100),
                                                     (int64_t)below(player, 5)};
    }
    struct effect effect = of_key(player, EFFECT_GROUP_CREATE);
    effect.group = SLICE("g");
    effect.consumer = below(player, 2) == 0 ? SLICE("c") : SLICE("d");
    effect.count = 1 + (uint32_t)below(player, VALUES_MAX - 1);
    effect.entries_read = (int64_t)below(player, 50) - 1;
    effect.at_ms = (int64_t)below(player, 1000);
    effect.ids = player->ids;
    effect.pending = player->pending;
    const struct group *group = stream_group(stream, effect.group);
    if (group == NULL) {
        play(player, &effect);
        return;
    }
    const size_t dice = below(player, 50);
    struct pending oldest;
    struct pending_cursor cursor = group_by_time(group);
    if (group_consumer(group, effect.consumer) == NULL) {
        effect.type = EFFECT_CONSUMER_CREATE;
    } else if (dice == 0) {
        effect.type = below(player, 4) == 0 ? EFFECT_GROUP_DESTROY : EFFECT_CONSUMER_DELETE;
    } else if (dice == 1) {
        effect.type = EFFECT_GROUP_SET_ID;
    } else if (dice < 10) {
        effect.type = EFFECT_GROUP_NACK;
    } else if (dice < 20) {
        effect.type = EFFECT_GROUP_CLAIM;
    } else if (dice < 40 && pending_next(&cursor, &oldest)) {
        effect.type = EFFECT_GROUP_ACK;
        effect.count = 1;
        effect.ids = &oldest.id;
    } else {
        effect.type = EFFECT_GROUP_DELIVER;
    }
    play(player, &effect);
}

static void play_on_producer(struct player *player, const struct stream *stream) {
    struct effect effect = of_key(player, EFFECT_STREAM_IDMP);
    effect.group = SLICE("p");
    snprintf(player->names[0], sizeof player->names[0], "%u", (unsigned)below(player, 20));
    effect.consumer = slice_str(player->names[0]);
    struct idmp *idmp = stream_idmp_state(stream);
    if (idmp == NULL || below(player, 30) == 0) {
        effect.type = EFFECT_STREAM_CONFIG;
        effect.offset = 1 + (uint32_t)below(player, 9);
        effect.count = 10;
    } else {
        effect.offset = idmp_surplus(idmp, effect.group, effect.consumer, 5000);
    }
    play(player, &effect);
}

static void play_on_entries(struct player *player, const struct entry *entry) {
    struct effect effect = of_key(player, EFFECT_STREAM_ADD);
    const struct stream *stream = entry == NULL ? NULL : entry->value.stream;
    struct stream_id id = entry == NULL ? STREAM_ID_MIN : stream_last_id(stream);
    const size_t dice = entry == NULL || stream_len(stream) == 0 ? 0 : below(player, 10);
    struct stream_entry first;
    struct stream_cursor cursor = {0};
    if (dice > 5) cursor = stream_seek(stream, STREAM_ID_MIN);
    if (dice == 6) {
        effect.type = EFFECT_STREAM_TRIM;
        effect.count = (uint32_t)num_min(stream_len(stream), 1 + below(player, 30));
        for (uint32_t i = 0; i < effect.count; i++)
            stream_next(&cursor, &first);
        effect.id = first.id;
    } else if (dice > 6) {
        effect.type = EFFECT_STREAM_DELETE;
        for (size_t i = below(player, stream_len(stream)) + 1; i > 0; i--)
            stream_next(&cursor, &first);
        effect.count = 1;
        effect.ids = &first.id;
        effect.id = first.id;
    } else {
        effect.count = draw_values(player);
        effect.values = player->values;
        for (uint32_t i = 0; i < effect.count; i++) {
            id.seq++;
            player->ids[i] = id;
            player->nodes[i] = (struct stream_node){.is_begun = i == 0, .bytes = i};
        }
        effect.ids = player->ids;
        effect.nodes = player->nodes;
    }
    play(player, &effect);
}

static void play_on_stream(struct player *player, const struct entry *entry) {
    const size_t dice = below(player, 10);
    if (entry == NULL || dice < 4) {
        play_on_entries(player, entry);
    } else if (dice < 9) {
        play_on_group(player, entry->value.stream);
    } else {
        play_on_producer(player, entry->value.stream);
    }
}

static void play_on_key(struct player *player, const struct entry *entry) {
    struct effect effect = of_key(player, EFFECT_KEY_EXPIRE);
    effect.at_ms = (int64_t)below(player, 1000);
    if (below(player, 20) == 0) effect.type = EFFECT_KEY_DELETE;
    if (entry != NULL) play(player, &effect);
}

static void play_on_databases(struct player *player) {
    struct effect effect = {.type = EFFECT_DB_SWAP,
                            .db = player->db,
                            .other_db = (unsigned)below(player, DATABASES_USED)};
    if (below(player, 10) == 0) effect.type = EFFECT_DB_FLUSH;
    play(player, &effect);
}

// A reference of the value, chosen at random, lies elsewhere from now on. Its bytes are a row of
// one letter, which its hash tells.
static void play_relocation(struct player *player, const struct entry *entry) {
    struct effect effect = of_key(player, EFFECT_RELOCATE);
    struct blob blob = {0};
    struct stream_entry last;
    effect.value_type = (enum value_type)entry->type;
    effect.count = 1;
    effect.values = player->values;
    if (entry->type == TYPE_STRING) {
        blob = entry->value.string;
    } else if (entry->type == TYPE_LIST) {
        player->indexes[0] = (uint32_t)below(player, list_len(entry->value.list));
        blob = list_get(entry->value.list, player->indexes[0]);
        effect.indexes = player->indexes;
    } else if (entry->type == TYPE_HASH) {
        assert_true(hash_random(entry->value.hash, &player->rng, player->fields, &blob));
        effect.fields = player->fields;
    } else {
        struct stream_cursor cursor = stream_seek_behind(entry->value.stream, STREAM_ID_MAX);
        if (!stream_prev(&cursor, &last)) return;
        blob = last.payload;
        player->ids[0] = last.id;
        effect.ids = player->ids;
    }
    if (blob_kind(&blob) != BLOB_REF) return;
    for (int letter = 'a'; letter <= 'c'; letter++) {
        memset(player->bytes[0], letter, blob_len(&blob));
        const struct slice bytes = slice_of(player->bytes[0], blob_len(&blob));
        player->values[0] = (struct effect_value){.bytes = bytes};
        if (hash_payload(bytes) == blob.hash) break;
    }
    const uint64_t digest = below(player, 100) == 0 ? keyspace_digest(player->copy) : 0;
    play(player, &effect);
    if (digest != 0) assert_true(keyspace_digest(player->copy) == digest);
}

static void step(struct player *player) {
    const size_t key = below(player, KEYS);
    player->db = (unsigned)below(player, DATABASES_USED);
    snprintf(player->key, sizeof player->key, "k%zu", key);
    const struct entry *entry = world_find(&player->world, player->db, player->key);
    const size_t dice = below(player, 200);
    if (dice == 0) {
        play_on_databases(player);
    } else if (dice < 10) {
        play_on_key(player, entry);
    } else if (dice < 40 && entry != NULL) {
        play_relocation(player, entry);
    } else if (entry == NULL ? key % 4 == 0 : entry->type == TYPE_STRING) {
        play_on_string(player, entry);
    } else if (entry == NULL ? key % 4 == 1 : entry->type == TYPE_LIST) {
        play_on_list(player, entry);
    } else if (entry == NULL ? key % 4 == 2 : entry->type == TYPE_STREAM) {
        play_on_stream(player, entry);
    } else {
        play_on_hash(player, entry);
    }
}

static void the_same_records_give_the_same_state(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct player *player = mem_zalloc(sizeof *player);
        player_init(player, seed);
        for (int i = 0; i < STEPS; i++) {
            step(player);
            if (i % 500 != 0) continue;
            keyspace_check(player->world.keyspace);
            keyspace_check(player->copy);
            assert_true(keyspace_digest(player->world.keyspace) == keyspace_digest(player->copy));
        }
        assert_true(keyspace_live_bytes_total(player->copy) > 0);
        for (uint32_t slot = 0; slot <= player->world.slot; slot++) {
            assert_int_equal(keyspace_live_bytes(player->copy, slot),
                             keyspace_live_bytes(player->world.keyspace, slot));
        }
        player_deinit(player);
        mem_free(player);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_records_give_the_same_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
