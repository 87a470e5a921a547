// Any bytes are a batch with records, or none: nothing is read beyond them, and what is accepted
// is what the encoder would have written.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "storage/log/frames.h"
#include "storage/log/log.h"
#include "storage/log/record.h"
#include "storage/log/segment.h"
#include "tests/fuzz/target.h"

static void try_records(const char *bytes, size_t size) {
    size_t at = 0;
    struct record record;
    while (at < size && record_read(bytes + at, size - at, &record)) {
        must(record.bytes > 0 && record.bytes <= size - at);
        must(record.meta.len + record.payload.len <= record.bytes);
        must(record.payload.data + record.payload.len == bytes + at + record.bytes);
        at += record.bytes;
    }
}

// Gives each record its checksum, as far as their lengths lead.
static void repair_records(char *bytes, size_t size) {
    enum { AT_LENGTH = 0, AT_META = 8, RECORD_HEADER = LOG_RECORD_HEADER_BYTES };
    for (size_t at = 0; size - at >= RECORD_HEADER;) {
        const size_t len = load_u32le(bytes + at + AT_LENGTH);
        const size_t meta_len = load_u32le(bytes + at + AT_META);
        const bool is_sane = len >= RECORD_HEADER && len % 8 == 0 && len <= size - at &&
                             meta_len <= len - RECORD_HEADER;
        if (!is_sane) return;
        record_finish(bytes + at, (uint8_t)(bytes[at + 13] & (RECORD_BEGIN | RECORD_END)));
        at += len;
    }
}

static enum err visit(void *context, const struct log_record *record) {
    uint64_t *sum = context;
    for (size_t i = 0; i < record->meta.len; i++)
        *sum += (uint8_t)record->meta.data[i];
    for (size_t i = 0; i < record->payload.len; i++)
        *sum += (uint8_t)record->payload.data[i];
    return ERR_NONE;
}

// A batch of those records that read well, through the door that makes frames of them, twice: a
// frame may have begun in the batch before.
static void try_frames(const char *bytes, size_t size) {
    size_t len = 0;
    struct record record;
    while (len < size && record_read(bytes + len, size - len, &record))
        len += record.bytes;
    const size_t padded = batch_padded(BATCH_HEADER_BYTES + len);
    char *batch = mem_zalloc(padded);
    if (len > 0) memcpy(batch + BATCH_HEADER_BYTES, bytes, len);
    struct batch_header header = {.bytes = (uint32_t)(BATCH_HEADER_BYTES + len), .lsn = LOG_ALIGN};
    batch_encode(batch, &header);
    uint64_t sum = 0;
    const struct log_visitor visitor = {.context = &sum, .visit = visit};
    struct frames frames;
    struct fault fault = {0};
    frames_init(&frames, &visitor, 0, NULL);
    enum err err = frames_add(&frames, batch, 0, LOG_ALIGN, &fault);
    frames_detach(&frames);
    char *next = mem_dup(batch, padded);
    mem_free(batch);
    if (err == ERR_NONE) err = frames_add(&frames, next, 0, LOG_ALIGN + padded, &fault);
    must(err == ERR_NONE || (err == ERR_CORRUPT && fault.text[0] != '\0'));
    must(frames.record_count <= 2 * (len / LOG_RECORD_HEADER_BYTES));
    frames_deinit(&frames);
    mem_free(next);
}

// The fuzzer cannot guess checksums, so the input also goes in with the right one.
static void try_batch(char *bytes, size_t size) {
    struct batch_header header;
    if (!batch_decode(bytes, size, &header)) {
        if (size < LOG_ALIGN) return;
        header = batch_get(bytes);
        bool is_sane = header.bytes >= BATCH_HEADER_BYTES && batch_padded(header.bytes) <= size &&
                       header.lsn % LOG_ALIGN == 0 && header.durable_lsn <= header.lsn &&
                       (header.flags & ~(uint32_t)BATCH_FLAGS_KNOWN) == 0;
        if (!is_sane) return;
        batch_encode(bytes, &header);
        must(batch_decode(bytes, size, &header));
    }
    must(header.bytes <= size);
    try_records(bytes + BATCH_HEADER_BYTES, header.bytes - BATCH_HEADER_BYTES);
}

static void try_headers(const char *bytes, size_t size) {
    struct fault fault = {0};
    struct format format;
    if (size >= FORMAT_BYTES) (void)format_decode(bytes, &format, "fuzz", &fault);
    struct segment_header header;
    bool has_damaged_copy = false;
    if (size >= LOG_ALIGN) (void)segment_decode(bytes, &header, &has_damaged_copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    char *bytes = mem_dup(data, size); // exactly as long, so that a step beyond is seen
    try_records(bytes, size);
    try_headers(bytes, size);
    try_batch(bytes, size);
    repair_records(bytes, size);
    try_records(bytes, size);
    try_frames(bytes, size);
    mem_free(bytes);
    return 0;
}
