#include <string.h>

#include "tests/sim/images/scenario.h"

enum { KIB = 1024 };

static void flushed(struct life *life, const char *words) {
    life_do(life, 0, words);
    life_flush(life);
}

static void begin(struct life *life) {
    life_start(life);
    life_make_slots(life);
}

// ---- batches

static void one_push(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @40");
}

static void group_in_one_batch(struct life *life) {
    begin(life);
    life_do(life, 0, "RPUSH jobs @40 @300");
    life_do(life, 1, "SET name @90");
    life_do(life, 0, "HSET h f1 @20 f2 @200");
    life_do(life, 1, "LPUSH jobs @700");
    life_do(life, 0, "INCR n");
    life_flush(life);
    life_do(life, 0, "LRANGE jobs 0 -1");
}

static void batch_while_another_fills(struct life *life) {
    begin(life);
    life_do(life, 0, "RPUSH jobs @100");
    life_flush_begin(life);
    life_do(life, 1, "RPUSH jobs @600");
    life_do(life, 0, "LPOP jobs");
    life_flush_run(life);
    life_flush_begin(life);
    life_do(life, 1, "RPUSH jobs @80");
    life_do(life, 0, "GET nothing");
    life_flush_run(life);
    life_flush(life);
}

static void big_batch(struct life *life) {
    begin(life);
    life_do(life, 0, "RPUSH jobs @1500 @1500");
    life_flush(life);
    life_do(life, 0, "RPUSH jobs @4000 @3000 @20");
    life_flush(life);
    flushed(life, "LPOP jobs 2");
}

// Two records of 40 KiB do not fit into one segment.
static void frame_over_batches(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    life_do(life, 0, "RPUSH jobs @40000 @200");
    life_do(life, 1, "RPUSH more @18000 @18000 @18000 @18000");
    life_flush(life);
    flushed(life, "LPOP more");
}

static void frame_over_two_segments(struct life *life) {
    begin(life);
    flushed(life, "SET filler @52000");
    life_do(life, 0, "RPUSH jobs @3000 @3000 @3000");
    life_flush_begin(life);
    life_do(life, 1, "SET after @100");
    life_flush_run(life);
    life_flush(life);
}

// Behind a large reply that leaves, a small one has to wait for its own batch.
static void replies_behind_replies(struct life *life) {
    begin(life);
    flushed(life, "SET text @30000");
    life_do(life, 0, "RPUSH jobs @40");
    for (int i = 0; i < 3; i++)
        life_do(life, 0, "GET text");
    life_flush_begin(life);
    life_do(life, 0, "RPUSH jobs @50");
    life_flush_run(life);
    life_do(life, 0, "LPOP jobs");
    life_flush(life);
}

// ---- segments and seals

static void segment_begun(struct life *life) {
    begin(life);
    flushed(life, "SET filler @55000");
    flushed(life, "RPUSH jobs @6000");
    flushed(life, "RPUSH jobs @50");
}

static void seal(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @200");
    life_seal(life);
}

static void seal_then_more(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @200");
    life_seal(life);
    flushed(life, "LPOP jobs");
    life_seal(life);
    flushed(life, "RPUSH jobs @70");
}

static void seal_in_a_full_segment(struct life *life) {
    begin(life);
    flushed(life, "SET filler @56500");
    life_seal(life);
    flushed(life, "RPUSH jobs @400");
    life_seal(life);
}

static void slots_while_flushing(struct life *life) {
    begin(life);
    flushed(life, "SET filler @50000");
    life_do(life, 0, "RPUSH jobs @9000");
    life_make_slots_meanwhile(life);
    life_flush(life);
    life_do(life, 0, "RPUSH jobs @100");
    life_flush(life);
}

// The slot is in the page cache and in no other place, its name likewise; then it is used.
static void slot_only_in_the_cache(struct life *life) {
    begin(life);
    flushed(life, "SET filler @50000");
    flushed(life, "RPUSH jobs @9000");
    life_kill_while_making_slots(life);
    life_start(life);
    flushed(life, "RPUSH jobs @52000");
    flushed(life, "RPUSH jobs @8000");
    flushed(life, "LPOP jobs");
}

