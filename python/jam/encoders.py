"""Serializers: what turns payloads and session data into bytes and back."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

__all__ = ["BaseEncoder", "JsonEncoder"]


class BaseEncoder(ABC):
    """A serializer of the user's own, given as `serializer` to a facade or a module.

    The class itself is given, or an object of it. For tokens, `dumps` must write a JSON object (RFC 7519
    section 7.1).
    """

    @classmethod
    @abstractmethod
    def dumps(cls, var: dict[str, Any]) -> bytes:
        """Writes a dict as bytes."""
        raise NotImplementedError

    @classmethod
    @abstractmethod
    def loads(cls, var: str | bytes) -> dict[str, Any]:
        """Reads what `dumps` wrote."""
        raise NotImplementedError


class JsonEncoder(BaseEncoder):
    """JSON by Python's own module: compact, keys sorted.

    Without any serializer Jam writes and reads JSON in Rust, which is faster; this class is a base for
    serializers that differ in one point.
    """

    @classmethod
    def dumps(cls, var: dict[str, Any]) -> bytes:
        """Writes a dict as JSON."""
        return json.dumps(var, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def loads(cls, var: str | bytes) -> dict[str, Any]:
        """Reads JSON; NaN, infinities and duplicate members are refused."""
        return json.loads(var, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("the JSON has one member twice")
    return members


def _refuse_constant(_: str) -> Any:
    raise ValueError("NaN and infinities are no JSON")
