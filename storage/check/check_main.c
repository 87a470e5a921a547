// ackd-check: verifies a data directory and says what is where. Reads only; changes nothing, and
// needs no lock (it says when a server is running, because then the end of the log moves). With
// --salvage it writes what can be saved into another directory: check_salvage.c.
//
// Exit codes: 0 clean, 1 torn or not sealed (a start repairs it; nothing acknowledged is lost),
// 2 rotten (a start refuses), 3 the directory cannot be read or the command line is wrong.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "storage/check/check_ghosts.h"
#include "storage/check/check_salvage.h"
#include "storage/log/log.h"
#include "storage/log/scan.h"
#include "storage/state/state_load.h"

enum exit_code { EXIT_CLEAN = 0, EXIT_TORN = 1, EXIT_ROTTEN = 2, EXIT_UNREADABLE = 3 };

struct check {
    struct vfs *vfs;
    struct scan scan;
    bool is_verbose;
};

static void print_batch(void *context, uint32_t slot, size_t offset,
                        const struct batch_header *header) {
    const struct check *check = context;
    if (!check->is_verbose) return;
    char name[SEGMENT_NAME_BYTES];
    printf("  %s +%-9zu lsn %-14" PRIu64 " %9" PRIu32 " bytes %7" PRIu32 " frames epoch %" PRIu64
           "%s\n",
           segment_name(name, slot), offset, header->lsn, header->bytes, header->frames,
           header->epoch, (header->flags & BATCH_SEAL) ? " SEAL" : "");
}

static void print_slot(const struct check *check, uint32_t number) {
    const struct scan_slot *slot = &check->scan.slots[number];
    char name[SEGMENT_NAME_BYTES];
    if (slot->is_in_chain) return;
    segment_name(name, number);
    if (slot->is_kept)
        printf("%s  segment %" PRIu64 ": before the checkpoint, which refers to values in it\n",
               name, slot->header.sequence);
    else if (slot->kind == SCAN_HEADED)
        printf("%s  free: held segment %" PRIu64 "\n", name, slot->header.sequence);
    else
        printf("%s  %s\n", name,
               slot->kind == SCAN_SHORT ? "unfinished: will be made again" : "free");
}

static void print_segment(const struct check *check, uint32_t slot,
                          const struct scan_segment *segment) {
    const struct scan_slot *entry = &check->scan.slots[slot];
    char name[SEGMENT_NAME_BYTES];
    printf("%s  segment %" PRIu64 ": lsn %" PRIu64 " to %" PRIu64 ", %" PRIu64 " batches, %" PRIu64
           " records, %" PRIu64 " frames%s\n",
           segment_name(name, slot), entry->header.sequence, entry->header.base_lsn,
           entry->header.base_lsn + segment->end, segment->batches, segment->records,
           segment->frames, entry->has_damaged_copy ? "; one header copy is damaged" : "");
}

static enum exit_code exit_of(enum err err, const struct fault *fault) {
    printf("%s: %s\n", err == ERR_CORRUPT ? "ROTTEN" : "UNREADABLE", fault->text);
    return err == ERR_CORRUPT ? EXIT_ROTTEN : EXIT_UNREADABLE;
}

static enum exit_code verdict(const struct scan_segment *last, const struct scan_end *end) {
    bool is_sealed = last == NULL || (last->batches > 0 && (last->last_header.flags & BATCH_SEAL));
    if (end->is_torn) {
        printf("TORN: the log ends at lsn %" PRIu64 "; behind it lies a write that was cut off and "
               "never acknowledged. A start keeps it aside and goes on.\n",
               end->lsn);
        return EXIT_TORN;
    }
    if (!is_sealed) {
        printf("NOT SEALED: the log ends at lsn %" PRIu64 " without a seal (the server was killed "
               "or is running). A start writes the last batch again and goes on.\n",
               end->lsn);
        return EXIT_TORN;
    }
    printf("CLEAN: the log ends at lsn %" PRIu64 ".\n", end->lsn);
    return EXIT_CLEAN;
}

// ---- checkpoints

