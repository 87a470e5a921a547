// Applies effects. The record may hold anything (fuzz_effect.c feeds garbage): what a field asks
// for is checked against the meta and the state before it is done, and nothing is allocated because
// a length field asks for it. What is refused halfway leaves a keyspace that is safe to look at and
// to free, but it is no longer a state the log describes.
#include "storage/data/effect_apply.h"

#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"
#include "storage/data/effect_meta.h"
#include "storage/data/keyspace_state.h"

enum {
    PUSHED_AT_ONCE = 256,      // values of a LIST_PUSH taken before they are placed
    FIELDS_AT_ONCE = 32,       // of a HASH_SET, likewise
    REMOVED_AT_ONCE = 1 << 12, // indexes of a LIST_REMOVE that are decoded before these elements go
    CHECKED_LIST_MAX = 512,    // debug builds check lists up to this length after each change
    INDEXED_AT_ONCE = 1 << 12, // elements; in the list's index, per LIST_REMOVE
};

// ---- the key

// The entry becomes one of that type, created if need be.
void apply_create_entry(struct apply *apply, enum value_type type) {
    struct keyspace *keyspace = apply->keyspace;
    struct entry *entry = keyspace_create(keyspace, apply->out->db, apply->out->key);
    entry->type = (uint8_t)type;
    switch (type) {
    case TYPE_STRING:
        entry->value.string = blob_of_bytes(SLICE_EMPTY);
        break;
    case TYPE_LIST:
        entry->value.list = list_new();
        break;
    case TYPE_HASH:
        entry->value.hash = hash_new(keyspace->seed);
        break;
    case TYPE_STREAM:
        entry->value.stream = stream_new();
        break;
    }
    apply->entry = entry;
    apply->out->created = true;
}

static void remove_entry(struct apply *apply) {
    keyspace_remove(apply->keyspace, apply->out->db, apply->entry);
    apply->entry = NULL;
    apply->out->removed = true;
}

static enum err apply_key_delete(struct apply *apply) {
    apply->out->reason = meta_u8(&apply->meta);
    if (apply->out->reason > DELETE_EXPIRED) return refuse(apply, "an unknown reason");
    if (apply->entry == NULL) return refuse(apply, "the key is not there");
    remove_entry(apply);
    return ERR_NONE;
}

static enum err apply_key_expire(struct apply *apply) {
    const int64_t at_ms = (int64_t)meta_u64(&apply->meta);
    if (apply->entry == NULL) return refuse(apply, "the key is not there");
    if (at_ms < 0) return refuse(apply, "a time before 1970");
    keyspace_expire(apply->keyspace, apply->out->db, apply->entry, at_ms);
    return ERR_NONE;
}

// ---- strings

static enum err apply_string_set(struct apply *apply) {
    const uint8_t keeps_expiry = meta_u8(&apply->meta);
    if (keeps_expiry > 1) return refuse(apply, "a flag is neither 0 nor 1");
    struct blob value;
    const enum err err = apply_take_value(apply, &value);
    if (err != ERR_NONE) return err;
    if (apply->entry == NULL) apply_create_entry(apply, TYPE_STRING);
    struct entry *entry = apply->entry;
    keyspace_clear(apply->keyspace, entry);
    entry->value.string = value;
    if (MUTANT(SET_KEEPS_EXPIRY)) return ERR_NONE;
    if (entry->expire_ms != 0 && !keeps_expiry) {
        keyspace_expire(apply->keyspace, apply->out->db, entry, 0);
    }
    return ERR_NONE;
}

static enum err apply_string_edit(struct apply *apply) {
    const bool appends = apply->record->type == EFFECT_STRING_APPEND;
    size_t offset = appends ? 0 : meta_u32(&apply->meta);
    struct slice bytes;
    const enum err err = apply_take_bytes(apply, &bytes);
    if (err != ERR_NONE) return err;
    if (!holds_or_absent(apply, TYPE_STRING)) return refuse(apply, "the key is not a string");
    if (apply->entry != NULL) {
        const struct blob *string = &apply->entry->value.string;
        if (blob_kind(string) == BLOB_REF) return refuse(apply, "the string is not in memory");
        if (appends) offset = blob_len(string);
    }
    if (offset > BLOB_LEN_MAX || bytes.len > BLOB_LEN_MAX - offset) {
        return refuse(apply, "the string gets too long");
    }
    if (apply->entry == NULL) apply_create_entry(apply, TYPE_STRING);
    struct blob *string = &apply->entry->value.string;
    const size_t before = blob_len(string);
    blob_write(string, offset, bytes);
    apply->out->held_bytes = blob_len(string) - before;
    return ERR_NONE;
}

