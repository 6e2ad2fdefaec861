"""Servers that the tests talk to, each on a free port of this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
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


def find_postgres_programs() -> Path | None:
    """The folder of the server and its tools: from the environment, where packages put them, or the PATH."""
    if named := os.environ.get("JAM_POSTGRES_SERVER"):
        return Path(named).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders += [Path(folder) for folder in os.get_exec_path()]
    return next((one for one in folders if (one / "postgres").is_file() and (one / "initdb").is_file()), None)


class PostgresServer:
    """A PostgreSQL server; it can be killed and started again on the same port.

    Args:
        programs: The folder of its programs.
        *settings: As `fsync=off`. A path is relative to a folder beside those files that are put into `folder`.
    """

    PASSWORD = "of-the-server"

    def __init__(self, programs: Path, *settings: str) -> None:
        self.port = free_port()
        self.uri = f"postgresql://jam:{self.PASSWORD}@127.0.0.1:{self.port}/postgres"
        # Not one of pytest's, which are for their owner alone: the server refuses to be run by root.
        self.folder = Path(tempfile.mkdtemp(prefix="jam-postgresql-"))
        self._user = 65_534 if os.getuid() == 0 else None
        self._programs, self._data = programs, self.folder / "data"
        self._settings = [f"unix_socket_directories={self.folder}", "listen_addresses=127.0.0.1", *settings]
        self._process: subprocess.Popen[bytes] | None = None

    def _initialize(self) -> None:
        password = self.folder / "password"
        password.write_text(self.PASSWORD)
        if self._user is not None:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self._user, -1)
        words = ["--no-sync", "--encoding=UTF8", "--locale=C", "--username=jam", "--auth=scram-sha-256"]
        command = [self._programs / "initdb", *words, f"--pwfile={password}", "-D", self._data]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, user=self._user, group=self._user)

    def start(self) -> None:
        if not self._data.exists():
            self._initialize()
        command = [self._programs / "postgres", "-D", self._data, "-p", str(self.port)]
        for setting in self._settings:
            command += ["-c", setting]
        deadline = time.monotonic() + 30
        state = self._data / "postmaster.pid"
        while time.monotonic() < deadline:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                user=self._user,
                group=self._user,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # It ends at once for as long as something of one that was killed is still there.
            while time.monotonic() < deadline and process.poll() is None:
                # The last line says how far the server is.
                lines = state.read_text().split() if state.exists() else []
                if lines[:1] == [str(process.pid)] and lines[-1] == "ready":
                    self._process = process
                    return
                time.sleep(0.01)
        raise RuntimeError("the PostgreSQL server did not start")

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        if self._process is not None:
            for part in (str(self._process.pid), *self._parts()):
                os.kill(int(part), signal.SIGSTOP)
            for part in self._parts():
                os.kill(int(part), signal.SIGKILL)
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def close(self) -> None:
        """Ends the server, and removes what it has kept."""
        self.kill()
        shutil.rmtree(self.folder)

    def pause(self) -> None:
        """Has it answer nothing, while its connections stay open."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        assert self._process is not None
        for part in (str(self._process.pid), *self._parts()):
            os.kill(int(part), number)

    def _parts(self) -> list[str]:
        """The processes that serve one connection each, and some more."""
        assert self._process is not None
        return subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True).stdout.split()

    def query(self, statements: str) -> str:
        """What the statements answer, a row a line."""
        words = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        command = [self._programs / "psql", *words, "--command", statements, self.uri]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def rows(self, table: str) -> bytes:
        """Everything in a table, with bytes that are ASCII as they are."""
        return self.query(f"SET bytea_output = 'escape'; SELECT {table}::text FROM {table}").encode()


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
