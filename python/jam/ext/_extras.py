"""What is said where a framework is not installed."""

from __future__ import annotations


def missing(framework: str, extra: str) -> ImportError:
    """The error for an integration whose framework cannot be imported."""
    return ImportError(f'{framework} is not installed; run: pip install "jam-auth[{extra}]"', name=extra)
