// Happy path: list, open, read headers; the highest sequence is the log's last segment, and each
// header names the one before. Each segment but the last ends exactly where its successor's header
// says; the last one ends at its first block that is not a valid batch.
//
// Failure modes. A file is missing or shorter than it was made: corrupt. A segment ends before its
// successor says: corrupt, since a segment is begun only when the one before is durable. Behind the
// end of the last segment (at lsn p) lies something: if it is a batch written when p was known to
// be durable, corrupt. If it is the rest of a batch of this place, torn: the write that was cut off
// was never acknowledged. Anything else is left from the slot's former segments.
//
// Former batches are valid by themselves, and never pass: their salt is not this segment's, and a
// batch written before p was the log's end says durable_lsn <= p.
//
// Why the first batch of a segment says durable_lsn = end of the log before it, and not its own
// lsn: header and first batch are one write, and after a crash in it the batch may be there and the
// header not. Such a batch proves nothing about its own header.
#include "storage/log/scan.h"

#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/log.h"
#include "storage/log/record.h"

#define WHAT_TO_DO SCAN_WHAT_TO_DO

// ---- the slots

struct slot_numbers {
    uint32_t *items;
    size_t count;
    size_t cap;
};

static void collect_number(void *context, const char *name) {
    struct slot_numbers *numbers = context;
    uint32_t slot = 0;
    if (!segment_parse_name(name, &slot)) return;
    if (numbers->count == numbers->cap) {
        numbers->cap = numbers->cap == 0 ? 64 : numbers->cap * 2;
        numbers->items = mem_realloc(numbers->items, numbers->cap * sizeof *numbers->items);
    }
    numbers->items[numbers->count++] = slot;
}

static int compare_numbers(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

// Counts the slots; they are numbered without a gap, so the count says it all.
static enum err count_slots(struct scan *scan, struct fault *fault) {
    struct slot_numbers numbers = {0};
    enum err err = vfs_list(scan->vfs, collect_number, &numbers);
    if (err != ERR_NONE) {
        fault_set(fault, err, "cannot list the directory %s (%s); check permissions and the disk",
                  scan->vfs->where, err_name(err));
        goto out;
    }
    if (numbers.count > 0)
        qsort(numbers.items, numbers.count, sizeof *numbers.items, compare_numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        if (numbers.items[i] == i) continue;
        char name[SEGMENT_NAME_BYTES];
        err = fault_set(fault, ERR_CORRUPT, "%s is missing in %s; " WHAT_TO_DO,
                        segment_name(name, (uint32_t)i), scan->vfs->where);
        goto out;
    }
    scan->slot_count = numbers.count;
    scan->slots = mem_alloc_array(numbers.count, sizeof *scan->slots);
out:
    mem_free(numbers.items);
    return err;
}

static enum err check_header(const struct scan *scan, const char *name,
                             const struct segment_header *header, struct fault *fault) {
    enum err err = format_check(header->version, &header->features, name, fault);
    if (err != ERR_NONE) return err;
    if (memcmp(header->uuid, scan->format.uuid, FORMAT_UUID_BYTES) != 0)
        return fault_set(fault, ERR_CORRUPT,
                         "%s belongs to another store than %s; " WHAT_TO_DO " without foreign "
                         "files",
                         name, FORMAT_NAME);
    uint64_t bytes = scan->format.segment_bytes;
    bool is_sane =
        header->segment_bytes == bytes && header->sequence > 0 &&
        header->sequence < UINT64_MAX / bytes && header->base_lsn == header->sequence * bytes &&
        header->prev_sequence < header->sequence && header->prev_end_lsn % LOG_ALIGN == 0;
    if (header->prev_sequence == 0) {
        is_sane = is_sane && header->prev_end_lsn == 0;
    } else {
        uint64_t prev_base = header->prev_sequence * bytes;
        is_sane = is_sane && header->prev_end_lsn > prev_base + LOG_ALIGN &&
                  header->prev_end_lsn <= prev_base + bytes;
    }
    if (is_sane) return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT, "the header of %s contradicts itself; " WHAT_TO_DO, name);
}

