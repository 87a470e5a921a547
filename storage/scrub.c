#include "storage/scrub.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/scrub_state.h"

enum { US_PER_S = 1000000 };

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

// ---- life

struct scrub *scrub_new(struct store *store, const struct trace *trace) {
    struct scrub *scrub = mem_zalloc(sizeof *scrub);
    scrub->store = store;
    scrub->trace = trace;
    return scrub;
}

static void drop_collected(struct scrub *scrub) {
    if (scrub->read == NULL) return;
    payloads_deinit(&scrub->read->payloads);
    mem_free(scrub->read);
    scrub->read = NULL;
}

static void close_checkpoint(struct scrub *scrub) {
    state_reader_close(scrub->checkpoint.reader);
    scrub->checkpoint.reader = NULL;
    scrub->is_reading = false;
}

static void close_audit(struct scrub *scrub) {
    log_audit_end(scrub->store->log, scrub->audit);
    scrub->audit = NULL;
}

void scrub_free(struct scrub *scrub) {
    if (scrub == NULL) return;
    must(!scrub->is_out);
    drop_collected(scrub);
    close_checkpoint(scrub);
    close_audit(scrub);
    walk_deinit(&scrub->walk);
    mem_free(scrub);
}

// Lets go of what it holds, slots above all.
static void give_up_pass(struct scrub *scrub) {
    drop_collected(scrub);
    close_checkpoint(scrub);
    close_audit(scrub);
    scrub->overflow = 0;
    scrub->stage = SCRUB_RESTS;
}

void scrub_set_rate(struct scrub *scrub, uint64_t bytes_per_s) {
    if (scrub->rate_bytes == bytes_per_s) return;
    scrub->rate_bytes = bytes_per_s;
    scrub->ready_us = 0;
    if (bytes_per_s == 0 && !scrub->is_out) give_up_pass(scrub);
    if (scrub->stage == SCRUB_RESTS) scrub->due_us = 0;
}

struct scrub_stats scrub_stats(const struct scrub *scrub) {
    struct scrub_stats stats = scrub->stats;
    stats.is_enabled = scrub->rate_bytes > 0;
    stats.is_running = scrub->stage != SCRUB_RESTS;
    for (size_t i = 0; i < scrub->damage_count; i++) {
        const bool is_value = scrub->damages[i].kind == SCRUB_OF_VALUE;
        stats.damaged_values += is_value;
        stats.damaged_files += !is_value;
    }
    // Files are looked at first: what has no place is a value, or one of very many.
    stats.damaged_values += num_max(scrub->overflow, scrub->overflow_before);
    return stats;
}

int64_t scrub_due_us(const struct scrub *scrub) {
    if (scrub->rate_bytes == 0 || scrub->is_out) return INT64_MAX;
    return later(scrub->due_us, scrub->ready_us);
}

// ---- reads

static struct scrub_read *read_new(const struct scrub *scrub) {
    struct scrub_read *read = mem_alloc(sizeof *read);
    read->stage = scrub->stage;
    read->bytes = 0;
    read->is_done = false;
    read->checkpoint = NULL;
    read->audit = NULL;
    read->vfs = scrub->store->vfs;
    payloads_init(&read->payloads, scrub->store->log);
    return read;
}

static struct scrub_read *hand_out(struct scrub *scrub, struct scrub_read *read) {
    scrub->is_out = true;
    return read;
}

void scrub_read_run(struct scrub_read *read) {
    switch (read->stage) {
    case SCRUB_RESTS:
        must_not_reach();
    case SCRUB_CHECKPOINT:
        scrub_read_checkpoint(read);
        return;
    case SCRUB_LOG:
        read->bytes = log_audit_step(read->audit, SCRUB_READ_BYTES, &read->is_done);
        return;
    case SCRUB_VALUES:
        scrub_read_values(read);
        return;
    }
}

// ---- the checkpoint

static struct scrub_read *step_checkpoint(struct scrub *scrub) {
    const struct store *store = scrub->store;
    if (!store->checkpoint.exists) {
        scrub->stage = SCRUB_LOG;
        return NULL;
    }
    if (!scrub->is_reading)
        scrub->checkpoint = (struct scrub_checkpoint){.vfs = store->vfs,
                                                      .format = log_format(store->log),
                                                      .name = store->checkpoint.name,
                                                      .header = store->checkpoint.header};
    scrub->is_reading = true;
    struct scrub_read *read = read_new(scrub);
    read->checkpoint = &scrub->checkpoint;
    return hand_out(scrub, read);
}

static void end_checkpoint(struct scrub *scrub, const struct scrub_read *read) {
    // A newer one is there by now: the file of this one may be written over already.
    const bool is_newest =
        scrub->checkpoint.header.generation == scrub->store->checkpoint.header.generation;
    if (is_newest && !read->is_done) return;
    if (is_newest) scrub_found_checkpoint(scrub);
    if (is_newest || ++scrub->tries == SCRUB_CHECKPOINT_TRIES) scrub->stage = SCRUB_LOG;
    close_checkpoint(scrub);
}

// ---- segments

static struct scrub_read *step_log(struct scrub *scrub) {
    if (scrub->audit == NULL && scrub->sequence <= scrub->last_sequence)
        scrub->audit = log_audit_begin(scrub->store->log, scrub->sequence);
    if (scrub->audit == NULL) {
        scrub->stage = SCRUB_VALUES;
        walk_begin(&scrub->walk, scrub->store->keyspace, scrub->store->walk_looks);
        return NULL;
    }
    struct scrub_read *read = read_new(scrub);
    read->audit = scrub->audit;
    return hand_out(scrub, read);
}