// Then recovery itself takes it, and nothing else has made its name durable.
static void slot_name_only_in_the_cache(struct life *life) {
    begin(life);
    flushed(life, "SET filler @50000");
    flushed(life, "RPUSH jobs @9000");
    life_kill_while_making_slots(life);
    life_start(life);
    flushed(life, "RPUSH jobs @30");
    life_kill(life);
    life_start(life);
    flushed(life, "RPUSH jobs @31");
    life_cut(life, LIFE_CUT_OLD, 0);
    begin(life);
    flushed(life, "LPOP jobs");
}

// ---- starts

static void clean_restart(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @200 @20");
    life_stop(life);
    begin(life);
    flushed(life, "LPOP jobs");
    life_stop(life);
    begin(life);
    flushed(life, "RPUSH jobs @100");
}

static void unproven_batch_written_again(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    flushed(life, "RPUSH jobs @300 @30");
    life_kill(life);
    begin(life);
    flushed(life, "LMOVE jobs taken LEFT RIGHT");
    life_kill(life);
    begin(life);
    flushed(life, "RPUSH jobs @90");
}

// The write of a batch is done, its sync is not: the machine stops there.
static void cut_between_write_and_sync(struct life *life, enum life_cut how, uint64_t seed) {
    if (!life_is_up(life)) return;
    // A sync that reports failure and has done nothing is the same to the disk, and ends the log.
    life->disk.failed_syncs = 1;
    life_flush(life);
    life_cut(life, how, seed);
    begin(life);
}

static void torn_tail_written_on(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    life_do(life, 0, "RPUSH jobs @900 @900");
    life_flush(life);
    life_do(life, 0, "RPUSH jobs @3000");
    cut_between_write_and_sync(life, LIFE_CUT_SOME, 9);
    flushed(life, "RPUSH jobs @600");
    life_seal(life);
}

static void two_crashes_in_a_row(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    life_do(life, 0, "RPUSH jobs @1200");
    cut_between_write_and_sync(life, LIFE_CUT_SOME, 4);
    flushed(life, "RPUSH jobs @80");
    life_do(life, 1, "SET k @700");
    cut_between_write_and_sync(life, LIFE_CUT_NEW, 0);
    flushed(life, "LPOP jobs");
    flushed(life, "DEL k");
}

static void torn_then_torn_again(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @10 @11 @12");
    life_do(life, 0, "RPUSH jobs @2000");
    cut_between_write_and_sync(life, LIFE_CUT_SOME, 11);
    life_do(life, 0, "RPUSH jobs @2100");
    cut_between_write_and_sync(life, LIFE_CUT_SOME, 23);
    life_do(life, 0, "LPOP jobs");
    cut_between_write_and_sync(life, LIFE_CUT_OLD, 0);
    flushed(life, "LPOP jobs");
}

// The kernel calls the pages clean: readers see a batch that the disk does not have.
static void failed_sync(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    life_do(life, 0, "RPUSH jobs @700 @15");
    if (life_is_up(life)) life->disk.lost_syncs = 1;
    life_flush(life);
    life_kill(life);
    begin(life);
    flushed(life, "RPUSH jobs @60");
    life_seal(life);
    flushed(life, "LPOP jobs");
}

static void failed_sync_of_a_segment(struct life *life) {
    begin(life);
    flushed(life, "SET filler @54000");
    life_do(life, 0, "RPUSH jobs @7000");
    if (life_is_up(life)) life->disk.lost_syncs = 1;
    life_flush(life);
    life_kill(life);
    begin(life);
    flushed(life, "RPUSH jobs @60");
    life_cut(life, LIFE_CUT_OLD, 0);
    begin(life);
    flushed(life, "RPUSH jobs @61");
}

static void failed_sync_of_a_seal(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    if (life_is_up(life)) life->disk.lost_syncs = 1;
    life_seal(life);
    life_kill(life);
    begin(life);
    flushed(life, "RPUSH jobs @60");
    flushed(life, "RPUSH jobs @61");
}

static void failed_write(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    life_do(life, 0, "RPUSH jobs @3000");
    if (life_is_up(life)) life->disk.failed_writes = 1;
    life_flush(life);
    life_kill(life);
    begin(life);
    flushed(life, "RPUSH jobs @60");
}