static enum err open_slot(struct scan *scan, uint32_t number, unsigned flags, struct fault *fault) {
    struct scan_slot *slot = &scan->slots[number];
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, number);
    enum err err = vfs_open(scan->vfs, name, flags, &slot->file);
    if (err == ERR_NONE) err = vfs_size(slot->file, &slot->size);
    char block[LOG_ALIGN] = {0};
    size_t done = 0;
    if (err == ERR_NONE) err = vfs_read_some(slot->file, block, sizeof block, 0, &done);
    if (err == ERR_LIMIT)
        return fault_set(fault, err,
                         "cannot open %s: too many open files; raise the limit (ulimit -n) above "
                         "%zu",
                         name, scan->slot_count + 64);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot read %s (%s); check permissions and the disk", name,
                         err_name(err));

    bool has_header = segment_decode(block, &slot->header, &slot->has_damaged_copy);
    bool is_short = slot->size < scan->format.segment_bytes;
    if (is_short && (has_header || number + 1 < scan->slot_count))
        return fault_set(fault, ERR_CORRUPT, "%s was cut: it has %llu of %llu bytes; " WHAT_TO_DO,
                         name, (unsigned long long)slot->size,
                         (unsigned long long)scan->format.segment_bytes);
    slot->kind = is_short ? SCAN_SHORT : has_header ? SCAN_HEADED : SCAN_BLANK;
    return has_header ? check_header(scan, name, &slot->header, fault) : ERR_NONE;
}

// ---- the chain

static int compare_links(const void *left, const void *right) {
    uint64_t a = ((const struct scan_link *)left)->sequence;
    uint64_t b = ((const struct scan_link *)right)->sequence;
    return (a > b) - (a < b);
}

struct scan_link *scan_headed(const struct scan *scan, size_t *count) {
    struct scan_link *links = mem_alloc_array(scan->slot_count + 1, sizeof *links);
    *count = 0;
    for (uint32_t i = 0; i < scan->slot_count; i++)
        if (scan->slots[i].kind == SCAN_HEADED)
            links[(*count)++] = (struct scan_link){scan->slots[i].header.sequence, i};
    qsort(links, *count, sizeof *links, compare_links);
    return links;
}

// The newest header says how many slots there are at least.
static enum err check_count(const struct scan *scan, struct fault *fault) {
    if (scan->chain_count == 0) return ERR_NONE;
    const struct scan_slot *last = &scan->slots[scan->chain[scan->chain_count - 1]];
    if (scan->slot_count >= last->header.slots_min) return ERR_NONE;
    char name[SEGMENT_NAME_BYTES];
    return fault_set(fault, ERR_CORRUPT, "%s is missing in %s; " WHAT_TO_DO,
                     segment_name(name, (uint32_t)scan->slot_count), scan->vfs->where);
}

// Follows the previous-segment numbers from the highest sequence down. Since they fall, one pass
// over the headers in descending order meets them all.
static enum err link_chain(struct scan *scan, struct fault *fault) {
    size_t count = 0;
    struct scan_link *links = scan_headed(scan, &count);
    scan->chain = mem_alloc_array(scan->slot_count + 1, sizeof *scan->chain);

