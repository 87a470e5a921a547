// Happy path: find what is there, put the keyspace together, write it into a new store, open that
// one again and compare.
//
// Failure modes: whatever is wrong with the source is told of and passed over. What goes wrong
// while writing ends it: the new directory then has no ackd.format (it is put back last), so nobody
// starts from a half.
#include "storage/salvage/salvage.h"

#include "proto/base/num.h"
#include "storage/log/format.h"
#include "storage/salvage/replay.h"
#include "storage/salvage/states.h"
#include "storage/salvage/walk.h"

#define UNFINISHED_NAME "ackd.format.unfinished"

enum { SALVAGE_SLOTS_AHEAD = 1, SALVAGE_DATABASES = 16 };

struct salvage {
    const struct salvage_options *options;
    struct salvage_result *result;
    struct report report;
    struct source source;
    struct states states;
    struct replay replay;
    struct walk_figures walked;
};

bool salvage_is_complete(const struct salvage_result *result) {
    const struct report_losses *losses = &result->losses;
    return losses->holes == 0 && losses->payloads == 0 && losses->keys_dropped == 0 &&
           losses->misfits == 0 && losses->kept_elements == 0;
}

// ---- reading

static void read_source(struct salvage *salvage) {
    source_link(&salvage->source);
    if (salvage->source.slots_missing > 0)
        report_say(&salvage->report, "damage: %u segment files are missing",
                   salvage->source.slots_missing);
    states_find(&salvage->states, &salvage->source);
    replay_init(&salvage->replay, &salvage->source, salvage->options->seed);
    replay_run(&salvage->replay, &salvage->states, &salvage->walked);
    report_say(&salvage->report, "read: %llu segments, %llu transactions, to log position %llu",
               (unsigned long long)salvage->walked.segments,
               (unsigned long long)salvage->walked.frames,
               (unsigned long long)salvage->walked.end_lsn);
}

// ---- writing

static struct store_options store_options_of(const struct salvage *salvage) {
    return (struct store_options){
        .log = {.segment_bytes = (size_t)salvage->source.format.segment_bytes,
                .slots_ahead = SALVAGE_SLOTS_AHEAD,
                .seed = salvage->options->seed,
                .wall_ms = salvage->options->now_ms},
        .databases = SALVAGE_DATABASES,
        .seed = salvage->options->seed};
}

static void note_name(void *context, const char *name) {
    (void)name;
    *(bool *)context = true;
}

static enum err check_empty(struct vfs *vfs, struct fault *fault) {
    bool has_files = false;
    const enum err err = vfs_list(vfs, note_name, &has_files);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot list the directory %s (%s)", vfs->where,
                         err_name(err));
    if (!has_files) return ERR_NONE;
    return fault_set(fault, ERR_EXISTS,
                     "%s is not empty; give the name of a new directory, in which nothing is yet",
                     vfs->where);
}

static enum err rename_format(struct vfs *vfs, const char *from, const char *to,
                              struct fault *fault) {
    enum err err = vfs_rename(vfs, from, to);
    if (err == ERR_NONE) err = vfs_sync_dir(vfs);
    if (err == ERR_NONE) return ERR_NONE;
    return fault_set(fault, err, "cannot rename %s in %s (%s); check permissions and the disk",
                     from, vfs->where, err_name(err));
}

static enum err write_copy(struct salvage *salvage, uint64_t *digest, struct fault *fault) {
    struct vfs *vfs = salvage->options->to;
    const struct store_options options = store_options_of(salvage);
    struct store_recovery recovery;
    struct copy_task task = {.source = &salvage->source,
                             .from = salvage->replay.keyspace,
                             .now_ms = salvage->options->now_ms};
    enum err err = store_open(&task.to, vfs, &options, &recovery, fault);
    if (err != ERR_NONE) return err;
    err = rename_format(vfs, FORMAT_NAME, UNFINISHED_NAME, fault);
    if (err == ERR_NONE) err = copy_run(&task, &salvage->result->saved, fault);
    *digest = keyspace_digest(store_keyspace(task.to));
    store_close(task.to);
    if (err != ERR_NONE) return err;
    return rename_format(vfs, UNFINISHED_NAME, FORMAT_NAME, fault);
}

// Opens what was written as a server would.
static enum err read_back(struct salvage *salvage, uint64_t digest, struct fault *fault) {
    const struct store_options options = store_options_of(salvage);
    struct store_recovery recovery;
    struct store *store = NULL;
    const enum err err = store_open(&store, salvage->options->to, &options, &recovery, fault);
    if (err != ERR_NONE) return err;
    const bool is_same = keyspace_digest(store_keyspace(store)) == digest;
    store_close(store);
    if (is_same) return ERR_NONE;
    return fault_set(fault, ERR_IO, "what was written to %s does not read back; check its disk",
                     salvage->options->to->where);
}

// ---- the summary

static void say_losses(const struct salvage *salvage) {
    const struct report *report = &salvage->report;
    const struct report_losses *losses = &report->losses;
    if (salvage_is_complete(salvage->result)) {
        report_say(report, "NOTHING LOST: every transaction and every value could be read.");
        return;
    }
    report_say(report, "LOST, as told above:");
    if (losses->payloads > 0)
        report_say(report, "  %llu values whose bytes are damaged or gone",
                   (unsigned long long)losses->payloads);
    if (losses->keys_dropped > 0)
        report_say(report, "  %llu keys of which nothing is left",
                   (unsigned long long)losses->keys_dropped);
    if (losses->holes == 0 && losses->misfits == 0) return;
    report_say(report, "  %llu ranges of transactions", (unsigned long long)losses->holes);
    report_say(report, "  %llu changes behind them that no longer fit",
               (unsigned long long)losses->misfits);
    report_say(report, "What a lost transaction added is lost. What it removed comes back.");
    report_say(report,
               "What was taken from lists behind the first lost range comes back, too (%llu "
               "elements): nobody can say any more which ones it was. Expect jobs to be run again.",
               (unsigned long long)losses->kept_elements);
}

static void summarise(const struct salvage *salvage) {
    const struct report *report = &salvage->report;
    const struct copy_figures *saved = &salvage->result->saved;
    char size[32];
    num_format_human(size, sizeof size, saved->bytes);
    report_say(report, "SAVED: %llu keys with %llu items, %s of values, in %s",
               (unsigned long long)saved->keys, (unsigned long long)saved->elements, size,
               salvage->options->to->where);
    say_losses(salvage);
    report_say(report,
               "Next: keep %s as it is, look at what is lost, and start ackd with --dir %s. "
               "Check or replace the disk that was damaged.",
               salvage->options->from->where, salvage->options->to->where);
}

enum err salvage_run(const struct salvage_options *options, struct salvage_result *result,
                     struct fault *fault) {
    *result = (struct salvage_result){0};
    struct salvage salvage = {
        .options = options,
        .result = result,
        .report = {.context = options->context, .line = options->line},
    };
    uint64_t digest = 0;
    enum err err = check_empty(options->to, fault);
    if (err != ERR_NONE) return err;
    err = source_open(&salvage.source, options->from, &salvage.report, fault);
    if (err == ERR_NONE) {
        result->has_read = true;
        read_source(&salvage);
        err = write_copy(&salvage, &digest, fault);
        if (err == ERR_NONE) err = read_back(&salvage, digest, fault);
        result->losses = salvage.report.losses;
        if (err == ERR_NONE) summarise(&salvage);
        replay_deinit(&salvage.replay);
        states_deinit(&salvage.states);
    }
    source_close(&salvage.source);
    return err;
}
