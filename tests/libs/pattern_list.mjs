// The reliable queue of two lists over any client that has the calls of `ops` below. README.md tells the pattern.
import { setTimeout as sleep } from "node:timers/promises";

import { hang, pushAll, untilAnswered } from "./worker.mjs";

const QUEUE = "jobs:queue";
const PROCESSING = "jobs:processing";
const CLAIMS = "jobs:claims";
const WORK_MS = 3;

export async function produce(ops, journal, options) {
  await pushAll(ops, (element) => ops.lpush(QUEUE, element), journal, options.jobs);
}

export async function work(ops, journal, options) {
  for (let taken = 0; ; ) {
    const element = await untilAnswered(ops, () => ops.blmove(QUEUE, PROCESSING, "RIGHT", "LEFT", 5));
    if (element === null) continue;
    taken++;
    journal.note("claimed", element);
    await untilAnswered(ops, () => ops.hset(CLAIMS, element, Date.now()));
    if (taken === options.hangAfter) {
      await hang(journal, element);
    }
    await sleep(WORK_MS);
    journal.note("done", element);
    const removed = await untilAnswered(ops, () => ops.lrem(PROCESSING, 1, element));
    journal.note(removed ? "acked" : "gone", element);
    await untilAnswered(ops, () => ops.hdel(CLAIMS, element));
  }
}

export async function sweep(ops, journal, options) {
  for (;;) {
    await untilAnswered(ops, () => sweepOnce(ops, journal, options.visibilityMs));
    await sleep(100);
  }
}

// Workers push claims on the left, so the oldest claim is always the rightmost element.
async function sweepOnce(ops, journal, visibilityMs) {
  for (;;) {
    const element = await ops.lindex(PROCESSING, -1);
    if (element === null) break;
    const claimedMs = await ops.hget(CLAIMS, element);
    if (claimedMs === null) {
      // Its worker died between BLMOVE and HSET: its time begins now.
      await ops.hsetnx(CLAIMS, element, Date.now());
      break;
    }
    if (Date.now() - Number(claimedMs) < visibilityMs) break;
    const moved = await ops.lmove(PROCESSING, QUEUE, "RIGHT", "RIGHT");
    if (moved !== null) {
      journal.note("returned", moved);
      await ops.hdel(CLAIMS, moved);
    }
  }
  // A worker that died between LREM and HDEL left a claim of nothing.
  for (const [element, claimedMs] of Object.entries(await ops.hgetall(CLAIMS))) {
    const isOld = Date.now() - Number(claimedMs) >= visibilityMs;
    if (isOld && (await ops.lpos(PROCESSING, element)) === null) await ops.hdel(CLAIMS, element);
  }
}
