// What the server does beside its clients: checkpoints, and the cleaning of segments.
#include "storage/cleaner.h"
#include "storage/store.h"
#include "tests/sim/images/life.h"

enum { CLEAN_RATE = 1 << 20, CLEAN_STEPS_MAX = 1000 };

static bool is_at_work(const struct life *life) {
    return life_is_up(life) && !log_is_broken(store_log(life->store));
}

// ---- checkpoints

// Promise 5: a checkpoint has the digest of a state that there was.
static void check_checkpoint(struct life *life) {
    const uint64_t digest = store_checkpoint_stats(life->store).digest;
    const struct history_node *node = life->bounds.tip;
    while (node != NULL && !node->is_unknown && node->digest != digest)
        node = node->parent;
    if (node != NULL || life->wrong.len > 0) return;
    life->wrong_kind = VERDICT_SILENT;
    buf_append_str(&life->wrong, "a checkpoint holds a state that there never was (promise 5)");
}

static void end_fold(struct life *life, enum err err, const struct fault *fault, bool may_fail) {
    struct fold *fold = life->fold;
    life->fold = NULL;
    store_fold_end(life->store, fold, err, fault, life->now_ms);
    if (err == ERR_NONE) {
        if (store_checkpoint_stats(life->store).folds > 0) check_checkpoint(life);
        return;
    }
    const bool is_full = err == ERR_NO_SPACE && life->disk.capacity_bytes != UINT64_MAX;
    if (may_fail || is_full || life->wrong.len > 0) return;
    life->wrong_kind = VERDICT_LOST;
    buf_printf(&life->wrong, "a fold fails (%s): %s", err_name(err), fault->text);
}

void life_fold_step(struct life *life, bool may_fail) {
    if (!is_at_work(life)) return;
    if (life->fold == NULL) life->fold = store_fold_begin(life->store, life->now_ms);
    if (life->fold == NULL) return;
    struct fault fault = {0};
    bool is_done = false;
    const enum err err = fold_step(life->fold, &is_done, &fault);
    if (is_done) end_fold(life, err, &fault, may_fail);
}

void life_fold(struct life *life, bool may_fail) {
    do {
        life_fold_step(life, may_fail);
    } while (life->fold != NULL && life_is_up(life));
}

// ---- cleaning

// A read runs at once: nothing of it reaches the disk.
static void clean_step(struct life *life) {
    struct cleaner *cleaner = store_cleaner(life->store);
    struct cleaner_read *read = cleaner_step(cleaner, cleaner_due_us(cleaner));
    if (read != NULL) {
        cleaner_read_run(read);
        cleaner_read_end(cleaner, read);
    }
    life_look(life, "cleaning", false);
}

void life_clean(struct life *life, bool flushes_between) {
    if (!is_at_work(life)) return;
    struct cleaner *cleaner = store_cleaner(life->store);
    const struct log *log = store_log(life->store);
    const uint64_t digest = keyspace_digest(store_keyspace(life->store));
    cleaner_set_rate(cleaner, CLEAN_RATE);
    for (size_t i = 0; i + 1 < log_segment_count(log); i++)
        cleaner_take(cleaner, log_segment_at(log, i).sequence);
    for (int i = 0; i < CLEAN_STEPS_MAX && cleaner_stats(cleaner).is_running; i++) {
        life_make_slots(life);
        clean_step(life);
        if (flushes_between) life_flush(life);
        if (!is_at_work(life)) return;
    }
    if (keyspace_digest(store_keyspace(life->store)) == digest || life->wrong.len > 0) return;
    life->wrong_kind = VERDICT_SILENT;
    buf_append_str(&life->wrong, "cleaning has changed the data");
}
