//! The one connection that writes.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::database::{Opened, bring_up_to_date, failure, leak, open_up_to_date};
use super::rows::{self, Row};
use crate::process;
use crate::store::file_store::Writer;
use crate::store::group_commit::Target;
use crate::store::lock::{Lock, PATIENCE};
use crate::store::{Exchange, Found, Key, Lifetime, Renamed, Replaced, file};
use crate::{Result, StoreError, Timestamp};

/// Of how many commits one looks whether the file has become too large for what is in it.
const COMMITS_PER_LOOK: u64 = 64;

/// Fewer free pages than this are left for what comes, and so is a quarter of the file.
const KEPT_FREE_PAGES: i64 = 64;

/// Gives free pages back to the file system: few enough not to be felt in a commit.
const SHRINK: &str = "PRAGMA incremental_vacuum(32)";

/// How many expired values a commit removes: so many, and so many for each operation in it, which is more than it can
/// add and few enough not to be felt.
const SWEPT: (i64, i64) = (16, 2);

/// What writes into the file of a [`SqliteStore`](super::SqliteStore).
#[derive(Debug)]
pub struct SqliteWriter {
    namespace: String,
    path: PathBuf,
    /// SQLite has a lock of its own, but hands it to whoever asks first.
    lock: Lock,
    opened: Option<Opened>,
    /// The log that was there when the connection was opened.
    log: Option<Metadata>,
    generation: u64,
    /// The connection waits for the disk in each commit.
    durable: bool,
    /// The time of the last operation.
    now: Timestamp,
    /// How many operations there were since the last commit.
    operations: i64,
    commits: u64,
    /// The file is too large for what is in it.
    shrinks: bool,
}

impl SqliteWriter {
    pub(super) fn new(namespace: &str, path: &Path) -> Self {
        Self {
            namespace: namespace.to_owned(),
            path: path.to_owned(),
            lock: Lock::of(path),
            opened: None,
            log: None,
            generation: process::generation(),
            durable: true,
            now: Timestamp::from_millis(0),
            operations: 0,
            commits: 0,
            shrinks: false,
        }
    }

    /// Opens the file for the first time, or makes it. What is there and up to date can be opened while others write.
    pub(super) fn open(&mut self) -> Result<()> {
        if let Some(opened) = open_up_to_date(&self.path)? {
            self.adopt(opened);
            return self.lock.prepare();
        }
        self.lock.acquire(Instant::now() + PATIENCE)?;
        let connected = self.connect();
        self.lock.release();
        connected
    }

    /// Sees to it that the connection is to the file that is at the path, and makes that if it is missing. The caller
    /// holds the lock.
    fn connect(&mut self) -> Result<()> {
        self.forget_parent();
        if !self.is_in_place()? {
            self.let_go_of_lost();
            let opened = match open_up_to_date(&self.path)? {
                Some(opened) => opened,
                None => bring_up_to_date(&self.path)?,
            };
            self.adopt(opened);
        }
        Ok(())
    }

    fn adopt(&mut self, opened: Opened) {
        self.opened = Some(opened);
        self.log = file::regular(&file::beside(&self.path, "-wal")).ok();
        self.durable = true;
    }

    /// Whether the file that is open is the one at the path.
    fn is_in_place(&self) -> Result<bool> {
        self.opened.as_ref().map_or(Ok(false), |opened| opened.is_at(&self.path))
    }

