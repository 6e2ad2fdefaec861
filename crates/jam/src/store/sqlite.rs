//! Values in one SQLite file: survives restarts, shared by the processes of one machine, and needs no server.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, named_params};

use super::group_commit::{GroupCommit, Target};
use super::{Entry, Exchange, Key, Lifetime, Renamed, Store, check_namespace, check_same_group, file};
use crate::process::{self, Busy, Park};
use crate::{Error, Result, StoreError, Timestamp};

/// Marks a file as one of Jam: "JamS".
const APPLICATION_ID: i32 = 0x4a61_6d53;

/// The form of the table that this version reads and writes.
const VERSION: i32 = 1;

/// How long a statement waits for other processes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections for reading that are kept for the next reader.
const KEPT_READERS: usize = 8;

/// The longest idle time, so that adding it to a time of day stays far from the ends of SQLite's integers.
const LONGEST_IDLE: i64 = 1 << 52;

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

const GET: &str = "
    SELECT value FROM jam_store
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)";

/// The value, and whether its last use is so old that a touch is worth a write: a hundredth of the idle time, or a
/// minute. Whoever only reads then takes no lock, and an unknown key never does.
const PEEK: &str = "
    SELECT value, :now - last_used NOT BETWEEN 0 AND min(coalesce(idle / 100, 60000), 60000) - 1 FROM jam_store
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)";

const TOUCH: &str = "
    UPDATE jam_store SET last_used = :now, expires = coalesce(min(:now + idle, deadline), :now + idle, deadline)
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)
    RETURNING value";

const PUT: &str = "
    INSERT INTO jam_store (namespace, owner, id, value, created, last_used, idle, deadline, expires)
    VALUES (:namespace, :owner, :id, :value, :now, :now, :idle, :deadline, :expires)
    ON CONFLICT DO UPDATE SET
        value = excluded.value,
        created = iif(expires IS NULL OR expires > :now, created, :now),
        last_used = :now, idle = excluded.idle, deadline = excluded.deadline, expires = excluded.expires";

const INSERT: &str = "
    INSERT INTO jam_store (namespace, owner, id, value, created, last_used, idle, deadline, expires)
    VALUES (:namespace, :owner, :id, :value, :now, :now, :idle, :deadline, :expires)
    ON CONFLICT DO UPDATE SET
        value = excluded.value, created = :now,
        last_used = :now, idle = excluded.idle, deadline = excluded.deadline, expires = excluded.expires
    WHERE expires <= :now";

const REPLACE: &str = "
    UPDATE jam_store SET
        value = :value, last_used = :now,
        expires = coalesce(min(:now + idle, deadline), :now + idle, deadline)
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)";

const MOVE: &str = "
    UPDATE OR REPLACE jam_store SET
        id = :to, value = coalesce(:value, value), last_used = :now,
        expires = coalesce(min(:now + idle, deadline), :now + idle, deadline)
    WHERE namespace = :namespace AND owner = :owner AND id = :id";

const DELETE: &str = "
    DELETE FROM jam_store WHERE namespace = :namespace AND owner = :owner AND id = :id
    RETURNING expires IS NULL OR expires > :now";

const CLEAR: &str = "
    DELETE FROM jam_store WHERE namespace = :namespace AND owner = :owner
    RETURNING expires IS NULL OR expires > :now";

const LIST: &str = "
    SELECT id, created, last_used, expires FROM jam_store
    WHERE namespace = :namespace AND owner = :owner AND (expires IS NULL OR expires > :now)
    ORDER BY created, id";

/// More than a commit of one thread adds, so that garbage shrinks, and few enough not to be felt.
const SWEEP: &str = "
    DELETE FROM jam_store WHERE (namespace, owner, id) IN
        (SELECT namespace, owner, id FROM jam_store WHERE expires <= :now ORDER BY expires LIMIT 16)";

