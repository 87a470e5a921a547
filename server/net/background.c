// What the loop has others do meanwhile: slots made, checkpoints folded, segments cleaned, the disk
// scrubbed, cold payloads read, the disk's room looked at. Each has at most one job away
// (READINGS_MAX of readings); a stop waits for those, and begins none.
#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/server_state.h"
#include "storage/cleaner.h"
#include "storage/scrub.h"

static void on_slot_made(void *context) {
    struct server *server = context;
    if (server->is_failed) return;
    server_set_time(server);
    engine_durable(server->engine, log_durable_lsn(server->log));
}

static void on_read(void *context, struct store_reading *reading) {
    struct server *server = context;
    server_set_time(server);
    engine_read(server->engine, reading);
}

// ---- checkpoints

static void on_folded(void *context, struct fold *fold, enum err err, const struct fault *fault) {
    struct server *server = context;
    server_set_time(server);
    const int64_t now_ms = engine_now_ms(server->engine);
    store_fold_end(server->store, fold, err, fault, now_ms);
    engine_note_background(server->engine, 0);
    saving_ended(engine_saving(server->engine), err, now_ms, engine_monotonic_us(server->engine));
    // Segments may have been given back.
    if (!server->is_failed) engine_durable(server->engine, log_durable_lsn(server->log));
}

static void fold_if_wanted(struct server *server) {
    struct saving *saving = engine_saving(server->engine);
    // Segments that wait for a checkpoint are disk that is taken for nothing, and what is written
    // during a fold waits for the next one.
    const bool is_late = store_fold_is_late(server->store);
    if (folder_is_busy(&server->folder) && is_late) folder_hurry(&server->folder);
    if (folder_is_busy(&server->folder) || server->is_stopping) return;
    const int64_t now_ms = engine_now_ms(server->engine);
    const bool is_asked = saving_wanted(saving);
    const bool is_due = server->options->folds && store_wants_fold(server->store, now_ms);
    if (!is_asked && !is_due) return;
    struct fold *fold = store_fold_begin(server->store, now_ms);
    if (fold == NULL && !is_asked) return;
    const int64_t monotonic_us = engine_monotonic_us(server->engine);
    saving_began(saving, store_stats(server->store).effects, monotonic_us);
    if (fold == NULL) {
        // All there is lies in the current segment, which a start reads in a moment anyway.
        saving_ended(saving, ERR_NONE, now_ms, monotonic_us);
        return;
    }
    folder_start(&server->folder, fold, is_asked, is_late);
}

// ---- what goes on in steps

static void *step_cleaner(void *owner, int64_t now_us) {
    return cleaner_step(owner, now_us);
}

static void run_cleaner(void *read) {
    cleaner_read_run(read);
}

static void end_cleaner(void *owner, void *read) {
    cleaner_read_end(owner, read);
}

static int64_t cleaner_due(const void *owner) {
    return cleaner_due_us(owner);
}

static void *step_scrub(void *owner, int64_t now_us) {
    return scrub_step(owner, now_us);
}

static void run_scrub(void *read) {
    scrub_read_run(read);
}

static void end_scrub(void *owner, void *read) {
    scrub_read_end(owner, read);
}

static int64_t scrub_due(const void *owner) {
    return scrub_due_us(owner);
}

static void on_step_due(void *context) {
    server_turn(context);
}

static void init_steppers(struct server *server) {
    const struct stepper_task cleaner = {.owner = store_cleaner(server->store),
                                         .step = step_cleaner,
                                         .run = run_cleaner,
                                         .end = end_cleaner,
                                         .due_us = cleaner_due};
    const struct stepper_task scrub = {.owner = store_scrub(server->store),
                                       .step = step_scrub,
                                       .run = run_scrub,
                                       .end = end_scrub,
                                       .due_us = scrub_due};
    stepper_init(&server->cleaner, &server->loop, &cleaner, on_step_due, server);
    stepper_init(&server->scrub, &server->loop, &scrub, on_step_due, server);
}

// ---- all of it

static void on_disk_told(void *context, const struct vfs_space *space) {
    struct server *server = context;
    if (!server->is_failed) engine_note_disk(server->engine, space);
    if (server->is_stopping) server_turn(server);
}

void background_init(struct server *server) {
    uv_loop_t *loop = &server->loop;
    slot_maker_init(&server->slot_maker, loop, server->log, on_slot_made, server);
    reader_init(&server->reader, loop, server->store, on_read, server);
    folder_init(&server->folder, loop, on_folded, server);
    init_steppers(server);
    disk_watch_init(&server->disk_watch, loop, server->log, on_disk_told, server);
}

void background_step(struct server *server) {
    if (server->is_stopping) return;
    const int64_t now_us = engine_monotonic_us(server->engine);
    stepper_step(&server->cleaner, now_us);
    stepper_step(&server->scrub, now_us);
}

void background_start(struct server *server) {
    fold_if_wanted(server); // first: while it runs fewer slots are wanted
    slot_maker_start(&server->slot_maker, engine_now_ms(server->engine));
}

void background_read(struct server *server) {
    if (!server->is_stopping) reader_start(&server->reader);
}

void background_tick(struct server *server) {
    if (server->log == NULL || server->is_stopping) return;
    engine_note_background(server->engine, folder_held_bytes(&server->folder));
    disk_watch_tick(&server->disk_watch, engine_monotonic_us(server->engine));
}

bool background_is_busy(const struct server *server) {
    return slot_maker_is_busy(&server->slot_maker) || folder_is_busy(&server->folder) ||
           stepper_is_busy(&server->cleaner) || stepper_is_busy(&server->scrub) ||
           reader_is_busy(&server->reader) || disk_watch_is_busy(&server->disk_watch);
}
