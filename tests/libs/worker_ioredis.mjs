// Both patterns over ioredis 6 (RESP3).
import { Redis } from "ioredis";

import { main } from "./worker.mjs";

// With CLAIM an entry has its count of deliveries before this one: 0 is a new entry.
const entryOf = ([id, fields, , deliveries]) => ({ id, element: fields[1], isNew: !deliveries });

// RESP3 answers a map of streams, RESP2 an array of pairs: one stream was asked for.
function entriesOf(reply) {
  if (reply === null) return [];
  const entries = Array.isArray(reply) ? reply[0][1] : Object.values(reply)[0];
  return entries.map(entryOf);
}

await main(async ({ port }) => {
  const client = new Redis({
    host: "127.0.0.1",
    port,
    retryStrategy: () => 50,
    // A command that was under way when the connection broke is ours to judge: it fails at once, and
    // is not sent again behind our back, which could make two jobs of one push.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  client.on("error", () => {});
  return {
    isLost: (error) => error.name !== "ReplyError",
    // The list pattern.
    lpush: (key, value) => client.lpush(key, value),
    blmove: (from, to, whence, where, seconds) => client.blmove(from, to, whence, where, seconds),
    lmove: (from, to, whence, where) => client.lmove(from, to, whence, where),
    lrem: (key, count, value) => client.lrem(key, count, value),
    lindex: (key, index) => client.lindex(key, index),
    lpos: (key, value) => client.lpos(key, value),
    hset: (key, field, value) => client.hset(key, field, value),
    hsetnx: (key, field, value) => client.hsetnx(key, field, value),
    hget: (key, field) => client.hget(key, field),
    hdel: (key, field) => client.hdel(key, field),
    hgetall: (key) => client.hgetall(key),
    // The group pattern.
    createGroup: (stream, group) => client.xgroup("CREATE", stream, group, "0", "MKSTREAM"),
    xadd: (stream, element) => client.xadd(stream, "*", "job", element),
    xreadgroup: async ({ stream, group, consumer, count, blockMs, claimMs }) => {
      const claim = claimMs === undefined ? [] : ["CLAIM", claimMs];
      const words = ["GROUP", group, consumer, "COUNT", count, "BLOCK", blockMs, ...claim, "STREAMS", stream, ">"];
      return entriesOf(await client.xreadgroup(...words));
    },
    xautoclaim: async (stream, group, consumer, idleMs, start, count) => {
      const [cursor, entries] = await client.xautoclaim(stream, group, consumer, idleMs, start, "COUNT", count);
      return { cursor, entries: entries.map(entryOf) };
    },
    xack: (stream, group, id) => client.xack(stream, group, id),
    xdel: (stream, id) => client.xdel(stream, id),
    xackdel: (stream, group, id) => client.xackdel(stream, group, "IDS", 1, id),
  };
});
