"""A small OAuth 2.0 provider for this machine: it knows one client, and grants what that client asks for.

`python token_endpoint.py PORT` serves the token endpoint of RFC 6749 at `http://127.0.0.1:PORT/token`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote_plus

CLIENT_ID = "demo"
CLIENT_SECRET = "demo-secret"
LIFE_TIME = 3600
LARGEST_FORM = 65_536

# What each grant needs besides the client's credentials (sections 4.1.3, 6 and 4.4.2).
GRANTS = {
    "authorization_code": ("code", "redirect_uri"),
    "refresh_token": ("refresh_token",),
    "client_credentials": (),
}


class TokenEndpoint(BaseHTTPRequestHandler):
    """One connection of a client; it stays open for its further requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer in one packet

    def do_POST(self) -> None:
        form = self._form()
        if self.path != "/token" or form is None:
            self._answer(404, {"error": "invalid_request"})
        elif not self._is_client(form):
            self._answer(401, {"error": "invalid_client"})
        elif form.get("grant_type") not in GRANTS:
            self._answer(400, {"error": "unsupported_grant_type"})
        elif any(not form.get(name) for name in GRANTS[form["grant_type"]]):
            self._answer(400, {"error": "invalid_request"})
        else:
            self._answer(200, tokens(form))

    def _form(self) -> dict[str, str] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_FORM:
            self.close_connection = True
            return None
        return dict(parse_qsl(self.rfile.read(int(length)).decode("ascii", "replace")))

    def _is_client(self, form: dict[str, str]) -> bool:
        """Section 2.3.1: the credentials are in the header, or else in the form."""
        credentials = (form.get("client_id", ""), form.get("client_secret", ""))
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            credentials = (unquote_plus(name), unquote_plus(password))
        pairs = zip(credentials, (CLIENT_ID, CLIENT_SECRET), strict=True)
        return all(hmac.compare_digest(given.encode(), known.encode()) for given, known in pairs)

    def _answer(self, status: int, members: dict[str, object]) -> None:
        body = json.dumps(members).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the output belongs to the program that started this one."""


def tokens(form: dict[str, str]) -> dict[str, object]:
    """The successful answer (section 5.1)."""
    answer: dict[str, object] = {
        "access_token": secrets.token_urlsafe(24),
        "token_type": "Bearer",
        "expires_in": LIFE_TIME,
    }
    if form["grant_type"] != "client_credentials":
        answer["refresh_token"] = secrets.token_urlsafe(24)
    if "scope" in form:
        answer["scope"] = form["scope"]
    return answer


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), TokenEndpoint).serve_forever()
