"""What the applications of the tests have in common: the same pages in every framework.

POST /login    a session for alice, who may read, in a cookie; with `?as=admin` she may do everything
POST /logout   ends it
GET  /me       the session's data; needs one
GET  /admin    needs the scope `admin`
GET  /public   who it is, or nobody
POST /token    a JWT with the scope `read`
GET  /api/me   the claims of `Authorization: Bearer`; needs them
GET  /api/write needs the scope `write`
"""

from __future__ import annotations

import os
from typing import Any

from jam.cookies import Cookie

SECRET = "a secret of at least thirty-two bytes"

CONFIG: dict[str, Any] = {
    "jwt": {"alg": "HS256", "secret": SECRET},
    "session": {"session_type": "memory"},
}

if "JAM_TEST_SQLITE" in os.environ:  # where several workers share the sessions
    CONFIG["session"] = {"session_type": "sqlite", "sqlite_path": os.environ["JAM_TEST_SQLITE"]}

if "JAM_TEST_REDIS" in os.environ:
    CONFIG["session"] = {"session_type": "redis", "redis_uri": os.environ["JAM_TEST_REDIS"]}

# The tests speak plain http.
COOKIE = Cookie("session", host_prefix=False, secure=False)

CLAIMS = {"sub": "alice", "scope": "read"}


def session_of(role: str | None) -> dict[str, Any]:
    return {"sub": "alice", "scope": "read admin" if role == "admin" else "read"}
