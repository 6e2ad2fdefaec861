"""The two facades, and the modules that exist twice, offer the same calls."""

from __future__ import annotations

import inspect
import types
from typing import Any

import jam
import jam.aio
import jam.aio.lists
import jam.aio.oauth2
import jam.aio.replay_guard
import jam.aio.sessions
import jam.aio.tokens
import jam.jwt.lists
import jam.oauth2
import jam.otp.replay_guard
import jam.sessions
import jam.tokens
import pytest

LIFE_CYCLE = {"close", "aclose"}
CONTRACT = {
    "jwt_make_payload": "(self, exp=None, data=None, **claims)",
    "jwt_create_token": "(self, payload)",
    "jwt_verify_token": "(self, token, check_exp=True, check_list=True, *, audience=None, issuer=None, leeway=None)",
    "jwt_revoke_subject": "(self, sub, issued_before=None)",
    "jws_sign": "(self, payload, header=None)",
    "jws_verify": "(self, token)",
    "jwe_encrypt": "(self, plaintext, header=None)",
    "jwe_decrypt": "(self, token)",
    "session_create": "(self, session_key, data, *, metadata=None)",
    "session_get": "(self, session_id)",
    "session_read": "(self, session_id)",
    "session_update": "(self, session_id, data, *, version=None)",
    "session_modify": "(self, session_id, change)",
    "session_delete": "(self, session_id)",
    "session_clear": "(self, session_key, *, keep=None)",
    "session_revoke": "(self, session_key, handle)",
    "session_rework": "(self, old_session_id)",
    "session_list": "(self, session_key)",
    "tokens_issue": "(self, subject, claims=None)",
    "tokens_refresh": "(self, refresh_token)",
    "tokens_revoke": "(self, refresh_token)",
    "tokens_revoke_family": "(self, subject, handle)",
    "tokens_revoke_all": "(self, subject)",
    "tokens_list": "(self, subject)",
    "otp_code": "(self, secret, factor=None)",
    "otp_uri": "(self, secret, name, issuer, counter=None)",
    "otp_verify_code": "(self, secret, code, factor=None, look_ahead=1)",
    "otp_verify_step": "(self, secret, code, factor=None, look_ahead=1)",
    "otp_verify_once": "(self, secret, code, factor=None, look_ahead=1)",
    "otp_qr_svg": "(self, secret, name, issuer, counter=None)",
    "oauth2_get_authorized_url": "(self, provider, scope, **extra)",
    "oauth2_fetch_token": "(self, provider, code, grant_type='authorization_code', **extra)",
    "oauth2_refresh_token": "(self, provider, refresh_token, grant_type='refresh_token', **extra)",
    "oauth2_client_credentials_flow": "(self, provider, scope=None, **extra)",
    "oauth2_begin": "(self, provider, scope=None, **extra)",
    "oauth2_complete": "(self, provider, callback, binding)",
    "oauth2_userinfo": "(self, provider, access_token)",
    "oauth2_introspect": "(self, provider, token)",
    "oauth2_revoke": "(self, provider, token)",
    "oauth2_device_begin": "(self, provider, scope=None)",
    "oauth2_device_complete": "(self, provider, device)",
    "paseto_make_payload": "(self, exp=None, **data)",
    "paseto_create": "(self, payload, footer=None, *, implicit_assertion=None)",
    "paseto_decode": "(self, token, check_exp=True, check_list=True, *, implicit_assertion=None)",
    "jwt_create": "(self, payload)",
    "jwt_encode": "(self, payload)",
    "jwt_decode": "(self, token, check_exp=True, check_list=True, *, audience=None, issuer=None, leeway=None)",
}


def methods(owner: type[Any]) -> dict[str, types.FunctionType]:
    found = inspect.getmembers(owner, inspect.isfunction)
    return {name: function for name, function in found if not name.startswith("_") and name not in LIFE_CYCLE}


def bare_signature(function: types.FunctionType) -> str:
    signature = inspect.signature(function)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def test_the_facades_have_the_methods_of_the_contract() -> None:
    assert {name: bare_signature(function) for name, function in methods(jam.Jam).items()} == CONTRACT


def test_the_facades_have_the_same_signatures() -> None:
    blocking, awaited = methods(jam.Jam), methods(jam.aio.Jam)
    assert blocking.keys() == awaited.keys()
    for name in blocking:
        assert inspect.signature(blocking[name]) == inspect.signature(awaited[name]), name
    assert inspect.signature(jam.Jam) == inspect.signature(jam.aio.Jam)


def test_every_method_of_the_asyncio_facade_is_a_coroutine_function() -> None:
    assert all(inspect.iscoroutinefunction(function) for function in methods(jam.aio.Jam).values())
    assert not any(inspect.iscoroutinefunction(function) for function in methods(jam.Jam).values())


@pytest.mark.parametrize(
    ("blocking", "awaited"),
    [
        (jam.sessions, jam.aio.sessions),
        (jam.jwt.lists, jam.aio.lists),
        (jam.oauth2, jam.aio.oauth2),
        (jam.otp.replay_guard, jam.aio.replay_guard),
        (jam.tokens, jam.aio.tokens),
    ],
    ids=["sessions", "lists", "oauth2", "replay_guard", "tokens"],
)
def test_modules_that_exist_twice_offer_the_same(blocking: types.ModuleType, awaited: types.ModuleType) -> None:
    assert blocking.__all__ == awaited.__all__
    classes = [name for name in blocking.__all__ if inspect.isclass(getattr(blocking, name))]
    assert len(classes) >= 2
    for name in classes:
        ours, theirs = getattr(blocking, name), getattr(awaited, name)
        if ours is theirs:
            continue
        assert inspect.signature(ours) == inspect.signature(theirs), name
        assert methods(ours).keys() == methods(theirs).keys(), name
        for method, function in methods(ours).items():
            assert bare_signature(function) == bare_signature(methods(theirs)[method]), f"{name}.{method}"
            assert inspect.iscoroutinefunction(methods(theirs)[method]), f"{name}.{method}"


def test_everything_public_is_documented() -> None:
    for owner in (jam.Jam, jam.aio.Jam):
        assert inspect.getdoc(owner)
        for name, function in methods(owner).items():
            assert inspect.getdoc(function), name
