"""One-time passwords: the RFCs' examples, pyotp, and what must be refused."""

from __future__ import annotations

import copy
import hashlib
import hmac as hashlib_hmac
import json
import logging
import os
import pickle
import random
import re
import struct
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pytest
import zxingcpp
from jam import Jam
from jam.exceptions import JamValidationError
from jam.otp import HOTP, TOTP, ConfiguredOTP, RecoveryCodes, ReplayGuard, parse_uri
from jam.utils import generate_otp_key
from pyotp import hotp as their_hotp
from pyotp import parse_uri as their_parse_uri
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
    for case in vectors["hotp"]:
        secret = vectors["secrets_base32"]["SHA1"]
        assert HOTP(secret).at(case["counter"]) == case["code"]
        assert HOTP(secret, 10).at(case["counter"]) == f"{case['truncated']:010}"
        hmac = hashlib_hmac.new(
            bytes.fromhex(vectors["secrets_hex"]["SHA1"]), struct.pack(">Q", case["counter"]), "sha1"
        )
        assert hmac.hexdigest() == case["hmac"]
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
    theirs = their_parse_uri(ours.provisioning_uri("ann@example.com", "My App"))
    assert isinstance(theirs, their_totp.TOTP)
    assert (theirs.name, theirs.issuer, theirs.interval, theirs.digits) == ("ann@example.com", "My App", 60, 8)
    assert theirs.at(1_700_000_000) == ours.at(1_700_000_000)
    hotp = their_parse_uri(HOTP(RFC_BASE32).provisioning_uri("ann", "App", 7))
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


@pytest.mark.parametrize("digits", [6, 7, 8])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize(("name", "issuer"), [("ann", None), ("ann@example.com", "My App"), ("ä/ö+ü", "A&B=C")])
def test_pyotp_and_jam_read_each_others_uris(digits: int, digest: Any, name: str, issuer: str | None) -> None:
    secret = generate_otp_key()
    algorithm = getattr(hashlib, digest)
    for theirs in (
        their_totp.TOTP(secret, digits=digits, digest=algorithm, interval=45, name=name, issuer=issuer),
        their_hotp.HOTP(secret, digits=digits, digest=algorithm, initial_count=7, name=name, issuer=issuer),
    ):
        uri = parse_uri(theirs.provisioning_uri())
        assert (uri.secret, uri.name, uri.issuer) == (secret, name, issuer or "")
        assert (uri.digits, uri.digest) == (digits, digest)
        if isinstance(uri.otp, TOTP):
            assert (uri.type, uri.interval, uri.counter) == ("totp", 45, None)
            written = uri.otp.provisioning_uri(uri.name, uri.issuer)
        else:
            assert (uri.type, uri.interval, uri.counter) == ("hotp", None, 7)
            written = uri.otp.provisioning_uri(uri.name, uri.issuer, 7)
        again = their_parse_uri(written)
        assert isinstance(again, type(theirs))
        assert (again.name, again.issuer, again.digits) == (name, issuer, digits)
        start = uri.counter or 0  # pyotp counts from it
        assert uri.otp.at(start + 1_700_000_000) == again.at(1_700_000_000) == theirs.at(1_700_000_000)


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


class Derived(TOTP):
    pass


def test_no_secret_is_shown_pickled_or_copied() -> None:
    # attack 74
    uri = parse_uri(TOTP(RFC_SECRET).provisioning_uri("ann", "App"))
    codes, kept = RecoveryCodes.generate()
    for secret in (TOTP(RFC_SECRET), HOTP(RFC_SECRET), Derived(RFC_SECRET), uri, kept):
        shown = f"{secret} {secret!r}"
        assert RFC_BASE32 not in shown
        assert kept.to_text()[:40] not in shown
        assert not any(code in shown for code in codes)
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="pickled"):
                leave(secret)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(ReplayGuard("memory"))


# Resynchronization


