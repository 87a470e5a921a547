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

    def quick(self):
        """The same in little time, to see that it runs."""
        changes = {"count": max(self.count // 20, 50)} if self.count else {"seconds": 0.5}
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
        lists = sum(int(a[a.index("--list") + 1]) for _, a in self.passes() if "--list" in a)
        records = self.jobs() * (self.size + 200 * self.ops + 60)
        padding = self.jobs() * self.ops * 4096 // self.together
        return (records + padding) * len(self.passes()) + lists * (self.size + 200)

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
    *slow_rows(),
]


def find(names):
    """The rows of these names; a name ending in * stands for all that begin so."""
    found = []
    for name in names:
        same = [
            row
            for row in ROWS
            if row.name == name or (name.endswith("*") and row.name.startswith(name[:-1]))
        ]
        if not same:
            known = ", ".join([row.name for row in ROWS] + ["memory"])
            raise ValueError(f"there is no row {name}; there are {known}")
        found += [row for row in same if row not in found]
    return found
