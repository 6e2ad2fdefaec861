from collections.abc import Callable, Coroutine, Iterable, Sequence
from os import PathLike
from typing import Any, Literal, final

from typing_extensions import Self

from jam.encoders import BaseEncoder

__all__ = [
    "HOTP",
    "JWT",
    "TOTP",
    "AsyncOAuth2Client",
    "AsyncSessions",
    "AsyncTokenList",
    "Cookie",
    "OAuth2Client",
    "PASETOv4",
    "SessionCodec",
    "SessionInfo",
    "Sessions",
    "TokenList",
    "TokenListCodec",
    "__version__",
    "basic_auth_decode",
    "basic_auth_encode",
    "canonical_config",
    "check_password",
    "error_codes",
    "generate_aes_key",
    "generate_ecdsa_p384_keypair",
    "generate_ed25519_keypair",
    "generate_otp_key",
    "generate_rsa_key_pair",
    "generate_symmetric_key",
    "hash_password",
    "jwt_make_payload",
    "paseto_make_payload",
    "password_needs_rehash",
    "read_config",
]

__version__: str

_Serializer = type[BaseEncoder] | BaseEncoder
_Path = str | PathLike[str]
_Key = tuple[str, str]

def error_codes() -> list[str]: ...
def read_config(path: _Path, pointer: str | None = ...) -> dict[str, Any]: ...
def canonical_config(config: Any) -> dict[str, Any]: ...

# JSON Web Tokens

class JWT:
    def __new__(
        cls,
        alg: str,
        secret: str | bytes | None = None,
        *,
        secret_key: str | bytes | None = None,
        private_key: str | bytes | None = None,
        public_key: str | bytes | None = None,
        password: str | bytes | None = None,
        issuer: str | None = None,
        audience: str | Sequence[str] | None = None,
        subject: str | None = None,
        required: str | Sequence[str] | None = None,
        typ: str | None = None,
        leeway: float | None = ...,
        expire: float | None = ...,
        serializer: _Serializer | None = None,
    ) -> Self: ...
    @property
    def alg(self) -> str: ...
    def encode(self, payload: dict[str, Any]) -> str: ...
    def decode(
        self,
        token: str,
        public_key: str | bytes | None = None,
        *,
        check_exp: bool = True,
        audience: str | Sequence[str] | None = None,
        issuer: str | None = None,
        leeway: float | None = ...,
    ) -> dict[str, Any]: ...
    def make_payload(self, exp: int | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]: ...

def jwt_make_payload(exp: int | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]: ...

# White and black lists

class TokenList:
    def __new__(
        cls,
        backend: str,
        kind: str,
        *,
        json_path: _Path | None = None,
        sqlite_path: _Path | None = None,
        redis_uri: str | Sequence[str] | None = None,
        redis_list_key: str = ...,
        in_list_life_time: float | None = ...,
        leeway: float | None = ...,
    ) -> Self: ...
    @property
    def kind(self) -> Literal["white", "black"]: ...
    def add(self, token: str) -> None: ...
    def add_many(self, tokens: Iterable[str]) -> None: ...
    def check(self, token: str) -> bool: ...
    def delete(self, token: str) -> None: ...
    def close(self) -> None: ...

class AsyncTokenList:
    def __new__(
        cls,
        backend: str,
        kind: str,
        *,
        json_path: _Path | None = None,
        sqlite_path: _Path | None = None,
        redis_uri: str | Sequence[str] | None = None,
        redis_list_key: str = ...,
        in_list_life_time: float | None = ...,
        leeway: float | None = ...,
    ) -> Self: ...
    @property
    def kind(self) -> Literal["white", "black"]: ...
    def add(self, token: str) -> Coroutine[Any, Any, None]: ...
    def add_many(self, tokens: Iterable[str]) -> Coroutine[Any, Any, None]: ...
    def check(self, token: str) -> Coroutine[Any, Any, bool]: ...
    def delete(self, token: str) -> Coroutine[Any, Any, None]: ...
    def close(self) -> Coroutine[Any, Any, None]: ...

@final
class TokenListCodec:
    def __new__(cls, kind: str, *, in_list_life_time: float | None = ..., leeway: float | None = ...) -> Self: ...
    @property
    def kind(self) -> Literal["white", "black"]: ...
    def key(self, token: str) -> str: ...
    def entry(self, token: str) -> tuple[str, int | None] | None: ...

