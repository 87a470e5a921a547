#include <string.h>

#include "proto/base/hash.h"
#include "tests/unit/effect_world.h"

static struct slice filled(char letter, size_t len, char *into) {
    memset(into, letter, len);
    return slice_of(into, len);
}

// The list's elements, strings and short values only, joined by spaces.
static void assert_list(const struct world *world, const char *key, const char *expected) {
    const struct entry *entry = world_find(world, 0, key);
    assert_non_null(entry);
    assert_int_equal(entry->type, TYPE_LIST);
    struct buf text = {0};
    struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
    struct blob blob;
    while (list_cursor_next(&cursor, &blob)) {
        if (text.len > 0) buf_append_byte(&text, ' ');
        buf_append_slice(&text, blob_bytes(&blob));
    }
    assert_slice(buf_slice(&text), slice_str(expected));
    buf_deinit(&text);
}

static void push_words(struct world *world, const char *key, enum list_end end, const char *words) {
    struct effect_value values[32];
    uint32_t count = 0;
    while (*words != '\0') {
        const size_t len = strcspn(words, " ");
        values[count++] = (struct effect_value){.bytes = slice_of(words, len)};
        words += len + (words[len] == ' ');
    }
    const struct effect effect = {.type = EFFECT_LIST_PUSH,
                                  .key = slice_str(key),
                                  .end = end,
                                  .count = count,
                                  .values = values};
    world_apply(world, &effect);
}

// ---- each effect does what its name says

static void lists_are_pushed_and_popped_at_both_ends(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    push_words(&world, "l", LIST_TAIL, "a b c");
    assert_true(world.outcome.created);
    assert_int_equal(world.outcome.added, 3);
    assert_int_equal(world.outcome.value_type, TYPE_LIST);
    assert_text(world.outcome.key, "l");
    push_words(&world, "l", LIST_HEAD, "d e");
    assert_false(world.outcome.created);
    assert_list(&world, "l", "e d a b c");
    struct effect pop = {.type = EFFECT_LIST_POP, .key = SLICE("l"), .end = LIST_TAIL, .count = 2};
    world_apply(&world, &pop);
    assert_list(&world, "l", "e d a");
    pop.end = LIST_HEAD;
    world_apply(&world, &pop);
    assert_list(&world, "l", "a");
    pop.count = 1;
    world_apply(&world, &pop);
    assert_true(world.outcome.removed);
    assert_int_equal(world.outcome.value_type, 0);
    assert_null(world_find(&world, 0, "l"));
    world_deinit(&world);
}

static void list_elements_are_set_inserted_removed_and_trimmed(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    push_words(&world, "l", LIST_TAIL, "a b c d e f");
    const struct effect_value x = {.bytes = SLICE("x")};
    struct effect effect = {.type = EFFECT_LIST_SET, .key = SLICE("l"), .count = 1, .values = &x};
    effect.offset = 5;
    world_apply(&world, &effect);
    effect.type = EFFECT_LIST_INSERT;
    effect.offset = 2;
    world_apply(&world, &effect);
    effect.offset = 7; // behind the last
    world_apply(&world, &effect);
    assert_list(&world, "l", "a b x c d e x x");
    const uint32_t indexes[] = {0, 2, 7};
    effect = (struct effect){
        .type = EFFECT_LIST_REMOVE, .key = SLICE("l"), .count = 3, .indexes = indexes};
    world_apply(&world, &effect);
    assert_list(&world, "l", "b c d e x");
    effect = (struct effect){.type = EFFECT_LIST_TRIM, .key = SLICE("l"), .offset = 1, .count = 2};
    world_apply(&world, &effect);
    assert_list(&world, "l", "c d");
    effect.offset = 0;
    world_apply(&world, &effect);
    assert_true(world.outcome.removed);
    world_deinit(&world);
}

static void assert_string(const struct world *world, const char *key, struct slice expected) {
    const struct entry *entry = world_find(world, 0, key);
    assert_non_null(entry);
    assert_int_equal(entry->type, TYPE_STRING);
    assert_slice(blob_bytes(&entry->value.string), expected);
}