/// A store in one SQLite file, shared by threads and processes of one machine.
///
/// What a method has confirmed is on the disk, but for a touch: after a loss of power a session may expire earlier,
/// after the death of a process it does not. Threads that write at the same time share a commit. The
/// file and those that SQLite lays beside it (`-wal`, `-shm`) can be read and written by their owner only.
/// Several stores can share a file under different namespaces; expired values are removed by the writes
/// that follow.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("sessions.sqlite3");
/// use jam::Timestamp;
/// use jam::store::{Key, Lifetime, SqliteStore, Store};
///
/// let store = SqliteStore::open(&path, "sessions")?;
/// let key = Key { group: Some("owner".to_owned()), id: "one".to_owned() };
/// let now = Timestamp::now();
/// assert!(store.insert(&key, b"value", Lifetime::default(), now)?);
/// assert_eq!(SqliteStore::open(&path, "sessions")?.get(&key, now)?, Some(b"value".to_vec()));
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    namespace: String,
    path: PathBuf,
    writer: GroupCommit<Writer>,
    readers: Mutex<Readers>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Readers {
    generation: u64,
    idle: Vec<Connection>,
}

impl SqliteStore {
    /// Opens the file, or makes it. `namespace` is 1 to 128 printable ASCII characters without braces.
    ///
    /// # Errors
    /// `configuration.file` when the folder is missing or the path is no regular file, `store.refused` when the
    /// file is not one of Jam, `store.unavailable` when the file system refuses.
    pub fn open(path: impl AsRef<Path>, namespace: &str) -> Result<Self> {
        check_namespace(namespace)?;
        let path = file::check_path(path.as_ref())?;
        let inner = Arc::new(Inner {
            namespace: namespace.to_owned(),
            writer: GroupCommit::new(Writer::new(path.clone())),
            readers: Mutex::new(Readers { generation: process::generation(), idle: Vec::new() }),
            path,
            closed: AtomicBool::new(false),
        });
        // From here on: a fork must not find the list of what it has to park locked.
        let _busy = process::busy();
        let parked: Arc<dyn Park> = inner.clone();
        process::park_before_fork(Arc::downgrade(&parked));
        inner.writer.idle(|writer| writer.connect().map(drop))?;
        Ok(Self { inner })
    }
}

impl Inner {
    fn enter(&self) -> Result<Busy> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        Ok(process::busy())
    }

    fn read<R>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> Result<R> {
        let _busy = self.enter()?;
        let kept = self.readers().idle.pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.path).map_err(|error| failure(&self.path, &error))?,
        };
        let answer = work(&connection).map_err(|error| failure(&self.path, &error))?;
        let mut readers = self.readers();
        if readers.idle.len() < KEPT_READERS {
            readers.idle.push(connection);
        }
        Ok(answer)
    }

    fn write<R>(
        &self,
        durable: bool,
        now: Timestamp,
        work: impl FnOnce(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R> {
        let _busy = self.enter()?;
        self.writer.run(durable, |writer| {
            writer.now = now;
            let connection = writer.connect()?;
            work(connection).map_err(|error| failure(&self.path, &error))
        })
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.generation != process::generation() {
            leak(readers.idle.drain(..));
            readers.generation = process::generation();
        }
        readers
    }
}

impl Park for Inner {
    /// SQLite counts its locks per process in memory that a child inherits: only closed files are safe over a fork.
    fn park(&self) {
        self.readers().idle.clear();
        self.writer.idle(Writer::disconnect);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // In a child that was not announced, the parent's connections are leaked by this, not closed.
        self.park();
    }
}

impl Store for SqliteStore {
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.inner.read(|connection| self.row(key, now).value(connection, GET))
    }

    fn touch(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let row = self.row(key, now);
        match self.inner.read(|connection| row.peek(connection))? {
            Some((_, true)) => self.inner.write(false, now, |connection| row.value(connection, TOUCH)),
            seen => Ok(seen.map(|(value, _)| value)),
        }
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.inner.write(true, now, |connection| {
            self.row(key, now).write(connection, PUT, value, lifetime)?;
            Ok(())
        })
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        self.inner.write(true, now, |connection| {
            for (key, value, lifetime) in entries {
                self.row(key, now).write(connection, PUT, value, *lifetime)?;
            }
            Ok(())
        })
    }

    fn insert(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<bool> {
        self.inner.write(true, now, |connection| {
            Ok(self.row(key, now).write(connection, INSERT, value, lifetime)? > 0)
        })
    }

    fn replace(&self, key: &Key, value: &[u8], now: Timestamp) -> Result<bool> {
        let row = self.row(key, now);
        self.inner.write(true, now, |connection| {
            let changed = connection.prepare_cached(REPLACE)?.execute(named_params! {
                ":namespace": row.namespace, ":owner": row.owner, ":id": row.id, ":now": row.now, ":value": value,
            })?;
            Ok(changed > 0)
        })
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, now: Timestamp) -> Result<Renamed> {
        check_same_group(from, to)?;
        let (row, target) = (self.row(from, now), self.row(to, now));
        self.inner.write(true, now, |connection| {
            let Some(value) = row.value(connection, GET)? else { return Ok(Renamed::Missing) };
            let was_changed = exchange.is_some_and(|exchange| exchange.expected != value);
            if was_changed || target.value(connection, GET)?.is_some() {
                return Ok(Renamed::Conflict);
            }
            connection.prepare_cached(MOVE)?.execute(named_params! {
                ":namespace": row.namespace, ":owner": row.owner, ":id": row.id, ":now": row.now,
                ":to": target.id, ":value": exchange.map(|exchange| &exchange.replacement),
            })?;
            Ok(Renamed::Moved)
        })
    }

    fn delete(&self, key: &Key, now: Timestamp) -> Result<bool> {
        let row = self.row(key, now);
        self.inner.write(true, now, |connection| {
            let live = connection.prepare_cached(DELETE)?.query_row(
                named_params! {":namespace": row.namespace, ":owner": row.owner, ":id": row.id, ":now": row.now},
                |row| row.get(0),
            );
            Ok(live.optional()?.unwrap_or(false))
        })
    }

    fn clear(&self, group: &str, now: Timestamp) -> Result<u64> {
        self.inner.write(true, now, |connection| {
            let mut statement = connection.prepare_cached(CLEAR)?;
            let parameters = named_params! {
                ":namespace": self.inner.namespace, ":owner": owner(Some(group)), ":now": now.as_millis(),
            };
            let live = statement.query_map(parameters, |row| row.get::<_, bool>(0))?;
            live.into_iter().try_fold(0, |count, live| Ok(count + u64::from(live?)))
        })
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        self.inner.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let parameters = named_params! {
                ":namespace": self.inner.namespace, ":owner": owner(Some(group)), ":now": now.as_millis(),
            };
            statement.query_map(parameters, entry)?.collect()
        })
    }

    fn close(&self) {
        let _busy = process::busy();
        self.inner.closed.store(true, Ordering::Release);
        self.inner.park();
    }
}

