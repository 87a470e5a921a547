// What is damaged, remembered so that each item is told of once, and said so that an operator knows
// what to do.
#include <inttypes.h>

#include "proto/base/hash.h"
#include "proto/base/num.h"
#include "storage/cleaner.h"
#include "storage/log/segment.h"
#include "storage/scrub_state.h"

enum { NAME_SHOWN_MAX = 64 }; // bytes of a key or field in a message

// The advice when the log behind the checkpoint, or the checkpoint itself, cannot be read again: a
// fold would have to read it.
#define KEEP_RUNNING                                                                               \
    "All that is in memory is whole and is served, but no new checkpoint can be made: "            \
    "BGREWRITEAOF does not help. Do not stop ackd before the queues are drained or copied to "     \
    "another server; otherwise restore a backup, or run ackd-check --salvage on a copy of the "    \
    "directory. Check the disk."
#define NO_START "The next start would be refused. "
#define NO_START_BUT                                                                               \
    "The next start would be refused, unless the checkpoint before it is whole and no file of "    \
    "the log behind that was used again. "

// ---- remembering

// Whether it is new and has to be told.
static bool note(struct scrub *scrub, uint64_t identity, enum scrub_kind kind) {
    for (size_t i = 0; i < scrub->damage_count; i++) {
        struct scrub_damage *damage = &scrub->damages[i];
        if (damage->identity != identity || damage->kind != kind) continue;
        // A list may have the same reference twice (after COPY and LMOVE): the second is another.
        if (damage->pass == scrub->pass) continue;
        damage->pass = scrub->pass;
        return false;
    }
    if (scrub->damage_count < SCRUB_DAMAGE_MAX) {
        scrub->damages[scrub->damage_count++] =
            (struct scrub_damage){.identity = identity, .pass = scrub->pass, .kind = kind};
        return true;
    }
    if (scrub->overflow++ == 0 && scrub->overflow_before == 0)
        trace_event(scrub->trace, TRACE_WARNING, "scrub.many_damaged",
                    "Scrub: more than %d items are damaged. The others are not told one by one; "
                    "INFO counts them (scrub_damaged_values). Check the disk.",
                    SCRUB_DAMAGE_MAX);
    return false;
}

static void keep_if(struct scrub *scrub,
                    bool (*is_kept)(const struct scrub *scrub, const struct scrub_damage *damage)) {
    size_t left = 0;
    for (size_t i = 0; i < scrub->damage_count; i++)
        if (is_kept(scrub, &scrub->damages[i])) scrub->damages[left++] = scrub->damages[i];
    scrub->damage_count = left;
}

static bool is_of_this_pass(const struct scrub *scrub, const struct scrub_damage *damage) {
    return damage->pass == scrub->pass;
}

static bool is_elsewhere(const struct scrub *scrub, const struct scrub_damage *damage) {
    (void)scrub;
    return damage->kind != SCRUB_OF_CHECKPOINT;
}

void scrub_forget_mended(struct scrub *scrub) {
    keep_if(scrub, is_of_this_pass);
    scrub->overflow_before = scrub->overflow;
    scrub->overflow = 0;
}

// ---- checkpoints that mend

bool scrub_wants_fold(const struct scrub *scrub) {
    return scrub->mendable_of != 0 &&
           scrub->mendable_of == scrub->store->checkpoint.header.generation + 1;
}

static void want_fold(struct scrub *scrub) {
    // + 1: there may be none yet.
    scrub->mendable_of = scrub->store->checkpoint.header.generation + 1;
}

void scrub_note_fold(struct scrub *scrub) {
    scrub->mendable_of = 0;
}

void scrub_note_checkpoint(struct scrub *scrub) {
    keep_if(scrub, is_elsewhere);
}

// ---- values

static void append_name(struct buf *into, struct slice name) {
    buf_append_quoted(into, slice_of(name.data, num_min(name.len, NAME_SHOWN_MAX)));
    if (name.len > NAME_SHOWN_MAX) buf_printf(into, "... (%zu bytes)", name.len);
}

static void append_item(struct buf *into, const struct payloads *payloads,
                        const struct payload_group *group, const struct payload_item *item,
                        uint32_t index) {
    switch (group->type) {
    case TYPE_STRING:
        buf_append_str(into, "the string ");
        break;
    case TYPE_LIST:
        buf_printf(into, "element %" PRIu32 " of the list ", index);
        break;
    case TYPE_HASH:
        buf_append_str(into, "field ");
        append_name(into, payloads_field(payloads, item));
        buf_append_str(into, " of the hash ");
        break;
    case TYPE_STREAM:
        buf_printf(into, "entry %" PRIu64 "-%" PRIu64 " of the stream ", item->id.ms, item->id.seq);
        break;
    }
    append_name(into, payloads_key(payloads, group));
    buf_printf(into, " in database %u", group->db);
}

// The same reference under another key is another item. Where in a list it stands may change.
static uint64_t identity_of(const struct payloads *payloads, const struct payload_group *group,
                            const struct payload_item *item) {
    const uint64_t key = hash_bytes(payloads_key(payloads, group), group->db);
    return hash_bytes(payloads_field(payloads, item), key ^ item->lsn << 1);
}

