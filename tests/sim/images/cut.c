#include "tests/sim/images/cut.h"

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"

enum {
    SECTORS_MAX = 320, // unsynced at once
    SUBSETS_BRIEF = 32,
    EXHAUSTIVE_SECTORS_MAX = 10, // 2^10 subsets
    TEAR_VARIANTS = 4,
    GARBAGE_MAX = 48, // sectors
    GARBAGE_BRIEF = 6,
    SIZES_BRIEF = 4,
    GROWING_MAX = 4,
    MADE_MAX = 96, // pages of one image that are its own
};

struct sector {
    uint16_t inode;
    uint8_t page;
    uint8_t bit;
    uint16_t tear_count;
    uint16_t *tears; // places inside the sector; each makes an image of its own
};

struct cut_layer {
    size_t names; // so many changes are durable
    struct disk_names table;
    struct sector *differing;
    size_t differing_count;
    struct sector *written;
    size_t written_count;
    uint16_t growing[GROWING_MAX];
    size_t growing_count;
    uint64_t subsets;
    uint64_t tears;
    uint64_t garbage;
    uint64_t sizes;
    uint64_t total;
};

static const char *sector_of(const char *page, const struct sector *sector) {
    return disk_page_or_zeros(page) + (size_t)sector->bit * DISK_SECTOR;
}

// ---- planning

static bool is_named(const struct disk_names *names, size_t inode) {
    for (size_t i = 0; i < names->count; i++)
        if (names->items[i].inode == inode) return true;
    return false;
}

static void collect_page(struct cut_layer *layer, const struct disk_inode *inode, size_t number,
                         size_t page) {
    for (unsigned bit = 0; bit < DISK_PAGE_SECTORS; bit++) {
        if ((inode->dirty[page] & 1u << bit) == 0) continue;
        struct sector sector = {
            .inode = (uint16_t)number, .page = (uint8_t)page, .bit = (uint8_t)bit};
        if (layer->written_count < GARBAGE_MAX) layer->written[layer->written_count++] = sector;
        const char *old = sector_of(inode->durable[page], &sector);
        const char *new = sector_of(inode->cached[page], &sector);
        if (old == new || memcmp(old, new, DISK_SECTOR) == 0) continue;
        must(layer->differing_count < SECTORS_MAX);
        layer->differing[layer->differing_count++] = sector;
    }
}

static void collect(struct cut_layer *layer, const struct disk_state *state) {
    layer->differing = mem_alloc_array(SECTORS_MAX, sizeof layer->differing[0]);
    layer->written = mem_alloc_array(GARBAGE_MAX, sizeof layer->written[0]);
    for (size_t i = 0; i < state->inode_count; i++) {
        if (!is_named(&layer->table, i)) continue;
        const struct disk_inode *inode = &state->inodes[i];
        for (size_t page = 0; page < DISK_FILE_PAGES; page++)
            if (inode->dirty[page] != 0) collect_page(layer, inode, i, page);
        if (inode->cached_size != inode->durable_size && layer->growing_count < GROWING_MAX)
            layer->growing[layer->growing_count++] = (uint16_t)i;
    }
}

// Byte k belongs to the new side of a tear at `at` exactly if k < at (or not, the other way round);
// the image is another one than that of the place before only if the bytes between differ.
static void find_tears(struct sector *sector, const struct disk_inode *inode, size_t step) {
    const char *old = sector_of(inode->durable[sector->page], sector);
    const char *new = sector_of(inode->cached[sector->page], sector);
    sector->tears = mem_alloc_array(DISK_SECTOR, sizeof sector->tears[0]);
    size_t first = 0;
    size_t last = DISK_SECTOR;
    while (old[first] == new[first])
        first++;
    while (old[last - 1] == new[last - 1])
        last--;
    size_t before = first;
    for (size_t at = num_align_up(first + 1, step); at < last; at += step) {
        if (memcmp(old + before, new + before, at - before) == 0) continue;
        sector->tears[sector->tear_count++] = (uint16_t)at;
        before = at;
    }
}

static void plan_tears(struct cut_layer *layer, const struct disk_state *state,
                       enum cut_detail detail) {
    size_t step = layer->differing_count <= 4 ? 1 : layer->differing_count <= 10 ? 8 : 16;
    if (detail == CUT_BRIEF) step = layer->differing_count <= 4 ? 64 : 256;
    for (size_t i = 0; i < layer->differing_count; i++) {
        struct sector *sector = &layer->differing[i];
        find_tears(sector, &state->inodes[sector->inode], step);
        layer->tears += (uint64_t)sector->tear_count * TEAR_VARIANTS;
    }
}

