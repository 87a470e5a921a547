// Both patterns over node-redis 6 (npm package `redis`), RESP3 or RESP2.
import { ErrorReply, createClient } from "redis";

import { main } from "./worker.mjs";

// With CLAIM an entry has its count of deliveries before this one: 0 is a new entry.
const entryOf = (entry) => ({ id: entry.id, element: entry.message.job, isNew: !entry.deliveriesCounter });

await main(async ({ port, resp }) => {
  const client = createClient({ RESP: resp, socket: { host: "127.0.0.1", port, reconnectStrategy: () => 50 } });
  client.on("error", () => {});
  await client.connect();
  return {
    isLost: (error) => !(error instanceof ErrorReply),
    // The list pattern.
    lpush: (key, value) => client.lPush(key, value),
    blmove: (from, to, whence, where, seconds) => client.blMove(from, to, whence, where, seconds),
    lmove: (from, to, whence, where) => client.lMove(from, to, whence, where),
    lrem: (key, count, value) => client.lRem(key, count, value),
    lindex: (key, index) => client.lIndex(key, index),
    lpos: (key, value) => client.lPos(key, value),
    hset: (key, field, value) => client.hSet(key, field, value),
    hsetnx: (key, field, value) => client.hSetNX(key, field, String(value)),
    hget: (key, field) => client.hGet(key, field).then((value) => value ?? null),
    hdel: (key, field) => client.hDel(key, field),
    hgetall: (key) => client.hGetAll(key),
    // The group pattern.
    createGroup: (stream, group) => client.xGroupCreate(stream, group, "0", { MKSTREAM: true }),
    xadd: (stream, element) => client.xAdd(stream, "*", { job: element }),
    xreadgroup: async ({ stream, group, consumer, count, blockMs, claimMs }) => {
      const options = { COUNT: count, BLOCK: blockMs, CLAIM: claimMs };
      const reply = await client.xReadGroup(group, consumer, [{ key: stream, id: ">" }], options);
      return reply === null ? [] : reply[0].messages.map(entryOf);
    },
    xautoclaim: async (stream, group, consumer, idleMs, start, count) => {
      const reply = await client.xAutoClaim(stream, group, consumer, idleMs, start, { COUNT: count });
      return { cursor: reply.nextId, entries: reply.messages.map(entryOf) };
    },
    xack: (stream, group, id) => client.xAck(stream, group, id),
    xdel: (stream, id) => client.xDel(stream, id),
    xackdel: (stream, group, id) => client.xAckDel(stream, group, [id]),
  };
});
