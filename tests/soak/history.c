#define _POSIX_C_SOURCE 200809L

#include "tests/soak/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"

enum { EVENTS_FIRST = 1024, NAME_MAX_LEN = 16 };

static const char *const deed_names[DEED_COUNT_OF] = {
    [DEED_PUSH] = "push",
    [DEED_RETURN] = "return",
    [DEED_MOVE] = "move",
    [DEED_POP] = "pop",
    [DEED_REMOVE] = "remove",
    [DEED_SEEN] = "seen",
    [DEED_CLAIM] = "claim",
    [DEED_UNCLAIM] = "unclaim",
    [DEED_COUNT] = "count",
    [DEED_READ] = "read",
    [DEED_FOUND] = "found",
    [DEED_FOUND_TAKEN] = "found-taken",
    [DEED_FOUND_CLAIM] = "found-claim",
    [DEED_FOUND_COUNT] = "found-count",
    [DEED_ADD] = "add",
    [DEED_GROUP] = "group",
    [DEED_TAKE] = "take",
    [DEED_RECLAIM] = "reclaim",
    [DEED_ACK] = "ack",
    [DEED_DELETE] = "delete",
    [DEED_ACK_DELETE] = "ack-delete",
    [DEED_PENDING] = "pending",
    [DEED_LENGTH] = "length",
    [DEED_PENDING_COUNT] = "pending-count",
    [DEED_FOUND_ENTRY] = "found-entry",
    [DEED_FOUND_PENDING] = "found-pending",
    [DEED_FOUND_NEW] = "found-new",
};

static const char *const outcome_names[OUTCOME_COUNT_OF] = {
    [OUTCOME_ANSWERED] = "answered",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_REFUSED] = "refused",
};

const char *deed_name(uint8_t deed) {
    return deed < DEED_COUNT_OF ? deed_names[deed] : "?";
}

bool deed_is_of_streams(uint8_t deed) {
    return deed >= DEED_ADD && deed <= DEED_FOUND_NEW;
}

// ---- ids

bool entry_id(struct slice text, int64_t *id) {
    const char *dash = text.len == 0 ? NULL : memchr(text.data, '-', text.len);
    if (dash == NULL) return false;
    size_t at = (size_t)(dash - text.data);
    uint64_t ms = 0;
    uint64_t sequence = 0;
    if (!num_parse_u64(slice_sub(text, 0, at), &ms) ||
        !num_parse_u64(slice_sub(text, at + 1, text.len), &sequence))
        return false;
    if (ms == 0 || ms >> (62 - ENTRY_SEQUENCE_BITS) != 0 || sequence >> ENTRY_SEQUENCE_BITS != 0)
        return false;
    *id = (int64_t)(ms << ENTRY_SEQUENCE_BITS | sequence);
    return true;
}

struct slice entry_id_text(int64_t id, char *out) {
    const uint64_t number = (uint64_t)id;
    const uint64_t sequence = number & (((uint64_t)1 << ENTRY_SEQUENCE_BITS) - 1);
    int len = snprintf(out, ENTRY_TEXT_MAX, "%" PRIu64 "-%" PRIu64, number >> ENTRY_SEQUENCE_BITS,
                       sequence);
    return slice_of(out, (size_t)len);
}

// ---- the events

void history_deinit(struct history *history) {
    mem_free(history->events);
    *history = (struct history){0};
}

static void reserve(struct history *history, size_t needed) {
    if (needed <= history->size) return;
    size_t size = history->size == 0 ? EVENTS_FIRST : history->size;
    while (size < needed)
        size *= 2;
    history->events = mem_realloc(history->events, size * sizeof *history->events);
    history->size = size;
}

void history_add(struct history *history, const struct event *event) {
    reserve(history, history->len + 1);
    history->events[history->len++] = *event;
}

void history_join(struct history *into, struct history *from) {
    if (from->len > 0) {
        reserve(into, into->len + from->len);
        memcpy(into->events + into->len, from->events, from->len * sizeof *from->events);
        into->len += from->len;
    }
    history_deinit(from);
}

// ---- as text

static int by_invocation(const void *a, const void *b) {
    const struct event *first = a;
    const struct event *second = b;
    return (first->invoked > second->invoked) - (first->invoked < second->invoked);
}

static bool print_event(FILE *file, const struct event *event) {
    return fprintf(file,
                   "%" PRIu64 " %" PRIu64 " client %u connection %u %s %s place %u job %016" PRIx64
                   " amount %u result %" PRId64 "\n",
                   event->invoked, event->completed, event->client, event->connection,
                   deed_name(event->deed), outcome_names[event->outcome], event->place, event->job,
                   event->amount, event->result) > 0;
}

bool history_save(const struct history *history, const char *path) {
    FILE *file = fopen(path, "we");
    if (file == NULL) return false;
    struct history sorted = {0};
    reserve(&sorted, history->len);
    if (history->len > 0) {
        memcpy(sorted.events, history->events, history->len * sizeof *history->events);
        qsort(sorted.events, history->len, sizeof *sorted.events, by_invocation);
    }
    bool is_good = true;
    for (size_t i = 0; i < history->len && is_good; i++)
        is_good = print_event(file, &sorted.events[i]);
    history_deinit(&sorted);
    return (fclose(file) == 0) && is_good;
}

static bool find_name(const char *const *names, size_t count, const char *name, uint8_t *out) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (uint8_t)i;
        return true;
    }
    return false;
}

static bool scan_event(const char *line, struct event *event) {
    char deed[NAME_MAX_LEN];
    char outcome[NAME_MAX_LEN];
    unsigned client = 0;
    unsigned place = 0;
    unsigned amount = 0;
    *event = (struct event){0};
    int got = sscanf(line,
                     "%" SCNu64 " %" SCNu64 " client %u connection %" SCNu32
                     " %15s %15s place %u job %" SCNx64 " amount %u result %" SCNd64,
                     &event->invoked, &event->completed, &client, &event->connection, deed, outcome,
                     &place, &event->job, &amount, &event->result);
    event->client = (uint16_t)client;
    event->place = (uint8_t)place;
    event->amount = (uint8_t)amount;
    return got == 10 && find_name(deed_names, DEED_COUNT_OF, deed, &event->deed) &&
           find_name(outcome_names, OUTCOME_COUNT_OF, outcome, &event->outcome);
}

bool history_load(struct history *history, const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    char *line = NULL;
    size_t size = 0;
    bool is_good = true;
    while (is_good && getline(&line, &size, file) >= 0) {
        struct event event;
        is_good = scan_event(line, &event);
        if (is_good) history_add(history, &event);
    }
    free(line); // getline's
    if (!is_good) errno = EINVAL;
    if (ferror(file)) is_good = false;
    int kept = errno;
    fclose(file);
    errno = kept;
    return is_good;
}
