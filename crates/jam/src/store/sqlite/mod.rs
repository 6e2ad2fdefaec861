//! Values in one SQLite file: survives restarts, shared by the processes of one machine, and needs no server.

mod database;
mod rows;
mod writer;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use self::database::{Opened, connect_reader, failure, leak, look};
use self::rows::Row;
use self::writer::SqliteWriter;
use super::file_store::{FileStore, Medium, Peek};
use super::{Entry, Key, check_namespace, file};
use crate::process;
use crate::{ConfigurationError, Result, Timestamp};

/// Connections for reading that are kept for the next reader.
const KEPT_READERS: usize = 8;

/// For so long a reader believes that its file is still the one at the path. Looking costs half as much as reading.
const SEEN: Duration = Duration::from_millis(1);

/// A store in one SQLite file, shared by threads and processes of one machine.
///
/// What a method has confirmed is on the disk, but for a touch: after a loss of power a session may expire earlier,
/// after the death of a process it does not. Threads that write at the same time share a commit, and processes take
/// turns. The file, those that SQLite lays beside it (`-wal`, `-shm`) and those that writers lock (`.lock`, `.turn`) can be
/// read and written by their owner only. Several stores can share a file under different namespaces; expired values
/// are removed by the writes that follow, and the file shrinks. A file that is deleted is an empty store, and the next
/// write makes it anew.
///
/// No second SQLite, as a program in C may bring along, must open the file in the same process: POSIX takes the locks of
/// both away when one of them closes it.
///
/// Its asynchronous face must be used within a tokio runtime.
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
/// assert!(store.insert(&key, b"value", b"", Lifetime::default(), now)?);
/// assert_eq!(SqliteStore::open(&path, "sessions")?.get(&key, now)?, Some(b"value".to_vec()));
/// # Ok::<(), jam::Error>(())
/// ```
pub type SqliteStore = FileStore<SqliteFile>;

impl SqliteStore {
    /// Opens the file, or makes it. `namespace` is 1 to 128 printable ASCII characters without braces.
    ///
    /// # Errors
    /// `configuration.file` when the folder is missing or the path is no regular file, `store.refused` when the
    /// file is not one of Jam, `store.unavailable` when the file system refuses, `store.timed_out` when
    /// another program has locked it.
    pub fn open(path: impl AsRef<Path>, namespace: &str) -> Result<Self> {
        check_namespace(namespace)?;
        let path = path.as_ref();
        check_no_memory(path)?;
        let path = file::check_path(path)?;
        let mut writer = SqliteWriter::new(namespace, &path);
        // From here on: a fork must not find the list of what it has to park locked.
        let _busy = process::busy();
        writer.open()?;
        let store = Self::new(SqliteFile::new(namespace, path), writer);
        store.park_before_fork();
        Ok(store)
    }
}

/// Refuses what SQLite itself takes for something else than a path; here it would become a file of this name.
fn check_no_memory(path: &Path) -> Result<()> {
    let text = path.to_string_lossy();
    if text == ":memory:" || text.starts_with("file:") {
        let reason = "names no file; what is to be kept in memory has a type of its own: write session_type = \"memory\", \
                      or of a list or a guard backend = \"memory\"";
        return Err(ConfigurationError::File(reason.into()).into());
    }
    Ok(())
}

/// The file of a [`SqliteStore`], and the connections that read it.
#[derive(Debug)]
pub struct SqliteFile {
    namespace: String,
    path: PathBuf,
    readers: Mutex<Readers>,
}

#[derive(Debug)]
struct Readers {
    generation: u64,
    idle: Vec<Opened>,
}

impl SqliteFile {
    fn new(namespace: &str, path: PathBuf) -> Self {
        let readers = Readers { generation: process::generation(), idle: Vec::new() };
        Self { namespace: namespace.to_owned(), path, readers: Mutex::new(readers) }
    }

    /// Reads what is there; where there is no file, nothing is.
    fn read<R: Default>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> Result<R> {
        let Some(opened) = self.reader()? else { return Ok(R::default()) };
        let answer = work(&opened.connection).map_err(|error| failure(&self.path, &error))?;
        let mut readers = self.readers();
        if readers.idle.len() < KEPT_READERS {
            readers.idle.push(opened);
        }
        Ok(answer)
    }

    /// A connection to the file that is at the path. `None`: there is none, or it is just being made.
    fn reader(&self) -> Result<Option<Opened>> {
        let kept = self.readers().idle.pop();
        match kept {
            Some(kept) if kept.seen.elapsed() < SEEN => Ok(Some(kept)),
            kept => self.reader_of_this_moment(kept),
        }
    }

    fn reader_of_this_moment(&self, kept: Option<Opened>) -> Result<Option<Opened>> {
        let mut found = look(&self.path)?;
        if let (Some(kept), Some(found)) = (kept, &found) {
            if kept.is_of(found) {
                return Ok(Some(Opened { seen: Instant::now(), ..kept }));
            }
            self.readers().idle.retain(|other| other.is_of(found));
        }
        loop {
            let Some(file) = found else { return Ok(None) };
            let seen = Instant::now();
            let connected = connect_reader(&self.path);
            found = look(&self.path)?;
            // Else another file was put in its place, and nobody knows which one was opened.
            if found.as_ref().is_some_and(|found| file::is_same_file(found, &file)) {
                return Ok(connected?.map(|connection| Opened { connection, file, seen }));
            }
        }
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.generation != process::generation() {
            readers.idle.drain(..).for_each(leak);
            readers.generation = process::generation();
        }
        readers
    }
}

impl Medium for SqliteFile {
    type Writer = SqliteWriter;

    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.read(|connection| Row::of(&self.namespace, key, now).get(connection))
    }

    fn peek(&self, key: &Key, now: Timestamp) -> Result<Option<Peek>> {
        self.read(|connection| Row::of(&self.namespace, key, now).peek(connection))
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        self.read(|connection| rows::list(connection, &self.namespace, group, now))
    }

    /// SQLite counts its locks per process in memory that a child inherits: only closed files are safe over a fork.
    fn park(&self, writer: &mut SqliteWriter) {
        let readers = mem::take(&mut self.readers().idle);
        writer.disconnect(readers);
    }
}
