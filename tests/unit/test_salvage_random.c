// Damage of all kinds, drawn at random, several at once: whatever is not told of as lost is saved,
// nothing is there that never was, and what is not damaged is not lost.
#include "storage/log/segment.h"
#include "tests/unit/salvage_fixture.h"

enum { SEEDS = 12, ROUNDS = 8, BLOCK = 4096 };

static uint64_t seeds = SEEDS;

static void damage_segment(struct site *site, struct memory_disk *disk) {
    char name[SEGMENT_NAME_BYTES];
    const struct log *log = store_log(site->store);
    const size_t which = site_below(site, log_segment_count(log));
    segment_name(name, log_segment_at(log, which).slot);
    if (memory_disk_size(disk, name) < SALVAGE_SEGMENT) return; // cut or lost before
    const size_t at = site_below(site, SALVAGE_SEGMENT);
    char block[BLOCK] = {0};
    switch (site_below(site, 8)) {
    case 0:
        memory_disk_lose(disk, name);
        return;
    case 1:
        memory_disk_shorten(disk, name, at);
        return;
    case 2:
        memory_disk_put(disk, name, block, sizeof block, at / BLOCK * BLOCK);
        return;
    case 3:
        memory_disk_flip(disk, name, site_below(site, 512), 1);
        memory_disk_flip(disk, name, 2048 + site_below(site, 512), 1);
        return;
    default:
        memory_disk_flip(disk, name, at, (unsigned)site_below(site, 8));
    }
}

static void damage_state(struct site *site, struct memory_disk *disk) {
    const char *name = site_below(site, 2) == 0 ? "state-A" : "state-B";
    const size_t size = memory_disk_size(disk, name);
    if (size == 0) return;
    switch (site_below(site, 5)) {
    case 0:
        memory_disk_lose(disk, name);
        return;
    case 1:
        memory_disk_shorten(disk, name, site_below(site, size));
        return;
    default:
        memory_disk_flip(disk, name, site_below(site, size), (unsigned)site_below(site, 8));
    }
}

static void everything_that_is_not_told_of_is_saved(void **state) {
    (void)state;
    struct site *site = test_calloc(1, sizeof *site);
    size_t lossy = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        site_open(site, seed);
        for (size_t folds = site_below(site, 4); folds > 0; folds--) {
            live(site, 100 + site_below(site, 500));
            fold_site(site);
        }
        live(site, 100 + site_below(site, 700));
        for (int round = 0; round < ROUNDS; round++) {
            struct memory_disk *disk = memory_disk_dup(site->disk);
            for (size_t times = 1 + site_below(site, 3); times > 0; times--) {
                if (site_below(site, 5) == 0)
                    damage_state(site, disk);
                else
                    damage_segment(site, disk);
            }
            salvage(site, disk);
            assert_salvaged(site);
            if (salvage_is_complete(&site->result))
                assert_true(site_digest(site->store) == site_digest(site->saved));
            else
                lossy++;
        }
        site_close(site);
    }
    assert_true(lossy > seeds * ROUNDS / 4);
    test_free(site);
}

// Usage: test_salvage_random [SEEDS]
int main(int argc, char **argv) {
    if (argc > 1) seeds = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_is_not_told_of_is_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
