"""Where a configuration may come from, what it may say, and how its mistakes are told."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jam
import jam.jose
import jam.utils
import pytest
import redis
from faces import Face
from jam.encoders import BaseEncoder, JsonEncoder
from jam.exceptions import (
    JamConfigurationError,
    JamConfigurationFileError,
    JamError,
    JamJWTEmptySecretKey,
    JamJWTInBlackList,
    JamKeyMalformed,
    JamKeyWeak,
    JamOAuth2ProviderNotConfigured,
    JamSessionEmptyAESKey,
    JamSessionNotFound,
    JamStoreRefused,
    JamValidationError,
)
from jam.jwt import JWT, BaseJWT
from jam.jwt.lists import BaseJWTList
from jam.sessions import BaseSessionModule, MemorySessions, RedisSessions, SQLiteSessions

SECRET = "a secret of at least thirty-two bytes"
CONFIG = {"jwt": {"alg": "HS256", "secret": SECRET}, "session": {"session_type": "memory"}}

TOML = """
[jam.jwt]
alg = "HS256"
secret = "${JAM_TEST_SECRET}"
[jam.session]
session_type = "${JAM_TEST_STORE:-memory}"
"""
YAML = """
jam:
  jwt:
    alg: HS256
    secret: $JAM_TEST_SECRET
  session:
    session_type: memory
