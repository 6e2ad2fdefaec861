"""Where a request's credential is looked for, and whether the request may use it. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from jam.cookies import Cookie
from jam.exceptions import JamConfigurationError, JamValidationError
from jam.ext._refusal import Refusal

AUTHORIZATION = "authorization"

_BEARER = "bearer"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1

_HOST_PREFIX = "__Host-"

_MAX_QUERY_FIELDS = 1000


@dataclass(slots=True)
class RequestHead:
    """What is asked of a request, whatever framework it comes from.

    Attributes:
        method: Its method, in upper case.
        header: Gives the value of a header by its name in lower case; `None` where it is missing. Values of a header
            that is there several times are joined by commas (RFC 9110 section 5.3), those of `cookie` by semicolons.
        query: The query, as it was sent.
        is_websocket: Whether it opens a WebSocket.
    """

    method: str
    header: Callable[[str], str | None]
    query: str
    is_websocket: bool = False


class Credential(NamedTuple):
    """What a request brings to prove who sent it."""

    text: str
    is_ambient: bool
    """Whether a browser sends it by itself, whoever causes the request: a cookie."""


class Sources:
    """The places where a credential may be.

    Args:
        header_name: A header; `None` for none.
        bearer: Whether the header's value has to begin with `Bearer`.
        query_name: A parameter of the query; `None` for none.
        cookie: A cookie; `None` for none.
        trusted_origins: Origins beside the request's own whose pages may use the cookie.
        realm: The protection space that answers name.
    """

    def __init__(
        self,
        *,
        header_name: str | None,
        bearer: bool,
        query_name: str | None,
        cookie: Cookie | None,
        trusted_origins: Sequence[str],
        realm: str,
    ) -> None:
        self.header_name = None if header_name is None else header_name.lower()
        self.query_name = query_name
        self.cookie = cookie
        self._bearer = bearer
        self._realm = realm
        self._trusted_origins = frozenset(_check_origin(origin) for origin in trusted_origins)

    def find(self, head: RequestHead) -> Credential | None:
        """Gives the credential of a request.

        One that a client put into the header or the query counts before a cookie, which comes by itself.

        Raises:
            Refusal: There is more than one to choose from, or a page of another site sent the request.
        """
        explicit = self._explicit(head)
        if explicit is not None:
            return Credential(explicit, is_ambient=False)
        if self.cookie is None:
            return None
        # Requests without the cookie are checked as well: one of them may be a login under another's name.
        if (head.is_websocket or head.method not in _SAFE_METHODS) and not self._is_same_origin(head):
            raise Refusal.cross_site()
        value = self.cookie.get(head.header("cookie"))
        return None if value is None else Credential(value, is_ambient=True)

    def _explicit(self, head: RequestHead) -> str | None:
        in_header = self._in_header(head)
        in_query = self._in_query(head)
        if in_header is not None and in_query is not None:
            # RFC 6750 section 2: no more than one way in a request.
            raise self._ambiguous("the credential is in the header and in the query; send it in one of them")
        return in_header if in_query is None else in_query

    def _in_header(self, head: RequestHead) -> str | None:
        if self.header_name is None:
            return None
        value = head.header(self.header_name)
        if value is None:
            return None
        if "," in value:  # no credential has one
            raise self._ambiguous("the header with the credential is there more than once")
        if not self._bearer:
            return value.strip()
        scheme, _, credential = value.partition(" ")
        return credential.strip() if scheme.lower() == _BEARER else None  # other schemes are not for Jam

    def _in_query(self, head: RequestHead) -> str | None:
        if self.query_name is None or self.query_name not in head.query:
            return None
        try:
            fields = parse_qsl(head.query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
        except ValueError:
            raise self._ambiguous("the query has too many parameters") from None
        values = [value for name, value in fields if name == self.query_name]
        if len(values) > 1:
            raise self._ambiguous("the parameter with the credential is there more than once")
        return values[0] if values else None

    def _is_same_origin(self, head: RequestHead) -> bool:
        """Whether a request comes from the site itself, from an origin that is trusted, or from no browser.

        Browsers tell in `Sec-Fetch-Site` how the page that causes a request is related to its target; older ones, and
        all of them on plain http, name that page's origin in `Origin`. Scripts can write neither. What sends neither is
        no browser, and brings no cookie that another put there. Unlike tokens in forms this needs no state and no help
        of the pages, and holds for scripts and WebSockets as well.
        """
        origin = head.header("origin")
        if origin is not None and origin in self._trusted_origins:
            return True
        site = head.header("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        if origin is None:
            return True
        host = head.header("host")
        return bool(host) and _authority(origin) == host.lower()

    def _ambiguous(self, description: str) -> Refusal:
        return Refusal.invalid_request(self._realm, description)


def cookie_named(name: str) -> Cookie:
    """A cookie of exactly this name, with the safest attributes that browsers allow for it."""
    if name.startswith(_HOST_PREFIX):
        return Cookie(name.removeprefix(_HOST_PREFIX))
    return Cookie(name, host_prefix=False)


def check_name(name: str | None, option: str) -> None:
    """Refuses a name under which nothing can be found."""
    if name is not None and (not name or not name.isascii() or not name.isprintable() or " " in name):
        raise JamConfigurationError(f"{option}: must be a name of printable ASCII without spaces")


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # for instance of half an IPv6 address
        return ""


def _check_origin(origin: str) -> str:
    scheme, separator, authority = origin.partition("://")
    if not (scheme and separator and authority) or "/" in authority or origin != origin.lower():
        raise JamValidationError(
            'trusted_origins: each is a scheme and a host in lower case, as browsers send them: "https://app.example.org"'
        )
    return origin