// ---- lists

static struct list *list_of(const struct apply *apply) {
    return apply->entry->value.list;
}

static enum err take_end(struct apply *apply, enum list_end *out) {
    const uint8_t end = meta_u8(&apply->meta);
    if (end > LIST_TAIL) return refuse(apply, "an unknown end of a list");
    *out = (enum list_end)end;
    return ERR_NONE;
}

static enum err apply_list_push(struct apply *apply) {
    enum list_end end;
    enum err err = take_end(apply, &end);
    const uint32_t count = meta_u32(&apply->meta);
    if (err != ERR_NONE) return err;
    if (!holds_or_absent(apply, TYPE_LIST)) return refuse(apply, "the key is not a list");
    if (count == 0 || count > EFFECT_ELEMENTS_MAX) return refuse(apply, "a count out of range");
    if (apply->entry != NULL && count > LIST_LEN_MAX - list_len(list_of(apply))) {
        return refuse(apply, "the list gets too long");
    }
    for (uint32_t left = count; left > 0 && err == ERR_NONE;) {
        struct blob values[PUSHED_AT_ONCE];
        size_t taken = 0;
        err = apply_take_values(apply, values, num_min(left, PUSHED_AT_ONCE), &taken);
        if (taken == 0) break;
        if (apply->entry == NULL) apply_create_entry(apply, TYPE_LIST);
        list_push_all(list_of(apply), end, values, taken);
        left -= (uint32_t)taken;
    }
    apply->out->added = count;
    return err;
}

static void leave(void *context, struct blob *blob) {
    keyspace_leave(context, blob);
}

// Whole chunks go together, and in steps: a trim may take millions.
static void pop_many(struct apply *apply, enum list_end end, size_t count) {
    struct list *cut = count < CUT_MIN ? NULL : list_cut(list_of(apply), end, count);
    if (cut != NULL) {
        count -= list_len(cut);
        keyspace_discard(apply->keyspace, TYPE_LIST, (union entry_value){.list = cut});
    }
    list_pop_many(list_of(apply), end, count, leave, apply->keyspace);
}

static void remove_if_empty_list(struct apply *apply) {
    if (MUTANT(EMPTY_LIST_KEPT)) return;
    if (list_len(list_of(apply)) == 0) remove_entry(apply);
}

// Whether the list goes with so many elements; then it has gone, whole.
static bool removes_all(struct apply *apply, size_t count) {
    if (count < list_len(list_of(apply)) || MUTANT(EMPTY_LIST_KEPT)) return false;
    remove_entry(apply);
    return true;
}

static enum err apply_list_pop(struct apply *apply) {
    enum list_end end;
    const enum err err = take_end(apply, &end);
    const uint32_t count = meta_u32(&apply->meta);
    if (err != ERR_NONE) return err;
    if (!holds(apply, TYPE_LIST)) return refuse(apply, "the key is not a list");
    if (count > list_len(list_of(apply))) return refuse(apply, "the list has not so many elements");
    if (removes_all(apply, count)) return ERR_NONE;
    pop_many(apply, end, count);
    remove_if_empty_list(apply);
    return ERR_NONE;
}

static enum err apply_list_set(struct apply *apply) {
    const uint32_t index = meta_u32(&apply->meta);
    if (!holds(apply, TYPE_LIST)) return refuse(apply, "the key is not a list");
    if (index >= list_len(list_of(apply))) return refuse(apply, "an index out of range");
    struct blob value;
    const enum err err = apply_take_value(apply, &value);
    if (err != ERR_NONE) return err;
    struct blob old = list_replace(list_of(apply), index, value);
    keyspace_leave(apply->keyspace, &old);
    return ERR_NONE;
}

