"""A store in steady state: as much ends as is added. How much disk it takes beside what is alive,
how much is written for each byte that is added, what clients feel, and what checkpoints and the
cleaner cost."""

import dataclasses
import json
import subprocess
import threading
import time

from comparison import peers
from comparison.bench import LoadError
from occupancy import watch

SHAPE = ("--connections", "50", "--pipeline", "16")
SAMPLE_SECONDS = 0.25
RESERVE_BYTES = 16 << 20  # log-reserve-size
SEGMENTS_BEYOND = 4
MOST_PER_SECOND = 250000  # jobs, a bound for the disk
COSTS_LOADS = ("fifo", "random")


@dataclasses.dataclass(frozen=True)
class Load:
    """A churn of bench_load."""

    title: str
    command: str  # that adds a job
    live_share: float = 1  # of --live
    workload: str = ""  # if it is not named as the load
    size: int = 0  # otherwise --size
    rate: int = 0  # commands a second; otherwise as many as can be


LOADS = {
    "fifo": Load("first in, first out", "lpush", 0.2),
    "random": Load("random deletes (HSET, HDEL)", "hset"),
    "old": Load("one old job in 50,000", "lpush", 0.2),
    "strings": Load("strings written over (SET)", "set"),
    # Where a client sees what checkpoints and the cleaner do, and not how long a full queue is.
    "calm": Load("random deletes, 10 k jobs of 4 KB a second", "hset", 0.05, "random", 4096, 20000),
}


class Sampler(threading.Thread):
    """Looks at the server's disk and counters until it is told to end."""

    def __init__(self, peer, command):
        super().__init__(daemon=True)
        self.peer, self.command = peer, command
        self.samples, self.problem = [], None
        self.is_over = threading.Event()

    def run(self):
        try:
            while not self.is_over.wait(SAMPLE_SECONDS):
                self.samples.append(self._sample())
        except (OSError, ValueError, KeyError) as problem:
            self.problem = problem

    def _sample(self):
        stats = self.peer.info("commandstats").get(f"cmdstat_{self.command}", "calls=0")
        sample = {
            "at": time.monotonic(),
            "disk": watch.disk_bytes(self.peer.data),
            "written": watch.written_bytes(self.peer.data),
            "added": int(stats.split(",")[0].split("=")[1]),
        }
        if self.peer.name == "ackd":
            info = self.peer.info("durability")
            sample["live"] = int(info["log_live_bytes"])
            sample["checkpoints"] = watch.disk_bytes(self.peer.data, "state-")
            sample["relocated"] = int(info["cleaner_relocated_bytes"])
            sample["folds"] = int(info["checkpoint_folds"])
        return sample


def live_jobs(bench, load):
    return max(int(bench.arguments.live * LOADS[load].live_share), 1000)


def size_of(bench, load):
    return LOADS[load].size or bench.arguments.size


def shape_of(load):
    """How the load is put on the server."""
    rate = LOADS[load].rate
    shape = ("--rate", str(rate), "--connections", "50", "--pipeline", "4") if rate else SHAPE
    return ["--workload", f"churn-{LOADS[load].workload or load}", *shape]


