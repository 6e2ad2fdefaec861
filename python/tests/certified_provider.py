"""The certified OpenID provider of npm, on a free port, and the user's browser in front of it."""

from __future__ import annotations

import fcntl
import html
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urljoin

from servers import ROOT, free_port

SOURCE = Path(__file__).parent / "oidc_provider"
INSTALLED = ROOT / "target" / "oidc-provider"
FILES = ("package.json", "package-lock.json", ".npmrc", "server.mjs")


def install() -> None:
    """Installs the pinned package into the build folder, once for any number of test runs."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise FileNotFoundError("no node and npm: install Node.js 20 or later")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (SOURCE / "package-lock.json").read_bytes()
        done = INSTALLED / "installed-lock.json"
        for name in FILES:
            shutil.copy(SOURCE / name, INSTALLED / name)
        if not done.exists() or done.read_bytes() != wanted:
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            result = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                raise RuntimeError("npm could not install oidc-provider: " + result.stderr[-500:])
            done.write_bytes(wanted)


class CertifiedProvider:
    """The provider in a process of its own.

    Args:
        key_set: The public keys of the client `private_key_jwt`.
    """

    def __init__(self, key_set: dict[str, Any]) -> None:
        install()
        self.issuer = ""
        for _ in range(3):  # somebody else may have taken the port meanwhile
            port = free_port()
            self._process = subprocess.Popen(
                ["node", "server.mjs", str(port), json.dumps(key_set)],
                cwd=INSTALLED,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._process.stdout is not None
            if self._process.stdout.readline().strip() == b"ready":
                self.issuer = f"http://127.0.0.1:{port}"
                return
            self.close()
        raise RuntimeError("the OpenID provider did not start")

    def close(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()


class _Halt(urllib.request.HTTPRedirectHandler):
    """Leaves it to `Browser` to follow."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


class Browser:
    """As much of a browser as a login needs: cookies, redirects and forms."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies, _Halt, urllib.request.ProxyHandler({}))

    def go(self, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Opens an address: the one where the redirects of the provider end, and the page there."""
        origin = url.split("/", 3)[:3]
        for _ in range(20):
            data = None if form is None else urlencode(form).encode()
            try:
                with self._opener.open(urllib.request.Request(url, data), timeout=10) as page:
                    return url, page.read().decode()
            except urllib.error.HTTPError as answer:
                if answer.code not in (302, 303):
                    raise AssertionError(f"{answer.code} {answer.read().decode()}") from None
                url, form = urljoin(url, answer.headers["Location"]), None
            if url.split("/", 3)[:3] != origin:
                return url, ""
        raise AssertionError("the provider redirects for ever")

    def confirm_device(self, url: str, user_code: str) -> str:
        """Types the code of a device where the user was sent to, and confirms it."""
        _, page = self.go(url)
        for more in ({}, {"confirm": "yes"}):
            xsrf = re.search(r'name="xsrf" value="([^"]+)"', page)
            action = re.search(r'<form[^>]* action="([^"]+)"', page)
            assert xsrf is not None, page
            assert action is not None, page
            target = urljoin(url, html.unescape(action[1]))
            _, page = self.go(target, {"xsrf": xsrf[1], "user_code": user_code, **more})
        return page
