"""Medians, ratios and the markdown that shows them.

A ratio is taken within each round, of two servers that ran seconds apart, and the median of these
ratios is shown. A machine that is slow for a minute slows both of a pair, and the ratio stands.
"""

import datetime
import os
import platform
import statistics
import subprocess
import tempfile
import time


def number(value):
    if value is None:
        return "-"
    if value >= 100000:
        return f"{value / 1000:.0f} k"
    if value >= 1000:
        return f"{value / 1000:.1f} k"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def median_of(rounds, peer):
    values = [figures[peer] for figures in rounds if peer in figures]
    return statistics.median(values) if values else None


def ratio_of(rounds, peer, other):
    ratios = [f[peer] / f[other] for f in rounds if f.get(other) and peer in f]
    return statistics.median(ratios) if ratios else None


def ratio_pairs(names):
    """What is compared: ackd with redis where it runs, otherwise redis' modes with `always`."""
    if "ackd" in names:
        return [("ackd", other) for other in ("always", "everysec", "none") if other in names]
    return [(name, "always") for name in names if name != "always" and "always" in names]


def line(cells):
    return "| " + " | ".join(cells) + " |"


def figures(measured, names):
    """`measured`: a list of (title, unit, rounds), a round being a figure for each server."""
    pairs = ratio_pairs(names)
    heads = ["workload", "unit", *names, *[f"{a} / {b}" for a, b in pairs]]
    lines = [line(heads), line(["---"] * 2 + ["---:"] * (len(heads) - 2))]
    for title, unit, rounds in measured:
        cells = [number(median_of(rounds, name)) for name in names]
        for pair in pairs:
            ratio = ratio_of(rounds, *pair)
            cells.append("-" if ratio is None else f"{ratio:.2f}")
        lines.append(line([title, unit, *cells]))
    return "\n".join(lines)


def latencies(measured, names):
    """`measured`: a list of (title, series, rounds), a round being a series for each server."""
    lines = [
        line(["latency, us (p50 / p99 / p99.9 / max)", *names]),
        line(["---"] + ["---:"] * len(names)),
    ]
    for title, series, rounds in measured:
        cells = []
        for name in names:
            keys = ("p50_us", "p99_us", "p99.9_us", "max_us")
            each = [[r[name][key] for r in rounds if name in r] for key in keys]
            cells.append(" / ".join(number(statistics.median(e)) for e in each) if each[0] else "-")
        lines.append(line([f"{title}: {series}", *cells]))
    return "\n".join(lines)


# ---- the machine


def first_field(path, name):
    try:
        with open(path, encoding="utf-8") as lines:
            for text in lines:
                if text.startswith(name):
                    return text.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def file_system(directory):
    """The type of the file system that holds the directory."""
    best, kind = "", "unknown"
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for text in mounts:
            _, point, mounted_kind = text.split()[:3]
            inside = os.path.realpath(directory) + "/"
            if inside.startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                best, kind = point, mounted_kind
    return kind


def sync_microseconds(directory, syncs=200):
    """What one durable write of 4 KiB into written blocks takes here (median)."""
    block, took = b"\0" * 4096, []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(syncs):
            file.write(block)
        os.fsync(file.fileno())
        for i in range(syncs):
            begin = time.perf_counter()
            os.pwrite(file.fileno(), b"\1" * 4096, i * 4096)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(took)


def version_of(program):
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        return said.stdout.strip().split("\n")[0] or "unknown version"
    except OSError:
        return "not found"


def machine(directory, programs, names, rounds):
    memory_kb = first_field("/proc/meminfo", "MemTotal").split()[0]
    servers = []
    if any(name != "ackd" for name in names):
        servers.append(version_of(programs.redis))
    if "ackd" in names:
        servers.append(version_of(programs.ackd))
    return (
        f"{datetime.date.today().isoformat()}, {first_field('/proc/cpuinfo', 'model name')}, "
        f"{os.cpu_count()} cores, {int(memory_kb) / 2**20:.0f} GiB, Linux {platform.release()}, "
        f"{file_system(directory)}, a durable 4 KiB write {sync_microseconds(directory):.0f} us; "
        f"{'; '.join(servers)}; medians of {rounds} rounds in turn, load on the same machine."
    )
