#include "server/commands/help.h"

#include "proto/base/must.h"

static void append_upper(struct buf *line, const char *name) {
    for (const char *p = name; *p != '\0'; p++) {
        char c = *p;
        if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
        buf_append_byte(line, c);
    }
}

static void reply_line(struct reply *reply, struct buf *line) {
    buf_append_byte(line, '\0');
    reply_status(reply, line->data);
    buf_reset(line);
}

enum call_result help_reply(struct call *call) {
    const struct command *container = engine_find_command(call->engine, call->argv[0]);
    must(container != NULL && container->subtable_len > 0); // that is how we were found
    struct buf line = {0};
    reply_array(&call->reply, 1 + 2 * container->subtable_len);
    append_upper(&line, container->name);
    buf_append_str(&line, " takes one of these subcommands:");
    reply_line(&call->reply, &line);
    for (size_t i = 0; i < container->subtable_len; i++) {
        const struct command *row = &container->subtable[i];
        append_upper(&line, row->name);
        if (row->usage[0] != '\0') buf_printf(&line, " %s", row->usage);
        reply_line(&call->reply, &line);
        buf_printf(&line, "    %s", row->brief);
        reply_line(&call->reply, &line);
    }
    buf_deinit(&line);
    return CALL_DONE;
}

void help_wrong_subcommand(struct call *call) {
    char word[128];
    slice_to_cstr(call->argv[1], word, sizeof word);
    const struct command *container = engine_find_command(call->engine, call->argv[0]);
    struct buf name = {0};
    append_upper(&name, container->name);
    reply_errorf(&call->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%s'. Try %.*s HELP.",
                 word, (int)name.len, name.data);
    buf_deinit(&name);
}
