"""How Redis servers are reached, as keywords of sessions and lists."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypedDict

from jam.exceptions import JamConfigurationError

Path = str | os.PathLike[str]


class RedisOptions(TypedDict, total=False):
    """What sessions and lists on Redis take as keywords, beside `redis_uri`.

    Attributes:
        redis_sentinel_master: The name under which sentinels know the primary; `redis_uri` then says where they are.
        redis_sentinel_username: The user to log in as at the sentinels.
        redis_sentinel_password: The password to log in with at the sentinels.
        redis_ca_file: For TLS, the certificates of the authorities that sign those of the servers, in PEM; the
            system's if left out.
        redis_client_certificate: The file of the certificate for servers that ask for one, in PEM.
        redis_client_key: The file of its key, in PEM.
        redis_connect_timeout: Seconds it may take to find the server, to connect and to log in (1).
        redis_response_timeout: Seconds a server may take to answer (2).
        redis_retries: How often a call is attempted again that only reads or that has certainly done nothing (8).
        redis_pool_size: How many connections to each server the blocking face keeps (16).
        redis_read_from_replicas: Whether replicas are asked for what is only read, which may be a little old
            (`False`).
    """

    redis_sentinel_master: str | None
    redis_sentinel_username: str | None
    redis_sentinel_password: str | None
    redis_ca_file: Path | None
    redis_client_certificate: Path | None
    redis_client_key: Path | None
    redis_connect_timeout: float | None
    redis_response_timeout: float | None
    redis_retries: int | None
    redis_pool_size: int | None
    redis_read_from_replicas: bool | None


REDIS_KEYS = tuple(RedisOptions.__annotations__)


def split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parts the keywords for Redis from all others."""
    redis = {key: options[key] for key in REDIS_KEYS if key in options}
    return redis, {key: value for key, value in options.items() if key not in redis}


def refuse_beside_client(options: Mapping[str, Any]) -> None:
    """Refuses keywords that a client object has no use for."""
    given = next((key for key, value in options.items() if value is not None), None)
    if given is not None:
        raise JamConfigurationError("is for a redis_uri; a client object has settings of its own").at(given)
