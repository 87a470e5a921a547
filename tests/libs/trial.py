"""One trial: a producer, workers and perhaps a sweeper of one library work through the jobs while one
worker and the server are killed. What each process knew is read from its journal, and judged.

A journal line is `NANOSECONDS EVENT ELEMENT`, an element is `job-17#2`: job 17, pushed for the second
time because the first push was not answered. Events:

    pushed            the push was answered
    new, claimed      delivered: to a group as a new entry; in any other way. In groups the time is that of
                      the question: only what was asked for after an acknowledgement may not bring it back
    hanging           the worker now sleeps in the middle of this job
    done              the work was done
    acked, gone       the acknowledgement was answered: it removed the element, or there was none
    returned          the sweeper put it back into the queue
"""

import collections
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from server import Failed, Server

WORKERS = 4
RUN_SECONDS = 150
Line = collections.namedtuple("Line", "when process event element")


class Journals:
    """The lines of all processes of a trial, read as they grow."""

    def __init__(self, directory):
        self.directory, self.read_bytes = directory, {}
        self.lines, self.counts = [], collections.Counter()

    def path(self, process):
        return os.path.join(self.directory, process + ".journal")

    def read(self):
        """Every line so far, one process after another."""
        for file in os.listdir(self.directory):
            process, suffix = os.path.splitext(file)
            if suffix == ".journal":
                self.read_from(process)
        return self.lines

    def count(self, event):
        self.read()
        return self.counts[event]

    def read_from(self, process):
        with open(self.path(process), "rb") as journal:
            journal.seek(self.read_bytes.get(process, 0))
            whole = journal.read().rpartition(b"\n")[0]  # a line may be half written
        if whole:
            self.read_bytes[process] = self.read_bytes.get(process, 0) + len(whole) + 1
        for line in whole.decode("ascii").splitlines():
            when, event, element = line.split()
            self.lines.append(Line(int(when), process, event, element))
            self.counts[event] += 1


class Trial:
    """The story. A pattern says which processes there are, what is left in the server, and judges more."""

    pattern = ""

    def __init__(self, name, command, options):
        self.name, self.command, self.jobs = name, command, options.jobs
        self.directory = tempfile.mkdtemp(prefix="ackd-libs-")
        self.server = Server(shlex.split(options.server_cmd) if options.server_cmd else [options.ackd],
                             self.directory)
        self.journals = Journals(self.directory)
        self.processes, self.deadline = {}, time.monotonic() + RUN_SECONDS

    # ---- what a pattern says

    def has_sweeper(self):
        return True

    def leftovers(self):
        """What is left in the server, in words; empty when all is done."""
        raise NotImplementedError

    def judge_recovery(self, journal):
        """Fails unless the killed worker's elements came to others. Answers how many were recovered, in words."""
        raise NotImplementedError

    # ---- the story

    def spawn(self, name, role, *more):
        words = [*self.command, self.pattern, role, str(self.server.port), self.journals.path(name), *more]
        with open(os.path.join(self.directory, name + ".stderr"), "ab") as errors:
            self.processes[name] = subprocess.Popen(
                words + ["--name=" + name], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def wait(self, what, is_true):
        while not is_true():
            if time.monotonic() > self.deadline:
                raise Failed("waited in vain until %s" % what)
            for name, process in self.processes.items():
                if process.poll() not in (None, 0) and name != "killed":
                    raise Failed("%s ends with %d: %s" % (name, process.returncode, self.last_words(name)))
            time.sleep(0.05)

    def last_words(self, name):
        with open(os.path.join(self.directory, name + ".stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()[-500:].strip()

    def run(self):
        """Answers a line of figures."""
        self.server.start()
        self.spawn("producer", "produce", "--jobs=%d" % self.jobs)
        if self.has_sweeper():
            self.spawn("sweeper", "sweep")
        # With a backlog a worker of a group holds several entries at once.
        self.wait("there is a backlog", lambda: self.journals.count("pushed") >= self.jobs // 20)
        # One worker stops in the middle of its work, and then dies.
        self.spawn("killed", "work", "--hang-after=%d" % max(1, self.jobs // 50))
        for number in range(1, WORKERS):
            self.spawn("worker%d" % number, "work")
        self.wait("a worker is in the middle of a job", lambda: self.journals.count("hanging") > 0)
        self.processes["killed"].kill()
        self.processes["killed"].wait()
        self.wait("40 % of the jobs are done", lambda: self.journals.count("acked") >= self.jobs * 4 // 10)
        self.server.kill()
        acked_at_kill = self.journals.count("acked")
        if acked_at_kill >= self.jobs:
            raise Failed("all jobs were done before the server could be killed: use more --jobs")
        time.sleep(0.3)  # so that every client meets a refused connection at least once
        self.server.start()
        self.wait("the producer has pushed all jobs", lambda: self.processes["producer"].poll() == 0)
        self.wait("nothing is left to do", lambda: not self.leftovers())
        self.stop_workers()
        # What was acknowledged stays gone over one more crash.
        self.server.kill()
        self.server.start()
        if self.leftovers():
            raise Failed("came back after the last crash: " + self.leftovers())
        return self.judge(sorted(self.journals.read()), acked_at_kill)

    def stop_workers(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait()

    def judge(self, journal, acked_at_kill):
        done = collections.Counter(line.element.split("#")[0] for line in journal if line.event == "done")
        lost = [n for n in range(self.jobs) if not done["job-%d" % n]]
        if lost:
            raise Failed("%d jobs were never done, the first is job-%d" % (len(lost), lost[0]))
        self.judge_acknowledged(journal)
        return "%d jobs done (%d more than once), %d acknowledged before the server was killed, %s, none lost" % (
            len(done), sum(1 for n in done.values() if n > 1), acked_at_kill, self.judge_recovery(journal))

    @staticmethod
    def judge_acknowledged(journal):
        acked_ns = {}
        for line in journal:
            if line.event == "acked":
                if line.element in acked_ns:
                    raise Failed("%s was acknowledged twice: the first time had been answered" % line.element)
                acked_ns[line.element] = line.when
        back = [line.element for line in journal
                if line.event in ("new", "claimed") and line.when > acked_ns.get(line.element, line.when)]
        if back:
            raise Failed("%d elements came back after their acknowledgement was answered, the first is %s"
                         % (len(back), back[0]))

    def close(self, keep):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        self.server.stop()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