static enum err apply_list_insert(struct apply *apply) {
    const uint32_t index = meta_u32(&apply->meta);
    if (!holds(apply, TYPE_LIST)) return refuse(apply, "the key is not a list");
    if (index > list_len(list_of(apply))) return refuse(apply, "an index out of range");
    if (list_len(list_of(apply)) >= LIST_LEN_MAX) return refuse(apply, "the list gets too long");
    struct blob value;
    const enum err err = apply_take_value(apply, &value);
    if (err != ERR_NONE) return err;
    list_insert(list_of(apply), index, value);
    apply->out->added = 1;
    return ERR_NONE;
}

static void take_indexes(const char *encoded, size_t count, uint32_t *out) {
    for (size_t i = 0; i < count; i++)
        out[i] = load_u32le(encoded + i * sizeof *out);
}

static void leave_refs(void *context, const struct blob *row, size_t len) {
    keyspace_leave_refs(context, row, len);
}

// What goes is given back in steps, as when a list is trimmed, but for scattered references, which
// are sooner counted off than kept. From the back: what goes first must
// not shift the positions of what goes later.
static void cut_many(struct apply *apply, const char *encoded, size_t count) {
    struct list *cut = list_cut_new(list_of(apply));
    while (count > 0) {
        uint32_t indexes[REMOVED_AT_ONCE];
        const size_t some = num_min(count, REMOVED_AT_ONCE);
        count -= some;
        take_indexes(encoded + count * sizeof *indexes, some, indexes);
        list_cut_many(list_of(apply), cut, indexes, some, leave_refs, apply->keyspace);
    }
    keyspace_discard(apply->keyspace, TYPE_LIST, (union entry_value){.list = cut});
}

static void remove_many(struct apply *apply, const char *encoded, size_t count) {
    uint32_t indexes[CUT_MIN];
    if (count >= CUT_MIN) {
        cut_many(apply, encoded, count);
        return;
    }
    take_indexes(encoded, count, indexes);
    list_remove_many(list_of(apply), indexes, count, leave, apply->keyspace);
}

static enum err apply_list_remove(struct apply *apply) {
    const uint32_t count = meta_u32(&apply->meta);
    const struct slice indexes = meta_bytes(&apply->meta, (size_t)count * sizeof(uint32_t));
    if (apply->meta.has_failed || count == 0) return refuse(apply, "a count out of range");
    if (!holds(apply, TYPE_LIST)) return refuse(apply, "the key is not a list");
    size_t bound = list_len(list_of(apply));
    // Checked all before the first goes; from the last to the first, as they are removed.
    for (size_t i = count; i > 0; i--) {
        const uint32_t index = load_u32le(indexes.data + (i - 1) * sizeof(uint32_t));
        if (index >= bound) return refuse(apply, "indexes out of range or out of order");
        bound = index;
    }
    remove_many(apply, indexes.data, count);
    // Whoever searches once will search again, but not for so many.
    if (count < CUT_MIN) list_index_build(list_of(apply), INDEXED_AT_ONCE);
    remove_if_empty_list(apply);
    return ERR_NONE;
}

static enum err apply_list_trim(struct apply *apply) {
    const uint32_t from_head = meta_u32(&apply->meta);
    const uint32_t from_tail = meta_u32(&apply->meta);
    if (!holds(apply, TYPE_LIST)) return refuse(apply, "the key is not a list");
    if ((uint64_t)from_head + from_tail > list_len(list_of(apply))) {
        return refuse(apply, "the list has not so many elements");
    }
    if (removes_all(apply, (size_t)from_head + from_tail)) return ERR_NONE;
    pop_many(apply, LIST_HEAD, from_head);
    pop_many(apply, MUTANT(TRIM_FROM_ONE_END) ? LIST_HEAD : LIST_TAIL, from_tail);
    remove_if_empty_list(apply);
    return ERR_NONE;
}

// ---- hashes

