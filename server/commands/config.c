// CONFIG over the option table.
#include "proto/base/must.h"
#include "server/commands/handlers.h"
#include "server/engine/call.h"

// ---- CONFIG GET

static bool is_pattern(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '*' || s.data[i] == '?' || s.data[i] == '[') return true;
    }
    return false;
}

// Whether an argument asks for the option; *shown is its name as it was asked for.
static bool is_wanted(const struct call *call, const struct option *option, struct slice *shown) {
    const struct slice name = slice_str(option_name(option));
    const bool is_hidden = (option_flags(option) & OPTION_HIDDEN) != 0;
    for (size_t i = 2; i < call->argc; i++) {
        const struct slice asked = call->argv[i];
        const bool has_pattern = is_pattern(asked);
        if (has_pattern && is_hidden) continue;
        if (!slice_matches_glob(name, asked, true)) continue;
        *shown = has_pattern ? name : asked;
        return true;
    }
    return false;
}

enum call_result cmd_config_get(struct call *call) {
    size_t wanted = 0;
    struct slice name = SLICE_EMPTY;
    for (size_t i = 0; i < options_count(); i++) {
        if (is_wanted(call, options_at(i), &name)) wanted++;
    }
    struct buf value = {0};
    reply_map(&call->reply, wanted);
    for (size_t i = 0; i < options_count(); i++) {
        const struct option *option = options_at(i);
        if (!is_wanted(call, option, &name)) continue;
        buf_reset(&value);
        option_get(option, engine_options_of(call->engine), &value);
        reply_bulk(&call->reply, name);
        reply_bulk(&call->reply, buf_slice(&value));
    }
    buf_deinit(&value);
    return CALL_DONE;
}

// ---- CONFIG SET: all or nothing

static void set_failed(struct call *call, const struct option *option, const char *why) {
    reply_errorf(&call->reply, "ERR CONFIG SET failed (possibly related to argument '%s') - %s",
                 option_name(option), why);
}

// Finds the options of all pairs; false after having answered what is wrong with one.
static bool set_check(struct call *call) {
    for (size_t i = 2; i < call->argc; i += 2) {
        const struct slice name = call->argv[i];
        const struct option *option = options_find(name);
        if (option == NULL) {
            char word[128];
            slice_to_cstr(name, word, sizeof word);
            reply_errorf(&call->reply,
                         "ERR Unknown option or number of arguments for CONFIG SET - '%s'", word);
            return false;
        }
        if ((option_flags(option) & OPTION_SECRET) != 0) call_hide(call, i + 1);
        if ((option_flags(option) & OPTION_MUTABLE) == 0 &&
            (option_flags(option) & OPTION_FIXED) == 0) {
            set_failed(call, option, "can't set immutable config");
            return false;
        }
        for (size_t j = 2; j < i; j += 2) {
            if (options_find(call->argv[j]) != option) continue;
            set_failed(call, option, "duplicate parameter");
            return false;
        }
    }
    return true;
}

// Puts one option back to what it was.
static void set_restore(struct call *call, const struct option *option, struct slice value) {
    const struct engine_host *host = engine_host(call->engine);
    const enum err err = option_set(option, engine_options_of(call->engine), value, NULL);
    must(err == ERR_NONE); // it had this value a moment ago
    host->option_changed(host->context, option, NULL);
}

static enum err set_one(struct call *call, size_t i, struct buf *old, struct fault *fault) {
    const struct engine_host *host = engine_host(call->engine);
    const struct option *option = options_find(call->argv[i]);
    option_get(option, engine_options_of(call->engine), old);
    enum err err = option_set(option, engine_options_of(call->engine), call->argv[i + 1], fault);
    if (err != ERR_NONE) return err;
    err = host->option_changed(host->context, option, fault);
    if (err != ERR_NONE) set_restore(call, option, buf_slice(old));
    return err;
}

enum { CONFIG_SET_PAIRS_MAX = 64 };

enum call_result cmd_config_set(struct call *call) {
    if (call->argc % 2 != 0) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    if (call->argc / 2 - 1 > CONFIG_SET_PAIRS_MAX) {
        reply_error(&call->reply, "ERR CONFIG SET takes at most 64 parameters at once");
        return CALL_DONE;
    }
    if (!set_check(call)) return CALL_DONE;

    struct buf old[CONFIG_SET_PAIRS_MAX] = {{0}};
    struct fault fault = {0};
    const size_t pairs = call->argc / 2 - 1;
    size_t done = 0;
    while (done < pairs && set_one(call, 2 + 2 * done, &old[done], &fault) == ERR_NONE) {
        done++;
    }
    if (done == pairs) {
        reply_ok(&call->reply);
    } else {
        set_failed(call, options_find(call->argv[2 + 2 * done]), fault.text);
        for (size_t i = done; i-- > 0;) {
            set_restore(call, options_find(call->argv[2 + 2 * i]), buf_slice(&old[i]));
        }
    }
    for (size_t i = 0; i < pairs; i++) {
        buf_deinit(&old[i]);
    }
    return CALL_DONE;
}

// ---- CONFIG RESETSTAT, REWRITE

enum call_result cmd_config_resetstat(struct call *call) {
    engine_reset_stats(call->engine);
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_config_rewrite(struct call *call) {
    const struct options *options = engine_options_of(call->engine);
    const struct engine_host *host = engine_host(call->engine);
    if (options->config_file[0] == '\0') {
        reply_error(&call->reply, "ERR The server is running without a config file");
        return CALL_DONE;
    }
    struct buf old = {0};
    struct buf text = {0};
    struct fault fault = {0};
    enum err err = host->config_read(host->context, &old, &fault);
    if (err == ERR_NONE) {
        options_rewrite(options, buf_slice(&old), &text);
        err = host->config_write(host->context, buf_slice(&text), &fault);
    }
    if (err == ERR_NONE) {
        reply_ok(&call->reply);
    } else {
        reply_errorf(&call->reply, "ERR Rewriting config file: %s", fault.text);
    }
    buf_deinit(&old);
    buf_deinit(&text);
    return CALL_DONE;
}
