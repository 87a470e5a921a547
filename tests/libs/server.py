"""A server process on a port and a directory of its own, to be killed and started again."""

import os
import socket
import subprocess
import time

START_SECONDS = 30
ASK_SECONDS = 5


class Failed(Exception):
    """The trial failed; the text says why."""


class Server:
    def __init__(self, command, directory):
        self.command, self.directory, self.process = command, os.path.join(directory, "data"), None
        os.makedirs(self.directory)
        self.log = open(os.path.join(directory, "server.log"), "ab")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self):
        args = self.command + ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failed("the server exits with %d at start, see server.log" % self.process.returncode)
            try:
                if self.ask("PING") == "PONG":
                    return
            except (OSError, Failed):
                pass
            time.sleep(0.02)
        raise Failed("the server does not answer PING within %d s" % START_SECONDS)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()

    def ask(self, *words):
        """The answer to one command over a connection of its own: int, str, None or a list of them."""
        with socket.create_connection(("127.0.0.1", self.port), ASK_SECONDS) as conn:
            conn.sendall(b"".join([b"*%d\r\n" % len(words)]
                                  + [b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words]))
            with conn.makefile("rb") as stream:
                return read_reply(stream, words)


def read_reply(stream, words):
    line = stream.readline().decode()
    if not line.endswith("\r\n"):
        raise ConnectionError("the connection ended within a reply")
    kind, text = line[0], line[1:-2]
    if kind == "-":
        raise Failed("asked for %s the server says %s" % (" ".join(words), text))
    if kind == ":":
        return int(text)
    if kind == "$" and int(text) >= 0:
        return stream.read(int(text) + 2)[:-2].decode()
    if kind == "*" and int(text) >= 0:
        return [read_reply(stream, words) for _ in range(int(text))]
    return None if kind in "$*" else text