def test_consecutive_codes_find_a_counter_that_ran_far_ahead() -> None:
    # RFC 4226 section 7.4
    hotp = HOTP(RFC_SECRET)
    codes = [hotp.at(counter) for counter in (995, 996, 997)]
    assert hotp.verify_step(codes[0], 0, 10) is None
    assert hotp.resynchronize(codes[:2], 0, 1000) == 996
    assert hotp.resynchronize(tuple(codes), 0, 1000) == 997
    assert hotp.resynchronize(iter(codes[:2]), 900) == 996
    assert hotp.resynchronize(codes[:2], 0) is None
    assert hotp.resynchronize([codes[0], codes[2]], 0, 1000) is None
    assert hotp.resynchronize([codes[1], codes[0]], 0, 1000) is None
    assert hotp.resynchronize(codes[:2], 996, 1000) is None


def test_consecutive_codes_tell_how_far_a_clock_has_drifted() -> None:
    # RFC 6238 section 6
    totp = TOTP(RFC_SECRET)
    codes = [totp.at(9000), totp.at(9030)]
    for moment in (6000, 9000, 12_029):
        assert totp.resynchronize(codes, moment) == 301
    for moment in (5999, 12_030):
        assert totp.resynchronize(codes, moment) is None
    assert totp.resynchronize(codes, 9000, 0) == 301
    now = int(time.time())
    assert totp.resynchronize([totp.at(now - 300), totp.at(now - 270)]) == (now - 270) // 30
    # From then on the server verifies at the device's time.
    drift = 301 - 9600 // 30
    assert totp.verify(totp.at(9090), 9660 + drift * 30, 0)


def test_a_resynchronization_out_of_range_is_refused() -> None:
    # attack 53
    totp, hotp = TOTP(RFC_SECRET), HOTP(RFC_SECRET)

    def endless() -> Any:
        while True:
            yield "755224"

    odd: Any = 287082
    refused: list[Any] = [
        *(lambda otp=otp: otp.resynchronize([], 1) for otp in (totp, hotp)),
        *(lambda otp=otp: otp.resynchronize(["755224"], 1) for otp in (totp, hotp)),
        *(lambda otp=otp: otp.resynchronize(["755224"] * 6, 1) for otp in (totp, hotp)),
        *(lambda otp=otp: otp.resynchronize(endless(), 1) for otp in (totp, hotp)),
        *(lambda otp=otp: otp.resynchronize(["755224", odd], 1) for otp in (totp, hotp)),
        *(lambda otp=otp: otp.resynchronize(["755224", "287082"], -1) for otp in (totp, hotp)),
        *(lambda otp=otp: otp.resynchronize(["755224", "287082"], 1, -1) for otp in (totp, hotp)),
        lambda: totp.resynchronize(["755224", "287082"], 1, 101),
        lambda: hotp.resynchronize(["755224", "287082"], 1, 1001),
        lambda: hotp.resynchronize(["755224", "287082"]),
    ]
    for call in refused:
        with pytest.raises(JamValidationError):
            call()
    for codes in ("755224", 755224, None):
        with pytest.raises(TypeError):
            totp.resynchronize(codes, 1)  # pyright: ignore[reportArgumentType]
    assert hotp.resynchronize(["", "\ud800"], 0) is None


# The otpauth URI


