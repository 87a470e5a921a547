// An intrusive doubly linked list. A node that hangs on no list points at itself; the list's head
// is a node too. State is often the list an object hangs on: moving it is the change of state.
#ifndef ACKD_PROTO_BASE_LINK_H
#define ACKD_PROTO_BASE_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev;
    struct link *next;
};

// The object of `type` whose member `member` is `node`.
#define link_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

// Visits each node; the visited one may be removed. `node` and `spare` are struct link pointers of
// the caller.
#define link_each(node, spare, head)                                                               \
    for ((node) = (head)->next, (spare) = (node)->next; (node) != (head);                          \
         (node) = (spare), (spare) = (node)->next)

static inline void link_init(struct link *node) {
    node->prev = node;
    node->next = node;
}

static inline bool link_is_linked(const struct link *node) {
    return node->next != node;
}

static inline bool link_is_empty(const struct link *head) {
    return head->next == head;
}

static inline void link_insert_before(struct link *node, struct link *where) {
    node->prev = where->prev;
    node->next = where;
    where->prev->next = node;
    where->prev = node;
}

static inline void link_push_back(struct link *head, struct link *node) {
    link_insert_before(node, head);
}

static inline void link_push_front(struct link *head, struct link *node) {
    link_insert_before(node, head->next);
}

static inline void link_remove(struct link *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    link_init(node);
}

static inline struct link *link_first(const struct link *head) { // NULL when empty
    return head->next == head ? NULL : head->next;
}

#endif