    /// Closes a file that was deleted, moved or replaced.
    fn let_go_of_lost(&mut self) {
        let Some(lost) = self.opened.take() else { return };
        // Where it was moved, it takes along what is in its log.
        let _ = lost.connection.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()));
        drop(lost);
        // The log must not be taken for that of what is at the path now. What cannot be removed cannot be written to
        // either, and that is told.
        let log = file::beside(&self.path, "-wal");
        let found = file::regular(&log).ok();
        if found.zip(self.log.take()).is_some_and(|(found, ours)| file::is_same_file(&found, &ours)) {
            let _ = file::remove(&log);
            let _ = file::remove(&file::beside(&self.path, "-shm"));
        }
    }

    /// Closes the connection, and those that have read.
    pub(super) fn disconnect(&mut self, mut readers: Vec<Opened>) {
        self.forget_parent();
        let Some(last) = self.opened.take().or_else(|| readers.pop()) else { return };
        drop(readers);
        // The last connection of all clears the log away. It does so by name, so that the name must be that of our file, and
        // stay it: nobody makes a file without the lock.
        let is_in_place = || matches!(last.is_at(&self.path), Ok(true));
        if is_in_place() && self.lock.acquire(Instant::now()).is_ok() && is_in_place() {
            let _ = last.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        }
        drop(last);
        self.lock.release();
    }

    fn forget_parent(&mut self) {
        if self.generation != process::generation() {
            self.opened.take().into_iter().for_each(leak);
            self.generation = process::generation();
        }
    }

    fn connection(&self) -> Result<&Connection> {
        Ok(&self.opened.as_ref().ok_or(StoreError::Closed)?.connection)
    }

    fn execute(&self, statement: &str) -> Result<()> {
        self.connection()?.execute_batch(statement).map_err(|error| failure(&self.path, &error))
    }

    fn begin_transaction(&mut self, durable: bool, deadline: Instant) -> Result<()> {
        self.connect()?;
        if self.durable != durable {
            self.execute(if durable { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
            self.durable = durable;
        }
        // Other programs than Jam may write to the file.
        let patience = deadline.saturating_duration_since(Instant::now());
        self.connection()?.busy_timeout(patience).map_err(|error| failure(&self.path, &error))?;
        self.execute("BEGIN IMMEDIATE")
    }

    /// Removes some of what has expired, and makes the file smaller if it holds too little.
    fn clean(&mut self) -> Result<()> {
        let limit = SWEPT.0 + SWEPT.1 * self.operations;
        self.commits += 1;
        let looks = self.shrinks || self.commits.is_multiple_of(COMMITS_PER_LOOK);
        let clean = |connection: &Connection| {
            rows::sweep(connection, self.now, limit)?;
            let shrinks = looks && has_room(connection)?;
            if shrinks {
                // Each step is one page.
                let mut shrink = connection.prepare_cached(SHRINK)?;
                let mut pages = shrink.query([])?;
                while pages.next()?.is_some() {}
            }
            Ok(shrinks)
        };
        self.shrinks = clean(self.connection()?).map_err(|error| failure(&self.path, &error))?;
        Ok(())
    }

    /// Does the work of one operation.
    fn on_rows<R>(
        &mut self,
        now: Timestamp,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<R>,
    ) -> Result<R> {
        self.now = now;
        self.operations += 1;
        work(self.connection()?, &self.namespace).map_err(|error| failure(&self.path, &error))
    }
}

/// Whether so many pages are free that the file should be smaller.
fn has_room(connection: &Connection) -> rusqlite::Result<bool> {
    let count = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (free, all) = (count("PRAGMA freelist_count")?, count("PRAGMA page_count")?);
    Ok(free > KEPT_FREE_PAGES.max(all / 4))
}

impl Target for SqliteWriter {
    fn begin(&mut self, durable: bool, deadline: Instant) -> Result<()> {
        self.lock.acquire(deadline)?;
        self.begin_transaction(durable, deadline).inspect_err(|_| self.lock.release())
    }

    fn commit(&mut self) -> Result<()> {
        if self.durable {
            self.clean()?;
        }
        self.execute("COMMIT")?;
        if !self.is_in_place()? {
            let reason = format!(
                "the store's file {:?} was deleted or replaced while it was written to; what was written is lost",
                self.path
            );
            return Err(StoreError::Unavailable(reason.into()).into());
        }
        self.operations = 0;
        self.lock.release();
        Ok(())
    }

    fn abort(&mut self) {
        // SQLite has taken some errors' transactions back already; a connection that cannot do so goes.
        let is_open = self.opened.as_ref().is_some_and(|opened| !opened.connection.is_autocommit());
        if is_open && self.execute("ROLLBACK").is_err() {
            self.opened = None;
        }
        self.operations = 0;
        self.lock.release();
    }
}

impl Writer for SqliteWriter {
    fn touch(&mut self, key: &Key, now: Timestamp) -> Result<Option<Found>> {
        self.on_rows(now, |connection, namespace| Row::of(namespace, key, now).touch(connection))
    }

    fn put(&mut self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.on_rows(now, |connection, namespace| {
            Row::of(namespace, key, now).put(connection, value, lifetime)
        })
    }

    fn insert(
        &mut self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool> {
        self.on_rows(now, |connection, namespace| {
            Row::of(namespace, key, now).insert(connection, value, note, lifetime)
        })
    }

    fn replace(
        &mut self,
        key: &Key,
        value: &[u8],
        expected: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Replaced> {
        self.on_rows(now, |connection, namespace| {
            Row::of(namespace, key, now).replace(connection, value, expected)
        })
    }

    fn rename(
        &mut self,
        from: &Key,
        to: &Key,
        exchange: Option<&Exchange>,
        now: Timestamp,
    ) -> Result<Renamed> {
        self.on_rows(now, |connection, namespace| {
            Row::of(namespace, from, now).rename(connection, &Row::of(namespace, to, now), exchange)
        })
    }

    fn delete(&mut self, key: &Key, now: Timestamp) -> Result<bool> {
        self.on_rows(now, |connection, namespace| Row::of(namespace, key, now).delete(connection))
    }

    fn clear(&mut self, group: &str, keep: Option<&str>, now: Timestamp) -> Result<u64> {
        self.on_rows(now, |connection, namespace| rows::clear(connection, namespace, group, keep, now))
    }
}
