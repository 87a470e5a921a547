#include "storage/data/idmp.h"

#include <string.h>

#include "proto/base/link.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/stream.h"
#include "storage/data/tree.h"

struct idmp_id {
    struct link link; // in its producer's row, the oldest first
    struct stream_id entry;
    uint32_t len;
    char bytes[];
};

struct producer {
    struct link link; // among the producers: the one that added last is last
    struct link ids;
    struct tree by_id; // pointers
    uint32_t name_len;
    char name[];
};

struct idmp {
    struct tree producers; // pointers, by name
    struct link by_use;
    size_t ids;
    uint32_t duration_s;
    uint32_t max_size;
    uint64_t ids_added;
    uint64_t duplicates;
};

// ---- order

static struct producer *producer_of(const void *element) {
    return tree_pointer(element);
}

static struct slice producer_name(const struct producer *producer) {
    return slice_of(producer->name, producer->name_len);
}

static int compare_producers(const void *context, const void *element, const void *key) {
    (void)context;
    const struct slice *name = key;
    return slice_compare(producer_name(producer_of(element)), *name);
}

static struct idmp_id *id_of(const void *element) {
    return tree_pointer(element);
}

static struct slice id_bytes(const struct idmp_id *id) {
    return slice_of(id->bytes, id->len);
}

static int compare_ids(const void *context, const void *element, const void *key) {
    (void)context;
    const struct slice *bytes = key;
    return slice_compare(id_bytes(id_of(element)), *bytes);
}

// ---- life

struct idmp *idmp_new(void) {
    struct idmp *idmp = mem_alloc(sizeof *idmp);
    *idmp = (struct idmp){
        .producers = {.compare = compare_producers, .element_bytes = sizeof(struct producer *)},
        .duration_s = STREAM_IDMP_DURATION_S,
        .max_size = STREAM_IDMP_MAXSIZE};
    link_init(&idmp->by_use);
    return idmp;
}

static struct producer *find_producer(const struct idmp *idmp, struct slice name) {
    const void *element = tree_find(&idmp->producers, NULL, &name);
    return element == NULL ? NULL : producer_of(element);
}

static void drop_producer(struct idmp *idmp, struct producer *producer) {
    must(link_is_empty(&producer->ids));
    const struct slice name = producer_name(producer);
    must(tree_remove(&idmp->producers, NULL, &name, NULL));
    link_remove(&producer->link);
    mem_free(producer);
}

static void drop_oldest(struct idmp *idmp, struct producer *producer) {
    struct idmp_id *id = link_entry(producer->ids.next, struct idmp_id, link);
    const struct slice bytes = id_bytes(id);
    must(tree_remove(&producer->by_id, NULL, &bytes, NULL));
    link_remove(&id->link);
    mem_free(id);
    idmp->ids--;
}

size_t idmp_drain(struct idmp *idmp, size_t steps) {
    for (; steps > 0 && !link_is_empty(&idmp->by_use); steps--) {
        struct producer *producer = link_entry(idmp->by_use.next, struct producer, link);
        if (link_is_empty(&producer->ids))
            drop_producer(idmp, producer);
        else
            drop_oldest(idmp, producer);
    }
    return steps;
}

static void forget_all(struct idmp *idmp) {
    idmp_drain(idmp, SIZE_MAX);
}

void idmp_free(struct idmp *idmp) {
    if (idmp == NULL) return;
    forget_all(idmp);
    mem_free(idmp);
}

// ---- reading

uint32_t idmp_duration_s(const struct idmp *idmp) {
    return idmp->duration_s;
}

uint32_t idmp_max_size(const struct idmp *idmp) {
    return idmp->max_size;
}

size_t idmp_producers(const struct idmp *idmp) {
    return tree_count(&idmp->producers);
}

size_t idmp_ids(const struct idmp *idmp) {
    return idmp->ids;
}

uint64_t idmp_ids_added(const struct idmp *idmp) {
    return idmp->ids_added;
}

uint64_t idmp_duplicates(const struct idmp *idmp) {
    return idmp->duplicates;
}

size_t idmp_memory(const struct idmp *idmp) {
    size_t bytes = mem_usable(idmp) + tree_memory(&idmp->producers);
    struct link *at = idmp->by_use.next;
    for (; at != &idmp->by_use; at = at->next) {
        const struct producer *producer = link_entry(at, struct producer, link);
        bytes += mem_usable(producer) + tree_memory(&producer->by_id);
        struct link *id = producer->ids.next;
        for (; id != &producer->ids; id = id->next) {
            bytes += mem_usable(link_entry(id, struct idmp_id, link));
        }
    }
    return bytes;
}

static bool is_stale(const struct idmp *idmp, const struct idmp_id *id, int64_t now_ms) {
    const uint64_t kept_ms = (uint64_t)idmp->duration_s * 1000;
    return now_ms > 0 && (uint64_t)now_ms > kept_ms && id->entry.ms < (uint64_t)now_ms - kept_ms;
}

bool idmp_find(const struct idmp *idmp, struct slice producer, struct slice id, int64_t now_ms,
               struct stream_id *out) {
    const struct producer *found = find_producer(idmp, producer);
    const void *element = found == NULL ? NULL : tree_find(&found->by_id, NULL, &id);
    if (element == NULL || is_stale(idmp, id_of(element), now_ms)) return false;
    *out = id_of(element)->entry;
    return true;
}