static enum err take_field(struct apply *apply, struct slice *out) {
    *out = meta_bytes(&apply->meta, meta_u32(&apply->meta));
    if (apply->meta.has_failed) return refuse(apply, "a field cannot be read");
    if (out->len > HASH_FIELD_MAX) return refuse(apply, "a field is too long");
    return ERR_NONE;
}

struct pair {
    struct slice field;
    struct blob value;
};

// *taken were read, and are to be set, also when the one behind them is refused.
static enum err take_pairs(struct apply *apply, struct pair *out, size_t count, size_t *taken) {
    enum err err = ERR_NONE;
    for (*taken = 0; *taken < count; ++*taken) {
        struct pair *pair = &out[*taken];
        err = take_field(apply, &pair->field);
        if (err == ERR_NONE) err = apply_take_value(apply, &pair->value);
        if (err != ERR_NONE) break;
    }
    return err;
}

// In a large hash each field is a wait for memory; of several they run side by side.
static void set_pairs(struct apply *apply, const struct pair *pairs, size_t count) {
    struct hash_type *hash = apply->entry->value.hash;
    for (size_t i = 0; i < count && count > 1; i++)
        hash_fetch(hash, pairs[i].field, DICT_BUCKET);
    for (size_t i = 0; i < count && count > 1; i++)
        hash_fetch(hash, pairs[i].field, DICT_ENTRY);
    for (size_t i = 0; i < count; i++) {
        struct blob old;
        apply->out->added += hash_set(hash, pairs[i].field, pairs[i].value, &old);
        keyspace_leave(apply->keyspace, &old);
    }
}

static enum err apply_hash_set(struct apply *apply) {
    const uint32_t count = meta_u32(&apply->meta);
    if (!holds_or_absent(apply, TYPE_HASH)) return refuse(apply, "the key is not a hash");
    if (count == 0 || count > EFFECT_ELEMENTS_MAX) return refuse(apply, "a count out of range");
    enum err err = ERR_NONE;
    for (uint32_t left = count; left > 0 && err == ERR_NONE;) {
        struct pair pairs[FIELDS_AT_ONCE];
        size_t taken = 0;
        err = take_pairs(apply, pairs, num_min(left, FIELDS_AT_ONCE), &taken);
        if (taken == 0) break;
        if (apply->entry == NULL) apply_create_entry(apply, TYPE_HASH);
        set_pairs(apply, pairs, taken);
        left -= (uint32_t)taken;
    }
    return err;
}

static enum err apply_hash_remove(struct apply *apply) {
    const uint32_t count = meta_u32(&apply->meta);
    if (!holds(apply, TYPE_HASH)) return refuse(apply, "the key is not a hash");
    if (count == 0 || count > hash_len(apply->entry->value.hash)) {
        return refuse(apply, "a count out of range");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct slice field;
        const enum err err = take_field(apply, &field);
        if (err != ERR_NONE) return err;
        struct blob old;
        if (!hash_remove(apply->entry->value.hash, field, &old)) {
            return refuse(apply, "a field is not there");
        }
        keyspace_leave(apply->keyspace, &old);
    }
    if (hash_len(apply->entry->value.hash) == 0) remove_entry(apply);
    return ERR_NONE;
}

// ---- whole databases

static enum err apply_db_flush(struct apply *apply) {
    struct keyspace *keyspace = apply->keyspace;
    if (apply->out->key.len > 0) return refuse(apply, "a key where none belongs");
    if (apply->out->db != EFFECT_ALL_DATABASES) {
        keyspace_flush(keyspace, apply->out->db);
        return ERR_NONE;
    }
    for (unsigned db = 0; db < keyspace->used; db++)
        keyspace_flush(keyspace, db);
    return ERR_NONE;
}

static enum err apply_db_swap(struct apply *apply) {
    const unsigned other = meta_u16(&apply->meta);
    if (apply->out->key.len > 0) return refuse(apply, "a key where none belongs");
    if (other >= apply->keyspace->count) return refuse(apply, "a database that does not exist");
    apply->out->other_db = other;
    keyspace_swap(apply->keyspace, apply->out->db, other);
    return ERR_NONE;
}

// ---- the door

