#include "server/commands/categories.h"

static const char *const names[CATEGORIES] = {
    [CATEGORY_KEYSPACE] = "keyspace",
    [CATEGORY_READ] = "read",
    [CATEGORY_WRITE] = "write",
    [CATEGORY_SET] = "set",
    [CATEGORY_SORTED_SET] = "sortedset",
    [CATEGORY_LIST] = "list",
    [CATEGORY_HASH] = "hash",
    [CATEGORY_STRING] = "string",
    [CATEGORY_STREAM] = "stream",
    [CATEGORY_PUBSUB] = "pubsub",
    [CATEGORY_ADMIN] = "admin",
    [CATEGORY_FAST] = "fast",
    [CATEGORY_SLOW] = "slow",
    [CATEGORY_BLOCKING] = "blocking",
    [CATEGORY_DANGEROUS] = "dangerous",
    [CATEGORY_CONNECTION] = "connection",
    [CATEGORY_TRANSACTION] = "transaction",
    [CATEGORY_SCRIPTING] = "scripting",
};

static unsigned bit(enum category category) {
    return 1U << category;
}

// What the group alone says.
static unsigned of_group(const struct command *command) {
    const bool has_keys = command->keys[0].use != KEY_NONE;
    switch (command->group) {
    case GROUP_CONNECTION:
        return bit(CATEGORY_CONNECTION);
    case GROUP_GENERIC: // WAIT is generic, but about the connection
        return (command->traits & COMMAND_CONNECTION) != 0 ? 0 : bit(CATEGORY_KEYSPACE);
    case GROUP_SERVER: // those that read or change a whole database
        return !has_keys && (command->traits & (COMMAND_READS | COMMAND_WRITES)) != 0
                   ? bit(CATEGORY_KEYSPACE)
                   : 0;
    case GROUP_STRING:
        return bit(CATEGORY_STRING);
    case GROUP_LIST:
        return bit(CATEGORY_LIST);
    case GROUP_HASH:
        return bit(CATEGORY_HASH);
    case GROUP_SET:
        return bit(CATEGORY_SET);
    case GROUP_SORTED_SET:
        return bit(CATEGORY_SORTED_SET);
    case GROUP_STREAM:
        return bit(CATEGORY_STREAM);
    case GROUP_PUBSUB:
        return bit(CATEGORY_PUBSUB);
    case GROUP_TRANSACTIONS:
        return bit(CATEGORY_TRANSACTION);
    case GROUP_SCRIPTING:
        return bit(CATEGORY_SCRIPTING);
    }
    return 0;
}

unsigned categories_of(const struct command *command) {
    if (command->handler == NULL) return bit(CATEGORY_SLOW);
    const unsigned traits = command->traits;
    unsigned mask = of_group(command);
    mask |= bit((traits & COMMAND_FAST) != 0 ? CATEGORY_FAST : CATEGORY_SLOW);
    if ((traits & COMMAND_READS) != 0) mask |= bit(CATEGORY_READ);
    if ((traits & COMMAND_WRITES) != 0) mask |= bit(CATEGORY_WRITE);
    if ((traits & COMMAND_WAITS) != 0) mask |= bit(CATEGORY_BLOCKING);
    if ((traits & COMMAND_DANGEROUS) != 0) mask |= bit(CATEGORY_DANGEROUS);
    if ((traits & COMMAND_CONNECTION) != 0) mask |= bit(CATEGORY_CONNECTION);
    if ((traits & (COMMAND_ADMIN | COMMAND_FOR_ADMIN)) != 0) {
        mask |= bit(CATEGORY_ADMIN) | bit(CATEGORY_DANGEROUS);
    }
    return mask;
}

const char *category_name(enum category category) {
    return names[category];
}

enum category category_find(struct slice name) {
    int i = 0;
    while (i < CATEGORIES && !slice_is(name, names[i])) {
        i++;
    }
    return (enum category)i;
}
