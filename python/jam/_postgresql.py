"""How a PostgreSQL database is reached, as keywords of sessions and lists."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypedDict

Path = str | os.PathLike[str]


class PostgreSQLOptions(TypedDict, total=False):
    """What sessions and lists on PostgreSQL take as keywords, beside `postgresql_uri`.

    Attributes:
        postgresql_table: The table, as `NAME` or `SCHEMA.NAME` (`jam_store`); it is made at the first use, if the user
            may make tables.
        postgresql_ca_file: For TLS, the certificates of the authorities that sign that of the server, in PEM; the
            system's if left out.
        postgresql_client_certificate: The file of the certificate for a server that asks for one, in PEM.
        postgresql_client_key: The file of its key, in PEM.
        postgresql_connect_timeout: Seconds it may take to connect and to log in (5).
        postgresql_response_timeout: Seconds the server may take to answer (2).
        postgresql_pool_size: How many connections there are at most (8).
        postgresql_prepared_statements: Whether the server keeps its plans from one call to the next (`True`).
    """

    postgresql_table: str | None
    postgresql_ca_file: Path | None
    postgresql_client_certificate: Path | None
    postgresql_client_key: Path | None
    postgresql_connect_timeout: float | None
    postgresql_response_timeout: float | None
    postgresql_pool_size: int | None
    postgresql_prepared_statements: bool | None


POSTGRESQL_KEYS = ("postgresql_uri", *PostgreSQLOptions.__annotations__)


def split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parts the keywords for PostgreSQL from all others."""
    postgresql = {key: options[key] for key in POSTGRESQL_KEYS if key in options}
    return postgresql, {key: value for key, value in options.items() if key not in postgresql}
