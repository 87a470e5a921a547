// The question that has to be asked before anything is appended: is there room?
//
// How room is counted. Records are laid into segments one after the other; one that does not fit
// goes to the next. Two neighbouring segments together then hold more than one segment's worth, so
// a frame of n bytes needs at most 2n / segment + 1 new ones, and a frame smaller than a segment at
// most one. One ready slot is never counted: recovery needs it to write the last batch again, and a
// store that fills the disk and then crashes has to start.
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

enum { RECORD_PADDING_BYTES = 8 };

// What one new segment takes for sure, whatever the records' sizes and a flush in between.
static size_t segment_room(const struct log *log) {
    return log->limit - (size_t)2 * LOG_ALIGN - BATCH_HEADER_BYTES;
}

static uint32_t slots_for(const struct log *log, size_t bytes) {
    return (uint32_t)((bytes + segment_room(log) - 1) / segment_room(log));
}

// The slots ahead are the reserve, too: log_prepare leaves it in them and in the rest of the
// current segment, whatever else there is.
static uint32_t slots_wanted(const struct log *log, uint32_t ahead) {
    const uint32_t reserve = slots_for(log, log->options.reserve_bytes);
    const uint32_t wanted = (uint32_t)num_max(ahead, num_max(reserve, 1)) + 1;
    return (uint32_t)num_max(wanted, log->slots_needed);
}

uint32_t log_slots_wanted(const struct log *log) {
    return slots_wanted(log, log->options.slots_ahead);
}

bool log_has_slots(const struct log *log) {
    return log->ready_count >= slots_wanted(log, 1) &&
           log->ready_count + log->slots_coming >= log_slots_wanted(log);
}

void log_expect_slots(struct log *log, uint32_t count) {
    log->slots_coming = count;
}

void log_note_slots_peak(struct log *log) {
    log->slots_peak = num_max(log->slots_peak, log->segment_count + log_slots_wanted(log));
}

enum log_room log_prepare(struct log *log, size_t bytes, size_t records, bool is_removal) {
    must(log->is_recovered);
    if (log->is_broken) return LOG_BROKEN;
    size_t each = segment_room(log);
    size_t need = bytes + records * (LOG_RECORD_HEADER_BYTES + RECORD_PADDING_BYTES);
    // The open batch may be flushed before the first record comes: padding and another header.
    size_t used = batch_padded(log->current.fill) + BATCH_HEADER_BYTES;
    size_t rest = used < log->limit ? log->limit - used : 0;
    uint32_t begun = 0;
    size_t consumed = need;
    if (need > rest) {
        begun = need <= each ? 1 : slots_for(log, 2 * need) + 1;
        consumed = rest + (need <= each ? need : begun * each);
    }
    uint32_t spendable = log->ready_count > 0 ? log->ready_count - 1 : 0;
    if (MUTANT(LAST_SLOT_SPENT)) spendable = log->ready_count;
    size_t room = rest + spendable * each;
    size_t reserve = is_removal ? 0 : log->options.reserve_bytes;
    if (MUTANT(RESERVE_NOT_KEPT)) reserve = 0;
    if (MUTANT(RESERVE_DENIED_TO_REMOVALS)) reserve = log->options.reserve_bytes;
    if (begun <= spendable && consumed + reserve <= room) return LOG_READY;

    uint32_t needed = slots_for(log, reserve) + begun + 1;
    if (consumed > rest)
        needed = (uint32_t)num_max(needed, slots_for(log, consumed + reserve - rest) + 1);
    if (needed > log->slots_needed) log->slots_needed = needed;
    log_note_slots_peak(log);
    bool is_at_limit = log->slot_count + needed > LOG_SLOTS_MAX + log->ready_count;
    if (!log->is_full && !is_at_limit) return LOG_WAIT;
    log->slots_needed = 0; // who is refused does not wait
    return LOG_NO_SPACE;
}