bool idmp_has(const struct idmp *idmp, struct slice producer, struct slice id) {
    const struct producer *found = find_producer(idmp, producer);
    return found != NULL && tree_find(&found->by_id, NULL, &id) != NULL;
}

static uint32_t count_stale(const struct idmp *idmp, const struct producer *producer,
                            int64_t now_ms) {
    uint32_t stale = 0;
    struct link *at = producer->ids.next;
    for (; at != &producer->ids; at = at->next) {
        if (!is_stale(idmp, link_entry(at, struct idmp_id, link), now_ms)) break;
        stale++;
    }
    return stale;
}

uint32_t idmp_surplus(const struct idmp *idmp, struct slice producer, struct slice id,
                      int64_t now_ms) {
    const struct producer *found = find_producer(idmp, producer);
    if (found == NULL) return 0;
    const size_t count = tree_count(&found->by_id);
    size_t surplus = count_stale(idmp, found, now_ms);
    if (count + 1 > idmp->max_size) surplus = num_max(surplus, count + 1 - idmp->max_size);
    const void *element = tree_find(&found->by_id, NULL, &id);
    if (element != NULL) { // too old, with others before it that are not
        size_t upto = 1;
        struct link *at = found->ids.next;
        for (; at != &id_of(element)->link; at = at->next)
            upto++;
        surplus = num_max(surplus, upto);
    }
    return (uint32_t)surplus;
}

bool idmp_idlest(const struct idmp *idmp, int64_t now_ms, struct slice *producer, uint32_t *stale) {
    if (link_is_empty(&idmp->by_use)) return false;
    const struct producer *idlest = link_entry(idmp->by_use.next, struct producer, link);
    *producer = producer_name(idlest);
    *stale = count_stale(idmp, idlest, now_ms);
    return true;
}

void idmp_each(const struct idmp *idmp,
               void (*visit)(void *context, struct slice producer, struct slice id,
                             struct stream_id entry),
               void *context) {
    struct tree_cursor cursor = tree_at(&idmp->producers, 0);
    const void *element;
    for (; (element = tree_get(&idmp->producers, &cursor)) != NULL; tree_step(&cursor)) {
        const struct producer *producer = producer_of(element);
        struct link *at = producer->ids.next;
        for (; at != &producer->ids; at = at->next) {
            const struct idmp_id *id = link_entry(at, struct idmp_id, link);
            visit(context, producer_name(producer), id_bytes(id), id->entry);
        }
    }
}

size_t idmp_producer_ids(const struct idmp *idmp, struct slice producer) {
    const struct producer *found = find_producer(idmp, producer);
    return found == NULL ? 0 : tree_count(&found->by_id);
}

// ---- changing

void idmp_configure(struct idmp *idmp, uint32_t duration_s, uint32_t max_size, uint64_t ids_added) {
    forget_all(idmp);
    idmp->duration_s = duration_s;
    idmp->max_size = max_size;
    idmp->ids_added = ids_added;
}

static struct producer *add_producer(struct idmp *idmp, struct slice name) {
    struct producer *producer = mem_alloc(sizeof *producer + name.len);
    *producer = (struct producer){
        .by_id = {.compare = compare_ids, .element_bytes = sizeof(struct idmp_id *)},
        .name_len = (uint32_t)name.len};
    if (name.len > 0) memcpy(producer->name, name.data, name.len);
    link_init(&producer->link);
    link_init(&producer->ids);
    must(tree_insert(&idmp->producers, NULL, &name, &producer));
    return producer;
}

void idmp_add(struct idmp *idmp, struct slice producer, struct slice id, struct stream_id entry) {
    struct producer *found = find_producer(idmp, producer);
    if (found == NULL) found = add_producer(idmp, producer);
    struct idmp_id *added = mem_alloc(sizeof *added + id.len);
    *added = (struct idmp_id){.entry = entry, .len = (uint32_t)id.len};
    if (id.len > 0) memcpy(added->bytes, id.data, id.len);
    must(tree_insert(&found->by_id, NULL, &id, &added));
    link_push_back(&found->ids, &added->link);
    link_remove(&found->link);
    link_push_back(&idmp->by_use, &found->link);
    idmp->ids++;
    idmp->ids_added++;
}

void idmp_drop(struct idmp *idmp, struct slice producer, uint32_t count) {
    struct producer *found = find_producer(idmp, producer);
    if (found == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        drop_oldest(idmp, found);
    }
    if (link_is_empty(&found->ids)) drop_producer(idmp, found);
}

void idmp_note_duplicate(struct idmp *idmp) {
    idmp->duplicates++;
}

void idmp_check(const struct idmp *idmp) {
    size_t ids = 0;
    size_t producers = 0;
    tree_check(&idmp->producers, NULL, NULL);
    struct link *at = idmp->by_use.next;
    for (; at != &idmp->by_use; at = at->next) {
        const struct producer *producer = link_entry(at, struct producer, link);
        must(find_producer(idmp, producer_name(producer)) == producer);
        must(!link_is_empty(&producer->ids));
        tree_check(&producer->by_id, NULL, NULL);
        ids += tree_count(&producer->by_id);
        producers++;
    }
    must(ids == idmp->ids && producers == idmp_producers(idmp));
}
