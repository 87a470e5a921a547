// ACL categories: what kind of command a row is, derived from its traits and its group.
#ifndef ACKD_SERVER_COMMANDS_CATEGORIES_H
#define ACKD_SERVER_COMMANDS_CATEGORIES_H

#include "proto/base/slice.h"
#include "server/engine/command.h"

// In the order in which COMMAND INFO names them.
enum category {
    CATEGORY_KEYSPACE,
    CATEGORY_READ,
    CATEGORY_WRITE,
    CATEGORY_SET,
    CATEGORY_SORTED_SET,
    CATEGORY_LIST,
    CATEGORY_HASH,
    CATEGORY_STRING,
    CATEGORY_STREAM,
    CATEGORY_PUBSUB,
    CATEGORY_ADMIN,
    CATEGORY_FAST,
    CATEGORY_SLOW,
    CATEGORY_BLOCKING,
    CATEGORY_DANGEROUS,
    CATEGORY_CONNECTION,
    CATEGORY_TRANSACTION,
    CATEGORY_SCRIPTING,
    CATEGORIES,
};

// The categories of a command, a bit 1 << category each. A container that does nothing itself is
// only slow.
unsigned categories_of(const struct command *command);

const char *category_name(enum category category); // "keyspace"
// The category of that name, case-insensitive; CATEGORIES when there is none.
enum category category_find(struct slice name);

#endif
