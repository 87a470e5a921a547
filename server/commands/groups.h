// What the commands of consumer groups share: finding a group, naming each id once, lists of ids
// and of pending entries.
#ifndef ACKD_SERVER_COMMANDS_GROUPS_H
#define ACKD_SERVER_COMMANDS_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/mutant.h"
#include "server/commands/streams.h"
#include "server/engine/call.h"
#include "storage/data/group.h"
#include "storage/data/stream.h"

// ---- finding

struct group_place {
    struct txn_group at;
    const struct stream *stream; // NULL: the key is absent
    const struct group *group;   // NULL: the group is absent
};
// False after WRONGTYPE. What is absent is NULL. Lends until the next change.
bool groups_find(struct call *call, struct slice key, struct slice name, struct group_place *out);
// The same; an absent key or group is answered "NOGROUP No such key ... or consumer group ...".
bool groups_need(struct call *call, struct slice key, struct slice name, struct group_place *out);
void groups_no_such_group(struct call *call, const struct group_place *place);

// The name of a group or consumer that may have to be made: names are held in memory.
bool groups_is_name_short(struct call *call, size_t index);

// ---- ids

// Whether the argument can be read as an id; nothing is answered.
bool groups_is_id(struct call *call, size_t index);

// For each id where it was named last before, or GROUPS_NOT_BEFORE. The caller's (mem_free).
#define GROUPS_NOT_BEFORE SIZE_MAX
size_t *groups_previous(const struct stream_id *ids, size_t count);
// For each id whether it was named before. The caller's (mem_free).
bool *groups_repeated(const struct stream_id *ids, size_t count);

// ---- answering

// How long ago it was delivered; -1: it was given back.
int64_t groups_idle_ms(const struct pending *pending, int64_t now_ms);

// ---- changing

// The consumer has tried, and got nothing: it is made if need be.
void groups_note_consumer(struct call *call, const struct group_place *place,
                          struct slice consumer);

// Pending entries, growing.
struct claims {
    struct buf items; // of struct effect_pending
};
static inline size_t claims_count(const struct claims *claims) {
    return claims->items.len / sizeof(struct effect_pending);
}
static inline const struct effect_pending *claims_items(const struct claims *claims) {
    return (const struct effect_pending *)(const void *)claims->items.data;
}
void claims_add(struct claims *claims, const struct effect_pending *pending);

// Ids, growing.
struct id_list {
    struct buf items; // of struct stream_id
};
static inline size_t id_list_count(const struct id_list *list) {
    return list->items.len / sizeof(struct stream_id);
}
static inline struct stream_id *id_list_items(const struct id_list *list) {
    return (struct stream_id *)(void *)list->items.data;
}
void id_list_add(struct id_list *list, struct stream_id id);

// Times delivered, once more.
static inline int64_t groups_once_more(int64_t deliveries) {
    if (MUTANT(DELIVERIES_NOT_COUNTED)) return deliveries;
    return deliveries == INT64_MAX ? deliveries : deliveries + 1;
}

#endif
