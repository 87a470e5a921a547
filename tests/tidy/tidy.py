#!/usr/bin/env python3
"""House rules that a compiler does not check. Prints each breach with what to do; the last line counts the rules.

usage: tidy.py [--objects BUILD_DIR] [--binary PROGRAM]   (the objects are searched for mutable globals, both for planted bugs)
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A room may include itself and what stands here. HOUSE: "a layer includes only what stands below it".
ROOMS = {
    "proto/base": [],
    "proto/resp": ["proto/base"],
    "storage/vfs": ["proto/base"],
    "storage/log": ["proto/base", "storage/vfs"],
    "storage/data": ["proto/base"],
    "storage/state": ["proto/base", "storage/vfs", "storage/log", "storage/data"],
    "storage": ["proto/base", "storage/vfs", "storage/log", "storage/data", "storage/state"],
    "storage/salvage": ["proto/base", "storage/vfs", "storage/log", "storage/data", "storage/state", "storage"],
    "storage/check": ["proto/base", "storage/vfs", "storage/log", "storage/data", "storage/state", "storage", "storage/salvage"],
    "server/options": ["proto/base"],
    "server/engine": ["proto/base", "proto/resp", "server/options", "storage", "storage/log", "storage/data", "storage/vfs"],
    "server/commands": ["proto/base", "proto/resp", "server/engine", "server/options", "storage", "storage/log", "storage/data"],
    "server/net": ["proto/base", "proto/resp", "server/engine", "server/options", "storage", "storage/log", "storage/vfs"],
    "server": ["proto/base", "server/commands", "server/engine", "server/net", "server/options", "storage", "storage/log", "storage/data", "storage/vfs"],
}
# System headers that only one room may see.
ONLY_IN = {
    r"<uv\.h>": ["server/net"],
    r"<hiredis.*>": ["bench", "tests"],
    r"<fcntl\.h>|<sys/stat\.h>|<dirent\.h>|<sys/file\.h>": ["storage/vfs", "server/net", "tests", "bench"],
}
LINES_MAX = 800
# name -> what to use instead
BANNED_CALLS = {
    "strcpy": "mem_dup or a slice", "strcat": "buf_append", "sprintf": "snprintf or buf_printf", "vsprintf": "buf_vprintf",
    "gets": "nothing", "strtok": "slices", "atoi": "num_parse_i64", "atol": "num_parse_i64", "atof": "num_parse_double",
    "rand": "rng", "random": "rng", "time": "the time that is passed in", "gettimeofday": "the time that is passed in",
    "alloca": "mem_alloc", "assert": "must", "system": "nothing", "mktemp": "mkstemp",
}
HEAP_CALLS = {"malloc", "calloc", "realloc", "free", "strdup"}
FILE_CALLS = {"open", "openat", "pread", "pwrite", "fsync", "fdatasync", "fopen", "rename", "unlink", "ftruncate", "fallocate"}

# /proc for the resident size; sockets, the log file and the configuration file.
FILE_CALLS_IN = ("storage/vfs/vfs_posix", "proto/base/mem.c", "server/net/", "server/options/")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield path.relative_to(ROOT)


def room_of(path):
    parent = str(path.parent)
    return parent if parent in ROOMS else None


def strip_comments(text):
    text = re.sub(r'"(\\.|[^"\\\n])*"', lambda m: '"' + " " * (len(m.group()) - 2) + '"', text)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


class Report:
    def __init__(self):
        self.breaches = 0

    def say(self, where, what):
        self.breaches += 1
        print(f"{where}: {what}")


def check_layers(report):
    for path in sources("proto", "storage", "server"):
        room = room_of(path)
        if room is None:
            report.say(path, "stands in no room of HOUSE.md: add the folder to ROOMS in tests/tidy/tidy.py or move the file")
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            target = pathlib.PurePosixPath(match.group(1))
            if not (ROOT / target).exists():
                report.say(f"{path}:{number}", f'"{target}" is not relative to the root of the repository')
            elif str(target.parent) != room and str(target.parent) not in ROOMS[room]:
                report.say(f"{path}:{number}", f"{room} may not see {target.parent}")


def check_system_headers(report):
    for path in sources("proto", "storage", "server"):
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            match = re.match(r"\s*#\s*include\s+(<[^>]+>)", line)
            if not match:
                continue
            for pattern, rooms in ONLY_IN.items():
                if re.fullmatch(pattern, match.group(1)) and not any(str(path).startswith(room) for room in rooms):
                    report.say(f"{path}:{number}", f"{match.group(1)} is only for {', '.join(rooms)}")


def check_sizes(report):
    for path in sources("proto", "storage", "server", "tests", "bench"):
        lines = (ROOT / path).read_text().count("\n")
        if lines > LINES_MAX:
            report.say(path, f"{lines} lines: split the noun, or the room ({LINES_MAX} is the ceiling)")


def check_guards(report):
    for path in sources("proto", "storage", "server", "tests"):
        if path.suffix != ".h":
            continue
        guard = "ACKD_" + re.sub(r"[^A-Za-z0-9]", "_", str(path)).upper()
        if f"#ifndef {guard}\n#define {guard}\n" not in (ROOT / path).read_text():
            report.say(path, f"the include guard is to be {guard}")


def check_calls(report):
    for path in sources("proto", "storage", "server"):
        text = strip_comments((ROOT / path).read_text())
        for number, line in enumerate(text.splitlines(), 1):
            for name in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if name in BANNED_CALLS:
                    report.say(f"{path}:{number}", f"{name}() is banned: use {BANNED_CALLS[name]}")
                if name in HEAP_CALLS and path.name != "mem.c":
                    report.say(f"{path}:{number}", f"{name}() is for mem.c: use mem_*")
                if name in FILE_CALLS and not str(path).startswith(FILE_CALLS_IN):
                    report.say(f"{path}:{number}", f"{name}() is for vfs_posix.c: use the vfs")


def check_words(report):
    for path in sources("proto", "storage", "server", "tests", "bench"):
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line) and not re.search(r"issue \d+", line):
                report.say(f"{path}:{number}", "a TODO needs an issue")
            if len(line) > 140 and not path.name.startswith("table"):
                report.say(f"{path}:{number}", "longer than 140 columns")


def check_globals(report, build):
    """No object of ours has a symbol in .data or .bss; constant tables land in .rodata or .data.rel.ro."""
    objects = sorted(p for p in pathlib.Path(build).rglob("*.o") if re.search(r"ackd_(base|resp|vfs|log|data|store|options|engine|commands|net)\.dir", str(p)))
    if not objects:
        report.say(build, "has no objects of ours: build it first (with -fno-lto)")
    for path in objects:
        listing = subprocess.run(["objdump", "--syms", str(path)], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            match = re.match(r"^[0-9a-f]+\s.{7}\s(\.(?:data|bss)(?!\.rel\.ro)\S*)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
            if match and match.group(1) != match.group(3) and int(match.group(2), 16) > 0:
                report.say(path.name, f"mutable global {match.group(3)} in {match.group(1)}: hang it on a struct")


def mutant_symbols(path):
    """What planted bugs (proto/base/mutant.h) would leave; the names of source files do not count."""
    listing = subprocess.run(["objdump", "--syms", str(path)], capture_output=True, text=True, check=True).stdout
    return [line.split()[-1] for line in listing.splitlines() if re.search(r"\smutant_\w+$", line)]


def check_no_mutants(report, objects, binary):
    """The planted bugs are in no build but their own."""
    paths = sorted(pathlib.Path(objects).rglob("*.o")) if objects else []
    for path in paths + ([pathlib.Path(binary)] if binary else []):
        for symbol in mutant_symbols(path):
            report.say(path, f"has the symbol {symbol}: a planted bug is compiled in (ACKD_MUTANTS is for the preset mutants alone)")
    if binary and b"ACKD_MUTANT" in pathlib.Path(binary).read_bytes():
        report.say(binary, "knows of ACKD_MUTANT: a planted bug is compiled in")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", help="a build directory made without LTO")
    parser.add_argument("--binary", help="a program that must have no planted bugs in it")
    arguments = parser.parse_args()
    report = Report()
    checks = [check_layers, check_system_headers, check_sizes, check_guards, check_calls, check_words]
    failed = 0
    for check in checks:
        before = report.breaches
        check(report)
        failed += report.breaches > before
    if arguments.objects:
        before = report.breaches
        check_globals(report, arguments.objects)
        failed += report.breaches > before
    if arguments.objects or arguments.binary:
        before = report.breaches
        check_no_mutants(report, arguments.objects, arguments.binary)
        failed += report.breaches > before
    total = len(checks) + (1 if arguments.objects else 0) + (1 if arguments.objects or arguments.binary else 0)
    print(f"tidy: {total - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
