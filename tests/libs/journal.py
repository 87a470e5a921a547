"""What every python worker has: its journal, and patience with a server that is away."""

import os
import time

import redis

RETRY_SECONDS = 0.05
LOST = (redis.ConnectionError, redis.TimeoutError)


class Journal:
    """What this process knows to be true, one line each, written before it goes on."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, event, element, when_ns=None):
        when_ns = when_ns or time.monotonic_ns()
        os.write(self.file, b"%d %s %s\n" % (when_ns, event.encode(), element.encode()))


def until_answered(action):
    """Tries again until the server answers. Only for what may be done twice."""
    while True:
        try:
            return action()
        except LOST:
            time.sleep(RETRY_SECONDS)


def push_all(push, journal, jobs):
    """Pushes every job until a push of it is answered."""
    for number in range(jobs):
        attempt = 1
        while True:
            # A push without an answer may have happened. Each attempt is an element of its own, so
            # that one that comes twice is never taken for one that came back.
            element = "job-%d#%d" % (number, attempt)
            try:
                push(element)
                journal.note("pushed", element)
                break
            except LOST:
                attempt += 1
                time.sleep(RETRY_SECONDS)


def hang(journal, element):
    journal.note("hanging", element)
    time.sleep(3600)
