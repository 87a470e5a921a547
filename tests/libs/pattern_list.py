"""The reliable queue of two lists over python3-redis. README.md tells the pattern."""

import time

from journal import hang, push_all, until_answered

QUEUE, PROCESSING, CLAIMS = "jobs:queue", "jobs:processing", "jobs:claims"
WORK_SECONDS = 0.003


def now_ms():
    return int(time.time() * 1000)


def produce(client, journal, options):
    push_all(lambda element: client.lpush(QUEUE, element), journal, options.jobs)


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
            hang(journal, element)
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
