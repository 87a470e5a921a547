#include "tests/sim/workload/workload.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "tests/sim/workload/workload_state.h"

enum {
    DATABASES_USUAL = 3,
    CLIENTS_USUAL = 8,
    SPOILED_PERCENT = 4,
    WEIGHT_SCALE = 1000, // of a group's share, so that rounding does not lose a rare row
};

// ---- leaves

static bool is_wanted(const struct workload *workload, const struct command *row,
                      const struct policy *policy) {
    const unsigned groups = workload->options.groups;
    const unsigned traits = policy == NULL ? 0 : policy->traits;
    if (row->handler == NULL || (traits & POLICY_NEVER) != 0) return false;
    if (workload->options.without_pauses && (traits & POLICY_PAUSES) != 0) return false;
    if (workload->options.without_closes && (traits & POLICY_CLOSES) != 0) return false;
    return groups == 0 || (groups & (1U << row->group)) != 0;
}

static void add_leaf(struct workload *workload, const struct command *container,
                     const struct command *row) {
    const struct policy *policy = policy_find(container, row);
    if (!is_wanted(workload, row, policy)) return;
    struct leaf *leaf = &workload->leaves[workload->leaf_count++];
    *leaf = (struct leaf){.container = container, .row = row, .policy = policy};
    leaf->weight = policy_weight(policy, row);
    must(usage_parse(&leaf->usage, row->usage));
}

static void add_leaves(struct workload *workload) {
    const struct command_table table = workload->options.table;
    size_t count = table.len;
    for (size_t i = 0; i < table.len; i++) {
        count += table.rows[i].subtable_len;
    }
    workload->leaves = mem_alloc_array(count, sizeof *workload->leaves);
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        add_leaf(workload, NULL, row);
        for (size_t k = 0; k < row->subtable_len; k++) {
            add_leaf(workload, row, &row->subtable[k]);
        }
    }
}

static uint64_t weight_of_group(const struct workload *workload, enum command_group group) {
    uint64_t weight = 0;
    for (size_t i = 0; i < workload->leaf_count; i++) {
        if (workload->leaves[i].row->group == group) weight += workload->leaves[i].weight;
    }
    return weight;
}

// A group's share does not depend on how many commands it has.
static void share_out(struct workload *workload) {
    uint64_t of_group[GROUP_SCRIPTING + 1];
    for (size_t group = 0; group <= GROUP_SCRIPTING; group++) {
        of_group[group] = weight_of_group(workload, (enum command_group)group);
    }
    for (size_t i = 0; i < workload->leaf_count; i++) {
        struct leaf *leaf = &workload->leaves[i];
        const enum command_group group = leaf->row->group;
        leaf->weight =
            1 + leaf->weight * policy_group_share(group) * WEIGHT_SCALE / of_group[group];
        workload->weight_total += leaf->weight;
    }
}

// ---- life

struct workload *workload_new(const struct workload_options *options) {
    struct workload *workload = mem_zalloc(sizeof *workload);
    workload->options = *options;
    if (workload->options.databases == 0) workload->options.databases = DATABASES_USUAL;
    if (workload->options.clients_max == 0) workload->options.clients_max = CLIENTS_USUAL;
    rng_init(&workload->rng, options->seed);
    add_leaves(workload);
    must(workload->leaf_count > 0);
    share_out(workload);
    return workload;
}

void workload_free(struct workload *workload) {
    if (workload == NULL) return;
    buf_deinit(&workload->bytes);
    mem_free(workload->leaves);
    mem_free(workload);
}

// ---- drawing

static const struct leaf *choose_leaf(struct workload *workload) {
    uint64_t at = rng_below(&workload->rng, workload->weight_total);
    const struct leaf *leaf = workload->leaves;
    while (at >= leaf->weight) {
        at -= leaf->weight;
        leaf++;
    }
    return leaf;
}

static bool is_to_be_spoiled(struct workload *workload, const struct leaf *leaf) {
    if (workload->options.without_spoiled) return false;
    if (leaf->policy != NULL && (leaf->policy->traits & POLICY_UNSPOILED) != 0) return false;
    return workload_chance(workload, SPOILED_PERCENT);
}

static void draw(struct workload *workload, const struct leaf *leaf, int64_t now_ms,
                 struct workload_command *out) {
    buf_reset(&workload->bytes);
    workload->argc = 0;
    workload->now_ms = now_ms;
    workload_generate_leaf(workload, leaf);
    const bool is_spoiled = is_to_be_spoiled(workload, leaf);
    if (is_spoiled) workload_generate_spoiled(workload, leaf->container == NULL ? 1 : 2);
    for (size_t i = 0; i < workload->argc; i++) {
        const struct argument *arg = &workload->args[i];
        workload->argv[i] = slice_of(workload->bytes.data + arg->at, arg->len);
    }
    *out = (struct workload_command){
        .row = leaf->row,
        .argv = workload->argv,
        .argc = workload->argc,
        .is_blocking = (leaf->row->traits & COMMAND_WAITS) != 0,
        .is_spoiled = is_spoiled,
    };
}

void workload_next(struct workload *workload, int64_t now_ms, struct workload_command *out) {
    draw(workload, choose_leaf(workload), now_ms, out);
}

bool workload_draw(struct workload *workload, const struct command *row, int64_t now_ms,
                   struct workload_command *out) {
    for (size_t i = 0; i < workload->leaf_count; i++) {
        if (workload->leaves[i].row != row) continue;
        draw(workload, &workload->leaves[i], now_ms, out);
        return true;
    }
    return false;
}

bool workload_is_key(const struct workload *workload, size_t index) {
    must(index < workload->argc);
    return workload->args[index].is_key;
}

// ---- words nobody knows

static void unknown_words_of(const struct command *row, struct buf *out) {
    struct usage usage;
    if (!usage_parse(&usage, row->usage)) {
        buf_printf(out, "%s: the usage text cannot be read\n", row->name);
        return;
    }
    for (size_t i = 1; i < usage.count; i++) {
        const struct usage_node *node = &usage.nodes[i];
        if (node->kind != USAGE_NAME || workload_word_is_known(node->text)) continue;
        buf_printf(out, "%s: %.*s\n", row->name, (int)node->text.len, node->text.data);
    }
}

void workload_unknown_words(struct command_table table, struct buf *out) {
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        unknown_words_of(row, out);
        for (size_t k = 0; k < row->subtable_len; k++) {
            unknown_words_of(&row->subtable[k], out);
        }
    }
}