"""
FILES: dict[str, Callable[[], str]] = {
    "jam.toml": lambda: TOML,
    "jam.yaml": lambda: YAML,
    "jam.yml": lambda: YAML,
    "jam.json": lambda: json.dumps({"jam": CONFIG}).replace(SECRET, "${JAM_TEST_SECRET}"),
    "whole.json": lambda: json.dumps(CONFIG).replace(SECRET, "${JAM_TEST_SECRET}"),
}


def works(made: Any) -> None:
    token = made.jwt_create_token({"user_id": 1})
    assert JWT("HS256", SECRET).decode(token) == {"user_id": 1}
    assert made.session_get(made.session_create("user", {"user_id": 1})) == {"user_id": 1}


# Sources


def test_a_dict_is_taken_and_not_changed(face: Face) -> None:
    config = copy.deepcopy(CONFIG) | {"sessions": None}
    before = copy.deepcopy(config)
    works(face.jam(config))
    assert config == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("as_text", [True, False], ids=["str", "Path"])
def test_a_file_is_read(face: Face, name: str, as_text: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAM_TEST_SECRET", SECRET)
    path = tmp_path / name
    path.write_text(FILES[name](), encoding="utf-8")
    works(face.jam(str(path) if as_text else path))


def test_the_default_is_pyproject_toml_of_the_working_directory(
    face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAM_TEST_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(TOML, encoding="utf-8")
    works(face.jam("pyproject.toml"))
    works(face.drive(face.Jam()))


def test_the_pointer_is_a_dotted_path(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"app": {"auth": CONFIG}}), encoding="utf-8")
    works(face.jam(path, "app.auth"))
    works(face.jam(path, pointer="app.auth"))


def test_variables_are_filled_in_once_and_in_files_only(
    face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAM_TEST_SECRET", "${NOT_LOOKED_AT} " + SECRET)
    path = tmp_path / "jam.toml"
    path.write_text(TOML, encoding="utf-8")
    token = face.jam(path).jwt_create_token({})
    assert JWT("HS256", "${NOT_LOOKED_AT} " + SECRET).decode(token) == {}
    token = face.jam({"jwt": {"alg": "HS256", "secret": "$JAM_TEST_SECRET as it stands, " + SECRET}}).jwt_create_token(
        {}
    )
    assert JWT("HS256", "$JAM_TEST_SECRET as it stands, " + SECRET).decode(token) == {}


def test_an_unset_variable_is_told_by_its_place(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "jam.toml"
    path.write_text(TOML, encoding="utf-8")
    with pytest.raises(JamConfigurationError, match=r"jwt\.secret.*JAM_TEST_SECRET"):
        face.jam(path)


@pytest.mark.parametrize(
    ("variable", "section", "works_with"),
    [
        ("JAM_JWT_SECRET_KEY", {"jwt": {"alg": "HS256"}}, "jwt"),
        ("JAM_PASETO_KEY", {"paseto": {"version": "v4", "purpose": "local"}}, "paseto"),
        (
            "JAM_SESSION_AES_SECRET",
            {"session": {"session_type": "memory", "is_session_crypt": True}},
            "session",
        ),
    ],
)
def test_an_absent_key_is_read_from_the_environment(
    face: Face, variable: str, section: dict[str, Any], works_with: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(JamError):
        face.jam(section)
    monkeypatch.setenv(variable, jam_aes_key())
    assert getattr(face.jam(section), works_with) is not None


def jam_aes_key() -> str:
    from jam.utils import generate_aes_key

    key = generate_aes_key()
    return key.decode() if isinstance(key, bytes) else key


@pytest.mark.parametrize(
    "config",
    [
        {"jwt": {"alg": "HS256", "secret_key": SECRET}, "sessions": {"sessions_type": "memory"}},
        {"jose": {"jwt": {"alg": "HS256", "secret": SECRET}}, "session": {"session_type": "MEMORY"}},
        {"jwt": {"alg": "HS256", "secret": SECRET.encode()}, "session": {"session_type": "memory"}},
    ],
)
def test_aliases_are_understood(face: Face, config: dict[str, Any]) -> None:
    works(face.jam(config))


# Mistakes


@pytest.mark.parametrize(
    ("config", "path", "also"),
    [
        ({"jwt": {"alg": "HS256", "secert": SECRET}}, "jwt.secert", "secret"),
        ({"session": {"session_type": "memory", "defualt_ttl": 1}}, "session.defualt_ttl", "default_ttl"),
        ({"jtw": {}}, "jtw", "jwt"),
        ({"session": {"session_type": "memory", "default_ttl": "soon"}}, "session.default_ttl", "text"),
        ({"session": {"session_type": "memroy"}}, "session.session_type", "memory"),
        ({"session": []}, "session", "table"),
        ({"otp": {"digits": True}}, "otp.digits", "integer"),
        ({"otp": {"digits": 0}}, "otp.digits", "6"),
        ({"otp": {"interval": 0}}, "otp.interval", "1"),
        ({"otp": {"digest": "md5"}}, "otp.digest", "sha1"),
        ({"paseto": {"version": "v5", "purpose": "local", "key": "70" * 32}}, "paseto.version", "v4"),
        ({"jwt": {"alg": "none", "secret": SECRET}}, "jwt.alg", "HS256"),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "grey"}}}, "jwt.list.type", "white"),
        (
            {"jwt": {"alg": "HS256", "secret": SECRET, "list": {"backend": "memory"}}},
            "jwt.list.type",
            "white",
        ),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "leeway": -1}}, "jwt.leeway", "0"),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "leeway": float("nan")}}, "jwt.leeway", ""),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "leeway": 1e300}}, "jwt.leeway", ""),
        ({"oauth2": {"providers": {"github": {}}}}, "oauth2.providers.github.client_id", ""),
        ({"session": {"session_type": "custom"}}, "session.custom_module", ""),
        ({"session": {"custom_module": "no.such.Module"}}, "session.custom_module", "imported"),
        ({"session": {"custom_module": "jam.sessions.Missing"}}, "session.custom_module", "imported"),
        ({"session": {"custom_module": "Missing"}}, "session.custom_module", "imported"),
        ({"session": {"session_type": "memory", "absolute_ttl": object()}}, "session.absolute_ttl", "object"),
    ],
)
def test_a_mistake_is_told_by_its_path_at_construction(
    face: Face, config: dict[str, Any], path: str, also: str
) -> None:
    with pytest.raises(JamConfigurationError) as raised:
        face.jam(config)
    assert path in str(raised.value)
    assert also in str(raised.value)


@pytest.mark.parametrize("config", [[], "no-such-file.toml", "jam.ini", 5, None, {1: {}}, {"jwt": None, 2: 3}])
def test_what_is_no_configuration_is_refused(face: Face, config: Any, tmp_path: Path) -> None:
    with pytest.raises(JamConfigurationError):
        face.jam(config)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("broken.toml", "[jam"),
        ("broken.yaml", "jam: [1"),
        ("broken.json", '{"jam": '),
        ("deep.json", "[" * 100_000),
        ("twice.json", '{"jam": {}, "jam": {}}'),
        ("empty.toml", ""),
        ("empty.yaml", ""),
        ("list.json", "[1]"),
        ("binary.toml", "\x00"),
    ],
)
def test_a_broken_file_is_a_configuration_error(face: Face, name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(JamConfigurationError):
        face.jam(path)


def test_a_missing_file_is_told_by_its_name(face: Face, tmp_path: Path) -> None:
    with pytest.raises(JamConfigurationFileError, match=r"nowhere\.toml"):
        face.jam(tmp_path / "nowhere.toml")


def test_missing_keys_are_told(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAM_JWT_SECRET_KEY", raising=False)
    with pytest.raises(JamJWTEmptySecretKey):
        face.jam({"jwt": {"alg": "HS256"}})
    with pytest.raises(JamSessionEmptyAESKey):
        face.jam({"session": {"session_type": "memory", "is_session_crypt": True}})


def test_the_fault_of_a_part_is_told_with_its_section(face: Face) -> None:
    with pytest.raises(JamKeyMalformed, match=r"^jwt\.private_key: "):
        face.jam({"jwt": {"alg": "RS256", "private_key": "keys/private.pem"}})
    with pytest.raises(JamConfigurationError, match=r"^session\.redis_uri: "):
        face.jam({"session": {"session_type": "redis", "redis_uri": "localhost:6379"}})
    with pytest.raises(JamConfigurationError, match=r"^jwt\.alg: ") as raised:
        face.jam({"jwt": {"alg": "RS256", "secret": "s" * 32}})
    assert raised.value.details == {"path": "jwt.alg"}


REDIS_URIS: list[Any] = ["", "nowhere", "http://localhost", "redis://localhost/first", [], ["redis://a", "redis://b/1"]]


@pytest.mark.parametrize("uri", REDIS_URIS, ids=str)
@pytest.mark.parametrize("section", ["session", "jwt.list", "otp.replay_guard"])
def test_an_address_that_is_none_is_told_by_its_key(face: Face, section: str, uri: Any) -> None:
    with pytest.raises(JamConfigurationError) as raised:
        face.jam(kept_in(section, "redis", redis_uri=uri))
    assert raised.value.details == {"path": f"{section}.redis_uri"}
    assert str(raised.value).startswith(f"{section}.redis_uri: ")


@pytest.mark.parametrize("backend", ["json", "sqlite"])
@pytest.mark.parametrize("section", ["session", "jwt.list", "otp.replay_guard"])
@pytest.mark.parametrize("path", ["", "/", "/no/such/folder/file", "{folder}", "a\0b"])
def test_a_path_that_names_no_file_is_told_by_its_key(
    face: Face, section: str, backend: str, path: str, tmp_path: Path
) -> None:
    key = f"{backend}_path"
    with pytest.raises(JamConfigurationError) as raised:
        face.jam(kept_in(section, backend, **{key: path.format(folder=tmp_path)}))
    assert raised.value.details == {"path": f"{section}.{key}"}
    assert str(raised.value).startswith(f"{section}.{key}: ")


@pytest.mark.parametrize("path", [":memory:", "file::memory:", "file:jam.sqlite3?mode=memory"])
def test_a_database_in_memory_is_a_type_of_its_own(
    face: Face, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JamConfigurationError, match=r'^session\.sqlite_path: .*session_type = "memory"'):
        face.jam({"session": {"session_type": "sqlite", "sqlite_path": path}})
    with pytest.raises(JamConfigurationError, match=r'^jwt\.list\.sqlite_path: .*backend = "memory"'):
        face.jam(kept_in("jwt.list", "sqlite", sqlite_path=path))
    assert list(tmp_path.iterdir()) == []


def kept_in(section: str, backend: str, **keys: Any) -> dict[str, Any]:
    """A configuration whose section has this backend."""
    return {
        "session": {"session": {"session_type": backend, **keys}},
        "jwt.list": {"jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "black", "backend": backend, **keys}}},
        "otp.replay_guard": {"otp": {"replay_guard": {"backend": backend, **keys}}},
    }[section]


def test_a_damaged_store_is_told_by_its_key_and_stays_a_fault_of_the_store(face: Face, tmp_path: Path) -> None:
    file = tmp_path / "jam.json"
    file.write_text("no sessions")
    with pytest.raises(JamStoreRefused, match=r"^session\.json_path: ") as raised:
        face.jam({"session": {"session_type": "json", "json_path": str(file)}})
    assert raised.value.details == {"path": "session.json_path"}


@pytest.mark.parametrize(
    ("section", "path", "error"),
    [
        ({"jwt": {"alg": "HS256", "secret": ""}}, "jwt.secret", JamJWTEmptySecretKey),
        ({"jwt": {"alg": "HS256", "secret": [SECRET, SECRET]}}, "jwt", JamConfigurationError),
        ({"jwt": {"alg": "RS256", "private_key": ["a", "b"]}}, "jwt.private_key[0]", JamKeyMalformed),
        ({"jose": {"jws": {"alg": "HS256", "secret": "short"}}}, "jose.jws.secret", JamKeyWeak),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "required": ""}}, "jwt.required", JamConfigurationError),
        (
            {"session": {"session_type": "memory", "is_session_crypt": True, "session_aes_secret": []}},
            "session.session_aes_secret",
            JamSessionEmptyAESKey,
        ),
        (
            {"session": {"session_type": "memory", "is_session_crypt": True, "session_aes_secret": "abc"}},
            "session.session_aes_secret",
            JamConfigurationError,
        ),
        (
            {"jose": {"jwe": {"alg": "dir", "enc": "A128GCM", "secret": "a" * 16, "accept_enc": ["x"]}}},
            "jose.jwe.accept_enc",
            JamConfigurationError,
        ),
        ({"session": {"session_type": "redis", "redis_sessions_key": "{a}"}}, "session.redis_sessions_key", JamError),
    ],
    ids=str,
)
def test_what_a_part_refuses_has_the_path_of_its_key(
    face: Face, section: dict[str, Any], path: str, error: type[JamError]
) -> None:
    with pytest.raises(error) as raised:
        face.jam(section)
    assert raised.value.details == {"path": path}
    assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "text", "path"),
    [
        ("jam.toml", '[jam.jwt]\nalg = "HS256"\nsecert = "x"\n', "jam.jwt.secert"),
        ("jam.toml", '[jam.session]\nsession_type = "redis"\nredis_uri = "x"\n', "jam.session.redis_uri"),
        ("jam.yaml", "jam:\n  session:\n    default_ttl: 0\n", "jam.session.default_ttl"),
        ("jam.json", '{"jam": {"jwt": {"alg": "HS256", "secret": "$NO_SUCH_VARIABLE"}}}', "jam.jwt.secret"),
        ("jam.json", '{"otp": {"digits": 5}}', "otp.digits"),
        ("jam.json", '{"session": {"session_type": "json", "json_path": "/"}}', "session.json_path"),
    ],
)
def test_a_mistake_of_a_file_is_told_as_it_stands_there(
    face: Face, name: str, text: str, path: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(JamConfigurationError) as raised:
        face.jam(file)
    assert raised.value.details == {"file": str(file), "path": path}
    assert str(raised.value).startswith(f"{file}: {path}: ")


@pytest.mark.parametrize(
    ("config", "path", "place"),
    [
        ({"jws": {"alg": "HS256"}}, "jws", "jose.jws"),
        ({"jwe": {"alg": "dir"}}, "jwe", "jose.jwe"),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "enc": "A128GCM"}}, "jwt.enc", "jose.jwe"),
        ({"jwt": {"alg": "hs256", "secret": SECRET}}, "jwt.alg", "HS256"),
        ({"jose": {"jwe": {"alg": "DIR", "enc": "A128GCM", "secret": "a" * 16}}}, "jose.jwe.alg", "dir"),
        ({"jose": {"jwe": {"alg": "dir", "enc": "a128gcm", "secret": "a" * 16}}}, "jose.jwe.enc", "A128GCM"),
    ],
)
def test_what_was_probably_meant_is_told(face: Face, config: dict[str, Any], path: str, place: str) -> None:
    with pytest.raises(JamConfigurationError, match=rf'^{path}: .*did you mean "{place}"\?$'):
        face.jam(config)


def test_algorithms_are_written_alike_in_configurations_and_constructors() -> None:
    # RFC 7515 section 4.1.1: the name is case-sensitive
    calls: list[Callable[[], Any]] = [
        lambda: JWT("hs256", SECRET),
        lambda: jam.jose.JWS("hs256", SECRET.encode()),
        lambda: jam.jose.JWT("hs256", SECRET.encode()),
        lambda: jam.jose.JWE("DIR", "A128GCM", bytes(16)),
        lambda: jam.jose.JWE("dir", "a128gcm", bytes(16)),
    ]
    for call in calls:
        with pytest.raises(JamError, match="did you mean") as raised:
            call()
        assert raised.value.error_code.endswith(".unsupported_algorithm")


def test_an_error_can_be_placed() -> None:
    error = JamValidationError("is bad").at("redis_uri").at("session").at("auth", "jam.toml")
    assert type(error) is JamConfigurationError
    assert str(error) == error.message == "jam.toml: auth.session.redis_uri: is bad"
    assert error.details == {"path": "auth.session.redis_uri", "file": "jam.toml"}
    assert pickle.loads(pickle.dumps(error)).details == error.details


class NoSessions:
    """A class that has nothing to do with sessions."""


class SessionsToAwait(MemorySessions):
    async def get(self, session_id: str) -> dict[str, Any] | None:  # type: ignore[override]
        return {}


def test_a_class_that_cannot_keep_sessions_is_refused_at_once(face: Face) -> None:
    with pytest.raises(JamConfigurationError, match="has no method create"):
        face.jam({"session": {"custom_module": NoSessions}})
    config = {"session": {"custom_module": SessionsToAwait}}
    if face.is_async:
        face.jam(config)
    else:
        with pytest.raises(JamConfigurationError, match="get of SessionsToAwait is a coroutine function"):
            face.jam(config)


class NoPart:
    """A class that has nothing to do with any part, but takes all keys."""

    def __init__(self, **keys: Any) -> None:
        self.type = keys.get("type")


class ListToAwait(NoPart):
    async def add(self, token: str) -> None: ...

    async def check(self, token: str) -> bool:
        return False

    async def delete(self, token: str) -> None: ...


def own_class(part: str, custom: type) -> dict[str, Any]:
    """A configuration in which the part is made by a class of the user's own."""
    jwt = {"alg": "HS256", "secret": SECRET}
    return {
        "jwt": {"jwt": {"custom_module": custom}},
        "jwt.list": {"jwt": {**jwt, "list": {"type": "black", "custom_module": custom}}},
        "paseto": {"paseto": {"custom_module": custom}},
        "otp": {"otp": {"custom_module": custom}},
        "otp.replay_guard": {"otp": {"replay_guard": {"custom_module": custom}}},
        "oauth2.providers.own": {"oauth2": {"providers": {"own": {"custom_module": custom}}}},
        "session": {"session": {"custom_module": custom}},
    }[part]


