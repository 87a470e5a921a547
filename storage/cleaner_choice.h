// Which segments are worth cleaning: what is alive in them is written again at the log's end, and
// with the next checkpoint their slots are free. Pure: it is told of segments and chooses.
//
// Two reasons to clean:
//   garbage  the segments in use are nearly more than twice what is alive. Then those with the best
//   ratio of
//            gain to cost, as a log-structured file system weighs them (Rosenblum and Ousterhout,
//            1992): (1 - u) * age / (1 + u), u being the share of live bytes. Beside little data
//            CHOICE_SPARE_SEGMENTS more than what is alive are left alone: the newest one, and the
//            oldest, which a queue is about to empty.
//   pinned   a few live bytes keep a segment although younger ones are gone already: one old
//            delayed job in a busy queue. In a queue that is drained in order it never happens.
// Segments behind the newest checkpoint are not looked at: they cannot be given back before the
// next, and by then most of them are empty without our help.
#ifndef ACKD_STORAGE_CLEANER_CHOICE_H
#define ACKD_STORAGE_CLEANER_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHOICE_VICTIMS_MAX = 64,   // segments cleaned in one walk over the index
    CHOICE_SPARE_SEGMENTS = 2, // beyond the live bytes that are not worth cleaning
    CHOICE_LEAD_SEGMENTS = 3,  // before twice the live bytes: written while victims are cleaned
    CHOICE_LIVE_PERCENT_MAX = 75,
    CHOICE_AHEAD_SHARE = 16,  // of the live bytes, cleaned beyond the need: fewer walks
    CHOICE_PINNED_SHARE = 16, // a pinned segment is less than 1/16 alive ...
    CHOICE_PINNED_AGE = 3,    // ... and as many segments or more behind the newest
};

struct choice_segment {
    uint64_t sequence;
    uint32_t slot;
    uint64_t live_bytes;
};

// What there is. A covered segment without live bytes counts nowhere: it is about to be given back.
struct choice_survey {
    uint64_t segment_bytes;
    uint64_t newest_sequence;
    uint64_t checkpoint_sequence; // of the oldest segment that is not covered by the checkpoint
    size_t held_segments;         // in use, with live bytes or not covered
    uint64_t live_bytes;          // in all of them
    bool is_full;                 // growth is refused or soon will be: every slot counts
};

struct choice {
    struct choice_survey survey;
    uint64_t excess_bytes; // to be made free; 0: there is not too much garbage
    uint64_t younger_sequence;
    bool has_hole; // a younger segment is gone
    struct choice_segment victims[CHOICE_VICTIMS_MAX];
    double scores[CHOICE_VICTIMS_MAX]; // beside victims, best first
    size_t count;
};

void choice_begin(struct choice *choice, const struct choice_survey *survey);
// A covered segment with live bytes that may be cleaned, the youngest first.
void choice_offer(struct choice *choice, const struct choice_segment *segment);
// Leaves in `victims` those that are to be cleaned now.
void choice_end(struct choice *choice);

// Bytes in use beyond what the bound allows; 0: none.
uint64_t choice_excess(const struct choice_survey *survey);

#endif
