"""The rows of the table: (what, unit, aim, {server: figure})."""

from comparison import table
from occupancy import steady

MB = 1e6
PING_AIMS = ("2", "10")


class Rows:
    """Collects rows of what was measured of each server: {server: measured}."""

    def __init__(self, names, measured, title=""):
        self.names, self.measured, self.title = names, measured, title
        self.lines = []

    def add(self, what, unit, take, aim=""):
        """`take` finds the figure in what was measured of a server, or there is none."""
        figures = {}
        for name in self.names:
            try:
                figures[name] = take(self.measured[name])
            except (KeyError, ZeroDivisionError):  # nothing to fold has no rate
                continue
        if figures:
            self.lines.append((f"{self.title}{what}", unit, aim, figures))

    def add_ping(self, beside, take, aims=PING_AIMS):
        for key, aim in zip(("p99.9_us", "max_us"), aims):
            what = f"PING beside {beside}, {key.split('_')[0]}"
            self.add(what, "ms", lambda m, key=key: take(m)[key] / 1000, aim)
            what = f"PING of an idle redis meanwhile, {key.split('_')[0]}"
            self.add(what, "ms", lambda m, key=key: take(m)["idle"][key] / 1000)


def backlog(names, measured):
    rows = Rows(names, measured)
    add = rows.add
    add("jobs in the backlog", "", lambda m: m["jobs"])
    add("fill", "jobs a second", lambda m: m["fill"])
    add(
        "used memory, without the log's tail",
        "MB",
        lambda m: m["memory"]["used"] / MB,
        "300 at 10 M",
    )
    add("resident, without the tail", "MB", lambda m: m["memory"]["resident"] / MB)
    add("used memory for each job", "bytes", lambda m: m["memory_each"]["used"])
    add(
        "resident after a restart, without the tail",
        "MB",
        lambda m: m["memory_restarted"]["resident"] / MB,
    )
    add("disk / payloads", "times", lambda m: m["disk"] / m["payload_bytes"])
    add("restart, clean, cold", "s", lambda m: m["restart"], "2")
    add("restart after kill -9, cold", "s", lambda m: m["restart_killed"], "2")
    add("drain, cold, pipelined", "jobs a second", lambda m: m["drain"]["per_second"], "150 k")
    add(
        "replay of all without a checkpoint",
        "s",
        lambda m: m["from_nothing"]["open_seconds"],
    )
    add(
        "fold of all without a checkpoint, alone",
        "MB/s",
        lambda m: m["from_nothing"]["fold_bytes_read"] / MB / m["from_nothing"]["fold_seconds"],
    )
    add("checkpoint", "MB", lambda m: m["from_nothing"]["checkpoint_bytes"] / MB)
    add("BGREWRITEAOF", "s", lambda m: m["rewrite"]["seconds"])
    add("memory it takes meanwhile", "MB", lambda m: m["rewrite"]["memory_grew"] / MB)
    add("LRANGE of 1 M, cold", "s", lambda m: m["lrange"]["seconds"])
    add("memory it takes meanwhile", "MB", lambda m: m["lrange"]["memory_grew"] / MB)
    rows.add_ping("nothing", lambda m: m["idle_ping"], ("", ""))
    rows.add_ping("BGREWRITEAOF", lambda m: m["rewrite"]["ping"])
    rows.add_ping("LRANGE of 1 M", lambda m: m["lrange"]["ping"])
    return rows.lines


def steady_rows(names, load, measured):
    rows = Rows(names, measured, f"{steady.LOADS[load].title}: ")
    add = rows.add
    add("rate", "jobs a second", lambda m: m["per_second"])
    add(
        "segments / (2 x live + 4 segments + reserve), most",
        "times",
        lambda m: m["of_bound"],
        "1",
    )
    add("disk, most", "MB", lambda m: m["disk"] / MB)
    add("disk / live, most", "times", lambda m: m["times_live"])
    add("checkpoint files, most", "MB", lambda m: m["checkpoints"] / MB)
    add("written / payloads added", "times", lambda m: m["amplification"])
    add("moved by the cleaner / payloads added", "times", lambda m: m["relocated"])
    rows.add_ping("it", lambda m: m["ping"], PING_AIMS if steady.LOADS[load].rate else ("", ""))
    return rows.lines


def cost_rows(load, rounds):
    """`rounds`: a list of {"with": ..., "without": ...}."""
    title = steady.LOADS[load].title
    without = [{"ackd": r["without"]["per_second"]} for r in rounds]
    ratios = [{"ackd": r["with"]["per_second"] / r["without"]["per_second"]} for r in rounds]
    return [
        (
            f"{title}: rate without fold and cleaner",
            "jobs a second",
            "",
            {"ackd": table.median_of(without, "ackd")},
        ),
        (
            f"{title}: rate with / without fold and cleaner",
            "times",
            "0.85",
            {"ackd": table.median_of(ratios, "ackd")},
        ),
    ]


def markdown(lines, names):
    heads = ["what", "unit", "aim", *names]
    text = [table.line(heads), table.line(["---"] * 3 + ["---:"] * len(names))]
    for what, unit, aim, figures in lines:
        text.append(table.line([what, unit, aim, *[table.number(figures.get(n)) for n in names]]))
    return "\n".join(text)