def test_what_is_left_out_of_a_uri_is_what_apps_assume() -> None:
    uri = parse_uri(f"otpauth://totp/ann?secret={RFC_BASE32.lower()}")
    assert (uri.type, uri.name, uri.issuer, uri.secret) == ("totp", "ann", "", RFC_BASE32)
    assert (uri.digits, uri.digest, uri.interval, uri.counter) == (6, "sha1", 30, None)
    assert uri.otp.at(59) == "287082"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "otpauth://",
        "https://totp/ann?secret=GEZDGNBV",
        "otpauth://steam/ann?secret=GEZDGNBV",
        "otpauth://totp/ann",
        "otpauth://totp/?secret=GEZDGNBV",
        "otpauth://totp/ann?secret=",
        "otpauth://totp/ann?secret=GEZDGNB1",
        "otpauth://totp/ann?secret=GEZDGNBV&secret=GEZDGNBV",
        "otpauth://totp/ann?secret=GEZDGNBV&%73ecret=AAAAAAAA",
        "otpauth://totp/ann?secret=GEZDGNBV&SECRET=AAAAAAAA",
        "otpauth://totp/ann?secret=GEZDGNBV&digits=5",
        "otpauth://totp/ann?secret=GEZDGNBV&digits=+6",
        "otpauth://totp/ann?secret=GEZDGNBV&digits=\u0666",
        "otpauth://totp/ann?secret=GEZDGNBV&period=0",
        "otpauth://totp/ann?secret=GEZDGNBV&period=1e1",
        "otpauth://totp/ann?secret=GEZDGNBV&algorithm=MD5",
        "otpauth://totp/Jam:ann?secret=GEZDGNBV&issuer=Jelly",
        "otpauth://totp/ann?secret=GEZDGNBV&issuer=%00",
        "otpauth://totp/ann?secret=GEZDGNBV&issuer=%ff",
        "otpauth://totp/ann?secret=GEZDGNBV#",
        "otpauth://hotp/ann?secret=GEZDGNBV",
        "otpauth://hotp/ann?secret=GEZDGNBV&counter=-1",
        "otpauth://hotp/ann?secret=GEZDGNBV&counter=18446744073709551616",
        f"otpauth://totp/ann?secret=GEZDGNBV&x={'y' * 5000}",
        "otpauth://totp/\ud800?secret=GEZDGNBV",
    ],
)
def test_a_uri_that_could_be_read_in_two_ways_is_refused_without_its_secret(uri: str) -> None:
    # attack 54, fault 23
    with pytest.raises(JamValidationError) as raised:
        parse_uri(uri)
    assert "GEZDGNB" not in str(raised.value)
    assert "AAAA" not in str(raised.value)


def test_what_is_no_str_is_no_uri() -> None:
    for odd in (None, 1, b"otpauth://totp/ann?secret=GEZDGNBV", ["otpauth://"]):
        with pytest.raises(JamValidationError, match="uri must be a str"):
            parse_uri(odd)  # pyright: ignore[reportArgumentType]


def test_every_uri_comes_back_as_it_was_written() -> None:
    dice = random.Random(7)
    letters = "ab:&=?#%/+ äß😀@.~-_'\"<>"
    for _ in range(500):
        name, issuer = ("".join(dice.choices(letters, k=dice.randint(1, 12))).strip() or "x" for _ in range(2))
        issuer = dice.choice(["", issuer])
        secret, digits = dice.randbytes(dice.randint(1, 64)), dice.randint(6, 10)
        digest, interval = dice.choice(["sha1", "sha256", "sha512"]), dice.randint(1, 86_400)
        totp = TOTP(secret, digits, digest, interval)
        uri = parse_uri(totp.provisioning_uri(name, issuer))
        assert (uri.name, uri.issuer, uri.digits, uri.digest, uri.interval) == (name, issuer, digits, digest, interval)
        assert uri.otp.at(1_700_000_000) == totp.at(1_700_000_000)


def test_no_changed_uri_fails_in_another_way() -> None:
    good = HOTP(RFC_SECRET, 8, "sha512").provisioning_uri("ann@example.com", "My App", 7)
    dice = random.Random(7)
    refusals: list[str] = []
    for _ in range(5000):
        text = list(good)
        for _ in range(dice.randint(1, 3)):
            text[dice.randrange(len(text))] = dice.choice(
                ["", "%", "&", "=", "?", "#", "/", ":", "0", "é", "\0", "\ud800"]
            )
        refusals += refusal_of("".join(text))
    assert len(refusals) > 1000
    assert not any(RFC_BASE32[:8] in refusal for refusal in refusals)


def refusal_of(uri: str) -> list[str]:
    """What is said against a URI, if anything is."""
    try:
        parse_uri(uri)
    except JamValidationError as error:
        return [str(error)]
    return []