PARTS = ["jwt", "jwt.list", "paseto", "otp", "otp.replay_guard", "oauth2.providers.own", "session"]


@pytest.mark.parametrize("part", PARTS)
def test_a_class_that_cannot_stand_in_for_its_part_is_refused_at_once(face: Face, part: str) -> None:
    with pytest.raises(JamConfigurationError, match=rf"^{part}\.custom_module: NoPart has no method "):
        face.jam(own_class(part, NoPart))


@pytest.mark.parametrize("part", PARTS)
def test_a_class_that_does_not_take_the_keys_of_its_section_names_them(face: Face, part: str) -> None:
    class Strict:
        def __init__(self, wanted: int) -> None: ...

    with pytest.raises(JamConfigurationError, match=rf"^{part}: Strict cannot be made .*wanted|unexpected"):
        face.jam(own_class(part, Strict))


def test_a_list_of_coroutines_is_for_asyncio_alone(face: Face) -> None:
    config = own_class("jwt.list", ListToAwait)
    if face.is_async:
        made = face.jam(config)
        assert made.jwt_verify_token(made.jwt_create_token({"a": 1})) == {"a": 1}
    else:
        with pytest.raises(JamConfigurationError, match="coroutine function"):
            face.jam(config)


@pytest.mark.parametrize(("kind", "answer", "accepted"), [("black", None, True), ("white", {"row": 1}, True)])
def test_a_list_may_answer_with_anything_true_or_false(face: Face, kind: str, answer: Any, accepted: bool) -> None:
    class Rows(BaseJWTList):
        def add(self, token: str) -> None: ...

        def check(self, token: str) -> bool:
            return answer

        def delete(self, token: str) -> None: ...

    section = {"type": kind, "custom_module": Rows}
    made = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": section}})
    assert (made.jwt_verify_token(made.jwt_create_token({"a": 1})) == {"a": 1}) is accepted


