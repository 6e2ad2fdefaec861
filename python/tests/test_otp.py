"""One-time passwords: the RFCs' examples, pyotp, and what must be refused."""

from __future__ import annotations

import json
import logging
import os
import pickle
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from jam import Jam
from jam.exceptions import JamValidationError
from jam.otp import HOTP, TOTP
from jam.utils import generate_otp_key
from pyotp import hotp as their_hotp
from pyotp import parse_uri
from pyotp import totp as their_totp

RFC_SECRET = b"12345678901234567890"
RFC_BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
# RFC 4226 appendix D.
RFC_CODES = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "otp" / "otp.json"


@pytest.mark.parametrize(
    "secret", [RFC_SECRET, RFC_BASE32, RFC_BASE32.lower(), "GEZD-GNBV GY3T QOJQ gezdgnbvgy3tqojq=="]
)
def test_codes_are_those_of_rfc_4226(secret: str | bytes) -> None:
    hotp = HOTP(secret)
    assert [hotp.at(counter) for counter in range(10)] == RFC_CODES


@pytest.mark.parametrize(
    ("digest", "length", "code"), [("sha1", 20, "94287082"), ("sha256", 32, "46119246"), ("sha512", 64, "90693936")]
)
def test_codes_are_those_of_rfc_6238(digest: Any, length: int, code: str) -> None:
    totp = TOTP((b"1234567890" * 7)[:length], 8, digest)
    assert totp.at(59) == code
    assert totp.verify(code, 59, 0)


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
def test_codes_are_those_of_the_published_vectors() -> None:
    vectors = json.loads(VECTORS.read_text())
    for case in vectors["totp"]:
        secret = vectors["secrets_base32"][case["algorithm"]]
        totp = TOTP(secret, case["digits"], case["algorithm"].lower(), case["period"])
        assert totp.at(case["time"]) == case["code"]
        assert totp.verify_step(case["code"], case["time"], 0) == case["step"]


@pytest.mark.parametrize("digits", [6, 7, 8, 10])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("interval", [1, 30, 60])
def test_pyotp_and_jam_accept_each_others_codes(digits: int, digest: Any, interval: int) -> None:
    # fault 31: every parameter counts
    secret = generate_otp_key()
    theirs = their_totp.TOTP(secret, digits=digits, digest=digest, interval=interval)
    ours = TOTP(secret, digits, digest, interval)
    for moment in (0, 59, 1_700_000_000, 20_000_000_000):
        assert ours.at(moment) == theirs.at(moment)
        assert ours.verify(theirs.at(moment), moment, 0)
        assert theirs.verify(ours.at(moment), for_time=moment)  # pyright: ignore[reportArgumentType]
    their_counter, our_counter = their_hotp.HOTP(secret, digits=digits, digest=digest), HOTP(secret, digits, digest)
    for counter in (0, 1, 2**31, 2**63):
        assert our_counter.at(counter) == their_counter.at(counter)


def test_pyotp_reads_the_uri() -> None:
    ours = TOTP(RFC_BASE32, 8, "sha256", 60)
    theirs = parse_uri(ours.provisioning_uri("ann@example.com", "My App"))
    assert isinstance(theirs, their_totp.TOTP)
    assert (theirs.name, theirs.issuer, theirs.interval, theirs.digits) == ("ann@example.com", "My App", 60, 8)
    assert theirs.at(1_700_000_000) == ours.at(1_700_000_000)
    hotp = parse_uri(HOTP(RFC_BASE32).provisioning_uri("ann", "App", 7))
    assert isinstance(hotp, their_hotp.HOTP)
    assert hotp.initial_count == 7


@pytest.mark.parametrize("name", ["a:b&secret=x", "x y", "ä/ö", "a+b@c", "100%", "?#"])
def test_uri_parts_cannot_break_out_of_their_place(name: str) -> None:
    # attack 54, fault 23
    uri = TOTP(RFC_SECRET).provisioning_uri(name, name)
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("otpauth", "totp", "")
    label = parts.path[1:]
    assert label.count(":") == 1
    assert [unquote(part) for part in label.split(":")] == [name, name]
    assert parse_qs(parts.query, strict_parsing=True) == {
        "secret": [RFC_BASE32],
        "issuer": [name],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert "+" not in uri


def test_the_uri_is_of_the_configured_type() -> None:
    # fault 23
    hotp = Jam(config={"otp": {"type": "hotp", "digits": 8, "digest": "sha512"}})
    uri = hotp.otp_uri(RFC_SECRET, "ann", "App", counter=3)
    assert uri == f"otpauth://hotp/App:ann?secret={RFC_BASE32}&issuer=App&algorithm=SHA512&digits=8&counter=3"


def test_the_secret_of_the_page_is_its_three_bytes() -> None:
    assert TOTP("secret").at(59) == TOTP(bytes([0x91, 0x05, 0x12])).at(59) == TOTP("SECRE").at(59)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "28708",
        "2870820",
        "+87082",
        "-87082",
        " 87082",
        "28 082",
        "287082\n",
        "\uff12\uff18\uff17\uff10\uff18\uff12",
        "28708a",
        "\ud800" * 6,
    ],
)
def test_only_ascii_digits_of_the_exact_length_are_compared(code: str) -> None:
    # attack 52
    assert HOTP(RFC_SECRET).verify(code, 1, 10) is False
    assert TOTP(RFC_SECRET).verify(code, 59, 10) is False
    assert TOTP(RFC_SECRET).verify_step(code, 59, 10) is None