// Nothing may be acknowledged behind a hole; whoever goes on as if nothing was is found out.
static void failed_sync_written_on(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    life_do(life, 0, "RPUSH jobs @700");
    if (life_is_up(life)) life->disk.lost_syncs = 1;
    life_flush(life);
    flushed(life, "LPOP jobs");
    flushed(life, "RPUSH jobs @60");
    life_cut(life, LIFE_CUT_OLD, 0);
    begin(life);
    flushed(life, "RPUSH jobs @61");
}

// What a server shows after a start has to be proven: the clean end behind it gets bits flipped.
static void killed_and_started(struct life *life) {
    begin(life);
    flushed(life, "RPUSH jobs @100");
    flushed(life, "RPUSH jobs @300 @30");
    life_kill(life);
    begin(life);
}

// ---- commands

static void references(struct life *life) {
    begin(life);
    life_do(life, 0, "RPUSH jobs @20000 @20000 @200");
    life_flush(life);
    flushed(life, "SET text @25000");
    flushed(life, "LMOVE jobs taken LEFT RIGHT");
    life_do(life, 0, "RENAME text moved");
    life_do(life, 1, "COPY jobs jobs2");
    life_flush(life);
    life_kill(life);
    begin(life);
    life_do(life, 0, "LMOVE jobs2 taken RIGHT LEFT");
    life_do(life, 0, "COPY moved text");
    life_flush(life);
    flushed(life, "LRANGE taken 0 -1");
}

// What a consumer was given stays pending until it is acknowledged, and then never comes back.
static void consumer_groups(struct life *life) {
    begin(life);
    flushed(life, "XGROUP CREATE s g 0 MKSTREAM");
    life_do(life, 0, "XADD s 1-1 job @300");
    life_do(life, 1, "XADD s 2-1 job @20");
    life_do(life, 0, "XADD s 3-1 job @200 more @30");
    life_flush(life);
    life_do(life, 0, "XREADGROUP GROUP g c1 COUNT 2 STREAMS s >");
    life_do(life, 1, "XREADGROUP GROUP g c2 STREAMS s >");
    life_flush(life);
    flushed(life, "XACK s g 1-1");
    flushed(life, "XCLAIM s g c2 0 2-1");
    life_kill(life);
    begin(life);
    life_do(life, 0, "XAUTOCLAIM s g c3 0 0 COUNT 1");
    life_do(life, 1, "XNACK s g FAIL IDS 1 3-1");
    life_flush(life);
    flushed(life, "XREADGROUP GROUP g c1 CLAIM 0 STREAMS s >");
    flushed(life, "XACKDEL s g IDS 1 3-1");
    flushed(life, "XGROUP DELCONSUMER s g c1");
    life_seal(life);
    flushed(life, "XGROUP DESTROY s g");
}

// Entries are added, trimmed and deleted, over segments and by reference.
static void streams(struct life *life) {
    begin(life);
    life_do(life, 0, "XADD s 1-1 f @25000");
    life_do(life, 0, "XADD s 1-2 f @25000");
    life_flush(life);
    flushed(life, "XADD s MAXLEN = 2 5-1 f @20000");
    life_do(life, 0, "XGROUP CREATE s g $");
    life_do(life, 1, "COPY s s2");
    life_do(life, 1, "RENAME s2 s3");
    life_flush(life);
    flushed(life, "XDEL s 5-1");
    life_kill(life);
    begin(life);
    flushed(life, "XADD s3 IDMP p i * f @100");
    flushed(life, "XADD s3 IDMP p i * f @100");
    life_do(life, 0, "XSETID s 77-0");
    life_do(life, 0, "XTRIM s3 MINID 5");
    life_flush(life);
    life_do(life, 1, "XADD s 78-1 f @70");
    cut_between_write_and_sync(life, LIFE_CUT_SOME, 5);
    flushed(life, "XADD s 79-1 f @70");
    flushed(life, "XREVRANGE s3 + -");
}