static enum err apply_fields(struct apply *apply) {
    switch (apply->record->type) {
    case EFFECT_KEY_DELETE:
        return apply_key_delete(apply);
    case EFFECT_KEY_EXPIRE:
        return apply_key_expire(apply);
    case EFFECT_DB_FLUSH:
        return apply_db_flush(apply);
    case EFFECT_DB_SWAP:
        return apply_db_swap(apply);
    case EFFECT_STRING_SET:
        return apply_string_set(apply);
    case EFFECT_STRING_APPEND:
    case EFFECT_STRING_WRITE:
        return apply_string_edit(apply);
    case EFFECT_RELOCATE:
        return apply_relocate(apply);
    case EFFECT_LIST_PUSH:
        return apply_list_push(apply);
    case EFFECT_LIST_POP:
        return apply_list_pop(apply);
    case EFFECT_LIST_SET:
        return apply_list_set(apply);
    case EFFECT_LIST_INSERT:
        return apply_list_insert(apply);
    case EFFECT_LIST_REMOVE:
        return apply_list_remove(apply);
    case EFFECT_LIST_TRIM:
        return apply_list_trim(apply);
    case EFFECT_HASH_SET:
        return apply_hash_set(apply);
    case EFFECT_HASH_REMOVE:
        return apply_hash_remove(apply);
    default:
        if (apply->record->type >= EFFECT_STREAM_ADD) return apply_stream_fields(apply);
        return refuse(apply, "an effect this version does not know");
    }
}

// Database and key, the same for all types.
static enum err take_header(struct apply *apply) {
    struct effect_outcome *out = apply->out;
    out->db = meta_u16(&apply->meta);
    out->key = meta_bytes(&apply->meta, meta_u32(&apply->meta));
    if (apply->meta.has_failed) return refuse(apply, "the meta is too short");
    const bool is_all = apply->record->type == EFFECT_DB_FLUSH && out->db == EFFECT_ALL_DATABASES;
    if (out->db >= apply->keyspace->count && !is_all) {
        return refuse(apply, "a database that does not exist");
    }
    if (out->key.len > KEYSPACE_KEY_MAX) return refuse(apply, "the key is too long");
    if (!is_all) apply->entry = keyspace_entry(apply->keyspace, out->db, out->key);
    return ERR_NONE;
}

static bool is_whole_database(uint8_t type) {
    return type == EFFECT_DB_FLUSH || type == EFFECT_DB_SWAP;
}

#ifdef ACKD_CHECK
static void check_entry(const struct entry *entry) {
    if (entry->type == TYPE_HASH) hash_check(entry->value.hash);
    if (entry->type == TYPE_STREAM && stream_len(entry->value.stream) <= CHECKED_LIST_MAX) {
        stream_check(entry->value.stream);
    }
    if (entry->type != TYPE_LIST || list_len(entry->value.list) > CHECKED_LIST_MAX) return;
    list_check(entry->value.list);
}
#endif

enum err effect_apply(struct keyspace *keyspace, const struct effect_record *record,
                      struct effect_outcome *out, struct fault *fault) {
    *out = (struct effect_outcome){.type = (enum effect_type)record->type};
    struct apply apply = {
        .keyspace = keyspace,
        .record = record,
        .out = out,
        .meta = {.at = record->meta.data, .end = record->meta.data + record->meta.len},
    };
    enum err err = take_header(&apply);
    if (err == ERR_NONE) err = apply_fields(&apply);
    if (err == ERR_NONE && !meta_is_done(&apply.meta)) {
        err = refuse(&apply, "the meta is too short or too long");
    }
    if (err == ERR_NONE && apply.payload_used != record->payload.len) {
        err = refuse(&apply, "the payload area is too long");
    }
    if (err != ERR_NONE) {
        return fault_set(fault, err, "effect %s in database %u: %s", effect_type_name(record->type),
                         out->db, apply.why);
    }
    if (apply.entry != NULL && !is_whole_database(record->type)) {
        out->value_type = apply.entry->type;
#ifdef ACKD_CHECK
        check_entry(apply.entry);
#endif
    }
    return ERR_NONE;
}
