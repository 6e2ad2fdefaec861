"""Times contestants in turn within one run and compares them round by round.

A machine's speed drifts; a ratio of two times taken right after each other drifts far less. So every round times each
contestant in short turns, the median of its turns counts, and ratios are taken within the round.
`crates/interop/src/lib.rs` does the same for Rust.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

ROUNDS = 9
"""How many ratios the median is taken of."""

TURNS = 61
"""How often each contestant is timed in a round."""

TURN = 0.000_5
"""For how many seconds a contestant runs in a turn: so short that other programs rarely get the processor within it."""

LOAD = {1: (150, 5), 16: (640, 3), 256: (2048, 2), 2048: (4096, 1)}
"""For each number of tasks: the operations of a turn, and the turns of a round."""

FASTEST = "fastest"
"""In the place of a peer's name: whichever is the fastest."""

Call = Callable[[], object]
Operation = Callable[[], Awaitable[object]]


@dataclass
class Row:
    """One operation to be measured: who does it (Jam is `jam`), and how many times as fast as a peer Jam is to be."""

    part: str
    title: str
    contestants: dict[str, Call]
    aims: dict[str, float] = field(default_factory=dict[str, float])
    bytes: int | None = None
    """How long the payload is, where the row is one of several that differ in that."""


@dataclass
class Measured:
    """What was measured of a row. The Rust benches write the same as JSON."""

    part: str
    title: str
    seconds: dict[str, list[float]]
    """For one operation, of each contestant in each round."""
    aims: dict[str, float] = field(default_factory=dict[str, float])
    bytes: int | None = None
    tasks: int | None = None
    """How many tasks asked at the same time."""
    p99: dict[str, float] = field(default_factory=dict[str, float])
    """The seconds within which 99 of 100 operations of a contestant were done."""

    def cost(self, name: str = "jam") -> float:
        """The median of a contestant's seconds for one operation."""
        return statistics.median(self.seconds[name])

    def peers(self) -> list[str]:
        """All but Jam, the fastest first."""
        return sorted((name for name in self.seconds if name != "jam"), key=self.cost)

    def ratio(self, peer: str) -> Ratio:
        """How many times as fast as the peer Jam is."""
        pairs = zip(self.seconds[peer], self.seconds["jam"], strict=True)
        return Ratio.of([theirs / ours for theirs, ours in pairs])


@dataclass(frozen=True)
class Ratio:
    """The smallest, the median and the largest of the rounds' ratios."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        """Of one ratio for each round."""
        return cls(min(ratios), statistics.median(ratios), max(ratios))


def measure(row: Row) -> Measured:
    """Times functions that are called over and over."""
    counts = {name: _calls_per_turn(call) for name, call in row.contestants.items()}
    measured = Measured(row.part, row.title, {name: [] for name in row.contestants}, row.aims, row.bytes)
    for _ in range(ROUNDS):
        turns: dict[str, list[float]] = {name: [] for name in row.contestants}
        gc.collect()
        gc.disable()
        try:
            for _ in range(TURNS):
                for name, call in row.contestants.items():
                    turns[name].append(_seconds_of(call, counts[name]) / counts[name])
        finally:
            gc.enable()
        for name, taken in turns.items():
            measured.seconds[name].append(statistics.median(taken))
    return measured


async def measure_load(part: str, title: str, operations: dict[str, Operation], tasks: int) -> Measured:
    """Times operations that so many tasks await over and over at the same time."""
    count, turns = LOAD[tasks]
    measured = Measured(part, title, {name: [] for name in operations}, tasks=tasks)
    latencies: dict[str, list[float]] = {name: [] for name in operations}
    for operation in operations.values():
        # The clients connect, and then run warm.
        await _in_tasks(operation, tasks, count)
    for _ in range(ROUNDS):
        taken: dict[str, list[float]] = {name: [] for name in operations}
        for _ in range(turns):
            for name, operation in operations.items():
                gc.collect()
                start = time.perf_counter()
                latencies[name] += await _in_tasks(operation, tasks, count)
                taken[name].append((time.perf_counter() - start) / count)
        for name, seconds in taken.items():
            measured.seconds[name].append(statistics.median(seconds))
    measured.p99 = {name: quantile(taken, 0.99) for name, taken in latencies.items()}
    return measured


def quantile(numbers: list[float], part: float) -> float:
    """The smallest of the numbers that at least such a part of them does not exceed."""
    return sorted(numbers)[max(0, -int(-len(numbers) * part // 1) - 1)]


def linear_fit(points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The line through `(x, y)` with the least relative errors; the largest point alone would else decide.

    Gives `y` at 0, `y` for each `x`, and the largest relative error.
    """
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    covariance = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True))
    slope = covariance / sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    start = mean_y - slope * mean_x
    return start, slope, max(abs(start + slope * x - y) / y for x, y in points)


def progress(done: int, rows: int, measured: Measured) -> None:
    """One line for each row, while it runs."""
    against = ", ".join(f"{measured.ratio(peer).median:.2f}x {peer}" for peer in measured.peers())
    size = f", {measured.bytes} bytes" if measured.bytes else ""
    tasks = f", {measured.tasks} tasks" if measured.tasks else ""
    own = f"{measured.cost() * 1e6:.2f} us"
    print(f"  Python {done} of {rows}: {measured.title}{size}{tasks}: {own}, {against}".rstrip(", "), file=sys.stderr)


def _calls_per_turn(call: Call) -> int:
    count = 1
    while True:
        # The shortest of several: the first call prepares things, and another program may have been on.
        spent = min(_seconds_of(call, count) for _ in range(5))
        if spent > TURN / 4:
            return max(1, int(count * TURN / spent))
        count *= 4


def _seconds_of(call: Call, count: int) -> float:
    repeat = range(count)
    start = time.perf_counter()
    for _ in repeat:
        call()
    return time.perf_counter() - start


async def _in_tasks(operation: Operation, tasks: int, count: int) -> list[float]:
    """Does the operation `count` times; gives how long each took."""
    clock = time.perf_counter
    latencies: list[float] = []

    async def work() -> None:
        before = clock()
        for _ in range(count // tasks):
            await operation()
            after = clock()
            latencies.append(after - before)
            before = after

    await asyncio.gather(*(work() for _ in range(tasks)))
    return latencies