impl SqliteStore {
    fn row<'a>(&'a self, key: &'a Key, now: Timestamp) -> Place<'a> {
        Place {
            namespace: &self.inner.namespace,
            owner: owner(key.group.as_deref()),
            id: &key.id,
            now: now.as_millis(),
        }
    }
}

/// Which row, and seen when.
struct Place<'a> {
    namespace: &'a str,
    owner: String,
    id: &'a str,
    now: i64,
}

impl Place<'_> {
    fn value(&self, connection: &Connection, statement: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        let parameters = named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
        };
        connection.prepare_cached(statement)?.query_row(parameters, |row| row.get(0)).optional()
    }

    /// The value, and whether a touch is due.
    fn peek(&self, connection: &Connection) -> rusqlite::Result<Option<(Vec<u8>, bool)>> {
        let parameters = named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
        };
        let mut statement = connection.prepare_cached(PEEK)?;
        statement.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    fn write(
        &self,
        connection: &Connection,
        statement: &str,
        value: &[u8],
        lifetime: Lifetime,
    ) -> rusqlite::Result<usize> {
        let now = Timestamp::from_millis(self.now);
        let idle = lifetime
            .idle
            .map(|idle| i64::try_from(idle.as_millis()).unwrap_or(LONGEST_IDLE).min(LONGEST_IDLE));
        connection.prepare_cached(statement)?.execute(named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
            ":value": value, ":idle": idle, ":deadline": lifetime.deadline.map(Timestamp::as_millis),
            ":expires": lifetime.expires(now).map(Timestamp::as_millis),
        })
    }
}

/// The column of the group; a primary key has no NULL, so a key without a group has the empty text, and no group
/// can look like it.
fn owner(group: Option<&str>) -> String {
    group.map_or_else(String::new, |group| format!("={group}"))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        created: Timestamp::from_millis(row.get(1)?),
        last_used: Some(Timestamp::from_millis(row.get(2)?)),
        expires: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
    })
}

