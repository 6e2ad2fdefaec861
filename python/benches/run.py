"""Runs all comparisons, prints them aligned and writes them to docs/benchmarks.md. Use `make bench`."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import encryption
import otp
import paseto
import rust
import sessions
import signatures
import tokens
from measure import ROUNDS, Comparison

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples"))

from servers import redis_server  # noqa: E402  (the folder is known only now)

PEERS = ("oxyjwt", "PyJWT", "joserfc", "jwcrypto", "pyjosers", "pyseto", "fast-paseto", "pyotp", "redis")


async def measure_all() -> tuple[list[Comparison], float]:
    """Measures everything; Redis runs for as long as it is needed."""
    results = [
        *tokens.comparisons(),
        *signatures.comparisons(),
        *encryption.comparisons(),
        *paseto.comparisons(),
        *otp.comparisons(),
    ]
    with redis_server() as redis_uri:
        results += [comparison async for comparison in sessions.comparisons(redis_uri)]
    return results, await sessions.cost_of_awaiting()


def table(results: list[Comparison]) -> list[str]:
    """The comparisons as rows of a Markdown table."""
    rows = [("operation", "Jam", "peer", "its time", "Jam is faster by", "spread", "aim")]
    for result in results:
        for peer in result.seconds:
            if peer == "jam":
                continue
            low, middle, high = result.ratios(peer)
            aim = f"{result.target[peer]:g}x" if peer in result.target else ""
            cost, theirs = result.cost("jam") * 1e6, result.cost(peer) * 1e6
            rows.append(
                (
                    result.title,
                    f"{cost:.2f} us",
                    peer,
                    f"{theirs:.2f} us",
                    f"{factor(middle)}x",
                    f"{factor(low)} - {factor(high)}",
                    aim,
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def factor(ratio: float) -> str:
    """A ratio with as many digits as matter: those near to 1 decide."""
    return f"{ratio:.2f}" if ratio < 1.95 else f"{ratio:.1f}"


def report(results: list[Comparison], awaiting: float) -> str:
    """The page docs/benchmarks.md."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PEERS)
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Made by `make bench`. Each row times Jam and a peer in turn, "
            f"{ROUNDS} rounds in one run; the factor is the median of the rounds' ratios, the spread its ends.",
            "",
            "## From Python",
            "",
            "Of signatures, the fastest of PyJWT, oxyjwt, joserfc and jwcrypto is shown, each with a prepared key.",
            "",
            *table(results),
            "",
            f"Awaiting a method that does no I/O costs {awaiting:.2f} us more than its blocking twin (aim: 0.30).",
            "",
            f"Machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; "
            f"{platform.python_implementation()} {platform.python_version()}. Peers: {versions}.",
            "The Redis server ran on the same machine and shared its cores.",
            "",
            "## From Rust",
            "",
            *table(rust.comparisons()),
            "",
            f'Peers: {rust.versions()}; "the signature alone" is aws-lc-rs without any token around it.',
            "",
        ]
    )


def main() -> None:
    """Measures, prints and writes."""
    results, awaiting = asyncio.run(measure_all())
    page = report(results, awaiting)
    print(page)
    (ROOT / "docs" / "benchmarks.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