static uint64_t size_steps(const struct disk_inode *inode, enum cut_detail detail) {
    size_t low = num_min(inode->cached_size, inode->durable_size);
    size_t high = num_max(inode->cached_size, inode->durable_size);
    uint64_t steps = (high - low + DISK_SECTOR - 1) / DISK_SECTOR;
    return detail == CUT_BRIEF ? num_min(steps, (uint64_t)SIZES_BRIEF) : steps;
}

static void plan_layer(struct cut_layer *layer, const struct disk_state *state,
                       enum cut_detail detail) {
    collect(layer, state);
    size_t count = layer->differing_count;
    bool is_full = detail == CUT_FULL;
    layer->subsets = count <= EXHAUSTIVE_SECTORS_MAX ? (uint64_t)1 << count : CUT_SUBSETS_MAX;
    if (!is_full) layer->subsets = num_min(layer->subsets, (uint64_t)SUBSETS_BRIEF);
    plan_tears(layer, state, detail);
    size_t noisy = is_full ? layer->written_count : num_min(layer->written_count, GARBAGE_BRIEF);
    layer->garbage = (uint64_t)noisy * 2;
    for (size_t i = 0; i < layer->growing_count; i++)
        layer->sizes += size_steps(&state->inodes[layer->growing[i]], detail) * 2;
    layer->total = layer->subsets + layer->tears + layer->garbage + layer->sizes;
}

void cut_plan_init(struct cut_plan *plan, const struct disk_state *state, enum cut_detail detail) {
    *plan =
        (struct cut_plan){.state = state, .detail = detail, .layer_count = state->change_count + 1};
    plan->layers = mem_alloc_array(plan->layer_count, sizeof plan->layers[0]);
    struct disk_names table = state->durable;
    for (size_t i = 0; i < plan->layer_count; i++) {
        struct cut_layer *layer = &plan->layers[i];
        layer->names = i;
        layer->table = table;
        plan_layer(layer, state, detail);
        plan->total += layer->total;
        if (i < state->change_count) disk_names_apply(&table, &state->changes[i]);
    }
}

void cut_plan_deinit(struct cut_plan *plan) {
    for (size_t i = 0; i < plan->layer_count; i++) {
        struct cut_layer *layer = &plan->layers[i];
        for (size_t k = 0; k < layer->differing_count; k++)
            mem_free(layer->differing[k].tears);
        mem_free(layer->differing);
        mem_free(layer->written);
    }
    mem_free(plan->layers);
    *plan = (struct cut_plan){0};
}

// ---- what becomes of each sector

#define NOWHERE SIZE_MAX

struct cut {
    uint64_t subset; // number of a subset
    bool is_subset;
    bool others_new;
    size_t torn; // index in `differing`
    size_t tear; // where
    bool new_first;
    size_t noisy; // index in `written`
    uint64_t noise;
    size_t resized; // inode
    uint32_t size;
};

// Whether sector `i` of n is in a subset that stands for many: none, all, runs from either end, all
// but one, only one, random ones.
static bool is_in_sample(uint64_t subset, size_t i, size_t n) {
    if (subset < 2) return subset == 1;
    subset -= 2;
    if (subset < n - 1) return i <= subset;
    subset -= n - 1;
    if (subset < n - 1) return i > subset;
    subset -= n - 1;
    if (subset < n) return i != subset;
    subset -= n;
    if (subset < n) return i == subset;
    uint64_t pair[2] = {subset, i};
    return (hash_bytes(slice_of(pair, sizeof pair), 0) & 1) != 0;
}

static bool is_kept(const struct cut_layer *layer, const struct cut *cut, size_t i) {
    if (!cut->is_subset) return cut->others_new;
    size_t n = layer->differing_count;
    bool is_whole = n <= EXHAUSTIVE_SECTORS_MAX && layer->subsets == (uint64_t)1 << n;
    return is_whole ? (cut->subset >> i & 1) != 0 : is_in_sample(cut->subset, i, n);
}

