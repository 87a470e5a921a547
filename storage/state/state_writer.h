// Writes a checkpoint's file. Any thread, one at a time.
//
// Happy path: open (the name's old file goes, a new one comes), records in any number, finish.
// Until finish has returned without an error the file does not count, and the other one is as it
// was.
#ifndef ACKD_STORAGE_STATE_STATE_WRITER_H
#define ACKD_STORAGE_STATE_STATE_WRITER_H

#include "storage/log/log.h"
#include "storage/state/state_file.h"

struct state_writer;

struct state_writer_options {
    enum state_name name; // whose present content goes: never the newest checkpoint
    uint64_t salt;        // no two files have the same
    size_t block_bytes;   // 0: STATE_BLOCK_BYTES_DEFAULT
};

// ERR_IO, ERR_NO_SPACE.
enum err state_writer_open(struct state_writer **out, struct vfs *vfs,
                           const struct state_writer_options *options, struct fault *fault);
// Closes and frees; NULL is fine. What was not finished stays, and does not count.
void state_writer_close(struct state_writer *writer);
// The file is not wanted any more: gives its room back, if the disk lets it. Only close may follow.
void state_writer_remove(struct state_writer *writer);

// Appends a record; writes a block when one is full. ERR_IO, ERR_NO_SPACE; after an error every
// further call answers it, too.
enum err state_writer_put(struct state_writer *writer, uint8_t type, struct slice meta,
                          const struct slice *payloads, size_t count, struct fault *fault);

// Writes what is left and the kept table (`kept_count` rows of the checkpoint), syncs, writes the
// headers, syncs file and directory. Fills in what the writer knows: salt, records, body_bytes,
// record_blocks, kept_at, kept_count.
enum err state_writer_finish(struct state_writer *writer, struct state_header *header,
                             const struct log_kept *kept, size_t kept_count, struct fault *fault);

uint64_t state_writer_bytes(const struct state_writer *writer); // written so far
size_t state_writer_room(const struct state_writer *writer);    // for one record's elements

#endif