# Sessions

@final
class SessionInfo:
    def __new__(cls, handle: str, created: float, last_used: float | None, expires: float | None) -> Self: ...
    @property
    def handle(self) -> str: ...
    @property
    def created(self) -> float: ...
    @property
    def last_used(self) -> float | None: ...
    @property
    def expires(self) -> float | None: ...

class Sessions:
    def __new__(
        cls,
        backend: str,
        *,
        json_path: _Path | None = None,
        sqlite_path: _Path | None = None,
        redis_uri: str | Sequence[str] | None = None,
        redis_sessions_key: str = ...,
        default_ttl: float | None = ...,
        absolute_ttl: float | None = ...,
        is_session_crypt: bool = False,
        session_aes_secret: str | bytes | Sequence[str | bytes] | None = None,
        id_factory: Callable[[], str] | None = None,
        serializer: _Serializer | None = None,
    ) -> Self: ...
    def create(self, session_key: str, data: dict[str, Any]) -> str: ...
    def get(self, session_id: str) -> dict[str, Any] | None: ...
    def update(self, session_id: str, data: dict[str, Any]) -> None: ...
    def delete(self, session_id: str) -> None: ...
    def clear(self, session_key: str) -> None: ...
    def rework(self, session_id: str) -> str: ...
    def list(self, session_key: str) -> list[SessionInfo]: ...
    def close(self) -> None: ...

class AsyncSessions:
    def __new__(
        cls,
        backend: str,
        *,
        json_path: _Path | None = None,
        sqlite_path: _Path | None = None,
        redis_uri: str | Sequence[str] | None = None,
        redis_sessions_key: str = ...,
        default_ttl: float | None = ...,
        absolute_ttl: float | None = ...,
        is_session_crypt: bool = False,
        session_aes_secret: str | bytes | Sequence[str | bytes] | None = None,
        id_factory: Callable[[], str] | None = None,
        serializer: _Serializer | None = None,
    ) -> Self: ...
    def create(self, session_key: str, data: dict[str, Any]) -> Coroutine[Any, Any, str]: ...
    def get(self, session_id: str) -> Coroutine[Any, Any, dict[str, Any] | None]: ...
    def update(self, session_id: str, data: dict[str, Any]) -> Coroutine[Any, Any, None]: ...
    def delete(self, session_id: str) -> Coroutine[Any, Any, None]: ...
    def clear(self, session_key: str) -> Coroutine[Any, Any, None]: ...
    def rework(self, session_id: str) -> Coroutine[Any, Any, str]: ...
    def list(self, session_key: str) -> Coroutine[Any, Any, list[SessionInfo]]: ...
    def close(self) -> Coroutine[Any, Any, None]: ...

@final
class SessionCodec:
    def __new__(
        cls,
        *,
        default_ttl: float | None = ...,
        absolute_ttl: float | None = ...,
        is_session_crypt: bool = False,
        session_aes_secret: str | bytes | Sequence[str | bytes] | None = None,
        id_factory: Callable[[], str] | None = None,
        serializer: _Serializer | None = None,
    ) -> Self: ...
    @property
    def idle(self) -> int | None: ...
    @property
    def absolute(self) -> int | None: ...
    def group(self, session_key: str) -> str: ...
    def locate(self, session_id: str) -> _Key | None: ...
    def new_id(self, group: str) -> tuple[str, _Key]: ...
    def seal(self, key: _Key, data: dict[str, Any]) -> bytes: ...
    def open(self, key: _Key, record: bytes) -> dict[str, Any] | None: ...
    def reseal(self, old: _Key, new: _Key, record: bytes) -> bytes: ...

# PASETO

class PASETOv4:
    def __new__(
        cls,
        purpose: str,
        key: str | bytes | None = None,
        *,
        public_key: str | bytes | None = None,
        serializer: _Serializer | None = None,
    ) -> Self: ...
    @classmethod
    def key(cls, purpose: str, key: str | bytes, **options: Any) -> Self: ...
    @property
    def purpose(self) -> str: ...
    def encode(
        self,
        payload: dict[str, Any],
        footer: dict[str, Any] | str | bytes | None = None,
        *,
        implicit_assertion: str | bytes | None = None,
    ) -> str: ...
    def decode(
        self, token: str, *, check_exp: bool = True, implicit_assertion: str | bytes | None = None
    ) -> tuple[dict[str, Any], dict[str, Any] | str | bytes | None]: ...
    def make_payload(self, exp: int | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]: ...

