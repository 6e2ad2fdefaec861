"""What `make bench` computes of what it measures: statistics, charts and the page. Nothing is timed here."""

from __future__ import annotations

import asyncio
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "benches"))

import chart  # noqa: E402  (the folder is known only now)
import measure  # noqa: E402
import page  # noqa: E402
import reasons  # noqa: E402


def row(title: str = "JWT HS256, encode", **more: object) -> measure.Measured:
    """Jam needs 1 us, 2 us and 1 us; one peer twice, the other ten times as long."""
    seconds = {"jam": [1e-6, 2e-6, 1e-6], "near": [2e-6, 4e-6, 3e-6], "far": [10e-6, 20e-6, 10e-6]}
    return measure.Measured(**{"part": "jwt", "title": title, "seconds": seconds, **more})  # type: ignore[arg-type]


def loaded(tasks: int) -> measure.Measured:
    return row("session_get", part="sessions", tasks=tasks, p99={"jam": 1e-3, "near": 2e-3, "far": 3e-3})


def sized(size: int, direction: str) -> measure.Measured:
    return measure.Measured("sizes", f"JWT HS256, {direction}", {"jam": [1e-6 + 2e-9 * size] * 3}, bytes=size)


@pytest.fixture
def results() -> list[page.Results]:
    rows = [row(aims={"near": 3.0}), *map(loaded, (1, 16))]
    rows += [sized(size, direction) for size in (100, 1_000, 10_000) for direction in ("encode", "decode")]
    memory = {"jam": {"waiting task": 2_000.0, "idle connection": 30_000.0}}
    return [page.Results("Python", rows, memory, 1e-7), page.Results("Rust", [row("JWT ES256, sign")])]


def test_a_ratio_is_taken_within_a_round_and_the_median_of_the_rounds_counts() -> None:
    assert row().ratio("near") == measure.Ratio(2.0, 2.0, 3.0)
    assert row().peers() == ["near", "far"]


def test_turns_of_all_contestants_are_measured_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "TURN", 0.000_01)
    called: list[str] = []
    contestants: dict[str, measure.Call] = {"jam": lambda: called.append("jam"), "peer": lambda: called.append("peer")}
    measured = measure.measure(measure.Row("otp", "appending", contestants, {"peer": 1.0}))
    assert set(called) == {"jam", "peer"}
    assert {name: len(rounds) for name, rounds in measured.seconds.items()} == dict.fromkeys(
        ("jam", "peer"), measure.ROUNDS
    )


async def _nothing() -> None:
    return None


def test_under_load_each_task_does_its_share_and_the_slowest_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LOAD", {4: (8, 1)})
    measured = asyncio.run(measure.measure_load("sessions", "nothing", {"jam": _nothing, "peer": _nothing}, 4))
    assert measured.tasks == 4
    assert set(measured.p99) == {"jam", "peer"}
    assert len(measured.seconds["jam"]) == measure.ROUNDS


@pytest.mark.parametrize(("part", "expected"), [(0.99, 99), (0.5, 50), (1.0, 100), (0.0, 1)])
def test_a_quantile_is_one_of_the_numbers(part: float, expected: int) -> None:
    assert measure.quantile([float(number) for number in range(100, 0, -1)], part) == expected


def test_a_line_is_found_whatever_its_points_differ_in_size() -> None:
    start, slope, error = measure.linear_fit([(size, 3.0 + 0.5 * size) for size in (100, 1_000, 10_000, 100_000)])
    assert start == pytest.approx(3.0)
    assert slope == pytest.approx(0.5)
    assert error == pytest.approx(0.0, abs=1e-9)
    _, _, error = measure.linear_fit([(size, size**1.5) for size in (100, 1_000, 10_000)])
    assert error > 0.3


def test_an_aim_is_about_the_peer_that_it_names() -> None:
    assert page.aims(row(aims={"near": 3.0})) == [("near", 3.0, 2.0)]
    assert page.missed(row(aims={"near": 3.0})) == [("near", 3.0, 2.0)]
    assert page.missed(row(aims={"far": 10.0, measure.FASTEST: 1.0})) == []
    # One line for one peer: where it has an aim of its own that is higher, being faster is no news.
    assert page.aims(row(aims={"near": 1.5, measure.FASTEST: 1.0})) == [("near", 1.5, 2.0)]


def test_a_peer_that_is_faster_is_told_of_without_any_aim() -> None:
    slower = row()
    slower.seconds["near"] = [0.5e-6, 1e-6, 0.5e-6]
    assert page.missed(slower) == [("near", 1.0, 0.5)]
    # Two runs of one program differ by as much.
    slower.seconds["near"] = [0.99e-6, 1.98e-6, 0.99e-6]
    assert page.missed(slower) == []


def test_the_page_has_every_part_and_what_was_missed(results: list[page.Results]) -> None:
    text = page.page(results, ["- Machine: a machine."])
    for expected in (
        "## From Python",
        "## From Rust",
        "benchmarks/python-jwt.svg",
        "- Machine: a machine.",
        "no: 2.00x near",
        "| Python session_get | 16",
        "| Python | jam    | 2.0 kB",
        "| Python JWT HS256, encode | 1.20 us | 3.00 us | 21.00 us | 1.00 us | 2.00 ns   | 0%  |",
        "- **Python**: JWT HS256, encode (2.00x near instead of 3x). ",
        "costs 0.10 us more",
    ):
        assert expected in text
    titles = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| JWT")]
    assert len(titles) == len(set(titles))


def test_every_picture_of_the_page_is_made_and_is_well_formed(results: list[page.Results]) -> None:
    pictures, text = page.charts(results), page.page(results, [])
    assert set(pictures) == {line.split("benchmarks/")[1][:-1] for line in text.splitlines() if line.startswith("![")}
    for picture in pictures.values():
        root = ElementTree.fromstring(picture)
        assert root.tag.endswith("svg")
        assert "prefers-color-scheme: dark" in picture


def test_a_chart_escapes_its_labels_and_keeps_all_within_its_axes() -> None:
    bars = [chart.Bar("a < b & c", "peer", 0.4, 0.5, 0.6, aim=1.0), chart.Bar("d", "peer", 900, 1_000, 2_000)]
    root = ElementTree.fromstring(chart.bars("title", bars))
    assert "a < b & c" in [element.text for element in root.iter()]
    for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
        left, width = float(bar.get("x", 0)), float(bar.get("width", 0))
        assert 0 <= left <= left + width <= chart.WIDTH


@pytest.mark.parametrize(("value", "below", "above"), [(1, 1, 2), (3, 2, 5), (7, 5, 10), (0.03, 0.02, 0.05)])
def test_an_axis_ends_at_round_numbers(value: float, below: float, above: float) -> None:
    assert chart.round_below(value) == pytest.approx(below)
    assert chart.round_above(value) == pytest.approx(above)


def test_every_reason_is_about_rows_of_the_page() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    languages = {language: text.partition(f"## From {language}")[2] for language in ("Python", "Rust")}
    for beginning in reasons.REASONS:
        language, _, title = beginning.partition(": ")
        assert f"| {title}" in languages[language], beginning


def test_the_page_has_the_pictures_that_it_shows() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = {line.split("](")[1][:-1] for line in text.splitlines() if line.startswith("![")}
    assert shown
    assert shown == {f"benchmarks/{file.name}" for file in (ROOT / "docs" / "benchmarks").glob("*.svg")}
