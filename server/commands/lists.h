// What the list commands share.
#ifndef ACKD_SERVER_COMMANDS_LISTS_H
#define ACKD_SERVER_COMMANDS_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/engine/call.h"

// The list a key holds, NULL when there is none. Returns false after having answered WRONGTYPE; but
// when a waiter is tried again, a key that has become something else counts as absent: the waiter
// waits on, as nobody has pushed to a list there.
bool lists_find(struct call *call, struct slice key, const struct list **out);

// LEFT or RIGHT; answers the syntax error.
bool lists_read_end(struct call *call, size_t index, enum list_end *out);

// Whether `more` elements may join a list (NULL: a new one); answers the error.
bool lists_has_room(struct call *call, const struct list *list, size_t more);

// Answers `count` elements one after the other, without an array around them: from `from` on, or
// from there towards the head.
void lists_answer(struct call *call, const struct list *list, size_t from, size_t count);
void lists_answer_backward(struct call *call, const struct list *list, size_t from, size_t count);

// Answers the `count` elements at an end, in the order in which they are taken, and takes them.
void lists_take(struct call *call, struct slice key, const struct list *list, enum list_end end,
                size_t count);

#endif
