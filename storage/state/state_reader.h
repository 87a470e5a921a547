// Reads a checkpoint's file, block by block, and trusts nothing in it. Any thread, one at a time.
#ifndef ACKD_STORAGE_STATE_STATE_READER_H
#define ACKD_STORAGE_STATE_STATE_READER_H

#include "storage/data/effect.h"
#include "storage/log/log.h"
#include "storage/state/state_file.h"

struct state_reader;

// `header` as state_header_read gave it.
enum err state_reader_open(struct state_reader **out, struct vfs *vfs, enum state_name name,
                           const struct state_header *header, struct fault *fault);
void state_reader_close(struct state_reader *reader); // NULL is fine
// From now on the disk is asked for what comes next while this is worked on: for a start, which has
// nothing else to do.
void state_reader_read_ahead(struct state_reader *reader);

// Reads the kept table: header->kept_count rows into `out`, ascending. ERR_CORRUPT, ERR_IO.
enum err state_reader_kept(struct state_reader *reader, struct log_kept *out, struct fault *fault);

// Reads the next block of records and visits each (NULL: only verifies); an error of the visitor
// ends it. `is_done`: that was the last one. ERR_CORRUPT with file and offset, ERR_IO. Slices live
// until the visitor returns.
struct state_visitor {
    void *context;
    enum err (*visit)(void *context, const struct effect_record *record, struct fault *fault);
};
enum err state_reader_next(struct state_reader *reader, const struct state_visitor *visitor,
                           bool *is_done, struct fault *fault);

// Where in the file the next block of records begins; after an error: the one it is about.
uint64_t state_reader_offset(const struct state_reader *reader);
// Forgets what was read ahead, so that the same block is read from the file again.
void state_reader_again(struct state_reader *reader);

#endif
