#include "storage/salvage/source.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/batch.h"
#include "storage/log/log.h"

// ---- the names

struct slot_list {
    uint32_t *items;
    size_t count;
    size_t cap;
};

static void collect_slot(void *context, const char *name) {
    struct slot_list *list = context;
    uint32_t slot = 0;
    if (!segment_parse_name(name, &slot)) return;
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 64 : list->cap * 2;
        list->items = mem_realloc(list->items, list->cap * sizeof *list->items);
    }
    list->items[list->count++] = slot;
}

static int compare_slots(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

// ---- ackd.format

static bool is_segment_size(uint64_t bytes) {
    return bytes >= LOG_SEGMENT_BYTES_MIN && bytes <= LOG_SEGMENT_BYTES_DEFAULT &&
           (bytes & (bytes - 1)) == 0;
}

// What ackd.format said, from the first header that is valid; else the segment size from the size
// of the files alone.
static bool guess_format(struct source *source, const struct slot_list *slots) {
    uint64_t largest = 0;
    for (size_t i = 0; i < slots->count; i++) {
        char block[LOG_ALIGN];
        struct segment_header header;
        bool has_damaged_copy = false;
        (void)source_read(source, slots->items[i], block, sizeof block, 0);
        if (segment_decode(block, &header, &has_damaged_copy) &&
            is_segment_size(header.segment_bytes)) {
            source->format = (struct format){.version = header.version,
                                             .segment_bytes = header.segment_bytes,
                                             .features = header.features};
            memcpy(source->format.uuid, header.uuid, FORMAT_UUID_BYTES);
            return true;
        }
        char name[SEGMENT_NAME_BYTES];
        struct vfs_file *file = NULL;
        uint64_t size = 0;
        segment_name(name, slots->items[i]);
        if (vfs_open(source->vfs, name, VFS_READ, &file) == ERR_NONE &&
            vfs_size(file, &size) == ERR_NONE)
            largest = num_max(largest, size);
        vfs_close(file);
    }
    source->format = (struct format){.version = FORMAT_VERSION, .segment_bytes = largest};
    return is_segment_size(largest);
}

static enum err find_format(struct source *source, const struct slot_list *slots,
                            struct fault *fault) {
    struct fault cause = {0};
    const enum err err = format_load(source->vfs, &source->format, &cause);
    if (err == ERR_NONE) return ERR_NONE;
    if (err == ERR_FORMAT) return fault_set(fault, err, "%s", cause.text);
    if (!guess_format(source, slots))
        return fault_set(fault, ERR_NOT_FOUND,
                         "%s has no %s that can be read, and no segment file that says what it "
                         "said; is it a data directory of ackd?",
                         source->vfs->where, FORMAT_NAME);
    report_say(source->report,
               "note: %s is missing or damaged; what it said was found in the segment files",
               FORMAT_NAME);
    return format_check(source->format.version, &source->format.features, "a segment file", fault);
}

// ---- the slots

static bool is_ours(const struct source *source, const struct segment_header *header) {
    const uint64_t bytes = source->format.segment_bytes;
    return header->version == FORMAT_VERSION && header->features.incompatible == 0 &&
           memcmp(header->uuid, source->format.uuid, FORMAT_UUID_BYTES) == 0 &&
           header->segment_bytes == bytes && header->sequence > 0 &&
           header->sequence < UINT64_MAX / bytes && header->base_lsn == header->sequence * bytes &&
           header->prev_sequence < header->sequence;
}

// The batch at that place is valid by itself and lies where it says it does.
static bool batch_at_home(const char *image, size_t at, size_t bytes, struct batch_header *out) {
    return batch_decode(image + at, bytes - at, out) && out->lsn % bytes == at && out->lsn >= bytes;
}

// Looks for the newest segment that the slot held: later ones overwrite from the beginning, so its
// batches come first, and those of former ones have lower numbers.
static bool rebuild(const struct source *source, const char *image, struct source_segment *out) {
    const size_t bytes = (size_t)source->format.segment_bytes;
    struct batch_header batch;
    struct batch_header newest = {0};
    for (size_t at = LOG_ALIGN; at + LOG_ALIGN <= bytes; at += LOG_ALIGN) {
        if (!batch_at_home(image, at, bytes, &batch)) continue;
        if (batch.lsn / bytes > newest.lsn / bytes) newest = batch;
    }
    const uint64_t sequence = newest.lsn / bytes;
    if (sequence == 0) return false;
    out->is_rebuilt = true;
    out->header = (struct segment_header){.version = FORMAT_VERSION,
                                          .segment_bytes = bytes,
                                          .sequence = sequence,
                                          .base_lsn = sequence * bytes,
                                          .salt = newest.salt,
                                          .epoch = newest.epoch};
    for (size_t at = LOG_ALIGN; at + LOG_ALIGN <= bytes; at += LOG_ALIGN) {
        if (!batch_at_home(image, at, bytes, &batch)) continue;
        if (batch.salt != newest.salt || batch.lsn / bytes != sequence) continue;
        if (at != LOG_ALIGN) {
            out->has_second = true;
            break;
        }
        // A first batch carries what the header said of the segment before.
        out->header.prev_end_lsn = batch.durable_lsn;
        out->header.prev_checksum = batch.prev_checksum;
        out->header.prev_sequence = batch.durable_lsn == 0 ? 0 : (batch.durable_lsn - 1) / bytes;
        out->knows_previous = out->header.prev_sequence < sequence;
    }
    return true;
}

static void add_segment(struct source *source, uint32_t slot, char *image) {
    char block[LOG_ALIGN];
    char name[SEGMENT_NAME_BYTES];
    struct source_segment segment = {.slot = slot, .knows_previous = true};
    bool has_damaged_copy = false;
    segment_name(name, slot);
    (void)source_read(source, slot, block, sizeof block, 0);
    if (segment_decode(block, &segment.header, &has_damaged_copy)) {
        if (!is_ours(source, &segment.header)) {
            report_say(source->report,
                       "note: %s belongs to another store or contradicts itself; "
                       "it is not used",
                       name);
            return;
        }
    } else {
        segment.knows_previous = false;
        (void)source_read(source, slot, image, (size_t)source->format.segment_bytes, 0);
        if (!rebuild(source, image, &segment)) return;
        report_say(source->report,
                   "note: the header of %s is damaged; its batches are those of segment %llu", name,
                   (unsigned long long)segment.header.sequence);
    }
    source->segments[source->count++] = segment;
}

static int compare_segments(const void *left, const void *right) {
    const struct source_segment *a = left;
    const struct source_segment *b = right;
    if (a->header.sequence != b->header.sequence)
        return (a->header.sequence > b->header.sequence) -
               (a->header.sequence < b->header.sequence);
    // The one with a header first, then the younger one.
    if (a->is_rebuilt != b->is_rebuilt) return a->is_rebuilt ? 1 : -1;
    return (a->header.epoch < b->header.epoch) - (a->header.epoch > b->header.epoch);
}

static void drop_doubles(struct source *source) {
    size_t kept = 0;
    for (size_t i = 0; i < source->count; i++) {
        const struct source_segment *segment = &source->segments[i];
        if (kept > 0 && source->segments[kept - 1].header.sequence == segment->header.sequence) {
            char name[SEGMENT_NAME_BYTES];
            if (!segment->is_rebuilt)
                report_say(source->report,
                           "note: %s claims to be segment %llu, as another file does; it is not "
                           "used",
                           segment_name(name, segment->slot),
                           (unsigned long long)segment->header.sequence);
            continue;
        }
        source->segments[kept++] = *segment;
    }
    source->count = kept;
    for (size_t i = 0; i < kept; i++)
        source->sequences[source->segments[i].slot] = source->segments[i].header.sequence;
}

static void read_slots(struct source *source, const struct slot_list *slots) {
    char *image = mem_alloc((size_t)source->format.segment_bytes);
    source->segments = mem_alloc_array(slots->count + 1, sizeof *source->segments);
    source->sequences = mem_zalloc((source->slots_end + (size_t)1) * sizeof *source->sequences);
    for (size_t i = 0; i < slots->count; i++)
        add_segment(source, slots->items[i], image);
    mem_free(image);
    qsort(source->segments, source->count, sizeof *source->segments, compare_segments);
    drop_doubles(source);
}

enum err source_open(struct source *source, struct vfs *vfs, struct report *report,
                     struct fault *fault) {
    *source = (struct source){.vfs = vfs, .report = report};
    struct slot_list slots = {0};
    enum err err = vfs_list(vfs, collect_slot, &slots);
    if (err != ERR_NONE) {
        fault_set(fault, err, "cannot list the directory %s (%s); check permissions and the disk",
                  vfs->where, err_name(err));
    } else {
        if (slots.count > 0) qsort(slots.items, slots.count, sizeof *slots.items, compare_slots);
        source->slots_end = slots.count > 0 ? slots.items[slots.count - 1] + 1 : 0;
        source->slots_found = (uint32_t)slots.count;
        err = find_format(source, &slots, fault);
    }
    if (err == ERR_NONE) read_slots(source, &slots);
    mem_free(slots.items);
    return err;
}

void source_close(struct source *source) {
    for (size_t i = 0; i < SOURCE_OPEN_FILES; i++)
        vfs_close(source->files[i].file);
    mem_free(source->segments);
    mem_free(source->sequences);
    mem_free(source->chain);
    mem_free(source->lost);
    *source = (struct source){0};
}

// ---- the chain

// The index of the segment with the highest sequence that is at most `sequence`; count: none.
static size_t find_at_most(const struct source *source, uint64_t sequence) {
    size_t low = 0;
    size_t high = source->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (source->segments[middle].header.sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? source->count : low - 1;
}

// The newest segment. A rebuilt one with a single batch above all headers may be the rest of a
// write that nobody was told of: a start takes it for that.
static size_t find_top(const struct source *source) {
    size_t top = source->count;
    while (top-- > 0) {
        const struct source_segment *segment = &source->segments[top];
        if (!segment->is_rebuilt || segment->has_second) return top;
    }
    return source->count;
}

// Numbers between a segment and the one it names as the one before were superseded: a recovery
// wrote their only batch again.
void source_link(struct source *source) {
    const uint64_t bytes = source->format.segment_bytes;
    source->chain = mem_alloc_array(source->count + 1, sizeof *source->chain);
    size_t at = find_top(source);
    while (at < source->count) {
        struct source_segment *segment = &source->segments[at];
        source->chain[source->chain_count++] = at;
        segment->is_linked = segment->knows_previous && segment->header.prev_sequence == 0;
        if (segment->is_linked) {
            source->chain_is_complete = true;
            break;
        }
        const uint64_t wanted =
            segment->knows_previous ? segment->header.prev_sequence : segment->header.sequence - 1;
        const size_t before = find_at_most(source, wanted);
        if (before == source->count) break;
        struct source_segment *previous = &source->segments[before];
        previous->limit = bytes;
        if (segment->knows_previous && previous->header.sequence == wanted) {
            segment->is_linked = true;
            previous->has_limit = true;
            previous->limit =
                num_min(segment->header.prev_end_lsn - previous->header.base_lsn, bytes);
        }
        at = before;
    }
    for (size_t i = 0; i < source->chain_count / 2; i++) {
        const size_t swapped = source->chain[i];
        source->chain[i] = source->chain[source->chain_count - 1 - i];
        source->chain[source->chain_count - 1 - i] = swapped;
    }
    uint32_t least = source->slots_end;
    if (source->chain_count > 0) {
        struct source_segment *top = &source->segments[source->chain[source->chain_count - 1]];
        top->limit = bytes;
        least = (uint32_t)num_max(least, top->header.slots_min);
    }
    source->slots_missing = least - source->slots_found;
}

size_t source_first_behind(const struct source *source, uint64_t lsn) {
    size_t first = 0;
    for (; first < source->chain_count; first++) {
        const struct source_segment *segment = &source->segments[source->chain[first]];
        if (segment->header.base_lsn + segment->limit > lsn) break;
    }
    return first;
}

bool source_reaches(const struct source *source, uint64_t lsn) {
    const size_t first = source_first_behind(source, lsn);
    if (first == source->chain_count) return false;
    for (size_t i = first; i < source->chain_count; i++) {
        const struct source_segment *segment = &source->segments[source->chain[i]];
        if (segment->is_linked) continue;
        const bool begins_here =
            i == first && segment->knows_previous && segment->header.prev_end_lsn <= lsn;
        if (!begins_here) return false;
    }
    return true;
}

// ---- where references lead

static bool space_locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    struct source *source = context;
    const uint64_t sequence = lsn / source->format.segment_bytes;
    *offset = (uint32_t)(lsn % source->format.segment_bytes);
    const size_t at = find_at_most(source, sequence);
    if (at < source->count && source->segments[at].header.sequence == sequence) {
        *slot = source->segments[at].slot;
        return true;
    }
    for (size_t i = source->lost_count; i-- > 0;) {
        if (source->lost[i] != sequence) continue;
        *slot = source->slots_end + (uint32_t)i;
        return true;
    }
    if (sequence == 0 || source->slots_end + source->lost_count >= LOG_SLOTS_MAX) return false;
    if (source->lost_count == source->lost_cap) {
        source->lost_cap = source->lost_cap == 0 ? 16 : source->lost_cap * 2;
        source->lost = mem_realloc(source->lost, source->lost_cap * sizeof *source->lost);
    }
    *slot = source->slots_end + (uint32_t)source->lost_count;
    source->lost[source->lost_count++] = sequence;
    return true;
}

uint64_t source_lsn_at(const struct source *source, uint32_t slot, uint32_t offset) {
    const uint64_t sequence =
        slot < source->slots_end ? source->sequences[slot] : source->lost[slot - source->slots_end];
    return sequence * source->format.segment_bytes + offset;
}

static uint64_t space_lsn_at(void *context, uint32_t slot, uint32_t offset) {
    return source_lsn_at(context, slot, offset);
}

struct blob_space source_space(struct source *source) {
    return (struct blob_space){.context = source, .lsn_at = space_lsn_at, .locate = space_locate};
}
