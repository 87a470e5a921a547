// Effects on keys that are not known exactly, because earlier transactions are lost. Each is turned
// into what surely holds, and into nothing that could take away what is there by mistake:
//
//  - what names its object (a key, a field, an id) is carried out on those that are there;
//  - what is new (pushed, set, added) is put there, in the nearest place;
//  - what removes or replaces by position in a list, or changes a part of a string, is not carried
//    out: nobody can say what stands at that position;
//  - a value of another type than the effect needs was removed by a lost transaction: it goes;
//  - a group or consumer that is missing is made; entries that a group passed over are given to it
//    again, pending at nobody.
#ifndef ACKD_STORAGE_SALVAGE_FIT_H
#define ACKD_STORAGE_SALVAGE_FIT_H

#include "storage/data/effect.h"
#include "storage/data/effect_meta.h"
#include "storage/salvage/certainty.h"
#include "storage/salvage/report.h"

struct fit {
    struct keyspace *keyspace;
    struct blob_space space;
    struct certainty *certainty;
    struct report *report;
    struct buf meta; // of an effect that is made up
};

// The record as it is being looked at.
struct fit_record {
    const struct effect_record *record;
    unsigned db;
    struct slice key;
    struct meta_reader fields; // behind the key
    uint64_t lsn;              // about where it lies, for people
};

// The record's database and key can be read, and its key is not certain.
void fit_apply(struct fit *fit, const struct fit_record *record);

// Shared with fit_streams.c: applies an effect that is made up; false: it was refused.
bool fit_make(struct fit *fit, const struct effect *effect);
// Applies a record whose meta stands in fit->meta, with the payload area of the one given.
bool fit_again(struct fit *fit, const struct fit_record *record, uint8_t type);
// Begins fit->meta with database and key.
void fit_begin_meta(struct fit *fit, const struct fit_record *record);
// Tells that the effect is not carried out.
void fit_refuse(struct fit *fit, const struct fit_record *record, const char *why);
const struct entry *fit_entry(const struct fit *fit, const struct fit_record *record);

// After a part of a checkpoint was lost that may have told what is pending: all that the stream's
// groups had been given and that is not pending is given again. `record` names the key alone.
void fit_give_again(struct fit *fit, const struct fit_record *record);

void fit_stream(struct fit *fit, const struct fit_record *record); // STREAM_*, GROUP_*, CONSUMER_*

#endif