/// The one connection that writes.
#[derive(Debug)]
struct Writer {
    path: PathBuf,
    connection: Option<Connection>,
    generation: u64,
    /// The connection waits for the disk in each commit.
    durable: bool,
    /// The time of the last operation.
    now: Timestamp,
}

impl Writer {
    fn new(path: PathBuf) -> Self {
        let now = Timestamp::from_millis(0);
        Self { path, connection: None, generation: process::generation(), durable: true, now }
    }

    fn connect(&mut self) -> Result<&Connection> {
        if self.generation != process::generation() {
            leak(self.connection.take());
            self.generation = process::generation();
        }
        if self.connection.is_none() {
            self.durable = true;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => prepare(&self.path)?,
        };
        Ok(self.connection.insert(connection))
    }

    fn disconnect(&mut self) {
        if self.generation == process::generation() {
            self.connection = None;
        } else {
            leak(self.connection.take());
        }
    }

    fn execute(&self, statement: &str) -> Result<()> {
        let Some(connection) = &self.connection else { return Err(StoreError::Closed.into()) };
        connection.execute_batch(statement).map_err(|error| failure(&self.path, &error))
    }
}

impl Target for Writer {
    fn begin(&mut self, durable: bool) -> Result<()> {
        self.connect()?;
        if self.durable != durable {
            self.execute(if durable { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
            self.durable = durable;
        }
        self.execute("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<()> {
        if let Some(connection) = self.connection.as_ref().filter(|_| self.durable) {
            let swept = connection
                .prepare_cached(SWEEP)
                .and_then(|mut sweep| sweep.execute(named_params! {":now": self.now.as_millis()}));
            swept.map_err(|error| failure(&self.path, &error))?;
        }
        self.execute("COMMIT")
    }

    fn abort(&mut self) {
        // SQLite has taken some errors' transactions back already; a connection that cannot do so goes.
        let is_open = self.connection.as_ref().is_some_and(|connection| !connection.is_autocommit());
        if is_open && self.execute("ROLLBACK").is_err() {
            self.disconnect();
        }
    }
}

/// Leaves a parent's connections open for ever: closing them here would release the parent's locks.
fn leak(connections: impl IntoIterator<Item = Connection>) {
    connections.into_iter().for_each(std::mem::forget);
}

/// Opens the file, makes it if it is missing, and checks that it is one of Jam.
fn prepare(path: &Path) -> Result<Connection> {
    // Made by hand for its mode, which SQLite then gives to the files beside it.
    file::open_or_create(path).map_err(|error| file::unavailable("open", path, &error))?;
    let connection = connect(path).map_err(|error| failure(path, &error))?;
    connection.execute_batch("PRAGMA query_only = OFF").map_err(|error| failure(path, &error))?;
    write_ahead(&connection).map_err(|error| failure(path, &error))?;
    let found = create_table(&connection).map_err(|error| failure(path, &error))?;
    if found == (APPLICATION_ID, VERSION) {
        return Ok(connection);
    }
    let reason = format!(
        "the file {path:?} is a database that Jam did not make, or made in another version; \
         give the store a file of its own"
    );
    Err(StoreError::Refused(reason.into()).into())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI: a path is a path. Without its mutex: no connection is in two threads at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA synchronous = FULL")?;
    Ok(connection)
}

/// Switches to the write-ahead log. SQLite does not wait for other processes here, so this does.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);

    let mut waited = Duration::ZERO;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if is_busy(&error) && waited < BUSY_TIMEOUT => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            result => return result,
        }
    }
}

/// Makes the table in an empty file; returns whose file it is then.
fn create_table(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let pragma = |name: &str| connection.query_row(name, [], |row| row.get::<_, i32>(0));
    let found = || Ok((pragma("PRAGMA application_id")?, pragma("PRAGMA user_version")?));
    if found()? != (0, 0) {
        return found();
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Another process may have been first.
    if connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))? == 0 {
        connection.execute_batch(CREATE)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", VERSION)?;
    }
    connection.execute_batch("COMMIT")?;
    found()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// SQLite's refusal, as the store's error.
fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let reason = format!("the SQLite store {path:?}: {error}").into();
    let error = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::TimedOut(
            format!("the SQLite store {path:?} was locked by another process for {BUSY_TIMEOUT:?}").into(),
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
