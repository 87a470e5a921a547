#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

// Lower-cases into `out` (COMMAND_NAME_MAX bytes) and hashes on the way (FNV-1a: names are short
// and come from our table; a client's unknown name costs one probe sequence). False: too long to
// be the name of a command.
static bool fold_name(struct slice name, char *out, size_t *hash) {
    if (name.len == 0 || name.len > COMMAND_NAME_MAX) return false;
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        if (byte >= 'A' && byte <= 'Z') byte = (unsigned char)(byte - 'A' + 'a');
        out[i] = (char)byte;
        h = (h ^ byte) * 16777619u;
    }
    *hash = h ^ (h >> 15);
    return true;
}

static void index_insert(struct command_index *index, struct command_slot *slot) {
    char name[COMMAND_NAME_MAX];
    size_t hash = 0;
    must(fold_name(slice_str(slot->command->name), name, &hash));
    size_t at = hash & index->bucket_mask;
    while (index->buckets[at] != NULL) {
        at = (at + 1) & index->bucket_mask;
    }
    index->buckets[at] = slot;
}

static void slot_init(struct command_slot *slot, const struct command *command,
                      const struct command *container) {
    slot->command = command;
    if (container == NULL) {
        snprintf(slot->full_name, sizeof slot->full_name, "%s", command->name);
    } else {
        snprintf(slot->full_name, sizeof slot->full_name, "%s|%s", container->name, command->name);
    }
    must(command->subtable_len == 0 || container == NULL); // two levels are all there are
    if (command->subtable_len == 0) return;
    slot->subslots = mem_alloc_array(command->subtable_len, sizeof *slot->subslots);
    for (size_t i = 0; i < command->subtable_len; i++) {
        slot_init(&slot->subslots[i], &command->subtable[i], command);
    }
}

void commands_init(struct command_index *index, const struct command_table *table) {
    size_t buckets = 16;
    while (buckets < table->len * 4) {
        buckets *= 2;
    }
    index->bucket_mask = buckets - 1;
    index->buckets = mem_alloc_array(buckets, sizeof(struct command_slot *));
    index->slot_count = table->len;
    index->slots = mem_alloc_array(table->len, sizeof *index->slots);
    for (size_t i = 0; i < table->len; i++) {
        slot_init(&index->slots[i], &table->rows[i], NULL);
        index_insert(index, &index->slots[i]);
    }
}

static void slots_free(struct command_slot *slots, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mem_free(slots[i].stats.latency);
    }
    mem_free(slots);
}

void commands_deinit(struct command_index *index) {
    for (size_t i = 0; i < index->slot_count; i++) {
        struct command_slot *slot = &index->slots[i];
        slots_free(slot->subslots, slot->subslots == NULL ? 0 : slot->command->subtable_len);
    }
    slots_free(index->slots, index->slot_count);
    mem_free(index->buckets);
    *index = (struct command_index){0};
}

struct command_slot *commands_find(const struct command_index *index, struct slice name) {
    char folded[COMMAND_NAME_MAX];
    size_t hash = 0;
    if (!fold_name(name, folded, &hash)) return NULL;
    for (size_t at = hash & index->bucket_mask; index->buckets[at] != NULL;
         at = (at + 1) & index->bucket_mask) {
        struct command_slot *slot = index->buckets[at];
        if (slice_equal(slice_str(slot->command->name), slice_of(folded, name.len))) return slot;
    }
    return NULL;
}

struct command_slot *commands_find_sub(struct command_slot *container, struct slice name) {
    const struct command *sub = command_find_sub(container->command, name);
    if (sub == NULL) return NULL;
    return &container->subslots[sub - container->command->subtable];
}

struct command_slot *commands_slot_of(const struct command_index *index,
                                      const struct command *command) {
    for (size_t i = 0; i < index->slot_count; i++) {
        struct command_slot *slot = &index->slots[i];
        if (slot->command == command) return slot;
        for (size_t j = 0; j < slot->command->subtable_len; j++) {
            if (slot->subslots[j].command == command) return &slot->subslots[j];
        }
    }
    must_not_reach();
}

const struct command *command_find_sub(const struct command *container, struct slice name) {
    for (size_t i = 0; i < container->subtable_len; i++) {
        if (slice_is(name, container->subtable[i].name)) return &container->subtable[i];
    }
    return NULL;
}

const struct command *engine_find_command(const struct engine *engine, struct slice name) {
    const struct command_slot *slot = commands_find(&engine->index, name);
    return slot == NULL ? NULL : slot->command;
}

// The keys behind the word STREAMS; as many words follow them.
static bool find_streams(size_t begin, const struct slice *argv, size_t argc,
                         struct key_range *out) {
    size_t word = begin;
    while (word < argc && !slice_is(argv[word], "streams")) {
        word++;
    }
    const size_t count = word < argc ? (argc - word - 1) / 2 : 0;
    if (count == 0) return false;
    out->first = word + 1;
    out->last = word + count;
    return true;
}

bool key_range_find(const struct key_spec *spec, const struct slice *argv, size_t argc,
                    struct key_range *out) {
    if (spec->use == KEY_NONE || (size_t)spec->begin >= argc) return false;
    const size_t begin = (size_t)spec->begin;
    out->step = spec->step > 0 ? (size_t)spec->step : 1;
    switch (spec->find) {
    case KEY_FIND_RANGE: {
        const int64_t last =
            spec->last >= 0 ? (int64_t)begin + spec->last : (int64_t)argc + spec->last;
        if (last < (int64_t)begin) return false;
        out->first = begin;
        out->last = num_min((size_t)last, argc - 1);
        return true;
    }
    case KEY_FIND_KEYNUM: {
        int64_t count = 0;
        if (!num_parse_i64(argv[begin], &count) || count <= 0) return false;
        if ((uint64_t)count > argc - begin - 1) return false;
        out->first = begin + 1;
        out->last = begin + (size_t)count;
        return true;
    }
    case KEY_FIND_STREAMS:
        return find_streams(begin, argv, argc, out);
    }
    return false;
}

const char *engine_command_name(const struct engine *engine, const struct command *command) {
    return commands_slot_of(&engine->index, command)->full_name;
}

struct command_stats *engine_command_stats(struct engine *engine, const struct command *command) {
    return &commands_slot_of(&engine->index, command)->stats;
}

struct command_table engine_commands(const struct engine *engine) {
    return engine->table;
}
