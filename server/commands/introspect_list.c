// COMMAND LIST and COMMAND GETKEYS: which commands there are, and where a request has its keys.
#include "server/commands/categories.h"
#include "server/commands/handlers.h"
#include "server/commands/introspect.h"
#include "server/engine/call.h"

// ---- COMMAND LIST

enum list_by {
    LIST_ALL,
    LIST_BY_CATEGORY,
    LIST_BY_PATTERN,
    LIST_BY_MODULE, // there are none
};

struct list_filter {
    enum list_by by;
    struct slice value;
};

static bool filter_wants(const struct list_filter *filter, const struct command *command,
                         const char *full_name) {
    switch (filter->by) {
    case LIST_ALL:
        return true;
    case LIST_BY_CATEGORY: {
        const enum category category = category_find(filter->value);
        return category != CATEGORIES && (categories_of(command) & (1U << category)) != 0;
    }
    case LIST_BY_PATTERN:
        return slice_matches_glob(slice_str(full_name), filter->value, true);
    case LIST_BY_MODULE:
        return false;
    }
    return false;
}

// Answers the name if the filter wants it and `writes` is set; returns how many it wants.
static size_t list_one(struct call *call, const struct list_filter *filter,
                       const struct command *command, bool writes) {
    const char *name = engine_command_name(call->engine, command);
    if (!filter_wants(filter, command, name)) return 0;
    if (writes) reply_bulk_str(&call->reply, name);
    return 1;
}

static size_t list_filtered(struct call *call, const struct list_filter *filter, bool writes) {
    const struct command_table table = engine_commands(call->engine);
    size_t wanted = 0;
    for (size_t i = 0; i < table.len; i++) {
        const struct command *row = &table.rows[i];
        wanted += list_one(call, filter, row, writes);
        for (size_t sub = 0; sub < row->subtable_len; sub++) {
            wanted += list_one(call, filter, &row->subtable[sub], writes);
        }
    }
    return wanted;
}

static bool parse_filter(struct call *call, struct list_filter *filter) {
    if (call->argc == 2) return true;
    if (call->argc != 5 || !call_arg_is(call, 2, "filterby")) return false;
    filter->value = call->argv[4];
    if (call_arg_is(call, 3, "aclcat")) {
        filter->by = LIST_BY_CATEGORY;
    } else if (call_arg_is(call, 3, "pattern")) {
        filter->by = LIST_BY_PATTERN;
    } else if (call_arg_is(call, 3, "module")) {
        filter->by = LIST_BY_MODULE;
    } else {
        return false;
    }
    return true;
}

enum call_result cmd_command_list(struct call *call) {
    struct list_filter filter = {0};
    if (!parse_filter(call, &filter)) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    reply_array(&call->reply, list_filtered(call, &filter, false));
    list_filtered(call, &filter, true);
    return CALL_DONE;
}

// ---- COMMAND GETKEYS, GETKEYSANDFLAGS

// The request that is asked about: the arguments behind the subcommand's name.
struct request_view {
    const struct command *command;
    const struct slice *argv;
    size_t argc;
};

// Finds its command and checks its number of arguments; false after having answered what is wrong.
static bool view_request(struct call *call, struct request_view *view) {
    view->argv = call->argv + 2;
    view->argc = call->argc - 2;
    view->command = engine_find_command(call->engine, view->argv[0]);
    if (view->command != NULL && view->command->subtable_len > 0 && view->argc > 1) {
        view->command = command_find_sub(view->command, view->argv[1]);
    }
    if (view->command == NULL) {
        reply_error(&call->reply, "ERR Invalid command specified");
        return false;
    }
    if (view->command->keys[0].use == KEY_NONE) {
        reply_error(&call->reply, "ERR The command has no key arguments");
        return false;
    }
    const int arity = view->command->arity;
    const bool fits =
        arity > 0 ? view->argc == (size_t)arity : view->argc >= (size_t) - (int64_t)arity;
    if (!fits) {
        reply_error(&call->reply, "ERR Invalid number of arguments specified for command");
        return false;
    }
    return true;
}

// Answers the keys if `writes` is set; returns how many there are.
static size_t view_keys(struct call *call, const struct request_view *view, bool with_use,
                        bool writes) {
    size_t count = 0;
    for (size_t i = 0; i < COMMAND_KEY_SPECS; i++) {
        const struct key_spec *spec = &view->command->keys[i];
        struct key_range range;
        if (!key_range_find(spec, view->argv, view->argc, &range)) continue;
        for (size_t at = range.first; at <= range.last; at += range.step, count++) {
            if (!writes) continue;
            if (with_use) reply_array(&call->reply, 2);
            reply_bulk(&call->reply, view->argv[at]);
            if (with_use) introspect_reply_use(&call->reply, spec->use & ~(unsigned)KEY_VARIABLE);
        }
    }
    return count;
}

static enum call_result reply_keys(struct call *call, bool with_use) {
    struct request_view view;
    if (!view_request(call, &view)) return CALL_DONE;
    const size_t count = view_keys(call, &view, with_use, false);
    if (count == 0) {
        reply_error(&call->reply, "ERR Invalid arguments specified for command");
        return CALL_DONE;
    }
    reply_array(&call->reply, count);
    view_keys(call, &view, with_use, true);
    return CALL_DONE;
}

enum call_result cmd_command_getkeys(struct call *call) {
    return reply_keys(call, false);
}

enum call_result cmd_command_getkeysandflags(struct call *call) {
    return reply_keys(call, true);
}
