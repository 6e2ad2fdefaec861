"""Logins against a provider that a test can make misbehave, on both faces."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jam.aio
import jam.aio.oauth2
import jam.oauth2
import pytest
from conftest import Store
from faces import Face
from jam import exceptions
from jam.jose import JWS
from openid_provider import OpenIdProvider, json_answer, new_key


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


def make_jam(face: Face, provider: OpenIdProvider, session: dict[str, Any] | None = None, **keys: Any) -> Any:
    section = provider.section(**keys)
    return face.jam(
        {"oauth2": {"providers": {"test": section}}, "session": session or {"session_type": "memory"}},
    )


def refused(call: Any, error: type[exceptions.JamError]) -> exceptions.JamError:
    """The error of a call, which must show nothing secret."""
    with pytest.raises(error) as caught:
        call()
    shown = f"{caught.value}{caught.value.details}"
    for secret in ("client-secret-value", "access-token-value", "code-0", "eyJ"):
        assert secret not in shown
    return caught.value


def test_a_login_gives_tokens_and_the_claims_of_the_validated_id_token(
    face: Face, provider: OpenIdProvider, store: Store
) -> None:
    jam = make_jam(face, provider, store.session())
    login = jam.oauth2_begin("test", ["openid", "email"], prompt="login")
    request = dict(parse_qsl(urlsplit(login.url).query))
    assert (request["scope"], request["prompt"], request["response_type"]) == ("openid email", "login", "code")
    assert request["code_challenge_method"] == "S256"  # attack 67
    assert all(len(request[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    assert len(login.binding) == 43
    done = jam.oauth2_complete("test", provider.sign_in(login.url), login.binding)
    assert done.tokens["access_token"] == "access-token-value"
    assert (done.claims["sub"], done.claims["nonce"]) == ("user-1", request["nonce"])


def test_a_login_costs_no_more_requests_than_the_protocol_needs(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    for _ in range(3):
        login = jam.oauth2_begin("test")
        jam.oauth2_complete("test", provider.sign_in(login.url), login.binding)
    assert provider.paths() == ["/.well-known/openid-configuration", "/token", "/keys", "/token", "/token"]


def test_a_callback_may_be_the_dict_of_its_parameters(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    for wrap in (str, lambda value: [value]):
        login = jam.oauth2_begin("test")
        parameters = parse_qsl(urlsplit(provider.sign_in(login.url)).query)
        done = jam.oauth2_complete("test", {name: wrap(value) for name, value in parameters}, login.binding)
        assert done.claims["sub"] == "user-1"


def test_without_an_issuer_a_login_is_plain_oauth2(face: Face, provider: OpenIdProvider) -> None:
    addresses = {"auth_url": f"{provider.issuer}/authorize", "token_url": f"{provider.issuer}/token"}
    jam = face.jam(
        {
            "oauth2": {
                "providers": {"test": {k: v for k, v in provider.section(**addresses).items() if k != "issuer"}}
            },
            "session": {"session_type": "memory"},
        }
    )
    login = jam.oauth2_begin("test", ["read"])
    assert "nonce" not in login.url
    done = jam.oauth2_complete("test", provider.sign_in(login.url, iss=None), login.binding)
    assert (done.tokens["access_token"], done.claims) == ("access-token-value", None)
    assert provider.paths() == ["/token"]
    refused(lambda: jam.oauth2_begin("test", ["openid"]), exceptions.JamConfigurationError)
    # A named issuer that cannot be compared is not passed over: the code might be another server's (attack 66).
    login = jam.oauth2_begin("test", ["read"])
    callback = provider.sign_in(login.url)
    refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamConfigurationError)


def test_a_state_is_good_once_for_one_browser_and_one_provider(
    face: Face, provider: OpenIdProvider, store: Store
) -> None:
    # attack 65
    section = provider.section()
    jam = face.jam(
        {"oauth2": {"providers": {"test": section, "other": section}}, "session": store.session()},
    )
    invalid = exceptions.JamOAuth2InvalidCallback
    logins = [jam.oauth2_begin("test") for _ in range(4)]
    callbacks = [provider.sign_in(login.url) for login in logins]
    # Another user's browser, one without a cookie, and another provider.
    refused(lambda: jam.oauth2_complete("test", callbacks[0], logins[1].binding), invalid)
    refused(lambda: jam.oauth2_complete("test", callbacks[1], None), invalid)
    refused(lambda: jam.oauth2_complete("other", callbacks[2], logins[2].binding), invalid)
    jam.oauth2_complete("test", callbacks[3], logins[3].binding)
    # None of them is there any more, whatever came of it.
    for login, callback in zip(logins, callbacks, strict=True):
        refused(lambda: jam.oauth2_complete("test", callback, login.binding), invalid)  # noqa: B023
    assert provider.paths().count("/token") == 1


def test_a_callback_without_a_state_or_with_a_made_up_one_asks_nobody(face: Face, provider: OpenIdProvider) -> None:
    # attack 65
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    for callback in (
        provider.sign_in(login.url, state=None),
        provider.sign_in(login.url, state="made-up"),
        provider.sign_in(login.url) + "&state=second",
        "https://app.example/callback",
        "",
        {},
        {"code": "code-0"},
    ):
        refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2InvalidCallback)  # noqa: B023
    for wrong in (7, None, b"state=1", {"state": 7}, {7: "state"}):
        refused(lambda: jam.oauth2_complete("test", wrong, login.binding), exceptions.JamValidationError)  # noqa: B023
    assert "/token" not in provider.paths()


def test_of_many_callbacks_at_the_same_time_one_completes_the_login(provider: OpenIdProvider, store: Store) -> None:
    # attack 65
    jam = jam_of(provider, store)
    login = jam.oauth2_begin("test")
    callback = provider.sign_in(login.url)
    outcomes: list[str] = []

    def complete() -> None:
        try:
            jam.oauth2_complete("test", callback, login.binding)
            outcomes.append("done")
        except exceptions.JamOAuth2InvalidCallback:
            outcomes.append("refused")

    threads = [threading.Thread(target=complete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done"] + ["refused"] * 7


def jam_of(provider: OpenIdProvider, store: Store) -> jam.Jam:
    return jam.Jam({"oauth2": {"providers": {"test": provider.section()}}, "session": store.session()})


def test_a_callback_of_another_issuer_is_refused_before_any_token_request(face: Face, provider: OpenIdProvider) -> None:
    # attack 66
    jam = make_jam(face, provider)
    for issuer in ("https://evil.example", f"{provider.issuer}/", None):
        login = jam.oauth2_begin("test")
        callback = provider.sign_in(login.url, iss=issuer)
        refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2InvalidCallback)  # noqa: B023
    assert "/token" not in provider.paths()


def test_an_issuer_that_does_not_announce_it_need_not_name_itself(face: Face, provider: OpenIdProvider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": None}
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    assert jam.oauth2_complete("test", provider.sign_in(login.url, iss=None), login.binding).claims["sub"] == "user-1"


def test_an_error_in_the_callback_is_a_refusal_with_its_code(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    callback = provider.sign_in(login.url, code=None, error="access_denied", error_description="no")
    error = refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2Refused)
    assert error.details == {"error": "access_denied"}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": ["client", "another"]},
        {"aud": ["client", "another"], "azp": "another"},
        {"azp": "another"},
        {"azp": 7},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["nonce"]},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"at_hash": ""},
        {"at_hash": 1},
        {"c_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iat": 99_999_999_999},
        {"iat": "now"},
        {"nbf": 99_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
    ],
    ids=str,
)
def test_an_id_token_with_a_wrong_claim_is_refused(
    face: Face, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    # attack 73
    provider.claims = claims
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    callback = provider.sign_in(login.url)
    refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2InvalidIdToken)


def test_max_age_and_acr_values_are_checked_where_they_were_asked_for(face: Face, provider: OpenIdProvider) -> None:
    # attack 73
    jam = make_jam(face, provider)
    now = int(time.time())
    cases: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
        ({"max_age": 300}, {"auth_time": now - 200}, True),
        ({"max_age": 300}, {"auth_time": now - 500}, False),
        ({"max_age": 300}, {"auth_time": now + 500}, False),
        ({"max_age": 300}, {}, False),
        ({"max_age": 300}, {"auth_time": "now"}, False),
        ({"acr_values": "silver gold"}, {"acr": "gold"}, True),
        ({"acr_values": "silver gold"}, {"acr": "bronze"}, False),
        ({"acr_values": "silver gold"}, {"acr": "silver gold"}, False),
        ({"acr_values": "silver gold"}, {}, False),
    ]
    for asked, claims, is_good in cases:
        provider.claims = claims
        login = jam.oauth2_begin("test", **asked)
        callback = provider.sign_in(login.url)
        if is_good:
            assert jam.oauth2_complete("test", callback, login.binding).claims["sub"] == "user-1"
        else:
            refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2InvalidIdToken)  # noqa: B023
    refused(lambda: jam.oauth2_begin("test", max_age="soon"), exceptions.JamValidationError)


def test_several_audiences_are_good_where_the_token_names_this_client_as_its_party(
    face: Face, provider: OpenIdProvider
) -> None:
    provider.claims = {"aud": ["another", "client"], "azp": "client"}
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    assert jam.oauth2_complete("test", provider.sign_in(login.url), login.binding).claims["azp"] == "client"


def test_an_id_token_must_be_there_signed_by_the_issuer_and_of_its_kind(face: Face, provider: OpenIdProvider) -> None:
    # attack 73
    jam = make_jam(face, provider)
    body = JWS("ES256", new_key("1")).sign(b"{}").split(".")
    for forged, error in (
        (None, exceptions.JamOAuth2InvalidResponse),
        (7, exceptions.JamOAuth2InvalidResponse),
        ("", exceptions.JamOAuth2InvalidIdToken),
        ("a.b.c", exceptions.JamOAuth2InvalidIdToken),
        (".".join(body), exceptions.JamOAuth2InvalidIdToken),
        (f"eyJhbGciOiJub25lIn0.{body[1]}.", exceptions.JamOAuth2InvalidIdToken),
        (JWS("HS256", b"client-secret-value-of-32-bytes!").sign(b"{}"), exceptions.JamOAuth2InvalidIdToken),
    ):
        provider.token_answer = lambda answer, forged=forged: {**answer, "id_token": forged}
        login = jam.oauth2_begin("test")
        callback = provider.sign_in(login.url)
        refused(lambda: jam.oauth2_complete("test", callback, login.binding), error)  # noqa: B023
    provider.token_answer = lambda answer: answer
    for header in ({"typ": "at+jwt"}, {"typ": "logout+jwt"}):
        provider.header = header
        login = jam.oauth2_begin("test")
        callback = provider.sign_in(login.url)
        refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2InvalidIdToken)  # noqa: B023


def test_a_token_of_an_algorithm_that_the_issuer_does_not_announce_is_refused(
    face: Face, provider: OpenIdProvider
) -> None:
    provider.metadata = {"id_token_signing_alg_values_supported": ["RS256"]}
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    callback = provider.sign_in(login.url)
    refused(lambda: jam.oauth2_complete("test", callback, login.binding), exceptions.JamOAuth2InvalidIdToken)


def test_a_new_key_of_the_issuer_is_fetched_but_not_at_every_unknown_name(face: Face, provider: OpenIdProvider) -> None:
    # attack 46
    client = face.drive(make_jam(face, provider).oauth2["test"])
    assert client.verify_id_token(provider.id_token())["sub"] == "user-1"
    trusted, provider.keys = provider.keys, [new_key("2")]
    for _ in range(5):
        refused(lambda: client.verify_id_token(provider.id_token()), exceptions.JamOAuth2InvalidIdToken)
    assert provider.paths().count("/keys") == 1  # fetched a moment ago
    provider.keys = trusted
    assert client.verify_id_token(provider.id_token())["sub"] == "user-1"


def test_key_sets_that_cannot_be_used_are_refused(face: Face, provider: OpenIdProvider) -> None:
    # attack 46, attack 68
    good = {"keys": [key.to_dict() for key in provider.keys]}
    answers = {
        "not found": json_answer({}, 404),
        "elsewhere": (302, {"Location": f"{provider.issuer}/elsewhere"}, b""),
        "no set": json_answer({"keys": 7}),
        "no keys": json_answer({"keys": []}),
        "html": (200, {"Content-Type": "text/html"}, b"<html>"),
        "too large": json_answer({**good, "padding": "x" * 2_000_000}),
    }
    for name, answer in answers.items():
        provider.answers["/keys"] = lambda _, answer=answer: answer
        client = face.drive(make_jam(face, provider).oauth2["test"])
        refused(lambda: client.verify_id_token(provider.id_token()), exceptions.JamOAuth2InvalidResponse)  # noqa: B023
        assert "/elsewhere" not in provider.paths(), name
    bad = {"kty": "EC", "crv": "P-256", "kid": "bad", "x": "AA", "y": "AA"}
    provider.answers["/keys"] = lambda _: json_answer({"keys": [bad, 7, *good["keys"]]})
    client = face.drive(make_jam(face, provider).oauth2["test"])
    assert client.verify_id_token(provider.id_token())["sub"] == "user-1"


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "data:application/json,{}",
        "http://evil.example/keys",
        "https://169.254.169.254/keys",
        "http://127.0.0.1:1@evil.example/keys",
        7,
    ],
)
def test_addresses_of_keys_that_lead_astray_are_refused(face: Face, provider: OpenIdProvider, address: Any) -> None:
    # attack 46, attack 69
    provider.metadata = {"jwks_uri": address}
    jam = make_jam(face, provider)
    refused(lambda: jam.oauth2_begin("test"), exceptions.JamOAuth2InvalidResponse)


def test_an_issuer_may_publish_its_metadata_in_the_form_of_rfc_8414(face: Face, provider: OpenIdProvider) -> None:
    document = json_answer({**provider._metadata(), "issuer": f"{provider.issuer}/tenant"})
    provider.answers["/.well-known/oauth-authorization-server/tenant"] = lambda _: document
    jam = make_jam(face, provider, issuer=f"{provider.issuer}/tenant")
    assert jam.oauth2_begin("test").url.startswith(f"{provider.issuer}/authorize?")
    assert provider.paths() == [
        "/tenant/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/tenant",
    ]


def test_many_threads_and_tasks_share_one_request_for_the_keys(provider: OpenIdProvider) -> None:
    token = provider.id_token()

    def slow_keys(_: dict[str, str]) -> Any:
        time.sleep(0.1)
        return json_answer({"keys": [key.to_dict() for key in provider.keys]})

    provider.answers["/keys"] = slow_keys
    client = jam.oauth2.OAuth2Client(**provider.section())
    threads = [threading.Thread(target=client.verify_id_token, args=(token,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(provider.paths()) == ["/.well-known/openid-configuration", "/keys"]
    provider.requests.clear()

    async def validate() -> None:
        awaited = jam.aio.oauth2.OAuth2Client(**provider.section())
        claims = await asyncio.gather(*(awaited.verify_id_token(token) for _ in range(10_000)))
        assert all(claim["sub"] == "user-1" for claim in claims)

    asyncio.run(validate())
    assert sorted(provider.paths()) == ["/.well-known/openid-configuration", "/keys"]


def test_what_the_calls_set_themselves_cannot_be_given(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    for name in ("state", "nonce", "code_challenge", "code_challenge_method", "response_type", "client_id", "scope"):
        refused(lambda: jam.oauth2_begin("test", **{name: "x"}), exceptions.JamValidationError)  # noqa: B023


def test_a_login_shows_no_secret_and_leaves_the_process_in_no_pickle(face: Face, provider: OpenIdProvider) -> None:
    # attack 74
    jam = make_jam(face, provider)
    login = jam.oauth2_begin("test")
    callback = provider.sign_in(login.url)
    done = jam.oauth2_complete("test", callback, login.binding)
    for secret in (login, done):
        assert repr(secret).startswith("<jam.oauth2.")
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                leave(secret)
    assert login.binding.encode() not in login.record
    assert json.dumps(done.claims)


def test_without_sessions_a_login_names_the_missing_section(face: Face, provider: OpenIdProvider) -> None:
    jam = face.jam({"oauth2": {"providers": {"test": provider.section()}}})
    error = refused(lambda: jam.oauth2_begin("test"), exceptions.JamConfigurationMissingSection)
    assert error.details == {"section": "session"}
    assert provider.requests == []


def test_a_client_proves_who_it_is_by_a_jwt(face: Face, provider: OpenIdProvider) -> None:
    key = new_key("client-key")
    ways: list[tuple[dict[str, Any], JWS]] = [
        ({"private_key": json.dumps(key.to_dict(private=True)), "client_secret": None}, JWS("ES256", key)),
        (
            {"client_secret": "client-secret-value-of-32-bytes!", "client_authentication": "client_secret_jwt"},
            JWS("HS256", b"client-secret-value-of-32-bytes!"),
        ),
    ]
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"]}
    provider.answers["/token"] = lambda _: json_answer({"access_token": "a", "token_type": "Bearer"})
    seen = set()
    for keys, verifier in ways:
        section = {name: value for name, value in provider.section(**keys).items() if value is not None}
        jam = face.jam({"oauth2": {"providers": {"test": section}}})
        for _ in range(2):
            jam.oauth2_client_credentials_flow("test")
            path, headers, form = provider.requests[-1]
            assert (path, form["client_id"], "authorization" in headers) == ("/token", "client", False)
            assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            assert "client_secret" not in form
            claims = json.loads(verifier.verify(form["client_assertion"]).payload)
            assert (claims["iss"], claims["sub"], claims["aud"]) == ("client", "client", provider.issuer)
            assert claims["exp"] - claims["iat"] == 60
            seen.add(claims["jti"])
    assert len(seen) == 4


def test_the_configuration_must_have_what_a_way_of_proof_needs(face: Face, provider: OpenIdProvider) -> None:
    for keys in (
        {"client_authentication": "private_key_jwt"},
        {"private_key": "no key"},
        {"client_authentication": "guess"},
    ):
        section = {"oauth2": {"providers": {"test": provider.section(**keys)}}}
        refused(lambda: face.jam(section), exceptions.JamConfigurationError)  # noqa: B023
    provider.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    jam = make_jam(face, provider)
    refused(lambda: jam.oauth2_begin("test"), exceptions.JamOAuth2InvalidResponse)


@pytest.mark.parametrize("is_required", [False, True])
def test_a_pushed_request_leaves_nothing_but_a_reference_in_the_address(
    face: Face, provider: OpenIdProvider, is_required: bool
) -> None:
    provider.metadata = {
        "pushed_authorization_request_endpoint": f"{provider.issuer}/pushed",
        "require_pushed_authorization_requests": is_required,
    }
    jam = make_jam(face, provider, pushed_authorization=not is_required)
    login = jam.oauth2_begin("test", ["openid"], prompt="login")
    query = dict(parse_qsl(urlsplit(login.url).query))
    assert query == {"client_id": "client", "request_uri": "urn:ietf:params:oauth:request_uri:0"}
    path, headers, form = provider.requests[-1]
    assert (path, form["prompt"], form["client_id"], form["code_challenge_method"]) == (
        "/pushed",
        "login",
        "client",
        "S256",
    )
    assert headers["authorization"].startswith("Basic ")
    done = jam.oauth2_complete("test", provider.sign_in(login.url), login.binding)
    assert done.claims["sub"] == "user-1"
    provider.answers["/pushed"] = lambda _: json_answer({"error": "invalid_request"}, 400)
    refused(lambda: jam.oauth2_begin("test"), exceptions.JamOAuth2Refused)
    provider.answers["/pushed"] = lambda _: json_answer({"expires_in": 60})
    refused(lambda: jam.oauth2_begin("test"), exceptions.JamOAuth2InvalidResponse)
