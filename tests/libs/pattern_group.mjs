// The workers of a consumer group over any client that has the calls of `ops` below. README.md tells the pattern.
// Entries come as {id, element, isNew}.
import { setTimeout as sleep } from "node:timers/promises";

import { hang, nowNs, pushAll, untilAnswered } from "./worker.mjs";

const STREAM = "jobs";
const GROUP = "workers";
const WORK_MS = 3;
const BATCH = 5;
const BLOCK_MS = 200;

async function createGroup(ops) {
  await untilAnswered(ops, async () => {
    try {
      await ops.createGroup(STREAM, GROUP);
    } catch (error) {
      if (!String(error.message).startsWith("BUSYGROUP ")) throw error;
    }
  });
}

export async function produce(ops, journal, options) {
  await createGroup(ops);
  await pushAll(ops, (element) => ops.xadd(STREAM, element), journal, options.jobs);
}

export async function work(ops, journal, options) {
  await createGroup(ops);
  const read = { stream: STREAM, group: GROUP, consumer: options.name, count: BATCH, blockMs: BLOCK_MS };
  if (options.recovery === "claim") read.claimMs = options.visibilityMs;
  for (let taken = 0; ; ) {
    const askedNs = nowNs();
    const entries = await untilAnswered(ops, () => ops.xreadgroup(read));
    for (const entry of entries) journal.note(entry.isNew ? "new" : "claimed", entry.element, askedNs);
    taken += entries.length;
    // It stops with all of them pending.
    if (entries.length && options.hangAfter && taken >= options.hangAfter) await hang(journal, entries[0].element);
    for (const entry of entries) await finish(ops, journal, options, entry);
  }
}

async function finish(ops, journal, options, entry) {
  await sleep(WORK_MS);
  journal.note("done", entry.element);
  if (options.recovery === "claim") {
    const [deleted] = await untilAnswered(ops, () => ops.xackdel(STREAM, GROUP, entry.id));
    journal.note(deleted === 1 ? "acked" : "gone", entry.element);
    return;
  }
  const acked = await untilAnswered(ops, () => ops.xack(STREAM, GROUP, entry.id));
  journal.note(acked ? "acked" : "gone", entry.element);
  await untilAnswered(ops, () => ops.xdel(STREAM, entry.id));
}

// Does itself what it recovers. Entries whose delivery was never answered come back this way, too.
export async function sweep(ops, journal, options) {
  await createGroup(ops);
  for (let cursor = "0-0"; ; ) {
    const askedNs = nowNs();
    const claimed = await untilAnswered(ops, () =>
      ops.xautoclaim(STREAM, GROUP, options.name, options.visibilityMs, cursor, BATCH),
    );
    for (const entry of claimed.entries) journal.note("claimed", entry.element, askedNs);
    for (const entry of claimed.entries) await finish(ops, journal, options, entry);
    cursor = claimed.cursor;
    if (cursor === "0-0") await sleep(100);
  }
}
