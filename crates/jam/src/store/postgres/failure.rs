//! What a failure of the server means: to the caller, and for another attempt.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::sql::{Table, Verb};
use crate::StoreError;

/// What to do after an attempt has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing has happened; over the same connection it may go well.
    Again,
    /// Nothing has happened, or it is harmless if it happens twice; it takes a new connection.
    Anew,
    /// Tell the caller.
    Fail,
}

/// An attempt that has failed.
pub(super) struct Failed {
    /// What the caller is told, if this was the last one.
    pub(super) error: StoreError,
    pub(super) next: Next,
    /// Whether the connection is of no use any more.
    pub(super) is_broken: bool,
    /// Whether a value would have come to stand where another is.
    pub(super) is_taken: bool,
}

impl Failed {
    /// There is no connection, so nothing was sent.
    pub(super) fn unsent(error: StoreError) -> Self {
        Self { error, next: Next::Fail, is_broken: true, is_taken: false }
    }

    /// The server has answered with an error, or not at all.
    pub(super) fn asked(error: &Error, verb: Verb, table: &Table) -> Self {
        let next = next(error, verb);
        Self {
            error: failure(error, table),
            next,
            is_broken: is_broken(error) || next == Next::Anew,
            is_taken: error.code() == Some(&SqlState::UNIQUE_VIOLATION),
        }
    }

    /// The connection has ended before there was an answer.
    pub(super) fn broken_off(verb: Verb) -> Self {
        let next = if verb.is_repeatable() { Next::Anew } else { Next::Fail };
        Self { error: broken_off(), next, is_broken: true, is_taken: false }
    }

    /// There was no answer in time.
    pub(super) fn too_late() -> Self {
        Self { error: too_late(), next: Next::Fail, is_broken: true, is_taken: false }
    }
}

/// What to do after the server has refused, or has broken off.
fn next(error: &Error, verb: Verb) -> Next {
    let Some(code) = error.code() else {
        let is_harmless = verb.is_repeatable() && !is_too_late(error);
        return if is_harmless { Next::Anew } else { Next::Fail };
    };
    if is_broken(error) {
        return if verb.is_repeatable() { Next::Anew } else { Next::Fail };
    }
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Next::Again,
        _ if is_outdated(code) => Next::Anew,
        _ => Next::Fail,
    }
}

/// Whether nothing can be said over the connection any more.
fn is_broken(error: &Error) -> bool {
    let Some(code) = error.code() else { return true };
    let ends = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::CONNECTION_EXCEPTION,
        SqlState::CONNECTION_FAILURE,
        SqlState::CONNECTION_DOES_NOT_EXIST,
        SqlState::PROTOCOL_VIOLATION,
    ];
    ends.contains(code)
}

/// Whether a new connection would find what this one does not: the table, a prepared statement, a server that can be
/// written to.
fn is_outdated(code: &SqlState) -> bool {
    let outdated = [
        SqlState::UNDEFINED_TABLE,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    outdated.contains(code)
}

/// The client's or the server's refusal, as the store's error. The server's own words may quote what was sent, so only its
/// code is told.
pub(super) fn failure(error: &Error, table: &Table) -> StoreError {
    if is_too_late(error) {
        return too_late();
    }
    if let Some(code) = error.code() {
        return refused(code, table);
    }
    if let Some(error) = tls_error(error) {
        return tls_failure(error);
    }
    // The client has no kinds of errors; these it makes before anything is sent that could be told here.
    let words = error.to_string();
    match words.as_str() {
        _ if words.starts_with("error performing TLS handshake") => StoreError::Refused(
            "the PostgreSQL server does not offer TLS; turn it on there, or write sslmode=disable into the URL for a network that you trust"
                .into(),
        ),
        _ if words.starts_with("invalid configuration") => {
            StoreError::Refused("the PostgreSQL server asks for a password; put it into the URL".into())
        }
        _ if words.starts_with("authentication error") => StoreError::Refused(
            "the PostgreSQL server asks for a way to log in that is not known here, or cannot prove that it knows the password; use scram-sha-256"
                .into(),
        ),
        _ => StoreError::Unavailable(
            format!("the PostgreSQL server cannot be reached, or broke off: {}", cause(error)).into(),
        ),
    }
}

/// [`failure`], of an attempt to connect.
pub(super) fn connect_failure(error: &Error, table: &Table) -> StoreError {
    match io_error(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => not_connected(),
        // The client's word for a server that only copies another, where it has to be written to.
        Some(io::ErrorKind::PermissionDenied) if error.to_string() == "error connecting to server" => {
            read_only()
        }
        _ => failure(error, table),
    }
}

/// What is told when there is no answer in time.
fn too_late() -> StoreError {
    StoreError::TimedOut(
        "the PostgreSQL server did not answer in time; the operation may or may not have happened".into(),
    )
}

/// What is told when the connection has ended, and nothing more is known.
pub(super) fn broken_off() -> StoreError {
    StoreError::Unavailable("the PostgreSQL server broke off: the connection was closed".into())
}

/// What is told when there is no connection in time.
pub(super) fn not_connected() -> StoreError {
    StoreError::TimedOut("the PostgreSQL server could not be connected to in time".into())
}

/// What is told of a server that only copies another, where it has to be written to.
pub(super) fn read_only() -> StoreError {
    StoreError::Unavailable(
        "the PostgreSQL server takes no writes, so it is a standby or is being changed; name the primary, too".into(),
    )
}

/// What is told when the table may not be made.
pub(super) fn cannot_make(error: &Error, table: &Table) -> StoreError {
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::Refused(
            format!(
                "the PostgreSQL user may not make the table that is missing; have somebody run who may: {} {}",
                table.schema().split_whitespace().collect::<Vec<_>>().join(" "),
                table.grant()
            )
            .into(),
        ),
        Some(&SqlState::INVALID_SCHEMA_NAME) => StoreError::Refused(
            "the PostgreSQL database has no schema of the name before the dot, or none at all; make it with CREATE SCHEMA".into(),
        ),
        _ => failure(error, table),
    }
}

