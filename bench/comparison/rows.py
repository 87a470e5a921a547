"""What is measured: every row says how to load a server and which figure counts."""

import dataclasses

from comparison import peers


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table. A *pass* is what one server does for this row in one round."""

    name: str
    title: str
    load: tuple  # arguments of bench_load
    unit: str = "a second"
    figure: tuple = ("per_second",)  # path into the report of bench_load
    series: str = ""  # the latencies that are shown
    count: int = 0  # jobs to measure; a tenth of it before
    seconds: float = 0  # instead of count
    most_per_second: int = 0  # with seconds, a bound for the disk
    size: int = 1024
    ops: int = 1  # durable commands to a job
    together: int = 1  # commands that reach the server together at least
    delay_us: int = 0
    is_default: bool = False
    against: tuple = ()  # several passes: (name, arguments) each; the figure is shown for each
    quick_against: tuple = ()  # others for --quick

    def quick(self):
        """The same in little time, to see that it runs."""
        changes = {"count": max(self.count // 20, 50)} if self.count else {"seconds": 0.5}
        if self.quick_against:
            changes["against"] = self.quick_against
        return dataclasses.replace(self, **changes)

    def passes(self):
        return self.against or (("", ()),)

    def arguments(self):
        warmup = ["--warmup-count", str(self.count // 10)] if self.count else ["--warmup", "0.5"]
        length = ["--count", str(self.count)] if self.count else ["--seconds", str(self.seconds)]
        return [*self.load, "--size", str(self.size), *warmup, *length]

    def jobs(self):
        """The most jobs one pass makes."""
        if self.count:
            return self.count + self.count // 10
        return int((self.seconds + 0.5) * self.most_per_second)

    def disk_bytes(self):
        """A bound for what a server writes: payloads, records, and padding of ackd's batches."""
        prepared = sum(
            int(arguments[arguments.index(option) + 1])
            for _, arguments in self.passes()
            for option in ("--list", "--pending")
            if option in arguments
        )
        records = self.jobs() * (self.size + 200 * self.ops + 60)
        padding = self.jobs() * self.ops * 4096 // self.together
        # What is prepared reaches a server at least two commands at a time.
        return (records + padding) * len(self.passes()) + prepared * (self.size + 2400)

    def slots(self):
        return self.disk_bytes() // peers.SLOT_BYTES + 3


def lpush(connections, pipeline):
    return (
        *("--workload", "enqueue", "--connections", str(connections)),
        *("--pipeline", str(pipeline)),
    )


def cycle(clients):
    number = str(clients)
    return ("--workload", "list-cycle", "--connections", number, "--workers", number)


def lrem_passes():
    for length in (10, 100000):
        for position in ("first", "middle", "last"):
            yield f"{length} {position}", ("--list", str(length), "--position", position)


def stream_cycle(batch, pipeline, *more):
    return (
        *("--workload", "stream-cycle", "--connections", "16", "--workers", "16"),
        *("--batch", str(batch), "--pipeline", str(pipeline), *more),
    )


def stream_rows():
    """The cycle on a stream, entry by entry and ten at a time, with and without XDEL."""
    for batch, pipeline, count in ((1, 1, 40000), (10, 16, 200000)):
        for end, commands, more in (("", "XACK", ()), ("-xdel", "XACK + XDEL", ("--delete",))):
            yield Row(
                name=f"stream-16-count{batch}{end}",
                title=f"stream cycle, COUNT {batch}, producers x pipeline {pipeline}, {commands}",
                load=stream_cycle(batch, pipeline, *more),
                unit="jobs a second",
                series="done",
                count=count,
                ops=4,
                together=4 * pipeline,
                is_default=True,
            )


def xautoclaim_passes(min_idle_ms, *pending):
    return tuple(
        (f"{number:,}", ("--pending", str(number), "--min-idle", str(min_idle_ms)))
        for number in pending
    )


