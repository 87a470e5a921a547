// Ranges and snapshots of streams against copies that were made when they were taken.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/data/stream.h"
#include "storage/data/stream_snapshot.h"
#include "tests/unit/snapshot_blobs.h"

enum { LEN_MAX = 4000, SNAPSHOTS = 4, PIECE = 50 };

struct row {
    struct stream_id id;
    uint32_t number; // says what the payload is
};

struct shot {
    struct stream_snapshot *snapshot; // NULL: none
    struct row *rows;                 // in the order of reading
    size_t len;
    size_t at;
};

struct scene {
    struct stream *stream;
    struct row rows[LEN_MAX];
    size_t len;
    struct shot shots[SNAPSHOTS];
    struct stream *cut; // freed in steps; NULL: nothing is
    struct rng rng;
};

static size_t below(struct scene *scene, size_t bound) {
    return (size_t)rng_below(&scene->rng, bound);
}

static size_t any_index(struct scene *scene, size_t bound) {
    const size_t dice = below(scene, 4);
    return dice == 0 ? 0 : dice == 1 ? bound - 1 : below(scene, bound);
}

// ---- rows

static void assert_id(struct stream_id id, const struct row *row) {
    assert_true(stream_id_equal(id, row->id));
}

// ---- changes

// Mostly close to the last; sometimes so far that it needs another chunk.
static struct stream_id next_id(struct scene *scene) {
    struct stream_id id = stream_last_id(scene->stream);
    switch (below(scene, 60)) {
    case 0:
        return (struct stream_id){id.ms + (UINT64_C(1) << 33), 1};
    case 1:
        return (struct stream_id){id.ms, id.seq + (UINT64_C(1) << 32)};
    case 2:
    case 3:
        return (struct stream_id){id.ms + 1 + below(scene, 500), below(scene, 3)};
    default:
        id.seq++;
        return id;
    }
}

static void add(struct scene *scene) {
    static const struct slice strings[] = {{.data = "f", .len = 1}, {.data = "v", .len = 1}};
    const struct row row = {next_id(scene), (uint32_t)below(scene, 1000000)};
    if (scene->len == LEN_MAX) return;
    const struct stream_node node = stream_next_node(scene->stream, row.id, strings, 2);
    const struct blob payload = blob_of_number(row.number);
    stream_add(scene->stream, row.id, &payload, &node);
    scene->rows[scene->len++] = row;
}

static void take_away(struct scene *scene) {
    const size_t index = any_index(scene, scene->len);
    struct blob gone;
    if (index == 0) {
        assert_id(stream_shift(scene->stream, &gone), &scene->rows[0]);
    } else {
        assert_true(stream_delete(scene->stream, scene->rows[index].id, &gone));
    }
    assert_number(&gone, scene->rows[index].number);
    blob_release(&gone);
    scene->len--;
    memmove(scene->rows + index, scene->rows + index + 1,
            (scene->len - index) * sizeof scene->rows[0]);
}

// Whole chunks leave the stream, and are freed by and by.
static void cut_off(struct scene *scene) {
    stream_free(scene->cut, release_blob, NULL);
    scene->cut = stream_cut(scene->stream, below(scene, scene->len + 1));
    if (scene->cut == NULL) return;
    const size_t count = stream_len(scene->cut);
    scene->len -= count;
    memmove(scene->rows, scene->rows + count, scene->len * sizeof scene->rows[0]);
}

static void free_some(struct scene *scene) {
    if (scene->cut == NULL ||
        stream_drain(scene->cut, 1 + below(scene, 9), release_blob, NULL) == 0)
        return;
    stream_free(scene->cut, release_blob, NULL);
    scene->cut = NULL;
}

static void replace(struct scene *scene) {
    struct row *row = &scene->rows[any_index(scene, scene->len)];
    const uint32_t old_number = row->number;
    row->number = (uint32_t)below(scene, 1000000);
    struct blob old = stream_replace(scene->stream, row->id, blob_of_number(row->number));
    assert_number(&old, old_number);
    blob_release(&old);
}

static void change(struct scene *scene, size_t growth) {
    const size_t dice = below(scene, 100);
    if (scene->len == 0 || dice < growth) {
        add(scene);
    } else if (dice < 90) {
        take_away(scene);
    } else {
        replace(scene);
    }
}

