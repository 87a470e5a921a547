#include "storage/cleaner.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/cleaner_state.h"

enum { US_PER_S = 1000000, VAIN_WALKS_MAX = 2, SLOTS_MIN = 64, GAP_SHARE = 4, URGENT_SEGMENTS = 2 };
// The rate is so many times more for each segment beyond the bound.
enum { RATES_PER_SEGMENT = 4 };

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

// ---- life

struct cleaner *cleaner_new(struct store *store, const struct trace *trace) {
    struct cleaner *cleaner = mem_zalloc(sizeof *cleaner);
    cleaner->store = store;
    cleaner->trace = trace;
    return cleaner;
}

void cleaner_free(struct cleaner *cleaner) {
    if (cleaner == NULL) return;
    must(cleaner->stage != CLEANER_READS);
    cleaner_read_free(cleaner->read);
    walk_deinit(&cleaner->walk);
    mem_free(cleaner->is_victim);
    mem_free(cleaner);
}

// What was collected is worth moving only while somebody wants the segments.
static void forget_collected(struct cleaner *cleaner) {
    cleaner_read_free(cleaner->read);
    cleaner->read = NULL;
}

void cleaner_set_rate(struct cleaner *cleaner, uint64_t bytes_per_s) {
    cleaner->rate_bytes = bytes_per_s;
    // The next step may never come: no slot is held for it.
    if (bytes_per_s == 0 && cleaner->stage == CLEANER_WALKS) forget_collected(cleaner);
}

struct cleaner_stats cleaner_stats(const struct cleaner *cleaner) {
    struct cleaner_stats stats = cleaner->stats;
    stats.is_running = cleaner->stage != CLEANER_RESTS;
    stats.victims = cleaner->victim_count;
    stats.stuck_segments = num_min(cleaner->stuck_count, CLEANER_STUCK_MAX);
    return stats;
}

// ---- victims

static bool is_stuck(const struct cleaner *cleaner, uint64_t sequence) {
    const size_t count = num_min(cleaner->stuck_count, CLEANER_STUCK_MAX);
    for (size_t i = 0; i < count; i++) {
        if (cleaner->stuck[i] == sequence) return true;
    }
    return false;
}

static void victim_add(struct cleaner *cleaner, const struct choice_segment *segment) {
    must(cleaner->victim_count < CHOICE_VICTIMS_MAX);
    if (segment->slot >= cleaner->slot_cap) {
        size_t cap = num_max(cleaner->slot_cap, SLOTS_MIN);
        while (cap <= segment->slot)
            cap *= 2;
        cleaner->is_victim = mem_realloc(cleaner->is_victim, cap);
        memset(cleaner->is_victim + cleaner->slot_cap, 0, cap - cleaner->slot_cap);
        cleaner->slot_cap = cap;
    }
    cleaner->victims[cleaner->victim_count++] = *segment;
    cleaner->is_victim[segment->slot] = 1;
}

static void victim_drop(struct cleaner *cleaner, size_t at) {
    cleaner->is_victim[cleaner->victims[at].slot] = 0;
    cleaner->victims[at] = cleaner->victims[--cleaner->victim_count];
}

static void leave(struct cleaner *cleaner, size_t at) {
    cleaner->stuck[cleaner->stuck_count++ % CLEANER_STUCK_MAX] = cleaner->victims[at].sequence;
    victim_drop(cleaner, at);
}

void cleaner_leave(struct cleaner *cleaner, uint32_t slot) {
    for (size_t i = 0; i < cleaner->victim_count; i++) {
        if (cleaner->victims[i].slot != slot) continue;
        leave(cleaner, i);
        return;
    }
}

// Victims that hold nothing any more are done; the slot may even hold another segment by now.
static void drop_empty_victims(struct cleaner *cleaner) {
    const struct store *store = cleaner->store;
    for (size_t i = cleaner->victim_count; i-- > 0;) {
        const struct choice_segment *victim = &cleaner->victims[i];
        uint32_t slot = 0;
        uint32_t offset = 0;
        const bool is_there =
            log_locate(store->log, victim->sequence * log_segment_bytes(store->log), &slot,
                       &offset) &&
            slot == victim->slot;
        if (is_there && keyspace_live_bytes(store->keyspace, slot) > 0) continue;
        cleaner->stats.cleaned_segments++;
        victim_drop(cleaner, i);
    }
}

// ---- looking at all segments

