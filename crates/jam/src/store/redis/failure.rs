//! What a failure of a server means: to the caller, and for another attempt.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError};

use super::command::Request;
use super::servers::{Address, Servers, Target};
use crate::{Error, StoreError};

/// So often a call is sent on at once; further ones wait, as two servers may each take the other for the right one.
const REDIRECTIONS: u32 = 5;

/// The pause before the second of the further attempts; the first is made at once, and each pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What to do after an attempt has failed.
pub(super) enum Next {
    /// The slot is at another server now.
    Moved { slot: u16, to: Address },
    /// This once, another server is to be asked.
    Ask(Address),
    /// Nothing has happened, or it is harmless if it happens twice.
    Again,
    /// Tell the caller.
    Fail,
}

/// An attempt that has failed.
pub(super) struct Failed {
    /// What the caller is told, if this was the last one.
    pub(super) error: Error,
    pub(super) next: Next,
}

impl Failed {
    /// There is no connection, so nothing was sent.
    pub(super) fn unsent(error: Error, servers: &Servers) -> Self {
        let passes = matches!(error, Error::Store(StoreError::Unavailable(_) | StoreError::TimedOut(_)));
        Self { error, next: if passes && servers.can_change() { Next::Again } else { Next::Fail } }
    }

    /// The server that was asked has answered with an error, or not at all.
    pub(super) fn asked(
        error: &RedisError,
        request: &Request<'_>,
        servers: &Servers,
        target: &Target,
    ) -> Self {
        Self { error: given_up(error, servers).into(), next: next(error, request, servers, target) }
    }
}

