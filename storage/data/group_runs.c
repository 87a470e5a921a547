// Entries that become pending in a row: XREADGROUP.
//
// Happy path: a short run is listed at once. A long one is only noted, so that nobody waits until a
// million entries are in the pool and in three trees; they are listed by and by (group_list), from
// the first to the last. Whoever asks for one that is not there yet has it listed, and those before
// it, before he is answered; so that nothing but time tells that it was not. Ids are read from the
// stream: it lists them before they leave it.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/group_state.h"
#include "storage/data/stream.h"

enum { RUNS_MAX = 16 }; // more are not noted

// The next row of the oldest run; says how many.
static size_t list_row(struct group *group, size_t max) {
    struct group_run *run = &group->runs[0];
    struct stream_id ids[GROUP_ROW_MAX];
    struct stream_cursor cursor = stream_seek(group->stream, run->next);
    const size_t count =
        stream_next_ids(&cursor, ids, num_min(num_min(run->left, max), GROUP_ROW_MAX));
    must(count > 0 && stream_id_equal(ids[0], run->next));
    struct group_run row = *run;
    run->left -= count;
    group->unlisted -= count;
    run->consumer->unlisted -= count;
    if (run->left == 0) {
        must(stream_id_equal(ids[count - 1], run->last));
        group->run_count--;
        memmove(run, run + 1, group->run_count * sizeof *run);
    } else {
        struct stream_entry entry;
        must(stream_next(&cursor, &entry));
        run->next = entry.id;
    }
    if (group->run_count == 0) group_drop_runs(group);
    group_put_row(group, row.consumer, ids, count, row.delivered_ms);
    return count;
}

size_t group_list(struct group *group, size_t entries) {
    while (entries > 0 && group->run_count > 0)
        entries -= list_row(group, entries);
    return entries;
}

void group_list_until(const struct group *group, struct stream_id id) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): nothing changes that can be read
    struct group *listed = (struct group *)(uintptr_t)group;
    while (group->run_count > 0 && stream_id_compare(group->runs[0].next, id) <= 0)
        list_row(listed, GROUP_ROW_MAX);
}

void group_drop_runs(struct group *group) {
    for (size_t i = 0; i < group->run_count; i++)
        group->runs[i].consumer->unlisted = 0;
    if (group->runs == NULL) return;
    mem_free(group->runs);
    link_remove(&group->unlisted_link);
    group->runs = NULL;
    group->run_count = 0;
    group->unlisted = 0;
}

struct group *group_of_unlisted(struct link *link) {
    return link_entry(link, struct group, unlisted_link);
}

// Whether the run comes behind all that are listed or noted.
static bool is_behind(const struct group *group, const struct stream_run *run,
                      int64_t delivered_ms) {
    if (group->run_count == 0) return group_comes_last(group, run->first, delivered_ms);
    const struct group_run *last = &group->runs[group->run_count - 1];
    return stream_id_compare(last->last, run->first) < 0;
}

// NOLINTNEXTLINE(readability-function-size): who, what, when, and where it is noted
void group_put_run(struct group *group, struct consumer *consumer, const struct stream *stream,
                   const struct stream_run *run, int64_t delivered_ms, struct link *unlisted) {
    if (unlisted != NULL && group->run_count < RUNS_MAX && is_behind(group, run, delivered_ms)) {
        if (group->runs == NULL) {
            group->runs = mem_alloc(RUNS_MAX * sizeof *group->runs);
            link_push_back(unlisted, &group->unlisted_link);
        }
        group->stream = stream;
        group->runs[group->run_count++] = (struct group_run){.consumer = consumer,
                                                             .next = run->first,
                                                             .last = run->last,
                                                             .left = run->count,
                                                             .delivered_ms = delivered_ms};
        group->unlisted += run->count;
        consumer->unlisted += run->count;
        return;
    }
    group_list_all(group);
    struct stream_cursor cursor = stream_seek(stream, run->first);
    for (size_t left = run->count - MUTANT(RUN_LOSES_LAST); left > 0;) {
        struct stream_id ids[GROUP_ROW_MAX];
        const size_t count = stream_next_ids(&cursor, ids, num_min(left, GROUP_ROW_MAX));
        group_put_row(group, consumer, ids, count, delivered_ms);
        left -= count;
    }
}

// ---- checking

void group_check_runs(const struct group *group) {
    size_t unlisted = 0;
    must((group->runs == NULL) == (group->run_count == 0));
    for (size_t i = 0; i < group->run_count; i++) {
        const struct group_run *run = &group->runs[i];
        const struct stream_range range = {.from = run->next, .to = run->last, .max = UINT64_MAX};
        must(stream_find(group->stream, run->next, NULL));
        must(stream_find(group->stream, run->last, NULL));
        must(stream_range_count(group->stream, &range) == run->left);
        must(i == 0 || stream_id_compare(group->runs[i - 1].last, run->next) < 0);
        must(run->consumer->unlisted >= run->left && run->consumer->group == group);
        unlisted += run->left;
    }
    must(unlisted == group->unlisted);
}