def test_what_no_app_could_show_is_not_written() -> None:
    totp = TOTP(RFC_SECRET)
    for name, issuer in (
        ("", "App"),
        (" ", "App"),
        ("a\nb", "App"),
        ("ann", "\0"),
        ("ann@\u202emoc.elpmaxe", "App"),  # attack 54: turned around it reads as another name
        ("ann", "\u2066App"),
        ("a" * 5000, ""),
        ("ann", "a" * 5000),
    ):
        for write in (totp.provisioning_uri, totp.qr_svg, totp.qr_png, totp.qr_text):
            with pytest.raises(JamValidationError):
                write(name, issuer)


# QR codes

ACCOUNTS = [
    ("ann", "App"),
    ("ann@example.com", "My App"),
    ("\u00e4/\u00f6 + \U0001f600", "A&B"),
    ("n" * 800, "i" * 200),
]


def read_qr(rows: list[list[bool]], scale: int = 4) -> str:
    """What a reader sees who is shown these modules, dark where they are true."""
    lines = [b"".join(bytes(scale) if dark else b"\xff" * scale for dark in row) * scale for row in rows]
    image = memoryview(b"".join(lines)).cast("B", (len(rows) * scale, len(rows[0]) * scale))
    (code,) = zxingcpp.read_barcodes(image)
    assert code.valid
    return code.text


def rows_of_svg(svg: str) -> list[list[bool]]:
    document = ElementTree.fromstring(svg)
    width, height = map(int, document.attrib["viewBox"].split()[2:])
    background, dark = (path.attrib for path in document)
    assert (background["fill"], dark["fill"]) == ("#fff", "#000")
    rows = [[False] * width for _ in range(height)]
    for column, row, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", dark["d"]):
        for place in range(int(column), int(column) + int(length)):
            rows[int(row)][place] = True
    return rows


