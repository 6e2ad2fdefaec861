"""The text of cookies; the rules are tested in the Rust core, here is what Python hands over."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from jam.cookies import Cookie
from jam.exceptions import JamValidationError


def test_the_defaults_are_the_safe_ones_and_the_standard_library_reads_them() -> None:
    text = Cookie().set("id", 60)
    assert text == "__Host-session=id; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60"
    morsel = SimpleCookie(text)["__Host-session"]
    assert (morsel.value, morsel["secure"], morsel["httponly"], morsel["samesite"]) == ("id", True, True, "Lax")


def test_every_attribute_can_be_chosen() -> None:
    cookie = Cookie(
        "sid", host_prefix=False, secure=False, http_only=False, same_site="strict", path="/app", domain="example.org"
    )
    assert cookie.name == "sid"
    assert cookie.set("id") == "sid=id; Path=/app; Domain=example.org; SameSite=Strict"
    assert cookie.delete() == "sid=; Path=/app; Domain=example.org; SameSite=Strict; Max-Age=0"
    assert cookie.get("sid=id") == "id"
    assert "sid" in repr(cookie)


@pytest.mark.parametrize("header", [None, "", "other=1", "__Host-session=a; __Host-session=b", "__Host-session=\udc80"])
def test_a_header_without_one_clear_value_has_none(header: Any) -> None:
    assert Cookie().get(header) is None


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a\r\nb"},
        {"secure": False},
        {"path": "/app"},
        {"domain": "example.org"},
        {"same_site": "no"},
        {"host_prefix": False, "secure": False, "same_site": "none"},
    ],
)
def test_what_a_browser_would_refuse_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(JamValidationError):
        Cookie(**options)


@pytest.mark.parametrize(
    ("value", "max_age"), [("", 1), ("a\r\nb", 1), ("id", 0), ("id", -1), ("id", 10**30), (None, 1)]
)
def test_a_value_that_a_cookie_cannot_hold_is_refused(value: Any, max_age: int) -> None:
    with pytest.raises(JamValidationError):
        Cookie().set(value, max_age)


def test_wrong_types_are_told_by_name() -> None:
    with pytest.raises(TypeError, match="name"):
        Cookie(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="max_age"):
        Cookie().set("id", "60")  # pyright: ignore[reportArgumentType]
    with pytest.raises(JamValidationError, match="header"):
        Cookie().get(b"a=b")  # pyright: ignore[reportArgumentType]
