"""Plays one script against one server and writes down every reply, byte for byte."""

import socket
import time

from resp import Splitter, decode, encode, encode_request
from script import expand

REPLY_SECONDS = 5
BARRIER_SECONDS = 0.5
CLOSED = b"<closed>"
SILENT = b"<no reply>"


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), REPLY_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.splitter = Splitter()
        self.is_closed = False

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # the server closed; the next read says so

    def read(self, seconds=REPLY_SECONDS):
        """The next raw reply, CLOSED or SILENT."""
        deadline = time.monotonic() + seconds
        while True:
            raw = self.splitter.next()
            if raw is not None:
                return raw
            if self.is_closed:
                return CLOSED
            left = deadline - time.monotonic()
            if left <= 0:
                return SILENT
            self._receive(left)

    def _receive(self, seconds):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(1 << 16)
            self.is_closed = not data
            self.splitter.feed(data)
        except socket.timeout:
            pass
        except OSError:
            self.is_closed = True

    def ask(self, *args):
        self.send(encode_request([arg.encode() for arg in args]))
        return self.read()

    def close(self):
        self.socket.close()


class Entry:
    """One recorded reply and the step it answers."""

    def __init__(self, step, raw, label=None):
        self.step, self.raw, self.label = step, raw, label or step.text


class Session:
    def __init__(self, server, protocol, script, password=None):
        self.server, self.protocol, self.script = server, protocol, script
        self.connections, self.facts, self.trace = {}, {}, []
        self.control = Connection(server.port)
        if password:
            self.control.ask("AUTH", password)
        self._settle()
        self.control.ask("FLUSHALL")

    def _settle(self):
        """Waits until the connections of the script before are gone from the server's lists."""
        deadline = time.monotonic() + 2
        while self._clients_field(b"connected_clients") > 1 and time.monotonic() < deadline:
            time.sleep(0.005)

    def _clients_field(self, name):
        for line in self.control.ask("INFO", "clients").split(b"\r\n"):
            if line.startswith(name + b":"):
                return int(line.split(b":")[1])
        return 0

    def connection(self, number):
        if number not in self.connections:
            conn = self.connections[number] = Connection(self.server.port)
            if self.protocol == 3:
                conn.ask("HELLO", "3")
            if number in self.script.known_connections:
                self._learn(number, conn)
        return self.connections[number]

    def _learn(self, number, conn):
        """What $id2 and $addr2 stand for: asked now, because later the connection may be blocked."""
        raw = conn.ask("CLIENT", "INFO")
        text = decode(raw)[1].decode().removeprefix("txt:") if raw[:1] in b"$=" else ""
        fields = dict(field.split("=", 1) for field in text.split() if "=" in field)
        for name in ("id", "addr"):
            self.facts[name, number] = fields.get(name, "unknown")

    def lookup(self, name, number):
        self.connection(number)
        return self.facts[name, number]

    # ---- steps ----

    def play(self):
        for step in self.script.steps:
            if "resp%d" % (5 - self.protocol) in step.mods:
                continue
            getattr(self, "_do_" + step.kind)(step)
            if self.trace and self.trace[-1].raw == SILENT:
                break  # out of step with the server: what follows would only be silence too
        else:
            self._record_leftovers()
        for conn in list(self.connections.values()) + [self.control]:
            conn.close()
        return self.trace

    def _record(self, step, raw, label=None):
        self.trace.append(Entry(step, raw, label))

    def _args(self, step, index=0):
        return expand(step.tokens, self.lookup, index)

    def _do_call(self, step):
        if "scan" in step.mods:
            self._record(step, self._scan(step))
            return
        for index in range(int(step.mods.get("loop", 1))):
            conn = self.connection(step.conn)
            conn.send(encode_request(self._args(step, index)))
            self._record(step, conn.read())

    def _scan(self, step):
        """A whole iteration as one reply: the distinct elements, in order."""
        args = self._args(step)
        cursor_at = 1 if args[0].upper() == b"SCAN" else 2
        width = 2 if args[0].upper() in (b"HSCAN", b"ZSCAN") else 1
        conn, seen = self.connection(step.conn), set()
        for _ in range(100000):
            conn.send(encode_request(args))
            raw = conn.read()
            node = decode(raw) if not raw.startswith(b"<") else None
            if node is None or node[0] != "*":
                return raw
            (_, cursor), (_, items) = node[1]
            seen |= {tuple(map(encode, items[at : at + width])) for at in range(0, len(items), width)}
            args[cursor_at] = cursor
            if cursor == b"0":
                return b"".join(b"".join(group) for group in sorted(seen)) or b"nothing"
        return b"<the cursor never came back to 0>"

    def _do_post(self, step):
        self.connection(step.conn).send(encode_request(self._args(step)))
        time.sleep(0.03)

    def _do_send(self, step):
        """Sends without waiting for the reply, but waits until the server has the command: until it
        answered or one more client is blocked. Otherwise the order of two connections is luck."""
        conn = self.connection(step.conn)
        args = self._args(step)
        before = self._clients_field(b"blocked_clients")
        conn.send(encode_request(args))
        deadline = time.monotonic() + BARRIER_SECONDS
        while time.monotonic() < deadline:
            conn._receive(0.002)
            if conn.splitter.buffer or conn.is_closed:
                return
            if self._clients_field(b"blocked_clients") > before:
                return

    def _do_raw(self, step):
        self.connection(step.conn).send(b"".join(self._args(step)))

    def _do_expect(self, step):
        self._record(step, self.connection(step.conn).read(), "reply of connection %d" % step.conn)

    def _do_none(self, step):
        raw = self.connection(step.conn).read(step.number / 1000)
        self._record(step, b"nothing" if raw == SILENT else b"<unexpected> " + raw)

    def _do_eof(self, step):
        self._record(step, self.connection(step.conn).read())

    def _do_sleep(self, step):
        time.sleep(step.number / 1000)

    def _do_reconnect(self, step):
        self._do_close(step)
        self.connection(step.conn)

    def _do_close(self, step):
        conn = self.connections.pop(step.conn, None)
        if conn:
            conn.close()

    def _record_leftovers(self):
        for number, conn in sorted(self.connections.items()):
            if not conn.is_closed:
                conn._receive(0.001)
            if conn.splitter.buffer:
                left = b"<unread> " + bytes(conn.splitter.buffer)
                self._record(self.script.steps[-1], left, "unread bytes of connection %d" % number)
