"""The script format: one step per line. README.md of this folder is its manual."""

import re
import time

MODIFIERS = {
    "any", "type", "shape", "near", "unordered", "pairs", "scan", "fields", "mask", "code", "head",
    "resp2", "resp3", "differs", "loop",
}
STEP = re.compile(r"^(?P<mods>(?:\[[a-z0-9]+(?: [^\]]*)?\]\s*)*)(?P<body>.*)$")
MODIFIER = re.compile(r"\[([a-z0-9]+)(?: ([^\]]*))?\]")
VARIABLE = re.compile(r"\$(id|addr)([1-9])|\$(nowms|now)([+-]\d+)?|\$x\((\d+)\)|\$(i)\b")
FACT = re.compile(r"\$(?:id|addr)([1-9])")
SPREAD = re.compile(r"^\$(seq|pairs)\((\d+)\.\.(\d+)\)$")
ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a", '"': b'"', "\\": b"\\"}


class ScriptError(Exception):
    pass


class Step:
    """One line. `kind` is call, send, post, expect, none, raw, sleep, reconnect, close or eof."""

    def __init__(self, line, text, kind, conn=1, tokens=(), number=0, mods=None):
        self.line, self.text, self.kind, self.conn = line, text, kind, conn
        self.tokens, self.number, self.mods = tokens, number, mods or {}
        self.expected = None  # the `=>` line below it, unparsed


class Script:
    def __init__(self, name, steps, server_args, newer, protocols):
        self.name, self.steps = name, steps
        self.server_args = server_args  # None: the shared server will do
        self.newer, self.protocols = newer, protocols
        # Connections whose id or address some line wants to know.
        self.known_connections = {int(n) for step in steps for n in FACT.findall(step.text)}
        # `client.kill` is a second script of CLIENT; `_inline` belongs to no command.
        self.command = None if name.startswith("_") else name.split(".")[0]


def split_words(text):
    """Words as redis-cli splits them: a list of (bytes, is_quoted)."""
    words, at = [], 0
    while True:
        while at < len(text) and text[at] == " ":
            at += 1
        if at == len(text):
            return words
        if text[at] == "'":
            end = text.index("'", at + 1)
            words.append((text[at + 1 : end].encode(), True))
            at = end + 1
        elif text[at] == '"':
            value, at = read_quoted(text, at + 1)
            words.append((value, True))
        else:
            end = at
            while end < len(text) and text[end] != " ":
                end += 1
            words.append((text[at:end].encode(), False))
            at = end


def read_quoted(text, at):
    value = bytearray()
    while text[at] != '"':
        if text[at] == "\\" and text[at + 1] == "x":
            value.append(int(text[at + 2 : at + 4], 16))
            at += 4
        elif text[at] == "\\":
            value += ESCAPES[text[at + 1]]
            at += 2
        else:
            value += text[at].encode()
            at += 1
    return bytes(value), at + 1


def expand(words, lookup, index=0):
    """Replaces the variables of unquoted words; `lookup(name, conn)` knows the connections."""
    args = []
    for word, is_quoted in words:
        if is_quoted or b"$" not in word:
            args.append(word)
            continue
        text = word.decode()
        spread = SPREAD.match(text)
        if spread:
            args += expand_spread(*spread.groups())
            continue
        args.append(VARIABLE.sub(lambda match: expand_one(match, lookup, index), text).encode())
    return args


def expand_spread(kind, first, last):
    numbers = range(int(first), int(last) + 1)
    if kind == "seq":
        return [b"%d" % number for number in numbers]
    return [part for number in numbers for part in (b"f%d" % number, b"v%d" % number)]


def expand_one(match, lookup, index):
    per_conn, conn, clock, offset, repeat, loop = match.groups()
    if per_conn:
        return lookup(per_conn, int(conn))
    if clock:
        now = time.time() * (1000 if clock == "nowms" else 1)
        return str(int(now) + int(offset or 0))
    if loop:
        return str(index)
    return "x" * int(repeat)


def parse_body(line, text, mods):
    body = text
    simple = re.match(r"^(sleep|reconnect|close) (\d+)$", body)
    if simple:
        word, number = simple.group(1), int(simple.group(2))
        return Step(line, text, word, conn=number, number=number)
    raw = re.match(r"^(?:([1-9])\s+)?raw (.*)$", body)
    if raw:
        return Step(line, text, "raw", int(raw.group(1) or 1), split_words(raw.group(2)), mods=mods)
    reply = re.match(r"^(?:([1-9]))?<(?: (none) (\d+)| (eof))?$", body)
    if reply:
        kind = "none" if reply.group(2) else "eof" if reply.group(4) else "expect"
        return Step(line, text, kind, int(reply.group(1) or 1), number=int(reply.group(3) or 0), mods=mods)
    send = re.match(r"^([1-9])?(>>|>|:) ?(.*)$", body)
    if send:
        kind = {">": "send", ">>": "post", ":": "call"}[send.group(2)]
        return Step(line, text, kind, int(send.group(1) or 1), split_words(send.group(3)), mods=mods)
    return Step(line, text, "call", 1, split_words(body), mods=mods)


def parse(name, text):
    steps, server_args, newer, protocols = [], None, False, (2, 3)
    for line, source in enumerate(text.split("\n"), 1):
        # A trailing blank is part of an expectation: some of Redis' error texts end with one.
        source = source.strip() if not source.startswith("=>") else source.rstrip("\n")
        if not source or source.startswith("#"):
            continue
        if source.startswith("@"):
            word, _, rest = source[1:].partition(" ")
            if word == "server":
                server_args = [arg.decode() for arg, _ in split_words(rest)]
            elif word == "newer":
                newer = True
            elif word == "resp":
                protocols = (int(rest),)
            else:
                raise ScriptError("%s:%d: unknown header @%s" % (name, line, word))
        elif source.startswith("=>"):
            if not steps:
                raise ScriptError("%s:%d: an expectation needs a command above it" % (name, line))
            steps[-1].expected = source[2:].lstrip()
        else:
            steps.append(parse_step(name, line, source))
    return Script(name, steps, server_args, newer, protocols)


def parse_step(name, line, source):
    match = STEP.match(source)
    mods = {word: value or "" for word, value in MODIFIER.findall(match.group("mods"))}
    unknown = set(mods) - MODIFIERS
    if unknown:
        raise ScriptError("%s:%d: unknown modifier %s" % (name, line, ", ".join(sorted(unknown))))
    try:
        return parse_body(line, match.group("body"), mods)
    except (ValueError, IndexError, KeyError) as error:
        raise ScriptError("%s:%d: cannot be read: %s" % (name, line, error)) from error
