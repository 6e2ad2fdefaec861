"""The policy that all integrations share: where credentials are found, what reads them, what is answered."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jam.aio
import pytest
from jam import Jam
from jam.cookies import Cookie
from jam.exceptions import JamConfigurationError, JamStoreUnavailable, JamValidationError
from jam.ext import Authentication, Identity, Policy, Refusal, RequestHead, asgi, wsgi
from servers import RedisServer

CONFIG: dict[str, Any] = {
    "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    "session": {"session_type": "memory"},
    "paseto": {"version": "v4", "purpose": "local", "key": "00" * 32},
}

Authenticate = Callable[[Policy, RequestHead], Authentication]


def blocking(policy: Policy, head: RequestHead) -> Authentication:
    return policy.authenticate(head)


def asynchronous(policy: Policy, head: RequestHead) -> Authentication:
    return asyncio.run(policy.authenticate_async(head))


@pytest.fixture(params=["blocking", "asyncio", "blocking in threads"])
def make(request: pytest.FixtureRequest) -> Callable[..., tuple[Policy, Authenticate]]:
    """Makes a policy over a facade of either face, with what asks it."""
    is_async = request.param != "blocking"
    facade = jam.aio.Jam if request.param == "asyncio" else Jam

    def policy(kind: Any = "jwt", config: Any = CONFIG, **options: Any) -> tuple[Policy, Authenticate]:
        made = Policy(kind, facade(config=config), is_async=is_async, **options)
        return made, asynchronous if is_async else blocking

    return policy


def head(query: str = "", method: str = "GET", **headers: str) -> RequestHead:
    by_name = {name.replace("_", "-"): value for name, value in headers.items()}
    return RequestHead(method=method, header=by_name.get, query=query)


def run(result: Any) -> Any:
    async def wait() -> Any:
        return await result

    return asyncio.run(wait()) if asyncio.iscoroutine(result) else result


def token_of(policy: Policy, **claims: Any) -> str:
    return run(policy.jam.jwt_create_token({"jti": "1", **claims}))


def refusal_of(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


def test_a_token_is_found_in_the_header_the_cookie_or_the_query(make: Any) -> None:
    policy, ask = make(cookie_name="jwt", header_name="X-Token", query_name="access_token", bearer=False)
    token = token_of(policy, sub="alice")
    for request in (head(x_token=token), head(cookie=f"jwt={token}"), head(f"a=1&access_token={token}")):
        assert ask(policy, request).require().payload["sub"] == "alice"
    assert ask(policy, head(authorization=f"Bearer {token}")).identity is None


def test_a_credential_of_the_client_counts_before_the_cookie_that_comes_by_itself(make: Any) -> None:
    policy, ask = make(cookie_name="jwt", header_name="Authorization")
    good, other = token_of(policy, sub="alice"), token_of(policy, sub="bob")
    both = head(authorization=f"Bearer {good}", cookie=f"jwt={other}", origin="https://evil.example", method="POST")
    assert ask(policy, both).require().payload["sub"] == "alice"
    # One that does not hold is not made up for by the other.
    assert ask(policy, head(authorization="Bearer x", cookie=f"jwt={other}")).identity is None


def test_a_credential_in_two_places_is_refused(make: Any) -> None:
    policy, ask = make(header_name="Authorization", query_name="access_token")
    refusals = [
        head("access_token=a", authorization="Bearer a"),
        head("access_token=a&access_token=a"),
        head(authorization="Bearer a, Bearer b"),
        head("access_token=a&" + "x=1&" * 2000),
    ]
    for request in refusals:
        refusal = refusal_of(lambda request=request: ask(policy, request))
        assert (refusal.status, refusal.error) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["jwt", "paseto", "session"])
def test_each_kind_gives_its_payload_and_scopes(make: Any, kind: str) -> None:
    policy, ask = make(kind, header_name="Authorization")
    payload = {"sub": "alice", "scope": "read write"}
    if kind == "jwt":
        credential = token_of(policy, **payload)
    elif kind == "paseto":
        credential = run(policy.jam.paseto_create(payload))
    else:
        credential = run(policy.jam.session_create("alice", payload))
    identity = ask(policy, head(authorization=f"Bearer {credential}")).require("read", "write")
    assert (identity.kind, identity.payload["sub"], identity.scopes) == (kind, "alice", {"read", "write"})
    assert credential not in repr(identity)


def test_an_expired_token_is_told_apart_from_a_false_one(make: Any) -> None:
    for kind in ("jwt", "paseto"):
        policy, ask = make(kind)
        payload = {"exp": 1}
        create = policy.jam.jwt_create_token if kind == "jwt" else policy.jam.paseto_create
        expired = ask(policy, head(authorization=f"Bearer {run(create(payload))}"))
        assert expired.failure == "the token has expired"
        refusal = refusal_of(expired.require)
        assert refusal.headers["WWW-Authenticate"] == (
            'Bearer realm="jam", error="invalid_token", error_description="the token has expired"'
        )
        assert ask(policy, head(authorization="Bearer x")).failure == "the token is not valid"


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("a b", {"a", "b"}),
        (["a", "b"], {"a", "b"}),
        (["a", 5, None], {"a"}),
        (5, set()),
        ({"a": 1}, set()),
        ("", set()),
    ],
)
def test_scopes_are_a_text_or_a_list(make: Any, claim: Any, scopes: set[str]) -> None:
    policy, ask = make(scope_claim="permissions")
    token = token_of(policy, permissions=claim)
    assert ask(policy, head(authorization=f"Bearer {token}")).require().scopes == scopes


@pytest.mark.parametrize("kind", ["white", "black"])
def test_a_token_is_revoked_through_the_list(make: Any, kind: str) -> None:
    # fault 3
    policy, ask = make(config={**CONFIG, "jwt": {**CONFIG["jwt"], "list": {"type": kind, "backend": "memory"}}})
    request = head(authorization=f"Bearer {token_of(policy)}")
    identity = ask(policy, request).require()
    if ask is blocking:
        policy.revoke(identity)
    else:
        asyncio.run(policy.revoke_async(identity))
    assert ask(policy, request).failure == "the token is not valid"


def test_origins_that_are_trusted_may_use_the_cookie(make: Any) -> None:
    policy, ask = make("session", trusted_origins=["https://app.example.org"])
    mine = {"cookie": f"__Host-session={run(policy.jam.session_create('alice', {}))}", "method": "POST"}
    for more in (
        {"origin": "https://app.example.org", "sec_fetch_site": "cross-site"},
        {"origin": "https://example.org", "host": "EXAMPLE.org"},
        {"sec_fetch_site": "none"},
        {},  # no browser
    ):
        assert ask(policy, head(**mine, **more)).identity is not None
    for more in (
        {"origin": "https://app.example.org.evil.example", "host": "example.org"},
        {"origin": "https://example.org:8443", "host": "example.org"},
        {"origin": "https://example.org"},
        {"origin": "https://example.org", "host": "example.org", "sec_fetch_site": "same-site"},
        {"sec_fetch_site": "same-origin, cross-site"},
    ):
        assert refusal_of(lambda more=more: ask(policy, head(**mine, **more))).status == 403


def test_a_websocket_that_another_site_opens_cannot_use_the_cookie(make: Any) -> None:
    policy, ask = make("session")
    session_id = run(policy.jam.session_create("alice", {}))
    request = head(cookie=f"__Host-session={session_id}", origin="https://evil.example", host="example.org")
    assert ask(policy, request).identity is not None
    request.is_websocket = True
    assert refusal_of(lambda: ask(policy, request)).error == "cross_site_request"


class BrokenSessions:
    def create(self, session_key: str, data: dict[str, Any]) -> str:
        raise JamStoreUnavailable

    get = update = delete = clear = rework = create
    get = delete = lambda self, _: self.create("", {})


def test_a_store_that_does_not_answer_is_neither_a_login_nor_nobody(make: Any) -> None:
    policy, ask = make("session", config={"session": {"session_type": "custom", "custom_module": BrokenSessions}})
    refusal = refusal_of(lambda: ask(policy, head(cookie="__Host-session=x")))
    assert (refusal.status, refusal.error) == (503, "temporarily_unavailable")
    identity = Identity({}, frozenset(), "session", "x")
    ends = policy.revoke if ask is blocking else lambda one: asyncio.run(policy.revoke_async(one))
    assert refusal_of(lambda: ends(identity)).status == 503


def test_a_redis_that_is_gone_makes_503_and_serves_again_when_it_is_back(own_redis: RedisServer) -> None:
    config = {"session": {"session_type": "redis", "redis_uri": own_redis.uri}}
    policy = Policy("session", Jam(config=config), is_async=False)
    request = head(cookie=f"__Host-session={policy.jam.session_create('alice', {'sub': 'alice'})}")
    assert policy.authenticate(request).identity is not None
    own_redis.kill()
    assert refusal_of(lambda: policy.authenticate(request)).status == 503
    own_redis.start()
    assert policy.authenticate(request).failure == "the session has ended"  # this Redis keeps nothing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "basic", "jam": CONFIG}, "kind"),
        ({"kind": "session", "jam": {"jwt": CONFIG["jwt"]}}, '"session"'),
        ({"jam": None}, "jam, config"),
        ({"jam": CONFIG, "config": CONFIG}, "jam, config"),
        ({"jam": CONFIG, "cookie": Cookie(), "cookie_name": "a"}, "cookie, cookie_name"),
        ({"jam": CONFIG, "header_name": ""}, "header_name"),
        ({"jam": CONFIG, "query_name": "a b"}, "query_name"),
        ({"jam": CONFIG, "cookie_name": "a;b"}, "cookie"),
        ({"jam": CONFIG, "realm": 'a"b'}, "realm"),
        ({"jam": CONFIG, "trusted_origins": ["example.org"]}, "trusted_origins"),
        ({"jam": CONFIG, "trusted_origins": ["https://example.org/"]}, "trusted_origins"),
        ({"jam": jam.aio.Jam(config=CONFIG)}, r"jam\.Jam"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_when_it_is_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises((JamConfigurationError, JamValidationError), match=message):
        Policy(**{"kind": "jwt", "is_async": False, **options})


def test_a_mistake_of_the_program_is_not_blamed_on_the_request() -> None:
    policy = Policy("session", CONFIG, is_async=False, cookie_name="sid")
    policy.jam._session = Jam(config={})._session
    with pytest.raises(JamConfigurationError):
        policy.authenticate(head(cookie="sid=x"))
    with pytest.raises(JamConfigurationError, match="cookie"):
        Policy("jwt", CONFIG, is_async=False).set_cookie("x")
    with pytest.raises(JamValidationError, match="scopes"):
        Authentication(Identity({}, frozenset(), "jwt", "x"), None, "jam").require("a b")


def test_the_name_of_a_cookie_is_the_whole_name() -> None:
    for name in ("jwt", "__Host-sid"):
        cookie = Policy("jwt", CONFIG, name, is_async=False).cookie
        assert cookie is not None
        assert cookie.name == name


def test_refusals_are_json_that_no_cache_keeps() -> None:
    refusal = Refusal.insufficient_scope("jam", ["read", "write"])
    assert refusal.headers["Cache-Control"] == "no-store"
    assert refusal.headers["WWW-Authenticate"].endswith('scope="read write"')
    assert b'"error": "insufficient_scope"' in refusal.body
    assert b'"error"' not in Refusal.no_identity("jam", None).body


def test_pages_without_the_middleware_are_told_so() -> None:
    with pytest.raises(RuntimeError, match="middleware"):
        asgi.identity_of({})
    with pytest.raises(RuntimeError, match="middleware"):
        wsgi.identity_of({})


def test_a_refusal_after_the_answer_has_begun_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        asgi.require(scope)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    middleware = asgi.JamMiddleware(app, CONFIG)
    scope = {"type": "http", "method": "GET", "headers": []}
    with pytest.raises(Refusal):
        run(middleware(scope, lambda: asyncio.sleep(0, {}), send))
    assert len(sent) == 1


def test_cookies_that_http2_has_split_are_read_together() -> None:
    request = asgi.head_of({"type": "http", "headers": [(b"cookie", b"a=1"), (b"cookie", b"b=2")]})
    assert request.header("cookie") == "a=1; b=2"


EXTRAS = {
    "starlette": ("starlette", "starlette"),
    "fastapi": ("fastapi", "fastapi"),
    "litestar": ("litestar", "litestar"),
    "flask": ("flask", "flask"),
    "django": ("django", "django"),
    "django.rest_framework": ("rest_framework", "djangorestframework"),
}


@pytest.mark.parametrize("module", EXTRAS)
def test_a_framework_that_is_not_installed_is_named_with_what_installs_it(module: str, tmp_path: Path) -> None:
    framework, extra = EXTRAS[module]
    program = f"import sys; sys.modules[{framework!r}] = None; import jam.ext.{module}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert f'is not installed; run: pip install "jam-auth[{extra}]"' in done.stderr.splitlines()[-1]


def test_jam_itself_imports_no_integration_and_the_policy_no_framework(tmp_path: Path) -> None:
    program = "import sys, jam, jam.aio; assert 'jam.ext' not in sys.modules; import jam.ext.asgi, jam.ext.wsgi; "
    program += "assert not {'starlette', 'fastapi', 'litestar', 'flask', 'django', 'anyio'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
