"""What compare and space share: where the programs are, room on the disk, running a load."""

import json
import os
import shutil
import subprocess
import sys

from comparison import peers

SPARE_BYTES = 2 << 30
LOAD_SECONDS = 1800  # the longest a single load may take


def refuse(tool, why):
    print(f"{tool}: {why}", file=sys.stderr)
    sys.exit(2)


class LoadError(Exception):
    """bench_load found something wrong."""


class Bench:
    """`arguments` has build, redis, dir, unix and peers; `tool` is the program's name."""

    def __init__(self, tool, arguments):
        self.tool, self.arguments = tool, arguments
        self.programs = self._find_programs()
        self.wrong = []

    def program(self, name):
        """The path of one of our programs."""
        return os.path.join(os.path.abspath(self.arguments.build), name)

    @property
    def load(self):
        return self.program("bench_load")

    def _find_programs(self):
        arguments = self.arguments
        programs = peers.Programs(
            redis=shutil.which(arguments.redis) or arguments.redis,
            ackd=self.program("ackd"),
            slowsync=self.program("libslowsync.so"),
        )
        # space has an idle redis to see what the machine itself does to a client.
        needed = [self.load, programs.slowsync, programs.redis]
        needed += [programs.ackd] if "ackd" in arguments.peers else []
        for program in needed:
            if not os.access(program, os.R_OK):
                refuse(
                    self.tool,
                    f"there is no {program}; build it (cmake --preset release && cmake --build"
                    " --preset release), name its place with --build or --redis, or leave its"
                    " server out with --peers",
                )
        return programs

    def check_room(self, needed):
        free = shutil.disk_usage(self.arguments.dir).free
        if free < needed + SPARE_BYTES:
            refuse(
                self.tool,
                f"{self.arguments.dir} has {free >> 30} GiB free and this needs "
                f"{(needed + SPARE_BYTES) >> 30} GiB; make room or choose another --dir",
            )

    def peer(self, name, disk_bytes, slots, delay_us=0, options=()):
        self.check_room(disk_bytes + (slots * peers.SLOT_BYTES if name == "ackd" else 0))
        # What earlier servers left to be written must not be written at the expense of this one.
        os.sync()
        return peers.Peer(name, self.programs, self.arguments.dir, slots, delay_us, options)

    def load_line(self, peer, arguments):
        """The command line that puts such a load on the server."""
        where = ["--unix", peer.unix_path] if self.arguments.unix else ["--port", str(peer.port)]
        return [self.load, *where, "--label", peer.name, "--json", *arguments]

    def run_load(self, peer, arguments):
        """The load's report."""
        return json.loads(self.run(self.load_line(peer, arguments)))

    def run(self, line):
        """What one of our programs prints."""
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=LOAD_SECONDS, check=False
        )
        if done.returncode != 0:
            raise LoadError(f"{' '.join(line)}: {done.stderr.strip()}")
        return done.stdout

    def note_wrong(self, what, problem):
        self.wrong.append(f"{what}: {problem}")
        print(f"{self.tool}: WRONG: {what}: {problem}", file=sys.stderr)
