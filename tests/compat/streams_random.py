#!/usr/bin/env python3
"""Random stream commands to ackd and to redis-server 7.0.15: every reply must be the same.

    tests/compat/streams_random.py --seconds 60 --seed 7      # one line at the end: N commands, seeds A..B

A story is some hundred commands on two streams, two groups and three consumers, drawn from its seed; ids are few, so that they are
met again: deleted, trimmed, pending, claimed. After each change the whole of XINFO STREAM FULL is compared too. A story that differs
is shortened to the fewest commands that still differ, and printed.

What is not the same by intent (`differences.md`) is not drawn, or is taken out: fields that are newer than 7.0, the number of nodes of
a radix tree, times to within a few seconds, consumers that read nothing (all are made with their group), and, in stories that delete,
how much a group has read and has still to read. Other stories delete nothing, and compare these numbers.
"""

import argparse
import collections
import os
import random
import sys
import time

from resp import decode, encode_request
from servers import Server
from session import Connection

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STORY_COMMANDS = 150
# So many stories, from that seed on, or for so many seconds, or until `most` of them differ.
Options = collections.namedtuple("Options", "ackd redis seed stories seconds most", defaults=(1, 60, 600, 3))
NEAR_MS = 5000
KEYS, GROUPS, CONSUMERS = ("s", "t"), ("g", "h"), ("a", "b", "c")
# Of XINFO: what 7.0.15 does not have or counts otherwise.
NEWER_FIELDS = {
    "radix-tree-nodes", "idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates",
    "nacked-count", "active-time", "inactive",
}
MAP_STARTS = {"length", "name"}
DELETING = {"xdel", "xtrim", "keys_moved"}