// ---- ranges

// Of an entry, or beside it; or of none.
static struct stream_id any_bound(struct scene *scene) {
    if (scene->len == 0 || below(scene, 10) == 0)
        return below(scene, 2) == 0 ? STREAM_ID_MIN : STREAM_ID_MAX;
    struct stream_id id = scene->rows[any_index(scene, scene->len)].id;
    const size_t dice = below(scene, 4);
    if (dice == 0) stream_id_increment(&id);
    if (dice == 1) stream_id_decrement(&id);
    return id;
}

static struct stream_range any_range(struct scene *scene) {
    struct stream_range range = {.from = any_bound(scene),
                                 .to = any_bound(scene),
                                 .is_backward = below(scene, 2) == 0,
                                 .max = below(scene, 2) == 0 ? UINT64_MAX : below(scene, 500)};
    if (below(scene, 4) == 0) range.from = STREAM_ID_MIN;
    if (below(scene, 4) == 0) range.to = STREAM_ID_MAX;
    return range;
}

static size_t rows_of(const struct scene *scene, const struct stream_range *range,
                      struct row *out) {
    size_t count = 0;
    for (size_t i = 0; i < scene->len && count < range->max; i++) {
        const struct row *row = &scene->rows[range->is_backward ? scene->len - 1 - i : i];
        if (stream_id_compare(row->id, range->from) < 0) continue;
        if (stream_id_compare(row->id, range->to) > 0) continue;
        out[count++] = *row;
    }
    return count;
}

static void look_at_range(struct scene *scene) {
    static struct row rows[LEN_MAX];
    const struct stream_range range = any_range(scene);
    const size_t count = rows_of(scene, &range, rows);
    assert_int_equal(stream_range_count(scene->stream, &range), count);
    struct stream_cursor cursor = stream_range_begin(scene->stream, &range);
    for (size_t i = 0; i < count; i++) {
        struct stream_entry entry;
        assert_true(range.is_backward ? stream_prev(&cursor, &entry)
                                      : stream_next(&cursor, &entry));
        assert_id(entry.id, &rows[i]);
        assert_number(&entry.payload, rows[i].number);
    }
}

// ---- snapshots

static void shoot(struct scene *scene, struct shot *shot) {
    const struct stream_range range = any_range(scene);
    struct row *rows = mem_alloc_array(LEN_MAX, sizeof *rows);
    const size_t count = rows_of(scene, &range, rows);
    if (count == 0) {
        mem_free(rows);
        return;
    }
    *shot = (struct shot){
        .snapshot = stream_snapshot_new(scene->stream, &range, count), .rows = rows, .len = count};
}

static void put_down(struct shot *shot) {
    stream_snapshot_free(shot->snapshot);
    mem_free(shot->rows);
    *shot = (struct shot){0};
}

static void look(struct scene *scene, struct shot *shot) {
    struct blob blobs[PIECE];
    const size_t left = shot->len - shot->at;
    assert_int_equal(stream_snapshot_left(shot->snapshot), left);
    assert_int_equal(stream_snapshot_read(shot->snapshot, left, blobs, PIECE), 0);
    if (left == 0) return;
    const size_t skip = below(scene, left);
    const size_t count = stream_snapshot_read(shot->snapshot, skip, blobs, PIECE);
    assert_true(count > 0 && count <= num_min(PIECE, left - skip));
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &shot->rows[shot->at + skip + i];
        assert_id(stream_snapshot_id(shot->snapshot, skip + i), row);
        assert_number(&blobs[i], row->number);
    }
}

// One thing happens to a snapshot: it is taken, read, stepped on, or given up half-way.
static void use(struct scene *scene) {
    struct shot *shot = &scene->shots[below(scene, SNAPSHOTS)];
    if (shot->snapshot == NULL) {
        shoot(scene, shot);
        return;
    }
    look(scene, shot);
    for (size_t steps = below(scene, 200); steps > 0 && shot->at < shot->len; steps--) {
        stream_snapshot_take(shot->snapshot);
        shot->at++;
    }
    look(scene, shot);
    if (shot->at == shot->len || below(scene, 50) == 0) put_down(shot);
}

