"""Redis as it stands elsewhere: behind TLS, with sentinels, as a cluster; each on free ports of this machine."""

from __future__ import annotations

import datetime
import ipaddress
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from servers import RedisServer, free_port

SERVER_PASSWORD = "of-the-servers"
SENTINEL_PASSWORD = "of-the-sentinels"
MASTER = "mymaster"
SLOTS = 16_384


def wait_for(what: str, is_there: Callable[[], bool], patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while not is_there():
        assert time.monotonic() < deadline, f"there is no {what}"
        time.sleep(0.02)


def ask(server: RedisServer, *words: Any, password: str | None = SERVER_PASSWORD) -> Any:
    with redis.Redis(port=server.port, password=password, decode_responses=True) as client:
        return client.execute_command(*words)


class Deployment(Protocol):
    """One or several servers, and the keys of a configuration that lead to them."""

    keys: dict[str, Any]

    def __init__(self, program: str, folder: Path) -> None:
        """They will run in folders of this one, which is empty."""

    def start(self) -> None:
        """Starts them, and waits until they are ready."""

    def flush(self) -> None:
        """Empties them."""

    def kill(self) -> None:
        """Ends all of them."""


class TlsRedis:
    """A server that lets in whom its authority has signed; it listens without TLS as well, for the tests."""

    def __init__(self, program: str, folder: Path) -> None:
        make_certificates(folder)
        self.port = free_port()
        files = ["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem"]
        self.server = RedisServer(program, folder, "--tls-port", str(self.port), "--tls-auth-clients", "yes", *files)
        self.keys: dict[str, Any] = {
            "redis_uri": f"rediss://127.0.0.1:{self.port}/0",
            "redis_ca_file": str(folder / "ca.pem"),
            "redis_client_certificate": str(folder / "client.pem"),
            "redis_client_key": folder / "client.key",
        }

    def start(self) -> None:
        self.server.start()

    def flush(self) -> None:
        self.server.command("FLUSHALL")

    def kill(self) -> None:
        self.server.kill()


class SentinelRedis:
    """A primary, a replica and three sentinels."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self.servers = [self._server("primary")]
        self.servers.append(self._server("replica", "--replicaof", f"127.0.0.1 {self.servers[0].port}"))
        self.sentinels = [self._sentinel(f"sentinel-{number}") for number in range(3)]
        uris = [f"redis://:{SERVER_PASSWORD}@127.0.0.1:{sentinel.port}/0" for sentinel in self.sentinels]
        self.keys: dict[str, Any] = {
            "redis_uri": uris,
            "redis_sentinel_master": MASTER,
            "redis_sentinel_password": SENTINEL_PASSWORD,
        }

    def start(self) -> None:
        for server in (*self.servers, *self.sentinels):
            server.start()
        # For the tests' sake: how soon they hear of each other at first.
        self._debug("ask-period", 100, "info-period", 100, "publish-period", 100)
        wait_for("replica that follows, with sentinels that know each other", self._is_complete)
        self._debug("info-period", 1000, "publish-period", 2000)

    def primary(self) -> RedisServer:
        address = ask(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER, password=SENTINEL_PASSWORD)
        return next(server for server in self.servers if server.port == int(address[1]))

    def settle(self) -> None:
        """Has the primary acknowledge no more writes, and waits until the replica has all that it has acknowledged."""
        primary = self.primary()
        ask(primary, "CLIENT", "PAUSE", "60000", "WRITE")

        def has_everything() -> bool:
            state = ask(primary, "INFO", "replication")
            return state["slave0"]["offset"] == state["master_repl_offset"]

        wait_for("replica that has everything", has_everything)

    def flush(self) -> None:
        ask(self.primary(), "FLUSHALL")

    def kill(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.kill()

    def _server(self, name: str, *arguments: str) -> RedisServer:
        folder = self._folder / name
        folder.mkdir()
        login = ["--requirepass", SERVER_PASSWORD, "--masterauth", SERVER_PASSWORD, "--repl-diskless-sync-delay", "0"]
        return RedisServer(self._program, folder, *login, *arguments)

    def _sentinel(self, name: str) -> RedisServer:
        folder = self._folder / name
        folder.mkdir()
        lines = [
            f"sentinel monitor {MASTER} 127.0.0.1 {self.servers[0].port} 2",
            f"sentinel auth-pass {MASTER} {SERVER_PASSWORD}",
            f"sentinel down-after-milliseconds {MASTER} 400",
            f"sentinel failover-timeout {MASTER} 3000",
            f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
            f"requirepass {SENTINEL_PASSWORD}",
        ]
        (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        return RedisServer(self._program, folder, file="sentinel.conf")

    def _debug(self, *periods: Any) -> None:
        for sentinel in self.sentinels:
            ask(sentinel, "SENTINEL", "DEBUG", *periods, password=SENTINEL_PASSWORD)

    def _is_complete(self) -> bool:
        def knows_all(sentinel: RedisServer) -> bool:
            try:
                known = ask(sentinel, "SENTINEL", "CKQUORUM", MASTER, password=SENTINEL_PASSWORD)
                replicas = ask(sentinel, "SENTINEL", "REPLICAS", MASTER, password=SENTINEL_PASSWORD)
            except redis.RedisError:
                return False
            return known.startswith("OK 3") and any(one.get("master-link-status") == "ok" for one in replicas)

        return all(map(knows_all, self.sentinels))


class ClusterRedis:
    """A cluster of three primaries."""

    def __init__(self, program: str, folder: Path) -> None:
        self.servers = [self._node(program, folder / f"node-{number}") for number in range(3)]
        self.keys: dict[str, Any] = {
            "redis_uri": [f"redis://:{SERVER_PASSWORD}@127.0.0.1:{server.port}" for server in self.servers]
        }

    def start(self) -> None:
        third = SLOTS // 3 + 1
        for place, server in enumerate(self.servers):
            server.start()
            ask(server, "CLUSTER", "ADDSLOTS", *range(place * third, min(SLOTS, (place + 1) * third)))
            ask(server, "CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for server in self.servers[1:]:
            ask(server, "CLUSTER", "MEET", "127.0.0.1", self.servers[0].port)
        wait_for("cluster that is up", self._is_up)

    def flush(self) -> None:
        for server in self.servers:
            ask(server, "FLUSHALL")

    def kill(self) -> None:
        for server in self.servers:
            server.kill()

    def _is_up(self) -> bool:
        states = [ask(server, "CLUSTER", "INFO") for server in self.servers]
        return all("cluster_state:ok" in state and "cluster_known_nodes:3\r" in state for state in states)

    @staticmethod
    def _node(program: str, folder: Path) -> RedisServer:
        folder.mkdir()
        arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--requirepass", SERVER_PASSWORD]
        return RedisServer(program, folder, *arguments, port=free_port_of_cluster())


def free_port_of_cluster() -> int:
    """A port such that the one ten thousand higher, over which the servers talk, is free as well."""
    while True:
        port = random.randrange(20_000, 30_000)
        try:
            for one in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
        except OSError:
            continue
        return port


def make_certificates(folder: Path) -> None:
    """An authority, and certificates that it has signed for the server and for a client."""
    authority_key = write_key(folder / "ca.key")
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    write_certificate(folder / "ca.pem", authority, authority_key, authority, authority_key, is_authority=True)
    for name in ("server", "client"):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        key = write_key(folder / f"{name}.key")
        write_certificate(folder / f"{name}.pem", subject, key, authority, authority_key, is_authority=False)


def write_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    return key


def write_certificate(
    path: Path,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(here, critical=False)
    )
    path.write_bytes(builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