def paseto_make_payload(exp: int | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]: ...

# One-time passwords

class HOTP:
    def __new__(cls, secret: str | bytes, digits: int = 6, digest: str = "sha1") -> Self: ...
    def at(self, factor: int) -> str: ...
    def verify(self, code: str, factor: int | None = None, look_ahead: int = 1) -> bool: ...
    def verify_step(self, code: str, factor: int | None = None, look_ahead: int = 1) -> int | None: ...
    def provisioning_uri(self, name: str, issuer: str = "", counter: int = 0) -> str: ...

class TOTP:
    def __new__(cls, secret: str | bytes, digits: int = 6, digest: str = "sha1", interval: int = 30) -> Self: ...
    @property
    def now(self) -> str: ...
    def at(self, factor: int) -> str: ...
    def verify(self, code: str, factor: int | None = None, look_ahead: int = 1) -> bool: ...
    def verify_step(self, code: str, factor: int | None = None, look_ahead: int = 1) -> int | None: ...
    def provisioning_uri(self, name: str, issuer: str = "") -> str: ...

# OAuth 2.0

class OAuth2Client:
    def __new__(
        cls,
        provider: str,
        client_id: str,
        client_secret: str | None = None,
        auth_url: str | None = None,
        token_url: str | None = None,
        redirect_url: str | None = None,
        *,
        issuer: str | None = None,
        client_authentication: str | None = None,
        timeout: float = 10.0,
    ) -> Self: ...
    def get_authorization_url(self, scope: Sequence[str], **extra: Any) -> str: ...
    def fetch_token(self, code: str, grant_type: str = "authorization_code", **extra: Any) -> dict[str, Any]: ...
    def refresh_token(self, refresh_token: str, grant_type: str = "refresh_token", **extra: Any) -> dict[str, Any]: ...
    def client_credentials_flow(self, scope: Sequence[str] | None = None, **extra: Any) -> dict[str, Any]: ...

class AsyncOAuth2Client:
    def __new__(
        cls,
        provider: str,
        client_id: str,
        client_secret: str | None = None,
        auth_url: str | None = None,
        token_url: str | None = None,
        redirect_url: str | None = None,
        *,
        issuer: str | None = None,
        client_authentication: str | None = None,
        timeout: float = 10.0,
    ) -> Self: ...
    def get_authorization_url(self, scope: Sequence[str], **extra: Any) -> Coroutine[Any, Any, str]: ...
    def fetch_token(
        self, code: str, grant_type: str = "authorization_code", **extra: Any
    ) -> Coroutine[Any, Any, dict[str, Any]]: ...
    def refresh_token(
        self, refresh_token: str, grant_type: str = "refresh_token", **extra: Any
    ) -> Coroutine[Any, Any, dict[str, Any]]: ...
    def client_credentials_flow(
        self, scope: Sequence[str] | None = None, **extra: Any
    ) -> Coroutine[Any, Any, dict[str, Any]]: ...

# Helpers

def generate_aes_key() -> str: ...
def generate_symmetric_key(n: int = 32) -> str: ...
def generate_otp_key(entropy_bits: int = 160) -> str: ...
def generate_rsa_key_pair(key_size: int = 2048) -> dict[str, str]: ...
def generate_ed25519_keypair() -> dict[str, str]: ...
def generate_ecdsa_p384_keypair() -> dict[str, str]: ...
def hash_password(password: str) -> str: ...
def check_password(
    password: str, password_hash: str, hash_hex: str | None = None, iterations: int = 100000
) -> bool: ...
def password_needs_rehash(password_hash: str) -> bool: ...
def basic_auth_encode(login: str, password: str) -> str: ...
def basic_auth_decode(data: str) -> tuple[str, str]: ...

# Cookies

@final
class Cookie:
    def __new__(
        cls,
        name: str = "session",
        *,
        host_prefix: bool = True,
        secure: bool = True,
        http_only: bool = True,
        same_site: Literal["strict", "lax", "none"] = "lax",
        path: str = "/",
        domain: str | None = None,
    ) -> Self: ...
    @property
    def name(self) -> str: ...
    def set(self, value: str, max_age: int | None = None) -> str: ...
    def delete(self) -> str: ...
    def get(self, header: str | None) -> str | None: ...
