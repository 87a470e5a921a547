"""What may differ between two replies, and what a reply is expected to be."""

import re

from resp import AGGREGATES, decode, encode
from script import split_words


def masked(raw, mods):
    """The bytes to compare: the reply itself, or what a modifier leaves of it."""
    if not mods.keys() & {"any", "type", "shape", "unordered", "pairs", "fields", "mask", "code", "head"}:
        return raw
    if not raw or raw.startswith(b"<"):  # closed, or no reply: nothing to mask
        return raw
    if "any" in mods:
        return b"any reply"
    node = decode(raw)
    if "type" in mods:
        return node[0].encode() + (b" null" if node[1] is None else b"")
    if "code" in mods:
        return raw.split(b" ")[0] if node[0] == "-" else raw
    if "head" in mods:
        node = keep_head(node, int(mods["head"]))
    if "fields" in mods:
        node = keep_fields(node, mods["fields"].split(","))
    if "mask" in mods:
        pattern = re.compile(mods["mask"].encode())
        node = each_scalar(node, lambda value: pattern.sub(b"<masked>", value))
    if "shape" in mods:
        node = each_scalar(node, lambda value: b"")
    if "unordered" in mods:
        node = in_order(node, 1)
    if "pairs" in mods:
        node = in_order(node, 2)
    return encode(node)


def each_scalar(node, change):
    kind, value = node
    if value is None:
        return node
    if kind in AGGREGATES:
        return kind, [each_scalar(child, change) for child in value]
    return kind, change(value)


def in_order(node, width):
    kind, items = node
    if kind not in AGGREGATES or not items:
        return node
    groups = [items[at : at + width] for at in range(0, len(items), width)]
    groups.sort(key=lambda group: [encode(item) for item in group])
    return kind, [item for group in groups for item in group]


def keep_head(node, count):
    """Of a list of lists the first items of each, of a plain list its first items; what lies deeper
    is a set of flags in any order."""
    kind, items = node
    if items and items[0][0] in AGGREGATES:
        return kind, [keep_head(item, count) if item[0] in AGGREGATES else item for item in items]
    if not items:
        return node
    return kind, [in_order(item, 1) for item in items[:count]]


def keep_fields(node, names):
    """Of CLIENT LIST lines the named words, in their order; of INFO the named lines, in any order."""

    def change(value):
        kept = []
        for line in value.decode("latin-1").removeprefix("txt:").splitlines():
            info = re.match(r"^([a-z_0-9]+):", line)
            if info:
                kept += [line] if info.group(1) in names else []
            else:
                words = [word for word in line.split(" ") if word.split("=")[0] in names]
                kept += [" ".join(words)] if words else []
        if any("=" not in line for line in kept):
            kept.sort()
        return "\n".join(kept).encode("latin-1")

    return each_scalar(node, change)


def near(left, right, tolerance):
    """Equal but for integers (and integers in bulks) that may lie `tolerance` apart."""
    if left == right:
        return True
    if left.startswith(b"<") or right.startswith(b"<"):
        return False
    return near_node(decode(left), decode(right), tolerance)


def near_node(left, right, tolerance):
    if left == right:
        return True
    if left[0] != right[0] or left[1] is None or right[1] is None:
        return False
    if left[0] in AGGREGATES:
        return len(left[1]) == len(right[1]) and all(
            near_node(a, b, tolerance) for a, b in zip(left[1], right[1])
        )
    try:
        return abs(int(left[1]) - int(right[1])) <= tolerance
    except ValueError:
        return False


def equal(left, right, mods):
    if "near" in mods:
        return near(left, right, int(mods["near"]))
    return masked(left, mods) == masked(right, mods)


# ---- expectations --------------------------------------------------------------------------------

def matches(raw, expected, protocol):
    """Is `raw` what the `=>` line says? Returns (yes, what was expected)."""
    if expected == "any":
        return not raw.startswith(b"<"), b"any reply"
    if expected == "closed":
        return raw == b"<closed>", b"<closed>"
    if expected.startswith("/"):
        return re.search(expected.strip("/").encode(), raw, re.S) is not None, expected.encode()
    wanted = literal(expected, protocol)
    if ANY not in wanted or raw.startswith(b"<"):
        return raw == wanted, wanted
    return like(decode(raw), decode(wanted)), wanted


ANY = b"+any\r\n"  # stands within a wanted reply for whatever is there


def like(node, wanted):
    if wanted == ("+", b"any"):
        return True
    if node[0] != wanted[0] or node[0] not in AGGREGATES or None in (node[1], wanted[1]):
        return node == wanted
    return len(node[1]) == len(wanted[1]) and all(map(like, node[1], wanted[1]))


def literal(text, protocol):
    if text[0] in "+-":
        return text.encode() + b"\r\n"
    marks = []
    spaced = re.sub(r'("(?:[^"\\]|\\.)*")|([\[\]{}])', lambda m: m.group(1) or " %s " % m.group(2), text)
    for word, is_quoted in split_words(spaced):
        marks.append((word, is_quoted))
    node, rest = read_node(marks, protocol)
    if rest:
        raise ValueError("too much in expectation: %s" % text)
    return encode(node)


def read_node(marks, protocol):
    (word, is_quoted), rest = marks[0], marks[1:]
    if is_quoted:
        return ("$", word), rest
    if word == b"txt":
        value = rest[0][0]
        return (("=", b"txt:" + value) if protocol == 3 else ("$", value)), rest[1:]
    if word == b"any":
        return ("+", b"any"), rest
    if word in (b"nil", b"nilarray"):
        if protocol == 3:
            return ("_", b""), rest
        return ("$" if word == b"nil" else "*", None), rest
    if word in (b"[", b"{"):
        closing, items = (b"]" if word == b"[" else b"}"), []
        while rest[0] != (closing, False):
            item, rest = read_node(rest, protocol)
            items.append(item)
        return ("%" if word == b"{" and protocol == 3 else "*", items), rest[1:]
    if word[:1] == b",":
        return ((",", word[1:]) if protocol == 3 else ("$", word[1:])), rest
    if word[:1] in b":+":
        return (chr(word[0]), word[1:]), rest
    raise ValueError("cannot be expected: %r" % word)
