"""Times contestants in turn within one run and compares them round by round.

A machine's speed drifts; a ratio of two times taken right after each other drifts far less. So every round
times each contestant once, ratios are taken within the round, and the median of the rounds is reported with
the smallest and the largest.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

ROUNDS = 9
ROUND_SECONDS = 0.15


@dataclass
class Comparison:
    """One operation, done by Jam and by its peers."""

    title: str
    unit: str
    seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    target: dict[str, float] = field(default_factory=dict[str, float])

    def cost(self, name: str) -> float:
        """The median of a contestant's seconds per operation."""
        return statistics.median(self.seconds[name])

    def ratios(self, peer: str, name: str = "jam") -> tuple[float, float, float]:
        """How many times as fast as the peer: smallest, median and largest of the rounds."""
        pairs = zip(self.seconds[peer], self.seconds[name], strict=True)
        ratios = sorted(theirs / ours for theirs, ours in pairs)
        return ratios[0], statistics.median(ratios), ratios[-1]


def compare(
    title: str, contestants: dict[str, Callable[[], object]], target: dict[str, float] | None = None
) -> Comparison:
    """Times functions that are called over and over; Jam's is named `jam`."""
    result = Comparison(title, "us", {name: [] for name in contestants}, target or {})
    counts = {name: _calls_per_round(function) for name, function in contestants.items()}
    for _ in range(ROUNDS):
        for name, function in contestants.items():
            result.seconds[name].append(_seconds_per_call(function, counts[name]))
    _progress(title)
    return result


async def compare_async(
    title: str,
    contestants: dict[str, Callable[[int], Awaitable[None]]],
    operations: int,
    target: dict[str, float] | None = None,
) -> Comparison:
    """Times coroutines that do the given number of operations each time they are awaited."""
    result = Comparison(title, "us", {name: [] for name in contestants}, target or {})
    for run in contestants.values():
        await run(operations // 4)
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            gc.collect()
            start = time.perf_counter()
            await run(operations)
            result.seconds[name].append((time.perf_counter() - start) / operations)
    _progress(title)
    return result


def _calls_per_round(function: Callable[[], object]) -> int:
    count = 1
    while (spent := _seconds_per_call(function, count) * count) < ROUND_SECONDS / 10:
        count *= 4
    return max(1, int(count * ROUND_SECONDS / spent))


def _seconds_per_call(function: Callable[[], object], count: int) -> float:
    repeat = range(count)
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in repeat:
            function()
        return (time.perf_counter() - start) / count
    finally:
        if enabled:
            gc.enable()


def _progress(title: str) -> None:
    print(f"  measured: {title}", file=sys.stderr, flush=True)