    enum err err = ERR_NONE;
    uint64_t wanted = count > 0 ? links[count - 1].sequence : 0;
    scan->top_sequence = wanted;
    for (size_t i = count; i-- > 0;) {
        if (i > 0 && links[i - 1].sequence == links[i].sequence) {
            char one[SEGMENT_NAME_BYTES];
            char other[SEGMENT_NAME_BYTES];
            err =
                fault_set(fault, ERR_CORRUPT, "%s and %s claim to be the same segment; " WHAT_TO_DO,
                          segment_name(one, links[i - 1].slot), segment_name(other, links[i].slot));
            break;
        }
        if (links[i].sequence != wanted) continue;
        struct scan_slot *slot = &scan->slots[links[i].slot];
        slot->is_in_chain = true;
        scan->chain[scan->chain_count++] = links[i].slot;
        wanted = slot->header.prev_sequence;
    }
    for (size_t i = 0; i < scan->chain_count / 2; i++) {
        uint32_t swapped = scan->chain[i];
        scan->chain[i] = scan->chain[scan->chain_count - 1 - i];
        scan->chain[scan->chain_count - 1 - i] = swapped;
    }
    mem_free(links);
    return err == ERR_NONE ? check_count(scan, fault) : err;
}

enum err scan_open(struct scan *scan, struct vfs *vfs, const struct format *format,
                   unsigned file_flags, struct fault *fault) {
    *scan = (struct scan){.vfs = vfs, .format = *format};
    enum err err = count_slots(scan, fault);
    for (uint32_t i = 0; i < scan->slot_count && err == ERR_NONE; i++)
        err = open_slot(scan, i, file_flags, fault);
    if (err != ERR_NONE) return err;
    return link_chain(scan, fault);
}

void scan_close(struct scan *scan) {
    for (size_t i = 0; i < scan->slot_count && !scan->files_are_taken; i++)
        vfs_close(scan->slots[i].file);
    mem_free(scan->slots);
    mem_free(scan->chain);
    mem_free(scan->kept);
    *scan = (struct scan){0};
}

// ---- one segment

static bool count_records(const char *batch, const struct batch_header *header,
                          struct scan_segment *out) {
    size_t offset = BATCH_HEADER_BYTES;
    uint32_t ends = 0;
    while (offset < header->bytes) {
        struct record record;
        if (!record_read(batch + offset, header->bytes - offset, &record)) return false;
        if (record.flags & RECORD_END) ends++;
        out->records++;
        offset += record.bytes;
    }
    out->frames += ends;
    return ends == header->frames &&
           ((header->flags & BATCH_SEAL) == 0 || offset == BATCH_HEADER_BYTES);
}

bool scan_batch_belongs(const struct segment_header *segment, size_t offset, uint64_t checksum,
                        const struct batch_header *batch) {
    uint64_t lsn = segment->base_lsn + offset;
    uint64_t durable_lsn = offset == LOG_ALIGN ? segment->prev_end_lsn : lsn;
    if (MUTANT(FIRST_BATCH_PROVES_HEADER) || MUTANT(PROOF_TOO_LOW))
        durable_lsn = batch->durable_lsn;
    if (MUTANT(SALT_IGNORED))
        return batch->lsn == lsn && batch->durable_lsn == durable_lsn &&
               batch->prev_checksum == checksum;
    return batch->lsn == lsn && batch->durable_lsn == durable_lsn && batch->salt == segment->salt &&
           (batch->prev_checksum == checksum || MUTANT(CHAIN_IGNORED));
}

static enum err read_slot(struct vfs_file *file, uint32_t slot, char *image, size_t len,
                          struct fault *fault) {
    enum err err = vfs_read_at(file, image, len, 0);
    if (err == ERR_NONE) return err;
    char name[SEGMENT_NAME_BYTES];
    return fault_set(fault, err, "cannot read %s (%s); check the disk", segment_name(name, slot),
                     err_name(err));
}

