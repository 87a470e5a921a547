// The reliable queue over node-redis 6 (npm package `redis`, RESP3).
import { ErrorReply, createClient } from "redis";

import { main } from "./queue.mjs";

await main(async (port) => {
  const client = createClient({ RESP: 3, socket: { host: "127.0.0.1", port, reconnectStrategy: () => 50 } });
  client.on("error", () => {});
  await client.connect();
  return {
    isLost: (error) => !(error instanceof ErrorReply),
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
  };
});
