"""The workers of a consumer group over python3-redis. README.md tells the pattern."""

import time

import redis

from journal import hang, push_all, until_answered

STREAM, GROUP = "jobs", "workers"
WORK_SECONDS = 0.003
BATCH = 5
BLOCK_MS = 200


def create_group(client):
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def produce(client, journal, options):
    until_answered(lambda: create_group(client))
    push_all(lambda element: client.xadd(STREAM, {"job": element}), journal, options.jobs)


def work(client, journal, options):
    until_answered(lambda: create_group(client))
    taken = 0
    while True:
        asked_ns = time.monotonic_ns()
        entries = until_answered(lambda: read(client, options))
        for event, _, element in entries:
            journal.note(event, element, asked_ns)
        taken += len(entries)
        if entries and options.hang_after and taken >= options.hang_after:
            hang(journal, entries[0][2])  # with all of them pending
        for _, entry_id, element in entries:
            finish(client, journal, options, entry_id, element)


def read(client, options):
    """New entries and, if that is how they are recovered, such as were left pending: (event, id, element) each."""
    if options.recovery == "claim":
        # This redis-py knows no CLAIM, and its parser of XREADGROUP drops the count of deliveries. A name of two
        # words is sent as two, and has no parser.
        reply = client.execute_command("XREADGROUP GROUP", GROUP, options.name, "COUNT", BATCH, "BLOCK", BLOCK_MS,
                                       "CLAIM", options.visibility_ms, "STREAMS", STREAM, ">")
        entries = reply[0][1] if reply else []
        return [("claimed" if deliveries else "new", entry_id, fields[1])
                for entry_id, fields, _idle_ms, deliveries in entries]
    reply = client.xreadgroup(GROUP, options.name, {STREAM: ">"}, count=BATCH, block=BLOCK_MS)
    entries = reply[0][1] if reply else []
    return [("new", entry_id, fields["job"]) for entry_id, fields in entries]


def finish(client, journal, options, entry_id, element):
    time.sleep(WORK_SECONDS)
    journal.note("done", element)
    if options.recovery == "claim":
        deleted = until_answered(lambda: client.execute_command("XACKDEL", STREAM, GROUP, "IDS", 1, entry_id))
        journal.note("acked" if deleted == [1] else "gone", element)
        return
    acked = until_answered(lambda: client.xack(STREAM, GROUP, entry_id))
    journal.note("acked" if acked else "gone", element)
    until_answered(lambda: client.xdel(STREAM, entry_id))


def sweep(client, journal, options):
    """Does itself what it recovers. Entries whose delivery was never answered come back this way, too."""
    until_answered(lambda: create_group(client))
    cursor = "0-0"
    while True:
        asked_ns = time.monotonic_ns()
        reply = until_answered(lambda: client.xautoclaim(
            STREAM, GROUP, options.name, options.visibility_ms, start_id=cursor, count=BATCH))
        cursor, entries = reply[0], reply[1]
        for _, fields in entries:
            journal.note("claimed", fields["job"], asked_ns)
        for entry_id, fields in entries:
            finish(client, journal, options, entry_id, fields["job"])
        if cursor == "0-0":
            time.sleep(0.1)
