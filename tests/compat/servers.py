"""Starting and stopping the servers under comparison."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process with a directory of its own, on a port of loopback that was free."""

    def __init__(self, label, program, extra_args=(), is_redis=False):
        self.label, self.program, self.extra = label, program, list(extra_args)
        self.is_redis, self.process, self.directory = is_redis, None, None

    def start(self):
        for _ in range(5):  # another process may take the port between our look and the bind
            self.port = free_port()
            self.directory = tempfile.mkdtemp(prefix="ackd-compat-")
            args = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
            if self.is_redis:
                args += ["--save", "", "--appendonly", "no"]
            self.log = open(os.path.join(self.directory, "stdout"), "wb")
            self.process = subprocess.Popen(
                args + self.extra, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
            )
            if self._wait_until_ready():
                return self
            said = self.output()
            self.stop()
        raise RuntimeError("%s does not start:\n%s" % (self.label, said))

    def _wait_until_ready(self):
        # Both say so in the same words. The port is open earlier, and a connection would be counted.
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if "Ready to accept connections" in self.output():
                return True
            time.sleep(0.02)
        return False

    def output(self):
        with open(os.path.join(self.directory, "stdout"), "rb") as file:
            return file.read().decode("utf-8", "replace")[-2000:]

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
