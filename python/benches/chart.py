"""Charts as SVG text: bars of ratios, and lines over logarithmic axes.

A chart brings its own background and follows the reader's choice of light or dark, so that it can be read on any page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

LIGHT = {
    "ground": "#ffffff",
    "text": "#1f2328",
    "faint": "#656d76",
    "grid": "#d8dee4",
    "faster": "#2f81b7",
    "slower": "#c4632b",
}
DARK = {
    "ground": "#0d1117",
    "text": "#e6edf3",
    "faint": "#8d96a0",
    "grid": "#30363d",
    "faster": "#58a6d8",
    "slower": "#e08a55",
}
LINES = ("#2f81b7", "#d0702f", "#3f9650", "#9a6bc9", "#c2466f", "#8a7a2c")
"""Of lines; readable on both grounds."""

WIDTH = 860
ROW = 22
LETTER = 6.4
"""About the width of a letter, which only a browser knows."""

STYLE = """<style>
  svg {{ {light}; font: 12px system-ui, sans-serif }}
  @media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}
  text {{ fill: var(--text) }} .faint {{ fill: var(--faint) }} .title {{ font-weight: 600 }}
  .end {{ text-anchor: end }} .middle {{ text-anchor: middle }}
  .ground {{ fill: var(--ground) }} .faster {{ fill: var(--faster) }} .slower {{ fill: var(--slower) }}
  .grid {{ stroke: var(--grid) }} .even {{ stroke: var(--faint) }} .spread {{ stroke: var(--text) }}
  .aim {{ stroke: var(--text); stroke-width: 2 }} .other {{ fill: none; stroke: var(--faint) }}
  polyline {{ fill: none; stroke-width: 2 }}
</style>""".format(
    light="; ".join(f"--{name}: {colour}" for name, colour in LIGHT.items()),
    dark="; ".join(f"--{name}: {colour}" for name, colour in DARK.items()),
)


@dataclass(frozen=True)
class Bar:
    """How many times as fast as the fastest peer Jam does something."""

    label: str
    peer: str
    low: float
    ratio: float
    high: float
    aim: float | None = None
    others: Sequence[float] = ()
    """The ratios to the other peers."""


@dataclass(frozen=True)
class Panel:
    """One of several sets of axes: named lines of `(x, y)`, all of them above 0."""

    title: str
    unit: str
    lines: dict[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Scale:
    """Puts numbers on a stretch of the picture, by their logarithms."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, number: float) -> float:
        """Where the number lies; what is outside lies at the end."""
        whole = math.log(self.high / self.low)
        part = math.log(min(max(number, self.low), self.high) / self.low) / whole
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round numbers: 1, 2 and 5 of each power of ten, or the powers alone if those are many."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if len(powers) <= 4 else (1,)
        return [tick for power in powers for step in steps if self.low <= (tick := step * 10.0**power) <= self.high]


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Bars from 1 to each row's ratio: to the right where Jam is faster, to the left where the peer is."""
    left = max(len(row.label) for row in rows) * LETTER + 24
    right = WIDTH - max(len(row.peer) for row in rows) * LETTER - 60
    shown = [number for row in rows for number in (row.low, row.high, row.aim or 1, *row.others)]
    scale = Scale(min(0.8, *shown), max(2.0, *shown), left, right)
    bottom = 40 + ROW * len(rows)
    parts = [_text(12, 22, title, "title"), _text(right, 22, "times as fast as the fastest peer", "faint end")]
    for tick in scale.ticks():
        parts.append(_line(scale(tick), 34, scale(tick), bottom, "even" if tick == 1 else "grid"))
        parts.append(_text(scale(tick), bottom + 16, f"{number(tick)}x", "faint middle"))
    for index, row in enumerate(rows):
        parts += _bar(row, scale, 40 + ROW * index)
    parts.append(
        _text(12, bottom + 38, "thin line: spread of the rounds; thick tick: the aim; rings: other peers", "faint")
    )
    return _picture(bottom + 50, title, parts)


