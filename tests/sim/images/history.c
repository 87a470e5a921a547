#include "tests/sim/images/history.h"

#include <stdio.h>

#include "proto/base/mem.h"

void history_deinit(struct history *history) {
    for (size_t i = 0; i < history->count; i++)
        mem_free(history->nodes[i]);
    mem_free(history->nodes);
    *history = (struct history){0};
}

const struct history_node *history_add(struct history *history, const struct history_node *parent,
                                       uint64_t digest, const char *what) {
    if (history->count == history->cap) {
        history->cap = history->cap == 0 ? 64 : history->cap * 2;
        history->nodes = mem_realloc(history->nodes, history->cap * sizeof history->nodes[0]);
    }
    struct history_node *node = mem_zalloc(sizeof *node);
    node->parent = parent;
    node->digest = digest;
    node->index = parent == NULL ? 0 : parent->index + 1;
    snprintf(node->what, sizeof node->what, "%s", what);
    history->nodes[history->count++] = node;
    return node;
}

const struct history_node *history_add_unknown(struct history *history,
                                               const struct history_node *parent) {
    history_add(history, parent, 0, "one of several at once");
    struct history_node *node = history->nodes[history->count - 1];
    node->is_unknown = true;
    return node;
}

static const struct history_node *find_unknown(const struct bounds *bounds) {
    const struct history_node *at = bounds->tip;
    while (at != NULL && at->index >= bounds->low->index && !at->is_unknown)
        at = at->parent;
    return at != NULL && at->is_unknown ? at : NULL;
}

enum verdict history_judge(const struct bounds *bounds, uint64_t digest,
                           const struct history_node **node) {
    const struct history_node *at = bounds->tip;
    while (at != NULL && (at->is_unknown || at->digest != digest))
        at = at->parent;
    *node = at;
    if (at != NULL && at->index >= bounds->low->index) return VERDICT_HELD;
    const struct history_node *unknown = find_unknown(bounds);
    if (unknown == NULL) return at == NULL ? VERDICT_SILENT : VERDICT_LOST;
    *node = unknown;
    return VERDICT_HELD;
}