void scrub_found_value(struct scrub *scrub, const struct payloads *payloads,
                       const struct payload_group *group, const struct payload_item *item,
                       uint32_t index) {
    const struct blob *blob = &item->blob;
    if (!note(scrub, identity_of(payloads, group, item), SCRUB_OF_VALUE)) return;
    const bool is_resident = store_resident(scrub->store, blob).data != NULL;
    struct buf what = {0};
    append_item(&what, payloads, group, item, index);
    buf_append_byte(&what, '\0');
    trace_event(scrub->trace, TRACE_WARNING, "scrub.value_damaged",
                "Scrub: %s is damaged: of its %zu bytes at offset %u of seg-%06u on disk, %s. %s",
                what.data, blob_len(blob), blob_offset(blob), blob_slot(blob),
                item->err == ERR_CORRUPT ? "some are not what was written"
                                         : "not all can be read (an error of the disk)",
                is_resident
                    ? "It is served from memory for a while still: write it again now. Check the "
                      "disk."
                    : "It is not served any more, all else is: write it again or remove it. If its "
                      "bytes matter, restore a backup, or see ackd-check --salvage. Check the "
                      "disk.");
    buf_deinit(&what);
}

// ---- the checkpoint

static bool note_place(struct scrub *scrub, enum scrub_kind kind, const char *what, uint64_t of,
                       uint64_t offset) {
    const uint64_t numbers[] = {of, offset};
    return note(
        scrub, hash_bytes(slice_of(numbers, sizeof numbers), hash_bytes(slice_str(what), 0)), kind);
}

static void found_mendable(struct scrub *scrub, const char *what, uint64_t offset) {
    const struct state_header *header = &scrub->checkpoint.header;
    want_fold(scrub);
    if (!note_place(scrub, SCRUB_OF_CHECKPOINT, what, header->generation, offset)) return;
    trace_event(scrub->trace, TRACE_WARNING, "scrub.checkpoint_damaged",
                "Scrub: %s of the checkpoint %s is damaged (offset %llu). A new checkpoint mends "
                "it, and is made as soon as a file of the log is full. Check the disk.",
                what, state_file_name(scrub->checkpoint.name), (unsigned long long)offset);
}

void scrub_found_checkpoint(struct scrub *scrub) {
    const struct scrub_checkpoint *checkpoint = &scrub->checkpoint;
    const struct state_header *header = &checkpoint->header;
    if (checkpoint->records_err != ERR_NONE) {
        if (!note_place(scrub, SCRUB_OF_CHECKPOINT, "records", header->generation,
                        checkpoint->records_offset))
            return;
        trace_event(
            scrub->trace, TRACE_WARNING, "scrub.checkpoint_damaged",
            "Scrub: the checkpoint %s is damaged at offset %llu (%s). " NO_START_BUT KEEP_RUNNING,
            state_file_name(checkpoint->name), (unsigned long long)checkpoint->records_offset,
            err_name(checkpoint->records_err));
        return;
    }
    // A fold reads neither headers nor kept table again: both are in memory.
    if (checkpoint->damaged_copies == STATE_FILES)
        found_mendable(scrub, "the header, and its copy,", 0);
    else if (checkpoint->damaged_copies > 0)
        found_mendable(scrub, "one of the two headers", 0);
    if (checkpoint->is_kept_damaged)
        found_mendable(scrub, "the table of segments", header->kept_at);
}

// ---- segments

static bool is_covered(const struct scrub *scrub, uint64_t sequence) {
    const struct log *log = scrub->store->log;
    for (size_t i = 0; i < log_segment_count(log); i++) {
        const struct log_segment_use use = log_segment_at(log, i);
        if (use.sequence == sequence) return use.is_covered;
    }
    return false;
}

static void found_segment(struct scrub *scrub, const struct log_audit_result *result,
                          const char *what, const char *advice) {
    if (!note_place(scrub, SCRUB_OF_SEGMENT, what, result->sequence, result->offset)) return;
    trace_event(scrub->trace, TRACE_WARNING, "scrub.segment_damaged",
                "Scrub: %s of seg-%06u is damaged (offset %zu, %s). %s", what, result->slot,
                result->offset, err_name(result->err), advice);
}

// Its payloads can be read, and are moved; then the next checkpoint does not need the file.
static void move_out(struct scrub *scrub, uint64_t sequence) {
    (void)cleaner_take(scrub->store->cleaner, sequence); // may be one of its victims already
}

#define MOVED_OUT                                                                                  \
    "The next start would be refused, so what is alive in it is moved to another file (if "        \
    "log-clean-rate is not 0); the checkpoint after that does without it. Check the disk."
#define SPARE_COPY                                                                                 \
    "The other copy is whole, and the file is given up by the next checkpoints. Check the disk."

void scrub_found_segment(struct scrub *scrub, const struct log_audit_result *result) {
    const bool covered = is_covered(scrub, result->sequence);
    switch (result->damage) {
    case LOG_AUDIT_WHOLE:
        break;
    case LOG_AUDIT_HEADER:
        if (covered) move_out(scrub, result->sequence);
        found_segment(scrub, result, "the header, and its copy,",
                      covered ? MOVED_OUT : NO_START KEEP_RUNNING);
        return;
    case LOG_AUDIT_BATCH:
        // Meanwhile it may have come to be covered: nobody reads its batches any more.
        if (!covered) found_segment(scrub, result, "a batch", NO_START KEEP_RUNNING);
        break;
    }
    if (!result->has_damaged_copy) return;
    struct log_audit_result copy = *result;
    copy.offset = 0;
    copy.err = ERR_CORRUPT;
    if (covered)
        move_out(scrub, result->sequence);
    else if (result->damage == LOG_AUDIT_WHOLE)
        want_fold(scrub);
    found_segment(scrub, &copy, "one of the two headers", SPARE_COPY);
}