def test_a_key_that_encrypts_nothing_is_logged(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    section = {"session_type": "memory", "session_aes_secret": jam.utils.generate_aes_key()}
    with caplog.at_level(logging.WARNING, "jam"):
        face.jam({"session": {**section, "is_session_crypt": True}})
        assert not caplog.records
        face.jam({"session": section})
    assert "session.is_session_crypt is not true" in caplog.text
    assert section["session_aes_secret"] not in caplog.text


def test_a_part_that_modules_leaves_out_is_told(face: Face) -> None:
    class Short(face.Jam):
        MODULES: ClassVar[dict[str, Any]] = {}

    with pytest.raises(JamConfigurationError, match="MODULES"):
        Short(config={"otp": {}})


def test_a_dict_that_holds_itself_is_refused(face: Face) -> None:
    config: dict[str, Any] = {"jwt": {}}
    config["jwt"]["list"] = config
    with pytest.raises(JamError):
        face.jam(config)


# Parts


def test_parts_that_are_not_configured_are_none_and_say_so(face: Face) -> None:
    empty = face.jam({})
    for part in ("jwt", "session", "oauth2", "otp", "paseto"):
        assert getattr(empty, part) is None
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("jwt_make_payload", ()),
        ("jwt_create_token", ({},)),
        ("jwt_verify_token", ("token",)),
        ("session_create", ("user", {})),
        ("session_get", ("id",)),
        ("session_update", ("id", {})),
        ("session_delete", ("id",)),
        ("session_clear", ("user",)),
        ("session_rework", ("id",)),
        ("session_list", ("user",)),
        ("otp_code", ("secret",)),
        ("otp_uri", ("secret", "name", "issuer")),
        ("otp_verify_code", ("secret", "123456")),
        ("otp_verify_step", ("secret", "123456")),
        ("otp_verify_once", ("secret", "123456")),
        ("otp_qr_svg", ("secret", "name", "issuer")),
        ("oauth2_get_authorized_url", ("github", [])),
        ("oauth2_fetch_token", ("github", "code")),
        ("oauth2_refresh_token", ("github", "token")),
        ("oauth2_client_credentials_flow", ("github",)),
        ("paseto_make_payload", ()),
        ("paseto_create", ({},)),
        ("paseto_decode", ("token",)),
    ]
    for method, arguments in calls:
        with pytest.raises(JamConfigurationError) as raised:
            getattr(empty, method)(*arguments)
        assert f'"{method.split("_")[0]}"' in str(raised.value)
        assert raised.value.error_code == "configuration.missing_section"


