"""RESP as bytes: encode requests, cut a stream into raw replies, decode and re-encode them.

The splitter never interprets a payload: what is compared is what came over the wire. Decoding is
only done for lines whose script asks for a mask, and for showing a reply to a person.

A decoded reply is a node `(type, value)`: type is the first byte as a str, value is bytes for
scalars, a list of nodes for aggregates (maps are flat: key, value, key, value), None for nulls.
"""

CRLF = b"\r\n"
BLOBS = "$=!"
AGGREGATES = "*%~>|"
FLAT = {"%": 2, "|": 2}


def encode_request(args):
    """The bytes of one command, as every client sends it."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Splitter:
    """Cuts a byte stream into whole replies; bytes may arrive in any pieces."""

    def __init__(self):
        self.buffer = bytearray()
        self.scanned = 0  # everything before is complete items of the reply being collected
        self.missing = 1  # items still needed to complete it

    def feed(self, data):
        self.buffer += data

    def next(self):
        """The raw bytes of the next whole reply, or None when more bytes are needed."""
        while self.missing > 0:
            if not self._scan_item():
                return None
        raw = bytes(self.buffer[: self.scanned])
        del self.buffer[: self.scanned]
        self.scanned, self.missing = 0, 1
        return raw

    def _scan_item(self):
        end = self.buffer.find(CRLF, self.scanned)
        if end < 0:
            return False
        kind = chr(self.buffer[self.scanned])
        after = end + 2
        if kind in BLOBS + AGGREGATES:
            count = int(self.buffer[self.scanned + 1 : end])
            if kind in BLOBS and count >= 0:
                after += count + 2
                if after > len(self.buffer):
                    return False
            if kind in AGGREGATES and count > 0:
                self.missing += count * FLAT.get(kind, 1)
        elif kind not in "+-:_,#(":
            raise ValueError("not a reply: %r" % bytes(self.buffer[self.scanned : end][:60]))
        # An attribute is an annotation of the reply that follows it, not a reply.
        self.missing -= 0 if kind == "|" else 1
        self.scanned = after
        return True


def decode(raw):
    """The node of one whole raw reply."""
    root, at = [], 0
    open_lists = [(root, 1)]
    while open_lists:
        items, left = open_lists.pop()
        if left == 0:
            continue
        open_lists.append((items, left - 1))
        end = raw.index(CRLF, at)
        kind, text = chr(raw[at]), raw[at + 1 : end]
        at = end + 2
        if kind in BLOBS and int(text) >= 0:
            items.append((kind, raw[at : at + int(text)]))
            at += int(text) + 2
        elif kind in AGGREGATES and int(text) >= 0:
            children = []
            items.append((kind, children))
            open_lists.append((children, int(text) * FLAT.get(kind, 1)))
        elif kind in BLOBS + AGGREGATES:
            items.append((kind, None))
        else:
            items.append((kind, text))
    return root[0]


def encode(node):
    """The bytes of a node: the inverse of decode."""
    kind, value = node
    if kind in BLOBS:
        return b"$-1\r\n" if value is None else b"%s%d\r\n%s\r\n" % (kind.encode(), len(value), value)
    if kind in AGGREGATES:
        if value is None:
            return b"*-1\r\n"
        count = len(value) // FLAT.get(kind, 1)
        return b"%s%d\r\n%s" % (kind.encode(), count, b"".join(encode(child) for child in value))
    return kind.encode() + value + CRLF


def show(raw, limit=400):
    """A raw reply on one line, for people: the bytes with line ends made visible."""
    text = raw.decode("latin-1").encode("unicode_escape").decode("ascii")
    return text if len(text) <= limit else "%s... (%d bytes)" % (text[:limit], len(raw))
