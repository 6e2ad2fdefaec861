//! Values on a Redis or Valkey server: shared by many machines.

mod aio;
mod blocking;
mod command;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

pub use aio::AsyncRedisStore;
pub use blocking::RedisStore;
use redis::{ConnectionInfo, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisError};

use super::check_namespace;
use crate::secret::Secret;
use crate::{Error, Result, StoreError};

/// Where the server is, and how long it may take.
///
/// ```
/// use std::time::Duration;
/// use jam::store::{AsyncRedisStore, RedisOptions};
///
/// let options = RedisOptions {
///     url: "redis://:password@127.0.0.1:6379/0".into(),
///     response_timeout: Duration::from_millis(500),
///     ..RedisOptions::default()
/// };
/// let store = AsyncRedisStore::open(options)?; // connects at the first use
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or `redis+unix:///SOCKET[?db=DATABASE&pass=PASSWORD]`.
    /// Default: [`RedisOptions::DEFAULT_URL`].
    pub url: Secret<String>,
    /// Begins every key: 1 to 128 printable ASCII characters without braces. Default: `sessions`.
    pub namespace: String,
    /// How long it may take to connect and to log in. Default: 1 second.
    pub connect_timeout: Duration,
    /// How long the server may take to answer. Default: 2 seconds.
    pub response_timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            url: Self::DEFAULT_URL.into(),
            namespace: "sessions".to_owned(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
        }
    }
}

impl RedisOptions {
    /// The server that is taken when none is named.
    pub const DEFAULT_URL: &str = "redis://localhost:6379/0";

    /// The checked options, as the client takes them.
    fn connection_info(&self, protocol: ProtocolVersion) -> Result<ConnectionInfo> {
        check_namespace(&self.namespace)?;
        if self.connect_timeout.is_zero() || self.response_timeout.is_zero() {
            return Err(Error::validation("a time-out of Redis is zero; give it more than that"));
        }
        // Before it is read, as the client was built without TLS and only says that it cannot read it.
        if ["rediss://", "valkeys://"].iter().any(|scheme| self.url.expose().starts_with(scheme)) {
            return Err(Error::validation("Redis over TLS (rediss://) is not supported; use redis://"));
        }
        // The error may quote the URL, which may hold a password.
        let info = self.url.expose().as_str().into_connection_info().map_err(|_| {
            Error::validation(
                "the Redis URL cannot be read; it has the form redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]",
            )
        })?;
        let settings = info.redis_settings().clone().set_protocol(protocol);
        // A small command must not wait for the answer to the one before.
        let sockets = info.tcp_settings().clone().set_nodelay(true);
        Ok(info.set_redis_settings(settings).set_tcp_settings(sockets))
    }
}

/// The server's clock, as it goes on here without being asked. No lock, so that a fork cannot find it locked.
#[derive(Debug)]
struct ServerClock {
    origin: Instant,
    /// The server's time in milliseconds at the origin.
    at_origin: AtomicI64,
    /// Milliseconds from the origin until which that is believed; 0: it is not known.
    trusted_until: AtomicI64,
}

impl ServerClock {
    /// Then it is looked at again, as somebody may have set it.
    const TRUSTED: i64 = 60_000;

    fn new() -> Self {
        Self { origin: Instant::now(), at_origin: AtomicI64::new(0), trusted_until: AtomicI64::new(0) }
    }

    fn set(&self, server_now: i64) {
        let elapsed = self.elapsed();
        self.at_origin.store(server_now.saturating_sub(elapsed), Ordering::Release);
        self.trusted_until.store(elapsed.saturating_add(Self::TRUSTED), Ordering::Release);
    }

    /// Milliseconds since 1970, if they are known.
    fn now(&self) -> Option<i64> {
        let elapsed = self.elapsed();
        let is_trusted = elapsed < self.trusted_until.load(Ordering::Acquire);
        is_trusted.then(|| self.at_origin.load(Ordering::Acquire).saturating_add(elapsed))
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Whether the server does not have the script: it was restarted, or its scripts were flushed.
fn is_forgotten(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT")
}

/// Whether nothing can be said over the connection any more.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

/// The client's or the server's refusal, as the store's error. The server's own words may quote keys, so only its
/// error code is told.
fn failure(error: &RedisError) -> StoreError {
    if error.is_timeout() {
        return StoreError::TimedOut(
            "the Redis server did not answer in time; the operation may or may not have happened".into(),
        );
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => refused("WRONGPASS"),
        ErrorKind::RESP3NotSupported => {
            StoreError::Refused("the Redis server is too old; Redis 6.2 or later is needed".into())
        }
        ErrorKind::Server(_) if error.to_string().contains("DB index is out of range") => {
            StoreError::Refused(
                "the Redis server has no database of this number; change the number at the end of the URL"
                    .into(),
            )
        }
        ErrorKind::Server(_) | ErrorKind::Extension => refused(server_code(error)),
        ErrorKind::Io => StoreError::Unavailable(
            format!("the Redis server cannot be reached, or broke off: {}", cause(error)).into(),
        ),
        _ => StoreError::Refused("the Redis server's answer is not understood".into()),
    }
}

/// The code of the command that failed, which scripts and transactions wrap in an error of their own.
fn server_code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or("ERR");
    if !matches!(code, "ERR" | "EXECABORT") {
        return code;
    }
    let words = error.to_string();
    let mut words = words.split(|character: char| !character.is_ascii_uppercase());
    let within = words.find_map(|word| KNOWN_CODES.iter().find(|(known, _)| *known == word));
    within.map_or(code, |(known, _)| known)
}

const KNOWN_CODES: &[(&str, &str)] = &[
    ("OOM", "it has no memory left; raise its maxmemory"),
    ("READONLY", "it is a replica and cannot be written to; give the address of the primary"),
    ("NOAUTH", "it asks for a password; put it into the URL"),
    ("WRONGPASS", "the user name or the password is wrong"),
    ("NOPERM", "the user may not run the commands or use the keys that sessions need"),
    ("MISCONF", "it cannot write to its disk, and takes no writes until it can"),
    ("NOREPLICAS", "too few replicas are connected for it to take writes"),
    ("WRONGTYPE", "a key of the namespace holds what Jam did not write"),
    ("BUSY", "it is busy with a script"),
    ("MASTERDOWN", "it is a replica without its primary"),
];

fn refused(code: &str) -> StoreError {
    if code == "LOADING" {
        return StoreError::Unavailable("the Redis server is still loading its data".into());
    }
    let meaning = KNOWN_CODES.iter().find(|(known, _)| *known == code);
    StoreError::Refused(match meaning {
        Some((_, meaning)) => format!("the Redis server refused ({code}): {meaning}").into(),
        None => format!("the Redis server refused ({code})").into(),
    })
}

fn cause(error: &RedisError) -> String {
    use std::error::Error as _;

    error.source().map_or_else(|| "the connection was closed".to_owned(), ToString::to_string)
}
