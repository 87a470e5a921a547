#include "storage/salvage/replay.h"

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "storage/salvage/walk.h"

void replay_init(struct replay *replay, struct source *source, uint64_t seed) {
    *replay = (struct replay){.source = source};
    const struct blob_space space = source_space(source);
    replay->keyspace = keyspace_new(KEYSPACE_DATABASES_MAX, &space, seed);
    certainty_init(&replay->certainty);
    replay->fit = (struct fit){.keyspace = replay->keyspace,
                               .space = space,
                               .certainty = &replay->certainty,
                               .report = source->report};
}

void replay_deinit(struct replay *replay) {
    keyspace_free(replay->keyspace);
    certainty_deinit(&replay->certainty);
    buf_deinit(&replay->fit.meta);
    buf_deinit(&replay->at.name);
    *replay = (struct replay){0};
}

// ---- strings whose bytes are held in memory

// Whether the bytes that a string effect carries are damaged. Others keep a reference, and are
// looked at when they are copied.
static bool is_damaged(const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    switch (record->record->type) {
    case EFFECT_STRING_SET:
        meta_u8(&fields);
        break;
    case EFFECT_STRING_WRITE:
        meta_u32(&fields);
        break;
    case EFFECT_STRING_APPEND:
        break;
    default:
        return false;
    }
    struct meta_value value;
    if (!meta_value(&fields, &value)) return false;
    const bool is_held = value.tag == TAG_HEAP ||
                         (value.tag == TAG_PAYLOAD && (value.len <= BLOB_MEMORY_MAX ||
                                                       record->record->type != EFFECT_STRING_SET));
    if (!is_held || value.len > record->record->payload.len) return false;
    return hash_payload(slice_sub(record->record->payload, 0, value.len)) != value.hash;
}

// A string that was set as a whole is gone, and what stood there before, too; one of which a part
// was changed stays as it was before.
static void lose_string(struct replay *replay, const struct fit_record *record) {
    char quoted[REPORT_QUOTED_MAX];
    const bool is_set = record->record->type == EFFECT_STRING_SET;
    replay->source->report->losses.payloads++;
    report_say(replay->source->report,
               "lost: database %u, string %s: the bytes at log position %llu are damaged%s",
               record->db, report_quote(quoted, record->key), (unsigned long long)record->lsn,
               is_set ? "" : "; the string stays as it was before this change");
    certainty_spoil(&replay->certainty, record->db, record->key);
    if (!is_set || fit_entry(&replay->fit, record) == NULL) return;
    (void)fit_make(
        &replay->fit,
        &(struct effect){.type = EFFECT_KEY_DELETE, .db = record->db, .key = record->key});
}

// ---- one record

static bool read_head(const struct effect_record *effect, uint64_t lsn, struct fit_record *out) {
    const struct slice meta = effect->meta;
    *out = (struct fit_record){.record = effect, .lsn = lsn};
    out->fields = (struct meta_reader){.at = meta.data, .end = meta.data + meta.len};
    out->db = meta_u16(&out->fields);
    out->key = meta_bytes(&out->fields, meta_u32(&out->fields));
    const bool is_all = effect->type == EFFECT_DB_FLUSH && out->db == EFFECT_ALL_DATABASES;
    return !out->fields.has_failed && out->key.len <= KEYSPACE_KEY_MAX &&
           (is_all || out->db < KEYSPACE_DATABASES_MAX);
}

// Whole databases: what stands there does not matter.
static void apply_whole(struct replay *replay, const struct fit_record *record) {
    struct effect_outcome outcome;
    if (effect_apply(replay->keyspace, record->record, &outcome, NULL) != ERR_NONE) {
        fit_refuse(&replay->fit, record, "it makes no sense");
        return;
    }
    if (record->record->type == EFFECT_DB_SWAP) {
        certainty_swap(&replay->certainty, record->db, outcome.other_db);
        return;
    }
    const bool is_all = record->db == EFFECT_ALL_DATABASES;
    for (unsigned db = 0; db < KEYSPACE_DATABASES_MAX; db++)
        if (is_all || db == record->db) certainty_flush(&replay->certainty, db);
}

static void apply_exactly(struct replay *replay, const struct fit_record *record) {
    struct effect_outcome outcome;
    struct fault fault = {0};
    if (effect_apply(replay->keyspace, record->record, &outcome, &fault) == ERR_NONE) return;
    fit_refuse(&replay->fit, record, fault.text);
    certainty_spoil(&replay->certainty, record->db, record->key);
}

static void apply(struct replay *replay, const struct effect_record *effect, uint64_t lsn) {
    struct fit_record record;
    if (!read_head(effect, lsn, &record)) {
        fit_refuse(&replay->fit, &record, "it cannot be read");
        return;
    }
    const uint8_t type = effect->type;
    if (type == EFFECT_DB_FLUSH || type == EFFECT_DB_SWAP) {
        apply_whole(replay, &record);
        return;
    }
    const bool is_certain = certainty_has(&replay->certainty, record.db, record.key);
    if (is_damaged(&record)) {
        lose_string(replay, &record);
        return;
    }
    if (is_certain)
        apply_exactly(replay, &record);
    else
        fit_apply(&replay->fit, &record);
    const bool is_overwritten = type == EFFECT_KEY_DELETE || type == EFFECT_STRING_SET;
    if (is_overwritten && !is_certain) certainty_give(&replay->certainty, record.db, record.key);
}

