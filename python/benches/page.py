"""Makes docs/benchmarks.md and its charts of what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chart
from chart import factor
from measure import FASTEST, ROUNDS, TURNS, Measured, linear_fit
from reasons import reason

PARTS = {
    "jwt": "Signed tokens",
    "jwe": "Encrypted tokens",
    "paseto": "PASETO",
    "otp": "One-time passwords",
    "sessions": "Sessions on Redis",
    "sizes": "A token's cost over its size",
}

EQUAL = 0.98
"""From which part of an aim on it counts as met: two runs of one program differ by as much."""


@dataclass
class Results:
    """What was measured in one language."""

    language: str
    rows: list[Measured]
    memory: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    """Bytes of a waiting task and of an idle connection, by client."""
    awaiting: float | None = None
    """The seconds that `await` adds to a call without I/O."""

    @classmethod
    def read(cls, language: str, file: Path) -> Results:
        """What a run has written down as JSON."""
        written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(language, [Measured(**row) for row in written.pop("rows")], **written)

    def of(self, part: str) -> list[Measured]:
        """The rows of a part, those without peers left out."""
        return [row for row in self.rows if row.part == part and row.peers()]


def page(results: Sequence[Results], machine: Iterable[str]) -> str:
    """The whole page."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`. In each row, Jam and its peers take turns of half a millisecond, "
        f"{TURNS} in each of {ROUNDS} rounds; the median of a round's turns counts. *Times as fast* is the median of "
        "the rounds' ratios to the fastest peer, *spread* the smallest and the largest of them. An aim names the peer "
        f"that it is about, and is met from {EQUAL:.0%} on. All libraries have their keys prepared where they can.",
        "",
        *machine,
        "",
    ]
    for each in results:
        lines += [f"## From {each.language}", ""]
        for part, title in PARTS.items():
            if rows := each.of(part):
                picture = chart_name(each, part)
                lines += [
                    f"### {title}",
                    "",
                    f"![{title}, {each.language}](benchmarks/{picture})",
                    "",
                    *table(rows),
                    "",
                ]
        if each.awaiting is not None:
            awaiting = each.awaiting * 1e6
            lines += [
                f"Awaiting a method that does no I/O costs {awaiting:.2f} us more than its blocking twin (aim: 0.30).",
                "",
            ]
    lines += [*under_load(results), *over_sizes(results), *shortfalls(results)]
    return "\n".join(lines).rstrip() + "\n"


def charts(results: Sequence[Results]) -> dict[str, str]:
    """The pictures of the page, by the names of their files."""
    pictures = {}
    for each in results:
        for part, title in PARTS.items():
            if rows := each.of(part):
                pictures[chart_name(each, part)] = chart.bars(
                    f"{title}, from {each.language}", [bar(row) for row in rows]
                )
    load = [panel for operation in ("session_get", "session_create") for panel in load_panels(results, operation)]
    if load:
        pictures["load.svg"] = chart.lines("Sessions on Redis over tasks at the same time", "tasks", load)
    sizes = [panel for each in results for panel in size_panels(each)]
    if sizes:
        pictures["sizes.svg"] = chart.lines("A token's cost over the size of its payload", "bytes", sizes)
    return pictures


def chart_name(results: Results, part: str) -> str:
    """The file of a part's bars."""
    return f"{results.language.lower()}-{part}.svg"


def name(row: Measured) -> str:
    """The title of a row with what it differs in from its neighbours."""
    if row.tasks:
        return f"{row.title}, {row.tasks} task{'s' if row.tasks > 1 else ''}"
    return f"{row.title}, {size_name(row.bytes)}" if row.bytes else row.title


def size_name(size: int) -> str:
    """A length in words."""
    return f"{size // 1000} kB" if size >= 1000 else f"{size} B"


def aims(row: Measured) -> list[tuple[str, float, float]]:
    """Each aim of a row: the peer, how many times as fast Jam is meant to be, and how many times it is."""
    fastest = row.peers()[0]
    named = {peer: aim for peer, aim in row.aims.items() if peer != FASTEST}
    # What holds of the fastest peer says nothing new where a higher aim is set for just that one.
    if FASTEST in row.aims and row.aims[FASTEST] > named.get(fastest, 0):
        named[fastest] = row.aims[FASTEST]
    return [(peer, aim, row.ratio(peer).median) for peer, aim in named.items()]


def missed(row: Measured) -> list[tuple[str, float, float]]:
    """The aims that were missed, and 1 for a peer that is faster."""
    found = [(peer, aim, ratio) for peer, aim, ratio in aims(row) if ratio < aim * EQUAL]
    fastest = row.peers()[0]
    ratio = row.ratio(fastest).median
    if ratio < EQUAL and fastest not in row.aims and not any(peer == fastest for peer, _, _ in found):
        found.append((fastest, 1.0, ratio))
    return found


def bar(row: Measured) -> chart.Bar:
    """A row as a bar of its chart."""
    fastest, *others = row.peers()
    ratio = row.ratio(fastest)
    aim = next((aim for peer, aim, _ in aims(row) if peer == fastest), None)
    return chart.Bar(
        name(row), fastest, ratio.low, ratio.median, ratio.high, aim, [row.ratio(other).median for other in others]
    )


