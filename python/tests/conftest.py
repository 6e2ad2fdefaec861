"""What the tests share: both facades, all stores, real servers of Redis and PostgreSQL, keys."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faces import Face
from redis_deployments import ClusterRedis, Deployment, SentinelRedis, TlsRedis
from servers import PostgresServer, RedisServer, TokenEndpoint, find_postgres_programs, find_redis_server

STORES = ("memory", "json", "sqlite", "redis", "postgresql")

DEPLOYMENTS: dict[str, type[Deployment]] = {
    "redis-tls": TlsRedis,
    "redis-sentinel": SentinelRedis,
    "redis-cluster": ClusterRedis,
}

EVERYWHERE = (*STORES, *DEPLOYMENTS)
"""All stores, and all ways in which Redis stands elsewhere."""


@dataclass
class Store:
    """The keys that put sessions or a list on one of the stores."""

    name: str
    keys: dict[str, Any]

    def session(self, **more: Any) -> dict[str, Any]:
        return {"session_type": self._type, **self.keys, **more}

    def list(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "backend": self._type, **self.keys, **more}

    @property
    def _type(self) -> str:
        return self.name.partition("-")[0]


@pytest.fixture(scope="session")
def redis_program() -> str:
    program = find_redis_server()
    if program is None:
        pytest.fail("no redis-server: install Redis 6.2 or later, or set JAM_REDIS_SERVER", pytrace=False)
    return program


@pytest.fixture(scope="session")
def shared_redis(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The server of all tests, empty."""
    shared_redis.command("FLUSHALL")
    return shared_redis


@pytest.fixture
def own_redis(redis_program: str, tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test alone, to be killed and restarted."""
    server = RedisServer(redis_program, tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    programs = find_postgres_programs()
    if programs is None:
        reason = "no PostgreSQL server: install PostgreSQL 12 or later, or set JAM_POSTGRES_SERVER"
        pytest.fail(reason, pytrace=False)
    return programs


@pytest.fixture(scope="session")
def postgres_server(postgres_programs: Path) -> Iterator[PostgresServer]:
    """The server of all tests; each has a table of its own."""
    server = PostgresServer(postgres_programs, "fsync=off", "synchronous_commit=off", "max_connections=300")
    server.start()
    yield server
    server.close()


@pytest.fixture
def own_postgres(postgres_programs: Path) -> Iterator[PostgresServer]:
    """A server of this test alone, to be killed and restarted; what it acknowledges is on the disk."""
    server = PostgresServer(postgres_programs)
    server.start()
    yield server
    server.close()


TABLES = itertools.count()


@pytest.fixture(scope="session")
def deployments(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Deployment]]:
    """Starts a deployment at its first use."""
    started: dict[str, Deployment] = {}

    def deployment(name: str) -> Deployment:
        if name not in started:
            started[name] = DEPLOYMENTS[name](redis_program, tmp_path_factory.mktemp(name))
            started[name].start()
        return started[name]

    yield deployment
    for one in started.values():
        one.kill()


def make_store(name: str, request: pytest.FixtureRequest) -> Store:
    if name in DEPLOYMENTS:
        deployment = request.getfixturevalue("deployments")(name)
        deployment.flush()
        return Store(name, deployment.keys)
    if name == "redis":
        return Store(name, {"redis_uri": request.getfixturevalue("redis_server").uri})
    if name == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return Store(name, {"postgresql_uri": server.uri, "postgresql_table": f"jam_{next(TABLES)}"})
    folder: Path = request.getfixturevalue("tmp_path")
    paths = {
        "json": {"json_path": str(folder / "jam.json")},
        "sqlite": {"sqlite_path": str(folder / "jam.sqlite3")},
    }
    return Store(name, paths.get(name, {}))


def store_fixture(names: Sequence[str]) -> Any:
    """A fixture that is each of these stores in turn."""

    @pytest.fixture(params=names)
    def store(request: pytest.FixtureRequest) -> Store:
        return make_store(request.param, request)

    return store


store = store_fixture(STORES)

durable_store = store_fixture(STORES[1:])
"""A store that several instances and processes share."""


def stores_fixture(names: Sequence[str]) -> Any:
    """A fixture that is all of these stores at once, for tests that have to let time pass."""

    @pytest.fixture
    def stores(request: pytest.FixtureRequest) -> list[Store]:
        return [make_store(name, request) for name in names]

    return stores


stores = stores_fixture(STORES)


@pytest.fixture(params=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    face = Face(request.param)
    yield face
    face.close()


@pytest.fixture
def token_endpoint() -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture(autouse=True)
def fresh_logger() -> Iterator[None]:
    """Instances set the level of the common logger; each test starts without one."""
    logger = logging.getLogger("jam")
    logger.setLevel(logging.NOTSET)
    yield
    logger.setLevel(logging.NOTSET)