// References into the very batch that recovery will write elsewhere.
static void references_in_the_last_batch(struct life *life) {
    begin(life);
    flushed(life, "SET other @80");
    life_do(life, 0, "RPUSH jobs @150 @160 @170");
    life_do(life, 0, "LMOVE jobs taken LEFT RIGHT");
    life_do(life, 0, "COPY jobs jobs2");
    life_do(life, 0, "RENAME jobs2 jobs3");
    life_do(life, 1, "HSET h f @400");
    life_do(life, 1, "COPY h h2");
    life_flush(life);
    life_kill(life);
    begin(life);
    life_do(life, 0, "LMOVE jobs taken LEFT LEFT");
    life_do(life, 0, "COPY h2 h4");
    life_flush(life);
}

// The same when the old place was in the page cache only: nothing may lead there.
static void references_that_only_the_cache_has(struct life *life) {
    begin(life);
    flushed(life, "SET other @80");
    life_do(life, 0, "RPUSH jobs @150 @160 @170");
    life_do(life, 0, "LMOVE jobs taken LEFT RIGHT");
    life_do(life, 1, "COPY jobs jobs2");
    if (life_is_up(life)) life->disk.lost_syncs = 1;
    life_flush(life);
    life_kill(life);
    begin(life);
    life_cut(life, LIFE_CUT_OLD, 0);
    begin(life);
    life_do(life, 0, "LRANGE taken 0 -1");
    life_do(life, 1, "LRANGE jobs2 0 -1");
    flushed(life, "LMOVE jobs taken LEFT LEFT");
}

static void pops_and_removals(struct life *life) {
    begin(life);
    life_do(life, 0, "RPUSH jobs a b c a @100 b");
    life_flush(life);
    flushed(life, "LPOP jobs");
    flushed(life, "LREM jobs 1 a");
    life_do(life, 0, "LMOVE jobs taken LEFT RIGHT");
    life_flush_begin(life);
    life_do(life, 1, "LREM taken 0 b");
    life_flush_run(life);
    life_flush(life);
    flushed(life, "RPOP jobs 2");
    life_seal(life);
}

static void expiry(struct life *life) {
    begin(life);
    life_do(life, 0, "SET soon @100 PX 50");
    life_do(life, 1, "RPUSH jobs @30");
    life_do(life, 1, "PEXPIRE jobs 5000");
    life_flush(life);
    life_pass(life, 100);
    life_flush(life);
    life_do(life, 0, "SET soon @30 PX 10");
    life_flush(life);
    life_kill(life);
    begin(life);
    life_pass(life, 6000);
    life_do(life, 0, "GET soon");
    life_do(life, 1, "RPUSH jobs @40");
    life_do(life, 1, "PERSIST jobs");
    life_flush(life);
}

static void databases(struct life *life) {
    begin(life);
    life_do(life, 0, "SET k @100");
    life_do(life, 0, "RPUSH jobs @20");
    life_do(life, 1, "SELECT 3");
    life_do(life, 1, "SET k @200");
    life_flush(life);
    flushed(life, "SWAPDB 0 3");
    life_do(life, 1, "FLUSHDB");
    life_flush(life);
    life_do(life, 1, "SET again @70");
    life_do(life, 0, "MOVE k 5");
    life_flush(life);
    flushed(life, "FLUSHALL");
    flushed(life, "SET k 1");
}

static void strings_and_hashes(struct life *life) {
    begin(life);
    life_do(life, 0, "SET s @60");
    life_do(life, 0, "APPEND s @30");
    life_do(life, 0, "SETRANGE s 100 @10");
    life_flush(life);
    life_do(life, 0, "APPEND s @400");
    life_do(life, 1, "INCRBY n 41");
    life_flush(life);
    life_do(life, 1, "HSET h a @10 b @100 c @300");
    life_do(life, 1, "HDEL h b");
    life_do(life, 0, "HINCRBY h n 7");
    life_flush(life);
    life_do(life, 0, "LINSERT none BEFORE a b");
    life_do(life, 0, "RPUSH l a c");
    life_do(life, 0, "LINSERT l BEFORE c @80");
    life_do(life, 0, "LSET l 0 @90");
    life_do(life, 0, "LTRIM l 0 1");
    life_flush(life);
}

