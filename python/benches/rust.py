"""What `cargo bench` measured of the Rust face: crates/interop/benches/tokens.rs writes it to a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

from measure import Comparison

ROOT = Path(__file__).resolve().parent.parent.parent
MEASURED = ROOT / "target" / "rust-benches.json"
PEERS = ("josekit", "jsonwebtoken", "pasetors", "totp-rs", "aws-lc-rs")


def comparisons() -> list[Comparison]:
    """The comparisons of the last run."""
    rows = json.loads(MEASURED.read_text(encoding="utf-8"))
    return [Comparison(row["title"], "us", row["seconds"], row["target"]) for row in rows]


def versions() -> str:
    """The peers with their versions, as the lock file has them."""
    lock = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    found = {name: re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock) for name in PEERS}
    return ", ".join(f"{name} {match[1]}" for name, match in found.items() if match)