class Near:
    """A time or an age: equal to another that is not far away."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Near) and abs(self.value - other.value) <= NEAR_MS

    def __repr__(self):
        return "~%d" % self.value


def plain(node):
    kind, value = node
    if value is None:
        return None
    if kind == ":":
        return int(value)
    if kind == "%":
        return {"map": [plain(child) for child in value]}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return kind + value.decode("latin-1") if kind == "-" else value.decode("latin-1")


def without_newer(value, counts):
    """XINFO as 7.0.15 would tell it, in either protocol; times are only nearly equal."""
    if isinstance(value, dict):
        return without_newer(value["map"], counts)
    if not isinstance(value, list):
        return value
    if not value or not isinstance(value[0], str) or value[0] not in MAP_STARTS or len(value) % 2:
        return [without_newer(item, counts) for item in value]
    kept = []
    for name, item in zip(value[::2], value[1::2]):
        if name in NEWER_FIELDS or not counts and name in ("entries-read", "lag", "radix-tree-keys"):
            continue
        if name in ("seen-time", "idle"):
            item = Near(item)
        elif name == "pending" and isinstance(item, list):
            item = [[Near(cell) if at == len(row) - 2 else cell for at, cell in enumerate(row)] for row in item]
        kept += [name, without_newer(item, counts)]
    return kept


def normal(args, raw, counts):
    value = plain(decode(raw))
    if args[0] == "XINFO":
        return without_newer(value, counts)
    if args[0] == "XPENDING" and len(args) > 3 and isinstance(value, list):
        return [row[:2] + [Near(row[2])] + row[3:] for row in value]
    return value


class Author:
    """Writes one story, knowing what redis answered to it so far."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.top = {key: (1, 0) for key in KEYS}
        self.added = dict.fromkeys(KEYS, 0)
        self.deletes = seed % 4 < 2
        self.prefill = 120 if self.chance(10) else 0
        self.was_filled = self.prefill > 0
        self.weights = [self.random.random() ** 2 for _ in self.COMMANDS]

    def chance(self, one_of):
        return self.random.randrange(one_of) == 0

    def pick(self, *of):
        return self.random.choice(of)

    def key(self):
        return self.pick("s", "s", "s", "t") if not self.chance(60) else self.pick("nokey", "list")

    def group(self):
        return self.pick("g", "g", "h") if not self.chance(40) else "nogroup"

    def consumer(self):
        return self.pick(*CONSUMERS)

    def some_id(self, key="s"):
        last_ms, last_seq = self.top.get(key, (1, 0))
        kind = self.random.randrange(40)
        if kind == 0:
            return self.pick("0-0", "0", "x", "1-x", "-", "+", "", "18446744073709551615-18446744073709551615", "$", "*", "1-*")
        if kind < 4:
            return "%d" % self.random.randint(0, last_ms + 1)
        if kind < 8:
            return "%d-%d" % (last_ms, last_seq)
        return "%d-%d" % (self.random.randint(max(0, last_ms - 8), last_ms + 1), self.random.randrange(4))

    def ids(self, key, most=5):
        return [self.some_id(key) for _ in range(self.random.randint(1, most))]

    def different_ids(self, key):
        return list(dict.fromkeys(self.ids(key)))

    def new_id(self, key):
        last_ms, last_seq = self.top.get(key, (1, 0))
        kind = self.random.randrange(20)
        if kind == 0:
            text = self.some_id(key)
            return "0-0" if text == "*" else text  # two servers are not asked in the same millisecond
        if kind < 4:
            return "%d-*" % (last_ms + self.random.randrange(2))
        if kind < 10:
            return "%d-%d" % (last_ms, last_seq + 1)
        return "%d-%d" % (last_ms + self.random.randint(1, 2), self.random.randrange(3))

    def count(self, one_of=2):
        return ["COUNT", str(self.pick(0, 1, 2, 3, 5, 10, -1))] if self.chance(one_of) else []

    def trimming(self, key):
        words = []
        if self.chance(3):
            words = ["MINID"] + ([] if self.chance(2) else ["="]) + [self.some_id(key)]
        else:
            words = ["MAXLEN"] + self.pick([], ["="], ["~"]) + [str(self.pick(0, 1, 3, 5, 8, 12, 20, 100))]
        if self.chance(12) or "~" in words and self.chance(3):
            words += ["LIMIT", str(self.pick(0, 1, 100, 200, -1))]
        return words

    def bound(self, key):
        return self.pick("-", "+", self.some_id(key), self.some_id(key), "(" + self.some_id(key))

    # ---- commands

    def xadd(self):
        key = self.key()
        words = ["NOMKSTREAM"] if self.chance(8) else []
        words += self.trimming(key) if self.deletes and self.chance(6) else []
        fields = ["f", "v%d" % self.random.randrange(9)] * self.random.randint(1, 2)
        return ["XADD", key, *words, self.new_id(key), *fields]

    def xdel(self):
        key = self.key()
        return ["XDEL", key, *self.ids(key)]

    def xtrim(self):
        key = self.key()
        return ["XTRIM", key, *self.trimming(key)]

    def xrange(self):
        key = self.key()
        return [self.pick("XRANGE", "XREVRANGE"), key, self.bound(key), self.bound(key), *self.count()]

    def xlen(self):
        return ["XLEN", self.key()]

    def xread(self):
        keys = list(KEYS[: self.random.randint(1, 2)])
        ids = [self.some_id(key) for key in keys]
        return ["XREAD", *self.count(), "STREAMS", *keys, *["0" if text == "+" else text for text in ids]]

    def xsetid(self):
        key = self.key()
        words = []
        if self.chance(2):
            more = self.random.randrange(3) if self.deletes else 0  # newer Redis estimates otherwise behind a gap
            words += ["ENTRIESADDED", str(self.added.get(key, 0) + more)]
        if self.deletes and self.chance(3):
            words += ["MAXDELETEDID", self.some_id(key)]
        last_ms, last_seq = self.top.get(key, (1, 0))  # an older id is refused only since 7.2, behind deleted ones
        return ["XSETID", key, "%d-%d" % (last_ms + self.random.randrange(2), last_seq + self.random.randrange(2)), *words]

    def position(self, key):
        """Where a group begins, and what may be said of how much it has read: newer Redis does not believe all."""
        position = self.pick("$", "0", self.some_id(key), self.some_id(key))
        if not self.chance(3):
            return position, []
        most = self.added.get(key, 0)
        truth = {"$": most, "0": 0}.get(position, -1)
        return position, ["ENTRIESREAD", str(self.random.randint(-2, most) if self.deletes else truth)]

    def create(self):
        key = self.key()
        words = ["MKSTREAM"] if self.chance(3) else []
        position, count = self.position(key)
        return ["XGROUP", "CREATE", key, self.group(), position, *words, *count]

    def setid(self):
        key = self.key()
        position, count = self.position(key)
        return ["XGROUP", "SETID", key, self.group(), position, *count]

    def destroy(self):
        return ["XGROUP", "DESTROY", self.key(), self.group()]

    def consumers(self):
        return ["XGROUP", self.pick("CREATECONSUMER", "DELCONSUMER"), self.key(), self.group(), self.consumer()]

    def xreadgroup(self):
        keys = list(KEYS[: 1 if self.random.randrange(4) else 2])
        words = self.count(1) if self.random.randrange(4) else []
        words += ["NOACK"] if self.chance(8) else []
        ids = [">" if self.random.randrange(5) else self.some_id(key).replace("+", ">") for key in keys]
        return ["XREADGROUP", "GROUP", self.group(), self.consumer(), *words, "STREAMS", *keys, *ids]

    def xack(self):
        key = self.key()
        return ["XACK", key, self.group(), *self.ids(key)]

    def min_idle(self):
        return str(self.pick(0, 0, 0, 100000, -5))

    def xclaim(self):
        key = self.key()
        words = []
        if self.chance(3):
            words += ["IDLE", str(self.pick(0, 200000, 10**7, -1))]
        if self.chance(4):
            words += ["TIME", str(self.pick(1, 1000, 10**12, 10**14, -1))]
        if self.chance(4):
            words += ["RETRYCOUNT", str(self.pick(0, 7, 1000, -1))]
        words += ["FORCE"] if self.chance(4) else []
        words += ["JUSTID"] if self.chance(4) else []
        words += ["LASTID", self.some_id(key)] if self.chance(8) else []
        self.random.shuffle(words) if self.chance(40) else None
        return ["XCLAIM", key, self.group(), self.consumer(), self.min_idle(), *self.ids(key), *words]

    def xautoclaim(self):
        key = self.key()
        # Few enough are pending for ten times COUNT to reach all of them: beyond, ackd sees more.
        least = 20 if self.was_filled else 6
        words = ["COUNT", str(self.pick(least, least + 5, 0))] if self.chance(2) else []
        words += ["JUSTID"] if self.chance(3) else []
        return ["XAUTOCLAIM", key, self.group(), self.consumer(), self.pick("0", self.min_idle()),
                self.pick("0", "-", self.some_id(key), "(" + self.some_id(key)), *words]

    def xpending(self):
        key = self.key()
        if self.chance(3):
            return ["XPENDING", key, self.group()]
        idle = ["IDLE", self.pick("0", "100000", "-1")] if self.chance(3) else []
        consumer = [self.consumer()] if self.chance(3) else []
        return ["XPENDING", key, self.group(), *idle, self.bound(key), self.bound(key), str(self.pick(0, 1, 3, 100, -1)), *consumer]

    def xinfo(self):
        key = self.key()
        return self.pick(["XINFO", "STREAM", key], ["XINFO", "GROUPS", key], ["XINFO", "CONSUMERS", key, self.group()],
                         ["XINFO", "STREAM", key, "FULL", *self.count()])

    def keys_moved(self):
        return self.pick(["DEL", "t"], ["COPY", "s", "t", "REPLACE"], ["COPY", "t", "s", "REPLACE"], ["RENAME", "t", "s"], ["DEL", "s"])

    COMMANDS = [
        (xadd, 30), (xdel, 6), (xtrim, 2), (xrange, 4), (xlen, 1), (xread, 3), (xsetid, 2), (create, 6), (setid, 3), (destroy, 1),
        (consumers, 2), (xreadgroup, 20), (xack, 6), (xclaim, 8), (xautoclaim, 5), (xpending, 6), (xinfo, 4), (keys_moved, 1),
    ]

    def next(self):
        if self.prefill > 0:  # more than a node of Redis, for MAXLEN ~
            self.prefill -= 1
            return ["XADD", "s", "1-%d" % (121 - self.prefill), "f", "v"]
        weights = [
            weight * mine * (self.deletes or command.__name__ not in DELETING) for (command, weight), mine in zip(self.COMMANDS, self.weights)
        ]
        return self.random.choices([command for command, _ in self.COMMANDS], weights)[0](self)

    def note(self, args, reply):
        if args[0] == "XADD" and isinstance(reply, str) and not reply.startswith("-"):
            self.note_top(args[1], reply)
        elif args[0] == "XINFO" and isinstance(reply, list) and reply[:1] == ["length"]:
            self.added[args[2]] = reply[reply.index("entries-added") + 1]
            self.note_top(args[2], reply[reply.index("last-generated-id") + 1])
        elif args[0] == "XINFO":
            self.added[args[2]] = 0

    def note_top(self, key, text):
        ms, _, seq = text.partition("-")
        if ms.isdigit() and int(ms) < 10**9:
            self.top[key] = (int(ms), int(seq) if seq.isdigit() else 0)