// Room for four files. Growth is refused in the end, removals go on, out of the reserve.
static void full_disk(struct life *life) {
    life->disk.capacity_bytes = 4 * DISK_FILE_BYTES + 4 * KIB;
    life->reserve_bytes = 16 * KIB;
    life->may_refuse = true;
    begin(life);
    for (int i = 0; i < 7; i++)
        flushed(life, "RPUSH jobs @20000");
    for (int i = 0; i < 7; i++)
        flushed(life, "RPUSH jobs @2000");
    for (int i = 0; i < 3; i++)
        flushed(life, "RPUSH jobs @20");
    life->may_refuse = false;
    life_do(life, 0, "LPOP jobs");
    life_do(life, 1, "LPOP jobs");
    life_flush(life);
    flushed(life, "LREM jobs 1 nothing");
    flushed(life, "RPOP jobs");
    flushed(life, "DEL jobs");
    life_kill(life);
    begin(life);
    life->may_refuse = true;
    flushed(life, "LPOP jobs");
    life_kill(life);
    // A start after a crash takes a segment; somebody makes room for the next.
    life->disk.capacity_bytes = UINT64_MAX;
    begin(life);
    flushed(life, "RPUSH jobs @30000");
    flushed(life, "LPOP jobs");
    life_cut(life, LIFE_CUT_OLD, 0);
    begin(life);
    flushed(life, "LPOP jobs");
}

// A command of many keys asks for more room than the push that wakes it.
static void waiter_stalled(struct life *life) {
    life->disk.capacity_bytes = 2 * DISK_FILE_BYTES + 4 * KIB;
    life->may_refuse = true;
    begin(life);
    char line[512] = "BLPOP jobs";
    for (size_t len = strlen(line); len < 11 + 58 * 4; len += 4)
        strncat(line, " k:1", sizeof line - len - 1);
    strncat(line, " 0", sizeof line - strlen(line) - 1);
    life_do(life, 1, line);
    flushed(life, "SET filler @51000");
    flushed(life, "RPUSH jobs @20");
    life->disk.capacity_bytes = UINT64_MAX;
    life_pass(life, 5000);
    life_make_slots(life);
    life_pass(life, 1000);
    life_flush(life);
    life_expect_served(life);
}

// Refused for want of space; then somebody makes some, and the same server goes on.
static void space_is_made(struct life *life) {
    life->disk.capacity_bytes = 3 * DISK_FILE_BYTES + 4 * KIB;
    life->reserve_bytes = 16 * KIB;
    life->may_refuse = true;
    begin(life);
    for (int i = 0; i < 6; i++)
        flushed(life, "RPUSH jobs @20000");
    life->disk.capacity_bytes = UINT64_MAX;
    life_pass(life, 5000);
    life_make_slots(life);
    life->may_refuse = false;
    for (int i = 0; i < 4; i++)
        flushed(life, "RPUSH jobs @30000"); // needs slots, and waits for them
    flushed(life, "LPOP jobs");
}

// ---- checkpoints

// Two segments full, of which little is left.
static void fill_segments(struct life *life) {
    flushed(life, "RPUSH old @90 @20");
    flushed(life, "SET s @70");
    flushed(life, "APPEND s @40");
    flushed(life, "SET filler @50000");
    flushed(life, "XADD x * f @80");
    flushed(life, "SET filler @50000");
    flushed(life, "SET filler @300");
    life_make_slots(life);
}

static void fold(struct life *life) {
    begin(life);
    fill_segments(life);
    life_fold(life, false);
    flushed(life, "RPUSH old @100");
    flushed(life, "LMOVE old new LEFT RIGHT");
    fill_segments(life);
    life_fold(life, false);
    flushed(life, "LPOP new");
}

// What a checkpoint has given back is written on, and again.
static void fold_slots_again(struct life *life) {
    begin(life);
    for (int i = 0; i < 3; i++) {
        fill_segments(life);
        life_fold(life, false);
    }
    life_stop(life);
    begin(life);
    flushed(life, "LPOP old 2");
    fill_segments(life);
    life_fold(life, false);
    flushed(life, "LRANGE old 0 -1");
}