/// How many attempts a call has, and how long it may take for them.
pub(super) struct Patience {
    deadline: Instant,
    retries: u32,
    redirections: u32,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(servers: &Servers, started: Instant) -> Self {
        Self {
            deadline: servers.deadline(started),
            retries: servers.retries,
            redirections: REDIRECTIONS,
            pause: Duration::ZERO,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long to wait before the next attempt; `None`: there is none.
    pub(super) fn pause(&mut self, next: &Next) -> Option<Duration> {
        if matches!(next, Next::Fail) {
            return None;
        }
        if matches!(next, Next::Moved { .. } | Next::Ask(_)) && self.redirections > 0 {
            self.redirections -= 1;
            return Some(Duration::ZERO);
        }
        self.retries = self.retries.checked_sub(1)?;
        let pause = self.pause;
        self.pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        (Instant::now() + pause < self.deadline).then_some(pause)
    }
}

fn next(error: &RedisError, request: &Request<'_>, servers: &Servers, target: &Target) -> Next {
    if is_broken(error) {
        let harmless = request.repeatable && error.is_connection_dropped();
        return if harmless { Next::Again } else { Next::Fail };
    }
    if !servers.can_change() {
        return Next::Fail;
    }
    match (server_code(error), redirection(error, target)) {
        ("MOVED", Some((slot, to))) => Next::Moved { slot, to },
        // It touches keys that it does not name, of which some may not have arrived there yet.
        ("ASK", Some(_)) if !request.names_all_keys => Next::Again,
        ("ASK", Some((_, to))) => Next::Ask(to),
        ("TRYAGAIN", _) => Next::Again,
        _ if is_replaced(error) || touches_what_is_moving(error) => Next::Again,
        _ => Next::Fail,
    }
}

/// Whether the server, which has refused without doing anything, may have lost its part to another one.
pub(super) fn is_replaced(error: &RedisError) -> bool {
    matches!(server_code(error), "READONLY" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING")
}

/// A script has come upon a key that it does not name and that is at another server already. What it has done until
/// then is what it would do first the next time, too.
fn touches_what_is_moving(error: &RedisError) -> bool {
    error.to_string().contains("attempted to access a non local key")
}

/// The slot and the server that a redirection names. A server without a name is one of the host that was asked.
fn redirection(error: &RedisError, asked: &Target) -> Option<(u16, Address)> {
    let (server, slot) = error.redirect_node()?;
    let (host, port) = server.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match (host, asked) {
        ("", Target::Node(asked)) => Some((slot, asked.with_port(port))),
        ("", Target::Role(_)) => None,
        (host, _) => Some((slot, Address { host: host.to_owned(), port })),
    }
}

/// Whether the server does not have the script: it was restarted, or its scripts were flushed.
pub(super) fn is_forgotten(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT")
}

/// Whether nothing can be said over the connection any more.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

/// The client's or the server's refusal, as the store's error. The server's own words may quote keys, so only its
/// error code is told.
pub(super) fn failure(error: &RedisError) -> StoreError {
    if error.is_timeout() {
        return StoreError::TimedOut(
            "the Redis server did not answer in time; the operation may or may not have happened".into(),
        );
    }
    if let Some(error) = tls_error(error) {
        return tls_failure(error);
    }
    if touches_what_is_moving(error) {
        return refused("TRYAGAIN");
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
        ErrorKind::Server(_) if error.to_string().contains("not allowed in cluster mode") => StoreError::Refused(
            "a Redis cluster has no databases to choose from; leave the number out at the end of the URLs".into(),
        ),
        ErrorKind::Server(_) if error.to_string().contains("cluster support disabled") => StoreError::Refused(
            "the Redis server is part of no cluster; give its URL alone, as a list of URLs names a cluster"
                .into(),
        ),
        ErrorKind::Server(_) | ErrorKind::Extension => refused(server_code(error)),
        ErrorKind::Io => StoreError::Unavailable(
            format!("the Redis server cannot be reached, or broke off: {}", cause(error)).into(),
        ),
        _ => StoreError::Refused("the Redis server's answer is not understood".into()),
    }
}

/// [`failure`], of a sentinel.
pub(super) fn sentinel_failure(error: &RedisError) -> StoreError {
    match server_code(error) {
        "NOAUTH" | "WRONGPASS" => StoreError::Refused(
            "a Redis sentinel asks for another user or password; give those of the sentinels, which need not be those of the servers".into(),
        ),
        _ => failure(error),
    }
}

/// The failure of the last attempt, where other servers could have taken over.
fn given_up(error: &RedisError, servers: &Servers) -> StoreError {
    match server_code(error) {
        "MOVED" | "ASK" if servers.can_change() => refused("TRYAGAIN"),
        "READONLY" | "MASTERDOWN" if servers.can_change() => StoreError::Unavailable(
            "no Redis server is the primary at the moment; a fail-over may be under way".into(),
        ),
        _ => failure(error),
    }
}

/// What is told when a call has run out of time between its attempts.
pub(super) fn too_late() -> StoreError {
    StoreError::TimedOut("the Redis servers did not answer in time".into())
}

/// What is told when a slot is not served.
pub(super) fn no_server_for_slot() -> StoreError {
    refused("CLUSTERDOWN")
}

/// The code of the command that failed, which scripts wrap in an error of their own.
fn server_code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or("ERR");
    if code != "ERR" {
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
    ("MOVED", "it is one of a cluster; give a list of URLs, as for a cluster"),
    ("ASK", "it is one of a cluster; give a list of URLs, as for a cluster"),
];

/// Refusals that end by themselves.
const PASSING_CODES: &[(&str, &str)] = &[
    ("LOADING", "the Redis server is still loading its data"),
    ("TRYAGAIN", "the Redis cluster is moving the keys to another server"),
    ("CLUSTERDOWN", "the Redis cluster is down, or has no server for some of its keys"),
];

fn refused(code: &str) -> StoreError {
    let meaning_in = |codes: &[(&str, &'static str)]| {
        codes.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
    };
    if let Some(meaning) = meaning_in(PASSING_CODES) {
        return StoreError::Unavailable(meaning.into());
    }
    StoreError::Refused(match meaning_in(KNOWN_CODES) {
        Some(meaning) => format!("the Redis server refused ({code}): {meaning}").into(),
        None => format!("the Redis server refused ({code})").into(),
    })
}

fn tls_failure(error: &rustls::Error) -> StoreError {
    if let rustls::Error::InvalidCertificate(reason) = error {
        return StoreError::Refused(
            format!("the Redis server's certificate is not accepted: {reason}; name the authority that signed it, and the host as the certificate does").into(),
        );
    }
    StoreError::Unavailable(format!("TLS with the Redis server failed: {error}").into())
}

fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let inner = inner(error)?;
    inner.downcast_ref().or_else(|| inner.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
}

fn cause(error: &RedisError) -> String {
    inner(error).map_or_else(|| "the connection was closed".to_owned(), ToString::to_string)
}

/// The error of the system or of TLS that the client hands on.
fn inner(error: &RedisError) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
    let shared = error.source()?.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    Some(shared.as_ref())
}
