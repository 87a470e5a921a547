// COMMAND: the table, told to clients. Nothing here knows a single command; every answer derives
// from the rows.
#include "server/commands/introspect.h"

#include "proto/base/num.h"
#include "server/commands/categories.h"
#include "server/commands/handlers.h"

// A bit of a row and what Redis calls it.
struct word {
    unsigned bit;
    const char *text;
};

// In Redis' order. One trait may stand for two flags.
static const struct word flag_words[] = {
    {COMMAND_WRITES, "write"},
    {COMMAND_READS, "readonly"},
    {COMMAND_GROWS, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_NO_SCRIPT, "noscript"},
    {COMMAND_WAITS, "blocking"},
    {COMMAND_WHILE_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_SKIP_SLOWLOG, "skip_monitor"},
    {COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_MOVABLE_KEYS, "movablekeys"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
};

static const struct word use_words[] = {
    {KEY_RO, "RO"},         {KEY_RW, "RW"},         {KEY_OW, "OW"},
    {KEY_RM, "RM"},         {KEY_ACCESS, "access"}, {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"}, {KEY_DELETE, "delete"}, {KEY_VARIABLE, "variable_flags"},
};

static void reply_words(struct reply *reply, unsigned bits, const struct word *words,
                        size_t count) {
    size_t set = 0;
    for (size_t i = 0; i < count; i++) {
        if ((bits & words[i].bit) != 0) set++;
    }
    reply_set(reply, set);
    for (size_t i = 0; i < count; i++) {
        if ((bits & words[i].bit) != 0) reply_status(reply, words[i].text);
    }
}

void introspect_reply_use(struct reply *reply, unsigned use) {
    reply_words(reply, use, use_words, sizeof use_words / sizeof *use_words);
}

// ---- COMMAND INFO

static void reply_categories(struct reply *reply, const struct command *command) {
    const unsigned mask = categories_of(command);
    reply_set(reply, (size_t)__builtin_popcount(mask));
    for (int i = 0; i < CATEGORIES; i++) {
        if ((mask & (1U << i)) == 0) continue;
        char text[COMMAND_NAME_MAX] = "@";
        slice_to_cstr(slice_str(category_name((enum category)i)), text + 1, sizeof text - 1);
        reply_status(reply, text);
    }
}

// The keys as clients before 7.0 were told of them: one range over all specs, zeros where the
// position depends on other arguments.
static void reply_legacy_range(struct reply *reply, const struct command *command) {
    const struct key_spec *first = NULL;
    const struct key_spec *last = NULL;
    for (size_t i = 0; i < COMMAND_KEY_SPECS; i++) {
        const struct key_spec *spec = &command->keys[i];
        if (spec->use == KEY_NONE || spec->find != KEY_FIND_RANGE) continue;
        if (first == NULL) first = spec;
        last = spec;
    }
    reply_int(reply, first == NULL ? 0 : first->begin);
    reply_int(reply, last == NULL ? 0 : last->last + (last->last < 0 ? 0 : last->begin));
    reply_int(reply, first == NULL ? 0 : first->step);
}

static void reply_number(struct reply *reply, const char *name, int64_t value) {
    reply_bulk_str(reply, name);
    reply_int(reply, value);
}

static void reply_typed_spec(struct reply *reply, const char *name, const char *type,
                             size_t numbers) {
    reply_bulk_str(reply, name);
    reply_map(reply, 2);
    reply_bulk_str(reply, "type");
    reply_bulk_str(reply, type);
    reply_bulk_str(reply, "spec");
    reply_map(reply, numbers); // the caller writes them
}

static void reply_key_spec(struct reply *reply, const struct key_spec *spec) {
    reply_map(reply, 3);
    reply_bulk_str(reply, "flags");
    introspect_reply_use(reply, spec->use);
    if (spec->find == KEY_FIND_STREAMS) {
        reply_typed_spec(reply, "begin_search", "keyword", 2);
        reply_bulk_str(reply, "keyword");
        reply_bulk_str(reply, "STREAMS");
        reply_number(reply, "startfrom", spec->begin);
    } else {
        reply_typed_spec(reply, "begin_search", "index", 1);
        reply_number(reply, "index", spec->begin);
    }
    switch (spec->find) {
    case KEY_FIND_RANGE:
        reply_typed_spec(reply, "find_keys", "range", 3);
        reply_number(reply, "lastkey", spec->last);
        reply_number(reply, "keystep", spec->step);
        reply_number(reply, "limit", 0);
        break;
    case KEY_FIND_KEYNUM:
        reply_typed_spec(reply, "find_keys", "keynum", 3);
        reply_number(reply, "keynumidx", 0);
        reply_number(reply, "firstkey", 1);
        reply_number(reply, "keystep", spec->step);
        break;
    case KEY_FIND_STREAMS:
        reply_typed_spec(reply, "find_keys", "range", 3);
        reply_number(reply, "lastkey", -1);
        reply_number(reply, "keystep", 1);
        reply_number(reply, "limit", 2);
        break;
    }
}

// All of a command's description but its subcommands.
static void reply_row(struct call *call, const struct command *command) {
    struct reply *reply = &call->reply;
    size_t specs = 0;
    while (specs < COMMAND_KEY_SPECS && command->keys[specs].use != KEY_NONE) {
        specs++;
    }
    reply_array(reply, 10);
    reply_bulk_str(reply, engine_command_name(call->engine, command));
    reply_int(reply, command->arity);
    reply_words(reply, command->traits, flag_words, sizeof flag_words / sizeof *flag_words);
    reply_legacy_range(reply, command);
    reply_categories(reply, command);
    reply_set(reply, 0); // tips: for routers of clusters
    reply_set(reply, specs);
    for (size_t i = 0; i < specs; i++) {
        reply_key_spec(reply, &command->keys[i]);
    }
}

static void reply_info(struct call *call, const struct command *command) {
    reply_row(call, command);
    if (command->subtable_len == 0) {
        reply_set(&call->reply, 0);
        return;
    }
    reply_array(&call->reply, command->subtable_len);
    for (size_t i = 0; i < command->subtable_len; i++) {
        reply_row(call, &command->subtable[i]);
        reply_set(&call->reply, 0); // subcommands have none of their own
    }
}

// "get", "client|list"; NULL when there is none.
static const struct command *find_by_full_name(const struct call *call, struct slice name) {
    const char *bar = name.len == 0 ? NULL : memchr(name.data, '|', name.len);
    if (bar == NULL) return engine_find_command(call->engine, name);
    const size_t at = (size_t)(bar - name.data);
    const struct command *container = engine_find_command(call->engine, slice_sub(name, 0, at));
    if (container == NULL) return NULL;
    return command_find_sub(container, slice_sub(name, at + 1, name.len));
}

static void reply_info_of_all(struct call *call) {
    const struct command_table table = engine_commands(call->engine);
    reply_array(&call->reply, table.len);
    for (size_t i = 0; i < table.len; i++) {
        reply_info(call, &table.rows[i]);
    }
}

enum call_result cmd_command(struct call *call) {
    reply_info_of_all(call);
    return CALL_DONE;
}

enum call_result cmd_command_info(struct call *call) {
    if (call->argc == 2) {
        reply_info_of_all(call);
        return CALL_DONE;
    }
    reply_array(&call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        const struct command *command = find_by_full_name(call, call->argv[i]);
        if (command == NULL) {
            reply_null(&call->reply);
        } else {
            reply_info(call, command);
        }
    }
    return CALL_DONE;
}

enum call_result cmd_command_count(struct call *call) {
    reply_int(&call->reply, (int64_t)engine_commands(call->engine).len);
    return CALL_DONE;
}

// ---- COMMAND DOCS

static const char *command_group_name(enum command_group group) {
    switch (group) {
    case GROUP_CONNECTION:
        return "connection";
    case GROUP_GENERIC:
        return "generic";
    case GROUP_STRING:
        return "string";
    case GROUP_LIST:
        return "list";
    case GROUP_HASH:
        return "hash";
    case GROUP_SERVER:
        return "server";
    case GROUP_SET:
        return "set";
    case GROUP_SORTED_SET:
        return "sorted-set";
    case GROUP_STREAM:
        return "stream";
    case GROUP_PUBSUB:
        return "pubsub";
    case GROUP_TRANSACTIONS:
        return "transactions";
    case GROUP_SCRIPTING:
        return "scripting";
    }
    return "";
}

static void reply_text(struct reply *reply, const char *name, const char *text) {
    reply_bulk_str(reply, name);
    reply_bulk_str(reply, text);
}

// The command's name and the map of its documentation; `more` further pairs follow.
static void reply_doc(struct call *call, const struct command *command, size_t more) {
    struct reply *reply = &call->reply;
    reply_bulk_str(reply, engine_command_name(call->engine, command));
    reply_map(reply, 4 + more);
    reply_text(reply, "summary", command->brief);
    reply_text(reply, "since", command->since);
    reply_text(reply, "group", command_group_name(command->group));
    reply_text(reply, "complexity", command->complexity);
}

static void reply_docs(struct call *call, const struct command *command) {
    if (command->subtable_len == 0) {
        reply_doc(call, command, 0);
        return;
    }
    reply_doc(call, command, 1);
    reply_bulk_str(&call->reply, "subcommands");
    reply_map(&call->reply, command->subtable_len);
    for (size_t i = 0; i < command->subtable_len; i++) {
        reply_doc(call, &command->subtable[i], 0);
    }
}

enum call_result cmd_command_docs(struct call *call) {
    if (call->argc == 2) {
        const struct command_table table = engine_commands(call->engine);
        reply_map(&call->reply, table.len);
        for (size_t i = 0; i < table.len; i++) {
            reply_docs(call, &table.rows[i]);
        }
        return CALL_DONE;
    }
    size_t known = 0;
    for (size_t i = 2; i < call->argc; i++) {
        if (find_by_full_name(call, call->argv[i]) != NULL) known++;
    }
    reply_map(&call->reply, known);
    for (size_t i = 2; i < call->argc; i++) {
        const struct command *command = find_by_full_name(call, call->argv[i]);
        if (command != NULL) reply_docs(call, command);
    }
    return CALL_DONE;
}