static void print_state(const struct state_checkpoint *state, enum err err,
                        const struct fault *fault) {
    const struct state_header *header = &state->header;
    printf("%s  checkpoint %" PRIu64 ": lsn %" PRIu64 ", %" PRIu64 " keys, %" PRIu64
           " records, %" PRIu64 " bytes, %" PRIu64 " segments kept%s%s%s\n",
           state_file_name(state->name), header->generation, header->lsn, header->keys,
           header->records, header->body_bytes + STATE_BODY_AT, header->kept_count,
           state->damaged_copies > 0 ? "; one header copy is damaged" : "",
           err == ERR_NONE ? "" : "; DAMAGED: ", err == ERR_NONE ? "" : fault->text);
}

static void print_unfinished(struct vfs *vfs, const struct state_checkpoint found[STATE_FILES]) {
    for (unsigned i = 0; i < STATE_FILES; i++) {
        const enum state_name name = (enum state_name)i;
        const bool counts = (found[0].exists && found[0].name == name) ||
                            (found[1].exists && found[1].name == name);
        struct vfs_file *file = NULL;
        if (counts || vfs_open(vfs, state_file_name(name), VFS_READ, &file) != ERR_NONE) continue;
        vfs_close(file);
        printf("%s  has no valid header: a checkpoint that was not finished\n",
               state_file_name(name));
    }
}

// The newest one that is whole, as a start chooses it; the fault when there are only damaged ones.
static enum err check_states(struct check *check, const struct format *format,
                             struct state_checkpoint *chosen, struct fault *fault) {
    struct state_checkpoint found[STATE_FILES];
    *chosen = (struct state_checkpoint){0};
    enum err err = state_find(check->vfs, format, found, fault);
    if (err != ERR_NONE) return err;
    print_unfinished(check->vfs, found);
    for (unsigned i = 0; i < STATE_FILES && found[i].exists; i++) {
        struct fault cause = {0};
        const enum err damage = state_verify(check->vfs, &found[i], &cause);
        print_state(&found[i], damage, &cause);
        if (damage == ERR_NONE && !chosen->exists) {
            *chosen = found[i];
            continue;
        }
        if (i == 0) err = fault_set(fault, damage, "%s", cause.text);
        state_checkpoint_deinit(&found[i]);
    }
    return chosen->exists ? ERR_NONE : err;
}

// ---- the log

static enum exit_code check_log(struct check *check, const struct state_checkpoint *state,
                                char *image, char *scratch) {
    struct fault fault = {0};
    struct scan *scan = &check->scan;
    struct scan_segment segment = {0};
    const struct log_checkpoint checkpoint = state_log_checkpoint(state);
    enum err err = scan_adopt(scan, state->exists ? &checkpoint : NULL, &fault);
    for (size_t i = 0; i < scan->chain_count && err == ERR_NONE; i++) {
        err = scan_segment(scan, i, image, &segment, &fault);
        if (err == ERR_NONE) print_segment(check, scan->chain[i], &segment);
    }
    const struct scan_segment *last = scan->chain_count > 0 ? &segment : NULL;
    struct scan_end end = {0};
    if (err == ERR_NONE) err = scan_end(scan, image, last, scratch, &end, &fault);
    const size_t ghosts = check_ghost_count(scan);
    if (err == ERR_NONE && ghosts > 0) err = check_ghosts(scan, state, scratch, &fault);
    if (err != ERR_NONE) return exit_of(err, &fault);
    if (ghosts > 0)
        printf("%zu segments that the checkpoint refers to are gone, and nothing is in them any "
               "more: the log behind it was replayed to see that.\n",
               ghosts);
    for (uint32_t i = 0; i < scan->slot_count; i++)
        print_slot(check, i);
    return verdict(last, &end);
}

// A running server's log is read in the middle of a write. A vfs of its own, so that the lock is
// let go at once; no file is made where there is none.
static void warn_if_locked(const char *directory) {
    struct vfs *vfs = NULL;
    struct vfs_file *file = NULL;
    if (vfs_posix_open(&vfs, directory, false, NULL) != ERR_NONE) return;
    if (vfs_open(vfs, FORMAT_LOCK_NAME, VFS_READ, &file) == ERR_NONE &&
        vfs_lock(vfs, FORMAT_LOCK_NAME) == ERR_LOCKED)
        printf(
            "A server is running on this directory: its last writes may look torn or even rotten. "
            "Stop it for a verdict that counts.\n");
    vfs_close(file);
    vfs_free(vfs);
}

