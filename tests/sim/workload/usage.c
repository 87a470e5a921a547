#include "tests/sim/workload/usage.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/must.h"

struct parser {
    struct usage *usage;
    const char *at;
    unsigned depth;
    bool repeats; // the group that is being read holds a "..."
    bool failed;
};

static uint16_t node_new(struct parser *parser, enum usage_kind kind, struct slice text) {
    struct usage *usage = parser->usage;
    if (usage->count == USAGE_NODES_MAX) {
        parser->failed = true;
        return 0;
    }
    usage->nodes[usage->count] = (struct usage_node){.kind = kind, .text = text};
    return usage->count++;
}

static void node_add(struct usage *usage, uint16_t parent, uint16_t child) {
    if (parent == 0 || child == 0) return;
    uint16_t *link = &usage->nodes[parent].child;
    while (*link != 0) {
        link = &usage->nodes[*link].next;
    }
    *link = child;
}

static bool is_word_end(char c) {
    return c == '\0' || c == ' ' || strchr("<>[]|", c) != NULL;
}

static uint16_t parse_word(struct parser *parser) {
    const char *begin = parser->at;
    bool is_name = false;
    for (; !is_word_end(*parser->at); parser->at++) {
        is_name = is_name || islower((unsigned char)*parser->at);
    }
    const struct slice text = slice_of(begin, (size_t)(parser->at - begin));
    if (slice_equal(text, SLICE("..."))) {
        parser->repeats = true;
        return 0;
    }
    return node_new(parser, is_name ? USAGE_NAME : USAGE_TOKEN, text);
}

static uint16_t parse_choice(struct parser *parser, char end);

// A group in brackets. The parser stands on the opening one.
static uint16_t parse_group(struct parser *parser) {
    const bool is_optional = *parser->at++ == '[';
    const bool outer_repeats = parser->repeats;
    parser->repeats = false;
    const uint16_t content = parse_choice(parser, is_optional ? ']' : '>');
    const bool repeats = parser->repeats;
    parser->repeats = outer_repeats;
    if (!is_optional) return content;
    const uint16_t group = node_new(parser, repeats ? USAGE_AGAIN : USAGE_MAYBE, SLICE_EMPTY);
    node_add(parser->usage, group, content);
    return group;
}

static uint16_t parse_item(struct parser *parser) {
    if (*parser->at == '<' || *parser->at == '[') return parse_group(parser);
    return parse_word(parser);
}

// Alternatives up to `end`, which is passed. One alternative alone is its sequence.
static uint16_t parse_choice(struct parser *parser, char end) {
    if (++parser->depth > USAGE_DEPTH_MAX) parser->failed = true;
    const uint16_t choice = node_new(parser, USAGE_ONE, SLICE_EMPTY);
    uint16_t sequence = node_new(parser, USAGE_ALL, SLICE_EMPTY);
    const uint16_t first = sequence;
    while (!parser->failed && *parser->at != end) {
        if (*parser->at == '\0' || *parser->at == '>' || *parser->at == ']') {
            parser->failed = true;
        } else if (*parser->at == ' ') {
            parser->at++;
        } else if (*parser->at == '|') {
            parser->at++;
            node_add(parser->usage, choice, sequence);
            sequence = node_new(parser, USAGE_ALL, SLICE_EMPTY);
        } else {
            node_add(parser->usage, sequence, parse_item(parser));
        }
    }
    if (*parser->at == end && end != '\0') parser->at++;
    parser->depth--;
    if (sequence == first) return sequence;
    node_add(parser->usage, choice, sequence);
    return choice;
}

bool usage_parse(struct usage *out, const char *text) {
    *out = (struct usage){.count = 1};
    struct parser parser = {.usage = out, .at = text};
    out->root = parse_choice(&parser, '\0');
    return !parser.failed && !parser.repeats;
}
