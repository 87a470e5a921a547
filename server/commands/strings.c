// Strings that are set and read whole.
#include "server/commands/args.h"
#include "server/commands/handlers.h"

// ---- what SET and GETEX are told

enum options_of { OPTIONS_OF_SET, OPTIONS_OF_GETEX };

struct string_options {
    bool only_if_absent;  // NX
    bool only_if_present; // XX
    bool answers_old;     // GET
    bool keeps_expiry;    // KEEPTTL
    bool drops_expiry;    // PERSIST
    size_t expiry_index;  // the argument that holds it; 0: none
    struct args_time unit;
};

static const struct {
    const char *word;
    struct args_time unit;
} expiry_words[] = {
    {"ex", {.is_seconds = true}},
    {"px", {0}},
    {"exat", {.is_seconds = true, .is_absolute = true}},
    {"pxat", {.is_absolute = true}},
};

static bool read_expiry_option(const struct call *call, size_t *i, struct string_options *options) {
    if (*i + 1 == call->argc || options->keeps_expiry || options->drops_expiry) return false;
    for (size_t k = 0; k < sizeof expiry_words / sizeof expiry_words[0]; k++) {
        if (!call_arg_is(call, *i, expiry_words[k].word)) continue;
        const struct args_time unit = expiry_words[k].unit;
        // The same word twice is fine, the last one counts; two different ones are not.
        if (options->expiry_index != 0 && (unit.is_seconds != options->unit.is_seconds ||
                                           unit.is_absolute != options->unit.is_absolute))
            return false;
        options->unit = unit;
        options->expiry_index = ++*i;
        return true;
    }
    return false;
}

static bool read_option(const struct call *call, size_t *i, enum options_of of,
                        struct string_options *options) {
    const bool has_expiry = options->expiry_index != 0;
    if (of == OPTIONS_OF_SET) {
        if (!options->only_if_present && call_arg_is(call, *i, "nx"))
            return options->only_if_absent = true;
        if (!options->only_if_absent && call_arg_is(call, *i, "xx"))
            return options->only_if_present = true;
        if (call_arg_is(call, *i, "get")) return options->answers_old = true;
        if (!has_expiry && call_arg_is(call, *i, "keepttl")) return options->keeps_expiry = true;
    } else if (!has_expiry && call_arg_is(call, *i, "persist")) {
        return options->drops_expiry = true;
    }
    return read_expiry_option(call, i, options);
}

static bool read_options(struct call *call, size_t first, enum options_of of,
                         struct string_options *options) {
    for (size_t i = first; i < call->argc; i++) {
        if (read_option(call, &i, of, options)) continue;
        call_syntax_error(call);
        return false;
    }
    return true;
}

// ---- setting

// Sets a string that expires at `at_ms` (0: never). What has expired already is not written.
static void set_until(struct call *call, struct slice key, struct slice value, int64_t at_ms) {
    if (at_ms != 0 && at_ms <= call->now_ms) {
        txn_key_delete(call->txn, call->db, key);
        return;
    }
    txn_string_set(call->txn, call->db, key, value, false);
    if (at_ms != 0) txn_key_expire(call->txn, call->db, key, at_ms);
}

// Answers the string of an entry, null when there is none.
static void answer_string(struct call *call, const struct entry *entry) {
    if (entry == NULL) {
        reply_null(&call->reply);
    } else {
        call_reply_blob(call, &entry->value.string);
    }
}

enum call_result cmd_set(struct call *call) {
    const struct slice key = call->argv[1];
    struct string_options options = {0};
    int64_t at_ms = 0;
    if (!read_options(call, 3, OPTIONS_OF_SET, &options)) return CALL_DONE;
    if (options.expiry_index != 0 && !args_expiry(call, options.expiry_index, options.unit, &at_ms))
        return CALL_DONE;