class Stage:
    """The two servers, and one connection to each."""

    def __init__(self, options):
        self.servers = [Server("ackd", options.ackd).start(), Server("redis", options.redis, is_redis=True).start()]
        self.connections = [Connection(server.port) for server in self.servers]
        self.protocol = 2

    def stop(self):
        for server in self.servers:
            server.stop()

    def begin(self, protocol):
        for connection in self.connections:
            connection.ask("FLUSHALL")
            connection.ask("RPUSH", "list", "x")
        if protocol != self.protocol:
            for connection in self.connections:
                connection.ask("HELLO", str(protocol))
        self.protocol = protocol

    def ask(self, args, counts):
        """Both replies, normalized: ackd's, redis'."""
        request = encode_request([arg.encode() for arg in args])
        for connection in self.connections:
            connection.send(request)
        return [normal(args, connection.read(), counts) for connection in self.connections]


def follow_ups(args):
    """What is asked after a change: everything."""
    if args[0] in ("XRANGE", "XREVRANGE", "XLEN", "XINFO", "XREAD", "XPENDING"):
        return []
    makers = []
    if args[:2] == ["XGROUP", "CREATE"] or args[:2] == ["XGROUP", "DELCONSUMER"]:
        makers = [["XGROUP", "CREATECONSUMER", args[2], args[3], consumer] for consumer in CONSUMERS]
    return makers + [["XINFO", "STREAM", key, "FULL", "COUNT", "0"] for key in KEYS]


