//! The file as a whole: how it is made, opened, and brought up to date.

use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::file;
use crate::store::lock::PATIENCE;
use crate::{Error, Result, StoreError};

/// Marks a file as one of Jam: "JamS".
const APPLICATION_ID: i32 = 0x4a61_6d53;

/// What makes version 1 of an empty file, version 2 of version 1, and so on. A file of an older version is brought up
/// to date when it is opened, in one transaction; one of a newer version is refused and left alone. A step that was
/// released never changes: what the next version needs is one more step.
const STEPS: &[&str] = &[CREATE, ADD_NOTES];

/// The log is cut to this size when it starts anew, should it have grown beyond.
const KEPT_LOG_BYTES: i64 = 8 << 20;

const CREATE: &str = "
    CREATE TABLE jam_store (
        namespace TEXT NOT NULL,
        owner TEXT NOT NULL,
        id TEXT NOT NULL,
        value BLOB NOT NULL,
        created INTEGER NOT NULL,
        last_used INTEGER NOT NULL,
        idle INTEGER,
        deadline INTEGER,
        expires INTEGER,
        PRIMARY KEY (namespace, owner, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX jam_store_expires ON jam_store (expires) WHERE expires IS NOT NULL;";

const ADD_NOTES: &str = "ALTER TABLE jam_store ADD COLUMN note BLOB NOT NULL DEFAULT x''";

/// A connection, and which file it has open: another may have got its name since.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) file: Metadata,
    /// When that was the file at the path.
    pub(super) seen: Instant,
}

impl Opened {
    pub(super) fn is_of(&self, found: &Metadata) -> bool {
        file::is_same_file(&self.file, found)
    }

    pub(super) fn is_at(&self, path: &Path) -> Result<bool> {
        Ok(look(path)?.is_some_and(|found| self.is_of(&found)))
    }
}

/// What is at the path, if something is.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>> {
    file::none_if_missing(file::regular(path)).map_err(|error| file::unreadable(path, &error).into())
}

/// Leaves a parent's connection open for ever: closing it here would release the parent's locks.
pub(super) fn leak(opened: Opened) {
    std::mem::forget(opened);
}

/// A connection that may write, to the file at the path. `None`: it is missing, or has to be brought up to date.
pub(super) fn open_up_to_date(path: &Path) -> Result<Option<Opened>> {
    let Some(file) = look(path)? else { return Ok(None) };
    file::restrict(path).map_err(|error| file::unavailable("open", path, &error))?;
    let failed = |error| failure(path, &error);
    let seen = Instant::now();
    let connection = connect(path).map_err(failed)?;
    if Content::of(&connection).map_err(failed)?.check(path, STEPS)? < STEPS.len() {
        return Ok(None);
    }
    let mode = connection.execute_batch("PRAGMA query_only = OFF").and_then(|()| write_ahead(&connection));
    mode.map_err(failed)?;
    // Else another file was put in its place, and nobody knows which one was opened.
    let is_still_there = look(path)?.is_some_and(|found| file::is_same_file(&found, &file));
    Ok(is_still_there.then_some(Opened { connection, file, seen }))
}

/// Makes the file if it is missing, and takes the steps that it has before it. The caller holds the lock.
pub(super) fn bring_up_to_date(path: &Path) -> Result<Opened> {
    let unavailable = |error| file::unavailable("open", path, &error);
    // Made by hand for its mode, which SQLite then gives to the files beside it.
    if file::create_if_missing(path).map_err(unavailable)? {
        // What lies beside it is of a file that is gone.
        for ending in ["-wal", "-shm"] {
            file::remove(&file::beside(path, ending)).map_err(unavailable)?;
        }
    }
    let failed = |error| failure(path, &error);
    let connection = connect(path).map_err(failed)?;
    let content = Content::of(&connection).map_err(failed)?;
    content.check(path, STEPS)?;
    connection.execute_batch("PRAGMA query_only = OFF").map_err(failed)?;
    if matches!(content, Content::Nothing) {
        // How a file can shrink is settled before there is a table in it.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(failed)?;
    }
    write_ahead(&connection).map_err(failed)?;
    update(&connection, path, STEPS)?;
    drop(connection);
    open_up_to_date(path)?.ok_or_else(|| {
        let reason =
            format!("the store's file {path:?} is replaced while it is opened; something else writes there");
        StoreError::Unavailable(reason.into()).into()
    })
}

