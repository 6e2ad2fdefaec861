"""PostgreSQL: its keys of the configuration, and a server that fails or refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import jam.aio
import jam.aio.lists
import jam.aio.replay_guard
import jam.aio.sessions
import jam.jwt.lists
import jam.otp.replay_guard
import jam.sessions
import pytest
from faces import Face
from jam.exceptions import JamConfigurationError, JamError, JamStoreError, JamStoreRefused, JamValidationError
from redis_deployments import make_certificates
from servers import PostgresServer

URI = "postgresql://app:opensesame@127.0.0.1:1/app"

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"postgresql_url": "x"}, 'postgresql_url: unknown key; did you mean "postgresql_uri"'),
    ({"postgres_table": "x"}, 'postgres_table: unknown key; did you mean "postgresql_table"'),
    ({"postgresql_table": "a-b"}, "named NAME or SCHEMA.NAME"),
    ({"postgresql_pool_size": 0}, "postgresql_pool_size: must be from 1"),
    ({"postgresql_pool_size": "8"}, "postgresql_pool_size: must be an integer"),
    ({"postgresql_response_timeout": 0}, "postgresql_response_timeout: must be more than 0"),
    ({"postgresql_connect_timeout": "soon"}, "postgresql_connect_timeout: must be a number of seconds"),
    ({"postgresql_connect_timeout": 10**6}, "a day at most"),
    ({"postgresql_prepared_statements": 1}, "postgresql_prepared_statements: must be a boolean"),
    ({"postgresql_client_key": __file__}, "postgresql_client_certificate: is required beside"),
    ({"postgresql_client_certificate": __file__}, "postgresql_client_key: is required beside"),
    ({"postgresql_ca_file": "/nowhere/ca.pem"}, "postgresql_ca_file: /nowhere/ca.pem: "),
    ({"postgresql_ca_file": __file__}, "does not ask for TLS"),
    ({"postgresql_uri": f"{URI}?sslmode=verify-full", "postgresql_ca_file": __file__}, "no certificates in PEM"),
    ({"postgresql_uri": f"{URI}?sslmode=prefer"}, "sslmode"),
    ({"postgresql_uri": f"{URI}?pool=5"}, "a setting after ?"),
    ({"postgresql_uri": "mysql://app:opensesame@127.0.0.1"}, "cannot be read"),
    ({"postgresql_uri": None}, "postgresql_uri: is required"),
    ({"postgresql_uri": 1}, "postgresql_uri: must be text"),
]


@pytest.mark.parametrize(("keys", "message"), WRONG)
def test_keys_that_are_wrong_are_refused_at_once(face: Face, keys: dict[str, Any], message: str) -> None:
    with pytest.raises((JamConfigurationError, JamValidationError)) as raised:
        face.jam({"session": {"session_type": "postgresql", "postgresql_uri": URI, **keys}})
    assert message in str(raised.value)
    assert str(raised.value).startswith("session")
    assert "sesame" not in str(raised.value)
    section = {"type": "black", "backend": "postgresql", "postgresql_uri": URI, **keys}
    with pytest.raises(JamError) as raised:
        face.jam({"jwt": {"alg": "HS256", "secret": "s" * 32, "list": section}})
    assert message in str(raised.value)
    assert str(raised.value).startswith("jwt.list")


@pytest.mark.parametrize("name", ["postgres", "postgresq", "posgresql"])
def test_other_spellings_of_the_name_are_understood_as_such(face: Face, name: str) -> None:
    with pytest.raises(JamConfigurationError, match='did you mean "postgresql"'):
        face.jam({"session": {"session_type": name, "postgresql_uri": URI}})


@pytest.mark.parametrize("key", ["postgresql_uri", "postgresql_pool_size", "postgresql_ca_file"])
def test_keys_of_postgresql_need_postgresql(face: Face, key: str) -> None:
    value = 3 if key == "postgresql_pool_size" else "x"
    with pytest.raises(JamConfigurationError, match=f'session.{key}: needs session_type = "postgresql"'):
        face.jam({"session": {key: value}})


def test_the_modules_take_the_same_keys(face: Face, postgres_server: PostgresServer) -> None:
    sessions, lists = (jam.aio.sessions, jam.aio.lists) if face.is_async else (jam.sessions, jam.jwt.lists)
    guards = jam.aio.replay_guard if face.is_async else jam.otp.replay_guard
    keys: dict[str, Any] = {"postgresql_uri": postgres_server.uri, "postgresql_table": "of_modules"}
    kept = face.drive(sessions.PostgreSQLSessions(**keys, postgresql_pool_size=2, default_ttl=60))
    assert kept.get(kept.create("user", {"a": 1})) == {"a": 1}
    assert postgres_server.PASSWORD not in repr(kept.target)
    kept.close()
    tokens = face.drive(lists.PostgreSQLList("black", **keys, postgresql_prepared_statements=False))
    listed = [f"aaaa.{number:04}.bbbb" for number in range(50)]
    tokens.add_many(listed)
    assert all(map(tokens.check, listed))
    assert not tokens.check("aaaa.cccc.bbbb")
    tokens.close()
    guard = face.drive(guards.ReplayGuard("postgresql", **keys, postgresql_connect_timeout=5))
    assert [guard.accept(face.name, 60) for _ in range(2)] == [True, False]
    guard.close()
    with pytest.raises(JamConfigurationError, match="postgresql_pool_size"):
        sessions.PostgreSQLSessions(**keys, postgresql_pool_size="many")
    with pytest.raises(TypeError):
        sessions.PostgreSQLSessions(**keys, postgresql_poolsize=3)
    with pytest.raises(JamConfigurationError, match="postgresql_uri: is required"):
        guards.ReplayGuard("postgresql")


def test_attack_64_a_server_may_be_killed_and_restarted_and_keeps_what_it_acknowledged(
    face: Face, own_postgres: PostgresServer
) -> None:
    made = face.jam({"session": {"session_type": "postgresql", "postgresql_uri": own_postgres.uri}})
    ids = [made.session_create("user", {"n": -1})]
    for turn in range(3):
        own_postgres.kill()
        for call in (
            lambda: made.session_get(ids[0]),
            lambda: made.session_create("user", {}),
            lambda: made.session_update(ids[0], {}),
            lambda: made.session_clear("user"),
        ):
            with pytest.raises(JamStoreError) as raised:
                call()
            assert raised.value.error_code == "store.unavailable"
            assert ids[0] not in str(raised.value)
        own_postgres.start()
        assert [made.session_get(session_id) for session_id in ids] == [{"n": n - 1} for n in range(len(ids))]
        ids.append(made.session_create("user", {"n": turn}))


def test_attack_64_a_server_that_does_not_answer_is_not_waited_for(face: Face, own_postgres: PostgresServer) -> None:
    section = {"session_type": "postgresql", "postgresql_uri": own_postgres.uri, "postgresql_response_timeout": 0.5}
    made = face.jam({"session": section})
    session_id = made.session_create("user", {"a": 1})
    own_postgres.pause()
    try:
        with pytest.raises(JamStoreError) as raised:
            made.session_get(session_id)
        assert raised.value.error_code == "store.timed_out"
    finally:
        own_postgres.resume()
    assert made.session_get(session_id) == {"a": 1}


def test_tasks_under_way_hear_of_a_killed_server(own_postgres: PostgresServer) -> None:
    async def use() -> None:
        section = {"session_type": "postgresql", "postgresql_uri": own_postgres.uri}
        made = jam.aio.Jam({"session": section})
        ids = [await made.session_create("user", {"n": n}) for n in range(20)]

        async def read_for_ever(session_id: str, number: int) -> None:
            while True:
                assert await made.session_get(session_id) == {"n": number}

        tasks = [asyncio.create_task(read_for_ever(session_id, n)) for n, session_id in enumerate(ids)]
        await asyncio.sleep(0.2)
        own_postgres.kill()
        ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=20)
        assert all(isinstance(end, JamStoreError) for end in ends), ends
        own_postgres.start()
        assert await made.session_get(ids[7]) == {"n": 7}
        await made.aclose()

    asyncio.run(use())


def test_attack_61_cancelled_reads_never_shift_the_answers_of_others(postgres_server: PostgresServer) -> None:
    async def use() -> None:
        section = {"postgresql_uri": postgres_server.uri, "postgresql_table": "cancelled"}
        made = jam.aio.Jam({"session": {"session_type": "postgresql", **section}})
        ids = [await made.session_create("user", {"n": n}) for n in range(50)]

        async def read(number: int) -> None:
            assert await made.session_get(ids[number]) == {"n": number}

        for turn in range(20):
            tasks = [asyncio.create_task(read(number)) for number in range(50)]
            await asyncio.sleep(turn / 5_000)
            for task in tasks[::2]:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends), ends
        await made.aclose()

    asyncio.run(use())


def test_a_user_without_rights_is_told_what_to_run(face: Face, postgres_server: PostgresServer) -> None:
    user = f"app_{face.name}"
    postgres_server.query(f"CREATE USER {user} PASSWORD 'opensesame'")
    uri = postgres_server.uri.replace(f"jam:{postgres_server.PASSWORD}", f"{user}:opensesame")
    section = {"session_type": "postgresql", "postgresql_uri": uri, "postgresql_table": f"of_{face.name}"}
    made = face.jam({"session": section})
    with pytest.raises(JamStoreRefused) as raised:
        made.session_create("user", {})
    statements = str(raised.value).partition("have somebody run who may: ")[2]
    assert statements.startswith("CREATE TABLE")
    postgres_server.query(statements.replace("that user", user))
    assert made.session_get(made.session_create("user", {"a": 1})) == {"a": 1}


def test_a_wrong_password_is_told_and_not_shown(face: Face, postgres_server: PostgresServer) -> None:
    uri = postgres_server.uri.replace(postgres_server.PASSWORD, "wrongsesame")
    made = face.jam({"session": {"session_type": "postgresql", "postgresql_uri": uri}})
    with pytest.raises(JamStoreRefused, match="password is wrong") as raised:
        made.session_create("user", {})
    assert "sesame" not in str(raised.value)


def test_a_server_that_is_not_trusted_gets_nothing(face: Face, postgres_programs: Path, tmp_path: Path) -> None:
    files = ("ssl_cert_file=../server.pem", "ssl_key_file=../server.key")
    server = PostgresServer(postgres_programs, "fsync=off", "ssl=on", *files)
    make_certificates(server.folder)
    (server.folder / "server.key").chmod(0o600)
    server.start()
    try:
        uri = f"{server.uri}?sslmode=verify-full"
        trusted = {"postgresql_uri": uri, "postgresql_ca_file": server.folder / "ca.pem"}
        made = face.jam({"session": {"session_type": "postgresql", **trusted}})
        assert made.session_get(made.session_create("user", {"a": 1})) == {"a": 1}
        make_certificates(tmp_path)
        for keys in ({"postgresql_uri": uri}, {**trusted, "postgresql_ca_file": tmp_path / "ca.pem"}):
            distrusting = face.jam({"session": {"session_type": "postgresql", **keys}})
            with pytest.raises(JamStoreRefused, match="certificate is not accepted"):
                distrusting.session_create("user", {})
    finally:
        server.close()


def test_attack_64_a_server_that_is_not_there_is_told(face: Face) -> None:
    made = face.jam({"session": {"session_type": "postgresql", "postgresql_uri": URI}})
    with pytest.raises(JamStoreError) as raised:
        made.session_create("user", {})
    assert raised.value.error_code == "store.unavailable"
    assert "sesame" not in str(raised.value)