def is_impossible(reply, added=None):
    """7.0.15 lets a group have read more than was ever added; newer Redis, and ackd, do not."""
    if not isinstance(reply, list):
        return False
    if "entries-added" in reply:
        added = reply[reply.index("entries-added") + 1]
    for name, value in zip(reply, reply[1:]):
        if name == "lag" and isinstance(value, int) and value < 0:
            return True
        if name == "entries-read" and isinstance(value, int) and added is not None and value > added:
            return True
    return any(is_impossible(item, added) for item in reply)


def first_difference(stage, ask, seed, note=lambda args, reply: None):
    """Plays commands as `ask` gives them; (command, ackd's reply, redis' reply) of the first that differs."""
    stage.begin(2 + seed % 2)
    counts = seed % 4 >= 2
    played = []
    while (args := ask()) is not None:
        played.append(args)
        for question in [args] + follow_ups(args):
            ours, theirs = stage.ask(question, counts)
            if is_impossible(theirs):
                return played, None
            if ours != theirs:
                return played, (question, ours, theirs)
            note(question, theirs)
    return played, None


def replay(stage, story, seed):
    rest = list(story)
    return first_difference(stage, lambda: rest.pop(0) if rest else None, seed)[1]


def shorten(stage, story, seed):
    """Leaves out what is not needed for a difference."""
    size = len(story) // 2
    while size > 0:
        at = 0
        while at < len(story):
            shorter = story[:at] + story[at + size :]
            if replay(stage, shorter, seed):
                story = shorter
            else:
                at += size
        size //= 2
    return story


def tell_story(stage, seed):
    """One story. A text about its difference, or None; and how many commands it had."""
    author = Author(seed)
    left = [STORY_COMMANDS]

    def ask():
        left[0] -= 1
        return author.next() if left[0] >= 0 else None

    played, difference = first_difference(stage, ask, seed, author.note)
    if difference is None:
        return None, len(played)
    story = shorten(stage, played, seed)
    question, ours, theirs = replay(stage, story, seed) or difference
    lines = ["seed %d (RESP%d):" % (seed, 2 + seed % 2)] + ["    " + " ".join(word or '""' for word in args) for args in story]
    lines += ["  " + " ".join(question), "    redis  %r" % (theirs,), "    ackd   %r" % (ours,)]
    return "\n".join(lines), len(played)


def run(options):
    """Tells the stories. Prints what differs; how many did."""
    stage = Stage(options)
    failed = commands = 0
    seed = options.seed
    end = time.monotonic() + options.seconds
    try:
        while seed < options.seed + options.stories and time.monotonic() < end and failed < options.most:
            text, count = tell_story(stage, seed)
            commands += count
            if text:
                failed += 1
                print("FAIL streams_random, " + text, flush=True)
            seed += 1
    finally:
        stage.stop()
    print("streams_random: %d commands, seeds %d..%d, %d stories differ" % (commands, options.seed, seed - 1, failed))
    return failed


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ackd", default=os.path.join(ROOT, "build", "release", "ackd"))
    options.add_argument("--redis", default="redis-server", help="the oracle, 7.0.15")
    options.add_argument("--seed", type=int, default=1, help="of the first story")
    options.add_argument("--stories", type=int, default=10**9)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--most", type=int, default=3, help="stories that may differ before it stops")
    sys.exit(1 if run(options.parse_args()) else 0)


if __name__ == "__main__":
    main()