/// A connection for reading. `None`: there is nothing in the file yet.
pub(super) fn connect_reader(path: &Path) -> Result<Option<Connection>> {
    let connection = connect(path).map_err(|error| failure(path, &error))?;
    match Content::of(&connection).map_err(|error| failure(path, &error))? {
        Content::Nothing => Ok(None),
        content => content.check(path, STEPS).map(|_| Some(connection)),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI: a path is a path. Without its mutex: no connection is in two threads at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // The file may not be ours any more when it is closed: see `writer.rs`.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA synchronous = FULL")?;
    Ok(connection)
}

/// Switches to the write-ahead log, and keeps that small. SQLite does not wait for other programs here, so this does.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);

    connection.pragma_update(None, "journal_size_limit", KEPT_LOG_BYTES)?;
    let mut waited = Duration::ZERO;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if is_busy(&error) && waited < PATIENCE => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            result => return result,
        }
    }
}

/// What is in a file, as far as its first page says.
enum Content {
    Nothing,
    /// A store of this version.
    Store(usize),
    SomethingElse,
}

impl Content {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0));
        let (id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        let is_empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
        Ok(match (i32::try_from(id), usize::try_from(version)) {
            (Ok(0), Ok(0)) if is_empty => Self::Nothing,
            (Ok(APPLICATION_ID), Ok(version)) if version > 0 => Self::Store(version),
            _ => Self::SomethingElse,
        })
    }

    /// How many of the steps the file has behind it.
    fn check(&self, path: &Path, steps: &[&str]) -> Result<usize> {
        match *self {
            Self::Nothing => Ok(0),
            Self::Store(version) if version <= steps.len() => Ok(version),
            Self::Store(version) => Err(file::too_new(path, version, steps.len()).into()),
            Self::SomethingElse => {
                let reason = format!(
                    "the file {path:?} is a database that Jam did not make; give the store a file of its own"
                );
                Err(StoreError::Refused(reason.into()).into())
            }
        }
    }
}

/// Takes the steps that the file has before it, all or none.
fn update(connection: &Connection, path: &Path, steps: &[&str]) -> Result<()> {
    let failed = |error| failure(path, &error);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let version = Content::of(connection).map_err(failed)?.check(path, steps)?;
    let update = || {
        connection.execute_batch(&steps[version..].join(";"))?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", steps.len() as i64)?;
        connection.execute_batch("COMMIT")
    };
    update().map_err(failed)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// SQLite's refusal, as the store's error.
pub(super) fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let reason = format!("the SQLite store {path:?}: {error}").into();
    let error = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::TimedOut(
            format!("the SQLite store {path:?} was locked by another process for {PATIENCE:?}").into(),
        ),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory
            | ErrorCode::SystemIoFailure,
        ) => StoreError::Unavailable(reason),
        _ => StoreError::Refused(reason),
    };
    error.into()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// What a next version might do.
    const NEXT: &str = "ALTER TABLE jam_store ADD COLUMN news TEXT NOT NULL DEFAULT 'none'";

    fn connected(folder: &tempfile::TempDir) -> (Connection, PathBuf) {
        let path = folder.path().join("store");
        let connection = Connection::open(&path).unwrap();
        update(&connection, &path, STEPS).unwrap();
        let insert =
            "INSERT INTO jam_store VALUES ('sessions', '=g', 'a', x'76', 1, 1, NULL, NULL, NULL, x'')";
        connection.execute_batch(insert).unwrap();
        (connection, path)
    }

    fn version(connection: &Connection) -> usize {
        match Content::of(connection).unwrap() {
            Content::Store(version) => version,
            _ => 0,
        }
    }

    #[test]
    fn a_file_of_an_older_version_is_brought_up_to_date_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, path) = connected(&folder);
        assert_eq!(version(&connection), STEPS.len());
        let next = [STEPS, &[NEXT]].concat();
        update(&connection, &path, &next).unwrap();
        assert_eq!(version(&connection), next.len());
        let news = connection.query_row("SELECT news FROM jam_store WHERE id = 'a'", [], |row| row.get(0));
        assert_eq!(news, Ok("none".to_owned()));
        update(&connection, &path, &next).unwrap();
        assert_eq!(update(&connection, &path, STEPS).unwrap_err().code(), "store.refused", "it is newer now");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, path) = connected(&folder);
        let failing = [STEPS, &[NEXT, "ALTER TABLE nothing ADD COLUMN news"]].concat();
        assert!(update(&connection, &path, &failing).is_err());
        drop(connection);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(version(&connection), STEPS.len());
        assert!(connection.prepare("SELECT news FROM jam_store").is_err());
    }
}
