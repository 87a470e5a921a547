#include "tests/sim/images/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/store.h"
#include "storage/txn.h"

enum { DATABASES = 16, CHECK_NOW_MS = 1000000, SLOT_JOBS_MAX = 8 };

void check_init(struct checker *checker) {
    disk_init(&checker->disk, &checker->pages);
}

void check_deinit(struct checker *checker) {
    pages_deinit(&checker->pages);
}

void check_begin(struct checker *checker) {
    pages_reset(&checker->pages);
    checker->disk.capacity_bytes = UINT64_MAX;
    checker->disk.locked_by = NULL;
}

static bool wrong(struct finding *finding, enum verdict kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool wrong(struct finding *finding, enum verdict kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    finding->kind = kind;
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    return false;
}

// ---- a store on the image

struct opened {
    struct vfs *vfs;
    struct store *store;
    struct fault fault;
};

static enum err open_store(struct checker *checker, uint64_t seed, struct opened *out) {
    out->vfs = disk_open(&checker->disk);
    const struct store_options options = {
        .log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN,
                .slots_ahead = 1,
                .seed = seed,
                .trace = checker->trace},
        .fold = {.slices = 2, .block_bytes = PAGE_BYTES},
        .databases = DATABASES,
        .seed = 7,
        .trace = checker->trace,
    };
    struct store_recovery recovery;
    out->fault.text[0] = '\0';
    enum err err = store_open(&out->store, out->vfs, &options, &recovery, &out->fault);
    if (err == ERR_NONE) return ERR_NONE;
    out->store = NULL;
    vfs_free(out->vfs);
    return err;
}

static void close_store(struct opened *opened) {
    store_close(opened->store);
    vfs_free(opened->vfs);
}

// ---- payloads

struct payload_walk {
    struct store *store;
    void (*visit)(struct payload_walk *walk, const struct blob *blob);
    struct buf scratch;
    struct checker *checker; // of check_reads, as what follows
    unsigned flips;
    uint64_t reads;
    bool may_be_damaged; // a read that says so is right
    const char *wrong;
};

static void walk_blob(struct payload_walk *walk, const struct blob *blob) {
    if (blob_kind(blob) == BLOB_REF) walk->visit(walk, blob);
}

static void walk_field(void *context, struct slice field, const struct blob *value) {
    (void)field;
    walk_blob(context, value);
}

static void walk_entry(void *context, const struct entry *entry) {
    struct payload_walk *walk = context;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        walk_blob(walk, &entry->value.string);
        return;
    case TYPE_LIST: {
        struct list_cursor cursor = list_cursor_at(entry->value.list, 0);
        struct blob blob;
        while (list_cursor_next(&cursor, &blob))
            walk_blob(walk, &blob);
        return;
    }
    case TYPE_HASH:
        hash_each(entry->value.hash, walk_field, walk);
        return;
    case TYPE_STREAM: {
        struct stream_cursor cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
        struct stream_entry at;
        while (stream_next(&cursor, &at))
            walk_blob(walk, &at.payload);
        return;
    }
    }
}

static void walk_payloads(struct payload_walk *walk) {
    const struct keyspace *keyspace = store_keyspace(walk->store);
    for (unsigned db = 0; db < DATABASES; db++)
        if (keyspace_count(keyspace, db) > 0) keyspace_each(keyspace, db, walk_entry, walk);
    buf_deinit(&walk->scratch);
}

static void read_payload(struct payload_walk *walk, const struct blob *blob) {
    buf_reset(&walk->scratch);
    char *into = buf_reserve(&walk->scratch, blob_len(blob));
    const enum err err = store_read(walk->store, blob, into);
    if (err == ERR_CORRUPT && walk->may_be_damaged) return;
    if (err != ERR_NONE) {
        walk->wrong = "a payload does not read back from the disk";
        return;
    }
    struct slice resident = store_resident(walk->store, blob);
    if (resident.data != NULL && memcmp(resident.data, into, blob_len(blob)) != 0)
        walk->wrong = "a payload in memory is another one than on the disk";
}

// ---- going on

static bool flush_all(struct log *log) {
    for (struct log_flush *flush = log_flush_begin(log); flush != NULL;
         flush = log_flush_begin(log)) {
        enum err err = log_flush_run(flush);
        log_flush_end(log, flush, err);
        if (err != ERR_NONE) return false;
    }
    return true;
}

static bool make_room(struct log *log) {
    for (int i = 0; i < SLOT_JOBS_MAX; i++) {
        if (log_prepare(log, 256, 2, false) == LOG_READY) return true;
        struct log_slots *job = log_slots_begin(log, CHECK_NOW_MS);
        if (job == NULL) return false;
        log_slots_end(log, job, log_slots_run(job));
    }
    return false;
}

static bool append(struct store *store) {
    struct log *log = store_log(store);
    if (!make_room(log)) return false;
    struct txn *txn = txn_begin(store, CHECK_NOW_MS);
    const struct slice value = SLICE(
        "one more, longer than what is kept in memory, so that it is referred to: 0123456789");
    txn_list_push(txn, 0, SLICE("crash-matrix"), LIST_TAIL, &value, 1);
    txn_commit(txn);
    return flush_all(log);
}