def table(rows: Sequence[Measured]) -> list[str]:
    """Rows against the fastest of their peers."""
    cells = []
    for row in rows:
        fastest = row.peers()[0]
        ratio = row.ratio(fastest)
        wanted = ", ".join(f"{aim:g}x {peer}" for peer, aim, _ in aims(row))
        short = ", ".join(f"{factor(ratio)}x {peer}" for peer, aim, ratio in aims(row) if ratio < aim * EQUAL)
        cells.append(
            (
                name(row),
                microseconds(row.cost()),
                fastest,
                microseconds(row.cost(fastest)),
                f"{factor(ratio.median)}x",
                f"{factor(ratio.low)} - {factor(ratio.high)}",
                wanted,
                (f"no: {short}" if short else "yes") if wanted else "",
            )
        )
    return markdown(("operation", "Jam", "fastest peer", "its time", "times as fast", "spread", "aim", "met"), cells)


def under_load(results: Sequence[Results]) -> Iterable[str]:
    """What happens as more and more tasks ask Redis at the same time."""
    rows = [(each, row) for each in results for row in each.rows if row.tasks]
    if not rows:
        return
    yield from ("## Sessions on Redis over tasks at the same time", "", "![over tasks](benchmarks/load.svg)", "")
    cells = [
        (
            f"{each.language} {row.title}",
            f"{row.tasks}",
            client,
            f"{1 / row.cost(client):.0f}",
            f"{row.p99[client] * 1e3:.2f} ms",
        )
        for each, row in rows
        for client in ("jam", *row.peers())
    ]
    yield from markdown(("operation", "tasks", "client", "per second", "99 % within"), cells)
    yield ""
    cells = [
        (each.language, client, *(f"{taken[what] / 1000:.1f} kB" for what in ("waiting task", "idle connection")))
        for each in results
        for client, taken in each.memory.items()
    ]
    if cells:
        yield from (
            "Memory that the system gives a process for each task that waits for an answer, and for each client with",
            "one connection that is idle:",
            "",
            *markdown(("", "client", "waiting task", "idle connection"), cells),
            "",
        )


def load_panels(results: Sequence[Results], operation: str) -> Iterable[chart.Panel]:
    """Throughput and 99th percentile of an operation, in each language."""
    for each in results:
        rows = [row for row in each.rows if row.tasks and row.title == operation]
        if rows:
            throughput: dict[str, list[tuple[float, float]]] = {}
            latency: dict[str, list[tuple[float, float]]] = {}
            for row in rows:
                for client in ("jam", *sorted(row.peers())):
                    throughput.setdefault(client, []).append((row.tasks or 0, 1 / row.cost(client)))
                    latency.setdefault(client, []).append((row.tasks or 0, row.p99[client] * 1e3))
            yield chart.Panel(f"{each.language} {operation}", "per second", throughput)
            yield chart.Panel(f"{each.language} {operation}", "99 % within ms", latency)


def over_sizes(results: Sequence[Results]) -> Iterable[str]:
    """That a token's cost grows with its payload, and no faster."""
    cells = []
    for each in results:
        for title, points in size_lines(each).items():
            start, slope, error = linear_fit(points)
            costs = [microseconds(seconds) for _, seconds in points]
            cells.append(
                (f"{each.language} {title}", *costs, microseconds(start), f"{slope * 1e9:.2f} ns", f"{error:.0%}")
            )
    if not cells:
        return
    sizes = [size_name(int(size)) for size, _ in points]
    yield from (
        "## A token's cost over the size of its payload",
        "",
        "![over size](benchmarks/sizes.svg)",
        "",
        "*Fixed* and *each byte* are the line through the four costs, *off* how far the farthest of them lies from it.",
        "",
        *markdown(("token", *sizes, "fixed", "each byte", "off"), cells),
        "",
    )


def size_lines(results: Results) -> dict[str, list[tuple[float, float]]]:
    """What Jam needs for each size, by what is done."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in results.rows:
        if row.bytes:
            found.setdefault(row.title, []).append((row.bytes, row.cost()))
    return found


def size_panels(results: Results) -> Iterable[chart.Panel]:
    """One panel for each direction, a line for each kind of token."""
    for direction in ("encode", "decode"):
        ending = f", {direction}"
        lines = {
            title.removesuffix(ending): [(size, seconds * 1e6) for size, seconds in points]
            for title, points in size_lines(results).items()
            if title.endswith(ending)
        }
        if lines:
            yield chart.Panel(f"{results.language}, {direction}", "us", lines)


def shortfalls(results: Sequence[Results]) -> Iterable[str]:
    """Where a peer is faster or an aim is missed, and why; rows with the same reason stand together."""
    yield from ("## Where a peer is faster, or an aim is missed", "")
    found: dict[tuple[str, str], list[str]] = {}
    for each in results:
        for row in each.rows:
            for peer, aim, ratio in missed(row) if row.peers() else ():
                wanted = f" instead of {aim:g}x" if aim != 1 else ""
                why = reason(each.language, name(row))
                found.setdefault((each.language, why), []).append(f"{name(row)} ({factor(ratio)}x {peer}{wanted})")
    for (language, why), rows in found.items():
        yield f"- **{language}**: {'; '.join(rows)}. {why}"
    if not found:
        yield "Nowhere in this run."


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose source can be read, too."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def microseconds(seconds: float) -> str:
    """A time with the digits that matter."""
    value = seconds * 1e6
    return f"{value:.2f} us" if value < 100 else f"{value:.0f} us"
