// What a checkpoint makes of a scan: the chain begins where it ends, and segments before that are
// kept for the values in them.
#include <stdlib.h>

#include "proto/base/mem.h"
#include "proto/base/mutant.h"
#include "storage/log/scan.h"

// The chain begins with the segment that lsn lies in, or begins.
static enum err check_beginning(const struct scan *scan, bool has_checkpoint, struct fault *fault) {
    if (scan->chain_count == 0) {
        if (!has_checkpoint) return ERR_NONE;
        return fault_set(fault, ERR_CORRUPT,
                         "the checkpoint in %s ends at log position %llu, but there is no log "
                         "behind it; " SCAN_WHAT_TO_DO,
                         scan->vfs->where, (unsigned long long)scan->from_lsn);
    }
    if (MUTANT(LOST_SEGMENT_ACCEPTED)) return ERR_NONE;
    const struct segment_header *first = &scan->slots[scan->chain[0]].header;
    if (first->prev_sequence == 0 || first->prev_end_lsn <= scan->from_lsn) return ERR_NONE;
    char name[SEGMENT_NAME_BYTES];
    return fault_set(fault, ERR_CORRUPT,
                     "segment %llu is missing: %s continues it, but no file has its header (the "
                     "header may be damaged); " SCAN_WHAT_TO_DO,
                     (unsigned long long)first->prev_sequence, segment_name(name, scan->chain[0]));
}

static void drop_covered(struct scan *scan) {
    size_t covered = 0;
    while (covered + 1 < scan->chain_count &&
           scan->slots[scan->chain[covered + 1]].header.prev_end_lsn <= scan->from_lsn)
        covered++;
    for (size_t i = 0; i < covered; i++)
        scan->slots[scan->chain[i]].is_in_chain = false;
    scan->chain_count -= covered;
    if (covered > 0)
        memmove(scan->chain, scan->chain + covered, scan->chain_count * sizeof *scan->chain);
}

static int compare_sequences(const void *left, const void *right) {
    const uint64_t a = ((const struct scan_link *)left)->sequence;
    const uint64_t b = ((const struct scan_link *)right)->sequence;
    return (a > b) - (a < b);
}

// The headed slot of that sequence among `links`, ascending; NULL: none.
static const struct scan_link *find_link(const struct scan_link *links, size_t count,
                                         uint64_t sequence) {
    const struct scan_link wanted = {.sequence = sequence};
    if (count == 0) return NULL;
    return bsearch(&wanted, links, count, sizeof *links, compare_sequences);
}

enum err scan_missing(const struct scan *scan, uint64_t sequence, struct fault *fault) {
    return fault_set(fault, ERR_CORRUPT,
                     "segment %llu is missing in %s: there are values in it, but no file has its "
                     "header (the header may be damaged); " SCAN_WHAT_TO_DO,
                     (unsigned long long)sequence, scan->vfs->where);
}

static enum err find_kept(struct scan *scan, const struct log_checkpoint *checkpoint,
                          struct fault *fault) {
    size_t count = 0;
    struct scan_link *links = scan_headed(scan, &count);
    scan->kept = mem_alloc_array(checkpoint->kept_count + 1, sizeof *scan->kept);
    const uint64_t first = scan->slots[scan->chain[0]].header.sequence;
    enum err err = ERR_NONE;
    size_t missing = 0;
    for (size_t i = 0; i < checkpoint->kept_count && err == ERR_NONE; i++) {
        const uint64_t sequence = checkpoint->kept[i].sequence;
        const struct scan_link *link = find_link(links, count, sequence);
        if (sequence < first) {
            const uint32_t slot = link == NULL ? 0 : link->slot;
            if (link != NULL) scan->slots[slot].is_kept = true;
            scan->kept[scan->kept_count++] = (struct scan_kept){sequence, slot, link != NULL};
            missing += link == NULL;
            // They get numbers of slots while the log is replayed.
            if (scan->slot_count + missing > LOG_SLOTS_MAX)
                err = scan_missing(scan, sequence, fault);
        } else if (link == NULL || !scan->slots[link->slot].is_in_chain) {
            err = scan_missing(scan, sequence, fault);
        }
    }
    mem_free(links);
    return err;
}

enum err scan_adopt(struct scan *scan, const struct log_checkpoint *checkpoint,
                    struct fault *fault) {
    scan->from_lsn = checkpoint == NULL ? 0 : checkpoint->lsn;
    drop_covered(scan);
    enum err err = check_beginning(scan, checkpoint != NULL, fault);
    if (err == ERR_NONE && checkpoint != NULL) err = find_kept(scan, checkpoint, fault);
    return err;
}
