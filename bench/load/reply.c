#include "bench/load/reply.h"

#include <string.h>

#include "bench/load/fail.h"

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static struct reply_item *add_item(const redisReadTask *task, enum reply_type type,
                                   long long number) {
    struct reply *reply = task->privdata;
    // The reader wants a value that is not NULL; the last slot takes what there is no room for.
    struct reply_item *item = &reply->items[smaller(reply->len, REPLY_ITEMS_MAX - 1)];
    item->type = type;
    item->fault = JOB_FOREIGN;
    item->number = number;
    item->text[0] = '\0';
    reply->len = smaller(reply->len + 1, REPLY_ITEMS_MAX);
    reply->len_all++;
    return item;
}

static void copy_text(char *to, size_t size, const char *bytes, size_t len) {
    size_t kept = smaller(len, size - 1);
    memcpy(to, bytes, kept);
    to[kept] = '\0';
}

static void *on_string(const redisReadTask *task, char *bytes, size_t len) {
    struct reply *reply = task->privdata;
    enum reply_type type = task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
                           : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
                                                              : REPLY_STRING;
    struct reply_item *item = add_item(task, type, (long long)len);
    copy_text(item->text, sizeof(item->text), bytes, len);
    if (type == REPLY_ERROR) copy_text(reply->error, sizeof(reply->error), bytes, len);
    if (type == REPLY_STRING && reply->maker != NULL)
        item->fault = job_read(reply->maker, bytes, len, &item->job);
    return item;
}

static void *on_array(const redisReadTask *task, int elements) {
    return add_item(task, REPLY_ARRAY, elements);
}

static void *on_integer(const redisReadTask *task, long long number) {
    return add_item(task, REPLY_INTEGER, number);
}

static void *on_nil(const redisReadTask *task) {
    return add_item(task, REPLY_NIL, 0);
}

static void on_free(void *object) {
    (void)object;
}

redisReader *reply_reader_new(struct reply *reply) {
    // hiredis' pointer to its callbacks is not const, though it only ever calls through it.
    static const redisReplyObjectFunctions functions = {
        .createString = on_string,
        .createArray = on_array,
        .createInteger = on_integer,
        .createNil = on_nil,
        .freeObject = on_free,
    };
    union {
        const redisReplyObjectFunctions *constant;
        redisReplyObjectFunctions *plain;
    } table = {.constant = &functions};

    redisReader *reader = redisReaderCreateWithFunctions(table.plain);
    check(reader != NULL);
    reader->privdata = reply;
    reader->maxbuf = 0; // keep the buffer when it is empty: it will be needed again at once
    return reader;
}

void reply_reset(struct reply *reply) {
    reply->len = 0;
    reply->len_all = 0;
}