    if (options.answers_old) {
        const struct entry *entry;
        if (!call_lookup_type(call, key, TYPE_STRING, &entry)) return CALL_DONE;
        answer_string(call, entry);
    }
    const bool is_present = call_peek(call, call->db, key) != NULL;
    if ((options.only_if_absent && is_present) || (options.only_if_present && !is_present)) {
        if (!options.answers_old) reply_null(&call->reply);
        return CALL_DONE;
    }
    if (options.keeps_expiry) {
        txn_string_set(call->txn, call->db, key, call->argv[2], true);
    } else {
        set_until(call, key, call->argv[2], at_ms);
    }
    if (!options.answers_old) reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_setnx(struct call *call) {
    const bool is_absent = call_peek(call, call->db, call->argv[1]) == NULL;
    if (is_absent) set_until(call, call->argv[1], call->argv[2], 0);
    reply_int(&call->reply, is_absent);
    return CALL_DONE;
}

static enum call_result set_expiring(struct call *call, struct args_time unit) {
    int64_t at_ms;
    if (!args_expiry(call, 2, unit, &at_ms)) return CALL_DONE;
    set_until(call, call->argv[1], call->argv[3], at_ms);
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_setex(struct call *call) {
    return set_expiring(call, (struct args_time){.is_seconds = true});
}

enum call_result cmd_psetex(struct call *call) {
    return set_expiring(call, (struct args_time){0});
}

enum call_result cmd_getset(struct call *call) {
    const struct entry *entry;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    answer_string(call, entry);
    set_until(call, call->argv[1], call->argv[2], 0);
    return CALL_DONE;
}

// ---- getting

enum call_result cmd_get(struct call *call) {
    const struct entry *entry;
    if (call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) answer_string(call, entry);
    return CALL_DONE;
}

enum call_result cmd_getdel(struct call *call) {
    const struct entry *entry;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    answer_string(call, entry);
    if (entry != NULL) txn_key_delete(call->txn, call->db, call->argv[1]);
    return CALL_DONE;
}

enum call_result cmd_getex(struct call *call) {
    const struct slice key = call->argv[1];
    struct string_options options = {0};
    const struct entry *entry;
    int64_t at_ms = 0;
    if (!read_options(call, 2, OPTIONS_OF_GETEX, &options)) return CALL_DONE;
    if (!call_lookup_type(call, key, TYPE_STRING, &entry)) return CALL_DONE;
    if (entry == NULL) {
        reply_null(&call->reply);
        return CALL_DONE;
    }
    if (options.expiry_index != 0 && !args_expiry(call, options.expiry_index, options.unit, &at_ms))
        return CALL_DONE;

    answer_string(call, entry);
    if (options.expiry_index != 0) {
        txn_key_expire(call->txn, call->db, key, at_ms);
    } else if (options.drops_expiry && entry->expire_ms != 0) {
        txn_key_persist(call->txn, call->db, key);
    }
    return CALL_DONE;
}

// ---- several at once

enum call_result cmd_mget(struct call *call) {
    reply_array(&call->reply, call->argc - 1);
    for (size_t i = 1; i < call->argc; i++) {
        const struct entry *entry = call_lookup(call, call->argv[i]);
        answer_string(call, entry != NULL && entry->type == TYPE_STRING ? entry : NULL);
    }
    return CALL_DONE;
}

static bool has_pairs(struct call *call) {
    if (call->argc % 2 == 1) return true;
    call_wrong_arity(call);
    return false;
}

static void set_pairs(struct call *call) {
    for (size_t i = 1; i < call->argc; i += 2) {
        set_until(call, call->argv[i], call->argv[i + 1], 0);
    }
}

enum call_result cmd_mset(struct call *call) {
    if (!has_pairs(call)) return CALL_DONE;
    set_pairs(call);
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_msetnx(struct call *call) {
    if (!has_pairs(call)) return CALL_DONE;
    bool is_free = true;
    for (size_t i = 1; i < call->argc && is_free; i += 2) {
        is_free = call_peek(call, call->db, call->argv[i]) == NULL;
    }
    if (is_free) set_pairs(call);
    reply_int(&call->reply, is_free);
    return CALL_DONE;
}
