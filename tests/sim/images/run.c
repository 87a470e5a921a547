#include <stdio.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "tests/sim/images/matrix_state.h"

static const char random_prefix[] = "random-";

static bool run_script(struct life *life, const char *name, uint64_t seed) {
    for (size_t i = 0; i < scenario_count(); i++) {
        if (strcmp(scenarios[i].name, name) != 0) continue;
        scenarios[i].run(life);
        return true;
    }
    size_t len = sizeof random_prefix - 1;
    uint64_t number = 0;
    if (strncmp(name, random_prefix, len) != 0 || !num_parse_u64(slice_str(name + len), &number))
        return false;
    uint64_t pair[2] = {seed, number};
    scenario_run_random(life, hash_bytes(slice_of(pair, sizeof pair), 0));
    return true;
}

bool run_init(struct run *run, const char *name, uint64_t seed, const struct trace *trace) {
    memset(run, 0, sizeof *run);
    snprintf(run->name, sizeof run->name, "%s", name);
    life_init(&run->life, NULL, NULL);
    run->life.trace = trace;
    run->clean_moment = SIZE_MAX;
    if (!run_script(&run->life, name, seed)) return false;
    life_note(&run->life);
    bool is_up = life_is_up(&run->life) && !log_is_broken(store_log(run->life.store));
    life_stop(&run->life);
    life_note(&run->life);
    if (is_up && run->life.wrong.len == 0) run->clean_moment = run->life.moment_count - 1;
    run->images = run_plan(&run->life, CUT_FULL, &run->plans);
    return true;
}

void run_deinit(struct run *run) {
    run_plans_free(&run->life, run->plans);
    life_deinit(&run->life);
    memset(run, 0, sizeof *run);
}

uint64_t run_plan(struct life *life, enum cut_detail detail, struct cut_plan **plans) {
    *plans = mem_alloc_array(life->moment_count, sizeof **plans);
    uint64_t images = 0;
    for (size_t i = 0; i < life->moment_count; i++) {
        struct moment *moment = &life->moments[i];
        cut_plan_init(&(*plans)[i], &moment->state, detail);
        moment->first_image = images;
        moment->images = (*plans)[i].total;
        images += moment->images;
    }
    return images;
}

void run_plans_free(struct life *life, struct cut_plan *plans) {
    if (plans == NULL) return;
    for (size_t i = 0; i < life->moment_count; i++)
        cut_plan_deinit(&plans[i]);
    mem_free(plans);
}