static void fold_meanwhile(struct life *life) {
    begin(life);
    fill_segments(life);
    for (int i = 0; i < 12; i++) {
        life_fold_step(life, false);
        life_do(life, 0, "RPUSH old @120");
        if (i % 3 == 0) life_flush_begin(life);
        life_fold_step(life, false);
        life_do(life, 1, "LPOP old");
        life_flush_run(life);
        life_flush(life);
    }
    life_fold(life, false);
    fill_segments(life);
    life_fold(life, false);
}

static void fold_killed(struct life *life) {
    begin(life);
    fill_segments(life);
    life_fold(life, false);
    fill_segments(life);
    for (int steps = 4; steps < 9; steps++) {
        for (int i = 0; i < steps; i++)
            life_fold_step(life, false);
        life_kill(life);
        begin(life);
        flushed(life, "RPUSH old @90");
    }
}

// The page cache shows a checkpoint that the disk does not have; a start finds it, and what only
// the one before needs is given back and written over.
static void fold_in_the_cache(struct life *life) {
    begin(life);
    fill_segments(life);
    life_fold(life, false);
    flushed(life, "LPOP old");
    fill_segments(life);
    for (int i = 0; i < 7; i++)
        life_fold_step(life, false);
    life->disk.lost_syncs = 2;
    life_fold(life, true);
    life->disk.lost_syncs = 0;
    life_kill(life);
    begin(life);
    fill_segments(life);
}

static void fold_failed_write(struct life *life) {
    begin(life);
    fill_segments(life);
    life_fold(life, false);
    fill_segments(life);
    life->disk.failed_writes = 1;
    life_fold(life, true);
    life->disk.failed_writes = 0;
    flushed(life, "RPUSH old @90");
    life->disk.failed_syncs = 1;
    life_fold(life, true);
    life->disk.failed_syncs = 0;
    life_fold(life, false);
    flushed(life, "LPOP old");
}

static void fold_groups(struct life *life) {
    begin(life);
    flushed(life, "XADD x 1-1 f @80");
    flushed(life, "XADD x 2-1 f @200");
    flushed(life, "XGROUP CREATE x g 0");
    flushed(life, "XREADGROUP GROUP g c COUNT 2 STREAMS x >");
    flushed(life, "XACK x g 1-1");
    flushed(life, "HSET h a @90 b @10");
    life_do(life, 1, "SELECT 3");
    life_do(life, 1, "SET k @90");
    life_flush(life);
    flushed(life, "SWAPDB 0 3");
    flushed(life, "PEXPIRE k 100000");
    fill_segments(life);
    life_fold(life, false);
    flushed(life, "SWAPDB 0 3");
    flushed(life, "XDEL x 2-1");
    flushed(life, "HDEL h a");
    fill_segments(life);
    life_fold(life, false);
}

// A frame is open where the last whole segment ends.
static void fold_open_frame(struct life *life) {
    begin(life);
    fill_segments(life);
    life_do(life, 1, "RPUSH more @18000 @18000 @18000 @18000 @18000 @18000 @18000");
    for (int i = 0; i < 2; i++) {
        life_flush_begin(life);
        life_flush_run(life);
    }
    life_fold(life, false);
    life_flush(life);
    life_fold(life, false);
    flushed(life, "LPOP more");
}