def rows_of_png(file: bytes, scale: int = 8) -> list[list[bool]]:
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    data, position = b"", 8
    width = height = 0
    while position < len(file):
        length, kind = struct.unpack_from(">I4s", file, position)
        chunk = file[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", file, position + 8 + length)
        assert checksum == zlib.crc32(kind + chunk)
        position += 12 + length
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack_from(">IIBB", chunk)
            assert (depth, color) == (1, 0)
        elif kind == b"IDAT":
            data += chunk
    pixels, line = zlib.decompress(data), 1 + width // 8
    assert not any(pixels[::line])
    return [
        [pixels[row * line + 1 + column] == 0 for column in range(width // scale)] for row in range(0, height, scale)
    ]


def rows_of_text(text: str) -> list[list[bool]]:
    rows: list[list[bool]] = []
    for line in text.splitlines():
        shown = line.removeprefix("\x1b[38;5;16;48;5;231m").removesuffix("\x1b[0m")
        assert len(shown) + 23 == len(line)
        rows += [
            [character in "\u2588\u2580" for character in shown],
            [character in "\u2588\u2584" for character in shown],
        ]
    return rows


@pytest.mark.parametrize(("name", "issuer"), ACCOUNTS)
def test_a_reader_of_qr_codes_reads_every_form(name: str, issuer: str) -> None:
    totp, hotp = TOTP(RFC_SECRET, 8, "sha512", 60), HOTP(RFC_SECRET)
    expected = totp.provisioning_uri(name, issuer)
    assert read_qr(rows_of_svg(totp.qr_svg(name, issuer))) == expected
    assert read_qr(rows_of_png(totp.qr_png(name, issuer))) == expected
    assert read_qr(rows_of_text(totp.qr_text(name, issuer))) == expected
    expected = hotp.provisioning_uri(name, issuer, 7)
    assert read_qr(rows_of_svg(hotp.qr_svg(name, issuer, 7))) == expected
    assert read_qr(rows_of_png(hotp.qr_png(name, issuer, 7))) == expected
    assert read_qr(rows_of_text(hotp.qr_text(name, issuer, 7))) == expected
    assert parse_uri(expected).counter == 7


def test_a_uri_that_no_qr_code_holds_is_told() -> None:
    totp = TOTP(RFC_SECRET)
    assert len(totp.provisioning_uri("n" * 2400)) > 2400
    with pytest.raises(JamValidationError, match="too long for a QR code"):
        totp.qr_svg("n" * 2400)


# Recovery codes


def test_recovery_codes_open_once_each() -> None:
    codes, kept = RecoveryCodes.generate()
    assert (len(codes), kept.remaining) == (10, 10)
    for used, code in enumerate(codes, 1):
        left = RecoveryCodes.from_text(kept.to_text()).redeem(code)
        assert left is not None
        assert left.remaining == 10 - used
        assert all(left.redeem(earlier) is None for earlier in codes[:used])
        assert kept.remaining == 11 - used
        kept = left
    assert kept.remaining == 0


def test_recovery_codes_are_made_for_people() -> None:
    codes, kept = RecoveryCodes.generate(100)
    assert len(set(codes)) == 100
    symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    assert all(re.fullmatch(f"[{symbols}]{{4}}(-[{symbols}]{{4}}){{5}}", code) for code in codes)
    assert set("".join(codes)) - {"-"} == set(symbols)
    code = next(code for code in codes if "0" in code and "1" in code)
    for typed in (
        code.lower(),
        code.replace("-", ""),
        code.replace("-", " "),
        code.replace("-", "\u2013"),
        f"  {code}\n",
        code.replace("0", "O").replace("1", "l"),
        code.replace("0", "o").replace("1", "I"),
    ):
        left = kept.redeem(typed)
        assert left is not None
        assert left.remaining == 99


def test_what_is_stored_of_recovery_codes_opens_nothing() -> None:
    # attack 57
    codes, kept = RecoveryCodes.generate()
    stored = kept.to_text()
    assert len(stored) == 25 + 10 * 44
    assert stored.isascii()
    for code in codes:
        assert code.replace("-", "") not in stored
    for typed in ("", "-", codes[0][:-1], codes[0] + "0", codes[0][:-1] + "U", "0" * 24, stored, "\ud800", "x" * 10**6):
        assert kept.redeem(typed) is None
    assert RecoveryCodes.generate()[1].redeem(codes[0]) is None
    with pytest.raises(JamValidationError):
        kept.redeem(None)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("count", [-1, 0, 101, 2**70])
def test_other_numbers_of_recovery_codes_are_refused(count: int) -> None:
    with pytest.raises(JamValidationError):
        RecoveryCodes.generate(count)


@pytest.mark.parametrize(
    "stored", ["", "v1", "v1.", "v2.AAAAAAAAAAAAAAAAAAAAAA", "v1.AAAAAAAAAAAAAAAAAAAAAB", "\ud800"]
)
def test_damaged_recovery_codes_are_refused(stored: str) -> None:
    with pytest.raises(JamValidationError):
        RecoveryCodes.from_text(stored)
    text = RecoveryCodes.generate(2)[1].to_text()
    twice = f"{text}.{text.rsplit('.', 1)[1]}"
    for damaged in (twice, text[:-1], text + ".", text + "\n", " " + text, text + "=" * 10_000):
        with pytest.raises(JamValidationError):
            RecoveryCodes.from_text(damaged)


# The section


def test_the_section_gives_every_form() -> None:
    # fault 31
    totp, hotp = ConfiguredOTP(digits=8), ConfiguredOTP("hotp", digest="sha256")
    assert totp.verify_step(RFC_SECRET, totp.code(RFC_SECRET, 59), 89) == 1
    assert hotp.verify_step(RFC_SECRET, hotp.code(RFC_SECRET, 5), 3, 2) == 5
    assert read_qr(rows_of_svg(totp.qr_svg(RFC_SECRET, "ann", "App"))) == totp.uri(RFC_SECRET, "ann", "App")
    assert read_qr(rows_of_svg(hotp.qr_svg(RFC_SECRET, "ann", "App", 7))) == hotp.uri(RFC_SECRET, "ann", "App", 7)
    assert hotp.uri(RFC_SECRET, "ann", "App") == hotp.uri(RFC_SECRET, "ann", "App", 0)
    for call in (hotp.code, lambda secret: hotp.verify(secret, "755224")):  # pyright: ignore[reportUnknownLambdaType]
        with pytest.raises(JamValidationError, match="needs its counter"):
            call(RFC_SECRET)
