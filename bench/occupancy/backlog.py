"""A backlog of many jobs: what it costs to have it, to start with it, and to take it away again."""

import json
import os
import sys
import time

from comparison import peers
from occupancy import watch

RUN = 7  # the number in the jobs, by which the drain knows those of the fill
SHAPE = ("--connections", "50", "--pipeline", "16")
RANGE_JOBS = 1000000
RESTART_SECONDS = 600
IDLE_SECONDS = 3
FOLD_BYTES = 160 << 20  # two segments and more
PATIENCE = ("--patience", "120")
RECORD_BYTES = 64  # a bound for what a job's record has beside its payload, padding included


def jobs_of(bench, name):
    """Redis holds its jobs in memory, so it gets fewer; its figures are for each job."""
    arguments = bench.arguments
    return arguments.jobs if name == "ackd" else min(arguments.jobs, arguments.redis_jobs)


def fill(bench, peer, jobs):
    """Jobs a second: through the server, or (--direct) through the store, before it starts."""
    size = str(bench.arguments.size)
    if bench.arguments.direct and peer.name == "ackd":
        peer.stop()
        line = [bench.program("bench_fill"), "--jobs", str(jobs), "--size", size]
        done = bench.run([*line, "--run", str(RUN), peer.data])
        peer.start_again()
        return jobs / json.loads(done)["fill_seconds"]
    load = ["--workload", "enqueue", *SHAPE, "--size", size, "--count", str(jobs)]
    return bench.run_load(peer, [*load, "--run", str(RUN), "--keep"])["per_second"]


def memory(peer):
    """Bytes: what the server says it uses and what is resident, both without the log's tail."""
    info = peer.info("memory")
    tail = int(info.get("mem_not_counted_for_evict", 0)) if peer.name == "ackd" else 0
    return {
        "used": int(info["used_memory"]) - tail,
        "resident": peer.resident_memory() - tail,
        "tail": tail,
    }


def settle(peer):
    """Waits until what the fill has set going is over: folds, rewrites."""
    while peer.info("persistence")["aof_rewrite_in_progress"] != "0":
        time.sleep(0.1)
    while peer.name == "ackd" and peer.info("durability")["checkpoint_in_progress"] != "0":
        time.sleep(0.1)


def rewrite(bench, peer):
    """A checkpoint, or a rewrite of redis' log, with a PING client beside it.

    ackd folds what was sealed since the last time, so there is something, in a list of its own.
    """
    if peer.name == "ackd":
        peer.ask("CONFIG SET log-fold no")
        count = str(FOLD_BYTES // bench.arguments.size)
        more = ["--workload", "enqueue", *SHAPE, "--size", str(bench.arguments.size)]
        bench.run_load(peer, [*more, "--count", count, "--prefix", "more:", "--keep"])
        time.sleep(1)
    watch.reset_peak(peer)
    before = peer.resident_memory()
    with watch.Probe(bench, peer) as probe:
        begin = time.monotonic()
        peer.ask("BGREWRITEAOF")
        while peer.info("persistence")["aof_rewrite_in_progress"] != "0":
            time.sleep(0.05)
        seconds = time.monotonic() - begin
        time.sleep(max(0.0, 1.0 - seconds))
    if peer.name == "ackd":
        peer.ask("CONFIG SET log-fold yes")
    return {
        "seconds": seconds,
        "ping": probe.latency,
        "memory_grew": watch.peak_memory(peer) - before,
    }


def lrange(bench, peer, jobs):
    count = min(RANGE_JOBS, jobs)
    load = ["--workload", "range", *PATIENCE, "--size", str(bench.arguments.size)]
    watch.forget_pages(peer.data)
    watch.reset_peak(peer)
    before = peer.resident_memory()
    with watch.Probe(bench, peer) as probe:
        line = [*load, "--connections", "1", "--list", str(count), "--count", "1"]
        report = bench.run_load(peer, [*line, "--run", str(RUN)])
    return {
        "seconds": report["latency"]["lrange"]["max_us"] / 1e6,
        "jobs": count,
        "ping": probe.latency,
        "memory_grew": watch.peak_memory(peer) - before,
    }


def restart(peer, is_killed=False):
    """Seconds from the start of the process to the first answer that needs the data, cold."""
    peer.stop(is_killed)
    watch.forget_pages(peer.data)
    begin = time.monotonic()
    peer.start_again()
    return time.monotonic() - begin


def replay_and_fold(bench, peer):
    """Without any checkpoint: how long the whole log takes to be replayed, and to be folded."""
    peer.stop()
    for name in ("state-A", "state-B"):
        path = os.path.join(peer.data, name)
        if os.path.exists(path):
            os.remove(path)
    watch.forget_pages(peer.data)
    done = json.loads(bench.run([bench.program("bench_fill"), "--fold", peer.data]))
    peer.start_again()
    return done


def drain(bench, peer, jobs):
    count = min(jobs, bench.arguments.drain or jobs)
    load = ["--workload", "drain", *PATIENCE, *SHAPE, "--size", str(bench.arguments.size)]
    watch.forget_pages(peer.data)
    return bench.run_load(peer, [*load, "--count", str(count), "--run", str(RUN)])


def measure_one(bench, name):
    jobs = jobs_of(bench, name)
    disk = jobs * (bench.arguments.size + RECORD_BYTES) * (1 if name == "ackd" else 2)
    figures = {"jobs": jobs, "payload_bytes": jobs * bench.arguments.size}

    def note(what, figure):
        figures[what] = figure
        print(f"    {what}: {json.dumps(figure)}", file=sys.stderr)  # a long scenario may be cut off

    with bench.peer(name, disk, 0, options=peers.REWRITES.get(name, ())) as peer:
        peer.start_seconds = RESTART_SECONDS
        empty = memory(peer)
        note("fill", fill(bench, peer, jobs))
        time.sleep(1)  # clients' buffers are given back
        full = memory(peer)
        note("memory", full)
        note("memory_each", {k: (full[k] - empty[k]) / jobs for k in ("used", "resident")})
        settle(peer)
        with watch.Probe(bench, peer) as probe:
            time.sleep(IDLE_SECONDS)
        note("idle_ping", probe.latency)
        note("rewrite", rewrite(bench, peer))
        note("disk", watch.disk_bytes(peer.data))
        note("lrange", lrange(bench, peer, jobs))
        note("restart", restart(peer))
        note("restart_killed", restart(peer, is_killed=True))
        note("memory_restarted", memory(peer))
        if name == "ackd":
            note("from_nothing", replay_and_fold(bench, peer))
        note("drain", drain(bench, peer, jobs))
    return figures