static struct choice_survey survey(struct cleaner *cleaner) {
    const struct store *store = cleaner->store;
    const struct log *log = store->log;
    const size_t count = log_segment_count(log);
    struct choice_survey survey = {
        .segment_bytes = log_segment_bytes(log),
        .newest_sequence = log_segment_at(log, count - 1).sequence,
        .live_bytes = keyspace_live_bytes_total(store->keyspace),
        .is_full = log_stats(log).is_full,
    };
    survey.checkpoint_sequence = survey.newest_sequence;
    cleaner->stats.waiting_segments = 0;
    for (size_t i = count; i-- > 0;) {
        const struct log_segment_use segment = log_segment_at(log, i);
        const bool is_empty = keyspace_live_bytes(store->keyspace, segment.slot) == 0;
        if (!segment.is_covered) survey.checkpoint_sequence = segment.sequence;
        if (!segment.is_covered || !is_empty) survey.held_segments++;
        if (is_empty && i + 1 < count) cleaner->stats.waiting_segments++;
    }
    const uint64_t used = count * survey.segment_bytes;
    cleaner->stats.garbage_bytes = used > survey.live_bytes ? used - survey.live_bytes : 0;
    return survey;
}

static void offer_all(const struct cleaner *cleaner, struct choice *choice) {
    const struct store *store = cleaner->store;
    for (size_t i = log_segment_count(store->log); i-- > 0;) {
        const struct log_segment_use use = log_segment_at(store->log, i);
        const struct choice_segment segment = {.sequence = use.sequence,
                                               .slot = use.slot,
                                               .live_bytes =
                                                   keyspace_live_bytes(store->keyspace, use.slot)};
        if (!use.is_covered || segment.live_bytes == 0) continue;
        if (!is_stuck(cleaner, segment.sequence)) choice_offer(choice, &segment);
    }
}

static void begin_walk(struct cleaner *cleaner) {
    walk_begin(&cleaner->walk, cleaner->store->keyspace, cleaner->store->walk_looks);
    cleaner->walk_relocated = 0;
    cleaner->stage = CLEANER_WALKS;
}

static struct choice_survey note_survey(struct cleaner *cleaner, int64_t now_us) {
    const struct choice_survey seen = survey(cleaner);
    cleaner->excess_bytes = choice_excess(&seen);
    cleaner->survey_us = now_us + CLEANER_LOOK_GAP_US;
    return seen;
}

// Chooses victims; without any, rests until the next look.
static void look_at_segments(struct cleaner *cleaner, int64_t now_us) {
    struct choice *choice = mem_alloc(sizeof *choice);
    const struct choice_survey seen = note_survey(cleaner, now_us);
    choice_begin(choice, &seen);
    offer_all(cleaner, choice);
    choice_end(choice);
    for (size_t i = 0; i < choice->count; i++)
        victim_add(cleaner, &choice->victims[i]);
    const bool choice_is_empty = choice->count == 0;
    mem_free(choice);
    cleaner->due_us = now_us + (choice_is_empty ? CLEANER_LOOK_GAP_US : CLEANER_STEP_GAP_US);
    if (choice_is_empty) return;
    trace_event(cleaner->trace, TRACE_VERBOSE, "cleaner.begun",
                "cleaning %zu segments, the first of them %llu; %llu bytes beyond the bound",
                cleaner->victim_count, (unsigned long long)cleaner->victims[0].sequence,
                (unsigned long long)cleaner->excess_bytes);
    cleaner->vain_walks = 0;
    begin_walk(cleaner);
}

bool cleaner_take(struct cleaner *cleaner, uint64_t sequence) {
    const struct store *store = cleaner->store;
    const struct log *log = store->log;
    for (size_t i = 0; i + 1 < log_segment_count(log); i++) {
        const struct log_segment_use use = log_segment_at(log, i);
        const struct choice_segment segment = {.sequence = sequence,
                                               .slot = use.slot,
                                               .live_bytes =
                                                   keyspace_live_bytes(store->keyspace, use.slot)};
        if (use.sequence != sequence) continue;
        if (use.end_lsn > log_durable_lsn(log) || segment.live_bytes == 0) return false;
        if (cleaner->victim_count == CHOICE_VICTIMS_MAX) return false;
        if (segment.slot < cleaner->slot_cap && cleaner->is_victim[segment.slot]) return false;
        victim_add(cleaner, &segment);
        if (cleaner->stage == CLEANER_RESTS) {
            cleaner->vain_walks = 0;
            cleaner->due_us = 0;
            begin_walk(cleaner);
        }
        return true;
    }
    return false;
}

// ---- pace

// The more garbage there is beyond the bound, the faster: in steady state it settles where as much
// is freed as is written.
static uint64_t rate(const struct cleaner *cleaner) {
    const uint64_t segment_bytes = log_segment_bytes(cleaner->store->log);
    if (log_stats(cleaner->store->log).is_full) return UINT64_MAX;
    const uint64_t over = cleaner->excess_bytes / (segment_bytes / RATES_PER_SEGMENT);
    const uint64_t times = 1 + num_min(over, UINT32_MAX);
    return cleaner->rate_bytes > UINT64_MAX / times ? UINT64_MAX : cleaner->rate_bytes * times;
}

