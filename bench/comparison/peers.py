"""Starting, asking and ending the servers that are compared.

Every server gets a fresh directory and a port of loopback that was free; it is ended by its own
process handle and its directory is deleted, so a round leaves nothing behind.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 60
SLOT_SECONDS = 30  # without one more segment slot, until we give up waiting
SLOT_BYTES = 64 << 20

REDIS_MODES = {
    "always": ["--appendonly", "yes", "--appendfsync", "always"],
    "everysec": ["--appendonly", "yes", "--appendfsync", "everysec"],
    "none": ["--appendonly", "no"],
}
NAMES = [*REDIS_MODES, "ackd"]

# Redis rewrites its log when it is twice as long as after the last time, as it does by default.
REWRITES = {
    mode: ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "64mb"]
    for mode in REDIS_MODES
}


class PeerError(Exception):
    """A server cannot be started or does not answer; the text says what to do."""


class Programs:
    """Where the binaries are."""

    def __init__(self, redis, ackd, slowsync):
        self.redis, self.ackd, self.slowsync = redis, ackd, slowsync


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    """One server of the comparison: `with Peer(...) as peer:` starts it and cleans up after it.

    `slots` 0: none are made before. `options`: arguments for the server, behind ours.
    """

    def __init__(self, name, programs, base_dir, slots=2, delay_us=0, options=()):
        self.name, self.programs, self.base_dir = name, programs, base_dir
        self.slots, self.delay_us, self.options = slots, delay_us, options
        self.process = self.directory = self.log = None
        self.port = 0
        self.start_seconds = START_SECONDS  # the longest a start may take

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix=f"ackd-bench-{self.name}-", dir=self.base_dir)
        try:
            if self.name == "ackd" and self.slots > 0:
                self._prepare_slots()
            self._start(self._arguments(), self.delay_us)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()  # what it holds is deleted in a moment anyway
            self.process.wait()
            self.process = None
        if self.log is not None:
            self.log.close()
            self.log = None
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def data(self):
        """The server's data directory."""
        return os.path.join(self.directory, "data")

    @property
    def unix_path(self):
        return os.path.join(self.directory, "socket")

    def info(self, section):
        """The fields of one section of INFO."""
        text = self._ask(f"INFO {section}").decode()
        pairs = (line.split(":", 1) for line in text.split("\r\n") if ":" in line)
        return dict(pairs)

    def used_memory(self):
        return int(self.info("memory")["used_memory"])

    def resident_memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise PeerError(f"{self.name}: /proc does not tell its memory")

    def stop(self, is_killed=False):
        """Ends the process, politely or not; `start_again` starts one on the same data."""
        if is_killed:
            self.process.kill()
            self.process.wait()
        else:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(timeout=START_SECONDS) != 0:
                raise PeerError(f"{self.name} did not stop cleanly:\n{self._last_words()}")
        self.process = None

    def start_again(self):
        self._start(self._arguments(), self.delay_us)

    def ask(self, line):
        """The answer to an inline command: what stands behind its type."""
        return self._ask(line)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- life

    def _arguments(self, slots_ahead=None):
        self.port = free_port()
        os.makedirs(self.data, exist_ok=True)
        shared = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.data]
        shared += ["--unixsocket", self.unix_path]
        if self.name == "ackd":
            ahead = [] if slots_ahead is None else ["--log-segment-slots", str(slots_ahead)]
            return [self.programs.ackd, *shared, *ahead, *self.options]
        # No snapshots and no rewrite of the file: neither belongs to the work that is measured.
        return [
            *[self.programs.redis, *shared, "--save", "", "--auto-aof-rewrite-percentage", "0"],
            *REDIS_MODES[self.name],
            *self.options,
        ]

    def _start(self, arguments, delay_us):
        environment = dict(os.environ)
        if delay_us > 0:
            environment["LD_PRELOAD"] = self.programs.slowsync
            environment["SLOWSYNC_US"] = str(delay_us)
        if self.log is None:
            self.log = open(os.path.join(self.directory, "output"), "wb")
        self.process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_ready()

    def _wait_until_ready(self):
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise PeerError(f"{self.name} ended at its start:\n{self._last_words()}")
            try:
                if self._ask("DBSIZE").isdigit():  # an error while it loads its data
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise PeerError(f"{self.name} did not answer DBSIZE within {self.start_seconds} s")

    def _prepare_slots(self):
        """Makes the segment slots the row will fill, and starts anew with the usual number ahead.

        Left as it is, the first process would replace each slot that it fills, and the cost of
        making slots, which recycling saves in steady state, would be measured after all.
        """
        self._start(self._arguments(self.slots), 0)
        have, deadline = -1, time.monotonic() + SLOT_SECONDS
        while have < self.slots:
            if time.monotonic() > deadline:
                raise PeerError(f"ackd made {have} of {self.slots} segment slots and no more")
            now = self._slots_ready()
            if now > have:
                have, deadline = now, time.monotonic() + SLOT_SECONDS
            time.sleep(0.05)
        self.stop()

    def _slots_ready(self):
        ready = 0
        with os.scandir(self.data) as entries:
            for entry in entries:
                # Fully written, not only reserved: a slot counts when its blocks are there.
                if entry.name.startswith("seg-") and entry.stat().st_blocks * 512 >= SLOT_BYTES:
                    ready += 1
        return ready

    def _last_words(self):
        with open(os.path.join(self.directory, "output"), "rb") as output:
            return output.read()[-2000:].decode(errors="replace")

    def _ask(self, line):
        """Sends an inline command; returns the status or the bulk string that is the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as sock:
            sock.sendall(line.encode() + b"\r\n")
            with sock.makefile("rb") as answer:
                head = answer.readline().rstrip(b"\r\n")
                if head.startswith(b"$"):
                    return answer.read(int(head[1:]))
                return head[1:]
