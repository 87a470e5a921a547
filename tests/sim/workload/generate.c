// From a row to an argv: its usage text is walked, each choice is drawn.
#include <string.h>

#include "proto/base/must.h"
#include "tests/sim/workload/workload_state.h"

// ---- chance

size_t workload_below(struct workload *workload, size_t bound) {
    return (size_t)rng_below(&workload->rng, bound);
}

bool workload_chance(struct workload *workload, unsigned percent) {
    return workload_below(workload, 100) < percent;
}

int64_t workload_between(struct workload *workload, int64_t low, int64_t high) {
    must(low <= high);
    return low + (int64_t)workload_below(workload, (size_t)(high - low) + 1);
}

// ---- arguments

// An argument may stand in `bytes` itself: it is copied from where it is then.
void workload_slice(struct workload *workload, struct slice s) {
    if (workload->argc == WORKLOAD_ARGS_MAX) return;
    workload->args[workload->argc++] = (struct argument){.at = workload->bytes.len, .len = s.len};
    buf_append_slice(&workload->bytes, s);
}

void workload_text(struct workload *workload, const char *text) {
    workload_slice(workload, slice_str(text));
}

void workload_i64(struct workload *workload, int64_t value) {
    if (workload->argc == WORKLOAD_ARGS_MAX) return;
    const size_t at = workload->bytes.len;
    buf_append_i64(&workload->bytes, value);
    workload->args[workload->argc++] = (struct argument){.at = at, .len = workload->bytes.len - at};
}

// Eight random bytes repeated: two values never look alike, and long ones are cheap.
void workload_bytes(struct workload *workload, size_t len) {
    if (workload->argc == WORKLOAD_ARGS_MAX) return;
    const size_t at = workload->bytes.len;
    const uint64_t pattern = rng_next(&workload->rng);
    char *into = buf_reserve(&workload->bytes, len);
    for (size_t i = 0; i < len; i++) {
        into[i] = (char)(pattern >> (i % sizeof pattern * 8));
    }
    buf_commit(&workload->bytes, len);
    workload->args[workload->argc++] = (struct argument){.at = at, .len = len};
}

// ---- usage

enum { AGAIN_PERCENT = 45, AGAIN_MAX = 12, AGAIN_MANY_MAX = 60, MAYBE_PERCENT = 35 };

static void draw_node(struct drawing *drawing, uint16_t at);

static void draw_children(struct drawing *drawing, uint16_t first) {
    const struct usage_node *nodes = drawing->leaf->usage.nodes;
    for (uint16_t at = first; at != 0; at = nodes[at].next) {
        draw_node(drawing, at);
    }
}

// An alternative is not drawn empty, also where it is written as options:
// <[ID id] | [MAXAGE seconds] [...]>.
static void draw_demanded(struct drawing *drawing, uint16_t at) {
    const struct usage_node *nodes = drawing->leaf->usage.nodes;
    const uint16_t first = nodes[at].kind == USAGE_ALL ? nodes[at].child : 0;
    if (first != 0 && nodes[first].kind == USAGE_MAYBE) {
        draw_children(drawing, nodes[first].child);
        draw_children(drawing, nodes[first].next);
    } else {
        draw_node(drawing, at);
    }
}

static void draw_one(struct drawing *drawing, uint16_t first) {
    const struct usage_node *nodes = drawing->leaf->usage.nodes;
    size_t count = 0;
    for (uint16_t at = first; at != 0; at = nodes[at].next) {
        count++;
    }
    size_t left = workload_below(drawing->workload, count);
    uint16_t at = first;
    while (left-- > 0) {
        at = nodes[at].next;
    }
    draw_demanded(drawing, at);
}

// Whether what comes again are the ids behind the word STREAMS: as many as there are keys.
static bool are_ids_of_keys(const struct drawing *drawing, uint16_t child) {
    const struct usage_node *nodes = drawing->leaf->usage.nodes;
    const struct usage_node *node = &nodes[child];
    if (node->kind == USAGE_ALL) node = &nodes[node->child];
    return drawing->leaf->row->keys[0].find == KEY_FIND_STREAMS &&
           slice_equal(node->text, SLICE("id"));
}

