// What every Node worker has: its journal, patience with a server that is away, and the command line.
// worker_ioredis.mjs and worker_node_redis.mjs bring the client as `ops`. README.md tells the patterns,
// trial.py what goes into the journal LOG.
//
//     node worker_X.mjs [--resp=2] PATTERN ROLE PORT LOG --name=NAME [--jobs=N] [--hang-after=N]
//                       [--visibility-ms=N] [--recovery=autoclaim|claim]
import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import * as group from "./pattern_group.mjs";
import * as list from "./pattern_list.mjs";

const RETRY_MS = 50;

export const nowNs = () => process.hrtime.bigint();

// What this process knows to be true, one line each, written before it goes on.
class Journal {
  constructor(path) {
    this.file = openSync(path, "a");
  }

  note(event, element, whenNs = nowNs()) {
    writeSync(this.file, `${whenNs} ${event} ${element}\n`);
  }
}

// No answer, or the answer of a server that is still starting.
function isToBeRetried(ops, error) {
  return ops.isLost(error) || String(error.message).startsWith("LOADING ");
}

// Tries again until the server answers. Only for what may be done twice. Any other error that the
// server answers is a failure of the test and ends the process.
export async function untilAnswered(ops, action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isToBeRetried(ops, error)) throw error;
      await sleep(RETRY_MS);
    }
  }
}

// Pushes every job until a push of it is answered.
export async function pushAll(ops, push, journal, jobs) {
  for (let number = 0; number < jobs; number++) {
    for (let attempt = 1; ; attempt++) {
      // A push without an answer may have happened. Each attempt is an element of its own, so that
      // one that comes twice is never taken for one that came back.
      const element = `job-${number}#${attempt}`;
      try {
        await push(element);
        journal.note("pushed", element);
        break;
      } catch (error) {
        if (!isToBeRetried(ops, error)) throw error;
        await sleep(RETRY_MS);
      }
    }
  }
}

export async function hang(journal, element) {
  journal.note("hanging", element);
  await sleep(3600 * 1000);
}

// Reads the command line, connects through `connect(options)` and plays the role.
export async function main(connect) {
  const words = process.argv.slice(2);
  const [pattern, role, port, log] = words.filter((word) => !word.startsWith("--"));
  const given = Object.fromEntries(
    words.filter((word) => word.startsWith("--")).map((word) => word.slice(2).split("=")),
  );
  const options = {
    port: Number(port),
    resp: Number(given.resp ?? 3),
    name: given.name ?? "worker",
    jobs: Number(given.jobs ?? 1000),
    hangAfter: Number(given["hang-after"] ?? 0),
    visibilityMs: Number(given["visibility-ms"] ?? 1500),
    recovery: given.recovery ?? "autoclaim",
  };
  const ops = await connect(options);
  await { list, group }[pattern][role](ops, new Journal(log), options);
  process.exit(0);
}
