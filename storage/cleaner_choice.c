#include "storage/cleaner_choice.h"

#include "proto/base/must.h"
#include "proto/base/num.h"

enum { PERCENT = 100 };

uint64_t choice_excess(const struct choice_survey *survey) {
    const uint64_t held = survey->held_segments * survey->segment_bytes;
    const uint64_t live = survey->live_bytes;
    const uint64_t spare = CHOICE_SPARE_SEGMENTS * survey->segment_bytes;
    const uint64_t lead = num_min(CHOICE_LEAD_SEGMENTS * survey->segment_bytes, live);
    // Segments that are less than a quarter empty are not worth the work, even on a full disk.
    const uint64_t most = survey->is_full ? live / 3 * 4 : 2 * live - lead;
    const uint64_t allowed = num_max(most, live + spare);
    return held > allowed ? held - allowed : 0;
}

void choice_begin(struct choice *choice, const struct choice_survey *survey) {
    *choice = (struct choice){.survey = *survey,
                              .excess_bytes = choice_excess(survey),
                              .younger_sequence = survey->checkpoint_sequence};
}

static double score(const struct choice *choice, const struct choice_segment *segment) {
    const double share = (double)segment->live_bytes / (double)choice->survey.segment_bytes;
    const double age = (double)(choice->survey.newest_sequence - segment->sequence + 1);
    return (1 - share) * age / (1 + share);
}

// Keeps the best, in order.
static void insert(struct choice *choice, const struct choice_segment *segment, double points) {
    size_t at = choice->count;
    if (at == CHOICE_VICTIMS_MAX) {
        if (choice->scores[at - 1] >= points) return;
        at--;
    } else {
        choice->count++;
    }
    for (; at > 0 && choice->scores[at - 1] < points; at--) {
        choice->victims[at] = choice->victims[at - 1];
        choice->scores[at] = choice->scores[at - 1];
    }
    choice->victims[at] = *segment;
    choice->scores[at] = points;
}

static bool is_sparse(const struct choice *choice, const struct choice_segment *segment) {
    const uint64_t segment_bytes = choice->survey.segment_bytes;
    return segment->live_bytes <= segment_bytes / PERCENT * CHOICE_LIVE_PERCENT_MAX;
}

static bool is_pinned(const struct choice *choice, const struct choice_segment *segment) {
    return choice->has_hole &&
           segment->live_bytes < choice->survey.segment_bytes / CHOICE_PINNED_SHARE &&
           choice->survey.newest_sequence - segment->sequence >= CHOICE_PINNED_AGE;
}

void choice_offer(struct choice *choice, const struct choice_segment *segment) {
    must(segment->sequence < choice->younger_sequence && segment->live_bytes > 0);
    if (segment->sequence + 1 < choice->younger_sequence) choice->has_hole = true;
    choice->younger_sequence = segment->sequence;
    const bool is_worth_it =
        choice->excess_bytes > 0 ? is_sparse(choice, segment) : is_pinned(choice, segment);
    if (is_worth_it) insert(choice, segment, score(choice, segment));
}

void choice_end(struct choice *choice) {
    if (choice->excess_bytes == 0) return; // pinned ones: all of them
    // A little more than needed, so that the next bit of garbage does not begin another walk.
    const uint64_t needed = choice->excess_bytes + choice->survey.live_bytes / CHOICE_AHEAD_SHARE;
    uint64_t freed = 0;
    size_t count = 0;
    while (count < choice->count && freed < needed) {
        freed += choice->survey.segment_bytes - choice->victims[count].live_bytes;
        count++;
    }
    choice->count = count;
}
