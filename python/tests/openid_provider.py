"""An OpenID provider on a free port of this machine, which does what a test tells it to, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jam.jose import JWK, JWS

JSON = "application/json"

Answer = tuple[int, dict[str, str], bytes]


def json_answer(body: Any, status: int = 200, **fields: str) -> Answer:
    return status, {"Content-Type": JSON, **fields}, json.dumps(body).encode()


class OpenIdProvider:
    """Signs in everybody as `user-1`, if the PKCE verifier is the right one.

    Attributes:
        requests: Path, headers and form of each request, in their order.
        claims: Laid over the claims of the next ID tokens; `None` leaves one out.
        metadata: Laid over the metadata, likewise.
        token_answer: Changes the answer of the token endpoint.
        answers: What to answer at a path in place of the usual, given the form.
        keys: What signs ID tokens: the first one does; all are published.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.token_answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
        self.answers: dict[str, Callable[[dict[str, str]], Answer]] = {}
        self.keys = [new_key("1")]
        self.header: dict[str, Any] = {}
        self.alg = "ES256"
        self._codes: dict[str, dict[str, str]] = {}
        self._pushed: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.requests.append((self.path, headers, form))
                status, fields, body = provider.answer(self.path, headers, form)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the output belongs to the tests."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that gives up is part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    def section(self, **more: Any) -> dict[str, Any]:
        """The keys of the configuration for a client of this provider."""
        keys = {
            "client_id": "client",
            "client_secret": "client-secret-value",
            "redirect_url": "https://app.example/callback",
            "issuer": self.issuer,
        }
        return {**keys, **more}

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.requests]

    def sign_in(self, url: str, **changes: str | None) -> str:
        """What the browser does with the address of a login: the callback's address, with changed parameters."""
        request = dict(parse_qsl(urlsplit(url).query))
        request = self._pushed.get(request.get("request_uri", ""), request)
        code = f"code-{len(self._codes)}"
        self._codes[code] = request
        parameters = {"code": code, "state": request["state"], "iss": self.issuer, **changes}
        query = "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
        return f"{request['redirect_uri']}?{query}"

    def answer(self, path: str, headers: dict[str, str], form: dict[str, str]) -> Answer:
        if path in self.answers:
            return self.answers[path](form)
        if path == "/.well-known/openid-configuration":
            return json_answer(without_none({**self._metadata(), **self.metadata}))
        if path == "/keys":
            return json_answer({"keys": [key.to_dict() for key in self.keys]})
        if path == "/token":
            return self._token(form)
        if path == "/pushed":
            reference = f"urn:ietf:params:oauth:request_uri:{len(self._pushed)}"
            self._pushed[reference] = form
            return json_answer({"request_uri": reference, "expires_in": 60}, 201)
        return json_answer({"error": "not_found"}, 404)

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "device_authorization_endpoint": f"{self.issuer}/device",
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _token(self, form: dict[str, str]) -> Answer:
        request = self._codes.pop(form.get("code", ""), None)
        if request is None:
            return json_answer({"error": "invalid_grant"}, 400)
        challenge = base64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        if request["code_challenge_method"] != "S256" or request["code_challenge"] != challenge:
            return json_answer({"error": "invalid_grant", "error_description": "PKCE"}, 400)
        answer = {"access_token": "access-token-value", "token_type": "Bearer", "expires_in": 3600}
        if "openid" in request.get("scope", "").split():
            answer["id_token"] = self.id_token(request.get("nonce"), "access-token-value")
        return json_answer(self.token_answer(answer))

    def id_token(self, nonce: str | None = None, access_token: str | None = None) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": "user-1",
            "aud": "client",
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
        }
        if access_token is not None:
            claims["at_hash"] = base64url(hashlib.sha256(access_token.encode()).digest()[:16])
        claims = without_none({**claims, **self.claims})
        return JWS(self.alg, self.keys[0]).sign(json.dumps(claims).encode(), self.header)

    def signed(self, claims: dict[str, Any], kind: str | None = None) -> str:
        """A JWT of any claims, and of this type, signed with the provider's key."""
        header = {} if kind is None else {"typ": kind}
        return JWS(self.alg, self.keys[0]).sign(json.dumps(claims).encode(), header)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def new_key(kid: str) -> JWK:
    return JWK.from_dict({**JWK.generate("EC").to_dict(private=True), "kid": kid})


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