// ---- checkpoints

static void suspect(struct replay *replay) {
    if (!replay->has_key || replay->suspect_count == REPLAY_SUSPECTS_MAX) return;
    if (replay->suspects == NULL)
        replay->suspects = mem_alloc_array(REPLAY_SUSPECTS_MAX, sizeof *replay->suspects);
    struct replay_key *added = &replay->suspects[replay->suspect_count++];
    *added = (struct replay_key){.db = replay->at.db};
    buf_append_slice(&added->name, buf_slice(&replay->at.name));
}

static void give_suspects_again(struct replay *replay) {
    for (size_t i = 0; i < replay->suspect_count; i++) {
        struct replay_key *key = &replay->suspects[i];
        const struct fit_record record = {.db = key->db, .key = buf_slice(&key->name)};
        fit_give_again(&replay->fit, &record);
        buf_deinit(&key->name);
    }
    mem_free(replay->suspects);
    replay->suspects = NULL;
    replay->suspect_count = 0;
}

// Whether the record is to be applied: while two checkpoints are merged, those of keys that the
// first one did not have.
static bool takes(struct replay *replay, const struct effect_record *effect) {
    struct fit_record record;
    struct replay_key *at = &replay->at;
    if (!read_head(effect, 0, &record)) return !replay->is_merging;
    const bool is_same =
        replay->has_key && at->db == record.db && slice_equal(buf_slice(&at->name), record.key);
    if (!is_same) {
        replay->has_key = true;
        at->db = record.db;
        buf_reset(&at->name);
        buf_append_slice(&at->name, record.key);
        replay->takes_key = !replay->is_merging ||
                            keyspace_find_raw(replay->keyspace, record.db, record.key) == NULL;
    }
    if (replay->is_behind_damage) suspect(replay);
    replay->is_behind_damage = false;
    return replay->takes_key;
}

static void take_state_record(void *context, const struct effect_record *effect) {
    struct replay *replay = context;
    if (takes(replay, effect)) apply(replay, effect, 0);
}

static void note_hole(void *context) {
    struct replay *replay = context;
    certainty_note_hole(&replay->certainty);
}

static void note_state_damage(void *context) {
    struct replay *replay = context;
    note_hole(replay);
    suspect(replay);
    replay->is_behind_damage = true;
}

static void read_state(struct replay *replay, const struct state_checkpoint *checkpoint) {
    const struct states_visitor visitor = {
        .context = replay, .record = take_state_record, .damage = note_state_damage};
    replay->has_key = false;
    replay->is_behind_damage = false;
    report_say(replay->source->report, "read: the checkpoint %s, of log position %llu",
               state_file_name(checkpoint->name), (unsigned long long)checkpoint->header.lsn);
    states_read(replay->source, checkpoint, &visitor);
    give_suspects_again(replay);
}

static void read_states(struct replay *replay, const struct states *states) {
    if (states->begin < 0) return;
    const struct state_checkpoint *checkpoint = &states->found[states->begin];
    read_state(replay, checkpoint);
    if (states->also >= 0) {
        report_say(replay->source->report,
                   "note: keys that are missing are taken from the checkpoint before it, if it has "
                   "them");
        replay->is_merging = true;
        read_state(replay, &states->found[states->also]);
        replay->is_merging = false;
        // These keys are older than the log that follows.
        certainty_note_hole(&replay->certainty);
    }
    const bool is_whole = states->is_whole[states->begin];
    if (!is_whole || keyspace_digest(replay->keyspace) == checkpoint->header.digest) return;
    replay->source->report->losses.holes++;
    report_say(replay->source->report,
               "lost: the checkpoint %s does not hold the state it was made of",
               state_file_name(checkpoint->name));
    certainty_note_hole(&replay->certainty);
}

// ---- the log

static void take_record(void *context, const struct log_record *record) {
    struct replay *replay = context;
    const struct effect_record effect = {.type = record->type,
                                         .meta = record->meta,
                                         .payload = record->payload,
                                         .slot = record->slot,
                                         .payload_offset = record->payload_offset};
    apply(replay, &effect, source_lsn_at(replay->source, record->slot, record->payload_offset));
}

void replay_run(struct replay *replay, const struct states *states, struct walk_figures *out) {
    read_states(replay, states);
    const struct walk_visitor visitor = {
        .context = replay, .record = take_record, .hole = note_hole};
    const uint64_t from_lsn = states->begin < 0 ? 0 : states->found[states->begin].header.lsn;
    walk_log(replay->source, from_lsn, &visitor, out);
}