static void decode_tear(const struct cut_layer *layer, uint64_t number, struct cut *cut) {
    cut->others_new = number % 2 == 0;
    cut->new_first = number / 2 % 2 == 0;
    number /= TEAR_VARIANTS;
    for (size_t i = 0; i < layer->differing_count; i++) {
        if (number < layer->differing[i].tear_count) {
            cut->torn = i;
            cut->tear = layer->differing[i].tears[number];
            return;
        }
        number -= layer->differing[i].tear_count;
    }
    must_not_reach();
}

static void decode_size(const struct cut_plan *plan, const struct cut_layer *layer, uint64_t number,
                        struct cut *cut) {
    cut->others_new = number % 2 == 0;
    number /= 2;
    for (size_t i = 0; i < layer->growing_count; i++) {
        const struct disk_inode *inode = &plan->state->inodes[layer->growing[i]];
        uint64_t steps = size_steps(inode, plan->detail);
        if (number >= steps) {
            number -= steps;
            continue;
        }
        uint64_t low = num_min(inode->cached_size, inode->durable_size);
        uint64_t high = num_max(inode->cached_size, inode->durable_size);
        cut->resized = layer->growing[i];
        // From the lowest, in whole sectors; the highest is that of all other images.
        cut->size = (uint32_t)(low + (high - low) * number / steps / DISK_SECTOR * DISK_SECTOR);
        return;
    }
    must_not_reach();
}

static struct cut decode(const struct cut_plan *plan, const struct cut_layer *layer,
                         uint64_t number) {
    struct cut cut = {.torn = NOWHERE, .noisy = NOWHERE, .resized = NOWHERE};
    if (number < layer->subsets) {
        cut.is_subset = true;
        cut.subset = number;
        return cut;
    }
    number -= layer->subsets;
    if (number < layer->tears) {
        decode_tear(layer, number, &cut);
        return cut;
    }
    number -= layer->tears;
    if (number < layer->garbage) {
        cut.others_new = number % 2 == 0;
        cut.noisy = (size_t)number / 2;
        cut.noise = number;
        return cut;
    }
    decode_size(plan, layer, number - layer->garbage, &cut);
    return cut;
}

// ---- making

struct made_page {
    uint16_t inode;
    uint8_t page;
    char *bytes;
};

struct making {
    const struct disk_state *from;
    struct disk_state *out;
    struct pages *pages;
    struct made_page made[MADE_MAX];
    size_t count;
};

// The page of the image, made from what is durable when it is first asked for.
static char *making_page(struct making *making, const struct sector *sector) {
    for (size_t i = making->count; i-- > 0;) {
        const struct made_page *made = &making->made[i];
        if (made->inode == sector->inode && made->page == sector->page) return made->bytes;
    }
    must(making->count < MADE_MAX);
    char *bytes = pages_take(making->pages);
    const struct disk_inode *inode = &making->from->inodes[sector->inode];
    memcpy(bytes, disk_page_or_zeros(inode->durable[sector->page]), PAGE_BYTES);
    making->made[making->count++] = (struct made_page){sector->inode, sector->page, bytes};
    making->out->inodes[sector->inode].cached[sector->page] = bytes;
    return bytes;
}

static const char *new_bytes(const struct making *making, const struct sector *sector) {
    return sector_of(making->from->inodes[sector->inode].cached[sector->page], sector);
}

static void write_sectors(struct making *making, const struct cut_layer *layer,
                          const struct cut *cut) {
    for (size_t i = 0; i < layer->differing_count; i++) {
        const struct sector *sector = &layer->differing[i];
        size_t at = (size_t)sector->bit * DISK_SECTOR;
        if (i == cut->torn) {
            size_t from = cut->new_first ? 0 : cut->tear;
            size_t to = cut->new_first ? cut->tear : DISK_SECTOR;
            memcpy(making_page(making, sector) + at + from, new_bytes(making, sector) + from,
                   to - from);
        } else if (is_kept(layer, cut, i)) {
            memcpy(making_page(making, sector) + at, new_bytes(making, sector), DISK_SECTOR);
        }
    }
    if (cut->noisy == NOWHERE) return;
    const struct sector *sector = &layer->written[cut->noisy];
    char *at = making_page(making, sector) + (size_t)sector->bit * DISK_SECTOR;
    struct rng rng;
    rng_init(&rng, cut->noise + 1);
    for (size_t i = 0; i < DISK_SECTOR; i += sizeof(uint64_t))
        store_u64le(at + i, rng_next(&rng));
}