@pytest.mark.parametrize("secret", ["", b"", " ", "A", "====", "ABC1", "AB8", "AB=CD", "ä", "\ud800", "A\0"])
def test_what_is_no_secret_is_refused(secret: str | bytes) -> None:
    # attack 53
    for make in (HOTP, TOTP):
        with pytest.raises(JamValidationError):
            make(secret)


@pytest.mark.parametrize("digits", [-1, 0, 5, 11, 10**9, 10**30])
def test_other_numbers_of_digits_are_refused(digits: int) -> None:
    # attack 53, fault 23
    for make in (HOTP, TOTP):
        with pytest.raises(JamValidationError):
            make(RFC_SECRET, digits)


def test_other_parameters_out_of_range_are_refused() -> None:
    # attack 53
    totp, hotp = TOTP(RFC_SECRET), HOTP(RFC_SECRET)
    refused: list[Any] = [
        lambda: TOTP(RFC_SECRET, 6, "md5"),  # pyright: ignore[reportArgumentType]
        lambda: TOTP(RFC_SECRET, 6, "sha1", 0),
        lambda: TOTP(RFC_SECRET, 6, "sha1", -30),
        lambda: totp.at(-1),
        lambda: totp.at(10**30),
        lambda: totp.verify("000000", -1),
        lambda: totp.verify("000000", 0, -1),
        lambda: totp.verify("000000", 0, 11),
        lambda: totp.verify("000000", 0, 10**6),
        lambda: hotp.at(-1),
        lambda: hotp.at(2**64),
        lambda: hotp.verify("000000"),
        lambda: hotp.verify("000000", 0, 10**6),
        lambda: totp.provisioning_uri("", "App"),
    ]
    for call in refused:
        with pytest.raises(JamValidationError):
            call()
    for code in (123456, None, b"123456"):
        with pytest.raises(JamValidationError, match="code must be a str"):
            totp.verify(code)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        totp.at("59")  # pyright: ignore[reportArgumentType]


def test_a_small_time_works() -> None:
    # fault 23
    totp = TOTP(RFC_SECRET)
    assert totp.at(0) == "755224"
    assert totp.verify("755224", 0, 10)


def test_a_window_of_zero_is_one_step() -> None:
    # fault 31
    assert [HOTP(RFC_SECRET).verify("287082", counter, 0) for counter in (0, 1, 2)] == [False, True, False]
    assert [TOTP(RFC_SECRET).verify("287082", time, 0) for time in (29, 30, 59, 60)] == [False, True, True, False]


def test_the_window_is_ahead_for_counters_and_on_both_sides_for_times() -> None:
    assert [HOTP(RFC_SECRET).verify_step("969429", counter, 2) for counter in (0, 1, 3, 4)] == [None, 3, 3, None]
    assert [TOTP(RFC_SECRET).verify_step("969429", time) for time in (59, 60, 149, 150)] == [None, 3, 3, None]


def test_a_replayed_code_is_seen_by_its_step() -> None:
    # fault 14
    totp = TOTP(RFC_SECRET)
    code = totp.at(59)
    assert totp.verify_step(code, 59) == totp.verify_step(code, 80) == 1


def test_now_is_the_code_of_this_moment() -> None:
    totp = TOTP(RFC_SECRET, interval=86_400)
    before, code, after = totp.at(int(time.time())), totp.now, totp.at(int(time.time()))
    assert code in (before, after)
    assert totp.verify(code)


@pytest.mark.parametrize(("secret", "warnings"), [("secret", 1), (b"123456789", 1), (b"1234567890", 0)])
def test_a_short_secret_works_and_is_warned_of_once(
    secret: str | bytes, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    # attack 53
    with caplog.at_level(logging.WARNING, "jam"):
        code = Jam(config={"otp": {"type": "totp"}}).otp_code(secret, 59)
    assert len(code) == 6
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == warnings
    assert not any("secret=" in message or "kQUS" in message for message in messages)


def test_configured_parameters_reach_the_codes() -> None:
    # fault 31
    section = {"type": "totp", "digits": 8, "digest": "sha512", "interval": 60}
    jam = Jam(config={"otp": section})
    theirs = their_totp.TOTP(RFC_BASE32, digits=8, digest="sha512", interval=60)
    assert jam.otp_code(RFC_BASE32, 1_700_000_000) == theirs.at(1_700_000_000)
    assert not jam.otp_verify_code(RFC_BASE32, theirs.at(1_700_000_000 - 60), 1_700_000_000, look_ahead=0)
    assert jam.otp_verify_code(RFC_BASE32, theirs.at(1_700_000_000 - 60), 1_700_000_000)


def test_no_secret_is_shown_or_pickled() -> None:
    # attack 74
    for otp in (TOTP(RFC_SECRET), HOTP(RFC_SECRET)):
        assert RFC_BASE32 not in repr(otp)
        with pytest.raises(TypeError):
            pickle.dumps(otp)