static void strings_are_set_appended_to_and_written_into(void **state) {
    (void)state;
    struct world world;
    char bytes[300];
    world_init(&world, 1);
    struct effect_value value = {.bytes = SLICE("abc"), .on_heap = true};
    struct effect effect = {.type = EFFECT_STRING_APPEND, .key = SLICE("s"), .values = &value};
    world_apply(&world, &effect); // makes the key
    assert_true(world.outcome.created);
    value.bytes = filled('y', 300, bytes);
    world_apply(&world, &effect);
    value.bytes = SLICE("Z");
    effect.type = EFFECT_STRING_WRITE;
    effect.offset = 1;
    world_apply(&world, &effect);
    struct slice got = blob_bytes(&world_find(&world, 0, "s")->value.string);
    assert_int_equal(got.len, 303);
    assert_text(slice_sub(got, 0, 5), "aZcyy");

    effect.key = SLICE("gap");
    effect.offset = 5;
    world_apply(&world, &effect);
    assert_string(&world, "gap", SLICE("\0\0\0\0\0Z"));
    world_deinit(&world);
}

static void a_set_string_replaces_any_type_and_drops_the_expiry_unless_told(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    push_words(&world, "k", LIST_TAIL, "a b c");
    world_expire(&world, 0, "k", 55);
    const struct effect_value value = {.bytes = SLICE("v")};
    struct effect set = {
        .type = EFFECT_STRING_SET, .key = SLICE("k"), .keeps_expiry = true, .values = &value};
    world_apply(&world, &set);
    assert_false(world.outcome.created);
    assert_string(&world, "k", SLICE("v"));
    assert_int_equal(world_find(&world, 0, "k")->expire_ms, 55);
    set.keeps_expiry = false;
    world_apply(&world, &set);
    assert_int_equal(world_find(&world, 0, "k")->expire_ms, 0);
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void hash_fields_are_set_and_removed(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    const struct slice fields[] = {SLICE("f"), SLICE(""), SLICE("f")};
    const struct effect_value values[] = {
        {.bytes = SLICE("1")}, {.bytes = SLICE("2")}, {.bytes = SLICE("3")}};
    struct effect effect = {
        .type = EFFECT_HASH_SET, .key = SLICE("h"), .count = 3, .values = values, .fields = fields};
    world_apply(&world, &effect);
    assert_int_equal(world.outcome.added, 2);
    struct blob found;
    const struct hash_type *hash = world_find(&world, 0, "h")->value.hash;
    assert_true(hash_find(hash, SLICE("f"), &found));
    assert_text(blob_bytes(&found), "3");
    effect = (struct effect){
        .type = EFFECT_HASH_REMOVE, .key = SLICE("h"), .count = 2, .fields = fields};
    world_apply(&world, &effect);
    assert_true(world.outcome.removed);
    assert_null(world_find(&world, 0, "h"));
    world_deinit(&world);
}

static void a_deleted_key_says_why(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    world_set(&world, 2, "k", SLICE("v"));
    world_expire(&world, 2, "k", 10);
    const struct effect effect = {
        .type = EFFECT_KEY_DELETE, .db = 2, .key = SLICE("k"), .reason = DELETE_EXPIRED};
    world_apply(&world, &effect);
    assert_int_equal(world.outcome.reason, DELETE_EXPIRED);
    assert_int_equal(world.outcome.db, 2);
    assert_true(world.outcome.removed);
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

// ---- values

static void long_values_become_references_to_where_they_lie(void **state) {
    (void)state;
    struct world world;
    char first[100];
    char second[70];
    world_init(&world, 1);
    world.slot = 7;
    world.offset = 4096;
    const struct effect_value values[] = {{.bytes = filled('a', 100, first)},
                                          {.bytes = SLICE("short")},
                                          {.bytes = filled('b', 70, second)}};
    const struct effect push = {.type = EFFECT_LIST_PUSH,
                                .key = SLICE("l"),
                                .end = LIST_TAIL,
                                .count = 3,
                                .values = values};
    world_apply(&world, &push);
    const struct list *list = world_find(&world, 0, "l")->value.list;
    const struct blob a = list_get(list, 0);
    const struct blob b = list_get(list, 2);
    assert_int_equal(blob_kind(&a), BLOB_REF);
    assert_int_equal(blob_slot(&a), 7);
    assert_int_equal(blob_offset(&a), 4096);
    assert_int_equal(blob_len(&a), 100);
    assert_int_equal(a.hash, hash_payload(values[0].bytes));
    assert_int_equal(blob_offset(&b), 4096 + 104);

    // Moved by reference: no payload is written again.
    const struct effect_value moved = {.blob = &b};
    const struct effect again = {
        .type = EFFECT_LIST_PUSH, .key = SLICE("m"), .count = 1, .values = &moved};
    world_apply(&world, &again);
    assert_int_equal(world.record.payload.len, 0);
    const struct blob copy = list_get(world_find(&world, 0, "m")->value.list, 0);
    assert_memory_equal(&copy, &b, sizeof b);
    assert_int_equal(keyspace_live_bytes(world.keyspace, 7), 104 + 2 * 72);
    world_deinit(&world);
}

static void an_edited_string_is_copied_with_its_bytes(void **state) {
    (void)state;
    struct world world;
    char bytes[200];
    world_init(&world, 1);
    struct effect_value value = {.bytes = filled('e', 200, bytes), .on_heap = true};
    struct effect effect = {.type = EFFECT_STRING_APPEND, .key = SLICE("s"), .values = &value};
    world_apply(&world, &effect);
    const struct blob *string = &world_find(&world, 0, "s")->value.string;
    assert_int_equal(blob_hash(string), hash_payload(value.bytes));
    value = (struct effect_value){.blob = string};
    effect = (struct effect){.type = EFFECT_STRING_SET, .key = SLICE("t"), .values = &value};
    world_apply(&world, &effect);
    const struct blob *copy = &world_find(&world, 0, "t")->value.string;
    assert_int_equal(blob_kind(copy), BLOB_REF);
    assert_int_equal(copy->hash, hash_payload(slice_of(bytes, 200)));
    world_deinit(&world);
}

static void relocation_shifts_references_into_the_moved_range_only(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    const struct blob blobs[] = {blob_of_ref(1, 0, 100, 1), blob_of_ref(1, 800, 100, 2),
                                 blob_of_ref(2, 0, 100, 3)};
    const struct effect_value values[] = {
        {.blob = &blobs[0]}, {.bytes = SLICE("x")}, {.blob = &blobs[1]}, {.blob = &blobs[2]}};
    const struct slice fields[] = {SLICE("a"), SLICE("b"), SLICE("c"), SLICE("d")};
    const struct stream_id ids[] = {{1, 0}, {2, 0}, {3, 0}, {4, 0}};
    const struct stream_node nodes[] = {{.is_begun = true}, {0}, {0}, {0}};
    const enum effect_type types[] = {EFFECT_LIST_PUSH, EFFECT_HASH_SET, EFFECT_STRING_SET,
                                      EFFECT_STREAM_ADD};
    for (size_t i = 0; i < 4; i++) {
        const struct effect effect = {.type = types[i],
                                      .key = SLICE("k"),
                                      .count = 4,
                                      .end = LIST_TAIL,
                                      .values = types[i] == EFFECT_STRING_SET ? values + 2 : values,
                                      .fields = types[i] == EFFECT_HASH_SET ? fields : NULL,
                                      .ids = types[i] == EFFECT_STREAM_ADD ? ids : NULL,
                                      .nodes = types[i] == EFFECT_STREAM_ADD ? nodes : NULL};
        world_encode(&world, &effect);
        effect_relocate(NULL, world.record.type, world.meta.data, world.meta.len,
                        world_lsn_at(NULL, 1, 8), world_lsn_at(NULL, 2, 0),
                        UINT64_C(3) * WORLD_SLOT_BYTES);
        assert_ok(effect_apply(world.keyspace, &world.record, &world.outcome, &world.fault),
                  &world.fault);
        assert_int_equal(keyspace_live_bytes(world.keyspace, 4), 104); // the second one
        assert_int_equal(keyspace_live_bytes(world.keyspace, 1), i == 2 ? 0 : 104);
        assert_int_equal(keyspace_live_bytes(world.keyspace, 2), i == 2 ? 0 : 104);
        world_delete(&world, 0, "k");
    }
    world_deinit(&world);
}

// ---- what does not fit is refused

enum { EFFECTS_MAX = 40 };

// One valid record of every type, for a state as prepare_state leaves it.
static size_t every_effect(struct effect *out) {
    static const char longer[] =
        "a value of more than sixty-four bytes, which lies in the payload area";
    static const struct blob ref = {.hash = 1, .tail = BLOB_REF, .word = 100};
    static const struct effect_value values[] = {
        {.bytes = {longer, sizeof longer - 1}}, {.bytes = {"short", 5}}, {.blob = &ref}};
    static const struct effect_value held = {.bytes = {longer, sizeof longer - 1}, .on_heap = true};
    static const struct slice fields[] = {{"f", 1}, {"g", 1}, {"h", 1}};
    static const uint32_t indexes[] = {0, 2};
    static const struct stream_id new_ids[] = {{7, 0}, {7, 1}, {8, 0}};
    static const struct stream_id old_ids[] = {{1, 0}, {3, 0}};
    static const struct stream_node nodes[] = {{.is_begun = true, .bytes = 9}, {.fields = 3}, {0}};
    static const struct effect_pending pending[] = {{{1, 0}, 50, 3}, {{9, 9}, 60, INT64_MAX}};
    const struct slice s = SLICE("stream");
    const struct slice g = SLICE("g");
    const struct slice c = SLICE("c");
    const struct effect effects[] = {
        {.type = EFFECT_KEY_DELETE, .key = SLICE("list")},
        {.type = EFFECT_KEY_EXPIRE, .key = SLICE("list"), .at_ms = 5},
        {.type = EFFECT_DB_FLUSH, .db = 1},
        {.type = EFFECT_DB_SWAP, .db = 1, .other_db = 2},
        {.type = EFFECT_STRING_SET, .key = SLICE("string"), .values = values},
        {.type = EFFECT_STRING_APPEND, .key = SLICE("string"), .values = &held},
        {.type = EFFECT_STRING_WRITE, .key = SLICE("string"), .offset = 9, .values = &held},
        {.type = EFFECT_LIST_PUSH, .key = SLICE("list"), .count = 3, .values = values},
        {.type = EFFECT_LIST_POP, .key = SLICE("list"), .count = 2},
        {.type = EFFECT_LIST_SET, .key = SLICE("list"), .offset = 2, .values = values},
        {.type = EFFECT_LIST_INSERT, .key = SLICE("list"), .offset = 2, .values = &values[2]},
        {.type = EFFECT_LIST_REMOVE, .key = SLICE("list"), .count = 2, .indexes = indexes},
        {.type = EFFECT_LIST_TRIM, .key = SLICE("list"), .offset = 1, .count = 1},
        {.type = EFFECT_HASH_SET,
         .key = SLICE("hash"),
         .count = 3,
         .values = values,
         .fields = fields},
        {.type = EFFECT_HASH_REMOVE, .key = SLICE("hash"), .count = 1, .fields = fields},
        {.type = EFFECT_STREAM_ADD,
         .key = s,
         .count = 3,
         .values = values,
         .ids = new_ids,
         .nodes = nodes},
        {.type = EFFECT_STREAM_TRIM, .key = s, .count = 2, .id = {2, 0}},
        {.type = EFFECT_STREAM_DELETE, .key = s, .count = 2, .ids = old_ids, .id = {3, 0}},
        {.type = EFFECT_STREAM_SET_IDS, .key = s, .id = {9, 0}, .total = 20, .offset = 4},
        {.type = EFFECT_STREAM_CONFIG, .key = s, .offset = 50, .count = 10, .total = 1},
        {.type = EFFECT_STREAM_IDMP, .key = s, .group = g, .consumer = c, .offset = 1},
        {.type = EFFECT_STREAM_IDMP_DROP, .key = s, .group = g, .offset = 1},
        {.type = EFFECT_GROUP_CREATE, .key = s, .group = c, .entries_read = -1},
        {.type = EFFECT_GROUP_DESTROY, .key = s, .group = g},
        {.type = EFFECT_GROUP_SET_ID, .key = s, .group = g, .id = {2, 0}, .entries_read = 2},
        {.type = EFFECT_CONSUMER_CREATE, .key = s, .group = g, .consumer = g, .at_ms = 5},
        {.type = EFFECT_CONSUMER_DELETE, .key = s, .group = g, .consumer = c},
        {.type = EFFECT_GROUP_DELIVER,
         .key = s,
         .group = g,
         .consumer = c,
         .count = 2,
         .ids = old_ids,
         .id = {3, 0}},
        {.type = EFFECT_GROUP_ACK, .key = s, .group = g, .count = 1, .ids = old_ids},
        {.type = EFFECT_GROUP_CLAIM,
         .key = s,
         .group = g,
         .consumer = c,
         .count = 2,
         .pending = pending},
        {.type = EFFECT_GROUP_NACK, .key = s, .group = g, .count = 2, .pending = pending},
        {.type = EFFECT_GROUP_READ,
         .key = s,
         .group = g,
         .consumer = c,
         .count = 2,
         .first = {2, 0},
         .id = {3, 0}},
    };
    memcpy(out, effects, sizeof effects);
    return sizeof effects / sizeof effects[0];
}

// Entries 1-0 to 3-0, a group g with a consumer c who has 1-0 pending, a producer g.
static void prepare_stream(struct world *world) {
    static const struct stream_id ids[] = {{1, 0}, {2, 0}, {3, 0}};
    static const struct stream_node nodes[] = {{.is_begun = true}, {0}, {.is_begun = true}};
    static const struct effect_value values[] = {
        {.bytes = {"1", 1}}, {.bytes = {"2", 1}}, {.bytes = {"3", 1}}};
    const struct effect base = {
        .key = SLICE("stream"), .group = SLICE("g"), .consumer = SLICE("c"), .count = 1};
    struct effect effect = base;
    effect.type = EFFECT_STREAM_ADD;
    effect.count = 3;
    effect.values = values;
    effect.ids = ids;
    effect.nodes = nodes;
    world_apply(world, &effect);
    effect = base;
    effect.type = EFFECT_GROUP_CREATE;
    world_apply(world, &effect);
    effect.type = EFFECT_CONSUMER_CREATE;
    world_apply(world, &effect);
    effect.type = EFFECT_STREAM_IDMP;
    world_apply(world, &effect);
    effect.type = EFFECT_GROUP_DELIVER;
    effect.ids = ids;
    effect.id = ids[0];
    world_apply(world, &effect);
}

static void prepare_state(struct world *world) {
    world_init(world, 1);
    push_words(world, "list", LIST_TAIL, "a b c");
    world_set(world, 0, "string", SLICE("s"));
    world_set_field(world, 0, "hash", "f", SLICE("v"));
    world_set_field(world, 0, "hash", "g", SLICE("v"));
    prepare_stream(world);
}

static void every_effect_applies_whole_and_is_refused_when_cut_anywhere(void **state) {
    (void)state;
    struct effect effects[EFFECTS_MAX];
    const size_t count = every_effect(effects);
    for (size_t i = 0; i < count; i++) {
        struct world world;
        prepare_state(&world);
        world_encode(&world, &effects[i]);
        const struct effect_record whole = world.record;
        for (size_t cut = 0; cut <= whole.meta.len; cut++) {
            struct world fresh;
            prepare_state(&fresh);
            char *meta = mem_dup(whole.meta.data, cut); // ends where reading must end
            struct effect_record record = whole;
            record.meta = slice_of(meta, cut);
            effect_relocate(NULL, record.type, meta, cut, 0, UINT64_MAX, 0);
            const enum err err = effect_apply(fresh.keyspace, &record, &fresh.outcome, NULL);
            assert_int_equal(err, cut == whole.meta.len ? ERR_NONE : ERR_CORRUPT);
            keyspace_check(fresh.keyspace);
            mem_free(meta);
            world_deinit(&fresh);
        }
        world_deinit(&world);
    }
}

static void a_payload_area_of_another_length_is_refused(void **state) {
    (void)state;
    struct effect effects[EFFECTS_MAX];
    const size_t count = every_effect(effects);
    for (size_t i = 0; i < count; i++) {
        struct world world;
        prepare_state(&world);
        world_encode(&world, &effects[i]);
        const size_t len = world.record.payload.len;
        for (size_t wrong = 0; wrong <= len + 8; wrong += 8) {
            if (wrong == len) continue;
            struct world fresh;
            prepare_state(&fresh);
            char *payload = mem_zalloc(wrong);
            if (len > 0) memcpy(payload, world.record.payload.data, num_min(wrong, len));
            struct effect_record record = world.record;
            record.payload = slice_of(payload, wrong);
            assert_int_equal(effect_apply(fresh.keyspace, &record, &fresh.outcome, NULL),
                             ERR_CORRUPT);
            keyspace_check(fresh.keyspace);
            mem_free(payload);
            world_deinit(&fresh);
        }
        world_deinit(&world);
    }
}

static void assert_refused(struct world *world, const struct effect *effect) {
    const uint64_t before = keyspace_digest(world->keyspace);
    world->fault = (struct fault){0};
    assert_err(ERR_CORRUPT, world_try(world, effect), NULL);
    assert_true(world->fault.text[0] != '\0');
    assert_true(keyspace_digest(world->keyspace) == before);
}

static void effects_on_keys_of_another_type_are_refused(void **state) {
    (void)state;
    struct effect effects[EFFECTS_MAX];
    const size_t count = every_effect(effects);
    struct world world;
    prepare_state(&world);
    for (size_t i = 0; i < count; i++) {
        if (effects[i].type < EFFECT_STRING_APPEND) continue;
        const bool is_list = slice_equal(effects[i].key, SLICE("list"));
        effects[i].key = is_list ? SLICE("hash") : SLICE("list");
        assert_refused(&world, &effects[i]);
    }
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void effects_that_do_not_fit_a_stream_are_refused(void **state) {
    (void)state;
    struct world world;
    prepare_state(&world);
    const struct effect_value x = {.bytes = SLICE("x")};
    const struct stream_id ids[] = {{3, 0}, {1, 0}, {9, 9}};
    const struct stream_node goes_on = {0};
    const struct stream_node begins = {.is_begun = true};
    const struct effect_pending pending = {.id = {1, 0}};
    const struct slice s = SLICE("stream");
    const struct slice g = SLICE("g");
    const struct slice c = SLICE("c");
    const struct slice no = SLICE("no");
    const struct effect effects[] = {
        {.type = EFFECT_STREAM_ADD,
         .key = s,
         .count = 1,
         .values = &x,
         .ids = ids, // the last id again
         .nodes = &begins},
        {.type = EFFECT_STREAM_ADD,
         .key = SLICE("new"),
         .count = 1,
         .values = &x,
         .ids = ids,
         .nodes = &goes_on},
        {.type = EFFECT_STREAM_TRIM, .key = s, .count = 4, .id = {3, 0}},
        {.type = EFFECT_STREAM_TRIM, .key = s, .count = 2, .id = {3, 0}},
        {.type = EFFECT_STREAM_TRIM, .key = s, .count = 0},
        {.type = EFFECT_STREAM_DELETE, .key = s, .count = 2, .ids = ids},
        {.type = EFFECT_STREAM_DELETE, .key = s, .count = 1, .ids = &ids[2]},
        {.type = EFFECT_STREAM_SET_IDS, .key = s, .id = {2, 9}, .offset = 1},
        {.type = EFFECT_STREAM_SET_IDS, .key = SLICE("new"), .id = {2, 9}, .offset = 1},
        {.type = EFFECT_STREAM_SET_IDS, .key = s, .id = {9, 0}, .total = UINT64_MAX},
        {.type = EFFECT_STREAM_CONFIG, .key = s, .offset = 1},
        {.type = EFFECT_STREAM_IDMP, .key = s, .group = g, .consumer = c},
        {.type = EFFECT_STREAM_IDMP, .key = s, .group = g, .consumer = g, .offset = 2},
        {.type = EFFECT_STREAM_IDMP_DROP, .key = s, .group = g, .offset = 2},
        {.type = EFFECT_STREAM_IDMP_DROP, .key = s, .group = no, .offset = 1},
        {.type = EFFECT_GROUP_CREATE, .key = s, .group = g},
        {.type = EFFECT_GROUP_CREATE, .key = SLICE("new"), .group = g},
        {.type = EFFECT_GROUP_SET_ID, .key = s, .group = g, .entries_read = -2},
        {.type = EFFECT_GROUP_DESTROY, .key = s, .group = no},
        {.type = EFFECT_CONSUMER_CREATE, .key = s, .group = g, .consumer = c},
        {.type = EFFECT_CONSUMER_DELETE, .key = s, .group = g, .consumer = no},
        {.type = EFFECT_GROUP_DELIVER, .key = s, .group = g, .consumer = no},
        {.type = EFFECT_GROUP_READ, .key = s, .group = g, .consumer = c, .first = {3, 0}},
        {.type = EFFECT_GROUP_READ,
         .key = s,
         .group = g,
         .consumer = c,
         .count = 1,
         .first = {2, 0},
         .id = {3, 0}},
        {.type = EFFECT_GROUP_READ,
         .key = s,
         .group = g,
         .consumer = c,
         .count = 2,
         .first = {2, 1},
         .id = {3, 0}},
        {.type = EFFECT_GROUP_READ,
         .key = s,
         .group = g,
         .consumer = c,
         .count = 2,
         .first = {2, 0},
         .id = {9, 0}},
        {.type = EFFECT_GROUP_ACK, .key = s, .group = g, .count = 1, .ids = ids},
        {.type = EFFECT_GROUP_CLAIM,
         .key = s,
         .group = g,
         .consumer = no,
         .count = 1,
         .pending = &pending},
        {.type = EFFECT_GROUP_NACK, .key = s, .group = no, .count = 1, .pending = &pending},
    };
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        assert_refused(&world, &effects[i]);
    }
    assert_null(world_find(&world, 0, "new"));
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void effects_that_ask_for_more_than_there_is_are_refused(void **state) {
    (void)state;
    struct world world;
    prepare_state(&world);
    const struct effect_value x = {.bytes = SLICE("x")};
    const struct slice absent[] = {SLICE("absent")};
    const uint32_t too_far[] = {1, 3};
    const uint32_t unordered[] = {1, 0};
    const uint32_t twice[] = {1, 1};
    const struct effect effects[] = {
        {.type = EFFECT_LIST_POP, .key = SLICE("list"), .count = 4},
        {.type = EFFECT_LIST_SET, .key = SLICE("list"), .offset = 3, .values = &x},
        {.type = EFFECT_LIST_INSERT, .key = SLICE("list"), .offset = 4, .values = &x},
        {.type = EFFECT_LIST_REMOVE, .key = SLICE("list"), .count = 2, .indexes = too_far},
        {.type = EFFECT_LIST_REMOVE, .key = SLICE("list"), .count = 2, .indexes = unordered},
        {.type = EFFECT_LIST_REMOVE, .key = SLICE("list"), .count = 2, .indexes = twice},
        {.type = EFFECT_LIST_TRIM, .key = SLICE("list"), .offset = UINT32_MAX, .count = 5},
        {.type = EFFECT_LIST_PUSH, .key = SLICE("list"), .count = 0, .values = &x},
        {.type = EFFECT_LIST_PUSH, .key = SLICE("new"), .count = 0, .values = &x},
        {.type = EFFECT_LIST_POP, .key = SLICE("absent"), .count = 1},
        {.type = EFFECT_HASH_REMOVE, .key = SLICE("hash"), .count = 1, .fields = absent},
        {.type = EFFECT_STRING_WRITE, .key = SLICE("s"), .offset = BLOB_LEN_MAX, .values = &x},
        {.type = EFFECT_KEY_DELETE, .key = SLICE("absent")},
        {.type = EFFECT_KEY_DELETE, .key = SLICE("list"), .reason = 9},
        {.type = EFFECT_KEY_EXPIRE, .key = SLICE("absent"), .at_ms = 1},
        {.type = EFFECT_KEY_EXPIRE, .key = SLICE("list"), .at_ms = -1},
        {.type = EFFECT_KEY_DELETE, .key = SLICE("list"), .db = 16},
        {.type = EFFECT_DB_FLUSH, .db = 16},
        {.type = EFFECT_DB_FLUSH, .key = SLICE("k")},
        {.type = EFFECT_DB_SWAP, .other_db = 16},
        {.type = EFFECT_DB_SWAP, .db = EFFECT_ALL_DATABASES, .other_db = 1},
    };
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        assert_refused(&world, &effects[i]);
    }
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void a_reference_that_leads_nowhere_is_refused(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    const struct blob ref = blob_of_ref(1, 0, 100, 1);
    const struct effect_value value = {.blob = &ref};
    const struct effect push = {
        .type = EFFECT_LIST_PUSH, .key = SLICE("l"), .count = 1, .values = &value};
    const uint64_t base = world_lsn_at(NULL, 1, 0);
    const uint64_t wrong[] = {0, base + 4, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        world_encode(&world, &push);
        effect_relocate(NULL, EFFECT_LIST_PUSH, world.meta.data, world.meta.len, 0, UINT64_MAX,
                        wrong[i] - base);
        assert_err(ERR_CORRUPT,
                   effect_apply(world.keyspace, &world.record, &world.outcome, &world.fault), NULL);
    }
    assert_null(world_find(&world, 0, "l"));
    world_deinit(&world);
}

static void an_edit_of_a_string_that_lies_in_the_log_is_refused(void **state) {
    (void)state;
    struct world world;
    char bytes[100];
    world_init(&world, 1);
    world_set(&world, 0, "s", filled('s', 100, bytes));
    const struct effect_value x = {.bytes = SLICE("x")};
    const struct effect append = {.type = EFFECT_STRING_APPEND, .key = SLICE("s"), .values = &x};
    assert_refused(&world, &append);
    world_deinit(&world);
}

static void an_unknown_type_is_refused_and_named(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    const struct effect flush = {.type = EFFECT_DB_FLUSH};
    world_encode(&world, &flush);
    world.record.type = 250;
    assert_err(ERR_CORRUPT,
               effect_apply(world.keyspace, &world.record, &world.outcome, &world.fault), NULL);
    assert_non_null(strstr(world.fault.text, "UNKNOWN"));
    assert_string_equal(effect_type_name(EFFECT_LIST_PUSH), "LIST_PUSH");
    world_deinit(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_pushed_and_popped_at_both_ends),
        cmocka_unit_test(list_elements_are_set_inserted_removed_and_trimmed),
        cmocka_unit_test(strings_are_set_appended_to_and_written_into),
        cmocka_unit_test(a_set_string_replaces_any_type_and_drops_the_expiry_unless_told),
        cmocka_unit_test(hash_fields_are_set_and_removed),
        cmocka_unit_test(a_deleted_key_says_why),
        cmocka_unit_test(long_values_become_references_to_where_they_lie),
        cmocka_unit_test(an_edited_string_is_copied_with_its_bytes),
        cmocka_unit_test(relocation_shifts_references_into_the_moved_range_only),
        cmocka_unit_test(every_effect_applies_whole_and_is_refused_when_cut_anywhere),
        cmocka_unit_test(a_payload_area_of_another_length_is_refused),
        cmocka_unit_test(effects_on_keys_of_another_type_are_refused),
        cmocka_unit_test(effects_that_do_not_fit_a_stream_are_refused),
        cmocka_unit_test(effects_that_ask_for_more_than_there_is_are_refused),
        cmocka_unit_test(a_reference_that_leads_nowhere_is_refused),
        cmocka_unit_test(an_edit_of_a_string_that_lies_in_the_log_is_refused),
        cmocka_unit_test(an_unknown_type_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