enum err scan_place(const struct scan_place *place, char *image, struct scan_segment *out,
                    struct fault *fault) {
    const struct segment_header *header = place->header;
    const struct segment_header *next = place->next;
    size_t limit = place->segment_bytes;
    if (next != NULL) limit = (size_t)(next->prev_end_lsn - header->base_lsn);
    enum err err = read_slot(place->file, place->slot, image, limit, fault);
    if (err != ERR_NONE) return err;

    char name[SEGMENT_NAME_BYTES];
    segment_name(name, place->slot);
    *out = (struct scan_segment){.end = LOG_ALIGN, .checksum = header->prev_checksum};
    struct batch_header batch;
    while (out->end < limit && batch_decode(image + out->end, limit - out->end, &batch) &&
           scan_batch_belongs(header, out->end, out->checksum, &batch)) {
        if (!count_records(image + out->end, &batch, out))
            return fault_set(fault, ERR_CORRUPT,
                             "%s holds a batch at offset %zu whose checksum is right but whose "
                             "records make no sense; " WHAT_TO_DO " and report this",
                             name, out->end);
        if (place->observer != NULL && place->observer->batch != NULL)
            place->observer->batch(place->observer->context, place->slot, out->end, &batch);
        out->batches++;
        out->last = out->end;
        out->last_header = batch;
        out->checksum = batch.checksum;
        out->end += batch_padded(batch.bytes);
    }
    if (next == NULL || (out->end == limit && out->checksum == next->prev_checksum))
        return ERR_NONE;
    if (MUTANT(ROTTEN_SEGMENT_ENDS_EARLY)) return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT,
                     "%s is damaged at offset %zu, and these bytes were acknowledged: the next "
                     "segment was begun when they were on disk; " WHAT_TO_DO,
                     name, out->end);
}

enum err scan_segment(const struct scan *scan, size_t index, char *image, struct scan_segment *out,
                      struct fault *fault) {
    const uint32_t slot = scan->chain[index];
    const bool is_last = index + 1 == scan->chain_count;
    const struct scan_place place = {
        .file = scan->slots[slot].file,
        .slot = slot,
        .segment_bytes = (size_t)scan->format.segment_bytes,
        .header = &scan->slots[slot].header,
        .next = is_last ? NULL : &scan->slots[scan->chain[index + 1]].header,
        .observer = &scan->observer,
    };
    return scan_place(&place, image, out, fault);
}

// ---- behind the end

struct proof {
    uint32_t slot;
    size_t offset; // 0: none
};

// Whether a batch that is valid by itself lies where it says it does.
static bool is_at_home(const struct scan *scan, size_t at, const struct segment_header *header,
                       const struct batch_header *batch) {
    if (header != NULL) return batch->salt == header->salt && batch->lsn == header->base_lsn + at;
    return batch->lsn % scan->format.segment_bytes == at;
}

static bool proves(const struct batch_header *batch, uint64_t lsn) {
    if (MUTANT(ROT_TAKEN_FOR_TORN)) return false;
    if (MUTANT(FORMER_BATCH_PROVES)) return true;
    return batch->lsn > lsn && batch->durable_lsn > lsn;
}

// The offset of a batch that proves that position `lsn` was durable; 0: none. `header`: of the
// segment, NULL when it is not known. `has_stray` is set when a batch is met that the log would
// have gone on with, had its segment's header come to the disk, too.
static size_t find_proof(const struct scan *scan, struct slice image, size_t from, uint64_t lsn,
                         const struct segment_header *header, bool *has_stray) {
    for (size_t at = from; at + LOG_ALIGN <= image.len; at += LOG_ALIGN) {
        struct batch_header batch;
        if (!batch_decode(image.data + at, image.len - at, &batch)) continue;
        if (!is_at_home(scan, at, header, &batch)) continue;
        if (proves(&batch, lsn)) return at;
        if (batch.lsn > lsn) *has_stray = true;
    }
    return 0;
}

// Behind what is left at `at` of a batch of this segment that was cut off; 0: nothing is. Anything
// else may lie there from the slot's former segments.
static size_t torn_end_of(const char *image, size_t at, size_t bytes,
                          const struct segment_header *header) {
    struct batch_header batch;
    if (!batch_peek(image + at, bytes - at, &batch)) return 0;
    if (batch.salt != header->salt || batch.lsn != header->base_lsn + at) return 0;
    const size_t len = num_max(batch_padded(num_min(batch.bytes, bytes)), LOG_ALIGN);
    return num_min(at + len, bytes);
}