// Mostly a few times; now and then so often that one command fills several records.
static void draw_again(struct drawing *drawing, uint16_t child) {
    struct workload *workload = drawing->workload;
    if (are_ids_of_keys(drawing, child)) {
        for (size_t i = 1; i < drawing->keys; i++) {
            draw_children(drawing, child);
        }
        return;
    }
    const bool is_many = workload_below(workload, 100) == 0;
    const size_t max = is_many ? AGAIN_MANY_MAX : AGAIN_MAX;
    for (size_t i = 0; i < max && workload_chance(workload, is_many ? 95 : AGAIN_PERCENT); i++) {
        draw_children(drawing, child);
    }
}

// Tokens are as good in lower case.
static void draw_token(struct workload *workload, struct slice token) {
    char text[64];
    slice_to_cstr(token, text, sizeof text);
    if (workload_chance(workload, 20)) {
        for (char *p = text; *p != '\0'; p++) {
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
        }
    }
    workload_text(workload, text);
}

static void draw_node(struct drawing *drawing, uint16_t at) {
    const struct usage_node *node = &drawing->leaf->usage.nodes[at];
    switch (node->kind) {
    case USAGE_NAME:
        must(workload_word_draw(drawing, node->text)); // test_workload names it
        break;
    case USAGE_TOKEN:
        draw_token(drawing->workload, node->text);
        break;
    case USAGE_ALL:
        draw_children(drawing, node->child);
        break;
    case USAGE_ONE:
        draw_one(drawing, node->child);
        break;
    case USAGE_MAYBE:
        if (workload_chance(drawing->workload, MAYBE_PERCENT)) draw_children(drawing, node->child);
        break;
    case USAGE_AGAIN:
        draw_again(drawing, node->child);
        break;
    }
}

// ---- whole commands

static void draw_line(struct workload *workload, const struct policy *policy) {
    size_t count = 0;
    while (count < POLICY_LINES_MAX && policy->lines[count] != NULL) {
        count++;
    }
    const char *at = policy->lines[workload_below(workload, count)];
    while (*at != '\0') {
        const size_t len = strcspn(at, " ");
        workload_slice(workload, slice_of(at, len));
        at += len;
        if (*at == ' ') at++;
    }
}

static void fill_count(struct workload *workload, size_t index, size_t count) {
    if (index == 0) return;
    const size_t at = workload->bytes.len;
    buf_append_u64(&workload->bytes, count);
    workload->args[index] = (struct argument){.at = at, .len = workload->bytes.len - at};
}

// Writes how many keys and ids have come behind the arguments that count them.
static void fill_counts(struct drawing *drawing) {
    fill_count(drawing->workload, drawing->numkeys_at, drawing->keys);
    fill_count(drawing->workload, drawing->numids_at, drawing->ids);
}

void workload_generate_leaf(struct workload *workload, const struct leaf *leaf) {
    struct drawing drawing = {.workload = workload, .leaf = leaf, .key_class = -1};
    workload->nesting++;
    if (leaf->container != NULL) workload_text(workload, leaf->container->name);
    workload_text(workload, leaf->row->name);
    if (leaf->policy != NULL && leaf->policy->lines[0] != NULL) {
        draw_line(workload, leaf->policy);
    } else {
        draw_node(&drawing, leaf->usage.root);
        fill_counts(&drawing);
    }
    workload->nesting--;
}

// ---- spoiling

static void replace(struct workload *workload, size_t i) {
    static const char *const junk[] = {"",
                                       "abc",
                                       "-1",
                                       "0",
                                       "99999999999999999999",
                                       "1.5",
                                       "nan",
                                       "-9223372036854775808",
                                       "COUNT",
                                       "9223372036854775807",
                                       "LEFT",
                                       "NX",
                                       "*"};
    const size_t count = workload->argc;
    workload_text(workload, junk[workload_below(workload, sizeof junk / sizeof junk[0])]);
    if (workload->argc == count) return;
    workload->args[i] = workload->args[count];
    workload->argc = count;
}

// One too few, one too many, or a wrong one.
void workload_generate_spoiled(struct workload *workload, size_t first) {
    const size_t args = workload->argc - first;
    switch (workload_below(workload, 4)) {
    case 0:
        if (args > 0) workload->argc--;
        break;
    case 1:
        workload_text(workload, "1");
        break;
    default:
        if (args > 0) replace(workload, first + workload_below(workload, args));
        break;
    }
}
