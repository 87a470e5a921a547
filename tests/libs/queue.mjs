// The reliable queue: producer, worker and sweeper over any client that has the calls of `ops` below.
// README.md tells the pattern. worker_ioredis.mjs and worker_node_redis.mjs bring the client.
//
//     node worker_X.mjs ROLE PORT LOG [--jobs=N] [--hang-after=N] [--visibility-ms=N]
import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const QUEUE = "jobs:queue";
export const PROCESSING = "jobs:processing";
export const CLAIMS = "jobs:claims";
const WORK_MS = 3;
const RETRY_MS = 50;

// What this process knows to be true, one line each, written before it goes on.
class Journal {
  constructor(path) {
    this.file = openSync(path, "a");
  }

  note(event, element) {
    writeSync(this.file, `${process.hrtime.bigint()} ${event} ${element}\n`);
  }
}

// No answer, or the answer of a server that is still starting.
function isToBeRetried(ops, error) {
  return ops.isLost(error) || String(error.message).startsWith("LOADING ");
}

// Tries again until the server answers. Only for what may be done twice. Any other error that the
// server answers is a failure of the test and ends the process.
async function untilAnswered(ops, action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isToBeRetried(ops, error)) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function produce(ops, journal, options) {
  for (let number = 0; number < options.jobs; number++) {
    for (let attempt = 1; ; attempt++) {
      // A push without an answer may have happened. Each attempt is an element of its own, so that
      // one that comes twice is never taken for one that came back.
      const element = `job-${number}#${attempt}`;
      try {
        await ops.lpush(QUEUE, element);
        journal.note("pushed", element);
        break;
      } catch (error) {
        if (!isToBeRetried(ops, error)) throw error;
        await sleep(RETRY_MS);
      }
    }
  }
}

async function work(ops, journal, options) {
  for (let taken = 0; ; ) {
    const element = await untilAnswered(ops, () => ops.blmove(QUEUE, PROCESSING, "RIGHT", "LEFT", 5));
    if (element === null) continue;
    taken++;
    journal.note("claimed", element);
    await untilAnswered(ops, () => ops.hset(CLAIMS, element, Date.now()));
    if (taken === options.hangAfter) {
      journal.note("hanging", element);
      await sleep(3600 * 1000);
    }
    await sleep(WORK_MS);
    journal.note("done", element);
    const removed = await untilAnswered(ops, () => ops.lrem(PROCESSING, 1, element));
    journal.note(removed ? "acked" : "gone", element);
    await untilAnswered(ops, () => ops.hdel(CLAIMS, element));
  }
}

async function sweep(ops, journal, options) {
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

// Reads the command line, connects through `connect(port)` and plays the role.
export async function main(connect) {
  const [role, port, log, ...rest] = process.argv.slice(2);
  const given = Object.fromEntries(rest.map((word) => word.replace(/^--/, "").split("=")));
  const options = {
    jobs: Number(given.jobs ?? 1000),
    hangAfter: Number(given["hang-after"] ?? 0),
    visibilityMs: Number(given["visibility-ms"] ?? 1500),
  };
  const ops = await connect(Number(port));
  await { produce, work, sweep }[role](ops, new Journal(log), options);
  process.exit(0);
}
