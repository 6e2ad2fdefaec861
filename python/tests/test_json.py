"""Python's objects to JSON and back, as claims of a token: exact, bounded, and refused with a path."""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import hashlib
import hmac
import json
import math
from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import pytest
from jam.exceptions import JamError, JamJWTMalformed, JamValidationError
from jam.jwt import JWT

SECRET = b"a secret of at least thirty-two bytes"
CODEC = JWT("HS256", SECRET)


class Text(str, enum.Enum):
    A = "a"


class Number(enum.IntEnum):
    A = 3


Pair = namedtuple("Pair", "left right")

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**64,
    -(10**300),
    1.5,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    0.1,
    "",
    "é\u2028😀\x7f",
    '\x00\x1f"\\\n\t\r\b\f/',
    [],
    {},
    (),
    [1, [2, (3, [])]],
    {"a": {"b": [1, {"c": None}], "": 0}},
    Text.A,
    Number.A,
    {Text.A: Number.A},
    OrderedDict(b=1, a=2),
    defaultdict(int, x=1),
    Pair(1, "b"),
]


def payload_text(token: str) -> bytes:
    payload = token.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


def token_of(payload: bytes) -> str:
    """A correctly signed token of any bytes."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"HS256","typ":"JWT"}', payload)]
    mac = hmac.digest(SECRET, b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_written_is_what_json_of_the_standard_library_reads(value: Any) -> None:
    token = CODEC.encode({"value": value})
    expected = json.loads(json.dumps({"value": value}))
    assert json.loads(payload_text(token)) == expected
    assert CODEC.decode(token) == expected


def test_the_order_of_members_is_kept() -> None:
    ordered = OrderedDict(b=1, a=2)
    ordered.move_to_end("b")
    assert payload_text(CODEC.encode({"z": 1, "o": ordered, "a": 2})) == b'{"z":1,"o":{"a":2,"b":1},"a":2}'


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (b"bytes", "value"),
        ([1, {"when": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)}], "value[1].when"),
        ({"a": {"b": {1, 2}}}, "value.a.b"),
        (decimal.Decimal(1), "value"),
        (object(), "value"),
        ([math.nan], "value[0]"),
        (math.inf, "value"),
        (-math.inf, "value"),
        ({"a": {1: 2}}, "value.a"),
        ({None: 1}, "value"),
        ("\ud800", "value"),
        (["ok", "a\udfffb"], "value[1]"),
        ({"\ud800": 1}, "value"),
        (10**5_000, "value"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_form_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(JamValidationError) as caught:
        CODEC.encode({"value": value})
    assert caught.value.details == {"path": path}
    assert str(caught.value).startswith(f"{path}: ")


def test_a_value_that_contains_itself_is_refused() -> None:
    itself: list[Any] = []
    itself.append(itself)
    mutual: dict[str, Any] = {"other": {}}
    mutual["other"]["back"] = mutual
    for value in (itself, mutual):
        with pytest.raises(JamValidationError, match="contains itself"):
            CODEC.encode({"value": value})


def test_a_value_that_doubles_with_each_level_is_refused_before_memory_ends() -> None:
    value: list[Any] = ["x" * 100]
    for _ in range(90):
        value = [value, value]
    with pytest.raises(JamValidationError, match="bytes of JSON"):
        CODEC.encode({"value": value})


def test_nesting_is_bounded_both_ways() -> None:
    """Attack 30."""
    value: list[Any] = []
    for _ in range(98):
        value = [value]
    assert CODEC.decode(CODEC.encode({"value": value})) == {"value": value}
    with pytest.raises(JamValidationError, match="more than 100"):
        CODEC.encode({"value": [value]})
    for payload in (b'{"a":' + b"[" * 50_000, b'{"a":' * 20_000):
        with pytest.raises(JamJWTMalformed):
            CODEC.decode(token_of(payload))


def test_objects_that_change_while_they_are_written_do_no_harm() -> None:
    class Clearing(dict[str, Any]):
        def items(self) -> Any:
            outer.clear()
            listed.clear()
            for number in range(1_000):
                outer[str(number)] = number
            return []

    outer: dict[str, Any] = {"a": 1, "clearing": Clearing(x=1), "z": [1]}
    listed: list[Any] = [1, Clearing(x=1), 2, 3]
    CODEC.encode(outer)
    assert payload_text(CODEC.encode({"listed": [1, Clearing(x=1)]})) == b'{"listed":[1,{}]}'


def test_a_dict_with_broken_items_is_refused() -> None:
    class Broken(dict[str, Any]):
        def items(self) -> Any:
            raise LookupError("a secret of the dict")

    with pytest.raises(JamValidationError, match="items") as caught:
        CODEC.encode({"value": Broken(x=1)})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":[-1e400]}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":[1,]}',
        b'{"a":1,}',
        b"{1:2}",
        b"{'a':1}",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\x01"}',
        b'{"a":"\\x41"}',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{}\x00",
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"secret-key":tru}',
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_what_is_no_json_is_refused_and_not_quoted(payload: bytes) -> None:
    """Attacks 26, 31 and 33."""
    with pytest.raises(JamJWTMalformed) as caught:
        CODEC.decode(token_of(payload))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_claims_are_an_object(payload: bytes) -> None:
    """Attack 35."""
    with pytest.raises(JamError):
        CODEC.decode(token_of(payload))


def test_numbers_are_read_exactly() -> None:
    read = CODEC.decode(token_of(b'{"a":[-0,-0.0,18446744073709551616,1E2,1.9,9007199254740993]}'))["a"]
    assert read == [0, -0.0, 2**64, 100.0, 1.9, 2**53 + 1]
    assert [type(number) for number in read] == [int, float, int, float, float, int]