def test_an_unknown_provider_is_told(face: Face) -> None:
    provider = {"client_id": "id", "client_secret": "secret", "redirect_url": "http://127.0.0.1/"}
    made = face.jam({"oauth2": {"providers": {"github": provider}}})
    assert list(made.oauth2) == ["github"]
    with pytest.raises(JamOAuth2ProviderNotConfigured, match="github"):
        made.oauth2_get_authorized_url("gitlab", ["read"])


def test_otp_is_a_factory_with_the_configured_parameters(face: Face) -> None:
    made = face.jam({"otp": {"type": "totp", "digits": 8, "digest": "sha256", "interval": 60}})
    secret = b"12345678901234567890123456789012"
    assert made.otp.target if hasattr(made.otp, "target") else made.otp
    assert len(made.otp_code(secret, 59)) == 8
    assert made.otp_code(secret, 0) == made.otp_code(secret, 59) != made.otp_code(secret, 60)
    assert "digits=8" in made.otp_uri(secret, "alice", "Example")
    assert "period=60" in made.otp_uri(secret, "alice", "Example")
    counted = face.jam({"otp": {"type": "hotp"}})
    assert counted.otp_code(b"12345678901234567890", 1) == "287082"
    assert counted.otp_uri(b"12345678901234567890", "alice", "Example", 7).startswith("otpauth://hotp/")
    with pytest.raises(JamValidationError, match="counter"):
        counted.otp_code(b"12345678901234567890")