// Whether the segment still is part of the log.
static bool is_in_log(const struct scrub *scrub, const struct log_audit_result *result) {
    const struct log *log = scrub->store->log;
    uint32_t slot = 0;
    uint32_t offset = 0;
    return log_locate(log, result->sequence * log_segment_bytes(log), &slot, &offset) &&
           slot == result->slot;
}

static void end_audit(struct scrub *scrub, const struct scrub_read *read) {
    if (!read->is_done) return;
    const struct log_audit_result result = log_audit_result(scrub->audit);
    scrub->sequence = result.sequence + 1;
    if (is_in_log(scrub, &result)) scrub_found_segment(scrub, &result);
    close_audit(scrub);
}

// ---- payloads

// What is not durable yet is verified by another pass.
static bool is_durable(const void *context, const struct blob *blob) {
    const struct log *log = context;
    return log_lsn_at(log, blob_slot(blob), blob_offset(blob)) + blob_len(blob) <=
           log_durable_lsn(log);
}

static void end_pass(struct scrub *scrub) {
    scrub_forget_mended(scrub);
    scrub->stage = SCRUB_RESTS;
    scrub->stats.passes++;
    scrub->stats.last_ended_us = scrub->now_us;
    scrub->stats.last_took_us = scrub->now_us - scrub->begun_us;
    scrub->due_us = later(scrub->due_us, scrub->begun_us + SCRUB_PASS_GAP_US);
    const struct scrub_stats stats = scrub_stats(scrub);
    const bool has_damage = stats.damaged_values + stats.damaged_files > 0;
    trace_event(scrub->trace, has_damage ? TRACE_NOTICE : TRACE_VERBOSE, "scrub.passed",
                "Scrub: pass %llu is over: %llu damaged values, %llu damaged places in files.",
                (unsigned long long)stats.passes, (unsigned long long)stats.damaged_values,
                (unsigned long long)stats.damaged_files);
}

static struct scrub_read *step_values(struct scrub *scrub) {
    const struct store *store = scrub->store;
    const struct walk_filter filter = {.context = store->log, .wants = is_durable};
    if (scrub->read == NULL) scrub->read = read_new(scrub);
    struct scrub_read *read = scrub->read;
    if (walk_step(&scrub->walk, store->keyspace, &filter, &read->payloads)) return NULL;
    if (read->payloads.item_count == 0) {
        drop_collected(scrub);
        end_pass(scrub);
        return NULL;
    }
    scrub->read = NULL;
    return hand_out(scrub, read);
}

static void end_values(struct scrub *scrub, const struct scrub_read *read) {
    const struct payloads *payloads = &read->payloads;
    scrub->stats.values += payloads->item_count;
    for (size_t g = 0; g < payloads->group_count; g++) {
        const struct payload_group *group = &payloads->groups[g];
        for (size_t i = group->first; i < group->first + group->count; i++) {
            const struct payload_item *item = &payloads->items[i];
            if (item->err == ERR_NONE || item->err == ERR_LIMIT) continue;
            const struct entry *entry = payloads_entry(payloads, group, scrub->store->keyspace);
            uint32_t index = 0;
            const bool is_there = entry != NULL && payloads_find(payloads, item, entry, &index);
            if (is_there || MUTANT(SCRUB_TELLS_OF_GONE))
                scrub_found_value(scrub, payloads, group, item, index);
        }
    }
}

// ---- steps

static void begin_pass(struct scrub *scrub) {
    scrub->pass++;
    scrub->begun_us = scrub->now_us;
    scrub->overflow = 0;
    const struct log *log = scrub->store->log;
    scrub->tries = 0;
    scrub->sequence = 0;
    scrub->last_sequence = log_segment_at(log, log_segment_count(log) - 1).sequence;
    scrub->stage = SCRUB_CHECKPOINT;
}

struct scrub_read *scrub_step(struct scrub *scrub, int64_t now_us) {
    if (now_us < scrub_due_us(scrub)) return NULL;
    scrub->now_us = now_us;
    scrub->due_us = now_us + SCRUB_STEP_GAP_US;
    switch (scrub->stage) {
    case SCRUB_RESTS:
        begin_pass(scrub);
        return NULL;
    case SCRUB_CHECKPOINT:
        return step_checkpoint(scrub);
    case SCRUB_LOG:
        return step_log(scrub);
    case SCRUB_VALUES:
        return step_values(scrub);
    }
    must_not_reach();
}

void scrub_read_end(struct scrub *scrub, struct scrub_read *read) {
    must(scrub->is_out && read->stage == scrub->stage);
    scrub->is_out = false;
    scrub->stats.bytes += read->bytes;
    const uint64_t rate = num_max(scrub->rate_bytes, 1); // it may be 0 by now
    scrub->ready_us = scrub->now_us + (int64_t)(read->bytes * US_PER_S / rate);
    if (read->stage == SCRUB_CHECKPOINT) end_checkpoint(scrub, read);
    if (read->stage == SCRUB_LOG) end_audit(scrub, read);
    if (read->stage == SCRUB_VALUES) end_values(scrub, read);
    if (scrub->rate_bytes == 0) give_up_pass(scrub);
    payloads_deinit(&read->payloads);
    mem_free(read);
}