fn refused(code: &SqlState, table: &Table) -> StoreError {
    let unavailable = |reason: &'static str| StoreError::Unavailable(reason.into());
    let meaning = match *code {
        SqlState::READ_ONLY_SQL_TRANSACTION => return read_only(),
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
            return StoreError::TimedOut(
                "the PostgreSQL server broke off what took too long; nothing was changed".into(),
            );
        }
        SqlState::CANNOT_CONNECT_NOW => {
            return unavailable("the PostgreSQL server is starting or stopping");
        }
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::IDLE_SESSION_TIMEOUT => {
            return unavailable("the PostgreSQL server closed the connection");
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            return unavailable(
                "the PostgreSQL server has no connection left; let fewer be kept, or raise its max_connections",
            );
        }
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            return unavailable(
                "others kept changing the same rows of the PostgreSQL table; nothing was changed",
            );
        }
        SqlState::INVALID_PASSWORD => "the user name or the password is wrong",
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "the user does not exist or may not log in from here, or not without TLS or a certificate; see its pg_hba.conf"
        }
        SqlState::INVALID_CATALOG_NAME => "there is no database of this name",
        SqlState::INSUFFICIENT_PRIVILEGE => {
            return StoreError::Refused(
                format!(
                    "the PostgreSQL server refused ({}): the user may not use the table; have its owner run: {}",
                    code.code(),
                    table.grant()
                )
                .into(),
            );
        }
        SqlState::UNDEFINED_TABLE => "the table is gone",
        SqlState::UNDEFINED_COLUMN | SqlState::DATATYPE_MISMATCH => {
            "the table has other columns than Jam's; use another table"
        }
        SqlState::PROGRAM_LIMIT_EXCEEDED => {
            "a key or a value is too long; a key has a few hundred bytes at most"
        }
        SqlState::DISK_FULL => "its disk is full",
        SqlState::OUT_OF_MEMORY => "it has no memory left",
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => {
            "a pooler before it does not know prepared statements; turn them off"
        }
        SqlState::PROTOCOL_VIOLATION => {
            "it does not understand what is sent; look for a pooler between, and at the settings in the URL"
        }
        _ => return StoreError::Refused(format!("the PostgreSQL server refused ({})", code.code()).into()),
    };
    StoreError::Refused(format!("the PostgreSQL server refused ({}): {meaning}", code.code()).into())
}

fn tls_failure(error: &rustls::Error) -> StoreError {
    if let rustls::Error::InvalidCertificate(reason) = error {
        return StoreError::Refused(
            format!("the PostgreSQL server's certificate is not accepted: {reason}; name the authority that signed it, and the host as the certificate does").into(),
        );
    }
    StoreError::Unavailable(format!("TLS with the PostgreSQL server failed: {error}").into())
}

fn tls_error(error: &Error) -> Option<&rustls::Error> {
    io_error(error)?.get_ref()?.downcast_ref()
}

fn is_too_late(error: &Error) -> bool {
    io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

fn io_error(error: &Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

fn cause(error: &Error) -> String {
    io_error(error).map_or_else(|| "the connection was closed".to_owned(), ToString::to_string)
}
