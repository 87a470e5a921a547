// Checkpoints, made step by step while everything else goes on.
#include "tests/sim/world/state.h"

void fold_forget(struct world *world) {
    if (world->fold != NULL)
        store_fold_end(world->store, world->fold, ERR_IO, NULL, world_now_ms(world));
    world->fold = NULL;
}

// Promise 5: the checkpoint is the state that the first so many frames made, and its lsn is where
// the next one begins.
static void check_made(struct world *world) {
    const struct store_checkpoint_stats stats = store_checkpoint_stats(world->store);
    const struct ledger *ledger = &world->ledger;
    const unsigned long long frames = stats.frames;
    if (stats.frames > ledger->count)
        world_broke(world, 5, "a checkpoint has %llu frames where %zu were written", frames,
                    ledger->count);
    const struct ledger_frame *frame = &ledger->frames[stats.frames];
    if (frame->has_digest && frame->digest != stats.digest)
        world_broke(world, 5, "the checkpoint of %llu frames is not the state they made", frames);
    if (frame->end_lsn > stats.lsn)
        world_broke(world, 5, "the checkpoint of %llu frames ends before the last of them", frames);
    if (stats.frames < ledger->count && frame[1].end_lsn != 0 && frame[1].end_lsn <= stats.lsn)
        world_broke(world, 5, "the checkpoint of %llu frames ends behind the next one", frames);
}

static void end(struct world *world, enum err err, const struct fault *fault) {
    const bool may_fail =
        world->fold_may_fail || machine_is_dead(world) || (err == ERR_NO_SPACE && world->is_full);
    if (err != ERR_NONE && !may_fail)
        world_broke(world, 5, "a fold fails though nothing is wrong (%s): %s", err_name(err),
                    fault->text);
    const uint64_t before = store_checkpoint_stats(world->store).folds;
    struct fold *fold = world->fold;
    world->fold = NULL;
    story_tell(world->story, "fold ends: %s", err_name(err));
    store_fold_end(world->store, fold, err, fault, world_now_ms(world));
    if (store_checkpoint_stats(world->store).folds == before) return;
    world->figures->folds++;
    check_made(world);
}

void fold_go_on(struct world *world) {
    if (!world_has(world, WORLD_FOLDS)) return;
    const int64_t now_ms = world_now_ms(world);
    if (world->fold == NULL) {
        if (!store_wants_fold(world->store, now_ms) && !world_chance(world, 8)) return;
        world->fold = store_fold_begin(world->store, now_ms);
        world->fold_may_fail = false;
        if (world->fold != NULL) story_tell(world->story, "fold begins");
        return;
    }
    if (world_chance(world, 100)) fold_cancel(world->fold);
    if (world->calls_fail) world->fold_may_fail = true; // it reads ahead
    struct fault fault = {0};
    bool is_done = false;
    const enum err err = fold_step(world->fold, &is_done, &fault);
    if (is_done) end(world, err, &fault);
}