static void drain(struct shot *shot) {
    while (shot->at < shot->len) {
        const struct row *row = &shot->rows[shot->at++];
        struct blob blob;
        assert_int_equal(stream_snapshot_read(shot->snapshot, 0, &blob, 1), 1);
        assert_number(&blob, row->number);
        assert_id(stream_snapshot_id(shot->snapshot, 0), row);
        stream_snapshot_take(shot->snapshot);
    }
}

static void run(uint64_t seed, int steps, size_t growth, size_t uses) {
    static struct scene scene;
    scene = (struct scene){.stream = stream_new()};
    rng_init(&scene.rng, seed);
    for (int i = 0; i < steps; i++) {
        change(&scene, i / 4000 % 2 == 0 ? growth : 100 - growth);
        if (below(&scene, 300) == 0) cut_off(&scene);
        if (below(&scene, 4) == 0) free_some(&scene);
        if (below(&scene, uses) == 0) use(&scene);
        if (below(&scene, uses) == 0) look_at_range(&scene);
        if (i % 499 == 0) stream_check(scene.stream);
    }
    // The stream goes first, or what was cut off.
    if (seed % 3 == 0) {
        cut_off(&scene);
        stream_free(scene.stream, release_blob, NULL);
        stream_free(scene.cut, release_blob, NULL);
    } else {
        stream_free(scene.cut, release_blob, NULL);
        stream_free(scene.stream, release_blob, NULL);
    }
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        if (scene.shots[i].snapshot == NULL) continue;
        drain(&scene.shots[i]);
        put_down(&scene.shots[i]);
    }
}

static void snapshots_show_what_the_stream_was(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        run(seed, 16000, 70, seed % 2 == 0 ? 10 : 60);
}

static void snapshots_of_short_streams_do_too(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 300; seed++)
        run(seed, 400, 52, 3);
}

// ---- costs

static struct stream *stream_of(uint64_t count) {
    static const struct slice strings[] = {{.data = "f", .len = 1}, {.data = "v", .len = 1}};
    struct stream *stream = stream_new();
    for (uint64_t i = 1; i <= count; i++) {
        const struct stream_id id = {i, 0};
        const struct stream_node node = stream_next_node(stream, id, strings, 2);
        const struct blob payload = blob_of_ref(1, (uint32_t)(i * 8 % 4096), 100, (uint32_t)i);
        stream_add(stream, id, &payload, &node);
    }
    return stream;
}

static void a_snapshot_shares_until_the_stream_changes(void **state) {
    (void)state;
    enum { LEN = 100000, CHUNK_BYTES = 4096 };
    struct stream *stream = stream_of(LEN);
    const struct stream_range all = {.to = STREAM_ID_MAX, .max = UINT64_MAX};
    struct stream_snapshot *snapshot = stream_snapshot_new(stream, &all, LEN);
    const size_t shared = stream_snapshot_memory(snapshot);
    assert_true(shared < 17 * (size_t)(LEN / STREAM_CHUNK_CAP + 2));
    for (int i = 0; i < 1000; i++) {
        struct blob gone;
        stream_shift(stream, &gone);
    }
    const struct slice strings[] = {SLICE("f"), SLICE("v")};
    for (uint64_t i = 1; i <= 1000; i++) {
        const struct stream_id id = {LEN + i, 0};
        const struct stream_node node = stream_next_node(stream, id, strings, 2);
        const struct blob payload = blob_of_ref(1, 0, 100, (uint32_t)i);
        stream_add(stream, id, &payload, &node);
    }
    // The first 1000 lay in six chunks; the last chunk was added to.
    const size_t copied = stream_snapshot_memory(snapshot) - shared;
    assert_true(copied > 5 * CHUNK_BYTES && copied < 9 * CHUNK_BYTES);
    for (int i = 0; i < 1200; i++)
        stream_snapshot_take(snapshot);
    assert_true(stream_snapshot_memory(snapshot) < shared + 2 * CHUNK_BYTES);
    stream_snapshot_free(snapshot);
    stream_free(stream, release_blob, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_show_what_the_stream_was),
        cmocka_unit_test(snapshots_of_short_streams_do_too),
        cmocka_unit_test(a_snapshot_shares_until_the_stream_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
