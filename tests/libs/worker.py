#!/usr/bin/python3
"""The reliable queue over python3-redis: producer, worker and sweeper. README.md tells the pattern.

    worker.py ROLE PORT LOG [--jobs N] [--hang-after N] [--visibility-ms N]
"""

import argparse
import os
import time

import redis

QUEUE, PROCESSING, CLAIMS = "jobs:queue", "jobs:processing", "jobs:claims"
WORK_SECONDS = 0.003
RETRY_SECONDS = 0.05
LOST = (redis.ConnectionError, redis.TimeoutError)


class Journal:
    """What this process knows to be true, one line each, written before it goes on."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, event, element):
        os.write(self.file, b"%d %s %s\n" % (time.monotonic_ns(), event.encode(), element.encode()))


def now_ms():
    return int(time.time() * 1000)


def until_answered(action):
    """Tries again until the server answers. Only for what may be done twice."""
    while True:
        try:
            return action()
        except LOST:
            time.sleep(RETRY_SECONDS)


def produce(client, journal, options):
    for number in range(options.jobs):
        attempt = 1
        while True:
            # A push without an answer may have happened. Each attempt is an element of its own, so
            # that one that comes twice is never taken for one that came back.
            element = "job-%d#%d" % (number, attempt)
            try:
                client.lpush(QUEUE, element)
                journal.note("pushed", element)
                break
            except LOST:
                attempt += 1
                time.sleep(RETRY_SECONDS)


def work(client, journal, options):
    taken = 0
    while True:
        element = until_answered(lambda: client.blmove(QUEUE, PROCESSING, 5, "RIGHT", "LEFT"))
        if element is None:
            continue
        taken += 1
        journal.note("claimed", element)
        until_answered(lambda: client.hset(CLAIMS, element, now_ms()))
        if taken == options.hang_after:
            journal.note("hanging", element)
            time.sleep(3600)
        time.sleep(WORK_SECONDS)
        journal.note("done", element)
        acknowledge(client, journal, element)


def acknowledge(client, journal, element):
    removed = until_answered(lambda: client.lrem(PROCESSING, 1, element))
    journal.note("acked" if removed else "gone", element)
    until_answered(lambda: client.hdel(CLAIMS, element))


def sweep(client, journal, options):
    while True:
        until_answered(lambda: sweep_once(client, journal, options.visibility_ms))
        time.sleep(0.1)


def sweep_once(client, journal, visibility_ms):
    """Workers push claims on the left, so the oldest claim is always the rightmost element."""
    while True:
        element = client.lindex(PROCESSING, -1)
        if element is None:
            break
        claimed_ms = client.hget(CLAIMS, element)
        if claimed_ms is None:
            # Its worker died between BLMOVE and HSET: its time begins now.
            client.hsetnx(CLAIMS, element, now_ms())
            break
        if now_ms() - int(claimed_ms) < visibility_ms:
            break
        moved = client.lmove(PROCESSING, QUEUE, "RIGHT", "RIGHT")
        if moved is not None:
            journal.note("returned", moved)
            client.hdel(CLAIMS, moved)
    # A worker that died between LREM and HDEL left a claim of nothing.
    for element, claimed_ms in client.hgetall(CLAIMS).items():
        if now_ms() - int(claimed_ms) >= visibility_ms and client.lpos(PROCESSING, element) is None:
            client.hdel(CLAIMS, element)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("role", choices=("produce", "work", "sweep"))
    options.add_argument("port", type=int)
    options.add_argument("log")
    options.add_argument("--jobs", type=int, default=1000)
    options.add_argument("--hang-after", type=int, default=0)
    options.add_argument("--visibility-ms", type=int, default=1500)
    options = options.parse_args()
    client = redis.Redis(host="127.0.0.1", port=options.port, decode_responses=True)
    role = {"produce": produce, "work": work, "sweep": sweep}[options.role]
    role(client, Journal(options.log), options)


if __name__ == "__main__":
    main()
