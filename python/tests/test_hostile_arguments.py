"""Whatever is given to `jam.jose`, `jam.paseto` and `jam.otp`, the answer is a result, a TypeError or an error of Jam.

The rows of attacks 17, 29 to 33 and 52 to 53, at once for every public function: wrong types, nothing, too much, the
same twice, objects that run code of their own, and texts and numbers that are more than they seem.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import jam.aio.lists
import jam.aio.replay_guard
import jam.aio.sessions
import jam.jose
import jam.jwt
import jam.jwt.lists
import jam.otp
import jam.paseto
import jam.sessions
import pytest
from jam.exceptions import JamError
from jam.jose import JWE, JWK, JWS, JWT, JWKSet
from jam.otp import HOTP, TOTP, RecoveryCodes, ReplayGuard, parse_uri
from jam.paseto import PASERK, PASETOv1, PASETOv2, PASETOv3, PASETOv4


class Evil:
    """Every look at it is code of its own, which fails with an error that is not Jam's."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise AssertionError("code of the argument was run")

    __eq__ = __len__ = __iter__ = __bool__ = __bytes__ = __int__ = __float__ = __getitem__ = _refuse
    __hash__ = __str__ = __repr__ = __fspath__ = __contains__ = __index__ = _refuse


class Text(str):
    """A str that lies about itself."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("code of the argument was run")

    def __len__(self) -> int:
        return 2**62

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Number(int):
    """An int that lies about itself."""

    def __int__(self) -> int:
        raise AssertionError("code of the argument was run")

    def __index__(self) -> int:
        raise AssertionError("code of the argument was run")


class Members(dict[str, Any]):
    """A dict that lies about itself."""

    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, _: str) -> NoReturn:
        raise AssertionError("code of the argument was run")


def endless() -> Any:
    inside: list[Any] = []
    inside.append(inside)
    return inside


def deep() -> Any:
    inside: Any = {}
    for _ in range(100_000):
        inside = {"a": inside}
    return inside


HOSTILE: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "0": lambda: 0,
    "-1": lambda: -1,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "10**5000": lambda: 10**5000,
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "str": lambda: "text",
    "empty str": lambda: "",
    "NUL": lambda: "\0",
    "surrogate": lambda: "\ud800",
    "digits of another script": lambda: "\u0661" * 6,
    "long str": lambda: "x" * 1_000_000,
    "dots": lambda: "." * 1_000_000,
    "brackets": lambda: "[" * 1_000_000,
    "braces": lambda: '{"a":' * 100_000,
    "bytes": lambda: b"bytes",
    "empty bytes": lambda: b"",
    "long bytes": lambda: b"\xff" * 1_000_000,
    "bytearray": lambda: bytearray(32),
    "memoryview": lambda: memoryview(bytes(32)),
    "list": list,
    "list of None": lambda: [None],
    "many": lambda: [b"x" * 32] * 2_000,
    "the same twice": lambda: [b"x" * 32] * 2,
    "tuple": lambda: (),
    "list in itself": endless,
    "dict": dict,
    "dict of other names": lambda: {1: 2, None: 3},
    "dict of a surrogate": lambda: {"\ud800": "\ud800"},
    "dict of an object": lambda: {"a": object()},
    "deep dict": deep,
    "lying dict": lambda: Members(kty="oct", k="AAAA"),
    "lying str": lambda: Text("123456"),
    "lying int": lambda: Number(6),
    "object": object,
    "evil": Evil,
    "class": lambda: int,
    "generator": lambda: (x for x in ()),
    "set": lambda: {1},
}

SECRET = bytes(range(32))
EC, OCT = JWK.generate("EC"), JWK.from_secret(SECRET)
LOCAL, PAIR = PASERK.generate("v4", "local"), PASERK.generate("v4", "public")
VERSIONS = {"v1": PASETOv1, "v2": PASETOv2, "v3": PASETOv3, "v4": PASETOv4}
CODES = RecoveryCodes.generate(3)[1]


def targets() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """Every public function with arguments that are good; each is replaced in turn."""
    jws, jwe = JWS("ES256", EC), JWE("A256KW", "A256GCM", OCT)
    jwt, encrypted = JWT("ES256", EC), JWT("A256KW", OCT, enc="A256GCM")
    nested = JWT("ES256", EC, encryption=jwe)
    keywords: dict[str, Any] = {"kid": "1", "alg": "ES256", "use": "sig", "key_ops": ["sign"]}
    yield "JWK.from_dict", JWK.from_dict, (EC.to_dict(),), {}
    yield "JWK.from_json", JWK.from_json, (EC.to_json(),), {}
    yield "JWK.from_pem", JWK.from_pem, (EC.to_pem(), "password"), {}
    yield "JWK.from_der", JWK.from_der, (EC.to_der(), "password"), {}
    yield "JWK.from_secret", JWK.from_secret, (SECRET,), {}
    yield "JWK.generate", JWK.generate, ("oct",), {"alg": "HS256", "crv": None, "size": 256}
    yield "JWK.replace", EC.replace, (), keywords
    yield "JWK.to_dict", EC.to_dict, (True,), {}
    yield "JWK.to_pem", EC.to_pem, (True,), {"password": None}
    yield "JWK.to_der", EC.to_der, (True,), {"password": None}
    yield "JWK.thumbprint", EC.thumbprint, ("sha256",), {}
    yield "JWK.thumbprint_uri", EC.thumbprint_uri, ("sha256",), {}
    yield "JWK ==", EC.__eq__, (EC,), {}
    yield "JWKSet", JWKSet, ([EC],), {}
    yield "JWKSet.from_dict", JWKSet.from_dict, ({"keys": []},), {}
    yield "JWKSet.from_json", JWKSet.from_json, ('{"keys": []}',), {}
    yield "JWKSet.find", JWKSet([EC]).find, (), {"kid": None, "alg": "ES256", "use": "sig"}
    yield "JWS", JWS, ("ES256", EC), {"allow_short_secret": False}
    yield "JWS.sign", jws.sign, (b"payload", {"a": 1}), {"detached": False, "b64": True}
    yield "JWS.verify", jws.verify, (jws.sign(b"", detached=True),), {"payload": b""}
    yield "JWS.sign_json", jws.sign_json, (b"", {"a": 1}), {"unprotected": {"b": 1}, "signers": [jws]}
    yield "JWS.verify_json", jws.verify_json, (jws.sign_json(b"", detached=True),), {"payload": b""}
    yield "jws dict", jws.verify_json, ({"payload": "", "protected": "", "signature": ""},), {}
    options = {"compress": True, "max_plaintext": 9, "accept_enc": ["A128GCM"], "max_length": 1_000}
    yield "JWE", JWE, ("A256KW", "A256GCM", OCT), options
    passwords = {"allow_pbes2": True, "p2c": 1000, "max_p2c": 2000}
    yield "JWE of a password", JWE, ("PBES2-HS256+A128KW", "A128GCM", b"password"), passwords
    yield "JWE of a pair", JWE, ("ECDH-ES", "A128GCM", EC), {"apu": "a", "apv": b"b"}
    yield "JWE.encrypt", jwe.encrypt, (b"plaintext", {"a": 1}), {}
    yield "JWE.decrypt", jwe.decrypt, (jwe.encrypt(b""),), {}
    more: dict[str, Any] = {"aad": b"a", "unprotected": {"b": 1}, "recipients": [jwe]}
    yield "JWE.encrypt_json", jwe.encrypt_json, (b"", {"a": 1}), more
    yield "JWE.decrypt_json", jwe.decrypt_json, (jwe.encrypt_json(b""),), {}
    rules = {"issuer": "i", "audience": ["a"], "subject": "s", "leeway": 1, "required": ["exp"], "typ": "JWT"}
    yield "JWT", JWT, ("ES256", EC), {"encryption": None, **rules}
    yield "JWT of enc", JWT, ("A256KW", OCT), {"enc": "A256GCM"}
    for name, codec in (("signed", jwt), ("encrypted", encrypted), ("nested", nested)):
        yield f"{name}.encode", codec.encode, ({"exp": 1, "aud": "a"},), {}
        checks = {"check_exp": True, "audience": "a", "issuer": "i", "leeway": 1}
        yield f"{name}.decode", codec.decode, (codec.encode({}),), checks
        for claim in ("exp", "nbf", "iat", "iss", "aud", "sub", "jti"):
            strict = JWT("HS256", SECRET, issuer="i", audience="a", subject="s")

            def claims(value: Any, claim: str = claim, strict: JWT = strict) -> Any:
                return strict.decode(strict.encode({"iss": "i", "aud": "a", "sub": "s", claim: value}))

            yield f"{name} {claim}", claims, (1,), {}
    yield "create_jws", jam.jose.create_jws, ("ES256",), {"private_key": EC.to_pem(private=True), "password": None}
    yield "create_jwe", jam.jose.create_jwe, ("A256KW", "A256GCM"), {"secret": SECRET, "public_key": None}
    yield "jam.jwt.JWT", jam.jwt.JWT, ("HS256", "s" * 32), {"password": None, "private_key": None, "list": None}
    for version, paseto in VERSIONS.items():
        local = paseto("local", SECRET)
        yield version, paseto, ("local", SECRET), {"public_key": None}
        yield f"{version} public", paseto, ("public",), {"key": None, "public_key": b"x"}
        yield f"{version}.key", paseto.key, ("local", SECRET), {}
        yield f"{version}.encode", local.encode, ({"a": 1}, {"b": 2}), {"implicit_assertion": b""}
        yield f"{version}.decode", local.decode, (local.encode({}),), {"check_exp": True, "implicit_assertion": b""}
        yield f"{version}.make_payload", local.make_payload, (1, {"a": 1}), {}

        def times(value: Any, local: Any = local) -> Any:
            return local.decode(local.encode({"exp": value, "nbf": value}))

        yield f"{version} times", times, (1,), {}
    yield "paseto", jam.paseto.create_instance, ("v4", "local", SECRET), {"public_key": None}
    yield "PASERK", PASERK, (LOCAL.to_text(),), {}
    yield "PASERK.generate", PASERK.generate, ("v4", "local"), {}
    yield "PASERK.from_key", PASERK.from_key, ("v4", "local", SECRET), {}
    yield "PASERK.wrap", LOCAL.wrap, (LOCAL,), {}
    yield "PASERK.unwrap", PASERK.unwrap, (LOCAL.wrap(LOCAL), LOCAL), {}
    cost = {"memory": 8 << 10, "passes": 1, "lanes": 1}
    yield "PASERK.wrap_with_password", LOCAL.wrap_with_password, ("password",), cost
    wrapped = LOCAL.wrap_with_password("password", **cost)
    limits = {"max_memory": 8 << 10, "max_passes": 1, "max_lanes": 1, "max_iterations": None}
    yield "PASERK.unwrap_with_password", PASERK.unwrap_with_password, (wrapped, "password"), limits
    yield "PASERK.seal", LOCAL.seal, (PAIR,), {}
    yield "PASERK.unseal", PASERK.unseal, (LOCAL.seal(PAIR), PAIR), {}
    yield "PASERK ==", LOCAL.__eq__, (LOCAL,), {}
    totp, hotp = TOTP(SECRET), HOTP(SECRET)
    yield "TOTP", TOTP, (SECRET,), {"digits": 6, "digest": "sha1", "interval": 30}
    yield "HOTP", HOTP, (SECRET,), {"digits": 6, "digest": "sha1"}
    for name, otp in (("TOTP", totp), ("HOTP", hotp)):
        checks = {"factor": 59, "look_ahead": 1}
        yield f"{name}.at", otp.at, (59,), {}
        yield f"{name}.verify", otp.verify, ("123456",), checks
        yield f"{name}.verify_step", otp.verify_step, ("123456",), checks
        yield f"{name}.resynchronize", otp.resynchronize, (["123456", "123457"],), {"factor": 59, "window": 2}
        yield f"{name}.replay_entry", otp.replay_entry, (1,), {}
        yield f"{name}.provisioning_uri", otp.provisioning_uri, ("name", "issuer"), {}
        yield f"{name}.qr_svg", otp.qr_svg, ("name", "issuer"), {}
        yield f"{name}.qr_png", otp.qr_png, ("name", "issuer"), {}
        yield f"{name}.qr_text", otp.qr_text, ("name", "issuer"), {}
    yield "HOTP counter", hotp.provisioning_uri, ("name", "issuer", 1), {}
    yield "parse_uri", parse_uri, (totp.provisioning_uri("name"),), {}
    yield "RecoveryCodes.generate", RecoveryCodes.generate, (3,), {}
    yield "RecoveryCodes.from_text", RecoveryCodes.from_text, (CODES.to_text(),), {}
    yield "RecoveryCodes.redeem", CODES.redeem, ("code",), {}
    guard = ReplayGuard("memory")
    yield "ReplayGuard.accept", guard.accept, ("key", 60), {}
    yield "ReplayGuard.verify", guard.verify, (totp, "123456"), {"factor": 59, "look_ahead": 1}
    yield "ReplayGuard", ReplayGuard, ("memory",), {"redis_uri": "redis://localhost"}
    yield "otp", jam.otp.create_instance, (), {"type": "totp", "digits": 6, "digest": "sha1", "interval": 30}


# They go through an iterable, or compare an argument of the program; what that runs of its own is its own affair.
RUNS_CODE = (
    *("JWKSet", "JWS.sign_json", "JWE.encrypt_json", "TOTP.resynchronize", "HOTP.resynchronize"),
    *("paseto", "otp", "ReplayGuard"),
)
TARGETS = {name: (call, arguments, keywords) for name, call, arguments, keywords in targets()}


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_is_given_the_answer_is_jams_own(target: str) -> None:
    call, arguments, keywords = TARGETS[target]
    for name, make in HOSTILE.items():
        calls = [
            functools.partial(call, *arguments[:place], make(), *arguments[place + 1 :], **keywords)
            for place in range(len(arguments))
        ]
        calls += [functools.partial(call, *arguments, **{**keywords, keyword: make()}) for keyword in keywords]
        for place, attempt in enumerate(calls):
            try:
                attempt()
            except (JamError, TypeError) as error:
                if "\ud800" in str(error) or len(str(error)) > 1_000:
                    pytest.fail(f"{name} at {place}: {str(error)[:1_000]!r}")
            except BaseException as error:  # a panic is no Exception
                if name == "evil" and target in RUNS_CODE and isinstance(error, AssertionError):
                    continue
                pytest.fail(f"{name} at {place}: {type(error).__name__}: {error}")


def test_every_public_function_is_attacked() -> None:
    attacked = {name.split(".")[-1].split(" ")[0] for name in TARGETS}
    for kind in (JWK, JWKSet, JWS, JWE, JWT, PASETOv4, PASERK, TOTP, HOTP, RecoveryCodes, ReplayGuard):
        for name, member in inspect.getmembers(kind, callable):
            takes_nothing = name in ("public", "to_json", "to_text", "close")
            if not name.startswith("_") and not takes_nothing:
                assert name in attacked, f"{kind.__name__}.{name}"
            del member


@pytest.mark.parametrize("path", ["\ud800", "a\0b", "", b"\xff", 5, None, Evil()])
@pytest.mark.parametrize("backend", ["json", "sqlite"])
def test_attack_58_a_path_that_names_no_file_is_an_error_of_jam(backend: str, path: Any, tmp_path: Any) -> None:
    os.chdir(tmp_path)
    keyword: dict[str, Any] = {f"{backend}_path": path}
    guard: Any = ReplayGuard
    asynchronous: Any = jam.aio.replay_guard.ReplayGuard
    name = "JSON" if backend == "json" else "SQLite"
    opening: list[Callable[[], Any]] = [
        lambda: guard(backend, **keyword).accept("a", 1),
        lambda: asynchronous(backend, **keyword),
        lambda: getattr(jam.sessions, f"{name}Sessions")(path).create("a", {}),
        lambda: getattr(jam.aio.sessions, f"{name}Sessions")(path),
        lambda: getattr(jam.jwt.lists, f"{name}List")("black", path).check("a"),
        lambda: getattr(jam.aio.lists, f"{name}List")("black", path),
    ]
    for attempt in opening:
        try:
            attempt()
        except (JamError, TypeError):
            pass
        except AssertionError:
            assert isinstance(path, Evil), "what a path runs of its own is its own affair"