const struct scenario scenarios[] = {
    {"one-push", "one push into an empty store, from the first call on", one_push},
    {"group", "several frames in one batch", group_in_one_batch},
    {"pipelined", "one batch is flushed while the next fills", batch_while_another_fills},
    {"big-batch", "batches of many sectors", big_batch},
    {"frame-over-batches", "frames that run over batches and segments", frame_over_batches},
    {"frame-over-segments", "a frame that begins at the end of a segment", frame_over_two_segments},
    {"replies", "a reply waits behind a large one that leaves", replies_behind_replies},
    {"segment-begun", "a segment's header goes out with its first batch", segment_begun},
    {"seal", "the last batch is proven by a seal", seal},
    {"seal-then-more", "batches behind seals", seal_then_more},
    {"seal-full-segment", "a seal in the last block of a segment", seal_in_a_full_segment},
    {"slots-meanwhile", "slots are made between a write and its sync", slots_while_flushing},
    {"slot-name-in-cache", "the same slot is all that the next recovery has",
     slot_name_only_in_the_cache},
    {"slot-in-cache", "a slot that was not synced when its maker was killed",
     slot_only_in_the_cache},
    {"clean-restart", "stops that leave a sealed log", clean_restart},
    {"unproven", "the last batch is written again by recovery, then written on",
     unproven_batch_written_again},
    {"torn-written-on", "a torn tail is cut off, then written on", torn_tail_written_on},
    {"two-crashes", "crashes in a row with transactions between", two_crashes_in_a_row},
    {"torn-again", "torn three times in a row", torn_then_torn_again},
    {"failed-sync", "a sync fails, the pages are called clean", failed_sync},
    {"failed-sync-segment", "the same with the first batch of a segment", failed_sync_of_a_segment},
    {"failed-sync-seal", "the same with a seal", failed_sync_of_a_seal},
    {"failed-write", "a write fails half done", failed_write},
    {"failed-sync-written-on", "a sync fails; is anything acknowledged behind it?",
     failed_sync_written_on},
    {"killed-started", "bits flip in what a start has shown", killed_and_started},
    {"references-cached", "payloads in a batch that only the page cache has",
     references_that_only_the_cache_has},
    {"references", "payloads in earlier segments are moved and copied", references},
    {"references-moved", "payloads in the batch that recovery moves", references_in_the_last_batch},
    {"streams", "entries are added, trimmed, deleted, copied", streams},
    {"consumer-groups", "entries are delivered, claimed, given back, acknowledged",
     consumer_groups},
    {"removals", "what was popped and removed stays away", pops_and_removals},
    {"expiry", "keys expire, by time and by access", expiry},
    {"databases", "SWAPDB, FLUSHDB, MOVE, FLUSHALL", databases},
    {"strings-hashes", "edits of strings, hashes and lists", strings_and_hashes},
    {"fold", "checkpoints, and references into the segments before them", fold},
    {"fold-slots-again", "slots that a checkpoint has given back are written on", fold_slots_again},
    {"fold-meanwhile", "transactions and flushes between the steps of a fold", fold_meanwhile},
    {"fold-killed", "the process is killed in the middle of folds", fold_killed},
    {"fold-in-cache", "a checkpoint that only the page cache has", fold_in_the_cache},
    {"fold-failed", "writes and syncs of a fold fail", fold_failed_write},
    {"fold-groups", "checkpoints of streams, groups, swapped databases", fold_groups},
    {"fold-open-frame", "a frame is open at the end of what a fold covers", fold_open_frame},
    {"recycled", "segments take the slots of those that a checkpoint covers", scenario_recycled},
    {"recycled-kept", "one old job stays while all around it comes round", scenario_recycled_kept},
    {"recycled-killed", "kills, cuts and stops while slots come round", scenario_recycled_killed},
    {"recycled-seal", "a segment is begun twice in a slot with a former life",
     scenario_recycled_seal},
    {"emptied", "segments that the checkpoint refers to come round, being empty", scenario_emptied},
    {"emptied-killed", "kills, cuts and starts while such segments come round",
     scenario_emptied_killed},
    {"cleaned", "old values are moved, and their segments come round", scenario_cleaned},
    {"cleaned-killed", "kills and cuts among values that were moved", scenario_cleaned_killed},
    {"cleaned-meanwhile", "cleaning between the steps of folds", scenario_cleaned_meanwhile},
    {"full-disk", "no room but the reserve", full_disk},
    {"waiter-stalled", "a waiter finds no room in the log, then there is some", waiter_stalled},
    {"space-made", "a full disk gets room again", space_is_made},
};

size_t scenario_count(void) {
    return sizeof scenarios / sizeof scenarios[0];
}

void scenario_go_on(struct life *life) {
    begin(life);
    flushed(life, "RPUSH matrix @30");
    life_do(life, 1, "RPUSH matrix @900");
    life_do(life, 0, "LMOVE matrix matrix2 RIGHT LEFT");
    life_flush(life);
    life_fold(life, false);
    life_seal(life);
    flushed(life, "LPOP matrix2");
    life_kill(life);
    life_note(life);
}
