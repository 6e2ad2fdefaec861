"""Tokens that renew themselves, on both faces."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any

import jam.aio.oauth2
import jam.oauth2
import pytest
from faces import Face
from jam import exceptions
from openid_provider import OpenIdProvider, json_answer

OLD = {"access_token": "old", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh-1"}


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


def set_of(face: Face, provider: OpenIdProvider, tokens: dict[str, Any]) -> Any:
    module = jam.aio.oauth2 if face.is_async else jam.oauth2
    client = face.drive(module.OAuth2Client(**provider.section()))
    return face.drive(client.token_set(tokens))


def expired() -> dict[str, Any]:
    return {**OLD, "expires_at": int(time.time()) - 1}


def test_a_token_is_renewed_when_it_is_about_to_expire_and_can_be_saved(face: Face, provider: OpenIdProvider) -> None:
    fresh = set_of(face, provider, OLD)
    assert fresh.access_token() == "old"
    assert provider.requests == []
    saved = json.loads(json.dumps(fresh.tokens))
    assert saved["expires_at"] - time.time() > 3590
    assert set_of(face, provider, saved).access_token() == "old"
    answer = {"access_token": "new", "token_type": "Bearer", "expires_in": "3600"}
    provider.answers["/token"] = lambda _: json_answer(answer)
    tokens = set_of(face, provider, {**saved, "expires_at": int(time.time()) + 20})
    assert tokens.access_token() == tokens.access_token() == "new"
    forms = [form for path, _, form in provider.requests if path == "/token"]
    assert forms == [{"grant_type": "refresh_token", "refresh_token": "refresh-1"}]
    # attack 72: none came, so the old one stays
    assert tokens.tokens["refresh_token"] == "refresh-1"


def test_a_changed_refresh_token_is_the_one_that_is_used(face: Face, provider: OpenIdProvider) -> None:
    # attack 72
    answers = [
        {"access_token": "second", "token_type": "Bearer", "expires_in": 1, "refresh_token": "refresh-2"},
        {"access_token": "third", "token_type": "Bearer", "expires_in": 3600},
    ]
    provider.answers["/token"] = lambda _: json_answer(answers.pop(0))
    tokens = set_of(face, provider, expired())
    assert [tokens.access_token(), tokens.access_token()] == ["second", "third"]
    used = [form["refresh_token"] for path, _, form in provider.requests if path == "/token"]
    assert used == ["refresh-1", "refresh-2"]


def test_twenty_that_wait_share_one_renewal_or_its_failure(provider: OpenIdProvider) -> None:
    # attack 72
    for answer, outcome in (
        (json_answer({"access_token": "new", "token_type": "Bearer", "expires_in": 3600}), "new"),
        (json_answer({"error": "invalid_grant"}, 400), exceptions.JamOAuth2Refused),
    ):

        def slow(_: dict[str, str], answer: Any = answer) -> Any:
            time.sleep(0.3)
            return answer

        provider.answers["/token"] = slow
        provider.requests.clear()
        tokens = jam.oauth2.OAuth2Client(**provider.section()).token_set(expired())
        seen: list[Any] = []

        def use(tokens: Any = tokens, seen: list[Any] = seen) -> None:
            try:
                seen.append(tokens.access_token())
            except exceptions.JamOAuth2Refused as error:
                seen.append(type(error))

        threads = [threading.Thread(target=use) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [outcome] * 20
        assert provider.paths().count("/token") == 1
        provider.requests.clear()

        async def use_all() -> list[Any]:
            tokens = await jam.aio.oauth2.OAuth2Client(**provider.section()).token_set(expired())
            return await asyncio.gather(*(tokens.access_token() for _ in range(20)), return_exceptions=True)

        done = asyncio.run(use_all())
        assert [each if isinstance(each, str) else type(each) for each in done] == [outcome] * 20
        assert provider.paths().count("/token") == 1


def test_what_cannot_be_renewed_says_so_and_shows_nothing(face: Face, provider: OpenIdProvider) -> None:
    # attack 74
    lost = {name: value for name, value in expired().items() if name != "refresh_token"}
    with pytest.raises(exceptions.JamValidationError):
        set_of(face, provider, lost).access_token()
    for bad in ({}, {"access_token": ""}, {"access_token": 7}, {**OLD, "expires_at": "soon"}, {"access_token": b"a"}):
        with pytest.raises(exceptions.JamValidationError):
            set_of(face, provider, bad)
    with pytest.raises(TypeError):
        set_of(face, provider, "access")  # pyright: ignore[reportArgumentType]
    tokens = set_of(face, provider, OLD).target
    assert "old" not in repr(tokens)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(tokens)
