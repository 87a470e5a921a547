"""What is looked at beside a load: the disk a server's directory takes, what its processes have
written, how long a client that only sends PING waits."""

import json
import os
import subprocess
import time

from comparison import peers

KIB = 1024
PROBE_RATE = 1000  # PINGs a second
PROBE_WARM_SECONDS = 0.4


def disk_bytes(directory, prefix=""):
    """Allocated bytes of the files whose names begin so, in all folders below."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            if not name.startswith(prefix):
                continue
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass  # a rewrite has just ended
    return total


def forget_pages(directory):
    """Drops the page cache, or, without the right to, that of the directory's files."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as caches:
            caches.write("3")
        return
    except OSError:
        pass
    for folder, _, names in os.walk(directory):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def written_bytes(directory):
    """Bytes that were written to the device below the directory since the machine started.

    By whomever: nothing else may write meanwhile. /proc/PID/io would tell servers apart, but Linux
    6.18 counts direct writes there several times over.
    """
    device = os.stat(directory).st_dev
    path = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat"
    with open(path, encoding="ascii") as fields:
        return int(fields.read().split()[6]) * 512


def peak_memory(peer):
    """The most resident memory since the process began, or since reset_peak."""
    with open(f"/proc/{peer.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIB
    return 0


def reset_peak(peer):
    try:
        with open(f"/proc/{peer.process.pid}/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")
    except OSError:
        pass


class Probe:
    """`with Probe(...) as probe:` sends PINGs beside the block, and as many to an idle server.

    Then `probe.latency` has percentiles in microseconds, and below `idle` those of a redis-server
    of its own that nobody else talks to: what the machine itself did to such a client meanwhile.
    They are processes of their own, so what the load's own thread takes is not in them.
    """

    def __init__(self, bench, peer):
        self.load, self.peer = bench.load, peer
        self.idle = peers.Peer("none", bench.programs, bench.arguments.dir, slots=0)
        self.processes, self.latency = [], None

    def __enter__(self):
        self.idle.__enter__()
        for peer in (self.peer, self.idle):
            self.processes.append(self._ping(peer))
        time.sleep(PROBE_WARM_SECONDS)
        return self

    def _ping(self, peer):
        return subprocess.Popen(
            [
                *[self.load, "--port", str(peer.port), "--workload", "ping", "--json"],
                *["--connections", "1", "--pipeline", "1024", "--rate", str(PROBE_RATE)],
                *["--warmup", str(PROBE_WARM_SECONDS / 2), "--seconds", "86400"],
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    def __exit__(self, kind, *_):
        for process in self.processes:
            process.terminate()  # it reports what it has
        said = [process.communicate()[0] for process in self.processes]
        self.idle.__exit__()
        if kind is None:
            self.latency, idle = (json.loads(each)["latency"]["ping"] for each in said)
            self.latency["idle"] = idle
