// The reliable queue over ioredis 6 (RESP3).
import { Redis } from "ioredis";

import { main } from "./queue.mjs";

await main(async (port) => {
  const client = new Redis({
    host: "127.0.0.1",
    port,
    retryStrategy: () => 50,
    // A command that was under way when the connection broke is ours to judge: it fails at once, and
    // is not sent again behind our back, which could make two jobs of one LPUSH.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  client.on("error", () => {});
  return {
    isLost: (error) => error.name !== "ReplyError",
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
  };
});
