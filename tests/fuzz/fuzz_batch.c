// Any bytes are a batch with records, or none: nothing is read beyond them, and what is accepted
// is what the encoder would have written.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
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
    mem_free(bytes);
    return 0;
}