def xautoclaim_rows():
    for name, title, min_idle_ms in (("all", "claims 10", 0), ("none", "may claim none", 3600000)):
        yield Row(
            name=f"xautoclaim-{name}",
            title=f"XAUTOCLAIM COUNT 10 p50, {title}, pending",
            load=("--workload", "xautoclaim"),
            unit="us",
            figure=("latency", "xautoclaim", "p50_us"),
            series="xautoclaim",
            size=100,
            count=5000,
            ops=4,
            against=xautoclaim_passes(min_idle_ms, 10, 10000, 1000000),
            quick_against=xautoclaim_passes(min_idle_ms, 10, 10000),
        )


def slow_rows():
    for delay_ms in (0, 1, 5):
        yield Row(
            name=f"slow-cycle-{delay_ms}ms",
            title=f"list cycle, 64 and 64, syncs + {delay_ms} ms",
            load=cycle(64),
            unit="jobs a second",
            series="done",
            seconds=3,
            most_per_second=60000,
            ops=3,
            together=16,
            delay_us=delay_ms * 1000,
        )
        yield Row(
            name=f"slow-lpush-{delay_ms}ms",
            title=f"LPUSH 1 KB, 50 connections x pipeline 16, syncs + {delay_ms} ms",
            load=lpush(50, 16),
            series="lpush",
            seconds=2,
            most_per_second=600000,
            together=16,
            delay_us=delay_ms * 1000,
        )


ROWS = [
    Row(
        name="lpush-100",
        title="LPUSH 100 B, 50 connections",
        load=lpush(50, 1),
        series="lpush",
        count=200000,
        size=100,
        together=8,
        is_default=True,
    ),
    Row(
        name="lpush-1k-50x16",
        title="LPUSH 1 KB, 50 connections x pipeline 16",
        load=lpush(50, 16),
        series="lpush",
        count=800000,
        together=32,
        is_default=True,
    ),
    Row(
        name="lpush-1k-200x16",
        title="LPUSH 1 KB, 200 connections x pipeline 16",
        load=lpush(200, 16),
        series="lpush",
        count=800000,
        together=32,
        is_default=True,
    ),
    Row(
        name="cycle-16",
        title="list cycle (LPUSH, BLMOVE, LREM), 16 producers, 16 workers, 1 KB",
        load=cycle(16),
        unit="jobs a second",
        series="done",
        count=40000,
        ops=3,
        together=4,
        is_default=True,
    ),
    Row(
        name="cycle-64",
        title="list cycle, 64 and 64",
        load=cycle(64),
        unit="jobs a second",
        series="done",
        count=60000,
        ops=3,
        together=8,
        is_default=True,
    ),
    Row(
        name="lpush-single",
        title="one connection, one LPUSH at a time",
        load=lpush(1, 1),
        series="lpush",
        count=15000,
        is_default=True,
    ),
    Row(
        name="ping-5ms",
        title="PING p99 beside 5,000 LPUSH a second, syncs + 5 ms",
        # An open loop: each server bears the same load, also those that do not wait for syncs.
        load=("--workload", "mixed", "--connections", "50", "--rate", "5000"),
        unit="us",
        figure=("latency", "ping", "p99_us"),
        series="ping",
        seconds=5,
        most_per_second=5000,
        together=8,
        delay_us=5000,
    ),
    Row(
        name="lrem",
        title="LREM p50, 1 KB jobs, list of",
        load=("--workload", "lrem"),
        unit="us",
        figure=("latency", "lrem", "p50_us"),
        series="lrem",
        count=500,
        ops=2,
        against=tuple(lrem_passes()),
    ),
    *stream_rows(),
    *xautoclaim_rows(),
    *slow_rows(),
]

# Not a load and a figure of it, but a procedure each; `compare` has them.
MEMORY_ROWS = {
    "memory": "memory for each queued 1 KB job (--jobs)",
    "memory-stream": "memory for each entry of a stream, and for each pending one (--jobs)",
}


def find(names):
    """The rows of these names, and the memory rows of them; a name ending in * stands for all
    that begin so."""
    known = [*[row.name for row in ROWS], *MEMORY_ROWS]
    wanted = []
    for name in names:
        same = [k for k in known if k == name or (name[-1:] == "*" and k.startswith(name[:-1]))]
        if not same:
            raise ValueError(f"there is no row {name}; there are {', '.join(known)}")
        wanted += same
    return [row for row in ROWS if row.name in wanted], [m for m in MEMORY_ROWS if m in wanted]
