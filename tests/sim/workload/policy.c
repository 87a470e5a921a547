#include "tests/sim/workload/policy.h"

#include <string.h>

// clang-format off
static const struct policy policies[] = {
    // Ends the world: the process is stopped by whoever drives it, not by a client.
    {NULL, "shutdown", POLICY_NEVER, 0, {NULL}},
    // Ends one connection: survivable, but each costs the world a reconnect.
    {NULL, "quit", POLICY_CLOSES, 10, {NULL}},
    {"client", "kill", POLICY_CLOSES, 20, {NULL}},
    // Holds everybody back, so only for moments and never by a spoiled number.
    {"client", "pause", POLICY_PAUSES | POLICY_UNSPOILED, 30,
     {"0", "1", "5 WRITE", "20 ALL", "50 WRITE", NULL}},
    // Silence is to be seldom and short: three words of four bring the replies back.
    {"client", "reply", 0, 40, {"ON", "ON", "ON", "SKIP", "SKIP", "OFF", NULL}},
    // Options that neither end the world nor change what commands answer.
    {"config", "set", POLICY_UNSPOILED, 60,
     {"slowlog-log-slower-than 10", "slowlog-log-slower-than -1", "slowlog-max-len 16",
      "latency-monitor-threshold 1", "no-such-option 1", "slowlog-max-len abc", NULL}},
    // The file belongs to whoever started the world.
    {"config", "rewrite", 0, 20, {NULL}},
    // An empty world proves little: it is to grow again each time.
    {NULL, "flushall", 0, 3, {NULL}},
    {NULL, "flushdb", 0, 5, {NULL}},
    {NULL, "swapdb", 0, 100, {NULL}},
    // Each key that gets away stays away: what counts is what is left to work with.
    {NULL, "ltrim", 0, 30, {NULL}},
    {NULL, "del", 0, 50, {NULL}},
    {NULL, "unlink", 0, 50, {NULL}},
    {NULL, "xtrim", 0, 30, {NULL}},
    {"xgroup", "destroy", 0, 15, {NULL}},
    {"xgroup", "delconsumer", 0, 30, {NULL}},
    {"xgroup", "setid", 0, 30, {NULL}},
    // An id at the end of all ids is the end of a stream, too.
    {NULL, "xsetid", 0, 30, {NULL}},
    // What makes consumers busy outweighs what frees them.
    {NULL, "xadd", 0, 600, {NULL}},
    {NULL, "xreadgroup", 0, 500, {NULL}},
    {"xgroup", "create", 0, 300, {NULL}},
    // Waits for replicas that do not exist: with a time that ends.
    {NULL, "wait", POLICY_UNSPOILED, 50, {"0 0", "0 10", "1 5", "-1 5", "2 1", "0 -1", "x 1", NULL}},
    {NULL, "waitaof", POLICY_UNSPOILED, 50,
     {"0 0 0", "1 0 10", "1 1 5", "0 2 1", "2 0 1", "0 -1 1", NULL}},
    // Long replies that tell little of data.
    {NULL, "command", 0, 5, {NULL}},
    {"command", "docs", 0, 10, {"get", "lpush nonsense", "client|kill", NULL}},
    {"command", "info", 0, 10, {"get", "lpush nonsense", "client|kill", NULL}},
    {"command", "list", 0, 10, {NULL}},
    // The generator knows no password: the world has none.
    {NULL, "auth", 0, 30, {NULL}},
    // A connection that forgets its database and protocol now and then.
    {NULL, "reset", 0, 30, {NULL}},
};
// clang-format on

const struct policy *policy_all(size_t *count) {
    *count = sizeof policies / sizeof policies[0];
    return policies;
}

static bool has_name(const struct policy *policy, const struct command *container,
                     const struct command *row) {
    if (strcmp(policy->name, row->name) != 0) return false;
    if (policy->container == NULL || container == NULL) {
        return policy->container == NULL && container == NULL;
    }
    return strcmp(policy->container, container->name) == 0;
}

const struct policy *policy_find(const struct command *container, const struct command *row) {
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (has_name(&policies[i], container, row)) return &policies[i];
    }
    return NULL;
}

unsigned policy_weight(const struct policy *policy, const struct command *row) {
    unsigned weight = POLICY_WEIGHT_USUAL;
    if (policy != NULL) return policy->weight;
    // What grows must outweigh what takes away, or nothing is ever there to be taken; and what
    // waits must come so often that lists are empty at times, or nobody ever waits.
    if ((row->traits & COMMAND_GROWS) != 0) weight *= 3;
    if ((row->traits & COMMAND_WAITS) != 0) return 3 * POLICY_WEIGHT_USUAL;
    return weight;
}

// Lists and streams first: that is what a queue server is for. All of it is about data, the rest
// shares what a thousand connections do besides.
unsigned policy_group_share(enum command_group group) {
    switch (group) {
    case GROUP_LIST:
    case GROUP_STREAM:
        return 400;
    case GROUP_STRING:
    case GROUP_HASH:
    case GROUP_GENERIC:
        return 150;
    case GROUP_SET:
    case GROUP_SORTED_SET:
        return 100;
    case GROUP_TRANSACTIONS:
    case GROUP_SCRIPTING:
    case GROUP_PUBSUB:
        return 50;
    case GROUP_CONNECTION:
        return 40;
    case GROUP_SERVER:
        return 25;
    }
    return 0;
}