# The user's own classes


# pyright: reportIncompatibleMethodOverride=false
class PlainSessions(BaseSessionModule):
    """A store of the user's own that knows nothing of asyncio, and of nothing but what it must have."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.kept: dict[str, tuple[str, dict[str, Any]]] = {}

    def create(self, session_key: str, data: dict[str, Any]) -> str:
        session_id = f"{self.prefix}{len(self.kept)}"
        self.kept[session_id] = (session_key, data)
        return session_id

    def get(self, session_id: str) -> dict[str, Any] | None:
        return self.kept.get(session_id, ("", None))[1]

    def update(self, session_id: str, data: dict[str, Any]) -> None:
        if session_id not in self.kept:
            raise JamSessionNotFound
        self.kept[session_id] = (self.kept[session_id][0], data)

    def delete(self, session_id: str) -> None:
        self.kept.pop(session_id, None)

    def clear(self, session_key: str) -> None:
        self.kept = {name: kept for name, kept in self.kept.items() if kept[0] != session_key}

    def rework(self, session_id: str) -> str:
        session_key, data = self.kept.pop(session_id)
        return self.create(f"{session_key}", data)


class CoroutineSessions(PlainSessions):
    """The same with one method as a coroutine."""

    async def get(self, session_id: str) -> dict[str, Any] | None:  # type: ignore[override]
        return self.kept.get(session_id, ("", None))[1]


@pytest.mark.parametrize("custom", [PlainSessions, f"{__name__}.PlainSessions"], ids=["class", "path"])
def test_a_session_module_of_the_users_own(face: Face, custom: Any) -> None:
    made = face.jam({"session": {"session_type": "custom", "custom_module": custom, "prefix": "p-"}})
    session_id = made.session_create("user", {"user_id": 1})
    assert session_id == "p-0"
    assert made.session_get(session_id) == {"user_id": 1}
    made.session_update(session_id, {"user_id": 2})
    assert made.session_get(session_id) == {"user_id": 2}
    made.session_clear("user")
    assert made.session_get(session_id) is None
    with pytest.raises(JamSessionNotFound):
        made.session_update(session_id, {})
    with pytest.raises(JamConfigurationError, match="list"):
        made.session_list("user")
    with pytest.raises(JamConfigurationError, match="PlainSessions does not define read"):
        made.session_read(session_id)
    with pytest.raises(JamConfigurationError, match="revoke"):
        made.session_revoke("user", "handle")
    with pytest.raises(JamConfigurationError, match="read"):
        made.session_modify(session_id, dict)
    with pytest.raises(JamConfigurationError, match="PlainSessions does not define metadata in create"):
        made.session_create("user", {}, metadata={"address": "192.0.2.1"})
    with pytest.raises(JamConfigurationError, match="version in update"):
        made.session_update(session_id, {}, version="1")
    with pytest.raises(JamConfigurationError, match="keep in clear"):
        made.session_clear("user", keep=session_id)
    assert type(made.session).__name__ == "PlainSessions"


class UnrelatedSessions:
    """A module that derives from nothing of Jam's, with what is asked of it and no more."""

    def _nothing(self, *_: Any) -> None: ...

    create = get = update = delete = clear = rework = _nothing


def test_what_a_module_of_the_users_own_lacks_is_named_when_it_is_called(face: Face) -> None:
    provider = {"client_id": "id", "auth_url": "https://op.test/auth", "token_url": "https://op.test/token"}
    made = face.jam(
        {
            "session": {"session_type": "custom", "custom_module": UnrelatedSessions},
            "oauth2": {"providers": {"acme": {**provider, "redirect_url": "https://app.test/callback"}}},
        }
    )
    for name, call in {
        "list": lambda: made.session_list("user"),
        "revoke": lambda: made.session_revoke("user", "handle"),
        "keep": lambda: made.oauth2_begin("acme", ["email"]),
    }.items():
        with pytest.raises(JamConfigurationError, match=f"session: UnrelatedSessions does not define {name}"):
            call()


def test_a_module_of_the_users_own_may_have_coroutines_under_asyncio() -> None:
    face = Face("asyncio")
    made = face.jam({"session": {"custom_module": CoroutineSessions}})
    assert made.session_get(made.session_create("user", {"user_id": 1})) == {"user_id": 1}
    face.close()


def test_a_blocking_module_does_not_run_on_the_event_loops_thread() -> None:
    import threading

    seen: list[threading.Thread] = []

    class Watching(PlainSessions):
        def get(self, session_id: str) -> dict[str, Any] | None:
            seen.append(threading.current_thread())
            return None

    face = Face("asyncio")
    face.jam({"session": {"custom_module": Watching}}).session_get("id")
    face.close()
    assert seen
    assert seen[0] is not threading.current_thread()