def run_watched(bench, peer, load):
    """The load with a sampler and, as soon as it is warm, a PING client beside it."""
    live = live_jobs(bench, load)
    seconds, warm = bench.arguments.seconds, bench.arguments.seconds / 2
    sampler = Sampler(peer, LOADS[load].command)
    line = [*shape_of(load), "--size", str(size_of(bench, load)), "--live", str(live)]
    line += ["--seconds", str(seconds), "--warmup", str(warm), "--keep"]
    sampler.start()
    with subprocess.Popen(
        bench.load_line(peer, line), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            # What is there before is added one way or another; then each addition has its end.
            while process.poll() is None and not _is_churning(sampler, load, live):
                time.sleep(SAMPLE_SECONDS)
            time.sleep(warm)
            with watch.Probe(bench, peer) as probe:
                said, complaint = process.communicate(timeout=10 * seconds + 120)
        finally:
            process.kill()
            sampler.is_over.set()
            sampler.join()
    if process.returncode != 0 or sampler.problem is not None:
        raise LoadError(f"churn-{load}: {complaint.strip()} {sampler.problem or ''}")
    report = json.loads(said)
    # The window ended when the load did, but for its look at what is there at the end.
    return report, sampler.samples, probe.latency


def _is_churning(sampler, load, live):
    # Lists are filled fifty jobs to a command.
    filled = live / 50 if LOADS[load].command == "lpush" else live
    return bool(sampler.samples) and sampler.samples[-1]["added"] > filled * 1.02 + 10


def figures_of(bench, peer, load, samples):
    """Of the samples of the window: those in which the load added jobs, the last `seconds`."""
    busy = [b for a, b in zip(samples, samples[1:]) if b["added"] > a["added"]]
    window = [s for s in busy if s["at"] > busy[-1]["at"] - bench.arguments.seconds * 0.9]
    first, last = window[0], window[-1]
    added_bytes = (last["added"] - first["added"]) * size_of(bench, load)
    figures = {
        "amplification": (last["written"] - first["written"]) / added_bytes,
        "disk": max(s["disk"] for s in window),
    }
    if peer.name != "ackd":
        live = live_jobs(bench, load) * size_of(bench, load)
        figures["times_live"] = figures["disk"] / live
        return figures
    segment = int(peer.info("durability")["log_segment_bytes"])

    # Checkpoints are not segments; the table tells of them on their own.
    def of_bound(sample):
        bound = 2 * sample["live"] + SEGMENTS_BEYOND * segment + RESERVE_BYTES
        return (sample["disk"] - sample["checkpoints"]) / bound

    figures["worst"] = max(window, key=of_bound)
    figures["of_bound"] = of_bound(figures["worst"])
    figures["times_live"] = max(s["disk"] / max(s["live"], 1) for s in window)
    figures["checkpoints"] = max(s["checkpoints"] for s in window)
    figures["relocated"] = (last["relocated"] - first["relocated"]) / added_bytes
    figures["folds"] = last["folds"] - first["folds"]
    return figures


def disk_needed(bench):
    arguments = bench.arguments
    return int(MOST_PER_SECOND * arguments.seconds * 2) * arguments.size // 2


def measure_one(bench, load, name):
    with bench.peer(name, disk_needed(bench), 0, options=peers.REWRITES.get(name, ())) as peer:
        report, samples, latency = run_watched(bench, peer, load)
        figures = figures_of(bench, peer, load, samples)
    figures["per_second"] = report["per_second"]
    figures["ping"] = latency
    return figures


# ---- with and without


def measure_cost(bench, load, is_with):
    """Jobs a second, with checkpoints and the cleaner running or without both.

    Both have the slots for all that is written ready and keep them: only the work itself differs.
    """
    seconds = bench.arguments.seconds / 2
    live, size = live_jobs(bench, load), bench.arguments.size
    slots = int((live + MOST_PER_SECOND * seconds * 0.7) * (size + 160)) // peers.SLOT_BYTES + 4
    options = ["--log-give-back", "no"]
    options += [] if is_with else ["--log-fold", "no", "--log-clean-rate", "0"]
    with bench.peer("ackd", 0, slots, options=options) as peer:
        load_line = [*shape_of(load), "--size", str(size)]
        load_line += ["--live", str(live), "--seconds", str(seconds), "--warmup", "1"]
        report = bench.run_load(peer, load_line)
        info = peer.info("durability")
    return {
        "per_second": report["per_second"],
        "folds": int(info["checkpoint_folds"]),
        "relocated": int(info["cleaner_relocated_bytes"]),
        "slots_made": int(info["log_slots_made"]),
    }
