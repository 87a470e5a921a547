#include "bench/load/job.h"

#include <stdlib.h>
#include <string.h>

#include "bench/load/fail.h"

static void write_hex(char *to, unsigned digits, uint64_t value) {
    while (digits-- > 0) {
        to[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static bool read_hex(const char *from, unsigned digits, uint64_t *value) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = from[i];
        if (c >= '0' && c <= '9')
            sum = sum << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            sum = sum << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *value = sum;
    return true;
}

static const char *filler_of(const struct job_maker *maker, uint64_t id) {
    return maker->filler + id % JOB_SHIFTS;
}

void job_maker_init(struct job_maker *maker, uint32_t run, size_t job_bytes) {
    check(job_bytes >= JOB_HEAD_BYTES && job_bytes <= JOB_BYTES_MAX);
    *maker = (struct job_maker){.run = run, .job_bytes = job_bytes};
    maker->filler = memory_new(job_bytes + JOB_SHIFTS, 1);

    // Letters of a fixed pseudo-random sequence (xorshift64): nothing a disk could compress away.
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < job_bytes + JOB_SHIFTS; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        maker->filler[i] = (char)('!' + state % 94);
    }
}

void job_maker_deinit(struct job_maker *maker) {
    free(maker->filler);
    *maker = (struct job_maker){0};
}

void job_write(const struct job_maker *maker, struct job job, char *to) {
    write_hex(to, 8, maker->run);
    write_hex(to + 8, 16, job.id);
    write_hex(to + 24, 16, job.due_ns);
    memcpy(to + JOB_HEAD_BYTES, filler_of(maker, job.id), maker->job_bytes - JOB_HEAD_BYTES);
}

enum job_fault job_read(const struct job_maker *maker, const char *bytes, size_t len,
                        struct job *job) {
    uint64_t run;
    if (len < JOB_HEAD_BYTES || !read_hex(bytes, 8, &run) || run != maker->run) return JOB_FOREIGN;
    if (len != maker->job_bytes) return JOB_DAMAGED;
    struct job read;
    if (!read_hex(bytes + 8, 16, &read.id) || !read_hex(bytes + 24, 16, &read.due_ns))
        return JOB_DAMAGED;
    if (memcmp(bytes + JOB_HEAD_BYTES, filler_of(maker, read.id), len - JOB_HEAD_BYTES) != 0)
        return JOB_DAMAGED;
    *job = read;
    return JOB_GOOD;
}