static bool goes_on(struct checker *checker, struct opened *opened, struct finding *finding) {
    keyspace_check(store_keyspace(opened->store));
    if (checker->disk.capacity_bytes != UINT64_MAX) {
        close_store(opened); // a full disk owes no more than the start
        return true;
    }
    if (!append(opened->store)) {
        close_store(opened);
        return wrong(finding, VERDICT_LOST, "the recovered log takes no further transaction");
    }
    uint64_t digest = keyspace_digest(store_keyspace(opened->store));
    close_store(opened);
    enum err err = open_store(checker, 2, opened);
    if (err != ERR_NONE)
        return wrong(finding, VERDICT_LOST, "after another transaction the start is refused: %s",
                     opened->fault.text);
    bool is_same = keyspace_digest(store_keyspace(opened->store)) == digest;
    close_store(opened);
    if (is_same) return true;
    return wrong(finding, VERDICT_LOST,
                 "a transaction after recovery is not there at the next start");
}

// ---- verdicts

static bool judge(struct opened *opened, const struct bounds *bounds, bool may_be_damaged,
                  struct finding *finding) {
    const struct history_node *node = NULL;
    uint64_t digest = keyspace_digest(store_keyspace(opened->store));
    switch (history_judge(bounds, digest, &node)) {
    case VERDICT_HELD:
        break;
    case VERDICT_LOST:
        return wrong(finding, VERDICT_LOST,
                     "recovery finds the state behind transaction %u (%s), but %u (%s) was "
                     "acknowledged",
                     (unsigned)node->index, node->what, (unsigned)bounds->low->index,
                     bounds->low->what);
    case VERDICT_SILENT:
        return wrong(finding, VERDICT_SILENT,
                     "recovery finds a state that there never was; it has to be that behind a "
                     "transaction from %u (%s) to %u (%s)",
                     (unsigned)bounds->low->index, bounds->low->what, (unsigned)bounds->tip->index,
                     bounds->tip->what);
    }
    struct payload_walk walk = {
        .store = opened->store, .visit = read_payload, .may_be_damaged = may_be_damaged};
    walk_payloads(&walk);
    return walk.wrong == NULL || wrong(finding, VERDICT_SILENT, "%s", walk.wrong);
}

bool check_image(struct checker *checker, const struct bounds *bounds, bool is_thorough,
                 struct finding *finding) {
    struct opened opened;
    enum err err = open_store(checker, 1, &opened);
    if (err != ERR_NONE)
        return wrong(finding, VERDICT_LOST, "recovery refuses what a power cut may leave (%s): %s",
                     err_name(err), opened.fault.text);
    if (!judge(&opened, bounds, false, finding)) {
        close_store(&opened);
        return false;
    }
    if (is_thorough) return goes_on(checker, &opened, finding);
    close_store(&opened);
    return true;
}

bool check_damaged(struct checker *checker, const struct bounds *bounds, bool is_harmless,
                   struct finding *finding) {
    struct opened opened;
    enum err err = open_store(checker, 1, &opened);
    if (err != ERR_NONE && is_harmless)
        return wrong(finding, VERDICT_LOST, "one damaged copy of a header refuses the start: %s",
                     opened.fault.text);
    if (err == ERR_CORRUPT || err == ERR_FORMAT) return true;
    if (err != ERR_NONE)
        return wrong(finding, VERDICT_SILENT, "damage is reported as %s: %s", err_name(err),
                     opened.fault.text);
    // A start does not read segments that only the checkpoint's state refers to.
    bool is_right = judge(&opened, bounds, true, finding);
    close_store(&opened);
    return is_right;
}

// ---- damage under a running store

static void flip_and_read(struct payload_walk *walk, const struct blob *blob) {
    struct checker *checker = walk->checker;
    char name[DISK_NAME_MAX];
    snprintf(name, sizeof name, "seg-%06u", blob_slot(blob));
    const struct disk_name *found = disk_names_find(&checker->disk.state.cached, name);
    must(found != NULL);
    struct disk_inode *inode = &checker->disk.state.inodes[found->inode];
    for (unsigned i = 0; i < walk->flips; i++) {
        size_t at = blob_offset(blob) + (blob_len(blob) - 1) * i / walk->flips;
        const char *kept = inode->cached[at / PAGE_BYTES];
        char *made = pages_take(&checker->pages);
        memcpy(made, kept, PAGE_BYTES);
        made[at % PAGE_BYTES] = (char)(made[at % PAGE_BYTES] ^ (1 << i % 8));
        inode->cached[at / PAGE_BYTES] = made;
        buf_reset(&walk->scratch);
        char *into = buf_reserve(&walk->scratch, blob_len(blob));
        if (store_read(walk->store, blob, into) != ERR_CORRUPT)
            walk->wrong = "a payload with a flipped bit is read without complaint";
        inode->cached[at / PAGE_BYTES] = kept;
        walk->reads++;
    }
}

bool check_reads(struct checker *checker, unsigned flips, uint64_t *reads,
                 struct finding *finding) {
    struct opened opened;
    if (open_store(checker, 1, &opened) != ERR_NONE)
        return wrong(finding, VERDICT_LOST, "a clean disk is refused: %s", opened.fault.text);
    struct payload_walk walk = {
        .store = opened.store, .visit = flip_and_read, .checker = checker, .flips = flips};
    walk_payloads(&walk);
    close_store(&opened);
    *reads += walk.reads;
    return walk.wrong == NULL || wrong(finding, VERDICT_SILENT, "%s", walk.wrong);
}
