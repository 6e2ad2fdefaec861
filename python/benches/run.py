"""Measures Jam against its peers, and writes docs/benchmarks.md with its charts. Use `make bench`.

With `--only jwt,sessions`, only those parts are measured, and the page is printed instead of written.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import encryption
import memory
import otp
import page
import paseto
import sessions
import signatures
import sizes
from measure import Row, measure, progress

ROOT = Path(__file__).resolve().parent.parent.parent
MEASURED = ROOT / "target" / "benches"
sys.path.insert(0, str(ROOT / "examples"))

from servers import redis_server  # noqa: E402  (the folder is known only now)

ROWS: dict[str, Callable[[], Iterator[Row]]] = {
    "jwt": signatures.rows,
    "jwe": encryption.rows,
    "paseto": paseto.rows,
    "otp": otp.rows,
    "sizes": sizes.rows,
}

PYTHON_PEERS = (
    "oxyjwt",
    "PyJWT",
    "joserfc",
    "jwcrypto",
    "pyjosers",
    "pyseto",
    "fast-paseto",
    "pyotp",
    "redis",
    "coredis",
    "starsessions",
)
RUST_PEERS = (
    "josekit",
    "jsonwebtoken",
    "pasetors",
    "totp-rs",
    "aws-lc-rs",
    "redis",
    "tower-sessions-redis-store",
    "fred",
)


def parts_to_measure(only: str) -> list[str]:
    """All parts, or those that are named."""
    parts = [part for part in re.split(r"[,\s]+", only) if part] or list(page.PARTS)
    for part in parts:
        if part not in page.PARTS:
            raise SystemExit(f"there is no part {part!r}; the parts are {', '.join(page.PARTS)}")
    return parts


async def measure_all(parts: list[str]) -> page.Results:
    """Measures the parts from Python; Redis runs for as long as it is needed."""
    rows = [row for part, rows_of in ROWS.items() if part in parts for row in rows_of()]
    total = len(rows) + (sessions.ROWS if "sessions" in parts else 0)
    results = page.Results("Python", [])
    for row in rows:
        results.rows.append(measure(row))
        progress(len(results.rows), total, results.rows[-1])
    if "sessions" in parts:
        with redis_server() as redis_uri:
            async for measured in sessions.measured(redis_uri):
                results.rows.append(measured)
                progress(len(results.rows), total, measured)
            results.memory = memory.measured(redis_uri)
        results.awaiting = await sessions.cost_of_awaiting()
    return results


def machine() -> Iterator[str]:
    """What was measured on, and with which versions."""
    python = {name: importlib.metadata.version(name) for name in PYTHON_PEERS}
    rust = locked_versions((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    yield f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}."
    interpreter = f"{platform.python_implementation()} {platform.python_version()}"
    yield f"- {interpreter}, {output_of('rustc', '--version').partition(' (')[0]}, {redis_version()}."
    yield f"- Peers from Python: {', '.join(f'{name} {version}' for name, version in python.items())}."
    yield f"- Peers from Rust: {', '.join(f'{name} {version}' for name, version in rust.items())}."
    yield "- Not measured: jwt-simple, which brings the crate `rsa` (RUSTSEC-2023-0071) or builds BoringSSL."
    yield "- The Redis server ran on the same machine and shared its cores."


def locked_versions(lock: str) -> dict[str, str]:
    """The Rust peers with their versions, as the lock file has them."""
    found = {name: re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock) for name in RUST_PEERS}
    return {name: match[1] for name, match in found.items() if match}


def processor() -> str:
    """The name that the processor gives itself, where the system tells it."""
    information = Path("/proc/cpuinfo")
    text = information.read_text(encoding="utf-8") if information.exists() else ""
    match = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or "unknown processor"


def redis_version() -> str:
    """The server's name and version."""
    text = output_of(os.environ.get("JAM_REDIS_SERVER", "redis-server"), "--version")
    match = re.search(r"^(\w+) server v=(\S+)", text)
    return f"{match[1]} {match[2]}" if match else text


def output_of(*command: str) -> str:
    """What a program prints, on one line."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> None:
    """Measures, and prints or writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", default="", help="the parts to measure, separated by commas")
    arguments.add_argument("--page", action="store_true", help="measure nothing: make the page of the last run")
    options = arguments.parse_args()
    parts, start = parts_to_measure(options.only), time.monotonic()
    MEASURED.mkdir(parents=True, exist_ok=True)
    if not options.page:
        results = asyncio.run(measure_all(parts))
        written = {key: value for key, value in dataclasses.asdict(results).items() if key != "language"}
        (MEASURED / "python.json").write_text(json.dumps(written), encoding="utf-8")
        print(f"  Python: {time.monotonic() - start:.0f} seconds", file=sys.stderr)
    measured = [page.Results.read(name, MEASURED / f"{name.lower()}.json") for name in ("Python", "Rust")]
    text = page.page(measured, machine())
    print(text)
    if not options.only:
        write(text, page.charts(measured))


def write(text: str, pictures: dict[str, str]) -> None:
    """Puts the page and its charts where they belong, and takes away what was there."""
    (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    folder = ROOT / "docs" / "benchmarks"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