// Slots without a valid header may be those of lost segments. Any other free slot held a segment
// before the last one, and what it was to hold next was never acknowledged (its header would be
// there): it is not read, so that a start does not take longer the more slots are free.
static enum err search_blank(struct scan *scan, uint64_t lsn, char *scratch, struct scan_end *out,
                             struct proof *proof, struct fault *fault) {
    for (uint32_t i = 0; i < scan->slot_count && proof->offset == 0; i++) {
        const struct scan_slot *slot = &scan->slots[i];
        if (slot->kind == SCAN_HEADED) continue;
        const size_t len = (size_t)num_min(slot->size, scan->format.segment_bytes);
        enum err err = read_slot(slot->file, i, scratch, len, fault);
        if (err != ERR_NONE) return err;
        bool has_stray = false;
        const size_t at =
            find_proof(scan, slice_of(scratch, len), LOG_ALIGN, lsn, NULL, &has_stray);
        *proof = (struct proof){i, at};
        if (has_stray && !MUTANT(STRAY_BATCH_IGNORED)) out->is_torn = true;
    }
    return ERR_NONE;
}

struct place {
    char name[2 * SEGMENT_NAME_BYTES];
    size_t offset;
};

static enum err refuse_rot(const struct place *damaged, const struct proof *proof,
                           struct fault *fault) {
    char witness[SEGMENT_NAME_BYTES];
    return fault_set(fault, ERR_CORRUPT,
                     "%s is damaged at offset %zu (or the header of %s is), and these bytes were "
                     "acknowledged: the batch in %s at offset %zu was written when they were on "
                     "disk; " WHAT_TO_DO,
                     damaged->name, damaged->offset, segment_name(witness, proof->slot), witness,
                     proof->offset);
}

// A checkpoint is made of segments behind which another one was durable.
static enum err check_reaches_checkpoint(const struct scan *scan, const struct scan_segment *last,
                                         const struct scan_end *end, const struct place *damaged,
                                         struct fault *fault) {
    const bool is_behind =
        last == NULL || last->batches == 0 ? end->lsn >= scan->from_lsn : end->lsn > scan->from_lsn;
    if (is_behind || scan->from_lsn == 0) return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT,
                     "%s is damaged at offset %zu, or a later segment is missing: the log ends at "
                     "position %llu, and the checkpoint is of position %llu; " WHAT_TO_DO,
                     damaged->name, damaged->offset, (unsigned long long)end->lsn,
                     (unsigned long long)scan->from_lsn);
}

enum err scan_end(struct scan *scan, const char *image, const struct scan_segment *last,
                  char *scratch, struct scan_end *out, struct fault *fault) {
    *out = (struct scan_end){0};
    struct proof proof = {0};
    struct place damaged = {.name = "the first segment"};
    if (last != NULL) {
        const uint32_t slot = scan->chain[scan->chain_count - 1];
        const struct segment_header *header = &scan->slots[slot].header;
        const size_t bytes = (size_t)scan->format.segment_bytes;
        segment_name(damaged.name, slot);
        damaged.offset = last->end;
        out->lsn = last->batches > 0 ? header->base_lsn + last->end : header->prev_end_lsn;
        if (!MUTANT(TORN_BATCH_IGNORED))
            out->torn_end = torn_end_of(image, last->end, bytes, header);
        // A header without its batch is the rest of an unfinished write, too.
        out->is_torn = out->torn_end != 0 || last->batches == 0;
        bool has_stray = false;
        proof.offset =
            find_proof(scan, slice_of(image, bytes), last->end, out->lsn, header, &has_stray);
        proof.slot = slot;
    }
    if (proof.offset == 0) {
        enum err err = search_blank(scan, out->lsn, scratch, out, &proof, fault);
        if (err != ERR_NONE) return err;
    }
    if (proof.offset != 0) return refuse_rot(&damaged, &proof, fault);
    return check_reaches_checkpoint(scan, last, out, &damaged, fault);
}