def _bar(row: Bar, scale: Scale, top: float) -> Iterable[str]:
    middle = top + ROW / 2
    start, end = sorted((scale(1), scale(row.ratio)))
    yield _text(scale.start - 10, middle + 4, row.label, "end")
    kind = "faster" if row.ratio >= 1 else "slower"
    yield f'<rect class="{kind}" x="{start}" y="{top + 4}" width="{max(1, round(end - start, 1))}" height="{ROW - 8}"/>'
    yield _line(scale(row.low), middle, scale(row.high), middle, "spread")
    if row.aim:
        yield _line(scale(row.aim), top + 2, scale(row.aim), top + ROW - 2, "aim")
    for other in row.others:
        yield f'<circle class="other" cx="{scale(other)}" cy="{middle}" r="3"/>'
    yield _text(scale.end + 10, middle + 4, f"{factor(row.ratio)}x {row.peer}")


def lines(title: str, across: str, panels: Sequence[Panel]) -> str:
    """Panels, two beside each other, that share the names of their lines and what they are drawn over."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    width, height = WIDTH / 2, 260
    parts = [_text(12, 22, title, "title")]
    place = 12.0
    for index, name in enumerate(names):
        parts.append(f'<circle fill="{LINES[index]}" cx="{place + 4:g}" cy="40" r="4"/>')
        parts.append(_text(place + 14, 44, name))
        place += len(name) * LETTER + 36
    for index, panel in enumerate(panels):
        parts += _panel(panel, names, across, index % 2 * width, 56 + index // 2 * height, width, height)
    return _picture(56 + math.ceil(len(panels) / 2) * height + 8, title, parts)


def _panel(
    panel: Panel, names: list[str], across: str, left: float, top: float, width: float, height: float
) -> Iterable[str]:
    points = [point for line in panel.lines.values() for point in line]
    xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
    over = Scale(xs[0], xs[-1], left + 66, left + width - 24)
    up = Scale(round_below(min(ys)), round_above(max(ys)), top + height - 46, top + 30)
    yield _text(left + 12, top + 18, f"{panel.title} ({panel.unit})", "faint")
    for tick in up.ticks():
        yield _line(over.start, up(tick), over.end, up(tick), "grid")
        yield _text(over.start - 8, up(tick) + 4, number(tick), "faint end")
    for x in xs:
        yield _text(over(x), up.start + 16, number(x), "faint middle")
    yield _text((over.start + over.end) / 2, up.start + 34, across, "faint middle")
    for name, line in panel.lines.items():
        colour = LINES[names.index(name)]
        path = " ".join(f"{over(x)},{up(y)}" for x, y in line)
        yield f'<polyline stroke="{colour}" points="{path}"/>'
        for x, y in line:
            yield f'<circle fill="{colour}" cx="{over(x)}" cy="{up(y)}" r="3"/>'


def factor(ratio: float) -> str:
    """A ratio with as many digits as matter."""
    return f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.1f}" if ratio < 99.5 else f"{ratio:.0f}"


def number(value: float) -> str:
    """A number on an axis: `2`, `0.5`, `10 k`."""
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 1e4 else f"{value:g}"


def round_below(value: float) -> float:
    """The largest of 1, 2 and 5 of each power of ten that the number, above 0, is not below."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (5, 2, 1) if value >= step * power or step == 1)


def round_above(value: float) -> float:
    """The smallest of them that is above the number."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (2, 5, 10) if value < step * power)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"{f" class={kind!r}" if kind else ""}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _picture(height: float, title: str, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" height="{height:g}"',
            f'  viewBox="0 0 {WIDTH} {height:g}">',
            f"<title>{escape(title)}</title>",
            STYLE,
            f'<rect class="ground" width="{WIDTH}" height="{height:g}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )
