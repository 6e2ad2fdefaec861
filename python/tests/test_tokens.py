"""Pairs of access and refresh tokens, and the revocation of all tokens of a subject: on every store, by both faces."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jam.aio.lists
import jam.aio.tokens
import jam.jwt.lists
import jam.tokens
import pytest
from conftest import Store
from faces import Face
from jam.exceptions import (
    JamConfigurationError,
    JamConfigurationMissingSection,
    JamError,
    JamJWTInBlackList,
    JamJWTNotInWhiteList,
    JamRefreshTokenInvalid,
    JamRefreshTokenReused,
    JamStoreError,
    JamStoreUnavailable,
    JamTokensError,
    JamValidationError,
)
from jam.jwt import JWT
from jam.utils import generate_symmetric_key
from servers import RedisServer

SECRET = "a secret of at least thirty-two bytes"


def config(store: Store, kind: str | None = None, **more: Any) -> dict[str, Any]:
    place = {"backend": store.name, **store.keys}
    jwt: dict[str, Any] = {"alg": "HS256", "secret": SECRET}
    if kind is not None:
        jwt["list"] = {"type": kind, **place}
    return {"jwt": jwt, "tokens": {**place, **more}}


@pytest.fixture
def subject() -> str:
    """Another one for each test: stores may be shared."""
    return f"user {time.monotonic_ns()}"


def is_refused(made: Any, token: str) -> bool:
    try:
        made.jwt_verify_token(token)
    except (JamJWTInBlackList, JamJWTNotInWhiteList):
        return True
    return False


def test_a_pair_names_its_subject_its_login_and_the_claims(face: Face, store: Store, subject: str) -> None:
    made = face.jam(config(store, access_ttl=60))
    claims = {"role": "admin", "nested": {"list": [1, 2.5, None, "ä"]}, "large": 2**70}
    first = made.tokens_issue(subject, claims)
    second = made.tokens_refresh(first.refresh_token)
    payloads = [made.jwt_verify_token(pair.access_token) for pair in (first, second)]
    (login,) = made.tokens_list(subject)
    for payload in payloads:
        assert payload["sub"] == subject
        assert payload["sid"] == login.handle
        assert payload["exp"] - payload["iat"] == 60
        assert {name: payload[name] for name in claims} == claims
    assert payloads[0]["jti"] != payloads[1]["jti"]
    assert claims == {"role": "admin", "nested": {"list": [1, 2.5, None, "ä"]}, "large": 2**70}
    # RFC 6749 section 5.1
    assert second.to_dict() == {
        "access_token": second.access_token,
        "token_type": "Bearer",
        "expires_in": 60,
        "refresh_token": second.refresh_token,
    }
    assert login.created <= time.time() < login.expires
    made.tokens_revoke_all(subject)


def test_a_refresh_token_that_is_shown_again_revokes_its_login_and_no_other(
    face: Face, store: Store, subject: str
) -> None:
    # RFC 9700 section 4.14.2
    made = face.jam(config(store))
    other, first = made.tokens_issue(subject), made.tokens_issue(subject)
    second = made.tokens_refresh(first.refresh_token)
    third = made.tokens_refresh(second.refresh_token)
    with pytest.raises(JamRefreshTokenReused) as reused:
        made.tokens_refresh(first.refresh_token)
    assert reused.value.error_code == "tokens.reused"
    assert isinstance(reused.value, JamTokensError)
    for dead in (first, second, third):
        with pytest.raises(JamRefreshTokenInvalid):
            made.tokens_refresh(dead.refresh_token)
    assert made.tokens_refresh(other.refresh_token)
    made.tokens_revoke_all(subject)


def test_attack_55_what_is_forged_or_malformed_is_no_token_and_revokes_nothing(
    face: Face, store: Store, subject: str
) -> None:
    # attacks 27 and 58
    made = face.jam(config(store))
    pair, other = made.tokens_issue(subject), made.tokens_issue(f"not {subject}")
    token = pair.refresh_token
    tag, family, secret = token.split(".")
    zeros = "A" * 43
    sid = made.jwt_verify_token(pair.access_token)["sid"]
    for forged in (
        "",
        "..",
        "../../etc/passwd",
        "\0" * 104,
        "é" * 52,
        "\ud800" * 104,
        token + "=",
        token + " ",
        token[:-1],
        f"{tag}.{family}",
        f"{tag}.{zeros}.{secret}",
        f"{tag}.{sid}.{secret}",
        f"{other.refresh_token.split('.')[0]}.{family}.{secret}",
        f"{tag}.{other.refresh_token.split('.')[1]}.{secret}",
        pair.access_token,
        "x" * 1_000_000,
    ):
        with pytest.raises(JamRefreshTokenInvalid):
            made.tokens_refresh(forged)
        made.tokens_revoke(forged)
        assert made.tokens_revoke_family(subject, forged) is False
    assert made.tokens_revoke_family(f"not {subject}", sid) is False
    for wrong in (None, 1, b"x", [token]):
        with pytest.raises(JamValidationError):
            made.tokens_refresh(wrong)
    assert made.tokens_refresh(token)
    made.tokens_revoke_all(subject)


def test_one_login_or_all_of_a_subject_can_be_ended(face: Face, store: Store, subject: str) -> None:
    made = face.jam(config(store))
    pairs = [made.tokens_issue(subject) for _ in range(4)]
    stranger = made.tokens_issue(f"not {subject}")
    made.tokens_revoke(pairs[0].refresh_token)
    made.tokens_revoke(pairs[0].refresh_token)
    following = made.tokens_refresh(pairs[1].refresh_token)
    made.tokens_revoke(pairs[1].refresh_token)
    handles = [login.handle for login in made.tokens_list(subject)]
    assert len(handles) == 2
    assert [made.tokens_revoke_family(subject, handles[0]) for _ in range(2)] == [True, False]
    made.tokens_revoke_all(subject)
    made.tokens_revoke_all(subject)
    for dead in (*pairs, following):
        with pytest.raises(JamRefreshTokenInvalid):
            made.tokens_refresh(dead.refresh_token)
    assert made.tokens_list(subject) == []
    assert made.tokens_refresh(stranger.refresh_token)


@pytest.mark.parametrize("kind", ["black", "white"])
def test_with_a_list_access_tokens_of_what_is_revoked_are_refused_at_once(
    face: Face, store: Store, subject: str, kind: str
) -> None:
    made = face.jam(config(store, kind))
    kept, reused, revoked, by_handle = [made.tokens_issue(subject) for _ in range(4)]
    following = made.tokens_refresh(reused.refresh_token)
    assert not is_refused(made, following.access_token)
    with pytest.raises(JamRefreshTokenReused):
        made.tokens_refresh(reused.refresh_token)
    made.tokens_revoke(revoked.refresh_token)
    assert made.tokens_revoke_family(subject, made.jwt_verify_token(by_handle.access_token)["sid"])
    for dead in (reused, following, revoked, by_handle):
        assert is_refused(made, dead.access_token)
    assert not is_refused(made, kept.access_token)
    stranger = made.tokens_issue(f"not {subject}")
    made.tokens_revoke_all(subject)
    assert is_refused(made, kept.access_token)
    assert not is_refused(made, stranger.access_token)
    assert not is_refused(made, made.tokens_issue(subject).access_token), "who logs in again at once is let in"


def test_of_eight_threads_with_one_refresh_token_exactly_one_wins(store: Store, subject: str) -> None:
    face = Face("blocking")
    made = face.jam(config(store))
    rounds = [made.tokens_issue(subject).refresh_token for _ in range(50)]
    start = threading.Barrier(8)

    def refresh_all(_: int) -> list[Any]:
        answers: list[Any] = []
        for token in rounds:
            start.wait()
            try:
                answers.append(made.tokens_refresh(token))
            except JamTokensError as error:
                answers.append(error.error_code)
        return answers

    with ThreadPoolExecutor(8) as threads:
        by_thread = list(threads.map(refresh_all, range(8)))
    for answers in zip(*by_thread, strict=True):
        (winner,) = [answer for answer in answers if not isinstance(answer, str)]
        assert "tokens.reused" in answers
        with pytest.raises(JamRefreshTokenInvalid):
            made.tokens_refresh(winner.refresh_token)
    assert made.tokens_list(subject) == []
    face.close()


def test_of_eight_tasks_with_one_refresh_token_exactly_one_wins(store: Store, subject: str) -> None:
    import asyncio

    face = Face("asyncio")
    made = face.jam(config(store))
    for _ in range(20):
        token = made.tokens_issue(subject).refresh_token

        async def refresh_at_once(token: str = token) -> list[Any]:
            calls = [made.target.tokens_refresh(token) for _ in range(8)]
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = face.run(refresh_at_once())
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
        assert all(isinstance(answer, JamTokensError | jam.tokens.TokenPair) for answer in answers)
    assert made.tokens_list(subject) == []
    face.close()


def test_within_the_grace_time_the_last_answer_counts(face: Face, store: Store, subject: str) -> None:
    made = face.jam(config(store, grace=30))
    first = made.tokens_issue(subject)
    lost = made.tokens_refresh(first.refresh_token)
    second = made.tokens_refresh(first.refresh_token)
    third = made.tokens_refresh(second.refresh_token)
    with pytest.raises(JamRefreshTokenReused):
        made.tokens_refresh(lost.refresh_token)
    with pytest.raises(JamRefreshTokenInvalid):
        made.tokens_refresh(third.refresh_token)


def test_logins_end_by_idling_and_at_their_deadline(face: Face, stores: list[Store], subject: str) -> None:
    idle = [face.jam(config(store, refresh_ttl=0.5)) for store in stores]
    short = [face.jam(config(store, refresh_ttl=None, refresh_absolute_ttl=0.5)) for store in stores]
    pairs = [made.tokens_issue(subject) for made in (*idle, *short)]
    time.sleep(0.7)
    for made, pair in zip((*idle, *short), pairs, strict=True):
        with pytest.raises(JamRefreshTokenInvalid):
            made.tokens_refresh(pair.refresh_token)
        assert made.tokens_list(subject) == []


def test_logins_outlive_the_instance_and_are_shared_by_both_faces(durable_store: Store, subject: str) -> None:
    blocking, awaited = Face("blocking"), Face("asyncio")
    first = blocking.jam(config(durable_store)).tokens_issue(subject, {"role": "admin"})
    second = awaited.jam(config(durable_store)).tokens_refresh(first.refresh_token)
    with pytest.raises(JamRefreshTokenReused):
        blocking.jam(config(durable_store)).tokens_refresh(first.refresh_token)
    with pytest.raises(JamRefreshTokenInvalid):
        awaited.jam(config(durable_store)).tokens_refresh(second.refresh_token)
    blocking.close()
    awaited.close()


def test_access_tokens_may_be_pasetos(face: Face, subject: str) -> None:
    tokens = {"backend": "memory", "access_token": "paseto"}
    made = face.jam({"paseto": {"purpose": "local", "key": generate_symmetric_key()}, "tokens": tokens})
    pair = made.tokens_issue(subject, {"role": "admin"})
    payload = made.paseto_decode(made.tokens_refresh(pair.refresh_token).access_token)["payload"]
    assert (payload["sub"], payload["role"]) == (subject, "admin")
    assert payload["sid"] == made.tokens_list(subject)[0].handle
    # A list knows JSON Web Tokens only, and is not asked.
    made.tokens_revoke_all(subject)


def test_access_tokens_may_have_a_type_of_their_own(face: Face, subject: str) -> None:
    # RFC 9068 section 2.1
    jwt = {"alg": "HS256", "secret": SECRET, "typ": "at+jwt", "issuer": "https://issuer.example", "audience": "shop"}
    made = face.jam({"jwt": jwt, "tokens": {"backend": "memory"}})
    token = made.tokens_issue(subject).access_token
    header = token.split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["typ"] == "at+jwt"
    assert made.jwt_verify_token(token)["iss"] == "https://issuer.example"


def test_claims_that_are_set_for_each_token_or_have_no_json_form_are_refused(face: Face, subject: str) -> None:
    made = face.jam(config(Store("memory", {})))
    for name in ("iat", "exp", "jti", "sub", "sid"):
        with pytest.raises(JamValidationError, match=name):
            made.tokens_issue(subject, {name: 1})
    for claims in ([], "x", {"a": object()}, {"a": float("nan")}, {"a": "x" * 20_000}):
        with pytest.raises(JamValidationError):
            made.tokens_issue(subject, claims)
    for wrong in (None, 1, b"x"):
        with pytest.raises(JamValidationError):
            made.tokens_issue(wrong)
    assert made.tokens_list(subject) == []


def test_the_modules_can_be_used_directly(face: Face, store: Store, subject: str) -> None:
    lists, tokens = (jam.aio.lists, jam.aio.tokens) if face.is_async else (jam.jwt.lists, jam.tokens)
    jwt = JWT("HS256", SECRET)
    refused = lists.create_instance(store.name, type="black", **store.keys)
    made = face.drive(tokens.Tokens(jwt, store.name, list=refused, access_ttl=60, **store.keys))
    pair = made.issue(subject, {"role": "admin"})
    assert isinstance(pair, jam.tokens.TokenPair)
    pair = made.refresh(pair.refresh_token)
    assert jwt.decode(pair.access_token)["role"] == "admin"
    made.revoke(pair.refresh_token)
    assert face.drive(refused).check(pair.access_token)
    made.close()
    with pytest.raises(JamStoreError):
        made.refresh(pair.refresh_token)
    with pytest.raises(TypeError, match="'acess_ttl'"):
        tokens.Tokens(jwt, acess_ttl=1)


def test_sections_that_are_missing_or_cannot_be_used_are_named(face: Face) -> None:
    jwt = {"alg": "HS256", "secret": SECRET}
    for broken, path in (
        ({"tokens": {"backend": "memory"}}, "tokens: "),
        ({"jwt": jwt, "tokens": {"backend": "memory", "access_token": "paseto"}}, "tokens: "),
        ({"jwt": jwt, "tokens": {"backend": "memory", "grace": 61}}, r"tokens\.grace: "),
        ({"jwt": jwt, "tokens": {"backend": "memory", "access_ttl": 0.5}}, r"tokens\.access_ttl: "),
        ({"jwt": jwt, "tokens": {"backend": "memory", "refresh_tll": 1}}, 'did you mean "refresh_ttl"'),
        ({"jwt": jwt, "tokens": {"backend": "custom"}}, r"tokens\.custom_module: "),
    ):
        with pytest.raises(JamConfigurationError, match=path):
            face.jam(broken)
    made = face.jam({"jwt": jwt})
    assert made.target.tokens is None
    for call in (
        lambda: made.tokens_issue("user"),
        lambda: made.tokens_refresh("x"),
        lambda: made.tokens_revoke("x"),
        lambda: made.tokens_revoke_family("user", "x"),
        lambda: made.tokens_revoke_all("user"),
        lambda: made.tokens_list("user"),
    ):
        with pytest.raises(JamConfigurationMissingSection, match='"tokens"'):
            call()
    with pytest.raises(JamConfigurationMissingSection, match=r'"jwt\.list"'):
        made.jwt_revoke_subject("user")
    with pytest.raises(JamConfigurationMissingSection, match='"jwt"'):
        face.jam({"otp": {}}).jwt_revoke_subject("user")


class OwnTokens(jam.tokens.BaseTokens):
    """Pairs of a user's own, without the methods that may be left out."""

    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    def issue(self, subject: str, claims: Any = None) -> jam.tokens.TokenPair:
        return jam.tokens.TokenPair(f"{self.greeting} {subject}", "refresh", 1)

    def refresh(self, refresh_token: str) -> jam.tokens.TokenPair:
        raise JamRefreshTokenInvalid("none")

    def revoke(self, refresh_token: str) -> None:
        pass

    def revoke_all(self, subject: str) -> None:
        pass


def test_a_class_of_the_users_own_may_stand_in(face: Face) -> None:
    made = face.jam({"tokens": {"custom_module": f"{__name__}.OwnTokens", "greeting": "hello"}})
    assert made.tokens_issue("user").access_token == "hello user"
    with pytest.raises(JamConfigurationError, match=r"does not define list\(subject\)"):
        made.tokens_list("user")
    with pytest.raises(JamConfigurationError, match="keys of this section"):
        face.jam({"tokens": {"custom_module": f"{__name__}.OwnTokens", "greetings": "hello"}})


def test_attack_74_nothing_that_is_shown_holds_a_token(
    face: Face, subject: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = face.jam(config(Store("memory", {}), "black"))
        pair = made.tokens_issue(subject)
        made.tokens_refresh(pair.refresh_token)
        with pytest.raises(JamRefreshTokenReused) as reused:
            made.tokens_refresh(pair.refresh_token)
    assert "had been used" in caplog.text
    shown = f"{pair!r} {pair} {made.target!r} {made.target.tokens!r} {reused.value!r} {reused.value} {caplog.text}"
    for secret in (pair.access_token, pair.refresh_token, pair.refresh_token.split(".")[1]):
        assert secret not in shown
    for refused in (pair, made.target.tokens):
        with pytest.raises(TypeError):
            pickle.dumps(refused)
    with pytest.raises(TypeError):
        copy.copy(pair)


def test_attack_64_a_server_that_is_killed_is_told_of_and_found_again(
    face: Face, own_redis: RedisServer, subject: str
) -> None:
    made = face.jam(config(Store("redis", {"redis_uri": own_redis.uri}), "black"))
    pair = made.tokens_issue(subject)
    own_redis.kill()
    for call in (
        lambda: made.tokens_refresh(pair.refresh_token),
        lambda: made.tokens_revoke_all(subject),
        lambda: made.jwt_revoke_subject(subject),
        lambda: made.jwt_verify_token(pair.access_token),
    ):
        with pytest.raises(JamStoreUnavailable):
            call()
    own_redis.start()
    with pytest.raises(JamRefreshTokenInvalid):
        made.tokens_refresh(pair.refresh_token)
    assert made.tokens_refresh(made.tokens_issue(subject).refresh_token)


# Revocation of all tokens of a subject.


def token_of(subject: str | int | None, iat: float | None, **claims: Any) -> str:
    payload = {"sub": subject, "iat": iat, "jti": f"{subject} {iat}", **claims}
    return JWT("HS256", SECRET).encode({name: value for name, value in payload.items() if value is not None})


def test_a_subject_is_logged_out_everywhere_without_naming_its_tokens(face: Face, store: Store, subject: str) -> None:
    made = face.jam(config(store, "black"))
    now = int(time.time())
    early, late = token_of(subject, now - 500), token_of(subject, now - 10)
    assert not is_refused(made, early)
    made.jwt_revoke_subject(subject, issued_before=now - 100)
    assert is_refused(made, early)
    assert is_refused(made, token_of(subject, now - 100)), "of the same second"
    assert is_refused(made, token_of(subject, None)), "it does not tell when it was issued"
    assert not is_refused(made, late)
    assert not is_refused(made, token_of(f"not {subject}", now - 500))
    assert not is_refused(made, token_of(None, now - 500))
    made.jwt_revoke_subject(subject, issued_before=now - 1000.5)
    assert is_refused(made, early), "never back to an earlier moment"
    made.jwt_revoke_subject(subject)
    assert is_refused(made, late)


def test_a_white_list_forgets_what_a_subject_was_issued(face: Face, store: Store, subject: str) -> None:
    made = face.jam(config(store, "white"))
    token = made.jwt_create_token({"sub": subject, "iat": int(time.time()) - 100, "jti": "1"})
    assert not is_refused(made, token)
    made.jwt_revoke_subject(subject, issued_before=time.time() - 10)
    assert is_refused(made, token)
    assert not is_refused(made, made.jwt_create_token({"sub": subject, "iat": int(time.time()), "jti": "2"}))


def test_a_revocation_is_forgotten_when_no_token_can_be_left(face: Face) -> None:
    made = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": {
        "type": "black", "backend": "memory", "token_life_time": 0.001,
    }}})  # fmt: skip
    made.jwt_revoke_subject("user")
    assert is_refused(made, token_of("user", 1)), "a minute longer, as clocks differ"
    for bad in (0, -1, "x"):
        with pytest.raises(JamConfigurationError, match="token_life_time"):
            face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": {
                "type": "black", "backend": "memory", "token_life_time": bad,
            }}})  # fmt: skip


def test_arguments_of_a_revocation_are_checked(face: Face) -> None:
    made = face.jam(config(Store("memory", {}), "black"))
    for moment in (time.time() + 3600, float("nan"), float("inf"), 10**400):
        with pytest.raises(JamValidationError):
            made.jwt_revoke_subject("user", issued_before=moment)
    for wrong in ("now", True, b"1"):
        with pytest.raises(TypeError):
            made.jwt_revoke_subject("user", issued_before=wrong)
    for subject in (None, 1, b"x", "\ud800"):
        with pytest.raises(JamValidationError):
            made.jwt_revoke_subject(subject)
    for moment in (-1, 0, -1e300):
        made.jwt_revoke_subject("user", issued_before=moment)
    assert not is_refused(made, token_of("user", int(time.time())))


class OwnList(jam.jwt.lists.BaseJWTList):
    """A list of a user's own that knows single tokens only."""

    def __init__(self, type: jam.jwt.lists.ListType) -> None:
        super().__init__(type)
        self.tokens: set[str] = set()

    def add(self, token: str) -> None:
        self.tokens.add(token)

    def check(self, token: str) -> bool:
        return token in self.tokens

    def delete(self, token: str) -> None:
        self.tokens.discard(token)


def test_a_list_of_the_users_own_takes_part_as_far_as_it_can(face: Face) -> None:
    jwt = {"alg": "HS256", "secret": SECRET, "list": {"type": "white", "custom_module": f"{__name__}.OwnList"}}
    made = face.jam({"jwt": jwt, "tokens": {"backend": "memory"}})
    assert not is_refused(made, made.tokens_issue("user").access_token)
    with pytest.raises(JamConfigurationError, match=r"OwnList does not define revoke_subject"):
        made.jwt_revoke_subject("user")


def test_every_error_of_tokens_is_one_of_jams(face: Face, store: Store) -> None:
    made = face.jam(config(store))
    for text in ("", "a.b.c", "." * 104, "A" * 16 + "." + "A" * 43 + "." + "A" * 43):
        with pytest.raises(JamError):
            made.tokens_refresh(text)