size_t run_moment_of(const struct life *life, uint64_t number) {
    size_t low = 0;
    size_t high = life->moment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (life->moments[middle].first_image <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void run_go_on(struct life *life, const struct disk_state *state, const struct bounds *bounds,
               const struct trace *trace) {
    life_init(life, state, bounds);
    life->trace = trace;
    scenario_go_on(life);
}

// ---- bits

enum { HEADER_BYTE = 100 }; // any that the checksum of a segment's header covers

static size_t bytes_of_page(const struct disk_state *state, size_t inode, size_t page) {
    const char *bytes = state->inodes[inode].cached[page];
    size_t count = 0;
    for (size_t i = 0; bytes != NULL && i < PAGE_BYTES; i++)
        count += bytes[i] != 0;
    return count;
}

static bool has_name_like(const struct disk_state *state, size_t inode, const char *begin) {
    for (size_t i = 0; i < state->cached.count; i++)
        if (state->cached.items[i].inode == inode)
            return strncmp(state->cached.items[i].text, begin, strlen(begin)) == 0;
    return false;
}

static bool is_named(const struct disk_state *state, size_t inode) {
    for (size_t i = 0; i < state->cached.count; i++)
        if (state->cached.items[i].inode == inode) return true;
    return false;
}

// Both copies of a header at once; behind the numbers of the single bits.
static void break_header(struct disk_state *state, size_t inode, struct pages *pages,
                         struct buf *words) {
    const char *bytes = state->inodes[inode].cached[0];
    char *made = pages_take(pages);
    memcpy(made, disk_page_or_zeros(bytes), PAGE_BYTES);
    for (size_t at = 0; at < PAGE_BYTES; at += PAGE_BYTES / 2)
        made[at + HEADER_BYTE] = (char)(made[at + HEADER_BYTE] ^ 1);
    state->inodes[inode].cached[0] = made;
    if (words != NULL)
        buf_printf(words, "both copies of the header of file %zu are damaged", inode);
}

// A page with a header of which there is a copy.
static bool is_header(const struct disk_state *state, size_t inode, size_t page) {
    if (has_name_like(state, inode, "seg-")) return page == 0;
    return has_name_like(state, inode, "state-") && page < 2;
}

bool run_bit_is_harmless(const struct disk_state *state, uint64_t number) {
    for (size_t i = 0; i < state->inode_count; i++) {
        for (size_t page = 0; page < DISK_FILE_PAGES && is_named(state, i); page++) {
            size_t count = bytes_of_page(state, i, page);
            if (number < count) return is_header(state, i, page);
            number -= count;
        }
    }
    return false;
}

uint64_t run_bits(const struct disk_state *state) {
    uint64_t total = state->inode_count;
    for (size_t i = 0; i < state->inode_count; i++)
        for (size_t page = 0; page < DISK_FILE_PAGES && is_named(state, i); page++)
            total += bytes_of_page(state, i, page);
    return total;
}

static void flip(struct disk_state *state, size_t inode, size_t page, uint64_t number,
                 struct pages *pages, struct buf *words) {
    const char *bytes = state->inodes[inode].cached[page];
    size_t at = 0;
    for (uint64_t left = number + 1; left > 0; at++)
        left -= bytes[at] != 0;
    at--;
    char *made = pages_take(pages);
    memcpy(made, bytes, PAGE_BYTES);
    made[at] = (char)(made[at] ^ 1 << number % 8);
    state->inodes[inode].cached[page] = made;
    if (words != NULL)
        buf_printf(words, "a bit of byte %zu of file %zu is flipped", page * PAGE_BYTES + at,
                   inode);
}

void run_flip(struct disk_state *state, uint64_t number, struct pages *pages, struct buf *words) {
    for (size_t i = 0; i < state->inode_count; i++) {
        for (size_t page = 0; page < DISK_FILE_PAGES && is_named(state, i); page++) {
            size_t count = bytes_of_page(state, i, page);
            if (number < count) {
                flip(state, i, page, number, pages, words);
                return;
            }
            number -= count;
        }
    }
    must(number < state->inode_count);
    break_header(state, (size_t)number, pages, words);
}

// ---- pages

uint64_t run_pages(const struct disk_state *state) {
    uint64_t total = 0;
    for (size_t i = 0; i < state->inode_count; i++)
        for (size_t page = 0; page < DISK_FILE_PAGES && is_named(state, i); page++)
            total += state->inodes[i].cached[page] != NULL;
    return total * 2;
}

static void spoil(struct disk_inode *inode, size_t page, bool with_noise, struct pages *pages) {
    inode->cached[page] = NULL;
    if (!with_noise) return;
    char *made = pages_take(pages);
    struct rng rng;
    rng_init(&rng, page + 1);
    for (size_t i = 0; i < PAGE_BYTES; i += sizeof(uint64_t))
        store_u64le(made + i, rng_next(&rng));
    inode->cached[page] = made;
}

void run_spoil(struct disk_state *state, uint64_t number, struct pages *pages, struct buf *words) {
    uint64_t left = number / 2;
    for (size_t i = 0; i < state->inode_count; i++) {
        for (size_t page = 0; page < DISK_FILE_PAGES && is_named(state, i); page++) {
            if (state->inodes[i].cached[page] == NULL || left-- > 0) continue;
            spoil(&state->inodes[i], page, number % 2 == 1, pages);
            if (words != NULL)
                buf_printf(words, "page %zu of file %zu is %s", page, i,
                           number % 2 == 1 ? "noise" : "zeros");
            return;
        }
    }
    must_not_reach();
}