def test_a_store_of_jam_is_extended_by_inheritance(face: Face) -> None:
    class Audited(MemorySessions):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.owners: list[str] = []

        def create(self, session_key: str, data: dict[str, Any]) -> str:
            self.owners.append(session_key)
            return super().create(session_key, data)

    made = face.jam({"session": {"custom_module": Audited, "default_ttl": 60}})
    assert made.session_get(made.session_create("alice", {"a": 1})) == {"a": 1}
    assert made.session.owners == ["alice"]


class SetList(BaseJWTList):
    def __init__(self, type: Any) -> None:
        super().__init__(type)
        self.tokens: set[str] = set()

    def add(self, token: str) -> None:
        self.tokens.add(token)

    def check(self, token: str) -> bool:
        return token in self.tokens

    def delete(self, token: str) -> None:
        self.tokens.discard(token)


def test_a_list_of_the_users_own(face: Face) -> None:
    section = {"type": "black", "backend": "custom", "custom_module": SetList}
    made = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": section}})
    token = made.jwt_create_token({"user_id": 1})
    assert made.jwt_verify_token(token) == {"user_id": 1}
    made.jwt.list.add_many([token])
    with pytest.raises(JamJWTInBlackList):
        made.jwt_verify_token(token)
    assert made.jwt_verify_token(token, check_list=False) == {"user_id": 1}


