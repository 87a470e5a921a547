// The small language of usage texts in the command table, as Redis' manual writes them:
//
//     key <BEFORE | AFTER> pivot element        tokens are upper case, names lower case
//     [EX seconds | KEEPTTL]                    one of them, or nothing
//     key [key ...]                             more of them
//
// Always true: a parsed usage text lends from the text, node 0 is none of its nodes.
#ifndef ACKD_TESTS_SIM_WORKLOAD_USAGE_H
#define ACKD_TESTS_SIM_WORKLOAD_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"

enum { USAGE_NODES_MAX = 160, USAGE_DEPTH_MAX = 8 };

enum usage_kind {
    USAGE_NAME,  // an argument to be drawn
    USAGE_TOKEN, // stands as it is
    USAGE_ALL,   // its children one after the other
    USAGE_ONE,   // one of its children
    USAGE_MAYBE, // its child or nothing
    USAGE_AGAIN, // its child, any number of times
};

struct usage_node {
    enum usage_kind kind;
    struct slice text; // of NAME and TOKEN
    uint16_t child;    // the first; 0: none
    uint16_t next;     // its sibling; 0: it is the last
};

struct usage {
    struct usage_node nodes[USAGE_NODES_MAX];
    uint16_t count;
    uint16_t root;
};

// False when the text is not of the language: a bracket is missing, or it is too long.
bool usage_parse(struct usage *out, const char *text);

#endif
