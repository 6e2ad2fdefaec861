"""Servers that the tests talk to, each on a free port of this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_redis_server() -> str | None:
    """The server's program: from the environment, the PATH, or the repository's folder of tools."""
    candidates = [os.environ.get("JAM_REDIS_SERVER"), "redis-server", "valkey-server"]
    candidates += [str(path) for path in sorted(ROOT.glob(".tools/**/redis-server"))]
    return next((found for found in map(shutil.which, filter(None, candidates)) if found), None)


class RedisServer:
    """A Redis server; it can be killed and started again on the same port.

    Args:
        program: Its program.
        folder: What it runs in.
        *arguments: Further arguments of the program.
        port: Its port; a free one if left out.
        file: A file in the folder that makes it a sentinel. Others keep nothing on disk.
    """

    def __init__(
        self, program: str, folder: Path, *arguments: str, port: int | None = None, file: str | None = None
    ) -> None:
        self.port = port or free_port()
        self.uri = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._command = [program, *([file] if file else []), "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--dir", str(folder)]
        self._command += ["--sentinel"] if file else ["--save", "", "--appendonly", "no"]
        self._command += arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self.command("PING").startswith((b"+PONG", b"-NOAUTH")):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the Redis server did not start")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def command(self, *words: str) -> bytes:
        """Sends one command and gives the raw beginning of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
            connection.sendall("".join(parts).encode())
            return connection.recv(65_536)


class TokenEndpoint:
    """A provider's token endpoint: grants every request, and remembers the forms that were sent."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                endpoint.forms.append(form)
                answer = {
                    "access_token": f"access-{len(endpoint.forms)}",
                    "refresh_token": f"refresh-{len(endpoint.forms)}",
                    "token_type": "bearer",
                    "expires_in": 3600,
                }
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the output belongs to the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
