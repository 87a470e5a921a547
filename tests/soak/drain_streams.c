// The end of an epoch, for streams: every entry is listed, and everything pending; then the groups
// give out what is new to them, and all that is pending is claimed and acknowledged.
#include <stdio.h>

#include "proto/base/num.h"
#include "tests/soak/drain.h"
#include "tests/soak/streams.h"

enum { PAGE = 200, END_PAGE = 20 };

#define PAGE_TEXT     "200"
#define END_PAGE_TEXT "20"

static void note(struct client *client, uint8_t deed, unsigned place, uint64_t job, int64_t id) {
    uint64_t ticket = run_ticket(client->run);
    client_note(client, &(struct event){.deed = deed,
                                        .place = (uint8_t)place,
                                        .job = job,
                                        .result = id,
                                        .client = client->number,
                                        .invoked = ticket,
                                        .completed = run_ticket(client->run)});
}

static void miscounted(struct client *client, unsigned place, const char *why) {
    verdict_accuse(&client->verdict, FAULT_MISCOUNTED, place, why);
}

static redisReply *look_array(struct client *client, const struct slice *args, size_t count) {
    redisReply *reply = client_look(client, args, count);
    if (reply == NULL || reply->type == REDIS_REPLY_ARRAY || reply->type == REDIS_REPLY_NIL)
        return reply;
    verdict_accuse(&client->verdict, FAULT_REFUSED, 0, "no array came");
    freeReplyObject(reply);
    return NULL;
}

// The number an integer reply has; -1: none came.
static int64_t look_number(struct client *client, const struct slice *args, size_t count) {
    redisReply *reply = client_look(client, args, count);
    if (reply == NULL) return -1;
    int64_t number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    freeReplyObject(reply);
    return number;
}

// `(id`: what is behind it.
static struct slice behind(int64_t id, char *out) {
    out[0] = '(';
    return slice_of(out, 1 + entry_id_text(id, out + 1).len);
}

// ---- what is there

static bool find_entries(struct client *client, unsigned stream) {
    int64_t count = 0;
    int64_t last = 0;
    char text[ENTRY_TEXT_MAX + 1];
    for (bool is_last = false; !is_last;) {
        struct slice args[] = {SLICE("XRANGE"), stream_name(stream), behind(last, text),
                               SLICE("+"),      SLICE("COUNT"),      SLICE(PAGE_TEXT)};
        redisReply *reply = look_array(client, args, 6);
        if (reply == NULL) return false;
        for (size_t i = 0; i < reply->elements; i++, count++) {
            uint64_t job = 0;
            int64_t id = 0;
            if (!streams_entry(client, reply->element[i], &job, &id)) continue;
            if (id <= last)
                verdict_accuse(&client->verdict, FAULT_DISORDERED, job, "listed out of order");
            note(client, DEED_FOUND_ENTRY, stream * STREAM_GROUPS_MAX, job, id);
            last = id > last ? id : last;
        }
        is_last = reply->elements < PAGE;
        freeReplyObject(reply);
    }
    if (look_number(client, (struct slice[]){SLICE("XLEN"), stream_name(stream)}, 2) != count)
        miscounted(client, stream, "XLEN is not the number of entries listed");
    return true;
}

static bool find_pending_page(struct client *client, const struct lane *lane, int64_t *last,
                              size_t *count) {
    char text[ENTRY_TEXT_MAX + 1];
    struct slice args[] = {SLICE("XPENDING"),   lane->stream, lane->group,
                           behind(*last, text), SLICE("+"),   SLICE(PAGE_TEXT)};
    redisReply *reply = look_array(client, args, 6);
    if (reply == NULL) return false;
    *count = reply->elements;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *entry = reply->element[i];
        int64_t id = 0;
        if (entry->elements != 4 || !client_entry_id(client, entry->element[0], &id)) continue;
        int64_t deliveries = entry->element[3]->integer;
        if (deliveries < 0) miscounted(client, lane->place, "a negative count of deliveries");
        struct event event = {.deed = DEED_FOUND_PENDING,
                              .place = lane->place,
                              .result = id,
                              .client = client->number,
                              .amount = (uint8_t)(deliveries < UINT8_MAX ? deliveries : UINT8_MAX)};
        event.invoked = run_ticket(client->run);
        event.completed = run_ticket(client->run);
        client_note(client, &event);
        if (id > *last) *last = id;
    }
    freeReplyObject(reply);
    return true;
}

// -1: it could not be told, which is accused.
static int64_t pending_count(struct client *client, const struct lane *lane) {
    redisReply *reply =
        look_array(client, (struct slice[]){SLICE("XPENDING"), lane->stream, lane->group}, 3);
    if (reply == NULL) return -1;
    int64_t count = reply->elements == 4 ? reply->element[0]->integer : -1;
    if (count < 0) miscounted(client, lane->place, "no summary of what is pending");
    freeReplyObject(reply);
    return count;
}

