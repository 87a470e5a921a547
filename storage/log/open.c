// Opening a directory as far as it can be done without reading the log, and closing.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/log/state.h"

static void note_slot(void *context, const char *name) {
    uint32_t slot = 0;
    if (segment_parse_name(name, &slot)) *(bool *)context = true;
}

// A directory is new when it has neither ackd.format nor slots.
static enum err create_format(struct log *log, struct fault *fault) {
    bool has_slots = false;
    enum err err = vfs_list(log->vfs, note_slot, &has_slots);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot list the directory %s (%s); check permissions",
                         log->vfs->where, err_name(err));
    if (has_slots)
        return fault_set(fault, ERR_CORRUPT,
                         "%s is missing in %s although there are segment files; restore it from a "
                         "backup, or copy the directory with `ackd-check --salvage`, which can do "
                         "without it",
                         FORMAT_NAME, log->vfs->where);
    size_t bytes = log->options.segment_bytes;
    if (bytes == 0) bytes = LOG_SEGMENT_BYTES_DEFAULT;
    if (bytes < LOG_SEGMENT_BYTES_MIN || bytes > LOG_SEGMENT_BYTES_DEFAULT ||
        (bytes & (bytes - 1)) != 0)
        return fault_set(fault, ERR_INVALID,
                         "a segment size of %zu bytes is not possible; choose a power of two from "
                         "%d to %d",
                         bytes, LOG_SEGMENT_BYTES_MIN, LOG_SEGMENT_BYTES_DEFAULT);
    log->format = (struct format){
        .version = FORMAT_VERSION,
        .segment_bytes = bytes,
        .created_ms = log_wall_ms(log),
    };
    store_u64le(log->format.uuid, rng_next(&log->rng));
    store_u64le(log->format.uuid + 8, rng_next(&log->rng));
    return format_create(log->vfs, &log->format, fault);
}

static enum err open_directory(struct log *log, struct fault *fault) {
    enum err err = vfs_lock(log->vfs, FORMAT_LOCK_NAME);
    if (err == ERR_LOCKED)
        return fault_set(fault, err,
                         "%s is in use by another process; stop it or choose another directory",
                         log->vfs->where);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot lock %s (%s); check permissions and room",
                         log->vfs->where, err_name(err));
    err = format_load(log->vfs, &log->format, fault);
    if (err == ERR_NOT_FOUND) err = create_format(log, fault);
    if (err != ERR_NONE) return err;
    log->segment_bytes = (size_t)log->format.segment_bytes;
    log->limit = log->segment_bytes - LOG_ALIGN;
    err = scan_open(&log->scan, log->vfs, &log->format, log_file_flags(log), fault);
    if (err != ERR_NONE) return err;

    for (uint32_t i = 0; i < log->scan.slot_count; i++) {
        const struct scan_slot *slot = &log->scan.slots[i];
        if (slot->kind == SCAN_HEADED && slot->header.epoch >= log->epoch)
            log->epoch = slot->header.epoch;
    }
    return ERR_NONE;
}

enum err log_open(struct log **out, struct vfs *vfs, const struct log_options *options,
                  struct fault *fault) {
    *out = NULL;
    struct log *log = mem_zalloc(sizeof *log);
    log->vfs = vfs;
    log->options = *options;
    if (log->options.slots_ahead == 0) log->options.slots_ahead = 1;
    link_init(&log->sealed);
    link_init(&log->tail.images);
    log->retry_slots_ms = INT64_MIN;
    rng_init(&log->rng, options->seed);
    enum err err = open_directory(log, fault);
    if (err != ERR_NONE) {
        log_close(log);
        return err;
    }
    tail_init(&log->tail, log->segment_bytes, options->tail_bytes);
    *out = log;
    return ERR_NONE;
}

void log_close(struct log *log) {
    if (log == NULL) return;
    must(log->flying == NULL && log->slot_job == NULL);
    while (!link_is_empty(&log->sealed)) {
        struct log_flush *flush = link_entry(log->sealed.next, struct log_flush, link);
        link_remove(&flush->link);
        mem_free(flush);
    }
    scan_close(&log->scan);
    for (uint32_t i = 0; i < log->slot_count; i++) {
        must(log_slot_at(log, i)->pins == 0);
        if (log_is_ghost(log, i)) continue;
        vfs_close(log_slot_at(log, i)->file);
    }
    for (size_t i = 0; i < SLOT_CHUNKS_MAX && log->chunks[i] != NULL; i++)
        mem_free(log->chunks[i]);
    tail_deinit(&log->tail);
    mem_free(log->segments);
    mem_free(log->ghosts);
    mem_free(log);
}
