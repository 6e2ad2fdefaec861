"""The answers to requests that are turned away (RFC 6750 section 3)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from jam.exceptions import JamValidationError


class Refusal(Exception):
    """A request is turned away. Integrations turn this into their framework's answer.

    Attributes:
        status: The HTTP status: 400, 401, 403 or 503.
        error: A code for programs, of RFC 6750 section 3.1 where that has one; `None` where no credential was sent.
        description: A sentence for people. It says nothing about keys, tokens or what the configuration expects.
        headers: Headers of the answer.
    """

    def __init__(self, status: int, error: str | None, description: str, challenge: str | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.headers = {"Cache-Control": "no-store"}
        if challenge is not None:
            self.headers["WWW-Authenticate"] = challenge

    @classmethod
    def no_identity(cls, realm: str, failure: str | None) -> Refusal:
        """An identity is required, and the request has none.

        Args:
            realm: The protection space to name.
            failure: What is wrong with the credential; `None` where there was none. A challenge then has no error code.
        """
        if failure is None:
            return cls(401, None, "a credential is required", _challenge(realm))
        return cls(401, "invalid_token", failure, _challenge(realm, error="invalid_token", error_description=failure))

    @classmethod
    def insufficient_scope(cls, realm: str, scopes: Iterable[str]) -> Refusal:
        """The identity lacks one of these scopes."""
        description = "the credential does not have the scope that is needed"
        challenge = _challenge(realm, error="insufficient_scope", error_description=description, scope=" ".join(scopes))
        return cls(403, "insufficient_scope", description, challenge)

    @classmethod
    def invalid_request(cls, realm: str, description: str) -> Refusal:
        """The request sends credentials in a way that leaves open which one counts."""
        challenge = _challenge(realm, error="invalid_request", error_description=description)
        return cls(400, "invalid_request", description, challenge)

    @classmethod
    def cross_site(cls) -> Refusal:
        """Another site had the browser send the request."""
        return cls(403, "cross_site_request", "the request was sent by a page of another site")

    @classmethod
    def store_unavailable(cls) -> Refusal:
        """Whether the credential holds cannot be found out now."""
        return cls(503, "temporarily_unavailable", "sessions and tokens cannot be checked at the moment")

    @property
    def body(self) -> bytes:
        """The answer's body: a JSON object with `error` (where there is one) and `error_description`."""
        members = {"error": self.error} if self.error is not None else {}
        return json.dumps({**members, "error_description": self.description}).encode()


def check_realm(realm: str) -> str:
    """Refuses what a quoted string of a header cannot hold as it is."""
    if not _is_plain(realm, also=" ") or not realm:
        raise JamValidationError("realm: must be printable ASCII without quotes and backslashes")
    return realm


def check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses what is no scope (RFC 6749 section 3.3)."""
    for scope in scopes:
        if not scope or not _is_plain(scope):
            raise JamValidationError("scopes: each must be a text of printable ASCII without spaces and quotes")
    return scopes


def _is_plain(text: str, also: str = "") -> bool:
    return all(("!" <= letter <= "~" and letter not in '"\\') or letter in also for letter in text)


def _challenge(realm: str, **parameters: str) -> str:
    return f'Bearer realm="{realm}"' + "".join(f', {name}="{value}"' for name, value in parameters.items())