class ReversedJWT(BaseJWT):
    """Tokens that anybody can make: what matters here is who is asked."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def encode(self, payload: dict[str, Any]) -> str:
        return json.dumps(payload)[::-1]

    def decode(self, token: str, public_key: str | None = None, **checks: Any) -> dict[str, Any]:
        return json.loads(token[::-1])


@pytest.mark.parametrize("module", [ReversedJWT, f"{__name__}.ReversedJWT"], ids=["class", "path"])
def test_modules_name_what_makes_a_part(face: Face, module: Any) -> None:
    class Own(face.Jam):
        MODULES = {**face.Jam.MODULES, "jwt": module}

    made = face.drive(Own({"jwt": {"alg": "HS256", "secret": SECRET}}))
    token = made.jwt_create_token({"a": 1})
    assert token == '}1 :"a"{'
    assert made.jwt_verify_token(token) == {"a": 1}
    assert set(made.jwt_make_payload(exp=60)) == {"iat", "exp", "jti"}
    assert made.jwt.options == {"alg": "HS256", "secret": SECRET}
    works(face.jam(CONFIG))


def test_a_module_that_cannot_be_found_is_told(face: Face) -> None:
    class Own(face.Jam):
        MODULES = {**face.Jam.MODULES, "jwt": "no.such.Class"}

    with pytest.raises(JamConfigurationError, match="MODULES"):
        Own({"jwt": {"alg": "HS256", "secret": SECRET}})


def test_a_jwt_subclass_is_used(face: Face) -> None:
    class Traced(JWT):
        def encode(self, payload: dict[str, Any]) -> str:
            return super().encode({**payload, "traced": True})

    made = face.jam({"jwt": {"custom_module": Traced, "alg": "HS256", "secret": SECRET}})
    assert made.jwt_verify_token(made.jwt_create_token({"a": 1})) == {"a": 1, "traced": True}


# Serializers


class Marking(BaseEncoder):
    """JSON that leaves a mark in what it wrote, and asks for it."""

    @classmethod
    def dumps(cls, var: dict[str, Any]) -> bytes:
        return json.dumps({"marked": var}).encode()

    @classmethod
    def loads(cls, var: str | bytes) -> dict[str, Any]:
        return json.loads(var)["marked"]


@pytest.mark.parametrize("serializer", [Marking, Marking(), f"{__name__}.Marking"], ids=["class", "object", "path"])
def test_a_serializer_replaces_json(face: Face, serializer: Any) -> None:
    config = {**CONFIG, "paseto": {"version": "v4", "purpose": "local", "key": "70" * 32}}
    if isinstance(serializer, str):
        made = face.jam({**config, "serializer": serializer})
    else:
        made = face.jam(config, serializer=serializer)
    token = made.jwt_create_token({"user_id": 1})
    assert made.jwt_verify_token(token) == {"user_id": 1}
    assert JWT("HS256", SECRET).decode(token) == {"marked": {"user_id": 1}}
    assert made.session_get(made.session_create("user", {"user_id": 1})) == {"user_id": 1}
    assert made.paseto_decode(made.paseto_create({"user_id": 1}))["payload"] == {"user_id": 1}


def test_the_json_encoder_is_compact_and_refuses_what_json_has_not() -> None:
    assert JsonEncoder.dumps({"b": 1, "a": [1, 2]}) == b'{"a":[1,2],"b":1}'
    assert JsonEncoder.loads(b'{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="JSON"):
        JsonEncoder.dumps({"a": float("nan")})


# Logging, text form, life


def test_the_level_of_the_log_is_honoured(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("jam")
    face.jam({})
    assert logger.level == logging.INFO
    logger.setLevel(logging.ERROR)
    face.jam({})
    assert logger.level == logging.ERROR, "the application's own choice stays"
    face.jam({}, log_level="DEBUG")
    assert logger.level == logging.DEBUG
    face.jam({"log_level": "WARNING"})
    assert logger.level == logging.WARNING
    monkeypatch.setenv("JAM_LOG_LEVEL", "CRITICAL")
    face.jam({})
    assert logger.level == logging.CRITICAL
    with pytest.raises(JamConfigurationError, match="log_level"):
        face.jam({}, log_level="LOUD")


def test_a_logger_of_the_users_own_is_used(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    own = logging.getLogger("own")
    face.jam(CONFIG, logger=own, log_level="DEBUG")
    assert own.level == logging.DEBUG
    assert [record.name for record in caplog.records] == ["own"]
    caplog.clear()
    face.jam({**CONFIG, "logger": own, "log_level": "DEBUG"})
    assert [record.name for record in caplog.records] == ["own"]


def test_no_secret_is_shown_or_logged(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    made = face.jam(
        {
            "jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "black", "backend": "memory"}},
            "session": {
                "session_type": "memory",
                "is_session_crypt": True,
                "session_aes_secret": jam_aes_key(),
            },
            "paseto": {"version": "v4", "purpose": "local", "key": "70" * 32},
            "otp": {},
        },
        log_level="DEBUG",
    )
    token = made.jwt_create_token({"a": 1})
    session_id = made.session_create("user", {"a": 1})
    made.jwt_verify_token(token)
    made.session_get(session_id)
    shown = "".join(map(repr, (made.target, made.jwt, made.jwt.list, made.session, made.paseto, made.otp)))
    shown += "".join(record.getMessage() for record in caplog.records)
    for secret in (SECRET, "70" * 32, token, session_id):
        assert secret not in shown


def test_a_context_manager_closes(face: Face) -> None:
    if face.is_async:

        async def use() -> Any:
            async with face.Jam(CONFIG) as made:
                await made.session_create("user", {})
            return made

        made = face.run(use())
    else:
        with face.Jam(CONFIG) as made:
            made.session_create("user", {})
    closed = face.drive(made)
    with pytest.raises(JamError) as raised:
        closed.session_create("user", {})
    assert raised.value.error_code == "store.closed"


def test_importing_jam_needs_no_extra_and_no_asyncio() -> None:
    program = (
        "import sys; import jam, jam.sessions, jam.jwt, jam.otp, jam.paseto, jam.oauth2, jam.utils\n"
        "print([name for name in ('redis', 'asyncio', 'cryptography', 'jam.aio') if name in sys.modules])\n"
        "import jam.aio, jam.aio.sessions, jam.aio.lists, jam.aio.oauth2\n"
        "print([name for name in ('redis', 'cryptography', 'uvloop') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert jam.__version__ == version("jam-auth")


# What a message says


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"jwt": {"alg": "HS256", "secret": SECRET, "audience": []}}, r"jwt\.audience: must name one at least"),
        ({"session": {"default_ttl": -1}}, r"session\.default_ttl: must be more than 0 seconds and at most"),
        ({"session": {"default_ttl": 0}}, r"session\.default_ttl: must be more than 0 seconds and at most"),
        (
            {"session": {"is_session_crypt": True, "session_aes_secret": [5]}},
            "or a list of them, not a list of something else",
        ),
        ({"jwt": {"alg": "HS256", "secret": SECRET, "list": {}}}, r"^jwt\.list\.type: "),
    ],
)
def test_a_message_names_the_key_and_what_would_be_right(face: Face, config: Any, words: str) -> None:
    with pytest.raises(JamConfigurationError, match=words):
        face.jam(config)


def test_modules_used_directly_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JamConfigurationError, match="type: is required"):
        JWT("HS256", SECRET, list={})
    with pytest.raises(JamValidationError, match="audience: name one at least"):
        JWT("HS256", SECRET, audience=[])
    with pytest.raises(JamConfigurationError, match="the path of the configuration is empty"):
        jam.Jam(config="")
    for odd in (5, [], "black"):
        with pytest.raises(JamConfigurationError, match=r"^list: must be a list of jam\.jwt\.lists"):
            JWT("HS256", SECRET, list=odd)  # pyright: ignore[reportArgumentType]
    for make in (lambda odd: JWT("HS256", SECRET, serializer=odd), lambda odd: MemorySessions(serializer=odd)):
        with pytest.raises(JamConfigurationError, match=r"^serializer: must have dumps and loads"):
            make(object())
    with pytest.raises(JamConfigurationError, match=r"^serializer: must have dumps and loads"):
        jam.Jam(config={}, serializer=object())  # pyright: ignore[reportArgumentType]
    monkeypatch.chdir(tmp_path)
    for make in (MemorySessions, SQLiteSessions):
        for seconds in (-1, 0, 1e300, float("inf")):
            with pytest.raises(JamConfigurationError, match=r"^default_ttl: must be more than 0 seconds and at most"):
                make(default_ttl=seconds)
    with pytest.raises(JamConfigurationError, match=r"^redis_uri: .*not the class Redis"):
        RedisSessions(redis.Redis)
    assert list(tmp_path.iterdir()) == []