// What lies behind the end of a file is gone.
static void shorten(struct making *making, size_t number, uint32_t size) {
    struct disk_inode *inode = &making->out->inodes[number];
    inode->cached_size = size;
    size_t first = size / PAGE_BYTES;
    size_t rest = size % PAGE_BYTES;
    if (rest > 0 && inode->cached[first] != NULL) {
        char *bytes = pages_take(making->pages);
        memset(bytes, 0, PAGE_BYTES);
        memcpy(bytes, inode->cached[first], rest);
        inode->cached[first] = bytes;
    }
    for (size_t page = rest > 0 ? first + 1 : first; page < DISK_FILE_PAGES; page++)
        inode->cached[page] = NULL;
}

static void describe(struct buf *words, const struct cut_plan *plan, const struct cut_layer *layer,
                     const struct cut *cut) {
    buf_printf(words, "%zu of %zu changes of names are durable; %zu unsynced sectors differ; ",
               layer->names, plan->layer_count - 1, layer->differing_count);
    const char *others = cut->others_new ? "new" : "old";
    if (cut->is_subset) {
        buf_append_str(words, "new are:");
        for (size_t i = 0; i < layer->differing_count; i++)
            if (is_kept(layer, cut, i))
                buf_printf(words, " %zu+%zu", (size_t)layer->differing[i].inode,
                           (size_t)layer->differing[i].page * DISK_PAGE_SECTORS +
                               layer->differing[i].bit);
    } else if (cut->torn != NOWHERE) {
        buf_printf(words, "number %zu is torn at byte %zu, %s first, the others are %s", cut->torn,
                   cut->tear, cut->new_first ? "new" : "old", others);
    } else if (cut->noisy != NOWHERE) {
        buf_printf(words, "written sector number %zu is noise, the others are %s", cut->noisy,
                   others);
    } else {
        buf_printf(words, "file %zu has %u bytes, sectors are %s", cut->resized,
                   (unsigned)cut->size, others);
    }
}

void cut_make(const struct cut_plan *plan, uint64_t number, struct disk_state *out,
              struct pages *pages, struct buf *words) {
    const struct cut_layer *layer = plan->layers;
    must(number < plan->total);
    for (; number >= layer->total; layer++)
        number -= layer->total;
    const struct cut cut = decode(plan, layer, number);

    const struct disk_state *from = plan->state;
    out->inode_count = from->inode_count;
    memcpy(out->inodes, from->inodes, from->inode_count * sizeof from->inodes[0]);
    for (size_t i = 0; i < out->inode_count; i++) {
        struct disk_inode *inode = &out->inodes[i];
        memcpy(inode->cached, inode->durable, sizeof inode->cached);
    }
    struct making making = {.from = from, .out = out, .pages = pages};
    write_sectors(&making, layer, &cut);
    if (cut.resized != NOWHERE) shorten(&making, cut.resized, cut.size);
    out->cached = layer->table;
    disk_settle(out);
    if (words != NULL) describe(words, plan, layer, &cut);
}

static uint64_t all_new_of(const struct cut_layer *layer) {
    size_t n = layer->differing_count;
    bool is_whole = n <= EXHAUSTIVE_SECTORS_MAX && layer->subsets == (uint64_t)1 << n;
    return is_whole ? layer->subsets - 1 : 1;
}

uint64_t cut_all_new(const struct cut_plan *plan) {
    const struct cut_layer *last = &plan->layers[plan->layer_count - 1];
    return plan->total - last->total + all_new_of(last);
}

size_t cut_picks(const struct cut_plan *plan, uint64_t numbers[CUT_PICKS_MAX]) {
    const struct cut_layer *last = &plan->layers[plan->layer_count - 1];
    uint64_t first = plan->total - last->total; // of the last layer
    size_t count = 0;
    numbers[count++] = 0;
    if (first > 0) numbers[count++] = first;
    if (last->subsets > 1) numbers[count++] = cut_all_new(plan);
    if (last->subsets > 2) numbers[count++] = first + last->subsets / 2;
    if (last->tears > 0) numbers[count++] = first + last->subsets + last->tears / 2;
    if (last->garbage > 0) numbers[count++] = first + last->subsets + last->tears;
    if (last->sizes > 0) numbers[count++] = plan->total - last->sizes / 2;
    return count;
}