// False: it could not be done. `total`: how many.
static bool find_pending(struct client *client, const struct lane *lane, int64_t *total) {
    int64_t last = 0;
    *total = 0;
    for (size_t count = PAGE; count == PAGE; *total += (int64_t)count) {
        if (!find_pending_page(client, lane, &last, &count)) return false;
    }
    const int64_t counted = pending_count(client, lane);
    if (counted >= 0 && counted != *total)
        miscounted(client, lane->place, "XPENDING counts others than it lists");
    return true;
}

// ---- really taken out

// What the group gives out as new. `total`: how many.
static bool take_new(struct client *client, const struct lane *lane, int64_t *total) {
    *total = 0;
    for (;;) {
        struct slice args[] = {SLICE("XREADGROUP"), SLICE("GROUP"), lane->group,
                               SLICE("drain"),      SLICE("COUNT"), SLICE(PAGE_TEXT),
                               SLICE("STREAMS"),    lane->stream,   SLICE(">")};
        redisReply *reply = look_array(client, args, 9);
        if (reply == NULL) return false;
        bool is_empty = reply->type == REDIS_REPLY_NIL;
        const redisReply *stream = is_empty || reply->elements != 1 ? NULL : reply->element[0];
        const redisReply *entries =
            stream == NULL || stream->elements != 2 ? NULL : stream->element[1];
        for (size_t i = 0; entries != NULL && i < entries->elements; i++) {
            uint64_t job = 0;
            int64_t id = 0;
            *total += 1;
            if (streams_entry(client, entries->element[i], &job, &id))
                note(client, DEED_FOUND_NEW, lane->place, job, id);
        }
        freeReplyObject(reply);
        if (is_empty) return true;
        if (entries != NULL) continue;
        verdict_accuse(&client->verdict, FAULT_REFUSED, lane->place, "no entries came, and no nil");
        return false;
    }
}

// Acknowledges what was claimed with one request. Returns how many entries.
static int64_t end_entries(struct client *client, const struct lane *lane,
                           const redisReply *entries) {
    struct slice ack[3 + END_PAGE] = {SLICE("XACK"), lane->stream, lane->group};
    char texts[END_PAGE][ENTRY_TEXT_MAX];
    int64_t count = 0;
    for (size_t i = 0; i < entries->elements && i < END_PAGE; i++) {
        uint64_t job = 0;
        int64_t id = 0;
        if (!streams_entry(client, entries->element[i], &job, &id)) continue;
        ack[3 + count] = entry_id_text(id, texts[count]);
        count++;
    }
    if (count > 0 && look_number(client, ack, 3 + (size_t)count) != count)
        verdict_accuse(&client->verdict, FAULT_LOST, lane->place, "claimed, and not pending");
    return count;
}

// Claims a page from the cursor on and acknowledges it. `cursor` moves on; "0-0" at the end.
static bool end_page(struct client *client, const struct lane *lane, char *cursor, size_t cap,
                     int64_t *total) {
    struct slice claim[] = {SLICE("XAUTOCLAIM"), lane->stream,        lane->group,
                            SLICE("drain"),      SLICE("0"),          slice_str(cursor),
                            SLICE("COUNT"),      SLICE(END_PAGE_TEXT)};
    redisReply *reply = look_array(client, claim, 8);
    if (reply == NULL) return false;
    bool is_whole = reply->elements == 3;
    if (!is_whole || reply->element[2]->elements > 0)
        verdict_accuse(&client->verdict, FAULT_LOST, lane->place, "pending entries are gone");
    if (is_whole) *total += end_entries(client, lane, reply->element[1]);
    slice_to_cstr(is_whole ? slice_of_reply(reply->element[0]) : SLICE("0-0"), cursor, cap);
    freeReplyObject(reply);
    return client->redis != NULL;
}

static bool end_pending(struct client *client, const struct lane *lane, int64_t expected) {
    char cursor[ENTRY_TEXT_MAX] = "0-0";
    int64_t total = 0;
    do {
        if (!end_page(client, lane, cursor, sizeof cursor, &total)) return false;
    } while (!slice_equal(slice_str(cursor), SLICE("0-0")));
    if (total != expected) miscounted(client, lane->place, "claimed other than was pending");
    if (pending_count(client, lane) > 0)
        miscounted(client, lane->place, "pending after all was acknowledged");
    return true;
}

// False: the connection is gone. What the server refuses is accused, and the lane is left alone.
static bool drain_lane(struct client *client, const struct lane *lane) {
    int64_t pending = 0;
    int64_t new = 0;
    bool is_done = find_pending(client, lane, &pending) && take_new(client, lane, &new) &&
                   end_pending(client, lane, pending + new);
    return is_done || client->redis != NULL;
}

bool drain_streams(struct client *client) {
    for (unsigned i = 0; i < STREAMS; i++) {
        if (!find_entries(client, i)) return false;
    }
    for (unsigned i = 0; i < LANES; i++) {
        if (!drain_lane(client, lane_at(i))) return false;
    }
    return true;
}