static enum exit_code check_directory(struct check *check) {
    struct fault fault = {0};
    struct format format;
    enum err err = format_load(check->vfs, &format, &fault);
    if (err == ERR_NOT_FOUND)
        fault_set(&fault, err, "%s has no %s; is it a data directory of ackd?", check->vfs->where,
                  FORMAT_NAME);
    if (err != ERR_NONE) return exit_of(err, &fault);
    printf("%s  version %u, segments of %" PRIu64 " bytes\n", FORMAT_NAME, format.version,
           format.segment_bytes);

    err = scan_open(&check->scan, check->vfs, &format, VFS_READ, &fault);
    enum exit_code code = EXIT_CLEAN;
    if (err != ERR_NONE) {
        code = exit_of(err, &fault);
    } else {
        struct state_checkpoint state;
        check->scan.observer = (struct scan_observer){check, print_batch};
        char *image = mem_alloc((size_t)format.segment_bytes);
        char *scratch = mem_alloc((size_t)format.segment_bytes);
        err = check_states(check, &format, &state, &fault);
        code = err == ERR_NONE ? check_log(check, &state, image, scratch) : exit_of(err, &fault);
        state_checkpoint_deinit(&state);
        mem_free(image);
        mem_free(scratch);
    }
    scan_close(&check->scan);
    return code;
}

struct arguments {
    bool is_verbose;
    const char *salvage; // the new directory; NULL: only look
    const char *directory;
};

static bool read_arguments(int argc, char **argv, struct arguments *out) {
    *out = (struct arguments){0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            out->is_verbose = true;
        } else if (strcmp(argv[i], "--salvage") == 0 && out->salvage == NULL && i + 1 < argc) {
            out->salvage = argv[++i];
        } else if (out->directory == NULL && argv[i][0] != '-') {
            out->directory = argv[i];
        } else {
            return false;
        }
    }
    return out->directory != NULL;
}

static const char usage[] =
    "usage: ackd-check [-v] DIR\n"
    "       ackd-check --salvage NEW_DIR DIR\n"
    "\n"
    "ackd-check DIR verifies a data directory of ackd and changes nothing. -v: a line per batch.\n"
    "Exit codes: 0 clean, 1 torn or not sealed (a start repairs it), 2 rotten (a start refuses), "
    "3\n"
    "cannot be read.\n"
    "\n"
    "--salvage writes all that can be saved of DIR into NEW_DIR, which must be missing (the "
    "directory\n"
    "it is to be in exists) or empty, and needs as much room as the data. DIR is not changed. "
    "ackd\n"
    "starts from NEW_DIR as it is. Each thing that is lost is a line of its own:\n"
    "  lost:    transactions between two log positions; a value, by database, key and place\n"
    "  misfit:  a change behind lost transactions that was not carried out, by key and kind\n"
    "  damage:  a place in a file that is not what was written\n"
    "  note:    what was made good without a loss\n"
    "What a lost transaction added is lost, what it removed comes back. Behind it nothing is "
    "taken\n"
    "from a list any more, since nobody can say what stood at that place: those jobs come back, "
    "too.\n"
    "Exit codes: 0 everything is saved, 1 something is lost and was listed, 2 NEW_DIR could not "
    "be\n"
    "written (or is not empty), 3 DIR cannot be read or is in use by a server.\n";

int main(int argc, char **argv) {
    struct check check = {0};
    struct arguments arguments;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return EXIT_CLEAN;
    }
    if (!read_arguments(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return EXIT_UNREADABLE;
    }
    if (arguments.salvage != NULL) return check_salvage(arguments.salvage, arguments.directory);
    check.is_verbose = arguments.is_verbose;
    struct fault fault = {0};
    if (vfs_posix_open(&check.vfs, arguments.directory, false, &fault) != ERR_NONE) {
        printf("UNREADABLE: %s\n", fault.text);
        return EXIT_UNREADABLE;
    }
    warn_if_locked(arguments.directory);
    enum exit_code code = check_directory(&check);
    vfs_free(check.vfs);
    return (int)code;
}
