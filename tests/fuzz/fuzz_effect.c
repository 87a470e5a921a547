// Feeds a keyspace with records that may hold anything, as damage that passes all checksums could.
// Whatever comes, the keyspace must stay one that can be checked, digested and freed, and an effect
// that was taken must be taken again with the same result by a second keyspace.
//
// Input: records of u8 type (high bit: the record is one of a checkpoint), u16 length of the meta,
// u8 length of the payload area in units of 8 bytes, meta, payload. What is missing at the end is
// cut.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"
#include "tests/fuzz/target.h"

enum {
    HEADER_BYTES = 4,
    RECORDS_MAX = 200,
    WRITES_MAX = 2, // a STRING_WRITE may rightly ask for 64 MiB of zeros
    DATABASES = 4,
};

static uint64_t lsn_at(void *context, uint32_t slot, uint32_t offset) {
    (void)context;
    return (uint64_t)slot << 26 | offset;
}

static bool locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    (void)context;
    if (lsn >> 26 > 100) return false;
    *slot = (uint32_t)(lsn >> 26);
    *offset = (uint32_t)(lsn & ((1 << 26) - 1));
    return true;
}

// A record in memory of exactly its size, so that reading beyond it is seen.
struct input_record {
    struct effect_record record;
    char *meta;
    char *payload;
};

static bool take_record(struct slice *input, struct input_record *out) {
    if (input->len < HEADER_BYTES) return false;
    const char *at = input->data;
    size_t left = input->len - HEADER_BYTES;
    const size_t meta_len = num_min(load_u16le(at + 1), left);
    const size_t payload_len = num_min((size_t)(uint8_t)at[3] * 8, left - meta_len);
    out->meta = mem_dup(at + HEADER_BYTES, meta_len);
    out->payload = mem_dup(at + HEADER_BYTES + meta_len, payload_len);
    out->record = (struct effect_record){
        .type = (uint8_t)((uint8_t)at[0] & 0x7f),
        .is_checkpoint = ((uint8_t)at[0] & 0x80) != 0,
        .meta = slice_of(out->meta, meta_len),
        .payload = slice_of(out->payload, payload_len),
    };
    *input = slice_sub(*input, HEADER_BYTES + meta_len + payload_len, input->len);
    return true;
}

static void free_record(struct input_record *input) {
    mem_free(input->meta);
    mem_free(input->payload);
}

static void apply_twice(struct keyspace *keyspaces[2], const struct effect_record *record) {
    struct effect_outcome outcomes[2];
    struct fault faults[2] = {{0}, {0}};
    const enum err first = effect_apply(keyspaces[0], record, &outcomes[0], &faults[0]);
    const enum err second = effect_apply(keyspaces[1], record, &outcomes[1], &faults[1]);
    must(first == second && (first == ERR_NONE || first == ERR_CORRUPT));
    must((first == ERR_NONE) == (faults[0].text[0] == '\0'));
    must(outcomes[0].value_type == outcomes[1].value_type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct blob_space space = {.lsn_at = lsn_at, .locate = locate};
    struct keyspace *keyspaces[2] = {keyspace_new(DATABASES, &space, 1),
                                     keyspace_new(DATABASES, &space, 2)};
    struct slice input = slice_of(data, size);
    struct input_record taken;
    uint32_t offset = 0;
    int writes = 0;
    for (int i = 0; i < RECORDS_MAX && take_record(&input, &taken); i++) {
        struct effect_record *record = &taken.record;
        record->slot = (uint32_t)i / 16;
        record->payload_offset = offset;
        offset += (uint32_t)num_align_up(record->payload.len, 8);
        effect_relocate(NULL, record->type, taken.meta, record->meta.len, 1 << 12, 1 << 13,
                        1 << 14);
        const bool is_write = record->type == EFFECT_STRING_WRITE;
        if (!is_write || ++writes <= WRITES_MAX) apply_twice(keyspaces, record);
        free_record(&taken);
    }
    keyspace_check(keyspaces[0]);
    keyspace_check(keyspaces[1]);
    must(keyspace_digest(keyspaces[0]) == keyspace_digest(keyspaces[1]));
    keyspace_free(keyspaces[0]);
    keyspace_free(keyspaces[1]);
    return 0;
}