// When the next step is due. With much garbage steps that a busy loop was late for are made up for,
// some of them: else the longer its turns are, the slower would be the cleaner, and the more is
// written the longer they are.
static int64_t next_step_us(const struct cleaner *cleaner, int64_t now_us) {
    const uint64_t segment_bytes = log_segment_bytes(cleaner->store->log);
    const bool is_urgent = cleaner->excess_bytes / segment_bytes >= URGENT_SEGMENTS;
    if (!is_urgent) return now_us + CLEANER_STEP_GAP_US;
    return later(cleaner->due_us, now_us - CLEANER_STEP_GAP_US) + CLEANER_STEP_GAP_US / GAP_SHARE;
}

int64_t cleaner_due_us(const struct cleaner *cleaner) {
    if (cleaner->rate_bytes == 0 || cleaner->stage == CLEANER_READS) return INT64_MAX;
    return cleaner->due_us;
}

// ---- steps

// Hands the collected out.
static struct cleaner_read *hand_out(struct cleaner *cleaner) {
    struct cleaner_read *read = cleaner->read;
    cleaner->read = NULL;
    cleaner->stage = CLEANER_READS;
    return read;
}

void cleaner_read_end(struct cleaner *cleaner, struct cleaner_read *read) {
    must(cleaner->stage == CLEANER_READS && cleaner->read == NULL && read->bytes != NULL);
    payloads_let_go(&read->payloads);
    cleaner->read = read;
    cleaner->stage = CLEANER_WRITES;
}

static void give_up(struct cleaner *cleaner) {
    while (cleaner->victim_count > 0) {
        trace_event(cleaner->trace, TRACE_NOTICE, "cleaner.stuck",
                    "segment %llu still holds something that could not be moved; it is left alone",
                    (unsigned long long)cleaner->victims[0].sequence);
        leave(cleaner, 0);
    }
}

static void end_walk(struct cleaner *cleaner) {
    cleaner->stats.walks++;
    drop_empty_victims(cleaner);
    // What is in the trash counts as live, and no walk comes to it.
    const bool is_vain = cleaner->walk_relocated == 0 && !store_has_trash(cleaner->store);
    if (cleaner->walk_relocated > 0) cleaner->vain_walks = 0;
    if (is_vain) cleaner->vain_walks++;
    if (cleaner->vain_walks == VAIN_WALKS_MAX) give_up(cleaner);
    if (cleaner->victim_count > 0) {
        begin_walk(cleaner);
    } else {
        cleaner->stage = CLEANER_RESTS;
    }
}

static bool is_of_victim(const void *context, const struct blob *blob) {
    const struct cleaner *cleaner = context;
    const uint32_t slot = blob_slot(blob);
    return slot < cleaner->slot_cap && cleaner->is_victim[slot];
}

static struct cleaner_read *step_walk(struct cleaner *cleaner, int64_t now_us) {
    cleaner->due_us = later(next_step_us(cleaner, now_us), cleaner->ready_us);
    if (now_us >= cleaner->survey_us) note_survey(cleaner, now_us);
    drop_empty_victims(cleaner);
    if (cleaner->victim_count == 0) {
        forget_collected(cleaner);
        end_walk(cleaner);
        return NULL;
    }
    if (cleaner->read == NULL) cleaner->read = cleaner_read_new(cleaner->store->log);
    const struct walk_filter filter = {.context = cleaner, .wants = is_of_victim};
    struct payloads *payloads = &cleaner->read->payloads;
    if (walk_step(&cleaner->walk, cleaner->store->keyspace, &filter, payloads)) return NULL;
    if (payloads->item_count > 0) return hand_out(cleaner);
    end_walk(cleaner);
    return NULL;
}

static void step_write(struct cleaner *cleaner, int64_t now_us) {
    const uint64_t before = cleaner->stats.relocated_bytes;
    if (!cleaner_write(cleaner)) {
        cleaner->due_us = now_us + CLEANER_WAIT_US;
        return;
    }
    const uint64_t moved = cleaner->stats.relocated_bytes - before;
    const int64_t takes_us = (int64_t)(moved * US_PER_S / rate(cleaner));
    // A step that came late does not slow the rate down.
    cleaner->ready_us = later(cleaner->ready_us, now_us - CLEANER_STEP_GAP_US) + takes_us;
    cleaner->due_us = later(next_step_us(cleaner, now_us), cleaner->ready_us);
    cleaner->stage = CLEANER_WALKS;
}

struct cleaner_read *cleaner_step(struct cleaner *cleaner, int64_t now_us) {
    if (now_us < cleaner_due_us(cleaner)) return NULL;
    switch (cleaner->stage) {
    case CLEANER_RESTS:
        look_at_segments(cleaner, now_us);
        return NULL;
    case CLEANER_WALKS:
        return step_walk(cleaner, now_us);
    case CLEANER_WRITES:
        step_write(cleaner, now_us);
        return NULL;
    case CLEANER_READS:
        return NULL;
    }
    must_not_reach();
}
